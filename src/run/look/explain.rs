//! `segprep explain`: one record's way through every stage, and where the published run wrote it. Nothing is
//! written.
//!
//! Only the input with the record is read, up to the record. Where a written record is follows from how many were
//! written before it: the account's `inputs.ndjson` has the numbers of earlier inputs, and its manifest those of parts.

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::{Arc, Mutex};

use serde::Deserialize;

use super::earlier_run::{self, AccountState, AskedInput, ExplainedRun, OnList};
use super::{
    FirstNames, NAMED_RECORDS, Opened, Position, Sources, because, broken, give_back, keep,
    open_as, placed,
};
use crate::engine::{Cancel, map_ordered};
use crate::input::{BufferPool, InputReader, Unit, Work};
use crate::pipeline::{Block, Fate, Worker, observe, offsets, process};
use crate::preview::{Draft, PreviewRecord, Source};
use crate::publish::names::{INPUTS, MANIFEST};
use crate::publish::read_account_file;
use crate::report::{Manifest, Status};
use crate::run::account::fingerprint::{fingerprint, of_shards};
use crate::run::error::{ErrorKind, Failure, RunError};
use crate::run::options::RunOptions;
use crate::run::progress::Progress;
use crate::run::text::{escape, escape_path};
use crate::store::Listed;
use crate::store::s3::Reach;

/// Which record to explain.
#[derive(Clone, Debug)]
pub struct ExplainOptions {
    pub run: RunOptions,
    /// The name of the input, as listed.
    pub source: String,
    pub place: RecordPlace,
}

/// A record of an input, by a line that it is on or by its number, both from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordPlace {
    Line(u64),
    Record(u64),
}

/// The way of a record. A line may have several.
#[derive(Debug)]
pub struct Explained {
    /// What is to be known about all of it.
    pub notes: Vec<String>,
    pub records: Vec<ExplainedRecord>,
    pub account: AccountState,
}

/// One record, and where each output has it.
#[derive(Debug)]
pub struct ExplainedRecord {
    pub record: PreviewRecord,
    pub written: Vec<WrittenAt>,
}

/// A place in a part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrittenAt {
    pub part: String,
    /// From 1; of Parquet, the number of the row.
    pub line: u64,
}

/// Explains a record.
///
/// # Errors
///
/// As a run does before it writes, except that keys may be missing; and if there is no such record.
pub fn explain(
    options: &ExplainOptions,
    progress: &Progress,
    cancel: &Cancel,
) -> Result<Explained, Failure> {
    explain_steps(options, progress, cancel).map_err(|failure| because(failure, cancel))
}

fn explain_steps(
    options: &ExplainOptions,
    progress: &Progress,
    cancel: &Cancel,
) -> Result<Explained, Failure> {
    let ExplainedRun { moment, read, remote, on_list } =
        earlier_run::find(&options.run, &options.source, cancel)?;
    let opened = open_as((moment, read), remote, &options.run, progress, cancel)?;
    let files = &opened.listing.files;
    let asked = AskedInput::new(&options.source);
    let by_name = files.iter().find(|listed| listed.name == options.source);
    let Some(listed) = by_name.or_else(|| files.iter().find(|listed| asked.is(&listed.name)))
    else {
        return Err(no_input(&options.source, files).into());
    };
    let account = Account::read(&opened, &options.run, &on_list, listed)?;
    let before = account.written_before(listed)?;
    let explaining = Explaining {
        opened: &opened,
        draft: Draft::new(&opened.plan, &opened.stages, false),
        counts_written: account.state == AccountState::Published,
        place: options.place,
        progress,
        cancel,
    };
    let mut found = explaining.find(listed)?;
    for (record, written) in &mut found.records {
        *written += before;
        record.show_common(|name| found.names.is_common(name));
    }
    let records = found.records.into_iter().map(|(record, written)| account.place(record, written));
    let notes = opened.notes().into_iter().chain(found.warnings).collect();
    Ok(Explained { notes, records: records.collect(), account: account.state.clone() })
}

fn no_input(source: &str, files: &[Listed]) -> RunError {
    const SHOWN: usize = 5;
    let mut names: Vec<String> =
        files.iter().take(SHOWN).map(|listed| format!("`{}`", escape(&listed.name))).collect();
    if SHOWN < files.len() {
        names.push(format!("and {} more", files.len() - SHOWN));
    }
    let message = format!("no input is called `{}`", escape(source));
    let hint = format!("write the name as it is listed: {}", names.join(", "));
    RunError::new(ErrorKind::NoInput, message).hint(hint)
}

