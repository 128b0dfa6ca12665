//! Which operations fit which fields, and whether their parameters fit the schema.

use super::cover::{Cover, Governed};
use crate::definition::document::nearest::{listed, nearest};
use crate::definition::document::section::{escape, quoted};
use crate::definition::document::source::{Diagnostics, Spanned};
use crate::definition::{Definition, MapSpec, OpSpec};
use crate::schema::{Check, Format, Node, Schema, Shape, Test};
use crate::transform::Other;

/// What a field's values are, for operations.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Takes {
    /// One text.
    Text,
    /// Texts that may be dates.
    Texts,
    Date,
    /// A word that others understand.
    Code,
    /// Numbers by name.
    Metric,
    Coordinate,
    Nothing,
}

fn takes(node: &Node) -> Takes {
    match node.shape {
        Shape::Lists => Takes::Texts,
        Shape::Numbers => Takes::Metric,
        Shape::Number => Takes::Coordinate,
        Shape::Object | Shape::ExportOnly => Takes::Nothing,
        Shape::Text => node.checks.iter().fold(Takes::Text, |takes, check| match &check.test {
            Test::Enum(_) | Test::Format(Format::Country | Format::Locale | Format::Timezone) => {
                Takes::Code
            }
            Test::Format(Format::Date) => Takes::Date,
            Test::Format(Format::Email | Format::Phone)
            | Test::Pattern(_)
            | Test::Range { .. }
            | Test::NotEmpty => takes,
        }),
    }
}

/// Whether a field holds one text, such as an identifier.
pub(crate) fn holds_one_text(node: &Node) -> bool {
    takes(node) == Takes::Text
}

impl Takes {
    fn fits(self, op: &OpSpec) -> bool {
        match op {
            OpSpec::Keep | OpSpec::Drop => true,
            OpSpec::Redact { .. }
            | OpSpec::Mask { .. }
            | OpSpec::Hmac(_)
            | OpSpec::Bucket { .. } => {
                matches!(self, Takes::Text | Takes::Texts)
            }
            OpSpec::Round(_) => matches!(self, Takes::Text | Takes::Texts | Takes::Metric),
            OpSpec::Map(_) => matches!(self, Takes::Text | Takes::Texts | Takes::Code),
            OpSpec::DateTrunc(_) | OpSpec::DateShift(_) => {
                matches!(self, Takes::Date | Takes::Texts)
            }
            OpSpec::Geo { .. } => self == Takes::Coordinate,
        }
    }

    fn describe(self) -> &'static str {
        match self {
            Takes::Text => "`keep`, `drop`, `redact`, `mask`, `hmac`, `round`, `bucket` and `map`",
            Takes::Texts => "every operation but `geo`",
            Takes::Date => "`keep`, `drop`, `date_trunc` and `date_shift`",
            Takes::Code => "`keep`, `drop` and `map`",
            Takes::Metric => "`keep`, `drop` and `round`",
            Takes::Coordinate => "`keep`, `drop` and `geo`",
            Takes::Nothing => "no operation",
        }
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
            of_rule.filter(|field| !takes(field.node).fits(op)).collect();
        let Some(first) = unfit.first() else { continue };
        let paths = listed(unfit.iter().map(|field| field.path.as_str()));
        let allowed = takes(first.node).describe();
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
        let by = spec.by.value.as_str();
        let node = schema.node(by).and_then(|node| schema.nodes.get(node));
        if node.is_some_and(holds_one_text) {
            continue;
        }
        let texts = schema.nodes.iter().filter(|node| holds_one_text(node));
        let guess = nearest(by, texts.map(|node| node.path.as_str()));
        let guess = guess.map(|meant| format!("did you mean `{meant}`? ")).unwrap_or_default();
        let help = format!(
            "{guess}name a field that holds one text, such as `User.UserId`, `Id` or `Address`"
        );
        let what = format!("`by` can't be `{}`", escape(by));
        faults.push(spec.by.at, what, "", help);
    }
}
