//! Labelled lines for a terminal: labels in one column, wrapped text in the next.
//!
//! Names from outside (paths, fields) go through [`escape`] first, so that they cannot move the
//! cursor, change colours or reverse the reading order.

use std::fmt::{Display, Write};

use anstyle::{AnsiColor, Style};
use segprep::record::is_hidden;

use super::cells::columns;

pub(crate) const GOOD: Style = AnsiColor::Green.on_default().bold();
pub(crate) const BAD: Style = AnsiColor::Red.on_default().bold();
pub(crate) const CAREFUL: Style = AnsiColor::Yellow.on_default().bold();
pub(crate) const QUIET: Style = Style::new().dimmed();

/// The column where text begins, after two spaces and the label.
const TEXT_COLUMN: usize = 13;

/// Lines being laid out.
#[derive(Debug)]
pub(crate) struct Sheet {
    text: String,
    width: usize,
}

impl Sheet {
    /// `width` is the number of columns. Words longer than a line are not broken.
    pub(crate) fn new(width: usize) -> Self {
        Sheet { text: String::new(), width }
    }

    /// Adds an unindented line.
    pub(crate) fn heading(&mut self, style: Style, word: &str, rest: &str) {
        self.text.push_str(&styled(style, word));
        self.wrap(rest, columns(word), 2);
    }

    pub(crate) fn gap(&mut self) {
        self.text.push('\n');
    }

    /// Adds lines under a label.
    pub(crate) fn section(
        &mut self,
        label: &str,
        lines: impl IntoIterator<Item = impl AsRef<str>>,
    ) {
        self.styled_section(QUIET, label, lines);
    }

    /// Like [`Sheet::section`], with a style for the label.
    pub(crate) fn styled_section(
        &mut self,
        style: Style,
        label: &str,
        lines: impl IntoIterator<Item = impl AsRef<str>>,
    ) {
        let mut label = label;
        for line in lines {
            let pad = TEXT_COLUMN.saturating_sub(2 + label.chars().count());
            write_to(&mut self.text, format_args!("  {}{:pad$}", styled(style, label), ""));
            let line = line.as_ref();
            self.wrap(line, TEXT_COLUMN, self.indent(line));
            label = "";
        }
    }

    pub(crate) fn finish(self) -> String {
        self.text
    }

    /// The indent of continuation lines: the column after the last double space of `line`, unless
    /// that leaves too little room.
    fn indent(&self, line: &str) -> usize {
        let hang = TEXT_COLUMN + hang_of(line);
        if hang <= self.width * 2 / 3 { hang } else { TEXT_COLUMN + 2 }
    }

    /// Adds `line`, starting at column `used`, and continues below at column `indent` where it
    /// does not fit. Leading spaces and spaces between words are kept.
    fn wrap(&mut self, line: &str, used: usize, indent: usize) {
        let mut column = used;
        let mut space = 0;
        let mut fresh = true;
        for word in line.split(' ') {
            let long = columns(word);
            if !fresh && self.width < column + space + long {
                write_to(&mut self.text, format_args!("\n{:indent$}", ""));
                (column, space) = (indent, 0);
            }
            write_to(&mut self.text, format_args!("{:space$}{word}", ""));
            column += space + long;
            fresh &= word.is_empty();
            space = 1;
        }
        self.text.push('\n');
    }
}

/// A line, wrapped to `width` columns.
pub(crate) fn wrapped(line: &str, width: usize) -> String {
    let mut sheet = Sheet::new(width);
    sheet.wrap(line, 0, if line.starts_with(' ') { 4 } else { 2 });
    sheet.finish()
}

/// The column after the last double space.
fn hang_of(line: &str) -> usize {
    line.rfind("  ").map_or(0, |gap| line.get(..gap + 2).map_or(0, columns))
}

/// A message such as `error: …` or `hint: …`, wrapped to `width` columns.
pub(crate) fn message(style: Style, word: &str, text: &str, width: usize) -> String {
    let mut sheet = Sheet::new(width);
    sheet.heading(style, word, &format!(": {text}"));
    sheet.finish()
}

