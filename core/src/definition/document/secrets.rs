//! Finds what may be a key or a password in the texts of a definition.
//!
//! People paste secrets into the wrong setting, and diagnostics are shown on screens and kept in
//! logs. So everything that may be a secret is hidden, at the risk of hiding a harmless text.

use super::origin::Origin;

/// The number of characters from which on a text may be a key: 16 bytes in hexadecimal.
const KEY_CHARS_MIN: usize = 32;

/// The prefixes of key sources. `hex:` and `base64:` are not among them: the key follows them.
const SOURCES: [&str; 5] = ["env:", "file:", "demo:", "kms:", "secretsmanager:"];

/// Whether a text in `[keys]` names the source of a key and contains no key, so that it can be shown.
pub(crate) fn names_key_source(text: &str) -> bool {
    let text = text.trim().trim_start_matches(['"', '\'']);
    let has_literal = ["hex:", "base64:"].iter().any(|form| text.contains(form));
    let is_bare = text.split_once(':').is_some_and(|(_, rest)| is_bare_key(rest))
        || text.strip_prefix("env:").is_some_and(may_be_key);
    !has_literal && !is_bare && SOURCES.iter().any(|source| text.starts_with(source))
}

/// Whether a text is a key without a prefix, not a name or a path: hexadecimal digits of at least
/// 16 bytes, or Base64 of at least 32 bytes with lower case, upper case and digits.
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

/// Whether a name has as many hexadecimal digits in a row as a key: nobody gives such a name.
pub(crate) fn contains_key(name: &str) -> bool {
    name.split(|char: char| !char.is_ascii_hexdigit()).any(|run| KEY_CHARS_MIN <= run.len())
}

/// Whether the name of a variable may be a key, so that it is not shown: it contains one, or it is as
/// long as 16 bytes in Base64 and mixes capitals, small letters and digits as names do not.
pub(crate) fn may_be_key(name: &str) -> bool {
    const BASE64_CHARS_MIN: usize = 22;
    let any = |is: fn(&u8) -> bool| name.bytes().any(|byte| is(&byte));
    let is_mixed =
        any(u8::is_ascii_lowercase) && any(u8::is_ascii_uppercase) && any(u8::is_ascii_digit);
    let is_random =
        BASE64_CHARS_MIN <= name.len() && is_mixed && name.len() <= class_changes(name) * 3;
    contains_key(name) || is_bare_key(name) || is_random
}

/// Whether a text has that of a key in it: `hex:` or `base64:`, followed by at least as many digits as a key has.
pub(crate) fn has_key_text(text: &str) -> bool {
    const HEX_CHARS_MIN: usize = 64;
    const BASE64_CHARS_MIN: usize = 43;
    let has = |form: &str, least: usize, is_digit: fn(&u8) -> bool| {
        text.match_indices(form).any(|(at, _)| {
            let digits = text.as_bytes().get(at + form.len()..).unwrap_or(&[]);
            least <= digits.iter().take_while(|byte| is_digit(byte)).count()
        })
    };
    has("hex:", HEX_CHARS_MIN, u8::is_ascii_hexdigit)
        || has("base64:", BASE64_CHARS_MIN, |byte| {
            byte.is_ascii_alphanumeric() || b"+/-_".contains(byte)
        })
}

/// Returns the spans of a file that may contain keys: the values in `[keys]` and `[aws]`, and those
/// with a URL that has credentials. Goes by lines and does not parse, so that it also works for a file that is not valid TOML.
pub(crate) fn secrets_in_lines(file: &str) -> Vec<Origin> {
    let mut secrets = Vec::new();
    let mut in_keys = false;
    let mut start = 0;
    for line in file.split_inclusive('\n') {
        let text = line.trim_start();
        match text.strip_prefix('[') {
            Some(header) => in_keys = begins_section(header.trim_start_matches(['[', ' ', '\t'])),
            // An inline table may span lines, so it is taken to end at the next header.
            None => in_keys = in_keys || begins_section(text),
        }
        let value = line.find('=').map_or(0, |sign| sign + 1);
        let is_header = text.starts_with('[');
        let is_of_key = in_keys && !is_header && !line.get(value..).is_some_and(names_key_source);
        if is_of_key || has_credentials(line) {
            secrets.push(Origin::file(start + value..start + line.len()));
        }
        start += line.len();
    }
    secrets
}

/// Returns the span of a `--set` that may contain a key. The first `--set` has number 0.
pub(crate) fn secret_in_set(number: usize, set: &str) -> Option<Origin> {
    let value = set.find('=').map_or(0, |sign| sign + 1);
    let is_harmless = set.get(value..).is_some_and(names_key_source);
    // Key ids are shorter than keys, so a long name is a key in the wrong position.
    let is_long = |name: &str| KEY_CHARS_MIN <= name.len();
    let path = set.get(..value).unwrap_or_default();
    let start = if path.split(['.', '=']).any(is_long) { 0 } else { value };
    let is_secret = begins_section(set.trim_start()) && (start < value || !is_harmless);
    is_secret.then(|| Origin::set(number, start..set.len()))
}

/// Whether a path begins with a section that may contain secrets.
fn begins_section(path: &str) -> bool {
    let path = path.trim_start_matches(['"', '\'']);
    path.starts_with("keys") || path.starts_with("aws")
}

