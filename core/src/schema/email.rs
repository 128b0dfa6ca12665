//! The format of an email address, and what is wrong with a text that does not have it.
//!
//! Every address is checked here, so the check allocates nothing and looks at each byte once or twice,
//! except for domains in Punycode.

use memchr::memchr;

use super::target::FormatLimits;
use crate::record::Detail;

/// Whether a value is an email address.
pub(super) fn is_email(value: &[u8], limits: &FormatLimits) -> bool {
    let parts = memchr(b'@', value).and_then(|at| value.split_at_checked(at));
    let Some((local, [_at, domain @ ..])) = parts else { return false };
    value.len() <= limits.email_total
        && local.len() <= limits.email_local
        && is_dot_atom(local)
        && is_domain(domain)
}

/// Words of [`ATEXT`] characters with single dots between them (RFC 5322, section 3.2.3).
fn is_dot_atom(text: &[u8]) -> bool {
    let mut after_dot = true;
    for byte in text {
        let is_dot = *byte == b'.';
        if (is_dot && after_dot) || !(is_dot || is_in(&ATEXT, *byte)) {
            return false;
        }
        after_dot = is_dot;
    }
    !after_dot
}

/// At least two labels (RFC 1123, section 2.1), the last of which is not a number.
fn is_domain(text: &[u8]) -> bool {
    let Some(last_dot) = text.iter().rposition(|byte| *byte == b'.') else { return false };
    let (labels, [_dot, last @ ..]) = text.split_at(last_dot) else { return false };
    labels.split(|byte| *byte == b'.').all(is_label)
        && is_label(last)
        && !last.iter().all(u8::is_ascii_digit)
}

/// A label without a hyphen at either end, which is valid Punycode if it says so.
fn is_label(text: &[u8]) -> bool {
    has_label_form(text)
        && text.iter().all(|byte| is_in(&LABEL, *byte))
        && (!is_punycode(text) || is_valid_punycode(text))
}

/// 1 to 63 bytes, and no hyphen at either end.
fn has_label_form(text: &[u8]) -> bool {
    const LEN_MAX: usize = 63;
    text.len() <= LEN_MAX
        && text.first().is_some_and(|byte| *byte != b'-')
        && text.last() != Some(&b'-')
}

/// Whether a label begins like one in Punycode.
#[inline]
fn is_punycode(label: &[u8]) -> bool {
    label.get(2..4) == Some(b"--") && label.get(..2).is_some_and(|x| x.eq_ignore_ascii_case(b"xn"))
}

/// Whether a label in Punycode stands for some other text.
#[cold]
fn is_valid_punycode(label: &[u8]) -> bool {
    let text = str::from_utf8(label).unwrap_or_default();
    idna::domain_to_unicode(text).1.is_ok()
}

/// What is wrong with a value that is not an email address.
#[cold]
pub(super) fn fault(value: &[u8], limits: &FormatLimits) -> Detail {
    let parts = memchr(b'@', value).and_then(|at| value.split_at_checked(at));
    let Some((local, [_at, domain @ ..])) = parts else { return Detail::NoAt };
    let is_known =
        |table, text: &[u8]| text.iter().all(|byte| *byte == b'.' || is_in(table, *byte));
    let labels = || domain.split(|byte| *byte == b'.');
    if limits.email_total < value.len() || limits.email_local < local.len() {
        Detail::TooLong
    } else if !is_known(&ATEXT, local) || !is_known(&LABEL, domain) {
        Detail::Character
    } else if !is_dot_atom(local) || labels().any(<[u8]>::is_empty) && !domain.is_empty() {
        Detail::Dots
    } else if labels().count() < 2 || !labels().all(has_label_form) {
        Detail::Domain
    } else if labels().any(|label| is_punycode(label) && !is_valid_punycode(label)) {
        Detail::Punycode
    } else {
        Detail::LastLabel
    }
}

/// The characters of a domain's label.
static LABEL: [bool; 256] =
    table_of(b"-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz", &[false; 256]);
/// The characters of a dot-atom, except for dots (RFC 5322, section 3.2.3).
static ATEXT: [bool; 256] = table_of(b"!#$%&'*+/=?^_`{|}~", &LABEL);

/// A table with these bytes, in addition to those of another table.
#[expect(clippy::indexing_slicing, clippy::as_conversions, reason = "an error fails the build")]
const fn table_of(bytes: &[u8], more: &[bool; 256]) -> [bool; 256] {
    let (mut table, mut rest) = (*more, bytes);
    while let [byte, others @ ..] = rest {
        table[*byte as usize] = true;
        rest = others;
    }
    table
}

#[inline]
fn is_in(table: &[bool; 256], byte: u8) -> bool {
    table.get(usize::from(byte)).copied().unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: FormatLimits = FormatLimits { email_local: 64, email_total: 254 };

    #[track_caller]
    fn check(value: &str, expected: Option<Detail>) {
        let is_valid = is_email(value.as_bytes(), &LIMITS);
        assert_eq!(is_valid, expected.is_none(), "{value}");
        if let Some(expected) = expected {
            assert_eq!(fault(value.as_bytes(), &LIMITS), expected, "{value}");
        }
    }

    #[test]
    fn each_fault_has_a_detail() {
        check("ada@example.com", None);
        check("ada", Some(Detail::NoAt));
        check("", Some(Detail::NoAt));
        check("ada.example.com", Some(Detail::NoAt));
        check("a..da@example.com", Some(Detail::Dots));
        check(".ada@example.com", Some(Detail::Dots));
        check("ada.@example.com", Some(Detail::Dots));
        check("@example.com", Some(Detail::Dots));
        check("ada@example..com", Some(Detail::Dots));
        check("ada@example.com.", Some(Detail::Dots));
        check("ada@.example.com", Some(Detail::Dots));
        check("ada@", Some(Detail::Domain));
        check("ada@example", Some(Detail::Domain));
        check("ada@-example.com", Some(Detail::Domain));
        check("ada@example-.com", Some(Detail::Domain));
        check(&format!("ada@{}.com", "a".repeat(64)), Some(Detail::Domain));
        check("ada@192.0.2.1", Some(Detail::LastLabel));
        check("ada@example.123", Some(Detail::LastLabel));
        check("ada@xn--a.example", Some(Detail::Punycode));
        check("ada@XN--99999999.example", Some(Detail::Punycode));
        check("ada@xn--bcher-kva.example", None);
        check(&format!("{}@example.com", "a".repeat(65)), Some(Detail::TooLong));
        check(&format!("ada@{}example.com", "a.".repeat(130)), Some(Detail::TooLong));
        check("a da@example.com", Some(Detail::Character));
        check("ada@@example.com", Some(Detail::Character));
        check("ada@exam_ple.com", Some(Detail::Character));
        check("ada@b\u{fc}cher.example", Some(Detail::Character));
        check("ada@exa\u{200b}mple.com", Some(Detail::Character));
        check("\"ada\"@example.com", Some(Detail::Character));
        check("Ada <ada@example.com>", Some(Detail::Character));
    }
}
