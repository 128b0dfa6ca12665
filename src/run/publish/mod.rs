//! How what a run wrote comes to be published, all of it or nothing.
//!
//! A pure protocol over files: it knows no records. What always holds:
//!
//! - A run holds its account and its outputs from [`Publication::begin`] to its end: a second one
//!   in the same place is told so. A killed run holds nothing.
//! - Until it publishes, all that a run writes lies in working folders, and what was published
//!   before stands. A run that does not publish takes everything away that it made.
//! - Only the manifest publishes. An earlier one goes first, the new one comes last, and in
//!   between there is none: readers wait for it.
//! - The journal says what a run does before it does it, so that the next run can clean up what a
//!   kill left. While a manifest stands, what it tells of is whole.
//! - No file is replaced or removed that no manifest or journal of ours accounts for.
//!
//! In an account lies `.segprep/` while a run works: `lock`, `journal.json`, `manifest.json` and
//! `new/`, the account's files to be. `place.rs` says what lies at an output.
//!
//! A run that may overwrite a published one and is over its budget leaves the earlier parts where
//! they are, without a published manifest: whoever waits for one is not told that old parts are
//! the new ones, and no data is lost. The earlier manifest stays as `manifest.earlier.json`, so
//! that the next run knows these parts for ours; that run needs no leave to replace them.

mod earlier;
mod error;
mod journal;
mod place;
mod staged;

pub use error::{PublishError, Strangers};
pub use staged::StagedFile;

use std::{
    fs,
    io::{self, Write},
    path::{Component, Path, PathBuf},
};

use crate::run::publish::earlier::{Account, EARLIER, MANIFEST, remove_account_files};
use crate::run::publish::error::at;
use crate::run::publish::journal::{Journal, Owned, Phase};
use crate::run::publish::place::{Mode, NEW, Place, WORK, no_strangers};
use crate::store::{Lock, Staged, folder};

/// Where a run is to publish.
#[derive(Clone, Copy, Debug)]
pub struct PlaceRequest<'a> {
    /// The folder of the account.
    pub account: &'a Path,
    /// The folders of the outputs, in the order in which [`Publication::part`] counts them.
    pub outputs: &'a [PathBuf],
    /// Tells runs that write the same from others.
    pub fingerprint: &'a str,
    /// Another published run may be replaced.
    pub overwrite: bool,
}

/// What a run finds at its place.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "there is one in a run")]
pub enum Begun {
    /// There is nothing to do.
    AlreadyPublished {
        manifest: PathBuf,
    },
    Ready(Publication),
}

/// A place that this run holds and writes to. Dropped, it is discarded.
#[derive(Debug)]
pub struct Publication {
    account: PathBuf,
    /// None before the account is held, and after its end.
    lock: Option<Lock>,
    earlier: Account,
    journal: Journal,
    /// The journal on the disk is this run's.
    is_noted: bool,
    places: Vec<Place>,
}

/// A step of the way to the manifest. A run may be killed after any of them.
type Step = fn(&mut Publication) -> Result<(), PublishError>;

const PUBLISH: [Step; 7] = [
    Publication::check_and_sync,
    Publication::note_publishing,
    Publication::retire_earlier,
    Publication::move_aside,
    Publication::move_in,
    Publication::move_account_files,
    Publication::place_manifest,
];

const REFUSE: [Step; 5] = [
    Publication::check_and_sync,
    Publication::note_refusing,
    Publication::set_earlier_aside,
    Publication::move_account_files,
    Publication::place_manifest,
];

impl Publication {
    /// Takes the account and the outputs, cleans up what a killed run left there, and makes them
    /// ready to be written to. Fails if they are not free.
    pub fn begin(request: &PlaceRequest<'_>) -> Result<Begun, PublishError> {
        Self::begin_as(request, Mode::of)
    }

