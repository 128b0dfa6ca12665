//! `segprep gather`: publishes what shards have written.
//!
//! The parts are where they belong, and stay there. What is made here is the account of the whole: the
//! rejects and inputs of all shards in their order, and a manifest with their sums. A shard that read from
//! the middle of an input counts its records and lines from there on; those before are known here.
//!
//! 1. `shards` follows the plan, and the publication takes the account of the whole. From then on no shard
//!    begins, and none is working.
//! 2. `shards/account` reads the account of each shard. Without exactly the shards of the plan, nothing is
//!    published.
//! 3. `merged` adds up the manifests. The publication checks that the parts which they list are there, and
//!    no others.
//! 4. `files` writes the files of the account, and they are published; of a result over its budget, only these.

pub(super) mod files;
pub(super) mod merged;

use std::path::PathBuf;

use super::account::{fingerprint, lineage, manifest};
use super::budgets;
use super::clock::Began;
use super::error::{ErrorKind, Failure, RunError};
use super::job::{list_specs, write_account_file};
use super::list_files::list_files;
use super::look;
use super::nights::Night;
use super::nothing::{no_record, nothing, nothing_to_read};
use super::options::RunOptions;
use super::outcome::Outcome;
use super::prepare::Prepared;
use super::progress::{Progress, Stage};
use super::publish::put_in_place;
use super::shards::account::{Expected, Fault, ShardAccount};
use super::shards::{self, Following, Wanted, without_lists};
use super::text::escape;
use crate::engine::Cancel;
use crate::plan::Plan;
use crate::publish::names::{LINEAGE, MANIFEST, REPORT, shard_folder};
use crate::publish::{self, Begun, PlaceRequest, Publication, PublishError, Share};
use crate::report::{Manifest, ShardsNote, Status, html_report};
use crate::shards::{Piece, ShardPlan};
use crate::store::Listed;
use files::GatheredFiles;
use merged::Merged;

/// The most shards that an error lists.
const NAMED_MAX: usize = 10;

/// What to gather.
#[derive(Clone, Debug, Default)]
pub struct GatherOptions {
    /// The definition and its settings.
    pub run: RunOptions,
    /// How many shards there are; `None`: as many as the plan says.
    pub count: Option<u32>,
    /// The printed plan that they followed.
    pub plan: Option<PathBuf>,
}

/// Publishes what the shards of a plan have written.
///
/// # Errors
///
/// If shards are missing or are not those of the plan, and for whatever a run fails.
pub fn gather(
    options: &GatherOptions,
    progress: &Progress,
    cancel: &Cancel,
) -> Result<Outcome, Failure> {
    progress.enter(Stage::Prepare);
    let ended = gather_steps(options, progress, cancel);
    progress.leave();
    ended.map_err(|failure| look::because(failure, cancel))
}

fn gather_steps(
    options: &GatherOptions,
    progress: &Progress,
    cancel: &Cancel,
) -> Result<Outcome, Failure> {
    let began = Began::now()?;
    let wanted = Wanted { count: options.count, plan: options.plan.as_deref(), shard: None };
    let Following { prepared, parts, plan, night } = shards::follow(&options.run, &wanted, cancel)?;
    progress.is_called(&prepared.moment.run);
    let specs = list_specs(&prepared, &parts)?;
    let list_files = list_files(&specs, &prepared.remote.store)?.files;
    let compiled = without_lists(&prepared, parts)?;
    let note =
        ShardsNote { plan: plan.digest.clone(), count: plan.head.shards, ..ShardsNote::default() };
    let fingerprint = fingerprint::of_shards(&prepared, &note, &list_files);
    let whole = Whole {
        prepared: &prepared,
        compiled: &compiled,
        plan: &plan,
        note,
        fingerprint,
        list_files: &list_files,
        outputs: prepared.outputs(),
        modes: prepared.modes(),
        has_plan: options.plan.is_some(),
    };
    if plan.head.objects == 0 {
        return nothing(&prepared, &options.run, nothing_to_read(&prepared, &plan.ignored));
    }
    progress.enter(Stage::Process);
    whole.gather(night, began, options, cancel)
}

/// What shards have written, and what they should have.
struct Whole<'a> {
    prepared: &'a Prepared,
    compiled: &'a Plan,
    plan: &'a ShardPlan,
    note: ShardsNote,
    fingerprint: String,
    /// The files of each suppression list.
    list_files: &'a [Vec<Listed>],
    outputs: Vec<PathBuf>,
    modes: Vec<Option<u32>>,
    /// Whether the plan was printed.
    has_plan: bool,
}

