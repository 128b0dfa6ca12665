//! One input that is being read: its text, cut into chunks of whole records.
//!
//! What is decided on depends on the text alone, and not on what a read happened to bring. A
//! record that is too long to be held passes in slices.

use std::{io::ErrorKind, io::Read, mem, sync::Arc};

use super::buffer::{Buffer, BufferPool};
use super::error::{BadInput, ReadError};
use super::open::{OpenInput, Stored};
use super::settings::Limits;
use super::{Begin, Broken, End, Work};
use crate::decode::Format;
use crate::decode::frame::{Cut, Framing, SPACE_MAX, Scanner, cut, leading_space};
use crate::record::{Code, Detail};

/// What is read on while a record has no end yet.
pub(crate) const READ_ON_BYTES: usize = 64 << 10;

pub(crate) struct Reading {
    pub(crate) input: usize,
    name: String,
    reader: Box<dyn Read + Send>,
    stored: Arc<Stored>,
    /// What of the stored bytes was told already.
    stored_told: u64,
    /// What was read and not given on; begins with a record.
    pub(crate) held: Buffer,
    /// Where `held` begins in the text.
    pub(crate) offset: u64,
    /// The bytes of text read so far.
    read: u64,
    /// The bytes of text that there should be, if that is known.
    expected: Option<u64>,
    at_end: bool,
    /// Why nothing more can be read; what was read before it stands.
    broken: Option<BadInput>,
    pub(crate) begin: Option<Begin>,
    pub(crate) format: Format,
    /// Inside a record that is too long to be held.
    slicing: Option<Slicing>,
    /// What became of the array, where the input is one.
    pub(crate) array: Array,
    /// What was read before a fault is given on.
    is_given_up: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Array {
    /// Its items are being read, or there is none.
    Open,
    Closed,
    /// The text is over before it is.
    NotClosed,
}

/// A faulty record, and where it ends.
#[derive(Clone, Copy)]
struct Slicing {
    code: Code,
    detail: Detail,
    until: Until,
}

#[derive(Clone, Copy)]
enum Until {
    LineEnd,
    Scanned(Scanner),
    /// The end of the text.
    End,
}

impl Reading {
    pub(crate) fn new(input: usize, name: &str, opened: OpenInput, held: Buffer) -> Reading {
        let OpenInput { reader, expected, stored, compression, .. } = opened;
        Reading {
            input,
            name: name.to_owned(),
            reader,
            stored,
            stored_told: 0,
            held,
            offset: 0,
            read: 0,
            expected,
            at_end: false,
            broken: None,
            begin: Some(Begin { compression, ..Begin::default() }),
            format: Format::JsonLines,
            slicing: None,
            array: Array::Open,
            is_given_up: false,
        }
    }

    /// Leaves out the first bytes held, and counts their line ends as passed.
    pub(crate) fn skip(&mut self, count: usize) {
        let passed = self.held.bytes().get(..count).unwrap_or(&[]);
        if let Some(begin) = &mut self.begin {
            begin.lines += super::line_ends(passed);
        }
        self.held.skip(count);
        self.offset += wide(count);
    }

    /// Reads on until so many bytes are held, or the input ends, or is broken.
    fn fill(&mut self, want: usize) -> Result<(), ReadError> {
        self.held.reserve(want);
        while !self.at_end
            && self.broken.is_none()
            && (self.held.len() < want || self.expected.is_some_and(|all| all <= self.read))
        {
            // Where all that is expected is there, only the end is still to be seen.
            let count = match self.reader.read(self.held.room()) {
                Ok(count) => count,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => match ReadError::of_read(&self.name, error) {
                    ReadError::Bad(bad) => {
                        self.broken = Some(bad);
                        continue;
                    }
                    stop @ ReadError::Fatal(_) => return Err(stop),
                },
            };
            self.at_end = count == 0;
            self.held.add_filled(count);
            self.read += wide(count);
        }
        Ok(())
    }

    /// Reads on until so many bytes are held, or the input ends. Gives how many there are to look
    /// at, and whether nothing follows them. More may be held than is to be looked at now.
    pub(crate) fn look(&mut self, want: usize) -> Result<(usize, bool), ReadError> {
        self.fill(want)?;
        let seen = self.held.len().min(want);
        Ok((seen, self.at_end && seen == self.held.len()))
    }

    /// What there is to look at.
    pub(crate) fn seen(&self, count: usize) -> &[u8] {
        self.held.bytes().get(..count).unwrap_or(&[])
    }

