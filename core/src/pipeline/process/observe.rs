//! Takes records through the stages as [`process`](super::process) does, and keeps what became of each: for
//! people who look at a few of them (`segprep preview`).
//!
//! The stages are the same calls in the same order. Nothing of this runs in a run.

use std::fmt;

use super::ChunkPass;
use super::Worker;
use super::rows::{LineCounter, find_row};
use crate::decode::Format;
use crate::definition::ListAction;
use crate::pipeline::block::{Block, Reject};
use crate::pipeline::name_policies::scope_path;
use crate::pipeline::stages::Stages;
use crate::plan::Plan;
use crate::record::{DescribedProblem, Field, Note, Slot, Text, join};
use crate::repair::RepairKind;

/// What became of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    Written,
    Rejected,
    /// Dropped because it is inactive.
    Inactive,
    /// Dropped because of a list.
    Suppressed,
    /// Dropped because it repeats the header.
    Header,
}

/// A record after all stages.
pub struct Observed {
    /// Its index among the records of the chunk.
    pub record: u64,
    /// The line ends between the beginning of the chunk and the record.
    pub line: u64,
    /// Where in the chunk it begins, and its length without the line end, in bytes.
    pub offset: usize,
    pub bytes: usize,
    pub fate: Fate,
    /// The position of the `[[input.endpoint]]` that gave the record, from 1; 0 for none.
    pub endpoint: u8,
    /// Whether it could be decoded.
    pub is_decoded: bool,
    pub problems: Vec<DescribedProblem>,
    /// The record as it is written, as JSON; empty if it is not.
    pub json: String,
    /// The values that the operations took, by the path of the field.
    pub values: Vec<(String, Vec<String>)>,
    /// The repairs of values that the rules write, by the path of the field.
    pub repairs: Vec<(String, RepairKind)>,
    /// The fields with invalid values that were removed.
    pub removed: Vec<String>,
    /// Whether a list opted it out.
    pub is_opted_out: bool,
}

impl fmt::Debug for Observed {
    /// Shows no value.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Observed({} {:?})", self.record, self.fate)
    }
}

/// The values that the operations took, by path.
type Values = Vec<(String, Vec<String>)>;

/// Takes the first `records` records of a chunk through all stages, and returns those that are wanted, by
/// their index and their offset. `stages` are those of [`Stages::for_preview`].
pub fn observe(
    plan: &Plan,
    stages: &Stages,
    worker: &mut Worker,
    chunk: &[u8],
    format: &Format,
    records: u64,
    is_wanted: &dyn Fn(u64, usize) -> bool,
) -> Vec<Observed> {
    let mut pass = ChunkPass::new(plan, stages, worker, chunk, 0, format);
    let mut lines = LineCounter::new(0, format.line_end());
    let (mut at, mut before, mut all) = (0, 0, Vec::new());
    while at < chunk.len() && before < records {
        let mut block = Block::for_rules(plan.rules.len());
        let decoded = pass.decode(at);
        pass.repair_and_drop();
        pass.check_values();
        let wanted = pass.wanted(before, records, is_wanted);
        let taken: Vec<Values> = wanted.iter().map(|row| pass.values_of(*row)).collect();
        pass.transform();
        pass.check_limits();
        at = pass.encode(decoded, usize::MAX, &mut block);
        pass.count_names(&mut block);
        before += pass.fates(block, before, &wanted, taken, &mut lines, &mut all);
    }
    all
}

/// Where the records of a chunk begin.
pub fn offsets(
    plan: &Plan,
    stages: &Stages,
    worker: &mut Worker,
    chunk: &[u8],
    format: &Format,
) -> Vec<usize> {
    let mut pass = ChunkPass::new(plan, stages, worker, chunk, 0, format);
    let (mut at, mut all) = (0, Vec::new());
    while at < chunk.len() {
        at = pass.decode(at).next;
        all.extend(pass.worker.batch.rows.iter().map(|row| row.start));
    }
    all
}

