//! Checks a definition against the schema, and finds the rule of every field.
//!
//! The most specific rule wins: an exact path, then the longest `prefix.*`, then `*`. A field that
//! identifies or describes a person needs a rule; one that does neither is kept by default.

mod check;
mod compulsory;
mod cover;
mod endpoints;
mod explain;
mod fit;
mod input_columns;
mod joins;
mod output_columns;
mod pattern;
mod profiles;
mod purpose;
mod recorded;
mod removal;
mod repairs;
mod shaping;
mod suppress;
mod together;
mod unknown_ops;

pub(super) use compulsory::is_compulsory;
pub use explain::{Explanation, FieldLine, JoinGroup};
pub use recorded::RecordedRules;

use crate::definition::document::{Diagnostics, PlacedDiagnostic, advice, quoted};
use crate::definition::{Definition, HmacSpec, OnError, OpSpec};
use crate::repair::Settings;
use crate::schema::Schema;
use crate::validate::{Pii, Removable};
use cover::Cover;

/// A rule's index in [`Rules::rules`] and in the plan.
pub type RuleIx = usize;

/// One rule.
#[derive(Clone, Debug)]
pub struct Rule {
    /// The path as it is written: `User.UserId`, `Attributes.*`, `*`; the field's path for a default.
    pub path: String,
    pub op: OpSpec,
    pub on_error: OnError,
    /// Where in the definition it is, such as `line 7`; `None` for a default of the schema.
    pub origin: Option<String>,
}

impl Rule {
    /// The rule of a technical field that no rule covers.
    fn by_default(path: &str) -> Rule {
        Rule { path: path.to_owned(), op: OpSpec::Keep, on_error: OnError::Remove, origin: None }
    }

    /// Whether it is a rule of the definition, and not a default of the schema.
    pub fn is_written(&self) -> bool {
        self.origin.is_some()
    }
}

/// The rules for the names of one map.
#[derive(Debug, Default)]
pub struct MapRules {
    /// Whole names.
    pub exact: Vec<(String, RuleIx)>,
    /// Prefixes of names, the longest first; the empty one is for the rest.
    pub prefixes: Vec<(String, RuleIx)>,
}

impl MapRules {
    /// The rule for a name. Every name has one: a definition that leaves a name uncovered is invalid.
    pub fn rule_of(&self, name: &str) -> RuleIx {
        self.find(name).expect("a checked definition covers every name")
    }

    /// The rule for a name; `None` if the definition does not cover it.
    fn find(&self, name: &str) -> Option<RuleIx> {
        let exact = self.exact.iter().find(|(whole, _)| whole == name);
        let begins = |(start, _): &&(String, RuleIx)| name.starts_with(start.as_str());
        exact.or_else(|| self.prefixes.iter().find(begins)).map(|(_, rule)| *rule)
    }
}

/// The checked rules of a definition.
#[derive(Debug)]
pub struct Rules {
    /// The rules of the definition in its order, then the defaults of the schema.
    pub rules: Vec<Rule>,
    /// The rule of each node; `None` for objects, maps and fields that only exports have.
    pub node_rules: Vec<Option<RuleIx>>,
    /// The rules for the names of each map of the schema.
    pub map_rules: Vec<MapRules>,
    /// The kinds of record taken, as indices into [`Schema::kinds`].
    pub kinds: Vec<usize>,
    pub repairs: Settings,
    /// The fields whose invalid values are removed.
    pub removable: Removable,
    /// What becomes of personal data that is kept.
    pub pii: Pii,
    /// The settings with which the tokens of each list were made; used for lists of tokens alone.
    pub(super) list_tokens: Vec<HmacSpec>,
    /// Warnings for the summary and the manifest.
    pub warnings: Vec<String>,
}

impl Rules {
    /// Describes what the rules do to every field.
    pub fn explain(&self, schema: &Schema) -> Explanation {
        explain::explain(self, schema)
    }
}

