//! One chunk through all stages: decode, repair, drop, validate, transform, limits, encode.
//!
//! A chunk is taken in batches, so that a batch stays in the processor's cache and a worker's
//! memory does not depend on the chunk. A block is bounded too: where a chunk's output grows
//! beyond it, the caller goes on from the place that is returned.

use std::{fmt, sync::Arc};

use super::block::{Block, Lines, Reject, RejectedFor};
use super::definition::ListAction;
use super::name_book::{NameBook, Opened, shown_path};
use super::plan::Plan;
use super::rows::{LineCount, of_row, take_row};
use super::stages::Stages;
use super::suppress::Hits;
use crate::decode::{BatchLimits, Decoded, Decoder, Format};
use crate::record::{Batch, Field, NameId, Problem, Row, Slot, Text};
use crate::repair::{Mended, Repaired, Source};
use crate::transform::{Op, Shifts, Traces, apply_to_map, apply_to_node};

/// Records in a batch, at most.
const BATCH_ROWS: usize = 512;
/// Input bytes in a batch; a single record may pass it.
pub const BATCH_BYTES: usize = 256 * 1024;
/// Problems of names that are told of one record: far more than a record may have names. What is
/// beyond them tells nobody more, and would make the account many times as long as the input.
const NAMES_TOLD_MAX: usize = 1_000;
/// Unknown fields of one record that are counted by themselves; the account names no more.
const UNKNOWN_NAMED_MAX: usize = 250;
/// Names that a worker keeps between batches; beyond it, it forgets all.
const NAMES_MAX: usize = 10_000;
const NAMES_BYTES_MAX: usize = 1 << 20;

/// One thread's memory, reused from chunk to chunk. Nothing in it reaches an output.
pub struct Worker {
    decoder: Decoder,
    batch: Batch,
    book: NameBook,
    traces: Traces,
    shifts: Shifts,
    hits: Hits,
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
            book: NameBook::default(),
            traces: Traces::default(),
            shifts: Shifts::default(),
            hits: Hits::default(),
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
    let mut passage = Passage::new(plan, stages, worker, chunk, from, format);
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
pub struct Passage<'a> {
    plan: &'a Plan,
    stages: &'a Stages,
    worker: &'a mut Worker,
    source: Source<'a>,
    format: &'a Format,
    valid_utf8: bool,
    lines: LineCount,
}

impl<'a> Passage<'a> {
    /// Records of `chunk` from byte `from` on.
    pub fn new(
        plan: &'a Plan,
        stages: &'a Stages,
        worker: &'a mut Worker,
        chunk: &'a [u8],
        from: usize,
        format: &'a Format,
    ) -> Passage<'a> {
        let valid_utf8 = simdutf8::basic::from_utf8(chunk.get(from..).unwrap_or(&[])).is_ok();
        let source = Source { chunk, is_csv: matches!(format, Format::Csv(_)) };
        let lines = LineCount::from(from);
        Passage { plan, stages, worker, source, format, valid_utf8, lines }
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
        let Worker { decoder, batch, book, hits, repaired, .. } = &mut *self.worker;
        book.learn(&decoder.names, plan, stages);
        if !stages.repairs.on().is_empty() {
            let is_dropped = |name| book.verdicts().of(name).dropped;
            stages.repairs.apply(source, batch, is_dropped, repaired);
        }
        stages.drop_inactive(source.chunk, batch);
        hits.find(&plan.suppress, stages.opt_out, source.chunk, batch);
    }

    /// Judges values as they came in, and finds what would mend the faulty ones.
    pub fn judge_values(&mut self) {
        let Worker { batch, book, mended, .. } = &mut *self.worker;
        let broken = batch.problems.len();
        self.stages.values.judge(self.source.chunk, batch, book.verdicts());
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
            apply_to_map(*map, &Opened { book, plan, stages }, shifts, chunk, batch, traces);
        }
    }

    /// Judges what would be written.
    pub fn judge_limits(&mut self) {
        let (plan, stages, chunk) = (self.plan, self.stages, self.source.chunk);
        let Worker { batch, book, .. } = &mut *self.worker;
        let is_written =
            |node, slot: Slot| !slot.is_absent() && !matches!(plan.op_of(node), Op::Drop);
        stages.values.judge_kinds_after(batch, is_written);
        stages.limits.judge(chunk, batch, book.verdicts());
        for (csv, encoder) in stages.csv.iter().enumerate() {
            encoder.judge(chunk, batch, &book.for_csv(csv));
        }
    }

    /// Writes, rejects or counts the batch's records, until the block costs `block_bytes`. Gives
    /// the place of the first record not taken.
    pub fn encode(&mut self, decoded: Decoded, block_bytes: usize, block: &mut Block) -> usize {
        let (plan, stages, chunk) = (self.plan, self.stages, self.source.chunk);
        let finish = Finish { plan, stages, worker: &mut *self.worker, chunk, block_bytes };
        finish.rows(decoded, &mut self.lines, block)
    }
}

