//! What can't be meant by a definition whose rules each name fields.

use std::collections::BTreeMap;

use super::cover::{Cover, Governed};
use crate::encode::PARQUET_PART_MIN;
use crate::pipeline::definition::{Definition, FieldRule, HmacSpec, KeyKind, OpSpec};
use crate::pipeline::nearest::listed;
use crate::pipeline::plan::{OutputFormat, Purpose, RuleIx};
use crate::pipeline::section::shown;
use crate::pipeline::size;
use crate::pipeline::source::{Faults, Origin};
use crate::schema::{Class, Format, Node, Schema, Shape, Test};

/// Under so many bits two people may come to share a token.
const BITS_MIN_WITHOUT_WARNING: usize = 96;

/// The field that deliveries go to.
const ADDRESS: &str = "Address";

/// Every field that identifies or describes a person has a rule.
pub(super) fn coverage(
    cover: &Cover,
    definition: &Definition,
    schema: &Schema,
    faults: &mut Faults<'_>,
) {
    let governed = cover.governed(schema);
    let needs_rule = |field: &&Governed<'_>| field.node.class != Class::Technical;
    let is_open = |field: &&Governed<'_>| field.rule.is_none();
    let open: Vec<&Governed<'_>> = governed.iter().filter(needs_rule).filter(is_open).collect();
    if open.is_empty() {
        return;
    }
    let mut paths: Vec<String> = Vec::new();
    for field in &open {
        let path = shortest_path(field, &governed, schema);
        if !paths.contains(&path) {
            paths.push(path);
        }
    }
    let what = format!("no rule covers {}", listed(paths.iter().map(String::as_str)));
    let help = format!(
        "decide on each, such as `{}`: what identifies or describes a person never passes by default",
        example(&open, &paths, definition, schema),
    );
    faults.push(definition.fields_at, what, "", help);
}

/// A rule that would cover the last of the open fields, and those beside it.
fn example(
    open: &[&Governed<'_>],
    paths: &[String],
    definition: &Definition,
    schema: &Schema,
) -> String {
    let last = open.last().and_then(|field| field.node.parent);
    let beside = open.iter().filter(|field| last.is_some() && field.node.parent == last).count();
    let parent = last.and_then(|parent| schema.nodes.get(parent)).filter(|_| beside > 1);
    let path = match parent {
        Some(parent) => format!("{}.*", parent.path),
        None => paths.last().cloned().unwrap_or_default(),
    };
    let is_address = path == ADDRESS && definition.purpose == Some(Purpose::Messaging);
    let op = if is_address { "keep" } else { "drop" };
    format!("\"{path}\" = \"{op}\"")
}

/// The path of a rule for an open field: over all of its object where that is as open as it.
fn shortest_path(field: &Governed<'_>, governed: &[Governed<'_>], schema: &Schema) -> String {
    let Some(parent) = field.node.parent else { return field.path.clone() };
    let beside = |other: &&Governed<'_>| other.node.parent == Some(parent);
    let all_open = governed
        .iter()
        .filter(beside)
        .all(|other| other.rule.is_none() && other.node.class != Class::Technical);
    match schema.nodes.get(parent) {
        Some(parent) if all_open => format!("{}.*", parent.path),
        _ => field.path.clone(),
    }
}

/// What a field's values are, for operations.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Takes {
    /// Anything but `date_trunc`.
    Text,
    /// Texts that may be dates.
    Anything,
    Date,
    /// Codes and numbers.
    KeepAndDrop,
}

/// Fields with codes for which the schema has no format yet.
const CODES: [&str; 2] = ["Demographic.Locale", "Demographic.Timezone"];

fn takes(node: &Node) -> Takes {
    match node.shape {
        Shape::Lists => Takes::Anything,
        Shape::Number | Shape::Numbers | Shape::Object | Shape::ExportOnly => Takes::KeepAndDrop,
        Shape::Text if CODES.contains(&node.path.as_str()) => Takes::KeepAndDrop,
        Shape::Text => node.checks.iter().fold(Takes::Text, |takes, check| match &check.test {
            Test::Enum(_) | Test::Format(Format::Country) => Takes::KeepAndDrop,
            Test::Format(Format::Date) => Takes::Date,
            Test::Format(Format::Email | Format::Phone)
            | Test::Pattern(_)
            | Test::Range { .. }
            | Test::NotEmpty => takes,
        }),
    }
}

