//! The schema's checks, on values as they came in (after repair, before the policy).

use super::{NameVerdicts, RuleNames, found};
use crate::record::{Batch, Code, Detail, Entry, Field, Problem, Slot, Text};
use crate::schema::{
    Check, Format, FormatLimits, NodeIx, RecordKind, Schema, Shape, Test, is_in_numbering_plan,
};

/// All checks of the nodes that the policy does not drop, compiled from the schema.
#[derive(Debug)]
pub struct ValueChecks {
    nodes: Vec<NodeChecks>,
    maps: Vec<MapChecks>,
    conditions: Vec<Condition>,
    kinds: Vec<Kind>,
    unknown_rule: u16,
    strictness: Strictness,
    formats: FormatLimits,
}

/// What a definition may ask beyond the schema.
#[derive(Clone, Copy, Debug, Default)]
pub struct Strictness {
    /// Fields that the schema does not know are rejected.
    pub unknown: bool,
    /// Telephone numbers have to be in their numbering plan.
    pub phone_plan: bool,
}

#[derive(Debug)]
struct NodeChecks {
    node: NodeIx,
    shape: Shape,
    type_rule: u16,
    tests: Vec<(u16, TestOf)>,
}

#[derive(Debug)]
struct MapChecks {
    map: usize,
    is_lists: bool,
    rule: u16,
    name_length_rule: u16,
    name_chars_rule: u16,
}

#[derive(Debug)]
struct Condition {
    on: NodeIx,
    values: Vec<Box<[u8]>>,
    node: NodeIx,
    rule: u16,
    test: TestOf,
}

/// A kind of record as bits of nodes.
#[derive(Debug)]
struct Kind {
    required: Vec<NodeIx>,
    forbidden: Vec<NodeIx>,
    rule: u16,
}

/// A test with its text as bytes.
#[derive(Debug)]
enum TestOf {
    Enum(Vec<Box<[u8]>>),
    Format(Format),
    /// That a telephone number in the right form is one of its numbering plan.
    NumberingPlan,
    Pattern(regex::Regex),
    Range {
        min: f64,
        max: f64,
    },
    NotEmpty,
}

/// The most that a number may be in size; beyond it readers lose it. (The contract's bound, just
/// below the largest double.)
const NUMBER_MAX: f64 = 1e308;

impl ValueChecks {
    /// `judged`: for each node whether the policy keeps or transforms it (of an object or a
    /// map, whether it does so with anything inside). `kinds`: places in the schema's list.
    pub fn new(
        schema: &Schema,
        judged: &[bool],
        kinds: &[usize],
        strictness: Strictness,
        rules: &mut RuleNames,
    ) -> ValueChecks {
        let is_judged = |node: NodeIx| judged.get(node).copied().unwrap_or(false);
        let nodes = schema.nodes.iter().enumerate();
        let nodes = nodes.filter(|(node, n)| is_judged(*node) && n.shape != Shape::ExportOnly);
        let nodes = nodes
            .map(|(node, description)| NodeChecks {
                node,
                shape: description.shape,
                type_rule: rules.add(&*description.rule),
                tests: description
                    .checks
                    .iter()
                    .flat_map(|check| tests(check, strictness, rules))
                    .collect(),
            })
            .collect();
        let conditions = schema.conditions.iter().filter(|condition| is_judged(condition.node));
        ValueChecks {
            nodes,
            maps: maps(schema, rules),
            conditions: conditions
                .flat_map(|condition| {
                    let values: Vec<Box<[u8]>> =
                        condition.values.iter().map(|v| v.as_bytes().into()).collect();
                    let (on, node) = (condition.on, condition.node);
                    let tests = tests(&condition.check, strictness, rules).into_iter();
                    tests.map(move |(rule, test)| Condition {
                        on,
                        values: values.clone(),
                        node,
                        rule,
                        test,
                    })
                })
                .collect(),
            kinds: kinds
                .iter()
                .filter_map(|kind| schema.kinds.get(*kind))
                .map(|kind| Kind::new(kind, rules))
                .collect(),
            unknown_rule: rules.add("input.unknown"),
            strictness,
            formats: schema.target.formats,
        }
    }

    /// Judges the live rows of a batch.
    pub fn judge(&self, chunk: &[u8], batch: &mut Batch, names: NameVerdicts<'_>) {
        let mut problems = std::mem::take(&mut batch.problems);
        let text = Text { chunk, arena: &batch.arena };
        for row in batch.live_rows() {
            self.judge_row(row, text, batch, names, &mut Problems { of: &mut problems, row });
        }
        self.judge_unknown(batch, names, &mut problems);
        batch.problems = problems;
    }

    /// The problems of one row, but for unknown fields.
    pub fn problems_of(
        &self,
        row: usize,
        chunk: &[u8],
        batch: &Batch,
        names: NameVerdicts<'_>,
    ) -> Vec<Problem> {
        let mut problems = Vec::new();
        let text = Text { chunk, arena: &batch.arena };
        self.judge_row(row, text, batch, names, &mut Problems { of: &mut problems, row });
        problems.into_iter().map(|(_, problem)| problem).collect()
    }

