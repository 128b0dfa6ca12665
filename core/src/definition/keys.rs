//! `[keys]`: where the keys are. `run/keys.rs` reads the keys themselves.
//!
//! A definition must not contain a key. One that does is refused, and the key is not shown.

use std::path::PathBuf;

use super::document::location::{self, Use};
use super::document::{
    Diagnostics, Entry, Item, Origin, Section, Spanned, Table, Value, contains_key, hide_keys,
    is_bare_key, may_be_key, names_key_source, text,
};
use super::environment::Environment;

/// The most characters of a key id.
const ID_CHARS_MAX: usize = 16;
/// The number of hexadecimal digits of a check value.
const CHECK_DIGITS: usize = 16;

/// `[keys]`.
#[derive(Clone, Debug, Default)]
pub struct Keys {
    /// The id of the key that tokens are made with, which is one of `sources`.
    pub current: Option<String>,
    /// In the order of the definition.
    pub sources: Vec<KeySource>,
    /// Whether the definition has `[keys]`.
    pub(crate) is_present: bool,
}

/// Where a key is.
#[derive(Clone, Debug)]
pub struct KeySource {
    pub id: String,
    pub kind: KeyKind,
    /// The check value that the key must have: 16 hexadecimal digits in lower case. `None`: not set.
    pub check: Option<String>,
    /// The location in the definition, for [`super::Definition::diagnostic`].
    pub at: Origin,
}

/// The kinds of key source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyKind {
    /// The name of an environment variable.
    Env(String),
    File(PathBuf),
    /// An HMAC key in KMS, which computes the master key and stays there: its id, `alias/NAME` or ARN.
    Kms(String),
    /// A secret in Secrets Manager: its name or ARN.
    SecretsManager(String),
    /// The published demo key, which protects nothing.
    Demo,
}

/// Returns the spans of values in `[keys]` that do not name the source of a key, and so may be a key.
pub(super) fn secrets(root: &Table) -> Vec<Origin> {
    let mut secrets = Vec::new();
    if let Some(keys) = root.get("keys") {
        collect_secrets(&keys.key, &keys.item, &mut secrets);
    }
    secrets
}

fn collect_secrets(key: &str, item: &Item, secrets: &mut Vec<Origin>) {
    let is_harmless = |text: &str| {
        names_key_source(text)
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
        Value::Text(text) if is_harmless(text) => {}
        Value::List(items) => items.iter().for_each(|item| collect_secrets("", item, secrets)),
        Value::Text(_) | Value::Integer(_) | Value::Float(_) | Value::Boolean(_) | Value::Date => {
            secrets.push(item.at);
        }
    }
}

/// The names of the variables that `[keys]` reads keys from.
pub(super) fn variables(root: &Table) -> Vec<String> {
    let sources = root.get("keys").and_then(|keys| keys.item.value.as_table());
    let sources = sources.into_iter().flat_map(|table| &table.entries);
    let from = sources.filter_map(|source| match source.item.value.as_table() {
        Some(table) => table.get("from").map(|from| &from.item),
        None => Some(&source.item),
    });
    let texts = from.filter_map(|item| item.value.as_text());
    texts.filter_map(|text| text.strip_prefix("env:")).map(str::to_owned).collect()
}

pub(super) fn read(
    root: &mut Section<'_>,
    environment: &Environment<'_>,
    diagnostics: &mut Diagnostics<'_>,
) -> Keys {
    let Some(entry) = root.entry("keys") else { return Keys::default() };
    let mut keys = Keys { is_present: true, ..Keys::default() };
    let Value::Table(table) = &entry.item.value else {
        let help =
            "write `[keys]` on a line, and below it `current = \"k1\"` and `k1 = \"env:NAME\"`";
        diagnostics.push(entry.key_at, "`keys` is not a table", "", help);
        return keys;
    };
    let sources = table.entries.iter().filter(|entry| entry.key != "current");
    keys.sources =
        sources.filter_map(|entry| read_source(entry, environment, diagnostics)).collect();
    keys.current = read_current(table, entry.item.at, diagnostics);
    keys
}

