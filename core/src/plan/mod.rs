//! What a definition means, checked and compiled.
//!
//! [`check`] reads a definition and checks its rules against the schema (`rules`). [`Plan::new`]
//! then decides everything that can be decided once, so that no stage looks at the definition: the
//! operation of each field, the rule of each name in a map, keys, lists and settings. A plan never
//! changes.
//!
//! A plan holds key material (inside the operations), so its `Debug` shows names only.

mod columns;
mod error;
mod known_names;
mod lists;
mod ops;
mod profiles;
mod rules;
mod settings;
#[cfg(test)]
pub(crate) mod tests;
mod together;

use std::{collections::BTreeMap, fmt, sync::Arc};

pub use columns::HeaderUnion;
pub use error::PlanError;
pub(crate) use lists::LookupScratch;
pub use lists::{Entries, EntryDigest, ListSpec, SuppressionList};
pub use profiles::{FieldUse, ProfilePlan};
pub use rules::{Explanation, FieldLine, JoinGroup, MapRules, RecordedRules, Rule, RuleIx, Rules};
pub use settings::{AccountPlan, InputPlan, OutputPlan, part_bytes};
pub use together::{Together, UniquePlan, UsersPlan};

use crate::decode::{ColumnRules, container_paths};
use crate::definition::{Definition, Diagnostic, Environment, Purpose, RunPlan};
use crate::repair::{PhoneRegionFrom, Settings};
use crate::schema::{NodeIx, Role, Schema, Shape};
use crate::transform::{MasterKey, Op, Scrubbed, ShiftKey};
use crate::validate::{Pii, Removable};
use known_names::KnownNames;
use ops::OpMaker;

/// Reads and checks a definition: `file` is its name for messages, `text` its contents, `sets` the
/// `PATH=VALUE`s of `--set` in their order.
///
/// # Errors
///
/// Everything that is wrong with the definition, in the order of the text and then of the `--set`s.
pub fn check(
    file: &str,
    text: &str,
    sets: &[String],
    around: &Environment<'_>,
    schema: &Schema,
) -> Result<(Definition, Rules), Vec<Diagnostic>> {
    let (definition, mut diagnostics) = Definition::read(file, text, sets, around);
    let mut rules = None;
    if let Some(definition) = &definition {
        let (found, more) = rules::resolve(definition, schema);
        rules = found;
        diagnostics.extend(more);
    }
    match (definition, rules) {
        (Some(definition), Some(rules)) if diagnostics.is_empty() => Ok((definition, rules)),
        _ => {
            diagnostics.sort_by_key(|(at, _)| *at);
            Err(diagnostics.into_iter().map(|(_, diagnostic)| diagnostic).collect())
        }
    }
}

fn scrubbed(op: &Op, value: &str) -> Option<Scrubbed> {
    if let Op::Scrub(scrub) = op { scrub.scrub(value.as_bytes()).ok().flatten() } else { None }
}

/// A checked and compiled definition.
pub struct Plan {
    /// The definition's name.
    pub name: String,
    pub purpose: Purpose,
    pub schema: Arc<Schema>,
    pub input: InputPlan,
    /// The paths of the objects that renamed paths lead through, in the order of their scopes.
    pub containers: Vec<String>,
    /// How the headers of CSV files are read.
    pub column_rules: ColumnRules,
    /// The rules of the definition in its order, then the defaults of the schema.
    pub rules: Vec<Rule>,
    /// The rule of each node; objects and maps have none of their own.
    pub node_rules: Vec<Option<RuleIx>>,
    /// The rules for the names of each map of the schema.
    pub map_rules: Vec<MapRules>,
    pub repairs: Settings,
    /// The fields whose invalid values are removed.
    pub removable: Removable,
    /// What becomes of personal data that is kept.
    pub pii: Pii,
    pub outputs: Vec<OutputPlan>,
    pub account: AccountPlan,
    /// The suppression lists, in the definition's order.
    pub lists: Vec<SuppressionList>,
    /// What becomes of records that belong together.
    pub together: Together,
    pub run: RunPlan,
    /// The operation of each node.
    node_ops: Vec<Op>,
    /// The operations on the names of each map, by rule; `None` if the rule governs none of them,
    /// or makes other tokens for each name.
    map_ops: Vec<Vec<Option<Arc<Op>>>>,
    maker: OpMaker,
    known_names: KnownNames,
}

impl Plan {
    /// Compiles a checked definition. `keys` are the definition's keys by their ids; only the
    /// current one is kept, and only if a rule needs it. `lists` are those of
    /// [`ListSpec::all`], each with its entries.
    ///
    /// # Errors
    ///
    /// If a rule needs the current key and it is not among `keys`.
    ///
    /// # Panics
    ///
    /// If a list of the definition is missing.
    pub fn new(
        definition: &Definition,
        rules: Rules,
        schema: Arc<Schema>,
        keys: BTreeMap<String, MasterKey>,
        lists: Vec<SuppressionList>,
    ) -> Result<Plan, PlanError> {
        assert_eq!(lists.len(), definition.suppress.len(), "a plan has all lists");
        let Rules { rules, node_rules, map_rules, kinds, repairs, removable, pii, .. } = rules;
        let maker = OpMaker::new(definition, &rules, &schema, keys)?;
        let node_ops = node_rules.iter().zip(&schema.nodes).map(|(rule, node)| {
            let rule = rule.and_then(|rule| rules.get(rule));
            rule.map_or(Op::Keep, |rule| maker.make(&rule.op, &node.path, node.shape))
        });
        let map_ops = map_rules
            .iter()
            .zip(map_shapes(&schema))
            .map(|(map, shape)| maker.make_for_map(map, &rules, shape));
        let node_ops: Vec<Op> = node_ops.collect();
        let drops_id = matches!(node_ops.get(schema.role(Role::Id)), Some(Op::Drop));
        let input = InputPlan::new(&definition.input, kinds, repairs.on, drops_id, &schema);
        let outputs =
            definition.outputs.iter().map(|output| OutputPlan::new(output, &schema, &node_ops));
        let outputs = outputs.collect();
        Ok(Plan {
            name: definition.name.clone(),
            purpose: definition.purpose(),
            containers: container_paths(&schema, &input.column_settings.rename),
            column_rules: ColumnRules::new(Arc::clone(&schema), input.column_settings.clone()),
            input,
            repairs,
            removable,
            pii,
            outputs,
            account: AccountPlan::new(definition),
            lists,
            together: Together::new(definition, &schema),
            run: definition.run,
            node_ops,
            map_ops: map_ops.collect(),
            schema,
            rules,
            node_rules,
            map_rules,
            maker,
            known_names: KnownNames::new(definition),
        })
    }

