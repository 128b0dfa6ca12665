//! Describes what a definition does to every field. Needs no key and no data.

use std::collections::BTreeMap;

use super::cover::{Governed, governed};
use super::{Rules, repairs};
use crate::definition::{HmacSpec, OpSpec};
use crate::schema::{Class, Schema};
use crate::transform::Already;

/// What a definition does to every field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// In the schema's order. A map has a line for each of its rules: first those of whole names,
    /// then those of prefixes, the longest first.
    pub fields: Vec<FieldLine>,
    /// Sorted by join.
    pub joins: Vec<JoinGroup>,
    /// The repairs that are on, in the order in which they run: `country`, `phone (region US)`.
    pub repairs: Vec<String>,
    /// Checks that are stricter than the schema.
    pub stricter: Vec<String>,
}

impl Explanation {
    /// The fields that identify or describe a person and are written as they came in.
    pub fn personal_in_the_clear(&self) -> impl Iterator<Item = &FieldLine> {
        let of_a_person = |field: &&FieldLine| field.class != Class::Technical;
        self.fields.iter().filter(|field| field.in_the_clear).filter(of_a_person)
    }

    /// The fields that are written with less information than they came in with.
    pub fn lossy(&self) -> impl Iterator<Item = &FieldLine> {
        self.fields.iter().filter(|field| field.is_lossy)
    }

    /// The fields whose output changes with the current key.
    pub fn changed_by_a_key(&self) -> impl Iterator<Item = &FieldLine> {
        self.fields.iter().filter(|field| field.needs_key)
    }
}

/// One field, or the names of a map that share a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldLine {
    /// `User.UserId`, `Attributes.Plan`, `Attributes.*`.
    pub path: String,
    pub class: Class,
    /// The path of the rule.
    pub rule: String,
    /// `mask (keeps first 1)`.
    pub op: String,
    /// Where in the definition the rule is, such as `line 7`; `None` for a default of the schema.
    pub origin: Option<String>,
    /// Whether it is written as it came in, or all of it but what detectors find.
    pub in_the_clear: bool,
    /// Whether two values may become the same; false for what is dropped.
    pub is_lossy: bool,
    /// Whether the output changes with the current key.
    pub needs_key: bool,
}

/// Fields whose tokens can be joined: equal values of them have equal tokens. Tokens from elsewhere can
/// be joined too, if they were made with the same key, join and scope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JoinGroup {
    /// The join; a path with `*` for names that each have their own.
    pub join: String,
    /// `256 bits, hex`.
    pub settings: String,
    pub fields: Vec<String>,
    /// Whether each name has its own join, so that none can be joined with another.
    pub apart: bool,
}

pub(super) fn explain(rules: &Rules, schema: &Schema) -> Explanation {
    let mut fields = Vec::new();
    let mut joins: BTreeMap<String, JoinGroup> = BTreeMap::new();
    for field in governed(&rules.node_rules, &rules.map_rules, schema) {
        let Some(rule) = field.rule.and_then(|rule| rules.rules.get(rule)) else { continue };
        if let Some(spec) = rule.op.token_settings() {
            let join = spec.join.clone().unwrap_or_else(|| field.path.clone());
            joins
                .entry(join.clone())
                .or_insert_with(|| group(join, spec, &field))
                .fields
                .push(field.path.clone());
        }
        fields.push(FieldLine {
            class: field.node.class,
            rule: rule.path.clone(),
            op: rule.op.describe(schema),
            origin: rule.origin.clone(),
            in_the_clear: matches!(rule.op, OpSpec::Keep | OpSpec::Scrub(_)),
            is_lossy: rule.op.kind().is_lossy(),
            needs_key: rule.op.needs_key(),
            path: field.path,
        });
    }
    Explanation {
        fields,
        joins: joins.into_values().collect(),
        repairs: repairs::describe(&rules.repairs, schema),
        stricter: repairs::stricter(&rules.repairs, rules.pii),
    }
}

fn group(join: String, spec: &HmacSpec, field: &Governed<'_>) -> JoinGroup {
    let settings = HmacSpec { join: None, already: Already::Reject, ..spec.clone() }.to_string();
    JoinGroup { join, settings, fields: Vec::new(), apart: spec.join.is_none() && field.is_wild }
}
