//! What a definition means, checked and compiled: everything that a chunk needs to go through
//! the stages, decided once.
//!
//! A plan holds key material (inside the operations), so its `Debug` shows names only.

mod lists;
mod ops;
mod rules;

use std::{collections::BTreeMap, fmt, path::PathBuf, sync::Arc};

pub use lists::{Entries, EntryDigest, SuppressPlan};
pub(crate) use lists::{Hits, OPT_OUT};
pub use rules::{Explanation, FieldLine, JoinGroup, MapRules, Rule, RuleIx, Rules, resolve};

use crate::decode::ColumnSettings;
use crate::definition::{
    Definition, Diagnostic, DigestKind, Environment, HmacSpec, InputFormat, OutputFormat, Purpose,
    RunPlan, TextEncoding, Unknown,
};
use crate::encode::CsvColumn;
use crate::repair::{PhoneRegionFrom, Settings};
use crate::schema::{NodeIx, Schema, Shape};
use crate::transform::{MasterKey, Op, ShiftKey};
use ops::OpMaker;

/// Reads and checks a definition: `file` is its name for messages, `text` what stands in it,
/// `sets` the `PATH=VALUE`s of `--set` in their order.
///
/// # Errors
///
/// Everything that is wrong with it, in the order of the text and then of the `--set`s.
pub fn check(
    file: &str,
    text: &str,
    sets: &[String],
    around: &Environment<'_>,
    schema: &Schema,
) -> Result<(Definition, Rules), Vec<Diagnostic>> {
    let (definition, mut faults) = Definition::read(file, text, sets, around);
    let mut rules = None;
    if let Some(definition) = &definition {
        let (found, more) = rules::read(definition, schema);
        rules = found;
        faults.extend(more);
    }
    match (definition, rules) {
        (Some(definition), Some(rules)) if faults.is_empty() => Ok((definition, rules)),
        _ => {
            faults.sort_by_key(|(at, _)| *at);
            Err(faults.into_iter().map(|(_, fault)| fault).collect())
        }
    }
}

/// A checked definition.
pub struct Plan {
    /// As the definition names itself.
    pub name: String,
    pub purpose: Purpose,
    pub schema: Arc<Schema>,
    pub input: InputPlan,
    /// All rules, those of the definition first in its order, then the defaults that the schema sets.
    pub rules: Vec<Rule>,
    /// The rule of each node; objects and maps have none of their own.
    pub node_rules: Vec<Option<RuleIx>>,
    /// How names find their rule, for each map of the schema.
    pub map_rules: Vec<MapRules>,
    pub repairs: Settings,
    pub outputs: Vec<OutputPlan>,
    pub account: AccountPlan,
    /// Lists of people; their entries are read by whoever runs the plan.
    pub suppress: Vec<SuppressPlan>,
    pub run: RunPlan,
    /// What summary and manifest warn of.
    pub warnings: Vec<String>,
    /// What is done with each node.
    node_ops: Vec<Op>,
    /// What a rule does to the names of a map, for each map and each rule; none where the rule
    /// governs none of them, or makes other tokens for each name.
    map_ops: Vec<Vec<Option<Arc<Op>>>>,
    maker: OpMaker,
}

/// How input is read.
#[derive(Clone, Debug)]
pub struct InputPlan {
    /// Files, folders, patterns, and `-` for standard input.
    pub from: Vec<PathBuf>,
    /// Patterns of what is left out.
    pub exclude: Vec<String>,
    /// Set where the definition does; else told by content.
    pub format: Option<InputFormat>,
    /// Set where the text is not UTF-8.
    pub encoding: Option<TextEncoding>,
    /// How many times its size an archive may expand to.
    pub max_expansion: u64,
    /// Whether a run goes on after a file that can't be read as a segment file.
    pub skips_bad_files: bool,
    /// What delimits the cells of CSV; else told by the header.
    pub delimiter: Option<u8>,
    /// The names of columns, of CSV files without a header.
    pub columns: Option<Vec<String>>,
    /// What is renamed, constant and left out in CSV files.
    pub column_settings: ColumnSettings,
    pub unknown: Unknown,
    /// The kinds of record taken, as places in the schema's list.
    pub kinds: Vec<usize>,
    /// Whether records with `EndpointStatus: INACTIVE` are kept.
    pub keep_inactive: bool,
    /// The longest record, in bytes without its line end.
    pub max_record: usize,
    /// Whether inputs get a SHA-256 in the account.
    pub digest: bool,
}

