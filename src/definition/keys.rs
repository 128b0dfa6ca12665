//! `[keys]`: where keys are. The keys themselves are read by the caller.
//!
//! A key never stands in a definition. One that does is refused, and not shown.

use super::document::location::{self, Use};
use super::document::{
    Diagnostics, Entry, Item, Origin, Section, Spanned, Table, Value, hide_keys, is_bare_key,
    is_harmless_key_text, text,
};
use super::environment::Environment;

/// The most characters of a key's id.
const ID_CHARS_MAX: usize = 16;
/// Hexadecimal digits of a check value.
const CHECK_DIGITS: usize = 16;

/// `[keys]`, read and typed.
#[derive(Clone, Debug, Default)]
pub struct Keys {
    /// The id of the key that tokens are made with; it is one of `sources`.
    pub current: Option<String>,
    /// In the order of the text.
    pub sources: Vec<KeySource>,
    /// Whether the definition has `[keys]` at all.
    pub(crate) is_there: bool,
}

/// Where the key of one id is.
#[derive(Clone, Debug)]
pub struct KeySource {
    pub id: String,
    pub kind: KeyKind,
    /// The check value that the key must have: 16 hexadecimal digits in lower case.
    pub check: Option<String>,
    /// Where the definition names it, for [`super::Definition::diagnostic`].
    pub at: Origin,
}

/// The kinds of place that a key is read from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyKind {
    /// An environment variable.
    Env(String),
    File(std::path::PathBuf),
    /// A key in KMS for HMACs, which makes the master and stays there: its id, `alias/NAME` or ARN.
    Kms(String),
    /// A text in Secrets Manager: its name or ARN.
    SecretsManager(String),
    /// The published key.
    Demo,
}

/// The spans of texts under `[keys]` that do not say where a key is, so that they may be one.
pub(crate) fn secrets(root: &Table) -> Vec<Origin> {
    let mut secrets = Vec::new();
    if let Some(keys) = root.get("keys") {
        collect_secrets(&keys.key, &keys.item, &mut secrets);
    }
    secrets
}

fn collect_secrets(key: &str, item: &Item, secrets: &mut Vec<Origin>) {
    let is_open = |text: &str| {
        is_harmless_key_text(text)
            || key == "current" && is_id(text)
            || key == "check" && is_check_value(text)
    };
    match &item.value {
        Value::Table(table) => {
            for entry in &table.entries {
                if !is_id(&entry.key) {
                    secrets.push(entry.key_at);
                }
                collect_secrets(&entry.key, &entry.item, secrets);
            }
        }
        Value::Text(text) if is_open(text) => {}
        Value::List(items) => items.iter().for_each(|item| collect_secrets("", item, secrets)),
        Value::Text(_) | Value::Integer(_) | Value::Float(_) | Value::Boolean(_) | Value::Date => {
            secrets.push(item.at);
        }
    }
}

pub(crate) fn read(
    root: &mut Section<'_>,
    around: &Environment<'_>,
    faults: &mut Diagnostics<'_>,
) -> Keys {
    let Some(entry) = root.entry("keys") else { return Keys::default() };
    let mut keys = Keys { is_there: true, ..Keys::default() };
    let Value::Table(table) = &entry.item.value else {
        let help =
            "write `[keys]` on a line, and below it `current = \"k1\"` and `k1 = \"env:NAME\"`";
        faults.push(entry.key_at, "`keys` is no table", "", help);
        return keys;
    };
    let sources = table.entries.iter().filter(|entry| entry.key != "current");
    keys.sources = sources.filter_map(|entry| read_source(entry, around, faults)).collect();
    keys.current = read_current(table, entry.item.at, faults);
    keys
}

fn read_current(table: &Table, at: Origin, faults: &mut Diagnostics<'_>) -> Option<String> {
    let help = "write `current = \"k1\"` with the id of the key that tokens are made with";
    let Some(entry) = table.get("current") else {
        faults.push(at, "`current` is missing in `[keys]`", "", help);
        return None;
    };
    let current = text("current", &entry.item, faults)?;
    if table.get(current.value).is_some() && current.value != "current" {
        return Some(current.value.to_owned());
    }
    // What stands there is not quoted: it may be a key.
    faults.push(current.at, "`current` is the id of no key in `[keys]`", "", help);
    None
}

