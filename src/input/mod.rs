//! Reads the inputs one after the other and cuts them into chunks of whole records.
//!
//! `InputReader` is an iterator over `Unit`s, in input order. For each input:
//!
//! 1. `open`: the stored bytes become a reader of text in UTF-8. `inflate` and `encoding` convert
//!    them, and `read_ahead` runs both on the thread pool. As many inputs are open at once
//!    as there are threads, so that several archives are inflated at the same time.
//! 2. `start`: the form is detected from the first bytes (`detect`), and a CSV header is read, by which
//!    the delimiter is detected (`decode/csv/columns/delimiter.rs`).
//! 3. `chunks`: the text is cut into chunks of whole records.
//!
//! Nothing is decoded here: only the ends of records are found. A record that is too long to be
//! held passes in slices, so memory is bounded whatever an input contains.
//!
//! Whether an input can be read to its end is known only there, so its last unit says what was
//! read. The definition decides whether an input that is not a segment file ends the run or is
//! skipped.

mod buffer;
mod chunks;
mod detect;
mod encoding;
mod error;
mod inflate;
mod open;
mod read_ahead;
mod records;
mod settings;
mod start;

use std::collections::{BTreeMap, VecDeque};

pub(crate) use buffer::{Buffer, BufferPool};
pub(crate) use chunks::READ_MORE_BYTES;
pub(crate) use encoding::looks_like_windows_1252;
pub(crate) use error::{BadInput, InputError};
pub(crate) use inflate::Compression;
pub(crate) use open::digest;
pub(crate) use settings::{Limits, Settings};
pub(crate) use start::column_setting;

use crate::decode::Format;
use crate::decode::frame::LineEnd;
use crate::definition::TextEncoding;
use crate::engine::Cancel;
use crate::record::{Code, Detail};
use crate::store::{Inputs, Listed, Stamp};
use chunks::ChunkReader;
use error::ReadError;

use open::{OpenInput, open};

/// The most memory of one input that is read ahead: the inflater, the conversion to UTF-8, and the
/// pieces that wait.
pub(crate) const READ_AHEAD_BYTES: usize = inflate::INFLATER_BYTES
    + encoding::TRANSCODER_BYTES
    + read_ahead::PIECES_MAX * read_ahead::PIECE_BYTES;

/// A step in reading the inputs.
pub(crate) struct Unit {
    /// The input's index in the listing.
    pub(crate) input: usize,
    /// Set in an input's first unit.
    pub(crate) start: Option<InputStart>,
    pub(crate) work: Work,
    /// The number of bytes read since the last unit, as the input is stored.
    pub(crate) newly_read: u64,
    /// Set in an input's last unit.
    pub(crate) end: Option<InputEnd>,
}

/// How an input starts.
pub(crate) struct InputStart {
    /// `csv` or `json`. `None`: it could not be detected.
    pub(crate) format: Option<&'static str>,
    pub(crate) compression: Compression,
    /// `None`: it is UTF-8.
    pub(crate) encoding: Option<TextEncoding>,
    /// Whether brackets delimit the records, and not line ends.
    pub(crate) is_bracketed: bool,
    pub(crate) line_end: LineEnd,
    /// The number of line ends before the first record: those of the header and of blank lines
    /// before it.
    pub(crate) lines: u64,
    pub(crate) blank_lines: u64,
    /// The header as it was read, with its line end.
    pub(crate) header: Vec<u8>,
    /// The last row of it, which has the names of the columns. Empty if the definition names them.
    pub(crate) first_row: Vec<u8>,
    /// The renamings of the definition that match a name in the header, by index.
    pub(crate) renamings: Vec<usize>,
}

impl Default for InputStart {
    fn default() -> InputStart {
        InputStart {
            format: None,
            compression: Compression::None,
            encoding: None,
            is_bracketed: false,
            line_end: LineEnd::Newline,
            lines: 0,
            blank_lines: 0,
            header: Vec::new(),
            first_row: Vec::new(),
            renamings: Vec::new(),
        }
    }
}

/// What was read of an input.
#[derive(Default)]
pub(crate) struct InputEnd {
    /// The number of bytes as it is stored.
    pub(crate) bytes: u64,
    /// As manifests have it. `None`: it was not requested.
    pub(crate) digest: Option<String>,
    /// Whether its store has no checksum to compare it with.
    pub(crate) is_unchecked: bool,
    pub(crate) broken: Option<Broken>,
    /// How many values have a field beside their records, by its name.
    pub(crate) beside: BTreeMap<String, u64>,
}

