//! Reads the inputs one after the other and cuts them into chunks of whole records.
//!
//! Gives [`Unit`]s in input order. A record that is too long to be held passes in slices, so
//! memory stays bounded whatever an input holds. An input is known to be whole only at its
//! end: its last unit says what was read.

use std::{io::Read, mem, ops::Range, sync::Arc};

use sha2::{Digest, Sha256};

use super::cancel::Cancel;
use super::error::{ErrorKind, RunError};
use super::limits::{Limits, READ_ON_BYTES};
use super::sniff::{Sniffed, sniff};
use crate::decode::frame::{self, Cut, Framing, cut};
use crate::decode::{Columns, Format};
use crate::pipeline::{InputFormat, Plan, Stages};
use crate::record::{Code, Detail};
use crate::store::{Listed, StoreError, open};

/// A buffer whose bytes are all initialised, and how many of them are filled.
#[derive(Default)]
pub(super) struct Buffer {
    data: Vec<u8>,
    filled: usize,
}

impl Buffer {
    pub(super) fn bytes(&self) -> &[u8] {
        self.data.get(..self.filled).unwrap_or(&[])
    }

    fn push(&mut self, bytes: &[u8]) {
        let end = self.filled + bytes.len();
        if self.data.len() < end {
            self.data.resize(end, 0);
        }
        if let Some(place) = self.data.get_mut(self.filled..end) {
            place.copy_from_slice(bytes);
        }
        self.filled = end;
    }
}

/// The next piece of the inputs.
pub(super) struct Unit {
    /// The input's place in the listing.
    pub(super) input: usize,
    /// Set in an input's first unit.
    pub(super) begin: Option<Begin>,
    pub(super) work: Work,
    /// Set in an input's last unit.
    pub(super) end: Option<End>,
}

/// How an input begins.
pub(super) struct Begin {
    pub(super) format: &'static str,
    /// Line ends before the first record: of a header and of blank lines before it.
    pub(super) lines: u64,
    pub(super) blank_lines: u64,
    /// The header as it stands, with its line end.
    pub(super) header: Vec<u8>,
}

/// What was read of an input.
pub(super) struct End {
    pub(super) bytes: u64,
    /// Lower hex, where the definition asks for it.
    pub(super) sha256: Option<String>,
}

pub(super) enum Work {
    Nothing,
    /// Whole records, from `offset` of the input on.
    Chunk {
        buffer: Buffer,
        offset: u64,
        format: Format,
    },
    /// A slice of a record that is faulty for certain and too long to be held.
    Slice {
        buffer: Buffer,
        offset: u64,
        code: Code,
        detail: Detail,
        is_last: bool,
    },
}

/// All inputs, as an iterator over their units.
pub(super) struct Source<'a> {
    plan: &'a Plan,
    stages: &'a Stages,
    limits: Limits,
    cancel: &'a Cancel,
    listed: &'a [Listed],
    next_input: usize,
    current: Option<Reading>,
    spare: &'a Spare,
}

/// Buffers to be used again.
#[derive(Default)]
pub(super) struct Spare(std::sync::Mutex<Vec<Buffer>>);

impl Spare {
    pub(super) fn give(&self, buffer: Buffer) {
        if let Ok(mut buffers) = self.0.lock() {
            buffers.push(buffer);
        }
    }

    fn take(&self) -> Buffer {
        let spare = self.0.lock().ok().and_then(|mut buffers| buffers.pop());
        Buffer { filled: 0, ..spare.unwrap_or_default() }
    }
}

/// One input that is being read.
struct Reading {
    input: usize,
    reader: Box<dyn Read + Send>,
    /// What was read and not given on; begins with a record.
    held: Buffer,
    /// Where `held` begins in the input.
    offset: u64,
    /// The bytes read so far.
    read: u64,
    /// The bytes that there should be.
    expected: u64,
    at_end: bool,
    begin: Option<Begin>,
    format: Format,
    framing: Framing,
    /// Inside a record that is too long to be held.
    slicing: Option<(Code, Detail)>,
    digest: Option<Sha256>,
}

