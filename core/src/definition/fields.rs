//! `[fields]`: the rules, each a path with an operation and its parameters.
//!
//! Whether a path names a field and whether the operation fits it is checked against the schema
//! (`plan::rules`).

use super::document::{Diagnostics, Entry, Origin, Section, Spanned, Table, Value, escape, listed};
use super::operation::{LATER_OPS, OpKind, OpSpec};
use super::parameters;
use super::vocabulary::OnError;

/// A rule.
#[derive(Clone, Debug)]
pub struct FieldRule {
    /// `User.UserId`, `Attributes.*`, `*`.
    pub path: Spanned<String>,
    /// `None`: the operation is wrong. The rule still covers its fields, but is not checked further.
    pub(crate) op: Option<OpSpec>,
    /// The name of an operation that does not exist, which `plan::rules::unknown_ops` reports: what was meant depends
    /// on the fields.
    pub(crate) unknown_op: Option<Spanned<String>>,
    pub on_error: OnError,
    /// The location of the operation.
    pub at: Origin,
}

/// Reads the rules, in the order of the definition, with the location of `[fields]`.
pub(super) fn read(
    root: &mut Section<'_>,
    diagnostics: &mut Diagnostics<'_>,
) -> (Vec<FieldRule>, Origin) {
    let Some(entry) = root.entry("fields") else { return (Vec::new(), root.at()) };
    let Value::Table(table) = &entry.item.value else {
        let help = "write `[fields]` on a line, and the rules below it";
        diagnostics.push(entry.key_at, "`fields` is not a table", "", help);
        return (Vec::new(), entry.key_at);
    };
    let rules = table.entries.iter().filter_map(|entry| read_rule(entry, diagnostics)).collect();
    (rules, entry.item.at)
}

/// Reads a rule. `None`: the entry is not a rule, so it covers no fields.
fn read_rule(entry: &Entry, diagnostics: &mut Diagnostics<'_>) -> Option<FieldRule> {
    let at = entry.item.at;
    let value = &entry.item.value;
    let mut name = value.as_text().map(|name| Spanned { value: name, at });
    let (op, on_error) = if let Some(name) = name {
        read_operation(name, &Table::default(), at, diagnostics)
    } else if let Some(table) = value.as_table() {
        if table.get("op").is_none() && has_rules(table) {
            push_without_quotes(entry, table, diagnostics);
            return None;
        }
        if table.get("op").is_none() {
            diagnostics.push(at, "`op` is missing in the rule", "", "begin it with `{ op = \"…\"`");
        }
        name = Section::new("the rule", table, at).text("op", diagnostics);
        name.map_or((None, None), |name| read_operation(name, table, at, diagnostics))
    } else {
        let help = "write an operation, such as `\"keep\"` or `{ op = \"hmac\" }`";
        diagnostics.push(at, format!("a rule is {}, not an operation", value.kind()), "", help);
        (None, None)
    };
    let path = Spanned { value: entry.key.clone(), at: entry.key_at };
    let is_unknown = |name: &Spanned<&str>| {
        OpKind::parse(name.value).is_none() && !LATER_OPS.contains(&name.value)
    };
    let unknown_op = name.filter(is_unknown).map(Spanned::into_owned);
    Some(FieldRule { path, op, unknown_op, on_error: on_error.unwrap_or(OnError::Remove), at })
}

/// Whether a table has rules in it instead of parameters: TOML reads a path without quotes so.
fn has_rules(table: &Table) -> bool {
    let is_op = |name: &str| OpKind::parse(name).is_some() || LATER_OPS.contains(&name);
    let is_rule = |entry: &Entry| {
        entry.item.value.as_table().is_some() || entry.item.value.as_text().is_some_and(is_op)
    };
    table.entries.iter().any(is_rule)
}

fn push_without_quotes(entry: &Entry, table: &Table, diagnostics: &mut Diagnostics<'_>) {
    let mut path = entry.key.clone();
    let mut rest = table;
    while let Some(entry) = rest.entries.first() {
        path = format!("{path}.{}", entry.key);
        match entry.item.value.as_table() {
            Some(inner) if inner.get("op").is_none() => rest = inner,
            _ => break,
        }
    }
    let path = escape(&path);
    let message = format!("the path `{path}` is not in quotes");
    let help = format!("write `\"{path}\"`, in a shell as `--set 'fields.\"{path}\"=…'`");
    diagnostics.push(entry.key_at, message, "TOML reads this as tables", help);
}

/// An operation and its `on_error`, as far as they are valid.
type Operation = (Option<OpSpec>, Option<OnError>);

/// Reads an operation: its name, and the parameters in the table of the rule.
fn read_operation(
    name: Spanned<&str>,
    table: &Table,
    at: Origin,
    diagnostics: &mut Diagnostics<'_>,
) -> Operation {
    let Some(kind) = OpKind::parse(name.value) else {
        if LATER_OPS.contains(&name.value) {
            let help = format!("this version supports {}", listed(OpKind::ALL.map(OpKind::name)));
            let message = format!("the operation `{}` is not in this version", name.value);
            diagnostics.push(name.at, message, "", help);
        }
        return (None, None);
    };
    let mut section = Section::new(format!("`{}`", kind.name()), table, at);
    section.item("op");
    let op = parameters::read(kind, &mut section, diagnostics);
    let choices = [("remove", OnError::Remove), ("reject", OnError::Reject)];
    let on_error = if kind.makes_values() {
        section.choice("on_error", &choices, &[], diagnostics)
    } else {
        None
    };
    section.finish(diagnostics);
    (op, on_error)
}
