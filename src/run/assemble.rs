//! The ordered side of a run: takes blocks in input order, adds up their counts, and writes
//! outputs, rejects and `inputs.ndjson`.
//!
//! A block's places are relative to the block. What came before it in its input is known only
//! here, so this is where rejects get their record number, line and offset.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet, VecDeque},
    io::{self, BufWriter, Write},
    sync::Arc,
};

use serde::Serialize;

use super::account::input_line::{InputLine, input_read, skipped_warning};
use super::account::originals::{Originals, end_of_line, with_newlines};
use super::common_names::CommonNames;
use super::progress::{Progress, Stage};
use super::slices::Slices;
use crate::decode::frame::LineEnd;
use crate::input::{Compression, InputEnd, InputStart, looks_like_windows_1252};
use crate::output::parquet::{Metadata, RejectsWriter};
use crate::output::{OutputWriter, writers};
use crate::pipeline::{Block, Reject, ScrubCount, Stages, decode_rule};
use crate::plan::Plan;
use crate::profiles::Spill;
use crate::publish::names::{INPUTS, REJECTS, originals_path};
use crate::publish::{Publication, PublishError, StagedFile};
use crate::record::{Code, DescribedProblem, Detail, FieldPath, Note};
use crate::repair::{RepairKind, RepairSet};
use crate::report::{NameCounts, RejectLine, Tally, json_line, only_setting};
use crate::store::{Ignored, Listed};

/// The number of inputs with a warning of their own that could not be read to their end.
const BROKEN_MAX: usize = 100;

/// Collects the results of a run.
pub(super) struct Assembler<'a> {
    plan: &'a Plan,
    listed: &'a [Listed],
    /// `None` in a dry run.
    place: Option<&'a Publication>,
    progress: &'a Progress,
    pub(super) outputs: Vec<Box<dyn OutputWriter>>,
    /// The blocks that are being written, the oldest first.
    writing: VecDeque<Arc<Block>>,
    rejects: Option<BufWriter<StagedFile>>,
    /// The rejects as Parquet, if an output is Parquet.
    rejects_by_columns: Option<RejectsWriter>,
    inputs: Option<BufWriter<StagedFile>>,
    pub(super) total: Tally,
    pub(super) bytes: u64,
    pub(super) unknown: NameCounts,
    pub(super) common_names: CommonNames,
    /// The names that each rule with `*` met, by its index.
    pub(super) names_of_rules: BTreeMap<usize, NameCounts>,
    pub(super) by_code: BTreeMap<String, u64>,
    pub(super) by_field: NameCounts,
    /// The number of inputs that no checksum confirms.
    pub(super) unchecked: u64,
    /// The inputs that could not be read to their end, by their indices.
    pub(super) broken_inputs: Vec<usize>,
    /// The warnings about the first [`BROKEN_MAX`] of them. `inputs.ndjson` has all.
    pub(super) broken_warnings: Vec<String>,
    /// How many values of inputs have a field beside their records, by its name.
    pub(super) beside: BTreeMap<String, u64>,
    /// The renamings of the definition that match a name in some input, by index.
    pub(super) renamings: BTreeSet<usize>,
    /// The number of rejects that repairs would fix, by those repairs.
    pub(super) by_repair: BTreeMap<RepairSet, u64>,
    /// The number of rejects that another setting may fix, by that setting.
    pub(super) by_setting: BTreeMap<&'static str, u64>,
    /// By repair and field, the number of values changed.
    pub(super) repairs: BTreeMap<RepairKind, NameCounts>,
    /// The number of rejected records that look like text in Windows-1252.
    pub(super) windows_1252: u64,
    /// The values that each rule with `scrub` changed, by its index.
    pub(super) scrubbed: BTreeMap<usize, ScrubCount>,
    /// What was noticed about values, by path.
    pub(super) notes: BTreeMap<Note, NameCounts>,
    current: InputState,
}

