//! Whether the lists of a definition can be looked up, and how their tokens were made.

use super::cover::Cover;
use super::fit::holds_one_text;
use crate::definition::document::nearest::nearest;
use crate::definition::document::section::escape;
use crate::definition::document::source::Diagnostics;
use crate::definition::{Definition, HmacSpec, ListAction, ListForm, OpSpec, Suppression};
use crate::schema::{Role, Schema};
use crate::transform::{Already, Encoding, Normalize, Scope, TokenShape};

/// Every list is about a field, its tokens have a key, and who is opted out stays so.
pub(crate) fn check(
    cover: &Cover,
    definition: &Definition,
    schema: &Schema,
    faults: &mut Diagnostics<'_>,
) {
    for list in &definition.suppress {
        check_field(list, schema, faults);
        if list.form.value == ListForm::Token && !definition.keys.is_there {
            let help = "write `[keys]`, and below it `current = \"k1\"` and `k1 = \"env:NAME\"`";
            let what = "a list of tokens needs a key, and the definition names none";
            faults.push(list.form.at, what, "", help);
        }
        if list.action.value == ListAction::OptOut {
            check_opt_out(list, cover, definition, schema, faults);
        }
    }
}

fn check_field(list: &Suppression, schema: &Schema, faults: &mut Diagnostics<'_>) {
    let field = list.field.value.as_str();
    let node = schema.node(field).and_then(|node| schema.nodes.get(node));
    if node.is_some_and(holds_one_text) {
        return;
    }
    let texts = schema.nodes.iter().filter(|node| holds_one_text(node));
    let guess = nearest(field, texts.map(|node| node.path.as_str()));
    let guess = guess.map(|meant| format!("did you mean `{meant}`? ")).unwrap_or_default();
    let [address, id, user] =
        [Role::Address, Role::Id, Role::UserId].map(|role| schema.role_path(role));
    let help =
        format!("{guess}name a field that holds one text, such as `{address}`, `{id}` or `{user}`");
    faults.push(list.field.at, format!("`field` can't be `{}`", escape(field)), "", help);
}

/// What is done to opt somebody out must reach the output.
fn check_opt_out(
    list: &Suppression,
    cover: &Cover,
    definition: &Definition,
    schema: &Schema,
    faults: &mut Diagnostics<'_>,
) {
    let opt_out = schema.role_path(Role::OptOut);
    let rule = cover.node_rules.get(schema.role(Role::OptOut)).copied().flatten();
    let Some(rule) = rule.and_then(|rule| definition.rules.get(rule)) else { return };
    let Some(op) = rule.op.as_ref().filter(|op| **op != OpSpec::Keep) else { return };
    let line = faults.describe_place(rule.at);
    let what =
        format!("`opt-out` needs `{opt_out}` as it is, and `{}` ({line}) changes it", op.name());
    let help = format!("write `\"{opt_out}\" = \"keep\"`, or `action = \"drop\"`");
    faults.push(list.action.at, what, "", help);
}

/// How the tokens of each list were made: as the rule of its field makes them, or by the default
/// settings under the written join or the field's path.
pub(crate) fn tokens(cover: &Cover, definition: &Definition, schema: &Schema) -> Vec<HmacSpec> {
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