impl ChunkPass<'_> {
    /// The rows of the batch that are wanted; `before` is the number of records before the batch.
    fn wanted(
        &self,
        before: u64,
        records: u64,
        is_wanted: &dyn Fn(u64, usize) -> bool,
    ) -> Vec<usize> {
        let rows = self.worker.batch.rows.iter().zip(before..records).enumerate();
        rows.filter(|(_, (row, record))| is_wanted(*record, row.start))
            .map(|(row, _)| row)
            .collect()
    }

    /// The values of a row by path.
    fn values_of(&self, row: usize) -> Values {
        let (plan, Worker { batch, decoder, .. }) = (self.plan, &*self.worker);
        let text = Text { chunk: self.source.chunk, arena: &batch.arena };
        let of = |slot: &Slot| String::from_utf8_lossy(text.of(*slot)).into_owned();
        let slots = plan.schema.nodes.iter().zip(batch.row_slots(row));
        let slots = slots.filter(|(_, slot)| !slot.is_absent());
        let fields = slots.map(|(node, slot)| (node.path.clone(), vec![of(slot)]));
        let entries = (0..batch.maps_width).flat_map(|map| batch.map_entries(row, map));
        let entries = entries.map(|entry| {
            let (scope, name) = decoder.names.get(entry.name);
            let values = batch.entry_values(*entry).iter().map(of).collect();
            (join(scope_path(scope, plan), name), values)
        });
        fields.chain(entries).collect()
    }

    /// Adds what became of the wanted rows. Returns the number of records in the batch.
    fn fates(
        &self,
        block: Block,
        before: u64,
        wanted: &[usize],
        taken: Vec<Values>,
        lines: &mut LineCounter,
        all: &mut Vec<Observed>,
    ) -> u64 {
        let mut rejects = block.rejects.into_iter().peekable();
        let mut taken = wanted.iter().zip(taken).peekable();
        let (mut written, mut begin) = (block.json.ends.iter(), 0);
        for (row, record) in (0..self.worker.batch.rows.len()).zip(before..) {
            let own = |reject: &Reject| before + reject.record == record;
            let reject = rejects.next_if(own);
            let fate = self.fate(row, reject.is_some());
            let end = if fate == Fate::Written { written.next() } else { None };
            let end = end.copied().unwrap_or(begin);
            let json = block.json.bytes.get(begin..end).unwrap_or(&[]);
            begin = end;
            if let Some((_, values)) = taken.next_if(|(wanted, _)| **wanted == row) {
                let problems = reject.map(|reject| reject.problems).unwrap_or_default();
                let json = String::from_utf8_lossy(json.trim_ascii_end()).into_owned();
                let observed = self.observed(row, fate, lines);
                all.push(Observed { record, problems, json, values, ..observed });
            }
        }
        block.read
    }

    /// What became of a row.
    fn fate(&self, row: usize, is_rejected: bool) -> Fate {
        let Some(place) = self.worker.batch.rows.get(row) else { return Fate::Rejected };
        if self.has_list_that(row, ListAction::Drop) {
            Fate::Suppressed
        } else if place.is_header {
            Fate::Header
        } else if place.dropped {
            Fate::Inactive
        } else if is_rejected {
            Fate::Rejected
        } else {
            Fate::Written
        }
    }

    /// Whether a list with this action matches a row.
    fn has_list_that(&self, row: usize, action: ListAction) -> bool {
        let matches = find_row(&self.worker.matches.rows, row, |(of, _)| *of);
        matches.iter().any(|(_, list)| {
            self.plan.lists.get(*list).is_some_and(|list| list.spec.action == action)
        })
    }

    /// A row without its problems and values.
    fn observed(&self, row: usize, fate: Fate, lines: &mut LineCounter) -> Observed {
        let Worker { batch, repaired, .. } = &*self.worker;
        let place = batch.rows.get(row).copied().unwrap_or_default();
        lines.count_to(self.source.chunk, place.start);
        let repairs = find_row(repaired, row, |repaired| repaired.row).iter();
        let repairs = repairs.filter(|repaired| repaired.is_written);
        let notes = find_row(&batch.notes, row, |noted| noted.row);
        let removed = notes.iter().filter(|noted| noted.note == Note::RemovedInvalid);
        Observed {
            record: 0,
            line: lines.lines,
            offset: place.start,
            bytes: place.len,
            fate,
            endpoint: place.endpoint,
            is_decoded: !place.broken,
            problems: Vec::new(),
            json: String::new(),
            values: Vec::new(),
            repairs: repairs.map(|one| (self.whole_path(one.field), one.kind)).collect(),
            removed: removed.map(|noted| self.whole_path(noted.field)).collect(),
            is_opted_out: self.has_list_that(row, ListAction::OptOut),
        }
    }

    /// The path of a field, whether or not it may be shown.
    fn whole_path(&self, field: Field) -> String {
        match field {
            Field::Record => String::new(),
            Field::Node(node) => {
                let node = self.plan.schema.nodes.get(usize::from(node));
                node.map_or_else(String::new, |node| node.path.clone())
            }
            Field::Named(name) => {
                let (scope, name) = self.worker.decoder.names.get(name);
                join(scope_path(scope, self.plan), name)
            }
        }
    }
}
