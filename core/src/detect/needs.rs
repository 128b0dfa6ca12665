//! What a text must have to match a pattern at all: bytes, one of each of several sets, a length, and digits.
//!
//! Most values match no pattern. A pattern of an e-mail address needs an `@` or a `%`, one of a card 13 digits: that is
//! read off the pattern when it is compiled, and one look at a value's bytes rules out nearly all patterns.

use std::fmt;
use std::ops::RangeInclusive;

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

    fn is_in(self, other: Bytes) -> bool {
        self.0.iter().zip(other.0).all(|(one, other)| one & !other == 0)
    }

    fn meets(self, other: Bytes) -> bool {
        self.0.iter().zip(other.0).any(|(one, other)| one & other != 0)
    }

    fn len(self) -> u32 {
        self.0.iter().map(|word| word.count_ones()).sum()
    }
}

/// What a text must have.
#[derive(Debug)]
pub(super) struct Needs {
    /// The text has at least one byte of each set.
    one_of: Vec<Bytes>,
    /// The same by [`ByteTable`]: a bit for each.
    pub(super) sets: u128,
    /// The fewest bytes, and the most.
    pub(super) length: RangeInclusive<usize>,
    /// The fewest of each kind in [`COUNTED`].
    pub(super) counts: [usize; 4],
    /// The fewest digits in a stretch of characters of numbers; 0 if a match may have others.
    pub(super) stretch: usize,
}

impl Needs {
    /// With as many digits as what is found has at least.
    pub(super) fn with_digits(mut self, digits: usize) -> Needs {
        let [needed, ..] = &mut self.counts;
        *needed = digits.max(*needed);
        self.stretch = if self.stretch == 0 { 0 } else { digits.max(self.stretch) };
        self
    }

    /// Of a pattern, and whether the whole text must match it. A pattern that cannot be read needs nothing.
    pub(super) fn of_pattern(pattern: &str, is_whole: bool) -> Needs {
        let Ok(hir) = regex_syntax::parse(pattern) else {
            let (one_of, counts, length) = (Vec::new(), [0; 4], 0..=usize::MAX);
            return Needs { one_of, sets: 0, length, counts, stretch: 0 };
        };
        let least = hir.properties().minimum_len().unwrap_or(0);
        let most = hir.properties().maximum_len().filter(|_| is_whole).unwrap_or(usize::MAX);
        let is_number = allowed(&hir).is_in(Bytes::of(IN_NUMBERS));
        let stretch = if is_number { least_count(&hir, Bytes::of(DIGITS)) } else { 0 };
        let counts = COUNTED.map(|bytes| least_count(&hir, Bytes::of(bytes)));
        Needs { one_of: needed(&hir), sets: 0, length: least..=most, counts, stretch }
    }
}

const DIGITS: &[u8] = b"0123456789";
/// What is counted.
const COUNTED: [&[u8]; 4] = [DIGITS, b"-", b":", b"."];
/// The digits, and what is between the digits of a number.
const IN_NUMBERS: &[u8] = b"0123456789 ()+-./";

/// The most that is counted.
const COUNT_MAX: usize = 0xffff;

/// The most digits in a stretch of characters of numbers.
pub(super) fn longest_stretch(text: &[u8]) -> usize {
    let (mut digits, mut most) = (0, 0);
    for byte in text {
        let is_in_number = matches!(byte, b' ' | b'(' | b')' | b'+' | b'-'..=b'9');
        digits = if is_in_number { digits } else { 0 };
        digits += usize::from(byte.is_ascii_digit());
        most = digits.max(most);
    }
    most
}

/// The sets of all needs, numbered, so that one look at a text tells which of them it has a byte of, and how many
/// of each kind.
pub(super) struct ByteTable {
    /// By byte: a bit for each set that it is in, and 1 in the sixteen bits of the kind as which it is counted.
    of_byte: Box<[(u128, u64); 256]>,
}

impl fmt::Debug for ByteTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ByteTable")
    }
}

impl ByteTable {
    /// Numbers the sets of these needs. There may be more than fit: large sets, which few texts lack, are left
    /// out.
    pub(super) fn number<'n>(all: impl IntoIterator<Item = &'n mut Needs>) -> ByteTable {
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
            let kind = COUNTED.iter().position(|kind| kind.contains(&byte));
            let one = kind.map_or(0, |kind| 1 << (16 * kind));
            let byte = Bytes::of(&[byte]);
            (bits(sets.iter().map(|set| set.meets(byte))), one)
        });
        let of_byte: Box<[(u128, u64)]> = of_byte.collect();
        ByteTable { of_byte: of_byte.try_into().expect("there are 256 bytes") }
    }

    /// The sets that the text has a byte of, and how many bytes of each kind. A long text has enough of all.
    #[inline]
    pub(super) fn of(&self, text: &[u8]) -> (u128, [usize; 4]) {
        let of_byte = |byte: &u8| self.of_byte.get(usize::from(*byte)).copied().unwrap_or_default();
        let (mut sets, mut counts) = (0, 0_u64);
        for (more_sets, more_counts) in text.iter().map(of_byte) {
            sets |= more_sets;
            counts = counts.wrapping_add(more_counts);
        }
        let is_counted = text.len() <= COUNT_MAX;
        let count = |bits: u32| usize::try_from(counts >> bits & 0xffff).expect("16 bits");
        (sets, if is_counted { [0, 16, 32, 48].map(count) } else { [text.len(); 4] })
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
            let of_each: Vec<Vec<Bytes>> = parts.iter().map(needed).collect();
            of_any(&of_each)
        }
    }
}

