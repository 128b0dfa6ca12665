//! Checks the outputs of profiles: what they are for, and the fields that they are limited to.

use super::cover::Cover;
use super::pattern::Pattern;
use crate::definition::document::Diagnostics;
use crate::definition::{Definition, OpSpec, Output, PartLayout, Purpose};
use crate::schema::{Role, Schema};

pub(super) fn check(
    cover: &Cover,
    definition: &Definition,
    schema: &Schema,
    diagnostics: &mut Diagnostics<'_>,
) {
    let has_profiles = |output: &&Output| output.format.layout() == PartLayout::Profiles;
    for output in definition.outputs.iter().filter(has_profiles) {
        if definition.purpose == Some(Purpose::Analytics) {
            let what = format!("`{}` is for people who get messages", output.format.name());
            let help = "write `purpose = \"messaging\"`, or another format for analytics";
            diagnostics.push(output.format_at, what, "", help);
        }
        check_fields(output, schema, diagnostics);
        check_key(output, cover, definition, schema, diagnostics);
    }
}

fn check_fields(output: &Output, schema: &Schema, diagnostics: &mut Diagnostics<'_>) {
    let fields = output.profiles.as_ref().and_then(|settings| settings.fields.as_ref());
    for field in fields.into_iter().flatten() {
        if let Err((what, help)) = Pattern::of(&field.value, schema) {
            diagnostics.push(field.at, what, "", help);
        }
    }
}

/// Checks that something says which records belong to one profile.
fn check_key(
    output: &Output,
    cover: &Cover,
    definition: &Definition,
    schema: &Schema,
    diagnostics: &mut Diagnostics<'_>,
) {
    let is_left = |role: Role| {
        let rule = cover.node_rules.get(schema.role(role)).copied().flatten();
        let op = rule.and_then(|rule| definition.rules.get(rule)?.op.as_ref());
        op != Some(&OpSpec::Drop)
    };
    let fields = output.profiles.as_ref().and_then(|settings| settings.fields.as_ref());
    let has = |role: Role| {
        let path = schema.role_path(role);
        let covers = |field: &str| match field.strip_suffix('*') {
            Some(prefix) => path.starts_with(prefix),
            None => field == path,
        };
        is_left(role) && fields.is_none_or(|fields| fields.iter().any(|field| covers(&field.value)))
    };
    let [user, id] = [Role::UserId, Role::Id];
    if has(user) || has(id) {
        return;
    }
    let (user, id) = (schema.role_path(user), schema.role_path(id));
    let what = format!("profiles need `{user}` or `{id}`, and the output has neither");
    let help = format!(
        "keep `{user}`, or replace it with `{{ op = \"hmac\" }}`; if the output has `fields`, add it there"
    );
    diagnostics.push(output.format_at, what, "", help);
}
