//! Where all of it meets: files, keys, the clock, the pool of threads and the engine.
//!
//! A run reads the definition, takes its place, lets chunks go through the stages on every
//! core, and publishes what came of them. Each step is a file here.

mod assemble;
mod aws;
mod error;
mod fingerprint;
mod headers;
mod keys;
mod limits;
mod lists;
mod manifest;
mod overlap;
mod prepare;
mod progress;
mod test_cases;

use std::{
    num::NonZeroUsize,
    path::{Path, PathBuf},
    sync::Mutex,
    time::Instant,
};

use rayon::ThreadPool;

pub use error::{ErrorKind, RunError};
pub use keys::{KeyCheck, check_key, new_key};
pub use limits::Limits;
pub use prepare::{Checked, CheckedOutput, check, check_keys};
pub use progress::{Progress, ProgressView};
pub use test_cases::{Difference, Tested, TestedCase, test_definitions};

use crate::definition::Diagnostic;
use crate::engine::{Cancel, map_ordered};
use crate::input::{self, BufferPool, InputReader, Unit, Work};
use crate::pipeline::{Block, Stages, Worker, process};
use crate::plan::{ListSpec, Plan};
use crate::publish::{Begun, PlaceRequest, Publication, PublishError};
use crate::report::{Manifest, Status};
use crate::store::s3::Reach;
use crate::store::{Ignored, Inputs};
use assemble::{Assembler, BlockPlace};
use error::store_error;
use limits::BLOCK_BYTES;
use manifest::Facts;
use prepare::Prepared;

/// What a run is asked to do.
#[derive(Clone, Debug, Default)]
pub struct RunOptions {
    /// The definition file.
    pub definition: PathBuf,
    /// `PATH=VALUE`s that are put into the definition, in their order.
    pub sets: Vec<String>,
    /// The date that `{date}` stands for, `2026-11-23`; the present UTC date where it is none.
    pub date: Option<String>,
    /// Over what the definition says; else as many as there are cores.
    pub threads: Option<usize>,
    pub chunk_bytes: Option<usize>,
    /// Whether another published run may be replaced.
    pub overwrite: bool,
    /// Whether to read and judge everything, and write nothing.
    pub dry_run: bool,
}

/// How a run ended that ended by its own rules.
#[derive(Debug)]
pub enum Outcome {
    /// The place holds the results of this very run already.
    AlreadyPublished { manifest: PathBuf },
    /// The manifest's status tells whether it is published. In a dry run nothing is.
    Finished { manifest: Box<Manifest>, account: PathBuf, dry_run: bool },
}

/// Why a run did not end by its own rules.
#[derive(Debug)]
pub enum Failure {
    /// The definition is wrong, here.
    Diagnostics(Vec<Diagnostic>),
    Run(RunError),
}

impl From<RunError> for Failure {
    fn from(error: RunError) -> Self {
        Failure::Run(error)
    }
}

impl From<PublishError> for Failure {
    fn from(error: PublishError) -> Self {
        Failure::Run(error::of_publishing(&error))
    }
}

impl From<PublishError> for RunError {
    fn from(error: PublishError) -> Self {
        error::of_publishing(&error)
    }
}

/// Does what a definition says.
///
/// # Errors
///
/// A wrong definition with all its faults; else what went wrong first. Nothing is published then.
pub fn run(options: &RunOptions, progress: &Progress, cancel: &Cancel) -> Result<Outcome, Failure> {
    // Whoever waited when the run was asked to end has failed: that is why.
    run_whole(options, progress, cancel).map_err(|failure| {
        cancel.check().err().map_or(failure, |cancelled| Failure::Run(cancelled.into()))
    })
}

