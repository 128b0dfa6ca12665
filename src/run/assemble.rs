//! The ordered side of a run: blocks come in input order, and everything that is counted or
//! written in order is counted and written here.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{BufWriter, Write},
};

use serde::Serialize;

use super::progress::Progress;
use crate::input::{Broken, Compression, InputEnd, InputStart};
use crate::output::parquet::{Metadata, RejectsWriter};
use crate::output::{OutputWriter, writers};
use crate::pipeline::{Block, Stages, decode_rule};
use crate::plan::Plan;
use crate::publish::names::{INPUTS, REJECTS, originals_path};
use crate::publish::{Publication, PublishError, StagedFile};
use crate::record::{Code, DescribedProblem, Detail};
use crate::repair::{RepairKind, RepairSet};
use crate::report::{NameCounts, RejectLine, Tally};
use crate::store::{Ignored, Listed, Reason, Stamp};

/// Where a run's results gather.
pub(super) struct Assembler<'a> {
    plan: &'a Plan,
    listed: &'a [Listed],
    /// None in a dry run.
    place: Option<&'a Publication>,
    progress: &'a Progress,
    pub(super) outputs: Vec<Box<dyn OutputWriter>>,
    rejects: Option<BufWriter<StagedFile>>,
    /// Where an output is Parquet.
    rejects_by_columns: Option<RejectsWriter>,
    inputs: Option<BufWriter<StagedFile>>,
    pub(super) total: Tally,
    pub(super) bytes: u64,
    pub(super) unknown: NameCounts,
    pub(super) by_code: BTreeMap<String, u64>,
    pub(super) by_field: NameCounts,
    /// What to warn of: inputs that could not be read to their end.
    pub(super) broken: Vec<String>,
    /// The renamings of the definition that some header has names for, by their places there.
    pub(super) renamings: BTreeSet<usize>,
    /// Rejects that repairs would mend, by those repairs.
    pub(super) by_repair: BTreeMap<RepairSet, u64>,
    /// By repair, the values that it changed.
    pub(super) repairs: BTreeMap<RepairKind, NameCounts>,
    current: InputState,
}

/// The input whose blocks come at present.
#[derive(Default)]
struct InputState {
    tally: Tally,
    format: Option<&'static str>,
    compression: Option<Compression>,
    is_bracketed: bool,
    /// Line ends before the next block.
    lines: u64,
    /// The originals of rejected records, and the header that they need.
    kept: Option<BufWriter<StagedFile>>,
    header: Vec<u8>,
    slices: Option<Slices>,
}

/// A record that passes in slices.
struct Slices {
    offset: u64,
    line: u64,
    bytes: u64,
    /// The same without white space at the end.
    text_bytes: u64,
    last_byte: u8,
    byte_before: u8,
}

/// One line of `inputs.ndjson`.
#[derive(Default, Serialize)]
struct InputLine<'a> {
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    modified: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    etag: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    format: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    compression: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    records: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    written: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rejected: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dropped: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    blank_lines: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sha256: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ignored: Option<&'a str>,
    /// Why it could not be read to its end, and the place in its text from where on no record was.
    #[serde(skip_serializing_if = "Option::is_none")]
    broken: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    offset_reached: Option<u64>,
}

/// A block's place in its input.
pub(super) struct BlockPlace<'a> {
    pub(super) input: usize,
    /// Where the chunk begins in the input.
    pub(super) offset: u64,
    pub(super) chunk: &'a [u8],
}

