//! The end of a batch: each record is written, rejected or dropped, and counted in the block. A record whose
//! JSON is too large for the target is found here, once it is encoded (`validate/limits.rs` has the limit).

use std::borrow::Cow;
use std::sync::Arc;

use super::Worker;
use super::rows::{LineCounter, find_row, take_row};
use crate::decode::Decoded;
use crate::definition::ListAction;
use crate::pipeline::block::{Block, Lines, Reject};
use crate::pipeline::name_policies::{NamePlaces, field_looked_like};
use crate::pipeline::stages::Stages;
use crate::plan::Plan;
use crate::record::{
    Code, DescribedProblem, Detail, Field, FieldPath, NameId, Note, Problem, Row, Slot, Text,
    number_len, setting,
};
use crate::repair::{PhoneRegionFrom, RepairKind, settings_for_region};

/// The maximum number of problems with names that are described for one record. It is far more than
/// the number of names that a record may have. Without a maximum, the account could become many
/// times as long as the input.
const NAME_PROBLEMS_MAX: usize = 1_000;
/// The most unknown fields of one record that are counted by name; the account has no more names.
const UNKNOWN_NAMES_MAX: usize = 250;

/// Writes, rejects or drops the rows of a batch.
pub(super) struct BatchEmitter<'a> {
    pub(super) plan: &'a Plan,
    pub(super) stages: &'a Stages,
    pub(super) worker: &'a mut Worker,
    pub(super) chunk: &'a [u8],
    /// For CSV, whether the names of the header may be shown.
    pub(super) header_is_shown: Option<bool>,
    /// The cost at which the block is full.
    pub(super) block_bytes: usize,
}

