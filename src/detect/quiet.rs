//! Tells of nearly all values, from one look at their bytes, that no detector finds anything in them.
//!
//! ```text
//! pro                 short
//! web/checkout        none of the marks that personal data have
//! 2026-03-14          a hyphen, but too short for what has hyphens
//! ada@example.com     an @: the shapes are tried
//! ```
//!
//! It is about what detectors find by the value alone, whatever its field is called. A test holds it to the
//! patterns of `schemas/detectors.toml`.

/// No shape matches fewer bytes.
const SHORTEST: usize = 6;
/// No shape without a mark matches fewer bytes.
const UNMARKED: usize = 11;
/// No shape matches fewer bytes that has a hyphen and no other mark.
const HYPHENATED: usize = 11;
/// Without a mark, a match has as many digits, or as many bytes without a blank between them.
const DIGITS: usize = 9;
const RUN: usize = 16;

const MARK: u8 = 1;
const HYPHEN: u8 = 2;

/// By byte: whether it is a mark that personal data have, or may become one in the plain form.
#[expect(clippy::as_conversions, clippy::indexing_slicing, reason = "constants of a byte")]
const MARKS: [u8; 256] = {
    let mut marks = [0; 256];
    // The first bytes of characters that are not letters everywhere: full-width forms, other digits,
    // invisible characters, blanks and dashes, the sign for degrees.
    let bytes = b"@%([<&+.:=\xc2\xcd\xd8\xd9\xdb\xe0\xe1\xe2\xe3\xef";
    let mut at = 0;
    while at < bytes.len() {
        marks[bytes[at] as usize] = MARK;
        at += 1;
    }
    marks[b'-' as usize] = HYPHEN;
    marks
};

/// The marks in ASCII, with the hyphen.
const ASCII_MARKS: [u8; 11] = *b"@%([<&+.:=-";
/// So many bytes are looked at together.
const BLOCK: usize = 16;

/// Whether no detector finds anything in a value by the value alone. If not, it may.
#[inline]
pub fn is_quiet(value: &[u8]) -> bool {
    if value.len() < SHORTEST {
        return true;
    }
    if is_unmarked(value) {
        return value.len() < UNMARKED || has_no_number(value);
    }
    let mark = |byte: &u8| MARKS.get(usize::from(*byte)).copied().unwrap_or(MARK);
    let marks = value.iter().fold(0, |marks, byte| marks | mark(byte));
    match marks {
        0 => value.len() < UNMARKED || has_no_number(value),
        HYPHEN => value.len() < HYPHENATED,
        _ => false,
    }
}

/// Whether a value has no mark, no hyphen and nothing but ASCII. `false` also if it is too short for a block.
#[inline]
fn is_unmarked(value: &[u8]) -> bool {
    let (blocks, _) = value.as_chunks::<BLOCK>();
    let (first, last) = (value.first_chunk::<{ BLOCK / 2 }>(), value.last_chunk::<{ BLOCK / 2 }>());
    match (value.last_chunk::<BLOCK>(), first, last) {
        (Some(last), ..) => blocks.iter().chain([last]).all(is_unmarked_block),
        (None, Some(first), Some(last)) => is_unmarked_block(&joined(*first, *last)),
        _ => false,
    }
}

fn joined(first: [u8; BLOCK / 2], last: [u8; BLOCK / 2]) -> [u8; BLOCK] {
    let [first, last] = [first, last].map(|half| u128::from(u64::from_le_bytes(half)));
    (first | last << 64).to_le_bytes()
}

/// Without a branch for a byte, so that the compiler compares all of them at once.
fn is_unmarked_block(block: &[u8; BLOCK]) -> bool {
    let is_marked =
        |byte: u8| ASCII_MARKS.iter().fold(byte >> 7, |is, mark| is | u8::from(byte == *mark));
    block.iter().fold(0, |marks, byte| marks | is_marked(*byte)) == 0
}

/// Whether a value has neither the digits of a number nor a word as long as a key.
fn has_no_number(value: &[u8]) -> bool {
    let digits = value.iter().filter(|byte| byte.is_ascii_digit()).count();
    digits < DIGITS && (value.len() < RUN || longest_run(value) < RUN)
}

/// The most bytes without a blank between them.
fn longest_run(value: &[u8]) -> usize {
    value.split(|byte| *byte == b' ').map(<[u8]>::len).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::detect::{Detectors, Finder, Likelihood};

    #[test]
    fn ordinary_values_are_quiet() {
        for value in [
            "",
            "pro",
            "music",
            "Dmitri",
            "web/checkout 5224",
            "2026-03-14",
            "summer sale",
            "São Paulo",
            "size L, blue",
            "Straße 12 2162",
            "true 7623",
        ] {
            assert!(is_quiet(value.as_bytes()), "{value}");
        }
    }

    #[test]
    fn both_ways_to_look_know_the_same_marks() {
        for byte in 0..=u8::MAX {
            let block = [b'a', byte].repeat(8);
            let is_marked = !byte.is_ascii() || MARKS[usize::from(byte)] != 0;
            assert_eq!(is_unmarked(&block), !is_marked, "{byte}");
            assert_eq!(is_unmarked(&block[..9]), !is_marked, "{byte}");
        }
        assert!(!is_unmarked(b"short"));
    }

    fn finds(value: &str) -> bool {
        let finder = Finder::new(Detectors::shared().by_value(), Likelihood::Possible);
        let mut hits = Vec::new();
        finder.find_in_any(value, &mut hits);
        !hits.is_empty()
    }

    /// The labelled values that a detector finds by the value alone are not quiet.
    #[test]
    fn what_is_found_is_not_quiet() {
        let labelled = include_str!("../../tests/detectors/written.tsv").lines();
        let labelled = labelled.chain(include_str!("../../tests/detectors/made.tsv").lines());
        let values = labelled.filter_map(|line| line.split('\t').nth(1));
        let found = values.filter(|value| finds(value)).inspect(|value| {
            assert!(!is_quiet(value.as_bytes()), "{value}");
        });
        assert!(50 < found.count());
    }

    proptest! {
        #[test]
        fn a_quiet_value_holds_nothing(
            value in "[a-c@.:0-9AKI4=+() -]{0,30}|(?:[0-9]{1,4}[ -]?){3,6}|[A-Z2-7]{16,20}|[０-９ ー－＋]{6,12}",
        ) {
            prop_assert!(!is_quiet(value.as_bytes()) || !finds(&value), "{}", value);
        }
    }
}