/// What is the same for all of an input.
struct Explaining<'a> {
    opened: &'a Opened,
    draft: Draft<'a>,
    /// Whether it matters how many records are written before.
    counts_written: bool,
    place: RecordPlace,
    progress: &'a Progress,
    cancel: &'a Cancel,
}

/// The records that were looked for, each with the number of those that its input writes before it.
#[derive(Default)]
struct Found {
    records: Vec<(PreviewRecord, u64)>,
    names: FirstNames,
    warnings: Vec<String>,
    written: u64,
}

/// A unit, and the numbers of its records and of those that are written.
struct Counted {
    unit: Unit,
    source: Arc<Source>,
    records: u64,
    written: u64,
}

/// Why reading ends before the input does.
enum Ended {
    Found,
    Failed(RunError),
}

impl Explaining<'_> {
    /// Reads an input up to the record.
    fn find(&self, listed: &Listed) -> Result<Found, Failure> {
        let Opened { prepared, plan, pool, .. } = self.opened;
        let files = std::slice::from_ref(listed);
        self.progress.expect_bytes(listed.bytes);
        let inputs = prepared.remote.store.inputs(files, Reach::Whole)?;
        let spare = BufferPool::default();
        let settings = self.opened.settings();
        let reader =
            InputReader::new(settings, prepared.limits.input(), self.cancel, &inputs, &spare);
        let mut sources = Sources::new(plan, files);
        let units = reader.map(|unit| {
            let unit = unit.map_err(|error| Ended::Failed(error.into()))?;
            let source = sources.of(&unit);
            Ok((unit, source))
        });
        let workers = Mutex::default();
        let (mut found, mut position) = (Found::default(), Position::default());
        let ended = pool.install(|| {
            map_ordered(
                pool,
                prepared.limits.in_flight(),
                units,
                |(unit, source)| self.count(unit, source, &workers),
                |counted| {
                    found.warnings.extend(broken(&counted.unit, files));
                    let next = self.look(&counted, &mut position, &mut found, &workers);
                    self.progress.advance(counted.unit.newly_read, counted.records, 0);
                    give_back(counted.unit, &spare);
                    if next.is_break() { Err(Ended::Found) } else { Ok(()) }
                },
            )
        });
        match ended {
            Err(Ended::Failed(error)) => Err(error.into()),
            Err(Ended::Found) | Ok(()) if !found.records.is_empty() => Ok(found),
            Err(Ended::Found) | Ok(()) => Err(self.not_there(listed, &position).into()),
        }
    }

    /// Counts the records of a unit. Runs on any thread.
    fn count(&self, unit: Unit, source: Arc<Source>, workers: &Mutex<Vec<Worker>>) -> Counted {
        let Work::Chunk { buffer, format, .. } = &unit.work else {
            return Counted { unit, source, records: 0, written: 0 };
        };
        let Opened { plan, stages, .. } = self.opened;
        let chunk = buffer.bytes();
        let mut worker = self.opened.worker(workers);
        let (mut records, mut written) = (0, 0);
        if self.counts_written {
            let mut at = 0;
            while at < chunk.len() {
                let mut block = Block::for_rules(plan.rules.len());
                at = process(plan, stages, &mut worker, chunk, at, format, BLOCK, &mut block);
                records += block.read;
                written += block.written();
            }
        } else {
            let all = offsets(plan, stages, &mut worker, chunk, format);
            records = u64::try_from(all.len()).expect("fewer than 2^64 records");
        }
        keep(worker, workers);
        Counted { unit, source, records, written }
    }

    /// Takes the records from a unit that are looked for. Runs in order, until there can be no more.
    fn look(
        &self,
        counted: &Counted,
        position: &mut Position,
        found: &mut Found,
        workers: &Mutex<Vec<Worker>>,
    ) -> ControlFlow<()> {
        let Counted { unit, source, records, written } = counted;
        position.begin(unit);
        let (records_before, lines_before) = (position.records, position.lines);
        let long = position.pass(unit, *records);
        if let Work::Chunk { .. } = &unit.work {
            let is_there = match self.place {
                RecordPlace::Record(number) => {
                    records_before < number && number <= position.records
                }
                // The last line may go on in the next chunk.
                RecordPlace::Line(line) => lines_before < line && line <= position.lines + 1,
            };
            if is_there || !found.names.is_complete() {
                let mut worker = self.opened.worker(workers);
                let before = [records_before, lines_before];
                self.take(unit, source, before, is_there, found, &mut worker);
                keep(worker, workers);
            }
        }
        if let Some(long) = long {
            let is_it = match self.place {
                RecordPlace::Record(number) => number == position.records,
                RecordPlace::Line(line) => {
                    long.line < line && line <= position.lines.max(long.line + 1)
                }
            };
            if is_it {
                let record = Draft::of_problem(source, long.problem);
                let record =
                    PreviewRecord { record: position.records, line: long.line + 1, ..record };
                found.records.push((record, 0));
            }
        }
        found.written += written;
        if RECORDS_MAX <= found.records.len() {
            found.records.truncate(RECORDS_MAX);
            found.warnings.push(format!(
                "the line has more records: these are the first {RECORDS_MAX}; `--record N` names one"
            ));
            return ControlFlow::Break(());
        }
        let is_over = match self.place {
            RecordPlace::Record(number) => number <= position.records,
            RecordPlace::Line(line) => line <= position.lines,
        };
        if is_over { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    /// Takes the records from a chunk that are looked for (`is_there`: there may be one), and counts the names
    /// of its first ones. `before`: the records and lines before the chunk.
    fn take(
        &self,
        unit: &Unit,
        source: &Source,
        [records, lines]: [u64; 2],
        is_there: bool,
        found: &mut Found,
        worker: &mut Worker,
    ) {
        let Work::Chunk { buffer, format, .. } = &unit.work else { return };
        let Opened { plan, stages, .. } = self.opened;
        let chunk = buffer.bytes();
        let named = NAMED_RECORDS.saturating_sub(records);
        let last = match self.place {
            RecordPlace::Record(number) if is_there => named.max(number - records),
            RecordPlace::Line(_) if is_there => u64::MAX,
            RecordPlace::Record(_) | RecordPlace::Line(_) => named,
        };
        let all = observe(plan, stages, worker, chunk, format, last, &|_, _| true);
        let mut written = found.written;
        for one in all {
            let text = chunk.get(one.offset..one.offset + one.bytes).unwrap_or(&[]);
            let first = lines + one.line + 1;
            let end = first + format.line_end().count(text);
            let is_it = match self.place {
                RecordPlace::Record(number) => number == records + one.record + 1,
                RecordPlace::Line(line) => (first..=end).contains(&line),
            };
            let (is_named, before) = (one.record < named, written);
            written += u64::from(one.fate == Fate::Written);
            if is_it || is_named {
                let record = placed(self.draft.record(source, format, chunk, one), records, lines);
                found.names.add(&record);
                if is_it && found.records.len() <= RECORDS_MAX {
                    found.records.push((record, before));
                }
            }
        }
    }

    /// The error if there is no such record.
    fn not_there(&self, listed: &Listed, position: &Position) -> RunError {
        let name = escape(&listed.name);
        let (records, lines) = (position.records, position.lines);
        let message = match self.place {
            RecordPlace::Record(number) => format!("`{name}` has no record {number}"),
            RecordPlace::Line(line) if line <= position.header_lines => {
                format!("line {line} of `{name}` is before the first record")
            }
            RecordPlace::Line(line) => format!("no record of `{name}` is on line {line}"),
        };
        let word = if records == 1 { "record" } else { "records" };
        let read = match self.place {
            RecordPlace::Record(_) => format!("it has {records} {word}"),
            RecordPlace::Line(line) if line <= lines => {
                "it is blank, or only has what is around records".to_owned()
            }
            RecordPlace::Line(_) => format!("it has {records} {word} up to line {lines}"),
        };
        RunError::new(ErrorKind::NoInput, message)
            .hint(format!("{read}; lines and records count from 1, and a CSV header is line 1"))
    }
}

/// The most records of a line that are explained. A whole file may be one line.
const RECORDS_MAX: usize = 100;
/// When a block of the stages is full. What they write is not used.
const BLOCK: usize = 1 << 20;

/// What an account says about this very run.
struct Account<'a> {
    opened: &'a Opened,
    state: AccountState,
    manifest: Option<Manifest>,
}

