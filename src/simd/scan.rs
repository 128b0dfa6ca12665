//! Finding bytes, and comparing with bytes that are likely: in blocks of a fixed size.

use super::Span;
use super::span::pack;

/// The place of the first byte that JSON text can't hold as it is (`"`, `\` or below 0x20),
/// or the length.
#[inline]
pub fn first_special(bytes: &[u8]) -> usize {
    let mut at = 0;
    while let Some(block) = bytes.get(at..).and_then(<[u8]>::first_chunk) {
        let marks = special_marks(block);
        if marks != 0 {
            return at + first_mark(marks.into());
        }
        at += block.len();
    }
    let rest = bytes.get(at..).unwrap_or(&[]);
    at + rest.iter().position(|byte| is_special(*byte)).unwrap_or(rest.len())
}

/// The text before the first special byte: its length, and itself as [`Span::packed`] has it. None
/// where it is too long for that, or the source ends within 16 bytes.
#[inline]
pub fn packed_text(bytes: &[u8]) -> Option<(usize, u128)> {
    let block = bytes.first_chunk()?;
    let marks = special_marks(block);
    let len = first_mark(marks.into());
    (marks != 0).then(|| (len, pack(block, len)))
}

/// Whether JSON must escape the byte inside a string.
#[inline]
pub fn is_special(byte: u8) -> bool {
    byte < 0x20 || byte == b'"' || byte == b'\\'
}

/// A bit for each byte of the block that is special.
#[cfg(target_arch = "x86_64")]
#[inline]
#[expect(unsafe_code, reason = "the intrinsics of SSE2, which every x86-64 has")]
fn special_marks(block: &[u8; 16]) -> u32 {
    use std::arch::x86_64::{
        _mm_cmpeq_epi8, _mm_loadu_si128, _mm_min_epu8, _mm_movemask_epi8, _mm_or_si128,
        _mm_set1_epi8,
    };
    // SAFETY: the load reads the 16 bytes that the reference is to, at any alignment; the rest
    // works on registers.
    let marks = unsafe {
        let bytes = _mm_loadu_si128(block.as_ptr().cast());
        let quotes = _mm_cmpeq_epi8(bytes, _mm_set1_epi8(0x22));
        let backslashes = _mm_cmpeq_epi8(bytes, _mm_set1_epi8(0x5c));
        let controls = _mm_cmpeq_epi8(bytes, _mm_min_epu8(bytes, _mm_set1_epi8(0x1f)));
        _mm_movemask_epi8(_mm_or_si128(_mm_or_si128(quotes, backslashes), controls))
    };
    marks.cast_unsigned()
}

#[cfg(not(target_arch = "x86_64"))]
#[inline]
fn special_marks(block: &[u8; 16]) -> u32 {
    special_marks_plain(block)
}

/// The same without vector instructions.
#[cfg(any(test, not(target_arch = "x86_64")))]
fn special_marks_plain(block: &[u8; 16]) -> u32 {
    let marks = block.iter().enumerate().filter(|(_, byte)| is_special(**byte));
    marks.map(|(place, _)| 1 << place).sum()
}

/// What a text of CSV is made of: a bit for each byte of a block.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct CellMarks<T> {
    /// Delimiters and quotes.
    dividers: T,
    /// Backslashes, and what is below 0x20.
    escapes: T,
}

/// Gives the places of delimiters and quotes in a text, in their order. Tells whether the text
/// holds a backslash or a byte below 0x20.
#[inline]
pub fn each_divider(text: Span<'_>, delimiter: u8, mut give: impl FnMut(usize)) -> bool {
    let (mut at, mut escapes) = (0, 0);
    while at < text.len {
        let here = text.source.get(text.start + at..).unwrap_or(&[]);
        let marks = match here.first_chunk() {
            Some(row) => row_marks(row, delimiter),
            None => row_marks(&padded(here), delimiter),
        };
        let inside = u64::MAX >> (ROW - (text.len - at).min(ROW));
        let mut dividers = marks.dividers & inside;
        escapes |= marks.escapes & inside;
        while dividers != 0 {
            give(at + first_mark(dividers));
            dividers &= dividers - 1;
        }
        at += ROW;
    }
    escapes != 0
}

