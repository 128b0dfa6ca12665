//! A plan's stages, compiled: what each of them needs, in the form it needs it.

use std::sync::Arc;

use crate::decode::{Layout, Lookalikes};
use crate::definition::OpSpec;
use crate::definition::{OnError, OutputFormat, Unknown};
use crate::encode::{CsvColumn, CsvEncoder, CsvRules, JsonEncoder, TableEncoder};
use crate::plan::OPT_OUT;
use crate::plan::{OutputPlan, Plan, RuleIx};
use crate::record::{Batch, Code, Problem, Text};
use crate::repair::Repairs;
use crate::schema::{NodeIx, Schema, Shape};
use crate::transform::{Applied, Op};
use crate::validate::{LimitChecks, RuleNames, Strictness, ValueChecks};

/// All that is decided before the first record.
#[derive(Debug)]
pub struct Stages {
    pub(crate) layout: Arc<Layout>,
    pub lookalikes: Lookalikes,
    pub(crate) repairs: Repairs,
    pub(crate) values: ValueChecks,
    pub(crate) limits: LimitChecks,
    pub(crate) encoder: JsonEncoder,
    /// Whether an output is JSON; else it only tells how large a record is.
    pub(crate) writes_json: bool,
    /// One for each output of CSV, in their order.
    pub(crate) csv: Vec<CsvEncoder>,
    /// Where an output is Parquet.
    pub tables: Option<TableEncoder>,
    /// The most bytes of a part of each output of CSV.
    csv_parts: Vec<usize>,
    part_rule: u16,
    /// Fields whose values an operation makes anew, with their rule.
    pub(crate) altered_nodes: Vec<(NodeIx, RuleIx)>,
    /// Maps in which some name's values are made anew.
    pub(crate) altered_maps: Vec<usize>,
    /// Where records say that they are inactive, if such records are dropped.
    inactive: Option<NodeIx>,
    /// Where records say that somebody is opted out.
    pub(crate) opt_out: Option<NodeIx>,
    rules: RuleNames,
    /// The rule name of each rule of the plan.
    rule_names: Vec<u16>,
}

/// The field by which a record is inactive, and the value that says so.
const STATUS: &str = "EndpointStatus";
const INACTIVE: &[u8] = b"INACTIVE";

impl Stages {
    /// Compiles a plan. `columns` are those of the CSV outputs that name none.
    pub fn new(plan: &Plan, columns: &[CsvColumn]) -> Stages {
        let schema = &plan.schema;
        let written = written_nodes(plan);
        let mut rules = RuleNames::default();
        let rejects_unknown = plan.input.unknown == Unknown::Reject;
        let strictness =
            Strictness { unknown: rejects_unknown, phone_plan: plan.repairs.phone_plan };
        let values = ValueChecks::new(schema, &written, &plan.input.kinds, strictness, &mut rules);
        let part_rule = rules.add("output.max_bytes".to_owned());
        let limits = LimitChecks::new(schema, &written, &mut rules)
            .with_part_limit(record_room(plan), part_rule);
        let csv_rules = CsvRules {
            line_break: rules.add("pinpoint-csv#line_break".to_owned()),
            column: rules.add("output.columns".to_owned()),
            value_length: rules.add(schema.target.rule("value_length")),
            endpoint_size: rules.add(schema.target.rule("endpoint_size")),
        };
        let has = |format| plan.outputs.iter().any(|output| output.format == format);
        let rule_names =
            plan.rules.iter().map(|rule| rules.add(format!("fields.{}", rule.path))).collect();
        Stages {
            layout: Arc::new(Layout::new(schema)),
            lookalikes: Lookalikes::new(schema),
            repairs: Repairs::new(schema, &plan.repairs, &written),
            values,
            limits,
            encoder: JsonEncoder::new(schema, &written),
            writes_json: has(OutputFormat::PinpointJson),
            csv: csv_encoders(plan, &written, columns, csv_rules),
            tables: has(OutputFormat::Parquet).then(|| TableEncoder::new(schema, &written)),
            csv_parts: csv_parts(plan),
            part_rule,
            altered_nodes: altered_nodes(plan),
            altered_maps: altered_maps(plan),
            inactive: schema.node(STATUS).filter(|_| !plan.input.keep_inactive),
            opt_out: schema.node(OPT_OUT),
            rules,
            rule_names,
        }
    }

