//! Framing: finds where records end, so that chunks consist of whole records and can be decoded in
//! parallel.
//!
//! It is done twice. [`cut`] runs on the one thread that reads, and does as little as possible: it
//! says how much of what has been read consists of whole records. That becomes a chunk, and the
//! rest begins the next one. [`record_at`] runs in parallel, and finds each record in a chunk
//! again.
//!
//! ```text
//! read     1,"Ana⏎Lee",a@example.com⏎ 2,Ben,b@exam
//! cut      ╰────── a chunk ─────────╯ ╰─ kept ───╯
//! ```
//!
//! - Both use the same rules, and a record has the same end and the same problem in any chunk that
//!   contains it: output does not depend on how the input was cut.
//! - Bytes come as slices; there is no reader here, so the same code serves files, object bodies
//!   and tests.
//! - Line ends are LF or CR LF; CR alone is text. A CSV record may contain line ends in quotes, and
//!   JSON that is not newline-delimited may contain them anywhere between tokens.

mod csv;
mod json;

use memchr::{memchr, memrchr};

pub use json::{Scanner, leading_space};

use crate::record::{Code, Detail};

/// Where a record is in a chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record {
    pub start: usize,
    /// The end of the record, without the line end.
    pub end: usize,
    /// The start of the next record.
    pub next: usize,
    /// Why the record cannot be decoded, if that is known from its frame.
    pub problem: Option<(Code, Detail)>,
}

impl Record {
    pub fn bytes(self, chunk: &[u8]) -> &[u8] {
        chunk.get(self.start..self.end).unwrap_or(&[])
    }

    /// Whether this is not a record, but white space after the last item or object.
    pub(super) fn is_nothing(self, framing: Framing) -> bool {
        framing.is_bracketed() && self.start == self.end && self.problem.is_none()
    }
}

/// How records are separated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// Each line is a record.
    Lines,
    /// By line ends outside of quotes.
    Csv { delimiter: u8 },
    /// The items of a JSON array, after its `[`.
    Items,
    /// JSON objects one after the other.
    Objects,
}

impl Framing {
    /// Whether the structure of JSON separates records. If so, white space around them is ignored.
    pub fn is_bracketed(self) -> bool {
        match self {
            Framing::Items | Framing::Objects => true,
            Framing::Lines | Framing::Csv { .. } => false,
        }
    }
}

/// What to do with the bytes read so far, which begin with a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// This many bytes, from the first one, consist of whole records.
    At(usize),
    /// As `At`, and the last of them closes the array.
    Last(usize),
    /// As `At`, and nothing follows although the array is not closed. (If the last item is not
    /// closed either, that item is invalid, and this is `At`.)
    NotClosed(usize),
    /// No record ends in these bytes: read more.
    More,
    /// The first record is certainly invalid, and does not end in these bytes. It extends to the
    /// next line end, or for items and objects to the end that a [`Scanner`] finds.
    Invalid(Code, Detail),
}

/// The most white space between an item of an array and its comma, in bytes. An item with more is
/// too long.
pub const SPACE_MAX: usize = 64 << 10;

/// How much of `bytes` consists of whole records. `at_end`: nothing follows. For items and objects,
/// the bytes must not begin with white space.
///
/// Never returns [`Cut::More`] for more than `max_record` + 2 bytes, or for an item of an array
/// `max_record` + [`SPACE_MAX`].
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

/// The record that begins at `start`. The end of the chunk is the end of a record.
#[inline]
pub fn record_at(chunk: &[u8], start: usize, framing: Framing, max_record: usize) -> Record {
    match framing {
        Framing::Lines => line(chunk, start, max_record),
        Framing::Csv { delimiter } => csv::record(chunk, start, delimiter, max_record),
        Framing::Items => json::item(chunk, start, max_record),
        Framing::Objects => json::object(chunk, start, max_record),
    }
}

/// The line that begins at `start`. The end of the chunk is a line end.
#[inline]
fn line(chunk: &[u8], start: usize, max_record: usize) -> Record {
    let rest = chunk.get(start..).unwrap_or(&[]);
    let newline = memchr(b'\n', rest);
    let end = start + newline.unwrap_or(rest.len());
    whole_record(chunk, start, end, start + newline.map_or(rest.len(), |at| at + 1), max_record)
}

/// The record from `start` to a line end, which is too long or has no problem.
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

/// The end of a line without the CR of its line end. A CR at the end of a file counts as one.
fn without_return(bytes: &[u8], start: usize, line_end: usize) -> usize {
    let returned = start < line_end && bytes.get(line_end - 1) == Some(&b'\r');
    if returned { line_end - 1 } else { line_end }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Start, end and problem.
    type FramedRecord = (usize, usize, Option<(Code, Detail)>);

    const CSV: Framing = Framing::Csv { delimiter: b',' };

    /// The records of `text`, read in pieces of `piece` bytes.
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
                Cut::Last(_) | Cut::NotClosed(_) => unreachable!("only for an array"),
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
            .map(|(start, end, problem)| {
                (text.get(start..end).unwrap(), problem.map(|(code, _)| code))
            })
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
        /// The same records are found however the input is cut.
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
