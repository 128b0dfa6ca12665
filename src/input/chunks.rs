//! Reads one input and cuts its text into chunks of whole records.
//!
//! The reader holds the bytes from the next record on. To cut a chunk, it *peeks* at
//! `chunk_bytes` of them (more if no record ends there), asks [`cut`] how many make whole
//! records, and hands these over in their buffer. The rest moves to another buffer.
//!
//! To bound memory, two things never enter a chunk. A record that is too long is passed on in slices,
//! since only its length and its original bytes matter. Long white space between records is passed
//! on separately.
//!
//! Invariant: where chunks, slices and records end depends on the text and the limits, and never on
//! how many bytes a read happened to return. So only the bytes peeked at count, even if
//! more are held.

use std::{
    io::{self, ErrorKind, Read},
    mem,
    sync::{Arc, Mutex, PoisonError},
};

use super::buffer::{Buffer, BufferPool};
use super::error::{BadInput, ReadError};
use super::open::{OpenInput, Stored};
use super::settings::Limits;
use super::{Broken, Compression, InputEnd, InputStart, Work};
use crate::decode::frame::{
    BYTE_ORDER_MARK, Cut, Dialect, Framing, LineEnd, SPACE_MAX, Scanner, cut, leading_filler,
    leading_space,
};
use crate::decode::{Beside, Format};
use crate::record::{Code, Detail};
use crate::store::ByteRange;

/// How many more bytes are read while a record has not ended.
pub(crate) const READ_MORE_BYTES: usize = 64 << 10;

/// How many bytes to look at next if no record ends in the first `want` bytes.
///
/// The framer looks at a record from its beginning each time. So the number of bytes doubles, and
/// the time for a long record grows linearly with its length. Beyond the length of the longest
/// record, it grows by at most [`READ_MORE_BYTES`].
pub(super) fn more(want: usize, max_record: usize) -> usize {
    let longest = max_record + 2 + SPACE_MAX;
    (want * 2).min(longest).max(want + want.min(READ_MORE_BYTES))
}

/// One input that is being read.
pub(super) struct ChunkReader {
    pub(super) input: usize,
    name: String,
    reader: Box<dyn Read + Send>,
    stored: Arc<Stored>,
    /// The stored bytes that [`ChunkReader::newly_read`] has reported.
    stored_reported: u64,
    /// What was read and not yet handed over. Begins with a record.
    pub(super) held: Buffer,
    /// The offset of `held` in the text.
    pub(super) offset: u64,
    /// The number of bytes of text read so far.
    read: u64,
    /// The length of the text in bytes, if it is known.
    expected: Option<u64>,
    at_end: bool,
    /// Why no more can be read. What was read before it is still used.
    error: Option<BadInput>,
    /// `None` once it was handed over.
    pub(super) start: Option<InputStart>,
    pub(super) format: Format,
    pub(super) line_end: LineEnd,
    /// Set inside a record that passes in slices.
    slicing: Option<Slicing>,
    /// Whether the array has ended, if the input is one.
    pub(super) array: Array,
    /// Whether everything read before the error was handed over.
    is_given_up: bool,
    /// The fields beside the records of the text that was read.
    pub(super) beside: Arc<Mutex<Beside>>,
    /// The lines of the text that are read. `None`: all.
    pub(super) range: Option<ByteRange>,
    /// The bytes read before the first of them.
    pub(super) before_range: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Array {
    /// Its items are being read, or the input is not an array.
    Open,
    Closed,
    /// The text ended before the array did.
    NotClosed,
}

/// A record that is known to be invalid before its end is found.
#[derive(Clone, Copy)]
struct Slicing {
    code: Code,
    detail: Detail,
    until: Until,
}

/// Where a record that passes in slices ends.
#[derive(Clone, Copy)]
enum Until {
    LineEnd(LineEnd),
    /// Where the scanner finds the end of a JSON value.
    Scanned(Scanner),
    TextEnd,
}

impl ChunkReader {
    pub(super) fn new(input: usize, name: &str, opened: OpenInput, held: Buffer) -> ChunkReader {
        let OpenInput { reader, expected, stored, compression, encoding, range, .. } = opened;
        ChunkReader {
            input,
            name: name.to_owned(),
            reader,
            stored,
            stored_reported: 0,
            held,
            offset: 0,
            read: 0,
            expected,
            at_end: false,
            error: None,
            start: Some(InputStart { compression, encoding, ..InputStart::default() }),
            format: Format::JsonLines(LineEnd::Newline),
            line_end: LineEnd::Newline,
            slicing: None,
            array: Array::Open,
            is_given_up: false,
            beside: Arc::default(),
            range,
            before_range: 0,
        }
    }

