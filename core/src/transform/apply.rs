//! Runs operations over the rows of a batch, field by field.
//!
//! - Only operations that make new values run here: kept values stay where they are, and the
//!   encoder leaves out dropped ones.
//! - Absent and empty values are left alone.
//! - A value that an operation cannot apply to is removed, never written as it was.
//! - Numbers stay numbers.

use super::hmac_batch::{Destination, HmacBatch, PENDING_BYTES_MAX};
use super::map::{Mapped, Span};
use super::{CannotReplace, Map, Op, Outcome, Scrub, Shifts};
use crate::record::{Batch, Code, Detail, Field, NameId, Problem, Slot, SlotKind, Text};
use crate::schema::NodeIx;

/// An operation, and what happens to values that it cannot apply to.
#[derive(Clone, Copy, Debug)]
pub struct Applied<'a> {
    pub op: &'a Op,
    /// The rule's index in the plan, for counting.
    pub rule: usize,
    /// The rule's index among the names of checks, for problems.
    pub rule_name: u16,
    /// Whether a value that the operation cannot apply to rejects the record.
    pub rejects: bool,
}

/// The operations of the names in maps.
pub trait NameOps {
    /// The operation of a name; `None` if the name is kept or dropped.
    fn op(&self, name: NameId) -> Option<Applied<'_>>;
}

/// What operations record of a batch, besides its values.
#[derive(Debug, Default)]
pub struct TransformLog {
    /// Values that were removed because an operation could not apply: row and rule.
    pub failures: Vec<(u32, usize)>,
    /// Values that a `map` removed, as its `other` says: row, rule and field. They are no longer in the record,
    /// but their rule met them.
    pub dropped: Vec<(u32, usize, Field)>,
    /// Values in which something was replaced: row, rule, and the detectors that found it, as bits.
    pub scrubbed: Vec<(u32, usize, u32)>,
    /// Rules of `map`, with the start of their texts in the arena.
    texts: Vec<(usize, usize)>,
}

impl TransformLog {
    /// Clears the log for the next batch.
    pub fn clear(&mut self) {
        self.failures.clear();
        self.dropped.clear();
        self.scrubbed.clear();
        self.texts.clear();
    }

    /// Returns the start of a `map`'s texts in the arena; adds them at their first use in a batch.
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
    log: &mut TransformLog,
) {
    let mut pending = HmacBatch::default();
    let field = field_of(node);
    for row in 0..batch.rows.len() {
        let slot = batch.slot(row, node);
        if is_live(batch, row) && applied.takes(slot) {
            let place = ValuePlace { row, field, destination: Destination::Slot { row, node } };
            let value = new_value(applied, shifts, slot, chunk, place, batch, log, &mut pending);
            batch.set_slot(row, node, value.unwrap_or(Slot::ABSENT));
        }
    }
    pending.finish(batch);
}

/// The location of a value.
#[derive(Clone, Copy)]
struct ValuePlace {
    row: usize,
    field: Field,
    /// Where the new value goes.
    destination: Destination,
}

impl Applied<'_> {
    /// Whether the operation applies to the slot's type. Values of other types have already been
    /// reported as problems.
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

/// Applies the operations of names to all values of one map, in all live rows.
pub fn apply_to_map(
    map: usize,
    names: &impl NameOps,
    shifts: &Shifts,
    chunk: &[u8],
    batch: &mut Batch,
    log: &mut TransformLog,
) {
    let mut pending = HmacBatch::default();
    for row in 0..batch.rows.len() {
        if !is_live(batch, row) {
            continue;
        }
        for place in batch.map(row, map).range() {
            let Some(entry) = batch.entries.get(place).copied() else { continue };
            if let Some(applied) = names.op(entry.name)
                && (entry.is_list || applied.op.takes_numbers())
            {
                apply_to_entry(place, applied, shifts, chunk, row, batch, log, &mut pending);
            }
        }
    }
    pending.finish(batch);
}

/// Applies an operation to the values of one entry. Removed values leave no gap.
///
/// A list without any value left is removed too; one that was empty from the start stays.
fn apply_to_entry<'a>(
    place: usize,
    applied: Applied<'a>,
    shifts: &Shifts,
    chunk: &[u8],
    row: usize,
    batch: &mut Batch,
    log: &mut TransformLog,
    pending: &mut HmacBatch<'a>,
) {
    let Some(mut entry) = batch.entries.get(place).copied() else { return };
    let range = entry.values.range();
    let mut kept = range.start;
    for value in range.clone() {
        let slot = batch.values.get(value).copied().unwrap_or(Slot::ABSENT);
        let made = if applied.takes(slot) {
            let place = ValuePlace {
                row,
                field: Field::Named(entry.name),
                destination: Destination::Value(kept),
            };
            new_value(applied, shifts, slot, chunk, place, batch, log, pending)
        } else {
            Some(slot)
        };
        if let (Some(made), Some(place)) = (made, batch.values.get_mut(kept)) {
            *place = made;
            kept += 1;
        }
    }
    let len = kept - range.start;
    entry.values.len = u32::try_from(len).expect("no longer than before");
    entry.is_list = entry.is_list && (range.is_empty() || 0 < len);
    if let Some(place) = batch.entries.get_mut(place) {
        *place = entry;
    }
}

