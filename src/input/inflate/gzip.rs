//! gzip: members one after the other, each with its sum, and zeros to fill a block at the end.

use std::io::{self, Read};

use flate2::{Decompress, FlushDecompress, Status};

use super::broken;
use super::packed::Packed;

pub(crate) const MAGIC: [u8; 2] = [0x1f, 0x8b];
/// The largest window there is.
const WINDOW_BITS: u8 = 15;

pub(crate) struct Gzip {
    packed: Packed,
    member: Decompress,
    state: GzipState,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum GzipState {
    InMember,
    /// A member may follow, or the end.
    Between,
    /// Only zeros may follow.
    Padding,
    /// What was read before the fault is given out; the fault comes next.
    Broken,
}

impl Gzip {
    pub(crate) fn new(packed: Packed) -> Gzip {
        Gzip { packed, member: Decompress::new_gzip(WINDOW_BITS), state: GzipState::InMember }
    }

    /// Bytes of the archive that the text so far came from.
    pub(crate) fn used(&self) -> u64 {
        self.packed.used()
    }

    /// Goes on in a member; gives how many bytes of text came of it.
    fn inflate(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let input = self.packed.peek(1)?;
        let is_over = input.is_empty();
        let (used, made) = (self.member.total_in(), self.member.total_out());
        let outcome = self.member.decompress(input, buffer, FlushDecompress::None);
        let used = narrow(self.member.total_in() - used);
        let made = narrow(self.member.total_out() - made);
        self.packed.consume(used);
        match outcome {
            Ok(Status::StreamEnd) => {
                self.member.reset(true);
                self.state = GzipState::Between;
            }
            Ok(Status::Ok | Status::BufError) if 0 < used + made => {}
            Ok(_) if is_over => return Err(broken("gzip", "ends in the middle")),
            Ok(_) | Err(_) => self.state = GzipState::Broken,
        }
        Ok(made)
    }

    /// Goes on between members.
    fn go_on(&mut self) -> io::Result<()> {
        let bytes = self.packed.peek(MAGIC.len())?;
        let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
        if self.state == GzipState::Between && bytes.starts_with(&MAGIC) {
            self.state = GzipState::InMember;
        } else if 0 < zeros {
            self.packed.consume(zeros);
            self.state = GzipState::Padding;
        } else {
            return Err(broken("gzip", "is followed by something else"));
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
                    let made = self.inflate(buffer)?;
                    if 0 < made {
                        return Ok(made);
                    }
                }
                GzipState::Between | GzipState::Padding => {
                    if self.packed.peek(1)?.is_empty() {
                        return Ok(0);
                    }
                    self.go_on()?;
                }
                GzipState::Broken => return Err(broken("gzip", "is broken")),
            }
        }
    }
}

fn narrow(count: u64) -> usize {
    usize::try_from(count).expect("no more than a buffer holds")
}
