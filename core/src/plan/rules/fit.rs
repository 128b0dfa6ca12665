//! Checks that operations and their parameters fit the fields that their rules govern.

use super::cover::{Cover, Governed};
use crate::definition::document::{
    Diagnostics, Spanned, escape, expected_one_of, guess, listed, quoted,
};
use crate::definition::{Definition, MapSpec, OpKind, OpSpec, ValueKind};
use crate::schema::{Check, Format, Node, Role, Schema, Shape, Test};
use crate::transform::Other;

/// What a field's values are, as far as operations differ by it; `None` if it has no rule of its own.
fn value_kind(node: &Node) -> Option<ValueKind> {
    match node.shape {
        Shape::Lists => Some(ValueKind::Texts),
        Shape::Numbers => Some(ValueKind::Metric),
        Shape::Number => Some(ValueKind::Coordinate),
        Shape::Object | Shape::ExportOnly => None,
        Shape::Text => Some(text_kind(&node.checks)),
    }
}

fn text_kind(checks: &[Check]) -> ValueKind {
    checks.iter().fold(ValueKind::Text, |kind, check| match &check.test {
        Test::Enum(_) | Test::Format(Format::Country | Format::Locale | Format::Timezone) => {
            ValueKind::Code
        }
        Test::Format(Format::Date) => ValueKind::Date,
        Test::Format(Format::Email | Format::Phone)
        | Test::Pattern(_)
        | Test::Range { .. }
        | Test::NotEmpty => kind,
    })
}

/// Whether a field has one text, such as an identifier.
pub(super) fn has_one_text(node: &Node) -> bool {
    value_kind(node) == Some(ValueKind::Text)
}

pub(super) fn fits(op: OpKind, node: &Node) -> bool {
    value_kind(node).is_some_and(|values| op.fits(values))
}

/// The operations that fit a field, for messages: "`keep`, `drop` and `map`".
fn fitting(node: &Node) -> String {
    let named = |op: &OpKind| format!("`{}`", op.name());
    let (fitting, others): (Vec<OpKind>, _) =
        OpKind::ALL.into_iter().partition(|op| fits(*op, node));
    match (fitting.split_last(), others.as_slice()) {
        (_, [other]) => format!("every operation except {}", named(other)),
        (Some((last, first)), _) if !first.is_empty() => {
            let first: Vec<String> = first.iter().map(named).collect();
            format!("{} and {}", first.join(", "), named(last))
        }
        (Some((only, _)), _) => named(only),
        (None, _) => "no operation".to_owned(),
    }
}

/// Checks that each operation fits all fields that its rule governs.
pub(super) fn operations(
    cover: &Cover,
    definition: &Definition,
    schema: &Schema,
    diagnostics: &mut Diagnostics<'_>,
) {
    let governed = cover.governed(schema);
    for (number, rule) in definition.rules.iter().enumerate() {
        let Some(op) = &rule.op else { continue };
        let of_rule = governed.iter().filter(|field| field.rule == Some(number));
        let unfit: Vec<&Governed<'_>> =
            of_rule.filter(|field| !fits(op.kind(), field.node)).collect();
        let Some(first) = unfit.first() else { continue };
        let paths = listed(unfit.iter().map(|field| field.path.as_str()));
        let allowed = fitting(first.node);
        let help = if first.path == rule.path.value {
            format!("it takes {allowed}")
        } else {
            format!("`{}` takes {allowed}: write a separate rule for each field", first.path)
        };
        diagnostics.push(rule.at, format!("`{}` does not fit {paths}", op.name()), "", help);
    }
}

/// Checks that `redact` does not empty a field that must have a text.
pub(super) fn redacted(
    cover: &Cover,
    definition: &Definition,
    schema: &Schema,
    diagnostics: &mut Diagnostics<'_>,
) {
    let needs_text =
        |node: &Node| node.checks.iter().any(|check| matches!(check.test, Test::NotEmpty));
    let governed = cover.governed(schema);
    for (number, rule) in definition.rules.iter().enumerate() {
        let Some(OpSpec::Redact { text }) = &rule.op else { continue };
        let mut of_rule = governed.iter().filter(|field| field.rule == Some(number));
        if text.is_empty()
            && let Some(field) = of_rule.find(|field| needs_text(field.node))
        {
            let what = format!("`{}` can't be empty", field.path);
            diagnostics.push(rule.at, what, "", "set `text` to a text, or drop the field");
        }
    }
}

