//! The stages of a plan, compiled: what each stage needs, in the form it needs it.

use std::sync::Arc;

use crate::decode::{Layout, Lookalikes};
use crate::definition::{OnError, OpSpec, OutputFormat, Unknown};
use crate::encode::{CsvColumn, CsvEncoder, CsvRules, JsonEncoder, TableEncoder};
use crate::plan::{OutputPlan, Plan, RuleIx};
use crate::record::{Batch, Code, Problem, Text};
use crate::repair::Repairs;
use crate::schema::{NodeIx, Role, Schema, Shape};
use crate::transform::{Applied, Op};
use crate::validate::{LimitChecks, RuleNames, Strictness, ValueChecks};

/// Decoders, checks and encoders, compiled for one plan.
#[derive(Debug)]
pub struct Stages {
    pub(super) layout: Arc<Layout>,
    pub lookalikes: Lookalikes,
    pub(super) repairs: Repairs,
    pub(super) values: ValueChecks,
    pub(super) limits: LimitChecks,
    /// Writes records as JSON. If no output is JSON, it only measures them.
    pub(super) json: JsonEncoder,
    /// Whether an output is JSON.
    pub(super) writes_json: bool,
    /// The encoders of the CSV outputs, in their order.
    pub(super) csv: Vec<CsvEncoder>,
    /// Lays records out by columns, if an output is Parquet.
    pub tables: Option<TableEncoder>,
    /// The most bytes of a part of each CSV output.
    csv_part_max: Vec<usize>,
    /// The number of the check that a record fits in a part.
    part_check: u16,
    /// Fields for whose values an operation makes new ones, with their rules.
    pub(super) transformed_nodes: Vec<(NodeIx, RuleIx)>,
    /// Maps in which an operation makes new values for some names.
    pub(super) transformed_maps: Vec<usize>,
    /// The field that says whether a record is inactive; `None`: inactive records are kept.
    inactive: Option<NodeIx>,
    /// The field by which people opt out.
    pub(super) opt_out: NodeIx,
    /// The names of all checks, by number.
    check_names: RuleNames,
    /// The number of the check of each rule of the plan.
    rule_checks: Vec<u16>,
}

/// The status of records that are dropped unless the definition keeps them.
const INACTIVE: &[u8] = b"INACTIVE";

impl Stages {
    /// Compiles a plan. `columns` are the columns of the CSV outputs that name none.
    pub fn new(plan: &Plan, columns: &[CsvColumn]) -> Stages {
        let schema = &plan.schema;
        let written = written_nodes(plan);
        let mut checks = RuleNames::default();
        let strictness = Strictness {
            unknown: plan.input.unknown == Unknown::Reject,
            phone_plan: plan.repairs.phone_plan,
        };
        let values = ValueChecks::new(schema, &written, &plan.input.kinds, strictness, &mut checks);
        let part_check = checks.add("output.max_bytes".to_owned());
        let limits = LimitChecks::new(schema, &written, &mut checks)
            .with_part_limit(max_json_record(plan), part_check);
        let csv_rules = CsvRules {
            line_break: checks.add("pinpoint-csv#line_break".to_owned()),
            column: checks.add("output.columns".to_owned()),
            value_length: checks.add(schema.target.rule("value_length")),
            endpoint_size: checks.add(schema.target.rule("endpoint_size")),
        };
        let has = |format| plan.outputs.iter().any(|output| output.format == format);
        let rules = plan.rules.iter();
        let rule_checks = rules.map(|rule| checks.add(format!("fields.{}", rule.path))).collect();
        Stages {
            layout: Arc::new(Layout::new(schema)),
            lookalikes: Lookalikes::new(schema),
            repairs: Repairs::new(schema, &plan.repairs, &written),
            values,
            limits,
            json: JsonEncoder::new(schema, &written),
            writes_json: has(OutputFormat::PinpointJson),
            csv: csv_encoders(plan, &written, columns, csv_rules),
            tables: has(OutputFormat::Parquet).then(|| TableEncoder::new(schema, &written)),
            csv_part_max: csv_part_max(plan),
            part_check,
            transformed_nodes: transformed_nodes(plan),
            transformed_maps: transformed_maps(plan),
            inactive: (!plan.input.keep_inactive).then(|| schema.role(Role::Status)),
            opt_out: schema.role(Role::OptOut),
            check_names: checks,
            rule_checks,
        }
    }

    /// Compiles a plan to write JSON, whatever its outputs are. CSV outputs check records too, if
    /// all of them name their columns: there are no headers of inputs.
    pub(super) fn for_trial(plan: &Plan) -> Stages {
        let stages = Stages::new(plan, &[]);
        let has_all_columns = !plan.outputs.iter().any(OutputPlan::takes_columns_of_inputs);
        let csv = if has_all_columns { stages.csv } else { Vec::new() };
        Stages { writes_json: true, tables: None, csv, ..stages }
    }

