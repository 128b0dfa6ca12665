//! The end of a batch: each record is written, rejected or counted as dropped, and has its place in
//! the block.

use std::sync::Arc;

use super::Worker;
use crate::decode::Decoded;
use crate::definition::ListAction;
use crate::pipeline::block::{Block, Lines, Reject};
use crate::pipeline::name_policies::describe_path;
use crate::pipeline::rows::{LineCount, of_row, take_row};
use crate::pipeline::stages::Stages;
use crate::plan::Plan;
use crate::record::{DescribedProblem, Field, NameId, Problem, Row, Text};

/// Problems of names that are describe_problems of one record: far more than a record may have names. What is
/// beyond them tells nobody more, and would make the account many times as long as the input.
const NAMES_TOLD_MAX: usize = 1_000;
/// Unknown fields of one record that are counted by themselves; the account names no more.
const UNKNOWN_NAMED_MAX: usize = 250;
/// The end of a batch: each row is written, rejected or counted as dropped.
pub(crate) struct BatchEmitter<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) stages: &'a Stages,
    pub(crate) worker: &'a mut Worker,
    pub(crate) chunk: &'a [u8],
    pub(crate) block_bytes: usize,
}

impl BatchEmitter<'_> {
    /// Finishes rows until the block is full; gives the place of the first record not taken.
    pub(crate) fn rows(
        mut self,
        decoded: Decoded,
        lines: &mut LineCount,
        block: &mut Block,
    ) -> usize {
        self.sort_problems();
        let mut problems = std::mem::take(&mut self.worker.batch.problems);
        let mut unseen: &[(u32, Problem)] = &problems;
        let unknown = std::mem::take(&mut self.worker.batch.unknown);
        let mut unknown_unseen: &[(u32, NameId)] = &unknown;
        let matches = std::mem::take(&mut self.worker.matches.rows);
        let mut matches_unseen: &[(u32, usize)] = &matches;
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
            let is_suppressed = self.count_matches(take_row(&mut matches_unseen, row), block);
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
        self.worker.matches.rows = matches;
        next
    }

    /// Counts the lists that have a record; whether one of them drops it.
    fn count_matches(&self, matches: &[(u32, usize)], block: &mut Block) -> bool {
        let mut is_dropped = false;
        for (_, list) in matches {
            block.count_match(*list);
            let list = self.plan.lists.get(*list);
            is_dropped |= list.is_some_and(|list| list.spec.action == ListAction::Drop);
        }
        is_dropped
    }

    /// Writes the row, or tells why not.
    fn write_or_reject(
        &mut self,
        row: usize,
        problems: &[(u32, Problem)],
        block: &mut Block,
    ) -> Option<Vec<DescribedProblem>> {
        let is_broken = self.worker.batch.rows.get(row).is_some_and(|row| row.broken);
        if is_broken {
            let once = problems.chunk_by(|one, next| one == next).filter_map(|same| same.first());
            let mut words = self.describe_problems(once);
            words.dedup();
            return Some(words);
        }
        let start = block.json.bytes.len();
        // Of a record with problems too: the size is one that the reader wants to know of as well.
        let is_asked_for = self.stages.asks_for_json() || !problems.is_empty();
        let size = is_asked_for.then(|| self.write_json(row, &mut block.json));
        let mut words = self.describe_problems(problems.iter());
        if self.stages.limits.endpoint_size() < size.unwrap_or(0) {
            words.push(self.describe(row, &self.stages.limits.size_problem()));
        } else if problems.is_empty()
            && let Some(problem) = self.write_csv(row, size, block)
        {
            words.push(self.describe(row, &problem));
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
            let of_limit = || self.stages.limits.check_size(size?);
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
    fn describe_problems<'p>(
        &self,
        problems: impl Iterator<Item = &'p (u32, Problem)>,
    ) -> Vec<DescribedProblem> {
        let mut names = 0;
        let mut is_told = |problem: &Problem| {
            let is_of_name = matches!(problem.field, Field::Named(_));
            names += usize::from(is_of_name);
            !is_of_name || names <= NAMES_TOLD_MAX
        };
        let problems = problems.filter(|(_, problem)| is_told(problem));
        let row = |row: u32| usize::try_from(row).expect("usize is at least 32 bits wide");
        problems.map(|(of, problem)| self.describe(row(*of), problem)).collect()
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
            block.unknown.count(describe_path(&decoder.names, name, self.plan));
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

    fn describe(&self, row: usize, problem: &Problem) -> DescribedProblem {
        let mended = of_row(&self.worker.mended, row, |mended| mended.row);
        let mended = mended.iter().flat_map(|mended| &mended.problems);
        let repair = mended.into_iter().find(|(known, _)| known == problem);
        DescribedProblem {
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
            Field::Named(name) => describe_path(&self.worker.decoder.names, name, self.plan),
        }
    }
}