/// What any of several patterns needs, given what each does: the sets that all need, and one of the rarest of each.
fn of_any(of_each: &[Vec<Bytes>]) -> Vec<Bytes> {
    let Some((first, others)) = of_each.split_first() else { return Vec::new() };
    let by_all = |set: &&Bytes| others.iter().all(|sets| sets.contains(set));
    let mut needed: Vec<Bytes> = first.iter().filter(by_all).copied().collect();
    let rarest = |sets: &Vec<Bytes>| sets.iter().min_by_key(|bytes| bytes.len()).copied();
    let rarest: Option<Vec<Bytes>> = of_each.iter().map(rarest).collect();
    needed.extend(rarest.map(|all| all.into_iter().fold(Bytes::default(), Bytes::with)));
    needed
}

/// The fewest bytes of a set in a match. The set is one of ASCII.
fn least_count(hir: &Hir, set: Bytes) -> usize {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => 0,
        HirKind::Literal(literal) => {
            literal.0.iter().filter(|byte| set.meets(Bytes::of(&[**byte]))).count()
        }
        HirKind::Class(class) => usize::from(bytes_of(class).is_in(set)),
        HirKind::Repetition(repetition) => {
            let times = usize::try_from(repetition.min).unwrap_or(usize::MAX);
            least_count(&repetition.sub, set).saturating_mul(times)
        }
        HirKind::Capture(capture) => least_count(&capture.sub, set),
        HirKind::Concat(parts) => {
            parts.iter().map(|part| least_count(part, set)).fold(0, usize::saturating_add)
        }
        HirKind::Alternation(parts) => {
            parts.iter().map(|part| least_count(part, set)).min().unwrap_or(0)
        }
    }
}

/// The bytes that a match may have.
fn allowed(hir: &Hir) -> Bytes {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => Bytes::default(),
        HirKind::Literal(literal) => Bytes::of(&literal.0),
        HirKind::Class(class) => bytes_of(class),
        HirKind::Repetition(repetition) => allowed(&repetition.sub),
        HirKind::Capture(capture) => allowed(&capture.sub),
        HirKind::Concat(parts) | HirKind::Alternation(parts) => {
            parts.iter().map(allowed).fold(Bytes::default(), Bytes::with)
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
        let is_whole = pattern.starts_with('^') && pattern.ends_with('$');
        let mut needs = Needs::of_pattern(pattern, is_whole);
        let (sets, counts) = ByteTable::number([&mut needs]).of(text.as_bytes());
        needs.sets & !sets == 0
            && needs.length.contains(&text.len())
            && needs.counts.iter().zip(counts).all(|(needed, count)| *needed <= count)
            && needs.stretch <= longest_stretch(text.as_bytes())
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
            (r"(?:a_b|c_d)", "acbd", false),
            (r"(?:a_b|c_d)", "a_x", true),
            (r"^(?:[0-9]{2}|)$", "", true),
            (r"[0-9](?:-?[0-9]){2,}x", "1-2x-", false),
            (r"(?:[0-9]{3}|[a-z]1){2}", "a1b1", true),
            (r"(?:[0-9]{3}|[a-z]1){2}", "a1bx", false),
            (r"^[a-z]{2,4}$", "abcde", false),
            (r"[0-9]{2}(?:[.-][0-9]{2}){2}", "12-34x56-78", false),
            (r"[0-9]{2}(?:[.-][0-9]{2}){2}", "x12-34.56", true),
            (r"[a-f](?:-[a-f]){3}", "a-b-c", false),
        ] {
            assert_eq!(are_met(pattern, text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn a_stretch_ends_where_no_number_goes_on() {
        for byte in 0..=u8::MAX {
            let is_in_number = IN_NUMBERS.contains(&byte);
            let digits = 1 + usize::from(is_in_number) + usize::from(byte.is_ascii_digit());
            assert_eq!(longest_stretch(&[b'1', byte, b'2']), digits, "{byte}");
        }
    }

    #[test]
    fn bytes_are_counted_by_their_kind() {
        let table = ByteTable::number([]);
        let counts = |text: &str| table.of(text.as_bytes()).1;
        assert_eq!(counts("12-3::4..5a"), [5, 1, 2, 2]);
        assert_eq!(counts(&"-".repeat(COUNT_MAX)), [0, COUNT_MAX, 0, 0]);
        assert_eq!(counts(&"-".repeat(COUNT_MAX + 1)), [COUNT_MAX + 1; 4]);
    }

    proptest::proptest! {
        #[test]
        fn what_matches_has_what_is_needed(text in "[a-c@ñK+0-9. ]{0,12}") {
            for pattern in [
                r"[a-c]+@[a-c]+", r"(?:a|@b)c{2,}", r"(?i)k[ñ0-9]", r"\+? ?[0-9][0-9 .]{2,}", r"\b00[1-9]",
                r"[0-9](?:[ .]?[0-9]){3,}", r"^[0-9]{1,2}[.+][0-9]{1,3}$",
            ] {
                let is_match = Regex::new(pattern).expect("a pattern").is_match(&text);
                proptest::prop_assert!(!is_match || are_met(pattern, &text), "{} {}", pattern, text);
            }
        }
    }
}
