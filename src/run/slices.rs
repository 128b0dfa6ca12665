//! A record that is too long to be held, and so passes in slices: only its place and its length are
//! kept.

/// The slices of one record so far.
pub(super) struct Slices {
    pub(super) offset: u64,
    /// The number of line ends before it in the input.
    pub(super) line: u64,
    bytes: u64,
    /// The length without white space at the end.
    text_bytes: u64,
    last_byte: u8,
    byte_before: u8,
}

impl Slices {
    pub(super) fn new(offset: u64, line: u64) -> Slices {
        Slices { offset, line, bytes: 0, text_bytes: 0, last_byte: 0, byte_before: 0 }
    }

    /// Adds the next slice.
    pub(super) fn add(&mut self, bytes: &[u8]) {
        let text = bytes.trim_ascii_end().len();
        if 0 < text {
            self.text_bytes = self.bytes + wide(text);
        }
        self.bytes += wide(bytes.len());
        let before = if 1 < bytes.len() { bytes.get(bytes.len() - 2) } else { None };
        if let Some(last) = bytes.last() {
            self.byte_before = before.copied().unwrap_or(self.last_byte);
            self.last_byte = *last;
        }
    }

    /// The length of the record. `is_bracketed`: without the white space after it; else without its
    /// line end.
    pub(super) fn length(&self, is_bracketed: bool) -> u64 {
        match (self.byte_before, self.last_byte) {
            _ if is_bracketed => self.text_bytes,
            (b'\r', b'\n') => self.bytes - 2,
            (_, b'\n' | b'\r') => self.bytes - 1,
            _ => self.bytes,
        }
    }
}

fn wide(count: usize) -> u64 {
    u64::try_from(count).expect("fewer than 2^64 bytes")
}
