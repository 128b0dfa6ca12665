//! `segprep retry`: takes the fixed rejects of a published run, and publishes them beside its result.
//!
//! A retry is a run like any other from its inputs on. Its places are `retry-001/` (or the next number) in the account
//! and in the outputs of the run, its inputs are the rejected records that the run kept, or files that the user names.
//! While it works, it holds the account of the run, so that nobody replaces the result that it belongs to. Its manifest
//! names the run (`retry`), and a run that replaces the result removes its retries (`publish` sees to both).
//!
//! No record may be written twice: a file that a retry has taken is not taken again as long as it stays as it is, and
//! no retry reads more records than are still rejected.

pub(super) mod of;

use std::path::{Path, PathBuf};

use super::account::differences::{compared, differing_settings, inputs_of};
use super::aws::Remote;
use super::clock::Began;
use super::error::{ErrorKind, Failure, RunError};
use super::job::{Job, list_specs};
use super::keys::MissingKey;
use super::moment::Moment;
use super::nights;
use super::options::RunOptions;
use super::outcome::{Outcome, ended};
use super::overlap;
use super::prepare::{self, Prepared, ReadDefinition, Source};
use super::progress::{Progress, Stage};
use super::text::{escape, escape_path};
use crate::definition::{Definition, InputFormat, Location};
use crate::engine::Cancel;
use crate::publish::names::{INPUTS, MANIFEST, REJECTED_RECORDS, RETRIES_MAX, retry_folder};
use crate::publish::{
    self, Buckets, HeldAccount, PlaceRequest, PublishError, Share, read_account_file,
};
use crate::report::{Manifest, Status};
use crate::store::{Ignored, Listed, Listing, Reason, StoreError};
use of::{RetryOf, has_broken, nothing_rejected, settled};

/// What a retry is to do.
#[derive(Clone, Debug, Default)]
pub struct RetryOptions {
    /// The definition, and which of its runs is meant by `run`: the last one if that is `None`.
    pub run: RunOptions,
    /// Files with the fixed records. Empty: the rejected records that the run kept.
    pub from: Vec<PathBuf>,
}

/// Takes the fixed rejects of a published run.
///
/// # Errors
///
/// Everything that is wrong with the definition, or the first other error. Nothing is published then.
pub fn retry(
    options: &RetryOptions,
    progress: &Progress,
    cancel: &Cancel,
) -> Result<Outcome, Failure> {
    progress.enter(Stage::Prepare);
    ended(retry_steps(options, progress, cancel), progress, cancel)
}

fn retry_steps(
    options: &RetryOptions,
    progress: &Progress,
    cancel: &Cancel,
) -> Result<Outcome, Failure> {
    let began = Began::now()?;
    let run = &options.run;
    let source = Source::read(run, began.time(), cancel)?;
    let first = source.parse(&source.moment)?;
    refuse(&first.definition)?;
    let remote = Remote::new(&first.definition, cancel)?;
    let read = nights::of_run(&source, first, &remote, run)?;
    let place = Place::of(&read.definition, &remote);
    let (_held, manifest) = place.hold(run.run.as_deref())?;
    if manifest.shards.is_some() {
        return Err(refused("shards wrote the result").into());
    }
    check_settings(&read.definition, &manifest)?;
    if manifest.records.rejected == 0 {
        return Err(nothing_rejected(&manifest.run).into());
    }
    let retries = place.retries(&manifest)?;
    let (mut listing, takes_changed) = match place.list(options, &remote, &retries)? {
        Taken::These(listing, takes_changed) => (listing, takes_changed),
        Taken::All(manifest) => return Ok(Outcome::AlreadyPublished { manifest }),
    };
    let published = |retry: &&Manifest| retry.status == Status::Published;
    let number = retries.iter().take_while(published).count() + 1;
    let retry = RetryOf {
        fingerprint: manifest.fingerprint.clone(),
        run: manifest.run.clone(),
        number,
        first: manifest.records.clone(),
        settled: settled(&retries),
        has_broken: has_broken(&manifest),
        takes_changed,
    };
    retry.check_is_due()?;
    let read = place.read_as_retry(read, options, number)?;
    let moment = Moment::new(None, Some(&source.moment.date), began.time())?;
    progress.is_called(&moment.run);
    let (prepared, parts) =
        prepare::complete(run, (moment, read), remote, MissingKey::Fails, cancel)?;
    check_keys(&prepared, &manifest)?;
    listing.unmatched.clear();
    let specs = list_specs(&prepared, &parts)?;
    let retry = Some(retry);
    let job = Job {
        began,
        prepared,
        parts,
        specs,
        listing,
        may_overwrite: false,
        night: None,
        shard: None,
        retry,
    };
    job.run(run, progress, cancel)
}

