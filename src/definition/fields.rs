//! `[fields]`: the rules, each a path and an operation with its parameters.
//!
//! Whether a path names a field, and whether the operation fits it, is for the schema to say
//! (`rules`).

use super::document::{
    Diagnostics, Entry, Origin, Section, Spanned, Table, Value, advice, escape, listed,
};
use super::operation::{LATER_OPS, OpKind, OpSpec};
use super::parameters;
use super::vocabulary::OnError;

/// One rule as it is written.
#[derive(Clone, Debug)]
pub struct FieldRule {
    /// `User.UserId`, `Attributes.*`, `*`.
    pub path: Spanned<String>,
    /// None where it is faulty: then the rule covers its fields, and no more is said of it.
    pub(crate) op: Option<OpSpec>,
    pub on_error: OnError,
    /// Where the operation stands.
    pub at: Origin,
}

/// The rules in the order of the text, and where `[fields]` begins.
pub(crate) fn read(
    root: &mut Section<'_>,
    faults: &mut Diagnostics<'_>,
) -> (Vec<FieldRule>, Origin) {
    let Some(entry) = root.entry("fields") else { return (Vec::new(), root.at()) };
    let Value::Table(table) = &entry.item.value else {
        let help = "write `[fields]` on a line, and the rules below it";
        faults.push(entry.key_at, "`fields` is no table", "", help);
        return (Vec::new(), entry.key_at);
    };
    let rules = table.entries.iter().filter_map(|entry| read_rule(entry, faults)).collect();
    (rules, entry.item.at)
}

/// None where the entry is no rule at all, so that it covers nothing.
fn read_rule(entry: &Entry, faults: &mut Diagnostics<'_>) -> Option<FieldRule> {
    let at = entry.item.at;
    let value = &entry.item.value;
    let (op, on_error) = if let Some(name) = value.as_text() {
        read_operation(Spanned { value: name, at }, &Table::default(), at, faults)
    } else if let Some(table) = value.as_table() {
        if table.get("op").is_none() && holds_rules(table) {
            push_without_quotes(entry, table, faults);
            return None;
        }
        if table.get("op").is_none() {
            faults.push(at, "`op` is missing in the rule", "", "begin it with `{ op = \"…\"`");
        }
        let name = Section::new("the rule", table, at).text("op", faults);
        name.map_or((None, None), |name| read_operation(name, table, at, faults))
    } else {
        let help = "write an operation, such as `\"keep\"` or `{ op = \"hmac\" }`";
        faults.push(at, format!("a rule is {}", value.kind()), "", help);
        (None, None)
    };
    let path = Spanned { value: entry.key.clone(), at: entry.key_at };
    Some(FieldRule { path, op, on_error: on_error.unwrap_or(OnError::Remove), at })
}

/// Whether a table has no parameters but rules: what TOML makes of a path without quotes.
fn holds_rules(table: &Table) -> bool {
    let is_op = |name: &str| OpKind::parse(name).is_some() || LATER_OPS.contains(&name);
    let is_rule = |entry: &Entry| {
        entry.item.value.as_table().is_some() || entry.item.value.as_text().is_some_and(is_op)
    };
    table.entries.iter().any(is_rule)
}

fn push_without_quotes(entry: &Entry, table: &Table, faults: &mut Diagnostics<'_>) {
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
    let what = format!("the path `{path}` stands in no quotes");
    let help = format!("write `\"{path}\"`, in a shell as `--set 'fields.\"{path}\"=…'`");
    faults.push(entry.key_at, what, "TOML reads this as tables", help);
}

type Operation = (Option<OpSpec>, Option<OnError>);

/// An operation by its name, with the parameters in its table.
fn read_operation(
    name: Spanned<&str>,
    table: &Table,
    at: Origin,
    faults: &mut Diagnostics<'_>,
) -> Operation {
    let Some(kind) = OpKind::parse(name.value) else {
        push_unknown_op(name, faults);
        return (None, None);
    };
    let mut section = Section::new(format!("`{}`", kind.name()), table, at);
    section.take("op");
    let op = parameters::read(kind, &mut section, faults);
    let choices = [("remove", OnError::Remove), ("reject", OnError::Reject)];
    let on_error =
        if kind.can_fail() { section.choice("on_error", &choices, &[], faults) } else { None };
    section.finish(faults);
    (op, on_error)
}

fn push_unknown_op(name: Spanned<&str>, faults: &mut Diagnostics<'_>) {
    if LATER_OPS.contains(&name.value) {
        let help = format!("this version has {}", listed(OpKind::ALL.map(OpKind::name)));
        faults.push(
            name.at,
            format!("the operation `{}` is not in this version", name.value),
            "",
            help,
        );
    } else {
        let what = format!("unknown operation `{}`", escape(name.value));
        faults.push(name.at, what, "", advice(name.value, &OpKind::ALL.map(OpKind::name)));
    }
}
