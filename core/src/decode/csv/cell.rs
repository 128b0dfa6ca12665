//! The cells of one CSV record, one after the other (RFC 4180).
//!
//! For headers, lists, and the few records that [`CellIndex`](crate::simd::divide::CellIndex)
//! cannot split. The record must be valid as [`frame`](crate::decode::frame) has it: each quoted
//! cell is closed, and followed by a delimiter or the end. So a quoted cell ends at the first
//! delimiter before which it has an even number of quotes.

use std::borrow::Cow;

use memchr::{memchr, memchr2};

use crate::decode::frame::Dialect;
use crate::simd::Span;
use crate::simd::scan::each_divider;

/// The text of a cell in its record, without the quotes around it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cell {
    pub(super) start: usize,
    pub(super) len: usize,
    pub(super) is_quoted: bool,
    /// Whether the text has doubled quotes or escapes.
    pub(super) is_escaped: bool,
}

impl Cell {
    /// The cell from its first byte to the delimiter after it; `quotes` is how many it has that
    /// count, which is none if it does not begin with one.
    #[inline]
    fn between(start: usize, end: usize, quotes: usize) -> Cell {
        let is_quoted = 0 < quotes;
        let quote = usize::from(is_quoted);
        let len = (end - start).saturating_sub(2 * quote);
        Cell { start: start + quote, len, is_quoted, is_escaped: 2 < quotes }
    }

    /// The text, with quotes doubled as they are in the record.
    pub(super) fn bytes(self, record: &[u8]) -> &[u8] {
        record.get(self.start..self.start + self.len).unwrap_or(&[])
    }

    /// Appends the text.
    pub(super) fn push_text(self, record: &[u8], dialect: Dialect, out: &mut Vec<u8>) {
        if self.is_escaped {
            push_unescaped(self.bytes(record), dialect, out);
        } else {
            out.extend_from_slice(self.bytes(record));
        }
    }
}

/// The texts of all cells of a record.
pub fn cell_texts(record: &[u8], dialect: impl Into<Dialect>) -> Vec<Vec<u8>> {
    let dialect = dialect.into();
    let mut texts = Vec::new();
    each_cell(Span::whole(record), dialect, &mut |cell| {
        let mut text = Vec::new();
        cell.push_text(record, dialect, &mut text);
        texts.push(text);
    });
    texts
}

/// Calls `visit` with the text of each cell of a record.
pub fn each_cell_text<'r>(record: &'r str, dialect: Dialect, mut visit: impl FnMut(Cow<'r, str>)) {
    let bytes = record.as_bytes();
    each_cell(Span::whole(bytes), dialect, &mut |cell| {
        if cell.is_escaped {
            let mut text = Vec::new();
            cell.push_text(bytes, dialect, &mut text);
            visit(Cow::Owned(String::from_utf8_lossy(&text).into_owned()));
        } else {
            let text = record.get(cell.start..cell.start + cell.len);
            visit(Cow::Borrowed(text.unwrap_or_default()));
        }
    });
}

/// Appends the text of the cell in one column of a record. Returns `None` if there is no such cell.
pub fn push_cell_text(
    record: &[u8],
    delimiter: u8,
    column: usize,
    out: &mut Vec<u8>,
) -> Option<()> {
    let dialect = Dialect::new(delimiter);
    let (mut at, mut found) = (0, None);
    each_cell(Span::whole(record), dialect, &mut |cell| {
        found = if at == column { Some(cell) } else { found };
        at += 1;
    });
    found?.push_text(record, dialect, out);
    Some(())
}

/// Calls `visit` with each cell of a record. Positions are relative to the record.
#[inline]
pub(super) fn each_cell(record: Span<'_>, dialect: Dialect, visit: &mut impl FnMut(Cell)) {
    if dialect.has_escapes || dialect.skips_space {
        return each_cell_of_dialect(record.bytes(), dialect, visit);
    }
    let delimiter = dialect.delimiter;
    let bytes = record.bytes();
    let (mut start, mut quotes) = (0, 0_usize);
    each_divider(record, delimiter, |at| {
        if bytes.get(at) == Some(&delimiter) {
            if quotes.is_multiple_of(2) {
                visit(Cell::between(start, at, quotes));
                (start, quotes) = (at + 1, 0);
            }
        } else if at == start || 0 < quotes {
            quotes += 1;
        } else {
            // A quote in a cell that does not begin with one is text.
        }
    });
    visit(Cell::between(start, bytes.len(), quotes));
}

