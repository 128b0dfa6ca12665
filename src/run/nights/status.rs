//! `segprep status`: the last run of a definition, what is new or changed since, and what the next run
//! would do. Nothing is written, and no input is read.

use std::path::{Path, PathBuf};

use super::Night;
use super::foreseen::{self, Next};
use super::places::is_account_of;
use crate::definition::Definition;
use crate::engine::Cancel;
use crate::ledger::{Choice, Few, RunEntry, RunStatus};
use crate::publish::{Buckets, PublishError};
use crate::report::{Manifest, RecordCounts, Status};
use crate::run::account::differences::{compared, inputs_of, manifest_of};
use crate::run::aws::Remote;
use crate::run::clock;
use crate::run::error::{Failure, RunError};
use crate::run::moment::Moment;
use crate::run::options::RunOptions;
use crate::run::prepare::Source;
use crate::run::retry::of::{retries_of, together};
use crate::store::Listed;

/// What `segprep status` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusReport {
    pub name: String,
    /// The last run; `None`: there is none.
    pub last: Option<LastRun>,
    /// The id of a run that has begun and has not ended: it is working, or was killed.
    pub begun: Option<String>,
    /// Inputs that are there and were taken as they are now.
    pub taken: u64,
    pub new: u64,
    pub changed: Few,
    /// Inputs that were taken and are not there any more.
    pub gone: Few,
    /// Inputs that were taken as broken, and have not changed since.
    pub broken: Few,
    pub next: Next,
    /// The account of the last run.
    pub account: PathBuf,
    /// The number of its retries.
    pub retried: u64,
}

/// A run that has ended by its own rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastRun {
    pub run: String,
    /// `published` or `over_budget`.
    pub status: &'static str,
    pub finished: String,
    /// Those of the run and its retries.
    pub records: RecordCounts,
}

impl StatusReport {
    /// Whether there is something to do.
    pub fn is_due(&self) -> bool {
        self.begun.is_some() || self.next != Next::Nothing
    }
}

/// Says where a definition stands.
///
/// # Errors
///
/// Everything that is wrong with the definition, or what of inputs, list and account cannot be read.
pub fn status(options: &RunOptions, cancel: &Cancel) -> Result<StatusReport, Failure> {
    let source = Source::read(options, clock::now()?, cancel)?;
    let first = source.parse(&source.moment)?;
    let definition = &first.definition;
    let remote = Remote::new(definition, cancel)?;
    let from = definition.input.from.iter().map(|place| place.path.as_path());
    let listing = remote.store.list(&from.collect::<Vec<&Path>>(), &definition.input.exclude)?;
    let looking = RunOptions { dry_run: true, ..options.clone() };
    let night = Night::open(&source, definition, &remote, &looking)?;
    let mut report = match &night {
        None => of_account(definition, &remote, &listing.files)?,
        Some(night) => of_list(night, &source, definition, &remote, &listing.files)?,
    };
    report.next = foreseen::next(&source, first, remote, night, &looking, cancel)?;
    Ok(report)
}

/// What the list says.
fn of_list(
    night: &Night,
    source: &Source<'_>,
    definition: &Definition,
    remote: &Remote,
    files: &[Listed],
) -> Result<StatusReport, Failure> {
    let account = definition.account.to.path.clone();
    let mut report = report(definition, night.compare(files)?, account);
    report.begun = night.begun().map(str::to_owned);
    if let Some(entry) = night.runs().last() {
        let found = of_entry(entry, source, remote)?;
        report.last = Some(found.last);
        report.retried = found.retried;
        report.account = found.account.unwrap_or(report.account);
    }
    Ok(report)
}

/// A report without what comes next.
fn report(definition: &Definition, choice: Choice, account: PathBuf) -> StatusReport {
    let Choice { taken, new, changed, gone, broken, .. } = choice;
    let name = definition.name.clone();
    StatusReport {
        name,
        last: None,
        begun: None,
        taken,
        new,
        changed,
        gone,
        broken,
        next: Next::Nothing,
        account,
        retried: 0,
    }
}

/// A run, with what its account says about it and its retries.
struct Found {
    last: LastRun,
    retried: u64,
    /// `None`: it is not where the definition has it.
    account: Option<PathBuf>,
}

/// The last run on the list, by its manifest if that is where the definition has it, and its account.
fn of_entry(entry: &RunEntry, source: &Source<'_>, remote: &Remote) -> Result<Found, Failure> {
    let of_list = LastRun {
        run: entry.run.clone(),
        status: match entry.status {
            RunStatus::Published => "published",
            RunStatus::OverBudget => "over_budget",
        },
        finished: entry.finished.clone(),
        records: RecordCounts {
            read: entry.read,
            written: entry.written,
            ..RecordCounts::default()
        },
    };
    let elsewhere = |last| Ok(Found { last, retried: 0, account: None });
    let Some(moment) = Moment::of_file(&entry.run, &entry.date) else { return elsewhere(of_list) };
    let account = source.parse(&moment)?.definition.account.to.path;
    if !is_account_of(entry, &account)? {
        return elsewhere(of_list);
    }
    let (last, retried) = in_account(&account, remote.buckets.as_ref())?.unwrap_or((of_list, 0));
    Ok(Found { last, retried, account: Some(account) })
}

/// The last run of an account, and the number of its retries.
fn in_account(
    account: &Path,
    buckets: Option<&Buckets>,
) -> Result<Option<(LastRun, u64)>, PublishError> {
    let Some(manifest) = manifest_of(account, buckets)? else { return Ok(None) };
    let retries = retries_of(account, buckets, &manifest)?;
    let records = together(&manifest.records, &retries);
    let status = match manifest.status {
        Status::Published => "published",
        Status::OverBudget => "over_budget",
        Status::DryRun => "dry_run",
    };
    let Manifest { run, finished, .. } = manifest;
    let count = u64::try_from(retries.len()).expect("at most 999");
    Ok(Some((LastRun { run, status, finished, records }, count)))
}

/// Without a list: what the account says, in which the next run would replace the last one.
fn of_account(
    definition: &Definition,
    remote: &Remote,
    files: &[Listed],
) -> Result<StatusReport, RunError> {
    let account = &definition.account.to.path;
    let buckets = remote.buckets.as_ref();
    let ended = in_account(account, buckets)?;
    let list = inputs_of(account, buckets, &definition.name, files)?;
    let choice = compared(&list, files);
    let mut report = report(definition, choice, account.clone());
    report.retried = ended.as_ref().map_or(0, |(_, retried)| *retried);
    report.last = ended.map(|(last, _)| last);
    Ok(report)
}
