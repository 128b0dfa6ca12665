//! `--set PATH=VALUE`: one value of the tree is put in or replaced.
//!
//! PATH is dotted; names with dots stand in quotes, items of lists are numbers from 0, and the
//! number after the last item adds one. VALUE is TOML, or text where it is no TOML.

use std::ops::Range;

use super::origin::Origin;
use super::source::Diagnostics;
use super::tree::{self, Entry, Item, Table, Value};

/// One `--set`, taken apart.
struct Assignment {
    path: Vec<(String, Origin)>,
    item: Item,
}

/// Whether a `--set` is about `[run]`, whose settings change no output byte.
pub(crate) fn is_of_run(set: &str) -> bool {
    let path = split(set).and_then(|(path, _)| tree::parse_path(path));
    path.is_some_and(|path| path.first().is_some_and(|(name, _)| name == "run"))
}

/// Puts every `--set` into the tree, in their order.
pub(crate) fn apply(sets: &[String], root: &mut Table, faults: &mut Diagnostics<'_>) {
    for (number, set) in sets.iter().enumerate() {
        if let Some(Assignment { path, item }) = parse(number, set, faults) {
            put_into_table(root, &path, item, faults);
        }
    }
}

fn parse(number: usize, set: &str, faults: &mut Diagnostics<'_>) -> Option<Assignment> {
    let origin = |span: Range<usize>| Origin::set(number, span);
    let Some((path, value)) = split(set) else {
        let help = "write it as `--set PATH=VALUE`, such as `--set output.0.to=out/`";
        faults.push(origin(0..set.len()), "a `--set` without `=`", "", help);
        return None;
    };
    let Some(names) = tree::parse_path(path) else {
        let help = "names are parted by dots, and names with dots stand in quotes, for a shell as \
                    `--set 'fields.\"User.UserId\"=drop'`";
        faults.push(origin(0..path.len()), "a `--set` whose path is none", "", help);
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

/// Parts at the first `=` that stands in no quotes.
fn split(set: &str) -> Option<(&str, &str)> {
    let mut quote = None;
    let mut escaped = false;
    for (place, char) in set.char_indices() {
        match (quote, char) {
            (None, '=') => {
                return set
                    .split_at_checked(place)
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
    faults: &mut Diagnostics<'_>,
) {
    let Some(((name, at), rest)) = path.split_first() else { return };
    let place = table.entries.iter().position(|entry| entry.key == *name);
    let Some(entry) = place.and_then(|place| table.entries.get_mut(place)) else {
        if let Some(item) = nested(name, rest, item, faults) {
            table.entries.push(Entry { key: name.clone(), key_at: *at, item });
        }
        return;
    };
    if rest.is_empty() {
        // The key stays where it was: in the file, where the line explains itself.
        entry.item = item;
    } else {
        put_into_item(name, &mut entry.item, rest, item, faults);
    }
}

/// The tables that a path goes through and that are not there yet.
fn nested(
    name: &str,
    path: &[(String, Origin)],
    item: Item,
    faults: &mut Diagnostics<'_>,
) -> Option<Item> {
    let Some(((next, at), _)) = path.split_first() else { return Some(item) };
    if number(next).is_some() {
        let help = format!("write `{name}` into the definition, or leave the number out");
        faults.push(*at, format!("`{name}` has no item {next}"), "there is no such list", help);
        return None;
    }
    let mut table = Table::default();
    put_into_table(&mut table, path, item, faults);
    Some(Item { at: *at, value: Value::Table(table) })
}

fn put_into_item(
    name: &str,
    place: &mut Item,
    path: &[(String, Origin)],
    item: Item,
    faults: &mut Diagnostics<'_>,
) {
    match &mut place.value {
        Value::Table(table) => put_into_table(table, path, item, faults),
        Value::List(items) => put_into_list(name, items, path, item, faults),
        Value::Text(_) | Value::Integer(_) | Value::Float(_) | Value::Boolean(_) | Value::Date => {
            let Some((_, at)) = path.first() else { return };
            let found = place.value.kind();
            let help = format!("set `{name}` as a whole");
            faults.push(*at, format!("`{name}` is {found}, and holds no names"), "", help);
        }
    }
}

fn put_into_list(
    name: &str,
    items: &mut Vec<Item>,
    path: &[(String, Origin)],
    item: Item,
    faults: &mut Diagnostics<'_>,
) {
    let Some(((place, at), rest)) = path.split_first() else { return };
    let count = items.len();
    let Some(index) = number(place).filter(|index| *index <= count) else {
        let help = format!("its items are numbers from 0; {count} adds one");
        faults.push(*at, format!("`{name}` is a list without an item `{place}`"), "", help);
        return;
    };
    match items.get_mut(index) {
        Some(old) if rest.is_empty() => *old = item,
        Some(old) => put_into_item(place, old, rest, item, faults),
        None => items.extend(nested(place, rest, item, faults)),
    }
}

/// The number that a name is; only plain digits are one.
fn number(name: &str) -> Option<usize> {
    name.bytes().all(|byte| byte.is_ascii_digit()).then(|| name.parse().ok()).flatten()
}