/// Does the same for a record that may have escapes, or blanks to skip.
fn each_cell_of_dialect(record: &[u8], dialect: Dialect, visit: &mut impl FnMut(Cell)) {
    let mut start = 0;
    loop {
        let rest = record.get(start..).unwrap_or(&[]);
        let is_skipped = |byte: &&u8| dialect.skips_space && dialect.is_blank(**byte);
        start += rest.iter().take_while(is_skipped).count();
        let (mut at, mut is_escaped) = (start, false);
        let is_quoted = record.get(start) == Some(&b'"');
        if is_quoted {
            (at, is_escaped) = end_of_quotes(record, start + 1, dialect);
        }
        let rest = record.get(at..).unwrap_or(&[]);
        let end = at + memchr(dialect.delimiter, rest).unwrap_or(rest.len());
        let quote = usize::from(is_quoted);
        let len = (end - start).saturating_sub(2 * quote);
        visit(Cell { start: start + quote, len, is_quoted, is_escaped });
        if end == record.len() {
            return;
        }
        start = end + 1;
    }
}

/// The index after the quote that closes a cell, and whether there are doubled quotes or escapes
/// before it. `from`: the first byte after the opening quote.
fn end_of_quotes(record: &[u8], from: usize, dialect: Dialect) -> (usize, bool) {
    let (mut at, mut is_escaped) = (from, false);
    while let Some(byte) = record.get(at) {
        let next = record.get(at + 1);
        match byte {
            b'"' if next != Some(&b'"') => return (at + 1, is_escaped),
            b'"' => (at, is_escaped) = (at + 2, true),
            b'\\' if dialect.has_escapes && matches!(next, Some(b'"' | b'\\')) => {
                (at, is_escaped) = (at + 2, true);
            }
            _ => at += 1,
        }
    }
    (record.len(), is_escaped)
}

/// Whether a record has a CR outside of quotes.
#[cold]
pub(super) fn has_bare_return(record: &[u8], dialect: Dialect) -> bool {
    let mut is_found = false;
    each_cell(Span::whole(record), dialect, &mut |cell| {
        is_found |= !cell.is_quoted && memchr(b'\r', cell.bytes(record)).is_some();
    });
    is_found
}

/// Whether the text of an unquoted cell begins with blanks and a quote: it was probably meant to be
/// quoted.
pub(super) fn is_spaced_quote(text: &[u8], dialect: Dialect) -> bool {
    let blanks = text.iter().take_while(|byte| dialect.is_blank(**byte)).count();
    0 < blanks && text.get(blanks) == Some(&b'"')
}

/// Appends the text of a quoted cell, each doubled quote as one and each escape as what it means.
pub(super) fn push_unescaped(bytes: &[u8], dialect: Dialect, out: &mut Vec<u8>) {
    let mut rest = bytes;
    let find = |rest: &[u8]| {
        if dialect.has_escapes { memchr2(b'"', b'\\', rest) } else { memchr(b'"', rest) }
    };
    while let Some(at) = find(rest) {
        let is_escape = match (rest.get(at), rest.get(at + 1)) {
            (Some(b'\\'), next) => matches!(next, Some(b'"' | b'\\')),
            _ => true,
        };
        // Of two bytes the second one counts: `""`, `\"` and `\\`.
        let kept = at + usize::from(is_escape);
        out.extend_from_slice(rest.get(..at).unwrap_or(&[]));
        out.extend(rest.get(kept));
        rest = rest.get(kept + 1..).unwrap_or(&[]);
    }
    out.extend_from_slice(rest);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(record: &str, dialect: Dialect, expected: &[&str]) {
        let texts = cell_texts(record.as_bytes(), dialect);
        let texts: Vec<_> = texts.iter().map(|text| str::from_utf8(text).unwrap()).collect();
        assert_eq!(texts, expected, "{record}");
    }

    #[test]
    fn cells_are_read_by_their_dialect() {
        let plain = Dialect::new(b',');
        let escapes = Dialect { has_escapes: true, ..plain };
        let spaces = Dialect { skips_space: true, ..plain };
        check(r#""a ""b"", c",d, "e""#, plain, &["a \"b\", c", "d", " \"e\""]);
        check(r#""a \", c",d\"e,"\\","\x""""#, escapes, &["a \", c", "d\\\"e", "\\", "\\x\""]);
        check(r#" "a, b",  c , "", "d""#, spaces, &["a, b", "c ", "", "d"]);
        check("\t \"a\",", spaces, &["a", ""]);
        check("a\t \"b\"", Dialect { delimiter: b'\t', ..spaces }, &["a", "b"]);
        check("", spaces, &[""]);
    }
}