fn run_whole(
    options: &RunOptions,
    progress: &Progress,
    cancel: &Cancel,
) -> Result<Outcome, Failure> {
    let began = (Instant::now(), jiff::Timestamp::now());
    let (prepared, parts) = prepare::prepare(options, cancel)?;
    let Prepared { definition, schema, limits, .. } = &prepared;
    let list_specs =
        ListSpec::all(definition, &parts.rules, schema, &parts.keys).map_err(prepare::no_plan)?;
    let store = &prepared.remote.store;
    let listing = store.list(&prepared.inputs(), &definition.input.exclude);
    let listing = listing.map_err(|error| store_error(&error))?;
    if listing.files.is_empty() {
        return Err(nothing_to_read(&prepared, &listing.ignored).into());
    }
    overlap::check_apart(&prepared, &listing.files)?;
    let list_files = lists::list_files(&list_specs, store)?;
    progress.expect_bytes(listing.files.iter().map(|listed| listed.bytes).sum());
    let fingerprint = fingerprint::fingerprint(&prepared, &listing.files, &list_files);
    let place = match take_place(&prepared, &fingerprint, options)? {
        Taken::Nowhere => None,
        Taken::Place(place) => Some(*place),
        Taken::IsPublished(manifest) => return Ok(Outcome::AlreadyPublished { manifest }),
    };
    let pool = pool(*limits)?;
    let (lists, list_counts) = lists::read_lists(list_specs, store, &list_files, &pool, cancel)?;
    let plan = &prepared.plan(parts, lists)?;
    let columns = headers::columns(plan, *limits, cancel, store, &listing.files)?;
    let stages = &Stages::new(plan, &columns);
    headers::check_sizes(plan, stages)?;
    let job = Job { plan, stages, limits: *limits, progress, cancel };
    let mut assembler = Assembler::new(
        plan,
        stages,
        &prepared.definition_sha256,
        &listing.files,
        place.as_ref(),
        progress,
    )?;
    let inputs = store.inputs(&listing.files, Reach::Whole).map_err(|error| store_error(&error))?;
    job.run(&pool, &inputs, &mut assembler)?;
    assembler.finish(&listing.ignored)?;
    if !assembler.total.balances() {
        let message = "the counts of records do not add up; nothing was published";
        return Err(RunError::new(ErrorKind::Internal, message).into());
    }
    // Listed files have bytes; standard input may have had none.
    if assembler.bytes == 0 {
        return Err(nothing_to_read(&prepared, &listing.ignored).into());
    }
    if assembler.broken.len() == listing.files.len() && assembler.total.read == 0 {
        return Err(nothing_readable(&assembler.broken).into());
    }
    cancel.check().map_err(RunError::from)?;
    let facts = Facts {
        prepared: &prepared,
        plan,
        stages,
        fingerprint,
        began,
        listing: &listing,
        lists: list_counts,
    };
    let manifest = manifest::manifest(&facts, &assembler);
    drop(assembler);
    if let Some(place) = place {
        let text = manifest::text(&manifest);
        match manifest.status {
            Status::Published => place.publish(&text)?,
            Status::OverBudget => place.refuse(&text)?,
        }
    }
    let (manifest, account) = (Box::new(manifest), plan.account.to.clone());
    Ok(Outcome::Finished { manifest, account, dry_run: options.dry_run })
}

/// Where a run writes.
enum Taken {
    /// It is a dry run.
    Nowhere,
    Place(Box<Publication>),
    /// This very run is published there already; here is its manifest.
    IsPublished(PathBuf),
}

fn take_place(
    prepared: &Prepared,
    fingerprint: &str,
    options: &RunOptions,
) -> Result<Taken, PublishError> {
    if options.dry_run {
        return Ok(Taken::Nowhere);
    }
    let outputs = prepared.outputs();
    let request = PlaceRequest {
        account: prepared.account(),
        outputs: &outputs,
        buckets: prepared.remote.buckets.as_ref(),
        fingerprint,
        overwrite: options.overwrite,
    };
    Ok(match Publication::begin(&request)? {
        Begun::AlreadyPublished { manifest } => Taken::IsPublished(manifest),
        Begun::Ready(place) => Taken::Place(Box::new(place)),
    })
}

fn nothing_to_read(prepared: &Prepared, ignored: &[Ignored]) -> RunError {
    let paths = prepared.inputs();
    let from: Vec<String> =
        paths.iter().map(|path| format!("`{}`", escape_path(&path.to_string_lossy()))).collect();
    let ignored = match ignored.len() {
        0 => String::new(),
        1 => " (1 file is ignored)".to_owned(),
        count => format!(" ({count} files are ignored)"),
    };
    RunError::new(ErrorKind::NoInput, format!("there is nothing to read in {}{ignored}", from.join(", ")))
        .hint("names that begin with `_` or `.` and empty files are ignored; check `from` and `exclude` under `[input]`")
}

/// Going on after bad files is not for a run that has no others.
fn nothing_readable(broken: &[String]) -> RunError {
    let first = broken.first().map_or("", String::as_str);
    RunError::new(ErrorKind::BadInput, format!("no input could be read; the first: {first}"))
        .hint("check `from` under `[input]`")
}

fn pool(limits: Limits) -> Result<ThreadPool, RunError> {
    rayon::ThreadPoolBuilder::new()
        .num_threads(limits.threads)
        .thread_name(|number| format!("segprep-{number}"))
        .build()
        .map_err(|error| {
            RunError::new(ErrorKind::Io, format!("could not start threads: {error}"))
                .hint("ask for fewer with `--threads`")
        })
}

/// How inputs are read, as the plan says.
fn input_settings(plan: &Plan) -> input::Settings<'_> {
    let Plan { input, column_rules, .. } = plan;
    input::Settings {
        format: input.format,
        encoding: input.encoding,
        max_expansion: input.max_expansion,
        skips_bad_files: input.skips_bad_files,
        delimiter: input.delimiter,
        columns: input.columns.as_deref(),
        column_rules,
        digest: input.digest,
    }
}

/// The part of a run that is the same for every chunk.
struct Job<'a> {
    plan: &'a Plan,
    stages: &'a Stages,
    limits: Limits,
    progress: &'a Progress,
    cancel: &'a Cancel,
}

