//! Checks the blocks of `[[input.endpoint]]`: their names are those of fields, no column belongs to two
//! of them, and the endpoints of a row have different ids.

use super::cover::Cover;
use super::input_columns::{check_apart, check_name, check_rename, check_value, may_repeat};
use crate::definition::document::{Diagnostics, Origin, Spanned, escape};
use crate::definition::{Definition, EndpointSpec, OpSpec, Pair, Purpose};
use crate::schema::{Role, Schema};

/// Checks all blocks.
pub(super) fn check(
    cover: &Cover,
    definition: &Definition,
    schema: &Schema,
    diagnostics: &mut Diagnostics<'_>,
) {
    let blocks = &definition.input.endpoints;
    for block in blocks {
        check_rename(&block.rename, schema, diagnostics);
        check_targets(block, definition, schema, diagnostics);
        for constant in &block.constants {
            check_constant(constant, definition, schema, diagnostics);
        }
    }
    check_columns(definition, diagnostics);
    if !blocks.is_empty() {
        check_shared_address(definition, schema, diagnostics);
    }
    let id = cover.node_rules.get(schema.role(Role::Id)).copied().flatten();
    let id = id.and_then(|rule| definition.rules.get(rule)?.op.as_ref());
    if 1 < blocks.len() && id != Some(&OpSpec::Drop) {
        check_ids(definition, schema, diagnostics);
    }
}

/// Checks that each field of a block has one column or constant.
fn check_targets(
    block: &EndpointSpec,
    definition: &Definition,
    schema: &Schema,
    diagnostics: &mut Diagnostics<'_>,
) {
    let address = schema.role_path(Role::Address);
    for (number, (_, to)) in block.rename.iter().enumerate() {
        let mut earlier = block.rename.iter().take(number);
        let mut constants = block.constants.iter().chain(&definition.input.columns.constants);
        let what = if to.value == address {
            format!("a block has one `{address}`, that of its `address`")
        } else if constants.any(|(field, _)| field.value == to.value) {
            format!("`{}` is both a constant and renamed to", escape(&to.value))
        } else if !may_repeat(&to.value, schema)
            && !to.value.ends_with('*')
            && earlier.any(|(_, earlier)| earlier.value == to.value)
        {
            format!("a block renames two columns to `{}`", escape(&to.value))
        } else {
            continue;
        };
        diagnostics.push(to.at, what, "", "remove one of them");
    }
}

/// Checks a constant of a block.
fn check_constant(
    constant: &Pair,
    definition: &Definition,
    schema: &Schema,
    diagnostics: &mut Diagnostics<'_>,
) {
    let (field, _) = constant;
    let spec = &definition.input.columns;
    if field.value == schema.role_path(Role::Address) {
        let help = "name the column with the addresses in `address`";
        diagnostics.push(field.at, "an address can't be a constant of a block", "", help);
    } else if spec.constants.iter().any(|(shared, _)| shared.value == field.value) {
        let what = format!(
            "`{}` is a constant of a block and under `[input.constants]`",
            escape(&field.value)
        );
        diagnostics.push(field.at, what, "", "remove one of them");
    } else if check_name("constants", field, false, schema, diagnostics) {
        check_value(constant, schema, diagnostics);
        check_apart(constant, spec.columns.as_deref().unwrap_or_default(), diagnostics);
    }
}

