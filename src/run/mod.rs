//! A run, from the definition to the published result.
//!
//! This is where files, keys, the clock, the thread pool and the stages meet. It may import every
//! other module, and only `cli` imports it. The steps of [`run`] are files here:
//!
//! 1. `prepare` reads the definition, reads the `keys`, and sets the limits (`memory`). `aws` turns settings
//!    into a session and a store.
//! 2. The store lists the inputs. `overlap` checks that none is where the run writes.
//! 3. `fingerprint` identifies the run, and the publication takes the places that it writes to. If
//!    the same run is already published there, the run ends here.
//! 4. `lists` reads the lists of `[[suppress]]`, and `headers` reads the CSV headers if outputs need
//!    their columns. Then the plan and the stages are compiled.
//! 5. `process` takes the inputs through the stages on all threads, and `assemble` counts and writes
//!    the blocks in order.
//! 6. `manifest` makes the manifest from the counts, and everything is published.
//!
//! Besides, `check` explains a definition without running it (`segprep check`), and `test_cases`
//! tests one (`segprep test`). `generate` writes synthetic files (`segprep generate`), and `scan` reports what
//! files hold that nobody has described (`segprep scan`), which `scan_input` reads; `init` proposes a definition
//! for them (`segprep init`). `preview` shows what a run would do with some records (`segprep preview`), and `explain`
//! with one of them (`segprep explain`); `looking` has
//! what it takes to look at them. `verify` compares a published result with its manifest (`segprep verify`), and its
//! header names the files that do parts of it.

mod assemble;
mod aws;
mod budgets;
mod check;
mod clock;
mod common_names;
mod error;
mod explain;
mod fingerprint;
mod generate;
mod headers;
mod init;
mod input_line;
mod keys;
mod lists;
mod looking;
mod manifest;
mod memory;
mod noted;
mod originals;
mod overlap;
mod prepare;
mod preview;
mod process;
mod progress;
mod scan;
mod scan_input;
mod slices;
mod test_cases;
mod text;
mod verify;
mod verify_account;
mod verify_columns;
mod verify_part;
mod verify_parts;
mod verify_place;
mod verify_rules;
mod verify_state;

use rayon::ThreadPool;
use std::path::PathBuf;

pub use check::{Checked, CheckedOutput, check, check_keys};
pub use error::{ErrorKind, RunError};
pub use explain::{
    AccountState, ExplainOptions, Explained, ExplainedRecord, RecordPlace, WrittenAt, explain,
};
pub use generate::{Generated, generate};
pub use init::{InitOptions, Proposed, init};
pub use keys::{KeyCheck, check_key, new_key};
pub use memory::Limits;
pub use preview::{PreviewEvent, PreviewOptions, Show, preview};
pub use progress::{Progress, ProgressView};
pub use scan::{ScanOptions, scan};
pub use test_cases::{Difference, Tested, TestedCase, test_definitions};
pub use verify::{Verified, verify};
pub use verify_place::VerifyOptions;

use crate::definition::{Diagnostic, STANDARD_OUTPUT};
use crate::engine::Cancel;
use crate::pipeline::Stages;
use crate::plan::ListSpec;
use crate::publish::{Begun, PlaceRequest, Publication, PublishError};
use crate::report::{Manifest, Status};
use crate::store::s3::Reach;
use crate::store::{Ignored, Listed, StoreError};
use assemble::Assembler;
use clock::Began;
use keys::MissingKey;
use manifest::Facts;
use prepare::Prepared;
use process::Processing;
use text::{escape_path, with_causes};

/// What a run is to do.
#[derive(Clone, Debug, Default)]
pub struct RunOptions {
    /// The definition file.
    pub definition: PathBuf,
    /// Settings `PATH=VALUE` that replace those of the definition, in this order.
    pub sets: Vec<String>,
    /// The date for `{date}`, such as `2026-11-23`. `None`: the current date in UTC.
    pub date: Option<String>,
    /// `None`: as in the definition, and by default the number of cores.
    pub threads: Option<usize>,
    /// `None`: as in the definition, and by default 1 MiB.
    pub chunk_bytes: Option<usize>,
    /// Whether to replace another published run.
    pub overwrite: bool,
    /// Whether to read and check everything, and write nothing.
    pub dry_run: bool,
}

/// The result of a run that did not fail.
#[derive(Debug)]
pub enum Outcome {
    /// The result of the same run is already published there.
    AlreadyPublished { manifest: PathBuf },
    /// The run came to its end. The manifest's status says whether the result is published; after
    /// a dry run nothing is.
    Finished {
        manifest: Box<Manifest>,
        account: PathBuf,
        dry_run: bool,
        /// A warning about working files that could not be removed.
        leftover: Option<String>,
    },
}

