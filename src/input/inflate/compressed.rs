//! The compressed bytes of an archive, buffered, and counted for the limit on expansion in `mod.rs`.

use std::io::{self, Read};

/// The number of bytes read at once.
const READ_BYTES: usize = 64 << 10;

/// A buffered reader that counts the bytes consumed. Bytes that were only buffered do not count.
pub(super) struct CompressedBytes {
    reader: Box<dyn Read + Send>,
    buffer: Vec<u8>,
    at: usize,
    consumed: u64,
}

impl CompressedBytes {
    pub(super) fn new(reader: Box<dyn Read + Send>) -> CompressedBytes {
        CompressedBytes { reader, buffer: Vec::new(), at: 0, consumed: 0 }
    }

    pub(super) fn consumed(&self) -> u64 {
        self.consumed
    }

    /// Returns the bytes that come next: at least `want` of them, unless the archive ends first.
    pub(super) fn peek(&mut self, want: usize) -> io::Result<&[u8]> {
        while self.buffer.len() - self.at < want {
            self.buffer.drain(..self.at);
            self.at = 0;
            let filled = self.buffer.len();
            self.buffer.resize(filled.max(want) + READ_BYTES, 0);
            let count = loop {
                match self.reader.read(self.buffer.get_mut(filled..).unwrap_or(&mut [])) {
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    outcome => break outcome,
                }
            };
            self.buffer.truncate(filled + count.as_ref().copied().unwrap_or(0));
            if count? == 0 {
                break;
            }
        }
        Ok(self.buffer.get(self.at..).unwrap_or(&[]))
    }

    pub(super) fn consume(&mut self, count: usize) {
        let count = count.min(self.buffer.len() - self.at);
        self.at += count;
        self.consumed += u64::try_from(count).expect("fewer than 2^64 bytes");
    }
}