/// Checks a definition against the schema, and finds its rules. They are `None` if anything is wrong
/// here, or was wrong when the definition was read.
pub(super) fn resolve(
    definition: &Definition,
    schema: &Schema,
) -> (Option<Rules>, Vec<PlacedDiagnostic>) {
    let mut diagnostics = Diagnostics::new(&definition.source);
    let cover = Cover::of(&definition.rules, schema, &mut diagnostics);
    check::coverage(&cover, definition, schema, &mut diagnostics);
    unknown_ops::report(&cover, definition, schema, &mut diagnostics);
    fit::operations(&cover, definition, schema, &mut diagnostics);
    fit::maps(&cover, definition, schema, &mut diagnostics);
    fit::redacted(&cover, definition, schema, &mut diagnostics);
    fit::shifts(definition, schema, &mut diagnostics);
    check::address(&cover, definition, schema, &mut diagnostics);
    purpose::opt_out(&cover, definition, schema, &mut diagnostics);
    purpose::people(&cover, definition, schema, &mut diagnostics);
    joins::joins(&cover, definition, schema, &mut diagnostics);
    joins::shifts(definition, schema, &mut diagnostics);
    check::keys(definition, &mut diagnostics);
    suppress::check(&cover, definition, schema, &mut diagnostics);
    together::check(&cover, definition, schema, &mut diagnostics);
    check::part_sizes(definition, schema, &mut diagnostics);
    input_columns::check(definition, schema, &mut diagnostics);
    endpoints::check(&cover, definition, schema, &mut diagnostics);
    shaping::check(definition, schema, &mut diagnostics);
    output_columns::check(definition, schema, &mut diagnostics);
    profiles::check(&cover, definition, schema, &mut diagnostics);
    let repairs = repairs::settings(definition, schema, &mut diagnostics);
    let removable = removal::removable(definition, schema, &mut diagnostics);
    let kinds = kinds(definition, schema, &mut diagnostics);
    let diagnostics = diagnostics.in_order();
    let rules = if diagnostics.is_empty() {
        build(cover, definition, schema, (kinds, repairs, removable))
    } else {
        None
    };
    (rules, diagnostics)
}

/// A kind of record that a later version will take.
const KIND_LATER: &str = "event";

/// The kinds of record that the definition takes, or else the default ones.
fn kinds(
    definition: &Definition,
    schema: &Schema,
    diagnostics: &mut Diagnostics<'_>,
) -> Vec<usize> {
    let numbered = || schema.kinds.iter().enumerate();
    let Some(names) = &definition.input.kinds else {
        return numbered().filter(|(_, kind)| kind.by_default).map(|(number, _)| number).collect();
    };
    let mut kinds = Vec::new();
    for name in names {
        let number = numbered().find(|(_, kind)| kind.name == name.value).map(|(number, _)| number);
        if number.is_none() {
            let known: Vec<&str> = schema.kinds.iter().map(|kind| kind.name.as_str()).collect();
            let what = match name.value.as_str() {
                KIND_LATER => format!("the kind of record `{KIND_LATER}` is not in this version"),
                other => format!("unknown kind of record {}", quoted(other)),
            };
            diagnostics.push(name.at, what, "", advice(&name.value, &known));
        }
        kinds.extend(number);
    }
    kinds.sort_unstable();
    kinds.dedup();
    kinds
}

/// Collects the rules, with a default for every technical field that no rule covers. Returns `None` if
/// a rule has no valid operation.
fn build(
    cover: Cover,
    definition: &Definition,
    schema: &Schema,
    (kinds, repairs, removable): (Vec<usize>, Settings, Removable),
) -> Option<Rules> {
    let mut warnings = check::warnings(&cover, definition, schema);
    warnings.extend(endpoints::warning(definition, schema));
    warnings.extend(fit::unmapped(&cover, definition, schema));
    warnings.extend(purpose::warnings(&cover, definition, schema));
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
    Some(Rules {
        rules,
        node_rules,
        map_rules,
        kinds,
        repairs,
        removable,
        pii: definition.repair.pii,
        list_tokens,
        warnings,
    })
}
