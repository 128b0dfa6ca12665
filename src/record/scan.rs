//! Finding and copying bytes fast, in safe code: in blocks of a fixed size.

/// The place of the first byte that JSON text can't hold as it is (`"`, `\` or below 0x20),
/// or the length.
#[inline]
pub fn first_special(bytes: &[u8]) -> usize {
    let (blocks, rest) = bytes.as_chunks::<16>();
    for (index, block) in blocks.iter().enumerate() {
        let marks = special_marks(block);
        if marks != 0 {
            return index * 16 + first_mark(marks);
        }
    }
    let tail = rest.iter().position(|byte| is_special(*byte)).unwrap_or(rest.len());
    blocks.len() * 16 + tail
}

/// Whether JSON must escape the byte inside a string.
#[inline]
pub fn is_special(byte: u8) -> bool {
    byte < 0x20 || byte == b'"' || byte == b'\\'
}

/// All bits of each byte that is special. The compiler makes vector instructions of it.
#[inline]
fn special_marks(block: &[u8; 16]) -> u128 {
    u128::from_le_bytes(block.map(|byte| if is_special(byte) { 0xff } else { 0 }))
}

#[inline]
#[expect(clippy::as_conversions, reason = "at most 15")]
fn first_mark(marks: u128) -> usize {
    (marks.trailing_zeros() / 8) as usize
}

/// A short text that is compared again and again: in words, with a mask for the last.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    bytes: Vec<u8>,
    words: Vec<(u64, u64)>,
}

impl Wanted {
    pub fn new(bytes: &[u8]) -> Wanted {
        let words = bytes.chunks(8).map(|part| {
            let (mut word, mut mask) = ([0; 8], [0; 8]);
            for ((to, mask), from) in word.iter_mut().zip(&mut mask).zip(part) {
                (*to, *mask) = (*from, 0xff);
            }
            (u64::from_le_bytes(word), u64::from_le_bytes(mask))
        });
        Wanted { words: words.collect(), bytes: bytes.to_vec() }
    }

    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Whether `text` holds it at `at`.
    #[inline]
    pub fn is_at(&self, text: &[u8], at: usize) -> bool {
        match text.get(at..at + self.words.len() * 8) {
            Some(here) => {
                let here = here.as_chunks::<8>().0.iter().map(|word| u64::from_le_bytes(*word));
                here.zip(&self.words).all(|(here, (word, mask))| here & mask == *word)
            }
            // Near the text's end.
            None => text.get(at..at + self.bytes.len()) == Some(self.bytes.as_slice()),
        }
    }
}

/// Bytes in a block that is copied whole.
const BLOCK: usize = 32;

/// Appends `source[start..start + len]`; nothing where that is outside.
///
/// Most values are short, and a copy of a length known beforehand takes two instructions, where
/// one of any length takes a call. So a whole block is copied where there is one, and what was
/// too much of it is taken back.
#[inline]
pub fn append(out: &mut Vec<u8>, source: &[u8], start: usize, len: usize) {
    let block = source.get(start..).and_then(<[u8]>::first_chunk::<BLOCK>);
    match block {
        Some(block) if len <= BLOCK => {
            let end = out.len() + len;
            out.extend_from_slice(block);
            out.truncate(end);
        }
        _ => out.extend_from_slice(source.get(start..start + len).unwrap_or(&[])),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn agrees_with_looking_at_each_byte(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            let plain = bytes.iter().position(|b| is_special(*b)).unwrap_or(bytes.len());
            prop_assert_eq!(first_special(&bytes), plain);
        }

        #[test]
        fn finds_what_is_wanted_where_it_is(
            text in "[ab]{0,40}",
            wanted in "[ab]{0,20}",
            at in 0_usize..45,
        ) {
            let plain = text.as_bytes().get(at..).is_some_and(|t| t.starts_with(wanted.as_bytes()));
            prop_assert_eq!(Wanted::new(wanted.as_bytes()).is_at(text.as_bytes(), at), plain);
        }

        #[test]
        fn appends_what_the_span_is(
            source in proptest::collection::vec(any::<u8>(), 0..80),
            start in 0_usize..90,
            len in 0_usize..60,
        ) {
            let mut out = b"before".to_vec();
            append(&mut out, &source, start, len);
            let mut expected = b"before".to_vec();
            expected.extend_from_slice(source.get(start..start + len).unwrap_or(&[]));
            prop_assert_eq!(out, expected);
        }

        #[test]
        fn agrees_on_mostly_plain_text(text in "[ -~é]{0,40}[\"\\\\\u{1f}]?[ -~]{0,9}") {
            let bytes = text.as_bytes();
            let plain = bytes.iter().position(|b| is_special(*b)).unwrap_or(bytes.len());
            prop_assert_eq!(first_special(bytes), plain);
        }
    }
}
