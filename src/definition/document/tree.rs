//! A definition as TOML has it: tables, lists and scalars, each with its origin.
//!
//! The tree is read from the file, and the `--set`s then change it (`set.rs`). Entries are in
//! the order of the text, so that everything that follows is, too.

use std::ops::Range;

use toml::Spanned as TomlSpanned;
use toml::de::{DeArray, DeTable, DeValue};

use super::origin::Origin;
use super::quote::escape;
use super::source::Diagnostics;

/// A value and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Item {
    pub(crate) at: Origin,
    pub(crate) value: Value,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    Text(String),
    /// Beyond 128 bits it is the greatest number there is, which no range takes.
    Integer(i128),
    Float(f64),
    Boolean(bool),
    /// No setting is one; written without quotes, many a name is.
    Date,
    List(Vec<Item>),
    Table(Table),
}

impl Value {
    /// For messages: `text`, `a number`, …
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Value::Text(_) => "text",
            Value::Integer(_) | Value::Float(_) => "a number",
            Value::Boolean(_) => "true or false",
            Value::Date => "a date",
            Value::List(_) => "a list",
            Value::Table(_) => "a table",
        }
    }

    pub(crate) fn as_text(&self) -> Option<&str> {
        if let Value::Text(text) = self { Some(text) } else { None }
    }

    pub(crate) fn as_integer(&self) -> Option<i128> {
        if let Value::Integer(number) = self { Some(*number) } else { None }
    }

    pub(crate) fn as_float(&self) -> Option<f64> {
        if let Value::Float(number) = self { Some(*number) } else { None }
    }

    pub(crate) fn as_list(&self) -> Option<&[Item]> {
        if let Value::List(items) = self { Some(items) } else { None }
    }

    pub(crate) fn as_table(&self) -> Option<&Table> {
        if let Value::Table(table) = self { Some(table) } else { None }
    }
}

#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Table {
    pub(crate) entries: Vec<Entry>,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) key_at: Origin,
    pub(crate) item: Item,
}

impl Table {
    pub(crate) fn get(&self, key: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.key == key)
    }
}

/// Reads the file's text; where it is no TOML, the faults say so and there is no tree.
pub(crate) fn parse(text: &str, faults: &mut Diagnostics<'_>) -> Option<Table> {
    let (table, errors) = DeTable::parse_recoverable(text);
    let mut faulty_lines = Vec::new();
    for error in &errors {
        let span = error.span().unwrap_or(0..0);
        let line = text.get(..span.start).unwrap_or(text).matches('\n').count();
        // One slip often makes several errors; the first of a line is the telling one.
        if !faulty_lines.contains(&line) {
            faulty_lines.push(line);
            push_syntax_fault(error.message(), span, text, faults);
        }
    }
    errors.is_empty().then(|| convert_table(table.get_ref(), &Origin::file))
}

fn push_syntax_fault(message: &str, span: Range<usize>, text: &str, faults: &mut Diagnostics<'_>) {
    let found = text.get(span.clone()).unwrap_or_default();
    let before = text.get(..span.start).unwrap_or_default();
    let header = before.lines().rev().find(|line| line.trim_start().starts_with('['));
    let in_fields = header.is_some_and(|line| line.trim() == "[fields]");
    let at = Origin::file(span);
    if message == "duplicate key" {
        let name = escape(found.trim_matches(['"', '\'']));
        let what = if in_fields {
            format!("two rules for `{name}`")
        } else {
            format!("`{name}` is set twice")
        };
        faults.push(at, what, "the second one", "leave one of them out");
        return;
    }
    let what = format!("the definition is no TOML: {}", in_house_style(message));
    let help = if in_fields {
        "paths stand in quotes, such as `\"Attributes.*\" = \"keep\"`"
    } else {
        "texts stand in quotes, and each setting has a line of its own"
    };
    faults.push(at, what, "", help);
}

/// Messages of ours begin in lower case and hold no line breaks.
fn in_house_style(message: &str) -> String {
    let mut chars = message.chars();
    let first: String =
        chars.next().map(|first| first.to_lowercase().collect()).unwrap_or_default();
    (first + chars.as_str()).replace('\n', "; ")
}

/// Reads one value as it stands behind a `--set PATH=`; None where it is no TOML.
pub(crate) fn parse_value(text: &str, origin: &dyn Fn(Range<usize>) -> Origin) -> Option<Item> {
    let value = DeValue::parse(text).ok()?;
    Some(convert(&value, origin))
}

/// Reads a dotted path as TOML has them; each name with its span. None where it is none.
pub(crate) fn parse_path(path: &str) -> Option<Vec<(String, Range<usize>)>> {
    let text = format!("{path} = 0");
    let table = DeTable::parse(&text).ok().filter(|_| !path.contains(['\n', '\r']))?;
    let mut names = Vec::new();
    let mut rest = table.into_inner();
    loop {
        let mut entries = rest.into_iter();
        let (key, value) = entries.next().filter(|_| entries.len() == 0)?;
        names.push((key.get_ref().to_string(), key.span()));
        let value = value.into_inner();
        if let DeValue::Table(table) = value {
            rest = table;
        } else {
            return value.is_integer().then_some(names);
        }
    }
}

fn convert_table(table: &DeTable<'_>, origin: &dyn Fn(Range<usize>) -> Origin) -> Table {
    let entry = |(key, value): (&TomlSpanned<_>, &TomlSpanned<DeValue<'_>>)| {
        let key: &TomlSpanned<std::borrow::Cow<'_, str>> = key;
        Entry {
            key: key.get_ref().to_string(),
            key_at: origin(key.span()),
            item: convert(value, origin),
        }
    };
    let mut entries: Vec<Entry> = table.iter().map(entry).collect();
    entries.sort_by_key(|entry| entry.key_at);
    Table { entries }
}

fn convert(value: &TomlSpanned<DeValue<'_>>, origin: &dyn Fn(Range<usize>) -> Origin) -> Item {
    let at = origin(value.span());
    let value = match value.get_ref() {
        DeValue::String(text) => Value::Text(text.to_string()),
        DeValue::Integer(number) => Value::Integer(
            i128::from_str_radix(number.as_str(), number.radix()).unwrap_or(i128::MAX),
        ),
        DeValue::Float(number) => Value::Float(number.as_str().parse().unwrap_or(f64::NAN)),
        DeValue::Boolean(value) => Value::Boolean(*value),
        DeValue::Datetime(_) => Value::Date,
        DeValue::Array(items) => Value::List(convert_list(items, origin)),
        DeValue::Table(table) => Value::Table(convert_table(table, origin)),
    };
    Item { at, value }
}

fn convert_list(items: &DeArray<'_>, origin: &dyn Fn(Range<usize>) -> Origin) -> Vec<Item> {
    items.iter().map(|item| convert(item, origin)).collect()
}
