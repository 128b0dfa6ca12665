//! Reads the inputs one after the other and cuts them into chunks of whole records.
//!
//! Gives [`Unit`]s in input order. A record that is too long to be held passes in slices, so
//! memory stays bounded whatever an input holds. An input is known to be whole only at its
//! end: its last unit says what was read.

mod ahead;
mod begin;
mod buffer;
mod detect;
mod encoding;
mod error;
mod inflate;
mod open;
mod reading;
mod settings;

use std::collections::VecDeque;

pub(crate) use ahead::{PIECE_BYTES, PIECES_IN_ALL};
pub(crate) use buffer::{Buffer, BufferPool};
pub(crate) use encoding::DECODE_BYTES;
pub(crate) use error::{BadInput, InputError};
pub(crate) use inflate::{Compression, WINDOW_BYTES};
pub(crate) use reading::READ_ON_BYTES;
pub(crate) use settings::{Limits, Settings};

use crate::decode::Format;
use crate::engine::Cancel;
use crate::record::{Code, Detail};
use crate::store::{Inputs, Listed, Stamp};
use error::ReadError;
use open::{OpenInput, open};
use reading::Reading;

/// The next piece of the inputs.
pub(crate) struct Unit {
    /// The input's place in the listing.
    pub(crate) input: usize,
    /// Set in an input's first unit.
    pub(crate) begin: Option<Begin>,
    pub(crate) work: Work,
    /// Bytes of the input, as it is stored, that were read since the unit before.
    pub(crate) newly_read: u64,
    /// Set in an input's last unit.
    pub(crate) end: Option<End>,
}

/// How an input begins.
pub(crate) struct Begin {
    /// None where that can't be told.
    pub(crate) format: Option<&'static str>,
    pub(crate) compression: Compression,
    /// Whether records are told by their brackets, and not by line ends.
    pub(crate) by_brackets: bool,
    /// Line ends before the first record: of a header and of blank lines before it.
    pub(crate) lines: u64,
    pub(crate) blank_lines: u64,
    /// The header as it stands, with its line end.
    pub(crate) header: Vec<u8>,
    /// The renamings of the definition that the header has names for, by their places there.
    pub(crate) renamings: Vec<usize>,
}

impl Default for Begin {
    fn default() -> Begin {
        Begin {
            format: None,
            compression: Compression::None,
            by_brackets: false,
            lines: 0,
            blank_lines: 0,
            header: Vec::new(),
            renamings: Vec::new(),
        }
    }
}

/// What was read of an input.
pub(crate) struct End {
    /// As it is stored.
    pub(crate) bytes: u64,
    /// Lower hex, where the definition asks for it.
    pub(crate) sha256: Option<String>,
    pub(crate) broken: Option<Broken>,
}

/// An input that could not be read to its end.
pub(crate) struct Broken {
    pub(crate) bad: BadInput,
    /// The place in the text from where on no record was read.
    pub(crate) offset: u64,
}

