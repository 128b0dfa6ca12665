//! Opens a listed input as a reader of its text: stored bytes are counted and hashed, inflated,
//! converted to UTF-8 and read ahead, each only if needed.

use std::{
    io::{self, Cursor, Read},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use crc_fast::{CrcAlgorithm, Digest as Crc};
use data_encoding::{BASE64, HEXLOWER};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::encoding::{Transcoder, encoding_of};
use super::error::{InputError, ReadError};
use super::inflate::{Compression, Inflater, MAGIC_BYTES};
use super::read_ahead::ReadAhead;
use super::settings::Settings;
use crate::crypto::Sha256;
use crate::definition::{DigestKind, TextEncoding};
use crate::engine::Cancel;
use crate::store::{ByteRange, Inputs, Listed, Stamp, StoreError};

/// How many bytes of a text say which encoding it has.
const EXAMINED_BYTES: usize = 64 << 10;

/// How many bytes are read at once where nothing but a digest is wanted.
const DIGESTED_AT_ONCE: usize = 1 << 20;

/// An input whose text can be read.
pub(super) struct OpenInput {
    pub(super) reader: Box<dyn Read + Send>,
    pub(super) compression: Compression,
    /// The encoding from which the text is converted.
    pub(super) encoding: Option<TextEncoding>,
    /// Whether it pays to open the input before its turn: its text is inflated or converted ahead,
    /// or it is in a bucket.
    pub(super) is_opened_ahead: bool,
    /// The length of the text in bytes, if it is known.
    pub(super) expected: Option<u64>,
    pub(super) stored: Arc<Stored>,
    /// The lines that are read, which are JSON. `None`: all of the text.
    pub(super) range: Option<ByteRange>,
}

/// What was read of an input as it is stored, before it is inflated.
#[derive(Default)]
pub(super) struct Stored {
    bytes: AtomicU64,
    digest: Mutex<Option<StoredDigest>>,
}

#[cfg_attr(
    feature = "fips",
    expect(
        clippy::large_enum_variant,
        reason = "few are open at once: the state of SHA-256 is elsewhere with FIPS"
    )
)]
enum StoredDigest {
    Sha256(Sha256),
    Crc64Nvme(Crc),
}

impl StoredDigest {
    fn new(kind: DigestKind) -> StoredDigest {
        match kind {
            DigestKind::Sha256 => StoredDigest::Sha256(Sha256::new()),
            DigestKind::Crc64Nvme => StoredDigest::Crc64Nvme(Crc::new(CrcAlgorithm::Crc64Nvme)),
        }
    }

    fn update(&mut self, bytes: &[u8]) {
        match self {
            StoredDigest::Sha256(digest) => digest.update(bytes),
            StoredDigest::Crc64Nvme(digest) => digest.update(bytes),
        }
    }

    /// The digest as manifests have it: SHA-256 in lower hex, CRC64-NVME big-endian in Base64.
    fn finish(self) -> String {
        match self {
            StoredDigest::Sha256(digest) => HEXLOWER.encode(&digest.finish()),
            StoredDigest::Crc64Nvme(digest) => BASE64.encode(&digest.finalize().to_be_bytes()),
        }
    }
}

impl Stored {
    pub(super) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// The digest of what was read. `None`: it was not requested.
    pub(super) fn digest(&self) -> Option<String> {
        let digest = self.digest.lock().unwrap_or_else(PoisonError::into_inner).take();
        digest.map(StoredDigest::finish)
    }

    fn add(&self, bytes: &[u8]) {
        let count = u64::try_from(bytes.len()).expect("fewer than 2^64 bytes");
        self.bytes.fetch_add(count, Ordering::Relaxed);
        if let Some(digest) = &mut *self.digest.lock().unwrap_or_else(PoisonError::into_inner) {
            digest.update(bytes);
        }
    }
}

/// Reads the input with this number to its end, and returns its digest as manifests have it.
pub(crate) fn digest(
    inputs: &Inputs<'_>,
    number: usize,
    name: &str,
    kind: DigestKind,
    cancel: &Cancel,
) -> Result<String, InputError> {
    let mut reader = inputs.open(number).map_err(InputError::Store)?;
    let mut digest = StoredDigest::new(kind);
    let mut buffer = vec![0; DIGESTED_AT_ONCE];
    loop {
        cancel.check()?;
        let count = reader.read(&mut buffer);
        let count = count.map_err(|error| InputError::Store(StoreError::from_read(name, error)))?;
        match buffer.get(..count) {
            Some([]) | None => return Ok(digest.finish()),
            Some(bytes) => digest.update(bytes),
        }
    }
}

