//! A diagnostic of a definition: what is wrong, where, and what to do next.
//!
//! The excerpt is a line of the definition or a `--set` argument. `source.rs` has already hidden
//! whatever may be a key in it.

use std::{fmt, ops::Range};

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};
use serde::Serialize;

/// What is wrong with a definition, and where. Serializes to the fields of a JSON line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Diagnostic {
    /// What is wrong: a phrase in lower case.
    pub message: String,
    /// The name of the definition as it was given, or `--set`.
    pub file: String,
    /// Counted from 1.
    pub line: usize,
    /// In characters, counted from 1.
    pub column: usize,
    /// The whole line, with secrets hidden.
    pub excerpt: String,
    /// The part of the excerpt to underline, in characters.
    pub caret: Range<usize>,
    /// The text beside the carets; may be empty.
    pub label: String,
    /// What to do next.
    pub help: String,
}

impl Diagnostic {
    /// Formats the diagnostic for people, without a line break at the end.
    ///
    /// `colours`: whether to use escape codes for a terminal.
    pub fn render(&self, colours: bool) -> String {
        let renderer = if colours { Renderer::styled() } else { Renderer::plain() };
        let mut annotation = AnnotationKind::Primary.span(self.caret_bytes());
        if !self.label.is_empty() {
            annotation = annotation.label(self.label.as_str());
        }
        let snippet = Snippet::source(self.excerpt.as_str())
            .line_start(self.line)
            .path(self.file.as_str())
            .annotation(annotation);
        let help = annotate_snippets::normalize_untrusted_str(&self.help);
        let report = Level::ERROR
            .primary_title(self.message.as_str())
            .element(snippet)
            .element(Level::HELP.message(help));
        renderer.render(&[report])
    }

    fn caret_bytes(&self) -> Range<usize> {
        let byte = |char: usize| {
            self.excerpt.char_indices().nth(char).map_or(self.excerpt.len(), |(byte, _)| byte)
        };
        byte(self.caret.start)..byte(self.caret.end)
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(false))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn diagnostic(excerpt: &str, caret: Range<usize>) -> Diagnostic {
        Diagnostic {
            message: "unknown setting `fro`".to_owned(),
            file: "a.toml".to_owned(),
            line: 7,
            column: caret.start + 1,
            excerpt: excerpt.to_owned(),
            caret,
            label: String::new(),
            help: "write `from`".to_owned(),
        }
    }

    #[test]
    fn it_says_what_where_and_what_next() {
        let expected = "\
error: unknown setting `fro`
 --> a.toml:7:1
  |
7 | fro = [\"ä\"]
  | ^^^
  |
  = help: write `from`";
        assert_eq!(diagnostic("fro = [\"ä\"]", 0..3).to_string(), expected);
    }

    #[test]
    fn columns_count_characters() {
        let shown = diagnostic("\"äöü\" = 1", 8..9).to_string();
        assert!(shown.contains("a.toml:7:9"), "{shown}");
        assert!(shown.contains("|         ^"), "{shown}");
    }

    #[test]
    fn an_empty_line_has_a_location() {
        assert!(diagnostic("", 0..0).to_string().contains("a.toml:7:1"));
    }

    #[test]
    fn colours_are_escape_codes_and_nothing_else() {
        let coloured = diagnostic("fro = 1", 0..3).render(true);
        assert!(coloured.contains('\u{1b}'));
        assert!(!diagnostic("fro = \u{1b}[31m", 0..3).render(false).contains('\u{1b}'));
    }
}