/// Checks that each column that a block names belongs to that block alone, and is one of `columns`
/// where these are written.
fn check_columns(definition: &Definition, diagnostics: &mut Diagnostics<'_>) {
    let input = &definition.input;
    let all = input.endpoints.iter().flat_map(EndpointSpec::columns);
    for (number, column) in all.clone().enumerate() {
        let name = &column.value;
        let is_same = |other: &&Spanned<String>| other.value == *name;
        let is_in = |mut names: std::slice::Iter<'_, Spanned<String>>| {
            names.any(|other| other.value.trim() == name)
        };
        let (what, help) = if all.clone().take(number).any(|earlier| is_same(&earlier)) {
            ("is named twice by `[[input.endpoint]]`", "a column belongs to one block, and once")
        } else if input.columns.rename.iter().any(|(from, _)| is_same(&from)) {
            let help = "remove it there: a column that a block names belongs to that block alone";
            ("is also renamed by `[input.rename]`", help)
        } else if is_in(input.ignore.iter()) {
            ("is also listed in `ignore`", "remove one of them")
        } else if input.columns.columns.as_ref().is_some_and(|columns| !is_in(columns.iter())) {
            ("is not one of the `columns`", "name the column as `columns` does")
        } else {
            continue;
        };
        diagnostics.push(column.at, format!("the column `{}` {what}", escape(name)), "", help);
    }
}

/// Checks that nothing that all blocks share is an address.
fn check_shared_address(
    definition: &Definition,
    schema: &Schema,
    diagnostics: &mut Diagnostics<'_>,
) {
    let address = schema.role_path(Role::Address);
    for (at, _) in shared(definition, address) {
        let what = format!("each `[[input.endpoint]]` has its own `{address}`");
        diagnostics.push(at, what, "", "remove this one, or make it the `address` of a block");
    }
}

/// Checks that the blocks have different ids: an import would write one endpoint over the other.
fn check_ids(definition: &Definition, schema: &Schema, diagnostics: &mut Diagnostics<'_>) {
    let (id, user) = (schema.role_path(Role::Id), schema.role_path(Role::UserId));
    let what = format!("several `[[input.endpoint]]` have the same `{id}`");
    let help = format!(
        "give each its own, or none; what stands for the person is `{user}`, which they may share"
    );
    for (at, _) in shared(definition, id) {
        diagnostics.push(at, what.clone(), "", help.clone());
    }
    let constants = || {
        let all = definition.input.endpoints.iter().flat_map(|block| &block.constants);
        all.filter(|(field, _)| field.value == id)
    };
    for (number, (_, value)) in constants().enumerate() {
        if constants().take(number).any(|(_, earlier)| earlier.value == value.value) {
            diagnostics.push(value.at, what.clone(), "", help.clone());
        }
    }
}

/// Where the definition gives all blocks a field: a renamed column, a constant, or one of `columns`.
fn shared<'d>(definition: &'d Definition, field: &str) -> Vec<(Origin, &'d str)> {
    let spec = &definition.input.columns;
    let renamed = spec.rename.iter().filter(|(_, to)| to.value == field).map(|(from, _)| from);
    let constant = spec.constants.iter().map(|(name, _)| name);
    let columns = spec.columns.iter().flatten();
    let of_field = constant.chain(columns).filter(|name| name.value.trim() == field);
    let of_field = of_field.filter(|name| !definition.input.is_of_endpoint(name.value.trim()));
    renamed.chain(of_field).map(|name| (name.at, name.value.as_str())).collect()
}

/// The warning if messages are sent, and some of the blocks have an opt-out of their own: the others
/// then have none, since all that share one column could not.
pub(super) fn warning(definition: &Definition, schema: &Schema) -> Option<String> {
    let path = schema.role_path(Role::OptOut);
    let blocks = &definition.input.endpoints;
    let has_own = |block: &&EndpointSpec| {
        block.rename.iter().any(|(_, to)| to.value == path)
            || block.constants.iter().any(|(field, _)| field.value == path)
    };
    if definition.purpose != Some(Purpose::Messaging) || !blocks.iter().any(|b| has_own(&b)) {
        return None;
    }
    let without = (1..).zip(blocks).filter(|(_, block)| !has_own(block));
    let without: Vec<String> = without.map(|(number, _): (usize, _)| number.to_string()).collect();
    (!without.is_empty()).then(|| {
        format!(
            "`[[input.endpoint]]` {} names no column for `{path}`, and others do: its endpoints are \
             written without an opt-out",
            without.join(", ")
        )
    })
}
