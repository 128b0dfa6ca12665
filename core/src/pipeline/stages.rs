//! The stages of a plan, compiled: layout, repairs, checks, limits and encoders. `process` runs
//! them.

use std::sync::Arc;

use super::block::Encoded;
use crate::decode::{Layout, Lookalikes};
use crate::definition::{OnError, OpSpec, OutputFormat, Unknown};
use crate::encode::{
    CsvColumn, CsvEncoder, CsvRules, JsonEncoder, LineEncoder, TableEncoder, ValuesEncoder,
};
use crate::plan::{FieldUse, OutputPlan, Plan, RuleIx};
use crate::record::{Batch, Code, Detail, Problem, Text};
use crate::repair::{OddTexts, PhoneRegionFrom, RepairKind, Repairs};
use crate::schema::{Node, NodeIx, Role, Schema, Shape};
use crate::transform::{Applied, Op};
use crate::validate::{LimitChecks, PiiCheck, ProfileChecks, RuleNames, Strictness, ValueChecks};

/// Decoders, checks and encoders, compiled for one plan.
#[derive(Debug)]
pub struct Stages {
    pub(super) layout: Arc<Layout>,
    pub lookalikes: Lookalikes,
    pub(super) repairs: Repairs,
    /// Texts that look as if a setting were missing.
    pub(super) odd_texts: OddTexts,
    pub(super) values: ValueChecks,
    pub(super) limits: LimitChecks,
    /// What a record needs to be a part of a profile.
    pub(super) profiles: ProfileChecks,
    /// Personal data in what is kept.
    pub(super) pii: PiiCheck,
    pub(super) encoders: Encoders,
    /// The number of the check that a record fits in a part.
    part_check: u16,
    /// Fields for whose values an operation makes new ones, with their rules.
    pub(super) transformed_nodes: Vec<(NodeIx, RuleIx)>,
    /// Maps in which an operation makes new values for some names.
    pub(super) transformed_maps: Vec<usize>,
    /// The number of the check that a user has no more records than `[users]` allows.
    pub(super) user_limit_check: u16,
    /// The field that says whether a record is inactive; `None`: inactive records are kept.
    inactive: Option<NodeIx>,
    /// The field by which people opt out.
    pub(super) opt_out: NodeIx,
    pub(super) unlisted: Unlisted,
    /// The names of all checks, by number.
    check_names: RuleNames,
    /// The number of the check of each rule of the plan.
    rule_checks: Vec<u16>,
}

/// The encoders of all outputs.
#[derive(Debug)]
pub(super) struct Encoders {
    /// Writes records as compact JSON. If no output is JSON, it only measures them.
    pub(super) json: JsonEncoder,
    /// Whether an output is JSON.
    pub(super) writes_json: bool,
    /// Whether records are only checked: JSON is made of those alone whose size may be over the limit.
    pub(super) only_checks: bool,
    /// The most bytes of a part that all JSON outputs and the target's import job allow.
    json_part_max: u64,
    /// The other outputs of lines, in their order.
    pub(super) lines: Vec<LineOutput>,
    /// Lays records out by columns, if an output needs it.
    pub(super) table: Option<TableEncoder>,
    /// For each output of the plan, where a block has its records.
    encoded_as: Vec<Encoded>,
}

/// An output with a line encoder.
#[derive(Debug)]
pub(super) struct LineOutput {
    pub(super) encoder: Box<dyn LineEncoder>,
    /// The most bytes of a line that fits in a part, below the header. (A part is not cut inside a
    /// record.)
    pub(super) line_max: usize,
}

/// Which records that are not written are counted if they are opted out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unlisted {
    /// None: no output has lists of opt-outs.
    Off,
    /// All but duplicates: those that stay have their addresses and their opt-outs.
    NoDuplicates,
    All,
}

