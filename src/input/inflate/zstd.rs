//! zstd: frames one after the other, and between them frames that mean nothing.

use std::io::{self, Read};

use ruzstd::decoding::errors::FrameDecoderError;
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

use super::broken;
use super::packed::Packed;
use crate::input::error::BadInput;

pub(crate) const MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
/// The largest window that is taken: what RFC 8878, section 3.1.1.1.2 asks of every decoder. Only
/// `--ultra` and `--long` make larger ones.
const WINDOW_MAX: u64 = 8 << 20;
/// Of a frame that means nothing: its magic and its length.
const SKIPPABLE_HEAD: usize = 8;

pub(crate) struct Zstd {
    packed: Packed,
    frame: FrameDecoder,
    in_frame: bool,
    /// Bytes of a frame that means nothing.
    to_skip: usize,
}

/// Whether a frame that means nothing begins so (RFC 8878, section 3.1.2).
pub(crate) fn is_skippable(start: &[u8]) -> bool {
    matches!(start, [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..])
}

impl Zstd {
    pub(crate) fn new(packed: Packed) -> Zstd {
        let mut frame = FrameDecoder::new();
        frame.set_max_window_size(WINDOW_MAX);
        Zstd { packed, frame, in_frame: false, to_skip: 0 }
    }

    /// Bytes of the archive that the text so far came from.
    pub(crate) fn used(&self) -> u64 {
        self.packed.used()
    }

    /// Goes on between frames; false at the archive's end.
    fn begin_frame(&mut self) -> io::Result<bool> {
        let start = self.packed.peek(SKIPPABLE_HEAD)?;
        if 0 < self.to_skip {
            let count = self.to_skip.min(start.len());
            if count == 0 {
                return Err(broken("zstd", "ends in the middle"));
            }
            self.packed.consume(count);
            self.to_skip -= count;
        } else if start.is_empty() {
            return Ok(false);
        } else if is_skippable(start) {
            let length = start.get(4..).and_then(<[u8]>::first_chunk);
            let length = length.ok_or_else(|| broken("zstd", "ends in the middle"))?;
            self.to_skip = usize::try_from(u32::from_le_bytes(*length)).unwrap_or(usize::MAX);
            self.packed.consume(SKIPPABLE_HEAD);
        } else if start.starts_with(&MAGIC) {
            let outcome = self.frame.reset(&mut self.packed);
            outcome.map_err(|error| self.fault(&error))?;
            self.in_frame = true;
        } else {
            return Err(broken("zstd", "is followed by something else"));
        }
        Ok(true)
    }

    /// Decodes until there is text to be taken; false at the frame's end.
    fn go_on(&mut self) -> io::Result<bool> {
        while self.frame.can_collect() == 0 {
            if self.frame.is_finished() {
                self.in_frame = false;
                return self.check_sum().map(|()| false);
            }
            let outcome =
                self.frame.decode_blocks(&mut self.packed, BlockDecodingStrategy::UptoBlocks(1));
            outcome.map_err(|error| self.fault(&error))?;
        }
        Ok(true)
    }

    fn check_sum(&self) -> io::Result<()> {
        let told = self.frame.get_checksum_from_data();
        let is_right = told.is_none() || told == self.frame.get_calculated_checksum();
        if is_right { Ok(()) } else { Err(broken("zstd", "is broken: its sum is wrong")) }
    }

    fn fault(&mut self, error: &FrameDecoderError) -> io::Error {
        if let Some(failure) = self.packed.failure() {
            return failure;
        }
        if let FrameDecoderError::WindowSizeTooBig { .. } = error {
            let message = "the zstd archive needs a window of over 8 MiB";
            return BadInput::new(message, "compress it again without `--ultra` and `--long`")
                .into_io();
        }
        let is_over = self.packed.peek(1).is_ok_and(<[u8]>::is_empty);
        broken("zstd", if is_over { "ends in the middle" } else { "is broken" })
    }
}

impl Read for Zstd {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            if self.in_frame {
                if self.go_on()? {
                    return self.frame.read(buffer);
                }
            } else if !self.begin_frame()? {
                return Ok(0);
            }
        }
    }
}
