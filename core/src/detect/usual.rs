//! Texts in the usual form: nothing but an address, a number or a token, as most that are hit by a detector.
//!
//! ```text
//! ada@example.com             usual
//! Ada <ada@example.com>       the pattern finds it
//! ```
//!
//! A look at each byte costs a tenth of what a pattern does. What is usual is hit whole: pattern and check of its
//! shape accept it, and need not be tried. (A test compares both.) Whatever is not usual may be hit as well.

use serde::Deserialize;

use super::email::{has_local_form, is_file};

/// The usual forms by their names in `schemas/detectors.toml`.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Usual {
    /// `ada@example.com`
    Email,
    /// `+12025550142`
    Phone,
    /// 32 to 100 bytes as hexadecimal digits.
    HexToken,
}

impl Usual {
    /// Whether a text has this form.
    pub(super) fn is(self, text: &[u8]) -> bool {
        match self {
            Usual::Email => is_email(text),
            Usual::Phone => is_phone(text),
            Usual::HexToken => is_hex_token(text),
        }
    }
}

fn is_email(text: &[u8]) -> bool {
    let at = text.iter().position(|byte| !is_in_local(*byte));
    let Some((local, [b'@', domain @ ..])) = at.and_then(|at| text.split_at_checked(at)) else {
        return false;
    };
    has_local_form(local) && is_domain(domain)
}

fn is_in_local(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'+' | b'-')
}

/// Whether a text is labels of a domain, the last of which may be one that ends it.
fn is_domain(text: &[u8]) -> bool {
    let mut labels = text.rsplit(|byte| *byte == b'.');
    let top = labels.next().unwrap_or_default();
    let mut others = labels.peekable();
    2 <= top.len()
        && top.iter().all(u8::is_ascii_alphabetic)
        && others.peek().is_some()
        && is_label(top)
        && others.all(is_label)
}

fn is_label(label: &[u8]) -> bool {
    let is_inside = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'-';
    (1..=63).contains(&label.len())
        && label.first() != Some(&b'-')
        && label.last() != Some(&b'-')
        && label.iter().all(is_inside)
        && !is_file(label)
}

fn is_phone(text: &[u8]) -> bool {
    let Some(digits) = text.strip_prefix(b"+") else { return false };
    let is_other = |digit: &u8| Some(digit) != digits.first();
    (8..=15).contains(&digits.len())
        && digits.iter().all(u8::is_ascii_digit)
        && digits.first() != Some(&b'0')
        && digits.iter().any(is_other)
}

fn is_hex_token(text: &[u8]) -> bool {
    let is_other = |digit: &u8| Some(digit) != text.first();
    (64..=200).contains(&text.len())
        && text.len().is_multiple_of(2)
        && text.iter().all(u8::is_ascii_hexdigit)
        && text.iter().any(u8::is_ascii_digit)
        && text.iter().any(is_other)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::detect::Detectors;

    #[track_caller]
    fn check(form: Usual, usual: &[&str], others: &[&str]) {
        for text in usual {
            assert!(form.is(text.as_bytes()), "{text}");
        }
        for text in others {
            assert!(!form.is(text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn what_is_usual_is_nothing_else() {
        check(
            Usual::Email,
            &["ada@example.com", "Ada.L_1+x-y@Mail-1.example.co.uk"],
            &[
                "<ada@example.com>",
                "ada@example.com.",
                "ada@example",
                "ada@example.c",
                "ada@-x.com",
                "ada@x..com",
                "ada@@x.com",
                "a..b@x.com",
                "logo@2x.png",
                "git@example.com",
                "ada@zip.example.com",
                "@example.com",
                "zoë@example.com",
            ],
        );
        check(
            Usual::Phone,
            &["+12025550142", "+49301234"],
            &["+02025550142", "+1202 5550142", "+1202555", "+1111111111", "12025550142", "+"],
        );
        let token = "0123456789abcdefABCDEF0123456789".repeat(2);
        check(
            Usual::HexToken,
            &[&token],
            &[token.get(..62).unwrap(), token.get(1..).unwrap(), &"0".repeat(64), &"ab".repeat(32)],
        );
    }

    proptest! {
        /// What is usual would be hit whole.
        #[test]
        fn what_is_usual_is_hit(
            text in r"[a-zA-Z0-9._+-]{1,5}@([a-z0-9-]{1,4}\.){1,3}[a-zA-Z]{1,4}|[+]?[0-9]{6,17}|([0-9A-Fa-f]{2}){30,102}",
        ) {
            for detector in Detectors::shared().all() {
                for shape in &detector.shapes {
                    if shape.is_usual(&text, &[]) {
                        let digits = text.bytes().filter(u8::is_ascii_digit).count();
                        prop_assert!(detector.gate.lets_pass(&text, digits), "{}", text);
                        let whole = shape.each(&text, &detector.ignore, &mut |place| {
                            if place == (0..text.len()) {
                                std::ops::ControlFlow::Break(())
                            } else {
                                std::ops::ControlFlow::Continue(())
                            }
                        });
                        prop_assert!(whole.is_break(), "{} {}", detector.name, text);
                    }
                }
            }
        }
    }
}