/// Why an input could not be read to its end.
pub(crate) struct Broken {
    pub(crate) bad: BadInput,
    /// The offset in the text from which on no record was read.
    pub(crate) offset: u64,
}

/// What is to be processed in a unit.
pub(crate) enum Work {
    Nothing,
    /// White space between records.
    Space {
        buffer: Buffer,
    },
    /// Whole records, at `offset` in the text.
    Chunk {
        buffer: Buffer,
        offset: u64,
        format: Format,
    },
    /// A slice of a record that is known to be invalid and too long to be held.
    Slice {
        buffer: Buffer,
        offset: u64,
        code: Code,
        detail: Detail,
        is_last: bool,
    },
}

/// Reads all inputs. An iterator over their units; callers stop at the first error.
pub(crate) struct InputReader<'a> {
    settings: Settings<'a>,
    limits: Limits,
    cancel: &'a Cancel,
    listed: &'a [Listed],
    inputs: &'a Inputs<'a>,
    /// The inputs from `next_input` on that were looked at. `None`: open it when it is its turn.
    ahead: VecDeque<Option<OpenInput>>,
    /// The index of the input after the current one.
    next_input: usize,
    current: Option<ChunkReader>,
    spare: &'a BufferPool,
}

impl<'a> InputReader<'a> {
    pub(crate) fn new(
        settings: Settings<'a>,
        limits: Limits,
        cancel: &'a Cancel,
        inputs: &'a Inputs<'a>,
        spare: &'a BufferPool,
    ) -> Self {
        InputReader {
            settings,
            limits,
            cancel,
            listed: inputs.listed(),
            inputs,
            ahead: VecDeque::new(),
            next_input: 0,
            current: None,
            spare,
        }
    }

    fn next_unit(&mut self) -> Result<Option<Unit>, InputError> {
        self.cancel.check()?;
        let mut reader = match self.current.take() {
            Some(reader) => reader,
            None => match self.start_next()? {
                Started::Reading(reader) => *reader,
                Started::Skipped(unit) => return Ok(Some(*unit)),
                Started::NoMore => return Ok(None),
            },
        };
        let name = self.name(reader.input);
        let work = reader.next_work(&self.limits, self.spare).map_err(|error| match error {
            ReadError::Fatal(error) => error,
            ReadError::Bad(bad) => bad.into_error(name, reader.offset),
        })?;
        let mut end = reader.is_over().then(|| reader.end());
        if let Some(end) = &mut end {
            end.is_unchecked = self.inputs.is_unchecked(reader.input);
        }
        if let Some(InputEnd { broken: Some(Broken { bad, offset }), .. }) = &end
            && !self.settings.skips_bad_files
        {
            return Err(bad.clone().into_error(name, *offset));
        }
        let is_over = end.is_some();
        let unit = Unit {
            input: reader.input,
            start: reader.start.take(),
            work,
            newly_read: reader.newly_read(),
            end,
        };
        if !is_over {
            self.current = Some(reader);
        }
        Ok(Some(unit))
    }

    /// Starts each input and calls `see` with its name and format, which holds its columns if it
    /// is CSV. No record is read. Inputs that are skipped are left out.
    pub(crate) fn each_format<E: From<InputError>>(
        &mut self,
        mut see: impl FnMut(&str, &Format) -> Result<(), E>,
    ) -> Result<(), E> {
        loop {
            self.cancel.check().map_err(InputError::from)?;
            match self.start_next()? {
                Started::Reading(reader) => {
                    see(self.name(reader.input), &reader.format)?;
                    self.spare.give(reader.into_buffer());
                }
                Started::Skipped(_) => {}
                Started::NoMore => return Ok(()),
            }
        }
    }

    /// Starts each input, and returns those that cannot be, with the reason. No record is read.
    pub(crate) fn unusable(&mut self) -> Result<Vec<(&'a str, BadInput)>, InputError> {
        let mut unusable = Vec::new();
        while let Some(listed) = self.listed.get(self.next_input) {
            self.cancel.check()?;
            match self.start_next() {
                Ok(Started::Skipped(unit)) => {
                    let broken = unit.end.and_then(|end| end.broken);
                    unusable.extend(broken.map(|broken| (listed.name.as_str(), broken.bad)));
                }
                Ok(Started::Reading(reader)) => self.spare.give(reader.into_buffer()),
                Ok(Started::NoMore) => {}
                Err(InputError::Bad { bad, .. }) => unusable.push((listed.name.as_str(), bad)),
                Err(error) => return Err(error),
            }
        }
        Ok(unusable)
    }