    /// Why nothing more can be read than what is held.
    pub(crate) fn broken(&self) -> Option<&BadInput> {
        self.broken.as_ref()
    }

    /// How much of what is looked at makes whole records, after looking further where none ends;
    /// and how much was looked at. `More` where the input is broken before one ends.
    pub(crate) fn whole_records(
        &mut self,
        framing: Framing,
        limits: &Limits,
    ) -> Result<(Cut, usize), ReadError> {
        let mut want = limits.chunk_bytes;
        loop {
            let (seen, at_end) = self.look(want)?;
            let is_all = seen == self.held.len() && self.broken.is_some();
            match cut(self.seen(seen), framing, limits.max_record, at_end) {
                Cut::More if !is_all => want += want.min(READ_ON_BYTES),
                cut @ (Cut::More
                | Cut::At(_)
                | Cut::Last(_)
                | Cut::NotClosed(_)
                | Cut::Invalid(..)) => return Ok((cut, seen)),
            }
        }
    }

    pub(crate) fn next_work(
        &mut self,
        limits: &Limits,
        spare: &BufferPool,
    ) -> Result<Work, ReadError> {
        if let Some(slicing) = self.slicing {
            let (seen, _) = self.look(limits.chunk_bytes)?;
            return Ok(self.slice(slicing, 0, seen, spare));
        }
        if self.format.framing().is_bracketed()
            && let Some(work) = self.between_records(limits, spare)?
        {
            return Ok(work);
        }
        let (cut, seen) = self.whole_records(self.format.framing(), limits)?;
        let whole = match cut {
            Cut::At(whole) => {
                if self.at_end && whole == self.held.len() {
                    // If it is an array, an item of it is open, and that is the fault.
                    self.array = Array::Closed;
                }
                whole
            }
            Cut::Last(whole) => {
                self.array = Array::Closed;
                whole
            }
            Cut::NotClosed(whole) => {
                self.array = Array::NotClosed;
                whole
            }
            Cut::More => {
                self.is_given_up = true;
                0
            }
            Cut::Invalid(code, detail) => return Ok(self.begin_slices(code, detail, seen, spare)),
        };
        if whole == 0 {
            return Ok(Work::Nothing);
        }
        let (buffer, offset) = self.give(whole, spare);
        Ok(Work::Chunk { buffer, offset, format: self.format.clone() })
    }

    /// What is no record where records are told by brackets: long white space, the text after an
    /// array, and the end that an array lacks. None where a record may follow.
    fn between_records(
        &mut self,
        limits: &Limits,
        spare: &BufferPool,
    ) -> Result<Option<Work>, ReadError> {
        let (seen, _) = self.look(limits.chunk_bytes)?;
        if self.array == Array::NotClosed && seen == 0 {
            self.array = Array::Closed;
            let (buffer, offset) = self.give(0, spare);
            let (code, detail) = (Code::JsonSyntax, Detail::ArrayNotClosed);
            return Ok(Some(Work::Slice { buffer, offset, code, detail, is_last: true }));
        }
        let blank = leading_space(self.seen(seen));
        let is_after = self.array == Array::Closed;
        if 0 < blank && (blank == seen || SPACE_MAX <= blank || is_after) {
            return Ok(Some(self.give_space(blank, spare)));
        }
        if !is_after {
            return Ok(None);
        }
        if seen == 0 {
            self.is_given_up = self.broken.is_some();
            return Ok(Some(Work::Nothing));
        }
        let (code, detail) = (Code::JsonSyntax, Detail::TextAfterArray);
        Ok(Some(self.slice(Slicing { code, detail, until: Until::End }, seen, seen, spare)))
    }

    fn give_space(&mut self, count: usize, spare: &BufferPool) -> Work {
        let (buffer, _) = self.give(count, spare);
        Work::Space { buffer }
    }

    /// A faulty record begins, whose end is behind what was looked at.
    fn begin_slices(
        &mut self,
        code: Code,
        detail: Detail,
        seen: usize,
        spare: &BufferPool,
    ) -> Work {
        let by_brackets = self.format.framing().is_bracketed();
        let blank = if by_brackets { leading_space(self.seen(seen)) } else { 0 };
        if 0 < blank {
            return self.give_space(blank, spare);
        }
        let until = match self.format.framing() {
            Framing::Lines | Framing::Csv { .. } => Until::LineEnd,
            Framing::Items => Until::Scanned(self.scanned(Scanner::item(), seen)),
            Framing::Objects => {
                Until::Scanned(self.scanned(Scanner::object(self.seen(seen)), seen))
            }
        };
        self.slice(Slicing { code, detail, until }, seen, seen, spare)
    }

