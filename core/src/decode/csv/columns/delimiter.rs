//! The delimiter of a CSV file, and its first row, by which it is detected.
//!
//! The delimiter is the one that the definition sets. If it sets none, it is the one that a line
//! `sep=;` at the top of the file names. Otherwise it is detected: of the usual ones, that by which
//! the first row that is not blank makes most sense as a header.
//!
//! `input/start.rs` reads as much of a file as this takes.

use super::{COLUMNS_MAX, ColumnRules, Columns};
use crate::decode::csv::cell::each_cell;
use crate::decode::frame::{Dialect, Framing, Record, record_at};
use crate::simd::Span;

/// The delimiters that are tried if none is given, the preferred one first.
pub const DELIMITERS: [u8; 4] = [b',', b';', b'\t', b'|'];

/// The delimiters that are possible: the one that the definition or the file gives, or the usual ones.
pub fn possible_delimiters(given: Option<u8>) -> Vec<u8> {
    given.map_or_else(|| DELIMITERS.to_vec(), |given| vec![given])
}

/// The delimiter that a line `sep=;` names. It may precede the header.
pub fn named_delimiter(line: &[u8]) -> Option<u8> {
    let mut line = line.strip_suffix(b"\n").unwrap_or(line);
    while let Some(shorter) = line.strip_suffix(b"\r") {
        line = shorter;
    }
    let line = line.strip_prefix(b"\"").and_then(|line| line.strip_suffix(b"\"")).unwrap_or(line);
    let (sep, [delimiter]) = line.split_at_checked(4)? else { return None };
    let is_named = sep.eq_ignore_ascii_case(b"sep=") && Dialect::is_delimiter(*delimiter);
    is_named.then_some(*delimiter)
}

/// Detects the delimiter, and returns with it the first row that is not blank. `texts`: for each
/// delimiter that is possible, the preferred one first, the rows with which the text begins. They end
/// with a complete row or an invalid one.
///
/// If several delimiters are possible, these decide, in this order: whether the row has `columns`
/// cells, if the definition says how many there are; how many cells are known names; how many cells
/// there are; and which delimiter is preferred.
pub fn detect_delimiter(
    texts: &[(Dialect, &[u8])],
    columns: Option<usize>,
    max_record: usize,
    rules: &ColumnRules,
) -> (Record, Dialect) {
    let rank = |(record, dialect, text): &(Record, Dialect, &[u8])| {
        let (mut familiar, mut cells) = (0_usize, 0_usize);
        if record.problem.is_none() {
            let bytes = record.bytes(text);
            each_cell(Span::whole(bytes), *dialect, &mut |cell| {
                cells += 1;
                let name = str::from_utf8(cell.bytes(bytes)).unwrap_or_default();
                familiar += usize::from(cells <= COLUMNS_MAX && rules.is_familiar(name.trim()));
            });
        }
        (columns == Some(cells), familiar, cells)
    };
    // `max_by_key` returns the last of equal maxima; the first delimiter is preferred.
    let rows = texts
        .iter()
        .rev()
        .map(|(dialect, text)| (first_not_blank(text, *dialect, max_record), *dialect, *text));
    let best = rows.max_by_key(rank).map(|(record, dialect, _)| (record, dialect));
    best.expect("at least one delimiter is possible")
}

/// The first record that is not blank, or an empty one at the end of the chunk.
pub fn first_not_blank(chunk: &[u8], dialect: Dialect, max_record: usize) -> Record {
    let mut at = 0;
    loop {
        let record = record_at(chunk, at, Framing::Csv(dialect), max_record);
        let is_blank = record.problem.is_none() && is_blank(record.bytes(chunk), dialect.delimiter);
        if !is_blank || chunk.len() <= at {
            return record;
        }
        at = record.next;
    }
}

/// Whether a row consists of white space alone or of delimiters alone.
fn is_blank(row: &[u8], delimiter: u8) -> bool {
    row.iter().all(|byte| matches!(byte, b' ' | b'\t' | b'\r'))
        || row.iter().all(|byte| *byte == delimiter)
}

impl Columns {
    /// Whether a row is blank: white space alone or delimiters alone. Blank rows are not records.
    pub(in crate::decode) fn is_blank(&self, row: &[u8]) -> bool {
        is_blank(row, self.dialect.delimiter)
    }
}