    /// Stages that write JSON, whatever the outputs are. Outputs of CSV judge where they name
    /// their columns; else there is no header to tell them.
    pub(crate) fn for_trial(plan: &Plan) -> Stages {
        let stages = Stages::new(plan, &[]);
        let has_all_columns = !plan.outputs.iter().any(OutputPlan::takes_columns_of_inputs);
        let csv = if has_all_columns { stages.csv } else { Vec::new() };
        Stages { writes_json: true, tables: None, csv, ..stages }
    }

    /// Leaves out the records that an import would make active again.
    pub(crate) fn drop_inactive(&self, chunk: &[u8], batch: &mut Batch) {
        let Some(node) = self.inactive else { return };
        for row in 0..batch.rows.len() {
            let slot = batch.slot(row, node);
            let text = Text { chunk, arena: &batch.arena }.of(slot);
            let is_inactive = slot.is_text() && text == INACTIVE;
            if let Some(row) = batch.rows.get_mut(row) {
                row.dropped = is_inactive && !row.broken;
            }
        }
    }

    /// Whether records are to be written as JSON, or at least to be measured.
    pub(crate) fn asks_for_json(&self) -> bool {
        self.writes_json || self.tables.is_some() || self.csv.is_empty()
    }

    /// The field by which people are opted out.
    pub fn opt_out(&self) -> Option<NodeIx> {
        self.opt_out
    }

    /// The header of the output of that place in the plan; none but for CSV.
    pub fn header(&self, plan: &Plan, output: usize) -> Option<&[u8]> {
        let csv = csv_place(plan, output)?;
        self.csv.get(csv).map(CsvEncoder::header)
    }

    /// Whether a line of so many bytes fits in a part of an output of CSV, by its place among
    /// those: parts are not cut inside records, and none is over its cap.
    pub(crate) fn fits_part(&self, csv: usize, line: usize) -> bool {
        let header = self.csv.get(csv).map_or(0, |csv| csv.header().len());
        self.csv_parts.get(csv).is_some_and(|most| line.saturating_add(header) <= *most)
    }

    /// A record that fits in no part.
    pub(crate) fn part_problem(&self) -> Problem {
        Problem { rule: self.part_rule, ..self.limits.size_problem() }
    }

    pub(crate) fn layout(&self) -> Arc<Layout> {
        Arc::clone(&self.layout)
    }

    /// An operation of a rule, as the transform stage wants it.
    pub(crate) fn applied<'a>(&self, plan: &Plan, rule: RuleIx, op: &'a Op) -> Applied<'a> {
        let on_error = plan.rules.get(rule).map(|rule| rule.on_error);
        let rule_name = self.rule_names.get(rule).copied().unwrap_or(0);
        Applied { op, rule, rule_name, rejects: on_error == Some(OnError::Reject) }
    }

    /// The name of the check that a problem comes from. Decoding has no rule but the format's.
    pub(crate) fn rule_text(&self, rule: u16, code: Code) -> String {
        if rule == 0 { decode_rule(code).to_owned() } else { self.rules.get(rule).to_owned() }
    }
}

/// What a record that can't be decoded breaks.
#[expect(clippy::wildcard_enum_match_arm, reason = "every other code has a rule of its own")]
pub fn decode_rule(code: Code) -> &'static str {
    match code {
        Code::JsonSyntax => "RFC 8259",
        Code::CsvSyntax => "RFC 4180",
        Code::Utf8 => "RFC 3629",
        Code::DuplicateKey => "RFC 8259, section 4",
        Code::TooDeep => "input.depth",
        Code::TooLongRecord => "input.max_record",
        _ => "endpoint.schema.json#/type",
    }
}