impl Unlisted {
    fn of(plan: &Plan) -> Unlisted {
        let has_lists = plan.outputs.iter().any(|output| output.profiles.is_some());
        let unique = plan.together.unique.as_ref();
        let by_address = unique.is_some_and(|unique| unique.by.contains(&unique.address));
        match (has_lists, by_address && plan.together.merges_opt_outs()) {
            (false, _) => Unlisted::Off,
            (true, true) => Unlisted::NoDuplicates,
            (true, false) => Unlisted::All,
        }
    }
}

/// A text of as many bytes, and a record that has little else, is within every limit of a record.
const SHORT: usize = 1_000;

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
            phone_region: match plan.repairs.phone_region {
                PhoneRegionFrom::Region(region) => Some((region, schema.role(Role::Country))),
                PhoneRegionFrom::Nowhere | PhoneRegionFrom::Field(_) => None,
            },
        };
        let values = ValueChecks::new(schema, &written, &plan.input.kinds, strictness, &mut checks);
        let part_check = checks.add("output.max_bytes".to_owned());
        let limits = LimitChecks::new(schema, &written, &mut checks);
        let encoders = Encoders::new(plan, &written, columns, &mut checks);
        let limits = limits.with_part_limit(encoders.max_json_record(), part_check);
        let keys = plan.outputs.iter().filter_map(|output| output.profiles.as_ref());
        let keys = keys.map(|profiles| profiles.keys.clone()).collect();
        let profiles = ProfileChecks::new(keys, &mut checks);
        let pii = PiiCheck::new(plan.pii, kept_maps(plan), &mut checks);
        let rules = plan.rules.iter();
        let rule_checks = rules.map(|rule| checks.add(format!("fields.{}", rule.path))).collect();
        let user_limit_check = checks.add(plan.together.user_limit_rule(schema));
        Stages {
            layout: Arc::new(Layout::new(schema, &plan.input.column_settings, &plan.input.shapes)),
            lookalikes: Lookalikes::new(schema),
            repairs: Repairs::new(schema, &plan.repairs, &written),
            odd_texts: OddTexts {
                nulls: plan.input.shapes.null.is_empty(),
                marks: !plan.repairs.on.has(RepairKind::Spreadsheet),
            },
            values,
            limits,
            profiles,
            pii,
            encoders,
            part_check,
            transformed_nodes: transformed_nodes(plan),
            transformed_maps: transformed_maps(plan),
            user_limit_check,
            inactive: (!plan.input.keep_inactive).then(|| schema.role(Role::Status)),
            opt_out: schema.role(Role::OptOut),
            unlisted: Unlisted::of(plan),
            check_names: checks,
            rule_checks,
        }
    }

    /// Compiles a plan to check records and write none.
    pub fn for_checks(plan: &Plan) -> Stages {
        let stages = Stages::new(plan, &[]);
        let (writes_json, only_checks) = (false, true);
        let lines = Vec::new();
        let encoders = Encoders { writes_json, only_checks, table: None, lines, ..stages.encoders };
        Stages { encoders, ..stages }
    }

    /// Compiles a plan to find out which records would be written, and to write none. `columns` are the
    /// columns of the CSV outputs that name none.
    pub fn for_competition(plan: &Plan, columns: &[CsvColumn]) -> Stages {
        let stages = Stages::new(plan, columns);
        let (writes_json, only_checks) = (false, true);
        // Other outputs of lines reject records that have no place in them.
        let encoders = Encoders { writes_json, only_checks, table: None, ..stages.encoders };
        // What is only noted, the second pass notes.
        let pii = stages.pii.without_notes();
        Stages { pii, encoders, ..stages }
    }

    /// Compiles a plan to write JSON, whatever its outputs are. Other outputs of lines check records
    /// too, if none of them takes its columns from the inputs: there are no headers of inputs.
    pub(super) fn for_trial(plan: &Plan) -> Stages {
        let stages = Stages::new(plan, &[]);
        let lacks_columns = plan.outputs.iter().any(OutputPlan::takes_columns_of_inputs);
        let lines = if lacks_columns { Vec::new() } else { stages.encoders.lines };
        let encoders = Encoders { writes_json: true, table: None, lines, ..stages.encoders };
        Stages { encoders, ..stages }
    }

    /// Compiles a plan to write JSON beside what its outputs are, so that each record can be looked at. What
    /// is written and rejected is the same.
    pub fn for_preview(plan: &Plan, columns: &[CsvColumn]) -> Stages {
        let stages = Stages::new(plan, columns);
        let encoders = Encoders { writes_json: true, table: None, ..stages.encoders };
        Stages { encoders, ..stages }
    }

    /// Compiles a plan to write batches: lines of JSON, or columns, whatever its outputs are. What is written
    /// and rejected is the same. (CSV outputs have their own columns: nothing here has a header.)
    pub fn for_batches(plan: &Plan, by_columns: bool) -> Stages {
        let stages = Stages::new(plan, &[]);
        let table = by_columns.then(|| TableEncoder::new(&plan.schema, &written_nodes(plan)));
        let encoders = Encoders { writes_json: !by_columns, table, ..stages.encoders };
        Stages { encoders, ..stages }
    }

    /// Whether a record may be rejected because of a text in a field, which has at most so many bytes.
    pub fn may_reject_text(&self, node: NodeIx, bytes: usize) -> bool {
        SHORT < bytes || self.values.check_texts_of(node) || self.limits.may_exceed(node, bytes)
    }

    /// Drops inactive records, which an import would make active again.
    pub(super) fn drop_inactive(&self, chunk: &[u8], batch: &mut Batch) {
        let Some(node) = self.inactive else { return };
        for row in 0..batch.rows.len() {
            let slot = batch.slot(row, node);
            let text = Text { chunk, arena: &batch.arena }.of(slot);
            let is_inactive = slot.is_text() && text == INACTIVE;
            if let Some(row) = batch.rows.get_mut(row) {
                row.dropped |= is_inactive && !row.broken;
            }
        }
    }

    /// Where a block has the records of an output, given its index in the plan.
    ///
    /// # Panics
    ///
    /// If the plan has no such output.
    pub fn encoded_as(&self, output: usize) -> Encoded {
        let encoded = self.encoders.encoded_as.get(output).copied();
        encoded.expect("each output of the plan has an encoder")
    }

    /// The header of an output, given its index in the plan; empty if its parts have none.
    pub fn header(&self, output: usize) -> &[u8] {
        match self.encoders.encoded_as.get(output) {
            Some(Encoded::Lines(index)) => {
                self.encoders.lines.get(*index).map_or(&[], |output| output.encoder.header())
            }
            Some(Encoded::Json | Encoded::Table) | None => &[],
        }
    }

    /// Lays records out by columns; `None` if no output needs it.
    pub fn table(&self) -> Option<&TableEncoder> {
        self.encoders.table.as_ref()
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
    pub(super) fn check_name(&self, problem: &Problem) -> String {
        match (problem.rule, problem.detail) {
            (0, Detail::BesideConstant) => "input.constants".to_owned(),
            (0, Detail::Renamed) => "input.rename".to_owned(),
            (0, Detail::NoEndpoint) => "input.endpoint".to_owned(),
            (0, _) => decode_rule(problem.code).to_owned(),
            (check, _) => self.check_names.get(check).to_owned(),
        }
    }
}

