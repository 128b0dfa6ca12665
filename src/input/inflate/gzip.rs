//! gzip: members one after the other, each with its checksum, and zeros that may fill the last
//! block of a tape.

use std::io::{self, Read};

use flate2::{Decompress, FlushDecompress, Status};

use super::compressed::CompressedBytes;
use super::invalid;

pub(super) const MAGIC: [u8; 2] = [0x1f, 0x8b];
/// The largest window of the format: 2^15 bytes.
const WINDOW_BITS: u8 = 15;

pub(super) struct Gzip {
    compressed: CompressedBytes,
    member: Decompress,
    state: GzipState,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum GzipState {
    InMember,
    /// A member, zeros or the end may follow.
    Between,
    /// Only zeros may follow.
    Padding,
    /// The member is invalid. The text before that has been returned, and the error comes next.
    Invalid,
}

impl Gzip {
    pub(super) fn new(compressed: CompressedBytes) -> Gzip {
        let member = Decompress::new_gzip(WINDOW_BITS);
        Gzip { compressed, member, state: GzipState::InMember }
    }

    /// The number of bytes of the archive that the text so far came from.
    pub(super) fn consumed(&self) -> u64 {
        self.compressed.consumed()
    }

    /// Inflates more of a member. Returns the number of bytes of text written.
    fn inflate(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let input = self.compressed.peek(1)?;
        let at_end = input.is_empty();
        let (read, written) = (self.member.total_in(), self.member.total_out());
        let outcome = self.member.decompress(input, buffer, FlushDecompress::None);
        let read = narrow(self.member.total_in() - read);
        let written = narrow(self.member.total_out() - written);
        self.compressed.consume(read);
        match outcome {
            Ok(Status::StreamEnd) => {
                self.member.reset(true);
                self.state = GzipState::Between;
            }
            Ok(Status::Ok | Status::BufError) if 0 < read + written => {}
            Ok(_) if at_end => return Err(invalid("gzip", "is cut off")),
            Ok(_) | Err(_) => self.state = GzipState::Invalid,
        }
        Ok(written)
    }

    /// Looks at what follows a member, which is not the end, and begins it.
    fn begin_next(&mut self) -> io::Result<()> {
        let bytes = self.compressed.peek(MAGIC.len())?;
        let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
        if self.state == GzipState::Between && bytes.starts_with(&MAGIC) {
            self.state = GzipState::InMember;
        } else if 0 < zeros {
            self.compressed.consume(zeros);
            self.state = GzipState::Padding;
        } else {
            return Err(invalid("gzip", "is followed by other data"));
        }
        Ok(())
    }
}

impl Read for Gzip {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            match self.state {
                GzipState::InMember => {
                    let written = self.inflate(buffer)?;
                    if 0 < written {
                        return Ok(written);
                    }
                }
                GzipState::Between | GzipState::Padding => {
                    if self.compressed.peek(1)?.is_empty() {
                        return Ok(0);
                    }
                    self.begin_next()?;
                }
                GzipState::Invalid => return Err(invalid("gzip", "is corrupt")),
            }
        }
    }
}

fn narrow(count: u64) -> usize {
    usize::try_from(count).expect("no more than a buffer holds")
}