pub(crate) enum Work {
    Nothing,
    /// White space between records.
    Space {
        buffer: Buffer,
    },
    /// Whole records, from `offset` of the text on.
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
pub(crate) struct InputReader<'a> {
    settings: Settings<'a>,
    limits: Limits,
    cancel: &'a Cancel,
    listed: &'a [Listed],
    inputs: &'a Inputs<'a>,
    /// The inputs from `next_input` on, as far as they were looked at: archives among them are
    /// open, and are inflated side by side.
    ahead: VecDeque<Option<OpenInput>>,
    /// The input after the one that is being read.
    next_input: usize,
    current: Option<Reading>,
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
        let mut reading = match self.current.take() {
            Some(reading) => reading,
            None => match self.begin_next()? {
                Begun::Reading(reading) => *reading,
                Begun::Broken(unit) => return Ok(Some(*unit)),
                Begun::NoMore => return Ok(None),
            },
        };
        let name = self.name(reading.input);
        let work = reading.next_work(&self.limits, self.spare).map_err(|stop| match stop {
            ReadError::Fatal(error) => error,
            ReadError::Bad(bad) => bad.into_error(name, reading.offset),
        })?;
        let end = reading.is_over().then(|| reading.end());
        if let Some(End { broken: Some(Broken { bad, offset }), .. }) = &end
            && !self.settings.skips_bad_files
        {
            return Err(bad.clone().into_error(name, *offset));
        }
        let is_over = end.is_some();
        let unit = Unit {
            input: reading.input,
            begin: reading.begin.take(),
            work,
            newly_read: reading.newly_read(),
            end,
        };
        if !is_over {
            self.current = Some(reading);
        }
        Ok(Some(unit))
    }

    /// Begins each input only to see its format, with its header if it has one. One that can't be
    /// read and may be passed over is.
    pub(crate) fn each_format<E: From<InputError>>(
        &mut self,
        mut see: impl FnMut(&str, &Format) -> Result<(), E>,
    ) -> Result<(), E> {
        loop {
            self.cancel.check().map_err(InputError::from)?;
            match self.begin_next()? {
                Begun::Reading(reading) => see(self.name(reading.input), &reading.format)?,
                Begun::Broken(_) => {}
                Begun::NoMore => return Ok(()),
            }
        }
    }

    fn name(&self, input: usize) -> &'a str {
        self.listed.get(input).map_or("", |listed| listed.name.as_str())
    }

    /// Begins to read the next input.
    fn begin_next(&mut self) -> Result<Begun, InputError> {
        let input = self.next_input;
        let Some(listed) = self.listed.get(input) else { return Ok(Begun::NoMore) };
        self.next_input += 1;
        let ahead = self.ahead.pop_front().flatten();
        let opened = ahead.map_or_else(|| self.open(input, listed), Ok);
        self.look_ahead();
        let name = self.name(input);
        let mut broken = Unit::of_broken(input);
        let stop = match opened {
            Ok(opened) => {
                let mut reading = Reading::new(input, name, opened, self.spare.take());
                match reading.prepare(&self.settings, &self.limits) {
                    Ok(()) => return Ok(Begun::Reading(Box::new(reading))),
                    Err(stop) => {
                        broken.begin = reading.begin.take();
                        broken.newly_read = reading.newly_read();
                        broken.end = Some(reading.end());
                        stop
                    }
                }
            }
            Err(stop) => stop,
        };
        match stop {
            ReadError::Fatal(error) => Err(error),
            ReadError::Bad(bad) if self.settings.skips_bad_files => {
                let end = End { bytes: 0, sha256: None, broken: None };
                let end = broken.end.get_or_insert(end);
                end.broken = Some(Broken { bad, offset: 0 });
                Ok(Begun::Broken(Box::new(broken)))
            }
            ReadError::Bad(bad) => Err(bad.into_error(name, 0)),
        }
    }

    fn open(&self, number: usize, listed: &Listed) -> Result<OpenInput, ReadError> {
        open(self.inputs, number, listed, &self.settings, self.cancel)
    }

    /// Looks at as many inputs ahead as there are threads, and opens the archives among them. What
    /// is wrong with one is told when it is its turn. A stream is left alone: it may have nothing
    /// to give yet.
    fn look_ahead(&mut self) {
        while self.ahead.len() + 1 < self.limits.open_inputs {
            let number = self.next_input + self.ahead.len();
            let Some(listed) = self.listed.get(number) else { return };
            let is_stream = listed.stamp == Stamp::Stream;
            let opened = if is_stream { None } else { self.open(number, listed).ok() };
            self.ahead.push_back(opened.filter(|opened| opened.is_opened_ahead));
        }
    }
}

/// What became of beginning with an input.
enum Begun {
    Reading(Box<Reading>),
    /// It is passed over.
    Broken(Box<Unit>),
    NoMore,
}

impl Unit {
    /// An input that is passed over from its start.
    fn of_broken(input: usize) -> Unit {
        Unit { input, begin: Some(Begin::default()), work: Work::Nothing, newly_read: 0, end: None }
    }
}

impl Iterator for InputReader<'_> {
    type Item = Result<Unit, InputError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_unit().transpose()
    }
}

fn line_ends(bytes: &[u8]) -> u64 {
    u64::try_from(memchr::memchr_iter(b'\n', bytes).count()).expect("fewer than 2^64 lines")
}