impl Takes {
    fn fits(self, op: &OpSpec) -> bool {
        match op {
            OpSpec::Keep | OpSpec::Drop => true,
            OpSpec::Redact { .. } | OpSpec::Mask { .. } | OpSpec::Hmac(_) => {
                matches!(self, Takes::Text | Takes::Anything)
            }
            OpSpec::DateTrunc(_) => matches!(self, Takes::Date | Takes::Anything),
        }
    }

    fn in_words(self) -> &'static str {
        match self {
            Takes::Text => "`keep`, `drop`, `redact`, `mask` and `hmac`",
            Takes::Anything => "every operation",
            Takes::Date => "`keep`, `drop` and `date_trunc`",
            Takes::KeepAndDrop => "`keep` and `drop`",
        }
    }
}

/// Every operation fits all fields that its rule governs.
pub(super) fn operations(
    cover: &Cover,
    definition: &Definition,
    schema: &Schema,
    faults: &mut Faults<'_>,
) {
    let governed = cover.governed(schema);
    for (number, rule) in definition.rules.iter().enumerate() {
        let Some(op) = &rule.op else { continue };
        let of_rule = governed.iter().filter(|field| field.rule == Some(number));
        let unfit: Vec<&Governed<'_>> =
            of_rule.filter(|field| !takes(field.node).fits(op)).collect();
        let Some(first) = unfit.first() else { continue };
        let paths = listed(unfit.iter().map(|field| field.path.as_str()));
        let allowed = takes(first.node).in_words();
        let help = if first.path == rule.path.value {
            format!("it takes {allowed}")
        } else {
            format!("`{}` takes {allowed}: give each a rule of its own", first.path)
        };
        faults.push(rule.at, format!("`{}` does not fit {paths}", op.name()), "", help);
    }
}

/// The address is what the purpose needs it to be.
pub(super) fn address(
    cover: &Cover,
    definition: &Definition,
    schema: &Schema,
    faults: &mut Faults<'_>,
) {
    let number =
        schema.node(ADDRESS).and_then(|node| cover.node_rules.get(node).copied().flatten());
    let Some(rule) = number.and_then(|number| definition.rules.get(number)) else { return };
    let (Some(op), Some(purpose)) = (&rule.op, definition.purpose) else { return };
    match (purpose, op) {
        (Purpose::Messaging, OpSpec::Keep) => {}
        (Purpose::Messaging, op) => {
            let what =
                format!("`{}` on `{ADDRESS}`, to which messages have to be delivered", op.name());
            let help = "write `\"Address\" = \"keep\"`, or `purpose = \"analytics\"` if nobody is written to";
            faults.push(rule.at, what, "", help);
        }
        (Purpose::Analytics, OpSpec::Keep) => {
            let what = format!("`{ADDRESS}` would leave in the clear");
            let help = "for analytics write `\"Address\" = { op = \"hmac\" }` or `\"drop\"`";
            faults.push(rule.at, what, "", help);
        }
        (Purpose::Analytics, _) => {}
    }
}

/// A join with its settings, as one rule has it.
struct JoinUse<'r> {
    join: String,
    rule: &'r FieldRule,
    spec: &'r HmacSpec,
}

/// Fields that share a join make the same tokens, so they share its settings, too.
pub(super) fn joins(
    cover: &Cover,
    definition: &Definition,
    schema: &Schema,
    faults: &mut Faults<'_>,
) {
    let mut first_uses: BTreeMap<String, (&FieldRule, &HmacSpec)> = BTreeMap::new();
    let mut reported: Vec<Origin> = Vec::new();
    for JoinUse { join, rule, spec } in join_uses(cover, definition, schema) {
        let (other, first) = *first_uses.entry(join.clone()).or_insert((rule, spec));
        let differs = first.scope != spec.scope || first.shape != spec.shape;
        if differs && !reported.contains(&rule.at) {
            reported.push(rule.at);
            let what = format!("the join `{}` is used with two settings", shown(&join));
            let help = format!(
                "`{}` ({}) has others: give both the same `bits`, `encoding` and `scope`, or another `join`",
                shown(&other.path.value),
                faults.place_in_words(other.at),
            );
            faults.push(rule.at, what, "", help);
        }
    }
}

