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
//! - A [`LineEnd`] says what ends lines. A CSV record may contain line ends in quotes, and JSON that
//!   is not newline-delimited may contain them anywhere between tokens.

mod csv;
mod json;
mod line_end;

pub use csv::Dialect;
pub use json::{BYTE_ORDER_MARK, Scanner, holds_objects, leading_filler, leading_space};
pub use line_end::LineEnd;

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
    Lines(LineEnd),
    /// By line ends outside of quotes.
    Csv(Dialect),
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
            Framing::Lines(_) | Framing::Csv(_) => false,
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
pub fn cut(mut bytes: &[u8], framing: Framing, max_record: usize, at_end: bool) -> Cut {
    let whole = match framing {
        Framing::Items => return json::cut_items(bytes, max_record, at_end),
        Framing::Lines(_) | Framing::Csv(_) | Framing::Objects if at_end => {
            return Cut::At(bytes.len());
        }
        Framing::Objects => return json::cut_objects(bytes, max_record),
        Framing::Lines(line_end) => {
            bytes = bytes.get(..line_end.certain(bytes, false)).unwrap_or(&[]);
            line_end.end_of_last(bytes)
        }
        Framing::Csv(dialect) => {
            bytes = bytes.get(..dialect.line_end.certain(bytes, false)).unwrap_or(&[]);
            return csv::cut(bytes, dialect, max_record);
        }
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
        Framing::Lines(line_end) => line(chunk, start, line_end, max_record),
        Framing::Csv(dialect) => csv::record(chunk, start, dialect, max_record),
        Framing::Items => json::item(chunk, start, max_record),
        Framing::Objects => json::object(chunk, start, max_record),
    }
}

/// The line that begins at `start`. The end of the chunk is a line end.
#[inline]
fn line(chunk: &[u8], start: usize, line_end: LineEnd, max_record: usize) -> Record {
    let (end, next) = line_end.find(chunk, start).unwrap_or((chunk.len(), chunk.len()));
    whole_record(chunk, start, end, next, max_record)
}

/// The record from `start` to a line end, which is too long or has no problem.
///
/// Of the CRs in its line end, all but one count for its length here, so that a line end cannot be
/// longer than what is held.
fn whole_record(
    bytes: &[u8],
    start: usize,
    line_end: usize,
    next: usize,
    max_record: usize,
) -> Record {
    let end = without_returns(bytes, start, line_end);
    let is_too_long = max_record < end - start || max_record + 1 < line_end - start;
    let problem = is_too_long.then_some((Code::TooLongRecord, Detail::None));
    Record { start, end, next, problem }
}

/// The end of a line without the CRs of its line end. Those at the end of a file count as one.
#[inline]
fn without_returns(bytes: &[u8], start: usize, line_end: usize) -> usize {
    let mut end = line_end;
    while start < end && bytes.get(end - 1) == Some(&b'\r') {
        end -= 1;
    }
    end
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Start, end and problem.
    type FramedRecord = (usize, usize, Option<(Code, Detail)>);

    const CSV: Framing = Framing::Csv(Dialect::new(b','));
    const CSV_BY_RETURNS: Framing =
        Framing::Csv(Dialect { line_end: LineEnd::Return, ..Dialect::new(b',') });

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
                    let line_end = match framing {
                        Framing::Lines(line_end) | Framing::Csv(Dialect { line_end, .. }) => {
                            line_end
                        }
                        Framing::Items | Framing::Objects => unreachable!("lines only"),
                    };
                    let from = base + line_end.certain(bytes, false);
                    let end = line_end.find(text, from).unwrap_or((text.len(), text.len()));
                    found.push((base, without_returns(text, base, end.0), Some((code, detail))));
                    base = end.1;
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
        check("a\r\r\n\"b\"\r\r\r\nc", 99, &[("a", None), ("\"b\"", None), ("c", None)]);
        check("\"b\"\r\rc\nd", 99, &[("\"b\"\r\rc", Some(Code::CsvSyntax)), ("d", None)]);
    }

    #[test]
    fn what_precedes_an_object_is_no_part_of_its_length() {
        let text = b"\xef\xbb\xbf {\"a\":12}";
        for seen in 0..text.len() {
            let found = cut(&text[..seen], Framing::Objects, 8, false);
            assert!(matches!(found, Cut::More), "{seen}");
        }
        assert!(matches!(cut(text, Framing::Objects, 8, false), Cut::At(12)));
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
            text in "([ab,\"\n\r \\\\]|\r\n|\"\r|, \"|\\\\\"){0,60}",
            max in 1_usize..20,
            piece in 1_usize..30,
        ) {
            let lines = [LineEnd::Newline, LineEnd::Return].map(Framing::Lines);
            let csv = |has_escapes, skips_space| {
                Framing::Csv(Dialect { has_escapes, skips_space, ..Dialect::new(b',') })
            };
            let others = [csv(true, false), csv(false, true), csv(true, true)];
            for framing in lines.into_iter().chain([CSV, CSV_BY_RETURNS]).chain(others) {
                let whole = records(text.as_bytes(), framing, max, usize::MAX / 2);
                prop_assert_eq!(records(text.as_bytes(), framing, max, piece), whole);
            }
        }
    }
}
