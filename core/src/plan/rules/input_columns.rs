//! Checks the columns that `[input]` names: each is a field, or a name in a map.

use crate::decode::{CONTAINERS_MAX, container_paths, is_column};
use crate::definition::Unknown;
use crate::definition::document::{Diagnostics, Spanned, escape, nearest};
use crate::definition::{Definition, Pair};
use crate::schema::{Schema, Shape, Test};

/// Checks `columns`, the targets of `[input.rename]`, and the names and values of
/// `[input.constants]`.
pub(super) fn check(definition: &Definition, schema: &Schema, diagnostics: &mut Diagnostics<'_>) {
    let spec = &definition.input.columns;
    let drops_unknown = definition.input.unknown == Some(Unknown::Drop);
    for name in spec.columns.iter().flatten() {
        let path = name.value.trim();
        let is_ignored = definition.input.ignore.iter().any(|ignored| ignored.value.trim() == path);
        let is_of_endpoint = definition.input.is_of_endpoint(path);
        let is_dropped = drops_unknown || is_ignored || is_of_endpoint || path.is_empty();
        check_name("columns", name, is_dropped, schema, diagnostics);
    }
    check_repeats(spec.columns.as_deref().unwrap_or_default(), schema, diagnostics);
    check_ignored(definition, schema, diagnostics);
    check_rename(&spec.rename, schema, diagnostics);
    check_containers(&spec.rename, schema, diagnostics);
    for constant in &spec.constants {
        if check_name("constants", &constant.0, false, schema, diagnostics) {
            check_value(constant, schema, diagnostics);
            check_apart(constant, spec.columns.as_deref().unwrap_or_default(), diagnostics);
        }
    }
}

/// Checks that renamed names lead to fields, and whole maps to maps.
pub(super) fn check_rename(rename: &[Pair], schema: &Schema, diagnostics: &mut Diagnostics<'_>) {
    for (from, to) in rename {
        let whole = |name: &Spanned<String>| {
            let path = name.value.strip_suffix('*').unwrap_or_default();
            path.ends_with('.') && 1 < path.len()
        };
        match (whole(from), whole(to)) {
            (false, false) => {
                check_name("rename", to, false, schema, diagnostics);
            }
            (true, true) => {
                let path = to.value.strip_suffix(".*").unwrap_or_default();
                let is_map = schema.node(path).is_some_and(|node| schema.map_of(node).is_some());
                if !is_map {
                    let maps = schema.maps.iter().filter_map(|map| schema.nodes.get(*map));
                    let maps: Vec<String> = maps.map(|node| format!("`{}.*`", node.path)).collect();
                    let what = format!("`rename`: `{}` is no map", escape(&to.value));
                    diagnostics.push(to.at, what, "", format!("use one of {}", maps.join(", ")));
                }
            }
            (true, false) => {
                let what = format!("`rename`: `{}` is not a whole map", escape(&to.value));
                let help = "write it with `.*` at the end, such as `User.UserAttributes.*`";
                diagnostics.push(to.at, what, "", help);
            }
            (false, true) => {
                let what = format!("`rename`: `{}` is not a whole map", escape(&from.value));
                let help = "write it with `.*` at the end, such as `traits.*`";
                diagnostics.push(from.at, what, "", help);
            }
        }
    }
}

/// Checks that paths lead through few objects.
fn check_containers(rename: &[Pair], schema: &Schema, diagnostics: &mut Diagnostics<'_>) {
    let pairs = |count: usize| -> Vec<(String, String)> {
        let pairs = rename.iter().take(count);
        pairs.map(|(from, to)| (from.value.clone(), to.value.clone())).collect()
    };
    let leads_too_far =
        |count: &usize| CONTAINERS_MAX < container_paths(schema, &pairs(*count)).len();
    if !leads_too_far(&rename.len()) {
        return;
    }
    let first = (1..=rename.len()).find(leads_too_far).and_then(|count| rename.get(count - 1));
    if let Some((from, _)) = first {
        let what = format!("`rename` leads through more than {CONTAINERS_MAX} objects");
        diagnostics.push(from.at, what, "", "rename fewer paths with dots");
    }
}

