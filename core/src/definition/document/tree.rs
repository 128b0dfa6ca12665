//! A definition as a tree of TOML values: tables, lists and scalars, each with its location.
//!
//! The tree is parsed from the file and then changed by the `--set`s (`set.rs`). Entries are in the
//! order of the text, so that diagnostics are, too.

use std::ops::Range;

use toml::Spanned as TomlSpanned;
use toml::de::{DeArray, DeTable, DeValue};

use super::origin::Origin;
use super::quote::escape;
use super::source::Diagnostics;
use crate::definition::data_file::begins_like_a_setting;

/// A value with its location.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Item {
    pub(crate) at: Origin,
    pub(crate) value: Value,
}

/// A TOML value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    Text(String),
    /// A number that does not fit becomes `i128::MAX`, which is out of every range.
    Integer(i128),
    Float(f64),
    Boolean(bool),
    /// No setting takes a date, but an unquoted name may look like one.
    Date,
    List(Vec<Item>),
    Table(Table),
}

impl Value {
    /// Names the type in messages: `a string`, `a number`, …
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Value::Text(_) => "a string",
            Value::Integer(_) | Value::Float(_) => "a number",
            Value::Boolean(_) => "a boolean",
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

/// A table, with its entries in the order of the text.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Table {
    pub(crate) entries: Vec<Entry>,
}

/// A key and its value.
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

/// Parses the file. `None`: it is not valid TOML, and the diagnostics say why.
pub(crate) fn parse(text: &str, diagnostics: &mut Diagnostics<'_>) -> Option<Table> {
    let (table, errors) = DeTable::parse_recoverable(text);
    // One mistake often causes several errors; the first one describes it best.
    let place = |error: &toml::de::Error| error.span().unwrap_or(0..0);
    if let Some(first) = errors.iter().min_by_key(|error| place(error).start) {
        push_syntax_error(first.message(), place(first), text, diagnostics);
    }
    errors.is_empty().then(|| convert_table(table.get_ref(), &Origin::file))
}

fn push_syntax_error(
    message: &str,
    span: Range<usize>,
    text: &str,
    diagnostics: &mut Diagnostics<'_>,
) {
    let found = text.get(span.clone()).unwrap_or_default();
    let before = text.get(..span.start).unwrap_or_default();
    let header = before.lines().rev().find(|line| line.trim_start().starts_with('['));
    let in_fields = header.is_some_and(|line| line.trim() == "[fields]");
    let at = Origin::file(span);
    // Any other line may be one of a data file.
    let is_setting = begins_like_a_setting(diagnostics.source().line_text(at));
    let (message, label, help) = if message == "duplicate key" {
        let name =
            if is_setting { escape(found.trim_matches(['"', '\''])) } else { "…".to_owned() };
        let message = if in_fields {
            format!("two rules for `{name}`")
        } else {
            format!("`{name}` is set twice")
        };
        (message, "the second one", "remove one of them")
    } else {
        let message = format!("the definition is not valid TOML: {}", lower_first(message));
        let help = if in_fields {
            "put paths in quotes, such as `\"Attributes.*\" = \"keep\"`"
        } else {
            "put strings in quotes, and each setting on its own line"
        };
        (message, "", help)
    };
    if is_setting {
        diagnostics.push(at, message, label, help);
    } else {
        diagnostics.push_without_line(at, message, help);
    }
}

/// Changes a message of the parser to begin in lower case and to be on one line.
fn lower_first(message: &str) -> String {
    let mut chars = message.chars();
    let first: String =
        chars.next().map(|first| first.to_lowercase().collect()).unwrap_or_default();
    (first + chars.as_str()).replace('\n', "; ")
}

/// Parses the value of a `--set`. `None`: it is not valid TOML.
pub(crate) fn parse_value(text: &str, origin: &dyn Fn(Range<usize>) -> Origin) -> Option<Item> {
    let value = DeValue::parse(text).ok()?;
    Some(convert(&value, origin))
}

/// Parses a dotted path as in TOML into names with their spans. `None`: it is not a path.
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
