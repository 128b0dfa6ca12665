//! What the package has of the program's commands, and the program itself. Results are JSON, as those of the program.

use std::ffi::OsString;
use std::io::{self, Write};
use std::path::PathBuf;

use pyo3::exceptions::PyOSError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use segprep::report::Status;
use segprep::run as library;
use segprep::run::{
    Comparing, Division, Failure, GatherOptions, Outcome, RunOptions, ScanOptions, ShardOptions,
    VerifyOptions,
};
use serde_json::{Value, json};

use crate::cli;
use crate::cli::check::Explained;
use crate::failure;
use crate::process::caught;
use crate::running::attended;

/// A run, as it is asked for.
#[derive(Clone, Debug, Default, FromPyObject)]
#[pyo3(from_item_all)]
pub struct Job {
    definition: PathBuf,
    sets: Vec<String>,
    date: Option<String>,
    run: Option<String>,
    threads: Option<usize>,
    overwrite: bool,
    again: Vec<String>,
    dry_run: bool,
    /// Its number from 0, the number of shards, and the plan that they follow.
    shard: Option<(u32, Option<u32>, Option<PathBuf>)>,
}

impl Job {
    pub(crate) fn options(self) -> RunOptions {
        let Job { definition, sets, date, run, threads, overwrite, again, dry_run, shard } = self;
        let shard = shard.map(|(number, count, plan)| ShardOptions { number, count, plan });
        let chunk_bytes = None;
        RunOptions {
            definition,
            sets,
            date,
            run,
            threads,
            chunk_bytes,
            overwrite,
            again,
            dry_run,
            shard,
        }
    }
}

/// Runs a definition, and returns how it ended.
#[pyfunction]
pub fn run(py: Python<'_>, what: Job, progress: Option<&Bound<'_, PyAny>>) -> PyResult<String> {
    let options = what.options();
    let ended =
        attended(py, progress, move |progress, cancel| library::run(&options, progress, cancel))?;
    told(py, ended)
}

/// Publishes what shards have written, and returns how that ended.
#[pyfunction]
pub fn gather(
    py: Python<'_>,
    what: Job,
    count: Option<u32>,
    plan: Option<PathBuf>,
    progress: Option<&Bound<'_, PyAny>>,
) -> PyResult<String> {
    let options = GatherOptions { run: what.options(), count, plan };
    let ended = attended(py, progress, move |progress, cancel| {
        library::gather(&options, progress, cancel)
    })?;
    told(py, ended)
}

/// How a run ended, as JSON. One over its budget is an exception.
fn told(py: Python<'_>, ended: Result<Outcome, Failure>) -> PyResult<String> {
    let outcome = ended.map_err(|failure| failure::exception(py, &failure))?;
    let exit = cli::Exit::from(&outcome);
    match outcome {
        Outcome::AlreadyPublished { manifest } => {
            let account = manifest.parent().map(|account| account.display().to_string());
            Ok(json!({ "status": "already_published", "account": account }).to_string())
        }
        Outcome::NothingToRead { reason, .. } => {
            Ok(json!({ "status": "nothing_to_read", "reason": reason }).to_string())
        }
        Outcome::Finished { manifest, account, dry_run, leftover } => {
            let status = if dry_run { json!(Status::DryRun) } else { json!(manifest.status) };
            let account = (!dry_run).then(|| account.display().to_string());
            let result: Value = json!({
                "status": status,
                "account": account,
                "manifest": manifest,
                "leftover": leftover,
            });
            if manifest.is_over_budget() {
                return Err(failure::over_budget(py, exit, &manifest, &result));
            }
            Ok(result.to_string())
        }
    }
}

/// Divides the inputs of a definition, and returns the plan: lines of JSON.
#[pyfunction]
pub fn shards(
    py: Python<'_>,
    what: Job,
    count: Option<u32>,
    bytes: Option<u64>,
) -> PyResult<String> {
    let options = what.options();
    let division =
        count.map_or_else(|| Division::Bytes(bytes.unwrap_or(u64::MAX)), Division::Count);
    let plan = attended(py, None, move |_, cancel| library::shards(&options, division, cancel))?;
    let plan = plan.map_err(|failure| failure::exception(py, &failure))?;
    let mut text = Vec::new();
    plan.write(&mut text)?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}

/// What a definition does, as JSON.
#[pyfunction]
pub fn check(py: Python<'_>, what: Job) -> PyResult<String> {
    let options = what.options();
    let checked = attended(py, None, move |_, _| library::check(&options))?;
    let checked = checked.map_err(|failure| failure::exception(py, &failure))?;
    Ok(json!(Explained::of(&checked)).to_string())
}

/// How a definition compares records with each other, as JSON.
#[pyfunction]
pub fn comparing(py: Python<'_>, what: Job) -> PyResult<String> {
    let options = what.options();
    let comparing = attended(py, None, move |_, _| library::comparing(&options))?;
    let comparing = comparing.map_err(|failure| failure::exception(py, &failure))?;
    let Comparing { together, makes_profiles, lists_lack_duplicates, user_problem, opt_out } =
        comparing;
    let users = together
        .users
        .map(|users| json!({ "max": users.max_endpoints, "over": users.over.name() }));
    Ok(json!({
        "unique": together.unique.map(|unique| unique.keep.name()),
        "users": users,
        "profiles": makes_profiles,
        "lists_lack_duplicates": lists_lack_duplicates,
        "user_problem": user_problem,
        "opt_out": opt_out,
    })
    .to_string())
}

/// What to scan.
#[derive(Clone, Debug, Default, FromPyObject)]
#[pyo3(from_item_all)]
pub struct Scan {
    from: Vec<PathBuf>,
    sets: Vec<String>,
    records: Option<u64>,
    sample: Option<f64>,
    all: bool,
    threads: Option<usize>,
}

/// What is in some files, as JSON.
#[pyfunction]
pub fn scan(py: Python<'_>, what: Scan, progress: Option<&Bound<'_, PyAny>>) -> PyResult<String> {
    let Scan { from, sets, records, sample, all, threads } = what;
    let options = ScanOptions { from, sets, records, sample, all, threads, chunk_bytes: None };
    let report =
        attended(py, progress, move |progress, cancel| library::scan(&options, progress, cancel))?;
    let report = report.map_err(|failure| failure::exception(py, &failure))?;
    Ok(json!(report).to_string())
}

/// A file of the account of a run; `None` if it has no such file.
#[pyfunction]
pub fn account_file(
    py: Python<'_>,
    what: Job,
    name: String,
) -> PyResult<Option<Bound<'_, PyBytes>>> {
    let Job { definition: place, sets, date, run, threads, .. } = what;
    let options = VerifyOptions { place, sets, date, run, threads, chunk_bytes: None };
    let file = attended(py, None, move |_, cancel| library::account_file(&options, &name, cancel))?;
    let file = file.map_err(|failure| failure::exception(py, &failure))?;
    Ok(file.map(|bytes| PyBytes::new(py, &bytes)))
}

/// The program: takes the arguments, its name among them, and returns the exit code.
#[pyfunction]
pub fn command(py: Python<'_>, arguments: Vec<OsString>) -> PyResult<u8> {
    py.detach(|| {
        cli::harden(&arguments);
        // The hook that is set now has reported the location.
        let exit = caught(|| cli::main(arguments)).unwrap_or(cli::INTERNAL);
        io::stdout().flush().map_err(|error| PyOSError::new_err(error.to_string()))?;
        Ok(exit.code)
    })
}
