//! Normal forms: all spellings of an email address or phone number have the same one. Values are
//! normalized before they are hashed or looked up in a list.
//!
//! Tokens and digests match only if the same bytes were hashed. So each form has a version in its
//! name, and a change of its rules needs a new version. Other values have no normal form. With `none`,
//! every value is its own.
//!
//! - `email.v1`: without outer white space and invisible characters, in lower case and NFC, with the
//!   domain in Punycode by UTS 46 (non-transitional). It must be `dot-atom@domain`, and the domain
//!   must have two labels or more. The part before the `@` may have letters beyond ASCII (RFC 6531),
//!   but no quotes.
//! - `phone.v1`: E.164, which is `+` and 7 to 15 digits, the first of which is not 0. The number must begin
//!   with `+` or `00` and be written as the repair `phone` reads it, without white space and invisible
//!   characters around it. A 0 that is dialled only within the country (`+49 (0)30 …`, also `+49030…`) is
//!   left out where the numbering plan has the number only without it, and so are Mexico's former prefixes.
//!   Nothing is guessed: a number in national form has no normal form.

use std::borrow::Cow;

use icu_normalizer::ComposingNormalizerBorrowed;

use crate::record::{is_invisible, trim_invisible};
use crate::schema::{international_digits, may_have_national_prefix, to_e164};

/// A normal form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Normalize {
    None,
    EmailV1,
    PhoneV1,
}

/// The most bytes of an address, and of the part before the `@` (RFC 5321, section 4.5.3.1).
const EMAIL_BYTES_MAX: usize = 254;
const LOCAL_BYTES_MAX: usize = 64;
/// Longer texts are no address in any spelling, and are not processed.
const TEXT_BYTES_MAX: usize = 4096;

impl Normalize {
    pub const ALL: [Normalize; 3] = [Normalize::None, Normalize::EmailV1, Normalize::PhoneV1];

    /// The name in definitions.
    pub fn name(self) -> &'static str {
        match self {
            Normalize::None => "none",
            Normalize::EmailV1 => "email.v1",
            Normalize::PhoneV1 => "phone.v1",
        }
    }

    /// Replaces `out` by the normal form of a value. Returns false if it has none.
    pub fn normalize(self, value: &[u8], out: &mut Vec<u8>) -> bool {
        out.clear();
        match self {
            Normalize::None => {
                out.extend_from_slice(value);
                true
            }
            Normalize::EmailV1 => email(value, out).is_some(),
            Normalize::PhoneV1 => phone(value, out).is_some(),
        }
    }
}

fn email(value: &[u8], out: &mut Vec<u8>) -> Option<()> {
    if value.is_ascii() && !has_punycode(value) {
        out.extend_from_slice(value.trim_ascii());
        out.make_ascii_lowercase();
        return is_email(out).then_some(());
    }
    let text = str::from_utf8(value).ok().filter(|text| text.len() <= TEXT_BYTES_MAX)?;
    let text = trim_invisible(text);
    if text.contains(is_invisible) {
        return None;
    }
    let lower = text.to_lowercase();
    let composed = ComposingNormalizerBorrowed::new_nfc().normalize(&lower);
    let (local, domain) = composed.split_once('@')?;
    let domain = idna::domain_to_ascii_cow(domain.as_bytes(), idna::AsciiDenyList::URL).ok()?;
    out.extend_from_slice(local.as_bytes());
    out.push(b'@');
    out.extend_from_slice(domain.as_bytes());
    is_email(out).then_some(())
}

/// Whether a label may already be Punycode, which must be checked.
fn has_punycode(value: &[u8]) -> bool {
    // Two hyphens in a row are rare, and quick to search for.
    memchr::memchr_iter(b'-', value).any(|at| value.get(at + 1) == Some(&b'-'))
        && value.windows(4).any(|four| four.eq_ignore_ascii_case(b"xn--"))
}

fn is_email(text: &[u8]) -> bool {
    let Some(at) = text.iter().position(|byte| *byte == b'@') else { return false };
    let (local, [_at, domain @ ..]) = text.split_at(at) else { return false };
    text.len() <= EMAIL_BYTES_MAX
        && local.len() <= LOCAL_BYTES_MAX
        && is_local(local)
        && is_domain(domain)
}

/// Whether the text is words with single dots between them (RFC 5322, section 3.2.3), which may
/// have the letters of RFC 6531.
fn is_local(text: &[u8]) -> bool {
    let mut previous = b'.';
    for byte in text {
        let is_dot = *byte == b'.';
        if (is_dot && previous == b'.') || !(is_dot || is_in(&IN_WORDS, *byte)) {
            return false;
        }
        previous = *byte;
    }
    let is_letter = |char: char| !(char.is_whitespace() || char.is_control());
    let are_letters = || str::from_utf8(text).is_ok_and(|text| text.chars().all(is_letter));
    previous != b'.' && (text.is_ascii() || are_letters())
}

