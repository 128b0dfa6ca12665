//! Tells of nearly all values, from one look at their bytes, that no detector finds anything in them.
//!
//! ```text
//! pro                 short
//! web/checkout        none of the marks that personal data have
//! 2026-03-14          a hyphen, but too short for what has hyphens
//! next-day delivery   neither the digits of a number nor a long word
//! ada@example.com     an @: the shapes are tried
//! ```
//!
//! It is about what detectors find by the value alone, whatever its field is called. A test holds it to the
//! patterns of `schemas/detectors.toml`.

/// No shape matches fewer bytes.
const SHORTEST: usize = 6;
/// No shape without a mark matches fewer bytes, with hyphens or without.
const UNMARKED: usize = 11;
/// Without a mark, a match has as many digits, as many hyphens, or as many bytes without a blank between them.
const DIGITS: u64 = 9;
const HYPHENS: u64 = 10;
const RUN: usize = 15;
/// In a longer value, the counts would overflow.
const LONGEST: usize = 1 << COUNT_BITS;

/// The bits of each count in [`COUNTS`]: of digits, of hyphens, and of marks.
const COUNT_BITS: u32 = 21;
const DIGIT: u64 = 1;
const HYPHEN: u64 = 1 << COUNT_BITS;
const MARK: u64 = 1 << (2 * COUNT_BITS);

/// By byte: as what it is counted. Marks are what personal data have, or what may become one in the plain form.
#[expect(clippy::as_conversions, clippy::indexing_slicing, reason = "constants of a byte")]
const COUNTS: [u64; 256] = {
    let mut counts = [0; 256];
    // The first bytes of characters that are not letters everywhere: full-width forms, other digits,
    // invisible characters, blanks and dashes, the sign for degrees.
    let bytes = b"@%([<&+.:=\xc2\xcd\xd8\xd9\xdb\xe0\xe1\xe2\xe3\xef";
    let mut at = 0;
    while at < bytes.len() {
        counts[bytes[at] as usize] = MARK;
        at += 1;
    }
    let mut digit = b'0';
    while digit <= b'9' {
        counts[digit as usize] = DIGIT;
        digit += 1;
    }
    counts[b'-' as usize] = HYPHEN;
    counts
};

/// Whether no detector finds anything in a value by the value alone. If not, it may.
#[inline]
pub fn is_quiet(value: &[u8]) -> bool {
    if value.len() < SHORTEST {
        return true;
    }
    if LONGEST <= value.len() {
        return false;
    }
    let of_byte = |byte: &u8| COUNTS.get(usize::from(*byte)).copied().unwrap_or(MARK);
    let counts = value.iter().fold(0, |counts, byte| counts + of_byte(byte));
    counts < MARK && (value.len() < UNMARKED || has_no_number(value, counts))
}

/// Whether a value without marks has neither the digits of a number nor a word as long as a key.
fn has_no_number(value: &[u8], counts: u64) -> bool {
    let (digits, hyphens) = (counts % HYPHEN, counts / HYPHEN);
    digits < DIGITS && hyphens < HYPHENS && (value.len() < RUN || longest_run(value) < RUN)
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
    fn values_may_be_loud_for_each_reason() {
        assert!(!is_quiet(b"a@bcde"));
        assert!(!is_quiet("ａｂｃ".as_bytes()));
        assert!(!is_quiet(b"a 123 456 789"));
        assert!(!is_quiet(b"aa-bb-cc-dd-ee-ff"));
        assert!(!is_quiet(b"a--b--c--d--e--f "));
        assert!(!is_quiet(b"ABCDEFGHIJKLMNO"));
        assert!(is_quiet(b"ABCDEFGHIJKLMN O"));
        assert!(is_quiet(b"next-day delivery 5512"));
        assert!(is_quiet("a ".repeat(LONGEST / 2 - 1).as_bytes()));
        assert!(!is_quiet("a ".repeat(LONGEST / 2).as_bytes()));
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
        let labelled = include_str!("../../../tests/detectors/written.tsv").lines();
        let labelled = labelled.chain(include_str!("../../../tests/detectors/made.tsv").lines());
        let values = labelled.filter_map(|line| line.split('\t').nth(1));
        let found = values.filter(|value| finds(value)).inspect(|value| {
            assert!(!is_quiet(value.as_bytes()), "{value}");
        });
        assert!(50 < found.count());
    }

    proptest! {
        #[test]
        fn a_quiet_value_holds_nothing(
            value in "[a-c@.:0-9AKI4=+() -]{0,30}|(?:[0-9]{1,4}[ -]?){3,6}|[A-Z2-7]{16,20}|[０-９ ー－＋]{6,12}|(?:[0-9a-f]{2}-?){6}|xox[ab]-[0-9a-z-]{8,12}|-----BEGIN (?:RSA )?PRIVATE KEY-{3,6}",
        ) {
            prop_assert!(!is_quiet(value.as_bytes()) || !finds(&value), "{}", value);
        }
    }
}
