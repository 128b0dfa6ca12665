//! One chunk through all stages: decode, repair, drop, check, transform, check limits, encode.
//!
//! A chunk is taken in batches of at most 512 records and about 256 KiB, so that a batch stays in
//! the processor's cache and a worker's memory does not depend on the size of the chunk. A block is
//! bounded too: when a chunk's output has filled it, [`process`] returns the offset at which the
//! caller goes on with a new one.

mod audit;
mod compete;
mod emit;
mod marked;
mod observe;
mod rows;
mod unlisted;

use std::{fmt, sync::Arc};

use super::block::Block;
use super::name_policies::{NamePlaces, NamePolicies, OpLookup};
use super::name_tally::NameTally;
use super::stages::Stages;
use super::suppress::ListMatches;
use crate::decode::{BatchLimits, Decoded, Decoder, Format};
use crate::plan::Plan;
use crate::record::{Batch, Slot};
use crate::repair::{ChunkText, Fix, Repaired};
use crate::transform::{Op, Shifts, TransformLog, apply_to_map, apply_to_node};
use crate::validate::PiiNames;
pub use audit::{Audited, Expectation, Expectations, Flaw, PlacedFlaw, audit};
pub use compete::{Candidate, Competition, KeyedHash, NO_DATE, Since, compete, process_compared};
use emit::BatchEmitter;
use marked::MarkedRows;
pub use marked::PlacedMarks;
pub use observe::{Fate, Observed, observe, offsets};
use rows::LineCounter;

/// The most records in a batch.
const BATCH_ROWS: usize = 512;
/// Bytes of input in a batch; one record alone may exceed it.
pub const BATCH_BYTES: usize = 256 * 1024;
/// Once a worker has interned more names or bytes of names than this, it forgets all of them
/// before the next batch.
const NAMES_MAX: usize = 10_000;
const NAMES_BYTES_MAX: usize = 1 << 20;

/// The memory of one thread, reused from chunk to chunk. Nothing in it influences the output.
pub struct Worker {
    decoder: Decoder,
    batch: Batch,
    policies: NamePolicies,
    log: TransformLog,
    shifts: Shifts,
    matches: ListMatches,
    /// What becomes of rows because of other records.
    marked: MarkedRows,
    repaired: Vec<Repaired>,
    /// Which repairs would fix the rows with problems, in the order of the rows.
    fixes: Vec<Fix>,
    name_tally: NameTally,
    pii_names: PiiNames,
    /// Scratch memory of line encoders: the cells of one line.
    cells: Vec<Slot>,
    /// The written rows that go to a table, with the size of each as JSON in bytes.
    table_rows: Vec<(usize, u32)>,
}

impl Worker {
    pub fn new(plan: &Plan, stages: &Stages) -> Worker {
        let layout = Arc::clone(&stages.layout);
        Worker {
            batch: Batch::new(layout.width, layout.maps),
            decoder: Decoder::new(layout, plan.input.max_record),
            policies: NamePolicies::default(),
            log: TransformLog::default(),
            shifts: Shifts::default(),
            matches: ListMatches::default(),
            marked: MarkedRows::default(),
            repaired: Vec::new(),
            fixes: Vec::new(),
            name_tally: NameTally::default(),
            pii_names: PiiNames::default(),
            cells: Vec::new(),
            table_rows: Vec::new(),
        }
    }

    fn begin_batch(&mut self) {
        self.batch.clear();
        self.log.clear();
        self.marked.clear();
        self.repaired.clear();
        self.fixes.clear();
        if self.has_many_names() {
            self.decoder.forget_names();
            self.policies.clear();
            self.pii_names.clear();
        }
    }

    /// Whether the names are forgotten before the next batch.
    fn has_many_names(&self) -> bool {
        let names = &self.decoder.names;
        NAMES_MAX < names.len() || NAMES_BYTES_MAX < names.bytes()
    }
}

impl fmt::Debug for Worker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Worker")
    }
}

/// Takes the records of `chunk`, from byte `from` on, through all stages into `block`, until the
/// chunk ends or the block costs `block_bytes`. Returns the offset of the first record that was
/// not taken.
pub fn process(
    plan: &Plan,
    stages: &Stages,
    worker: &mut Worker,
    chunk: &[u8],
    from: usize,
    format: &Format,
    block_bytes: usize,
    block: &mut Block,
) -> usize {
    let pass = ChunkPass::new(plan, stages, worker, chunk, from, format);
    pass.take(from, block_bytes, block)
}

