//! The schema's checks on values as they came in: after repairs, before the rules are applied.
//!
//! Rows are checked field by field, so that the predicates of a field are looked up once for all
//! rows of a batch. Types are checked first, for all slots of a row at once.

mod column;

use super::predicate::{Predicate, Words, is_out_of_bounds};
use super::{NameVerdicts, RuleNames, found};
use crate::record::{Batch, Code, Detail, Entry, Field, Problem, Slot, SlotKinds, Text};
use crate::schema::{
    Check, Format, FormatLimits, NodeIx, PhoneRegion, RecordKind, Schema, Shape, Test,
};

use column::Column;

/// The checks of all nodes that the rules do not drop, compiled from the schema. Each has the
/// number of its rule.
#[derive(Debug)]
pub struct ValueChecks {
    /// The allowed kinds of values, by node.
    types: Vec<SlotKinds>,
    nodes: Vec<NodeChecks>,
    maps: Vec<MapChecks>,
    conditions: Vec<Condition>,
    kinds: Vec<KindCheck>,
    unknown_rule: u16,
    strictness: Strictness,
    formats: FormatLimits,
}

/// What a definition may require beyond the schema.
#[derive(Clone, Copy, Debug, Default)]
pub struct Strictness {
    /// Fields that are not in the schema are problems.
    pub unknown: bool,
    /// Telephone numbers must be in the numbering plan of their country.
    pub phone_plan: bool,
    /// The region of phone numbers in national form, and the field with the record's country. `None`: none
    /// is set.
    pub phone_region: Option<(PhoneRegion, NodeIx)>,
}

/// The checks of one node.
#[derive(Debug)]
struct NodeChecks {
    node: NodeIx,
    shape: Shape,
    type_rule: u16,
    predicates: Vec<(u16, Predicate)>,
}

/// The checks of one map.
#[derive(Debug)]
struct MapChecks {
    map: usize,
    is_lists: bool,
    rule: u16,
    name_length_rule: u16,
    name_chars_rule: u16,
}

/// A check of `node` that applies if another field, `on`, has one of some values.
#[derive(Debug)]
struct Condition {
    on: NodeIx,
    values: Words,
    node: NodeIx,
    rule: u16,
    predicate: Predicate,
    /// The region of numbers in national form, and the field with the record's country, if the check is
    /// one of phone numbers and the definition sets a region.
    phone_region: Option<(PhoneRegion, NodeIx)>,
}

/// A kind of record, by the fields that it must and must not have.
#[derive(Debug)]
struct KindCheck {
    required: Vec<NodeIx>,
    forbidden: Vec<NodeIx>,
    rule: u16,
}

impl ValueChecks {
    /// `checked`: for each node, whether the rules keep or transform it. An object or a map is checked
    /// if any of its members is. `kinds`: the accepted kinds of records, as indices into the schema's list.
    pub fn new(
        schema: &Schema,
        checked: &[bool],
        kinds: &[usize],
        strictness: Strictness,
        rules: &mut RuleNames,
    ) -> ValueChecks {
        let is_checked = |node: NodeIx| checked.get(node).copied().unwrap_or(false);
        let nodes = schema.nodes.iter().enumerate();
        let nodes = nodes.filter(|(node, n)| is_checked(*node) && n.shape != Shape::ExportOnly);
        let nodes: Vec<NodeChecks> = nodes
            .map(|(node, description)| NodeChecks {
                node,
                shape: description.shape,
                type_rule: rules.add(&*description.rule),
                predicates: description
                    .checks
                    .iter()
                    .flat_map(|check| predicates(check, strictness, rules))
                    .collect(),
            })
            .collect();
        let mut types = vec![SlotKinds::ANY; schema.nodes.len()];
        for checks in &nodes {
            if let Some(kinds) = types.get_mut(checks.node) {
                *kinds = checks.kinds();
            }
        }
        let conditions = schema.conditions.iter().filter(|condition| is_checked(condition.node));
        ValueChecks {
            types,
            nodes,
            maps: maps(schema, rules),
            conditions: conditions
                .flat_map(|condition| {
                    let values = Words::new(&condition.values);
                    let (on, node) = (condition.on, condition.node);
                    let predicates = predicates(&condition.check, strictness, rules).into_iter();
                    predicates.map(move |(rule, predicate)| Condition {
                        on,
                        values: values.clone(),
                        node,
                        rule,
                        phone_region: strictness.phone_region.filter(|_| predicate.is_phone()),
                        predicate,
                    })
                })
                .collect(),
            kinds: kinds
                .iter()
                .filter_map(|kind| schema.kinds.get(*kind))
                .map(|kind| KindCheck::new(kind, rules))
                .collect(),
            unknown_rule: rules.add("input.unknown"),
            strictness,
            formats: schema.target.formats,
        }
    }

