//! Checks that rules with the same join have the same settings.

use std::collections::BTreeMap;

use super::cover::Cover;
use crate::definition::document::{Diagnostics, Origin, escape};
use crate::definition::{Definition, FieldRule, HmacSpec, OpSpec, ShiftSpec};
use crate::plan::RuleIx;
use crate::schema::Schema;

/// A join that a rule uses, with its settings.
struct JoinUse<'r> {
    join: String,
    rule: &'r FieldRule,
    spec: &'r HmacSpec,
}

/// Checks the joins of `hmac`: fields that share one have to get the same tokens.
pub(super) fn joins(
    cover: &Cover,
    definition: &Definition,
    schema: &Schema,
    diagnostics: &mut Diagnostics<'_>,
) {
    let mut first_uses: BTreeMap<String, (&FieldRule, &HmacSpec)> = BTreeMap::new();
    let mut reported: Vec<Origin> = Vec::new();
    for JoinUse { join, rule, spec } in join_uses(cover, definition, schema) {
        let (other, first) = *first_uses.entry(join.clone()).or_insert((rule, spec));
        if !first.makes_the_tokens_of(spec) && !reported.contains(&rule.at) {
            reported.push(rule.at);
            push_difference(
                &join,
                rule,
                other,
                "`bits`, `encoding`, `normalize` and `scope`",
                diagnostics,
            );
        }
    }
}

fn push_difference(
    join: &str,
    rule: &FieldRule,
    other: &FieldRule,
    settings: &str,
    diagnostics: &mut Diagnostics<'_>,
) {
    let what = format!("the join `{}` is used with different settings", escape(join));
    let help = format!(
        "`{}` ({}) has others: give both the same {settings}, or one of them another `join`",
        escape(&other.path.value),
        diagnostics.describe_place(other.at),
    );
    diagnostics.push(rule.at, what, "", help);
}

/// Checks the joins of `date_shift`: dates that share one have to move alike for a person.
pub(super) fn shifts(definition: &Definition, schema: &Schema, diagnostics: &mut Diagnostics<'_>) {
    let mut first_uses: BTreeMap<&str, (&FieldRule, &ShiftSpec)> = BTreeMap::new();
    for rule in &definition.rules {
        let Some(spec) = rule.op.as_ref().and_then(OpSpec::as_shift) else { continue };
        let Some(join) = &spec.join else { continue };
        let (other, first) = *first_uses.entry(join).or_insert((rule, spec));
        if (first.days, first.by(schema)) != (spec.days, spec.by(schema)) {
            push_difference(join, rule, other, "`days` and `by`", diagnostics);
        }
    }
}

/// The joins that are known without the data, in the order of the rules.
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
                // The names in the data are not known. But a written join that is the path of such a
                // name would be shared with it.
                let shared = named.iter().filter(|join| governs(cover, schema, number, join));
                uses.extend(shared.map(|join| JoinUse { join: (*join).to_owned(), rule, spec }));
            } else {
                uses.push(JoinUse { join: field.path.clone(), rule, spec });
            }
        }
    }
    uses
}

/// The rules with `hmac`, with their indices and parameters.
pub(super) fn hmac_rules(
    definition: &Definition,
) -> impl Iterator<Item = (RuleIx, &FieldRule, &HmacSpec)> {
    definition
        .rules
        .iter()
        .enumerate()
        .filter_map(|(number, rule)| Some((number, rule, rule.op.as_ref()?.token_settings()?)))
}

/// Whether a path is that of a name in a map, and the rule governs that name.
fn governs(cover: &Cover, schema: &Schema, rule: RuleIx, path: &str) -> bool {
    let maps = schema.maps.iter().filter_map(|map| schema.nodes.get(*map)).zip(&cover.map_rules);
    maps.filter_map(|(map, rules)| {
        Some((path.strip_prefix(map.path.as_str())?.strip_prefix('.')?, rules))
    })
    .any(|(name, rules)| rules.find(name) == Some(rule))
}