    /// Drops inactive records, which an import would make active again.
    pub(super) fn drop_inactive(&self, chunk: &[u8], batch: &mut Batch) {
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

    /// Whether every record is encoded as JSON, be it only to measure it.
    pub(super) fn needs_json(&self) -> bool {
        self.writes_json || self.tables.is_some() || self.csv.is_empty()
    }

    /// The header of an output, given its index in the plan; `None` if it is not CSV.
    pub fn header(&self, plan: &Plan, output: usize) -> Option<&[u8]> {
        let csv = csv_index(plan, output)?;
        self.csv.get(csv).map(CsvEncoder::header)
    }

    /// Whether a line fits in a part of a CSV output, below the header. `csv` is the output's index
    /// among those, `line` the bytes of the line. (A part is not cut inside a record.)
    pub(super) fn fits_part(&self, csv: usize, line: usize) -> bool {
        let header = self.csv.get(csv).map_or(0, |csv| csv.header().len());
        self.csv_part_max.get(csv).is_some_and(|most| line.saturating_add(header) <= *most)
    }

    /// The problem of a record that fits in no part.
    pub(super) fn part_problem(&self) -> Problem {
        Problem { rule: self.part_check, ..self.limits.size_problem() }
    }

    /// A rule's operation in the form that the transform stage takes.
    pub(super) fn applied<'a>(&self, plan: &Plan, rule: RuleIx, op: &'a Op) -> Applied<'a> {
        let on_error = plan.rules.get(rule).map(|rule| rule.on_error);
        let rule_name = self.rule_checks.get(rule).copied().unwrap_or(0);
        Applied { op, rule, rule_name, rejects: on_error == Some(OnError::Reject) }
    }

    /// The name of the check that found a problem. Decoding has no numbered checks: there the code
    /// says which rule of the format is broken.
    pub(super) fn check_name(&self, check: u16, code: Code) -> String {
        if check == 0 {
            decode_rule(code).to_owned()
        } else {
            self.check_names.get(check).to_owned()
        }
    }
}

/// The rule that a record breaks which can't be decoded.
#[expect(clippy::wildcard_enum_match_arm, reason = "decoding gives no other code")]
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

/// The index of an output among the CSV outputs.
fn csv_index(plan: &Plan, output: usize) -> Option<usize> {
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

fn csv_part_max(plan: &Plan) -> Vec<usize> {
    let most = |output: &OutputPlan| output.max_bytes.min(plan.schema.target.job.bytes);
    csv_outputs(plan).map(|output| usize::try_from(most(output)).unwrap_or(usize::MAX)).collect()
}

/// The most bytes of a record as JSON, without its line end, with which it fits in a part of every
/// JSON output. (A part is not cut inside a record.)
fn max_json_record(plan: &Plan) -> usize {
    let job = plan.schema.target.job.bytes;
    let json = plan.outputs.iter().filter(|output| output.format == OutputFormat::PinpointJson);
    let part = json.map(|output| output.max_bytes).fold(job, u64::min);
    usize::try_from(part).unwrap_or(usize::MAX).saturating_sub(1)
}

/// For each node whether it is written: a field if the rules do not drop it, an object or map if
/// anything in it is written.
fn written_nodes(plan: &Plan) -> Vec<bool> {
    let schema: &Schema = &plan.schema;
    let mut written = vec![false; schema.nodes.len()];
    // Members come after their object, so in reverse they are known before it.
    for (node, description) in schema.nodes.iter().enumerate().rev() {
        let is_written = match description.shape {
            Shape::Text | Shape::Number => !matches!(plan.op_of(node), Op::Drop),
            Shape::Lists | Shape::Numbers => schema
                .map_of(node)
                .is_some_and(|map| has_rule(plan, map, |op| !matches!(op, OpSpec::Drop))),
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

fn transformed_nodes(plan: &Plan) -> Vec<(NodeIx, RuleIx)> {
    let nodes = plan.node_rules.iter().enumerate();
    nodes
        .filter_map(|(node, rule)| Some((node, (*rule)?)))
        .filter(|(node, _)| plan.op_of(*node).makes_new_values())
        .collect()
}

fn transformed_maps(plan: &Plan) -> Vec<usize> {
    let makes_new_values = |op: &OpSpec| !matches!(op, OpSpec::Keep | OpSpec::Drop);
    (0..plan.map_rules.len()).filter(|map| has_rule(plan, *map, makes_new_values)).collect()
}

/// Whether a map has a rule with such an operation.
fn has_rule(plan: &Plan, map: usize, is_such: impl Fn(&OpSpec) -> bool) -> bool {
    plan.map_rules.get(map).is_some_and(|rules| {
        let mut rules = rules.exact.iter().chain(&rules.prefixes);
        rules.any(|(_, rule)| plan.rules.get(*rule).is_some_and(|rule| is_such(&rule.op)))
    })
}