/// Every join that is known before the data is, in the order of the rules.
fn join_uses<'r>(cover: &Cover, definition: &'r Definition, schema: &Schema) -> Vec<JoinUse<'r>> {
    let governed = cover.governed(schema);
    let named: Vec<&str> =
        hmac_rules(definition).filter_map(|(_, _, spec)| spec.join.as_deref()).collect();
    let mut uses = Vec::new();
    for (number, rule, spec) in hmac_rules(definition) {
        if let Some(join) = &spec.join {
            uses.push(JoinUse { join: join.clone(), rule, spec });
            continue;
        }
        for field in governed.iter().filter(|field| field.rule == Some(number)) {
            if field.is_wild {
                // Which names the data has is not known; that a join is named like one of them is.
                let of_field = named.iter().filter(|join| governs(cover, schema, number, join));
                uses.extend(of_field.map(|join| JoinUse { join: (*join).to_owned(), rule, spec }));
            } else {
                uses.push(JoinUse { join: field.path.clone(), rule, spec });
            }
        }
    }
    uses
}

fn hmac_rules(definition: &Definition) -> impl Iterator<Item = (RuleIx, &FieldRule, &HmacSpec)> {
    definition.rules.iter().enumerate().filter_map(|(number, rule)| match &rule.op {
        Some(OpSpec::Hmac(spec)) => Some((number, rule, spec)),
        _ => None,
    })
}

/// Whether a rule governs the name of a map that has this path.
fn governs(cover: &Cover, schema: &Schema, rule: RuleIx, path: &str) -> bool {
    let maps = schema.maps.iter().filter_map(|map| schema.nodes.get(*map)).zip(&cover.map_rules);
    maps.filter_map(|(map, rules)| {
        Some((path.strip_prefix(map.path.as_str())?.strip_prefix('.')?, rules))
    })
    .any(|(name, rules)| rules.find(name) == Some(rule))
}

/// A token needs a key.
pub(super) fn keys(definition: &Definition, faults: &mut Faults<'_>) {
    if definition.keys.is_there {
        return;
    }
    if let Some((_, rule, _)) = hmac_rules(definition).next() {
        let help = "write `[keys]`, and below it `current = \"k1\"` and `k1 = \"env:NAME\"`; `segprep key new` prints a key";
        faults.push(rule.at, "`hmac` needs a key, and the definition names none", "", help);
    }
}

/// No part is larger than an import job takes, and one of Parquet has room for its own footer.
pub(super) fn part_sizes(definition: &Definition, schema: &Schema, faults: &mut Faults<'_>) {
    let most = schema.target.job.bytes;
    for output in &definition.outputs {
        let Some(size) = &output.max_bytes else { continue };
        if output.format.is_import() && most < size.value {
            let help = format!("an import job takes at most {}", size::in_words(most));
            faults.push(size.at, "`max_bytes` is over what the target takes", "", help);
        }
        if output.format == OutputFormat::Parquet && size.value < PARQUET_PART_MIN {
            let help = format!("a part takes at least {}", size::in_words(PARQUET_PART_MIN));
            faults.push(size.at, "`max_bytes` is too little for Parquet", "", help);
        }
    }
}

/// What is allowed but should be known by whoever relies on the output.
pub(super) fn warnings(cover: &Cover, definition: &Definition, schema: &Schema) -> Vec<String> {
    let mut warnings = Vec::new();
    let current = definition.keys.current.as_ref();
    let source = definition.keys.sources.iter().find(|source| Some(&source.id) == current);
    if let Some(source) = source.filter(|source| source.kind == KeyKind::Demo) {
        warnings.push(format!(
            "the key `{}` is the published demo key: tokens made with it protect nobody",
            source.id
        ));
    }
    for (_, rule, spec) in hmac_rules(definition) {
        let bits = spec.shape.bits();
        if bits < BITS_MIN_WITHOUT_WARNING {
            warnings.push(format!(
                "`{}` makes tokens of {bits} bits: under {BITS_MIN_WITHOUT_WARNING}, two people may come to share one",
                shown(&rule.path.value)
            ));
        }
    }
    let governed = cover.governed(schema);
    for (number, rule) in definition.rules.iter().enumerate() {
        let path = rule.path.value.as_str();
        if !governed.iter().any(|field| field.rule == Some(number)) {
            warnings.push(format!(
                "the rule `{}` governs no field: more specific rules take all of them",
                shown(path)
            ));
        }
    }
    warnings
}
