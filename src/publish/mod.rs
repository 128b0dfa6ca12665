//! Publishes what a run wrote: all of it or nothing.
//!
//! This is a protocol over files and knows no records. [`Publication`] takes the steps in order.
//! `account.rs` and `output.rs` have the traits that it needs; `disk` and `bucket` implement both,
//! and a run may mix them. What always holds:
//!
//! - A run holds its account and its outputs from [`Publication::begin`] to its end. A second run
//!   in the same place fails. A killed run holds nothing.
//! - Until a run publishes, everything that it writes is in working folders, and what was
//!   published before is untouched. A run that does not publish removes everything that it made.
//! - Only the manifest publishes. The earlier one is moved away first and the new one is written
//!   last; in between there is none, and readers wait for it.
//! - Until then, the earlier result is kept. A run that fails puts it back, manifest last, and so
//!   does the next run after a kill. In a bucket, objects cannot be kept once new ones take their
//!   names; a run that fails after that says so.
//! - The journal says what a run is about to do, so that the next run can clean up after a kill.
//!   While there is a manifest, everything that it lists is complete.
//! - No file is replaced or removed unless a manifest or a journal of ours lists it: a part by its
//!   name and its size.
//! - Manifests and journals may have been written by anybody with access to the account, so they
//!   are believed only about the places of this definition (`scope.rs`).
//!
//! A run that is over its budget is *refused*. If it was allowed to overwrite an earlier result, the
//! earlier parts stay, but their manifest no longer has the status `published`. So nobody takes the
//! old parts for new ones, and no data is lost. The earlier manifest is kept as
//! `manifest.earlier.json`, which tells the next run that the parts are ours. That run may replace
//! them without `--overwrite`.
//!
//! A *shard* (see [`Share`]) is a run of its own, with an account in that of the whole and job folders of
//! its own in the outputs, so shards do not wait for each other. Its manifest publishes nothing: that is
//! done by gathering, which leaves the parts where they are and places the manifest of the whole. While a
//! run holds the account of the whole, no shard begins, and where a result is published, no shard does.

mod account;
mod blocking;
mod bucket;
mod disk;
mod earlier;
mod error;
mod journal;
mod last_words;
mod lost;
pub(crate) mod names;
mod output;
mod parts;
mod paths;
mod place;
mod recover;
mod scope;
mod share;
mod staged;
mod undo;

pub(crate) use blocking::{Foreseen, foresee};
pub use error::{ForeignFiles, LostParts, PublishError};
pub(crate) use paths::resolve;
pub use place::Buckets;
pub(crate) use place::is_occupied;
pub(crate) use recover::{
    HeldAccount, is_idle, published_in, recover, remove_empty_folders, result_in, retry_places,
};
pub use share::Share;
pub use staged::{FileRanges, StagedFile};
pub use undo::Leftover;

use std::{
    io,
    path::{Path, PathBuf},
    thread,
};

#[cfg(test)]
use crate::store::disk::folder;
use account::AccountPlace;
use earlier::{EarlierRuns, Manifest, has_retries, read_all_manifests, read_manifest};
use journal::{Journal, Phase, TakenOutput};
use last_words::LastWords;
use lost::Found;
use names::{EARLIER_MANIFEST, MANIFEST, MoveMode};
use output::OutputPlace;
use scope::Scope;
use share::PartsBy;

/// Where a run is to publish.
#[derive(Clone, Copy, Debug)]
pub struct PlaceRequest<'a> {
    /// The folder of the account.
    pub account: &'a Path,
    /// The folders of the outputs. [`Publication::part`] numbers them in this order.
    pub outputs: &'a [PathBuf],
    /// The permissions of the parts of each output, if they are set. On disk only.
    pub modes: &'a [Option<u32>],
    /// Required if the account or an output is in a bucket.
    pub buckets: Option<&'a Buckets>,
    /// Identifies runs that write the same bytes.
    pub fingerprint: &'a str,
    /// Whether another published run may be replaced.
    pub overwrite: bool,
    pub share: Share<'a>,
}

/// What a run finds where it is to publish.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "there is one in a run")]
pub enum Begun {
    /// This very run is published already.
    AlreadyPublished {
        manifest: PathBuf,
    },
    Ready(Publication),
}