/// The same, and applies what becomes of the records because of others.
pub fn process_marked(
    plan: &Plan,
    stages: &Stages,
    worker: &mut Worker,
    (chunk, from, format): (&[u8], usize, &Format),
    marks: PlacedMarks<'_>,
    block_bytes: usize,
    block: &mut Block,
) -> usize {
    let pass = ChunkPass::new(plan, stages, worker, chunk, from, format);
    ChunkPass { marks: Some(marks), ..pass }.take(from, block_bytes, block)
}

/// A chunk on its way through the stages, batch after batch. [`process`] calls the stages in the
/// order of the methods here; benches do the same and measure each.
#[derive(Debug)]
pub struct ChunkPass<'a> {
    plan: &'a Plan,
    stages: &'a Stages,
    worker: &'a mut Worker,
    source: ChunkText<'a>,
    format: &'a Format,
    valid_utf8: bool,
    lines: LineCounter,
    /// `None`: nothing becomes of a record because of others.
    marks: Option<PlacedMarks<'a>>,
}

impl<'a> ChunkPass<'a> {
    /// Begins with the record at byte `from` of `chunk`.
    pub fn new(
        plan: &'a Plan,
        stages: &'a Stages,
        worker: &'a mut Worker,
        chunk: &'a [u8],
        from: usize,
        format: &'a Format,
    ) -> ChunkPass<'a> {
        let valid_utf8 = simdutf8::basic::from_utf8(chunk.get(from..).unwrap_or(&[])).is_ok();
        let source = ChunkText { chunk, is_csv: matches!(format, Format::Csv(_)) };
        let lines = LineCounter::new(from, format.line_end());
        ChunkPass { plan, stages, worker, source, format, valid_utf8, lines, marks: None }
    }

    /// Takes records from byte `from` on through all stages; see [`process`].
    fn take(mut self, from: usize, block_bytes: usize, block: &mut Block) -> usize {
        let (chunk, mut at) = (self.source.chunk, from);
        while at < chunk.len() && block.cost() < block_bytes {
            if self.worker.has_many_names() {
                self.count_names(block);
            }
            let decoded = self.decode(at);
            if self.marks.is_some() {
                self.take_marked(block);
            } else {
                self.repair_and_drop();
                self.check_values();
                self.transform();
                self.check_limits();
            }
            at = self.encode(decoded, block_bytes, block);
        }
        self.end(at, block)
    }

    /// Completes a block that ends at byte `at`, which it returns.
    fn end(mut self, at: usize, block: &mut Block) -> usize {
        self.count_names(block);
        self.lines.count_to(self.source.chunk, at);
        block.lines = self.lines.lines;
        block.add_fields_to_rules(&self.plan.node_rules);
        if let Some(table) = block.table.as_mut().and_then(Arc::get_mut) {
            table.shrink();
        }
        at
    }

    /// Decodes the batch that begins at byte `at`.
    pub fn decode(&mut self, at: usize) -> Decoded {
        self.worker.begin_batch();
        // The rows of CSV may have several records each.
        let records = self.plan.input.column_settings.endpoints.len().max(1);
        let limits = BatchLimits { rows: BATCH_ROWS, bytes: BATCH_BYTES / records };
        let Worker { decoder, batch, .. } = &mut *self.worker;
        decoder.decode(self.source.chunk, at, self.valid_utf8, self.format, limits, batch)
    }

    /// Repairs values, and marks the records to drop.
    pub fn repair_and_drop(&mut self) {
        let (plan, stages, source) = (self.plan, self.stages, self.source);
        let Worker { decoder, batch, policies, matches, repaired, .. } = &mut *self.worker;
        policies.learn(&decoder.names, plan, stages);
        stages.odd_texts.note(source, batch);
        if !stages.repairs.on().is_empty() {
            let is_dropped = |name| policies.verdicts().of(name).dropped;
            stages.repairs.apply(source, batch, is_dropped, repaired);
        }
        stages.drop_inactive(source.chunk, batch);
        matches.find(&plan.lists, stages.opt_out, source.chunk, batch);
    }

    /// Checks values as they came in, and finds the repairs that would fix the invalid ones.
    pub fn check_values(&mut self) {
        let Worker { batch, policies, fixes, .. } = &mut *self.worker;
        let undecodable = batch.problems.len();
        self.stages.values.check(self.source.chunk, batch, policies.verdicts());
        remove_invalid(self.plan, self.stages, undecodable, self.source.chunk, batch, policies);
        if undecodable < batch.problems.len() {
            find_fixes(self.stages, self.source, batch, policies, fixes);
        }
    }

    /// Applies the operations of the rules.
    pub fn transform(&mut self) {
        let (plan, stages, chunk) = (self.plan, self.stages, self.source.chunk);
        let Worker { batch, policies, log, shifts, .. } = &mut *self.worker;
        shifts.learn(plan.shift_keys(), chunk, batch);
        for (node, rule) in &stages.transformed_nodes {
            let applied = stages.applied(plan, *rule, plan.op_of(*node));
            apply_to_node(*node, applied, shifts, chunk, batch, log);
        }
        for map in &stages.transformed_maps {
            apply_to_map(*map, &OpLookup { policies, plan, stages }, shifts, chunk, batch, log);
        }
    }

    /// Checks what would be written against the limits of the target and of the outputs, and for personal
    /// data that is kept.
    pub fn check_limits(&mut self) {
        let (plan, stages, chunk) = (self.plan, self.stages, self.source.chunk);
        let Worker { decoder, batch, policies, pii_names, .. } = &mut *self.worker;
        let is_written =
            |node, slot: Slot| !slot.is_absent() && !matches!(plan.op_of(node), Op::Drop);
        stages.values.check_kinds_after_rules(batch, is_written);
        let within = batch.problems.len();
        stages.limits.check(chunk, batch, policies.verdicts());
        stages.profiles.check(chunk, batch);
        for (index, output) in stages.encoders.lines.iter().enumerate() {
            output.encoder.check(chunk, batch, policies.cells_in(index));
        }
        remove_invalid(plan, stages, within, chunk, batch, policies);
        stages.pii.check(chunk, batch, policies.verdicts(), &decoder.names, pii_names);
    }

    /// Writes, rejects or drops the batch's records, until the block costs `block_bytes`. Returns
    /// the offset of the first record that was not taken.
    pub fn encode(&mut self, decoded: Decoded, block_bytes: usize, block: &mut Block) -> usize {
        let (plan, stages, chunk) = (self.plan, self.stages, self.source.chunk);
        let header_is_shown = self.header_is_shown();
        let worker = &mut *self.worker;
        let emitter = BatchEmitter { plan, stages, worker, chunk, header_is_shown, block_bytes };
        emitter.emit(decoded, &mut self.lines, block)
    }

    /// Moves the counts of names to the block.
    fn count_names(&mut self, block: &mut Block) {
        let header_is_shown = self.header_is_shown();
        let Worker { decoder, policies, name_tally, .. } = &mut *self.worker;
        let places = NamePlaces { names: &decoder.names, plan: self.plan, header_is_shown };
        name_tally.flush(policies, places, block);
    }

    fn header_is_shown(&self) -> Option<bool> {
        match self.format {
            Format::Csv(columns) => Some(columns.names_are_shown),
            Format::JsonLines(_) | Format::JsonItems(_) | Format::JsonObjects(_) => None,
        }
    }
}

