//! The cells of one CSV record, one after the other (RFC 4180).
//!
//! For headers, lists, and the few records that [`CellIndex`](crate::simd::divide::CellIndex)
//! cannot split. The record must be valid as [`frame`](crate::decode::frame) has it: each quoted
//! cell is closed, and followed by a delimiter or the end. So a quoted cell ends at the first
//! delimiter before which it has an even number of quotes.

use memchr::memchr;

use crate::simd::Span;
use crate::simd::scan::each_divider;

/// The text of a cell in its record, without the quotes around it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cell {
    pub(super) start: usize,
    pub(super) len: usize,
    pub(super) has_doubled_quotes: bool,
}

impl Cell {
    /// The cell from its first byte to the delimiter after it; `quotes` is how many it has that
    /// count, which is none if it does not begin with one.
    #[inline]
    fn between(start: usize, end: usize, quotes: usize) -> Cell {
        let quote = usize::from(0 < quotes);
        let len = (end - start).saturating_sub(2 * quote);
        Cell { start: start + quote, len, has_doubled_quotes: 2 < quotes }
    }

    /// The text, with quotes doubled as they are in the record.
    pub(super) fn bytes(self, record: &[u8]) -> &[u8] {
        record.get(self.start..self.start + self.len).unwrap_or(&[])
    }

    fn push_text(self, record: &[u8], out: &mut Vec<u8>) {
        if self.has_doubled_quotes {
            push_undoubled(self.bytes(record), out);
        } else {
            out.extend_from_slice(self.bytes(record));
        }
    }
}

/// The texts of all cells of a record.
pub fn cell_texts(record: &[u8], delimiter: u8) -> Vec<Vec<u8>> {
    let mut texts = Vec::new();
    each_cell(Span::whole(record), delimiter, &mut |cell| {
        let mut text = Vec::new();
        cell.push_text(record, &mut text);
        texts.push(text);
    });
    texts
}

/// Appends the text of the cell in one column of a record. Returns `None` if there is no such cell.
pub fn push_cell_text(
    record: &[u8],
    delimiter: u8,
    column: usize,
    out: &mut Vec<u8>,
) -> Option<()> {
    let (mut at, mut found) = (0, None);
    each_cell(Span::whole(record), delimiter, &mut |cell| {
        found = if at == column { Some(cell) } else { found };
        at += 1;
    });
    found?.push_text(record, out);
    Some(())
}

/// Calls `visit` with each cell of a record. Positions are relative to the record.
#[inline]
pub(super) fn each_cell(record: Span<'_>, delimiter: u8, visit: &mut impl FnMut(Cell)) {
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

/// Appends the text of a quoted cell, each doubled quote as one.
pub(super) fn push_undoubled(bytes: &[u8], out: &mut Vec<u8>) {
    let mut rest = bytes;
    while let Some(quote) = memchr(b'"', rest) {
        let (before, after) = rest.split_at(quote + 1);
        out.extend_from_slice(before);
        rest = after.get(1..).unwrap_or(&[]);
    }
    out.extend_from_slice(rest);
}