/// The account and the outputs that a run holds and writes to. If it is dropped, what was written
/// is discarded.
#[derive(Debug)]
pub struct Publication {
    account: Box<dyn AccountPlace>,
    buckets: Option<Buckets>,
    earlier: EarlierRuns,
    journal: Journal,
    /// Whether the journal in the account is this run's.
    is_noted: bool,
    /// Whether this run has been rolled back, as far as possible.
    is_over: bool,
    /// Whether its manifest is in place.
    is_published: bool,
    outputs: Vec<Box<dyn OutputPlace>>,
    /// See [`Publication::other_outputs`].
    other_outputs: Vec<PathBuf>,
    parts_by: PartsBy,
    last_words: Option<LastWords>,
}

/// Reads a file of an account that another run may hold, such as its manifest; `None` if it does not exist.
///
/// # Errors
///
/// If it cannot be read.
pub(crate) fn read_account_file(
    account: &Path,
    buckets: Option<&Buckets>,
    name: &str,
) -> Result<Option<Vec<u8>>, PublishError> {
    place::account_at(paths::resolve(account)?, buckets)?.read(name)
}

/// A step towards the manifest. A run may be killed after, or in, any of them.
type PublishStep = fn(&mut Publication) -> Result<(), PublishError>;

const PUBLISH: [PublishStep; 7] = [
    Publication::check_and_sync,
    Publication::note_publishing,
    Publication::move_account_aside,
    Publication::move_aside,
    Publication::move_in,
    Publication::check_moved,
    Publication::place_manifest,
];

/// The parts are in place already.
const GATHER: [PublishStep; 5] = [
    Publication::check_and_sync,
    Publication::note_refusing,
    Publication::move_account_aside,
    Publication::move_account_files,
    Publication::place_manifest,
];

const REFUSE: [PublishStep; 5] = [
    Publication::check_and_sync,
    Publication::note_refusing,
    Publication::keep_earlier,
    Publication::move_account_files,
    Publication::place_manifest,
];

impl Publication {
    /// Takes the account and the outputs, cleans up after a killed run, and prepares them for
    /// writing.
    ///
    /// # Errors
    ///
    /// If another run is using one of them, if another published run is there and may not be
    /// overwritten, or if there are foreign files.
    pub fn begin(request: &PlaceRequest<'_>) -> Result<Begun, PublishError> {
        Self::begin_as(request, disk::move_mode)
    }

    fn begin_as(
        request: &PlaceRequest<'_>,
        move_mode: fn(&Path) -> io::Result<MoveMode>,
    ) -> Result<Begun, PublishError> {
        let scope = Scope::new(request)?;
        let account = place::account_at(scope.account.clone(), request.buckets)?;
        // A shard is not published by itself, and has no result that anybody could miss.
        let overwrite = request.overwrite || scope.shard.is_some();
        let published = || Begun::AlreadyPublished { manifest: request.account.join(MANIFEST) };

        let last = read_manifest(&*account, MANIFEST)?;
        let last = last.filter(|last| last.is_published_as(request.fingerprint));
        if let Some(last) = last
            && account.is_idle()?
        {
            match Found::look(&scope, request.buckets)?.lost(&last) {
                None if overwrite && has_retries(&*account)? => {}
                None => return Ok(published()),
                Some(parts) if !overwrite => {
                    let manifest = request.account.join(MANIFEST);
                    return Err(PublishError::Lost { manifest, lost: parts });
                }
                Some(_) => {}
            }
        }
        let mut publication = Publication::take(account, request)?;
        publication.settle_shards(request)?;
        let may_overwrite = publication.clean_up_after_kill(&scope)? || overwrite;
        if publication.is_done(&scope, request, may_overwrite)? {
            publication.discard().ok(); // the result stands, and the next run tries again
            return Ok(published());
        }
        publication.check_whole(request)?;
        publication.recover_retries(&scope, request)?;
        publication.check_account(request, may_overwrite)?;
        if publication.parts_by.is_shards() {
            return Ok(Begun::Ready(publication));
        }
        let replaced = publication.earlier.published().filter(|_| may_overwrite);
        publication.journal.replaces = replaced.map(str::to_owned);
        publication.take_outputs(&scope, request.modes, move_mode)?;
        Ok(Begun::Ready(publication))
    }

    /// A new part of an output, to be written and finished. `path` is relative to the output, such
    /// as `job-000/part-00000.json`.
    ///
    /// # Panics
    ///
    /// If there is no output with this number.
    pub fn part(&self, output: usize, path: &str) -> Result<StagedFile, PublishError> {
        let output = self.outputs.get(output).expect("outputs are numbered as they were requested");
        output.stage(path)
    }

    /// The folder of new parts, for files that go with the run and have no name. `None`: none is on disk.
    pub fn folder_for_temporary_files(&self) -> Option<PathBuf> {
        self.outputs.iter().find_map(|output| output.folder_of_new_parts())
    }

