//! The outline of a value: enough to recognise what kind of value it is, and not whose.
//!
//! ```text
//! mail@example.com     m•••@e••••••.com
//! +12065550100         +•••••••••••
//! Ana Garcia           ••• ••••••
//! ```
//!
//! - `@` and `.` are shown, and so is other punctuation of ASCII.
//! - Between them are parts. The first character of a part is shown if the part has four or more characters
//!   and begins with four or more letters and digits.
//! - The last label of a domain is shown: the letters after the last `.`, if there is an `@` before them.
//! - Any other character is `•`, and an outline has 24 characters at most.

use crate::record::is_hidden;

/// The most characters of an outline.
pub const OUTLINE_MAX: usize = 24;
/// What a long outline ends with, after its beginning and `…`.
const TAIL: usize = 8;
/// The shortest part of which the first character is shown.
const PART_MIN: usize = 4;
/// The longest label that is shown as the last one of a domain. Longer ones are rare, and may be anything.
const LABEL_MAX: usize = 8;
const HIDDEN: char = '•';

/// The outline of a value.
pub fn outline(value: &str) -> String {
    let shown: Vec<char> = shown(value);
    if shown.len() <= OUTLINE_MAX {
        return shown.into_iter().collect();
    }
    let head = shown.iter().take(OUTLINE_MAX - TAIL - 1);
    head.chain(&['…']).chain(shown.iter().skip(shown.len() - TAIL)).collect()
}

/// Each character of a value as an outline shows it.
fn shown(value: &str) -> Vec<char> {
    let label_start = last_label(value.trim_end()).unwrap_or(value.len());
    let mut shown = Vec::new();
    let mut part_start = 0;
    for (at, char) in value.char_indices() {
        if is_between(char) {
            part_start = at + 1;
        }
        let is_shown = if char.is_alphanumeric() {
            label_start <= at || (part_start == at && is_long(value.get(at..).unwrap_or_default()))
        } else {
            char == ' ' || char.is_ascii_punctuation()
        };
        shown.push(if is_shown && !is_hidden(char) { char } else { HIDDEN });
    }
    shown
}

/// Whether a character is between two parts.
fn is_between(char: char) -> bool {
    matches!(char, '@' | '.')
}

/// Whether the part with which a text begins, is long enough to show its first character.
fn is_long(text: &str) -> bool {
    text.chars().take_while(|char| char.is_alphanumeric()).take(PART_MIN).count() == PART_MIN
}

/// Where the last label of a domain begins, in bytes; `None` if the value has no domain of two labels.
fn last_label(value: &str) -> Option<usize> {
    let (local, domain) = value.rsplit_once('@')?;
    let (others, last) = domain.rsplit_once('.')?;
    let is_label = (2..=LABEL_MAX).contains(&last.len())
        && last.bytes().all(|byte| byte.is_ascii_alphabetic())
        && !local.is_empty()
        && !others.is_empty();
    is_label.then(|| value.len() - last.len())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn outlines_show_what_kind_a_value_is() {
        for (value, expected) in [
            ("mail@example.com", "m•••@e••••••.com"),
            ("maria.garcia@example.com", "m••••.g•••••@e••••••.com"),
            ("bob@mail.example.org", "•••@m•••.e••••••.org"),
            ("bob_smith@example.com", "•••_•••••@e••••••.com"),
            ("+12065550100", "+•••••••••••"),
            ("12065550100", "1••••••••••"),
            ("(206) 555-0100", "(•••) •••-••••"),
            ("Maria Garcia", "M•••• ••••••"),
            ("Ana Garcia", "••• ••••••"),
            ("pro", "•••"),
            ("1988-02-09", "1•••-••-••"),
            ("52.520008", "••.5•••••"),
            ("true", "t•••"),
            ("", ""),
            // Hidden characters and marks of other scripts are no punctuation.
            ("a\u{202e}b\u{1b}[31m", "••••[•••"),
            ("a@Example.COM ", "•@E••••••.COM "),
            ("Größe–1", "G••••••"),
            ("\u{1f600}", "•"),
            // Only the letters of a short last label, after an `@` and another label.
            ("a@secret", "•@s•••••"),
            ("a@b.verylonglabel", "•@•.v••••••••••••"),
            ("@b.com", "@•.•••"),
            ("a.com", "•.•••"),
            ("a@b.12345", "•@•.1••••"),
        ] {
            assert_eq!(outline(value), expected, "{value}");
        }
    }

    #[test]
    fn long_values_are_cut_in_the_middle() {
        let address = format!("{}@example.com", "abcdefgh.".repeat(40));
        assert_eq!(outline(&address), "a•••••••.a•••••…••••.com");
        assert_eq!(outline(&"x".repeat(25)), format!("x{}…{}", "•".repeat(14), "•".repeat(8)));
        assert_eq!(outline(&"x".repeat(24)).chars().count(), OUTLINE_MAX);
    }

    proptest! {
        /// What an outline shows of letters and digits is within the rule, by another reading of it.
        #[test]
        fn an_outline_shows_no_more_than_the_rule(value in ".{0,60}|[a-zA-Z0-9@._ é-]{0,60}") {
            let outline = outline(&value);
            prop_assert!(outline.chars().count() <= OUTLINE_MAX);
            prop_assert!(!outline.chars().any(is_hidden));
            let parts = value.split(['@', '.']).filter(|part| 4 <= part.chars().count());
            let label = value.rsplit('.').next().filter(|_| value.contains('@')).unwrap_or("");
            let label = if 8 < label.len() { 0 } else { label.chars().count() };
            let seen = outline.chars().filter(|char| char.is_alphanumeric()).count();
            prop_assert!(seen <= parts.count() + label, "{value:?}: {outline}");
            // No two neighbouring letters, except in a last label.
            let chars: Vec<char> = outline.chars().collect();
            let pairs = chars.windows(2).filter(|pair| pair.iter().all(|c| c.is_alphanumeric()));
            prop_assert!(pairs.count() <= label.saturating_sub(1), "{value:?}: {outline}");
        }
    }
}
