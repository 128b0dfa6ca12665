//! Compiles the operations of a definition to those of `transform`, with the keys that they need.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{MapRules, PlanError, Rule, RuleIx};
use crate::definition::{Definition, HmacSpec, OpSpec, ScrubSpec, ShiftSpec};
use crate::schema::{NodeIx, Schema, Shape};
use crate::transform::{
    Bucket, DateForm, DateShift, DateTrunc, Hmac, Map, Mask, MasterKey, Op, Redact, Replacement,
    Round, RoundingStep, Scrub, ShiftKey, Tokens,
};

/// Compiles operations.
pub(super) struct OpMaker {
    /// The current key with its id; `None` if no rule needs it.
    key: Option<(String, MasterKey)>,
    /// What tokens of this definition look like, under any of its keys.
    tokens: Arc<Tokens>,
    /// Parallel to `shift_keys`.
    shifts: Vec<Shift>,
    schema: Arc<Schema>,
    shift_keys: Vec<ShiftKey>,
}

/// One way to move dates.
#[derive(PartialEq, Eq)]
struct Shift {
    /// The field that identifies the person.
    by: NodeIx,
    by_path: String,
    /// The most days by which a date moves.
    days: u32,
    join: String,
}

impl OpMaker {
    pub(super) fn new(
        definition: &Definition,
        rules: &[Rule],
        schema: &Arc<Schema>,
        mut keys: BTreeMap<String, MasterKey>,
    ) -> Result<OpMaker, PlanError> {
        let mut shapes = Vec::new();
        for spec in rules.iter().filter_map(|rule| rule.op.token_settings()) {
            if !shapes.contains(&spec.shape) {
                shapes.push(spec.shape);
            }
        }
        let current = definition.keys.current.clone().unwrap_or_default();
        let key = match keys.remove(&current) {
            Some(key) => Some((current, key)),
            None if rules.iter().all(|rule| !rule.op.needs_key()) => None,
            None => return Err(PlanError::NoKey(current)),
        };
        let ids = definition.keys.sources.iter().map(|source| source.id.clone()).collect();
        let shifts = shifts(rules, schema);
        let shift_keys = shifts.iter().map(|shift| shift.key(key.as_ref())).collect();
        let (tokens, schema) = (Arc::new(Tokens { ids, shapes }), Arc::clone(schema));
        Ok(OpMaker { key, tokens, shifts, schema, shift_keys })
    }

    /// The keys for moving dates, by the numbers that the operations have.
    pub(super) fn shift_keys(&self) -> &[ShiftKey] {
        &self.shift_keys
    }

    /// Compiles an operation for a field. `path` is the field's path, which is the join of tokens if
    /// the definition names none.
    pub(super) fn make(&self, op: &OpSpec, path: &str, shape: Shape) -> Op {
        match op {
            OpSpec::Keep => Op::Keep,
            OpSpec::Drop => Op::Drop,
            OpSpec::Redact { text } => Op::Redact(Redact::new(text.as_str())),
            OpSpec::Mask { keep_first, keep_last, hidden, skip } => {
                Op::Mask(Mask::new(*keep_first, *keep_last, *hidden, skip))
            }
            OpSpec::Hmac(spec) => Op::Hmac(self.make_hmac(spec, path)),
            OpSpec::DateTrunc(unit) => {
                Op::DateTrunc(DateTrunc { unit: *unit, form: date_form(shape) })
            }
            OpSpec::DateShift(spec) => Op::DateShift(self.find_shift(spec)),
            OpSpec::Round(step) => Op::Round(Round { step: *step }),
            OpSpec::Geo { decimals } => {
                Op::Geo(Round { step: RoundingStep::of_decimals(*decimals) })
            }
            OpSpec::Bucket { edges } => {
                Op::Bucket(Bucket::new(edges.clone()).expect("the edges were checked"))
            }
            OpSpec::Map(spec) => {
                let table = spec.table.iter().map(|(from, to)| (from.as_str(), to.value.as_str()));
                Op::Map(Map::new(table, &spec.other))
            }
            OpSpec::Scrub(spec) => Op::Scrub(Box::new(self.make_scrub(spec, path, shape))),
        }
    }

