//! Appends short spans by copying blocks of a fixed size.
//!
//! Most values are short. A copy whose length is known to the compiler takes two instructions; one
//! of unknown length takes a call. So a whole block is copied if the source has one, and the length
//! of the buffer then grows by the length of the span alone: the excess bytes are behind the end of
//! the buffer, where the next span overwrites them.

use std::{ops::Range, ptr};

use super::Span;

/// Bytes in a block.
const BLOCK: usize = 32;
/// Bytes in the block of a value, which may be longer than what precedes it.
const VALUE: usize = 3 * BLOCK;

/// Short texts that are appended many times, stored in one buffer. A block can be copied from the
/// start of each: the buffer ends with a block of zeros.
#[derive(Debug, Default)]
pub struct Literals {
    bytes: Vec<u8>,
    len: usize,
}

impl Literals {
    /// Adds a text. Returns its range, for [`Literals::span`].
    pub fn add(&mut self, text: &[u8]) -> Range<usize> {
        let start = self.len;
        self.bytes.truncate(start);
        self.bytes.extend_from_slice(text);
        self.len = self.bytes.len();
        self.bytes.resize(self.len + BLOCK, 0);
        start..self.len
    }

    /// The length of all texts together, in bytes.
    pub fn total_len(&self) -> usize {
        self.len
    }

    #[inline]
    pub fn span(&self, range: &Range<usize>) -> Span<'_> {
        Span { source: &self.bytes, start: range.start, len: range.len() }
    }
}

/// Appends a span, or nothing if it extends past its source.
#[inline]
pub fn append(out: &mut Vec<u8>, span: Span<'_>) {
    const EMPTY: Span<'static> = Span { source: &[0; VALUE], start: 0, len: 0 };
    append_pair(out, span, EMPTY);
}

/// Appends two spans. One that extends past its source counts as empty.
#[inline(never)]
pub fn append_pair(out: &mut Vec<u8>, head: Span<'_>, value: Span<'_>) {
    if let (Some(head_block), Some(value_block)) = (head.block(), value.block()) {
        append_blocks::<VALUE>(out, (head_block, head.len), (value_block, value.len));
    } else {
        append_plain(out, head, value);
    }
}

/// Appends two spans if each is at most a block long and its source has a whole block from its
/// start on. Returns whether it did.
#[inline]
pub fn append_short(out: &mut Vec<u8>, head: Span<'_>, value: Span<'_>) -> bool {
    if let (Some(head_block), Some(value_block)) = (head.block(), value.block()) {
        append_blocks::<BLOCK>(out, (head_block, head.len), (value_block, value.len));
        true
    } else {
        false
    }
}

/// The safe twin of [`append_blocks`], for spans of any length.
fn append_plain(out: &mut Vec<u8>, head: Span<'_>, value: Span<'_>) {
    out.extend_from_slice(head.bytes());
    out.extend_from_slice(value.bytes());
}

/// Appends the first `head_len` and `value_len` bytes of two blocks.
#[inline]
#[expect(unsafe_code, reason = "copies blocks into reserved memory")]
fn append_blocks<const N: usize>(
    out: &mut Vec<u8>,
    (head, head_len): (&[u8; BLOCK], usize),
    (value, value_len): (&[u8; N], usize),
) {
    assert!(head_len <= BLOCK && value_len <= N, "a span is no longer than its block");
    out.reserve(BLOCK + N);
    let start = out.len();
    // SAFETY: `BLOCK + N` bytes are reserved after `start`. The first copy writes `BLOCK` of them.
    // The second writes `N` from `head_len` on, which is at most `BLOCK`. So all writes are within
    // the reserved memory, and every byte below the new length is initialized. `out` is borrowed
    // mutably, so neither source overlaps it.
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
        fn appends_what_the_safe_twin_appends(
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