fn read_source(
    entry: &Entry,
    around: &Environment<'_>,
    faults: &mut Diagnostics<'_>,
) -> Option<KeySource> {
    if !is_id(&entry.key) {
        let help = "an id has 1 to 16 of `a` to `z`, `0` to `9` and `-`";
        faults.push(entry.key_at, "this can be no id of a key", "", help);
    }
    let (from, check) = match entry.item.value.as_table() {
        Some(table) => {
            let mut section = Section::new("the key", table, entry.item.at);
            let from = section.required_text("from", FROM_HELP, faults);
            let check = section.text("check", faults).and_then(|check| read_check(check, faults));
            section.finish(faults);
            (from, check)
        }
        None => (text("from", &entry.item, faults), None),
    };
    let kind = read_kind(from?, around, faults)?;
    Some(KeySource { id: entry.key.clone(), kind, check, at: entry.item.at })
}

fn is_id(id: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=ID_CHARS_MAX).contains(&id.len()) && id.bytes().all(is_allowed)
}

fn is_check_value(text: &str) -> bool {
    let is_digit = |byte: u8| byte.is_ascii_digit() || matches!(byte, b'a'..=b'f');
    text.len() == CHECK_DIGITS && text.bytes().all(is_digit)
}

fn read_check(check: Spanned<&str>, faults: &mut Diagnostics<'_>) -> Option<String> {
    if is_check_value(check.value) {
        return Some(check.value.to_owned());
    }
    let help = "it has 16 digits in `0` to `9` and `a` to `f`; `segprep key check` prints it";
    faults.push(check.at, "`check` is no check value", "", help);
    None
}

const FROM_HELP: &str = "name where the key is: `env:NAME`, `file:PATH`, `kms:KEY-ID`, \
                         `secretsmanager:NAME`, or `demo:` for trying out";
const KMS_HELP: &str = "such as `kms:alias/segprep`: an id, `alias/NAME` or an ARN";
const SECRET_HELP: &str =
    "such as `secretsmanager:segprep/k1`: a name or an ARN, and never the key itself";

fn read_kind(
    from: Spanned<&str>,
    around: &Environment<'_>,
    faults: &mut Diagnostics<'_>,
) -> Option<KeyKind> {
    match from.value.split_once(':') {
        Some(("env", name)) if is_variable(name) => Some(KeyKind::Env(name.to_owned())),
        Some(("env", _)) => {
            faults.push(
                from.at,
                "`env:` is followed by no name of a variable",
                "",
                "such as `env:SEGPREP_KEY_K1`",
            );
            None
        }
        Some(("file", text)) if is_key(text) => {
            faults.push(from.at, "a key stands behind `file:`", "not shown here", LITERAL_HELP);
            None
        }
        Some(("file", path)) => {
            let path = Spanned { value: path, at: from.at };
            location::read("file:", path, Use::KeyFile, around, faults)
                .map(|place| KeyKind::File(place.path))
        }
        Some(("demo", "")) => Some(KeyKind::Demo),
        Some(("demo", _)) => {
            faults.push(from.at, "`demo:` is followed by something", "", "write `demo:` alone");
            None
        }
        Some(("kms", key)) if is_kms_key(key) => Some(KeyKind::Kms(key.to_owned())),
        Some(("kms", _)) => {
            let what = "`kms:` is followed by no key in KMS";
            faults.push(from.at, what, "not shown here", KMS_HELP);
            None
        }
        Some(("secretsmanager", name)) if is_secret(name) => {
            Some(KeyKind::SecretsManager(name.to_owned()))
        }
        Some(("secretsmanager", _)) => {
            let what = "`secretsmanager:` is followed by no name of a secret";
            faults.push(from.at, what, "not shown here", SECRET_HELP);
            None
        }
        Some(("hex" | "base64", _)) => {
            faults.push(from.at, "a key stands in the definition", "not shown here", LITERAL_HELP);
            None
        }
        _ => {
            faults.push(from.at, "this does not say where a key is", "not shown here", FROM_HELP);
            None
        }
    }
}

/// Whether it is a key, and no path of a file that holds one.
fn is_key(text: &str) -> bool {
    text.starts_with("hex:") || text.starts_with("base64:") || is_bare_key(text)
}

const LITERAL_HELP: &str = "make a new key, since this one has been seen, and keep it outside: \
                            `env:NAME` or `file:PATH` says where it is";

/// Whether it is the name of a variable as shells take it, and not a key in its place.
pub fn is_variable(name: &str) -> bool {
    const KEY_DIGITS_MIN: usize = 32;
    let is_letter = |byte: u8| byte.is_ascii_alphabetic() || byte == b'_';
    let is_key = KEY_DIGITS_MIN <= name.len() && name.bytes().all(|b| b.is_ascii_hexdigit());
    name.bytes().next().is_some_and(is_letter)
        && name.bytes().all(|byte| is_letter(byte) || byte.is_ascii_digit())
        && !is_key
}