impl Outcome {
    /// Whether the records went to standard output, or would have without `--dry-run`.
    pub fn wrote_to_standard_output(&self) -> bool {
        match self {
            Outcome::AlreadyPublished { .. } => false,
            Outcome::Finished { manifest, .. } => {
                manifest.outputs.iter().any(|output| output.to == STANDARD_OUTPUT)
            }
        }
    }
}

/// Why a run failed.
#[derive(Debug)]
pub enum Failure {
    /// Everything that is wrong with the definition.
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
        Failure::Run(error.into())
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Failure::Run(error.into())
    }
}

/// Runs a definition.
///
/// # Errors
///
/// Everything that is wrong with the definition, or the first other error. Nothing is published
/// then.
pub fn run(options: &RunOptions, progress: &Progress, cancel: &Cancel) -> Result<Outcome, Failure> {
    // Cancelling a run makes its requests and reads fail. The cause is reported, not its effects.
    run_steps(options, progress, cancel).map_err(|failure| match (cancel.check(), failure) {
        (Err(cancelled), Failure::Run(error)) => Failure::Run(error.because(cancelled)),
        (Err(cancelled), Failure::Diagnostics(_)) => Failure::Run(cancelled.into()),
        (Ok(()), failure) => failure,
    })
}

fn run_steps(
    options: &RunOptions,
    progress: &Progress,
    cancel: &Cancel,
) -> Result<Outcome, Failure> {
    let began = Began::now()?;
    let (prepared, parts) = prepare::prepare(options, MissingKey::Fails, cancel)?;
    let Prepared { definition, schema, limits, .. } = &prepared;
    let list_specs = ListSpec::all(definition, &parts.rules, schema, &parts.keys)
        .map_err(|error| prepare::no_plan(&error))?;
    let store = &prepared.remote.store;
    let listing = store.list(&prepared.inputs(), &definition.input.exclude)?;
    if listing.files.is_empty() {
        return Err(nothing_to_read(&prepared, &listing.ignored).into());
    }
    overlap::check(&prepared, &listing.files)?;
    let list_files = lists::list_files(&list_specs, store)?;
    progress.expect_bytes(listing.files.iter().map(|listed| listed.bytes).sum());
    let fingerprint = fingerprint::fingerprint(&prepared, &listing.files, &list_files);
    let place = match take_place(&prepared, &fingerprint, options)? {
        Taken::DryRun => None,
        Taken::Place(place) => Some(*place),
        Taken::AlreadyPublished(manifest) => return Ok(Outcome::AlreadyPublished { manifest }),
    };
    let pool = pool(limits.threads)?;
    let (lists, list_counts) = lists::read_lists(list_specs, store, &list_files, &pool, cancel)?;
    let plan = &prepared.plan(parts, lists)?;
    let columns = headers::columns(plan, *limits, cancel, store, &listing.files)?;
    let stages = &Stages::new(plan, &columns);
    headers::check_sizes(plan, stages)?;
    let processing = Processing { plan, stages, limits: *limits, progress, cancel };
    let mut assembler = Assembler::new(
        plan,
        stages,
        &prepared.definition_sha256,
        &listing.files,
        place.as_ref(),
        progress,
    )?;
    let inputs = store.inputs(&listing.files, Reach::Whole)?;
    processing.run(&pool, &inputs, &mut assembler)?;
    assembler.finish(&listing.ignored)?;
    check_result(&prepared, &assembler, &listing.files, &listing.ignored)?;
    cancel.check().map_err(RunError::from)?;
    let facts = Facts {
        prepared: &prepared,
        plan,
        stages,
        fingerprint,
        began,
        listing: &listing,
        lists: list_counts,
        other_outputs: place.as_ref().map_or(&[], Publication::other_outputs),
        replaced: place.as_ref().and_then(Publication::replaced_records),
        dry_run: options.dry_run,
    };
    let manifest = manifest::manifest(&facts, &assembler);
    drop(assembler);
    let leftover = place.map_or(Ok(None), |place| publish(place, &manifest))?;
    let (manifest, account) = (Box::new(manifest), plan.account.to.clone());
    Ok(Outcome::Finished { manifest, account, dry_run: options.dry_run, leftover })
}

