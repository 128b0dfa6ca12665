//! What `preview` and `explain` share: everything that a run prepares, and the place in the input of each unit
//! that is read. Nothing is written.

pub(super) mod earlier_run;
pub(super) mod explain;
pub(super) mod preview;

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};

use rayon::ThreadPool;

use super::aws::Remote;
use super::clock;
use super::error::{Failure, RunError};
use super::headers;
use super::keys::MissingKey;
use super::list_files::list_files;
use super::lists;
use super::moment::Moment;
use super::nothing::nothing_to_read;
use super::options::RunOptions;
use super::overlap;
use super::prepare::{self, Prepared, ReadDefinition};
use super::process::{input_settings, pool};
use super::progress::Progress;
use super::slices::Slices;
use crate::decode::frame::{Dialect, LineEnd};
use crate::decode::{Format, cell_texts};
use crate::engine::Cancel;
use crate::input::{self, BufferPool, Unit, Work};
use crate::pipeline::{BLOCK_NAMES_MAX, COMMON_RECORDS, Stages, Worker, decode_rule};
use crate::plan::{ListSpec, Plan};
use crate::preview::{PreviewRecord, Source};
use crate::record::{Code, DescribedProblem, Detail};
use crate::store::{Listed, Listing};

/// A run that is ready to read its inputs.
pub(super) struct Opened {
    pub(super) prepared: Prepared,
    pub(super) plan: Plan,
    pub(super) stages: Stages,
    pub(super) listing: Listing,
    /// The files of each suppression list.
    pub(super) list_files: Vec<Vec<Listed>>,
    pub(super) pool: ThreadPool,
}

/// Prepares what a run would. Keys that cannot be obtained are replaced by the published demo key.
pub(super) fn open(
    options: &RunOptions,
    progress: &Progress,
    cancel: &Cancel,
) -> Result<Opened, Failure> {
    let source = prepare::Source::read(options, clock::now()?, cancel)?;
    let read = source.parse(&source.moment)?;
    let remote = Remote::new(&read.definition, cancel)?;
    open_as((source.moment, read), remote, options, progress, cancel)
}

/// The same for another run, whose paths the definition has.
pub(super) fn open_as(
    run: (Moment, ReadDefinition),
    remote: Remote,
    options: &RunOptions,
    progress: &Progress,
    cancel: &Cancel,
) -> Result<Opened, Failure> {
    let (prepared, parts) = prepare::complete(options, run, remote, MissingKey::IsDemo, cancel)?;
    let list_specs =
        ListSpec::all(&prepared.definition, &parts.rules, &prepared.schema, &parts.keys)
            .map_err(|error| prepare::no_plan(&error))?;
    let store = &prepared.remote.store;
    let listing = store.list(&prepared.inputs(), &prepared.definition.input.exclude)?;
    if listing.files.is_empty() {
        return Err(nothing_to_read(&prepared, &listing.ignored).into());
    }
    overlap::check(&prepared, &listing.files)?;
    progress.expect_bytes(listing.files.iter().map(|listed| listed.bytes).sum());
    let list_files = list_files(&list_specs, store)?.files;
    let pool = pool(prepared.limits.threads)?;
    let (lists, _) = lists::read_lists(list_specs, store, &list_files, &pool, cancel)?;
    let plan = prepared.plan(parts, lists)?;
    let columns = headers::columns(&plan, prepared.limits, cancel, store, &listing.files)?;
    let stages = Stages::for_preview(&plan, &columns);
    headers::check_sizes(&plan, &stages)?;
    Ok(Opened { prepared, plan, stages, listing, list_files, pool })
}

