//! Marks the bytes of a block that are in a set. Every search for bytes builds on this kernel.
//!
//! The marks of a block are a bit mask: bit `i` is set if byte `i` is in the set. With the first
//! byte on the left, and a set of the comma and the quote:
//!
//! ```text
//! block   Ana,"x,y",7
//! marks   ...11.1.11.
//! ```
//!
//! Sets are small and known when the code is compiled, except for the delimiter of CSV. After
//! inlining, each byte of a set costs one comparison of 16 bytes with SSE2. If one block is marked
//! with several sets, the compiler loads it once and compares it with each byte once.

#![expect(clippy::inline_always, reason = "a kernel becomes part of its caller's loop")]

/// A few bytes to look for, and maybe all control characters.
#[derive(Clone, Copy, Debug)]
pub(super) struct ByteSet<const N: usize> {
    bytes: [u8; N],
    has_controls: bool,
}

impl<const N: usize> ByteSet<N> {
    #[inline(always)]
    pub(super) const fn of(bytes: [u8; N]) -> ByteSet<N> {
        ByteSet { bytes, has_controls: false }
    }

    /// The set with the bytes below 0x20 added.
    #[inline(always)]
    pub(super) const fn and_controls(self) -> ByteSet<N> {
        ByteSet { has_controls: true, ..self }
    }

    #[inline(always)]
    #[expect(
        clippy::needless_bitwise_bool,
        reason = "without a branch, the compiler can look at many bytes at once"
    )]
    pub(super) fn contains(self, byte: u8) -> bool {
        let is_in = self.bytes.iter().fold(false, |is_in, known| is_in | (*known == byte));
        is_in | (self.has_controls & (byte < 0x20))
    }

    /// Marks 64 bytes.
    #[inline(always)]
    pub(super) fn marks64(self, block: &[u8; 64]) -> u64 {
        let quarters = block.as_chunks::<16>().0.iter().zip([0, 16, 32, 48]);
        quarters.fold(0, |marks, (quarter, at)| marks | u64::from(self.marks16(quarter)) << at)
    }

    /// Marks 16 bytes.
    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    #[expect(unsafe_code, reason = "the intrinsics of SSE2, which every x86-64 has")]
    pub(super) fn marks16(self, block: &[u8; 16]) -> u32 {
        use std::arch::x86_64::{
            _mm_cmpeq_epi8, _mm_loadu_si128, _mm_min_epu8, _mm_movemask_epi8, _mm_or_si128,
            _mm_set1_epi8, _mm_setzero_si128,
        };
        // SAFETY: SSE2 is part of x86-64. The load reads the 16 bytes of `block`, and may read at
        // any alignment; the other intrinsics have no memory operands.
        let marks = unsafe {
            let loaded = _mm_loadu_si128(block.as_ptr().cast());
            let mut found = _mm_setzero_si128();
            for byte in self.bytes {
                let is_equal = _mm_cmpeq_epi8(loaded, _mm_set1_epi8(byte.cast_signed()));
                found = _mm_or_si128(found, is_equal);
            }
            if self.has_controls {
                // A byte is a control character if the lesser of it and 0x1f is the byte itself.
                let lesser = _mm_min_epu8(loaded, _mm_set1_epi8(0x1f));
                found = _mm_or_si128(found, _mm_cmpeq_epi8(loaded, lesser));
            }
            _mm_movemask_epi8(found)
        };
        marks.cast_unsigned()
    }

    #[cfg(not(target_arch = "x86_64"))]
    #[inline(always)]
    pub(super) fn marks16(self, block: &[u8; 16]) -> u32 {
        self.marks16_plain(block)
    }

    /// The safe twin of [`marks16`](Self::marks16).
    #[cfg(any(test, not(target_arch = "x86_64")))]
    fn marks16_plain(self, block: &[u8; 16]) -> u32 {
        let marks = block.iter().enumerate().filter(|(_, byte)| self.contains(**byte));
        marks.map(|(at, _)| 1 << at).sum()
    }
}

/// Calls `with` on the `N` bytes of `source` from `start` on. What is missing at the end of the
/// source is filled with a byte that is in no set.
#[inline(always)]
pub(super) fn with_block<const N: usize, T>(
    source: &[u8],
    start: usize,
    with: impl Fn(&[u8; N]) -> T,
) -> T {
    let rest = source.get(start..).unwrap_or(&[]);
    match rest.first_chunk() {
        Some(block) => with(block),
        None => with(&padded(rest)),
    }
}

fn padded<const N: usize>(rest: &[u8]) -> [u8; N] {
    let mut block = [b'.'; N];
    block.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
    block
}

/// The lowest `count` bits, or all 64 if `count` is larger. `count` is at least 1.
#[inline(always)]
pub(super) fn low_bits(count: usize) -> u64 {
    u64::MAX >> (64 - count.min(64))
}

/// The index of the lowest bit that is set, or 64 if none is.
#[inline(always)]
#[expect(clippy::as_conversions, reason = "at most 64")]
pub(super) fn first_mark(marks: u64) -> usize {
    marks.trailing_zeros() as usize
}

#[cfg(test)]
mod tests {
    use proptest::{array::uniform16, prelude::*};

    use super::*;

    proptest! {
        #[test]
        fn marks_are_those_of_the_safe_twin(
            block in uniform16(0_u8..0x60),
            delimiter in any::<u8>(),
        ) {
            let set = ByteSet::of([delimiter, b'"']);
            prop_assert_eq!(set.marks16(&block), set.marks16_plain(&block));
            let set = set.and_controls();
            prop_assert_eq!(set.marks16(&block), set.marks16_plain(&block));
            let set = ByteSet::of([]).and_controls();
            prop_assert_eq!(set.marks16(&block), set.marks16_plain(&block));
        }

        #[test]
        fn any_bytes_are_marked_as_by_the_safe_twin(block in any::<[u8; 16]>()) {
            let set = ByteSet::of([b'"', b'\\']).and_controls();
            prop_assert_eq!(set.marks16(&block), set.marks16_plain(&block));
        }

        #[test]
        fn marks_of_64_bytes_are_in_their_order(
            parts in proptest::array::uniform4(uniform16(0_u8..0x60)),
        ) {
            let set = ByteSet::of([b',']).and_controls();
            let block: [u8; 64] = parts.concat().try_into().unwrap();
            let marks = set.marks64(&block);
            for (at, byte) in block.iter().enumerate() {
                prop_assert_eq!(marks >> at & 1 == 1, set.contains(*byte));
            }
        }
    }
}