    #[inline]
    fn judge_row(
        &self,
        row: usize,
        text: Text<'_>,
        batch: &Batch,
        names: NameVerdicts<'_>,
        found: &mut Problems<'_>,
    ) {
        self.kind_of(found, |node| !batch.slot(row, node).is_absent(), Detail::BeforePolicy);
        let slots = batch.row_slots(row);
        for checks in &self.nodes {
            let slot = slots.get(checks.node).copied().unwrap_or(Slot::ABSENT);
            if !slot.is_absent() {
                self.judge_node(checks, slot, text, found);
            }
        }
        self.judge_conditions(slots, text, found);
        for map in &self.maps {
            for entry in batch.map_entries(row, map.map) {
                judge_entry(map, *entry, batch, text, names, found);
            }
        }
    }

    /// Adds a problem for each row that is no record any more once the policy has left things out.
    pub fn judge_kinds_after(&self, batch: &mut Batch, is_written: impl Fn(NodeIx, Slot) -> bool) {
        let mut problems = std::mem::take(&mut batch.problems);
        for row in batch.live_rows() {
            let row_number = u32::try_from(row).expect("a batch has few rows");
            let known = problems.iter().any(|(r, p)| *r == row_number && p.code == Code::Missing);
            if !known {
                let mut found = Problems { of: &mut problems, row };
                let is_there = |node| is_written(node, batch.slot(row, node));
                self.kind_of(&mut found, is_there, Detail::AfterPolicy);
            }
        }
        batch.problems = problems;
    }

    /// A record is of a kind when all that the kind needs is there, and nothing that it must not have.
    fn kind_of(&self, found: &mut Problems<'_>, is_there: impl Fn(NodeIx) -> bool, when: Detail) {
        let is_of = |kind: &Kind| {
            kind.required.iter().all(|node| is_there(*node))
                && !kind.forbidden.iter().any(|node| is_there(*node))
        };
        if self.kinds.iter().any(is_of) {
            return;
        }
        // Told from the kind that it has something of, else from the first.
        let begun = |kind: &&Kind| kind.required.iter().any(|node| is_there(*node));
        let Some(kind) = self.kinds.iter().find(begun).or(self.kinds.first()) else { return };
        let lacking = kind.required.iter().find(|node| !is_there(**node));
        if let Some(node) = lacking.or(kind.required.first()) {
            found.add(Field::Node(narrow(*node)), Code::Missing, kind.rule, when);
        }
    }

    fn judge_node(
        &self,
        checks: &NodeChecks,
        slot: Slot,
        text: Text<'_>,
        found_in: &mut Problems<'_>,
    ) {
        let field = Field::Node(narrow(checks.node));
        let is_typed = match checks.shape {
            Shape::Text => slot.is_text(),
            Shape::Number => slot.kind() == crate::record::Kind::Number,
            // A slot of an object or a map is set only where something else stood.
            Shape::Object | Shape::Lists | Shape::Numbers | Shape::ExportOnly => false,
        };
        if !is_typed {
            return found_in.add(field, Code::Type, checks.type_rule, found(slot));
        }
        let value = text.of(slot);
        if checks.shape == Shape::Number && is_out_of_bounds(value) {
            return found_in.add(field, Code::Range, checks.type_rule, Detail::None);
        }
        for (rule, test) in &checks.tests {
            if let Some(code) = test.fault(value, &self.formats) {
                found_in.add(field, code, *rule, Detail::None);
                if code == Code::Empty {
                    return;
                }
            }
        }
    }

    fn judge_conditions(&self, slots: &[Slot], text: Text<'_>, found_in: &mut Problems<'_>) {
        for condition in &self.conditions {
            let slot = slots.get(condition.node).copied().unwrap_or(Slot::ABSENT);
            let on = slots.get(condition.on).copied().unwrap_or(Slot::ABSENT);
            if !slot.is_text() || slot.is_empty() || !on.is_text() {
                continue;
            }
            let on = text.of(on);
            if condition.values.iter().any(|value| **value == *on)
                && let Some(code) = condition.test.fault(text.of(slot), &self.formats)
            {
                found_in.add(
                    Field::Node(narrow(condition.node)),
                    code,
                    condition.rule,
                    Detail::None,
                );
            }
        }
    }

    fn judge_unknown(
        &self,
        batch: &Batch,
        names: NameVerdicts<'_>,
        problems: &mut Vec<(u32, Problem)>,
    ) {
        for (row, name) in &batch.unknown {
            let looks_like = names.of(*name).looks_like_a_field;
            let is_live = batch
                .rows
                .get(usize::try_from(*row).expect("usize is at least 32 bits wide"))
                .is_some_and(|row| !row.broken && !row.dropped);
            if is_live && (looks_like || self.strictness.unknown) {
                let detail = if looks_like { Detail::LooksLikeAField } else { Detail::None };
                let (field, rule) = (Field::Named(*name), self.unknown_rule);
                problems.push((*row, Problem { field, code: Code::UnknownField, rule, detail }));
            }
        }
    }
}

