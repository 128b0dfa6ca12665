//! Which settings a definition has, each with a short digest of its value: two definitions are compared
//! by them, without either being kept.

use std::collections::BTreeMap;

use super::tree::{Item, Table, Value};
use crate::crypto::sha256;

/// The hex digits of a digest.
const DIGITS: usize = 16;
/// The most settings that are told apart. A definition with more has one digest for each section.
const SETTINGS_MAX: usize = 1_000;

/// The settings by their paths, such as `input.from`, `fields."User.UserId"` or `output.0.to`. What has no
/// effect on a result (`[run]`) is left out.
pub(crate) fn digests(root: &Table) -> BTreeMap<String, String> {
    let sections = root.entries.iter().filter(|entry| entry.key != "run");
    let mut by_setting = BTreeMap::new();
    for entry in sections.clone() {
        let path = quoted(&entry.key);
        match &entry.item.value {
            Value::Table(section) => add_all(&path, section, &mut by_setting),
            Value::List(items) if items.iter().all(|item| item.value.as_table().is_some()) => {
                let tables = items.iter().filter_map(|item| item.value.as_table()).enumerate();
                tables
                    .for_each(|(n, table)| add_all(&format!("{path}.{n}"), table, &mut by_setting));
            }
            Value::Text(_)
            | Value::Integer(_)
            | Value::Float(_)
            | Value::Boolean(_)
            | Value::Date
            | Value::List(_) => drop(by_setting.insert(path, digest(&entry.item.value))),
        }
    }
    if by_setting.len() <= SETTINGS_MAX {
        return by_setting;
    }
    sections.map(|entry| (quoted(&entry.key), digest(&entry.item.value))).collect()
}

fn add_all(path: &str, table: &Table, settings: &mut BTreeMap<String, String>) {
    for entry in &table.entries {
        settings.insert(format!("{path}.{}", quoted(&entry.key)), digest(&entry.item.value));
    }
}

/// A key as it is written in a path: names with dots and the like are in quotes.
fn quoted(key: &str) -> String {
    let is_bare = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    if !key.is_empty() && key.bytes().all(is_bare) { key.to_owned() } else { format!("{key:?}") }
}

fn digest(value: &Value) -> String {
    let mut text = Vec::new();
    write(value, &mut text);
    let hex = data_encoding::HEXLOWER.encode(&sha256(text));
    hex.get(..DIGITS).unwrap_or_default().to_owned()
}

/// Writes a value so that different values are different texts. The order of a table does not matter.
fn write(value: &Value, text: &mut Vec<u8>) {
    let push = |kind: &str, value: &str, text: &mut Vec<u8>| {
        text.extend_from_slice(format!("{kind}{}:{value}", value.len()).as_bytes());
    };
    match value {
        Value::Text(value) => push("t", value, text),
        Value::Integer(value) => push("i", &value.to_string(), text),
        Value::Float(value) => push("f", &value.to_bits().to_string(), text),
        Value::Boolean(value) => push("b", &value.to_string(), text),
        Value::Date => push("d", "", text),
        Value::List(items) => {
            push("l", &items.len().to_string(), text);
            for item in items {
                write(&item.value, text);
            }
        }
        Value::Table(table) => {
            push("m", &table.entries.len().to_string(), text);
            let sorted: BTreeMap<&str, &Item> =
                table.entries.iter().map(|entry| (entry.key.as_str(), &entry.item)).collect();
            for (key, item) in sorted {
                push("k", key, text);
                write(&item.value, text);
            }
        }
    }
}