/// Checks that the field accepts every text that a `map` can give.
pub(super) fn maps(
    cover: &Cover,
    definition: &Definition,
    schema: &Schema,
    diagnostics: &mut Diagnostics<'_>,
) {
    let governed = cover.governed(schema);
    for (number, rule) in definition.rules.iter().enumerate() {
        let Some(OpSpec::Map(spec)) = &rule.op else { continue };
        for to in results(spec) {
            let field = governed.iter().find(|field| {
                field.rule == Some(number) && failed_check(field.node, &to.value, schema).is_some()
            });
            if let Some(field) = field
                && let Some(check) = failed_check(field.node, &to.value, schema)
            {
                let what = format!("`{}` can't be {}", field.path, quoted(&to.value));
                diagnostics.push(to.at, what, "", advice(check, &to.value));
            }
        }
    }
}

/// Warns of values in the table of a `map` that are never looked up: they are invalid in its field,
/// and values are checked before they are mapped.
pub(super) fn unmapped(cover: &Cover, definition: &Definition, schema: &Schema) -> Vec<String> {
    let governed = cover.governed(schema);
    let mut warnings = Vec::new();
    for (number, rule) in definition.rules.iter().enumerate() {
        let Some(OpSpec::Map(spec)) = &rule.op else { continue };
        let mut of_rule = governed.iter().filter(|field| field.rule == Some(number));
        let Some(field) = of_rule.next() else { continue };
        let is_invalid = |from: &&(String, Spanned<String>)| {
            !from.0.is_empty() && failed_check(field.node, &from.0, schema).is_some()
        };
        warnings.extend(spec.table.iter().filter(is_invalid).map(|(from, _)| {
            format!(
                "`map` never sees {} in `{}`: the field can't have it, and its record is rejected before",
                quoted(from),
                escape(&field.path)
            )
        }));
    }
    warnings
}

/// The texts that a `map` can give.
fn results(spec: &MapSpec) -> Vec<Spanned<String>> {
    let mut results: Vec<Spanned<String>> = spec.table.iter().map(|(_, to)| to.clone()).collect();
    if let Other::Text(text) = &spec.other {
        results.push(Spanned { value: text.clone(), at: spec.other_at });
    }
    results
}

/// The first check of a field that a text fails.
fn failed_check<'n>(node: &'n Node, text: &str, schema: &Schema) -> Option<&'n Check> {
    node.checks.iter().find(|check| match &check.test {
        Test::Enum(words) => !words.iter().any(|word| word == text),
        Test::Format(format) => !format.check(text.as_bytes(), &schema.target.formats),
        Test::Pattern(pattern) => !pattern.is_match(text),
        Test::NotEmpty => text.is_empty(),
        Test::Range { .. } => false,
    })
}

/// What a text has to be to pass a check.
fn advice(check: &Check, text: &str) -> String {
    match &check.test {
        Test::Enum(words) => {
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            format!("{}{}", guess(text, words.iter().copied()), expected_one_of(&words))
        }
        Test::Format(Format::Country) => "write two letters of ISO 3166-1, such as `US`".to_owned(),
        Test::NotEmpty => "write a text, or drop such values with `other = \"drop\"`".to_owned(),
        Test::Format(_) | Test::Pattern(_) | Test::Range { .. } => {
            format!("`segprep schema endpoint` shows what it takes: {}", check.rule)
        }
    }
}

/// Checks that the field `by` of each `date_shift` has one text.
pub(super) fn shifts(definition: &Definition, schema: &Schema, diagnostics: &mut Diagnostics<'_>) {
    for spec in definition.rules.iter().filter_map(|rule| rule.op.as_ref()?.as_shift()) {
        let Some(Spanned { value: by, at }) = &spec.by else { continue };
        let node = schema.node(by).and_then(|node| schema.nodes.get(node));
        if node.is_some_and(has_one_text) {
            continue;
        }
        let texts = schema.nodes.iter().filter(|node| has_one_text(node));
        let guess = guess(by, texts.map(|node| node.path.as_str()));
        let [user, id, address] =
            [Role::UserId, Role::Id, Role::Address].map(|role| schema.role_path(role));
        let help = format!(
            "{guess}name a field that has one text, such as `{user}`, `{id}` or `{address}`"
        );
        let what = format!("`by` can't be `{}`", escape(by));
        diagnostics.push(*at, what, "", help);
    }
}