/// Opens the input with this number. Text that has to be inflated or converted is read ahead from
/// now on.
pub(super) fn open(
    inputs: &Inputs<'_>,
    number: usize,
    listed: &Listed,
    settings: &Settings<'_>,
    cancel: &Cancel,
) -> Result<OpenInput, ReadError> {
    let reader = inputs.open(number).map_err(InputError::Store)?;
    let stored = Arc::new(Stored::default());
    if let Some(kind) = settings.digest {
        let digest = StoredDigest::new(kind);
        *stored.digest.lock().unwrap_or_else(PoisonError::into_inner) = Some(digest);
    }
    let is_stream = listed.stamp == Stamp::Stream;
    let reader: Box<dyn Read + Send> = if is_stream {
        Box::new(CancellableStdin { reader, cancel: cancel.clone() })
    } else {
        reader
    };
    let mut reader = StoredReader { reader, stored: Arc::clone(&stored) };
    if let Some(range) = listed.range {
        return Ok(OpenInput {
            reader: Box::new(reader),
            compression: Compression::None,
            encoding: None,
            is_opened_ahead: matches!(listed.stamp, Stamp::ETag(_)),
            expected: None,
            stored,
            range: Some(range),
        });
    }
    let start =
        read_start(&mut reader, MAGIC_BYTES).map_err(|e| ReadError::of_read(&listed.name, e))?;
    let compression = if settings.is_text { Compression::None } else { Compression::of(&start) };
    let reader = Box::new(Cursor::new(start).chain(reader));
    let inflater = Inflater::new(compression, reader, settings.max_expansion);
    let is_stored = inflater.is_err();
    let mut reader: Box<dyn Read + Send> = match inflater {
        Ok(inflater) => Box::new(inflater),
        Err(plain) => plain,
    };
    let mut encoding = settings.encoding;
    if encoding.is_none() && settings.detects_encoding {
        let start = read_start(&mut *reader, EXAMINED_BYTES)
            .map_err(|e| ReadError::of_read(&listed.name, e))?;
        encoding = encoding_of(&start);
        reader = Box::new(Cursor::new(start).chain(reader));
    }
    let is_plain = is_stored && encoding.is_none();
    let reader = match encoding {
        Some(encoding) => Box::new(Transcoder::new(reader, encoding)),
        None => reader,
    };
    Ok(OpenInput {
        reader: if is_plain { reader } else { Box::new(ReadAhead::new(reader)) },
        compression,
        encoding,
        is_opened_ahead: !is_plain || matches!(listed.stamp, Stamp::ETag(_)),
        expected: (is_plain && !is_stream).then_some(listed.bytes),
        stored,
        range: None,
    })
}

/// Reads so many bytes, or all if there are fewer.
fn read_start(reader: &mut dyn Read, bytes: usize) -> io::Result<Vec<u8>> {
    let mut start = Vec::new();
    let want = u64::try_from(bytes).expect("a few");
    reader.take(want).read_to_end(&mut start)?;
    Ok(start)
}

/// Counts and hashes the stored bytes that are read.
struct StoredReader {
    reader: Box<dyn Read + Send>,
    stored: Arc<Stored>,
}

impl Read for StoredReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.reader.read(buffer)?;
        self.stored.add(buffer.get(..count).unwrap_or(&[]));
        Ok(count)
    }
}

/// Standard input. A read of it may block for any time, so each waits with [`poll`] and looks for
/// cancellation meanwhile.
struct CancellableStdin {
    reader: Box<dyn Read + Send>,
    cancel: Cancel,
}

/// Polling interval for cancellation.
const CANCEL_INTERVAL: Timespec = Timespec { tv_sec: 0, tv_nsec: 100_000_000 };

impl Read for CancellableStdin {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let input = io::stdin();
        loop {
            self.cancel.check().map_err(io::Error::other)?;
            let mut fds = [PollFd::new(&input, PollFlags::IN)];
            match poll(&mut fds, Some(&CANCEL_INTERVAL)) {
                Ok(0) | Err(rustix::io::Errno::INTR) => {}
                Ok(_) => return self.reader.read(buffer),
                Err(error) => return Err(error.into()),
            }
        }
    }
}
