//! The names in the header of a CSV file.
//!
//! `delimiter.rs` finds that row, and `no_header.rs` decides whether it can be a header.

use super::HeaderError;
use crate::decode::csv::cell::{each_cell, has_bare_return};
use crate::decode::frame::Dialect;
use crate::simd::Span;

/// The most columns of a header: as many as a spreadsheet has. Also bounds its memory.
pub const COLUMNS_MAX: usize = 16_384;

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