impl<'a> Assembler<'a> {
    /// `definition_sha256`: what Parquet tells of where it comes from.
    pub(super) fn new(
        plan: &'a Plan,
        stages: &Stages,
        definition_sha256: &str,
        listed: &'a [Listed],
        place: Option<&'a Publication>,
        progress: &'a Progress,
    ) -> Result<Self, PublishError> {
        let file = |name| -> Result<_, PublishError> {
            place.map(|place| place.account_file(name, false).map(BufWriter::new)).transpose()
        };
        let metadata = Metadata::new(plan, definition_sha256);
        let by_columns = place.filter(|_| stages.table().is_some());
        let by_columns = by_columns.map(|place| RejectsWriter::new(place, &metadata));
        Ok(Assembler {
            plan,
            listed,
            place,
            progress,
            outputs: writers(plan, stages, &metadata)?,
            rejects_by_columns: by_columns.transpose()?,
            rejects: file(REJECTS)?,
            inputs: file(INPUTS)?,
            total: Tally::for_rules(plan.rules.len()),
            bytes: 0,
            unknown: NameCounts::default(),
            by_code: BTreeMap::new(),
            by_field: NameCounts::default(),
            broken: Vec::new(),
            renamings: BTreeSet::new(),
            by_repair: BTreeMap::new(),
            repairs: BTreeMap::new(),
            current: InputState::default(),
        })
    }

    /// An input begins.
    pub(super) fn begin(&mut self, start: InputStart) {
        self.renamings.extend(start.renamings);
        self.current = InputState {
            tally: Tally { blank_lines: start.blank_lines, ..Tally::default() },
            format: start.format,
            compression: Some(start.compression),
            is_bracketed: start.is_bracketed,
            lines: start.lines,
            header: start.header,
            ..InputState::default()
        };
    }

    /// Takes the next block of the input.
    pub(super) fn block(
        &mut self,
        block: &Block,
        place: &BlockPlace<'_>,
    ) -> Result<(), PublishError> {
        for output in &mut self.outputs {
            output.write(block, self.place)?;
        }
        for reject in &block.rejects {
            let line = self.current.lines + reject.line + 1;
            let record = self.current.tally.read + reject.record + 1;
            let at = place.offset + count(reject.offset);
            self.reject(place.input, [record, line, at, count(reject.bytes)], &reject.problems)?;
            if self.plan.account.keep_rejected {
                let end = end_of_line(place.chunk, reject.offset + reject.bytes);
                let original = place.chunk.get(reject.offset..end).unwrap_or(&[]);
                self.keep(place.input, original, true)?;
            }
        }
        let tally = tally_of(block);
        self.progress.advance(0, tally.read, tally.rejected);
        self.current.tally.add(&tally);
        self.current.lines += block.lines;
        for (name, times) in block.unknown.iter() {
            self.unknown.add(name, times);
        }
        self.unknown.add_other(block.unknown.other);
        for (kind, fields) in &block.repairs {
            let counts = self.repairs.entry(*kind).or_default();
            fields.iter().for_each(|(field, times)| counts.add(field, times));
        }
        for (kinds, times) in &block.repairable {
            *self.by_repair.entry(*kinds).or_default() += times;
        }
        Ok(())
    }

    /// Passes white space between records.
    pub(super) fn space(&mut self, bytes: &[u8]) {
        self.current.lines += count(memchr::memchr_iter(b'\n', bytes).count());
    }

    /// Takes a slice of a record that is too long to be held.
    pub(super) fn slice(
        &mut self,
        bytes: &[u8],
        place: &BlockPlace<'_>,
        (code, detail): (Code, Detail),
        is_last: bool,
    ) -> Result<(), PublishError> {
        let line = self.current.lines;
        let slices = self.current.slices.get_or_insert(Slices {
            offset: place.offset,
            line,
            bytes: 0,
            text_bytes: 0,
            last_byte: 0,
            byte_before: 0,
        });
        slices.add(bytes);
        let newlines = memchr::memchr_iter(b'\n', bytes).count();
        self.current.lines += count(newlines);
        if self.plan.account.keep_rejected {
            self.keep(place.input, bytes, is_last)?;
        }
        if is_last { self.end_slices(place.input, code, detail) } else { Ok(()) }
    }