/// Puts parts and manifest in place. Returns a warning if working files are left.
fn publish(place: Publication, manifest: &Manifest) -> Result<Option<String>, PublishError> {
    let text = manifest::text(manifest);
    let leftover = match manifest.status {
        Status::Published => place.publish(&text)?,
        Status::OverBudget | Status::DryRun => place.refuse(&text)?,
    };
    Ok(leftover.map(|leftover| {
        let places = leftover.places.iter().map(|place| format!("`{}`", escape_path(place)));
        let (places, why) = (places.collect::<Vec<_>>().join(", "), with_causes(&leftover.error));
        format!(
            "working files are left in {places} ({why}); the result stands, and the next run of this \
             definition removes them"
        )
    }))
}

/// Where a run writes.
enum Taken {
    /// Nowhere: it is a dry run.
    DryRun,
    Place(Box<Publication>),
    /// The same run is published there, with this manifest.
    AlreadyPublished(PathBuf),
}

fn take_place(
    prepared: &Prepared,
    fingerprint: &str,
    options: &RunOptions,
) -> Result<Taken, PublishError> {
    if options.dry_run {
        return Ok(Taken::DryRun);
    }
    let outputs = prepared.outputs();
    let modes: Vec<Option<u32>> =
        prepared.definition.outputs.iter().map(|output| output.mode).collect();
    let request = PlaceRequest {
        account: prepared.account(),
        outputs: &outputs,
        modes: &modes,
        buckets: prepared.remote.buckets.as_ref(),
        fingerprint,
        overwrite: options.overwrite || prepared.writes_to_standard_output(),
    };
    Ok(match Publication::begin(&request)? {
        Begun::AlreadyPublished { manifest } => Taken::AlreadyPublished(manifest),
        Begun::Ready(place) => Taken::Place(Box::new(place)),
    })
}

fn pool(threads: usize) -> Result<ThreadPool, RunError> {
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .thread_name(|number| format!("segprep-{number}"))
        .build()
        .map_err(|error| {
            RunError::new(ErrorKind::Io, format!("could not start threads: {error}"))
                .hint("use fewer, with `--threads`")
        })
}

/// Checks that the counts add up, and that something was read.
fn check_result(
    prepared: &Prepared,
    assembler: &Assembler<'_>,
    files: &[Listed],
    ignored: &[Ignored],
) -> Result<(), RunError> {
    if !assembler.total.balances() {
        let message = "the counts of records do not add up; nothing was published";
        return Err(RunError::new(ErrorKind::Internal, message));
    }
    // A listed file is not empty, but standard input may be.
    if assembler.bytes == 0 {
        return Err(nothing_to_read(prepared, ignored));
    }
    // Headers are rows, and no records of anybody.
    if assembler.total.headers < assembler.total.read {
        return Ok(());
    }
    // Bad files are skipped only if there are good ones.
    let good = files.len().saturating_sub(assembler.broken);
    Err(if good == 0 {
        nothing_readable(&assembler.broken_warnings)
    } else {
        no_record(prepared, good)
    })
}

fn nothing_to_read(prepared: &Prepared, ignored: &[Ignored]) -> RunError {
    let ignored = match ignored.len() {
        0 => String::new(),
        1 => " (1 file is ignored)".to_owned(),
        count => format!(" ({count} files are ignored)"),
    };
    let message = format!("there is nothing to read in {}{ignored}", quote_inputs(prepared));
    RunError::new(ErrorKind::NoInput, message).hint(
        "empty files and names that begin with `_` or `.` are ignored; check `from` and \
             `exclude` under `[input]`",
    )
}

/// The error if `files` inputs were read to their ends and hold no record. Publishing nothing in
/// place of an earlier result would look as if everybody had left.
fn no_record(prepared: &Prepared, files: usize) -> RunError {
    let read = if files == 1 { "1 file was".to_owned() } else { format!("{files} files were") };
    let from = quote_inputs(prepared);
    let message = format!("the inputs hold no record: {read} read from {from}");
    RunError::new(ErrorKind::NoInput, message).hint(
        "nothing was published, and an earlier result stays; check whether the export that \
             wrote the inputs is complete, and `from` under `[input]`",
    )
}

/// The paths of `from`, each in backticks.
fn quote_inputs(prepared: &Prepared) -> String {
    let inputs = prepared.inputs();
    let from: Vec<String> = inputs.iter().map(|path| format!("`{}`", escape_path(path))).collect();
    from.join(", ")
}

fn nothing_readable(broken: &[String]) -> RunError {
    let first = broken.first().map_or("", String::as_str);
    RunError::new(ErrorKind::BadInput, format!("no input could be read; the first: {first}"))
        .hint("check `from` under `[input]`")
}
