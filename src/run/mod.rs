//! A run, from the definition to the published result, and every other command that reads data.
//!
//! This is where files, keys, the clock, the thread pool and the stages meet. It may import every
//! other module, and only `cli` imports it. The steps of [`run`] are files here, and `job` takes them from the
//! third on:
//!
//! 1. `prepare` reads the definition, reads the `keys`, and sets the limits (`memory`). `moment` says which run
//!    this is, and `places` whether another one has its id. `aws` turns settings into a session and a store, and
//!    `standard_output` finds out whether there is one.
//! 2. `inputs` lists the inputs. `overlap` checks that none is where the run writes, and `nights` leaves those
//!    that no run has taken yet, if the definition has a list of them.
//! 3. `account/fingerprint` identifies the run, and the publication takes the places that it writes to. If
//!    the same run is already published there, the run ends here.
//! 4. `lists` reads the lists of `[[suppress]]` that `list_files` has found, and `headers` reads the CSV headers if outputs need
//!    their columns. Then the plan and the stages are compiled.
//! 5. `process` takes the inputs through the stages on all threads, and `assemble` counts and writes
//!    the blocks in order.
//! 6. `account` has what a run says about itself: its manifest, its inputs, its lineage. `publish` puts
//!    everything into place, and the list grows.
//!
//! Each other command has a file or a folder:
//!
//! | command | where | |
//! |---|---|---|
//! | `check`, `test` | `check`, `test_cases` | a definition, without data or with made-up records |
//! | `scan`, `init` | `scan`, `init` | files that nobody has described yet |
//! | `preview`, `explain` | `look` | what a run would do with some records, or with one |
//! | `generate` | `generate` | synthetic files |
//! | `status`, `retry` | `nights`, `retry` | what earlier runs took, and what they rejected |
//! | `verify`, `report` | `verify`, `account/report` | a published result and its account |
//! | `shards`, `gather` | `shards`, `gather` | the work of many machines |
//!
//! `clean` takes batches of other programs through the stages, for the Python package.

mod account;
mod assemble;
mod aws;
mod budgets;
mod check;
mod clean;
mod clock;
mod common_names;
mod compared;
mod error;
mod gather;
mod generate;
mod headers;
mod init;
mod inputs;
mod job;
mod keys;
mod list_files;
mod lists;
mod look;
mod memory;
mod moment;
mod nights;
mod noted;
mod nothing;
mod options;
mod outcome;
mod overlap;
mod places;
mod prepare;
mod process;
mod profiles;
mod progress;
mod publish;
mod retry;
mod scan;
mod shards;
mod slices;
mod standard_output;
mod test_cases;
mod text;
mod together;
mod verify;

pub use account::report::{account_file, account_manifest};
pub use check::state::{CheckedList, CheckedState, NextInputs};
pub use check::{Checked, CheckedOutput, check, check_keys};
pub use clean::compared::{Comparing, comparing, opted_out_lines};
pub use clean::profiles::{
    ColumnFinder, ProfileColumns, ProfileFolder, ProfileRowCounts, ProfileRows, profile_columns,
};
pub use clean::{Apart, CleanCounts, Cleaned, Cleaner, record_schema};
pub use error::{ErrorKind, Failure, RunError};
pub use gather::{GatherOptions, gather};
pub use generate::{Generated, generate};
pub use init::{InitOptions, Proposed, init};
pub use keys::{KeyCheck, check_key, new_key};
pub use look::earlier_run::AccountState;
pub use look::explain::{
    ExplainOptions, Explained, ExplainedRecord, RecordPlace, WrittenAt, explain,
};
pub use look::preview::{PreviewEvent, PreviewOptions, Show, preview};
pub use memory::Limits;
pub use moment::{is_run_date, is_run_id};
pub use nights::foreseen::Next;
pub use nights::status::{LastRun, StatusReport, status};
pub use options::{RunOptions, ShardOptions};
pub use outcome::Outcome;
pub use progress::{InputRead, Progress, ProgressView, Stage};
pub use retry::{RetryOptions, retry};
pub use scan::page::scan_html;
pub use scan::{ScanOptions, scan};
pub use shards::{Division, shards};
pub use test_cases::{Difference, Tested, TestedCase, test_definitions};
pub use verify::place::VerifyOptions;
pub use verify::{Verified, verify};

use crate::engine::Cancel;
use aws::Remote;
use clock::Began;
use inputs::Inputs;
use job::{Job, list_specs};
use keys::MissingKey;
use nights::Night;
use nothing::nothing;
use outcome::ended;
use prepare::{PlanParts, Prepared, Source};
use shards::Following;

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
    standard_output::check(&prepared, options)?;
    let specs = list_specs(&prepared, &parts)?;
    let (listing, may_overwrite) = match inputs::list(&mut prepared, options, night.as_mut())? {
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