/// One output.
#[derive(Clone, Debug)]
pub struct OutputPlan {
    pub to: PathBuf,
    pub format: OutputFormat,
    /// The most bytes of a part.
    pub max_bytes: u64,
    pub digest: DigestKind,
    /// Of CSV; none for those of the inputs' headers.
    pub columns: Option<Vec<CsvColumn>>,
    /// Whether attributes in CSV that a spreadsheet would take for formulas get a `'` in front.
    pub quotes_formulas: bool,
}

/// Where the account goes, and how much may be rejected.
#[derive(Clone, Debug)]
pub struct AccountPlan {
    pub to: PathBuf,
    /// Rejected / read strictly above it publishes nothing.
    pub max_reject_ratio: f64,
    pub max_rejects: Option<u64>,
    pub keep_rejected: bool,
}

/// Why a checked definition has no plan.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    #[error(
        "the key `{0}` is what this definition makes tokens and moves dates with, and was not given"
    )]
    NoKey(String),
}

impl Plan {
    /// Compiles a checked definition. `keys` are the keys that its sources gave, by their ids;
    /// only the current one is kept, and only if a rule makes tokens.
    ///
    /// # Errors
    ///
    /// Where a rule makes tokens and the current key is not among the keys.
    pub fn new(
        definition: &Definition,
        rules: Rules,
        schema: Arc<Schema>,
        keys: BTreeMap<String, MasterKey>,
    ) -> Result<Plan, PlanError> {
        let Rules { rules, node_rules, map_rules, kinds, repairs, list_tokens, warnings } = rules;
        let suppress = suppress_plans(definition, &list_tokens, &schema, &keys)?;
        let maker = OpMaker::new(definition, &rules, &schema, keys)?;
        let ops = node_rules.iter().zip(&schema.nodes).map(|(rule, node)| {
            let rule = rule.and_then(|rule| rules.get(rule));
            rule.map_or(Op::Keep, |rule| maker.make(&rule.op, &node.path, node.shape))
        });
        Ok(Plan {
            name: definition.name.clone(),
            purpose: definition.purpose(),
            input: input_plan(definition, kinds),
            repairs,
            outputs: output_plans(definition, &schema),
            account: account_plan(definition),
            suppress,
            run: definition.run,
            node_ops: ops.collect(),
            map_ops: map_rules
                .iter()
                .zip(map_shapes(&schema))
                .map(|(of_map, shape)| maker.make_for_map(of_map, &rules, shape))
                .collect(),
            warnings,
            schema,
            rules,
            node_rules,
            map_rules,
            maker,
        })
    }

    /// The rule of a name in a map, given the map's place.
    pub fn rule_of_name(&self, map: usize, name: &str) -> RuleIx {
        self.map_rules.get(map).expect("a place among the schema's maps").rule_of(name)
    }

    /// The ways in which dates move, by the numbers that the operations have.
    pub fn shift_keys(&self) -> &[ShiftKey] {
        self.maker.shift_keys()
    }

    /// What is done with a node; objects and maps are kept as far as their members are.
    pub fn op_of(&self, node: NodeIx) -> &Op {
        self.node_ops.get(node).expect("a place among the schema's nodes")
    }

    /// What is done with the values under a name of a map, given the map's place, and the rule
    /// that says so. Tokens of a rule without `join` differ from name to name, and their key is
    /// derived here: ask once for each name, and keep the answer.
    pub fn op_of_name(&self, map: usize, name: &str) -> (RuleIx, Arc<Op>) {
        let number = self.rule_of_name(map, name);
        let made = self.map_ops.get(map).and_then(|ops| ops.get(number));
        let op = made.and_then(Clone::clone).unwrap_or_else(|| {
            let node = self.schema.maps.get(map).and_then(|node| self.schema.nodes.get(*node));
            let node = node.expect("a place among the schema's maps");
            let rule = self.rules.get(number).expect("rules are numbered by their places");
            Arc::new(self.maker.make(&rule.op, &format!("{}.{name}", node.path), node.shape))
        });
        (number, op)
    }

