//! A run, from the inputs that it has found to the published result. `mod.rs` has the steps before.
//!
//! If records are compared with each other, `together` does so in a first pass over the inputs, of which `compared` is
//! the result. `process` takes them through the stages.

use std::io::Write;
use std::path::PathBuf;

use super::account::manifest::{self, Facts};
use super::account::{differences, fingerprint, lineage};
use super::assemble::Assembler;
use super::clock::Began;
use super::error::{ErrorKind, Failure, RunError};
use super::headers;
use super::list_files::{ListFiles, list_files};
use super::lists;
use super::nights::Night;
use super::nothing::{nothing, without_records};
use super::options::RunOptions;
use super::outcome::Outcome;
use super::prepare::{self, PlanParts, Prepared};
use super::process::{Processing, pool};
use super::progress::{Progress, Stage};
use super::publish::put_in_place;
use super::retry::of::RetryOf;
use super::together::{Comparing, spill_folder};
use crate::engine::Cancel;
use crate::pipeline::Stages;
use crate::plan::ListSpec;
use crate::profiles::Spill;
use crate::publish::names::{LINEAGE, REPORT, shard_folder};
use crate::publish::{self, Begun, Foreseen, PlaceRequest, Publication, PublishError, Share};
use crate::report::{Manifest, ShardsNote, html_report};
use crate::store::s3::Reach;
use crate::store::{Listed, Listing};

/// A run that knows what it reads.
pub(super) struct Job {
    pub(super) began: Began,
    pub(super) prepared: Prepared,
    pub(super) parts: PlanParts,
    /// The lists of `[[suppress]]`.
    pub(super) specs: Vec<ListSpec>,
    pub(super) listing: Listing,
    /// Whether it may replace another published run.
    pub(super) may_overwrite: bool,
    pub(super) night: Option<Night>,
    /// The shard that the run is, if it is one.
    pub(super) shard: Option<ShardsNote>,
    /// The run whose rejects this one takes.
    pub(super) retry: Option<RetryOf>,
}

/// Where a run writes, and how it is known.
struct Placed {
    fingerprint: String,
    lists: ListFiles,
    /// `None`: it is a dry run.
    place: Option<Publication>,
}

impl Job {
    /// Takes the places that the run writes to, unless it is published there already, and runs it.
    pub(super) fn run(
        mut self,
        options: &RunOptions,
        progress: &Progress,
        cancel: &Cancel,
    ) -> Result<Outcome, Failure> {
        let Job { prepared, listing, may_overwrite, specs, night, shard, .. } = &mut self;
        let shard = shard.as_ref();
        let lists = list_files(specs, &prepared.remote.store)?;
        progress.expect_bytes(listing.files.iter().map(Listed::bytes_to_read).sum());
        let fingerprint = fingerprint::of_run(prepared, shard, &listing.files, &lists.files);
        let how = (*may_overwrite, shard.and_then(|note| note.number));
        let place = take_place(prepared, &fingerprint, options, how, night.as_mut());
        let has_list = night.is_some();
        let place = match with_differences(place, prepared, listing, has_list)? {
            Taken::DryRun => None,
            Taken::Place(place) => Some(*place),
            Taken::AlreadyPublished(manifest) => {
                let Job { night, prepared, listing, .. } = self;
                night.map_or(Ok(()), |night| night.note_published(&prepared, &listing.files))?;
                return Ok(Outcome::AlreadyPublished { manifest });
            }
        };
        self.process(Placed { fingerprint, lists, place }, options, progress, cancel)
    }

