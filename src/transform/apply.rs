//! Runs operations over the rows of a batch, field by field.
//!
//! Only operations that make a new value run here: what is kept stays as it is, and what is
//! dropped is never written. Absent and empty values are left alone. A value that an operation
//! can't apply to is removed, never written through. What was a number stays one.

use super::hmac_batch::{Destination, HmacBatch, WAITING_BYTES_MAX};
use super::map::{MapResult, Span};
use super::{Map, Op, Outcome, Shifts};
use crate::record::{Batch, Code, Detail, Field, NameId, Problem, Slot, SlotKind, Text};
use crate::schema::NodeIx;

/// An operation with what is said of the values that it can't apply to.
#[derive(Clone, Copy, Debug)]
pub struct Applied<'a> {
    pub op: &'a Op,
    /// The rule's number in the plan, for counting.
    pub rule: usize,
    /// The rule's number among rule names, for problems.
    pub rule_name: u16,
    /// Whether a value that it can't apply to rejects the record.
    pub rejects: bool,
}

/// The operations of names, by the worker's numbers; none for names that are kept or dropped.
pub trait NameOps {
    fn op(&self, name: NameId) -> Option<Applied<'_>>;
}

/// What operations leave behind beside the values of a batch.
#[derive(Debug, Default)]
pub struct TransformLog {
    /// Values that were removed since an operation could not apply: row and rule.
    pub failures: Vec<(u32, usize)>,
    /// Where in the arena the texts of a rule's `map` begin.
    texts: Vec<(usize, usize)>,
}

impl TransformLog {
    /// Forgets a batch.
    pub fn clear(&mut self) {
        self.failures.clear();
        self.texts.clear();
    }

    /// Where the texts of a rule's `map` begin, which are put into the arena once.
    fn place_texts(&mut self, rule: usize, map: &Map, arena: &mut Vec<u8>) -> usize {
        let placed = self.texts.iter().find(|(of, _)| *of == rule).map(|(_, start)| *start);
        placed.unwrap_or_else(|| {
            let start = arena.len();
            arena.extend_from_slice(map.texts());
            self.texts.push((rule, start));
            start
        })
    }
}

/// Applies an operation to one field of all live rows.
pub fn apply_to_node(
    node: NodeIx,
    applied: Applied<'_>,
    shifts: &Shifts,
    chunk: &[u8],
    batch: &mut Batch,
    traces: &mut TransformLog,
) {
    let mut waiting = HmacBatch::default();
    let field = field_of(node);
    for row in 0..batch.rows.len() {
        let slot = batch.slot(row, node);
        if is_live(batch, row) && applied.takes(slot) {
            let place = ValuePlace { row, field, home: Destination::Slot { row, node } };
            let made = new_value(applied, shifts, slot, chunk, place, batch, traces, &mut waiting);
            batch.set_slot(row, node, made.unwrap_or(Slot::ABSENT));
        }
    }
    waiting.finish(batch);
}

/// Where a value stands.
#[derive(Clone, Copy)]
struct ValuePlace {
    row: usize,
    field: Field,
    /// Where its new value is to go.
    home: Destination,
}

impl Applied<'_> {
    /// Whether the operation is for what a slot holds. Values of other types are problems by now.
    #[inline]
    fn takes(&self, slot: Slot) -> bool {
        let is_of_type =
            slot.is_text() || (slot.kind() == SlotKind::Number && self.op.takes_numbers());
        is_of_type && !slot.is_empty()
    }
}

fn field_of(node: NodeIx) -> Field {
    Field::Node(u8::try_from(node).expect("a schema has at most 128 nodes"))
}

fn is_live(batch: &Batch, row: usize) -> bool {
    batch.rows.get(row).is_some_and(|row| !row.broken && !row.dropped)
}

/// Applies the operations of names to all values of one map of all live rows.
pub fn apply_to_map(
    map: usize,
    names: &impl NameOps,
    shifts: &Shifts,
    chunk: &[u8],
    batch: &mut Batch,
    traces: &mut TransformLog,
) {
    let mut waiting = HmacBatch::default();
    for row in 0..batch.rows.len() {
        if !is_live(batch, row) {
            continue;
        }
        for place in batch.map(row, map).range() {
            let Some(entry) = batch.entries.get(place).copied() else { continue };
            if let Some(applied) = names.op(entry.name)
                && (entry.is_list || applied.op.takes_numbers())
            {
                apply_to_entry(place, applied, shifts, chunk, row, batch, traces, &mut waiting);
            }
        }
    }
    waiting.finish(batch);
}

