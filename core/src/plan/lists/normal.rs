//! The form in which entries of a list and values of records are compared. This file chooses the form;
//! `transform/normalize.rs` makes it (lower case, E.164).
//!
//! With `auto`, a text is compared as what it looks like: as an e-mail address if it contains `@`, as
//! a phone number if it begins with `+` or consists of digits and separators, otherwise as it is. The
//! same is decided for an entry and for a value.
//!
//! White space and invisible characters around a text are not part of it. One inside an address or a
//! number means that it has no normal form: what it stands for would be guessed.

use crate::definition::Comparison;
use crate::record::{is_invisible, trim_invisible};
use crate::schema::is_written_as_phone;
use crate::transform::Normalize;

/// Replaces `out` by the form in which a text is compared. Returns false if it has none.
pub(super) fn normal_form(comparison: Comparison, text: &[u8], out: &mut Vec<u8>) -> bool {
    if text.is_ascii() {
        let text = text.trim_ascii();
        return of_trimmed(comparison, text, str::from_utf8(text).unwrap_or_default(), out);
    }
    let Ok(text) = str::from_utf8(text) else { return false };
    let text = trim_invisible(text);
    of_trimmed(comparison, text.as_bytes(), text, out)
}

fn of_trimmed(comparison: Comparison, bytes: &[u8], text: &str, out: &mut Vec<u8>) -> bool {
    let form = match comparison {
        Comparison::Auto => apparent_form(text),
        Comparison::As(form) => form,
    };
    let is_whole = match form {
        Normalize::None => true,
        Normalize::EmailV1 => text.is_ascii() || !text.contains(is_invisible),
        Normalize::PhoneV1 => is_number(text),
    };
    is_whole && form.normalize(bytes, out)
}

/// What a text looks like.
fn apparent_form(text: &str) -> Normalize {
    if text.contains(['@', '\u{ff20}']) {
        return Normalize::EmailV1;
    }
    let has_plus = text.starts_with(['+', '\u{ff0b}']);
    let has_digits = || text.contains(|char: char| char.is_ascii_digit());
    if has_plus || (has_digits() && text.chars().all(|char| char.is_ascii_digit() || parts(char))) {
        Normalize::PhoneV1
    } else {
        Normalize::None
    }
}

/// Whether the character may stand between the digits of a number: what people write there, and what
/// nobody sees.
fn parts(char: char) -> bool {
    let is_dash = matches!(char, '\u{2010}'..='\u{2015}' | '\u{2212}');
    matches!(char, '-' | '.' | '/' | '(' | ')')
        || is_dash
        || char.is_whitespace()
        || is_invisible(char)
}

/// Whether the text is written like a phone number, and not like a decimal number or a date.
fn is_number(text: &str) -> bool {
    let rest = text.strip_prefix('+').unwrap_or_default();
    let is_e164 = !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_digit());
    is_e164 || is_written_as_phone(text)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn normal(text: &str) -> Option<String> {
        let mut out = b"left over".to_vec();
        let has_form = normal_form(Comparison::Auto, text.as_bytes(), &mut out);
        has_form.then(|| String::from_utf8(out).unwrap())
    }

    #[test]
    fn auto_compares_what_a_text_looks_like() {
        for (text, expected) in [
            ("Bob@Example.COM", Some("bob@example.com")),
            ("  bob@example.com\t", Some("bob@example.com")),
            ("\u{200b}bob@example.com\u{200e}", Some("bob@example.com")),
            ("\u{feff}JOE@b\u{fc}cher.example", Some("joe@xn--bcher-kva.example")),
            ("bob@exa\u{200b}mple.com", None),
            ("bo\u{ad}b@example.com", None),
            ("bob\u{ff20}example.com", None),
            ("bob@example", None),
            ("bob@example.com;joe@example.com", None),
            ("+49 30 123456", Some("+4930123456")),
            ("\u{202a}+4930123456\u{202c}", Some("+4930123456")),
            ("+49 30\u{200b}123456", None),
            ("\u{ff0b}4930123456", None),
            ("4930123456", None),
            ("030-123456", None),
            ("030\u{2011}123456", None),
            ("4930123456.0", None),
            ("+4930777777.0", None),
            ("2026-11-29", None),
            ("reader-0002", Some("reader-0002")),
            ("\u{200b}Reader-0002 ", Some("Reader-0002")),
            ("-", Some("-")),
            ("550e8400-e29b-41d4-a716-446655440000", Some("550e8400-e29b-41d4-a716-446655440000")),
        ] {
            assert_eq!(normal(text).as_deref(), expected, "{text:?}");
        }
    }

    #[test]
    fn a_number_is_no_decimal_with_phone_v1_either() {
        let mut out = Vec::new();
        let phone = Comparison::As(Normalize::PhoneV1);
        assert!(!normal_form(phone, b"+4930123456.0", &mut out));
        assert!(normal_form(phone, b"+49 30 123456", &mut out));
        let none = Comparison::As(Normalize::None);
        assert!(normal_form(none, "bob@exa\u{200b}mple.com".as_bytes(), &mut out));
    }

    proptest! {
        /// What surrounds an entry or a value changes nothing, and a normal form is its own one.
        #[test]
        fn what_surrounds_a_text_is_not_part_of_it(
            text in "[a-zA-Z+0-9]{1,4}[a-z0-9@ .-]{0,12}[a-z0-9]",
            before in "[ \u{feff}\u{200b}\u{a0}]{0,3}",
            after in "[ \u{200e}\u{2060}\t]{0,3}",
        ) {
            let found = normal(&text);
            prop_assert_eq!(normal(&format!("{before}{text}{after}")), found.clone());
            if let Some(found) = found {
                prop_assert_eq!(normal(&found), Some(found.clone()));
            }
        }
    }
}