/// Whether a text holds a delimiter, a quote, a backslash or a byte below 0x20: most cells of CSV
/// hold none, and so need no quotes.
#[inline]
pub fn holds_divider_or_escape(text: Span<'_>, delimiter: u8) -> bool {
    let mut at = 0;
    while at < text.len {
        let here = text.source.get(text.start + at..).unwrap_or(&[]);
        let CellMarks { dividers, escapes } = match here.first_chunk() {
            Some(block) => cell_marks(block, delimiter),
            None => cell_marks(&padded(here), delimiter),
        };
        let inside = u32::from(u16::MAX) >> (16 - (text.len - at).min(16));
        if (dividers | escapes) & inside != 0 {
            return true;
        }
        at += 16;
    }
    false
}

/// What is left near the end of a source, filled up with what nobody looks for.
fn padded<const N: usize>(rest: &[u8]) -> [u8; N] {
    let mut block = [b'.'; N];
    block.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
    block
}

/// Bytes that are looked at together where cells are looked for.
const ROW: usize = 64;

#[inline]
fn row_marks(row: &[u8; ROW], delimiter: u8) -> CellMarks<u64> {
    let mut marks = CellMarks::default();
    for (block, shift) in row.as_chunks().0.iter().zip([0, 16, 32, 48]) {
        let CellMarks { dividers, escapes } = cell_marks(block, delimiter);
        marks.dividers |= u64::from(dividers) << shift;
        marks.escapes |= u64::from(escapes) << shift;
    }
    marks
}

#[cfg(target_arch = "x86_64")]
#[inline]
#[expect(unsafe_code, reason = "the intrinsics of SSE2, which every x86-64 has")]
fn cell_marks(block: &[u8; 16], delimiter: u8) -> CellMarks<u32> {
    use std::arch::x86_64::{
        _mm_cmpeq_epi8, _mm_loadu_si128, _mm_min_epu8, _mm_movemask_epi8, _mm_or_si128,
        _mm_set1_epi8,
    };
    // SAFETY: the load reads the 16 bytes that the reference is to, at any alignment; the rest
    // works on registers.
    let (dividers, escapes) = unsafe {
        let bytes = _mm_loadu_si128(block.as_ptr().cast());
        let delimiters = _mm_cmpeq_epi8(bytes, _mm_set1_epi8(delimiter.cast_signed()));
        let quotes = _mm_cmpeq_epi8(bytes, _mm_set1_epi8(0x22));
        let backslashes = _mm_cmpeq_epi8(bytes, _mm_set1_epi8(0x5c));
        let controls = _mm_cmpeq_epi8(bytes, _mm_min_epu8(bytes, _mm_set1_epi8(0x1f)));
        let dividers = _mm_or_si128(delimiters, quotes);
        let escapes = _mm_or_si128(backslashes, controls);
        (_mm_movemask_epi8(dividers), _mm_movemask_epi8(escapes))
    };
    CellMarks { dividers: dividers.cast_unsigned(), escapes: escapes.cast_unsigned() }
}

#[cfg(not(target_arch = "x86_64"))]
#[inline]
fn cell_marks(block: &[u8; 16], delimiter: u8) -> CellMarks<u32> {
    cell_marks_plain(block, delimiter)
}

/// The same without vector instructions.
#[cfg(any(test, not(target_arch = "x86_64")))]
fn cell_marks_plain(block: &[u8; 16], delimiter: u8) -> CellMarks<u32> {
    let mut marks = CellMarks::default();
    for (place, byte) in block.iter().enumerate() {
        marks.dividers |= u32::from(*byte == delimiter || *byte == b'"') << place;
        marks.escapes |= u32::from(*byte < 0x20 || *byte == b'\\') << place;
    }
    marks
}

