//! Mends what is certain, before values are judged: one file for each repair.
//!
//! - A repair changes a value only into one that is valid; whatever else it meets stays, and is judged.
//! - A valid value stays as it is. Where a repair is there to give values one spelling (`trim`, the
//!   domain of `email`, the links of `timezone`, the offsets of `dates`), a valid value may become
//!   another spelling of the same.
//! - A repair that is made again changes nothing.
//!
//! Which field a repair looks at follows from the formats and enums of the schema.

mod country;
mod dates;
mod email;
mod kind;
mod lists;
mod locale;
mod phone;
mod step;
mod timezone;
mod trial;
mod trim;
mod words;

pub use kind::{RepairKind, RepairSet};
pub use trial::Mended;

use crate::record::{Batch, Field, NameId, Slot};
use crate::schema::{NodeIx, PhoneRegion, Schema, Shape};
use step::FieldRepair;

/// What a definition says of repairs.
#[derive(Clone, Copy, Debug, Default)]
pub struct Settings {
    pub on: RepairSet,
    pub phone_region: PhoneRegionFrom,
    /// Whether telephone numbers have to be in their numbering plan.
    pub phone_plan: bool,
}

/// The region of numbers that are written as they are dialled at home.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PhoneRegionFrom {
    /// None is known: only numbers with `+` are understood.
    #[default]
    Nowhere,
    Region(PhoneRegion),
    /// The record's own field, if that holds a country's code.
    Field(NodeIx),
}

/// The chunk that slots point into.
#[derive(Clone, Copy)]
pub struct ChunkText<'a> {
    pub chunk: &'a [u8],
    /// Whether an empty value is an absent field.
    pub is_csv: bool,
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
    /// Whether the policy writes the field; else nobody needs to know.
    pub is_written: bool,
}

/// The repairs of a definition, compiled to slots; also those that are off, to be tried on rejects.
#[derive(Debug)]
pub struct Repairs {
    on: RepairSet,
    /// The text and number fields, and whether each is written.
    fields: Vec<TrimmedField>,
    /// For each map, whether its values are lists.
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
    /// `written`: for each node whether the policy keeps or transforms it. What it drops is repaired
    /// too, since other fields and the policy may depend on it, but it is not counted.
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

    /// Repairs the live rows of a batch, and notes each value that changed. `is_dropped`: whether the
    /// policy drops what stands under a name.
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
        if kinds.has(RepairKind::Trim) {
            self.trim_fields(row, source, batch, done);
        }
        if kinds.has(RepairKind::Trim) || kinds.has(RepairKind::Lists) {
            self.mend_maps(kinds, row, source, batch, is_dropped, done);
        }
        for step in self.steps.iter().filter(|step| kinds.has(step.kind)) {
            if let Some(mended) = step.mend(row, source, batch) {
                let slot = push(&mended, batch);
                batch.set_slot(row, step.node, slot);
                done.push(repaired(row, step.kind, field(step.node), step.is_written));
            }
        }
    }

    fn trim_fields(
        &self,
        row: usize,
        source: ChunkText<'_>,
        batch: &mut Batch,
        done: &mut Vec<Repaired>,
    ) {
        for of in &self.fields {
            let slot = batch.slot(row, of.node);
            if let Some(trimmed) = trim::trimmed(slot, source, &batch.arena, of.is_number) {
                batch.set_slot(row, of.node, trimmed);
                done.push(repaired(row, RepairKind::Trim, field(of.node), of.is_written));
            }
        }
    }

    fn mend_maps(
        &self,
        kinds: RepairSet,
        row: usize,
        source: ChunkText<'_>,
        batch: &mut Batch,
        is_dropped: &impl Fn(NameId) -> bool,
        done: &mut Vec<Repaired>,
    ) {
        for (map, is_lists) in self.maps.iter().enumerate() {
            for place in batch.map(row, map).range() {
                if batch.entries.get(place).is_none_or(|entry| is_dropped(entry.name)) {
                    continue;
                }
                if kinds.has(RepairKind::Trim) {
                    let note = |field| repaired(row, RepairKind::Trim, field, true);
                    trim::trim_entry(place, !is_lists, source, batch, note, done);
                }
                if *is_lists
                    && kinds.has(RepairKind::Lists)
                    && let Some(name) = lists::mend(place, batch)
                {
                    done.push(repaired(row, RepairKind::Lists, Field::Named(name), true));
                }
            }
        }
    }
}

fn repaired(row: usize, kind: RepairKind, field: Field, is_written: bool) -> Repaired {
    let row = u32::try_from(row).expect("a batch has few rows");
    Repaired { row, kind, field, is_written }
}

fn field(node: NodeIx) -> Field {
    Field::Node(u8::try_from(node).expect("a schema has at most 128 nodes"))
}

fn push(text: &str, batch: &mut Batch) -> Slot {
    let start = batch.arena.len();
    batch.arena.extend_from_slice(text.as_bytes());
    Slot::new_text(start, text.len(), false)
}
