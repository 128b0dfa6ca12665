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
//! - Only the manifest publishes. The earlier one is removed first and the new one is written
//!   last; in between there is none, and readers wait for it.
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

mod account;
mod bucket;
mod disk;
mod earlier;
mod error;
mod journal;
mod lost;
pub(crate) mod names;
mod output;
mod parts;
mod paths;
mod place;
mod scope;
mod staged;

pub use error::{ForeignFiles, LostParts, PublishError};
pub use place::Buckets;
pub use staged::StagedFile;

use std::{
    io,
    path::{Path, PathBuf},
    thread,
};

use crate::store::disk::folder;
use account::AccountPlace;
use earlier::{EarlierRuns, Manifest};
use journal::{Journal, Phase, TakenOutput};
use lost::Found;
use names::{EARLIER_MANIFEST, MANIFEST, MoveMode, is_account_file};
use output::OutputPlace;
use parts::Parts;
use scope::Scope;

/// Where a run is to publish.
#[derive(Clone, Copy, Debug)]
pub struct PlaceRequest<'a> {
    /// The folder of the account.
    pub account: &'a Path,
    /// The folders of the outputs. [`Publication::part`] numbers them in this order.
    pub outputs: &'a [PathBuf],
    /// Required if the account or an output is in a bucket.
    pub buckets: Option<&'a Buckets>,
    /// Identifies runs that write the same bytes.
    pub fingerprint: &'a str,
    /// Whether another published run may be replaced.
    pub overwrite: bool,
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
    /// See [`Publication::left_alone`].
    left_alone: Vec<PathBuf>,
}

/// A step towards the manifest. A run may be killed after, or in, any of them.
type PublishStep = fn(&mut Publication) -> Result<(), PublishError>;

const PUBLISH: [PublishStep; 6] = [
    Publication::check_and_sync,
    Publication::note_publishing,
    Publication::retire_earlier,
    Publication::move_aside,
    Publication::move_in,
    Publication::place_manifest,
];