/// Whether it is a key in KMS: an id (`1234abcd-12ab-34cd-56ef-1234567890ab`, `mrk-…`), `alias/NAME`, or
/// the ARN of one.
pub fn is_kms_key(text: &str) -> bool {
    const NAME_CHARS_MAX: usize = 256;
    let own = in_arn("kms", text);
    let id = own.map_or(text, |own| own.strip_prefix("key/").unwrap_or(own));
    if let Some(name) = id.strip_prefix("alias/") {
        let is_allowed = |char: char| char.is_ascii_alphanumeric() || "/_-".contains(char);
        return (1..=NAME_CHARS_MAX).contains(&name.len())
            && name.chars().all(is_allowed)
            && !holds_key(name);
    }
    let is_hex = |text: &str| text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    if let Some(id) = id.strip_prefix("mrk-") {
        return id.len() == 32 && is_hex(id);
    }
    let groups = id.split('-');
    let lengths: Vec<usize> = groups.clone().map(str::len).collect();
    lengths == [8, 4, 4, 4, 12] && groups.into_iter().all(is_hex)
}

/// Whether it is the name or the ARN of a secret, and not a key in its place.
pub fn is_secret(text: &str) -> bool {
    const NAME_CHARS_MAX: usize = 512;
    let own = in_arn("secretsmanager", text);
    let name = own.map_or(Some(text), |own| own.strip_prefix("secret:"));
    let is_allowed = |char: char| char.is_ascii_alphanumeric() || "/_+=.@-".contains(char);
    name.is_some_and(|name| {
        (1..=NAME_CHARS_MAX).contains(&name.len())
            && name.chars().all(is_allowed)
            && !holds_key(name)
    })
}

/// What an ARN of that service (`arn:PARTITION:SERVICE:REGION:ACCOUNT:…`) names; none for what is no such.
fn in_arn<'t>(service: &str, text: &'t str) -> Option<&'t str> {
    let is_word = |text: &str| {
        !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    let mut fields = text.splitn(6, ':');
    let is_begun = fields.next() == Some("arn")
        && fields.next().is_some_and(|partition| partition.starts_with("aws"))
        && fields.next() == Some(service)
        && fields.next().is_some_and(is_word)
        && fields.next().is_some_and(is_word);
    fields.next().filter(|_| is_begun)
}

/// Whether a name holds what reads as the bytes of a key, in hex or Base64.
fn holds_key(name: &str) -> bool {
    const KEY_DIGITS_MIN: usize = 32;
    const KEY_BYTES_MIN: usize = 32;
    let is_hex = |word: &str| {
        KEY_DIGITS_MIN <= word.len() && word.bytes().all(|byte| byte.is_ascii_hexdigit())
    };
    let decoded = data_encoding::BASE64.decode(name.as_bytes());
    name.split(|char: char| !char.is_ascii_alphanumeric()).any(is_hex)
        || decoded.is_ok_and(|bytes| KEY_BYTES_MIN <= bytes.len())
        || hide_keys(name) != name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_in_kms_are_told_by_their_form() {
        for (text, expected) in [
            ("1234abcd-12ab-34cd-56ef-1234567890ab", true),
            ("mrk-1234abcd12ab34cd56ef1234567890ab", true),
            ("alias/segprep", true),
            ("arn:aws:kms:eu-central-1:111122223333:alias/segprep", true),
            (
                "arn:aws-cn:kms:cn-north-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab",
                true,
            ),
            ("", false),
            ("segprep", false),
            ("alias/", false),
            ("alias/a b", false),
            ("arn:aws:s3:eu-central-1:111122223333:key/a", false),
            ("arn:aws:kms:eu-central-1:key/a", false),
            ("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f", false),
            ("alias/000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f", false),
        ] {
            assert_eq!(is_kms_key(text), expected, "{text}");
        }
    }

    #[test]
    fn secrets_are_named_and_no_keys() {
        for (text, expected) in [
            ("segprep/k1", true),
            ("prod/crm/segprep-k1@2026", true),
            ("arn:aws:secretsmanager:eu-central-1:111122223333:secret:segprep/k1-a1B2c3", true),
            ("", false),
            ("a b", false),
            ("hex:00", false),
            ("arn:aws:kms:eu-central-1:111122223333:secret:a", false),
            ("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f", false),
            ("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", false),
            ("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8", false),
            ("k1=000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f", false),
            ("k1/pX8sQ2vN7kLw0RtY5uIo3AbC9dEfG1hJ4mZ6", false),
        ] {
            assert_eq!(is_secret(text), expected, "{text}");
        }
    }
}