/// The place of an output among those of CSV.
pub(crate) fn csv_place(plan: &Plan, output: usize) -> Option<usize> {
    plan.outputs.get(output).filter(|output| output.format.is_csv())?;
    Some(plan.outputs.iter().take(output).filter(|output| output.format.is_csv()).count())
}

fn csv_outputs(plan: &Plan) -> impl Iterator<Item = &OutputPlan> {
    plan.outputs.iter().filter(|output| output.format.is_csv())
}

fn csv_encoders(
    plan: &Plan,
    written: &[bool],
    columns: &[CsvColumn],
    rules: CsvRules,
) -> Vec<CsvEncoder> {
    let encoder = |output: &OutputPlan| {
        let columns = output.columns.as_deref().unwrap_or(columns);
        CsvEncoder::new(&plan.schema, written, columns, output.quotes_formulas, rules)
    };
    csv_outputs(plan).map(encoder).collect()
}

fn csv_parts(plan: &Plan) -> Vec<usize> {
    let most = |output: &OutputPlan| output.max_bytes.min(plan.schema.target.job.bytes);
    csv_outputs(plan).map(|output| usize::try_from(most(output)).unwrap_or(usize::MAX)).collect()
}

/// The bytes of a record as JSON, without its line end, that fits in a part of every such output:
/// parts are not cut inside records, and none is over its cap.
fn record_room(plan: &Plan) -> usize {
    let job = plan.schema.target.job.bytes;
    let part_max = |output: &OutputPlan| match output.format {
        OutputFormat::PinpointJson => Some(output.max_bytes),
        OutputFormat::PinpointCsv | OutputFormat::Parquet => None,
    };
    let part = plan.outputs.iter().filter_map(part_max).fold(job, u64::min);
    usize::try_from(part).unwrap_or(usize::MAX).saturating_sub(1)
}

/// For each node whether the policy keeps or transforms it; for objects and maps whether it does
/// so with anything inside.
fn written_nodes(plan: &Plan) -> Vec<bool> {
    let schema: &Schema = &plan.schema;
    let is_kept =
        |rule: RuleIx| plan.rules.get(rule).is_some_and(|rule| !matches!(rule.op, OpSpec::Drop));
    let mut written = vec![false; schema.nodes.len()];
    // Members stand after their object, so that going backwards meets them first.
    for (node, description) in schema.nodes.iter().enumerate().rev() {
        let is_written = match description.shape {
            Shape::Text | Shape::Number => !matches!(plan.op_of(node), Op::Drop),
            Shape::Lists | Shape::Numbers => {
                schema.map_of(node).and_then(|map| plan.map_rules.get(map)).is_some_and(|rules| {
                    let mut all = rules.exact.iter().chain(&rules.prefixes);
                    all.any(|(_, rule)| is_kept(*rule))
                })
            }
            Shape::Object => schema
                .nodes
                .iter()
                .zip(&written)
                .any(|(member, is_written)| member.parent == Some(node) && *is_written),
            Shape::ExportOnly => false,
        };
        if let Some(place) = written.get_mut(node) {
            *place = is_written;
        }
    }
    written
}

fn altered_nodes(plan: &Plan) -> Vec<(NodeIx, RuleIx)> {
    let nodes = plan.node_rules.iter().enumerate();
    nodes
        .filter_map(|(node, rule)| Some((node, (*rule)?)))
        .filter(|(node, _)| plan.op_of(*node).makes_new_values())
        .collect()
}

fn altered_maps(plan: &Plan) -> Vec<usize> {
    let alters = |rule: RuleIx| {
        plan.rules.get(rule).is_some_and(|rule| !matches!(rule.op, OpSpec::Keep | OpSpec::Drop))
    };
    let maps = plan.map_rules.iter().enumerate();
    maps.filter(|(_, rules)| {
        let mut all = rules.exact.iter().chain(&rules.prefixes);
        all.any(|(_, rule)| alters(*rule))
    })
    .map(|(map, _)| map)
    .collect()
}