impl BatchEmitter<'_> {
    /// Takes rows until the batch ends or the block is full. Returns the offset of the first record
    /// that was not taken.
    pub(super) fn emit(
        mut self,
        decoded: Decoded,
        lines: &mut LineCounter,
        block: &mut Block,
    ) -> usize {
        self.sort_problems();
        self.worker.batch.notes.sort_by_key(|noted| noted.row);
        self.worker.log.failures.sort_by_key(|(row, _)| *row);
        self.worker.log.dropped.sort_by_key(|(row, _, _)| *row);
        self.worker.log.scrubbed.sort_by_key(|(row, _, _)| *row);
        let mut problems = std::mem::take(&mut self.worker.batch.problems);
        let mut next_problems: &[(u32, Problem)] = &problems;
        let unknown = std::mem::take(&mut self.worker.batch.unknown);
        let mut next_unknown: &[(u32, NameId)] = &unknown;
        let matches = std::mem::take(&mut self.worker.matches.rows);
        let mut next_matches: &[(u32, usize)] = &matches;
        let mut next = decoded.next;
        for row in 0..self.worker.batch.rows.len() {
            let Some(place) = self.worker.batch.rows.get(row).copied() else { break };
            // The records of a row are in one block.
            if self.block_bytes <= block.cost() && place.earlier == 0 {
                // The next block begins with this record, and the blank lines before it count here.
                next = place.start;
                block.blank_lines += place.blank_before;
                break;
            }
            let own_problems = take_row(&mut next_problems, row);
            let unknown = take_row(&mut next_unknown, row);
            self.count_unknown(place, unknown, block);
            block.read += 1;
            block.rows += u64::from(place.earlier == 0);
            block.blank_lines += place.blank_before;
            let is_suppressed = self.count_matches(take_row(&mut next_matches, row), block);
            if is_suppressed || place.is_header || place.dropped {
                self.count_record_of_names(row, block);
                self.count_dropped(row, is_suppressed, block);
            } else if let Some(problems) = self.write_or_reject(row, own_problems, block) {
                self.count_notes(row, false, block);
                self.count_unlisted(row, "rejected", block);
                lines.count_to(self.chunk, place.start);
                block.reject(Reject {
                    record: block.read - 1,
                    line: lines.lines,
                    offset: place.start,
                    bytes: place.len,
                    endpoint: place.endpoint,
                    problems,
                });
            } else {
                self.count_notes(row, true, block);
            }
        }
        self.note_renamings(block);
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

    /// Notes which renamings met a name.
    fn note_renamings(&self, block: &mut Block) {
        let renamings = self.worker.batch.renamings.iter().enumerate();
        block.renamings.extend(renamings.filter(|(_, met)| **met).map(|(number, _)| number));
    }

    /// Counts the lists that match a record. Returns whether one of them drops it.
    fn count_matches(&self, matches: &[(u32, usize)], block: &mut Block) -> bool {
        let mut is_dropped = false;
        for (_, list) in matches {
            block.count_match(*list);
            let list = self.plan.lists.get(*list);
            is_dropped |= list.is_some_and(|list| list.spec.action == ListAction::Drop);
        }
        is_dropped
    }

    /// Writes a row, or returns its problems.
    fn write_or_reject(
        &mut self,
        row: usize,
        problems: &[(u32, Problem)],
        block: &mut Block,
    ) -> Option<Vec<DescribedProblem>> {
        let is_broken = self.worker.batch.rows.get(row).is_some_and(|row| row.broken);
        if is_broken {
            let once = problems.chunk_by(|one, next| one == next).filter_map(|same| same.first());
            let mut described = self.describe_problems(once, block);
            described.dedup();
            return Some(described);
        }
        if !problems.is_empty() {
            // Before they are described: a name of ten records is shown.
            self.count_record_of_names(row, block);
        }
        let start = block.json.bytes.len();
        // A record with problems is measured too: its size may be one of them.
        let encoders = &self.stages.encoders;
        let is_measured = encoders.need_json() || !problems.is_empty();
        let size = if is_measured {
            Some(self.write_json(row, &mut block.json))
        } else if encoders.only_checks {
            self.measure(row, usize::MAX, &mut block.json)
        } else {
            None
        };
        let mut described = self.describe_problems(problems.iter(), block);
        if let Some(problem) = self.stages.limits.check_size(size.unwrap_or(0)) {
            described.push(self.describe(row, &problem, block));
        } else if problems.is_empty()
            && let Some(problem) = self.write_lines(row, size, block)
        {
            described.push(self.describe(row, &problem, block));
        }
        if !described.is_empty() {
            if problems.is_empty() {
                self.count_record_of_names(row, block);
            }
            block.json.bytes.truncate(start);
            self.count_fix(row, described.len(), block);
            return Some(described);
        }
        if self.stages.encoders.writes_json {
            block.json.bytes.push(b'\n');
            block.json.end_record();
        } else {
            block.json.bytes.truncate(start);
        }
        if let Some(size) = size
            && self.stages.encoders.table.is_some()
        {
            let size = u32::try_from(size).expect("a record is below 64 MiB");
            self.worker.table_rows.push((row, size));
        }
        self.count_written(row, block);
        None
    }

    /// Appends a row as JSON, and returns its length in bytes.
    fn write_json(&self, row: usize, lines: &mut Lines) -> usize {
        let Worker { batch, policies, .. } = &*self.worker;
        let text = Text { chunk: self.chunk, arena: &batch.arena };
        let (encoder, limits) = (&self.stages.encoders.json, &self.stages.limits);
        let start = lines.bytes.len();
        encoder.encode(batch, row, text, policies, limits.max_endpoint_size(), &mut lines.bytes);
        lines.bytes.len() - start
    }

    /// Appends a row to every output with a line encoder; or, if one of them can't take it, to none,
    /// and returns the problem. `size` is the row's length as compact JSON in bytes, if it is known.
    fn write_lines(
        &mut self,
        row: usize,
        size: Option<usize>,
        block: &mut Block,
    ) -> Option<Problem> {
        let outputs = &self.stages.encoders.lines;
        block.line_outputs.resize_with(outputs.len(), Lines::default);
        let (mut size, mut problem) = (size, None);
        for ((index, output), lines) in outputs.iter().enumerate().zip(&mut block.line_outputs) {
            let Worker { batch, policies, cells, decoder, .. } = &mut *self.worker;
            let text = Text { chunk: self.chunk, arena: &batch.arena };
            let start = lines.bytes.len();
            let names = (&decoder.names, policies.cells_in(index));
            let encoder = &output.encoder;
            let line = encoder.encode(batch, row, text, names, cells, &mut lines.bytes);
            lines.counts.add(line.counts);
            size = size.or_else(|| self.measure(row, line.json_max, &mut block.json));
            let fits = lines.bytes.len() - start <= output.line_max;
            let by_part = (!fits).then(|| self.stages.part_problem());
            let by_limit = || self.stages.limits.check_size(size?);
            let by_encoder = || encoder.size_problem(size?, line.counts);
            problem = problem.or_else(by_limit).or_else(by_encoder).or(by_part);
        }
        for lines in &mut block.line_outputs {
            if problem.is_none() { lines.end_record() } else { lines.rollback() }
        }
        problem
    }

    /// The length of a row as JSON in bytes. `None` if it is certainly within the limit, by `bound` or
    /// by the lengths of its values.
    ///
    /// The JSON may remain at the end of `lines`: the caller must end or roll back the record.
    fn measure(&self, row: usize, bound: usize, lines: &mut Lines) -> Option<usize> {
        let (stages, Worker { batch, policies, .. }) = (self.stages, &*self.worker);
        let (json, most) = (&stages.encoders.json, stages.limits.max_endpoint_size());
        let may_be_large = most < bound && most < json.size_bound(batch, row, policies);
        may_be_large.then(|| self.write_json(row, lines))
    }

    /// Appends the written rows to the block's table, column by column.
    fn fill_table(&mut self, block: &mut Block) {
        let Some(encoder) = &self.stages.encoders.table else { return };
        let Worker { batch, policies, decoder, table_rows, .. } = &mut *self.worker;
        let text = Text { chunk: self.chunk, arena: &batch.arena };
        let table = block.table.get_or_insert_with(|| Arc::new(encoder.table()));
        let table = Arc::get_mut(table).expect("a block that is being filled has its table alone");
        encoder.append(batch, table_rows, text, policies, &decoder.names, table);
        table_rows.clear();
        block.table_bytes = table.cost();
    }

    /// Whether it matters how many records have a name. In CSV it does not.
    fn records_of_names_matter(&self) -> bool {
        self.worker.policies.some_are_shown_if_common() && self.header_is_shown.is_none()
    }

    /// Counts the last record that was read for the names in its maps, if it is not written;
    /// [`Self::count_written`] does so for the others.
    #[cold]
    fn count_record_of_names(&mut self, row: usize, block: &Block) {
        let record = index(block.read - 1);
        let is_broken = self.worker.batch.rows.get(row).is_some_and(|row| row.broken);
        if is_broken || !self.records_of_names_matter() {
            return;
        }
        let Worker { batch, policies, name_tally, .. } = &mut *self.worker;
        let entries = (0..batch.maps_width).flat_map(|map| batch.map_entries(row, map));
        for entry in entries.filter(|entry| policies.is_shown_if_common(entry.name)) {
            name_tally.add_record(entry.name, record);
        }
    }

    fn count_written(&mut self, row: usize, block: &mut Block) {
        let record = index(block.read - 1);
        let is_record = self.records_of_names_matter();
        let Worker { batch, log, name_tally, .. } = &mut *self.worker;
        block.written += 1;
        block.count_fields(batch.row_slots(row));
        for map in 0..batch.maps_width {
            for entry in batch.map_entries(row, map) {
                name_tally.add_values(entry.name, record, entry.values.len, is_record);
            }
        }
        for (_, rule, field) in find_row(&log.dropped, row, |(row, _, _)| *row) {
            match field {
                Field::Named(name) => name_tally.add_values(*name, record, 1, is_record),
                Field::Node(_) | Field::Record => block.count_values(Some(*rule), 1),
            }
        }
        block.count_failures(find_row(&log.failures, row, |(row, _)| *row));
        block.count_scrubbed(find_row(&log.scrubbed, row, |(row, _, _)| *row));
        let repaired = find_row(&self.worker.repaired, row, |repaired| repaired.row);
        for repaired in repaired.iter().filter(|repaired| repaired.is_written) {
            let path = self.path_of(repaired.field);
            block.repairs.entry(repaired.kind).or_default().count(path);
        }
    }

    /// Counts what was noticed about the values of a row. `is_written`: whether the row is.
    #[inline]
    fn count_notes(&self, row: usize, is_written: bool, block: &mut Block) {
        if !self.worker.batch.notes.is_empty() {
            self.count_notes_of_row(row, is_written, block);
        }
    }

    fn count_notes_of_row(&self, row: usize, is_written: bool, block: &mut Block) {
        let noted = find_row(&self.worker.batch.notes, row, |noted| noted.row);
        for noted in noted.iter().filter(|noted| is_written || noted.note.is_of_input()) {
            let path = self.path_of(noted.field);
            match noted.note {
                Note::RepairedName => {
                    block.repairs.entry(RepairKind::Names).or_default().count(path);
                }
                note @ (Note::RemovedInvalid
                | Note::LooksNull
                | Note::Spreadsheet
                | Note::Personal(_)) => {
                    block.notes.entry(note).or_default().count(path);
                }
            }
        }
    }

    /// Counts the repairs that would together fix all problems of a rejected row.
    fn count_fix(&self, row: usize, problems: usize, block: &mut Block) {
        let fix = find_row(&self.worker.fixes, row, |fix| fix.row).first();
        if let Some(fix) = fix.filter(|fix| fix.problems.len() == problems && !fix.by.is_empty()) {
            *block.repairable.entry(fix.by).or_default() += 1;
        }
    }

    /// Counts the fields of a record that the schema does not know or that only exports have,
    /// whether or not the record is written.
    fn count_unknown(&mut self, place: Row, unknown: &[(u32, NameId)], block: &mut Block) {
        block.spaced_quotes += u64::from(place.spaced_quotes);
        if place.broken {
            return;
        }
        if !unknown.is_empty() && self.records_of_names_matter() {
            self.count_record_of_unknown(unknown, index(block.read));
        }
        block.export_only += u64::from(place.export_only);
        let Worker { policies, .. } = &*self.worker;
        // What looks like a field is a problem of the record instead.
        let is_counted = |name: &NameId| !policies.verdicts().of(*name).looks_like_a_field;
        let mut unknown = unknown.iter().map(|(_, name)| *name).filter(is_counted);
        for name in unknown.by_ref().take(UNKNOWN_NAMES_MAX) {
            block.unknown.count(policies.path_of(name, self.places()));
        }
        block.unknown.other += u64::try_from(unknown.count()).expect("fewer than 2^64 names");
    }

    /// Counts a record for the names of its unknown fields.
    fn count_record_of_unknown(&mut self, unknown: &[(u32, NameId)], record: u32) {
        let Worker { policies, name_tally, .. } = &mut *self.worker;
        let names = unknown.iter().map(|(_, name)| *name);
        for name in names.filter(|name| policies.is_shown_if_common(*name)) {
            name_tally.add_record(name, record);
        }
    }

    /// Sorts problems by row, and those of a row in the order of the schema.
    fn sort_problems(&mut self) {
        let Worker { batch, decoder, .. } = &mut *self.worker;
        batch.problems.sort_by_key(|(row, problem)| {
            let place = match problem.field {
                Field::Node(node) => usize::from(node),
                Field::Named(name) => decoder.names.get(name).0.node().unwrap_or(usize::MAX - 1),
                Field::Record => usize::MAX,
            };
            (*row, place)
        });
    }

    /// Describes problems, those of names up to [`NAME_PROBLEMS_MAX`].
    fn describe_problems<'p>(
        &self,
        problems: impl Iterator<Item = &'p (u32, Problem)>,
        block: &Block,
    ) -> Vec<DescribedProblem> {
        let mut names = 0;
        let mut is_described = |problem: &Problem| {
            let is_of_name = matches!(problem.field, Field::Named(_));
            names += usize::from(is_of_name);
            !is_of_name || names <= NAME_PROBLEMS_MAX
        };
        let problems = problems.filter(|(_, problem)| is_described(problem));
        let row = |row: u32| usize::try_from(row).expect("usize is at least 32 bits wide");
        problems.map(|(of, problem)| self.describe(row(*of), problem, block)).collect()
    }

    fn describe(&self, row: usize, problem: &Problem, block: &Block) -> DescribedProblem {
        let fixes = find_row(&self.worker.fixes, row, |fix| fix.row);
        let repair = fixes.iter().flat_map(|fix| &fix.problems).find(|(fixed, _)| fixed == problem);
        let path = self.path_of(problem.field);
        let records = |whole: &str| match problem.field {
            Field::Named(name) => self.worker.name_tally.records(name) + block.records_of(whole),
            Field::Record | Field::Node(_) => 0,
        };
        DescribedProblem {
            whole: path.whole.map(|whole| (whole.clone(), records(&whole))),
            field: path.shown,
            code: problem.code.as_str(),
            rule: self.stages.check_name(problem),
            detail: problem.detail.as_str(),
            repair: match repair {
                Some((_, kinds)) => kinds.settings(),
                None => self.setting_for(row, problem),
            },
        }
    }

    /// The setting that would fix a problem, if that is certain without a trial; empty for none.
    fn setting_for(&self, row: usize, problem: &Problem) -> Cow<'static, str> {
        let on = self.stages.repairs.on();
        let is_look_alike = problem.detail == Detail::LooksLikeAField;
        Cow::Borrowed(match problem.field {
            _ if problem.detail == Detail::LocalTime => {
                // With a zone, only a time is left that the zone has twice or not at all.
                if self.plan.repairs.date_zone.is_none() { setting::DATES_ZONE } else { "" }
            }
            Field::Named(name) if is_look_alike && !on.has(RepairKind::Names) => {
                let (scope, name) = self.worker.decoder.names.get(name);
                let field = field_looked_like(scope, name, self.plan, self.stages);
                if field.is_some() { setting::NAMES } else { "" }
            }
            Field::Record => reading(problem.detail),
            Field::Node(_) | Field::Named(_) if self.has_decimal_comma(row, problem) => {
                setting::DECIMAL
            }
            Field::Node(_) | Field::Named(_)
                if problem.code == Code::Phone
                    && matches!(self.plan.repairs.phone_region, PhoneRegionFrom::Nowhere) =>
            {
                return settings_for_region(self.value(row, problem));
            }
            Field::Node(_) | Field::Named(_) => "",
        })
    }

    /// The value that has a problem; of a list, the first one.
    fn value(&self, row: usize, problem: &Problem) -> &[u8] {
        let batch = &self.worker.batch;
        let value = match problem.field {
            Field::Node(node) => batch.slot(row, usize::from(node)),
            Field::Named(name) => {
                let mut entries = (0..batch.maps_width).flat_map(|map| batch.map_entries(row, map));
                let entry = entries.find(|entry| entry.name == name);
                let values = entry.map_or(&[][..], |entry| batch.entry_values(*entry));
                values.first().copied().unwrap_or(Slot::ABSENT)
            }
            Field::Record => Slot::ABSENT,
        };
        Text { chunk: self.chunk, arena: &batch.arena }.of(value)
    }

    /// Whether a value is no number, and would be one if the decimal mark of CSV were a comma.
    fn has_decimal_comma(&self, row: usize, problem: &Problem) -> bool {
        let is_point = !self.plan.input.column_settings.has_decimal_comma;
        let is_candidate = problem.code == Code::Type && problem.detail == Detail::FoundText;
        if self.header_is_shown.is_none() || !is_point || !is_candidate {
            return false;
        }
        let text = self.value(row, problem);
        let with_point: Vec<u8> =
            text.iter().map(|byte| if *byte == b',' { b'.' } else { *byte }).collect();
        text.contains(&b',')
            && !text.contains(&b'.')
            && number_len(&with_point) == Some(with_point.len())
    }

    /// The path of a field; empty for the record as a whole.
    fn path_of(&self, field: Field) -> FieldPath {
        match field {
            Field::Record => FieldPath::default(),
            Field::Node(node) => {
                let node = self.plan.schema.nodes.get(usize::from(node));
                FieldPath::known(node.map_or_else(String::new, |node| node.path.clone()))
            }
            Field::Named(name) => self.worker.policies.path_of(name, self.places()),
        }
    }

    fn places(&self) -> NamePlaces<'_> {
        let names = &self.worker.decoder.names;
        NamePlaces { names, plan: self.plan, header_is_shown: self.header_is_shown }
    }
}

/// The index of a record in its block.
fn index(record: u64) -> u32 {
    u32::try_from(record).expect("a block has fewer than 2^32 records")
}

/// The setting with which a row that has this problem could be read; empty if there is none.
fn reading(detail: Detail) -> &'static str {
    let is_ragged = matches!(detail, Detail::TooFewCells | Detail::TooManyEmptyCells);
    let otherwise = if detail == Detail::UnnamedColumn { setting::IGNORE } else { "" };
    if is_ragged { setting::RAGGED } else { otherwise }
}