/// Replaces characters by `*`: those that follow `hex:` or `base64:`, and every other run that is as
/// long as a key and looks random, or has as many hexadecimal digits in a row.
pub(crate) fn hide_keys(text: &str) -> String {
    let mut hidden = String::with_capacity(text.len());
    let mut run = String::new();
    for char in text.chars() {
        if is_key_char(char) {
            run.push(char);
        } else {
            push_run(&mut hidden, &run);
            run.clear();
            hidden.push(char);
        }
    }
    push_run(&mut hidden, &run);
    hidden
}

fn is_key_char(char: char) -> bool {
    char.is_ascii_alphanumeric() || matches!(char, '+' | '/' | '=' | '_' | '-')
}

fn push_run(hidden: &mut String, run: &str) {
    let is_literal = hidden.ends_with("hex:") || hidden.ends_with("base64:");
    if is_literal || looks_random(run) || contains_key(run) {
        hidden.extend(run.chars().map(|_| '*'));
    } else {
        hidden.push_str(run);
    }
}

/// Whether a run has the length and the mix of characters of a key: hexadecimal digits only, or
/// upper case, lower case and digits that alternate far more often than in names and paths.
fn looks_random(run: &str) -> bool {
    let is_hex = || run.bytes().all(|byte| byte.is_ascii_hexdigit());
    run.len() >= KEY_CHARS_MIN && (is_hex() || class_changes(run) * 3 >= run.len())
}

/// The number of neighbouring characters that are not both upper case, lower case or neither.
fn class_changes(run: &str) -> usize {
    let class = |byte: u8| (byte.is_ascii_uppercase(), byte.is_ascii_lowercase());
    run.bytes().zip(run.bytes().skip(1)).filter(|(a, b)| class(*a) != class(*b)).count()
}

/// Whether a URL has a user name, and so may have a password, or is signed.
pub fn has_credentials(text: &str) -> bool {
    has_user(text) || has_signature(text)
}

/// The names in the query of a signed URL: of AWS (both versions), `CloudFront`, Google and Azure.
/// Whoever has such a URL needs no credentials.
const SIGNATURES: [&str; 8] = [
    "x-amz-signature",
    "x-amz-credential",
    "x-amz-security-token",
    "awsaccesskeyid",
    "signature",
    "x-goog-signature",
    "x-goog-credential",
    "sig",
];

/// Whether a text has the query of a signed URL. (Without a value it is a name like any other.)
pub(crate) fn has_signature(text: &str) -> bool {
    let fields = text.split(['?', '&', '#', ';']).skip(1);
    let mut fields = fields.filter_map(|field| field.split_once('='));
    fields.any(|(name, value)| {
        let name = name.trim_start_matches("amp;");
        !value.is_empty() && SIGNATURES.iter().any(|known| name.eq_ignore_ascii_case(known))
    })
}

/// Whether a URL has a user name.
fn has_user(text: &str) -> bool {
    let rest = text.split_once("://").map(|(_, rest)| rest);
    rest.is_some_and(|rest| {
        rest.split(['/', '?', '#']).next().is_some_and(|host| host.contains('@'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_variables_that_may_be_keys_are_found() {
        for (name, expected) in [
            ("SEGPREP_KEY_K1", false),
            ("SEGPREP_KEY_PRODUCTION_EU_CENTRAL_1_2026", false),
            ("segprepKeyForProductionInFrankfurt1", false),
            ("segprep_key_1", false),
            ("hex000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f", true),
            ("KEY_000102030405060708090A0B0C0D0E0F", true),
            ("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8", true),
            ("base64kK8s1QmZ3vTt0uYbW5rNQ", true),
        ] {
            assert_eq!(may_be_key(name), expected, "{name}");
        }
    }

    #[test]
    fn the_text_of_a_key_is_found() {
        let (hex, base64) = ("0aF".repeat(22), "aB3+".repeat(11));
        for (text, expected) in [
            (format!("hex:{hex}"), true),
            (format!("out-hex:{hex}/import"), true),
            (format!("base64:{base64}"), true),
            (format!("s3://bucket/base64:{base64}="), true),
            (format!("out/{hex}/"), false),
            ("out/hex:00/base64:aB3/".to_owned(), false),
        ] {
            assert_eq!(has_key_text(&text), expected, "{text}");
        }
    }

    #[test]
    fn credentials_in_a_url_are_found() {
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

    #[test]
    fn signatures_in_a_url_are_found() {
        for (text, expected) in [
            ("s3://bucket/in/?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Signature=ab12", true),
            ("https://b.s3.amazonaws.com/k?x-amz-security-token=ab", true),
            ("https://b.s3.amazonaws.com/k?AWSAccessKeyId=a&Signature=b&Expires=1", true),
            ("https://d.cloudfront.net/k?Policy=a&Signature=b&Key-Pair-Id=c", true),
            ("https://storage.googleapis.com/b/k?X-Goog-Signature=ab", true),
            ("https://a.blob.core.windows.net/c/k?sv=1&sig=ab%3D", true),
            ("bucket/key?a=1&amp;X-Amz-Signature=ab", true),
            ("s3://bucket/in/?-signature=*.json", false),
            ("s3://bucket/signature=1/a?.json", false),
            ("s3://bucket/in/sig?a=1", false),
            ("s3://bucket/?X-Amz-Signature=", false),
        ] {
            assert_eq!(has_signature(text), expected, "{text}");
        }
    }
}