/// Finds what would mend the records that are not broken but have problems.
fn try_repairs(
    stages: &Stages,
    source: Source<'_>,
    batch: &mut Batch,
    book: &NameBook,
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

/// The end of a batch: each row is written, rejected or counted as dropped.
struct Finish<'a> {
    plan: &'a Plan,
    stages: &'a Stages,
    worker: &'a mut Worker,
    chunk: &'a [u8],
    block_bytes: usize,
}

impl Finish<'_> {
    /// Finishes rows until the block is full; gives the place of the first record not taken.
    fn rows(mut self, decoded: Decoded, lines: &mut LineCount, block: &mut Block) -> usize {
        self.sort_problems();
        let mut problems = std::mem::take(&mut self.worker.batch.problems);
        let mut unseen: &[(u32, Problem)] = &problems;
        let unknown = std::mem::take(&mut self.worker.batch.unknown);
        let mut unknown_unseen: &[(u32, NameId)] = &unknown;
        let hits = std::mem::take(&mut self.worker.hits.rows);
        let mut hits_unseen: &[(u32, usize)] = &hits;
        let mut next = decoded.next;
        for row in 0..self.worker.batch.rows.len() {
            let Some(place) = self.worker.batch.rows.get(row).copied() else { break };
            if self.block_bytes <= block.cost() {
                // The next block begins with this record, after the blank lines before it.
                next = place.start;
                block.blank_lines += place.blank_before;
                break;
            }
            let own = take_row(&mut unseen, row);
            self.count_left_out(place, take_row(&mut unknown_unseen, row), block);
            block.read += 1;
            block.blank_lines += place.blank_before;
            let is_suppressed = self.count_hits(take_row(&mut hits_unseen, row), block);
            if is_suppressed {
                block.suppressed += 1;
            } else if place.dropped {
                block.inactive += 1;
            } else if let Some(reject) = self.write_or_reject(row, own, block) {
                lines.count_to(self.chunk, place.start);
                block.reject(Reject {
                    record: block.read - 1,
                    line: lines.lines,
                    offset: place.start,
                    bytes: place.len,
                    problems: reject,
                });
            }
        }
        self.fill_table(block);
        if next == decoded.next {
            block.blank_lines += decoded.blank_after;
        }
        problems.clear();
        self.worker.batch.problems = problems;
        self.worker.batch.unknown = unknown;
        self.worker.hits.rows = hits;
        next
    }

    /// Counts the lists that have a record; whether one of them drops it.
    fn count_hits(&self, hits: &[(u32, usize)], block: &mut Block) -> bool {
        let mut is_dropped = false;
        for (_, list) in hits {
            block.count_match(*list);
            let list = self.plan.suppress.get(*list);
            is_dropped |= list.is_some_and(|list| list.action == ListAction::Drop);
        }
        is_dropped
    }

    /// Writes the row, or tells why not.
    fn write_or_reject(
        &mut self,
        row: usize,
        problems: &[(u32, Problem)],
        block: &mut Block,
    ) -> Option<Vec<RejectedFor>> {
        let is_broken = self.worker.batch.rows.get(row).is_some_and(|row| row.broken);
        if is_broken {
            let once = problems.chunk_by(|one, next| one == next).filter_map(|same| same.first());
            let mut words = self.told(once);
            words.dedup();
            return Some(words);
        }
        let start = block.json.bytes.len();
        // Of a record with problems too: the size is one that the reader wants to know of as well.
        let is_asked_for = self.stages.asks_for_json() || !problems.is_empty();
        let size = is_asked_for.then(|| self.write_json(row, &mut block.json));
        let mut words = self.told(problems.iter());
        if self.stages.limits.endpoint_size() < size.unwrap_or(0) {
            words.push(self.in_words(row, &self.stages.limits.size_problem()));
        } else if problems.is_empty()
            && let Some(problem) = self.write_csv(row, size, block)
        {
            words.push(self.in_words(row, &problem));
        }
        let mended = of_row(&self.worker.mended, row, |mended| mended.row).first();
        let mended = mended.filter(|m| m.problems.len() == words.len() && !m.by.is_empty());
        if let Some(mended) = mended {
            *block.mendable.entry(mended.by).or_default() += 1;
        }
        if self.stages.writes_json && words.is_empty() {
            block.json.bytes.push(b'\n');
            block.json.end();
        } else {
            block.json.bytes.truncate(start);
        }
        if !words.is_empty() {
            return Some(words);
        }
        if let Some(size) = size
            && self.stages.tables.is_some()
        {
            let size = u32::try_from(size).expect("a record is below 64 MiB");
            self.worker.to_table.push((row, size));
        }
        self.count(row, block);
        None
    }

    /// Writes a row as JSON behind these lines, and gives its bytes.
    fn write_json(&self, row: usize, lines: &mut Lines) -> usize {
        let Worker { batch, book, .. } = &*self.worker;
        let text = Text { chunk: self.chunk, arena: &batch.arena };
        let (encoder, limits) = (&self.stages.encoder, &self.stages.limits);
        let start = lines.bytes.len();
        encoder.encode(batch, row, text, book, limits.endpoint_size(), &mut lines.bytes);
        lines.bytes.len() - start
    }

    /// Writes a row as a line of every output of CSV, or of none where one can't take it, and then
    /// says why. `size`: that of its compact JSON in bytes, if it is known.
    fn write_csv(&mut self, row: usize, size: Option<usize>, block: &mut Block) -> Option<Problem> {
        let encoders = &self.stages.csv;
        block.csv.resize_with(encoders.len(), Lines::default);
        let (mut size, mut problem) = (size, None);
        for ((csv, encoder), lines) in encoders.iter().enumerate().zip(&mut block.csv) {
            let Worker { batch, book, cells, .. } = &mut *self.worker;
            let text = Text { chunk: self.chunk, arena: &batch.arena };
            let (start, names) = (lines.bytes.len(), book.for_csv(csv));
            let counts = encoder.encode(batch, row, text, &names, cells, &mut lines.bytes);
            let line = lines.bytes.len() - start;
            lines.counts.add(counts);
            size = size.or_else(|| self.size(row, encoder.size_bound(line), &mut block.json));
            let fits = self.stages.fits_part(csv, line);
            let of_part = (!fits).then(|| self.stages.part_problem());
            let of_limit = || self.stages.limits.size_problem_of(size?);
            let of_size = || encoder.size_problem(size?, counts);
            problem = problem.or_else(of_limit).or_else(of_size).or(of_part);
        }
        for lines in &mut block.csv {
            if problem.is_none() { lines.end() } else { lines.undo() }
        }
        problem
    }

    /// The bytes of a row as JSON, which may be left behind these lines; none where a bound of them
    /// tells that they are few enough.
    fn size(&self, row: usize, bound: usize, lines: &mut Lines) -> Option<usize> {
        let (stages, Worker { batch, book, .. }) = (self.stages, &*self.worker);
        let most = stages.limits.endpoint_size();
        let may_be_large = most < bound && most < stages.encoder.size_bound(batch, row, book);
        may_be_large.then(|| self.write_json(row, lines))
    }

    /// Lays the written rows out by columns.
    fn fill_table(&mut self, block: &mut Block) {
        let Some(encoder) = &self.stages.tables else { return };
        let Worker { batch, book, decoder, to_table, .. } = &mut *self.worker;
        let text = Text { chunk: self.chunk, arena: &batch.arena };
        let table = block.table.get_or_insert_with(|| Arc::new(encoder.table()));
        let table = Arc::get_mut(table).expect("a block that is being filled has its table alone");
        encoder.append(batch, to_table, text, book, &decoder.names, table);
        to_table.clear();
        block.table_bytes = table.cost();
    }

    /// The problems of a record in words, those of names up to [`NAMES_TOLD_MAX`].
    fn told<'p>(&self, problems: impl Iterator<Item = &'p (u32, Problem)>) -> Vec<RejectedFor> {
        let mut names = 0;
        let mut is_told = |problem: &Problem| {
            let is_of_name = matches!(problem.field, Field::Named(_));
            names += usize::from(is_of_name);
            !is_of_name || names <= NAMES_TOLD_MAX
        };
        let problems = problems.filter(|(_, problem)| is_told(problem));
        let row = |row: u32| usize::try_from(row).expect("usize is at least 32 bits wide");
        problems.map(|(of, problem)| self.in_words(row(*of), problem)).collect()
    }

    fn count(&self, row: usize, block: &mut Block) {
        let Worker { batch, book, traces, .. } = &*self.worker;
        block.written += 1;
        block.count_slots(batch.row_slots(row));
        // Names side by side are often of one rule.
        let (mut rule, mut values) = (None, 0);
        for map in 0..batch.maps_width {
            for entry in batch.map_entries(row, map) {
                let next = book.rule_of(entry.name);
                if next != rule {
                    block.count_values(rule, std::mem::take(&mut values));
                    rule = next;
                }
                values += u64::from(entry.values.len);
            }
        }
        block.count_values(rule, values);
        block.count_failures(&traces.failures, row);
        let repaired = of_row(&self.worker.repaired, row, |repaired| repaired.row);
        for repaired in repaired.iter().filter(|repaired| repaired.is_written) {
            let path = self.path_of(repaired.field);
            block.repairs.entry(repaired.kind).or_default().count(path);
        }
    }

    /// Counts the fields of a record that are left out, whatever becomes of the rest of it.
    fn count_left_out(&self, place: Row, left_out: &[(u32, NameId)], block: &mut Block) {
        if place.broken {
            return;
        }
        block.export_only += u64::from(place.export_only);
        let Worker { book, decoder, .. } = &*self.worker;
        let is_unknown = |name: &NameId| !book.verdicts().of(*name).looks_like_a_field;
        let mut unknown = left_out.iter().map(|(_, name)| *name).filter(is_unknown);
        for name in unknown.by_ref().take(UNKNOWN_NAMED_MAX) {
            block.unknown.count(shown_path(&decoder.names, name, self.plan));
        }
        block.unknown.other += u64::try_from(unknown.count()).expect("fewer than 2^64 names");
    }

    /// Problems stand in the order of their records, and in a record in schema order.
    fn sort_problems(&mut self) {
        let Worker { batch, decoder, .. } = &mut *self.worker;
        batch.problems.sort_by_key(|(row, problem)| {
            let place = match problem.field {
                Field::Node(node) => usize::from(node),
                Field::Named(name) => decoder.names.get(name).0.slot().unwrap_or(usize::MAX - 1),
                Field::Record => usize::MAX,
            };
            (*row, place)
        });
    }

    fn in_words(&self, row: usize, problem: &Problem) -> RejectedFor {
        let mended = of_row(&self.worker.mended, row, |mended| mended.row);
        let mended = mended.iter().flat_map(|mended| &mended.problems);
        let repair = mended.into_iter().find(|(known, _)| known == problem);
        RejectedFor {
            field: self.path_of(problem.field),
            code: problem.code.as_str(),
            rule: self.stages.rule_text(problem.rule, problem.code),
            detail: problem.detail.as_str(),
            repair: repair.map_or("", |(_, kind)| kind.setting()),
        }
    }

    /// The path of a field as accounts may show it.
    fn path_of(&self, field: Field) -> String {
        match field {
            Field::Record => String::new(),
            Field::Node(node) => {
                let node = self.plan.schema.nodes.get(usize::from(node));
                node.map_or_else(String::new, |node| node.path.clone())
            }
            Field::Named(name) => shown_path(&self.worker.decoder.names, name, self.plan),
        }
    }
}