/// Whether the text has two or more labels of letters, digits and `-`, the last of which is not a
/// number.
fn is_domain(text: &[u8]) -> bool {
    let mut labels = text.rsplit(|byte| *byte == b'.');
    let top = labels.next().unwrap_or_default();
    let mut others = labels.peekable();
    others.peek().is_some()
        && is_label(top)
        && !top.iter().all(u8::is_ascii_digit)
        && others.all(is_label)
}

fn is_label(label: &[u8]) -> bool {
    const LABEL_BYTES_MAX: usize = 63;
    let is_hyphen = |byte: Option<&u8>| byte.is_none_or(|byte| *byte == b'-');
    label.len() <= LABEL_BYTES_MAX
        && !is_hyphen(label.first())
        && !is_hyphen(label.last())
        && label.iter().all(|byte| is_in(&IN_LABELS, *byte))
}

/// Which bytes words may have before the `@`, and which labels may have after it.
const IN_WORDS: [bool; 256] = bytes_of(b"!#$%&'*+-/=?^_`{|}~", true);
const IN_LABELS: [bool; 256] = bytes_of(b"-", false);

/// The letters and digits of ASCII, `others`, and all bytes beyond ASCII or none.
#[expect(
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing,
    reason = "constants of a byte"
)]
const fn bytes_of(others: &[u8], beyond_ascii: bool) -> [bool; 256] {
    let mut bytes = [false; 256];
    let mut byte = 0;
    while byte < bytes.len() {
        let is_ascii = byte < 0x80;
        bytes[byte] = if is_ascii { (byte as u8).is_ascii_alphanumeric() } else { beyond_ascii };
        byte += 1;
    }
    let mut at = 0;
    while at < others.len() {
        bytes[others[at] as usize] = true;
        at += 1;
    }
    bytes
}

fn is_in(bytes: &[bool; 256], byte: u8) -> bool {
    bytes.get(usize::from(byte)).is_some_and(|is_in| *is_in)
}

fn phone(value: &[u8], out: &mut Vec<u8>) -> Option<()> {
    let text = trim_invisible(str::from_utf8(value).ok()?);
    let digits = || Some(format!("+{}", international_digits(text)?));
    let whole = if is_e164(text) { Cow::Borrowed(text) } else { Cow::Owned(digits()?) };
    // With a 0 that may be there or not, it is a number only if the plan says which.
    if text.contains("(0)") {
        out.extend_from_slice(to_e164(text, None)?.as_bytes());
        return Some(());
    }
    let may_be_shorter = !is_e164(&whole) || may_have_national_prefix(&whole);
    let shorter = may_be_shorter.then(|| to_e164(&whole, None)).flatten();
    let e164 = shorter.map_or(whole, Cow::Owned);
    out.extend_from_slice(e164.as_bytes());
    is_e164(&e164).then_some(())
}

/// Whether the text is `+` and 7 to 15 digits, the first of which is not 0.
fn is_e164(text: &str) -> bool {
    let digits = text.strip_prefix('+').unwrap_or_default();
    (7..=15).contains(&digits.len())
        && !digits.starts_with('0')
        && digits.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::transform::Outcome;
    use crate::transform::vectors;

    fn normal(form: Normalize, text: &str) -> Option<String> {
        let mut out = b"left over".to_vec();
        form.normalize(text.as_bytes(), &mut out).then(|| String::from_utf8(out).unwrap())
    }

    #[test]
    fn matches_the_vectors() {
        let file = include_str!("../../schemas/vectors/normalize.json");
        vectors::check(file, |params, value, out| {
            let name = vectors::text(params, "normalize").unwrap();
            let form = Normalize::ALL.into_iter().find(|form| form.name() == name).unwrap();
            match normal(form, str::from_utf8(value).unwrap()) {
                Some(text) => {
                    out.extend_from_slice(text.as_bytes());
                    Outcome::Made { plain: crate::transform::is_plain(text.as_bytes()) }
                }
                None => Outcome::Failed,
            }
        });
    }

    proptest! {
        /// A normal form is its own normal form, and no spelling makes it panic.
        #[test]
        fn normal_forms_stay(
            text in prop_oneof![
                any::<String>(),
                "[ \u{a0}]?[a-zA-ZäÄßẞéİıς.+]{1,8}@[a-zA-ZäßéèçñḞ.-]{1,12}[.](com|DE|рф)",
                "[ +0-9().-]{0,20}",
            ],
        ) {
            for form in Normalize::ALL {
                if let Some(once) = normal(form, &text) {
                    prop_assert_eq!(normal(form, &once), Some(once.clone()));
                }
            }
        }

        /// The fast way for ASCII agrees with the general one.
        #[test]
        fn ascii_is_no_exception(text in "[ ]?[a-zA-Z0-9.!_-]{0,9}@[a-zA-Z0-9.-]{0,12}[.](com|DE|x)") {
            let quick = normal(Normalize::EmailV1, &text);
            let lower = text.trim().to_lowercase();
            let whole = lower.split_once('@').and_then(|(local, domain)| {
                let domain = idna::domain_to_ascii_cow(domain.as_bytes(), idna::AsciiDenyList::URL);
                Some(format!("{local}@{}", domain.ok()?)).filter(|made| is_email(made.as_bytes()))
            });
            prop_assert_eq!(quick, whole);
        }
    }
}
