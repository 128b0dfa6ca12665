//! Copying short spans in blocks of a fixed size.
//!
//! Most values are short, and a copy of a length known beforehand takes two instructions, where
//! one of any length takes a call. So whole blocks are copied where the source has them, and
//! what was too much lies behind the buffer's end.

use std::{ops::Range, ptr};

use super::Span;

/// Bytes in a block.
const BLOCK: usize = 32;
/// Bytes in the block of a value that may be longer.
const VALUE: usize = 3 * BLOCK;

/// Short texts that are copied again and again. Behind the last is room for a block.
#[derive(Debug, Default)]
pub struct Literals {
    bytes: Vec<u8>,
    len: usize,
}

impl Literals {
    /// Adds a text; gives its place.
    pub fn add(&mut self, text: &[u8]) -> Range<usize> {
        let start = self.len;
        self.bytes.truncate(start);
        self.bytes.extend_from_slice(text);
        self.len = self.bytes.len();
        self.bytes.resize(self.len + BLOCK, 0);
        start..self.len
    }

    /// How long all texts are together.
    pub fn total_len(&self) -> usize {
        self.len
    }

    #[inline]
    pub fn span(&self, place: &Range<usize>) -> Span<'_> {
        Span { source: &self.bytes, start: place.start, len: place.len() }
    }
}

/// Appends a span; nothing where it ends behind its source.
#[inline]
pub fn append(out: &mut Vec<u8>, span: Span<'_>) {
    const NOTHING: Span<'static> = Span { source: &[0; VALUE], start: 0, len: 0 };
    append_pair(out, span, NOTHING);
}

/// Appends two spans; of one that ends behind its source, nothing.
#[inline(never)]
pub fn append_pair(out: &mut Vec<u8>, head: Span<'_>, value: Span<'_>) {
    if let (Some(head_block), Some(value_block)) = (head.block(), value.block()) {
        append_blocks::<VALUE>(out, (head_block, head.len), (value_block, value.len));
    } else {
        append_plain(out, head, value);
    }
}

/// Appends two spans if each is within a block of its source; tells whether it did.
#[inline]
pub fn append_short(out: &mut Vec<u8>, head: Span<'_>, value: Span<'_>) -> bool {
    if let (Some(head_block), Some(value_block)) = (head.block(), value.block()) {
        append_blocks::<BLOCK>(out, (head_block, head.len), (value_block, value.len));
        true
    } else {
        false
    }
}

fn append_plain(out: &mut Vec<u8>, head: Span<'_>, value: Span<'_>) {
    out.extend_from_slice(head.bytes());
    out.extend_from_slice(value.bytes());
}

/// Appends the first bytes of two blocks.
#[inline]
#[expect(unsafe_code, reason = "copies blocks to room that is there")]
fn append_blocks<const N: usize>(
    out: &mut Vec<u8>,
    (head, head_len): (&[u8; BLOCK], usize),
    (value, value_len): (&[u8; N], usize),
) {
    assert!(head_len <= BLOCK && value_len <= N, "a block holds what is taken of it");
    out.reserve(BLOCK + N);
    let start = out.len();
    // SAFETY: there is room for both blocks. The second is copied to where what is kept of the
    // first ends, which is inside that block. So nothing is written outside the room, and no byte
    // below the new length is left unwritten. `out` is borrowed for writing, so no source overlaps it.
    unsafe {
        let to = out.as_mut_ptr().add(start);
        ptr::copy_nonoverlapping(head.as_ptr(), to, BLOCK);
        ptr::copy_nonoverlapping(value.as_ptr(), to.add(head_len), N);
        out.set_len(start + head_len + value_len);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn span(source: &[u8], (start, len): (usize, usize)) -> Span<'_> {
        Span { source, start, len }
    }

    proptest! {
        #[test]
        fn appends_what_plain_copies_append(
            source in proptest::collection::vec(any::<u8>(), 0..200),
            head in (0_usize..210, 0_usize..100),
            value in (0_usize..210, 0_usize..100),
        ) {
            let (head, value) = (span(&source, head), span(&source, value));
            let mut out = b"before".to_vec();
            append_pair(&mut out, head, value);
            append(&mut out, value);
            let mut expected = b"before".to_vec();
            append_plain(&mut expected, head, value);
            expected.extend_from_slice(value.bytes());
            prop_assert_eq!(out, expected);
        }
    }
}