    /// Reads the inputs, and writes and publishes what becomes of them.
    fn process(
        self,
        placed: Placed,
        options: &RunOptions,
        progress: &Progress,
        cancel: &Cancel,
    ) -> Result<Outcome, Failure> {
        let Job { began, prepared, parts, specs, listing, night, shard, retry, .. } = self;
        let Placed { fingerprint, lists: found, mut place } = placed;
        let store = &prepared.remote.store;
        progress.enter(Stage::Lists);
        let pool = pool(prepared.limits.threads)?;
        let (lists, list_counts) = lists::read_lists(specs, store, &found.files, &pool, cancel)?;
        let plan = &prepared.plan(parts, lists)?;
        if let Some(place) = place.as_mut().filter(|_| plan.account.lineage) {
            let words = lineage::on_failure(&prepared, plan, &fingerprint, began, cancel);
            place.leave_if_it_fails(words);
        }
        let columns = headers::columns(plan, prepared.limits, cancel, store, &listing.files)?;
        let stages = &Stages::new(plan, &columns);
        headers::check_sizes(plan, stages)?;
        let limits = prepared.limits;
        let comparing = Comparing { plan, limits, progress, cancel };
        let compared =
            comparing.compare(&prepared, &pool, &columns, &listing.files, place.as_ref())?;
        let compared = compared.as_ref();
        let processing = Processing { plan, stages, limits, progress, cancel, compared };
        let (sha256, files) = (&prepared.definition_sha256, &listing.files);
        let number = shard.as_ref().and_then(|note| note.number);
        let by = (number, &spill(&prepared, place.as_ref(), (progress, cancel)));
        let mut assembler =
            Assembler::new(plan, stages, sha256, files, place.as_ref(), by, progress)?;
        let inputs = store.inputs(files, Reach::Whole)?;
        let users_over_names = processing.run(&pool, &inputs, &mut assembler)?;
        assembler.finish(&listing.ignored)?;
        check_balance(&assembler)?;
        if number.is_none()
            && let Some(error) = without_records(&prepared, &assembler, &listing)
        {
            return nothing(&prepared, options, error);
        }
        retry.as_ref().map_or(Ok(()), |retry| retry.check(&assembler.total))?;
        cancel.check().map_err(RunError::from)?;
        let facts = Facts {
            prepared: &prepared,
            plan,
            stages,
            fingerprint,
            began,
            listing: &listing,
            lists: list_counts,
            list_warnings: &found.warnings,
            other_outputs: place.as_ref().map_or(&[], Publication::other_outputs),
            optout_merged: compared.map(|compared| compared.decided.optout_merged),
            users_over_names,
            replaced: place.as_ref().and_then(|place| earlier_records(place, night.as_ref())),
            dry_run: options.dry_run,
            shard: shard.as_ref(),
            retry: retry.as_ref(),
        };
        let manifest = concluded(&facts, &assembler, place.as_ref())?;
        let broken = assembler.into_broken_inputs();
        let leftover = end(place, night, &manifest, &prepared, (&listing.files, &broken))?;
        let (manifest, account) = (Box::new(manifest), account_of(&prepared, number));
        Ok(Outcome::Finished { manifest, account, dry_run: options.dry_run, leftover })
    }
}

/// Where profiles wait.
fn spill(
    prepared: &Prepared,
    place: Option<&Publication>,
    (progress, cancel): (&Progress, &Cancel),
) -> Spill {
    Spill {
        folder: spill_folder(&prepared.definition, place),
        threads: prepared.limits.threads,
        chunk_bytes: prepared.limits.chunk_bytes,
        cancel: cancel.clone(),
        advance: progress.fold.clone(),
    }
}

/// Publishes what there is to publish, and notes the inputs that were taken: `broken` of them could not be read to
/// their end. Returns a warning if working files are left.
fn end(
    place: Option<Publication>,
    night: Option<Night>,
    manifest: &Manifest,
    prepared: &Prepared,
    (files, broken): (&[Listed], &[usize]),
) -> Result<Option<String>, Failure> {
    Ok(match (place, night) {
        (None, _) => None,
        (Some(place), None) => put_in_place(place, manifest)?,
        (Some(place), Some(night)) => night.publish(place, manifest, prepared, (files, broken))?,
    })
}

/// The manifest. The files of the account that are made of it are written, but for the manifest itself.
fn concluded(
    facts: &Facts<'_>,
    assembler: &Assembler<'_>,
    place: Option<&Publication>,
) -> Result<Manifest, PublishError> {
    let manifest = manifest::manifest(facts, assembler);
    if let Some(place) = place {
        write_account_file(place, REPORT, &html_report(&manifest))?;
        if manifest.lineage {
            write_account_file(place, LINEAGE, &lineage::text(facts, assembler, &manifest))?;
        }
    }
    Ok(manifest)
}

/// What the definition says of its lists.
pub(super) fn list_specs(
    prepared: &Prepared,
    parts: &PlanParts,
) -> Result<Vec<ListSpec>, RunError> {
    let Prepared { definition, schema, .. } = prepared;
    ListSpec::all(definition, &parts.rules, schema, &parts.keys)
        .map_err(|error| prepare::no_plan(&error))
}