impl Opened {
    /// How the inputs are read.
    pub(super) fn settings(&self) -> input::Settings<'_> {
        input_settings(&self.plan)
    }

    /// A worker, used or new.
    pub(super) fn worker(&self, workers: &Mutex<Vec<Worker>>) -> Worker {
        let spare = workers.lock().ok().and_then(|mut workers| workers.pop());
        spare.unwrap_or_else(|| Worker::new(&self.plan, &self.stages))
    }

    /// What is to be known before anything else: which keys are not those of a run.
    pub(super) fn notes(&self) -> Vec<String> {
        let replaced = self.prepared.replaced_keys.iter();
        let note = |(id, reason): &(String, String)| {
            let reason = reason.strip_prefix(&format!("the key `{id}`: ")).unwrap_or(reason);
            format!(
                "the key `{id}` could not be obtained ({reason}); the published demo key takes its place, so a \
                 run will make other tokens"
            )
        };
        let notes = replaced.map(note).chain(self.together_note());
        notes.chain(self.profiles_note()).collect()
    }

    /// What a look at single records cannot tell about profiles.
    fn profiles_note(&self) -> Option<String> {
        let has_profiles = self.plan.outputs.iter().any(|output| output.profiles.is_some());
        has_profiles.then(|| {
            "profiles are not made here: a row depends on all records of its user, and only a run makes it"
                .to_owned()
        })
    }

    /// The same about records that are compared.
    fn together_note(&self) -> Option<String> {
        let together = &self.plan.together;
        let sections = match (&together.unique, together.users) {
            (None, None) => return None,
            (Some(_), None) => "`[unique]` is",
            (None, Some(_)) => "`[users]` is",
            (Some(_), Some(_)) => "`[unique]` and `[users]` are",
        };
        Some(format!(
            "{sections} not applied here: what becomes of a record because of others depends on all inputs, and \
             only a run compares them"
        ))
    }
}

/// Keeps a worker for the next use.
pub(super) fn keep(worker: Worker, workers: &Mutex<Vec<Worker>>) {
    if let Ok(mut workers) = workers.lock() {
        workers.push(worker);
    }
}

/// Knows the names of the columns of the input that each unit is from.
pub(super) struct Sources<'a> {
    plan: &'a Plan,
    files: &'a [Listed],
    /// The header of the current input, until its dialect is known.
    first_row: Option<Vec<u8>>,
    source: Arc<Source>,
}

impl<'a> Sources<'a> {
    pub(super) fn new(plan: &'a Plan, files: &'a [Listed]) -> Sources<'a> {
        Sources { plan, files, first_row: None, source: Arc::default() }
    }

    /// The input of a unit. Must be called for each unit in turn.
    pub(super) fn of(&mut self, unit: &Unit) -> Arc<Source> {
        if let Some(start) = &unit.start {
            let name = self.files.get(unit.input).map_or("", |listed| listed.name.as_str());
            self.source = Arc::new(Source { name: name.to_owned(), ..Source::default() });
            self.first_row = Some(start.first_row.clone());
        }
        if let Work::Chunk { format: Format::Csv(columns), .. } = &unit.work
            && let Some(first_row) = self.first_row.take()
        {
            let name = self.source.name.clone();
            let (columns, has_header) = match &self.plan.input.columns {
                Some(names) => (names.clone(), false),
                None => (names_in(&first_row, columns.dialect), true),
            };
            self.source = Arc::new(Source { name, columns, has_header });
        }
        Arc::clone(&self.source)
    }
}

/// The names in a header.
fn names_in(header: &[u8], dialect: Dialect) -> Vec<String> {
    let row = header.strip_suffix(b"\n").unwrap_or(header);
    let returns = row.iter().rev().take_while(|byte| **byte == b'\r').count();
    let row = row.get(..row.len() - returns).unwrap_or(&[]);
    let cells = cell_texts(row, dialect).into_iter();
    cells.map(|cell| String::from_utf8_lossy(&cell).trim().to_owned()).collect()
}

/// How much of the current input has been read.
#[derive(Default)]
pub(super) struct Position {
    pub(super) records: u64,
    /// Line ends.
    pub(super) lines: u64,
    /// Those before the first record.
    pub(super) header_lines: u64,
    line_end: LineEnd,
    slices: Option<Slices>,
}

/// A record that is too long to be held: where it is, and its problem.
pub(super) struct LongRecord {
    pub(super) offset: u64,
    /// The line ends before it.
    pub(super) line: u64,
    pub(super) problem: DescribedProblem,
}