/// Removes the values with problems from number `from` on that the definition wants removed.
fn remove_invalid(
    plan: &Plan,
    stages: &Stages,
    from: usize,
    chunk: &[u8],
    batch: &mut Batch,
    policies: &NamePolicies,
) {
    if from < batch.problems.len() && !plan.removable.is_empty() {
        let max_value_length = stages.limits.max_value_length();
        plan.removable.remove(from, max_value_length, chunk, batch, policies.verdicts());
    }
}

/// Finds the repairs that would fix the records that could be decoded but have problems.
fn find_fixes(
    stages: &Stages,
    source: ChunkText<'_>,
    batch: &mut Batch,
    policies: &NamePolicies,
    fixes: &mut Vec<Fix>,
) {
    let mut rows: Vec<usize> =
        batch.problems.iter().filter_map(|(row, _)| usize::try_from(*row).ok()).collect();
    rows.sort_unstable();
    rows.dedup();
    rows.retain(|row| batch.rows.get(*row).is_some_and(|row| !row.broken));
    let names = policies.verdicts();
    for row in rows {
        let check = |batch: &Batch| stages.values.problems_of(row, source.chunk, batch, names);
        let problems = check(batch);
        let is_dropped = |name| names.of(name).dropped;
        fixes.extend(stages.repairs.try_on(row, &problems, source, batch, is_dropped, check));
    }
}
