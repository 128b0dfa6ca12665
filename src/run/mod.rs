//! A run, from the definition to the published result.
//!
//! This is where files, keys, the clock, the thread pool and the stages meet. It may import every
//! other module, and only `cli` imports it. The steps of [`run`] are files here, and `job` takes them from the
//! third on:
//!
//! 1. `prepare` reads the definition, reads the `keys`, and sets the limits (`memory`). `moment` says which run
//!    this is, and `places` whether another one has its id. `aws` turns settings into a session and a store.
//! 2. The store lists the inputs. `overlap` checks that none is where the run writes, and `nights` leaves those
//!    that no run has taken yet, if the definition has a list of them.
//! 3. `fingerprint` identifies the run, and the publication takes the places that it writes to. If
//!    the same run is already published there, the run ends here.
//! 4. `lists` reads the lists of `[[suppress]]`, and `headers` reads the CSV headers if outputs need
//!    their columns. Then the plan and the stages are compiled.
//! 5. `process` takes the inputs through the stages on all threads, and `assemble` counts and writes
//!    the blocks in order.
//! 6. `manifest` makes the manifest from the counts, and `lineage` events of OpenLineage. Everything is published,
//!    and the list grows.
//!
//! Besides, `check` explains a definition without running it (`segprep check`; `checked_state` what is on its list), and `test_cases`
//! tests one (`segprep test`). `generate` writes synthetic files (`segprep generate`), and `scan` reports what
//! files hold that nobody has described (`segprep scan`), which `scan_input` reads; `init` proposes a definition
//! for them (`segprep init`). `preview` shows what a run would do with some records (`segprep preview`), and `explain`
//! with one of them (`segprep explain`), for the run that `explained_run` finds; `status` says what the last run has taken and what is new since
//! (`segprep status`), `retry` takes the fixed rejects of a run (`segprep retry`), and `differences` what another published run differs in; `looking` has
//! what it takes to look at them. `verify` compares a published result with its manifest (`segprep verify`), and its
//! header names the files that do parts of it; `account_report` reads the manifest for a report (`segprep report`).
//! `shards` divides the inputs among machines (`segprep shards`) and prepares a shard (`segprep run --shard`), by a plan that
//! `plan_file` may read; `gather` publishes what they have written (`segprep gather`), and its header names the files for that.
//! `clean` takes batches of other programs through the stages (the Python package), and `clean_compared` says what Spark compares their records by.

mod account_report;
mod assemble;
mod aws;
mod budgets;
mod check;
mod checked_state;
mod clean;
mod clean_compared;
mod clock;
mod common_names;
mod compared;
mod differences;
mod error;
mod explain;
mod explained_run;
mod fingerprint;
mod gather;
mod gathered_files;
mod generate;
mod headers;
mod init;
mod input_line;
mod job;
mod keys;
mod lineage;
mod lists;
mod looking;
mod manifest;
mod memory;
mod merged;
mod moment;
mod nights;
mod noted;
mod nothing;
mod originals;
mod overlap;
mod places;
mod plan_file;
mod prepare;
mod preview;
mod process;
mod profiles;
mod progress;
mod retry;
mod retry_of;
mod sampled;
mod scan;
mod scan_input;
mod scan_page;
mod shard_account;
mod shards;
mod slices;
mod status;
mod test_cases;
mod text;
mod together;
mod verify;
mod verify_account;
mod verify_columns;
mod verify_part;
mod verify_parts;
mod verify_place;
mod verify_profiles;
mod verify_rows;
mod verify_rules;
mod verify_state;

use rayon::ThreadPool;
use std::path::PathBuf;

pub use account_report::{account_file, account_manifest};
pub use check::{Checked, CheckedOutput, check, check_keys};
pub use checked_state::{CheckedList, CheckedState, NextInputs};
pub use clean::{Apart, CleanCounts, Cleaned, Cleaner, record_schema};
pub use clean_compared::{Comparing, comparing, opted_out_lines};
pub use error::{ErrorKind, RunError};
pub use explain::{ExplainOptions, Explained, ExplainedRecord, RecordPlace, WrittenAt, explain};
pub use explained_run::AccountState;
pub use gather::{GatherOptions, gather};
pub use generate::{Generated, generate};
pub use init::{InitOptions, Proposed, init};
pub use keys::{KeyCheck, check_key, new_key};
pub use memory::Limits;
pub use moment::{is_run_date, is_run_id};
pub use preview::{PreviewEvent, PreviewOptions, Show, preview};
pub use progress::{InputRead, Progress, ProgressView, Stage};
pub use retry::{RetryOptions, retry};
pub use scan::{ScanOptions, scan};
pub use scan_page::scan_html;
pub use shards::{Division, ShardOptions, shards};
pub use status::{LastRun, Next, StatusReport, status};
pub use test_cases::{Difference, Tested, TestedCase, test_definitions};
pub use verify::{Verified, verify};
pub use verify_place::VerifyOptions;

use crate::definition::{Diagnostic, STANDARD_OUTPUT};
use crate::engine::Cancel;
use crate::ledger::LedgerError;
use crate::publish::{Publication, PublishError};
use crate::report::{Manifest, Status};
use crate::store::{Listing, StoreError};
use aws::Remote;
use clock::Began;
use job::{Job, list_specs};
use keys::MissingKey;
use nights::Night;
use nothing::{nothing, nothing_to_read, quote_inputs};
use prepare::{PlanParts, Prepared, Source};
use shards::Following;
use text::{escape_path, with_causes};

