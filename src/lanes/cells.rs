//! Writing cells of CSV that stand in a line as they are, which most do.
//!
//! A cell is looked at and copied in blocks of a fixed size, and an absent one takes the same way
//! as one with text: which cells of a line are absent can't be foretold, so a branch on it would
//! often be taken wrongly.

use std::ptr;

use super::copy::Span;

/// A cell that is to be written.
#[derive(Clone, Copy, Debug)]
pub struct Cell<'a> {
    /// Of an absent cell, any of no length.
    pub span: Span<'a>,
    /// Whether it is text that is there, be it empty, and no number.
    pub is_text: bool,
}

/// Bytes that are looked at together; a longer cell is left to others.
const BLOCK: usize = 64;
/// What is copied of a cell, and for a longer one once more.
const HALF: usize = BLOCK / 2;

/// Appends cells with a comma behind each, up to the first for which this might be wrong; tells how
/// many. It is surely right for what is no longer than 63 bytes, holds no comma, quote, or byte
/// below 0x20, and lies at least 64 bytes before its source's end; if it is text, it also has to
/// begin with neither a space nor the sign of a formula, and may not be empty.
#[inline]
#[expect(unsafe_code, reason = "copies blocks to room that is there")]
pub fn append_plain_cells<'a, T>(
    out: &mut Vec<u8>,
    cells: &[T],
    cell_of: impl Fn(&T) -> Cell<'a>,
) -> usize {
    out.reserve(cells.len() * BLOCK);
    let to = out.as_mut_ptr();
    let (mut end, mut count) = (out.len(), 0);
    for cell in cells {
        let Cell { span, is_text } = cell_of(cell);
        let Some(block) = span.source.get(span.start..).and_then(<[u8]>::first_chunk) else {
            break;
        };
        if BLOCK <= span.len || is_special(block, span.len, is_text) {
            break;
        }
        // SAFETY: with each cell, `end` grows by at most `BLOCK`, and one block more is written at
        // most: all of it lies in the room that was reserved, a block for each cell. The bytes from
        // one `end` to the next are written, by one copy or two and by the comma. `out` is borrowed
        // for writing, so no source overlaps it.
        unsafe {
            ptr::copy_nonoverlapping(block.as_ptr(), to.add(end), HALF);
            if HALF < span.len {
                ptr::copy_nonoverlapping(block.as_ptr().add(HALF), to.add(end + HALF), HALF);
            }
            *to.add(end + span.len) = b',';
        }
        end += span.len + 1;
        count += 1;
    }
    // SAFETY: up to `end`, all bytes are written, in the room that was reserved.
    unsafe { out.set_len(end) };
    count
}

/// Whether the first `len` bytes of a block, fewer than all, might not be written as they are.
#[inline]
fn is_special(block: &[u8; BLOCK], len: usize, is_text: bool) -> bool {
    let ([low, more, rest @ ..], _) = block.as_chunks::<16>() else { return true };
    let mut marks = u64::from(quote_marks(low)) | u64::from(quote_marks(more)) << 16;
    if let ([third, last], true) = (rest, HALF < len) {
        marks |= u64::from(quote_marks(third)) << 32 | u64::from(quote_marks(last)) << 48;
    }
    let [first, ..] = block;
    marks |= u64::from(is_text & opens_special(*first));
    let inside = (1_u64 << len) - 1;
    let is_empty_text = is_text & (len == 0);
    marks & inside != 0 || is_empty_text
}

/// What a spreadsheet takes for a formula begins so, and blank text does.
#[inline]
fn opens_special(byte: u8) -> bool {
    /// A bit for each byte below 64.
    const LOW: u64 = 1 << b' ' | 1 << b'=' | 1 << b'+' | 1 << b'-';
    byte == b'@' || (byte < 64 && LOW >> (byte & 63) & 1 != 0)
}

/// A bit for each byte that needs quotes around its cell, or is below 0x20.
#[cfg(target_arch = "x86_64")]
#[inline]
#[expect(unsafe_code, reason = "the intrinsics of SSE2, which every x86-64 has")]
fn quote_marks(block: &[u8; 16]) -> u32 {
    use std::arch::x86_64::{
        _mm_cmpeq_epi8, _mm_loadu_si128, _mm_min_epu8, _mm_movemask_epi8, _mm_or_si128,
        _mm_set1_epi8,
    };
    // SAFETY: the load reads the 16 bytes that the reference is to, at any alignment; the rest
    // works on registers.
    let marks = unsafe {
        let bytes = _mm_loadu_si128(block.as_ptr().cast());
        let commas = _mm_cmpeq_epi8(bytes, _mm_set1_epi8(0x2c));
        let quotes = _mm_cmpeq_epi8(bytes, _mm_set1_epi8(0x22));
        let controls = _mm_cmpeq_epi8(bytes, _mm_min_epu8(bytes, _mm_set1_epi8(0x1f)));
        _mm_movemask_epi8(_mm_or_si128(_mm_or_si128(commas, quotes), controls))
    };
    marks.cast_unsigned()
}

#[cfg(not(target_arch = "x86_64"))]
#[inline]
fn quote_marks(block: &[u8; 16]) -> u32 {
    quote_marks_plain(block)
}

/// The same without vector instructions.
#[cfg(any(test, not(target_arch = "x86_64")))]
fn quote_marks_plain(block: &[u8; 16]) -> u32 {
    let needs = |byte: &u8| matches!(byte, b',' | b'"') || *byte < 0x20;
    let marks = block.iter().enumerate().filter(|(_, byte)| needs(byte));
    marks.map(|(place, _)| 1 << place).sum()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Looks at each byte.
    fn is_plain(cell: Cell<'_>) -> bool {
        let bytes = cell.span.bytes();
        let starts = matches!(bytes.first(), None | Some(b' ' | b'=' | b'+' | b'-' | b'@'));
        cell.span.source.len() >= cell.span.start + BLOCK
            && bytes.len() < BLOCK
            && !bytes.iter().any(|byte| matches!(byte, b',' | b'"') || *byte < 0x20)
            && !(cell.is_text && starts)
    }

    proptest! {
        #[test]
        fn marks_are_the_plain_ones(block in proptest::array::uniform16(0_u8..0x60)) {
            prop_assert_eq!(quote_marks(&block), quote_marks_plain(&block));
        }

        #[test]
        fn appends_cells_up_to_the_first_that_is_not_plain(
            text in "[ a-z=+@é-]{0,200}([,\"\t][a-z]{0,200}){0,3}",
            spans in proptest::collection::vec(
                (0_usize..250, prop_oneof![Just(0_usize), 0_usize..40, 30_usize..70], any::<bool>()),
                0..20,
            ),
        ) {
            let source = text.as_bytes();
            let cell = |(start, len, is_text): &(usize, usize, bool)| {
                let start = (*start).min(source.len());
                let len = (*len).min(source.len() - start);
                Cell { span: Span { source, start, len }, is_text: *is_text }
            };
            let plain = spans.iter().take_while(|span| is_plain(cell(span))).count();
            let mut expected = b"before".to_vec();
            for span in spans.iter().take(plain) {
                expected.extend_from_slice(cell(span).span.bytes());
                expected.push(b',');
            }
            let mut out = b"before".to_vec();
            prop_assert_eq!(append_plain_cells(&mut out, &spans, cell), plain);
            prop_assert_eq!(out, expected);
        }
    }
}
