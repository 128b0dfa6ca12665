//! E-mail addresses in a text: which part of what a pattern found is the address.
//!
//! A pattern takes all that may belong to an address. What people write around one is left out again: the
//! full stop of a sentence, a quotation mark, words of a script without blanks.

use std::ops::Range;

use super::plain::FIRST_WITHOUT_BLANKS;

/// What stands between the two halves of an address.
const AT: [&str; 5] = ["@", "%40", "(at)", "[at]", "&#64;"];
const DOTS: [&str; 3] = [".", "(dot)", "[dot]"];
/// Names of files look like addresses: `logo@2x.png`.
const FILES: [&str; 12] =
    ["png", "jpg", "jpeg", "gif", "svg", "webp", "css", "js", "json", "html", "pdf", "zip"];

/// The address in a text that has one `@`, or what is written instead.
pub(super) fn email(found: &str) -> Option<Range<usize>> {
    let (at, sign) = at_sign(found)?;
    let local = found.get(..at)?;
    let start = local_start(local);
    let local = local.get(start..)?.trim();
    let after = at + sign.len();
    let domain = domain_len(found.get(after..)?)?;
    has_local_form(local.as_bytes()).then_some(start..after + domain)
}

/// Whether a text of characters that may be before the `@` may be all that is there.
pub(super) fn has_local_form(local: &[u8]) -> bool {
    (1..=64).contains(&local.len())
        && local.first() != Some(&b'.')
        && local.last() != Some(&b'.')
        && !local.array_windows().any(|two| two == b"..")
        && local != b"git"
}

/// Where it is, and how it is written.
fn at_sign(found: &str) -> Option<(usize, &'static str)> {
    let [usual, others @ ..] = AT;
    let at = memchr::memchr(b'@', found.as_bytes()).map(|at| (at, usual));
    at.or_else(|| others.into_iter().find_map(|sign| Some((found.find(sign)?, sign))))
}

/// Where the local part begins: after a mark that is no part of one, and after words of a script without
/// blanks if it ends in ASCII.
fn local_start(local: &str) -> usize {
    if local.is_ascii() {
        return 0;
    }
    let is_ascii = local.trim_end().ends_with(|c: char| c.is_ascii());
    let is_before = |c: char| is_mark(c) || (is_ascii && FIRST_WITHOUT_BLANKS <= c);
    let last = local.char_indices().rev().find(|(_, c)| is_before(*c));
    last.map_or(0, |(at, c)| at + c.len_utf8())
}

/// The length of the longest domain at the start of a text; `None` if there is none.
fn domain_len(text: &str) -> Option<usize> {
    let (mut at, mut domain) = (blank(text), None);
    let mut labels = 0;
    loop {
        let label = label(text.get(at..)?);
        let end = at + label.len();
        if !is_label(label) {
            break;
        }
        labels += 1;
        if is_file(label.as_bytes()) {
            domain = None;
        } else if 2 <= labels && is_top(label) {
            domain = Some(end);
        }
        let rest = text.get(end..)?;
        let before = blank(rest);
        let Some(dot) = DOTS.iter().find(|dot| rest.get(before..).unwrap_or("").starts_with(**dot))
        else {
            break;
        };
        let after = blank(rest.get(before + dot.len()..)?);
        // After the full stop of a sentence, the next one begins.
        if domain == Some(end) && before == 0 && after != 0 && *dot == "." {
            break;
        }
        at = end + before + dot.len() + after;
    }
    domain
}

/// The letters, digits and hyphens at the start of a text, without hyphens at the end of it. A label that
/// begins in ASCII ends before words of a script without blanks.
fn label(text: &str) -> &str {
    let is_ascii = text.starts_with(|c: char| c.is_ascii());
    let is_inside =
        |c: char| (c.is_alphanumeric() && !(is_ascii && FIRST_WITHOUT_BLANKS <= c)) || c == '-';
    // Nearly all labels are ASCII.
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'-';
    let plain = text.bytes().position(|byte| !is_plain(&byte)).unwrap_or(text.len());
    let end = match text.as_bytes().get(plain) {
        Some(byte) if !byte.is_ascii() => text.find(|c| !is_inside(c)).unwrap_or(text.len()),
        _ => plain,
    };
    let label = text.get(..end).unwrap_or_default();
    let mut rest = text.get(end..).unwrap_or_default().chars();
    let goes_on = rest.next() == Some('.') && rest.next().is_some_and(char::is_alphanumeric);
    if goes_on { label } else { label.trim_end_matches('-') }
}

fn is_label(label: &str) -> bool {
    (1..=63).contains(&label.len()) && !label.starts_with('-') && !label.ends_with('-')
}

/// Whether a label is the end of a file's name instead.
pub(super) fn is_file(label: &[u8]) -> bool {
    label.len() <= 4 && FILES.iter().any(|file| label.eq_ignore_ascii_case(file.as_bytes()))
}

/// Whether a label may be the last one.
fn is_top(label: &str) -> bool {
    let is_punycode = label.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("xn--"));
    2 <= label.chars().count()
        && (is_punycode || !label.contains(|c: char| c.is_ascii_digit() || c == '-'))
}

/// The length of a blank at the start of a text.
fn blank(text: &str) -> usize {
    usize::from(text.starts_with(' '))
}

/// Whether a character is a mark or a symbol that people write around an address.
fn is_mark(c: char) -> bool {
    matches!(
        c,
        '\u{a1}'..='\u{a9}'
            | '\u{ab}'..='\u{b4}'
            | '\u{b6}'..='\u{b9}'
            | '\u{bb}'..='\u{bf}'
            | '\u{2010}'..='\u{206f}'
            | '\u{20a0}'..='\u{20cf}'
            | '\u{2190}'..='\u{2bff}'
            | '\u{3000}'..='\u{3004}'
            | '\u{3008}'..='\u{3020}'
            | '・'
            | '\u{1f000}'..='\u{1faff}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_what_belongs_to_it() {
        for (found, expected) in [
            ("ada@example.com", Some("ada@example.com")),
            ("ada@example.com.", Some("ada@example.com")),
            ("ada@example.com...", Some("ada@example.com")),
            ("ada@example.com. Next", Some("ada@example.com")),
            ("ada@example.com!", Some("ada@example.com")),
            ("ada@example.com-", Some("ada@example.com")),
            ("ada@example.com.2024", Some("ada@example.com")),
            ("ada@mail-1.example.co.uk", Some("ada@mail-1.example.co.uk")),
            ("«ada@example.com»", Some("ada@example.com")),
            ("🎉ada@example.com", Some("ada@example.com")),
            ("メールはada@example.comです", Some("ada@example.com")),
            ("ada@bücher.example", Some("ada@bücher.example")),
            ("用户@例子.广告", Some("用户@例子.广告")),
            ("zoe\u{308}@example.com", Some("zoe\u{308}@example.com")),
            ("ada@example.xn--p1ai", Some("ada@example.xn--p1ai")),
            ("ada(at)example(dot)com", Some("ada(at)example(dot)com")),
            ("ada @ example . com", Some("ada @ example . com")),
            ("ada [at] example [dot] com. Next", Some("ada [at] example [dot] com")),
            ("ada%40example.com", Some("ada%40example.com")),
            ("logo@2x.png", None),
            ("icon@2x.min.png", None),
            ("lodash@4.17.21", None),
            ("ada@localhost", None),
            ("ada@example.c", None),
            ("ada.@example.com", None),
            ("git@example.com", None),
        ] {
            let part = email(found).and_then(|part| found.get(part));
            assert_eq!(part, expected, "{found}");
        }
    }
}