    /// The scanner after what was looked at, in which the record does not end.
    fn scanned(&self, mut scanner: Scanner, seen: usize) -> Scanner {
        scanner.end(self.seen(seen), 0);
        scanner
    }

    /// The next slice of a faulty record: up to its end, if that is in what is held from `from` to
    /// `to`, else up to `to`.
    fn slice(&mut self, mut slicing: Slicing, from: usize, to: usize, spare: &BufferPool) -> Work {
        let is_all = to == self.held.len() && (self.at_end || self.broken.is_some());
        let bytes = self.held.bytes().get(from..to).unwrap_or(&[]);
        let end = match &mut slicing.until {
            Until::LineEnd => memchr::memchr(b'\n', bytes).map(|newline| newline + 1),
            Until::Scanned(scanner) => scanner.end(bytes, 0),
            Until::End => None,
        };
        let is_last = end.is_some() || is_all;
        self.slicing = (!is_last).then_some(slicing);
        let (buffer, offset) = self.give(end.map_or(to, |end| from + end), spare);
        if is_last && let Until::Scanned(scanner) = slicing.until {
            self.end_item(&scanner, end.is_some());
        }
        let Slicing { code, detail, .. } = slicing;
        Work::Slice { buffer, offset, code, detail, is_last }
    }

    /// After an item that passed in slices: its comma, the array's bracket, or neither.
    fn end_item(&mut self, scanner: &Scanner, is_ended: bool) {
        if self.format.framing() != Framing::Items {
            return;
        }
        if !is_ended {
            let is_missed = self.at_end && !scanner.is_open();
            self.array = if is_missed { Array::NotClosed } else { Array::Closed };
            return;
        }
        if self.seen(1) == b"]" {
            self.array = Array::Closed;
        }
        self.skip(1);
    }

    /// Gives the first bytes held away, and keeps the rest.
    fn give(&mut self, count: usize, spare: &BufferPool) -> (Buffer, u64) {
        let mut rest = spare.take();
        rest.push(self.held.bytes().get(count..).unwrap_or(&[]));
        let mut given = mem::replace(&mut self.held, rest);
        given.truncate(count);
        let offset = self.offset;
        self.offset += wide(count);
        (given, offset)
    }

    pub(crate) fn is_over(&self) -> bool {
        let is_read = self.at_end && self.held.is_empty();
        let is_whole = self.format.framing() != Framing::Items || self.array == Array::Closed;
        (is_read && is_whole) || self.is_given_up
    }

    /// The bytes of the stored input that were read since this was asked.
    pub(crate) fn newly_read(&mut self) -> u64 {
        let before = mem::replace(&mut self.stored_told, self.stored.bytes());
        self.stored_told - before
    }

    pub(crate) fn end(&mut self) -> End {
        let offset = self.offset;
        let broken = self.broken.take().map(|bad| Broken { bad, offset });
        End { bytes: self.stored.bytes(), sha256: self.stored.sha256(), broken }
    }
}

fn wide(count: usize) -> u64 {
    u64::try_from(count).expect("fewer than 2^64 bytes")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::decode::frame::record_at;
    use crate::input::inflate::Compression;

    /// Where a record is, and what its frame says of it.
    type FramedRecord = (u64, u64, Option<Code>);

    /// A text, and a fault after it.
    struct Text {
        bytes: Vec<u8>,
        portion: usize,
        breaks: bool,
    }

    impl Read for Text {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            if self.bytes.is_empty() && self.breaks {
                return Err(BadInput::new("broken", "").into_io());
            }
            let count = self.bytes.len().min(self.portion).min(buffer.len());
            buffer[..count].copy_from_slice(&self.bytes[..count]);
            self.bytes.drain(..count);
            Ok(count)
        }
    }

