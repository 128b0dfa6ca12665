//! zstd: frames one after the other, and skippable frames between them.

use std::io::{self, Read};

use ruzstd::decoding::errors::FrameDecoderError;
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

use super::compressed::CompressedBytes;
use super::invalid;
use crate::input::error::BadInput;

pub(super) const MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
/// The largest window that is supported: the one that RFC 8878, section 3.1.1.1.2, recommends every
/// decoder to support. Only `--ultra` and `--long` make larger ones.
const WINDOW_MAX: u64 = 8 << 20;
/// The length of a skippable frame's magic number and size.
const SKIPPABLE_HEADER: usize = 8;

pub(super) struct Zstd {
    compressed: CompressedBytes,
    frame: FrameDecoder,
    in_frame: bool,
    /// The bytes of a skippable frame that are still to be skipped.
    to_skip: usize,
}

/// Whether these bytes begin a skippable frame (RFC 8878, section 3.1.2).
pub(super) fn is_skippable(start: &[u8]) -> bool {
    matches!(start, [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..])
}

impl Zstd {
    pub(super) fn new(compressed: CompressedBytes) -> Zstd {
        let mut frame = FrameDecoder::new();
        frame.set_max_window_size(WINDOW_MAX);
        Zstd { compressed, frame, in_frame: false, to_skip: 0 }
    }

    /// The number of bytes of the archive that the text so far came from.
    pub(super) fn consumed(&self) -> u64 {
        self.compressed.consumed()
    }

    /// Begins the next frame, or skips some of a skippable one. Returns false at the end of the
    /// archive.
    fn begin_frame(&mut self) -> io::Result<bool> {
        let start = self.compressed.peek(SKIPPABLE_HEADER)?;
        if 0 < self.to_skip {
            let count = self.to_skip.min(start.len());
            if count == 0 {
                return Err(invalid("zstd", "is cut off"));
            }
            self.compressed.consume(count);
            self.to_skip -= count;
        } else if start.is_empty() {
            return Ok(false);
        } else if is_skippable(start) {
            let length = start.get(4..).and_then(<[u8]>::first_chunk);
            let length = length.ok_or_else(|| invalid("zstd", "is cut off"))?;
            self.to_skip = usize::try_from(u32::from_le_bytes(*length)).unwrap_or(usize::MAX);
            self.compressed.consume(SKIPPABLE_HEADER);
        } else if start.starts_with(&MAGIC) {
            let outcome = self.frame.reset(&mut self.compressed);
            outcome.map_err(|error| self.frame_error(&error))?;
            self.in_frame = true;
        } else {
            return Err(invalid("zstd", "is followed by other data"));
        }
        Ok(true)
    }

    /// Decodes blocks until there is text to collect. Returns false at the end of the frame.
    fn decode_block(&mut self) -> io::Result<bool> {
        while self.frame.can_collect() == 0 {
            if self.frame.is_finished() {
                self.in_frame = false;
                return self.verify_checksum().map(|()| false);
            }
            let strategy = BlockDecodingStrategy::UptoBlocks(1);
            let outcome = self.frame.decode_blocks(&mut self.compressed, strategy);
            outcome.map_err(|error| self.frame_error(&error))?;
        }
        Ok(true)
    }

    fn verify_checksum(&self) -> io::Result<()> {
        let expected = self.frame.get_checksum_from_data();
        let is_right = expected.is_none() || expected == self.frame.get_calculated_checksum();
        if is_right { Ok(()) } else { Err(invalid("zstd", "is corrupt: its checksum is wrong")) }
    }

    /// Finds out why the decoder failed: the read, a window that is too large, or an invalid frame.
    fn frame_error(&mut self, error: &FrameDecoderError) -> io::Error {
        if let Some(error) = self.compressed.take_error() {
            return error;
        }
        if let FrameDecoderError::WindowSizeTooBig { .. } = error {
            let message = "the zstd archive needs a window of over 8 MiB";
            return BadInput::new(message, "compress it again without `--ultra` and `--long`")
                .into_io();
        }
        let at_end = self.compressed.peek(1).is_ok_and(<[u8]>::is_empty);
        invalid("zstd", if at_end { "is cut off" } else { "is corrupt" })
    }
}

impl Read for Zstd {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            if self.in_frame {
                if self.decode_block()? {
                    return self.frame.read(buffer);
                }
            } else if !self.begin_frame()? {
                return Ok(0);
            }
        }
    }
}