/// Refuses definitions whose results cannot be put together from two runs.
fn refuse(definition: &Definition) -> Result<(), RunError> {
    why_not(definition).map_or(Ok(()), |why| Err(refused(why)))
}

/// Why no retry can take the rejected records of a definition; `None` if one can.
pub(super) fn why_not(definition: &Definition) -> Option<&'static str> {
    Some(if !definition.input.endpoints.is_empty() {
        "`[[input.endpoint]]` makes several records of a row, and those of a rejected one may have been written"
    } else if definition.outputs.iter().any(|output| output.to.is_standard_output()) {
        "records went to standard output (`to = \"-\"`), so there is no result that they belong to"
    } else if definition.unique.is_some() {
        "`[unique]` compares all records of a run, and those of a retry would not be among them"
    } else if definition.users.is_some() {
        "`[users]` counts all records of a run, and those of a retry would not be among them"
    } else if definition.outputs.iter().any(|output| output.profiles.is_some()) {
        "a profile is made of all records of its user, and those of a retry would not be among them"
    } else {
        return None;
    })
}

fn refused(why: &str) -> RunError {
    let message = format!("`retry` cannot be used with this definition: {why}");
    RunError::new(ErrorKind::Definition, message)
        .hint("fix the inputs, and run the definition again; with `[state]`, put what is fixed into a new input")
}

/// Where a run published its result.
struct Place {
    account: PathBuf,
    outputs: Vec<PathBuf>,
    name: String,
    buckets: Option<Buckets>,
}

/// What a retry takes.
enum Taken {
    /// These files, and whether one of them was taken by an earlier retry and has changed since.
    These(Listing, bool),
    /// Nothing: earlier retries have taken all files. This is the manifest of the last one.
    All(PathBuf),
}

impl Place {
    fn of(definition: &Definition, remote: &Remote) -> Place {
        let account = definition.account.to.path.clone();
        let outputs = definition.outputs.iter().map(|output| output.to.path.clone()).collect();
        let (name, buckets) = (definition.name.clone(), remote.buckets.clone());
        Place { account, outputs, name, buckets }
    }

