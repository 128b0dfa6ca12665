//! Checks the lists of a definition, and finds the settings with which their tokens were made.

use super::cover::Cover;
use super::fit::has_one_text;
use crate::definition::document::{Diagnostics, escape, guess};
use crate::definition::{Definition, HmacSpec, ListAction, ListForm, OpSpec, Suppression};
use crate::schema::{Role, Schema};
use crate::transform::{Already, Encoding, Normalize, Scope, TokenShape};

/// Checks that each list is about a field with one text, that there is a key for its tokens, and that
/// the rules keep what opts people out.
pub(super) fn check(
    cover: &Cover,
    definition: &Definition,
    schema: &Schema,
    diagnostics: &mut Diagnostics<'_>,
) {
    for list in &definition.suppress {
        check_field(list, schema, diagnostics);
        if list.form.value == ListForm::Token && !definition.keys.is_present {
            let help = "add `[keys]` with `current = \"k1\"` and `k1 = \"env:NAME\"`";
            let what = "a list of tokens needs a key, but the definition names none";
            diagnostics.push(list.form.at, what, "", help);
        }
        if list.action.value == ListAction::OptOut {
            check_opt_out(list, cover, definition, schema, diagnostics);
        }
    }
}

fn check_field(list: &Suppression, schema: &Schema, diagnostics: &mut Diagnostics<'_>) {
    let field = list.field.value.as_str();
    let node = schema.node(field).and_then(|node| schema.nodes.get(node));
    if node.is_some_and(has_one_text) {
        return;
    }
    let texts = schema.nodes.iter().filter(|node| has_one_text(node));
    let guess = guess(field, texts.map(|node| node.path.as_str()));
    let [address, id, user] =
        [Role::Address, Role::Id, Role::UserId].map(|role| schema.role_path(role));
    let help =
        format!("{guess}name a field that has one text, such as `{address}`, `{id}` or `{user}`");
    diagnostics.push(list.field.at, format!("`field` can't be `{}`", escape(field)), "", help);
}

/// Checks that the rules write the opt-out field as the list sets it.
fn check_opt_out(
    list: &Suppression,
    cover: &Cover,
    definition: &Definition,
    schema: &Schema,
    diagnostics: &mut Diagnostics<'_>,
) {
    let opt_out = schema.role_path(Role::OptOut);
    let rule = cover.node_rules.get(schema.role(Role::OptOut)).copied().flatten();
    let Some(rule) = rule.and_then(|rule| definition.rules.get(rule)) else { return };
    let Some(op) = rule.op.as_ref().filter(|op| **op != OpSpec::Keep) else { return };
    let line = diagnostics.describe_place(rule.at);
    let what = format!("`opt-out` sets `{opt_out}`, but `{}` ({line}) changes it", op.name());
    let help = format!("write `\"{opt_out}\" = \"keep\"`, or `action = \"drop\"`");
    diagnostics.push(list.action.at, what, "", help);
}

/// The settings with which the tokens of each list were made: those of the rule of its field; if the
/// list has a `join` or the field has no `hmac`, the default ones with that join or the field's path.
pub(super) fn tokens(cover: &Cover, definition: &Definition, schema: &Schema) -> Vec<HmacSpec> {
    let rule_of = |field: &str| {
        let rule =
            schema.node(field).and_then(|node| cover.node_rules.get(node).copied().flatten());
        rule.and_then(|rule| definition.rules.get(rule))?.op.as_ref()?.as_hmac()
    };
    let of_list = |list: &Suppression| {
        let own = rule_of(&list.field.value).filter(|_| list.join.is_none());
        let spec = own.cloned().unwrap_or_else(default_tokens);
        let join = spec.join.or_else(|| list.join.clone());
        HmacSpec { join: join.or_else(|| Some(list.field.value.clone())), ..spec }
    };
    definition.suppress.iter().map(of_list).collect()
}

fn default_tokens() -> HmacSpec {
    HmacSpec {
        join: None,
        scope: Scope::Person,
        shape: TokenShape::new(256, Encoding::Hex).expect("a token may have 256 bits"),
        normalize: Normalize::None,
        already: Already::Reject,
    }
}
