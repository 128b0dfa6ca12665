//! `spreadsheet`: removes what a spreadsheet puts around text that it would take for something else:
//! `="02134"`, and a `'` in front.
//!
//! A `'` before a letter is left alone if no digit follows in that word: it belongs to names such as
//! `'s-Gravenhage`, and not to `'K1A 0B1`. So is a text between two of them.

use super::ChunkText;
use super::trim::shortened;
use crate::record::{Slot, Text};

/// Returns the slot without these marks, or `None` if there are none.
pub(super) fn unmarked(
    slot: Slot,
    source: ChunkText<'_>,
    arena: &[u8],
    is_number: bool,
) -> Option<Slot> {
    if !slot.is_text() {
        return None;
    }
    let value = Text { chunk: source.chunk, arena }.of(slot);
    let (from, len) = inner(value)?;
    let text = value.get(from..from + len).unwrap_or(&[]);
    Some(shortened(slot, from, text, source, is_number))
}

/// The text in a value with such marks; `None` if it has none.
pub(super) fn without_marks(value: &[u8]) -> Option<&[u8]> {
    let (from, len) = inner(value)?;
    value.get(from..from + len)
}

/// Where the text is in a value with such marks, and its length in bytes.
fn inner(value: &[u8]) -> Option<(usize, usize)> {
    match value {
        [b'=', b'"', text @ .., b'"'] if !text.contains(&b'"') => Some((2, text.len())),
        [b'\'', text @ ..] if is_marked(text) => Some((1, text.len())),
        _ => None,
    }
}

/// Whether a `'` before the text is a mark of a spreadsheet.
fn is_marked(text: &[u8]) -> bool {
    let text = str::from_utf8(text).unwrap_or_default();
    let mut word = text.chars().take_while(|char| *char != ' ');
    let is_mark = |char: char| !char.is_alphabetic() || word.any(|char| char.is_ascii_digit());
    let first = text.chars().next().filter(|char| *char != '\'');
    first.is_some_and(is_mark) && !text.ends_with('\'')
}

/// Whether a value has such marks.
pub(super) fn has_marks(value: &[u8]) -> bool {
    inner(value).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(value: &str, expected: Option<&str>) {
        let inner = inner(value.as_bytes());
        let found =
            inner.map(|(from, len)| value.get(from..from + len).expect("a part of the value"));
        assert_eq!(found, expected, "{value}");
    }

    #[test]
    fn marks_are_removed_where_they_are_certain() {
        check("=\"02134\"", Some("02134"));
        check("=\"\"", Some(""));
        check("'02134", Some("02134"));
        check("'+49 30 123456", Some("+49 30 123456"));
        check("'=1+1", Some("=1+1"));
        check("'-5", Some("-5"));
        check("'K1A 0B1", Some("K1A 0B1"));
        check("'SW1A", Some("SW1A"));
        check("'s-Gravenhage", None);
        check("'t Hooft", None);
        check("'t Zand 5", None);
        check("'02134'", None);
        check("''", None);
        check("'", None);
        check("=\"a\"&\"b\"", None);
        check("=1+1", None);
        check("=\"", None);
        check("02134", None);
        check("", None);
    }
}
