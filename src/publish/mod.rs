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
//! In an account lies `.segprep/` while a run works: a lock, `journal.json`, and on disk `manifest.json`
//! and `new/`, the account's files to be. `place.rs` says what lies at an output. Each of these places is
//! a folder on disk or in a bucket, whatever the others are.
//!
//! A run that may overwrite a published one and is over its budget leaves the earlier parts where
//! they are, without a published manifest: whoever waits for one is not told that old parts are
//! the new ones, and no data is lost. The earlier manifest stays as `manifest.earlier.json`, so
//! that the next run knows these parts for ours; that run needs no leave to replace them.

mod account;
mod bucket;
mod earlier;
mod error;
mod journal;
mod place;
mod staged;

pub use error::{ForeignFiles, PublishError};
pub use staged::StagedFile;

use std::{
    io,
    path::{Path, PathBuf},
    thread,
};

use crate::store::disk::folder;
use crate::store::s3::{Folder, S3, Storing, Url};
use account::{AccountFolder, AccountPlace};
use bucket::{AccountBucket, OutputBucket};
use earlier::{Account, MANIFEST, is_published_as};
use error::at;
use journal::{Journal, Owned, Phase};
use place::{Mode, OutputFolder, OutputPlace};

/// Where a run is to publish.
#[derive(Clone, Copy, Debug)]
pub struct PlaceRequest<'a> {
    /// The folder of the account.
    pub account: &'a Path,
    /// The folders of the outputs, in the order in which [`Publication::part`] counts them.
    pub outputs: &'a [PathBuf],
    /// What it takes to write to buckets; without it, there is none among the places.
    pub buckets: Option<&'a Buckets>,
    /// Tells runs that write the same from others.
    pub fingerprint: &'a str,
    /// Another published run may be replaced.
    pub overwrite: bool,
}

/// How places in buckets are written.
#[derive(Clone, Debug)]
pub struct Buckets {
    pub s3: S3,
    pub account: Storing,
    /// One for each output, also where it is on disk.
    pub outputs: Vec<Storing>,
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
    account: Box<dyn AccountPlace>,
    buckets: Option<Buckets>,
    earlier: Account,
    journal: Journal,
    /// The journal that is written is this run's.
    is_noted: bool,
    /// What it made was taken away, as far as that could be done.
    is_over: bool,
    /// Its manifest stands.
    is_whole: bool,
    places: Vec<Box<dyn OutputPlace>>,
}

/// A step of the way to the manifest. A run may be killed after any of them.
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
        let account = account_at(account, request.buckets)?;
        let published = || Begun::AlreadyPublished { manifest: request.account.join(MANIFEST) };

        if is_published_as(&*account, request.fingerprint)? && account.is_quiet()? {
            return Ok(published());
        }
        let mut publication = Publication::open(account, request)?;
        let may_overwrite = publication.clean_up_after_kill()? || request.overwrite;
        if publication.earlier.is_published_as(request.fingerprint) {
            publication.discard()?;
            return Ok(published());
        }
        publication.check_account(may_overwrite)?;
        publication.journal.overwrite = may_overwrite;
        let stale = if may_overwrite { publication.stale(&outputs) } else { Vec::new() };
        let places: Vec<PathBuf> = outputs.into_iter().chain(stale).collect();
        check_apart(&resolve(request.account)?, &places)?;
        publication.take_places(&places, mode)?;
        Ok(Begun::Ready(publication))
    }

    /// A new part of an output, to be written and finished. `path` is relative to the output,
    /// like `job-000/part-00000.json`.
    pub fn part(&self, output: usize, path: &str) -> Result<StagedFile, PublishError> {
        let place = self.places.get(output).expect("outputs are numbered as they were requested");
        place.part(path)
    }

    /// A new file of the account, to be written and finished, like `rejects.ndjson`. A private one
    /// can be read by its owner only.
    pub fn account_file(&self, path: &str, private: bool) -> Result<StagedFile, PublishError> {
        self.account.stage(path, private)
    }

    /// Puts parts, account and this manifest in place of what was there. When this returns, all of
    /// it is stored; when it fails, nothing of it stands.
    pub fn publish(self, manifest: &[u8]) -> Result<(), PublishError> {
        self.end(manifest, &PUBLISH)
    }

    /// Puts account and manifest in place and takes the parts away: the run was over its budget.
    pub fn refuse(self, manifest: &[u8]) -> Result<(), PublishError> {
        self.end(manifest, &REFUSE)
    }

    /// Takes everything away that this run made.
    pub fn discard(mut self) -> Result<(), PublishError> {
        self.rollback()
    }
}