fn write_to(text: &mut String, what: std::fmt::Arguments<'_>) {
    text.write_fmt(what).expect("writing to a string does not fail");
}

/// Applies a style to text.
pub(crate) fn styled(style: Style, text: &str) -> String {
    if text.is_empty() { String::new() } else { format!("{style}{text}{style:#}") }
}

/// Escapes control characters and characters that change the direction of text.
pub(crate) fn escape(name: impl Display) -> String {
    let name = name.to_string();
    let mut safe = String::with_capacity(name.len());
    for c in name.chars() {
        if is_hidden(c) {
            safe.extend(c.escape_unicode());
        } else {
            safe.push(c);
        }
    }
    safe
}

/// Fewer characters after `hex:` or `base64:` are an example, not a key.
const KEY_CHARS_MIN: usize = 16;

/// Hides what may be a key in a text: somebody may have pasted one into the wrong place.
pub(crate) fn hide_keys(text: &str) -> String {
    let mut safe = text.to_owned();
    for kind in ["hex:", "base64:"] {
        let parts: Vec<&str> = safe.split(kind).collect();
        let hidden = parts.iter().enumerate().map(|(number, part)| {
            let is_of_key = |c: char| c.is_ascii_alphanumeric() || "+/=_-".contains(c);
            let rest = part.trim_start_matches(is_of_key);
            let is_key = number != 0 && KEY_CHARS_MIN <= part.len() - rest.len();
            if is_key { format!("(key hidden){rest}") } else { (*part).to_owned() }
        });
        safe = hidden.collect::<Vec<_>>().join(kind);
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misplaced_key_is_hidden() {
        let given = format!("argument 'hex:{}' found", "00ff".repeat(16));
        assert_eq!(hide_keys(&given), "argument 'hex:(key hidden)' found");
        let given = format!("`base64:{}=`", "Ab+/".repeat(11));
        assert_eq!(hide_keys(&given), "`base64:(key hidden)`");
        assert_eq!(hide_keys("write `hex:` and 64 digits"), "write `hex:` and 64 digits");
    }

    #[test]
    fn names_cannot_control_the_terminal() {
        assert_eq!(escape("a\u{1b}[2Jb\r\nc\u{9b}"), "a\\u{1b}[2Jb\\u{d}\\u{a}c\\u{9b}");
        assert_eq!(escape("out/\u{202e}txt.exe"), "out/\\u{202e}txt.exe");
        assert_eq!(escape("Größe, 名前"), "Größe, 名前");
    }

    #[test]
    fn long_lines_continue_below_the_last_gap() {
        let mut sheet = Sheet::new(41);
        sheet.section(
            "rejects",
            ["  12  email: check the address and its domain", "   3  type: fix"],
        );
        let expected = "  rejects      12  email: check the
                   address and its domain
                3  type: fix
";
        assert_eq!(anstream::adapter::strip_str(&sheet.finish()).to_string(), expected);
    }

    #[test]
    fn messages_are_wrapped_to_the_columns_that_they_take() {
        for (text, width, expected) in [
            ("a file is gone", 80, "hint: a file is gone\n"),
            ("a file is gone", usize::MAX, "hint: a file is gone\n"),
            ("a file is gone", 15, "hint: a file is\n  gone\n"),
            ("東京 渋谷 is gone", 15, "hint: 東京 渋谷\n  is gone\n"),
            ("東京 渋谷 is gone", 14, "hint: 東京\n  渋谷 is gone\n"),
        ] {
            let shown = message(GOOD, "hint", text, width);
            assert_eq!(anstream::adapter::strip_str(&shown).to_string(), expected, "{width}");
        }
    }

    #[test]
    fn words_are_never_broken() {
        let mut sheet = Sheet::new(10);
        sheet.heading(GOOD, "next", ": from out/newsletter/import/");
        let expected = "next: from\n  out/newsletter/import/\n";
        assert_eq!(anstream::adapter::strip_str(&sheet.finish()).to_string(), expected);
    }
}