    /// Checks the rows of a batch that are neither broken nor dropped.
    pub fn check(&self, chunk: &[u8], batch: &mut Batch, names: NameVerdicts<'_>) {
        let mut problems = std::mem::take(&mut batch.problems);
        let rows: Vec<usize> = batch.live_rows().collect();
        self.check_rows(&rows, chunk, batch, names, &mut problems);
        self.check_unknown(batch, names, &mut problems);
        batch.problems = problems;
    }

    /// Whether a text may fail a check of a field.
    pub fn check_texts_of(&self, node: NodeIx) -> bool {
        let has_checks = |checks: &NodeChecks| {
            let takes_any = checks.shape == Shape::Text && checks.predicates.is_empty();
            checks.node == node && !takes_any
        };
        self.nodes.iter().any(has_checks)
            || self.conditions.iter().any(|condition| condition.node == node)
    }

    /// The problems of one row, without those of unknown fields.
    pub fn problems_of(
        &self,
        row: usize,
        chunk: &[u8],
        batch: &Batch,
        names: NameVerdicts<'_>,
    ) -> Vec<Problem> {
        let mut problems = Vec::new();
        self.check_rows(&[row], chunk, batch, names, &mut problems);
        problems.into_iter().map(|(_, problem)| problem).collect()
    }