/// Beginning.
impl Publication {
    fn open(
        account: Box<dyn AccountPlace>,
        request: &PlaceRequest<'_>,
    ) -> Result<Publication, PublishError> {
        let mut journal = Journal::new(request.fingerprint);
        journal.made = account.missing();
        let mut publication = Publication {
            account,
            buckets: request.buckets.cloned(),
            earlier: Account::default(),
            journal,
            is_noted: false,
            is_over: false,
            is_whole: false,
            places: Vec::new(),
        };
        if !publication.account.open()? {
            return Err(PublishError::Taken { place: publication.account.name() });
        }
        publication.earlier = Account::read(&*publication.account)?;
        Ok(publication)
    }

    /// Cleans up what a killed run left. True if it was this very run, and had leave to overwrite.
    fn clean_up_after_kill(&mut self) -> Result<bool, PublishError> {
        let Some(left) = self.account.read_journal()? else { return Ok(false) };
        let places = left.outputs.iter().map(|owned| self.left_by(owned));
        let places: Vec<_> = places.filter_map(Result::transpose).collect::<Result<_, _>>()?;
        self.clean_up(left.phase, places)?;
        if !self.earlier.is_published_as(&left.fingerprint) {
            remove_made(&left.made);
            self.journal.made.extend(left.made.into_iter().filter(|folder| folder.exists()));
        }
        self.account.remove_journal()?;
        self.account.look()?;
        self.earlier = Account::read(&*self.account)?;
        Ok(left.overwrite && left.fingerprint == self.journal.fingerprint)
    }

    /// What a killed run of this account left at an output.
    fn left_by(&self, owned: &Owned) -> Result<Option<Box<dyn OutputPlace>>, PublishError> {
        let account = self.account.name();
        let Some(url) = Url::of(&owned.to) else {
            let left = OutputFolder::left_by(owned, &account)?;
            return Ok(left.map(|place| -> Box<dyn OutputPlace> { Box::new(place) }));
        };
        if !bucket::is_sound(owned) {
            return Ok(None);
        }
        let folder = folder_at(url, self.buckets.as_ref(), |_| Storing::default())?;
        let left = OutputBucket::left_by(folder, &account)?;
        Ok(left.map(|place| -> Box<dyn OutputPlace> { Box::new(place) }))
    }

    fn check_account(&self, may_overwrite: bool) -> Result<(), PublishError> {
        self.earlier.check(&*self.account)?;
        self.account.check_work()?;
        if self.earlier.is_published() && !may_overwrite {
            return Err(PublishError::Published { account: self.account.name() });
        }
        Ok(())
    }

    /// Outputs of the run that is overwritten where this one writes nothing: their parts go with
    /// its manifest, or nobody would know whose they are.
    fn stale(&self, outputs: &[PathBuf]) -> Vec<PathBuf> {
        let is_there = |to: &PathBuf| match Url::of(to) {
            Some(_) => self.buckets.is_some(),
            None => to.exists(),
        };
        let others = self.earlier.outputs().into_iter().filter(|to| !outputs.contains(to));
        others.filter(is_there).collect()
    }

    fn take_places(
        &mut self,
        outputs: &[PathBuf],
        mode: fn(&Path) -> io::Result<Mode>,
    ) -> Result<(), PublishError> {
        for to in outputs {
            if Url::of(to).is_some() {
                self.journal.outputs.push(Owned::new(to, Mode::PartByPart));
                continue;
            }
            let mode = mode(to).map_err(at(to, "look at"))?;
            self.journal.outputs.push(Owned::new(to, mode));
            self.journal.made.extend(folder::missing(to));
        }
        self.account.write_journal(&self.journal)?;
        self.is_noted = true;
        for number in 0..self.journal.outputs.len() {
            let place = self.take_place(number)?;
            self.places.extend(place);
        }
        self.account.prepare()
    }

    fn take_place(&self, number: usize) -> Result<Option<Box<dyn OutputPlace>>, PublishError> {
        let Some(owned) = self.journal.outputs.get(number) else { return Ok(None) };
        let account = self.account.name();
        if let Some(url) = Url::of(&owned.to) {
            let storing =
                |buckets: &Buckets| buckets.outputs.get(number).cloned().unwrap_or_default();
            let folder = folder_at(url, self.buckets.as_ref(), storing)?;
            return Ok(Some(Box::new(OutputBucket::take(folder, &account, &self.earlier)?)));
        }
        let parent = owned.work.parent().unwrap_or(&owned.to);
        folder::make(parent).map_err(at(parent, "make"))?;
        Ok(Some(Box::new(OutputFolder::take(owned, &account, &self.earlier)?)))
    }
}

/// Ending.
impl Publication {
    fn end(mut self, manifest: &[u8], steps: &[PublishStep]) -> Result<(), PublishError> {
        self.account.stage_manifest(manifest)?;
        steps.iter().try_for_each(|step| step(&mut self))?;
        if self.journal.phase == Phase::Publishing {
            self.journal.made.clear();
        }
        // The manifest stands. What cannot be cleaned up now, the next run finds by the journal.
        self.is_whole = true;
        self.rollback().ok();
        Ok(())
    }

