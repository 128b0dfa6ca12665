//! Writing cells of CSV that stand in a line as they are, which most do.
//!
//! A cell is looked at and copied in blocks of a fixed size, and an absent one takes the same way
//! as one with text: which cells of a line are absent can't be foretold, so a branch on it would
//! often be taken wrongly.

use std::ptr;

use super::Span;

/// A cell that is to be written.
#[derive(Clone, Copy, Debug)]
pub struct Cell<'a> {
    /// Of an absent cell, any of no length.
    pub span: Span<'a>,
    /// Whether it is text that is there, be it empty, and no number.
    pub is_text: bool,
}

/// Bytes that are looked at together; a longer cell is left to others.
const BLOCK: usize = 96;
/// What is copied of any cell; the rest of the block only of a longer one.
const SHORT: usize = 32;
/// Cells that are appended at most: there is room for each of them beforehand.
const CELLS_MAX: usize = 1024;

/// Appends cells with a comma behind each, up to the first for which this might be wrong, and no more
/// than 1,024; tells how many. It is surely right for what is shorter than 96 bytes, holds no comma, quote or byte
/// below 0x20, and lies at least 96 bytes before its source's end; if it is text, it also has to
/// begin with neither a space nor the sign of a formula, and may not be empty.
#[inline]
#[expect(unsafe_code, reason = "copies blocks to room that is there")]
pub fn append_plain_cells<'a, T>(
    out: &mut Vec<u8>,
    cells: &[T],
    cell_of: impl Fn(&T) -> Cell<'a>,
) -> usize {
    let cells = cells.get(..CELLS_MAX).unwrap_or(cells);
    out.reserve(cells.len() * BLOCK);
    let to = out.as_mut_ptr();
    let (mut end, mut count) = (out.len(), 0);
    for cell in cells {
        let Cell { span, is_text } = cell_of(cell);
        let block = span.source.get(span.start..span.start + BLOCK);
        let Some(block) = block.and_then(<[u8]>::first_chunk) else { break };
        if BLOCK <= span.len || is_special(block, span.len, is_text) {
            break;
        }
        // SAFETY: with each cell, `end` grows by at most `BLOCK`, and one block more is written at
        // most: all of it lies in the room that was reserved, a block for each cell. The bytes from
        // one `end` to the next are written, by one copy or two and by the comma. `out` is borrowed
        // for writing, so no source overlaps it.
        unsafe {
            ptr::copy_nonoverlapping(block.as_ptr(), to.add(end), SHORT);
            if SHORT < span.len {
                let rest = block.as_ptr().add(SHORT);
                ptr::copy_nonoverlapping(rest, to.add(end + SHORT), BLOCK - SHORT);
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
    let ([low, high, rest @ ..], _) = block.as_chunks::<16>() else { return true };
    let [first, ..] = block;
    let first = u32::from(is_text & opens_special(*first));
    let marks = u64::from(quote_marks(low) | quote_marks(high) << 16 | first);
    let is_empty_text = is_text && len == 0;
    if marks & bits(len.min(SHORT)) != 0 || is_empty_text {
        return true;
    }
    SHORT < len && {
        let shifts = [0, 16, 32, 48];
        let marks = rest.iter().zip(shifts).map(|(part, at)| u64::from(quote_marks(part)) << at);
        marks.fold(0, |all, marks| all | marks) & bits(len - SHORT) != 0
    }
}

/// So many bits, fewer than 64.
#[inline]
fn bits(count: usize) -> u64 {
    (1 << count) - 1
}

/// What a spreadsheet takes for a formula begins so, and blank text does.
#[inline]
fn opens_special(byte: u8) -> bool {
    const fn bit(byte: u8) -> u64 {
        1 << (byte - b' ')
    }
    const OPENS: u64 = bit(b' ') | bit(b'=') | bit(b'+') | bit(b'-') | bit(b'@');
    let place = byte.wrapping_sub(b' ');
    place < 64 && OPENS >> (place & 63) & 1 != 0
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
    use proptest::{collection::vec, prelude::*, sample::select};

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
            text in vec(select(b" a=b+c@d-\xc3\xa9".as_slice()), 0..300),
            behind in vec(select(b",\"\taaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa".as_slice()), 0..300),
            spans in vec(
                (0_usize..450, prop_oneof![Just(0_usize), 0_usize..40, 30_usize..100], any::<bool>()),
                0..20,
            ),
        ) {
            let source = &[text, behind].concat();
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

    #[test]
    fn many_cells_are_taken_by_and_by() {
        let source = [b'a'; BLOCK];
        let cell =
            |(): &()| Cell { span: Span { source: &source, start: 0, len: 1 }, is_text: true };
        let mut out = Vec::new();
        assert_eq!(append_plain_cells(&mut out, &[(); CELLS_MAX + 1], cell), CELLS_MAX);
        assert_eq!(out, b"a,".repeat(CELLS_MAX));
    }
}
