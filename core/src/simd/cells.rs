//! Appends CSV cells that can be written as they are, which most can.
//!
//! Each cell is checked and copied in blocks of a fixed size, and an absent cell takes the same
//! path as one with text: which cells of a line are absent is unpredictable, so a branch on it
//! would often be mispredicted.

use std::ptr;

use super::Span;
use super::marks::{ByteSet, low_bits};

/// A cell to write.
#[derive(Clone, Copy, Debug)]
pub struct Cell<'a> {
    /// For an absent cell, any span of length 0.
    pub span: Span<'a>,
    /// Whether the cell is present and is text, not a number.
    pub is_text: bool,
}

/// Bytes that are checked of a cell. Longer cells are left to the caller.
const BLOCK: usize = 96;
/// Bytes that are copied of every cell; the rest of the block is copied only if the cell is longer.
const SHORT: usize = 32;
/// The most cells of one call: it bounds what is reserved for them.
const CELLS_MAX: usize = 1024;

/// What no cell can contain without quotes. (CR and LF are among the control characters.)
const NEEDS_QUOTES: ByteSet<2> = ByteSet::of([b',', b'"']).and_controls();

/// Appends cells, each followed by a comma, up to the first that may need more care. Returns how
/// many were appended, at most 1,024.
///
/// A cell is appended if it is shorter than 96 bytes, contains no comma, quote or byte below 0x20,
/// and its source has at least 96 bytes from its start on. Text must also not be empty, and not
/// begin with a space, `=`, `+`, `-` or `@`.
#[inline]
#[expect(unsafe_code, reason = "copies blocks into reserved memory")]
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
        if BLOCK <= span.len || needs_care(block, span.len, is_text) {
            break;
        }
        // SAFETY: `out` has `BLOCK` reserved bytes for each cell, and each cell moves `end` by at
        // most `BLOCK`, as its length is less. So at least `BLOCK` reserved bytes follow `end`, and
        // all that is written here is within those. The bytes from one `end` to the next are
        // initialized: by the first copy, by the second if the cell is longer, and by the comma.
        // `out` is borrowed mutably, so no source overlaps it.
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
    // SAFETY: all bytes up to `end` are initialized, and within the reserved memory.
    unsafe { out.set_len(end) };
    count
}

/// Whether the first `len` bytes of a block, fewer than all, may need more than to be copied.
#[inline]
fn needs_care(block: &[u8; BLOCK], len: usize, is_text: bool) -> bool {
    let ([low, high, ..], _) = block.as_chunks::<16>() else { return true };
    let [first, ..] = block;
    let at_start = u32::from(is_text & needs_care_at_start(*first));
    let marks = NEEDS_QUOTES.marks16(low) | NEEDS_QUOTES.marks16(high) << 16 | at_start;
    let is_empty_text = is_text && len == 0;
    if u64::from(marks) & bits_below(len.min(SHORT)) != 0 || is_empty_text {
        return true;
    }
    SHORT < len
        && block
            .last_chunk()
            .is_none_or(|rest| NEEDS_QUOTES.marks64(rest) & low_bits(len - SHORT) != 0)
}

/// The lowest `count` bits; `count` is less than 64 and may be 0.
#[inline]
fn bits_below(count: usize) -> u64 {
    (1 << count) - 1
}

/// Whether text may not begin with this byte: a space, since blank text is left to the caller, or a
/// sign by which spreadsheets recognize a formula.
#[inline]
fn needs_care_at_start(byte: u8) -> bool {
    const fn bit(byte: u8) -> u64 {
        1 << (byte - b' ')
    }
    const SET: u64 = bit(b' ') | bit(b'=') | bit(b'+') | bit(b'-') | bit(b'@');
    let place = byte.wrapping_sub(b' ');
    place < 64 && SET >> (place & 63) & 1 != 0
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*, sample::select};

    use super::*;

    /// The safe twin of the check: looks at one byte after the other.
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
    fn many_cells_are_appended_in_several_calls() {
        let source = [b'a'; BLOCK];
        let cell =
            |(): &()| Cell { span: Span { source: &source, start: 0, len: 1 }, is_text: true };
        let mut out = Vec::new();
        assert_eq!(append_plain_cells(&mut out, &[(); CELLS_MAX + 1], cell), CELLS_MAX);
        assert_eq!(out, b"a,".repeat(CELLS_MAX));
    }
}
