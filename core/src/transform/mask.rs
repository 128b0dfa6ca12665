//! `mask`: hides all but the first and last characters: `4111111111111111` becomes
//! `************1111`.
//!
//! - A character is a grapheme cluster, what people see as one character. Each hidden character is
//!   replaced by one masking character.
//! - Skipped characters stay as they are and are not counted.
//! - A text that has no more characters than are kept is hidden completely: a short value must not
//!   be written unmasked.

use std::ops::Range;
use std::ops::RangeInclusive;

use unicode_segmentation::UnicodeSegmentation;

use super::Outcome;

/// The `mask` operation.
#[derive(Debug)]
pub struct Mask {
    keep_first: usize,
    keep_last: usize,
    /// The masking character, as UTF-8.
    hidden: Box<[u8]>,
    skip: Skip,
}

impl Mask {
    /// `keep_first` and `keep_last` are the numbers of characters kept at either end. `hidden` is
    /// the masking character, and `skip` is a text of all characters that stay as they are.
    pub fn new(keep_first: usize, keep_last: usize, hidden: char, skip: &str) -> Mask {
        let hidden = hidden.to_string().into_bytes().into_boxed_slice();
        Mask { keep_first, keep_last, hidden, skip: Skip::new(skip) }
    }

    /// Appends the masked value to `out`. Fails only if the value is not UTF-8.
    pub fn apply(&self, value: &[u8], out: &mut Vec<u8>) -> Outcome {
        if value.is_empty() {
            return Outcome::PLAIN;
        }
        let begin = out.len();
        if let ([hidden], true) = (&*self.hidden, is_one_byte_each(value)) {
            out.extend_from_slice(value);
            let (_, copy) = out.split_at_mut(begin);
            self.hide_bytes(*hidden, copy);
        } else {
            let Ok(text) = str::from_utf8(value) else { return Outcome::Failed };
            if is_one_char_each(text) {
                self.mask_pieces(chars(text), out);
            } else {
                self.mask_pieces(text.graphemes(true), out);
            }
        }
        Outcome::Made { plain: out.get(begin..).is_some_and(super::is_plain) }
    }

    /// Masks a text in place, in which each byte is a character.
    fn hide_bytes(&self, hidden: u8, text: &mut [u8]) {
        if self.skip.is_empty {
            let range = self.hidden_range(text.len());
            return text.get_mut(range).expect("the range is within the text").fill(hidden);
        }
        let range =
            self.hidden_range(text.iter().filter(|byte| !self.skip.has_byte(**byte)).count());
        let mut place = 0;
        for byte in text {
            let counts = !self.skip.has_byte(*byte);
            if counts && range.contains(&place) {
                *byte = hidden;
            }
            place += usize::from(counts);
        }
    }

    /// Masks a text character by character.
    fn mask_pieces<'a>(&self, pieces: impl Iterator<Item = &'a str> + Clone, out: &mut Vec<u8>) {
        let range = self.hidden_range(pieces.clone().filter(|piece| !self.skip.has(piece)).count());
        let mut place = 0;
        for piece in pieces {
            let counts = !self.skip.has(piece);
            let hide = counts && range.contains(&place);
            out.extend_from_slice(if hide { &self.hidden } else { piece.as_bytes() });
            place += usize::from(counts);
        }
    }

    /// The range of characters to hide, of so many that are not skipped.
    fn hidden_range(&self, counted: usize) -> Range<usize> {
        if counted <= self.keep_first.saturating_add(self.keep_last) {
            0..counted
        } else {
            self.keep_first..counted - self.keep_last
        }
    }
}

/// Whether each byte is one character. In ASCII, only CR LF is a character of two bytes.
fn is_one_byte_each(value: &[u8]) -> bool {
    value.is_ascii() && memchr::memchr(b'\r', value).is_none()
}

/// Whether each code point is known to be one character, as in scripts without combining marks.
/// This avoids finding grapheme clusters, which takes several times as long as masking.
fn is_one_char_each(text: &str) -> bool {
    text.chars().all(|char| SINGLE.iter().any(|range| range.contains(&char)))
}

/// Code points of which no two form one grapheme cluster (UAX #29): Latin, Greek, Cyrillic, kana,
/// Han and Hangul syllables.
const SINGLE: [RangeInclusive<char>; 6] = [
    ' '..='\u{2ff}',
    '\u{370}'..='\u{482}',
    '\u{3041}'..='\u{3096}',
    '\u{30a1}'..='\u{30fa}',
    '\u{4e00}'..='\u{9fff}',
    '\u{ac00}'..='\u{d7a3}',
];

fn chars(text: &str) -> impl Iterator<Item = &str> + Clone {
    text.char_indices().filter_map(|(at, char)| text.get(at..at + char.len_utf8()))
}

/// The characters that stay as they are.
#[derive(Debug)]
struct Skip {
    /// Whether each byte is a skipped character.
    bytes: Box<[bool; 256]>,
    /// Skipped characters of more than one byte.
    clusters: Vec<Box<str>>,
    is_empty: bool,
}