#[inline]
#[expect(clippy::as_conversions, reason = "at most 64")]
fn first_mark(marks: u64) -> usize {
    marks.trailing_zeros() as usize
}

/// A short text that is looked for again and again, mostly where it is.
#[derive(Clone, Debug)]
pub struct Literal {
    bytes: Box<[u8]>,
    /// Its first bytes, and a bit for each of them.
    block: [u8; BLOCK],
    counts: u32,
}

impl Literal {
    pub fn new(bytes: &[u8]) -> Literal {
        let (mut block, mut counts) = ([0; BLOCK], 0);
        for (place, (to, from)) in block.iter_mut().zip(bytes).enumerate() {
            *to = *from;
            counts |= 1 << place;
        }
        Literal { bytes: bytes.into(), block, counts }
    }

    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Whether it is this text.
    pub fn is(&self, text: &[u8]) -> bool {
        *self.bytes == *text
    }

    /// Whether `text` holds it at `at`.
    #[inline]
    pub fn is_at(&self, text: &[u8], at: usize) -> bool {
        let Some(here) = text.get(at..).and_then(<[u8]>::first_chunk::<BLOCK>) else {
            // Near the text's end.
            return text.get(at..at + self.len()) == Some(&*self.bytes);
        };
        differing_marks(here, &self.block) & self.counts == 0 && self.rest_is_at(text, at)
    }

    /// Whether what is longer than a block goes on as wanted.
    #[inline]
    fn rest_is_at(&self, text: &[u8], at: usize) -> bool {
        match self.bytes.get(BLOCK..) {
            None | Some([]) => true,
            Some(rest) => text.get(at + BLOCK..at + self.len()) == Some(rest),
        }
    }
}

/// A bit for each place where two blocks differ.
#[cfg(target_arch = "x86_64")]
#[inline]
#[expect(unsafe_code, reason = "the intrinsics of SSE2, which every x86-64 has")]
fn differing_marks(one: &[u8; BLOCK], other: &[u8; BLOCK]) -> u32 {
    use std::arch::x86_64::{_mm_cmpeq_epi8, _mm_loadu_si128, _mm_movemask_epi8};
    let alike = |one: &[u8; 16], other: &[u8; 16]| {
        // SAFETY: each load reads the 16 bytes that a reference is to, at any alignment; the rest
        // works on registers.
        let marks = unsafe {
            let one = _mm_loadu_si128(one.as_ptr().cast());
            let other = _mm_loadu_si128(other.as_ptr().cast());
            _mm_movemask_epi8(_mm_cmpeq_epi8(one, other))
        };
        marks.cast_unsigned()
    };
    let ([one_low, one_high], [other_low, other_high]) = (halves(one), halves(other));
    !(alike(one_low, other_low) | alike(one_high, other_high) << 16)
}

#[cfg(target_arch = "x86_64")]
fn halves(block: &[u8; BLOCK]) -> [&[u8; 16]; 2] {
    let (halves, _nothing) = block.as_chunks::<16>();
    <&[[u8; 16]; 2]>::try_from(halves).expect("a block is two halves").each_ref()
}

#[cfg(not(target_arch = "x86_64"))]
#[inline]
fn differing_marks(one: &[u8; BLOCK], other: &[u8; BLOCK]) -> u32 {
    differing_marks_plain(one, other)
}

/// The same without vector instructions.
#[cfg(any(test, not(target_arch = "x86_64")))]
fn differing_marks_plain(one: &[u8; BLOCK], other: &[u8; BLOCK]) -> u32 {
    let marks = one.iter().zip(other).enumerate().filter(|(_, (one, other))| one != other);
    marks.map(|(place, _)| 1 << place).sum()
}

/// Bytes in a block that is compared whole.
const BLOCK: usize = 32;

#[cfg(test)]
mod tests {
    use std::ops::Range;

