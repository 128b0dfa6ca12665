//! zstd: frames one after the other, and skippable frames between them.
//!
//! Each call of the decoder gets as many bytes as it has asked for, which is one block, so the text
//! before an invalid block is the same however the archive is read.

use std::io::{self, Read};

use zstd::zstd_safe::{DCtx, DParameter, ErrorCode, InBuffer, OutBuffer};

use super::compressed::CompressedBytes;
use super::invalid;
use crate::input::error::BadInput;

pub(super) const MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
/// The largest window that is supported, as a power of two: the 8 MiB that RFC 8878, section
/// 3.1.1.1.2, recommends every decoder to support. Only `--ultra` and `--long` make larger ones.
const WINDOW_LOG_MAX: u32 = 23;
/// The length of a skippable frame's magic number and size.
const SKIPPABLE_HEADER: usize = 8;
/// `ZSTD_error_frameParameter_windowTooLarge` in `zstd_errors.h`, which keeps its codes.
const WINDOW_TOO_LARGE: ErrorCode = 16;

pub(super) struct Zstd {
    compressed: CompressedBytes,
    decoder: DCtx<'static>,
    state: State,
}

#[derive(Clone, Copy)]
enum State {
    BetweenFrames,
    /// The number of bytes that the decoder asks for. It is never 0.
    InFrame(usize),
    /// The number of bytes of a skippable frame that are still to be skipped.
    Skipping(usize),
}

/// Whether these bytes begin a skippable frame (RFC 8878, section 3.1.2).
pub(super) fn is_skippable(start: &[u8]) -> bool {
    matches!(start, [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..])
}

impl Zstd {
    pub(super) fn new(compressed: CompressedBytes) -> Zstd {
        let mut decoder = DCtx::create();
        decoder
            .set_parameter(DParameter::WindowLogMax(WINDOW_LOG_MAX))
            .expect("a window of 8 MiB is in the range of the parameter");
        Zstd { compressed, decoder, state: State::BetweenFrames }
    }

    /// The number of bytes of the archive that the text so far came from.
    pub(super) fn consumed(&self) -> u64 {
        self.compressed.consumed()
    }

    /// Begins the next frame. Returns false at the end of the archive.
    fn begin_frame(&mut self) -> io::Result<bool> {
        let start = self.compressed.peek(SKIPPABLE_HEADER)?;
        if start.is_empty() {
            return Ok(false);
        }
        self.state = if is_skippable(start) {
            let length = start.get(4..).and_then(<[u8]>::first_chunk);
            let length = length.ok_or_else(|| invalid("zstd", "is cut off"))?;
            let length = usize::try_from(u32::from_le_bytes(*length)).unwrap_or(usize::MAX);
            self.compressed.consume(SKIPPABLE_HEADER);
            State::Skipping(length)
        } else if start.starts_with(&MAGIC) {
            State::InFrame(self.decoder.init().map_err(frame_error)?.max(1))
        } else {
            return Err(invalid("zstd", "is followed by other data"));
        };
        Ok(true)
    }

    /// Skips some of a skippable frame.
    fn skip(&mut self, left: usize) -> io::Result<()> {
        if left == 0 {
            self.state = State::BetweenFrames;
            return Ok(());
        }
        let count = self.compressed.peek(1)?.len().min(left);
        if count == 0 {
            return Err(invalid("zstd", "is cut off"));
        }
        self.compressed.consume(count);
        self.state = State::Skipping(left - count);
        Ok(())
    }

    /// Decodes some of a frame, and returns how many bytes of text that was.
    fn decode(&mut self, wanted: usize, buffer: &mut [u8]) -> io::Result<usize> {
        let compressed = self.compressed.peek(wanted)?;
        let compressed = compressed.get(..wanted).unwrap_or(compressed);
        let (mut input, mut output) = (InBuffer::around(compressed), OutBuffer::around(buffer));
        let outcome = self.decoder.decompress_stream(&mut output, &mut input);
        let (taken, given) = (input.pos(), output.pos());
        let at_end = compressed.len() < wanted;
        self.compressed.consume(taken);
        self.state = match outcome.map_err(frame_error)? {
            0 => State::BetweenFrames,
            _ if at_end && taken == 0 && given == 0 => return Err(invalid("zstd", "is cut off")),
            wanted => State::InFrame(wanted),
        };
        Ok(given)
    }
}

/// A window that is too large, or an invalid frame.
fn frame_error(code: ErrorCode) -> io::Error {
    if code.wrapping_neg() == WINDOW_TOO_LARGE {
        let message = "the zstd archive needs a window of over 8 MiB";
        return BadInput::new(message, "compress it again without `--ultra` and `--long`")
            .into_io();
    }
    invalid("zstd", "is corrupt")
}

impl Read for Zstd {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while !buffer.is_empty() {
            match self.state {
                State::InFrame(wanted) => match self.decode(wanted, buffer)? {
                    0 => {}
                    count => return Ok(count),
                },
                State::Skipping(left) => self.skip(left)?,
                State::BetweenFrames => {
                    if !self.begin_frame()? {
                        return Ok(0);
                    }
                }
            }
        }
        Ok(0)
    }
}