/// How many records the run wrote that this one replaces, or else the last one on the list.
fn earlier_records(place: &Publication, night: Option<&Night>) -> Option<u64> {
    place.replaced_records().or_else(|| night.and_then(Night::last_written))
}

/// Writes a file that says what the manifest does. It is in place before the manifest.
pub(super) fn write_account_file(
    place: &Publication,
    name: &str,
    text: &str,
) -> Result<(), PublishError> {
    let mut file = place.account_file(name, false)?;
    file.write_all(text.as_bytes()).map_err(PublishError::of_write)?;
    file.finish()
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
    (may_overwrite, shard): (bool, Option<u32>),
    mut night: Option<&mut Night>,
) -> Result<Taken, Failure> {
    if options.dry_run {
        return Ok(Taken::DryRun);
    }
    night.as_mut().map_or(Ok(()), |night| night.begin(prepared))?;
    let places = Places::of(prepared, shard);
    let begun = Publication::begin(&places.request(prepared, fingerprint, may_overwrite));
    if let (Err(PublishError::Taken { .. }), Some(night)) = (&begun, night) {
        night.stays_away();
    }
    Ok(match begun? {
        Begun::AlreadyPublished { manifest } => Taken::AlreadyPublished(manifest),
        Begun::Ready(place) => Taken::Place(Box::new(place)),
    })
}

/// Looks whether a run could take its places, but takes and changes nothing.
pub(super) fn foresee(
    prepared: &Prepared,
    fingerprint: &str,
    may_overwrite: bool,
) -> Result<Foreseen, PublishError> {
    let places = Places::of(prepared, None);
    publish::foresee(&places.request(prepared, fingerprint, may_overwrite))
}

/// The places of a run.
struct Places {
    account: PathBuf,
    outputs: Vec<PathBuf>,
    modes: Vec<Option<u32>>,
    /// The shard that the run is, if it is one.
    shard: Option<u32>,
}

impl Places {
    fn of(prepared: &Prepared, shard: Option<u32>) -> Places {
        let (account, outputs) = (account_of(prepared, shard), prepared.outputs());
        Places { account, outputs, modes: prepared.modes(), shard }
    }

    fn request<'a>(
        &'a self,
        prepared: &'a Prepared,
        fingerprint: &'a str,
        may_overwrite: bool,
    ) -> PlaceRequest<'a> {
        let whole = prepared.account();
        PlaceRequest {
            account: &self.account,
            outputs: &self.outputs,
            modes: &self.modes,
            buckets: prepared.remote.buckets.as_ref(),
            fingerprint,
            overwrite: may_overwrite || prepared.writes_to_standard_output(),
            share: self.shard.map_or(Share::Whole, |number| Share::Shard { number, whole }),
        }
    }
}

/// Where the account of a run goes, or that of a shard.
fn account_of(prepared: &Prepared, shard: Option<u32>) -> PathBuf {
    let whole = prepared.account();
    shard.map_or_else(|| whole.to_owned(), |shard| whole.join(shard_folder(shard)))
}

/// The same; if another published run is in the place, with what differs between both. `has_list`: the listing has only
/// what no run has taken yet.
fn with_differences(
    taken: Result<Taken, Failure>,
    prepared: &Prepared,
    listing: &Listing,
    has_list: bool,
) -> Result<Taken, Failure> {
    taken.map_err(|failure| match failure {
        Failure::Run(error) if error.is_other_run => {
            let exclude = &prepared.definition.input.exclude;
            let relisted =
                has_list.then(|| prepared.remote.store.list(&prepared.inputs(), exclude));
            let all = relisted.and_then(Result::ok);
            let there = all.as_ref().unwrap_or(listing);
            // Without them, the error still says what is wrong.
            let found = differences::differences(prepared, &listing.files, &there.files);
            Failure::Run(RunError { places: found.unwrap_or_default(), ..error })
        }
        Failure::Run(_) | Failure::Diagnostics(_) => failure,
    })
}

/// Checks that the counts add up.
fn check_balance(assembler: &Assembler<'_>) -> Result<(), RunError> {
    if assembler.total.balances() {
        return Ok(());
    }
    let message = "the counts of records do not add up; nothing was published";
    Err(RunError::new(ErrorKind::Internal, message))
}
