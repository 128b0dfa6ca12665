//! A plan's stages, compiled: what each of them needs, in the form it needs it.

use std::sync::Arc;

use super::definition::OpSpec;
use super::plan::{OnError, Plan, RuleIx, Unknown};
use super::suppress::OPT_OUT;
use crate::decode::{ColumnRules, Layout, Lookalikes};
use crate::encode::JsonEncoder;
use crate::record::Code;
use crate::repair::Repairs;
use crate::schema::{NodeIx, Schema, Shape};
use crate::transform::{Applied, Op};
use crate::validate::{LimitChecks, RuleNames, Strictness, ValueChecks};

/// All that is decided before the first record.
#[derive(Debug)]
pub struct Stages {
    pub(super) layout: Arc<Layout>,
    pub lookalikes: Lookalikes,
    /// What headers of CSV files are read with.
    pub columns: ColumnRules,
    pub(super) repairs: Repairs,
    pub(super) values: ValueChecks,
    pub(super) limits: LimitChecks,
    pub(super) encoder: JsonEncoder,
    /// Fields whose values an operation makes anew, with their rule.
    pub(super) altered_nodes: Vec<(NodeIx, RuleIx)>,
    /// Maps in which some name's values are made anew.
    pub(super) altered_maps: Vec<usize>,
    /// Where records say that they are inactive, if such records are dropped.
    pub(super) inactive: Option<NodeIx>,
    /// Where records say that somebody is opted out.
    pub(super) opt_out: Option<NodeIx>,
    rules: RuleNames,
    /// The rule name of each rule of the plan.
    rule_names: Vec<u16>,
}

/// The field by which a record is inactive, and the value that says so.
const STATUS: &str = "EndpointStatus";
pub(super) const INACTIVE: &[u8] = b"INACTIVE";

impl Stages {
    pub fn new(plan: &Plan) -> Stages {
        let schema = &plan.schema;
        let written = written_nodes(plan);
        let mut rules = RuleNames::default();
        let rejects_unknown = plan.input.unknown == Unknown::Reject;
        let strictness =
            Strictness { unknown: rejects_unknown, phone_plan: plan.repairs.phone_plan };
        let values = ValueChecks::new(schema, &written, &plan.input.kinds, strictness, &mut rules);
        let part_rule = rules.add("output.max_bytes".to_owned());
        let limits = LimitChecks::new(schema, &written, &mut rules)
            .within_part(record_room(plan), part_rule);
        let rule_names =
            plan.rules.iter().map(|rule| rules.add(format!("fields.{}", rule.path))).collect();
        Stages {
            layout: Arc::new(Layout::new(schema)),
            lookalikes: Lookalikes::new(schema),
            columns: ColumnRules::new(Arc::clone(schema), plan.input.column_settings.clone()),
            repairs: Repairs::new(schema, &plan.repairs, &written),
            values,
            limits,
            encoder: JsonEncoder::new(schema, &written),
            altered_nodes: altered_nodes(plan),
            altered_maps: altered_maps(plan),
            inactive: schema.node(STATUS).filter(|_| !plan.input.keep_inactive),
            opt_out: schema.node(OPT_OUT),
            rules,
            rule_names,
        }
    }

    pub(super) fn layout(&self) -> Arc<Layout> {
        Arc::clone(&self.layout)
    }

    /// An operation of a rule, as the transform stage wants it.
    pub(super) fn applied<'a>(&self, plan: &Plan, rule: RuleIx, op: &'a Op) -> Applied<'a> {
        let on_error = plan.rules.get(rule).map(|rule| rule.on_error);
        let rule_name = self.rule_names.get(rule).copied().unwrap_or(0);
        Applied { op, rule, rule_name, rejects: on_error == Some(OnError::Reject) }
    }

    /// The name of the check that a problem comes from. Decoding has no rule but the format's.
    pub(super) fn rule_text(&self, rule: u16, code: Code) -> String {
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

/// The bytes of a record, without its line end, that fits in a part of every output: parts are
/// not cut inside records, and none is over its cap.
fn record_room(plan: &Plan) -> usize {
    let job = plan.schema.target.job.bytes;
    let part = plan.outputs.iter().map(|output| output.max_bytes).fold(job, u64::min);
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