    fn begin_as(
        request: &PlaceRequest<'_>,
        mode: fn(&Path) -> io::Result<Mode>,
    ) -> Result<Begun, PublishError> {
        let account = resolve(request.account)?;
        let outputs: Vec<PathBuf> =
            request.outputs.iter().map(|to| resolve(to)).collect::<Result<_, _>>()?;
        check_apart(&account, &outputs)?;
        if account.exists() && !account.is_dir() {
            no_strangers(&account, |_| false)?;
        }
        let published = || Begun::AlreadyPublished { manifest: request.account.join(MANIFEST) };

        let is_quiet = !account.join(WORK).exists();
        if is_quiet && Account::read(&account)?.is_published_as(request.fingerprint) {
            return Ok(published());
        }
        let mut publication = Publication::open(account, request.fingerprint)?;
        let may_overwrite = publication.clean_up()? || request.overwrite;
        if publication.earlier.is_published_as(request.fingerprint) {
            publication.discard()?;
            return Ok(published());
        }
        publication.check_account(may_overwrite)?;
        publication.journal.overwrite = may_overwrite;
        publication.take_places(&outputs, mode)?;
        Ok(Begun::Ready(publication))
    }

    /// A new part of an output, to be written and finished. `path` is relative to the output,
    /// like `job-000/part-00000.json`.
    pub fn part(&self, output: usize, path: &str) -> Result<StagedFile, PublishError> {
        let place = self.places.get(output).expect("outputs are numbered as they were requested");
        stage(&place.new_parts(), path, false)
    }

    /// A new file of the account, to be written and finished, like `rejects.ndjson`. A private one
    /// can be read by its owner only.
    pub fn account_file(&self, path: &str, private: bool) -> Result<StagedFile, PublishError> {
        stage(&self.work().join(NEW), path, private)
    }

    /// Puts parts, account and this manifest in place of what was there. When this returns, all of
    /// it is on the disk; when it fails, nothing of it stands.
    pub fn publish(self, manifest: &[u8]) -> Result<(), PublishError> {
        self.end(manifest, &PUBLISH)
    }

    /// Puts account and manifest in place and takes the parts away: the run was over its budget.
    pub fn refuse(self, manifest: &[u8]) -> Result<(), PublishError> {
        self.end(manifest, &REFUSE)
    }

    /// Takes everything away that this run made.
    pub fn discard(mut self) -> Result<(), PublishError> {
        self.take_away().map_err(at(&self.account, "clean up"))
    }
}

/// Beginning.
impl Publication {
    fn open(account: PathBuf, fingerprint: &str) -> Result<Publication, PublishError> {
        let mut journal = Journal::new(fingerprint);
        journal.made = folder::missing(&account);
        let earlier = Account::default();
        let mut publication = Publication {
            account,
            lock: None,
            earlier,
            journal,
            is_noted: false,
            places: Vec::new(),
        };
        let account = &publication.account;
        folder::make(account).map_err(at(account, "make"))?;
        publication.lock = Lock::take(&account.join(WORK)).map_err(at(account, "lock"))?;
        if publication.lock.is_none() {
            return Err(PublishError::Taken { place: account.clone() });
        }
        publication.earlier = Account::read(account)?;
        Ok(publication)
    }

    /// Cleans up what a killed run left. True if it was this very run, and had leave to overwrite.
    fn clean_up(&mut self) -> Result<bool, PublishError> {
        let Some(left) = Journal::read(&self.work())? else { return Ok(false) };
        let places = left.outputs.iter().map(|owned| Place::left_by(owned, &self.account));
        let places: Vec<Place> = places.filter_map(Result::transpose).collect::<Result<_, _>>()?;
        self.sweep(left.phase, places).map_err(at(&self.account, "clean up"))?;
        if !self.earlier.is_published_as(&left.fingerprint) {
            remove_made(&left.made);
            self.journal.made.extend(left.made.into_iter().filter(|folder| folder.exists()));
        }
        Journal::remove(&self.work()).map_err(at(&self.account, "clean up"))?;
        self.earlier = Account::read(&self.account)?;
        Ok(left.overwrite && left.fingerprint == self.journal.fingerprint)
    }