impl Whole<'_> {
    fn gather(
        &self,
        mut night: Option<Night>,
        began: Began,
        options: &GatherOptions,
        cancel: &Cancel,
    ) -> Result<Outcome, Failure> {
        let (prepared, inputs) = (self.prepared, self.inputs());
        let mut place = match self.take(night.as_mut(), &inputs)? {
            Begun::Ready(place) => place,
            Begun::AlreadyPublished { manifest } => {
                night.map_or(Ok(()), |night| night.note_published(prepared, &inputs))?;
                return Ok(Outcome::AlreadyPublished { manifest });
            }
        };
        let merged = self.merged(&place, cancel)?;
        let records = &merged.sum.records;
        if records.read == records.dropped.get("header").copied().unwrap_or(0) {
            return nothing(prepared, &options.run, no_record(prepared, inputs.len()));
        }
        let last = night.as_ref().and_then(Night::last_written);
        let exceeded = budgets::exceeded(self.compiled, &merged.tally(self.compiled), last, None);
        let as_what = (&self.note, self.fingerprint.as_str());
        let mut manifest = merged.finish(prepared, self.compiled, as_what, began);
        self.note_inputs(&mut manifest);
        place.gather(&self.request(), &manifest::text(&manifest)).map_err(lost)?;
        let broken = self.write_files(&place, cancel)?;
        cancel.check().map_err(RunError::from)?;
        if !exceeded.is_empty() {
            manifest.status = Status::OverBudget;
            manifest.exceeded = exceeded;
            manifest.outputs.iter_mut().for_each(|output| output.files.clear());
        }
        write_account_file(&place, REPORT, &html_report(&manifest))?;
        if manifest.lineage {
            let events = lineage::text_of_whole(prepared, self.compiled, &manifest);
            write_account_file(&place, LINEAGE, &events)?;
        }
        let mut leftover = match night {
            None => put_in_place(place, &manifest)?,
            Some(night) => night.publish(place, &manifest, prepared, (&inputs, &broken))?,
        };
        if manifest.is_over_budget()
            && let Err(failure) = self.remove_shards()
        {
            leftover = leftover.or(Some(not_removed(&failure)));
        }
        let (manifest, account) = (Box::new(manifest), prepared.account().to_owned());
        Ok(Outcome::Finished { manifest, account, dry_run: false, leftover })
    }

    /// The inputs of the plan, each once.
    fn inputs(&self) -> Vec<Listed> {
        let first = |piece: &&Piece| piece.listed.range.is_none_or(|range| range.from == 0);
        let firsts = self.plan.pieces.iter().filter(first);
        firsts.map(|piece| Listed { range: None, ..piece.listed.clone() }).collect()
    }

    fn note_inputs(&self, manifest: &mut Manifest) {
        manifest.inputs.files = self.plan.head.objects;
        manifest.inputs.ignored = u64::try_from(self.plan.ignored.len()).unwrap_or(u64::MAX);
        let unmatched = self.plan.head.unmatched.iter();
        manifest.warnings.extend(
            unmatched.map(|pattern| format!("the pattern `{}` matches no file", escape(pattern))),
        );
    }

    fn request(&self) -> PlaceRequest<'_> {
        PlaceRequest {
            account: self.prepared.account(),
            outputs: &self.outputs,
            modes: &self.modes,
            buckets: self.prepared.remote.buckets.as_ref(),
            fingerprint: &self.fingerprint,
            overwrite: false,
            share: Share::Gathered,
        }
    }

    /// Takes the account of the whole.
    fn take(&self, night: Option<&mut Night>, inputs: &[Listed]) -> Result<Begun, Failure> {
        let Some(night) = night else { return Ok(Publication::begin(&self.request())?) };
        let (account, buckets) = (self.prepared.account(), self.prepared.remote.buckets.as_ref());
        if publish::published_in(account, buckets)?.as_ref() == Some(&self.fingerprint) {
            return Ok(Begun::AlreadyPublished { manifest: account.join(MANIFEST) });
        }
        night.check_new(inputs)?;
        night.begin(self.prepared)?;
        let begun = Publication::begin(&self.request());
        if let Err(PublishError::Taken { .. }) = &begun {
            night.stays_away();
        }
        Ok(begun?)
    }

    /// The account of a shard, or what does not hold about it.
    fn account(&self, number: u32) -> Result<Result<ShardAccount<'_>, Fault>, Failure> {
        let note = ShardsNote { number: Some(number), ..self.note.clone() };
        let expected = Expected {
            number,
            fingerprint: fingerprint::of_shards(self.prepared, &note, self.list_files),
            note: &self.note,
            outputs: &self.outputs,
            pieces: self.pieces_of(number),
        };
        let store = &self.prepared.remote.store;
        ShardAccount::read(store, self.prepared.account(), &expected)
    }

    fn pieces_of(&self, number: u32) -> &[Piece] {
        let pieces = &self.plan.pieces;
        let from = pieces.partition_point(|piece| piece.shard < number);
        let to = pieces.partition_point(|piece| piece.shard <= number);
        pieces.get(from..to).unwrap_or(&[])
    }

    /// Adds up the manifests of all shards. Fails if they are not those of the plan.
    fn merged(&self, place: &Publication, cancel: &Cancel) -> Result<Merged, Failure> {
        let mut merged: Option<Merged> = None;
        let mut faults = Vec::new();
        for number in 0..self.note.count {
            cancel.check().map_err(RunError::from)?;
            match (self.account(number)?, &mut merged) {
                (Err(fault), _) => faults.push((number, fault)),
                (Ok(shard), Some(merged)) => merged.add(&shard.manifest),
                (Ok(shard), None) => merged = Some(Merged::new(&shard.manifest)),
            }
        }
        let more = place.shards()?.into_iter().filter(|shard| self.note.count <= *shard);
        faults.extend(more.map(|shard| (shard, "is not in the plan".to_owned())));
        match merged {
            Some(merged) if faults.is_empty() => Ok(merged),
            _ => Err(self.not_whole(&faults).into()),
        }
    }

    /// Writes the rejects, the inputs and the originals. Returns the inputs that could not be read to their
    /// ends, by their indices.
    fn write_files(&self, place: &Publication, cancel: &Cancel) -> Result<Vec<usize>, Failure> {
        let (compiled, sha256) = (self.compiled, &self.prepared.definition_sha256);
        let mut files = GatheredFiles::new(place, compiled, sha256)?;
        for number in 0..self.note.count {
            cancel.check().map_err(RunError::from)?;
            let added = match self.account(number)? {
                Err(fault) => Err(fault),
                Ok(shard) => files.add(&shard, self.pieces_of(number))?,
            };
            added.map_err(|fault| self.not_whole(&[(number, fault)]))?;
        }
        files.finish(&self.plan.ignored)
    }

    /// Removes the parts of all shards: their result is over its budget. Each shard has ended, and nobody
    /// holds it.
    fn remove_shards(&self) -> Result<(), Failure> {
        let whole = self.prepared.account();
        for number in 0..self.note.count {
            let account = whole.join(shard_folder(number));
            let buckets = self.prepared.remote.buckets.as_ref();
            let Some(mut manifest) = super::account::differences::manifest_of(&account, buckets)?
            else {
                continue;
            };
            manifest.status = Status::OverBudget;
            manifest.outputs.iter_mut().for_each(|output| output.files.clear());
            let share = Share::Shard { number, whole };
            let (account, fingerprint) = (account.as_path(), "");
            let request = PlaceRequest { account, fingerprint, share, ..self.request() };
            if let Begun::Ready(place) = Publication::begin(&request)? {
                place.publish(&manifest::text(&manifest))?;
            }
        }
        Ok(())
    }

    /// The error if these shards are not those of the plan.
    fn not_whole(&self, faults: &[(u32, Fault)]) -> RunError {
        let count = self.note.count;
        let (first, fault) =
            faults.first().map_or((0, "has not run"), |(number, fault)| (*number, fault.as_str()));
        let message = match faults.len() {
            0 | 1 => format!("shard {first} {fault}; nothing was published"),
            all => format!("shard {first} {fault}, and {} more; nothing was published", all - 1),
        };
        let named = faults.iter().take(NAMED_MAX).skip(1);
        let mut places: Vec<String> =
            named.map(|(number, fault)| format!("shard {number} {fault}")).collect();
        if NAMED_MAX < faults.len() {
            places.push(format!("and {} more", faults.len() - NAMED_MAX));
        }
        let hint = if first < count {
            let plan = if self.has_plan { " --plan PLAN" } else { "" };
            format!("do it with `segprep run FILE{plan} --shard {first}/{count}`, and gather again")
        } else {
            "gather with the plan that it followed, or remove its account and its parts".to_owned()
        };
        RunError { places, ..RunError::new(ErrorKind::Differs, message).hint(hint) }
    }
}

/// Parts that are not there are a check that did not hold.
fn lost(error: PublishError) -> RunError {
    let PublishError::Lost { lost, .. } = error else { return error.into() };
    let message = format!("parts of shards are not as these have written them: {lost}");
    RunError::new(ErrorKind::Differs, message)
        .hint("do these shards again: the number of the shard is the first one in `job-000-000`")
}

fn not_removed(failure: &Failure) -> String {
    let why = match failure {
        Failure::Run(error) => error.to_string(),
        Failure::Diagnostics(_) => String::new(),
    };
    format!("the parts of the shards could not be removed ({why}); nothing lists them as published")
}