    /// The rule of a name in a map. `map` is the map's index in [`Schema::maps`].
    fn rule_of_name(&self, map: usize, name: &str) -> RuleIx {
        self.map_rules.get(map).expect("an index of the schema's maps").rule_of(name)
    }

    /// Whether the definition, the schema or `schemas/headers.toml` has a name of the data. `within` is
    /// the path of its object, empty for the record.
    pub fn knows_name(&self, within: &str, name: &str) -> bool {
        self.known_names.has(within, name, &self.column_rules)
    }

    /// Whether a rule of the definition alone covers some field that needs a rule, so that it must be
    /// there even if the data never has the field.
    pub fn is_compulsory(&self, rule: RuleIx) -> bool {
        let Plan { rules, node_rules, map_rules, schema, .. } = self;
        rules::is_compulsory(rule, rules, node_rules, map_rules, schema)
    }

    /// Whether a rule is that of any field: more specific rules may apply to all that it covers.
    pub fn governs(&self, rule: RuleIx) -> bool {
        let names = self.map_rules.iter().flat_map(|map| map.exact.iter().chain(&map.prefixes));
        self.node_rules.contains(&Some(rule)) || names.into_iter().any(|(_, of)| *of == rule)
    }

    /// How dates are moved, by the numbers that the operations have.
    pub fn shift_keys(&self) -> &[ShiftKey] {
        self.maker.shift_keys()
    }

    /// The operation of a node; `Keep` for objects and maps, whose members have their own.
    pub fn op_of(&self, node: NodeIx) -> &Op {
        self.node_ops.get(node).expect("an index of the schema's nodes")
    }

    /// The rule of a name in a map, and its operation. `map` is the map's index in
    /// [`Schema::maps`].
    ///
    /// The tokens of a rule without `join` differ from name to name, and their key is derived
    /// here: call this once for each name, and keep the result.
    pub fn op_of_name(&self, map: usize, name: &str) -> (RuleIx, Arc<Op>) {
        let number = self.rule_of_name(map, name);
        let made = self.map_ops.get(map).and_then(|ops| ops.get(number));
        let op = made.and_then(Clone::clone).unwrap_or_else(|| {
            let node = self.schema.maps.get(map).and_then(|node| self.schema.nodes.get(*node));
            let node = node.expect("an index of the schema's maps");
            let rule = self.rules.get(number).expect("an index of the rules");
            Arc::new(self.maker.make(&rule.op, &format!("{}.{name}", node.path), node.shape))
        });
        (number, op)
    }

    /// What `scrub` makes of a value of a field; `None` if it has another operation, or nothing is replaced.
    pub fn scrub_in_field(&self, node: NodeIx, value: &str) -> Option<Scrubbed> {
        scrubbed(self.op_of(node), value)
    }

    /// The same for a value under a name in a map.
    pub fn scrub_under_name(&self, map: usize, name: &str, value: &str) -> Option<Scrubbed> {
        scrubbed(&self.op_of_name(map, name).1, value)
    }

    /// Whether the values of a column make no difference: the rules drop them, and no check,
    /// operation, repair, list or comparison reads them.
    pub fn ignores(&self, column: &str) -> bool {
        let Some(node) = self.schema.node(column) else {
            let in_map = self.schema.map_and_name(column);
            return in_map
                .is_some_and(|(map, name, _)| matches!(*self.op_of_name(map, name).1, Op::Drop));
        };
        let by_repair = match self.repairs.phone_region {
            PhoneRegionFrom::Field(node) => Some(node),
            PhoneRegionFrom::Region(_) => Some(self.schema.role(Role::Country)),
            PhoneRegionFrom::Nowhere => None,
        };
        let by_checks = self.schema.conditions.iter().map(|condition| condition.on);
        let by_ops = self.shift_keys().iter().map(|key| key.by);
        let is_read = by_checks.chain(by_ops).chain(by_repair).any(|read| read == node)
            || self.together.reads(node, &self.schema)
            || self.lists.iter().any(|list| list.spec.field == column);
        matches!(self.op_of(node), Op::Drop) && !is_read
    }
}

fn map_shapes(schema: &Schema) -> impl Iterator<Item = Shape> {
    schema.maps.iter().filter_map(|node| schema.nodes.get(*node)).map(|node| node.shape)
}

impl fmt::Debug for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Plan({}, {} rules)", self.name, self.rules.len())
    }
}
