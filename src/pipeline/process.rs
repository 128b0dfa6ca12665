//! One chunk through all stages: decode, repair, drop, validate, transform, limits, encode.
//!
//! A chunk is taken in batches, so that a batch stays in the processor's cache and a worker's
//! memory does not depend on the chunk. A block is bounded too: where a chunk's output grows
//! beyond it, the caller goes on from the place that is returned.

mod emit;

use std::{fmt, sync::Arc};

use emit::BatchEmitter;

use super::block::Block;
use super::name_policies::{NamePolicies, OpLookup};
use super::rows::LineCount;
use super::stages::Stages;
use super::suppress::ListMatches;
use crate::decode::{BatchLimits, Decoded, Decoder, Format};
use crate::plan::Plan;
use crate::record::{Batch, Slot};
use crate::repair::{ChunkText, Mended, Repaired};
use crate::transform::{Op, Shifts, TransformLog, apply_to_map, apply_to_node};

/// Records in a batch, at most.
const BATCH_ROWS: usize = 512;
/// Input bytes in a batch; a single record may pass it.
pub const BATCH_BYTES: usize = 256 * 1024;
/// Names that a worker keeps between batches; beyond it, it forgets all.
const NAMES_MAX: usize = 10_000;
const NAMES_BYTES_MAX: usize = 1 << 20;

/// One thread's memory, reused from chunk to chunk. Nothing in it reaches an output.
pub struct Worker {
    decoder: Decoder,
    batch: Batch,
    book: NamePolicies,
    traces: TransformLog,
    shifts: Shifts,
    matches: ListMatches,
    repaired: Vec<Repaired>,
    /// What would mend rejects, in the order of their rows.
    mended: Vec<Mended>,
    /// The cells of one line of CSV.
    cells: Vec<Slot>,
    /// Rows that are written, each with its bytes as JSON, where they go to a table.
    to_table: Vec<(usize, u32)>,
}

impl Worker {
    pub fn new(plan: &Plan, stages: &Stages) -> Worker {
        let layout = stages.layout();
        Worker {
            batch: Batch::new(layout.width, layout.maps),
            decoder: Decoder::new(layout, plan.input.max_record),
            book: NamePolicies::default(),
            traces: TransformLog::default(),
            shifts: Shifts::default(),
            matches: ListMatches::default(),
            repaired: Vec::new(),
            mended: Vec::new(),
            cells: Vec::new(),
            to_table: Vec::new(),
        }
    }

    fn begin_batch(&mut self) {
        self.batch.clear();
        self.traces.clear();
        self.repaired.clear();
        self.mended.clear();
        let names = &self.decoder.names;
        if NAMES_MAX < names.len() || NAMES_BYTES_MAX < names.bytes() {
            self.decoder.forget_names();
            self.book.clear();
        }
    }
}

impl fmt::Debug for Worker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Worker")
    }
}

/// Takes records of `chunk`, from byte `from` on, through all stages into `block`, until the
/// chunk ends or the block costs `block_bytes`. Gives the place of the first record not taken.
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
    let mut passage = ChunkPass::new(plan, stages, worker, chunk, from, format);
    let mut at = from;
    while at < chunk.len() && block.cost() < block_bytes {
        let decoded = passage.decode(at);
        passage.repair_and_drop();
        passage.judge_values();
        passage.transform();
        passage.judge_limits();
        at = passage.encode(decoded, block_bytes, block);
    }
    passage.lines.count_to(chunk, at);
    block.lines = passage.lines.lines;
    block.add_slots_to_rules(&plan.node_rules);
    if let Some(table) = block.table.as_mut().and_then(Arc::get_mut) {
        table.shrink();
    }
    at
}

/// A chunk on its way through the stages, batch after batch. [`process`] calls them in the order
/// in which they stand here; benches do the same and measure each.
#[derive(Debug)]
pub struct ChunkPass<'a> {
    plan: &'a Plan,
    stages: &'a Stages,
    worker: &'a mut Worker,
    source: ChunkText<'a>,
    format: &'a Format,
    valid_utf8: bool,
    lines: LineCount,
}