/// What is used again from chunk to chunk. There is never more of it than chunks in flight.
struct Idle<'a> {
    workers: Mutex<Vec<Worker>>,
    blocks: Mutex<Vec<Block>>,
    buffers: &'a BufferPool,
}

fn take<T>(idle: &Mutex<Vec<T>>) -> Option<T> {
    idle.lock().ok().and_then(|mut idle| idle.pop())
}

fn give<T>(idle: &Mutex<Vec<T>>, used: T) {
    if let Ok(mut idle) = idle.lock() {
        idle.push(used);
    }
}

/// A unit that went through the stages.
struct Done {
    unit: Unit,
    block: Option<Block>,
    /// Where the chunk's next record is, if the block was full before the chunk's end.
    next: usize,
}

impl Job<'_> {
    fn run(
        &self,
        pool: &ThreadPool,
        inputs: &Inputs<'_>,
        assembler: &mut Assembler<'_>,
    ) -> Result<(), RunError> {
        let spare = BufferPool::default();
        let idle = Idle { workers: Mutex::default(), blocks: Mutex::default(), buffers: &spare };
        let settings = input_settings(self.plan);
        let inputs = InputReader::new(settings, self.limits.input(), self.cancel, inputs, &spare);
        let in_flight: NonZeroUsize = self.limits.in_flight();
        // Whoever waits for a row group must stand below it on its thread's stack: so all that is
        // done in order is done by one thread, which entered the pool before any work did.
        pool.install(|| {
            map_ordered(
                pool,
                in_flight,
                inputs.map(|unit| unit.map_err(RunError::from)),
                |unit| self.process(unit, &idle),
                |done| self.assemble(done, assembler, &idle),
            )?;
            Ok(assembler.finish_outputs()?)
        })
    }

    fn process(&self, unit: Unit, idle: &Idle<'_>) -> Done {
        let Work::Chunk { .. } = &unit.work else { return Done { unit, block: None, next: 0 } };
        let (block, next) = self.block(&unit, 0, idle);
        Done { unit, block, next }
    }

    /// The block of a chunk's records from `from` on.
    fn block(&self, unit: &Unit, from: usize, idle: &Idle<'_>) -> (Option<Block>, usize) {
        let Work::Chunk { buffer, format, .. } = &unit.work else { return (None, 0) };
        let mut worker = take(&idle.workers).unwrap_or_else(|| Worker::new(self.plan, self.stages));
        let mut block =
            take(&idle.blocks).unwrap_or_else(|| Block::for_rules(self.plan.rules.len()));
        let (plan, stages, chunk) = (self.plan, self.stages, buffer.bytes());
        let next = process(plan, stages, &mut worker, chunk, from, format, BLOCK_BYTES, &mut block);
        give(&idle.workers, worker);
        (Some(block), next)
    }

    fn assemble(
        &self,
        done: Done,
        assembler: &mut Assembler<'_>,
        idle: &Idle<'_>,
    ) -> Result<(), RunError> {
        let Done { mut unit, mut block, mut next } = done;
        if let Some(start) = unit.start.take() {
            assembler.begin(start);
        }
        let input = unit.input;
        while let (Some(mut full), Work::Chunk { buffer, offset, .. }) = (block.take(), &unit.work)
        {
            let place = BlockPlace { input, offset: *offset, chunk: buffer.bytes() };
            assembler.block(&full, &place)?;
            full.clear();
            give(&idle.blocks, full);
            if next < buffer.bytes().len() {
                (block, next) = self.block(&unit, next, idle);
            }
        }
        match &unit.work {
            Work::Slice { buffer, offset, code, detail, is_last } => {
                let place = BlockPlace { input, offset: *offset, chunk: &[] };
                assembler.slice(buffer.bytes(), &place, (*code, *detail), *is_last)?;
            }
            Work::Space { buffer } => assembler.space(buffer.bytes()),
            Work::Nothing | Work::Chunk { .. } => {}
        }
        self.progress.advance(unit.newly_read, 0, 0);
        match unit.work {
            Work::Chunk { buffer, .. } | Work::Slice { buffer, .. } | Work::Space { buffer } => {
                idle.buffers.give(buffer);
            }
            Work::Nothing => {}
        }
        match unit.end {
            Some(end) => Ok(assembler.end(input, end)?),
            None => Ok(()),
        }
    }
}

/// Bytes in lower hex.
fn hex(bytes: &[u8]) -> String {
    data_encoding::HEXLOWER.encode(bytes)
}

/// A path for a message: control characters escaped, since others chose it.
fn escape_path(path: &str) -> String {
    path.chars()
        .map(|c| if c.is_control() { c.escape_default().to_string() } else { c.to_string() })
        .collect()
}

/// An error with the errors behind it.
fn with_source(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

/// A path as text for accounts and messages.
fn path_text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}
