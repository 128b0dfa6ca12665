//! Detects what ends the lines of a text, and counts lines.
//!
//! Usually that is LF, and the CRs before an LF belong to its line end (some programs write CR CR
//! LF). Files of old programs end lines with CR alone. In those LF and CR LF end lines too, since
//! such files are sometimes joined with others.

use memchr::{memchr, memchr_iter, memchr2, memrchr, memrchr2};

/// How the lines of a text end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LineEnd {
    /// With LF, and any number of CRs before it.
    #[default]
    Newline,
    /// With CR, CR LF or LF.
    Return,
}

/// How much of a text is searched for an LF: without any, CR ends lines.
const EXAMINED_BYTES: usize = 64 << 10;

impl LineEnd {
    /// How the lines of a text end that begins like this.
    pub fn of_text(start: &[u8]) -> LineEnd {
        let start = start.get(..start.len().min(EXAMINED_BYTES)).unwrap_or(&[]);
        let is_return = memchr(b'\n', start).is_none() && memchr(b'\r', start).is_some();
        if is_return { LineEnd::Return } else { LineEnd::Newline }
    }

    /// The first line end at or after byte `from`: the index of its last CR or LF that matters, and
    /// that of the first byte after it. CRs before an LF are not skipped.
    #[inline]
    pub(super) fn find(self, bytes: &[u8], from: usize) -> Option<(usize, usize)> {
        let rest = bytes.get(from..)?;
        match self {
            LineEnd::Newline => memchr(b'\n', rest).map(|at| (from + at, from + at + 1)),
            LineEnd::Return => {
                let at = from + memchr2(b'\n', b'\r', rest)?;
                Some((at, after_return(bytes, at)))
            }
        }
    }

    /// The index after the last line end in `bytes`; 0 if there is none.
    pub(super) fn end_of_last(self, bytes: &[u8]) -> usize {
        let last = match self {
            LineEnd::Newline => memrchr(b'\n', bytes),
            LineEnd::Return => memrchr2(b'\n', b'\r', bytes),
        };
        last.map_or(0, |at| at + 1)
    }

    /// The index after the first line end in a piece of a text. `at_end`: nothing follows.
    pub fn end_in_piece(self, bytes: &[u8], at_end: bool) -> Option<usize> {
        let certain = self.certain(bytes, at_end);
        self.find(bytes.get(..certain).unwrap_or(&[]), 0)?;
        self.find(bytes, 0).map(|(_, next)| next)
    }

    /// How many of the bytes have the same meaning whatever follows: after a CR, an LF may belong to
    /// the same line end.
    pub fn certain(self, bytes: &[u8], at_end: bool) -> usize {
        let is_open = self == LineEnd::Return && !at_end && bytes.last() == Some(&b'\r');
        bytes.len() - usize::from(is_open)
    }

    /// The number of line ends. A CR LF must not be split between two texts.
    pub fn count(self, bytes: &[u8]) -> u64 {
        let newlines = memchr_iter(b'\n', bytes).count();
        let count = match self {
            LineEnd::Newline => newlines,
            LineEnd::Return => {
                let returns = memchr_iter(b'\r', bytes);
                newlines + returns.filter(|at| bytes.get(at + 1) != Some(&b'\n')).count()
            }
        };
        u64::try_from(count).expect("fewer than 2^64 lines")
    }

    /// Whether a line begins at this index.
    pub fn begins_at(self, bytes: &[u8], at: usize) -> bool {
        match at.checked_sub(1).and_then(|before| bytes.get(before)) {
            None | Some(b'\n') => true,
            Some(b'\r') => self == LineEnd::Return,
            Some(_) => false,
        }
    }

    /// The lines of a text, without their ends.
    pub fn lines(self, text: &[u8]) -> impl Iterator<Item = &[u8]> {
        text.split(move |byte| *byte == b'\n' || (*byte == b'\r' && self == LineEnd::Return))
    }
}

/// The index after the line end that begins with the CR or LF at `at`.
fn after_return(bytes: &[u8], at: usize) -> usize {
    match bytes.get(at..) {
        Some([b'\r', b'\n', ..]) => at + 2,
        _ => at + 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cr_ends_lines_in_texts_without_lf() {
        let of = |text: &str| LineEnd::of_text(text.as_bytes());
        assert_eq!(of("a\rb\r"), LineEnd::Return);
        assert_eq!(of("a\rb\r\n"), LineEnd::Newline);
        assert_eq!(of("a"), LineEnd::Newline);
        assert_eq!(of(&format!("{}\n", "a\r".repeat(EXAMINED_BYTES / 2))), LineEnd::Return);
        assert_eq!(of(&format!("{}\n", "a\r".repeat(EXAMINED_BYTES / 2 - 1))), LineEnd::Newline);
    }

    #[test]
    fn a_cr_lf_is_one_line_end() {
        let (newline, both) = (LineEnd::Newline, LineEnd::Return);
        assert_eq!((newline.count(b"a\rb\r\r\nc\n"), both.count(b"a\rb\r\r\nc\n")), (2, 4));
        assert_eq!(both.find(b"a\r\nb", 0), Some((1, 3)));
        assert_eq!(both.end_in_piece(b"ab\r", false), None);
        assert_eq!(both.end_in_piece(b"ab\r", true), Some(3));
        assert_eq!(both.end_in_piece(b"ab\r\n", false), Some(4));
        assert_eq!(newline.end_in_piece(b"a\rb\n", false), Some(4));
    }
}