    /// A new file of the account, such as `rejects.ndjson`; if it is `private`, for its owner alone.
    pub fn account_file(&self, path: &str, private: bool) -> Result<StagedFile, PublishError> {
        self.account.stage(path, private)
    }

    /// Replaces what was there with the parts, the account's files and this manifest. When this
    /// returns, all of it is stored, whether or not working files are left. If it fails, none of it
    /// is left, and what was there before is back; [`PublishError::Gone`] says where it is otherwise.
    pub fn publish(self, manifest: &[u8]) -> Result<Option<Leftover>, PublishError> {
        let steps: &[PublishStep] = if self.parts_by.is_shards() { &GATHER } else { &PUBLISH };
        self.end(manifest, steps)
    }

    /// Replaces the account's files and the manifest, and removes the parts: the run was over its
    /// budget. Otherwise like [`publish`](Publication::publish).
    pub fn refuse(mut self, manifest: &[u8]) -> Result<Option<Leftover>, PublishError> {
        self.account.keep_shards(); // their parts stay, too
        self.end(manifest, &REFUSE)
    }

    /// Outputs of earlier runs of this account that the definition does not write to. What they
    /// hold stays as it is.
    pub fn other_outputs(&self) -> &[PathBuf] {
        &self.other_outputs
    }

    /// The number of records that the run wrote that this one is to replace. `None`: there is none.
    pub fn replaced_records(&self) -> Option<u64> {
        self.earlier.records()
    }

    /// Removes what this run made.
    pub fn discard(mut self) -> Result<(), PublishError> {
        self.roll_back()
    }
}

/// Beginning.
impl Publication {
    fn take(
        account: Box<dyn AccountPlace>,
        request: &PlaceRequest<'_>,
    ) -> Result<Publication, PublishError> {
        let mut journal = Journal::new(request.fingerprint);
        journal.made = account.missing_folders();
        let mut publication = Publication {
            account,
            buckets: request.buckets.cloned(),
            earlier: EarlierRuns::default(),
            journal,
            is_noted: false,
            is_over: false,
            is_published: false,
            outputs: Vec::new(),
            other_outputs: Vec::new(),
            parts_by: PartsBy::of(request.share),
            last_words: None,
        };
        if publication.parts_by.is_shards() {
            publication.account.keep_shards();
        }
        if !publication.account.take()? {
            return Err(PublishError::Taken { place: publication.account.path() });
        }
        publication.earlier = read_all_manifests(&*publication.account)?;
        Ok(publication)
    }

    /// Whether this very run is published, with all of its parts, and nothing is to be removed. If some parts are lost
    /// and this run may make them again, files with their names are ours from now on, whatever their size.
    fn is_done(
        &mut self,
        scope: &Scope,
        request: &PlaceRequest<'_>,
        may_overwrite: bool,
    ) -> Result<bool, PublishError> {
        let last = self.earlier.last.as_mut();
        let Some(last) = last.filter(|last| last.is_published_as(request.fingerprint)) else {
            return Ok(false);
        };
        let found = Found::look(scope, request.buckets)?;
        match found.lost(last) {
            None => Ok(!may_overwrite || self.earlier.retries.is_empty()),
            Some(parts) if !may_overwrite => {
                let manifest = request.account.join(MANIFEST);
                Err(PublishError::Lost { manifest, lost: parts })
            }
            Some(_) => {
                found.adopt_sizes(last);
                Ok(false)
            }
        }
    }

    fn take_outputs(
        &mut self,
        scope: &Scope,
        modes: &[Option<u32>],
        move_mode: fn(&Path) -> io::Result<MoveMode>,
    ) -> Result<(), PublishError> {
        for to in &scope.outputs {
            let (mode, created) = place::plan_output(to, scope.shard, move_mode)?;
            self.journal.outputs.push(TakenOutput::new(to, mode));
            self.journal.made.extend(created);
        }
        self.account.write_journal(&self.journal)?;
        self.is_noted = true;
        let (account, buckets) = (self.account.path(), self.buckets.as_ref());
        for (number, taken) in self.journal.outputs.iter().enumerate() {
            let mode = modes.get(number).copied().flatten();
            let output = place::take_output(taken, number, mode, &account, &self.earlier, buckets)?;
            self.outputs.push(output);
        }
        self.account.prepare()
    }
}

