//! Where CSV records end: at line ends outside of quotes (RFC 4180).
//!
//! A quote opens a cell only at its start; anywhere else it is text. A quoted cell is bad if it is
//! not closed within `max_record` bytes, or is followed by anything but a delimiter or a line end.
//! A record with a bad cell ends with the line on which that cell began, so that one stray quote
//! does not swallow the records after it:
//!
//! ```text
//! 1,"Ana            one bad record, this line
//! 2,Ben             the next record
//! ```

use memchr::{memchr, memchr2, memrchr};

use super::{Cut, Record, whole_record, without_return};
use crate::record::{Code, Detail};

/// How much of `bytes` consists of whole records; see [`super::cut`].
pub(super) fn cut(bytes: &[u8], delimiter: u8, max_record: usize) -> Cut {
    let mut at = 0;
    let mut quote = next_quote(bytes, 0);
    loop {
        // Every line end before the next quote ends a record.
        let plain = bytes.get(at..quote).unwrap_or(&[]);
        at += memrchr(b'\n', plain).map_or(0, |newline| newline + 1);
        if quote == bytes.len() {
            break;
        }
        match scan_csv(bytes, at, delimiter, max_record, false) {
            Scan::Ends(record) => at = record.next,
            Scan::Open => break,
            Scan::Invalid(code, detail) if at == 0 => return Cut::Invalid(code, detail),
            Scan::Invalid(..) => return Cut::At(at),
        }
        if quote < at {
            quote = next_quote(bytes, at);
        }
    }
    match at {
        0 if bytes.len() <= max_record + 1 => Cut::More,
        0 => Cut::Invalid(Code::TooLongRecord, Detail::None),
        at => Cut::At(at),
    }
}

fn next_quote(bytes: &[u8], at: usize) -> usize {
    let rest = bytes.get(at..).unwrap_or(&[]);
    at + memchr(b'"', rest).unwrap_or(rest.len())
}

/// The record that begins at `start`. The end of the chunk is the end of a record.
pub(super) fn record(chunk: &[u8], start: usize, delimiter: u8, max_record: usize) -> Record {
    match scan_csv(chunk, start, delimiter, max_record, true) {
        Scan::Ends(record) => record,
        // Nothing follows, so the end of the chunk is the end of the line.
        Scan::Open => whole_record(chunk, start, chunk.len(), chunk.len(), max_record),
        Scan::Invalid(code, detail) => Record {
            problem: Some((code, detail)),
            ..whole_record(chunk, start, chunk.len(), chunk.len(), max_record)
        },
    }
}

/// The result of looking for the end of a record.
enum Scan {
    Ends(Record),
    /// The bytes end before the record does.
    Open,
    /// The record is certainly invalid, and ends with the next line end, which is not in the bytes.
    Invalid(Code, Detail),
}

/// Looks for the end of the record that begins at `start`. `at_end`: no bytes follow.
fn scan_csv(bytes: &[u8], start: usize, delimiter: u8, max_record: usize, at_end: bool) -> Scan {
    let mut at = start;
    loop {
        let rest = bytes.get(at..).unwrap_or(&[]);
        let Some(found) = memchr2(b'"', b'\n', rest).map(|found| at + found) else {
            return Scan::Open;
        };
        if bytes.get(found) == Some(&b'\n') {
            return Scan::Ends(whole_record(bytes, start, found, found + 1, max_record));
        }
        if !opens_cell(bytes, start, found, delimiter) {
            at = found + 1;
            continue;
        }
        if max_record < found - start {
            return to_line_end(bytes, start, found, Code::TooLongRecord, Detail::None);
        }
        match close_quote(bytes, found + 1, start + max_record, delimiter, at_end) {
            Quote::ClosedBefore(after) => at = after,
            Quote::Open => return Scan::Open,
            Quote::Bad(detail) => {
                return to_line_end(bytes, start, found, Code::CsvSyntax, detail);
            }
        }
    }
}

/// Whether a quote opens a cell: it does at the start of the record and after a delimiter.
fn opens_cell(bytes: &[u8], start: usize, quote: usize, delimiter: u8) -> bool {
    quote == start || bytes.get(quote - 1) == Some(&delimiter)
}

/// The result of looking for the quote that closes a cell.
enum Quote {
    /// The cell is closed. The delimiter or line end after it is at this index.
    ClosedBefore(usize),
    /// The bytes end before the cell does.
    Open,
    Bad(Detail),
}

/// Looks for the quote that closes a cell, up to byte `limit`. `from`: the first byte after the
/// opening quote.
fn close_quote(bytes: &[u8], from: usize, limit: usize, delimiter: u8, at_end: bool) -> Quote {
    let mut at = from;
    loop {
        let rest = bytes.get(at..bytes.len().min(limit)).unwrap_or(&[]);
        let Some(quote) = memchr(b'"', rest).map(|found| at + found) else {
            let is_bad = at_end || limit <= bytes.len();
            return if is_bad { Quote::Bad(Detail::QuoteNotClosed) } else { Quote::Open };
        };
        match (bytes.get(quote + 1), bytes.get(quote + 2)) {
            (Some(b'"'), _) => at = quote + 2,
            (Some(b'\n'), _) | (Some(b'\r'), Some(b'\n')) => return Quote::ClosedBefore(quote + 1),
            (Some(byte), _) if *byte == delimiter => return Quote::ClosedBefore(quote + 1),
            (None, _) | (Some(b'\r'), None) if at_end => return Quote::ClosedBefore(quote + 1),
            (None, _) | (Some(b'\r'), None) => return Quote::Open,
            (Some(_), _) => {
                // The chunk may end with the line on which the cell began. In that chunk the quote
                // is not closed, so it is reported as not closed here too.
                let is_far = memchr(b'\n', bytes.get(from..quote).unwrap_or(&[])).is_some();
                let detail = if is_far { Detail::QuoteNotClosed } else { Detail::TextAfterQuote };
                return Quote::Bad(detail);
            }
        }
    }
}

/// An invalid record, which ends with the line on which its bad cell began.
fn to_line_end(bytes: &[u8], start: usize, cell: usize, code: Code, detail: Detail) -> Scan {
    let rest = bytes.get(cell..).unwrap_or(&[]);
    match memchr(b'\n', rest).map(|found| cell + found) {
        None => Scan::Invalid(code, detail),
        Some(newline) => Scan::Ends(Record {
            start,
            end: without_return(bytes, start, newline),
            next: newline + 1,
            problem: Some((code, detail)),
        }),
    }
}