impl<'a> ChunkPass<'a> {
    /// Records of `chunk` from byte `from` on.
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
        let lines = LineCount::from(from);
        ChunkPass { plan, stages, worker, source, format, valid_utf8, lines }
    }

    /// Decodes the batch that begins at byte `at`.
    pub fn decode(&mut self, at: usize) -> Decoded {
        self.worker.begin_batch();
        let limits = BatchLimits { rows: BATCH_ROWS, bytes: BATCH_BYTES };
        let Worker { decoder, batch, .. } = &mut *self.worker;
        decoder.decode(self.source.chunk, at, self.valid_utf8, self.format, limits, batch)
    }

    /// Repairs values, and marks the records that are left out.
    pub fn repair_and_drop(&mut self) {
        let (plan, stages, source) = (self.plan, self.stages, self.source);
        let Worker { decoder, batch, book, matches, repaired, .. } = &mut *self.worker;
        book.learn(&decoder.names, plan, stages);
        if !stages.repairs.on().is_empty() {
            let is_dropped = |name| book.verdicts().of(name).dropped;
            stages.repairs.apply(source, batch, is_dropped, repaired);
        }
        stages.drop_inactive(source.chunk, batch);
        matches.find(&plan.lists, stages.opt_out, source.chunk, batch);
    }

    /// Judges values as they came in, and finds what would mend the faulty ones.
    pub fn judge_values(&mut self) {
        let Worker { batch, book, mended, .. } = &mut *self.worker;
        let broken = batch.problems.len();
        self.stages.values.check(self.source.chunk, batch, book.verdicts());
        if broken < batch.problems.len() {
            try_repairs(self.stages, self.source, batch, book, mended);
        }
    }

    /// Applies the operations of the policy.
    pub fn transform(&mut self) {
        let (plan, stages, chunk) = (self.plan, self.stages, self.source.chunk);
        let Worker { batch, book, traces, shifts, .. } = &mut *self.worker;
        shifts.learn(plan.shift_keys(), chunk, batch);
        for (node, rule) in &stages.altered_nodes {
            let applied = stages.applied(plan, *rule, plan.op_of(*node));
            apply_to_node(*node, applied, shifts, chunk, batch, traces);
        }
        for map in &stages.altered_maps {
            apply_to_map(*map, &OpLookup { book, plan, stages }, shifts, chunk, batch, traces);
        }
    }

    /// Judges what would be written.
    pub fn judge_limits(&mut self) {
        let (plan, stages, chunk) = (self.plan, self.stages, self.source.chunk);
        let Worker { batch, book, .. } = &mut *self.worker;
        let is_written =
            |node, slot: Slot| !slot.is_absent() && !matches!(plan.op_of(node), Op::Drop);
        stages.values.check_kinds_after_rules(batch, is_written);
        stages.limits.check(chunk, batch, book.verdicts());
        for (csv, encoder) in stages.csv.iter().enumerate() {
            encoder.judge(chunk, batch, &book.for_csv(csv));
        }
    }

    /// Writes, rejects or counts the batch's records, until the block costs `block_bytes`. Gives
    /// the place of the first record not taken.
    pub fn encode(&mut self, decoded: Decoded, block_bytes: usize, block: &mut Block) -> usize {
        let (plan, stages, chunk) = (self.plan, self.stages, self.source.chunk);
        let finish = BatchEmitter { plan, stages, worker: &mut *self.worker, chunk, block_bytes };
        finish.rows(decoded, &mut self.lines, block)
    }
}

/// Finds what would mend the records that are not broken but have problems.
fn try_repairs(
    stages: &Stages,
    source: ChunkText<'_>,
    batch: &mut Batch,
    book: &NamePolicies,
    mended: &mut Vec<Mended>,
) {
    let mut rows: Vec<usize> =
        batch.problems.iter().filter_map(|(row, _)| usize::try_from(*row).ok()).collect();
    rows.sort_unstable();
    rows.dedup();
    rows.retain(|row| batch.rows.get(*row).is_some_and(|row| !row.broken));
    let names = book.verdicts();
    for row in rows {
        let judge = |batch: &Batch| stages.values.problems_of(row, source.chunk, batch, names);
        let problems = judge(batch);
        let is_dropped = |name| names.of(name).dropped;
        mended.extend(stages.repairs.try_on(row, &problems, source, batch, is_dropped, judge));
    }
}
