//! Repairs: fixes of values that can mean only one thing, made before values are checked. Each
//! repair is one file.
//!
//! - A repair only changes a value into a valid one. It leaves all other values alone, and the
//!   checks then report them.
//! - Valid values stay as they are, except where a repair gives values one spelling: `trim`, the
//!   domain in `email`, links in `timezone` and offsets in `dates`.
//! - Repairs are idempotent.
//!
//! The formats, enums and roles of the schema decide which fields a repair applies to.

mod country;
mod dates;
mod email;
mod gate;
mod kind;
mod lists;
mod locale;
mod odd;
mod phone;
mod scalars;
mod spreadsheet;
mod step;
mod timezone;
mod trial;
mod trim;
mod words;

pub use kind::{RepairKind, RepairSet};
pub use odd::OddTexts;
pub use phone::settings_for_region;
pub use trial::Fix;

use crate::record::{Batch, Entry, Field, JsonType, NameId, Slot, SlotKind, Text};
use crate::schema::{DateZone, NodeIx, PhoneRegion, Schema, Shape};
use gate::Gate;
use step::FieldRepair;

/// The `[repair]` section of a definition, compiled.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// The repairs that are on.
    pub on: RepairSet,
    pub phone_region: PhoneRegionFrom,
    /// The zone of dates with a time and without an offset.
    pub date_zone: Option<DateZone>,
    /// Whether phone numbers must be valid in the numbering plan of their country.
    pub phone_plan: bool,
}

/// The region of phone numbers that are written in national form.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PhoneRegionFrom {
    /// Unknown: only numbers with `+` are repaired.
    #[default]
    Nowhere,
    Region(PhoneRegion),
    /// The country code in this field of the same record.
    Field(NodeIx),
}

/// The chunk that a batch's slots point into.
#[derive(Clone, Copy)]
pub struct ChunkText<'a> {
    pub chunk: &'a [u8],
    /// Whether the chunk is CSV, in which an empty value is an absent field.
    pub is_csv: bool,
}

impl<'a> ChunkText<'a> {
    fn with(self, arena: &'a [u8]) -> Text<'a> {
        Text { chunk: self.chunk, arena }
    }
}

impl std::fmt::Debug for ChunkText<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ChunkText({} bytes)", self.chunk.len())
    }
}

/// One value that a repair changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Repaired {
    pub row: u32,
    pub kind: RepairKind,
    pub field: Field,
    /// Whether the rules write the field; if not, the repair is not counted.
    pub is_written: bool,
}

/// The repairs of a definition, compiled to slots. Those that are off are there too, to be tried
/// on rejects.
#[derive(Debug)]
pub struct Repairs {
    on: RepairSet,
    /// All text and number fields.
    fields: Vec<TrimmedField>,
    /// Whether the values of each map are lists.
    maps: Vec<bool>,
    steps: Vec<FieldRepair>,
}

#[derive(Debug)]
struct TrimmedField {
    node: NodeIx,
    is_number: bool,
    is_written: bool,
}

impl Repairs {
    /// Compiles the repairs. `written` says for each node whether the rules write it: dropped
    /// fields are repaired too, since other fields and rules may depend on them, but not counted.
    pub fn new(schema: &Schema, settings: &Settings, written: &[bool]) -> Repairs {
        let nodes = schema.nodes.iter().enumerate();
        let fields = nodes.filter(|(_, node)| matches!(node.shape, Shape::Text | Shape::Number));
        let is_lists =
            |node: &NodeIx| schema.nodes.get(*node).is_some_and(|node| node.shape == Shape::Lists);
        Repairs {
            on: settings.on,
            fields: fields
                .map(|(node, description)| TrimmedField {
                    node,
                    is_number: description.shape == Shape::Number,
                    is_written: written.get(node).copied().unwrap_or(false),
                })
                .collect(),
            maps: schema.maps.iter().map(is_lists).collect(),
            steps: step::steps(schema, settings, written),
        }
    }

    /// The repairs that are on.
    pub fn on(&self) -> RepairSet {
        self.on
    }

    /// Repairs the live rows of a batch, and adds each changed value to `done`.
    ///
    /// `is_dropped` says whether the rules drop the values of a name.
    pub fn apply(
        &self,
        source: ChunkText<'_>,
        batch: &mut Batch,
        is_dropped: impl Fn(NameId) -> bool,
        done: &mut Vec<Repaired>,
    ) {
        for row in 0..batch.rows.len() {
            if batch.rows.get(row).is_some_and(|row| !row.broken && !row.dropped) {
                self.apply_to_row(self.on, row, source, batch, &is_dropped, done);
            }
        }
    }

    fn apply_to_row(
        &self,
        kinds: RepairSet,
        row: usize,
        source: ChunkText<'_>,
        batch: &mut Batch,
        is_dropped: &impl Fn(NameId) -> bool,
        done: &mut Vec<Repaired>,
    ) {
        let gate = Gate::of(kinds);
        if !gate.is_shut() && self.may_change_fields(gate, row, source, batch) {
            for kind in OF_ALL_VALUES.into_iter().filter(|kind| kinds.has(*kind)) {
                self.change_fields(kind, row, source, batch, done);
            }
        }
        if OF_MAPS.into_iter().any(|kind| kinds.has(kind)) {
            self.repair_maps(kinds, row, source, batch, is_dropped, done);
        }
        for step in self.steps.iter().filter(|step| kinds.has(step.kind)) {
            if let Some(value) = step.repair(row, source, batch) {
                let slot = push(&value, batch);
                batch.set_slot(row, step.node, slot);
                done.push(repaired(row, step.kind, field(step.node), step.is_written));
            }
        }
    }

