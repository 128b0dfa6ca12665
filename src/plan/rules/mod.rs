//! The rules of a definition against the schema: which rule governs which field, and whether
//! that can be meant.
//!
//! The most specific rule wins: an exact path, then the longest `prefix.*`, then `*`. A field
//! that identifies or describes a person and that no rule covers is a fault: the user decides.

mod check;
mod cover;
mod explain;
mod fit;
mod input_columns;
mod joins;
mod output_columns;
mod pattern;
mod repairs;
mod suppress;

pub use explain::{Explanation, FieldLine, JoinGroup};

use crate::definition::document::diagnostic::Diagnostic;
use crate::definition::document::nearest::advice;
use crate::definition::document::section::quoted;
use crate::definition::document::source::{Diagnostics, PlacedDiagnostic};
use crate::definition::{Definition, HmacSpec, OnError, OpSpec};
use crate::repair::Settings;
use crate::schema::Schema;
use cover::Cover;

/// A rule's place in [`Plan::rules`].
pub type RuleIx = usize;

/// One rule and what it does.
#[derive(Clone, Debug)]
pub struct Rule {
    /// As the definition has it: `User.UserId`, `Attributes.*`, `*`; for a default, the field's path.
    pub path: String,
    pub op: OpSpec,
    pub on_error: OnError,
    /// Where the definition has it, in words; none for a default of the schema.
    pub origin: Option<String>,
}

impl Rule {
    /// What the schema does with a technical field that no rule names.
    pub(crate) fn by_default(path: &str) -> Rule {
        Rule { path: path.to_owned(), op: OpSpec::Keep, on_error: OnError::Remove, origin: None }
    }

    /// Whether the definition has it; else it is a default of the schema.
    pub fn is_written(&self) -> bool {
        self.origin.is_some()
    }
}

/// The rules for the names of one map, the most specific first.
#[derive(Debug, Default)]
pub struct MapRules {
    /// Whole names.
    pub exact: Vec<(String, RuleIx)>,
    /// Beginnings of names, the longest first; the empty beginning takes the rest.
    pub prefixes: Vec<(String, RuleIx)>,
}

impl MapRules {
    /// The rule for a name. Every name has one: a definition that leaves any uncovered is refused.
    pub fn rule_of(&self, name: &str) -> RuleIx {
        self.find(name).expect("a definition that covers not every name is refused")
    }

    /// The rule for a name, in a definition that may not be complete.
    pub(crate) fn find(&self, name: &str) -> Option<RuleIx> {
        let exact = self.exact.iter().find(|(whole, _)| whole == name);
        let begins = |(start, _): &&(String, RuleIx)| name.starts_with(start.as_str());
        exact.or_else(|| self.prefixes.iter().find(begins)).map(|(_, rule)| *rule)
    }
}

/// The rules of a definition, checked: all that a plan has but for its keys.
#[derive(Debug)]
pub struct Rules {
    /// Those of the definition first, in its order, then the defaults of the schema.
    pub rules: Vec<Rule>,
    /// The rule of each node; objects, maps and what only exports carry have none of their own.
    pub node_rules: Vec<Option<RuleIx>>,
    /// How names find their rule, for each map of the schema.
    pub map_rules: Vec<MapRules>,
    /// The kinds of record taken, as places in the schema's list.
    pub kinds: Vec<usize>,
    /// What is mended before values are judged.
    pub repairs: Settings,
    /// How the tokens of each list were made, for lists of tokens.
    pub(crate) list_tokens: Vec<HmacSpec>,
    /// What summary and manifest warn of.
    pub warnings: Vec<String>,
}

impl Rules {
    /// What becomes of every field, for people.
    pub fn explain(&self, schema: &Schema) -> Explanation {
        explain::explain(self, schema)
    }
}

/// Checks the rules of a definition.
///
/// # Errors
///
/// Everything about the definition that the schema can't agree with, in the order of the text.
pub fn resolve(definition: &Definition, schema: &Schema) -> Result<Rules, Vec<Diagnostic>> {
    let (rules, faults) = read(definition, schema);
    rules.ok_or_else(|| faults.into_iter().map(|(_, fault)| fault).collect())
}

/// As `resolve`, for a definition that may be faulty itself; there are rules where neither it
/// nor this found a fault.
pub(crate) fn read(
    definition: &Definition,
    schema: &Schema,
) -> (Option<Rules>, Vec<PlacedDiagnostic>) {
    let mut faults = Diagnostics::new(&definition.source);
    let cover = Cover::of(&definition.rules, schema, &mut faults);
    check::coverage(&cover, definition, schema, &mut faults);
    fit::operations(&cover, definition, schema, &mut faults);
    fit::maps(&cover, definition, schema, &mut faults);
    fit::redacted(&cover, definition, schema, &mut faults);
    fit::shifts(definition, schema, &mut faults);
    check::address(&cover, definition, schema, &mut faults);
    joins::joins(&cover, definition, schema, &mut faults);
    joins::shifts(definition, schema, &mut faults);
    check::keys(definition, &mut faults);
    suppress::check(&cover, definition, schema, &mut faults);
    check::part_sizes(definition, schema, &mut faults);
    input_columns::check(definition, schema, &mut faults);
    output_columns::check(definition, schema, &mut faults);
    let repairs = repairs::settings(definition, schema, &mut faults);
    let kinds = kinds(definition, schema, &mut faults);
    let faults = faults.in_order();
    let rules =
        if faults.is_empty() { build(cover, definition, schema, kinds, repairs) } else { None };
    (rules, faults)
}

fn kinds(definition: &Definition, schema: &Schema, faults: &mut Diagnostics<'_>) -> Vec<usize> {
    let numbered = || schema.kinds.iter().enumerate();
    let Some(names) = &definition.input.kinds else {
        return numbered().filter(|(_, kind)| kind.by_default).map(|(place, _)| place).collect();
    };
    let mut kinds = Vec::new();
    for name in names {
        let place = numbered().find(|(_, kind)| kind.name == name.value).map(|(place, _)| place);
        if place.is_none() {
            let known: Vec<&str> = schema.kinds.iter().map(|kind| kind.name.as_str()).collect();
            let what = format!("no kind of record is {}", quoted(&name.value));
            faults.push(name.at, what, "", advice(&name.value, &known));
        }
        kinds.extend(place);
    }
    kinds.sort_unstable();
    kinds.dedup();
    kinds
}

/// None where a rule is faulty in itself.
fn build(
    cover: Cover,
    definition: &Definition,
    schema: &Schema,
    kinds: Vec<usize>,
    repairs: Settings,
) -> Option<Rules> {
    let mut warnings = check::warnings(&cover, definition, schema);
    warnings.extend(fit::unmapped(&cover, definition, schema));
    let list_tokens = suppress::tokens(&cover, definition, schema);
    let written = definition.rules.iter().map(|rule| {
        Some(Rule {
            path: rule.path.value.clone(),
            op: rule.op.clone()?,
            on_error: rule.on_error,
            origin: Some(definition.source.describe_place(rule.at)),
        })
    });
    let mut rules: Vec<Rule> = written.collect::<Option<_>>()?;
    let Cover { mut node_rules, map_rules, .. } = cover;
    for (node, rule) in schema.nodes.iter().zip(&mut node_rules) {
        if rule.is_none() && cover::is_leaf(node.shape) {
            *rule = Some(rules.len());
            rules.push(Rule::by_default(&node.path));
        }
    }
    Some(Rules { rules, node_rules, map_rules, kinds, repairs, list_tokens, warnings })
}