    fn check_account(&self, may_overwrite: bool) -> Result<(), PublishError> {
        self.earlier.check(&self.account)?;
        let ours = [Lock::NAME, Journal::NAME, Journal::NEXT].map(Path::new);
        no_strangers(&self.work(), |file| ours.contains(&file))?;
        if self.earlier.is_published() && !may_overwrite {
            return Err(PublishError::Published { account: self.account.clone() });
        }
        Ok(())
    }

    fn take_places(
        &mut self,
        outputs: &[PathBuf],
        mode: fn(&Path) -> io::Result<Mode>,
    ) -> Result<(), PublishError> {
        for to in outputs {
            let mode = mode(to).map_err(at(to, "look at"))?;
            self.journal.outputs.push(Owned::new(to, mode));
            self.journal.made.extend(folder::missing(to));
        }
        self.journal.write(&self.work())?;
        self.is_noted = true;
        for owned in &self.journal.outputs {
            let parent = owned.work.parent().unwrap_or(&owned.to);
            folder::make(parent).map_err(at(parent, "make"))?;
            self.places.push(Place::take(owned, &self.account, &self.earlier)?);
        }
        let new = self.work().join(NEW);
        fs::create_dir(&new).map_err(at(&new, "make"))
    }
}

/// Ending.
impl Publication {
    fn end(mut self, manifest: &[u8], steps: &[Step]) -> Result<(), PublishError> {
        self.stage_manifest(manifest)?;
        steps.iter().try_for_each(|step| step(&mut self))?;
        if self.journal.phase == Phase::Publishing {
            self.journal.made.clear();
        }
        // The manifest stands. What cannot be cleaned up now, the next run finds by the journal.
        self.take_away().ok();
        Ok(())
    }

    fn stage_manifest(&self, manifest: &[u8]) -> Result<(), PublishError> {
        let mut file = stage(&self.work(), MANIFEST, false)?;
        file.write_all(manifest).map_err(PublishError::of_write)?;
        file.finish()
    }

    /// Nothing has moved yet: a foreign file that came meanwhile still stops the run.
    fn check_and_sync(&mut self) -> Result<(), PublishError> {
        self.earlier.check(&self.account)?;
        for place in &mut self.places {
            place.check(&self.earlier)?;
            let new = place.new_parts();
            folder::sync_all(&new).map_err(at(&new, "sync"))?;
        }
        let work = self.work();
        folder::sync_all(&work).map_err(at(&work, "sync"))
    }

    fn note_publishing(&mut self) -> Result<(), PublishError> {
        self.journal.phase = Phase::Publishing;
        self.journal.write(&self.work())
    }

    fn note_refusing(&mut self) -> Result<(), PublishError> {
        self.journal.phase = Phase::Refusing;
        self.journal.write(&self.work())
    }

    /// From here on nothing is published.
    fn retire_earlier(&mut self) -> Result<(), PublishError> {
        let account = &self.account;
        folder::remove(&account.join(MANIFEST))
            .and_then(|()| folder::sync(account))
            .and_then(|()| folder::remove(&account.join(EARLIER)))
            .and_then(|()| remove_account_files(account))
            .map_err(at(account, "clear"))
    }

    /// Keeps the manifest of a published run, whose parts stay in the outputs.
    fn set_earlier_aside(&mut self) -> Result<(), PublishError> {
        let account = &self.account;
        let manifest = account.join(MANIFEST);
        let retired = if self.earlier.is_published() {
            fs::rename(&manifest, account.join(EARLIER))
        } else {
            folder::remove(&manifest)
        };
        retired
            .and_then(|()| folder::sync(account))
            .and_then(|()| remove_account_files(account))
            .map_err(at(account, "clear"))
    }

    fn move_aside(&mut self) -> Result<(), PublishError> {
        self.places.iter().try_for_each(|place| place.move_aside().map_err(at(place.to(), "clear")))
    }

    fn move_in(&mut self) -> Result<(), PublishError> {
        self.places.iter().try_for_each(|place| place.move_in().map_err(at(place.to(), "fill")))
    }

