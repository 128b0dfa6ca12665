//! What may be a key or a password in the texts of a definition.

use super::origin::Origin;

/// The kinds of source of a key that begin a text which is no key itself.
const HARMLESS: [&str; 5] = ["env:", "file:", "demo:", "kms:", "secretsmanager:"];

/// Whether a text under `[keys]` says where a key is, so that it may be shown.
pub(crate) fn is_harmless_key_text(text: &str) -> bool {
    let text = text.trim().trim_start_matches(['"', '\'']);
    let holds_key = ["hex:", "base64:"].iter().any(|form| text.contains(form));
    let is_bare = text.split_once(':').is_some_and(|(_, rest)| is_bare_key(rest));
    !holds_key && !is_bare && HARMLESS.iter().any(|kind| text.starts_with(kind))
}

/// Whether it is the text of a key without its form, and no name of anything: 32 bytes or more as
/// digits, or as base64 in which small and capital letters and digits all occur.
pub(crate) fn is_bare_key(text: &str) -> bool {
    const BASE64_CHARS_MIN: usize = 43;
    let text = text.trim_end_matches(['"', '\'', ' ']).trim_end_matches('=');
    let all = |is: fn(&u8) -> bool| text.bytes().all(|byte| is(&byte));
    let any = |is: fn(&u8) -> bool| text.bytes().any(|byte| is(&byte));
    let is_hex = KEY_CHARS_MIN <= text.len() && all(u8::is_ascii_hexdigit);
    let is_base64 = BASE64_CHARS_MIN <= text.len()
        && !text.starts_with('/')
        && all(|byte| byte.is_ascii_alphanumeric() || b"+/-_".contains(byte));
    let is_mixed =
        any(u8::is_ascii_lowercase) && any(u8::is_ascii_uppercase) && any(u8::is_ascii_digit);
    is_hex || is_base64 && is_mixed
}

/// The spans of a file that may hold keys, found without parsing: for a file that is no TOML.
pub(crate) fn secrets_in_lines(file: &str) -> Vec<Origin> {
    let mut secrets = Vec::new();
    let mut in_keys = false;
    let mut start = 0;
    for line in file.split_inclusive('\n') {
        let text = line.trim_start();
        match text.strip_prefix('[') {
            Some(header) => in_keys = names_keys(header.trim_start_matches(['[', ' ', '\t'])),
            // A table in braces may go on below: then it ends, for this purpose, with the next header.
            None => in_keys = in_keys || names_keys(text),
        }
        let value = line.find('=').map_or(0, |sign| sign + 1);
        let is_header = text.starts_with('[');
        if in_keys && !is_header && !line.get(value..).is_some_and(is_harmless_key_text) {
            secrets.push(Origin::file(start + value..start + line.len()));
        }
        start += line.len();
    }
    secrets
}

/// As `secrets_in_lines`, of the `--set` of that number.
pub(crate) fn secret_in_set(number: usize, set: &str) -> Option<Origin> {
    let value = set.find('=').map_or(0, |sign| sign + 1);
    let is_open = set.get(value..).is_some_and(is_harmless_key_text);
    // No id of a key is as long as a key: such a name is one in the wrong place.
    let is_long = |name: &str| KEY_CHARS_MIN <= name.len();
    let path = set.get(..value).unwrap_or_default();
    let start = if path.split(['.', '=']).any(is_long) { 0 } else { value };
    let hides = names_keys(set.trim_start()) && (start < value || !is_open);
    hides.then(|| Origin::set(number, start..set.len()))
}

fn names_keys(text: &str) -> bool {
    let text = text.trim_start_matches(['"', '\'']);
    text.starts_with("keys") || text.starts_with("aws")
}

/// How many characters a run has that is long enough for a key.
const KEY_CHARS_MIN: usize = 32;

/// Puts a `*` for each character of what follows `hex:` or `base64:`, and of whatever else
/// is as long as a key and looks as random.
pub(crate) fn hide_keys(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut run = String::new();
    for char in text.chars() {
        if is_key_char(char) {
            run.push(char);
        } else {
            push_run(&mut shown, &run);
            run.clear();
            shown.push(char);
        }
    }
    push_run(&mut shown, &run);
    shown
}

fn is_key_char(char: char) -> bool {
    char.is_ascii_alphanumeric() || matches!(char, '+' | '/' | '=' | '_' | '-')
}

fn push_run(shown: &mut String, run: &str) {
    let declared = shown.ends_with("hex:") || shown.ends_with("base64:");
    if declared || looks_random(run) {
        shown.extend(run.chars().map(|_| '*'));
    } else {
        shown.push_str(run);
    }
}

/// Whether a run has the length and the mix of a key: hexadecimal digits alone, or upper and
/// lower case and digits that change places far more often than in names and paths.
fn looks_random(run: &str) -> bool {
    let is_hex = || run.bytes().all(|byte| byte.is_ascii_hexdigit());
    run.len() >= KEY_CHARS_MIN && (is_hex() || changes_of_class(run) * 3 >= run.len())
}

fn changes_of_class(run: &str) -> usize {
    let class = |byte: u8| (byte.is_ascii_uppercase(), byte.is_ascii_lowercase());
    run.bytes().zip(run.bytes().skip(1)).filter(|(a, b)| class(*a) != class(*b)).count()
}

/// Whether a URL names who asks, and so may hold a password.
pub(crate) fn has_credentials(text: &str) -> bool {
    let rest = text.split_once("://").map(|(_, rest)| rest);
    rest.is_some_and(|rest| {
        rest.split(['/', '?', '#']).next().is_some_and(|host| host.contains('@'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_in_a_url_are_seen() {
        for (text, expected) in [
            ("https://AKIA:secret@s3.example.com", true),
            ("s3://key@bucket/a", true),
            ("s3://bucket/a@b.json", false),
            ("a@b", false),
            ("https://s3.example.com?x=a@b", false),
        ] {
            assert_eq!(has_credentials(text), expected, "{text}");
        }
    }
}
