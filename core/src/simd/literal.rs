//! Compares text with a short literal that is probably there.
//!
//! The first 32 bytes are compared as one block. If the literal is shorter, bytes after its end are
//! compared as well and the result is masked: the comparison then takes the same few instructions
//! for any length, without a loop and without a call.

/// Bytes that are compared at once.
const BLOCK: usize = 32;

/// A text that is compared with many others, prepared for that.
#[derive(Clone, Debug)]
pub struct Literal {
    bytes: Box<[u8]>,
    /// The first bytes of the literal, followed by zeros.
    block: [u8; BLOCK],
    /// A bit for each byte of `block` that belongs to the literal.
    mask: u32,
}

impl Literal {
    pub fn new(bytes: &[u8]) -> Literal {
        let (mut block, mut mask) = ([0; BLOCK], 0);
        for (at, (to, from)) in block.iter_mut().zip(bytes).enumerate() {
            *to = *from;
            mask |= 1 << at;
        }
        Literal { bytes: bytes.into(), block, mask }
    }

    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Whether the literal equals `text`.
    pub fn is(&self, text: &[u8]) -> bool {
        *self.bytes == *text
    }

    /// Whether `text` contains the literal at byte `at`.
    #[inline]
    pub fn is_at(&self, text: &[u8], at: usize) -> bool {
        let Some(here) = text.get(at..).and_then(<[u8]>::first_chunk::<BLOCK>) else {
            // Too close to the end of the text for a block.
            return text.get(at..at + self.len()) == Some(&*self.bytes);
        };
        differences(here, &self.block) & self.mask == 0 && self.rest_is_at(text, at)
    }

    /// Whether the text also equals the part of the literal after the first block.
    #[inline]
    fn rest_is_at(&self, text: &[u8], at: usize) -> bool {
        match self.bytes.get(BLOCK..) {
            None | Some([]) => true,
            Some(rest) => text.get(at + BLOCK..at + self.len()) == Some(rest),
        }
    }
}

/// A bit for each index at which two blocks differ.
#[cfg(target_arch = "x86_64")]
#[inline]
#[expect(unsafe_code, reason = "the intrinsics of SSE2, which every x86-64 has")]
fn differences(one: &[u8; BLOCK], other: &[u8; BLOCK]) -> u32 {
    use std::arch::x86_64::{_mm_cmpeq_epi8, _mm_loadu_si128, _mm_movemask_epi8};
    let equal = |one: &[u8; 16], other: &[u8; 16]| {
        // SAFETY: SSE2 is part of x86-64. Each load reads the 16 bytes of an array, and may read at
        // any alignment; the other intrinsics have no memory operands.
        let marks = unsafe {
            let one = _mm_loadu_si128(one.as_ptr().cast());
            let other = _mm_loadu_si128(other.as_ptr().cast());
            _mm_movemask_epi8(_mm_cmpeq_epi8(one, other))
        };
        marks.cast_unsigned()
    };
    let ([one_low, one_high], [other_low, other_high]) = (halves(one), halves(other));
    !(equal(one_low, other_low) | equal(one_high, other_high) << 16)
}

#[cfg(target_arch = "x86_64")]
fn halves(block: &[u8; BLOCK]) -> [&[u8; 16]; 2] {
    let (halves, _nothing) = block.as_chunks::<16>();
    <&[[u8; 16]; 2]>::try_from(halves).expect("a block has two halves").each_ref()
}

#[cfg(not(target_arch = "x86_64"))]
#[inline]
fn differences(one: &[u8; BLOCK], other: &[u8; BLOCK]) -> u32 {
    differences_plain(one, other)
}

/// The safe twin of [`differences`].
#[cfg(any(test, not(target_arch = "x86_64")))]
fn differences_plain(one: &[u8; BLOCK], other: &[u8; BLOCK]) -> u32 {
    let marks = one.iter().zip(other).enumerate().filter(|(_, (one, other))| one != other);
    marks.map(|(at, _)| 1 << at).sum()
}

#[cfg(test)]
mod tests {
    use proptest::{array::uniform32, collection::vec, prelude::*, sample::select};

    use super::*;

    proptest! {
        #[test]
        fn differences_are_those_of_the_safe_twin(
            one in uniform32(0_u8..3),
            other in uniform32(0_u8..3),
        ) {
            prop_assert_eq!(differences(&one, &other), differences_plain(&one, &other));
            prop_assert_eq!(differences(&one, &one), 0);
        }

        #[test]
        fn finds_what_is_there(
            text in vec(select(b"aaaaaaaaab".as_slice()), 0..80),
            literal in vec(select(b"aaaaaaaaab".as_slice()), 0..40),
            at in 0_usize..85,
        ) {
            let expected = text.get(at..).is_some_and(|text| text.starts_with(&literal));
            prop_assert_eq!(Literal::new(&literal).is_at(&text, at), expected);
        }
    }
}