/// Whether no output has a line for each record.
fn has_only_profiles(opened: &Opened) -> bool {
    opened.plan.outputs.iter().all(|output| output.profiles.is_some())
}

/// What is needed of a line of `inputs.ndjson`.
#[derive(Deserialize)]
struct InputCounts {
    name: String,
    #[serde(default)]
    written: u64,
}

impl Account<'_> {
    /// Finds out what is known about the run that has taken an input, or would take it.
    fn read<'a>(
        opened: &'a Opened,
        options: &RunOptions,
        on_list: &OnList,
        listed: &Listed,
    ) -> Result<Account<'a>, RunError> {
        let known = |state| Ok(Account { opened, state, manifest: None });
        let to = &opened.prepared.definition.account.to;
        let taken = match on_list {
            OnList::NoList if to.has_run && options.run.is_none() => {
                return known(AccountState::Unnamed);
            }
            OnList::NoList => None,
            OnList::Untaken(None) => return known(AccountState::Untaken),
            OnList::Untaken(Some(run)) => return known(AccountState::TakenByOthers(run.clone())),
            OnList::Taken(taken) if !taken.has(listed) => {
                return known(AccountState::Changed(taken.run.clone()));
            }
            OnList::Taken(taken) => Some(taken),
        };
        let files = taken.map_or(&opened.listing.files, |taken| &taken.files);
        let (state, manifest) = Account::found(opened, files)?;
        let state = match (state, taken) {
            (AccountState::Other | AccountState::Empty, Some(taken)) => {
                AccountState::Lost(taken.run.clone())
            }
            (AccountState::Empty, None) if to.has_date => {
                AccountState::EmptyOn(opened.prepared.moment.date.clone())
            }
            (state, _) => state,
        };
        Ok(Account { opened, state, manifest })
    }

    /// What the account says about a run over these inputs. A manifest that is none, or none that can be read, is
    /// that of another run.
    fn found(
        opened: &Opened,
        files: &[Listed],
    ) -> Result<(AccountState, Option<Manifest>), RunError> {
        let Some(text) = Account::file(opened, MANIFEST)? else {
            return Ok((AccountState::Empty, None));
        };
        let Ok(manifest) = serde_json::from_slice::<Manifest>(&text) else {
            return Ok((AccountState::Other, None));
        };
        let prepared = &opened.prepared;
        let own = manifest.shards.as_ref().map_or_else(
            || fingerprint(prepared, files, &opened.list_files),
            |note| of_shards(prepared, note, &opened.list_files),
        );
        if manifest.fingerprint != own {
            return Ok((AccountState::Other, None));
        }
        Ok(match manifest.status {
            Status::Published if manifest.shards.is_some() => (AccountState::Shards, None),
            Status::Published if !opened.plan.together.is_off() || has_only_profiles(opened) => {
                (AccountState::Compared, None)
            }
            Status::Published => (AccountState::Published, Some(manifest)),
            Status::OverBudget | Status::DryRun => (AccountState::OverBudget, None),
        })
    }

    fn file(opened: &Opened, name: &str) -> Result<Option<Vec<u8>>, RunError> {
        let prepared = &opened.prepared;
        Ok(read_account_file(prepared.account(), prepared.remote.buckets.as_ref(), name)?)
    }

    /// How many records of the inputs before this one are written.
    fn written_before(&self, listed: &Listed) -> Result<u64, RunError> {
        if self.state != AccountState::Published {
            return Ok(0);
        }
        let text = Account::file(self.opened, INPUTS)?.unwrap_or_default();
        let mut written = 0;
        for line in text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            let Ok(counts) = serde_json::from_slice::<InputCounts>(line) else { break };
            if counts.name == listed.name {
                return Ok(written);
            }
            written += counts.written;
        }
        let account = escape_path(self.opened.prepared.account());
        let message = format!("`{INPUTS}` in `{account}` does not list `{}`", escape(&listed.name));
        Err(RunError::new(ErrorKind::Io, message)
            .hint("the account is not whole: make it again with `segprep run --overwrite`"))
    }

    /// Adds where a record is, given the number of those that the run writes before it.
    fn place(&self, record: PreviewRecord, before: u64) -> ExplainedRecord {
        let outputs = self.manifest.iter().flat_map(|manifest| &manifest.outputs);
        let is_written = record.outcome == crate::preview::PreviewOutcome::Written;
        // The row of a profile is made of several records.
        let outputs = outputs.filter(|output| is_written && output.profiles.is_none());
        let written: Vec<WrittenAt> = outputs
            .filter_map(|output| {
                let mut rest = before;
                let part = output.files.iter().find(|part| {
                    let is_it = rest < part.records;
                    rest -= if is_it { 0 } else { part.records };
                    is_it
                })?;
                let header = u64::from(output.format == "pinpoint-csv");
                let part = Path::new(&output.to).join(&part.path).to_string_lossy().into_owned();
                Some(WrittenAt { part, line: rest + header + 1 })
            })
            .collect();
        let first = written.first();
        let (part, part_line) = (first.map(|at| at.part.clone()), first.map(|at| at.line));
        ExplainedRecord { record: PreviewRecord { part, part_line, ..record }, written }
    }
}