impl Encoders {
    fn new(
        plan: &Plan,
        written: &[bool],
        columns: &[CsvColumn],
        checks: &mut RuleNames,
    ) -> Encoders {
        let csv_rules = CsvRules::new(&plan.schema.target, |name| checks.add(name));
        let mut encoders = Encoders {
            json: JsonEncoder::new(&plan.schema, written),
            writes_json: false,
            only_checks: false,
            json_part_max: plan.schema.target.job.bytes,
            lines: Vec::new(),
            table: None,
            encoded_as: Vec::new(),
        };
        for output in &plan.outputs {
            let encoded = encoders.add(output, plan, written, columns, csv_rules);
            encoders.encoded_as.push(encoded);
        }
        encoders
    }

    /// Adds the encoder of an output. This is the only place that chooses one.
    fn add(
        &mut self,
        output: &OutputPlan,
        plan: &Plan,
        written: &[bool],
        columns: &[CsvColumn],
        csv_rules: CsvRules,
    ) -> Encoded {
        let schema = &plan.schema;
        match output.format {
            OutputFormat::PinpointJson => {
                self.writes_json = true;
                self.json_part_max = self.json_part_max.min(output.max_bytes);
                Encoded::Json
            }
            OutputFormat::PinpointCsv => {
                let columns = output.columns.as_deref().unwrap_or(columns);
                let quotes = output.quotes_formulas;
                let encoder = CsvEncoder::new(schema, written, columns, quotes, csv_rules);
                self.add_lines(encoder, output.max_bytes.min(schema.target.job.bytes))
            }
            OutputFormat::ProfilesCsv => {
                let profiles = output.profiles.as_ref().expect("the format has a plan of profiles");
                let is_used = |node| profiles.uses.get(node) != Some(&FieldUse::None);
                let is_object = |node: &Node| node.shape == Shape::Object;
                let nodes = schema.nodes.iter().zip(written).enumerate();
                let used = nodes.map(|(node, (description, is_written))| {
                    *is_written && (is_used(node) || is_object(description))
                });
                let (used, plan) = (used.collect::<Vec<bool>>(), Arc::clone(profiles));
                let has_name = move |map: usize, name: &str| {
                    plan.schema.maps.get(map).is_some_and(|node| plan.has_name(*node, name))
                };
                self.add_lines(ValuesEncoder::new(schema, &used, has_name), u64::MAX)
            }
            OutputFormat::Parquet => {
                self.table.get_or_insert_with(|| TableEncoder::new(schema, written));
                Encoded::Table
            }
        }
    }

