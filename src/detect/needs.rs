//! What a text must have to match a pattern at all: bytes, one of each of several sets, and a length.
//!
//! Most values match no pattern. A pattern of an e-mail address needs an `@` or a `%`, one of a card 13 digits: that is
//! read off the pattern when it is compiled, and one look at a value's bytes rules out nearly all patterns.

use std::fmt;

use regex_syntax::hir::{Class, Hir, HirKind};

/// A set of bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Bytes([u64; 4]);

impl Bytes {
    pub(super) fn of(text: &[u8]) -> Bytes {
        let mut bytes = Bytes::default();
        for byte in text {
            bytes.add(*byte);
        }
        bytes
    }

    fn add(&mut self, byte: u8) {
        if let Some(word) = self.0.get_mut(usize::from(byte >> 6)) {
            *word |= 1 << (byte & 63);
        }
    }

    fn add_all(&mut self, bytes: impl IntoIterator<Item = u8>) {
        bytes.into_iter().for_each(|byte| self.add(byte));
    }

    fn with(self, other: Bytes) -> Bytes {
        let mut words = self.0;
        words.iter_mut().zip(other.0).for_each(|(word, more)| *word |= more);
        Bytes(words)
    }

    fn meets(self, other: Bytes) -> bool {
        self.0.iter().zip(other.0).any(|(one, other)| one & other != 0)
    }

    fn len(self) -> u32 {
        self.0.iter().map(|word| word.count_ones()).sum()
    }
}

/// What a text must have.
#[derive(Debug, Default)]
pub(super) struct Needs {
    /// The text has at least one byte of each set.
    one_of: Vec<Bytes>,
    /// The same by [`ByteSets`]: a bit for each.
    sets: u128,
    /// The fewest bytes.
    length: usize,
}

impl Needs {
    /// Of a pattern. One that cannot be read needs nothing.
    pub(super) fn of_pattern(pattern: &str) -> Needs {
        let Ok(hir) = regex_syntax::parse(pattern) else { return Needs::default() };
        let one_of = needed(&hir);
        Needs { one_of, sets: 0, length: hir.properties().minimum_len().unwrap_or(0) }
    }

    /// Whether a text that has a byte of these sets may match.
    #[inline]
    pub(super) fn are_met(&self, sets: u128, length: usize) -> bool {
        self.sets & !sets == 0 && self.length <= length
    }
}

/// The sets of all needs, numbered, so that one look at a text tells which of them it has a byte of.
pub(super) struct ByteSets {
    /// By byte: a bit for each set that it is in.
    of_byte: Box<[u128; 256]>,
}

impl fmt::Debug for ByteSets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ByteSets")
    }
}

impl ByteSets {
    /// Numbers the sets of these needs. There may be more than fit: large sets, which few texts lack, are left
    /// out.
    pub(super) fn number<'n>(all: impl IntoIterator<Item = &'n mut Needs>) -> ByteSets {
        let all: Vec<&mut Needs> = all.into_iter().collect();
        let mut sets: Vec<Bytes> = all.iter().flat_map(|needs| &needs.one_of).copied().collect();
        sets.sort_by_key(|bytes| (bytes.len(), bytes.0));
        sets.dedup();
        sets.truncate(128);
        for needs in all {
            let is_needed = |set: &Bytes| needs.one_of.contains(set);
            needs.sets = bits(sets.iter().map(is_needed));
        }
        let of_byte = (0..=u8::MAX).map(|byte| {
            let byte = Bytes::of(&[byte]);
            bits(sets.iter().map(|set| set.meets(byte)))
        });
        let of_byte: Box<[u128]> = of_byte.collect();
        ByteSets { of_byte: of_byte.try_into().expect("there are 256 bytes") }
    }

    /// The sets that the text has a byte of.
    #[inline]
    pub(super) fn of(&self, text: &[u8]) -> u128 {
        let sets = |byte: &u8| self.of_byte.get(usize::from(*byte)).copied().unwrap_or(0);
        text.iter().fold(0, |all, byte| all | sets(byte))
    }
}

/// The first flag becomes the lowest bit.
fn bits(flags: impl Iterator<Item = bool>) -> u128 {
    (0..).zip(flags).fold(0, |bits, (index, flag)| bits | u128::from(flag) << index)
}

/// Sets of bytes, of each of which any match has one.
fn needed(hir: &Hir) -> Vec<Bytes> {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => Vec::new(),
        HirKind::Literal(literal) => literal.0.iter().map(|byte| Bytes::of(&[*byte])).collect(),
        HirKind::Class(class) => vec![bytes_of(class)],
        HirKind::Repetition(repetition) if repetition.min == 0 => Vec::new(),
        HirKind::Repetition(repetition) => needed(&repetition.sub),
        HirKind::Capture(capture) => needed(&capture.sub),
        HirKind::Concat(parts) => parts.iter().flat_map(needed).collect(),
        HirKind::Alternation(parts) => {
            let rarest = |part| needed(part).into_iter().min_by_key(|bytes| bytes.len());
            let of_each: Option<Vec<Bytes>> = parts.iter().map(rarest).collect();
            of_each
                .into_iter()
                .map(|all| all.into_iter().fold(Bytes::default(), Bytes::with))
                .collect()
        }
    }
}

/// The bytes that characters of a class consist of.
fn bytes_of(class: &Class) -> Bytes {
    let mut bytes = Bytes::default();
    match class {
        Class::Unicode(class) => {
            for range in class.ranges() {
                let byte = |c: char| u8::try_from(c).ok().filter(u8::is_ascii);
                if let Some(first) = byte(range.start()) {
                    bytes.add_all(first..=byte(range.end()).unwrap_or(0x7f));
                }
                if !range.end().is_ascii() {
                    bytes.add_all(0x80..=0xff);
                }
            }
        }
        Class::Bytes(class) => {
            class.ranges().iter().for_each(|range| bytes.add_all(range.start()..=range.end()));
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use regex::Regex;

    use super::*;

    fn are_met(pattern: &str, text: &str) -> bool {
        let mut needs = Needs::of_pattern(pattern);
        let sets = ByteSets::number([&mut needs]);
        needs.are_met(sets.of(text.as_bytes()), text.len())
    }

    #[test]
    fn a_text_without_what_a_pattern_needs_is_ruled_out() {
        for (pattern, text, expected) in [
            (r"[a-z]+@[a-z]+", "ada@x", true),
            (r"[a-z]+@[a-z]+", "ada.x", false),
            (r"(?:\(at\)|@) ?x", "(at)x", true),
            (r"(?:\(at\)|@) ?x", "at-x", false),
            (r"[0-9]{4}", "123", false),
            (r"(?i)senha|contraseña", "CONTRASEÑA", true),
            (r"(?:a|b?)x", "x", true),
            (r"^(?:[0-9]{2}|)$", "", true),
        ] {
            assert_eq!(are_met(pattern, text), expected, "{pattern} {text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn what_matches_has_what_is_needed(text in "[a-c@ñK+0-9. ]{0,12}") {
            for pattern in [
                r"[a-c]+@[a-c]+", r"(?:a|@b)c{2,}", r"(?i)k[ñ0-9]", r"\+? ?[0-9][0-9 .]{2,}", r"\b00[1-9]",
            ] {
                let is_match = Regex::new(pattern).expect("a pattern").is_match(&text);
                proptest::prop_assert!(!is_match || are_met(pattern, &text), "{} {}", pattern, text);
            }
        }
    }
}
