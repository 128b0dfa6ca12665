//! Where the lines of a range of a text begin and end.
//!
//! A range has the lines that begin in it. So reading starts one byte before the range, at a byte that
//! may be a line end: whatever follows the first line end from there on begins in the range, unless the
//! range is over. And it stops after the first line end at the last byte of the range or later. Ranges
//! that follow each other therefore have each line once, though no two readers know of each other.
//!
//! The text up to that first line end belongs to the range before; `input/start.rs` skips it.

use memchr::memchr;

use super::listing::ByteRange;

/// The offset at which reading starts.
pub(super) fn start(range: ByteRange) -> u64 {
    range.from.saturating_sub(1)
}

/// Finds the end of the last line of a range in a text that is read from [`start`] on.
pub(super) struct RangeEnd {
    /// The offset of the next byte.
    at: u64,
    /// The first offset at which a line end is the last one.
    last: u64,
    is_reached: bool,
}

impl RangeEnd {
    pub(super) fn new(range: ByteRange) -> RangeEnd {
        RangeEnd { at: start(range), last: range.to.saturating_sub(1), is_reached: false }
    }

    /// Whether no more of the text belongs to the range.
    pub(super) fn is_reached(&self) -> bool {
        self.is_reached
    }

    /// How many of the next bytes belong to the range.
    pub(super) fn pass(&mut self, bytes: &[u8]) -> usize {
        if self.is_reached {
            return 0;
        }
        let before = usize::try_from(self.last.saturating_sub(self.at)).unwrap_or(usize::MAX);
        let found = bytes.get(before..).and_then(|rest| memchr(b'\n', rest));
        self.is_reached = found.is_some();
        self.at = self.at.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        found.map_or(bytes.len(), |at| before + at + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_ends_after_the_line_that_its_last_byte_is_in() {
        let text = b"ab\ncd\n\nef";
        for (from, to, expected) in [
            (0, 1, "ab\n"),
            (0, 3, "ab\n"),
            (0, 4, "ab\ncd\n"),
            (1, 2, "ab\n"),
            (3, 4, "\ncd\n"),
            (4, 7, "cd\n\n"),
            (7, 8, "\nef"),
            (8, 9, "ef"),
        ] {
            for portion in 1..=text.len() {
                let range = ByteRange { from, to };
                let mut end = RangeEnd::new(range);
                let rest = &text[usize::try_from(start(range)).unwrap()..];
                let mut found = Vec::new();
                for piece in rest.chunks(portion) {
                    found.extend_from_slice(&piece[..end.pass(piece)]);
                }
                assert_eq!(found, expected.as_bytes(), "{from} {to} {portion}");
            }
        }
    }
}