    fn request(&self) -> PlaceRequest<'_> {
        PlaceRequest {
            account: &self.account,
            outputs: &self.outputs,
            modes: &[],
            buckets: self.buckets.as_ref(),
            fingerprint: "",
            overwrite: false,
            share: Share::Whole,
        }
    }

    /// Holds the account of the run, and returns its manifest.
    fn hold(&self, run: Option<&str>) -> Result<(HeldAccount, Manifest), RunError> {
        let account = escape_path(&self.account);
        let no = |what: &str, hint: &str| {
            let message = format!("there is no published run in `{account}`: {what}");
            RunError::new(ErrorKind::NoInput, message).hint(hint)
        };
        let none = |what: &str| {
            no(what, "`retry` takes the rejects of a published run: run the definition first")
        };
        let is_idle = publish::is_idle(&self.account, self.buckets.as_ref())?;
        if is_idle && self.file(&self.account, MANIFEST)?.is_none() {
            return Err(none("it has no manifest"));
        }
        let held = HeldAccount::take(&self.request())?;
        let text = self.file(&self.account, MANIFEST)?;
        let manifest = text.ok_or_else(|| none("it has no manifest"))?;
        let Some(manifest) = Manifest::parse(&manifest) else {
            return Err(none("its manifest is none that this version can read"));
        };
        if manifest.status != Status::Published {
            return Err(none("the last run was over its budget"));
        }
        if run.is_some_and(|run| run != manifest.run) {
            let what = format!("the run that is there is `{}`", escape(&manifest.run));
            return Err(no(&what, "leave `--run` out, or name that run"));
        }
        Ok((held, manifest))
    }

    fn file(&self, account: &Path, name: &str) -> Result<Option<Vec<u8>>, PublishError> {
        read_account_file(account, self.buckets.as_ref(), name)
    }

    /// The manifests of the retries of this run, in their order.
    fn retries(&self, run: &Manifest) -> Result<Vec<Manifest>, RunError> {
        let mut retries = Vec::new();
        for number in 1..=RETRIES_MAX {
            let (account, _) = publish::retry_places(&self.account, &self.outputs, number)?;
            let Some(text) = self.file(&account, MANIFEST)? else { return Ok(retries) };
            let manifest = Manifest::parse(&text);
            let of = |manifest: &Manifest| manifest.retry.as_ref().map(|retry| retry.of.clone());
            let Some(manifest) =
                manifest.filter(|retry| of(retry).as_ref() == Some(&run.fingerprint))
            else {
                let message =
                    format!("`{}` is not a retry of the published run", escape_path(&account));
                return Err(RunError::new(ErrorKind::Taken, message)
                    .hint("move it elsewhere; a run with `--overwrite` makes the result again"));
            };
            retries.push(manifest);
        }
        let message = format!("there are {RETRIES_MAX} retries of this run already");
        Err(RunError::new(ErrorKind::Taken, message)
            .hint("fix the inputs, and run the definition again with `--overwrite`"))
    }

    /// Lists the files with the fixed rejects that no retry has taken.
    fn list(
        &self,
        options: &RetryOptions,
        remote: &Remote,
        retries: &[Manifest],
    ) -> Result<Taken, RunError> {
        let mut listing = match remote.store.list(&self.from(options), &[]) {
            Err(StoreError::NotFound { .. }) if options.from.is_empty() => {
                return Err(self.no_rejects());
            }
            Err(error @ StoreError::NotFound { .. }) => {
                return Err(RunError::from(error).hint(
                    "`--from` names files with the fixed records; a relative path begins in the working directory",
                ));
            }
            listing => listing?,
        };
        if listing.files.is_empty() && options.from.is_empty() {
            return Err(self.no_rejects());
        }
        if listing.files.is_empty() {
            return Err(RunError::new(ErrorKind::NoInput, "there is nothing to read in `--from`")
                .hint("empty files and names that begin with `_` or `.` are ignored"));
        }
        overlap::check_places(&self.outputs, &listing.files).map_err(|error| {
            error.hint(
                "what `--from` names must be outside of them: copy the fixed records elsewhere",
            )
        })?;
        let (mut lists, mut last) = (Vec::new(), 0);
        let published =
            retries.iter().enumerate().filter(|(_, retry)| retry.status == Status::Published);
        for (index, _) in published {
            last = index + 1;
            let account = self.account.join(retry_folder(last));
            let taken = inputs_of(&account, self.buckets.as_ref(), &self.name, &listing.files)?;
            keep(&compared(&taken, &listing.files).take, &mut listing);
            lists.push(taken);
        }
        if listing.files.is_empty() {
            return Ok(Taken::All(self.account.join(retry_folder(last)).join(MANIFEST)));
        }
        let changed = |taken| 0 < compared(taken, &listing.files).changed.count;
        let takes_changed = lists.iter().any(changed);
        Ok(Taken::These(listing, takes_changed))
    }

    /// The files to read.
    fn from(&self, options: &RetryOptions) -> Vec<PathBuf> {
        if options.from.is_empty() {
            return vec![self.account.join(REJECTED_RECORDS).join("")];
        }
        options.from.clone()
    }

    fn no_rejects(&self) -> RunError {
        let folder = escape_path(&self.account.join(REJECTED_RECORDS));
        RunError::new(ErrorKind::NoInput, format!("there are no rejected records in `{folder}`")).hint(
            "a run keeps them with `keep_rejected = true` under `[account]`; or name files with the fixed records: \
             `--from PATH`",
        )
    }

    /// The definition as a retry reads it: its places are in those of the run, and its inputs are the fixed rejects.
    /// A run keeps rejects as text in UTF-8, each as a whole, whatever they were in before.
    fn read_as_retry(
        &self,
        mut read: ReadDefinition,
        options: &RetryOptions,
        number: usize,
    ) -> Result<ReadDefinition, RunError> {
        let (account, outputs) = publish::retry_places(&self.account, &self.outputs, number)?;
        let definition = &mut read.definition;
        definition.account.to.path = account;
        for (output, to) in definition.outputs.iter_mut().zip(outputs) {
            output.to.path = to;
        }
        let input = &mut definition.input;
        let location = |path| Location { path, ..Location::default() };
        input.from = self.from(options).into_iter().map(location).collect();
        input.exclude = Vec::new();
        input.encoding = None;
        input.shaping.records = None;
        input.may_be_empty = false;
        input.is_text = options.from.is_empty();
        if input.is_text && input.format.is_none() {
            input.format = self.format()?;
        }
        Ok(read)
    }

    /// The format of all inputs of the run, if it is the same: a reject may begin like anything.
    fn format(&self) -> Result<Option<InputFormat>, PublishError> {
        #[derive(serde::Deserialize)]
        struct Line {
            #[serde(default)]
            format: Option<String>,
        }
        let text = self.file(&self.account, INPUTS)?.unwrap_or_default();
        let lines = text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        let lines = lines.filter_map(|line| serde_json::from_slice::<Line>(line).ok());
        let mut formats: Vec<String> = lines.filter_map(|line| line.format).collect();
        formats.dedup();
        Ok(match formats.as_slice() {
            [one] if one == "json" => Some(InputFormat::Json),
            [one] if one == "csv" => Some(InputFormat::Csv),
            _ => None,
        })
    }
}

