//! `spreadsheet`: removes what a spreadsheet puts around text that it would take for something else:
//! `="02134"`, and a `'` in front.
//!
//! A `'` before a letter is left alone: it belongs to names such as `'s-Gravenhage`. So is a text between
//! two of them.

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
    let first = str::from_utf8(text).ok().and_then(|text| text.chars().next());
    first.is_some_and(|char| !char.is_alphabetic() && char != '\'') && text.last() != Some(&b'\'')
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
        check("'s-Gravenhage", None);
        check("'t Hooft", None);
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