/// The input whose blocks are being taken.
#[derive(Default)]
struct InputState {
    tally: Tally,
    format: Option<&'static str>,
    compression: Option<Compression>,
    is_bracketed: bool,
    line_end: LineEnd,
    /// The number of line ends before the next block.
    lines: u64,
    /// The file for the originals of rejected records, once there is one.
    kept: Option<Originals>,
    /// The header that the originals need.
    header: Vec<u8>,
    slices: Option<Slices>,
}

/// A block's place in its input.
pub(super) struct BlockPlace<'a> {
    pub(super) input: usize,
    /// The offset of the chunk in the input's text.
    pub(super) offset: u64,
    pub(super) chunk: &'a [u8],
}

impl<'a> Assembler<'a> {
    /// `definition_sha256` goes into the metadata of Parquet files, a `shard` into names; `spill` has profiles.
    pub(super) fn new(
        plan: &'a Plan,
        stages: &Stages,
        definition_sha256: &str,
        listed: &'a [Listed],
        place: Option<&'a Publication>,
        (shard, spill): (Option<u32>, &Spill),
        progress: &'a Progress,
    ) -> Result<Self, PublishError> {
        let file = |name| -> Result<_, PublishError> {
            place.map(|place| place.account_file(name, false).map(BufWriter::new)).transpose()
        };
        let metadata = Metadata::new(plan, definition_sha256);
        let standard = place.map(|_| -> Box<dyn Write + Send> { Box::new(io::stdout()) });
        let by_columns = place.filter(|_| stages.table().is_some());
        let by_columns = by_columns.map(|place| RejectsWriter::new(place, &metadata));
        Ok(Assembler {
            plan,
            listed,
            place,
            progress,
            outputs: writers(plan, stages, &metadata, (shard, spill), standard)?,
            writing: VecDeque::new(),
            rejects_by_columns: by_columns.transpose()?,
            rejects: file(REJECTS)?,
            inputs: file(INPUTS)?,
            total: Tally::for_rules(plan.rules.len()),
            bytes: 0,
            unknown: NameCounts::default(),
            common_names: CommonNames::default(),
            names_of_rules: BTreeMap::new(),
            by_code: BTreeMap::new(),
            by_field: NameCounts::default(),
            unchecked: 0,
            broken_inputs: Vec::new(),
            broken_warnings: Vec::new(),
            beside: BTreeMap::new(),
            renamings: BTreeSet::new(),
            by_repair: BTreeMap::new(),
            by_setting: BTreeMap::new(),
            repairs: BTreeMap::new(),
            windows_1252: 0,
            scrubbed: BTreeMap::new(),
            notes: BTreeMap::new(),
            current: InputState::default(),
        })
    }

    /// Begins an input.
    pub(super) fn begin(&mut self, start: InputStart) {
        self.renamings.extend(start.renamings);
        self.current = InputState {
            tally: Tally { blank_lines: start.blank_lines, ..Tally::default() },
            format: start.format,
            compression: Some(start.compression),
            is_bracketed: start.is_bracketed,
            line_end: start.line_end,
            lines: start.lines,
            header: with_newlines(start.header, start.line_end),
            ..InputState::default()
        };
    }

    /// Adds the next block of the input.
    pub(super) fn block(
        &mut self,
        block: Block,
        place: &BlockPlace<'_>,
    ) -> Result<(), PublishError> {
        let block = Arc::new(block);
        for output in &mut self.outputs {
            output.write(&block, self.place)?;
        }
        self.account_for(&block, place)?;
        self.writing.push_back(block);
        Ok(())
    }

    /// If more than `rest` blocks are being written, waits until the oldest is, and returns it.
    pub(super) fn settle(&mut self, rest: usize) -> Result<Option<Block>, PublishError> {
        if self.writing.len() <= rest {
            return Ok(None);
        }
        let Some(oldest) = self.writing.pop_front() else { return Ok(None) };
        self.outputs.iter_mut().try_for_each(|output| output.settle())?;
        Ok(Arc::into_inner(oldest))
    }