/// Leaves only these files in a listing. The others were taken.
fn keep(take: &[usize], listing: &mut Listing) {
    let files = std::mem::take(&mut listing.files);
    let (taken, others): (Vec<(usize, Listed)>, Vec<_>) =
        files.into_iter().enumerate().partition(|(index, _)| take.binary_search(index).is_ok());
    listing.files = taken.into_iter().map(|(_, file)| file).collect();
    let others =
        others.into_iter().map(|(_, file)| Ignored { name: file.name, reason: Reason::Taken });
    listing.ignored.extend(others);
    listing.ignored.sort_by(|one, other| one.name.as_bytes().cmp(other.name.as_bytes()));
}

/// Fails if the definition would write other records than the run did.
fn check_settings(definition: &Definition, run: &Manifest) -> Result<(), RunError> {
    let is_fixed = |setting: &str| {
        let section = setting.split('.').next().unwrap_or(setting);
        ["segprep", "name", "purpose", "fields", "keys", "output"].contains(&section)
    };
    match differing_settings(definition, run, &is_fixed) {
        None => Ok(()),
        Some(names) => Err(other_rules(&format!("these settings have changed: {names}"))),
    }
}

/// Fails if a key is another one than that of the run, though it has the same name.
fn check_keys(prepared: &Prepared, run: &Manifest) -> Result<(), RunError> {
    let is_other =
        |id: &str, check: &str| run.keys.iter().any(|key| key.id == id && key.check != check);
    match prepared.keys.iter().find(|key| is_other(&key.id, &key.check)) {
        None => Ok(()),
        Some(key) => Err(other_rules(&format!(
            "the key `{}` has the check value {} now",
            escape(&key.id),
            escape(&key.check)
        ))),
    }
}

fn other_rules(what: &str) -> RunError {
    let message = format!("the rejects cannot be added to the result of the run: {what}");
    RunError::new(ErrorKind::Definition, message).hint(
        "`[input]`, `[repair]` and `[validate]` may change for a retry; with other `[fields]`, `[keys]` or `[[output]]`, \
         run the definition again with `--overwrite`",
    )
}
