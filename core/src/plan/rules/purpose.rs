//! Checks what the purpose demands of the rules for opt-outs and for the ids of people.
//!
//! An import replaces what is stored: a person whose opt-out is lost gets messages again, and two
//! people with one id become one.

use super::cover::Cover;
use super::fit::fits;
use crate::definition::document::{Diagnostics, escape};
use crate::definition::{Definition, FieldRule, MapSpec, OpKind, OpSpec, Origin, Purpose};
use crate::schema::{Node, OPTED_OUT, Role, Schema};
use crate::transform::Other;

/// The fields that say who a record is about.
const PEOPLE: [Role; 2] = [Role::Id, Role::UserId];

/// Whether the purpose permits an operation on a field, whatever its parameters.
pub(super) fn suits(op: OpKind, node: &Node, definition: &Definition, schema: &Schema) -> bool {
    let is_of = |role: Role| node.path == schema.role_path(role);
    let is_messaging = definition.purpose == Some(Purpose::Messaging);
    if is_of(Role::Address) {
        let reveals = matches!(op, OpKind::Keep | OpKind::Round | OpKind::Scrub);
        return if is_messaging { op == OpKind::Keep } else { !reveals };
    }
    let is_of_somebody = PEOPLE.into_iter().any(is_of);
    !is_messaging || !(is_of_somebody && op.is_lossy() || is_of(Role::OptOut) && op == OpKind::Drop)
}

/// The rule of a field, with its operation.
fn rule_of<'d>(
    role: Role,
    cover: &Cover,
    definition: &'d Definition,
    schema: &Schema,
) -> Option<(&'d FieldRule, &'d OpSpec)> {
    let index = cover.node_rules.get(schema.role(role)).copied().flatten()?;
    let written = definition.rules.get(index)?;
    Some((written, written.op.as_ref()?))
}

/// Checks that no rule loses an opt-out where messages are sent.
pub(super) fn opt_out(
    cover: &Cover,
    definition: &Definition,
    schema: &Schema,
    diagnostics: &mut Diagnostics<'_>,
) {
    if definition.purpose != Some(Purpose::Messaging) {
        return;
    }
    let Some((rule, op)) = rule_of(Role::OptOut, cover, definition, schema) else { return };
    let path = schema.role_path(Role::OptOut);
    let node = schema.nodes.get(schema.role(Role::OptOut));
    let lost = if let OpSpec::Map(spec) = op {
        node.and_then(|node| loss_by_map(spec, node))
    } else {
        let is_dropped = *op == OpSpec::Drop;
        is_dropped.then(|| (rule.at, format!("`drop` on `{path}`")))
    };
    if let Some((at, what)) = lost {
        let help = format!("write `\"{path}\" = \"keep\"`");
        let what = format!("{what}, but people who opted out must stay so");
        diagnostics.push(at, what, "", help);
    }
}

/// How a `map` loses a word of the field, and where.
fn loss_by_map(spec: &MapSpec, node: &Node) -> Option<(Origin, String)> {
    let path = &node.path;
    let listed = |word: &str| spec.table.iter().find(|(from, _)| from == word).map(|(_, to)| to);
    let words = node.words();
    if let Some(to) = listed(OPTED_OUT) {
        if to.value != OPTED_OUT && words.contains(&to.value) {
            return Some((
                to.at,
                format!("`map` turns `{OPTED_OUT}` of `{path}` into `{}`", to.value),
            ));
        }
    } else if let Other::Text(text) = &spec.other
        && text != OPTED_OUT
        && words.contains(text)
    {
        let what = format!("`other` turns `{OPTED_OUT}` of `{path}` into `{text}`");
        return Some((spec.other_at, what));
    }
    let is_dropped = |word: &&String| spec.other == Other::Drop && listed(word).is_none();
    let dropped = words.iter().find(is_dropped)?;
    Some((spec.other_at, format!("`map` drops `{dropped}` of `{path}`")))
}

/// Checks that people keep ids of their own where messages are sent.
pub(super) fn people(
    cover: &Cover,
    definition: &Definition,
    schema: &Schema,
    diagnostics: &mut Diagnostics<'_>,
) {
    if definition.purpose != Some(Purpose::Messaging) {
        return;
    }
    let mut reported: Vec<Origin> = Vec::new();
    for (rule, op, path) in merged_people(cover, definition, schema) {
        if reported.contains(&rule.at) {
            continue;
        }
        reported.push(rule.at);
        let hmac = if definition.keys.is_present { "`{ op = \"hmac\" }`, " } else { "" };
        let help = format!("write {hmac}`\"keep\"` or `\"drop\"` for `{path}`");
        diagnostics.push(rule.at, merges(op, path), "", help);
    }
}

/// Warns where people who opted out may be written as if they had not, and where analysts would count
/// several people as one.
pub(super) fn warnings(cover: &Cover, definition: &Definition, schema: &Schema) -> Vec<String> {
    let merged = merged_people(cover, definition, schema).map(|(_, op, path)| merges(op, path));
    renamed_opt_out(definition, schema).into_iter().chain(merged).collect()
}

/// The warning if messages are sent, the field of opt-outs is renamed away, and no other name takes
/// its place.
fn renamed_opt_out(definition: &Definition, schema: &Schema) -> Option<String> {
    let path = schema.role_path(Role::OptOut);
    let rename = &definition.input.columns.rename;
    let (_, to) = rename.iter().find(|(from, to)| from.value == path && to.value != path)?;
    let is_lost = definition.purpose == Some(Purpose::Messaging)
        && !rename.iter().any(|(_, to)| to.value == path);
    is_lost.then(|| {
        format!(
            "`[input.rename]` turns `{path}` into `{}`, and nothing into `{path}`: people who opted out \
             are written as if they had not",
            escape(&to.value)
        )
    })
}

fn merges(op: &OpSpec, path: &str) -> String {
    format!("`{}` on `{path}` can give two people the same value", op.name())
}

/// The rules for ids that can give two people one value.
fn merged_people<'d>(
    cover: &Cover,
    definition: &'d Definition,
    schema: &'d Schema,
) -> impl Iterator<Item = (&'d FieldRule, &'d OpSpec, &'d str)> {
    PEOPLE.into_iter().filter_map(|role| {
        let (rule, op) = rule_of(role, cover, definition, schema)?;
        let node = schema.nodes.get(schema.role(role))?;
        // What does not fit is reported as that.
        let merges = op.kind().is_lossy() && fits(op.kind(), node);
        merges.then(|| (rule, op, schema.role_path(role)))
    })
}