    /// The records of a text, and the place reached.
    fn records(
        text: &[u8],
        format: &Format,
        (chunk_bytes, max_record): (usize, usize),
        breaks: bool,
    ) -> (Vec<FramedRecord>, u64) {
        let reader = Text { bytes: text.to_vec(), portion: 1 + chunk_bytes % 7, breaks };
        let opened = OpenInput {
            reader: Box::new(reader),
            compression: Compression::None,
            is_opened_ahead: false,
            expected: None,
            stored: Arc::default(),
        };
        let limits = Limits { open_inputs: 1, chunk_bytes, max_record };
        let spare = BufferPool::default();
        let mut reading = Reading::new(0, "text", opened, Buffer::default());
        reading.format = format.clone();
        let mut found = Vec::new();
        let mut slice: Option<FramedRecord> = None;
        let mut passed = 0;
        loop {
            let work = reading.next_work(&limits, &spare).ok().expect("it can be read");
            match work {
                Work::Nothing => {}
                Work::Space { buffer } => {
                    assert_eq!(leading_space(buffer.bytes()), buffer.len());
                    passed += wide(buffer.len());
                }
                Work::Chunk { buffer, offset, .. } => {
                    passed = offset + wide(buffer.len());
                    let mut at = 0;
                    while at < buffer.len() {
                        let record = record_at(buffer.bytes(), at, format.framing(), max_record);
                        assert!(at < record.next);
                        at = record.next;
                        if record.start < record.end || record.problem.is_some() {
                            let len = wide(record.end - record.start);
                            let code = record.problem.map(|(code, _)| code);
                            found.push((offset + wide(record.start), len, code));
                        }
                    }
                }
                Work::Slice { buffer, offset, code, is_last, .. } => {
                    let bytes = buffer.bytes();
                    let (start, before, code) = slice.unwrap_or((offset, 0, Some(code)));
                    let text_len = wide(bytes.trim_ascii_end().len());
                    let len = if text_len == 0 { before } else { offset - start + text_len };
                    slice = Some((start, len, code));
                    passed = offset + wide(buffer.len());
                    if is_last {
                        found.extend(slice.take());
                    }
                }
            }
            if reading.is_over() {
                assert!(slice.is_none(), "a faulty record has an end");
                return (found, passed);
            }
        }
    }

    const WHOLE: usize = 1 << 20;

    #[track_caller]
    fn check(format: &Format, text: &str, max: usize, expected: &[(&str, Option<Code>)]) {
        for chunk_bytes in [1, 2, 3, 5, 8, 13, 21, WHOLE] {
            let (found, _) = records(text.as_bytes(), format, (chunk_bytes, max), false);
            let found: Vec<_> = found
                .into_iter()
                .map(|(start, len, code)| {
                    let place =
                        usize::try_from(start).unwrap()..usize::try_from(start + len).unwrap();
                    (text.get(place).unwrap(), code)
                })
                .collect();
            assert_eq!(found, expected, "{text:?} in chunks of {chunk_bytes}");
        }
    }

    const BAD: Option<Code> = Some(Code::JsonSyntax);
    const LONG: Option<Code> = Some(Code::TooLongRecord);

    #[test]
    fn items_end_at_commas_and_brackets() {
        let items = |text: &str, expected: &[_]| check(&Format::JsonItems, text, 20, expected);
        items("{\"a\":1},\n {\"b\":[2,3]} ]", &[("{\"a\":1}", None), ("{\"b\":[2,3]}", None)]);
        items(
            "1 ,\"],\" ,[ 2,[3]],null]\n",
            &[("1", None), ("\"],\"", None), ("[ 2,[3]]", None), ("null", None)],
        );
        items("{\"a\":\"\\\"},{\"},{}]", &[("{\"a\":\"\\\"},{\"}", None), ("{}", None)]);
        items("{}{},{}]", &[("{}{}", None), ("{}", None)]);
        items("{},,{},]", &[("{}", None), ("", BAD), ("{}", None), ("", BAD)]);
        items("{\"a\":[1},{}]", &[("{\"a\":[1}", None), ("{}", None)]);
        items("{}},{}] ", &[("{}}", None), ("{}", None)]);
        items("{}]\n[{}]", &[("{}", None), ("[{}]", BAD)]);
    }

    #[test]
    fn the_end_that_an_array_lacks_is_told() {
        let items = |text: &str, expected: &[_]| check(&Format::JsonItems, text, 20, expected);
        items("{}", &[("{}", None), ("", BAD)]);
        items("{},\n", &[("{}", None), ("", BAD)]);
        items("", &[("", BAD)]);
        items("{},{\"a\":[{}]", &[("{}", None), ("{\"a\":[{}]", None)]);
        items("{},\"a]", &[("{}", None), ("\"a]", None)]);
    }

