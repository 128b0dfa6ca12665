//! Finds where records end, so that chunks hold whole records and can be decoded in parallel.
//!
//! Bytes come in as slices; there is no reader here, so the same code serves files, object
//! bodies and tests. [`cut`] says how much of what has been read makes whole records; [`line()`]
//! and [`csv_record`] find each record again inside a chunk. Both sides use the same rules
//! on the same bytes, and so never disagree: a chunk ends where a record does, and a quoted
//! cell that is not closed looks so in any shorter view as well.
//!
//! Line ends are LF or CR LF; CR alone is text. A record of CSV may hold line ends in quotes.

use memchr::{memchr, memchr2, memrchr};

use crate::record::{Code, Detail};

/// One record found in a chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record {
    pub start: usize,
    /// Without the line end.
    pub end: usize,
    /// Where the next one starts.
    pub next: usize,
    /// What is wrong with its frame.
    pub fault: Option<(Code, Detail)>,
}

impl Record {
    pub fn bytes(self, chunk: &[u8]) -> &[u8] {
        chunk.get(self.start..self.end).unwrap_or(&[])
    }
}

/// How records are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    Lines,
    Csv { delimiter: u8 },
}

/// What is to be done with the bytes read so far, which begin with a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// The first so many bytes are whole records.
    At(usize),
    /// No record ends yet: read more.
    More,
    /// The first record is faulty for certain, and its end is not here: what follows up to
    /// and with the next line end belongs to it.
    Faulty(Code, Detail),
}

/// Tells how much of `bytes` makes whole records. `at_end`: nothing follows.
///
/// `More` is never said of more than `max_record` + 2 bytes.
pub fn cut(bytes: &[u8], framing: Framing, max_record: usize, at_end: bool) -> Cut {
    if at_end {
        return Cut::At(bytes.len());
    }
    let whole = match framing {
        Framing::Lines => memrchr(b'\n', bytes).map_or(0, |newline| newline + 1),
        Framing::Csv { delimiter } => return cut_csv(bytes, delimiter, max_record),
    };
    match whole {
        0 if bytes.len() <= max_record + 1 => Cut::More,
        0 => Cut::Faulty(Code::TooLongRecord, Detail::None),
        whole => Cut::At(whole),
    }
}

fn cut_csv(bytes: &[u8], delimiter: u8, max_record: usize) -> Cut {
    let mut at = 0;
    let mut quote = next_quote(bytes, 0);
    loop {
        // Up to the next quote, every line end ends a record.
        let plain = bytes.get(at..quote).unwrap_or(&[]);
        at += memrchr(b'\n', plain).map_or(0, |newline| newline + 1);
        if quote == bytes.len() {
            break;
        }
        match scan_csv(bytes, at, delimiter, max_record, false) {
            Scan::Ends(record) => at = record.next,
            Scan::Open => break,
            Scan::Faulty(code, detail) if at == 0 => return Cut::Faulty(code, detail),
            Scan::Faulty(..) => return Cut::At(at),
        }
        if quote < at {
            quote = next_quote(bytes, at);
        }
    }
    match at {
        0 if bytes.len() <= max_record + 1 => Cut::More,
        0 => Cut::Faulty(Code::TooLongRecord, Detail::None),
        at => Cut::At(at),
    }
}

fn next_quote(bytes: &[u8], at: usize) -> usize {
    let rest = bytes.get(at..).unwrap_or(&[]);
    at + memchr(b'"', rest).unwrap_or(rest.len())
}

/// The line that starts at `start`; the chunk's end is a line end.
pub fn line(chunk: &[u8], start: usize, max_record: usize) -> Record {
    let rest = chunk.get(start..).unwrap_or(&[]);
    let newline = memchr(b'\n', rest);
    let end = start + newline.unwrap_or(rest.len());
    whole_record(chunk, start, end, start + newline.map_or(rest.len(), |at| at + 1), max_record)
}

/// The CSV record that starts at `start`; the chunk's end is a record's end.
pub fn csv_record(chunk: &[u8], start: usize, delimiter: u8, max_record: usize) -> Record {
    match scan_csv(chunk, start, delimiter, max_record, true) {
        Scan::Ends(record) => record,
        // With nothing to follow, the chunk's end is the line's end.
        Scan::Open => whole_record(chunk, start, chunk.len(), chunk.len(), max_record),
        Scan::Faulty(code, detail) => Record {
            fault: Some((code, detail)),
            ..whole_record(chunk, start, chunk.len(), chunk.len(), max_record)
        },
    }
}

enum Scan {
    Ends(Record),
    /// The bytes end before the record does.
    Open,
    /// Certainly faulty, up to and with a line end that is not in the bytes.
    Faulty(Code, Detail),
}

/// Follows one CSV record from its start through its quoted cells.
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

/// A quote opens a cell at the record's start and after a delimiter; elsewhere it is text.
fn opens_cell(bytes: &[u8], start: usize, quote: usize, delimiter: u8) -> bool {
    quote == start || bytes.get(quote - 1) == Some(&delimiter)
}

enum Quote {
    /// The cell is closed; its delimiter or line end is here.
    ClosedBefore(usize),
    /// The bytes end first.
    Open,
    Bad(Detail),
}