impl Position {
    /// Begins an input, if the unit is its first.
    pub(super) fn begin(&mut self, unit: &Unit) {
        if let Some(start) = &unit.start {
            *self = Position {
                lines: start.lines,
                header_lines: start.lines,
                line_end: start.line_end,
                ..Position::default()
            };
        }
    }

    /// Passes the text of a unit, which has so many records. Returns the record that ends with it, if it is
    /// one that came in slices.
    pub(super) fn pass(&mut self, unit: &Unit, records: u64) -> Option<LongRecord> {
        self.records += records;
        match &unit.work {
            Work::Nothing => None,
            Work::Space { buffer } | Work::Chunk { buffer, .. } => {
                self.lines += self.line_end.count(buffer.bytes());
                None
            }
            Work::Slice { buffer, offset, code, detail, is_last } => {
                let slices = self.slices.get_or_insert(Slices::new(*offset, self.lines));
                slices.add(buffer.bytes());
                self.lines += self.line_end.count(buffer.bytes());
                let slices = if *is_last { self.slices.take()? } else { return None };
                self.records += 1;
                Some(LongRecord {
                    offset: slices.offset,
                    line: slices.line,
                    problem: problem(*code, *detail),
                })
            }
        }
    }
}

fn problem(code: Code, detail: Detail) -> DescribedProblem {
    DescribedProblem {
        field: String::new(),
        whole: None,
        code: code.as_str(),
        rule: decode_rule(code).to_owned(),
        detail: detail.as_str(),
        repair: "".into(),
    }
}

/// The warning about an input that could not be read to its end; `None` if it could.
pub(super) fn broken(unit: &Unit, files: &[Listed]) -> Option<String> {
    let broken = unit.end.as_ref()?.broken.as_ref()?;
    let name = files.get(unit.input).map_or("", |listed| listed.name.as_str());
    Some(super::account::input_line::skipped_warning(name, broken))
}

/// So many records are read, if there are, to find out which names of the data may be shown.
pub(super) const NAMED_RECORDS: u64 = 1_000;

/// A record whose place in its input is known.
pub(super) fn placed(record: PreviewRecord, records: u64, lines: u64) -> PreviewRecord {
    PreviewRecord { record: records + record.record + 1, line: lines + record.line + 1, ..record }
}

pub(super) fn give_back(unit: Unit, spare: &BufferPool) {
    match unit.work {
        Work::Chunk { buffer, .. } | Work::Slice { buffer, .. } | Work::Space { buffer } => {
            spare.give(buffer);
        }
        Work::Nothing => {}
    }
}

/// The names of the data that ten of the first records have.
#[derive(Default)]
pub(super) struct FirstNames {
    /// The records that were looked at.
    pub(super) records: u64,
    counts: HashMap<String, u32>,
}

impl FirstNames {
    pub(super) fn is_complete(&self) -> bool {
        NAMED_RECORDS <= self.records
    }

    /// Counts the names of a record, if it is one of the first.
    pub(super) fn add(&mut self, record: &PreviewRecord) {
        if self.is_complete() {
            return;
        }
        self.records += 1;
        let names: HashSet<&str> = record.names_to_count().collect();
        for name in names {
            if let Some(count) = self.counts.get_mut(name) {
                *count += 1;
            } else if self.counts.len() <= BLOCK_NAMES_MAX {
                self.counts.insert(name.to_owned(), 1);
            }
        }
    }

    /// Whether a name may be shown. Among too many names, none may: they are values.
    pub(super) fn is_common(&self, name: &str) -> bool {
        let is_common = |count: &u32| COMMON_RECORDS <= *count;
        self.counts.len() <= BLOCK_NAMES_MAX && self.counts.get(name).is_some_and(is_common)
    }
}

/// The error of a look that was cancelled is that, and not what it caused.
pub(super) fn because(failure: Failure, cancel: &Cancel) -> Failure {
    match (cancel.check(), failure) {
        (Err(cancelled), Failure::Run(error)) => {
            Failure::Run(RunError { hint: None, ..error.because(cancelled) })
        }
        (Err(cancelled), Failure::Diagnostics(_)) => Failure::Run(cancelled.into()),
        (Ok(()), failure) => failure,
    }
}
