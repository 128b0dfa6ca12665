//! `--set PATH=VALUE`: sets or replaces one value of the tree.
//!
//! PATH is dotted. Names that contain dots are in quotes. Items of lists are numbered from 0, and the
//! number after the last item appends one. VALUE is TOML; if it is not valid TOML, it is a string.

use std::ops::Range;

use super::origin::Origin;
use super::source::Diagnostics;
use super::tree::{self, Entry, Item, Table, Value};

/// A parsed `--set`.
struct Assignment {
    path: Vec<(String, Origin)>,
    item: Item,
}

/// Whether a `--set` concerns `[run]`, whose settings do not change the output.
pub(crate) fn concerns_run(set: &str) -> bool {
    let path = split(set).and_then(|(path, _)| tree::parse_path(path));
    path.is_some_and(|path| path.first().is_some_and(|(name, _)| name == "run"))
}

/// Applies every `--set` to the tree, in order.
pub(crate) fn apply(sets: &[String], root: &mut Table, diagnostics: &mut Diagnostics<'_>) {
    for (number, set) in sets.iter().enumerate() {
        if let Some(Assignment { path, item }) = parse(number, set, diagnostics) {
            put_into_table(root, &path, item, diagnostics);
        }
    }
}

fn parse(number: usize, set: &str, diagnostics: &mut Diagnostics<'_>) -> Option<Assignment> {
    let origin = |span: Range<usize>| Origin::set(number, span);
    let Some((path, value)) = split(set) else {
        let help = "write it as `--set PATH=VALUE`, such as `--set output.0.to=out/`";
        diagnostics.push(origin(0..set.len()), "`--set` without `=`", "", help);
        return None;
    };
    let Some(names) = tree::parse_path(path) else {
        let help = "separate names by dots, and put names that contain dots in quotes; in a shell: \
                    `--set 'fields.\"User.UserId\"=drop'`";
        diagnostics.push(origin(0..path.len()), "the path of `--set` is not valid", "", help);
        return None;
    };
    let toml = value.trim_start();
    let value_start = set.len() - toml.len();
    let shift = |span: Range<usize>| origin(span.start + value_start..span.end + value_start);
    let item = tree::parse_value(toml, &shift).unwrap_or_else(|| Item {
        at: origin(path.len() + 1..set.len()),
        value: Value::Text(value.to_owned()),
    });
    Some(Assignment {
        path: names.into_iter().map(|(name, span)| (name, origin(span))).collect(),
        item,
    })
}

/// Splits at the first `=` that is not in quotes.
fn split(set: &str) -> Option<(&str, &str)> {
    let mut quote = None;
    let mut escaped = false;
    for (offset, char) in set.char_indices() {
        match (quote, char) {
            (None, '=') => {
                return set
                    .split_at_checked(offset)
                    .map(|(path, rest)| (path, rest.strip_prefix('=').unwrap_or(rest)));
            }
            (None, '"' | '\'') => quote = Some(char),
            (Some('"'), '\\') if !escaped => {
                escaped = true;
                continue;
            }
            (Some(open), _) if open == char && !escaped => quote = None,
            _ => {}
        }
        escaped = false;
    }
    None
}

fn put_into_table(
    table: &mut Table,
    path: &[(String, Origin)],
    item: Item,
    diagnostics: &mut Diagnostics<'_>,
) {
    let Some(((name, at), rest)) = path.split_first() else { return };
    let Some(entry) = table.entries.iter_mut().find(|entry| entry.key == *name) else {
        if let Some(item) = nested(name, rest, item, diagnostics) {
            table.entries.push(Entry { key: name.clone(), key_at: *at, item });
        }
        return;
    };
    if rest.is_empty() {
        // The key keeps its location in the file, where the line around it gives context.
        entry.item = item;
    } else {
        put_into_item(name, &mut entry.item, rest, item, diagnostics);
    }
}

/// Wraps an item in the tables of its path that do not exist yet.
fn nested(
    name: &str,
    path: &[(String, Origin)],
    item: Item,
    diagnostics: &mut Diagnostics<'_>,
) -> Option<Item> {
    let Some(((next, at), _)) = path.split_first() else { return Some(item) };
    if number(next).is_some() {
        let help = format!("add `{name}` to the definition, or remove the number");
        diagnostics.push(*at, format!("`{name}` has no item {next}"), "no such list", help);
        return None;
    }
    let mut table = Table::default();
    put_into_table(&mut table, path, item, diagnostics);
    Some(Item { at: *at, value: Value::Table(table) })
}

fn put_into_item(
    name: &str,
    old: &mut Item,
    path: &[(String, Origin)],
    item: Item,
    diagnostics: &mut Diagnostics<'_>,
) {
    match &mut old.value {
        Value::Table(table) => put_into_table(table, path, item, diagnostics),
        Value::List(items) => put_into_list(name, items, path, item, diagnostics),
        Value::Text(_) | Value::Integer(_) | Value::Float(_) | Value::Boolean(_) | Value::Date => {
            let Some((_, at)) = path.first() else { return };
            let found = old.value.kind();
            let help = format!("set `{name}` as a whole");
            diagnostics.push(*at, format!("`{name}` is {found}, not a table"), "", help);
        }
    }
}

fn put_into_list(
    name: &str,
    items: &mut Vec<Item>,
    path: &[(String, Origin)],
    item: Item,
    diagnostics: &mut Diagnostics<'_>,
) {
    let Some(((key, at), rest)) = path.split_first() else { return };
    let count = items.len();
    let Some(index) = number(key).filter(|index| *index <= count) else {
        let help = format!("items are numbered from 0; {count} appends one");
        diagnostics.push(*at, format!("the list `{name}` has no item `{key}`"), "", help);
        return;
    };
    match items.get_mut(index) {
        Some(old) if rest.is_empty() => *old = item,
        Some(old) => put_into_item(key, old, rest, item, diagnostics),
        None => items.extend(nested(key, rest, item, diagnostics)),
    }
}

/// Parses a name as the number of an item; only plain digits are one.
fn number(name: &str) -> Option<usize> {
    name.bytes().all(|byte| byte.is_ascii_digit()).then(|| name.parse().ok()).flatten()
}