    /// Counts the records of a block, and writes its rejects.
    fn account_for(&mut self, block: &Block, place: &BlockPlace<'_>) -> Result<(), PublishError> {
        self.common_names.begin(block);
        let mut last_row = None;
        for reject in &block.rejects {
            let line = self.current.lines + reject.line + 1;
            let record = self.current.tally.read + reject.record + 1;
            let (at, problems) = (place.offset + count(reject.offset), self.problems_of(reject));
            let (position, endpoint) = ([record, line, at, count(reject.bytes)], reject.endpoint);
            self.reject(place.input, position, endpoint, &problems)?;
            self.windows_1252 += u64::from(self.is_windows_1252(reject, place.chunk));
            let is_same_row = 0 < endpoint && last_row == Some(reject.offset);
            last_row = Some(reject.offset);
            // A row of several records is kept once.
            if self.plan.account.keep_rejected && !is_same_row {
                let InputState { line_end, is_bracketed, .. } = self.current;
                let end = reject.offset + reject.bytes;
                let end = if is_bracketed { end } else { end_of_line(place.chunk, end, line_end) };
                let original = place.chunk.get(reject.offset..end).unwrap_or(&[]);
                self.keep(place.input, original, true)?;
            }
        }
        let tally = tally_of(block);
        self.progress.advance(0, tally.read, tally.rejected);
        self.current.tally.add(&tally);
        self.current.lines += block.lines;
        self.common_names.end(block);
        self.count_names_of_rules(block);
        for (path, times) in block.unknown.iter() {
            self.unknown.add(path, times);
        }
        self.unknown.add_other(block.unknown.other);
        for (kind, fields) in &block.repairs {
            let counts = self.repairs.entry(*kind).or_default();
            fields.iter().for_each(|(field, times)| counts.add(field, times));
        }
        for (rule, counts) in &block.scrubbed {
            self.scrubbed.entry(*rule).or_default().add(counts);
        }
        self.renamings.extend(&block.renamings);
        for (note, fields) in &block.notes {
            let counts = self.notes.entry(*note).or_default();
            fields.iter().for_each(|(field, times)| counts.add(field, times));
        }
        for (kinds, times) in &block.repairable {
            *self.by_repair.entry(*kinds).or_default() += times;
        }
        Ok(())
    }