/// Checks that what is dropped on purpose is no field, and is not renamed to one.
fn check_ignored(definition: &Definition, schema: &Schema, diagnostics: &mut Diagnostics<'_>) {
    for name in &definition.input.ignore {
        let path = name.value.trim();
        if path.is_empty() {
            // A column without a name.
            continue;
        }
        if is_column(schema, path) || schema.node(path).is_some() {
            let what = format!("`ignore` can't drop the field `{}`", escape(path));
            diagnostics.push(name.at, what, "", "use a rule under `[fields]` to drop a field");
        } else if definition.input.columns.rename.iter().any(|(from, _)| from.value == path) {
            let what = format!("`{}` is both renamed and ignored", escape(path));
            diagnostics.push(name.at, what, "", "remove one of them");
        }
    }
}

/// Returns whether the name is a field's. `is_dropped`: a column with an unknown name is dropped, so
/// it may have any.
pub(super) fn check_name(
    setting: &str,
    name: &Spanned<String>,
    is_dropped: bool,
    schema: &Schema,
    diagnostics: &mut Diagnostics<'_>,
) -> bool {
    let path = name.value.trim();
    if is_dropped || is_column(schema, path) {
        return true;
    }
    let leaves = schema.nodes.iter().filter(|node| is_column(schema, &node.path));
    let help = match nearest(path, leaves.map(|node| node.path.as_str())) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "name a field such as `Address`, or a name in a map such as `Attributes.Plan`"
            .to_owned(),
    };
    diagnostics.push(name.at, format!("`{setting}`: unknown field `{}`", escape(path)), "", help);
    false
}

fn check_repeats(columns: &[Spanned<String>], schema: &Schema, diagnostics: &mut Diagnostics<'_>) {
    for (number, name) in columns.iter().enumerate() {
        let path = name.value.trim();
        let is_repeated = columns.iter().take(number).any(|earlier| earlier.value.trim() == path);
        if is_repeated && !path.is_empty() && !may_repeat(path, schema) {
            let help = "only names in `Attributes` and `User.UserAttributes` may repeat";
            diagnostics.push(
                name.at,
                format!("`columns` names `{}` twice", escape(path)),
                "",
                help,
            );
        }
    }
}

pub(super) fn may_repeat(path: &str, schema: &Schema) -> bool {
    let maps = schema.maps.iter().filter_map(|map| schema.nodes.get(*map));
    let mut lists = maps.filter(|node| node.shape == Shape::Lists);
    lists.any(|node| path.strip_prefix(&node.path).is_some_and(|below| below.starts_with('.')))
}

/// Checks a constant against the field's enum: an unknown word would reject every record.
pub(super) fn check_value(
    (field, value): &Pair,
    schema: &Schema,
    diagnostics: &mut Diagnostics<'_>,
) {
    let Some(node) = schema.node(&field.value).and_then(|node| schema.nodes.get(node)) else {
        return;
    };
    for check in &node.checks {
        if let Test::Enum(words) = &check.test
            && !words.contains(&value.value)
        {
            let what = format!("`{}` can't be `{}`", field.value, escape(&value.value));
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            diagnostics.push(value.at, what, "", format!("use one of {}", words.join(", ")));
        }
    }
}

/// Checks that a constant is not one of the columns too.
pub(super) fn check_apart(
    (field, _): &Pair,
    columns: &[Spanned<String>],
    diagnostics: &mut Diagnostics<'_>,
) {
    if columns.iter().any(|column| column.value.trim() == field.value) {
        let what = format!("`{}` is both a constant and one of the `columns`", field.value);
        diagnostics.push(field.at, what, "", "remove one of them");
    }
}