    /// Gives up the rest of the input. Its buffer, as large as a chunk, serves the next one.
    pub(super) fn into_buffer(self) -> Buffer {
        self.held
    }

    /// The error of a read that failed.
    pub(super) fn failed_read(&self, error: io::Error) -> ReadError {
        ReadError::of_read(&self.name, error)
    }

    /// Whether all of the text is held.
    pub(super) fn has_ended(&self) -> bool {
        self.at_end
    }

    /// Replaces what is held by a text of which the offsets are the same, and the reader of the rest.
    pub(super) fn replace(
        &mut self,
        held: &[u8],
        reader: impl FnOnce(Box<dyn Read + Send>) -> Box<dyn Read + Send>,
    ) {
        let own = mem::replace(&mut self.reader, Box::new(std::io::empty()));
        self.reader = reader(own);
        // The length of the text is no longer known.
        self.expected = None;
        self.held.truncate(0);
        self.held.push(held);
    }

    /// Removes the first `count` bytes held, and counts their line ends as lines before the first
    /// record.
    pub(super) fn skip(&mut self, count: usize) {
        let skipped = self.held.bytes().get(..count).unwrap_or(&[]);
        if let Some(start) = &mut self.start {
            start.lines += self.line_end.count(skipped);
        }
        self.held.skip(count);
        self.offset += wide(count);
    }

    /// Reads until `want` bytes are held, or the input ends or fails.
    fn fill(&mut self, want: usize) -> Result<(), ReadError> {
        self.held.reserve(want);
        // Once all the bytes that are expected have been read, one more read shows the end.
        while !self.at_end
            && self.error.is_none()
            && (self.held.len() < want || self.expected.is_some_and(|all| all <= self.read))
        {
            let count = match self.reader.read(self.held.room()) {
                Ok(count) => count,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => match ReadError::of_read(&self.name, error) {
                    ReadError::Bad(bad) => {
                        self.error = Some(bad);
                        continue;
                    }
                    fatal @ ReadError::Fatal(_) => return Err(fatal),
                },
            };
            self.at_end = count == 0;
            self.held.add_filled(count);
            self.read += wide(count);
        }
        Ok(())
    }

    /// Reads until `want` bytes are held, or the input ends or fails. Returns how many bytes the
    /// caller may look at, at most `want`, and whether the text ends with them.
    pub(super) fn peek(&mut self, want: usize) -> Result<(usize, bool), ReadError> {
        self.fill(want)?;
        let count = self.held.len().min(want);
        Ok((count, self.at_end && count == self.held.len()))
    }

    /// The first `count` bytes held.
    pub(super) fn front(&self, count: usize) -> &[u8] {
        self.held.bytes().get(..count).unwrap_or(&[])
    }

    /// Why no more can be read than what is held.
    pub(super) fn error(&self) -> Option<&BadInput> {
        self.error.as_ref()
    }

    /// Reads until at least one whole record is held. Returns where the whole records end, and how
    /// many bytes were looked at. [`Cut::More`] means that reading fails before a record ends.
    pub(super) fn whole_records(
        &mut self,
        framing: Framing,
        limits: &Limits,
    ) -> Result<(Cut, usize), ReadError> {
        let mut want = limits.chunk_bytes;
        loop {
            let (count, at_end) = self.peek(want)?;
            let is_all = count == self.held.len() && self.error.is_some();
            match cut(self.front(count), framing, limits.max_record, at_end) {
                Cut::More if !is_all => want = more(want, limits.max_record),
                cut @ (Cut::More
                | Cut::At(_)
                | Cut::Last(_)
                | Cut::NotClosed(_)
                | Cut::Invalid(..)) => return Ok((cut, count)),
            }
        }
    }

