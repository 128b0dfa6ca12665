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

use memchr::{memchr, memchr2, memchr3};

use super::{Cut, LineEnd, Record, whole_record, without_returns};
use crate::record::{Code, Detail};

/// How the rows of a file are written. The definition sets it; a delimiter that it does not set is
/// detected (`decode/csv/columns/delimiter.rs`), and so is the line end (`line_end.rs`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dialect {
    pub delimiter: u8,
    pub line_end: LineEnd,
    /// Whether `\"` is a quote and `\\` a backslash in quoted cells.
    pub has_escapes: bool,
    /// Whether blanks at the beginning of a cell are skipped.
    pub skips_space: bool,
}

impl Dialect {
    /// RFC 4180 with this delimiter.
    pub const fn new(delimiter: u8) -> Dialect {
        let line_end = LineEnd::Newline;
        Dialect { delimiter, line_end, has_escapes: false, skips_space: false }
    }

    /// Whether a byte can be a delimiter. Those in numbers and names cannot.
    pub fn is_delimiter(byte: u8) -> bool {
        (byte.is_ascii_punctuation() || byte == b'\t') && !b"\"._-".contains(&byte)
    }

    /// Whether a byte is a blank: a space, or a tab that is not the delimiter.
    pub fn is_blank(self, byte: u8) -> bool {
        byte == b' ' || (byte == b'\t' && self.delimiter != b'\t')
    }

    /// Looks for the next quote or, if there are escapes, backslash.
    fn next_in_quotes(self, bytes: &[u8]) -> Option<usize> {
        if self.has_escapes { memchr2(b'"', b'\\', bytes) } else { memchr(b'"', bytes) }
    }
}

impl Default for Dialect {
    /// RFC 4180.
    fn default() -> Dialect {
        Dialect::new(b',')
    }
}

impl From<u8> for Dialect {
    /// RFC 4180 with this delimiter.
    fn from(delimiter: u8) -> Dialect {
        Dialect::new(delimiter)
    }
}

