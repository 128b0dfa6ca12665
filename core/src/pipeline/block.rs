//! What comes of consecutive records of a chunk: output bytes, rejects and counts.
//!
//! All places are relative to where the block's records begin; the ordered side of a run adds what
//! came before.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::Arc,
};

use super::first_seen::FirstSeen;
use super::marks::Mark;
use crate::encode::{LineCounts, Table};
use crate::record::{DescribedProblem, FieldPath, Note, Slot};
use crate::repair::{RepairKind, RepairSet};

/// One record that is not written.
#[derive(Clone, Debug)]
pub struct Reject {
    /// The record's index among the block's records.
    pub record: u64,
    /// The line ends between the start of the block and the record.
    pub line: u64,
    /// Where in the chunk the record begins, in bytes.
    pub offset: usize,
    /// The length without the line end, in bytes.
    pub bytes: usize,
    /// The position of the `[[input.endpoint]]` that gave the record, from 1; 0 for none.
    pub endpoint: u8,
    pub problems: Vec<DescribedProblem>,
}

/// Where a block has the records of an output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoded {
    /// In `json`, which all JSON outputs share.
    Json,
    /// In `line_outputs`, at this index.
    Lines(usize),
    /// In `table`, which all outputs of columns share.
    Table,
}

/// The values in written records that a `scrub` changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ScrubCount {
    pub values: u64,
    /// The values in which each detector found something, by its index.
    pub by: BTreeMap<u32, u64>,
}

impl ScrubCount {
    /// Adds one value with the detectors that found something, as bits.
    fn count(&mut self, mut by: u32) {
        self.values += 1;
        while by != 0 {
            *self.by.entry(by.trailing_zeros()).or_default() += 1;
            by &= by - 1;
        }
    }

    pub fn add(&mut self, other: &ScrubCount) {
        self.values += other.values;
        for (detector, values) in &other.by {
            *self.by.entry(*detector).or_default() += values;
        }
    }
}

/// The outcome of consecutive records of one chunk.
#[derive(Default)]
pub struct Block {
    /// The written records as JSON, each with its line end; empty if no output is JSON.
    pub json: Lines,
    /// The written records of each other output of lines, in their order.
    pub line_outputs: Vec<Lines>,
    /// The written records by columns, if an output needs them.
    pub table: Option<Arc<Table>>,
    /// About how much memory the table takes, in bytes; updated after each batch.
    pub(super) table_bytes: usize,
    pub(super) written: u64,
    pub rejects: Vec<Reject>,
    pub read: u64,
    /// The rows that they come from, of which one may give several records.
    pub rows: u64,
    /// Records that were dropped because they are inactive.
    pub inactive: u64,
    /// Rows that were dropped because they repeat the header.
    pub headers: u64,
    /// Records that a list dropped.
    pub suppressed: u64,
    /// Records that were dropped because another one with the same values stays.
    pub duplicates: u64,
    /// Records that were dropped because their users have too many.
    pub over_user_limit: u64,
    /// The names of attributes and metrics of users who may have too many: hashes of the user and of the
    /// name.
    pub names_of_users: Vec<(u128, u64)>,
    /// Records that are opted out and not written, by what became of them, if an output has lists of opt-outs.
    pub unlisted: BTreeMap<&'static str, u64>,
    /// Records that each list matches, in the plan's order; may be shorter than the lists.
    pub matches: Vec<u64>,
    pub blank_lines: u64,
    /// Fields that only exports have.
    pub export_only: u64,
    /// CSV cells in which blanks precede a quote, which is text then.
    pub spaced_quotes: u64,
    /// For each rule of the plan, the values in written records that it was applied to.
    pub values: Vec<u64>,
    /// For each rule, the values in written records that were removed because its operation could
    /// not apply.
    pub op_failed: Vec<u64>,
    /// For each rule with `scrub` that changed values: these.
    pub scrubbed: BTreeMap<usize, ScrubCount>,
    /// Unknown fields by path.
    pub unknown: FirstSeen,
    /// The names that the records have in maps and beside the fields of the schema, in order of first
    /// appearance. If there are more than [`BLOCK_NAMES_MAX`], only the first ones.
    pub names: Vec<BlockName>,
    /// For each node of the schema, the written records that have it.
    pub nodes: Vec<u64>,
    /// Values of written records that a repair changed, by path.
    pub repairs: BTreeMap<RepairKind, FirstSeen>,
    /// The settings of `[input.rename]` that matched a name in JSON, by index.
    pub renamings: BTreeSet<usize>,
    /// What was noticed about values, by path.
    pub notes: BTreeMap<Note, FirstSeen>,
    /// Rejects that repairs would fix, by those repairs.
    pub repairable: BTreeMap<RepairSet, u64>,
    /// Line ends in the bytes that the block comes from.
    pub lines: u64,
    /// For each node of the schema, the written records that have it. Added to `values` at the end.
    fields: Vec<u64>,
    /// About how much memory the rejects take, in bytes.
    reject_bytes: usize,
}

/// A name of the data in the records of a block.
#[derive(Clone, Debug)]
pub struct BlockName {
    pub path: FieldPath,
    /// The rule of a name in a map.
    pub rule: Option<usize>,
    /// The values under the name in written records.
    pub values: u64,
    /// The records that have the name. Only counted up to ten, and for names that may be shown if they
    /// are common.
    pub records: u32,
    /// The index of the first of these records among the block's.
    pub first: u64,
}

/// The most names of a block.
pub const BLOCK_NAMES_MAX: usize = 1_000;

