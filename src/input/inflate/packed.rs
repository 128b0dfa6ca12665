//! The bytes of an archive, and how many of them are used.

use std::io::{self, Read};

/// Bytes that are read at once.
const READ_BYTES: usize = 64 << 10;

/// A buffered reader that counts what is taken out of its buffer.
pub(crate) struct Packed {
    reader: Box<dyn Read + Send>,
    buffer: Vec<u8>,
    at: usize,
    used: u64,
    /// A failure of the reader that a decoder may have hidden in one of its own.
    failure: Option<io::Error>,
}

impl Packed {
    pub(crate) fn new(reader: Box<dyn Read + Send>) -> Packed {
        Packed { reader, buffer: Vec::new(), at: 0, used: 0, failure: None }
    }

    pub(crate) fn used(&self) -> u64 {
        self.used
    }

    /// What is there to be used: at least `want` bytes, unless the archive ends first.
    pub(crate) fn peek(&mut self, want: usize) -> io::Result<&[u8]> {
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

    pub(crate) fn consume(&mut self, count: usize) {
        let count = count.min(self.buffer.len() - self.at);
        self.at += count;
        self.used += u64::try_from(count).expect("fewer than 2^64 bytes");
    }

    /// The failure of the reader, if that is why a decoder has failed.
    pub(crate) fn failure(&mut self) -> Option<io::Error> {
        self.failure.take()
    }
}

impl Read for Packed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.peek(1) {
            Ok(mut bytes) => {
                let count = bytes.read(buffer)?;
                self.consume(count);
                Ok(count)
            }
            Err(error) => {
                self.failure = Some(error);
                Err(io::Error::other("the archive could not be read"))
            }
        }
    }
}