    #[test]
    fn a_long_item_leaves_the_next_alone() {
        let items = |text: &str, expected: &[_]| check(&Format::JsonItems, text, 5, expected);
        items("{\"a\":\"]},\"} , {}]", &[("{\"a\":\"]},\"}", LONG), ("{}", None)]);
        items("{\"a\":\"]},\"}]{}", &[("{\"a\":\"]},\"}", LONG), ("{}", BAD)]);
        items("1, 1234567", &[("1", None), ("1234567", LONG), ("", BAD)]);
        items("\"1234567", &[("\"1234567", LONG)]);
        items("12345,123456]", &[("12345", None), ("123456", LONG)]);
    }

    #[test]
    fn objects_end_with_their_brace() {
        let objects = |text: &str, expected: &[_]| check(&Format::JsonObjects, text, 10, expected);
        objects(" {\n \"a\": 1\n}\n{}{}", &[("{\n \"a\": 1\n}", LONG), ("{}", None), ("{}", None)]);
        objects(
            "{},\n{} x {}",
            &[("{}", None), (",", BAD), ("{}", None), ("x", BAD), ("{}", None)],
        );
        objects("{\"a\":[}{}", &[("{\"a\":[}", None), ("{}", None)]);
        objects("{}{\"a\":{} ", &[("{}", None), ("{\"a\":{}", None)]);
        objects("{\"a\":\"}}\\\"{\"}{}", &[("{\"a\":\"}}\\\"{\"}", LONG), ("{}", None)]);
        objects(
            "{} this is no object\n\n{}",
            &[("{}", None), ("this is no object", BAD), ("{}", None)],
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(3000))]
        /// However the text is cut, the same records are found, also before a fault.
        #[test]
        fn cuts_make_no_difference(
            text in "([{}\\[\\],]|\"|\\\\|[a1 \n]|\\{\"a\":1\\}){0,40}",
            max_record in 1_usize..20,
            chunk_bytes in 1_usize..30,
            breaks in any::<bool>(),
        ) {
            for format in [Format::JsonItems, Format::JsonObjects] {
                let text = text.as_bytes();
                let whole = records(text, &format, (WHOLE, max_record), breaks);
                let cut = records(text, &format, (chunk_bytes, max_record), breaks);
                prop_assert_eq!(&cut.0, &whole.0, "{:?}", format);
                if !breaks {
                    prop_assert_eq!(cut.1, u64::try_from(text.len()).unwrap(), "all is passed");
                }
            }
        }

        /// What serde_json finds in a stream of values is what is found here.
        #[test]
        fn records_are_those_of_serde_json(
            values in proptest::collection::vec(value(), 0..8),
            pretty in any::<bool>(),
            chunk_bytes in 1_usize..40,
        ) {
            let text = |value: &serde_json::Value| if pretty {
                serde_json::to_string_pretty(value).unwrap()
            } else {
                value.to_string()
            };
            let mut array: Vec<u8> = text(&serde_json::Value::Array(values.clone())).into_bytes();
            array.remove(0);
            if values.is_empty() {
                return Ok(());
            }
            let (items, _) = records(&array, &Format::JsonItems, (chunk_bytes, WHOLE), false);
            prop_assert_eq!(parsed(&array, &items), values.clone());

            let objects: Vec<_> = values.into_iter().filter(serde_json::Value::is_object).collect();
            let row = objects.iter().map(text).collect::<Vec<_>>().join(if pretty { "\n" } else { "" });
            let (found, _) = records(row.as_bytes(), &Format::JsonObjects, (chunk_bytes, WHOLE), false);
            prop_assert_eq!(parsed(row.as_bytes(), &found), objects);
        }
    }

    fn parsed(text: &[u8], found: &[FramedRecord]) -> Vec<serde_json::Value> {
        found
            .iter()
            .map(|(start, len, code)| {
                assert_eq!(*code, None);
                let place = usize::try_from(*start).unwrap()..usize::try_from(start + len).unwrap();
                serde_json::from_slice(text.get(place).unwrap()).unwrap()
            })
            .collect()
    }

    fn value() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            Just(serde_json::Value::Null),
            any::<bool>().prop_map(serde_json::Value::from),
            any::<i32>().prop_map(serde_json::Value::from),
            "[a\"\\\\{}\\[\\], \n\u{e9}]{0,9}".prop_map(serde_json::Value::from),
        ];
        leaf.prop_recursive(3, 20, 4, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(serde_json::Value::from),
                proptest::collection::vec(("[a-c\"}]{0,3}", inner), 0..4).prop_map(|members| {
                    serde_json::Value::Object(members.into_iter().collect())
                }),
            ]
        })
    }
}