    fn move_account_files(&mut self) -> Result<(), PublishError> {
        let moved = folder::children(&self.work().join(NEW)).and_then(|files| {
            files.iter().try_for_each(|file| {
                fs::rename(file, self.account.join(file.file_name().unwrap_or_default()))
            })
        });
        moved.and_then(|()| folder::sync(&self.account)).map_err(at(&self.account, "fill"))
    }

    fn place_manifest(&mut self) -> Result<(), PublishError> {
        let manifest = self.account.join(MANIFEST);
        fs::rename(self.work().join(MANIFEST), &manifest)
            .and_then(|()| folder::sync(&self.account))
            .inspect_err(|_| {
                // One that may not last publishes nothing; if it stays, the failure is still told.
                folder::remove(&manifest).ok();
            })
            .map_err(at(&manifest, "place"))
    }
}

/// Cleaning up.
impl Publication {
    fn work(&self) -> PathBuf {
        self.account.join(WORK)
    }

    /// Takes away all that this run made and that no manifest tells of, and lets go of the place.
    fn take_away(&mut self) -> io::Result<()> {
        let Some(lock) = self.lock.take() else {
            remove_made(&self.journal.made);
            return Ok(());
        };
        if self.is_noted {
            let places = self.places.drain(..).collect();
            self.sweep(self.journal.phase, places)?;
            Journal::remove(&self.work())?;
        }
        lock.remove()?;
        remove_made(&self.journal.made);
        Ok(())
    }

    /// Takes away what a run left that came this far. While a manifest stands, what it tells of is
    /// whole and stays.
    fn sweep(&self, phase: Phase, places: Vec<Place>) -> io::Result<()> {
        let is_whole = self.account.join(MANIFEST).exists();
        let half_published = phase == Phase::Publishing && !is_whole;
        places.into_iter().try_for_each(|place| place.undo(half_published))?;
        if half_published {
            folder::remove(&self.account.join(EARLIER))?;
        }
        if phase != Phase::Writing && !is_whole {
            remove_account_files(&self.account)?;
        }
        folder::remove(&self.work().join(MANIFEST))?;
        folder::remove(&self.work().join(NEW))
    }
}

impl Drop for Publication {
    fn drop(&mut self) {
        self.take_away().ok(); // what is left, the next run finds by the journal
    }
}

/// Removes folders that a run made, where nothing came to lie in them.
fn remove_made(made: &[PathBuf]) {
    let mut deepest_first: Vec<&PathBuf> = made.iter().collect();
    deepest_first.sort_unstable_by_key(|folder| std::cmp::Reverse(folder.components().count()));
    for folder in deepest_first {
        folder::remove_if_empty(folder).ok(); // an empty folder harms nobody
    }
}

fn resolve(path: &Path) -> Result<PathBuf, PublishError> {
    folder::resolve(path).map_err(at(path, "resolve"))
}

fn check_apart(account: &PathBuf, outputs: &[PathBuf]) -> Result<(), PublishError> {
    let places: Vec<&PathBuf> = std::iter::once(account).chain(outputs).collect();
    for (index, one) in places.iter().enumerate() {
        for other in places.iter().skip(index + 1) {
            if one.starts_with(other) || other.starts_with(one) {
                let (one, other) = (PathBuf::from(one), PathBuf::from(other));
                return Err(PublishError::Overlap { one, other });
            }
        }
    }
    Ok(())
}

/// Creates a file below a folder of ours, with the folders between.
fn stage(folder: &Path, path: &str, private: bool) -> Result<StagedFile, PublishError> {
    let is_below = Path::new(path).components().all(|part| matches!(part, Component::Normal(_)));
    assert!(is_below && !path.is_empty(), "a run names its files relative to their folder");
    let path = folder.join(path);
    let parent = path.parent().unwrap_or(folder);
    fs::create_dir_all(parent).map_err(at(parent, "make"))?;
    Staged::create(path.clone(), private).map(StagedFile).map_err(at(&path, "create"))
}

#[cfg(test)]
mod tests;
