//! The limits of the target on what would be written, after the rules were applied.
//!
//! Lengths are counted in code points. The size of a whole record is known only once it is encoded, so
//! `pipeline/process/emit.rs` asks [`LimitChecks::check_size`] then. Names of attributes and metrics
//! are checked once for each name, by `pipeline/name_policies.rs`. The numbers are in
//! `schemas/targets/`.

use super::{NameProblems, NameVerdicts, RuleNames};
use crate::record::{Batch, Code, Detail, Entry, Field, Problem, Slot, Text};
use crate::schema::{NodeIx, Schema, Shape};

/// The limits of a target, compiled for one schema: lengths in code points, sizes in bytes. Each has the
/// number of its rule.
#[derive(Debug)]
pub struct LimitChecks {
    /// Each map, and whether it is one of lists.
    maps: Vec<(usize, bool)>,
    fields: Vec<FieldLimit>,
    max_name_length: usize,
    name_chars: String,
    max_value_length: usize,
    max_value_count: usize,
    max_attribute_count: usize,
    max_endpoint_size: usize,
    value_length_rule: u16,
    value_count_rule: u16,
    attribute_count_rule: u16,
    size_rule: u16,
}

/// The longest text of a field.
#[derive(Debug)]
struct FieldLimit {
    node: NodeIx,
    /// The limit applies only if this other field has one of these values.
    when: Option<(NodeIx, Vec<Box<[u8]>>)>,
    max_bytes: usize,
    rule: u16,
}

impl LimitChecks {
    /// `checked`: for each node, whether the rules keep or transform it.
    pub fn new(schema: &Schema, checked: &[bool], rules: &mut RuleNames) -> LimitChecks {
        let target = &schema.target;
        let limits = &target.limits;
        let fields = limits.fields.iter().filter_map(|limit| {
            let node = schema.node(&limit.path)?;
            let when = limit.when.as_ref().and_then(|(path, values)| {
                let values = values.iter().map(|value| value.as_bytes().into()).collect();
                Some((schema.node(path)?, values))
            });
            let rule = rules.add(target.rule("value_length"));
            let limit = FieldLimit { node, when, max_bytes: limit.max_bytes, rule };
            checked.get(node).copied().unwrap_or(false).then_some(limit)
        });
        let is_lists =
            |node: &NodeIx| schema.nodes.get(*node).is_some_and(|node| node.shape == Shape::Lists);
        LimitChecks {
            fields: fields.collect(),
            maps: schema.maps.iter().map(is_lists).enumerate().collect(),
            max_name_length: limits.name_length,
            name_chars: limits.name_chars.clone(),
            max_value_length: limits.value_length,
            max_value_count: limits.value_count,
            max_attribute_count: limits.attribute_count,
            max_endpoint_size: limits.endpoint_size,
            value_length_rule: rules.add(target.rule("value_length")),
            value_count_rule: rules.add(target.rule("value_count")),
            attribute_count_rule: rules.add(target.rule("attribute_count")),
            size_rule: rules.add(target.rule("endpoint_size")),
        }
    }

    /// Also limits the size of a record to what a part can hold, in bytes. `rule`: the number of
    /// the rule that says so.
    #[must_use]
    pub fn with_part_limit(self, bytes: usize, rule: u16) -> LimitChecks {
        if self.max_endpoint_size <= bytes {
            return self;
        }
        LimitChecks { max_endpoint_size: bytes, size_rule: rule, ..self }
    }

    /// The problems of the name of an attribute or metric.
    pub fn check_name(&self, name: &str) -> NameProblems {
        let count = name.chars().count();
        let length = match count {
            0 => Some((Code::NameLength, Detail::TooShort)),
            _ => (self.max_name_length < count).then_some((Code::NameLength, Detail::TooLong)),
        };
        let has_bad = name.chars().any(|c| self.name_chars.contains(c));
        [length, has_bad.then_some((Code::NameChars, Detail::None))]
    }

    /// The longest value of a list, in code points.
    pub fn max_value_length(&self) -> usize {
        self.max_value_length
    }

    /// The largest record, in bytes of compact JSON.
    pub fn max_endpoint_size(&self) -> usize {
        self.max_endpoint_size
    }

    /// Whether a text of so many bytes may be too long for a field.
    pub fn may_exceed(&self, node: NodeIx, bytes: usize) -> bool {
        self.fields.iter().any(|limit| limit.node == node && limit.max_bytes < bytes)
    }