    use proptest::{collection::vec, prelude::*, sample::select};

    use super::*;

    /// Bytes out of these.
    fn bytes_of(some: &'static [u8], len: Range<usize>) -> impl Strategy<Value = Vec<u8>> {
        vec(select(some), len)
    }

    proptest! {
        #[test]
        fn marks_are_the_plain_ones(block in any::<[u8; 16]>()) {
            prop_assert_eq!(special_marks(&block), special_marks_plain(&block));
        }

        #[test]
        fn marks_of_differences_are_the_plain_ones(
            one in proptest::array::uniform32(0_u8..3),
            other in proptest::array::uniform32(0_u8..3),
        ) {
            prop_assert_eq!(differing_marks(&one, &other), differing_marks_plain(&one, &other));
            prop_assert_eq!(differing_marks(&one, &one), 0);
        }

        #[test]
        fn marks_of_cells_are_the_plain_ones(
            block in proptest::array::uniform16(0_u8..0x60),
            delimiter in any::<u8>(),
        ) {
            prop_assert_eq!(cell_marks(&block, delimiter), cell_marks_plain(&block, delimiter));
        }

        #[test]
        fn dividers_are_found_where_they_are(
            often in bytes_of(b",\"a\\\t", 0..9),
            others in bytes_of(b",\"aaaaaaaaa", 0..150),
            start in 0_usize..70,
            len in 0_usize..150,
        ) {
            let source = &[others, often].concat();
            let start = start.min(source.len());
            let span = Span { source, start, len: len.min(source.len() - start) };
            let mut found = Vec::new();
            let has_escapes = each_divider(span, b',', |at| found.push(at));
            let places = span.bytes().iter().enumerate();
            let plain = places.filter(|(_, byte)| matches!(byte, b',' | b'"')).map(|(at, _)| at);
            prop_assert_eq!(&found, &plain.collect::<Vec<_>>());
            let plain = span.bytes().iter().any(|byte| *byte < 0x20 || *byte == b'\\');
            prop_assert_eq!(has_escapes, plain);
            prop_assert_eq!(
                holds_divider_or_escape(span, b','),
                has_escapes || !found.is_empty()
            );
        }

        #[test]
        fn agrees_with_looking_at_each_byte(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            let plain = bytes.iter().position(|b| is_special(*b)).unwrap_or(bytes.len());
            prop_assert_eq!(first_special(&bytes), plain);
        }

        #[test]
        fn short_text_is_packed_as_a_span_is(
            text in bytes_of(b"aaaaaaab\xc3", 0..20),
            behind in bytes_of(b"\"a", 0..20),
        ) {
            let source = &[&*text, b"\"", &behind].concat();
            let packed = Span { source, start: 0, len: text.len() }.packed();
            let has_block = 16 <= source.len();
            let expected = packed.filter(|_| has_block).map(|packed| (text.len(), packed));
            prop_assert_eq!(packed_text(source), expected);
            prop_assert_eq!(packed, Span::whole(&text).packed());
        }

        #[test]
        fn finds_what_is_wanted_where_it_is(
            text in bytes_of(b"aaaaaaaaab", 0..80),
            wanted in bytes_of(b"aaaaaaaaab", 0..40),
            at in 0_usize..85,
        ) {
            let plain = text.get(at..).is_some_and(|text| text.starts_with(&wanted));
            prop_assert_eq!(Literal::new(&wanted).is_at(&text, at), plain);
        }

        #[test]
        fn agrees_on_mostly_plain_text(
            before in bytes_of(b" a~\xc3\xa9\x7f", 0..40),
            special in bytes_of(b"\"\\\x1f", 0..2),
            behind in bytes_of(b" \"a", 0..9),
        ) {
            let bytes = [before, special, behind].concat();
            let plain = bytes.iter().position(|b| is_special(*b)).unwrap_or(bytes.len());
            prop_assert_eq!(first_special(&bytes), plain);
        }
    }
}