impl Skip {
    fn new(characters: &str) -> Skip {
        let (bytes, clusters): (Vec<&str>, Vec<&str>) =
            characters.graphemes(true).partition(|cluster| cluster.len() == 1);
        let bytes = bytes.concat().into_bytes();
        Skip {
            bytes: Box::new(std::array::from_fn(|at| {
                bytes.iter().any(|byte| usize::from(*byte) == at)
            })),
            clusters: clusters.into_iter().map(Box::from).collect(),
            is_empty: characters.is_empty(),
        }
    }

    fn has_byte(&self, byte: u8) -> bool {
        self.bytes.get(usize::from(byte)).is_some_and(|skipped| *skipped)
    }

    fn has(&self, character: &str) -> bool {
        match character.as_bytes() {
            [byte] => self.has_byte(*byte),
            _ => self.clusters.iter().any(|cluster| **cluster == *character),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::transform::vectors;

    #[test]
    fn matches_the_vectors() {
        let file = include_str!("../../schemas/vectors/mask.json");
        vectors::check(file, |params, value, out| {
            let count = |name| vectors::count(params, name).unwrap_or(0);
            let text = |name, default| vectors::text(params, name).unwrap_or(default);
            let hidden = text("char", "*").chars().next().unwrap();
            Mask::new(count("keep_first"), count("keep_last"), hidden, text("skip", ""))
                .apply(value, out)
        });
    }

    #[test]
    fn invalid_utf8_fails() {
        let mut out = Vec::new();
        assert_eq!(Mask::new(1, 1, '*', "").apply(b"ab\xffcd", &mut out), Outcome::Failed);
        assert!(out.is_empty());
    }

    /// The characters of a text, found in the simplest way.
    fn characters(text: &str) -> Vec<&str> {
        text.graphemes(true).collect()
    }

    fn masked(mask: &Mask, value: &str) -> (String, bool) {
        let mut out = Vec::new();
        let Outcome::Made { plain } = mask.apply(value.as_bytes(), &mut out) else {
            panic!("text can be masked");
        };
        (String::from_utf8(out).unwrap(), plain)
    }

    /// Text of what people write: ASCII with quotes and line breaks, accents alone and
    /// combined, other scripts, emoji of several code points.
    fn text() -> impl Strategy<Value = String> {
        let ascii = "[ -~\n]{0,30}";
        let any = proptest::collection::vec(
            prop_oneof![
                "[a-z@.\"-]".boxed(),
                Just("e\u{301}".to_owned()).boxed(),
                Just("é".to_owned()).boxed(),
                Just("山".to_owned()).boxed(),
                Just("👩🏽\u{200d}💻".to_owned()).boxed(),
                Just("🇩🇪".to_owned()).boxed(),
                Just("\r\n".to_owned()).boxed(),
            ],
            0..20,
        );
        prop_oneof![ascii.boxed(), any.prop_map(|parts| parts.concat()).boxed()]
    }

    /// Next to `a` and to itself, each code point stays one character. This rules out everything
    /// that joins: marks, joiners, prefixes, and what joins only its own kind (jamo, flags).
    #[test]
    fn single_code_points_join_nothing() {
        for char in SINGLE.into_iter().flatten() {
            assert_eq!(
                characters(&format!("a{char}{char}a")).len(),
                4,
                "{}",
                char.escape_unicode()
            );
        }
    }

    proptest! {
        /// No more characters are shown than are kept, and none of a short value.
        #[test]
        fn shows_no_more_than_is_kept(
            value in text(),
            first in 0_usize..5,
            last in 0_usize..5,
            skip in prop_oneof![Just(""), Just("@."), Just("é山\n"), Just("🇩🇪-")],
        ) {
            // The masking character is in none of the texts above.
            let (output, plain) = masked(&Mask::new(first, last, '█', skip), &value);

            let (before, after) = (characters(&value), characters(&output));
            prop_assert_eq!(before.len(), after.len());
            let skipped = |character: &&str| characters(skip).contains(character);
            let counted = before.iter().filter(|character| !skipped(character)).count();
            let shown = after.iter().filter(|shown| **shown != "█" && !skipped(shown)).count();
            prop_assert_eq!(shown, if counted <= first + last { 0 } else { first + last });
            for (was, is) in before.iter().zip(&after) {
                prop_assert!(was == is || (*is == "█" && !skipped(was)));
            }
            let escaped = serde_json::to_string(&output).unwrap().len() > output.len() + 2;
            prop_assert!(plain != escaped);
        }

        /// The fast ways give the same result as grapheme clusters.
        #[test]
        fn all_ways_agree(
            value in prop_oneof![text(), "[ -~\n]{0,40}", "[ -~é山Жか한]{0,20}"],
            first in 0_usize..6,
            last in 0_usize..6,
            hidden in prop_oneof![Just('*'), Just('"'), Just('•')],
            skip in prop_oneof![Just(""), Just("@.e"), Just("é山\n"), Just("🇩🇪-")],
        ) {
            let mask = Mask::new(first, last, hidden, skip);
            let mut expected = Vec::new();
            mask.mask_pieces(value.graphemes(true), &mut expected);
            let (output, plain) = masked(&mask, &value);
            prop_assert_eq!(plain, crate::transform::is_plain(&expected));
            prop_assert_eq!(output.into_bytes(), expected);
        }

        #[test]
        fn any_text_is_masked(value in any::<String>(), skip in any::<String>()) {
            masked(&Mask::new(1, 2, '*', &skip), &value);
        }
    }
}
