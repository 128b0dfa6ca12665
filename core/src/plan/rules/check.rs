//! Checks a definition as a whole: every field that needs a rule has one, the address is treated as
//! the purpose requires, keys exist, and the maximum size of parts is within the target's limits.
//! Also collects the warnings.

use super::cover::{Cover, Governed};
use super::joins::hmac_rules;
use crate::definition::document::{Diagnostics, escape, listed, size};
use crate::definition::{Definition, KeyKind, OpSpec, PartLayout, Purpose};
use crate::plan::settings::part_bytes;
use crate::schema::{Class, Role, Schema};

/// Tokens with fewer bits give a warning, because two people might get the same one.
const BITS_MIN_WITHOUT_WARNING: usize = 96;

/// Checks that every field that identifies or describes a person has a rule.
pub(super) fn coverage(
    cover: &Cover,
    definition: &Definition,
    schema: &Schema,
    diagnostics: &mut Diagnostics<'_>,
) {
    let governed = cover.governed(schema);
    let needs_rule = |field: &&Governed<'_>| field.node.class != Class::Technical;
    let is_open = |field: &&Governed<'_>| field.rule.is_none();
    let open: Vec<&Governed<'_>> = governed.iter().filter(needs_rule).filter(is_open).collect();
    if open.is_empty() {
        return;
    }
    let mut paths: Vec<String> = Vec::new();
    for field in &open {
        let path = shortest_path(field, &governed, schema);
        if !paths.contains(&path) {
            paths.push(path);
        }
    }
    let what = format!("no rule covers {}", listed(paths.iter().map(String::as_str)));
    let help = format!(
        "add a rule for each, such as `{}`: fields that identify or describe a person have no default",
        example_rule(&open, &paths, definition, schema),
    );
    diagnostics.push(definition.fields_at, what, "", help);
}

/// A rule that would cover the last of the open fields and those in the same object.
fn example_rule(
    open: &[&Governed<'_>],
    paths: &[String],
    definition: &Definition,
    schema: &Schema,
) -> String {
    let last = open.last().and_then(|field| field.node.parent);
    let siblings = open.iter().filter(|field| last.is_some() && field.node.parent == last).count();
    let parent = last.and_then(|parent| schema.nodes.get(parent)).filter(|_| siblings > 1);
    let path = match parent {
        Some(parent) => format!("{}.*", parent.path),
        None => paths.last().cloned().unwrap_or_default(),
    };
    let is_address =
        path == schema.role_path(Role::Address) && definition.purpose == Some(Purpose::Messaging);
    let op = if is_address { "keep" } else { "drop" };
    format!("\"{path}\" = \"{op}\"")
}

/// The shortest path of a rule for an open field: a wildcard over its object, if all of that is
/// open.
fn shortest_path(field: &Governed<'_>, governed: &[Governed<'_>], schema: &Schema) -> String {
    let Some(parent) = field.node.parent else { return field.path.clone() };
    let is_sibling = |other: &&Governed<'_>| other.node.parent == Some(parent);
    let all_open = governed
        .iter()
        .filter(is_sibling)
        .all(|other| other.rule.is_none() && other.node.class != Class::Technical);
    match schema.nodes.get(parent) {
        Some(parent) if all_open => format!("{}.*", parent.path),
        _ => field.path.clone(),
    }
}

/// Checks that the operation on the address suits the purpose.
pub(super) fn address(
    cover: &Cover,
    definition: &Definition,
    schema: &Schema,
    diagnostics: &mut Diagnostics<'_>,
) {
    let address = schema.role_path(Role::Address);
    let number = cover.node_rules.get(schema.role(Role::Address)).copied().flatten();
    let Some(rule) = number.and_then(|number| definition.rules.get(number)) else { return };
    let (Some(op), Some(purpose)) = (&rule.op, definition.purpose) else { return };
    match (purpose, op) {
        (Purpose::Messaging, OpSpec::Keep) => {}
        (Purpose::Messaging, op) => {
            let what = format!("`{}` on `{address}`, but messages are delivered to it", op.name());
            let help = format!(
                "write `\"{address}\" = \"keep\"`, or `purpose = \"analytics\"` if no messages are sent"
            );
            diagnostics.push(rule.at, what, "", help);
        }
        (Purpose::Analytics, op) if op.may_reveal() => {
            let what = format!("`{address}` could be written in the clear");
            let help =
                format!("for analytics write `\"{address}\" = {{ op = \"hmac\" }}` or `\"drop\"`");
            diagnostics.push(rule.at, what, "", help);
        }
        (Purpose::Analytics, _) => {}
    }
}

/// Checks that there is a key if an operation needs one.
pub(super) fn keys(definition: &Definition, diagnostics: &mut Diagnostics<'_>) {
    if definition.keys.is_present {
        return;
    }
    let needs_key = |op: &&OpSpec| op.needs_key();
    let first = definition
        .rules
        .iter()
        .find_map(|rule| Some((rule.at, rule.op.as_ref().filter(needs_key)?)));
    if let Some((at, op)) = first {
        let help = "add `[keys]` with `current = \"k1\"` and `k1 = \"env:NAME\"`; `segprep key new` prints a key";
        let what = format!("`{}` needs a key, but the definition names none", op.name());
        diagnostics.push(at, what, "", help);
    }
}

/// Checks that a part is no larger than an import job takes, and has room for what its format needs.
pub(super) fn part_sizes(
    definition: &Definition,
    schema: &Schema,
    diagnostics: &mut Diagnostics<'_>,
) {
    for output in &definition.outputs {
        let Some(size) = &output.max_bytes else { continue };
        let most = part_bytes(output.format, schema);
        if output.format.layout() != PartLayout::Columns && most < size.value {
            let what = if output.format.is_import() { "an import job" } else { "the target" };
            let help = format!("{what} takes at most {}", size::describe(most));
            diagnostics.push(size.at, "`max_bytes` is more than the target allows", "", help);
        }
        let least = output.format.part_bytes_min();
        if size.value < least {
            let help = format!("a part needs at least {}", size::describe(least));
            let what = format!("`max_bytes` is too small for `{}`", output.format.name());
            diagnostics.push(size.at, what, "", help);
        }
    }
}

/// Warns of what is allowed but may not be meant: the demo key, short tokens, rules without a field.
pub(super) fn warnings(cover: &Cover, definition: &Definition, schema: &Schema) -> Vec<String> {
    let mut warnings = Vec::new();
    let current = definition.keys.current.as_ref();
    let source = definition.keys.sources.iter().find(|source| Some(&source.id) == current);
    if let Some(source) = source.filter(|source| source.kind == KeyKind::Demo) {
        warnings.push(format!(
            "the key `{}` is the published demo key: tokens made with it protect nobody",
            source.id
        ));
    }
    for (_, rule, spec) in hmac_rules(definition) {
        let bits = spec.shape.bits();
        if bits < BITS_MIN_WITHOUT_WARNING {
            warnings.push(format!(
                "`{}` makes tokens of {bits} bits: with fewer than {BITS_MIN_WITHOUT_WARNING}, two people may get the same one",
                escape(&rule.path.value)
            ));
        }
    }
    let governed = cover.governed(schema);
    for (number, rule) in definition.rules.iter().enumerate() {
        let path = rule.path.value.as_str();
        if !governed.iter().any(|field| field.rule == Some(number)) {
            warnings.push(format!(
                "the rule `{}` applies to no field: more specific rules apply to all of them",
                escape(path)
            ));
        }
    }
    warnings
}
