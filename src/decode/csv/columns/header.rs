//! The first row of a CSV file: where it is, what its delimiter is, and what names it has.

use super::{ColumnRules, Columns, DELIMITERS, HeaderError};
use crate::decode::csv::cell::{each_cell, has_bare_return};
use crate::decode::frame::{Dialect, Framing, Record, record_at};
use crate::simd::Span;

/// The most columns of a header: as many as a spreadsheet has. Also bounds its memory.
pub const COLUMNS_MAX: usize = 16_384;

/// Finds the first row that is not blank, and its delimiter. `texts`: for each delimiter that is
/// possible, the preferred one first, the rows with which the text begins. They end with a whole row
/// or a bad one.
///
/// If there are several delimiters, it is the one by which the row has `columns` cells, if the
/// definition says how many there are; then the one by which most cells are known names; then the one
/// by which there are most cells.
pub fn first_row(
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

/// The delimiters that are possible: that of the definition, or those that are usual.
pub fn delimiters(set: Option<u8>) -> Vec<u8> {
    set.map_or_else(|| DELIMITERS.to_vec(), |set| vec![set])
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

/// Fails if the header has a CR outside of quotes: it is in the middle of a line then.
pub(super) fn check_returns(record: &[u8], dialect: Dialect) -> Result<(), HeaderError> {
    if !has_bare_return(record, dialect) {
        return Ok(());
    }
    let hint = "save the file with one kind of line ends: LF, CR LF or CR";
    Err(HeaderError::new("the header has a CR that does not end its line", hint))
}

/// The names in a header, trimmed and without quotes.
pub(super) fn names(record: &[u8], dialect: Dialect) -> Result<Vec<String>, HeaderError> {
    let text = str::from_utf8(record).map_err(|error| {
        let message = format!("the header is not valid UTF-8 at byte {}", error.valid_up_to());
        let hint = "set `encoding` under `[input]`, for example to \"windows-1252\", or save the \
                    file as UTF-8";
        HeaderError::new(message, hint)
    })?;
    let mut names = Vec::new();
    let mut more = 0;
    each_cell(Span::whole(text.as_bytes()), dialect, &mut |cell| {
        if names.len() == COLUMNS_MAX {
            more += 1;
            return;
        }
        let mut name = Vec::new();
        cell.push_text(text.as_bytes(), dialect, &mut name);
        names.push(String::from_utf8_lossy(&name).trim().to_owned());
    });
    if more == 0 { Ok(names) } else { Err(too_many(COLUMNS_MAX + more)) }
}

fn too_many(columns: usize) -> HeaderError {
    let message = format!("the header has {columns} columns, more than {COLUMNS_MAX}");
    HeaderError::new(message, "check that the first line is a header")
}

impl Columns {
    /// Whether a row is blank: white space alone or delimiters alone. Blank rows are not records.
    pub(in crate::decode) fn is_blank(&self, row: &[u8]) -> bool {
        is_blank(row, self.dialect.delimiter)
    }
}
/// The delimiter that a line `sep=;` names.
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