    fn end_slices(&mut self, input: usize, code: Code, detail: Detail) -> Result<(), PublishError> {
        let Some(slices) = self.current.slices.take() else { return Ok(()) };
        self.current.tally.read += 1;
        self.current.tally.rejected += 1;
        self.progress.advance(0, 1, 1);
        let problem = DescribedProblem {
            field: String::new(),
            code: code.as_str(),
            rule: decode_rule(code).to_owned(),
            detail: detail.as_str(),
            repair: "",
        };
        let record = self.current.tally.read;
        let length =
            if self.current.is_bracketed { slices.text_bytes } else { slices.line_length() };
        let place = [record, slices.line + 1, slices.offset, length];
        self.reject(input, place, &[problem])
    }

    /// Notes a reject; `place`: record and line (from 1), offset, bytes.
    fn reject(
        &mut self,
        input: usize,
        [record, line, offset, bytes]: [u64; 4],
        problems: &[DescribedProblem],
    ) -> Result<(), PublishError> {
        for problem in problems {
            *self.by_code.entry(problem.code.to_owned()).or_default() += 1;
            self.by_field.add(&problem.field, 1);
        }
        let source = self.listed.get(input).map_or("", |listed| listed.name.as_str());
        let reject = RejectLine { source, record, line, offset, bytes, problems };
        if let Some(rejects) = &mut self.rejects_by_columns {
            rejects.push(&reject)?;
        }
        write_line(self.rejects.as_mut(), &reject)
    }

    /// Keeps the original of a rejected record, or its next slice, after the header that it needs.
    /// Where it is told by brackets, a line end follows it.
    fn keep(&mut self, input: usize, original: &[u8], is_last: bool) -> Result<(), PublishError> {
        let Some(place) = self.place.filter(|_| !original.is_empty()) else { return Ok(()) };
        if self.current.kept.is_none() {
            let name = self.listed.get(input).map_or("", |listed| listed.name.as_str());
            let path = originals_path(input, name.rsplit('/').next().unwrap_or(name));
            let mut file = BufWriter::new(place.account_file(&path, true)?);
            file.write_all(&self.current.header).map_err(PublishError::of_write)?;
            self.current.kept = Some(file);
        }
        let Some(file) = &mut self.current.kept else { return Ok(()) };
        file.write_all(original).map_err(PublishError::of_write)?;
        let is_parted = !self.current.is_bracketed || !is_last || original.ends_with(b"\n");
        if is_parted { Ok(()) } else { file.write_all(b"\n").map_err(PublishError::of_write) }
    }

    /// An input has ended.
    pub(super) fn end(&mut self, input: usize, end: InputEnd) -> Result<(), PublishError> {
        let state = std::mem::take(&mut self.current);
        finish(state.kept)?;
        self.bytes += end.bytes;
        self.total.add(&state.tally);
        let broken = end.broken.as_ref();
        if let Some(listed) = self.listed.get(input) {
            let tally = &state.tally;
            let line = InputLine {
                name: listed.name.clone(),
                bytes: Some(end.bytes),
                modified: modified(&listed.stamp),
                etag: etag(&listed.stamp),
                format: state.format,
                compression: state.compression.map(Compression::name),
                records: Some(tally.read),
                written: Some(tally.written),
                rejected: Some(tally.rejected),
                dropped: Some(tally.dropped()),
                blank_lines: Some(tally.blank_lines),
                sha256: end.sha256,
                ignored: None,
                broken: broken.map(|broken| broken.bad.message.as_str()),
                offset_reached: broken.map(|broken| broken.offset),
            };
            write_line(self.inputs.as_mut(), &line)?;
            self.broken.extend(broken.map(|broken| skipped(&listed.name, broken)));
        }
        Ok(())
    }

    /// All inputs have ended: completes the outputs. Called in the pool, which may have to encode.
    pub(super) fn finish_outputs(&mut self) -> Result<(), PublishError> {
        if let Some(rejects) = self.rejects_by_columns.take() {
            rejects.finish()?;
        }
        self.outputs.iter_mut().try_for_each(|output| output.finish(self.place))
    }