    fn find_shift(&self, spec: &ShiftSpec) -> DateShift {
        let is_same = |shift: &Shift| {
            (shift.days, &*shift.by_path, &*shift.join)
                == (spec.days, spec.by(&self.schema), spec.join(&self.schema))
        };
        let shift = self.shifts.iter().position(is_same);
        DateShift { shift: shift.expect("every shift of a rule was collected") }
    }

    fn make_scrub(&self, spec: &ScrubSpec, path: &str, shape: Shape) -> Scrub {
        let hidden = if let OpSpec::Mask { hidden, .. } = &*spec.with { *hidden } else { '*' };
        let with = match self.make(&spec.with, path, shape) {
            Op::Redact(redact) => Replacement::Redact(redact),
            Op::Mask(mask) => Replacement::Mask(mask),
            Op::Hmac(hmac) => Replacement::Hmac(hmac),
            Op::Keep
            | Op::Drop
            | Op::DateTrunc(_)
            | Op::DateShift(_)
            | Op::Round(_)
            | Op::Bucket(_)
            | Op::Geo(_)
            | Op::Map(_)
            | Op::Scrub(_) => Replacement::Redact(Redact::default()),
        };
        Scrub::new(spec.finder(), with, hidden)
    }

    fn make_hmac(&self, spec: &HmacSpec, path: &str) -> Hmac {
        let (id, master) = self.key.as_ref().expect("without a key, a plan with tokens is refused");
        let key = master.derive(&spec.scope, spec.join.as_deref().unwrap_or(path));
        Hmac::new(id, key, spec.shape, Arc::clone(&self.tokens))
            .with_normalize(spec.normalize)
            .with_already(spec.already)
    }

    /// Compiles the operations of a map's rules, by rule. `None` if the rule governs no name of the
    /// map, or has other tokens for each name.
    pub(super) fn make_for_map(
        &self,
        map: &MapRules,
        rules: &[Rule],
        shape: Shape,
    ) -> Vec<Option<Arc<Op>>> {
        let is_of_map =
            |number: RuleIx| map.exact.iter().chain(&map.prefixes).any(|(_, rule)| *rule == number);
        let op = |(number, rule): (RuleIx, &Rule)| {
            let by_name = rule.op.token_settings().is_some_and(|spec| spec.join.is_none());
            (is_of_map(number) && !by_name).then(|| Arc::new(self.make(&rule.op, "", shape)))
        };
        rules.iter().enumerate().map(op).collect()
    }
}

/// Attributes have dates as text, and date fields have instants.
fn date_form(shape: Shape) -> DateForm {
    match shape {
        Shape::Lists => DateForm::Prefix,
        Shape::Text | Shape::Number | Shape::Numbers | Shape::Object | Shape::ExportOnly => {
            DateForm::Instant
        }
    }
}

/// The different ways in which rules move dates.
fn shifts(rules: &[Rule], schema: &Schema) -> Vec<Shift> {
    let mut shifts = Vec::new();
    for spec in rules.iter().filter_map(|rule| rule.op.as_shift()) {
        let by = schema.node(spec.by(schema)).expect("the field was checked");
        let (by_path, join) = (spec.by(schema).to_owned(), spec.join(schema).to_owned());
        let shift = Shift { by, by_path, days: spec.days, join };
        if !shifts.contains(&shift) {
            shifts.push(shift);
        }
    }
    shifts
}

impl Shift {
    fn key(&self, key: Option<&(String, MasterKey)>) -> ShiftKey {
        let (_, master) = key.expect("without a key, a plan that moves dates is refused");
        ShiftKey { by: self.by, days: self.days, key: master.derive_shift(&self.join) }
    }
}