/// How much of `bytes` consists of whole records; see [`super::cut`].
pub(super) fn cut(bytes: &[u8], dialect: Dialect, max_record: usize) -> Cut {
    let mut at = 0;
    let mut quote = next_quote(bytes, 0);
    loop {
        // Every line end before the next quote ends a record.
        let plain = bytes.get(at..quote).unwrap_or(&[]);
        at += dialect.line_end.end_of_last(plain);
        if quote == bytes.len() {
            break;
        }
        match scan_csv(bytes, at, dialect, max_record, false) {
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
pub(super) fn record(chunk: &[u8], start: usize, dialect: Dialect, max_record: usize) -> Record {
    match scan_csv(chunk, start, dialect, max_record, true) {
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
fn scan_csv(bytes: &[u8], start: usize, dialect: Dialect, max_record: usize, at_end: bool) -> Scan {
    let mut at = start;
    loop {
        let rest = bytes.get(at..).unwrap_or(&[]);
        let found = match dialect.line_end {
            LineEnd::Newline => memchr2(b'"', b'\n', rest),
            LineEnd::Return => memchr3(b'"', b'\n', b'\r', rest),
        };
        let Some(found) = found.map(|found| at + found) else {
            return Scan::Open;
        };
        if bytes.get(found) != Some(&b'"') {
            let (end, next) = match dialect.line_end {
                LineEnd::Newline => (found, found + 1),
                LineEnd::Return => {
                    dialect.line_end.find(bytes, found).unwrap_or((found, found + 1))
                }
            };
            return Scan::Ends(whole_record(bytes, start, end, next, max_record));
        }
        if !opens_cell(bytes, start, found, dialect) {
            at = found + 1;
            continue;
        }
        let to_line_end =
            |from, code, detail| to_line_end(bytes, start, from, dialect, code, detail);
        if max_record < found - start {
            return to_line_end(found, Code::TooLongRecord, Detail::None);
        }
        match close_quote(bytes, found + 1, start + max_record, dialect, at_end) {
            Quote::ClosedBefore(after) => at = after,
            Quote::Open => return Scan::Open,
            Quote::Bad(detail) => return to_line_end(found, Code::CsvSyntax, detail),
            Quote::LongLineEnd(at) => return to_line_end(at, Code::TooLongRecord, Detail::None),
        }
    }
}

/// Whether a quote opens a cell: it does at the start of the record and after a delimiter, and after
/// blanks there if they are skipped.
fn opens_cell(bytes: &[u8], start: usize, quote: usize, dialect: Dialect) -> bool {
    let mut before = bytes.get(start..quote).unwrap_or(&[]);
    if dialect.skips_space {
        while let [rest @ .., last] = before
            && dialect.is_blank(*last)
        {
            before = rest;
        }
    }
    before.last().is_none_or(|last| *last == dialect.delimiter)
}

/// The result of looking for the quote that closes a cell.
enum Quote {
    /// The cell is closed. The delimiter or line end after it is at this index.
    ClosedBefore(usize),
    /// The bytes end before the cell does.
    Open,
    Bad(Detail),
    /// The cell is closed, and the CRs from this index on make the record too long.
    LongLineEnd(usize),
}

/// Looks for the quote that closes a cell, up to byte `limit`. `from`: the first byte after the
/// opening quote.
fn close_quote(bytes: &[u8], from: usize, limit: usize, dialect: Dialect, at_end: bool) -> Quote {
    let mut at = from;
    loop {
        let rest = bytes.get(at..bytes.len().min(limit)).unwrap_or(&[]);
        let Some(quote) = dialect.next_in_quotes(rest).map(|found| at + found) else {
            let is_bad = at_end || limit <= bytes.len();
            return if is_bad { Quote::Bad(Detail::QuoteNotClosed) } else { Quote::Open };
        };
        if bytes.get(quote) == Some(&b'\\') {
            at = quote + 1 + usize::from(matches!(bytes.get(quote + 1), Some(b'"' | b'\\')));
            continue;
        }
        let is_text = match bytes.get(quote + 1) {
            Some(b'"') => {
                at = quote + 2;
                continue;
            }
            None if !at_end => return Quote::Open,
            None | Some(b'\n') => false,
            Some(byte) if *byte == dialect.delimiter => false,
            Some(b'\r') if dialect.line_end == LineEnd::Return => false,
            Some(b'\r') => match after_returns(bytes, quote + 1, limit) {
                Returns::Long => return Quote::LongLineEnd(quote + 1),
                Returns::Before(None) if !at_end => return Quote::Open,
                Returns::Before(byte) => byte.is_some_and(|byte| byte != b'\n'),
            },
            Some(_) => true,
        };
        if !is_text {
            return Quote::ClosedBefore(quote + 1);
        }
        // The chunk may end with the line on which the cell began. In that chunk the quote is not
        // closed, so it is reported as not closed here too.
        let is_far = dialect.line_end.find(bytes.get(..quote).unwrap_or(&[]), from).is_some();
        let detail = if is_far { Detail::QuoteNotClosed } else { Detail::TextAfterQuote };
        return Quote::Bad(detail);
    }
}

/// What follows the CRs after a quoted cell.
enum Returns {
    /// This byte, or the end of the bytes.
    Before(Option<u8>),
    /// The CRs extend beyond what a record and its line end may have.
    Long,
}

/// Finds what follows the CRs from byte `from` on. `limit`: where a record of the greatest length
/// ends, without its line end.
fn after_returns(bytes: &[u8], from: usize, limit: usize) -> Returns {
    let rest = bytes.get(from..).unwrap_or(&[]);
    let after = from + rest.iter().take_while(|byte| **byte == b'\r').count();
    if limit + 1 < after { Returns::Long } else { Returns::Before(bytes.get(after).copied()) }
}

/// An invalid record, which ends with the first line end after byte `from`: that of the line on
/// which its bad cell began.
fn to_line_end(
    bytes: &[u8],
    start: usize,
    from: usize,
    dialect: Dialect,
    code: Code,
    detail: Detail,
) -> Scan {
    match dialect.line_end.find(bytes, from) {
        None => Scan::Invalid(code, detail),
        Some((end, next)) => Scan::Ends(Record {
            start,
            end: without_returns(bytes, start, end),
            next,
            problem: Some((code, detail)),
        }),
    }
}
