//! The first row of a CSV file: where it is, what its delimiter is, and what names it has.

use super::{ColumnRules, Columns, DELIMITERS, HeaderError};
use crate::decode::csv::cell::each_cell;
use crate::decode::frame::{Framing, Record, record_at};
use crate::simd::Span;

/// The most columns of a header: as many as a spreadsheet has. Also bounds its memory.
pub const COLUMNS_MAX: usize = 16_384;

/// Finds the first row of `chunk` that is not blank, and its delimiter.
///
/// The delimiter is `set` if the definition sets one. Else it is the one by which the row has
/// `columns` cells, if the definition says how many there are; then the one by which most cells are
/// known names; then the one by which there are most cells.
pub fn first_row(
    chunk: &[u8],
    set: Option<u8>,
    columns: Option<usize>,
    max_record: usize,
    rules: &ColumnRules,
) -> (Record, u8) {
    let rank = |(record, delimiter): &(Record, u8)| {
        let (mut familiar, mut cells) = (0_usize, 0_usize);
        if record.problem.is_none() {
            let bytes = record.bytes(chunk);
            each_cell(Span::whole(bytes), *delimiter, &mut |cell| {
                cells += 1;
                let name = str::from_utf8(cell.bytes(bytes)).unwrap_or_default();
                familiar += usize::from(cells <= COLUMNS_MAX && rules.is_familiar(name.trim()));
            });
        }
        (columns == Some(cells), familiar, cells)
    };
    let row = |delimiter: u8| (first_not_blank(chunk, delimiter, max_record), delimiter);
    if let Some(set) = set {
        return row(set);
    }
    // `max_by_key` returns the last of equal maxima; the first delimiter is preferred.
    let rows = DELIMITERS.iter().rev().map(|delimiter| row(*delimiter));
    rows.max_by_key(rank).unwrap_or_else(|| row(b','))
}

/// The first record that is not blank, or an empty one at the end of the chunk.
fn first_not_blank(chunk: &[u8], delimiter: u8, max_record: usize) -> Record {
    let mut at = 0;
    loop {
        let record = record_at(chunk, at, Framing::Csv { delimiter }, max_record);
        let is_blank = record.problem.is_none() && is_blank(record.bytes(chunk), delimiter);
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

/// The names in a header, trimmed and without quotes.
pub(super) fn names(record: &[u8], delimiter: u8) -> Result<Vec<String>, HeaderError> {
    let text = str::from_utf8(record).map_err(|error| HeaderError {
        message: format!("the header is not valid UTF-8 at byte {}", error.valid_up_to()),
        hint:
            "set `encoding` under `[input]`, for example to \"windows-1252\", or save the file as \
               UTF-8"
                .to_owned(),
        paste: None,
    })?;
    let mut names = Vec::new();
    let mut more = 0;
    each_cell(Span::whole(text.as_bytes()), delimiter, &mut |cell| {
        if names.len() == COLUMNS_MAX {
            more += 1;
            return;
        }
        let bytes = cell.bytes(text.as_bytes());
        let raw = String::from_utf8_lossy(bytes);
        let name =
            if cell.has_doubled_quotes { raw.replace("\"\"", "\"") } else { raw.into_owned() };
        names.push(name.trim().to_owned());
    });
    if more == 0 { Ok(names) } else { Err(too_many(COLUMNS_MAX + more)) }
}

fn too_many(columns: usize) -> HeaderError {
    HeaderError {
        message: format!("the header has {columns} columns, more than {COLUMNS_MAX}"),
        hint: "check that the first line is a header".to_owned(),
        paste: None,
    }
}

impl Columns {
    /// Whether a row is blank: white space alone or delimiters alone. Blank rows are not records.
    pub(in crate::decode) fn is_blank(&self, row: &[u8]) -> bool {
        is_blank(row, self.delimiter)
    }
}