/// Applies the operation to a slot. Returns `None` if the value is removed, and an empty text if
/// its token is still to be made.
fn new_value<'a>(
    applied: Applied<'a>,
    shifts: &Shifts,
    slot: Slot,
    chunk: &[u8],
    ValuePlace { row, field, destination }: ValuePlace,
    batch: &mut Batch,
    log: &mut TransformLog,
    pending: &mut HmacBatch<'a>,
) -> Option<Slot> {
    if let Op::Redact(redact) = applied.op
        && let Some(slot) = redact.last_made(&batch.arena)
    {
        return Some(slot);
    }
    if let Op::Map(map) = applied.op {
        return mapped_value(map, applied.rule, slot, chunk, (row, field), batch, log);
    }
    if let Op::Scrub(scrub) = applied.op {
        return scrubbed_value(scrub, applied, slot, chunk, (row, field), batch, log);
    }
    let hmac = if let Op::Hmac(hmac) = applied.op { Some(hmac) } else { None };
    let hmac = hmac.filter(|hmac| slot.len() <= PENDING_BYTES_MAX && pending.takes(hmac));
    if let Some(hmac) = hmac {
        pending.make_room(hmac, batch);
    }
    let mut arena = std::mem::take(&mut batch.arena);
    let start = arena.len();
    let outcome = if let Some(hmac) = hmac {
        pending.add(hmac, Text { chunk, arena: &arena }.of(slot), destination)
    } else if slot.in_arena() {
        // Copied, since the new value is appended to the arena that the value is in.
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
            log.failures.push((row_number(row), applied.rule));
            None
        }
        Outcome::AlreadyToken { .. } | Outcome::Kept => Some(slot),
        Outcome::Dropped => None,
    };
    batch.arena = arena;
    let (code, detail) = match outcome {
        Outcome::AlreadyToken { has_known_key: true } => (Code::AlreadyToken, Detail::None),
        Outcome::AlreadyToken { has_known_key: false } => (Code::AlreadyToken, Detail::UnknownKey),
        Outcome::Failed if applied.rejects => (Code::Op, Detail::None),
        Outcome::Failed | Outcome::Made { .. } | Outcome::Kept | Outcome::Dropped => return made,
    };
    batch.add_problem(row, Problem { field, code, rule: applied.rule_name, detail });
    made
}

fn row_number(row: usize) -> u32 {
    u32::try_from(row).expect("a batch has few rows")
}

/// Applies a `scrub` to a slot. Nearly all values stay where they are.
fn scrubbed_value(
    scrub: &Scrub,
    applied: Applied<'_>,
    slot: Slot,
    chunk: &[u8],
    (row, field): (usize, Field),
    batch: &mut Batch,
    log: &mut TransformLog,
) -> Option<Slot> {
    match scrub.scrub(Text { chunk, arena: &batch.arena }.of(slot)) {
        Ok(None) => Some(slot),
        Ok(Some(scrubbed)) => {
            log.scrubbed.push((row_number(row), applied.rule, scrubbed.by));
            let text = scrubbed.text.as_bytes();
            let start = batch.arena.len();
            batch.arena.extend_from_slice(text);
            Some(Slot::new_text(start, text.len(), super::is_plain(text)))
        }
        Err(CannotReplace) => {
            log.failures.push((row_number(row), applied.rule));
            if applied.rejects {
                let (code, detail) = (Code::Op, Detail::None);
                let rule = applied.rule_name;
                batch.add_problem(row, Problem { field, code, rule, detail });
            }
            None
        }
    }
}

/// Applies a `map` to a slot. All values share one copy of each text, so that many short values
/// cannot become as many long ones in memory.
fn mapped_value(
    map: &Map,
    rule: usize,
    slot: Slot,
    chunk: &[u8],
    (row, field): (usize, Field),
    batch: &mut Batch,
    log: &mut TransformLog,
) -> Option<Slot> {
    match map.look_up(Text { chunk, arena: &batch.arena }.of(slot)) {
        Mapped::Text(Span { start, len, is_plain }) => {
            let texts = log.place_texts(rule, map, &mut batch.arena);
            Some(Slot::new_text(texts + start, len, is_plain))
        }
        Mapped::Keep => Some(slot),
        Mapped::Drop => {
            log.dropped.push((row_number(row), rule, field));
            None
        }
    }
}
