//! Rules about several fields: kinds of record, conditions, and a target's limits of fields.
//!
//! Rules name fields by path. An unknown field, or a value that a field can never have, is an
//! error, since the rule would never apply.

use super::checks::checks;
use super::target::Target;
use super::value::{SchemaError, SchemaErrorKind, SchemaValue};
use super::{Condition, Node, NodeIx, RecordKind, Shape, Test};

/// The kinds of record, in the file's order.
pub(super) fn kinds(
    root: &SchemaValue<'_>,
    nodes: &[Node],
) -> Result<Vec<RecordKind>, SchemaError> {
    root.need("anyOf")?.items()?.map(|kind| record_kind(&kind, nodes)).collect()
}

fn record_kind(kind: &SchemaValue<'_>, nodes: &[Node]) -> Result<RecordKind, SchemaError> {
    let mut forbidden = Vec::new();
    let mut required = Vec::new();
    for name in kind.need("required")?.texts()? {
        required.extend(required_fields(kind, &name, nodes)?);
    }
    if let Some(properties) = kind.get("properties") {
        for (name, presence) in properties.members()? {
            let node = node_at(&presence, name, nodes)?;
            if !presence.has("required") {
                require_forbidden(&presence)?;
                forbidden.push(node);
            }
        }
    }
    Ok(RecordKind {
        name: kind.need("title")?.text()?.to_owned(),
        required,
        forbidden,
        by_default: kind.need("x-segprep-default")?.flag()?,
        rule: kind.rule(),
    })
}

/// A required field; for an object, the fields in it that the kind requires.
fn required_fields(
    kind: &SchemaValue<'_>,
    name: &str,
    nodes: &[Node],
) -> Result<Vec<NodeIx>, SchemaError> {
    let node = node_at(kind, name, nodes)?;
    if !nodes.get(node).is_some_and(|node| node.shape == Shape::Object) {
        return Ok(vec![node]);
    }
    let members = kind.get("properties").and_then(|all| all.get(name)).ok_or_else(|| {
        kind.error(SchemaErrorKind::Contradiction("a required object names its required fields"))
    })?;
    let names = members.need("required")?.texts()?;
    names.iter().map(|member| node_at(&members, &format!("{name}.{member}"), nodes)).collect()
}

fn require_forbidden(presence: &SchemaValue<'_>) -> Result<(), SchemaError> {
    match presence.flag() {
        Ok(false) => Ok(()),
        Ok(true) | Err(_) => {
            Err(presence.error(SchemaErrorKind::Expected("`false` or `required`")))
        }
    }
}

/// The rules in `allOf`: one condition for each check in a `then`.
pub(super) fn conditions(
    root: &SchemaValue<'_>,
    nodes: &[Node],
) -> Result<Vec<Condition>, SchemaError> {
    let mut conditions = Vec::new();
    if let Some(all) = root.get("allOf") {
        for rule in all.items()? {
            add_conditions(&rule, nodes, &mut conditions)?;
        }
    }
    Ok(conditions)
}

fn add_conditions(
    rule: &SchemaValue<'_>,
    nodes: &[Node],
    conditions: &mut Vec<Condition>,
) -> Result<(), SchemaError> {
    let (on, values) = premise(&rule.need("if")?, nodes)?;
    for (name, place) in rule.need("then")?.need("properties")?.members()? {
        let node = node_at(&place, name, nodes)?;
        let shape = nodes.get(node).map_or(Shape::Object, |node| node.shape);
        for check in checks(&place, shape)? {
            conditions.push(Condition { on, values: values.clone(), node, check });
        }
    }
    Ok(())
}

/// Returns the field that a rule depends on, and the values for which it applies.
///
/// In JSON Schema, an absent field satisfies `properties`, so the field must be required too.
fn premise(place: &SchemaValue<'_>, nodes: &[Node]) -> Result<(NodeIx, Vec<String>), SchemaError> {
    let properties: Vec<_> = place.need("properties")?.members()?.collect();
    let [(name, field)] = properties.as_slice() else {
        return Err(place.error(SchemaErrorKind::Expected("one field")));
    };
    let required = place.need("required")?;
    if required.texts()? != [*name] {
        return Err(required.error(SchemaErrorKind::Expected("the field of `properties`")));
    }
    let on = node_at(field, name, nodes)?;
    let values = field.need("enum")?.texts()?;
    match unknown_value(nodes, on, &values) {
        None => Ok((on, values)),
        Some(value) => Err(field.error(SchemaErrorKind::NotInEnum(value.clone()))),
    }
}

/// Checks that the target's limits name fields and values of the schema.
pub(super) fn check_field_limits(nodes: &[Node], target: &Target) -> Result<(), SchemaError> {
    let error = |kind| SchemaError { location: target.rule("limits.fields"), kind };
    let find = |path: &str| {
        let at = nodes.iter().position(|node| node.path == path);
        at.ok_or_else(|| error(SchemaErrorKind::NoField(path.to_owned())))
    };
    for limit in &target.limits.fields {
        find(&limit.path)?;
        if let Some((on, values)) = &limit.when
            && let Some(value) = unknown_value(nodes, find(on)?, values)
        {
            return Err(error(SchemaErrorKind::NotInEnum(value.clone())));
        }
    }
    Ok(())
}

/// Returns the first value that is not in the field's `enum`.
fn unknown_value<'a>(nodes: &[Node], on: NodeIx, values: &'a [String]) -> Option<&'a String> {
    let checks = nodes.get(on).map_or(&[][..], |node| node.checks.as_slice());
    let known = checks.iter().find_map(|check| match &check.test {
        Test::Enum(known) => Some(known),
        Test::Format(_) | Test::Pattern(_) | Test::Range { .. } | Test::NotEmpty => None,
    })?;
    values.iter().find(|value| !known.contains(value))
}

fn node_at(place: &SchemaValue<'_>, path: &str, nodes: &[Node]) -> Result<NodeIx, SchemaError> {
    nodes
        .iter()
        .position(|node| node.path == path)
        .ok_or_else(|| place.error(SchemaErrorKind::NoField(path.to_owned())))
}