fn judge_entry(
    map: &MapChecks,
    entry: Entry,
    batch: &Batch,
    text: Text<'_>,
    names: NameVerdicts<'_>,
    found_in: &mut Problems<'_>,
) {
    let verdict = names.of(entry.name);
    if verdict.dropped {
        return;
    }
    let field = Field::Named(entry.name);
    if let Some((code, detail)) = verdict.fault {
        let is_length = code == Code::NameLength;
        let rule = if is_length { map.name_length_rule } else { map.name_chars_rule };
        found_in.add(field, code, rule, detail);
    }
    let values = batch.entry_values(entry);
    if map.is_lists {
        if entry.is_removed() {
            return;
        }
        if !entry.is_list {
            let slot = values.first().copied().unwrap_or(Slot::ABSENT);
            return found_in.add(field, Code::Type, map.rule, found(slot));
        }
        if let Some(wrong) = values.iter().find(|value| !value.is_text()) {
            found_in.add(field, Code::Type, map.rule, found(*wrong));
        }
        return;
    }
    let Some(value) = values.first() else { return };
    if value.kind() != crate::record::Kind::Number {
        found_in.add(field, Code::Type, map.rule, found(*value));
    } else if is_out_of_bounds(text.of(*value)) {
        found_in.add(field, Code::Range, map.rule, Detail::None);
    }
}

/// The tests of a check, each with its rule's number.
fn tests(check: &Check, strictness: Strictness, rules: &mut RuleNames) -> Vec<(u16, TestOf)> {
    let mut tests = vec![(rules.add(&*check.rule), TestOf::from(&check.test))];
    if strictness.phone_plan && matches!(check.test, Test::Format(Format::Phone)) {
        tests.push((rules.add("validate.phone"), TestOf::NumberingPlan));
    }
    tests
}

fn maps(schema: &Schema, rules: &mut RuleNames) -> Vec<MapChecks> {
    let maps = schema.maps.iter().enumerate();
    maps.filter_map(|(map, node)| {
        let node = schema.nodes.get(*node)?;
        Some(MapChecks {
            map,
            is_lists: node.shape == Shape::Lists,
            rule: rules.add(&*node.rule),
            name_length_rule: rules.add(schema.target.rule("name_length")),
            name_chars_rule: rules.add(schema.target.rule("name_chars")),
        })
    })
    .collect()
}

/// Where the problems of one row go.
struct Problems<'a> {
    of: &'a mut Vec<(u32, Problem)>,
    row: usize,
}

impl Problems<'_> {
    fn add(&mut self, field: Field, code: Code, rule: u16, detail: Detail) {
        let row = u32::try_from(self.row).expect("a batch has few rows");
        self.of.push((row, Problem { field, code, rule, detail }));
    }
}

impl Kind {
    fn new(kind: &RecordKind, rules: &mut RuleNames) -> Kind {
        Kind {
            required: kind.required.clone(),
            forbidden: kind.forbidden.clone(),
            rule: rules.add(&*kind.rule),
        }
    }
}

impl TestOf {
    fn from(test: &Test) -> TestOf {
        match test {
            Test::Enum(values) => {
                TestOf::Enum(values.iter().map(|value| value.as_bytes().into()).collect())
            }
            Test::Format(format) => TestOf::Format(*format),
            Test::Pattern(pattern) => TestOf::Pattern(pattern.clone()),
            Test::Range { min, max } => TestOf::Range { min: *min, max: *max },
            Test::NotEmpty => TestOf::NotEmpty,
        }
    }

    /// The code of what the value breaks, if it breaks it.
    fn fault(&self, value: &[u8], formats: &FormatLimits) -> Option<Code> {
        let (holds, code) = match self {
            TestOf::Enum(values) => (values.iter().any(|known| **known == *value), Code::Enum),
            TestOf::Format(format) => (format.check(value, formats), format.code()),
            TestOf::NumberingPlan => {
                let has_form = Format::Phone.check(value, formats);
                (!has_form || is_in_numbering_plan(value), Code::Phone)
            }
            TestOf::Pattern(pattern) => {
                (str::from_utf8(value).is_ok_and(|text| pattern.is_match(text)), Code::Pattern)
            }
            TestOf::Range { min, max } => {
                (number(value).is_some_and(|n| *min <= n && n <= *max), Code::Range)
            }
            TestOf::NotEmpty => (!value.is_empty(), Code::Empty),
        };
        (!holds).then_some(code)
    }
}

/// Numbers of so few digits without an exponent are within bounds for certain.
const SURELY_BOUNDED_DIGITS: usize = 300;

fn is_out_of_bounds(number_text: &[u8]) -> bool {
    let is_short = number_text.len() <= SURELY_BOUNDED_DIGITS;
    if is_short && !number_text.iter().any(|byte| matches!(byte, b'e' | b'E')) {
        return false;
    }
    number(number_text).is_none_or(|number| NUMBER_MAX < number.abs())
}

fn number(text: &[u8]) -> Option<f64> {
    str::from_utf8(text).ok()?.parse().ok()
}

fn narrow(node: NodeIx) -> u8 {
    u8::try_from(node).expect("a schema has at most 128 nodes")
}
