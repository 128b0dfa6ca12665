//! The schema's checks, on values as they came in (after repair, before the policy).

use super::value_check::{TestOf, Words, is_out_of_bounds, number};
use super::{NameVerdicts, RuleNames, found};
use crate::record::{Batch, Code, Detail, Entry, Field, Problem, Slot, SlotKinds, Text};
use crate::schema::{Check, Format, FormatLimits, NodeIx, RecordKind, Schema, Shape, Test};
use crate::simd::Span;

/// All checks of the nodes that the policy does not drop, compiled from the schema.
#[derive(Debug)]
pub struct ValueChecks {
    /// By node of the schema.
    types: Vec<SlotKinds>,
    nodes: Vec<NodeChecks>,
    maps: Vec<MapChecks>,
    conditions: Vec<Condition>,
    kinds: Vec<SlotKind>,
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
    values: Words,
    node: NodeIx,
    rule: u16,
    test: TestOf,
}

/// A kind of record as bits of nodes.
#[derive(Debug)]
struct SlotKind {
    required: Vec<NodeIx>,
    forbidden: Vec<NodeIx>,
    rule: u16,
}

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
        let nodes: Vec<NodeChecks> = nodes
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
        let mut types = vec![SlotKinds::ANY; schema.nodes.len()];
        for checks in &nodes {
            if let Some(kinds) = types.get_mut(checks.node) {
                *kinds = checks.kinds();
            }
        }
        let conditions = schema.conditions.iter().filter(|condition| is_judged(condition.node));
        ValueChecks {
            types,
            nodes,
            maps: maps(schema, rules),
            conditions: conditions
                .flat_map(|condition| {
                    let values = Words::new(&condition.values);
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
                .map(|kind| SlotKind::new(kind, rules))
                .collect(),
            unknown_rule: rules.add("input.unknown"),
            strictness,
            formats: schema.target.formats,
        }
    }

    /// Judges the live rows of a batch.
    pub fn check(&self, chunk: &[u8], batch: &mut Batch, names: NameVerdicts<'_>) {
        let mut problems = std::mem::take(&mut batch.problems);
        let rows: Vec<usize> = batch.live_rows().collect();
        self.judge_rows(&rows, chunk, batch, names, &mut problems);
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
        self.judge_rows(&[row], chunk, batch, names, &mut problems);
        problems.into_iter().map(|(_, problem)| problem).collect()
    }

    /// Judges rows field by field: what is asked of a field is looked up once for all of them.
    fn judge_rows(
        &self,
        rows: &[usize],
        chunk: &[u8],
        batch: &Batch,
        names: NameVerdicts<'_>,
        problems: &mut Vec<(u32, Problem)>,
    ) {
        let text = Text { chunk, arena: &batch.arena };
        for row in rows {
            let mut found = Problems { of: problems, row: *row };
            let is_there = |node| !batch.slot(*row, node).is_absent();
            self.kind_of(&mut found, is_there, Detail::BeforePolicy);
            self.judge_types(batch.row_slots(*row), &mut found);
        }
        for checks in &self.nodes {
            let mut column = Column { node: checks.node, rows, batch, text, problems };
            if checks.shape == Shape::Number {
                column.judge_size(checks.type_rule);
            }
            for (rule, test) in &checks.tests {
                column.judge(checks, *rule, test, &self.formats);
            }
        }
        for condition in &self.conditions {
            let mut column = Column { node: condition.node, rows, batch, text, problems };
            column.judge_condition(condition, &self.formats);
        }
        for map in &self.maps {
            for row in rows {
                let mut found = Problems { of: problems, row: *row };
                let entries = batch.map_entries(*row, map.map);
                if !map.are_surely_fine(entries, batch, names) {
                    for entry in entries {
                        judge_entry(map, *entry, batch, text, names, &mut found);
                    }
                }
            }
        }
    }

    /// Judges the types of a row's values: nearly always by one sweep that finds nothing.
    #[inline]
    fn judge_types(&self, slots: &[Slot], found_in: &mut Problems<'_>) {
        let types = slots.iter().zip(&self.types);
        let strays = types.fold(0, |strays, (slot, kinds)| strays | slot.mismatch_bits(*kinds));
        if strays == 0 {
            return;
        }
        for checks in &self.nodes {
            let slot = slots.get(checks.node).copied().unwrap_or(Slot::ABSENT);
            if slot.mismatch_bits(checks.kinds()) != 0 {
                let field = Field::Node(narrow(checks.node));
                found_in.add(field, Code::Type, checks.type_rule, found(slot));
            }
        }
    }

    /// Adds a problem for each row that is no record any more once the policy has left things out.
    pub fn check_kinds_after_rules(
        &self,
        batch: &mut Batch,
        is_written: impl Fn(NodeIx, Slot) -> bool,
    ) {
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
        let is_of = |kind: &SlotKind| {
            kind.required.iter().all(|node| is_there(*node))
                && !kind.forbidden.iter().any(|node| is_there(*node))
        };
        if self.kinds.iter().any(is_of) {
            return;
        }
        // Told from the kind that it has something of, else from the first.
        let begun = |kind: &&SlotKind| kind.required.iter().any(|node| is_there(*node));
        let Some(kind) = self.kinds.iter().find(begun).or(self.kinds.first()) else { return };
        let lacking = kind.required.iter().find(|node| !is_there(**node));
        if let Some(node) = lacking.or(kind.required.first()) {
            found.add(Field::Node(narrow(*node)), Code::Missing, kind.rule, when);
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

/// One field of some rows.
struct Column<'a> {
    node: NodeIx,
    rows: &'a [usize],
    batch: &'a Batch,
    text: Text<'a>,
    problems: &'a mut Vec<(u32, Problem)>,
}

impl Column<'_> {
    /// Judges the size of numbers.
    fn judge_size(&mut self, rule: u16) {
        for row in self.rows {
            let slot = self.batch.slot(*row, self.node);
            if slot.is_number() && is_out_of_bounds(self.text.of(slot)) {
                self.add(*row, Code::Range, rule, Detail::None);
            }
        }
    }

    /// Judges the values that are of the field's type.
    fn judge(&mut self, checks: &NodeChecks, rule: u16, test: &TestOf, formats: &FormatLimits) {
        let code = test.code();
        // Of an empty value where there must be one, nothing else is said.
        let only_empty = checks.tests.iter().any(|(_, test)| matches!(test, TestOf::NotEmpty));
        let only_empty = only_empty && code != Code::Empty;
        let is_judged = |slot: Slot| slot.is_text() && !(only_empty && slot.is_empty());
        match test {
            TestOf::Enum(words) => self.hold(code, rule, is_judged, |value| words.has(value)),
            TestOf::Format(format) => {
                self.hold(code, rule, is_judged, |value| format.check(value.bytes(), formats));
            }
            TestOf::NotEmpty => self.hold(code, rule, is_judged, |value| value.len != 0),
            TestOf::Range { min, max } => self.hold(code, rule, Slot::is_number, |value| {
                let number = number(value.bytes());
                // One that is too large is told already.
                is_out_of_bounds(value.bytes()) || number.is_some_and(|n| *min <= n && n <= *max)
            }),
            TestOf::NumberingPlan | TestOf::Pattern(_) => {
                self.hold(code, rule, is_judged, |value| test.holds(value, formats));
            }
        }
    }

    /// Adds a problem for each value that is judged and for which a test does not hold.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "a loop for each test, not a call for each value")]
    fn hold(
        &mut self,
        code: Code,
        rule: u16,
        is_judged: impl Fn(Slot) -> bool,
        holds: impl Fn(Span<'_>) -> bool,
    ) {
        for row in self.rows {
            let slot = self.batch.slot(*row, self.node);
            if is_judged(slot) && !holds(self.text.span(slot)) {
                self.add(*row, code, rule, Detail::None);
            }
        }
    }

    fn judge_condition(&mut self, condition: &Condition, formats: &FormatLimits) {
        for row in self.rows {
            let slot = self.batch.slot(*row, self.node);
            let on = self.batch.slot(*row, condition.on);
            let applies = slot.is_text()
                && !slot.is_empty()
                && on.is_text()
                && condition.values.has(self.text.span(on));
            if applies && !condition.test.holds(self.text.span(slot), formats) {
                self.add(*row, condition.test.code(), condition.rule, Detail::None);
            }
        }
    }

    #[cold]
    fn add(&mut self, row: usize, code: Code, rule: u16, detail: Detail) {
        let field = Field::Node(narrow(self.node));
        Problems { of: self.problems, row }.add(field, code, rule, detail);
    }
}

impl NodeChecks {
    fn kinds(&self) -> SlotKinds {
        match self.shape {
            Shape::Text => SlotKinds::TEXT,
            Shape::Number => SlotKinds::NUMBER,
            // A slot of an object or a map is set only where something else stood.
            Shape::Object | Shape::Lists | Shape::Numbers | Shape::ExportOnly => SlotKinds::NONE,
        }
    }
}

impl MapChecks {
    /// Whether all names are, and all that stands under them is lists of text: told by sweeps over
    /// names and values, nearly always.
    #[inline]
    fn are_surely_fine(&self, entries: &[Entry], batch: &Batch, names: NameVerdicts<'_>) -> bool {
        let is_fine = |entry: &Entry| entry.is_list & names.of(entry.name).problem.is_none();
        let values = batch.covering_values(entries).iter();
        let are_lists_of_text = || {
            entries.iter().fold(true, |all, entry| all & is_fine(entry))
                && values.fold(true, |all, value| all & value.is_text())
        };
        entries.is_empty() || (self.is_lists && are_lists_of_text())
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
    if let Some((code, detail)) = verdict.problem {
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
    if !value.is_number() {
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

impl SlotKind {
    fn new(kind: &RecordKind, rules: &mut RuleNames) -> SlotKind {
        SlotKind {
            required: kind.required.clone(),
            forbidden: kind.forbidden.clone(),
            rule: rules.add(&*kind.rule),
        }
    }
}

fn narrow(node: NodeIx) -> u8 {
    u8::try_from(node).expect("a schema has at most 128 nodes")
}