impl<'a> Source<'a> {
    pub(super) fn new(
        plan: &'a Plan,
        stages: &'a Stages,
        limits: Limits,
        cancel: &'a Cancel,
        listed: &'a [Listed],
        spare: &'a Spare,
    ) -> Self {
        Source { plan, stages, limits, cancel, listed, next_input: 0, current: None, spare }
    }

    fn next_unit(&mut self) -> Result<Option<Unit>, RunError> {
        self.cancel.check()?;
        let mut reading = match self.current.take() {
            Some(reading) => reading,
            None => match self.open_next()? {
                Some(reading) => reading,
                None => return Ok(None),
            },
        };
        let name = self.name(reading.input);
        let work = reading.next_work(&self.limits, self.spare).map_err(|e| unreadable(name, e))?;
        let is_over = reading.is_over();
        let unit = Unit {
            input: reading.input,
            begin: reading.begin.take(),
            work,
            end: is_over.then(|| reading.end()),
        };
        if !is_over {
            self.current = Some(reading);
        }
        Ok(Some(unit))
    }

    /// Opens the next input only to see its format, with its header if it has one.
    pub(super) fn next_format(&mut self) -> Result<Option<Format>, RunError> {
        self.cancel.check()?;
        Ok(self.open_next()?.map(|reading| reading.format))
    }

    fn name(&self, input: usize) -> &str {
        self.listed.get(input).map_or("", |listed| listed.name.as_str())
    }

    fn open_next(&mut self) -> Result<Option<Reading>, RunError> {
        let input = self.next_input;
        let Some(listed) = self.listed.get(input) else { return Ok(None) };
        self.next_input += 1;
        let mut reading = Reading {
            input,
            reader: open(listed).map_err(|error| store_error(&error))?,
            held: self.spare.take(),
            offset: 0,
            read: 0,
            expected: listed.bytes,
            at_end: false,
            begin: None,
            format: Format::JsonLines,
            framing: Framing::Lines,
            slicing: None,
            digest: self.plan.input.digest.then(Sha256::new),
        };
        reading.prepare(self.plan, self.stages, &self.limits, &listed.name)?;
        Ok(Some(reading))
    }
}

impl Iterator for Source<'_> {
    type Item = Result<Unit, RunError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_unit().transpose()
    }
}

impl Reading {
    /// Tells the format and reads a header, so that `held` begins with the first record.
    fn prepare(
        &mut self,
        plan: &Plan,
        stages: &Stages,
        limits: &Limits,
        name: &str,
    ) -> Result<(), RunError> {
        let seen = self.begin_to_look(limits).map_err(|error| unreadable(name, error))?;
        let start = self.held.bytes().get(..seen).unwrap_or(&[]);
        let sniffed = sniff(start, plan.input.format)
            .map_err(|fault| bad_input(name, &fault.message, &fault.hint))?;
        let Sniffed { bom, format } = sniffed;
        self.skip(bom);
        let mut begin = Begin { format: "json", lines: 0, blank_lines: 0, header: Vec::new() };
        if format == InputFormat::Csv {
            begin.format = "csv";
            let columns = self.header(plan, stages, limits, name, &mut begin)?;
            self.framing = Framing::Csv { delimiter: columns.delimiter };
            self.format = Format::Csv(Arc::new(columns));
        }
        self.begin = Some(begin);
        Ok(())
    }

    fn header(
        &mut self,
        plan: &Plan,
        stages: &Stages,
        limits: &Limits,
        name: &str,
        begin: &mut Begin,
    ) -> Result<Columns, RunError> {
        const DELIMITER: u8 = b',';
        let framing = Framing::Csv { delimiter: DELIMITER };
        loop {
            let found = self.whole_records(framing, limits);
            let whole = match found.map_err(|error| unreadable(name, error))? {
                (Cut::At(whole), _) => whole,
                (Cut::Faulty(code, _), _) => return Err(bad_header(name, code, limits)),
                (Cut::More, _) => return Err(bad_header(name, Code::TooLongRecord, limits)),
            };
            let chunk = self.held.bytes().get(..whole).unwrap_or(&[]);
            let (start, record) = first_not_blank(chunk, DELIMITER, limits.max_record, begin);
            if let Some((code, _)) = record.fault {
                return Err(bad_header(name, code, limits));
            }
            if start == chunk.len() && !chunk.is_empty() {
                self.skip(start);
                continue;
            }
            let drop_unknown = plan.input.unknown_is_written
                && plan.input.unknown == crate::pipeline::Unknown::Drop;
            let columns = Columns::read(
                record.bytes(chunk),
                DELIMITER,
                &plan.schema,
                &stages.lookalikes,
                drop_unknown,
            )
            .map_err(|fault| bad_input(name, &fault.message, &fault.hint))?;
            begin.header = chunk.get(start..record.next).unwrap_or(&[]).to_vec();
            begin.lines += line_ends(&begin.header);
            self.skip(record.next);
            return Ok(columns);
        }
    }