    fn add_lines(&mut self, encoder: impl LineEncoder + 'static, part_max: u64) -> Encoded {
        let part_max = usize::try_from(part_max).unwrap_or(usize::MAX);
        let line_max = part_max.saturating_sub(encoder.header().len());
        self.lines.push(LineOutput { encoder: Box::new(encoder), line_max });
        Encoded::Lines(self.lines.len() - 1)
    }

    /// The most bytes of a record as JSON, without its line end, with which it fits in a part of
    /// every JSON output. (A part is not cut inside a record.)
    fn max_json_record(&self) -> usize {
        usize::try_from(self.json_part_max).unwrap_or(usize::MAX).saturating_sub(1)
    }

    /// Whether every record is encoded as JSON, if only to measure it.
    pub(super) fn need_json(&self) -> bool {
        self.writes_json || self.table.is_some() || (self.lines.is_empty() && !self.only_checks)
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
    let makes_values = |op: &OpSpec| op.kind().makes_values();
    (0..plan.map_rules.len()).filter(|map| has_rule(plan, *map, makes_values)).collect()
}

/// The maps of which something is written whose names may be personal data, or values that are kept; and
/// whether each is one of lists.
fn kept_maps(plan: &Plan) -> Vec<(usize, bool)> {
    let schema = &plan.schema;
    let maps = schema.maps.iter().filter_map(|node| schema.nodes.get(*node)).enumerate();
    maps.filter(|(map, _)| has_rule(plan, *map, |op| !matches!(op, OpSpec::Drop)))
        .map(|(map, node)| (map, node.shape == Shape::Lists))
        .collect()
}

/// Whether a map has a rule with such an operation.
fn has_rule(plan: &Plan, map: usize, is_such: impl Fn(&OpSpec) -> bool) -> bool {
    plan.map_rules.get(map).is_some_and(|rules| {
        let mut rules = rules.exact.iter().chain(&rules.prefixes);
        rules.any(|(_, rule)| plan.rules.get(*rule).is_some_and(|rule| is_such(&rule.op)))
    })
}