    /// Completes the files of the account.
    pub(super) fn finish(&mut self, ignored: &[Ignored]) -> Result<(), PublishError> {
        for ignored in ignored {
            write_line(self.inputs.as_mut(), &ignored_line(ignored))?;
        }
        finish(self.rejects.take())?;
        finish(self.inputs.take())
    }
}

impl Slices {
    fn add(&mut self, bytes: &[u8]) {
        let text = bytes.trim_ascii_end().len();
        if 0 < text {
            self.text_bytes = self.bytes + count(text);
        }
        self.bytes += count(bytes.len());
        let before = if 1 < bytes.len() { bytes.get(bytes.len() - 2) } else { None };
        if let Some(last) = bytes.last() {
            self.byte_before = before.copied().unwrap_or(self.last_byte);
            self.last_byte = *last;
        }
    }

    /// The record's length without its line end.
    fn line_length(&self) -> u64 {
        match (self.byte_before, self.last_byte) {
            (b'\r', b'\n') => self.bytes - 2,
            (_, b'\n' | b'\r') => self.bytes - 1,
            _ => self.bytes,
        }
    }
}

fn tally_of(block: &Block) -> Tally {
    Tally {
        read: block.read,
        written: block.written(),
        rejected: block.rejected(),
        inactive: block.inactive,
        suppressed: block.suppressed,
        blank_lines: block.blank_lines,
        export_only: block.export_only,
        values: block.values.clone(),
        op_failed: block.op_failed.clone(),
        matches: block.matches.clone(),
    }
}

/// The end of the line end that follows.
fn end_of_line(chunk: &[u8], at: usize) -> usize {
    let rest = chunk.get(at..).unwrap_or(&[]);
    let len = match rest {
        [b'\r', b'\n', ..] => 2,
        [b'\n' | b'\r', ..] => 1,
        _ => 0,
    };
    at + len
}

/// The warning about an input that could not be read to its end.
fn skipped(name: &str, broken: &Broken) -> String {
    let name = super::escape_path(name);
    let Broken { bad, offset } = broken;
    format!(
        "`{name}` was read up to byte {offset} of its text, and then passed over: {}",
        bad.message
    )
}

fn ignored_line(ignored: &Ignored) -> InputLine<'static> {
    let reason = match ignored.reason {
        Reason::Name => "name",
        Reason::Empty => "empty",
        Reason::NotAFile => "not_a_file",
        Reason::Excluded => "excluded",
        Reason::FolderMarker => "folder_marker",
    };
    InputLine { name: ignored.name.clone(), ignored: Some(reason), ..InputLine::default() }
}

fn modified(stamp: &Stamp) -> Option<String> {
    match stamp {
        Stamp::Modified { secs, nanos } => {
            let nanos = i32::try_from(*nanos).ok()?;
            jiff::Timestamp::new(*secs, nanos).ok().map(|time| time.to_string())
        }
        Stamp::ETag(_) | Stamp::Stream => None,
    }
}

fn etag(stamp: &Stamp) -> Option<&str> {
    match stamp {
        Stamp::Modified { .. } | Stamp::Stream => None,
        Stamp::ETag(tag) => Some(tag),
    }
}

fn write_line(
    file: Option<&mut BufWriter<StagedFile>>,
    line: &impl Serialize,
) -> Result<(), PublishError> {
    let Some(file) = file else { return Ok(()) };
    let mut text = serde_json::to_vec(line).expect("lines of an account are plain data");
    text.push(b'\n');
    file.write_all(&text).map_err(PublishError::of_write)
}

fn finish(file: Option<BufWriter<StagedFile>>) -> Result<(), PublishError> {
    let Some(file) = file else { return Ok(()) };
    let staged = file.into_inner().map_err(|error| PublishError::of_write(error.into_error()))?;
    staged.finish()
}

fn count(number: usize) -> u64 {
    u64::try_from(number).expect("fewer than 2^64")
}