    /// Leaves out the first bytes held.
    fn skip(&mut self, count: usize) {
        let rest = self.held.bytes().get(count..).unwrap_or(&[]).to_vec();
        self.held.filled = 0;
        self.held.push(&rest);
        self.offset += u64::try_from(count).expect("fewer than 2^64 bytes");
    }

    /// Reads on until so many bytes are held, or the input ends.
    fn fill(&mut self, want: usize) -> std::io::Result<()> {
        if self.held.data.len() < want {
            self.held.data.resize(want, 0);
        }
        while !self.at_end && (self.held.filled < want || self.expected <= self.read) {
            if self.held.filled == self.held.data.len() {
                // Only the end is still to be seen.
                self.held.data.resize(self.held.filled + 1, 0);
            }
            let room = self.held.data.get_mut(self.held.filled..).unwrap_or(&mut []);
            let count = match self.reader.read(room) {
                Ok(count) => count,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            if let (Some(digest), Some(new)) = (&mut self.digest, room.get(..count)) {
                digest.update(new);
            }
            self.at_end = count == 0;
            self.held.filled += count;
            self.read += u64::try_from(count).expect("fewer than 2^64 bytes");
        }
        Ok(())
    }

    /// Reads on until so many bytes are held, or the input ends. Gives how many there are to look
    /// at, and whether nothing follows them. More may be held than is to be looked at now: what
    /// is decided on must depend on the input alone, and not on what a read happened to bring.
    fn look(&mut self, want: usize) -> std::io::Result<(usize, bool)> {
        self.fill(want)?;
        let seen = self.held.filled.min(want);
        Ok((seen, self.at_end && seen == self.held.filled))
    }

    /// Looks at two lines, or as much as a record may be, or all: enough to tell what the input is.
    fn begin_to_look(&mut self, limits: &Limits) -> std::io::Result<usize> {
        let mut want = READ_ON_BYTES;
        loop {
            let (seen, at_end) = self.look(want)?;
            let bytes = self.held.bytes().get(..seen).unwrap_or(&[]);
            let lines =
                bytes.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty());
            if at_end || limits.max_record + 2 <= seen || lines.take(2).count() == 2 {
                return Ok(seen);
            }
            want += READ_ON_BYTES;
        }
    }

    /// How much of what is looked at makes whole records, after looking further where none ends;
    /// and how much was looked at.
    fn whole_records(
        &mut self,
        framing: Framing,
        limits: &Limits,
    ) -> std::io::Result<(Cut, usize)> {
        let mut want = limits.chunk_bytes;
        loop {
            let (seen, at_end) = self.look(want)?;
            let bytes = self.held.bytes().get(..seen).unwrap_or(&[]);
            match cut(bytes, framing, limits.max_record, at_end) {
                Cut::More => want += want.min(READ_ON_BYTES),
                cut @ (Cut::At(_) | Cut::Faulty(..)) => return Ok((cut, seen)),
            }
        }
    }

    fn next_work(&mut self, limits: &Limits, spare: &Spare) -> std::io::Result<Work> {
        if let Some(fault) = self.slicing {
            let (seen, _) = self.look(limits.chunk_bytes)?;
            return Ok(self.slice(fault, 0..seen, spare));
        }
        match self.whole_records(self.framing, limits)? {
            (Cut::At(0) | Cut::More, _) => Ok(Work::Nothing),
            (Cut::At(whole), _) => {
                let (buffer, offset) = self.give(whole, spare);
                Ok(Work::Chunk { buffer, offset, format: self.format.clone() })
            }
            // The record's end is behind what was looked at.
            (Cut::Faulty(code, detail), seen) => Ok(self.slice((code, detail), seen..seen, spare)),
        }
    }

