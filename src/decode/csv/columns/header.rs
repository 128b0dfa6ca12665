//! The first row of a CSV file: where it is, what delimits its cells, and which names they are.

use super::{ColumnRules, Columns, DELIMITERS, HeaderError};
use crate::decode::csv::row::each_cell;
use crate::decode::frame::{Framing, Record, record_at};

/// The most columns of a header, as many as a spreadsheet has; also what bounds its memory.
pub const COLUMNS_MAX: usize = 16_384;

/// The first row of `chunk` that is not blank, and the delimiter of its cells: the one that is
/// `set`, or by which it holds the most names that are known, then the most cells.
///
/// `columns`: how many cells the row should have, where the definition knows.
pub fn first_row(
    chunk: &[u8],
    set: Option<u8>,
    columns: Option<usize>,
    max_record: usize,
    rules: &ColumnRules,
) -> (Record, u8) {
    let candidates = || DELIMITERS.iter().filter(|one| set.is_none_or(|set| set == **one));
    let rank = |(record, delimiter): &(Record, u8)| {
        let (mut familiar, mut cells) = (0_usize, 0_usize);
        if record.problem.is_none() {
            let bytes = record.bytes(chunk);
            each_cell(bytes, *delimiter, &mut |cell| {
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
    // Of equal ranks the last one is the greatest.
    let rows = candidates().rev().map(|delimiter| row(*delimiter));
    rows.max_by_key(rank).unwrap_or_else(|| row(b','))
}

/// The first record that holds more than white space or delimiters; at the chunk's end if none does.
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

/// White space or delimiters alone.
pub(in crate::decode) fn is_blank(line: &[u8], delimiter: u8) -> bool {
    line.iter().all(|byte| matches!(byte, b' ' | b'\t' | b'\r'))
        || line.iter().all(|byte| *byte == delimiter)
}

/// The header's names, unquoted and trimmed.
pub(super) fn names(record: &[u8], delimiter: u8) -> Result<Vec<String>, HeaderError> {
    let text = str::from_utf8(record).map_err(|fault| HeaderError {
        message: format!("the header is not UTF-8 at byte {}", fault.valid_up_to()),
        hint: "set `encoding` under `[input]`, as to \"windows-1252\", or save the file as UTF-8"
            .to_owned(),
        paste: None,
    })?;
    let mut names = Vec::new();
    let mut more = 0;
    each_cell(text.as_bytes(), delimiter, &mut |cell| {
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
        message: format!("the header has {columns} columns, over {COLUMNS_MAX}"),
        hint: "check that the first line is a header".to_owned(),
        paste: None,
    }
}

impl Columns {
    /// Whether a row is none: white space or delimiters alone.
    pub(in crate::decode) fn is_blank(&self, row: &[u8]) -> bool {
        is_blank(row, self.delimiter)
    }
}
