//! From a listed input to a reader of its text: read, inflated and decoded.

use std::{
    io::{self, Cursor, Read},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use data_encoding::HEXLOWER;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::ahead::Ahead;
use super::encoding::Decoded;
use super::error::{InputError, ReadError};
use super::inflate::{Compression, Inflated, MAGIC_BYTES};
use super::settings::Settings;
use crate::crypto::Sha256;
use crate::engine::Cancel;
use crate::store::{Inputs, Listed, Stamp};

/// An input whose text can be read.
pub(crate) struct OpenInput {
    pub(crate) reader: Box<dyn Read + Send>,
    pub(crate) compression: Compression,
    /// Whether it is better opened before its turn: its text is inflated or decoded ahead, or it
    /// comes from far away.
    pub(crate) is_opened_ahead: bool,
    /// Bytes of text that there should be, if that is known.
    pub(crate) expected: Option<u64>,
    pub(crate) stored: Arc<Stored>,
}

/// What was read of an input as it is stored.
#[derive(Default)]
pub(crate) struct Stored {
    bytes: AtomicU64,
    digest: Mutex<Option<Sha256>>,
}

impl Stored {
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// The SHA-256 of what was read, where the definition asks for it.
    pub(crate) fn sha256(&self) -> Option<String> {
        let digest = self.digest.lock().unwrap_or_else(PoisonError::into_inner).take();
        digest.map(|digest| HEXLOWER.encode(&digest.finish()))
    }

    fn add(&self, bytes: &[u8]) {
        let count = u64::try_from(bytes.len()).expect("fewer than 2^64 bytes");
        self.bytes.fetch_add(count, Ordering::Relaxed);
        if let Some(digest) = &mut *self.digest.lock().unwrap_or_else(PoisonError::into_inner) {
            digest.update(bytes);
        }
    }
}

/// Opens an input by its place among them. What has to be inflated or decoded is made ahead from
/// now on.
pub(crate) fn open(
    inputs: &Inputs<'_>,
    number: usize,
    listed: &Listed,
    settings: &Settings<'_>,
    cancel: &Cancel,
) -> Result<OpenInput, ReadError> {
    let reader = inputs.open(number).map_err(InputError::Store)?;
    let stored = Arc::new(Stored::default());
    if settings.digest {
        *stored.digest.lock().unwrap_or_else(PoisonError::into_inner) = Some(Sha256::new());
    }
    let is_stream = listed.stamp == Stamp::Stream;
    let reader: Box<dyn Read + Send> = if is_stream {
        Box::new(CancellableStdin { reader, cancel: cancel.clone() })
    } else {
        reader
    };
    let mut reader = Tapped { reader, stored: Arc::clone(&stored) };
    let start = first_bytes(&mut reader).map_err(|e| ReadError::of_read(&listed.name, e))?;
    let compression = Compression::of(&start);
    let reader = Box::new(Cursor::new(start).chain(reader));
    let inflated = Inflated::new(compression, reader, settings.max_expansion);
    let is_plain = inflated.is_err() && settings.encoding.is_none();
    let reader: Box<dyn Read + Send> = match inflated {
        Ok(inflated) => Box::new(inflated),
        Err(plain) => plain,
    };
    let reader = match settings.encoding {
        Some(encoding) => Box::new(Decoded::new(reader, encoding)),
        None => reader,
    };
    Ok(OpenInput {
        reader: if is_plain { reader } else { Box::new(Ahead::new(reader)) },
        compression,
        is_opened_ahead: !is_plain || matches!(listed.stamp, Stamp::ETag(_)),
        expected: (is_plain && !is_stream).then_some(listed.bytes),
        stored,
    })
}

fn first_bytes(reader: &mut dyn Read) -> io::Result<Vec<u8>> {
    let mut start = Vec::new();
    let want = u64::try_from(MAGIC_BYTES).expect("a few");
    reader.take(want).read_to_end(&mut start)?;
    Ok(start)
}

/// Notes what passes.
struct Tapped {
    reader: Box<dyn Read + Send>,
    stored: Arc<Stored>,
}

impl Read for Tapped {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.reader.read(buffer)?;
        self.stored.add(buffer.get(..count).unwrap_or(&[]));
        Ok(count)
    }
}

/// Standard input, which may have nothing to give for a long time, in which a run can be told to
/// end.
struct CancellableStdin {
    reader: Box<dyn Read + Send>,
    cancel: Cancel,
}

/// How long a signal waits at most.
const PATIENCE: Timespec = Timespec { tv_sec: 0, tv_nsec: 100_000_000 };

impl Read for CancellableStdin {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let input = io::stdin();
        loop {
            self.cancel.check().map_err(io::Error::other)?;
            let mut fds = [PollFd::new(&input, PollFlags::IN)];
            match poll(&mut fds, Some(&PATIENCE)) {
                Ok(0) | Err(rustix::io::Errno::INTR) => {}
                Ok(_) => return self.reader.read(buffer),
                Err(error) => return Err(error.into()),
            }
        }
    }
}