/// About how many bytes of memory a reject, each of its problems, and a name take. Blocks are
/// bounded by such estimates.
const REJECT_COST: usize = 256;
const PROBLEM_COST: usize = 256;
const NAME_COST: usize = 128;

/// Records as lines.
#[derive(Default)]
pub struct Lines {
    pub bytes: Vec<u8>,
    /// Where each record ends in `bytes`, its line end included.
    pub ends: Vec<usize>,
    /// What was lost or noted by the encoder; includes a record that has not ended.
    pub counts: LineCounts,
    /// The counts at the end of the last record.
    counts_at_end: LineCounts,
}

impl Lines {
    fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
        self.counts = LineCounts::default();
        self.counts_at_end = self.counts;
    }

    /// Ends the record that was appended.
    pub(super) fn end_record(&mut self) {
        self.ends.push(self.bytes.len());
        self.counts_at_end = self.counts;
    }

    /// Removes what was appended after the end of the last record.
    pub(super) fn rollback(&mut self) {
        self.bytes.truncate(self.ends.last().copied().unwrap_or(0));
        self.counts = self.counts_at_end;
    }

    fn cost(&self) -> usize {
        self.bytes.len() + self.ends.len() * size_of::<usize>()
    }
}

impl Block {
    /// Returns an empty block for a plan with `rules` rules.
    pub fn for_rules(rules: usize) -> Self {
        Block { values: vec![0; rules], op_failed: vec![0; rules], ..Block::default() }
    }

    /// Empties the block, and keeps the memory of its largest parts.
    pub fn clear(&mut self) {
        let Block { json, line_outputs, values, op_failed, fields, .. } = std::mem::take(self);
        *self = Block { json, line_outputs, values, op_failed, fields, ..Block::default() };
        self.json.clear();
        self.line_outputs.iter_mut().for_each(Lines::clear);
        self.values.fill(0);
        self.op_failed.fill(0);
    }

    /// The lines of an output; `None` if it has none.
    pub fn lines_of(&self, encoded: Encoded) -> Option<&Lines> {
        match encoded {
            Encoded::Json => Some(&self.json),
            Encoded::Lines(index) => self.line_outputs.get(index),
            Encoded::Table => None,
        }
    }

    /// About how much memory the block takes, in bytes.
    pub fn cost(&self) -> usize {
        let lines: usize = self.line_outputs.iter().map(Lines::cost).sum();
        let repaired: usize = self.repairs.values().map(FirstSeen::len).sum();
        let noted: usize = self.notes.values().map(FirstSeen::len).sum();
        let names = (self.unknown.len() + repaired + noted) * NAME_COST;
        let of_users = self.names_of_users.len() * size_of::<(u128, u64)>();
        self.json.cost() + lines + self.table_bytes + self.reject_bytes + names + of_users
    }

    /// The records with a name among those that were counted before the worker forgot its names.
    pub(super) fn records_of(&self, whole: &str) -> u32 {
        let names = self.names.iter().filter(|name| name.path.whole.as_deref() == Some(whole));
        names.map(|name| name.records).sum()
    }

    /// Adds a reject.
    pub(super) fn reject(&mut self, reject: Reject) {
        self.reject_bytes += REJECT_COST + PROBLEM_COST * reject.problems.len();
        self.rejects.push(reject);
    }

    /// The number of written records.
    pub fn written(&self) -> u64 {
        self.written
    }

    /// The number of rejects.
    pub fn rejected(&self) -> u64 {
        u64::try_from(self.rejects.len()).expect("fewer than 2^64 records")
    }

    /// Counts a record that is dropped, and neither suppressed nor a header. `mark`: the one that drops it.
    pub(super) fn count_dropped(&mut self, mark: Option<Mark>) {
        match mark {
            Some(Mark::Duplicate) => self.duplicates += 1,
            Some(Mark::OverLimit) => self.over_user_limit += 1,
            Some(Mark::OptedOut | Mark::ManyNames) | None => self.inactive += 1,
        }
    }

    /// Counts a record that a list matches, given the list's index in the plan.
    pub(super) fn count_match(&mut self, list: usize) {
        self.matches.resize(self.matches.len().max(list + 1), 0);
        if let Some(count) = self.matches.get_mut(list) {
            *count += 1;
        }
    }

    /// Counts the failed operations of one row: row and rule.
    pub(super) fn count_failures(&mut self, failures: &[(u32, usize)]) {
        for (_, rule) in failures {
            if let Some(count) = self.op_failed.get_mut(*rule) {
                *count += 1;
            }
        }
    }

    /// Counts the values of one row that a `scrub` changed: row, rule and detectors.
    pub(super) fn count_scrubbed(&mut self, scrubbed: &[(u32, usize, u32)]) {
        for (_, rule, by) in scrubbed {
            self.scrubbed.entry(*rule).or_default().count(*by);
        }
    }

    /// Counts the fields that a written record has.
    pub(super) fn count_fields(&mut self, row: &[Slot]) {
        self.fields.resize(self.fields.len().max(row.len()), 0);
        for (count, slot) in self.fields.iter_mut().zip(row) {
            *count += u64::from(!slot.is_absent());
        }
    }

    /// Moves the counts of fields to the rules that govern them.
    pub(super) fn add_fields_to_rules(&mut self, node_rules: &[Option<usize>]) {
        let mut fields = std::mem::take(&mut self.fields);
        self.nodes.clone_from(&fields);
        for (rule, count) in node_rules.iter().zip(&mut fields) {
            self.count_values(*rule, std::mem::take(count));
        }
        self.fields = fields;
    }

    /// Counts values that a rule was applied to.
    pub(super) fn count_values(&mut self, rule: Option<usize>, values: u64) {
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