    /// Returns the next chunk, slice or white space.
    pub(super) fn next_work(
        &mut self,
        limits: &Limits,
        spare: &BufferPool,
    ) -> Result<Work, ReadError> {
        if let Some(slicing) = self.slicing {
            // At least two bytes, since one may be a CR whose meaning depends on the next.
            let (count, _) = self.peek(limits.chunk_bytes.max(2))?;
            return Ok(self.take_slice(slicing, 0, count, spare));
        }
        if self.format.framing().is_bracketed()
            && let Some(work) = self.between_records(limits, spare)?
        {
            return Ok(work);
        }
        let (cut, count) = self.whole_records(self.format.framing(), limits)?;
        let whole = match cut {
            Cut::At(whole) => {
                if self.at_end && whole == self.held.len() {
                    // In an array, this is an unclosed last item. It is rejected by itself, so the
                    // missing end of the array is not reported again.
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
            Cut::Invalid(code, detail) => return Ok(self.begin_slices(code, detail, count, spare)),
        };
        if whole == 0 {
            return Ok(Work::Nothing);
        }
        let (buffer, offset) = self.take(whole, spare);
        Ok(Work::Chunk { buffer, offset, format: self.format.clone() })
    }

    /// Returns what is between bracketed records and belongs to none: long white space, text after
    /// an array, and the missing end of an array. `None`: a record may follow.
    fn between_records(
        &mut self,
        limits: &Limits,
        spare: &BufferPool,
    ) -> Result<Option<Work>, ReadError> {
        let (count, _) = self.peek(limits.chunk_bytes.max(BYTE_ORDER_MARK.len()))?;
        if self.array == Array::NotClosed && count == 0 {
            self.array = Array::Closed;
            let (buffer, offset) = self.take(0, spare);
            let (code, detail) = (Code::JsonSyntax, Detail::ArrayNotClosed);
            return Ok(Some(Work::Slice { buffer, offset, code, detail, is_last: true }));
        }
        let is_after = self.array == Array::Closed;
        let front = self.front(count);
        // A byte order mark before a record is white space; after the array, it is text.
        let blank = if is_after { leading_space(front) } else { leading_filler(front) };
        if 0 < blank && (blank == count || SPACE_MAX <= blank || is_after) {
            return Ok(Some(self.take_space(blank, spare)));
        }
        if !is_after {
            return Ok(None);
        }
        if count == 0 {
            self.is_given_up = self.error.is_some();
            return Ok(Some(Work::Nothing));
        }
        let (code, detail) = (Code::JsonSyntax, Detail::TextAfterArray);
        let slicing = Slicing { code, detail, until: Until::TextEnd };
        Ok(Some(self.take_slice(slicing, count, count, spare)))
    }

    fn take_space(&mut self, count: usize, spare: &BufferPool) -> Work {
        let (buffer, _) = self.take(count, spare);
        Work::Space { buffer }
    }

    /// Begins to slice an invalid record that does not end in the first `count` bytes.
    fn begin_slices(
        &mut self,
        code: Code,
        detail: Detail,
        mut count: usize,
        spare: &BufferPool,
    ) -> Work {
        let is_bracketed = self.format.framing().is_bracketed();
        let blank = if is_bracketed { leading_filler(self.front(count)) } else { 0 };
        if 0 < blank {
            return self.take_space(blank, spare);
        }
        let until = match self.format.framing() {
            Framing::Lines(line_end) | Framing::Csv(Dialect { line_end, .. }) => {
                count = line_end.certain(self.front(count), false);
                Until::LineEnd(line_end)
            }
            Framing::Items => Until::Scanned(self.advanced(Scanner::item(), count)),
            Framing::Objects => {
                Until::Scanned(self.advanced(Scanner::object(self.front(count)), count))
            }
        };
        self.take_slice(Slicing { code, detail, until }, count, count, spare)
    }

    /// The scanner, advanced over the first `count` bytes, in which the record does not end.
    fn advanced(&self, mut scanner: Scanner, count: usize) -> Scanner {
        scanner.end(self.front(count), 0);
        scanner
    }

    /// Returns the next slice of an invalid record. It ends where the record does, if that is
    /// between the bytes `from` and `to`, and else at `to`.
    fn take_slice(
        &mut self,
        mut slicing: Slicing,
        from: usize,
        mut to: usize,
        spare: &BufferPool,
    ) -> Work {
        let is_all = to == self.held.len() && (self.at_end || self.error.is_some());
        let bytes = self.held.bytes().get(from..to).unwrap_or(&[]);
        let end = match &mut slicing.until {
            Until::LineEnd(line_end) => {
                to = from + line_end.certain(bytes, is_all);
                line_end.end_in_piece(bytes, is_all)
            }
            Until::Scanned(scanner) => scanner.end(bytes, 0),
            Until::TextEnd => None,
        };
        let is_last = end.is_some() || is_all;
        self.slicing = (!is_last).then_some(slicing);
        let (buffer, offset) = self.take(end.map_or(to, |end| from + end), spare);
        if is_last && let Until::Scanned(scanner) = slicing.until {
            self.end_item(&scanner, end.is_some());
        }
        let Slicing { code, detail, .. } = slicing;
        Work::Slice { buffer, offset, code, detail, is_last }
    }

    /// Skips the comma or the closing bracket after an array item that passed in slices.
    fn end_item(&mut self, scanner: &Scanner, has_ended: bool) {
        if self.format.framing() != Framing::Items {
            return;
        }
        if !has_ended {
            let is_missed = self.at_end && !scanner.is_open();
            self.array = if is_missed { Array::NotClosed } else { Array::Closed };
            return;
        }
        if self.front(1) == b"]" {
            self.array = Array::Closed;
        }
        self.skip(1);
    }

    /// Hands over the first `count` bytes held in their buffer, with their offset. The rest moves
    /// to another buffer.
    fn take(&mut self, count: usize, spare: &BufferPool) -> (Buffer, u64) {
        let mut rest = spare.take();
        rest.push(self.held.bytes().get(count..).unwrap_or(&[]));
        let mut taken = mem::replace(&mut self.held, rest);
        taken.truncate(count);
        let offset = self.offset;
        self.offset += wide(count);
        (taken, offset)
    }

    pub(super) fn is_over(&self) -> bool {
        let is_read = self.at_end && self.held.is_empty();
        let is_whole = self.format.framing() != Framing::Items || self.array == Array::Closed;
        (is_read && is_whole) || self.is_given_up
    }

    /// Whether this is a text of lines of JSON as it is stored, so that it can be read in ranges.
    pub(super) fn is_plain_lines(&self) -> bool {
        let start = self.start.as_ref();
        let is_stored = start.is_some_and(|start| {
            start.compression == Compression::None && start.encoding.is_none()
        });
        is_stored && matches!(self.format, Format::JsonLines(LineEnd::Newline))
    }

    /// The number of stored bytes read since the last call.
    pub(super) fn newly_read(&mut self) -> u64 {
        let before = mem::replace(&mut self.stored_reported, self.stored.bytes());
        self.stored_reported - before
    }

    /// What was read of the input, now that it is over.
    pub(super) fn end(&mut self) -> InputEnd {
        let offset = self.offset;
        let broken = self.error.take().map(|bad| Broken { bad, offset });
        let bytes = self.stored.bytes().saturating_sub(self.before_range);
        let digest = self.stored.digest();
        let beside = mem::take(&mut *self.beside.lock().unwrap_or_else(PoisonError::into_inner));
        InputEnd { bytes, digest, is_unchecked: false, broken, beside: beside.fields }
    }
}

fn wide(count: usize) -> u64 {
    u64::try_from(count).expect("fewer than 2^64 bytes")
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use proptest::prelude::*;

    use super::*;
    use crate::decode::frame::record_at;
    use crate::decode::{ColumnRules, ColumnSettings, Columns};
    use crate::schema::Schema;

    /// The offset and length of a record, and the problem found while framing it.
    type FramedRecord = (u64, u64, Option<Code>);

    /// A text that is read in portions, with an error after it if `fails`.
    struct Text {
        bytes: Vec<u8>,
        portion: usize,
        fails: bool,
    }

    impl Read for Text {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            if self.bytes.is_empty() && self.fails {
                return Err(BadInput::new("broken", "").into_io());
            }
            let count = self.bytes.len().min(self.portion).min(buffer.len());
            buffer[..count].copy_from_slice(&self.bytes[..count]);
            self.bytes.drain(..count);
            Ok(count)
        }
    }

    /// Returns the records of a text and the offset reached.
    fn records(
        text: &[u8],
        format: &Format,
        (chunk_bytes, max_record): (usize, usize),
        fails: bool,
    ) -> (Vec<FramedRecord>, u64) {
        let text = Text { bytes: text.to_vec(), portion: 1 + chunk_bytes % 7, fails };
        let opened = OpenInput {
            reader: Box::new(text),
            compression: Compression::None,
            encoding: None,
            is_opened_ahead: false,
            expected: None,
            stored: Arc::default(),
            range: None,
        };
        let limits = Limits { open_inputs: 1, chunk_bytes, max_record };
        let spare = BufferPool::default();
        let mut reader = ChunkReader::new(0, "text", opened, Buffer::default());
        reader.format = format.clone();
        let mut found = Vec::new();
        let mut slice: Option<FramedRecord> = None;
        let mut reached = 0;
        loop {
            let work = reader.next_work(&limits, &spare).ok().expect("it can be read");
            match work {
                Work::Nothing => {}
                Work::Space { buffer } => {
                    assert_eq!(leading_filler(buffer.bytes()), buffer.len());
                    reached += wide(buffer.len());
                }
                Work::Chunk { buffer, offset, .. } => {
                    reached = offset + wide(buffer.len());
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
                    let is_bracketed = format.framing().is_bracketed();
                    let is_space = |byte: &&u8| match **byte {
                        b'\r' | b'\n' => true,
                        other => is_bracketed && other.is_ascii_whitespace(),
                    };
                    let text_len = bytes.len() - bytes.iter().rev().take_while(is_space).count();
                    let text_len = wide(text_len);
                    let len = if text_len == 0 { before } else { offset - start + text_len };
                    slice = Some((start, len, code));
                    reached = offset + wide(buffer.len());
                    if is_last {
                        found.extend(slice.take());
                    }
                }
            }
            if reader.is_over() {
                assert!(slice.is_none(), "an invalid record has an end");
                return (found, reached);
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

    const ITEMS: Format = Format::JsonItems(LineEnd::Newline);
    const OBJECTS: Format = Format::JsonObjects(LineEnd::Newline);
    const BAD: Option<Code> = Some(Code::JsonSyntax);
    const LONG: Option<Code> = Some(Code::TooLongRecord);

    #[test]
    fn the_bytes_looked_at_are_a_few_times_the_longest_record() {
        for max_record in [100, 1 << 20, 64 << 20] {
            let (mut want, mut looked_at) = (1, 0);
            while want <= max_record + 2 + SPACE_MAX {
                looked_at += want;
                want = more(want, max_record);
            }
            assert!(looked_at <= 4 * (max_record + 2 + SPACE_MAX), "{max_record}: {looked_at}");
            assert!(want <= max_record + 2 + SPACE_MAX + READ_MORE_BYTES, "{max_record}: {want}");
        }
    }

    #[test]
    fn items_end_at_commas_and_brackets() {
        let items = |text: &str, expected: &[_]| check(&ITEMS, text, 20, expected);
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
    fn the_missing_end_of_an_array_is_reported() {
        let items = |text: &str, expected: &[_]| check(&ITEMS, text, 20, expected);
        items("{}", &[("{}", None), ("", BAD)]);
        items("{},\n", &[("{}", None), ("", BAD)]);
        items("", &[("", BAD)]);
        items("{},{\"a\":[{}]", &[("{}", None), ("{\"a\":[{}]", None)]);
        items("{},\"a]", &[("{}", None), ("\"a]", None)]);
    }

    #[test]
    fn a_long_item_does_not_affect_the_next() {
        let items = |text: &str, expected: &[_]| check(&ITEMS, text, 5, expected);
        items("{\"a\":\"]},\"} , {}]", &[("{\"a\":\"]},\"}", LONG), ("{}", None)]);
        items("{\"a\":\"]},\"}]{}", &[("{\"a\":\"]},\"}", LONG), ("{}", BAD)]);
        items("1, 1234567", &[("1", None), ("1234567", LONG), ("", BAD)]);
        items("\"1234567", &[("\"1234567", LONG)]);
        items("12345,123456]", &[("12345", None), ("123456", LONG)]);
    }

    #[test]
    fn objects_end_with_their_brace() {
        let objects = |text: &str, expected: &[_]| check(&OBJECTS, text, 10, expected);
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

    fn one_column(dialect: Dialect) -> Columns {
        let schema = Schema::shipped("pinpoint").expect("it is shipped");
        let rules = ColumnRules::new(schema.into(), ColumnSettings::default());
        Columns::named(&["Id".to_owned()], dialect, &rules).expect("a field")
    }

    /// The formats whose records end with lines.
    static LINES: LazyLock<Vec<Format>> = LazyLock::new(|| {
        let csv = |dialect| Format::Csv(Arc::new(one_column(dialect)));
        let formats = [LineEnd::Newline, LineEnd::Return].into_iter().flat_map(|line_end| {
            let plain = Dialect { line_end, ..Dialect::new(b',') };
            let escapes = Dialect { has_escapes: true, ..plain };
            let spaces = Dialect { skips_space: true, ..plain };
            let both = Dialect { skips_space: true, ..escapes };
            let json = Format::JsonLines(line_end);
            [json, csv(plain), csv(escapes), csv(spaces), csv(both)]
        });
        formats.collect()
    });

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(3000))]
        /// The same records are found in chunks of any size, also before an error.
        #[test]
        fn cuts_make_no_difference(
            text in "([{}\\[\\],]|\"|\\\\|[a1 \n]|\u{feff}|\\{\"a\":1\\}){0,40}",
            max_record in 1_usize..20,
            chunk_bytes in 1_usize..30,
            fails in any::<bool>(),
        ) {
            for format in [ITEMS, OBJECTS] {
                let text = text.as_bytes();
                let whole = records(text, &format, (WHOLE, max_record), fails);
                let cut = records(text, &format, (chunk_bytes, max_record), fails);
                prop_assert_eq!(&cut.0, &whole.0, "{:?}", format);
                if !fails {
                    prop_assert_eq!(cut.1, u64::try_from(text.len()).unwrap(), "all of the text is consumed");
                }
            }
        }

        /// The same lines and rows are found in chunks of any size, also before an error.
        #[test]
        fn cuts_of_lines_make_no_difference(
            text in "([ab, \\\\]|\"|\r|\n|\r\n|\"\r|,\"a\"|, \"|\\\\\"){0,60}",
            max_record in 1_usize..20,
            chunk_bytes in 1_usize..30,
            fails in any::<bool>(),
        ) {
            for format in &*LINES {
                let text = text.as_bytes();
                let whole = records(text, format, (WHOLE, max_record), fails);
                let cut = records(text, format, (chunk_bytes, max_record), fails);
                if fails {
                    // What was read before the error may end in the middle of a record.
                    let both = whole.0.len().min(cut.0.len());
                    prop_assert_eq!(&cut.0[..both], &whole.0[..both], "{:?}", format);
                } else {
                    prop_assert_eq!(&cut.0, &whole.0, "{:?}", format);
                    prop_assert_eq!(cut.1, u64::try_from(text.len()).unwrap());
                }
            }
        }

        /// The records are the values that serde_json finds in the text.
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
            let (items, _) = records(&array, &ITEMS, (chunk_bytes, WHOLE), false);
            prop_assert_eq!(parsed(&array, &items), values.clone());

            let objects: Vec<_> = values.into_iter().filter(serde_json::Value::is_object).collect();
            let row = objects.iter().map(text).collect::<Vec<_>>().join(if pretty { "\n" } else { "" });
            let (found, _) = records(row.as_bytes(), &OBJECTS, (chunk_bytes, WHOLE), false);
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