    /// The problems of a reject, with the names that may be shown.
    fn problems_of<'r>(&self, reject: &'r Reject) -> Cow<'r, [DescribedProblem]> {
        let is_common = |problem: &DescribedProblem| {
            let whole = problem.whole.as_ref();
            whole.is_some_and(|(path, records)| {
                self.common_names.is_common_at(path, *records, reject.record)
            })
        };
        if !reject.problems.iter().any(is_common) {
            return Cow::Borrowed(&reject.problems);
        }
        let mut problems = reject.problems.clone();
        for problem in problems.iter_mut().filter(|problem| is_common(problem)) {
            let whole = problem.whole.take();
            problem.field = whole.map(|(path, _)| path).unwrap_or_default();
        }
        Cow::Owned(problems)
    }

    /// Counts the names that rules with `*` met.
    fn count_names_of_rules(&mut self, block: &Block) {
        for name in block.names.iter().filter(|name| 0 < name.values) {
            let rule = name.rule.filter(|rule| {
                self.plan.rules.get(*rule).is_some_and(|rule| rule.path.ends_with('*'))
            });
            if let Some(rule) = rule {
                self.names_of_rules.entry(rule).or_default().add(&name.path, name.values);
            }
        }
    }

    /// Whether a rejected record would be text if the definition set Windows-1252.
    fn is_windows_1252(&self, reject: &Reject, chunk: &[u8]) -> bool {
        let detail = Detail::InvalidBytes.as_str();
        let is_candidate = self.plan.input.encoding.is_none()
            && reject.problems.iter().any(|problem| problem.detail == detail);
        let original = || chunk.get(reject.offset..reject.offset + reject.bytes).unwrap_or(&[]);
        is_candidate && looks_like_windows_1252(original())
    }

    /// How often something was noticed about values, by field.
    pub(super) fn notes_of(&self, note: Note) -> BTreeMap<String, u64> {
        let counts = self.notes.get(&note);
        let is_common = |whole: &str| self.common_names.is_common(whole);
        counts.map(|counts| counts.sorted(is_common)).unwrap_or_default()
    }

    /// Skips white space between records.
    pub(super) fn space(&mut self, bytes: &[u8]) {
        self.current.lines += self.current.line_end.count(bytes);
    }

    /// Adds a slice of a record that is too long to be held.
    pub(super) fn slice(
        &mut self,
        bytes: &[u8],
        place: &BlockPlace<'_>,
        (code, detail): (Code, Detail),
        is_last: bool,
    ) -> Result<(), PublishError> {
        let line = self.current.lines;
        let slices = self.current.slices.get_or_insert(Slices::new(place.offset, line));
        slices.add(bytes);
        self.current.lines += self.current.line_end.count(bytes);
        if self.plan.account.keep_rejected {
            self.keep(place.input, bytes, is_last)?;
        }
        if is_last { self.end_slices(place.input, code, detail) } else { Ok(()) }
    }

    fn end_slices(&mut self, input: usize, code: Code, detail: Detail) -> Result<(), PublishError> {
        let Some(slices) = self.current.slices.take() else { return Ok(()) };
        self.current.tally.read += 1;
        self.current.tally.rows += 1;
        self.current.tally.rejected += 1;
        self.progress.advance(0, 1, 1);
        let problem = DescribedProblem {
            field: String::new(),
            whole: None,
            code: code.as_str(),
            rule: decode_rule(code).to_owned(),
            detail: detail.as_str(),
            repair: "".into(),
        };
        let record = self.current.tally.read;
        let length = slices.length(self.current.is_bracketed);
        let place = [record, slices.line + 1, slices.offset, length];
        self.reject(input, place, 0, &[problem])
    }

    /// Counts and writes a reject, given its record and line (from 1), offset and length in bytes, and its `endpoint`.
    fn reject(
        &mut self,
        input: usize,
        [record, line, offset, bytes]: [u64; 4],
        endpoint: u8,
        problems: &[DescribedProblem],
    ) -> Result<(), PublishError> {
        for problem in problems {
            *self.by_code.entry(problem.code.to_owned()).or_default() += 1;
            self.by_field.add(&field_path(problem), 1);
        }
        if let Some(setting) = only_setting(problems) {
            *self.by_setting.entry(setting).or_default() += 1;
        }
        let source = self.listed.get(input).map_or("", |listed| listed.name.as_str());
        let endpoint = (0 < endpoint).then_some(endpoint);
        let reject = RejectLine { source, record, line, offset, bytes, endpoint, problems };
        if let Some(rejects) = &mut self.rejects_by_columns {
            rejects.push(&reject)?;
        }
        write_line(self.rejects.as_mut(), &reject)
    }

    /// Writes the original of a rejected record, or its next slice. The header comes first in the
    /// file, and each original ends with a line end.
    ///
    /// Lines that end with CR are written with LF: a short file may not show that CR ends its lines.
    fn keep(&mut self, input: usize, original: &[u8], is_last: bool) -> Result<(), PublishError> {
        let is_open = self.current.kept.as_ref().is_some_and(Originals::is_open);
        let Some(place) = self.place.filter(|_| is_open || !original.is_empty()) else {
            return Ok(());
        };
        let InputState { kept, header, is_bracketed, line_end, .. } = &mut self.current;
        let originals = if let Some(originals) = kept {
            originals
        } else {
            let name = self.listed.get(input).map_or("", |listed| listed.name.as_str());
            let path = originals_path(input, name.rsplit('/').next().unwrap_or(name));
            let file = place.account_file(&path, true)?;
            kept.insert(Originals::new(file, header).map_err(PublishError::of_write)?)
        };
        let kept = if *is_bracketed {
            originals.keep_bracketed(original, is_last)
        } else {
            originals.keep_line(original, is_last, *line_end)
        };
        kept.map_err(PublishError::of_write)
    }

    /// Ends an input.
    pub(super) fn end(&mut self, input: usize, end: &InputEnd) -> Result<(), PublishError> {
        let state = std::mem::take(&mut self.current);
        finish(state.kept.map(Originals::into_file))?;
        self.bytes += end.bytes;
        for (field, values) in &end.beside {
            *self.beside.entry(field.clone()).or_default() += values;
        }
        self.total.add(&state.tally);
        if let Some(listed) = self.listed.get(input) {
            let (format, compression) = (state.format, state.compression);
            let has_rows = !self.plan.input.column_settings.endpoints.is_empty();
            let rows = has_rows.then_some(state.tally.rows);
            let (tally, lines) = (&state.tally, state.lines);
            let line = InputLine::read(listed, end, format, compression, tally, rows, lines);
            write_line(self.inputs.as_mut(), &line)?;
            self.progress.input(|| input_read(listed, end, &state.tally));
            self.unchecked += u64::from(end.is_unchecked);
            if let Some(broken) = &end.broken {
                self.broken_inputs.push(input);
                if self.broken_inputs.len() <= BROKEN_MAX {
                    self.broken_warnings.push(skipped_warning(&listed.name, broken));
                }
            }
        }
        Ok(())
    }

    /// Completes the outputs, after all inputs. Must be called in the pool: Parquet may have to be
    /// encoded.
    pub(super) fn finish_outputs(&mut self) -> Result<(), PublishError> {
        if let Some(rejects) = self.rejects_by_columns.take() {
            rejects.finish()?;
        }
        while !self.writing.is_empty() {
            self.settle(0)?;
        }
        if self.plan.outputs.iter().any(|output| output.profiles.is_some()) {
            self.progress.enter(Stage::Fold);
        }
        self.outputs.iter_mut().try_for_each(|output| output.finish(self.place))
    }

    /// The inputs that could not be read to their end, by their indices.
    pub(super) fn into_broken_inputs(self) -> Vec<usize> {
        self.broken_inputs
    }

    /// Completes the files of the account, after the outputs.
    pub(super) fn finish(&mut self, ignored: &[Ignored]) -> Result<(), PublishError> {
        for ignored in ignored {
            write_line(self.inputs.as_mut(), &InputLine::ignored(ignored))?;
        }
        finish(self.rejects.take())?;
        finish(self.inputs.take())
    }
}

