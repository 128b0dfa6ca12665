//! Which operations fit which fields, and whether their parameters fit the schema.

use super::cover::{Cover, Governed};
use crate::definition::document::nearest::{listed, nearest};
use crate::definition::document::section::{escape, quoted};
use crate::definition::document::source::{Diagnostics, Spanned};
use crate::definition::{Definition, MapSpec, OpKind, OpSpec, ValueKind};
use crate::schema::{Check, Format, Node, Role, Schema, Shape, Test};
use crate::transform::Other;

/// What a field's values are, for operations; `None` where no rule applies to it alone.
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

/// Whether a field holds one text, such as an identifier.
pub(crate) fn holds_one_text(node: &Node) -> bool {
    value_kind(node) == Some(ValueKind::Text)
}

fn fits(op: OpKind, node: &Node) -> bool {
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

/// Every operation fits all fields that its rule governs.
pub(crate) fn operations(
    cover: &Cover,
    definition: &Definition,
    schema: &Schema,
    faults: &mut Diagnostics<'_>,
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
            format!("`{}` takes {allowed}: give each a rule of its own", first.path)
        };
        faults.push(rule.at, format!("`{}` does not fit {paths}", op.name()), "", help);
    }
}

/// What `redact` gives is no empty text where there must be one.
pub(crate) fn redacted(
    cover: &Cover,
    definition: &Definition,
    schema: &Schema,
    faults: &mut Diagnostics<'_>,
) {
    let must_be_filled =
        |node: &Node| node.checks.iter().any(|check| matches!(check.test, Test::NotEmpty));
    let governed = cover.governed(schema);
    for (number, rule) in definition.rules.iter().enumerate() {
        let Some(OpSpec::Redact { text }) = &rule.op else { continue };
        let mut of_rule = governed.iter().filter(|field| field.rule == Some(number));
        if text.is_empty()
            && let Some(field) = of_rule.find(|field| must_be_filled(field.node))
        {
            let what = format!("`{}` can't be empty", field.path);
            faults.push(rule.at, what, "", "give `text` a text, or drop the field");
        }
    }
}

/// What a `map` gives is what its field may hold.
pub(crate) fn maps(
    cover: &Cover,
    definition: &Definition,
    schema: &Schema,
    faults: &mut Diagnostics<'_>,
) {
    let governed = cover.governed(schema);
    for (number, rule) in definition.rules.iter().enumerate() {
        let Some(OpSpec::Map(spec)) = &rule.op else { continue };
        for to in given_by(spec) {
            let field = governed.iter().find(|field| {
                field.rule == Some(number) && refusing(field.node, &to.value, schema).is_some()
            });
            if let Some(field) = field
                && let Some(check) = refusing(field.node, &to.value, schema)
            {
                let what = format!("`{}` can't be {}", field.path, quoted(&to.value));
                faults.push(to.at, what, "", advice(check, &to.value));
            }
        }
    }
}

/// Values in the table of a `map` that its field never has when it is mapped: what came in is
/// judged before.
pub(crate) fn unmapped(cover: &Cover, definition: &Definition, schema: &Schema) -> Vec<String> {
    let governed = cover.governed(schema);
    let mut warnings = Vec::new();
    for (number, rule) in definition.rules.iter().enumerate() {
        let Some(OpSpec::Map(spec)) = &rule.op else { continue };
        let mut of_rule = governed.iter().filter(|field| field.rule == Some(number));
        let Some(field) = of_rule.next() else { continue };
        let refused = |from: &&(String, Spanned<String>)| {
            !from.0.is_empty() && refusing(field.node, &from.0, schema).is_some()
        };
        warnings.extend(spec.table.iter().filter(refused).map(|(from, _)| {
            format!(
                "`{}` is never {} when it is mapped: it is judged before, and refused",
                escape(&field.path),
                quoted(from)
            )
        }));
    }
    warnings
}

/// The texts that a `map` puts in the place of others, each once.
fn given_by(spec: &MapSpec) -> Vec<Spanned<String>> {
    let mut given: Vec<Spanned<String>> = spec.table.iter().map(|(_, to)| to.clone()).collect();
    if let Other::Text(text) = &spec.other {
        given.push(Spanned { value: text.clone(), at: spec.other_at });
    }
    given
}

/// The check of a field that a text does not pass.
fn refusing<'n>(node: &'n Node, text: &str, schema: &Schema) -> Option<&'n Check> {
    node.checks.iter().find(|check| match &check.test {
        Test::Enum(words) => !words.iter().any(|word| word == text),
        Test::Format(format) => !format.check(text.as_bytes(), &schema.target.formats),
        Test::Pattern(pattern) => !pattern.is_match(text),
        Test::NotEmpty => text.is_empty(),
        Test::Range { .. } => false,
    })
}

fn advice(check: &Check, text: &str) -> String {
    match &check.test {
        Test::Enum(words) => {
            let words = || words.iter().map(String::as_str);
            let guess = nearest(text, words()).map(|meant| format!("did you mean `{meant}`? "));
            format!("{}it takes {}", guess.unwrap_or_default(), listed(words()))
        }
        Test::Format(Format::Country) => {
            "it takes two letters of ISO 3166-1, such as `US`".to_owned()
        }
        Test::NotEmpty => "write a text, or drop such values by `other = \"drop\"`".to_owned(),
        Test::Format(_) | Test::Pattern(_) | Test::Range { .. } => {
            format!("`segprep schema endpoint` shows what it takes: {}", check.rule)
        }
    }
}

/// What says whose a record is, is one text of it.
pub(crate) fn shifts(definition: &Definition, schema: &Schema, faults: &mut Diagnostics<'_>) {
    for spec in definition.rules.iter().filter_map(|rule| rule.op.as_ref()?.as_shift()) {
        let Some(Spanned { value: by, at }) = &spec.by else { continue };
        let node = schema.node(by).and_then(|node| schema.nodes.get(node));
        if node.is_some_and(holds_one_text) {
            continue;
        }
        let texts = schema.nodes.iter().filter(|node| holds_one_text(node));
        let guess = nearest(by, texts.map(|node| node.path.as_str()));
        let guess = guess.map(|meant| format!("did you mean `{meant}`? ")).unwrap_or_default();
        let [user, id, address] =
            [Role::UserId, Role::Id, Role::Address].map(|role| schema.role_path(role));
        let help = format!(
            "{guess}name a field that holds one text, such as `{user}`, `{id}` or `{address}`"
        );
        let what = format!("`by` can't be `{}`", escape(by));
        faults.push(*at, what, "", help);
    }
}