    /// The problem of a record of `size` bytes of compact JSON, if that is too large.
    pub fn check_size(&self, size: usize) -> Option<Problem> {
        (self.max_endpoint_size < size).then(|| self.size_problem())
    }

    /// The problem of a record that is too large.
    pub fn size_problem(&self) -> Problem {
        Problem {
            field: Field::Record,
            code: Code::EndpointSize,
            rule: self.size_rule,
            detail: Detail::None,
        }
    }

    /// Checks the rows of a batch that are neither broken nor dropped.
    pub fn check(&self, chunk: &[u8], batch: &mut Batch, names: NameVerdicts<'_>) {
        let mut problems = std::mem::take(&mut batch.problems);
        let text = Text { chunk, arena: &batch.arena };
        for row in batch.live_rows() {
            let mut add = |field, code, rule, detail| {
                let row = u32::try_from(row).expect("a batch has few rows");
                problems.push((row, Problem { field, code, rule, detail }));
            };
            self.check_fields(batch.row_slots(row), text, &mut add);
            let mut count = 0;
            for (map, is_lists) in &self.maps {
                let entries = batch.map_entries(row, *map);
                count += entries.len();
                if *is_lists && !self.are_clearly_within(entries, batch) {
                    for entry in entries.iter().filter(|entry| is_written(entry, names)) {
                        self.check_entry(*entry, batch, text, &mut add);
                    }
                }
            }
            if self.max_attribute_count < count {
                let entries = (0..batch.maps_width).flat_map(|map| batch.map_entries(row, map));
                count = entries.filter(|entry| is_written(entry, names)).count();
            }
            if self.max_attribute_count < count {
                add(Field::Record, Code::AttributeCount, self.attribute_count_rule, Detail::None);
            }
        }
        batch.problems = problems;
    }

    fn check_fields(
        &self,
        slots: &[Slot],
        text: Text<'_>,
        add: &mut impl FnMut(Field, Code, u16, Detail),
    ) {
        for limit in &self.fields {
            let slot = slots.get(limit.node).copied().unwrap_or(Slot::ABSENT);
            if !slot.is_text() || slot.len() <= limit.max_bytes {
                continue;
            }
            let applies = limit.when.as_ref().is_none_or(|(node, values)| {
                let value = text.of(slots.get(*node).copied().unwrap_or(Slot::ABSENT));
                values.iter().any(|known| **known == *value)
            });
            if applies {
                let node = u8::try_from(limit.node).expect("a schema has at most 128 nodes");
                add(Field::Node(node), Code::ValueLength, limit.rule, Detail::TooLong);
            }
        }
    }

    /// Whether no list and no value can be too long. Compares only the longest ones, in bytes, and
    /// may include values that are not written.
    fn are_clearly_within(&self, entries: &[Entry], batch: &Batch) -> bool {
        let values = entries.iter().fold(0, |max, entry| entry.values.range().len().max(max));
        let all = batch.covering_values(entries);
        let bytes = all.iter().fold(0, |max, value| value.len().max(max));
        values <= self.max_value_count && bytes <= self.max_value_length
    }

    fn check_entry(
        &self,
        entry: Entry,
        batch: &Batch,
        text: Text<'_>,
        add: &mut impl FnMut(Field, Code, u16, Detail),
    ) {
        if !entry.is_list {
            return;
        }
        let values = batch.entry_values(entry);
        if self.max_value_count < values.len() {
            add(Field::Named(entry.name), Code::ValueCount, self.value_count_rule, Detail::None);
        }
        let is_long = |value: &&Slot| {
            self.max_value_length < value.len() && self.is_too_long(text.of(**value))
        };
        if values.iter().any(|value| is_long(&value)) {
            let detail = Detail::TooLong;
            add(Field::Named(entry.name), Code::ValueLength, self.value_length_rule, detail);
        }
    }

    /// Counts code points, that is bytes that do not continue a character.
    fn is_too_long(&self, text: &[u8]) -> bool {
        let is_start = |byte: &&u8| **byte & 0b1100_0000 != 0b1000_0000;
        self.max_value_length < text.iter().filter(is_start).count()
    }
}

fn is_written(entry: &Entry, names: NameVerdicts<'_>) -> bool {
    !names.of(entry.name).dropped && !entry.is_removed()
}