/// Looks for the quote that closes a cell, no further than `limit`.
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
                // A chunk may end with the line on which the cell began: whoever sees no more
                // of it sees an open quote, and so everybody is to be told of one.
                let is_far = memchr(b'\n', bytes.get(from..quote).unwrap_or(&[])).is_some();
                let detail = if is_far { Detail::QuoteNotClosed } else { Detail::TextAfterQuote };
                return Quote::Bad(detail);
            }
        }
    }
}

/// A faulty record reaches to the end of the physical line on which the faulty cell began.
fn to_line_end(bytes: &[u8], start: usize, cell: usize, code: Code, detail: Detail) -> Scan {
    let rest = bytes.get(cell..).unwrap_or(&[]);
    match memchr(b'\n', rest).map(|found| cell + found) {
        None => Scan::Faulty(code, detail),
        Some(newline) => Scan::Ends(Record {
            start,
            end: without_return(bytes, start, newline),
            next: newline + 1,
            fault: Some((code, detail)),
        }),
    }
}

fn whole_record(
    bytes: &[u8],
    start: usize,
    line_end: usize,
    next: usize,
    max_record: usize,
) -> Record {
    let end = without_return(bytes, start, line_end);
    let fault = (max_record < end - start).then_some((Code::TooLongRecord, Detail::None));
    Record { start, end, next, fault }
}

/// A CR before the line end belongs to it, also where the file ends after it.
fn without_return(bytes: &[u8], start: usize, line_end: usize) -> usize {
    let returned = start < line_end && bytes.get(line_end - 1) == Some(&b'\r');
    if returned { line_end - 1 } else { line_end }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Start, end and fault.
    type Found = (usize, usize, Option<(Code, Detail)>);

    const CSV: Framing = Framing::Csv { delimiter: b',' };

    /// The records of `text` when it is read in pieces of `piece` bytes, as (start, end, fault).
    fn records(text: &[u8], framing: Framing, max: usize, piece: usize) -> Vec<Found> {
        let mut found = Vec::new();
        let (mut base, mut held) = (0, 0);
        while base < text.len() {
            held = (held + piece).min(text.len() - base);
            let bytes = &text[base..base + held];
            let at_end = base + held == text.len();
            match cut(bytes, framing, max, at_end) {
                Cut::More => assert!(!at_end && held <= max + 2),
                Cut::At(whole) => {
                    let chunk = &bytes[..whole];
                    let mut at = 0;
                    while at < chunk.len() {
                        let record = match framing {
                            Framing::Lines => line(chunk, at, max),
                            Framing::Csv { delimiter } => csv_record(chunk, at, delimiter, max),
                        };
                        found.push((base + at, base + record.end, record.fault));
                        at = record.next;
                    }
                    base += whole;
                    held -= whole;
                }
                Cut::Faulty(code, detail) => {
                    let rest = &text[base + held..];
                    let newline = memchr(b'\n', rest).unwrap_or(rest.len());
                    let end = without_return(text, base, base + held + newline);
                    found.push((base, end, Some((code, detail))));
                    base += held + (newline + 1).min(rest.len());
                    held = 0;
                }
            }
        }
        found
    }

    #[track_caller]
    fn check(text: &str, max: usize, expected: &[(&str, Option<Code>)]) {
        let found: Vec<_> = records(text.as_bytes(), CSV, max, 1000)
            .into_iter()
            .map(|(start, end, fault)| (text.get(start..end).unwrap(), fault.map(|(code, _)| code)))
            .collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn csv_records_end_at_line_ends_outside_quotes() {
        check("a,b\r\nc,d", 99, &[("a,b", None), ("c,d", None)]);
        check("\"a\nb\",c\nd\n", 99, &[("\"a\nb\",c", None), ("d", None)]);
        check("\"a\"\"\n\"\nd\n", 99, &[("\"a\"\"\n\"", None), ("d", None)]);
        check("x \"a\nb\n", 99, &[("x \"a", None), ("b", None)]);
        check("a\rb\n", 99, &[("a\rb", None)]);
        check("a\r", 99, &[("a", None)]);
    }

    #[test]
    fn a_bad_quote_takes_the_line_on_which_its_cell_began() {
        let bad = Some(Code::CsvSyntax);
        check("a,\"b\nc,d\n", 99, &[("a,\"b", bad), ("c,d", None)]);
        check("\"a\"x,b\nc\n", 99, &[("\"a\"x,b", bad), ("c", None)]);
        check("\"a\nb\",\"c\nd\n", 99, &[("\"a\nb\",\"c", bad), ("d", None)]);
        check("\"aaaaaaaaaa\nb\"\n", 8, &[("\"aaaaaaaaaa", bad), ("b\"", None)]);
        check("aaaaaaaaa\nb\n", 8, &[("aaaaaaaaa", Some(Code::TooLongRecord)), ("b", None)]);
        check("aaaaaaaa\nb\n", 8, &[("aaaaaaaa", None), ("b", None)]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]
        /// However the input is cut, the same records are found.
        #[test]
        fn cuts_make_no_difference(
            text in "[ab,\"\n\r]{0,60}",
            max in 1_usize..20,
            piece in 1_usize..30,
        ) {
            for framing in [Framing::Lines, CSV] {
                let whole = records(text.as_bytes(), framing, max, usize::MAX / 2);
                prop_assert_eq!(records(text.as_bytes(), framing, max, piece), whole);
            }
        }
    }
}