/// Applies an operation to the values of one entry, and closes the gaps of those removed. A list
/// left without values goes too; one that came in empty stays.
fn apply_to_entry<'a>(
    place: usize,
    applied: Applied<'a>,
    shifts: &Shifts,
    chunk: &[u8],
    row: usize,
    batch: &mut Batch,
    traces: &mut TransformLog,
    waiting: &mut HmacBatch<'a>,
) {
    let Some(mut entry) = batch.entries.get(place).copied() else { return };
    let range = entry.values.range();
    let mut kept = range.start;
    for value in range.clone() {
        let slot = batch.values.get(value).copied().unwrap_or(Slot::ABSENT);
        let made = if applied.takes(slot) {
            let place =
                ValuePlace { row, field: Field::Named(entry.name), home: Destination::Value(kept) };
            new_value(applied, shifts, slot, chunk, place, batch, traces, waiting)
        } else {
            Some(slot)
        };
        if let (Some(made), Some(home)) = (made, batch.values.get_mut(kept)) {
            *home = made;
            kept += 1;
        }
    }
    let len = kept - range.start;
    entry.values.len = u32::try_from(len).expect("no longer than before");
    entry.is_list = entry.is_list && (range.is_empty() || 0 < len);
    if let Some(home) = batch.entries.get_mut(place) {
        *home = entry;
    }
}

/// The value that the operation makes of a slot; none where it is removed. In the place of a token
/// that is to come stands an empty text.
fn new_value<'a>(
    applied: Applied<'a>,
    shifts: &Shifts,
    slot: Slot,
    chunk: &[u8],
    ValuePlace { row, field, home }: ValuePlace,
    batch: &mut Batch,
    traces: &mut TransformLog,
    waiting: &mut HmacBatch<'a>,
) -> Option<Slot> {
    if let Op::Redact(redact) = applied.op
        && let Some(slot) = redact.last_made(&batch.arena)
    {
        return Some(slot);
    }
    if let Op::Map(map) = applied.op {
        return mapped_value(map, applied.rule, slot, chunk, batch, traces);
    }
    let hmac = if let Op::Hmac(hmac) = applied.op { Some(hmac) } else { None };
    let hmac = hmac.filter(|hmac| slot.len() <= WAITING_BYTES_MAX && waiting.takes(hmac));
    if let Some(hmac) = hmac {
        waiting.make_room(hmac, batch);
    }
    let mut arena = std::mem::take(&mut batch.arena);
    let start = arena.len();
    let outcome = if let Some(hmac) = hmac {
        waiting.add(hmac, Text { chunk, arena: &arena }.of(slot), home)
    } else if slot.in_arena() {
        // The value lies in the arena that the new one is appended to.
        let value = Text { chunk, arena: &arena }.of(slot).to_vec();
        applied.op.apply(&value, row, shifts, &mut arena)
    } else {
        applied.op.apply(Text { chunk, arena: &[] }.of(slot), row, shifts, &mut arena)
    };
    let made = match outcome {
        Outcome::Made { .. } if !slot.is_text() => {
            Some(Slot::new_number(start, arena.len() - start))
        }
        Outcome::Made { plain } => Some(Slot::new_text(start, arena.len() - start, plain)),
        Outcome::Failed => {
            traces.failures.push((u32::try_from(row).expect("a batch has few rows"), applied.rule));
            None
        }
        Outcome::AlreadyToken | Outcome::Kept => Some(slot),
        Outcome::Dropped => None,
    };
    batch.arena = arena;
    let code = match outcome {
        Outcome::AlreadyToken => Code::AlreadyToken,
        Outcome::Failed if applied.rejects => Code::Op,
        Outcome::Failed | Outcome::Made { .. } | Outcome::Kept | Outcome::Dropped => return made,
    };
    batch.add_problem(row, Problem { field, code, rule: applied.rule_name, detail: Detail::None });
    made
}

/// The value that a `map` makes of a slot: texts are shared, so that many short values can't
/// become as many long ones in memory.
fn mapped_value(
    map: &Map,
    rule: usize,
    slot: Slot,
    chunk: &[u8],
    batch: &mut Batch,
    traces: &mut TransformLog,
) -> Option<Slot> {
    match map.fate(Text { chunk, arena: &batch.arena }.of(slot)) {
        MapResult::Text(Span { start, len, is_plain }) => {
            let texts = traces.place_texts(rule, map, &mut batch.arena);
            Some(Slot::new_text(texts + start, len, is_plain))
        }
        MapResult::Keep => Some(slot),
        MapResult::Drop => None,
    }
}