    /// Nothing has moved yet: a foreign file that came meanwhile still stops the run.
    fn check_and_sync(&mut self) -> Result<(), PublishError> {
        let (account, earlier) = (&mut self.account, &self.earlier);
        at_once(self.places.iter_mut(), |place| place.check_and_sync(earlier), || account.look())?;
        self.earlier.check(&*self.account)?;
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

    /// From here on nothing is published.
    fn retire_earlier(&mut self) -> Result<(), PublishError> {
        self.account.retire_earlier()
    }

    /// Keeps the manifest of a published run, whose parts stay in the outputs.
    fn set_earlier_aside(&mut self) -> Result<(), PublishError> {
        self.account.set_earlier_aside(self.earlier.is_published())
    }

    fn move_aside(&mut self) -> Result<(), PublishError> {
        self.places.iter().try_for_each(|place| place.move_aside())
    }

    fn move_in(&mut self) -> Result<(), PublishError> {
        let account = &self.account;
        at_once(self.places.iter(), |place| place.move_in(), || account.move_files_in())
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
    /// Takes away all that this run made and that no manifest tells of, and lets go of the place.
    fn rollback(&mut self) -> Result<(), PublishError> {
        if std::mem::replace(&mut self.is_over, true) {
            return Ok(());
        }
        if !self.account.is_held() {
            remove_made(&self.journal.made);
            return Ok(());
        }
        if self.is_noted {
            let places = self.places.drain(..).collect();
            self.clean_up(self.journal.phase, places)?;
            self.account.remove_journal()?;
        }
        self.account.release()?;
        remove_made(&self.journal.made);
        Ok(())
    }

    /// Takes away what a run left that came this far. While a manifest stands, what it tells of is
    /// whole and stays. Whoever lost the account leaves all that to whoever has it now.
    fn clean_up(
        &mut self,
        phase: Phase,
        places: Vec<Box<dyn OutputPlace>>,
    ) -> Result<(), PublishError> {
        let is_whole = self.is_whole || {
            self.account.look()?;
            self.account.has(MANIFEST)?
        };
        let half_published = phase == Phase::Publishing && !is_whole;
        places.into_iter().try_for_each(|place| place.undo(half_published))?;
        self.account.clean_up(half_published, phase != Phase::Writing && !is_whole)
    }
}

impl Drop for Publication {
    fn drop(&mut self) {
        self.rollback().ok(); // what is left, the next run finds by the journal
    }
}

/// Does something to each place and something else, side by side: in buckets each of them waits.
/// All of it has ended when this returns; the first failure is told.
fn at_once<T: Send>(
    places: impl Iterator<Item = T>,
    each: impl Fn(T) -> Result<(), PublishError> + Sync,
    other: impl FnOnce() -> Result<(), PublishError>,
) -> Result<(), PublishError> {
    thread::scope(|scope| {
        let each = &each;
        let at_work: Vec<_> = places.map(|place| scope.spawn(move || each(place))).collect();
        let done = other();
        let ended = at_work
            .into_iter()
            .map(|work| work.join().unwrap_or_else(|panicked| std::panic::resume_unwind(panicked)));
        ended.fold(Ok(()), Result::and).and(done)
    })
}

/// Removes folders that a run made, where nothing came to lie in them.
fn remove_made(made: &[PathBuf]) {
    let mut deepest_first: Vec<&PathBuf> = made.iter().collect();
    deepest_first.sort_unstable_by_key(|folder| std::cmp::Reverse(folder.components().count()));
    for folder in deepest_first {
        folder::remove_if_empty(folder).ok(); // an empty folder harms nobody
    }
}

/// The place that a path names: with its links followed, or as a folder in a bucket.
fn resolve(path: &Path) -> Result<PathBuf, PublishError> {
    match Url::of(path) {
        Some(url) => Ok(PathBuf::from(url.folder().to_string())),
        None => folder::resolve(path).map_err(at(path, "resolve")),
    }
}

fn account_at(
    path: PathBuf,
    buckets: Option<&Buckets>,
) -> Result<Box<dyn AccountPlace>, PublishError> {
    let Some(url) = Url::of(&path) else { return Ok(Box::new(AccountFolder::new(path)?)) };
    let folder = folder_at(url, buckets, |buckets| buckets.account.clone())?;
    Ok(Box::new(AccountBucket::new(folder)))
}

fn folder_at(
    url: Url,
    buckets: Option<&Buckets>,
    storing: impl Fn(&Buckets) -> Storing,
) -> Result<Folder, PublishError> {
    let Some(buckets) = buckets else {
        let source = io::Error::from(io::ErrorKind::Unsupported);
        return Err(at(Path::new(&url.to_string()), "reach")(source));
    };
    Ok(Folder::new(&buckets.s3, url, storing(buckets)))
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

#[cfg(test)]
mod tests;