    /// Whether one of the repairs of all values may change a field of this row.
    fn may_change_fields(
        &self,
        gate: Gate,
        row: usize,
        source: ChunkText<'_>,
        batch: &Batch,
    ) -> bool {
        let (slots, text) = (batch.row_slots(row), source.with(&batch.arena));
        self.fields.iter().any(|TrimmedField { node, is_number, .. }| {
            slots.get(*node).is_some_and(|slot| gate.admits(*slot, text, *is_number))
        })
    }

    /// Makes one of the repairs of all values, on fields.
    fn change_fields(
        &self,
        kind: RepairKind,
        row: usize,
        source: ChunkText<'_>,
        batch: &mut Batch,
        done: &mut Vec<Repaired>,
    ) {
        for TrimmedField { node, is_number, is_written } in &self.fields {
            let slot = batch.slot(row, *node);
            if slot.is_absent() || slot.is_text() == (kind == RepairKind::Scalars) {
                continue;
            }
            if let Some(changed) = changed(kind, slot, *is_number, source, &batch.arena) {
                batch.set_slot(row, *node, changed);
                done.push(repaired(row, kind, field(*node), *is_written));
            }
        }
    }

    fn repair_maps(
        &self,
        kinds: RepairSet,
        row: usize,
        source: ChunkText<'_>,
        batch: &mut Batch,
        is_dropped: &impl Fn(NameId) -> bool,
        done: &mut Vec<Repaired>,
    ) {
        let (gate, lists) = (Gate::of(kinds), kinds.has(RepairKind::Lists));
        for (map, is_lists) in self.maps.iter().enumerate() {
            let lists = lists && *is_lists;
            for index in batch.map(row, map).range() {
                let Some(entry) = batch.entries.get(index).copied() else { continue };
                let text = source.with(&batch.arena);
                let mut values = batch.entry_values(entry).iter();
                let may_change = values.any(|value| gate.admits(*value, text, !is_lists))
                    || lists && !entry.is_list;
                if !may_change || is_dropped(entry.name) {
                    continue;
                }
                // Text alone is no better than a bare number, unless it then becomes a list.
                let is_text_wanted =
                    entry.is_list || kinds.has(RepairKind::Lists) && is_boolean(entry, batch);
                for kind in OF_ALL_VALUES.into_iter().filter(|kind| kinds.has(*kind)) {
                    if kind != RepairKind::Scalars || is_text_wanted {
                        let change =
                            |slot, arena: &[u8]| changed(kind, slot, !is_lists, source, arena);
                        let note = |field| repaired(row, kind, field, true);
                        trim::change_entry(index, batch, change, note, done);
                    }
                }
                if lists && let Some(name) = lists::repair(index, batch) {
                    done.push(repaired(row, RepairKind::Lists, Field::Named(name), true));
                }
            }
        }
    }
}

/// The repairs of all values, in the order in which they are made.
const OF_ALL_VALUES: [RepairKind; 3] =
    [RepairKind::Scalars, RepairKind::Trim, RepairKind::Spreadsheet];

/// The repairs of values in maps.
const OF_MAPS: [RepairKind; 4] =
    [RepairKind::Scalars, RepairKind::Trim, RepairKind::Spreadsheet, RepairKind::Lists];

/// What one of the repairs of all fields makes of a value; `None` if it stays.
fn changed(
    kind: RepairKind,
    slot: Slot,
    is_number: bool,
    source: ChunkText<'_>,
    arena: &[u8],
) -> Option<Slot> {
    match kind {
        RepairKind::Scalars if !is_number => scalars::as_text(slot, source, arena),
        RepairKind::Trim => trim::trimmed(slot, source, arena, is_number),
        RepairKind::Spreadsheet => spreadsheet::unmarked(slot, source, arena, is_number),
        RepairKind::Names
        | RepairKind::Scalars
        | RepairKind::Lists
        | RepairKind::Channel
        | RepairKind::OptOut
        | RepairKind::Country
        | RepairKind::Locale
        | RepairKind::Timezone
        | RepairKind::Dates
        | RepairKind::Email
        | RepairKind::Phone => None,
    }
}

fn is_boolean(entry: Entry, batch: &Batch) -> bool {
    let is_one = |value: &Slot| value.kind() == SlotKind::Other(JsonType::Boolean);
    batch.entry_values(entry).iter().all(is_one)
}

fn repaired(row: usize, kind: RepairKind, field: Field, is_written: bool) -> Repaired {
    let row = u32::try_from(row).expect("a batch has few rows");
    Repaired { row, kind, field, is_written }
}

fn field(node: NodeIx) -> Field {
    Field::Node(u8::try_from(node).expect("a schema has at most 128 nodes"))
}

/// Adds a text to the arena.
fn push(text: &str, batch: &mut Batch) -> Slot {
    let start = batch.arena.len();
    batch.arena.extend_from_slice(text.as_bytes());
    Slot::new_text(start, text.len(), false)
}