/// What a run is to do.
#[derive(Clone, Debug, Default)]
pub struct RunOptions {
    /// The definition file.
    pub definition: PathBuf,
    /// Settings `PATH=VALUE` that replace those of the definition, in this order.
    pub sets: Vec<String>,
    /// The date for `{date}`: `2026-11-23`, `yesterday` or `-3d`. `None`: the current date in UTC.
    pub date: Option<String>,
    /// The id of the run, for `{run}`. `None`: its start, `20261123T020000Z`.
    pub run: Option<String>,
    /// `None`: as in the definition, and by default the number of cores.
    pub threads: Option<usize>,
    /// `None`: as in the definition, and by default 1 MiB.
    pub chunk_bytes: Option<usize>,
    /// Whether to replace another published run.
    pub overwrite: bool,
    /// Patterns of inputs on the list of `[state]` that are taken once more.
    pub again: Vec<String>,
    /// Whether to read and check everything, and write nothing.
    pub dry_run: bool,
    /// The shard that the run is; `None`: it reads everything.
    pub shard: Option<ShardOptions>,
}

/// The result of a run that did not fail.
#[derive(Debug)]
pub enum Outcome {
    /// The result of the same run is already published there.
    AlreadyPublished { manifest: PathBuf },
    /// There was no record to read, and the definition allows that. Nothing was published.
    NothingToRead {
        /// What was not there.
        reason: String,
        dry_run: bool,
        /// Whether the records would have gone to standard output.
        to_standard_output: bool,
    },
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
            Outcome::NothingToRead { to_standard_output, .. } => *to_standard_output,
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

impl From<LedgerError> for Failure {
    fn from(error: LedgerError) -> Self {
        Failure::Run(error.into())
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
    progress.enter(Stage::Prepare);
    ended(run_steps(options, progress, cancel), progress, cancel)
}

/// How a run ended. Cancelling it makes its requests and reads fail: the cause is reported, not its effects.
fn ended(
    outcome: Result<Outcome, Failure>,
    progress: &Progress,
    cancel: &Cancel,
) -> Result<Outcome, Failure> {
    progress.leave();
    outcome.map_err(|failure| match (cancel.check(), failure) {
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
    if let Some(shard) = &options.shard {
        return run_shard(shard, options, began, progress, cancel);
    }
    let (mut prepared, parts, mut night) = prepare_run(options, began, progress, cancel)?;
    let specs = list_specs(&prepared, &parts)?;
    let (listing, may_overwrite) = match list_inputs(&mut prepared, options, night.as_mut())? {
        Inputs::These(listing, may_overwrite) => (listing, may_overwrite),
        Inputs::Published(manifest) => return Ok(Outcome::AlreadyPublished { manifest }),
        Inputs::None(error) => return nothing(&prepared, options, error),
    };
    let job = Job {
        began,
        prepared,
        parts,
        specs,
        listing,
        may_overwrite,
        night,
        shard: None,
        retry: None,
    };
    job.run(options, progress, cancel)
}

/// A run over the inputs that a plan gives to a shard.
fn run_shard(
    shard: &ShardOptions,
    options: &RunOptions,
    began: Began,
    progress: &Progress,
    cancel: &Cancel,
) -> Result<Outcome, Failure> {
    let wanted = shards::Wanted {
        count: shard.count,
        plan: shard.plan.as_deref(),
        shard: Some(shard.number),
    };
    let Following { prepared, parts, plan, .. } = shards::follow(options, &wanted, cancel)?;
    progress.is_called(&prepared.moment.run);
    let specs = list_specs(&prepared, &parts)?;
    let (listing, note) = shards::own(&prepared, plan, shard.number)?;
    let (may_overwrite, shard) = (options.overwrite, Some(note));
    let job = Job {
        began,
        prepared,
        parts,
        specs,
        listing,
        may_overwrite,
        night: None,
        shard,
        retry: None,
    };
    job.run(options, progress, cancel)
}

/// What a run has to read.
enum Inputs {
    /// These, and whether it may replace another published run.
    These(Listing, bool),
    /// Nothing: this manifest is that of an earlier run with its id, which has taken everything.
    Published(PathBuf),
    /// Nothing, with the reason.
    None(RunError),
}

/// Lists the inputs that this run takes.
fn list_inputs(
    prepared: &mut Prepared,
    options: &RunOptions,
    night: Option<&mut Night>,
) -> Result<Inputs, Failure> {
    let store = &prepared.remote.store;
    let mut listing = store.list(&prepared.inputs(), &prepared.definition.input.exclude)?;
    if listing.files.is_empty() {
        return Ok(Inputs::None(nothing_to_read(prepared, &listing.ignored)));
    }
    overlap::check(prepared, &listing.files)?;
    let Some(night) = night else { return Ok(Inputs::These(listing, options.overwrite)) };
    let may_overwrite = night.may_overwrite(prepared, options.overwrite)?;
    night.select(prepared, options, &mut listing)?;
    if !listing.files.is_empty() {
        return Ok(Inputs::These(listing, may_overwrite));
    }
    let none = || Inputs::None(night.nothing_new(&quote_inputs(prepared)));
    Ok(night.earlier_manifest(prepared).map_or_else(none, Inputs::Published))
}

/// Reads the definition with the paths of this run, and its keys.
fn prepare_run(
    options: &RunOptions,
    began: Began,
    progress: &Progress,
    cancel: &Cancel,
) -> Result<(Prepared, PlanParts, Option<Night>), Failure> {
    let source = Source::read(options, began.time(), cancel)?;
    let first = source.parse(&source.moment)?;
    let remote = Remote::new(&first.definition, cancel)?;
    let night = Night::open(&source, &first.definition, &remote, options)?;
    let chosen = places::choose(&source, first, &remote, options.run.is_some(), night.as_ref())?;
    progress.is_called(&chosen.0.run);
    let (prepared, parts) = prepare::complete(options, chosen, remote, MissingKey::Fails, cancel)?;
    Ok((prepared, parts, night))
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
