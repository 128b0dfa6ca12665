//! Finds where records end, so that chunks hold whole records and can be decoded in parallel.
//!
//! Bytes come in as slices; there is no reader here, so the same code serves files, object
//! bodies and tests. [`cut`] says how much of what has been read makes whole records;
//! [`record_at`] finds each record again inside a chunk. Both sides use the same rules
//! on the same bytes, and so never disagree: a chunk ends where a record does, and a quoted
//! cell that is not closed looks so in any shorter view as well.
//!
//! Line ends are LF or CR LF; CR alone is text. A record of CSV may hold line ends in quotes,
//! and one of JSON that is not newline-delimited any white space.

mod csv;
mod json;

use memchr::{memchr, memrchr};

pub use json::{Scanner, leading_space};

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
    pub problem: Option<(Code, Detail)>,
}

impl Record {
    pub fn bytes(self, chunk: &[u8]) -> &[u8] {
        chunk.get(self.start..self.end).unwrap_or(&[])
    }

    /// Whether it is no record: white space at the end of what is told by brackets.
    pub(super) fn is_nothing(self, framing: Framing) -> bool {
        framing.is_bracketed() && self.start == self.end && self.problem.is_none()
    }
}

/// How records are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    Lines,
    Csv {
        delimiter: u8,
    },
    /// The items of a JSON array, after its `[`.
    Items,
    /// JSON objects in a row.
    Objects,
}

impl Framing {
    /// Whether records are told by their brackets, and white space around them means nothing.
    pub fn is_bracketed(self) -> bool {
        match self {
            Framing::Items | Framing::Objects => true,
            Framing::Lines | Framing::Csv { .. } => false,
        }
    }
}

/// What is to be done with the bytes read so far, which begin with a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// The first so many bytes are whole records.
    At(usize),
    /// As `At`, and the array is closed by the last of them.
    Last(usize),
    /// As `At`, and nothing follows, though the array is not closed. (Where its last item is not
    /// closed either, that item is the fault, and this is `At`.)
    NotClosed(usize),
    /// No record ends yet: read more.
    More,
    /// The first record is faulty for certain, and its end is not here: what follows up to
    /// and with the next line end belongs to it, or by brackets up to where a [`Scanner`] says.
    Invalid(Code, Detail),
}

/// White space between the end of an array's item and its comma is taken up to so many bytes; an
/// item with more is too long.
pub const SPACE_MAX: usize = 64 << 10;

/// Tells how much of `bytes` makes whole records. `at_end`: nothing follows. By brackets, they
/// begin with the record, and not with white space.
///
/// `More` is never said of more than `max_record` + 2 bytes, or in an array [`SPACE_MAX`] beyond.
pub fn cut(bytes: &[u8], framing: Framing, max_record: usize, at_end: bool) -> Cut {
    let whole = match framing {
        Framing::Items => return json::cut_items(bytes, max_record, at_end),
        Framing::Lines | Framing::Csv { .. } | Framing::Objects if at_end => {
            return Cut::At(bytes.len());
        }
        Framing::Objects => return json::cut_objects(bytes, max_record),
        Framing::Lines => memrchr(b'\n', bytes).map_or(0, |newline| newline + 1),
        Framing::Csv { delimiter } => return csv::cut(bytes, delimiter, max_record),
    };
    match whole {
        0 if bytes.len() <= max_record + 1 => Cut::More,
        0 => Cut::Invalid(Code::TooLongRecord, Detail::None),
        whole => Cut::At(whole),
    }
}

/// The record that starts at `start`; the chunk's end is a record's end.
#[inline]
pub fn record_at(chunk: &[u8], start: usize, framing: Framing, max_record: usize) -> Record {
    match framing {
        Framing::Lines => line(chunk, start, max_record),
        Framing::Csv { delimiter } => csv::record(chunk, start, delimiter, max_record),
        Framing::Items => json::item(chunk, start, max_record),
        Framing::Objects => json::object(chunk, start, max_record),
    }
}

/// The line that starts at `start`; the chunk's end is a line end.
#[inline]
fn line(chunk: &[u8], start: usize, max_record: usize) -> Record {
    let rest = chunk.get(start..).unwrap_or(&[]);
    let newline = memchr(b'\n', rest);
    let end = start + newline.unwrap_or(rest.len());
    whole_record(chunk, start, end, start + newline.map_or(rest.len(), |at| at + 1), max_record)
}

fn whole_record(
    bytes: &[u8],
    start: usize,
    line_end: usize,
    next: usize,
    max_record: usize,
) -> Record {
    let end = without_return(bytes, start, line_end);
    let problem = (max_record < end - start).then_some((Code::TooLongRecord, Detail::None));
    Record { start, end, next, problem }
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
    type FramedRecord = (usize, usize, Option<(Code, Detail)>);

    const CSV: Framing = Framing::Csv { delimiter: b',' };

    /// The records of `text` when it is read in pieces of `piece` bytes, as (start, end, fault).
    fn records(text: &[u8], framing: Framing, max: usize, piece: usize) -> Vec<FramedRecord> {
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
                        let record = record_at(chunk, at, framing, max);
                        found.push((base + at, base + record.end, record.problem));
                        at = record.next;
                    }
                    base += whole;
                    held -= whole;
                }
                Cut::Last(_) | Cut::NotClosed(_) => unreachable!("only of an array"),
                Cut::Invalid(code, detail) => {
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
