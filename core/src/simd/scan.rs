//! Finds the ends of JSON strings, and the delimiters and quotes of CSV text.

use super::Span;
use super::marks::{ByteSet, first_mark, low_bits, with_block};
use super::span::pack;

/// What a JSON string cannot hold unescaped (RFC 8259, section 7): `"`, `\` and bytes below 0x20.
const SPECIAL: ByteSet<2> = ByteSet::of([b'"', b'\\']).and_controls();

/// Whether JSON must escape the byte inside a string.
#[inline]
pub fn is_special(byte: u8) -> bool {
    SPECIAL.contains(byte)
}

/// The index of the first byte that JSON must escape inside a string, or the length if there is
/// none.
#[inline]
pub fn first_special(bytes: &[u8]) -> usize {
    let mut at = 0;
    while let Some(block) = bytes.get(at..).and_then(<[u8]>::first_chunk) {
        let marks = SPECIAL.marks16(block);
        if marks != 0 {
            return at + first_mark(marks.into());
        }
        at += block.len();
    }
    let rest = bytes.get(at..).unwrap_or(&[]);
    at + rest.iter().position(|byte| is_special(*byte)).unwrap_or(rest.len())
}

/// The text before the first byte that JSON must escape: its length, and its bytes packed as by
/// [`Span::packed`]. Returns `None` if it is longer than 15 bytes, or the source ends within 16.
#[inline]
pub fn packed_text(bytes: &[u8]) -> Option<(usize, u128)> {
    let block = bytes.first_chunk()?;
    let marks = SPECIAL.marks16(block);
    let len = first_mark(marks.into());
    (marks != 0).then(|| (len, pack(block, len)))
}

/// Calls `visit` with the index of each delimiter and quote in the text, in order.
#[inline]
pub fn each_divider(text: Span<'_>, delimiter: u8, mut visit: impl FnMut(usize)) {
    let set = ByteSet::of([delimiter, b'"']);
    let mut at = 0;
    while at < text.len {
        let marks = with_block(text.source, text.start + at, |block| set.marks64(block));
        let mut dividers = marks & low_bits(text.len - at);
        while dividers != 0 {
            visit(at + first_mark(dividers));
            dividers &= dividers - 1;
        }
        at += 64;
    }
}

/// Whether the text contains a delimiter, a quote, a backslash or a byte below 0x20. Most CSV cells
/// contain none, and so need neither quotes nor escapes.
#[inline]
pub fn holds_divider_or_escape(text: Span<'_>, delimiter: u8) -> bool {
    let set = ByteSet::of([delimiter, b'"', b'\\']).and_controls();
    let mut at = 0;
    while at < text.len {
        let marks = with_block(text.source, text.start + at, |block| set.marks16(block));
        if u64::from(marks) & low_bits(text.len - at) != 0 {
            return true;
        }
        at += 16;
    }
    false
}

#[cfg(test)]
mod tests {
    use std::ops::Range;

    use proptest::{collection::vec, prelude::*, sample::select};

    use super::*;

    /// Texts made of these bytes.
    fn bytes_of(some: &'static [u8], len: Range<usize>) -> impl Strategy<Value = Vec<u8>> {
        vec(select(some), len)
    }

    fn plain_first_special(bytes: &[u8]) -> usize {
        bytes.iter().position(|byte| is_special(*byte)).unwrap_or(bytes.len())
    }

    proptest! {
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
            each_divider(span, b',', |at| found.push(at));
            let bytes = span.bytes().iter().enumerate();
            let expected = bytes.filter(|(_, byte)| matches!(byte, b',' | b'"')).map(|(at, _)| at);
            prop_assert_eq!(&found, &expected.collect::<Vec<_>>());
            let has_escapes = span.bytes().iter().any(|byte| *byte < 0x20 || *byte == b'\\');
            prop_assert_eq!(
                holds_divider_or_escape(span, b','),
                has_escapes || !found.is_empty()
            );
        }

        #[test]
        fn the_first_special_byte_is_found_in_any_bytes(bytes in vec(any::<u8>(), 0..40)) {
            prop_assert_eq!(first_special(&bytes), plain_first_special(&bytes));
        }

        #[test]
        fn the_first_special_byte_is_found_in_mostly_plain_text(
            before in bytes_of(b" a~\xc3\xa9\x7f", 0..40),
            special in bytes_of(b"\"\\\x1f", 0..2),
            behind in bytes_of(b" \"a", 0..9),
        ) {
            let bytes = [before, special, behind].concat();
            prop_assert_eq!(first_special(&bytes), plain_first_special(&bytes));
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
    }
}