    /// The next slice of a record that ends with the next line end: up to the one in this range
    /// of what is held, else up to the range's end.
    fn slice(&mut self, fault: (Code, Detail), range: Range<usize>, spare: &Spare) -> Work {
        let bytes = self.held.bytes().get(range.clone()).unwrap_or(&[]);
        let newline = memchr::memchr(b'\n', bytes).map(|newline| range.start + newline + 1);
        let is_last = newline.is_some() || (self.at_end && range.end == self.held.filled);
        self.slicing = (!is_last).then_some(fault);
        let (buffer, offset) = self.give(newline.unwrap_or(range.end), spare);
        let (code, detail) = fault;
        Work::Slice { buffer, offset, code, detail, is_last }
    }

    /// Gives the first bytes held away, and keeps the rest.
    fn give(&mut self, count: usize, spare: &Spare) -> (Buffer, u64) {
        let mut rest = spare.take();
        rest.push(self.held.bytes().get(count..).unwrap_or(&[]));
        let mut given = mem::replace(&mut self.held, rest);
        given.filled = count;
        let offset = self.offset;
        self.offset += u64::try_from(count).expect("fewer than 2^64 bytes");
        (given, offset)
    }

    fn is_over(&self) -> bool {
        self.at_end && self.held.filled == 0
    }

    fn end(&mut self) -> End {
        let sha256 = self.digest.take().map(|digest| super::hex(&digest.finalize()));
        End { bytes: self.read, sha256 }
    }
}

/// White space or delimiters alone.
fn is_blank(line: &[u8], delimiter: u8) -> bool {
    line.iter().all(|byte| matches!(byte, b' ' | b'\t' | b'\r'))
        || line.iter().all(|byte| *byte == delimiter)
}

/// A header that is no record.
fn bad_header(name: &str, code: Code, limits: &Limits) -> RunError {
    if code == Code::TooLongRecord {
        let message = format!("the header does not end within {} bytes", limits.max_record);
        return bad_input(name, &message, "check that the file is CSV with a header line");
    }
    let message = "the header has a quote that is not closed, or text after one";
    bad_input(name, message, "mend the first line")
}

/// The first record of a chunk that is not blank, and where it begins: the chunk's end if all are.
fn first_not_blank(
    chunk: &[u8],
    delimiter: u8,
    max_record: usize,
    begin: &mut Begin,
) -> (usize, frame::Record) {
    let mut at = 0;
    loop {
        let record = frame::csv_record(chunk, at, delimiter, max_record);
        let is_blank = record.fault.is_none() && is_blank(record.bytes(chunk), delimiter);
        if !is_blank || chunk.len() <= at {
            return (at, record);
        }
        begin.blank_lines += 1;
        begin.lines += line_ends(chunk.get(at..record.next).unwrap_or(&[]));
        at = record.next;
    }
}

fn line_ends(bytes: &[u8]) -> u64 {
    u64::try_from(memchr::memchr_iter(b'\n', bytes).count()).expect("fewer than 2^64 lines")
}

fn bad_input(name: &str, message: &str, hint: &str) -> RunError {
    RunError::new(ErrorKind::BadInput, format!("`{}`: {message}", super::shown_path(name)))
        .hint(hint)
}

pub(super) fn store_error(error: &StoreError) -> RunError {
    let (kind, hint) = match error {
        StoreError::NotFound { .. } => (ErrorKind::NoInput, "check `from` under `[input]`"),
        StoreError::NotUtf8 { .. } => (ErrorKind::NoInput, "rename the file, or move it elsewhere"),
        StoreError::Denied { .. } => (ErrorKind::Access, "check the permissions"),
        StoreError::Changed { .. } => (ErrorKind::Io, "run again when nothing writes to it"),
        StoreError::Io { .. } => (ErrorKind::Io, "check the disk, and run again"),
    };
    RunError::new(kind, super::with_source(error)).hint(hint)
}

/// A read that failed: the store says why.
fn unreadable(name: &str, error: std::io::Error) -> RunError {
    match error.downcast::<StoreError>() {
        Ok(error) => store_error(&error),
        Err(source) => store_error(&StoreError::Io { name: name.to_owned(), source }),
    }
}