const REFUSE: [PublishStep; 5] = [
    Publication::check_and_sync,
    Publication::note_refusing,
    Publication::set_earlier_aside,
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
        let scope = Scope::new(request.account, request.outputs)?;
        let account = place::account_at(scope.account.clone(), request.buckets)?;
        let published = || Begun::AlreadyPublished { manifest: request.account.join(MANIFEST) };

        let last = read_manifest(&*account, MANIFEST)?;
        let last = last.filter(|last| last.is_published_as(request.fingerprint));
        if let Some(last) = last
            && account.is_idle()?
        {
            match Found::look(&scope, request.buckets)?.lost(&last) {
                None => return Ok(published()),
                Some(lost) if !request.overwrite => {
                    return Err(PublishError::Lost {
                        manifest: request.account.join(MANIFEST),
                        lost,
                    });
                }
                Some(_) => {}
            }
        }
        let mut publication = Publication::take(account, request)?;
        let may_overwrite = publication.clean_up_after_kill(&scope)? || request.overwrite;
        if publication.is_done(&scope, request, may_overwrite)? {
            publication.discard()?;
            return Ok(published());
        }
        publication.check_account(may_overwrite)?;
        let replaced = publication.earlier.published().filter(|_| may_overwrite);
        publication.journal.replaces = replaced.map(str::to_owned);
        publication.take_outputs(&scope.outputs, move_mode)?;
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

    /// A new file of the account, to be written and finished, such as `rejects.ndjson`. If it is
    /// `private`, only its owner may read it.
    pub fn account_file(&self, path: &str, private: bool) -> Result<StagedFile, PublishError> {
        self.account.stage(path, private)
    }

    /// Replaces what was there with the parts, the account's files and this manifest. When this
    /// returns, all of it is stored; if it fails, none of it is left.
    pub fn publish(self, manifest: &[u8]) -> Result<(), PublishError> {
        self.end(manifest, &PUBLISH)
    }

    /// Replaces the account's files and the manifest, and removes the parts: the run was over its
    /// budget.
    pub fn refuse(self, manifest: &[u8]) -> Result<(), PublishError> {
        self.end(manifest, &REFUSE)
    }

    /// Outputs of earlier runs of this account that the definition does not write to. What they
    /// hold stays as it is.
    pub fn left_alone(&self) -> &[PathBuf] {
        &self.left_alone
    }

    /// Removes everything that this run made.
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
            left_alone: Vec::new(),
        };
        if !publication.account.take()? {
            return Err(PublishError::Taken { place: publication.account.path() });
        }
        publication.earlier = read_manifests(&*publication.account)?;
        Ok(publication)
    }

    /// Cleans up after a killed run, in the places of this definition. Returns true if that run had
    /// the same fingerprint and was allowed to replace what is published now.
    fn clean_up_after_kill(&mut self, scope: &Scope) -> Result<bool, PublishError> {
        let left = self.account.read_journal()?;
        self.left_alone = scope.others(&self.earlier, left.as_ref());
        let Some(mut left) = left else { return Ok(false) };
        let account = self.account.path();
        let mut outputs = Vec::new();
        for taken in &left.outputs {
            let Some(number) = scope.output_number(&taken.to) else { continue };
            let output = place::take_over_output(taken, number, &account, self.buckets.as_ref())?;
            outputs.extend(output.map(|output| (output, taken.parts.clone())));
        }
        self.clean_up(left.phase, outputs)?;
        if !self.earlier.is_published_as(&left.fingerprint) {
            left.made.retain(|folder| scope.may_have_made(folder));
            remove_made(&left.made);
            self.journal.made.extend(left.made.into_iter().filter(|folder| folder.exists()));
        }
        self.account.remove_journal()?;
        self.account.refresh()?;
        self.earlier = read_manifests(&*self.account)?;
        let is_this = left.fingerprint == self.journal.fingerprint;
        Ok(is_this && left.replaces.is_some_and(|run| self.earlier.is_published_as(&run)))
    }

    /// Whether this very run is published, with all of its parts. If some are lost and this run may
    /// make them again, files with the names of its parts are ours from now on, whatever their size.
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
            None => Ok(true),
            Some(lost) if !may_overwrite => {
                Err(PublishError::Lost { manifest: request.account.join(MANIFEST), lost })
            }
            Some(_) => {
                found.adopt_sizes(last);
                Ok(false)
            }
        }
    }

    fn check_account(&self, may_overwrite: bool) -> Result<(), PublishError> {
        self.check_account_files()?;
        self.account.check_working_files()?;
        if self.earlier.is_published() && !may_overwrite {
            return Err(PublishError::Published { account: self.account.path() });
        }
        Ok(())
    }

    fn check_account_files(&self) -> Result<(), PublishError> {
        let is_known = self.earlier.is_any();
        self.account.check_files(&|file| is_known && is_account_file(file))
    }

    fn take_outputs(
        &mut self,
        outputs: &[PathBuf],
        move_mode: fn(&Path) -> io::Result<MoveMode>,
    ) -> Result<(), PublishError> {
        for to in outputs {
            let (mode, created) = place::plan_output(to, move_mode)?;
            self.journal.outputs.push(TakenOutput::new(to, mode));
            self.journal.made.extend(created);
        }
        self.account.write_journal(&self.journal)?;
        self.is_noted = true;
        let (account, buckets) = (self.account.path(), self.buckets.as_ref());
        for (number, taken) in self.journal.outputs.iter().enumerate() {
            let output = place::take_output(taken, number, &account, &self.earlier, buckets)?;
            self.outputs.push(output);
        }
        self.account.prepare()
    }
}

/// Ending.
impl Publication {
    fn end(mut self, manifest: &[u8], steps: &[PublishStep]) -> Result<(), PublishError> {
        self.stage_manifest(manifest)?;
        steps.iter().try_for_each(|step| step(&mut self))?;
        if self.journal.phase == Phase::Publishing {
            self.journal.made.clear();
        }
        // The manifest is in place. What cannot be cleaned up now, the next run finds by the
        // journal.
        self.is_published = true;
        self.roll_back().ok();
        Ok(())
    }

