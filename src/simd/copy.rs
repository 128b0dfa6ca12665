//! Copying short spans in blocks of a fixed size.
//!
//! Most values are short, and a copy of a length known beforehand takes two instructions, where
//! one of any length takes a call. So whole blocks are copied where the source has them, and
//! what was too much lies behind the buffer's end.

use std::{ops::Range, ptr};

/// Bytes in a block.
const BLOCK: usize = 32;
/// Bytes in the block of a value that may be longer.
const VALUE: usize = 3 * BLOCK;

/// A part of a longer text.
#[derive(Clone, Copy)]
pub struct Span<'a> {
    pub source: &'a [u8],
    pub start: usize,
    pub len: usize,
}

impl<'a> Span<'a> {
    /// The span without its last bytes.
    #[inline]
    #[must_use]
    pub fn without(self, last: usize) -> Span<'a> {
        Span { len: self.len.saturating_sub(last), ..self }
    }

    /// The span without its first bytes.
    #[inline]
    #[must_use]
    pub fn after(self, first: usize) -> Span<'a> {
        Span { start: self.start + first, len: self.len.saturating_sub(first), ..self }
    }

    /// A whole text.
    pub fn whole(source: &'a [u8]) -> Span<'a> {
        Span { source, start: 0, len: source.len() }
    }

    /// Up to 15 bytes as one number, which no other bytes have; none for more.
    #[inline]
    pub fn packed(self) -> Option<u128> {
        if PACKED_MAX < self.len {
            return None;
        }
        let block = self.source.get(self.start..).and_then(<[u8]>::first_chunk::<16>);
        Some(block.map_or_else(|| pack_bytes(self.bytes()), |block| pack(block, self.len)))
    }

    /// The span's bytes; none where the source ends before.
    #[inline]
    pub fn bytes(self) -> &'a [u8] {
        self.source.get(self.start..self.start + self.len).unwrap_or(&[])
    }

    /// The first bytes of the source from the span on, if they hold it all.
    #[inline]
    fn block<const N: usize>(self) -> Option<&'a [u8; N]> {
        let block = self.source.get(self.start..)?.first_chunk();
        block.filter(|_| self.len <= N)
    }
}

/// The most bytes that are packed.
pub(super) const PACKED_MAX: usize = 15;

/// For each length a number whose bits below it are set, and its own value in the last byte.
#[expect(
    clippy::as_conversions,
    clippy::indexing_slicing,
    reason = "a table of constants: the compiler has gone through it"
)]
const PACKS: [(u128, u128); PACKED_MAX + 1] = {
    let mut packs = [(0, 0); PACKED_MAX + 1];
    let mut len = 0;
    while len <= PACKED_MAX {
        packs[len] = ((1 << (8 * len)) - 1, (len as u128) << (8 * PACKED_MAX));
        len += 1;
    }
    packs
};

/// The first bytes of a block as one number; see [`Span::packed`].
#[inline]
pub(super) fn pack(block: &[u8; 16], len: usize) -> u128 {
    let (mask, len) = PACKS.get(len).copied().unwrap_or_default();
    u128::from_le_bytes(*block) & mask | len
}

fn pack_bytes(bytes: &[u8]) -> u128 {
    let mut block = [0; 16];
    block.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
    pack(&block, bytes.len())
}

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
    pub fn bytes_in_all(&self) -> usize {
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

impl std::fmt::Debug for Span<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Span({}+{})", self.start, self.len)
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
