//! `[keys]`: where keys are. The keys themselves are read by the caller.
//!
//! A key never stands in a definition. One that does is refused, and not shown.

use super::Surroundings;
use crate::pipeline::places::{self, Use};
use crate::pipeline::section::Section;
use crate::pipeline::section::text;
use crate::pipeline::source::{Faults, Origin, Spanned, is_harmless_key_text};
use crate::pipeline::tree::{Entry, Item, Table, Value};

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
    pub(in crate::pipeline) is_there: bool,
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
    /// The published key.
    Demo,
}

/// The spans of texts under `[keys]` that do not say where a key is, so that they may be one.
pub(super) fn secrets(root: &Table) -> Vec<Origin> {
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

pub(super) fn read(
    root: &mut Section<'_>,
    around: &Surroundings<'_>,
    faults: &mut Faults<'_>,
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

fn read_current(table: &Table, at: Origin, faults: &mut Faults<'_>) -> Option<String> {
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
    around: &Surroundings<'_>,
    faults: &mut Faults<'_>,
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

fn read_check(check: Spanned<&str>, faults: &mut Faults<'_>) -> Option<String> {
    if is_check_value(check.value) {
        return Some(check.value.to_owned());
    }
    let help = "it has 16 digits in `0` to `9` and `a` to `f`; `segprep key check` prints it";
    faults.push(check.at, "`check` is no check value", "", help);
    None
}

const FROM_HELP: &str = "name where the key is: `env:NAME`, `file:PATH`, or `demo:` for trying out";

fn read_kind(
    from: Spanned<&str>,
    around: &Surroundings<'_>,
    faults: &mut Faults<'_>,
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
        Some(("file", path)) => {
            let path = Spanned { value: path, at: from.at };
            places::read("file:", path, Use::KeyFile, around, faults)
                .map(|place| KeyKind::File(place.path))
        }
        Some(("demo", "")) => Some(KeyKind::Demo),
        Some(("demo", _)) => {
            faults.push(from.at, "`demo:` is followed by something", "", "write `demo:` alone");
            None
        }
        Some((kind @ ("kms" | "secretsmanager"), _)) => {
            faults.push(from.at, format!("`{kind}:` is not in this version"), "", FROM_HELP);
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