/// The path that a problem is counted under.
fn field_path(problem: &DescribedProblem) -> FieldPath {
    let whole = problem.whole.as_ref().map(|(path, _)| path.clone());
    FieldPath { shown: problem.field.clone(), whole }
}

fn tally_of(block: &Block) -> Tally {
    Tally {
        read: block.read,
        rows: block.rows,
        written: block.written(),
        rejected: block.rejected(),
        headers: block.headers,
        inactive: block.inactive,
        suppressed: block.suppressed,
        duplicates: block.duplicates,
        over_user_limit: block.over_user_limit,
        blank_lines: block.blank_lines,
        export_only: block.export_only,
        spaced_quotes: block.spaced_quotes,
        values: block.values.clone(),
        nodes: block.nodes.clone(),
        op_failed: block.op_failed.clone(),
        matches: block.matches.clone(),
        unlisted: block.unlisted.clone(),
    }
}

fn write_line(
    file: Option<&mut BufWriter<StagedFile>>,
    line: &impl Serialize,
) -> Result<(), PublishError> {
    let Some(file) = file else { return Ok(()) };
    let mut text = json_line(line);
    text.push('\n');
    file.write_all(text.as_bytes()).map_err(PublishError::of_write)
}

fn finish(file: Option<BufWriter<StagedFile>>) -> Result<(), PublishError> {
    let Some(file) = file else { return Ok(()) };
    let staged = file.into_inner().map_err(|error| PublishError::of_write(error.into_error()))?;
    staged.finish()
}

fn count(number: usize) -> u64 {
    u64::try_from(number).expect("fewer than 2^64")
}
