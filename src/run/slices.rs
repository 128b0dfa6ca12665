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
    /// The length without the line end.
    line_bytes: u64,
}

impl Slices {
    pub(super) fn new(offset: u64, line: u64) -> Slices {
        Slices { offset, line, bytes: 0, text_bytes: 0, line_bytes: 0 }
    }

    /// Adds the next slice.
    pub(super) fn add(&mut self, bytes: &[u8]) {
        let text = bytes.trim_ascii_end().len();
        if 0 < text {
            self.text_bytes = self.bytes + wide(text);
        }
        let line = bytes.strip_suffix(b"\n").unwrap_or(bytes);
        let returns = line.iter().rev().take_while(|byte| **byte == b'\r').count();
        if returns < line.len() {
            self.line_bytes = self.bytes + wide(line.len() - returns);
        }
        self.bytes += wide(bytes.len());
    }

    /// The length of the record. `is_bracketed`: without the white space after it; else without its
    /// line end.
    pub(super) fn length(&self, is_bracketed: bool) -> u64 {
        if is_bracketed { self.text_bytes } else { self.line_bytes }
    }
}

fn wide(count: usize) -> u64 {
    u64::try_from(count).expect("fewer than 2^64 bytes")
}