fn read_current(table: &Table, at: Origin, diagnostics: &mut Diagnostics<'_>) -> Option<String> {
    let help = current_help(table);
    let Some(entry) = table.get("current") else {
        diagnostics.push(at, "`current` is missing in `[keys]`", "", help);
        return None;
    };
    let current = text("current", &entry.item, diagnostics)?;
    if table.get(current.value).is_some() && current.value != "current" {
        return Some(current.value.to_owned());
    }
    // The value is not shown, since it may be a key.
    diagnostics.push(current.at, "`current` is not the id of a key in `[keys]`", "", help);
    None
}

/// What to write for `current`: only ids that are there.
fn current_help(table: &Table) -> String {
    let ids = table.entries.iter().map(|entry| entry.key.as_str());
    let ids: Vec<&str> = ids.filter(|id| *id != "current" && is_id(id)).collect();
    match ids.as_slice() {
        [] => "name a key, as in `k1 = \"env:NAME\"`, and write `current = \"k1\"`".to_owned(),
        [id] => format!("write `current = \"{id}\"`"),
        ids => {
            let ids: Vec<String> = ids.iter().map(|id| format!("`{id}`")).collect();
            format!("write the id of the key that tokens are made with: {}", ids.join(" or "))
        }
    }
}

fn read_source(
    entry: &Entry,
    environment: &Environment<'_>,
    diagnostics: &mut Diagnostics<'_>,
) -> Option<KeySource> {
    if !is_id(&entry.key) {
        let help = "a key id has 1 to 16 characters of `a` to `z`, `0` to `9` and `-`";
        diagnostics.push(entry.key_at, "this is not a valid key id", "", help);
    }
    let (from, check) = match entry.item.value.as_table() {
        Some(table) => {
            let mut section = Section::new("the key", table, entry.item.at);
            let from = section.required_text("from", FROM_HELP, diagnostics);
            let check =
                section.text("check", diagnostics).and_then(|check| read_check(check, diagnostics));
            section.finish(diagnostics);
            (from, check)
        }
        None => (text("from", &entry.item, diagnostics), None),
    };
    let kind = read_kind(from?, environment, diagnostics)?;
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

fn read_check(check: Spanned<&str>, diagnostics: &mut Diagnostics<'_>) -> Option<String> {
    if is_check_value(check.value) {
        return Some(check.value.to_owned());
    }
    let help = "write the 16 digits that `segprep key check` prints, in `0` to `9` and `a` to `f`";
    diagnostics.push(check.at, "`check` is not a check value", "", help);
    None
}

const FROM_HELP: &str = "say where the key is: `env:NAME`, `file:PATH`, `kms:KEY-ID`, \
                         `secretsmanager:NAME`, or `demo:` to try things out";
const ENV_HELP: &str = "write the name of a variable, such as `env:SEGPREP_KEY_K1`";
const KMS_HELP: &str = "write an id, `alias/NAME` or an ARN, such as `kms:alias/segprep`";
const SECRET_HELP: &str =
    "write a name or an ARN, such as `secretsmanager:segprep/k1`, and never the key itself";
const LITERAL_HELP: &str = "make a new key, because this one may have been seen, and keep it \
                            outside of the definition: `env:NAME` or `file:PATH` says where";
/// The label of a value that may be a key.
const HIDDEN: &str = "not shown here";

fn read_kind(
    from: Spanned<&str>,
    environment: &Environment<'_>,
    diagnostics: &mut Diagnostics<'_>,
) -> Option<KeyKind> {
    let (message, label, help) = match from.value.split_once(':') {
        Some(("env", name)) if is_variable(name) => return Some(KeyKind::Env(name.to_owned())),
        Some(("env", name)) if contains_key(name) || is_key(name) => {
            ("`env:` is followed by a key, not by the name of a variable", HIDDEN, LITERAL_HELP)
        }
        Some(("env", _)) => ("`env:` does not name a variable", "", ENV_HELP),
        Some(("file", text)) if is_key(text) => {
            ("`file:` is followed by a key, not by a path", HIDDEN, LITERAL_HELP)
        }
        Some(("file", path)) => {
            let path = Spanned { value: path, at: from.at };
            return location::read("file:", path, Use::KeyFile, environment, diagnostics)
                .map(|location| KeyKind::File(location.path));
        }
        Some(("demo", "")) => return Some(KeyKind::Demo),
        Some(("demo", _)) => ("nothing may follow `demo:`", "", "write `demo:` alone"),
        Some(("kms", key)) if is_kms_key(key) => return Some(KeyKind::Kms(key.to_owned())),
        Some(("kms", _)) => ("`kms:` does not name a key in KMS", HIDDEN, KMS_HELP),
        Some(("secretsmanager", name)) if is_secret(name) => {
            return Some(KeyKind::SecretsManager(name.to_owned()));
        }
        Some(("secretsmanager", _)) => {
            ("`secretsmanager:` does not name a secret", HIDDEN, SECRET_HELP)
        }
        Some(("hex" | "base64", _)) => ("the definition contains a key", HIDDEN, LITERAL_HELP),
        _ => ("this does not say where a key is", HIDDEN, FROM_HELP),
    };
    diagnostics.push(from.at, message, label, help);
    None
}

/// Whether a text is a key, not the path of a file.
fn is_key(text: &str) -> bool {
    text.starts_with("hex:") || text.starts_with("base64:") || is_bare_key(text)
}

/// Whether a text is the name of an environment variable as in a shell, not a key.
pub fn is_variable(name: &str) -> bool {
    let is_letter = |byte: u8| byte.is_ascii_alphabetic() || byte == b'_';
    name.bytes().next().is_some_and(is_letter)
        && name.bytes().all(|byte| is_letter(byte) || byte.is_ascii_digit())
        && !contains_key(name)
}

/// The name of an environment variable for a message, unless it may be a key.
pub fn describe_variable(name: &str) -> String {
    if may_be_key(name) {
        "(name not shown, because it may be a key)".to_owned()
    } else {
        format!("`{name}`")
    }
}

/// Whether a text names a key in KMS: an id (`1234abcd-12ab-34cd-56ef-1234567890ab`, `mrk-…`),
/// `alias/NAME`, or the ARN of either.
pub fn is_kms_key(text: &str) -> bool {
    const NAME_CHARS_MAX: usize = 256;
    let resource = arn_resource("kms", text);
    let id = resource.map_or(text, |id| id.strip_prefix("key/").unwrap_or(id));
    if let Some(name) = id.strip_prefix("alias/") {
        let is_allowed = |char: char| char.is_ascii_alphanumeric() || "/_-".contains(char);
        return (1..=NAME_CHARS_MAX).contains(&name.len())
            && name.chars().all(is_allowed)
            && !may_contain_key(name);
    }
    let is_hex = |text: &str| text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    if let Some(id) = id.strip_prefix("mrk-") {
        return id.len() == 32 && is_hex(id);
    }
    let groups = id.split('-');
    let lengths: Vec<usize> = groups.clone().map(str::len).collect();
    lengths == [8, 4, 4, 4, 12] && groups.into_iter().all(is_hex)
}

/// Whether a text is the name or the ARN of a secret, not a key.
pub fn is_secret(text: &str) -> bool {
    const NAME_CHARS_MAX: usize = 512;
    let resource = arn_resource("secretsmanager", text);
    let name = resource.map_or(Some(text), |name| name.strip_prefix("secret:"));
    let is_allowed = |char: char| char.is_ascii_alphanumeric() || "/_+=.@-".contains(char);
    name.is_some_and(|name| {
        (1..=NAME_CHARS_MAX).contains(&name.len())
            && name.chars().all(is_allowed)
            && !may_contain_key(name)
    })
}

/// Returns the resource of an ARN of a service: what follows `arn:PARTITION:SERVICE:REGION:ACCOUNT:`.
/// `None`: not such an ARN.
fn arn_resource<'t>(service: &str, text: &'t str) -> Option<&'t str> {
    let is_word = |text: &str| {
        !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    let mut fields = text.splitn(6, ':');
    let is_arn = fields.next() == Some("arn")
        && fields.next().is_some_and(|partition| partition.starts_with("aws"))
        && fields.next() == Some(service)
        && fields.next().is_some_and(is_word)
        && fields.next().is_some_and(is_word);
    fields.next().filter(|_| is_arn)
}

/// Whether a name contains something that may be a key in hexadecimal or Base64.
fn may_contain_key(name: &str) -> bool {
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
    fn keys_in_kms_have_three_forms() {
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
    fn a_secret_has_a_name_and_a_key_is_not_one() {
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