/// Ending.
impl Publication {
    fn end(
        mut self,
        manifest: &[u8],
        steps: &[PublishStep],
    ) -> Result<Option<Leftover>, PublishError> {
        let mut ended = self.stage_manifest(manifest);
        for step in steps {
            ended = ended.and_then(|()| step(&mut self));
        }
        if let Err(error) = ended {
            return Err(self.fail(error));
        }
        if self.journal.phase == Phase::Publishing {
            self.journal.made.clear();
        }
        // The manifest is in place. What cannot be cleaned up now, the next run finds by the
        // journal.
        self.is_published = true;
        Ok(self.roll_back().err().map(|error| self.leftover(error)))
    }

    /// Keeps the manifest, and in the journal all parts that this run will move.
    fn stage_manifest(&mut self, manifest: &[u8]) -> Result<(), PublishError> {
        let new = Manifest::parse(manifest, MANIFEST, &self.account.path())?;
        for taken in &mut self.journal.outputs {
            taken.parts = self.earlier.parts_with(Some(&new), &taken.to);
            *taken = taken.with_own_parts();
        }
        self.account.stage_manifest(manifest)
    }

    /// Fails if a foreign file has appeared since the run began, and syncs everything to the disk.
    /// Nothing has been moved yet.
    fn check_and_sync(&mut self) -> Result<(), PublishError> {
        let (account, earlier) = (&mut self.account, &self.earlier);
        side_by_side(
            self.outputs.iter_mut(),
            |output| output.check_and_sync(earlier),
            || account.refresh(),
        )?;
        self.check_account_files()?;
        self.account.sync()
    }

    fn note_publishing(&mut self) -> Result<(), PublishError> {
        for (taken, output) in self.journal.outputs.iter_mut().zip(&self.outputs) {
            taken.earlier = output.earlier();
        }
        self.note(Phase::Publishing)
    }

    fn note_refusing(&mut self) -> Result<(), PublishError> {
        self.note(Phase::Refusing)
    }

    fn note(&mut self, phase: Phase) -> Result<(), PublishError> {
        self.journal.held = self.account.held()?;
        self.journal.phase = phase;
        self.account.write_journal(&self.journal)
    }

    /// From now on, nothing is published.
    fn move_account_aside(&mut self) -> Result<(), PublishError> {
        self.account.move_aside(None)
    }

    /// The same, but keeps the manifest of a published run, whose parts stay in the outputs.
    fn keep_earlier(&mut self) -> Result<(), PublishError> {
        let kept = match &self.earlier {
            earlier if earlier.is_published() => Some(MANIFEST),
            earlier => earlier.kept.as_ref().map(|_| EARLIER_MANIFEST),
        };
        self.account.move_aside(kept)
    }

    fn move_aside(&mut self) -> Result<(), PublishError> {
        self.outputs.iter().try_for_each(|output| output.move_aside())
    }

    /// The account's earlier files are replaced only after all parts.
    fn move_in(&mut self) -> Result<(), PublishError> {
        let (account, is_first) = (&self.account, !self.earlier.is_any());
        let with_parts = || if is_first { account.move_files_in() } else { Ok(()) };
        side_by_side(self.outputs.iter(), |output| output.move_in(), with_parts)?;
        if is_first { Ok(()) } else { account.move_files_in() }
    }

    fn move_account_files(&mut self) -> Result<(), PublishError> {
        self.account.move_files_in()
    }

    /// Fails if a foreign file has appeared since [`check_and_sync`](Publication::check_and_sync).
    fn check_moved(&mut self) -> Result<(), PublishError> {
        let mut moved = self.outputs.iter().zip(&self.journal.outputs);
        moved.try_for_each(|(output, taken)| output.check_moved(taken))?;
        self.account.check_moved()
    }

    fn place_manifest(&mut self) -> Result<(), PublishError> {
        self.account.place_manifest()
    }
}

impl Drop for Publication {
    fn drop(&mut self) {
        self.roll_back().ok(); // what is left, the next run finds by the journal
    }
}

/// Calls `each` for every output and `other` once, all at the same time: in buckets, each of them
/// waits for the network. Returns the first error once all calls have ended.
fn side_by_side<T: Send>(
    outputs: impl Iterator<Item = T>,
    each: impl Fn(T) -> Result<(), PublishError> + Sync,
    other: impl FnOnce() -> Result<(), PublishError>,
) -> Result<(), PublishError> {
    thread::scope(|scope| {
        let each = &each;
        let started: Vec<_> = outputs.map(|output| scope.spawn(move || each(output))).collect();
        let other = other();
        let ended = started
            .into_iter()
            .map(|call| call.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        ended.fold(Ok(()), Result::and).and(other)
    })
}

#[cfg(test)]
mod tests;