    /// Whether what stands under a column's name makes no difference: the rules drop it, and no
    /// check, operation, repair or list asks for it.
    pub fn ignores(&self, column: &str) -> bool {
        let Some(node) = self.schema.node(column) else {
            let of_map = self.schema.map_and_name(column);
            return of_map
                .is_some_and(|(map, name, _)| matches!(*self.op_of_name(map, name).1, Op::Drop));
        };
        let by_repair = match self.repairs.phone_region {
            PhoneRegionFrom::Field(node) => Some(node),
            PhoneRegionFrom::Nowhere | PhoneRegionFrom::Region(_) => None,
        };
        let by_checks = self.schema.conditions.iter().map(|condition| condition.on);
        let by_ops = self.shift_keys().iter().map(|key| key.by);
        let is_asked_for = by_checks.chain(by_ops).chain(by_repair).any(|asked| asked == node)
            || self.suppress.iter().any(|list| list.field == column);
        matches!(self.op_of(node), Op::Drop) && !is_asked_for
    }
}

fn input_plan(definition: &Definition, kinds: Vec<usize>) -> InputPlan {
    let input = &definition.input;
    InputPlan {
        from: input.from.iter().map(|place| place.path.clone()).collect(),
        exclude: input.exclude.clone(),
        format: input.format,
        encoding: input.encoding,
        max_expansion: input.max_expansion,
        skips_bad_files: input.skips_bad_files,
        delimiter: input.columns.delimiter,
        columns: input
            .columns
            .columns
            .as_ref()
            .map(|names| names.iter().map(|name| name.value.trim().to_owned()).collect()),
        column_settings: column_settings(input),
        unknown: input.unknown.unwrap_or(Unknown::Drop),
        kinds,
        keep_inactive: input.keep_inactive,
        max_record: usize::try_from(input.max_record).expect("it is at most 64 MiB"),
        digest: input.digest,
    }
}

fn column(column: &crate::definition::Column) -> CsvColumn {
    CsvColumn { name: column.name.value.clone(), repeat: column.repeat }
}

/// A header may hold unknown names only where `unknown = "drop"` is written out.
fn column_settings(input: &crate::definition::Input) -> ColumnSettings {
    let words = |pairs: &[crate::definition::Pair]| {
        pairs.iter().map(|(name, value)| (name.value.clone(), value.value.clone())).collect()
    };
    ColumnSettings {
        rename: words(&input.columns.rename),
        constants: words(&input.columns.constants),
        drop_unknown: input.unknown == Some(Unknown::Drop),
    }
}

fn output_plans(definition: &Definition, schema: &Schema) -> Vec<OutputPlan> {
    let plan = |output: &crate::definition::Output| OutputPlan {
        to: output.to.path.clone(),
        format: output.format,
        max_bytes: output.max_bytes.as_ref().map_or(schema.target.job.bytes, |size| size.value),
        digest: output.digest,
        columns: output.columns.as_ref().map(|columns| columns.iter().map(column).collect()),
        quotes_formulas: output.quotes_formulas,
    };
    definition.outputs.iter().map(plan).collect()
}

fn suppress_plans(
    definition: &Definition,
    tokens: &[HmacSpec],
    schema: &Schema,
    keys: &BTreeMap<String, MasterKey>,
) -> Result<Vec<SuppressPlan>, PlanError> {
    let ids: Vec<String> = definition.keys.sources.iter().map(|key| key.id.clone()).collect();
    let lists = definition.suppress.iter().zip(tokens);
    lists
        .map(|(list, tokens)| {
            let node = schema.node(&list.field.value).expect("the field was checked");
            SuppressPlan::new(list, node, tokens, keys, &ids)
        })
        .collect()
}

fn account_plan(definition: &Definition) -> AccountPlan {
    let account = &definition.account;
    AccountPlan {
        to: account.to.path.clone(),
        max_reject_ratio: account.max_reject_ratio,
        max_rejects: account.max_rejects,
        keep_rejected: account.keep_rejected,
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
