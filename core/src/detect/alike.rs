//! Texts that differ in letters and digits alone, and patterns that tell whether any of them matches.
//!
//! Most fields have values of a few forms: `ep-000000001`, `ep-000000002`, … . In both the text and the pattern each
//! capital, each other letter and each digit of ASCII becomes one that stands for all:
//!
//! ```text
//! text       ep-000000001        aa-999999999
//! pattern    00[1-9]-[a-f]       [09][09][1-9]-[a-f]
//! ```
//!
//! If a pattern made so does not match such a text, the pattern itself matches none that is like it.

use regex_syntax::hir::{Class, ClassBytesRange, ClassUnicode, ClassUnicodeRange, Hir, HirKind};

/// A text with one letter and one digit for all.
pub(super) fn text(text: &str) -> String {
    text.chars().map(|c| class(c).map_or(c, |(_, _, one)| one)).collect()
}

/// A pattern that matches [`text`] of all that `source` matches. `None`: `source` is no pattern.
pub(super) fn pattern(source: &str) -> Option<String> {
    Some(alike(regex_syntax::parse(source).ok()?).to_string())
}

/// The class of a character, from its first to its last one, and the character that stands for all.
fn class(c: char) -> Option<(char, char, char)> {
    CLASSES.into_iter().find(|(first, last, _)| (*first..=*last).contains(&c))
}

const CLASSES: [(char, char, char); 3] = [('A', 'Z', 'A'), ('a', 'z', 'a'), ('0', '9', '9')];

fn alike(hir: Hir) -> Hir {
    match hir.into_kind() {
        HirKind::Empty => Hir::empty(),
        HirKind::Look(look) => Hir::look(look),
        HirKind::Literal(literal) => match str::from_utf8(&literal.0) {
            Ok(text) => Hir::concat(text.chars().map(of_char).collect()),
            Err(_) => Hir::literal(literal.0),
        },
        HirKind::Class(class) => Hir::class(with_all(class)),
        HirKind::Repetition(mut repetition) => {
            repetition.sub = Box::new(alike(*repetition.sub));
            Hir::repetition(repetition)
        }
        HirKind::Capture(mut capture) => {
            capture.sub = Box::new(alike(*capture.sub));
            Hir::capture(capture)
        }
        HirKind::Concat(parts) => Hir::concat(parts.into_iter().map(alike).collect()),
        HirKind::Alternation(parts) => Hir::alternation(parts.into_iter().map(alike).collect()),
    }
}

fn of_char(c: char) -> Hir {
    let one = ClassUnicode::new([ClassUnicodeRange::new(c, c)]);
    Hir::class(with_all(Class::Unicode(one)))
}

/// A class with the character that stands for others of which it has one.
fn with_all(mut class: Class) -> Class {
    for (first, last, one) in CLASSES {
        match &mut class {
            Class::Unicode(class) => {
                let has_one =
                    |range: &ClassUnicodeRange| range.start() <= last && first <= range.end();
                if class.ranges().iter().any(has_one) {
                    class.push(ClassUnicodeRange::new(one, one));
                }
            }
            Class::Bytes(class) => {
                let [first, last, one] =
                    [first, last, one].map(|c| u8::try_from(c).unwrap_or(b'?'));
                let has_one =
                    |range: &ClassBytesRange| range.start() <= last && first <= range.end();
                if class.ranges().iter().any(has_one) {
                    class.push(ClassBytesRange::new(one, one));
                }
            }
        }
    }
    class
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use regex::Regex;

    use super::*;
    use crate::detect::{Detectors, Evidence};

    #[test]
    fn patterns_match_what_is_like_a_match() {
        for (source, like, expected) in [
            ("00[1-9]-[a-f]", "x 123-z", true),
            ("00[1-9]-[a-f]", "x 12-z", false),
            ("(?i)KEY:é{2}", "aBc:éé", true),
            ("(?i)KEY:é{2}", "aBc:éa", false),
            (r"\bAKIA[A-Z2-7]{2}$", "-ZZZZQ9", true),
            (r"\bAKIA[A-Z2-7]{2}$", "aZZZZQ9", false),
            ("(?i-u:D[ek])[0-9]{2}", "zq11", true),
        ] {
            let pattern = Regex::new(&pattern(source).expect("a pattern")).expect("a pattern");
            assert_eq!(pattern.is_match(&text(like)), expected, "{source} {like}");
        }
    }

    proptest! {
        /// What may be found in a text is all that is found in those that are like it.
        #[test]
        fn nothing_is_missed(
            value in r"[a-zA-Z0-9._+-]{1,5}@([a-z0-9-]{1,4}\.){1,3}[a-zA-Z]{1,4}|[+]?[0-9 -]{6,17}|([0-9a-f]{1,4}:){2,7}[0-9a-f]{1,4}|[0-9]{3}-[0-9]{2}-[0-9]{4}|hmac:k1:[0-9a-f]{16}|[A-Z]{2}[0-9]{20}|[a-zA-Z0-9*:. ()-]{1,24}|AKIA[A-Z2-7]{16}",
            others in proptest::collection::vec(any::<u8>(), 60),
        ) {
            let like: String = value.chars().zip(others.iter().cycle()).map(|(c, other)| {
                let Some((first, last, _)) = class(c) else { return c };
                let all: Vec<char> = (first..=last).collect();
                all[usize::from(*other) % all.len()]
            }).collect();
            let detectors = Detectors::shared();
            for evidence in [Evidence::default(), detectors.evidence(["phone", "iban", "ip", "mac"])] {
                let possible = detectors.possible_in_alike(&like, evidence);
                let found = detectors.judge_alike(&value, possible, evidence);
                prop_assert_eq!(found, detectors.judge(&value, evidence), "{} {}", value, like);
            }
        }
    }
}
