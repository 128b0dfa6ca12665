//! Checks that `[unique]` compares fields that have one text, and values that are still there.

use super::cover::Cover;
use crate::definition::document::{Diagnostics, escape, guess};
use crate::definition::{Compared, Definition, OpSpec, Unique};
use crate::schema::{Node, Role, Schema, Shape};
use crate::transform::Normalize;

pub(super) fn check(
    cover: &Cover,
    definition: &Definition,
    schema: &Schema,
    diagnostics: &mut Diagnostics<'_>,
) {
    let Some(unique) = &definition.unique else { return };
    check_fields(unique, schema, diagnostics);
    check_form(unique, cover, definition, schema, diagnostics);
    if unique.on == Compared::Output {
        check_output(unique, cover, definition, schema, diagnostics);
    }
}

fn check_fields(unique: &Unique, schema: &Schema, diagnostics: &mut Diagnostics<'_>) {
    for (number, field) in unique.by.iter().enumerate() {
        let path = field.value.as_str();
        let node = schema.node(path).and_then(|node| schema.nodes.get(node));
        if !node.is_some_and(is_text) {
            let texts = schema.nodes.iter().filter(|node| is_text(node));
            let guess = guess(path, texts.map(|node| node.path.as_str()));
            let [channel, address, id] =
                [Role::Channel, Role::Address, Role::Id].map(|role| schema.role_path(role));
            let help = format!(
                "{guess}name fields that have one text: `by = [\"{channel}\", \"{address}\"]` or \
                 `by = [\"{id}\"]`"
            );
            let message = format!("`by` can't have `{}`", escape(path));
            diagnostics.push(field.at, message, "", help);
        }
        if unique.by.iter().take(number).any(|earlier| earlier.value == field.value) {
            let message = format!("`by` has `{}` twice", escape(path));
            diagnostics.push(field.at, message, "", "remove one of them");
        }
    }
}

/// Whether a field has one text, be it a name, a word or a date.
fn is_text(node: &Node) -> bool {
    node.shape == Shape::Text
}

/// Checks that there is an address to be normalized.
fn check_form(
    unique: &Unique,
    cover: &Cover,
    definition: &Definition,
    schema: &Schema,
    diagnostics: &mut Diagnostics<'_>,
) {
    let Some(form) = unique.normalize.filter(|form| form.value != Normalize::None) else { return };
    let address = schema.role_path(Role::Address);
    if !unique.by.iter().any(|field| field.value == address) {
        let message = format!("`normalize` is for `{address}`, which is not in `by`");
        diagnostics.push(form.at, message, "", "remove it, or add the field to `by`");
    } else if unique.on == Compared::Output {
        let op = op_of(address, cover, definition, schema);
        if let Some(op) = op.filter(|op| **op != OpSpec::Keep) {
            let message = format!(
                "`normalize` is for addresses, but `{}` makes other values of `{address}`",
                op.name()
            );
            diagnostics.push(form.at, message, "", "remove it, or write `on = \"input\"`");
        }
    }
}

/// Checks that what would be written has the fields.
fn check_output(
    unique: &Unique,
    cover: &Cover,
    definition: &Definition,
    schema: &Schema,
    diagnostics: &mut Diagnostics<'_>,
) {
    for field in &unique.by {
        if op_of(&field.value, cover, definition, schema) == Some(&OpSpec::Drop) {
            let path = escape(&field.value);
            let message = format!("`on = \"output\"` compares `{path}`, which the rules drop");
            diagnostics.push(field.at, message, "", "write `on = \"input\"`, or another field");
        }
    }
}

/// The operation of a field's rule. `None`: the definition has none for it.
fn op_of<'d>(
    path: &str,
    cover: &Cover,
    definition: &'d Definition,
    schema: &Schema,
) -> Option<&'d OpSpec> {
    let rule = cover.node_rules.get(schema.node(path)?).copied().flatten()?;
    definition.rules.get(rule)?.op.as_ref()
}