    fn check_rows(
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
            let is_present = |node| !batch.slot(*row, node).is_absent();
            self.check_kind(&mut found, is_present, Detail::BeforePolicy);
            self.check_types(batch.row_slots(*row), &mut found);
        }
        for checks in &self.nodes {
            let mut column = Column { node: checks.node, rows, batch, text, problems };
            if checks.shape == Shape::Number {
                column.check_bounds(checks.type_rule);
            }
            for (rule, predicate) in &checks.predicates {
                column.check_values(checks, *rule, predicate, &self.formats);
            }
        }
        for condition in &self.conditions {
            let mut column = Column { node: condition.node, rows, batch, text, problems };
            column.check_condition(condition, &self.formats);
        }
        for map in &self.maps {
            for row in rows {
                let mut found = Problems { of: problems, row: *row };
                let entries = batch.map_entries(*row, map.map);
                if !map.are_clearly_valid(entries, batch, names) {
                    for entry in entries {
                        check_entry(map, *entry, batch, text, names, &mut found);
                    }
                }
            }
        }
    }

    /// Checks the types of a row's values. Nearly always, one pass over all slots finds no
    /// mismatch.
    #[inline]
    fn check_types(&self, slots: &[Slot], found_in: &mut Problems<'_>) {
        let types = slots.iter().zip(&self.types);
        let mismatches = types.fold(0, |bits, (slot, kinds)| bits | slot.mismatch_bits(*kinds));
        if mismatches == 0 {
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

    /// Adds a problem for each row from which the rules have removed a field that its kind requires.
    pub fn check_kinds_after_rules(
        &self,
        batch: &mut Batch,
        is_written: impl Fn(NodeIx, Slot) -> bool,
    ) {
        let mut problems = std::mem::take(&mut batch.problems);
        let known = problems.iter().filter(|(_, problem)| problem.code == Code::Missing);
        let known: Vec<u32> = known.map(|(row, _)| *row).collect();
        for row in batch.live_rows() {
            let is_known = known.iter().any(|known| usize::try_from(*known) == Ok(row));
            if !is_known {
                let mut found = Problems { of: &mut problems, row };
                let is_present = |node| is_written(node, batch.slot(row, node));
                self.check_kind(&mut found, is_present, Detail::AfterPolicy);
            }
        }
        batch.problems = problems;
    }

    /// Checks that a record is of some kind: it has all fields that the kind requires, and none
    /// that the kind forbids.
    fn check_kind(
        &self,
        found: &mut Problems<'_>,
        is_present: impl Fn(NodeIx) -> bool,
        when: Detail,
    ) {
        let is_of = |kind: &KindCheck| {
            kind.required.iter().all(|node| is_present(*node))
                && !kind.forbidden.iter().any(|node| is_present(*node))
        };
        if self.kinds.iter().any(is_of) {
            return;
        }
        // Report a missing field of the first kind that the record has any required field of.
        let is_begun = |kind: &&KindCheck| kind.required.iter().any(|node| is_present(*node));
        let Some(kind) = self.kinds.iter().find(is_begun).or(self.kinds.first()) else { return };
        let missing = kind.required.iter().find(|node| !is_present(**node));
        // If nothing is missing, it has what is of another kind, which the definition does not accept.
        let field = missing.map_or(Field::Record, |node| Field::Node(narrow(*node)));
        found.add(field, Code::Missing, kind.rule, when);
    }

    fn check_unknown(
        &self,
        batch: &Batch,
        names: NameVerdicts<'_>,
        problems: &mut Vec<(u32, Problem)>,
    ) {
        for (row, name) in &batch.unknown {
            let verdict = names.of(*name);
            let looks_like = verdict.looks_like_a_field;
            let is_live = batch
                .rows
                .get(usize::try_from(*row).expect("usize is at least 32 bits wide"))
                .is_some_and(|row| !row.broken && !row.dropped);
            if is_live && !verdict.ignored && (looks_like || self.strictness.unknown) {
                let detail = if looks_like { Detail::LooksLikeAField } else { Detail::None };
                let (field, rule) = (Field::Named(*name), self.unknown_rule);
                problems.push((*row, Problem { field, code: Code::UnknownField, rule, detail }));
            }
        }
    }
}

impl NodeChecks {
    fn kinds(&self) -> SlotKinds {
        match self.shape {
            Shape::Text => SlotKinds::TEXT,
            Shape::Number => SlotKinds::NUMBER,
            // The slot of an object or a map is set only if its value is something else.
            Shape::Object | Shape::Lists | Shape::Numbers | Shape::ExportOnly => SlotKinds::NONE,
        }
    }
}

impl MapChecks {
    /// Whether all names are valid, and all values are lists of text. If not, entries are checked
    /// one by one.
    #[inline]
    fn are_clearly_valid(&self, entries: &[Entry], batch: &Batch, names: NameVerdicts<'_>) -> bool {
        let is_valid = |entry: &Entry| {
            let [length, chars] = names.of(entry.name).problems;
            entry.is_list & length.is_none() & chars.is_none()
        };
        let values = batch.covering_values(entries).iter();
        let are_lists_of_text = || {
            entries.iter().fold(true, |all, entry| all & is_valid(entry))
                && values.fold(true, |all, value| all & value.is_text())
        };
        entries.is_empty() || (self.is_lists && are_lists_of_text())
    }
}

fn check_entry(
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
    for (code, detail) in verdict.problems.into_iter().flatten() {
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

/// The predicates of a check, each with the number of its rule.
fn predicates(
    check: &Check,
    strictness: Strictness,
    rules: &mut RuleNames,
) -> Vec<(u16, Predicate)> {
    let mut predicates = vec![(rules.add(&*check.rule), Predicate::new(&check.test))];
    if strictness.phone_plan && matches!(check.test, Test::Format(Format::Phone)) {
        predicates.push((rules.add("validate.phone"), Predicate::NumberingPlan));
    }
    predicates
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

/// Adds problems of one row.
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

impl KindCheck {
    fn new(kind: &RecordKind, rules: &mut RuleNames) -> KindCheck {
        KindCheck {
            required: kind.required.clone(),
            forbidden: kind.forbidden.clone(),
            rule: rules.add(&*kind.rule),
        }
    }
}

fn narrow(node: NodeIx) -> u8 {
    u8::try_from(node).expect("a schema has at most 128 nodes")
}
