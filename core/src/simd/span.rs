//! A part of a longer text.
//!
//! A kernel that is given a [`Span`] rather than a slice may read past the end of the part, as far
//! as the source goes: so it can work on whole blocks where a slice would leave a remainder.

use std::fmt;

/// The longest span that [`Span::packed`] packs, in bytes.
pub(super) const PACKED_MAX: usize = 15;

/// `len` bytes of `source` from byte `start` on.
#[derive(Clone, Copy)]
pub struct Span<'a> {
    pub source: &'a [u8],
    pub start: usize,
    pub len: usize,
}

impl<'a> Span<'a> {
    /// A span of all of `source`.
    pub fn whole(source: &'a [u8]) -> Span<'a> {
        Span { source, start: 0, len: source.len() }
    }

    /// The span without its last `count` bytes.
    #[inline]
    #[must_use]
    pub fn without(self, count: usize) -> Span<'a> {
        Span { len: self.len.saturating_sub(count), ..self }
    }

    /// The span without its first `count` bytes.
    #[inline]
    #[must_use]
    pub fn after(self, count: usize) -> Span<'a> {
        Span { start: self.start + count, len: self.len.saturating_sub(count), ..self }
    }

    /// The bytes of the span, or an empty slice if it extends past its source.
    #[inline]
    pub fn bytes(self) -> &'a [u8] {
        self.source.get(self.start..self.start + self.len).unwrap_or(&[])
    }

    /// Up to 15 bytes and their length as one number, which is different for different bytes.
    /// Returns `None` for longer spans.
    #[inline]
    pub fn packed(self) -> Option<u128> {
        if PACKED_MAX < self.len {
            return None;
        }
        let block = self.source.get(self.start..).and_then(<[u8]>::first_chunk::<16>);
        Some(block.map_or_else(|| pack_bytes(self.bytes()), |block| pack(block, self.len)))
    }

    /// The `N` bytes of the source from the start of the span, if they contain the whole span.
    #[inline]
    pub(super) fn block<const N: usize>(self) -> Option<&'a [u8; N]> {
        let block = self.source.get(self.start..)?.first_chunk();
        block.filter(|_| self.len <= N)
    }
}

/// For each length, a mask of that many low bytes, and the length as the highest byte.
#[expect(
    clippy::as_conversions,
    clippy::indexing_slicing,
    reason = "evaluated when the crate is compiled"
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

/// Packs the first `len` bytes of a block; see [`Span::packed`].
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

impl fmt::Debug for Span<'_> {
    /// Shows where the span is and none of its bytes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Span({}+{})", self.start, self.len)
    }
}
