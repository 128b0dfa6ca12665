//! What comes of a run of records: output bytes, rejects and counts, with places relative to
//! where the run began. The ordered side adds what came before.

use std::{collections::BTreeMap, fmt, sync::Arc};

use super::first_seen::FirstSeen;
use crate::encode::{CsvCounts, Table};
use crate::record::{DescribedProblem, Slot};
use crate::repair::{RepairKind, RepairSet};

/// One record that is not written.
#[derive(Clone, Debug)]
pub struct Reject {
    /// 0-based among the block's records.
    pub record: u64,
    /// Line ends between the block's start and the record's.
    pub line: u64,
    /// In bytes of the chunk.
    pub offset: usize,
    /// Without the line end.
    pub bytes: usize,
    pub problems: Vec<DescribedProblem>,
}

/// The outcome of consecutive records of one chunk.
#[derive(Default)]
pub struct Block {
    /// The written records as JSON, each with its line end; nothing where no output is JSON.
    pub json: Lines,
    /// The same for each output of CSV, in their order.
    pub csv: Vec<Lines>,
    /// The written records by columns, where an output is Parquet.
    pub table: Option<Arc<Table>>,
    /// About how much memory that takes; told when a batch is added.
    pub(crate) table_bytes: usize,
    pub(crate) written: u64,
    pub rejects: Vec<Reject>,
    pub read: u64,
    pub inactive: u64,
    /// Records that a list leaves out.
    pub suppressed: u64,
    /// By list of the plan: records that it has. May be shorter than there are lists.
    pub matches: Vec<u64>,
    pub blank_lines: u64,
    /// Fields that only exports carry.
    pub export_only: u64,
    /// By rule of the plan: values it was applied to, in written records.
    pub values: Vec<u64>,
    /// By rule: values removed since the operation could not apply, in written records.
    pub op_failed: Vec<u64>,
    /// Unknown fields by shown path.
    pub unknown: FirstSeen,
    /// Values of written records that a repair changed, by shown path.
    pub repairs: BTreeMap<RepairKind, FirstSeen>,
    /// Rejects that repairs would mend, by those repairs.
    pub mendable: BTreeMap<RepairSet, u64>,
    /// Line ends in the bytes that the block comes from.
    pub lines: u64,
    /// By node of the schema: written records that have it. Added to `values` at the end.
    slots: Vec<u64>,
    /// About how much memory the rejects take.
    reject_bytes: usize,
}

/// What a reject, one of its problems and a name take in memory, about, in bytes; for the bound on
/// blocks.
const REJECT_COST: usize = 256;
const PROBLEM_COST: usize = 256;
const NAME_COST: usize = 128;

/// Records as lines.
#[derive(Default)]
pub struct Lines {
    pub bytes: Vec<u8>,
    /// Where each record ends in `bytes`, behind its line end.
    pub ends: Vec<usize>,
    /// Of CSV.
    pub counts: CsvCounts,
    /// The counts without those of a record that has not ended.
    counts_at_end: CsvCounts,
}

impl Lines {
    fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
        self.counts = CsvCounts::default();
        self.counts_at_end = self.counts;
    }

    /// Ends the record that was appended.
    pub(crate) fn end(&mut self) {
        self.ends.push(self.bytes.len());
        self.counts_at_end = self.counts;
    }

    /// Takes back what was appended after the last record.
    pub(crate) fn undo(&mut self) {
        self.bytes.truncate(self.ends.last().copied().unwrap_or(0));
        self.counts = self.counts_at_end;
    }

    fn cost(&self) -> usize {
        self.bytes.len() + self.ends.len() * size_of::<usize>()
    }
}

impl Block {
    pub fn for_rules(rules: usize) -> Self {
        Block { values: vec![0; rules], op_failed: vec![0; rules], ..Block::default() }
    }

    /// Empties the block, and keeps its memory.
    pub fn clear(&mut self) {
        let Block { json, csv, values, op_failed, slots, .. } = std::mem::take(self);
        *self = Block { json, csv, values, op_failed, slots, ..Block::default() };
        self.json.clear();
        self.csv.iter_mut().for_each(Lines::clear);
        self.values.fill(0);
        self.op_failed.fill(0);
    }

    /// About how much memory the block takes, in bytes.
    pub fn cost(&self) -> usize {
        let lines: usize = self.csv.iter().map(Lines::cost).sum();
        let repaired: usize = self.repairs.values().map(FirstSeen::len).sum();
        let names = (self.unknown.len() + repaired) * NAME_COST;
        self.json.cost() + lines + self.table_bytes + self.reject_bytes + names
    }

    pub(crate) fn reject(&mut self, reject: Reject) {
        self.reject_bytes += REJECT_COST + PROBLEM_COST * reject.problems.len();
        self.rejects.push(reject);
    }

    pub fn written(&self) -> u64 {
        self.written
    }

    pub fn rejected(&self) -> u64 {
        u64::try_from(self.rejects.len()).expect("fewer than 2^64 records")
    }

    pub(crate) fn count_match(&mut self, list: usize) {
        self.matches.resize(self.matches.len().max(list + 1), 0);
        if let Some(count) = self.matches.get_mut(list) {
            *count += 1;
        }
    }

    pub(crate) fn count_failures(&mut self, failures: &[(u32, usize)], row: usize) {
        let of_row = |(failed, _): &&(u32, usize)| usize::try_from(*failed).is_ok_and(|r| r == row);
        for (_, rule) in failures.iter().filter(of_row) {
            if let Some(count) = self.op_failed.get_mut(*rule) {
                *count += 1;
            }
        }
    }

    /// Counts the fields that a written record has, in one sweep.
    pub(crate) fn count_slots(&mut self, row: &[Slot]) {
        self.slots.resize(self.slots.len().max(row.len()), 0);
        for (count, slot) in self.slots.iter_mut().zip(row) {
            *count += u64::from(!slot.is_absent());
        }
    }

    /// Adds the counted fields to the rules that govern them.
    pub(crate) fn add_slots_to_rules(&mut self, node_rules: &[Option<usize>]) {
        let mut slots = std::mem::take(&mut self.slots);
        for (rule, count) in node_rules.iter().zip(&mut slots) {
            self.count_values(*rule, std::mem::take(count));
        }
        self.slots = slots;
    }

    pub(crate) fn count_values(&mut self, rule: Option<usize>, values: u64) {
        if let Some(count) = rule.and_then(|rule| self.values.get_mut(rule)) {
            *count += values;
        }
    }
}

impl fmt::Debug for Lines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Lines({})", self.ends.len())
    }
}

impl fmt::Debug for Block {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Block({} written, {} rejected)", self.written, self.rejects.len())
    }
}