    /// Starts each input, and calls `see` with the text that each of JSON begins with. No record is read. Inputs that
    /// cannot be started are left out.
    pub(crate) fn each_beginning(&mut self, mut see: impl FnMut(&[u8])) -> Result<(), InputError> {
        while self.next_input < self.listed.len() {
            self.cancel.check()?;
            match self.start_next() {
                Ok(Started::Reading(reader)) => {
                    if !matches!(reader.format, Format::Csv(_)) {
                        see(reader.held.bytes());
                    }
                    self.spare.give(reader.into_buffer());
                }
                Ok(Started::Skipped(_) | Started::NoMore) | Err(InputError::Bad { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Starts each input, and says which of them are lines of JSON as they are stored: these can be read in
    /// ranges. No record is read.
    pub(crate) fn plain_lines(&mut self) -> Result<Vec<bool>, InputError> {
        let mut are_plain = Vec::new();
        while self.next_input < self.listed.len() {
            self.cancel.check()?;
            are_plain.push(match self.start_next() {
                Ok(Started::Reading(reader)) => {
                    let is_plain = reader.is_plain_lines();
                    self.spare.give(reader.into_buffer());
                    is_plain
                }
                Ok(Started::Skipped(_) | Started::NoMore) | Err(InputError::Bad { .. }) => false,
                Err(error) => return Err(error),
            });
        }
        Ok(are_plain)
    }

    /// Leaves the rest of the current input unread.
    pub(crate) fn skip_rest(&mut self) {
        if let Some(reader) = self.current.take() {
            self.spare.give(reader.into_buffer());
        }
    }

    fn name(&self, input: usize) -> &'a str {
        self.listed.get(input).map_or("", |listed| listed.name.as_str())
    }

    fn start_next(&mut self) -> Result<Started, InputError> {
        let input = self.next_input;
        let Some(listed) = self.listed.get(input) else { return Ok(Started::NoMore) };
        self.next_input += 1;
        let ahead = self.ahead.pop_front().flatten();
        let opened = ahead.map_or_else(|| self.open(input, listed), Ok);
        self.open_ahead();
        let name = self.name(input);
        let mut unit = Unit::skipped(input);
        let error = match opened {
            Ok(opened) => {
                let mut reader = ChunkReader::new(input, name, opened, self.spare.take());
                match reader.start(&self.settings, &self.limits) {
                    Ok(()) => return Ok(Started::Reading(Box::new(reader))),
                    Err(error) => {
                        unit.start = reader.start.take();
                        unit.newly_read = reader.newly_read();
                        unit.end = Some(reader.end());
                        self.spare.give(reader.into_buffer());
                        error
                    }
                }
            }
            Err(error) => error,
        };
        match error {
            ReadError::Fatal(error) => Err(error),
            ReadError::Bad(bad) if self.settings.skips_bad_files => {
                let end = unit.end.get_or_insert_default();
                end.broken = Some(Broken { bad, offset: 0 });
                Ok(Started::Skipped(Box::new(unit)))
            }
            ReadError::Bad(bad) => Err(bad.into_error(name, 0)),
        }
    }

    fn open(&self, number: usize, listed: &Listed) -> Result<OpenInput, ReadError> {
        open(self.inputs, number, listed, &self.settings, self.cancel)
    }

    /// Opens the inputs that come next, as far as that pays. An error is reported when it is the
    /// input's turn, by opening it again. Standard input is not opened ahead: a read of it may
    /// block.
    fn open_ahead(&mut self) {
        while self.ahead.len() + 1 < self.limits.open_inputs {
            let number = self.next_input + self.ahead.len();
            let Some(listed) = self.listed.get(number) else { return };
            let is_stream = listed.stamp == Stamp::Stream;
            let opened = if is_stream { None } else { self.open(number, listed).ok() };
            self.ahead.push_back(opened.filter(|opened| opened.is_opened_ahead));
        }
    }
}

/// The outcome of starting an input.
enum Started {
    Reading(Box<ChunkReader>),
    Skipped(Box<Unit>),
    NoMore,
}

impl Unit {
    /// The only unit of an input that is skipped from its start.
    fn skipped(input: usize) -> Unit {
        let start = Some(InputStart::default());
        Unit { input, start, work: Work::Nothing, newly_read: 0, end: None }
    }
}

impl Iterator for InputReader<'_> {
    type Item = Result<Unit, InputError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_unit().transpose()
    }
}