    /// Keeps the manifest, and in the journal all parts that this run will move.
    fn stage_manifest(&mut self, manifest: &[u8]) -> Result<(), PublishError> {
        let new = Manifest::parse(manifest, MANIFEST, &self.account.path())?;
        for taken in &mut self.journal.outputs {
            taken.parts = self.earlier.parts_with(Some(&new), &taken.to);
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
        self.journal.phase = Phase::Publishing;
        self.account.write_journal(&self.journal)
    }

    fn note_refusing(&mut self) -> Result<(), PublishError> {
        self.journal.phase = Phase::Refusing;
        self.account.write_journal(&self.journal)
    }

    /// Removes the earlier manifest. From now on, nothing is published.
    fn retire_earlier(&mut self) -> Result<(), PublishError> {
        self.account.retire_earlier()
    }

    /// Keeps the manifest of a published run, whose parts stay in the outputs.
    fn set_earlier_aside(&mut self) -> Result<(), PublishError> {
        self.account.set_earlier_aside(self.earlier.is_published())
    }

    fn move_aside(&mut self) -> Result<(), PublishError> {
        self.outputs.iter().try_for_each(|output| output.move_aside())
    }

    fn move_in(&mut self) -> Result<(), PublishError> {
        let account = &self.account;
        side_by_side(self.outputs.iter(), |output| output.move_in(), || account.move_files_in())
    }

    fn move_account_files(&mut self) -> Result<(), PublishError> {
        self.account.move_files_in()
    }

    fn place_manifest(&mut self) -> Result<(), PublishError> {
        self.account.place_manifest()
    }
}

/// Cleaning up.
impl Publication {
    /// Removes everything that this run made and that no manifest lists, and releases the account
    /// and the outputs.
    fn roll_back(&mut self) -> Result<(), PublishError> {
        if std::mem::replace(&mut self.is_over, true) {
            return Ok(());
        }
        if !self.account.is_held() {
            remove_made(&self.journal.made);
            return Ok(());
        }
        if self.is_noted {
            let parts = self.journal.outputs.iter().map(|taken| taken.parts.clone());
            let outputs = self.outputs.drain(..).zip(parts).collect();
            self.clean_up(self.journal.phase, outputs)?;
            self.account.remove_journal()?;
        }
        self.account.release()?;
        remove_made(&self.journal.made);
        Ok(())
    }

    /// Removes what a run left that came as far as `phase`. While there is a manifest, everything
    /// that it lists is complete and stays. Fails if this run no longer holds the account: cleaning
    /// up is then left to the run that does.
    fn clean_up(
        &mut self,
        phase: Phase,
        outputs: Vec<(Box<dyn OutputPlace>, Parts)>,
    ) -> Result<(), PublishError> {
        let is_complete = self.is_published || {
            self.account.refresh()?;
            self.account.has(MANIFEST)?
        };
        let half_published = phase == Phase::Publishing && !is_complete;
        outputs
            .into_iter()
            .try_for_each(|(output, parts)| output.roll_back(&parts, half_published))?;
        self.account.clean_up(half_published, phase != Phase::Writing && !is_complete)
    }
}

impl Drop for Publication {
    fn drop(&mut self) {
        self.roll_back().ok(); // what is left, the next run finds by the journal
    }
}

fn read_manifest(account: &dyn AccountPlace, name: &str) -> Result<Option<Manifest>, PublishError> {
    let text = account.read(name)?;
    text.map(|text| Manifest::parse(&text, name, &account.path())).transpose()
}

fn read_manifests(account: &dyn AccountPlace) -> Result<EarlierRuns, PublishError> {
    Ok(EarlierRuns {
        last: read_manifest(account, MANIFEST)?,
        kept: read_manifest(account, EARLIER_MANIFEST)?,
    })
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

/// Removes the folders that a run created, as far as they are empty.
fn remove_made(made: &[PathBuf]) {
    let mut deepest_first: Vec<&PathBuf> = made.iter().collect();
    deepest_first.sort_unstable_by_key(|folder| std::cmp::Reverse(folder.components().count()));
    for folder in deepest_first {
        folder::remove_if_empty(folder).ok(); // an empty folder does no harm
    }
}

#[cfg(test)]
mod tests;
