//! A page of labelled lines for a terminal: labels in one column, text wrapped beside them.
//!
//! Names that come from outside (paths, fields) go through [`shown`] first, so that none can
//! move the cursor, colour the screen or turn the reading order round.

use std::fmt::{Display, Write};

use anstyle::{AnsiColor, Style};

pub(crate) const GOOD: Style = AnsiColor::Green.on_default().bold();
pub(crate) const BAD: Style = AnsiColor::Red.on_default().bold();
pub(crate) const CAREFUL: Style = AnsiColor::Yellow.on_default().bold();
pub(crate) const QUIET: Style = Style::new().dimmed();

/// Where the text begins: two spaces and a label go before it.
const TEXT_COLUMN: usize = 13;

/// Lines under construction.
#[derive(Debug)]
pub(crate) struct Sheet {
    text: String,
    width: usize,
}

impl Sheet {
    /// `width` is that of the terminal, in columns; words longer than a line are never cut.
    pub(crate) fn new(width: usize) -> Self {
        Sheet { text: String::new(), width }
    }

    /// A line that begins at the edge.
    pub(crate) fn heading(&mut self, style: Style, word: &str, rest: &str) {
        self.text.push_str(&styled(style, word));
        self.wrap(rest, word.chars().count(), 2);
    }

    pub(crate) fn gap(&mut self) {
        self.text.push('\n');
    }

    /// Lines under one label.
    pub(crate) fn section(
        &mut self,
        label: &str,
        lines: impl IntoIterator<Item = impl AsRef<str>>,
    ) {
        self.styled_section(QUIET, label, lines);
    }

    /// As [`Sheet::section`], with another style for the label.
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

    /// Where the lines after the first begin: below what follows the last wide gap of `line`,
    /// if that leaves room for words.
    fn indent(&self, line: &str) -> usize {
        let hang = TEXT_COLUMN + hang_of(line);
        if hang <= self.width * 2 / 3 { hang } else { TEXT_COLUMN + 2 }
    }

    /// Adds `line`, of which `used` columns are taken already; what does not fit goes on
    /// below, `indent` columns in. Spaces before its first word and between words are kept.
    fn wrap(&mut self, line: &str, used: usize, indent: usize) {
        let mut column = used;
        let mut space = 0;
        let mut fresh = true;
        for word in line.split(' ') {
            let long = word.chars().count();
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

/// The column of what follows the last wide gap.
fn hang_of(line: &str) -> usize {
    line.rfind("  ").map_or(0, |gap| {
        line.chars().count() - line.get(gap + 2..).map_or(0, |rest| rest.chars().count())
    })
}

fn write_to(text: &mut String, what: std::fmt::Arguments<'_>) {
    text.write_fmt(what).expect("writing to a string does not fail");
}

/// Text in a style.
pub(crate) fn styled(style: Style, text: &str) -> String {
    if text.is_empty() { String::new() } else { format!("{style}{text}{style:#}") }
}

/// A name as a terminal may show it: control characters and marks that change the direction
/// of text as escapes.
pub(crate) fn shown(name: impl Display) -> String {
    let name = name.to_string();
    let mut safe = String::with_capacity(name.len());
    for c in name.chars() {
        if is_unsafe(c) {
            safe.extend(c.escape_unicode());
        } else {
            safe.push(c);
        }
    }
    safe
}

/// As many characters after `hex:` or `base64:` may be a key; fewer are an example of one.
const KEY_CHARS_MIN: usize = 16;

/// A text without what may be a key in it: somebody may have given one where it does not belong.
pub(crate) fn without_keys(text: &str) -> String {
    let mut safe = text.to_owned();
    for kind in ["hex:", "base64:"] {
        let parts: Vec<&str> = safe.split(kind).collect();
        let hidden = parts.iter().enumerate().map(|(number, part)| {
            let is_of_key = |c: char| c.is_ascii_alphanumeric() || "+/=_-".contains(c);
            let rest = part.trim_start_matches(is_of_key);
            let is_key = number != 0 && KEY_CHARS_MIN <= part.len() - rest.len();
            if is_key { format!("(a key, not shown){rest}") } else { (*part).to_owned() }
        });
        safe = hidden.collect::<Vec<_>>().join(kind);
    }
    safe
}

fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_was_given_in_a_wrong_place_is_not_shown() {
        let given = format!("argument 'hex:{}' found", "00ff".repeat(16));
        assert_eq!(without_keys(&given), "argument 'hex:(a key, not shown)' found");
        let given = format!("`base64:{}=`", "Ab+/".repeat(11));
        assert_eq!(without_keys(&given), "`base64:(a key, not shown)`");
        assert_eq!(without_keys("write `hex:` and 64 digits"), "write `hex:` and 64 digits");
    }

    #[test]
    fn names_cannot_command_the_terminal() {
        assert_eq!(shown("a\u{1b}[2Jb\r\nc\u{9b}"), "a\\u{1b}[2Jb\\u{d}\\u{a}c\\u{9b}");
        assert_eq!(shown("out/\u{202e}txt.exe"), "out/\\u{202e}txt.exe");
        assert_eq!(shown("Größe, 名前"), "Größe, 名前");
    }

    #[test]
    fn long_lines_go_on_below_the_last_gap() {
        let mut sheet = Sheet::new(41);
        sheet.section(
            "rejects",
            ["  12  email: check the address and its domain", "   3  type: mend"],
        );
        let expected = "  rejects      12  email: check the
                   address and its domain
                3  type: mend
";
        assert_eq!(anstream::adapter::strip_str(&sheet.finish()).to_string(), expected);
    }

    #[test]
    fn words_are_never_cut() {
        let mut sheet = Sheet::new(10);
        sheet.heading(GOOD, "next", ": from out/newsletter/import/");
        let expected = "next: from\n  out/newsletter/import/\n";
        assert_eq!(anstream::adapter::strip_str(&sheet.finish()).to_string(), expected);
    }
}
