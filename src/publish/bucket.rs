//! Accounts and outputs in buckets.
//!
//! No rename puts many objects in place at once: they are uploaded in parts that nobody sees, and
//! completed one by one while there is no manifest. Who holds a place is told by a lease in
//! `.segprep/`, which is there while a run works and goes with it. What lies in a place is known
//! from a look at all of it when it is taken, and from another before anything is replaced.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use super::account::AccountPlace;
use super::earlier::{Account, EARLIER, MANIFEST, is_account_file, is_part_name};
use super::error::{ForeignFiles, PublishError};
use super::journal::{Journal, Owned};
use super::place::{OutputPlace, WORK};
use super::staged::StagedFile;
use crate::store::aws::AwsErrorKind;
use crate::store::s3::{Finished, Folder, Lease};

/// Objects that are whole and wait to be seen.
pub(crate) type PendingUploads = Arc<Mutex<Vec<Finished>>>;

fn take_waiting(waiting: &PendingUploads) -> Vec<Finished> {
    std::mem::take(&mut *waiting.lock().unwrap_or_else(PoisonError::into_inner))
}

/// The folder as journals and messages name it.
fn name_of(folder: &Folder) -> PathBuf {
    PathBuf::from(folder.url().to_string())
}

/// Fails if one of these objects of a folder is not ours, and names some.
fn ensure_no_foreign_files(
    folder: &Folder,
    names: &[String],
    is_ours: impl Fn(&Path) -> bool,
) -> Result<(), PublishError> {
    let foreign = names.iter().map(PathBuf::from).filter(|name| !is_ours(name));
    match ForeignFiles::among(foreign.map(Ok)) {
        Ok(Some(strangers)) => Err(PublishError::Foreign { place: name_of(folder), strangers }),
        Ok(None) | Err(_) => Ok(()), // there is no failure among names
    }
}

/// Ends uploads that nobody will complete: of whoever held the folder and died, and those of this
/// run whose beginning was never answered.
fn abort_left(
    folder: &Folder,
    lease: Option<&Lease>,
    is_ours: impl Fn(&Path) -> bool,
) -> Result<(), PublishError> {
    let was_left = lease.is_some_and(Lease::was_left);
    if !was_left && !folder.has_uploaded() {
        return Ok(());
    }
    match folder.abort_all(|name| is_ours(Path::new(name))) {
        // A server without a list of uploads ends them by itself, or never.
        Err(error) if error.kind == AwsErrorKind::Unsupported => Ok(()),
        // Those that are known are ended; a rule of the bucket ends the others.
        Err(_) if !was_left => Ok(()),
        aborted => Ok(aborted?),
    }
}

/// An account in a bucket.
#[derive(Debug)]
pub(crate) struct AccountBucket {
    folder: Folder,
    lease: Option<Lease>,
    waiting: PendingUploads,
    manifest: Mutex<Vec<u8>>,
}

const JOURNAL: &str = ".segprep/journal.json";

impl AccountBucket {
    pub(crate) fn new(folder: Folder) -> AccountBucket {
        let (waiting, manifest) = (PendingUploads::default(), Mutex::default());
        AccountBucket { folder, lease: None, waiting, manifest }
    }

    /// What lay here when it was last looked at; nothing where the place is not held.
    fn names(&self) -> &[String] {
        self.lease.as_ref().map_or(&[], Lease::names)
    }

    /// Removes what was seen here.
    fn remove_seen(&self, is_meant: impl Fn(&str) -> bool) -> Result<(), PublishError> {
        let names = self.names().iter().filter(|name| is_meant(name));
        Ok(self.folder.remove(names.cloned().collect())?)
    }
}

/// Whether it is an object of an account that is no manifest.
fn is_file(name: &str) -> bool {
    name != MANIFEST && name != EARLIER && is_account_file(Path::new(name))
}

impl AccountPlace for AccountBucket {
    fn name(&self) -> PathBuf {
        name_of(&self.folder)
    }

    fn is_quiet(&self) -> Result<bool, PublishError> {
        Ok(self.folder.join(WORK).names()?.is_empty())
    }

    fn open(&mut self) -> Result<bool, PublishError> {
        self.lease = Lease::take(&self.folder, &self.name().to_string_lossy())?;
        Ok(self.lease.is_some())
    }

    fn is_held(&self) -> bool {
        self.lease.as_ref().is_some_and(|lease| !lease.is_over())
    }

    fn missing(&self) -> Vec<PathBuf> {
        Vec::new()
    }

    fn look(&mut self) -> Result<(), PublishError> {
        Ok(self.lease.as_mut().map_or(Ok(()), Lease::look)?)
    }

    fn has(&self, name: &str) -> Result<bool, PublishError> {
        Ok(self.names().iter().any(|there| there == name))
    }

    fn read(&self, name: &str) -> Result<Option<Vec<u8>>, PublishError> {
        if self.is_held() && !self.has(name)? {
            return Ok(None);
        }
        Ok(self.folder.get(name)?)
    }

    fn check(&self, is_ours: &dyn Fn(&Path) -> bool) -> Result<(), PublishError> {
        ensure_no_foreign_files(&self.folder, self.names(), |name| {
            name.starts_with(WORK) || is_ours(name)
        })
    }

    fn check_work(&self) -> Result<(), PublishError> {
        let is_work = |name: &str| name == JOURNAL || name.starts_with(Lease::PREFIX);
        ensure_no_foreign_files(&self.folder, self.names(), |name| {
            !name.starts_with(WORK) || name.to_str().is_some_and(is_work)
        })
    }

    fn read_journal(&self) -> Result<Option<Journal>, PublishError> {
        let text = self.read(JOURNAL)?;
        text.map(|text| Journal::of(&text, &self.name())).transpose()
    }

    fn write_journal(&self, journal: &Journal) -> Result<(), PublishError> {
        Ok(self.folder.put(JOURNAL, &journal.text())?)
    }

    fn remove_journal(&self) -> Result<(), PublishError> {
        Ok(self.folder.remove(vec![JOURNAL.to_owned()])?)
    }

    fn prepare(&self) -> Result<(), PublishError> {
        Ok(())
    }

    /// Whoever may read the bucket may read it: a private one has to be encrypted, which the
    /// definition is held to.
    fn stage(&self, path: &str, _private: bool) -> Result<StagedFile, PublishError> {
        Ok(StagedFile::in_bucket(self.folder.create(path), &self.waiting))
    }

    fn stage_manifest(&self, manifest: &[u8]) -> Result<(), PublishError> {
        *self.manifest.lock().unwrap_or_else(PoisonError::into_inner) = manifest.to_vec();
        Ok(())
    }

    /// What was written is with the server.
    fn sync(&self) -> Result<(), PublishError> {
        Ok(())
    }

    fn retire_earlier(&self) -> Result<(), PublishError> {
        self.remove_seen(|name| name == MANIFEST)?;
        self.remove_seen(|name| name == EARLIER || is_file(name))
    }

    fn set_earlier_aside(&self, is_published: bool) -> Result<(), PublishError> {
        if is_published && let Some(manifest) = self.read(MANIFEST)? {
            self.folder.put(EARLIER, &manifest)?;
        }
        self.remove_seen(|name| name == MANIFEST)?;
        self.remove_seen(is_file)
    }

    fn move_files_in(&self) -> Result<(), PublishError> {
        Ok(self.folder.complete(take_waiting(&self.waiting))?)
    }

    fn place_manifest(&self) -> Result<(), PublishError> {
        self.lease.as_ref().map_or(Ok(()), Lease::check)?;
        let manifest = self.manifest.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Ok(self.folder.put_new(MANIFEST, &manifest)?)
    }

    fn clean_up(&self, half_published: bool, half_filled: bool) -> Result<(), PublishError> {
        drop(take_waiting(&self.waiting));
        self.folder.abort_own()?;
        abort_left(&self.folder, self.lease.as_ref(), is_account_file)?;
        self.remove_seen(|name| {
            (half_published && name == EARLIER) || (half_filled && is_file(name))
        })
    }

    fn release(&mut self) -> Result<(), PublishError> {
        Ok(self.lease.take().map_or(Ok(()), Lease::release)?)
    }

    #[cfg(test)]
    fn die(&mut self) {
        self.lease = None;
    }
}

/// An output in a bucket.
#[derive(Debug)]
pub(crate) struct OutputBucket {
    folder: Folder,
    lease: Lease,
    waiting: PendingUploads,
}

impl OutputBucket {
    /// Takes the place for this account. What lies in it must have been written by runs of this
    /// account.
    pub(crate) fn take(
        folder: Folder,
        account: &Path,
        earlier: &Account,
    ) -> Result<OutputBucket, PublishError> {
        let lease = Lease::take(&folder, &account.to_string_lossy())?;
        let Some(lease) = lease else {
            return Err(PublishError::Taken { place: name_of(&folder) });
        };
        let place = OutputBucket { folder, lease, waiting: PendingUploads::default() };
        if let Err(error) = place.check(earlier).and_then(|()| place.abort_left()) {
            place.lease.release().ok(); // it ends by itself
            return Err(error);
        }
        Ok(place)
    }

    /// The place that a killed run of this account left; None if nothing of it is there, or
    /// another account has taken it since.
    pub(crate) fn left_by(
        folder: Folder,
        account: &Path,
    ) -> Result<Option<OutputBucket>, PublishError> {
        let account = account.to_string_lossy();
        if Lease::mark_in(&folder)?.is_none_or(|mark| mark != account) {
            return Ok(None);
        }
        // Whoever holds the account knows that no other run of it lives.
        match Lease::take_from(&folder, &account, |mark| mark == account)? {
            Some(lease) => {
                Ok(Some(OutputBucket { folder, lease, waiting: PendingUploads::default() }))
            }
            None => Err(PublishError::Taken { place: name_of(&folder) }),
        }
    }

    fn abort_left(&self) -> Result<(), PublishError> {
        abort_left(&self.folder, Some(&self.lease), is_part_name)
    }

    /// Fails if something lies here that no run of this account wrote.
    fn check(&self, earlier: &Account) -> Result<(), PublishError> {
        let parts = earlier.parts_in(&name_of(&self.folder));
        ensure_no_foreign_files(&self.folder, self.lease.names(), |file| {
            file.starts_with(WORK) || parts.contains(file)
        })
    }

    /// Removes the parts that were seen here.
    fn clear(&self) -> Result<(), PublishError> {
        let parts = self.lease.names().iter().filter(|name| is_part_name(Path::new(name)));
        Ok(self.folder.remove(parts.cloned().collect())?)
    }
}

impl OutputPlace for OutputBucket {
    fn part(&self, path: &str) -> Result<StagedFile, PublishError> {
        Ok(StagedFile::in_bucket(self.folder.create(path), &self.waiting))
    }

    fn check_and_sync(&mut self, earlier: &Account) -> Result<(), PublishError> {
        self.lease.look()?;
        self.check(earlier)
    }

    fn move_aside(&self) -> Result<(), PublishError> {
        self.clear()
    }

    fn move_in(&self) -> Result<(), PublishError> {
        Ok(self.folder.complete(take_waiting(&self.waiting))?)
    }

    fn undo(mut self: Box<Self>, half_published: bool) -> Result<(), PublishError> {
        drop(take_waiting(&self.waiting));
        self.folder.abort_own()?;
        // Whatever else is here belongs to whoever holds the place.
        if half_published || self.lease.was_left() || self.folder.has_uploaded() {
            self.lease.look()?;
            self.abort_left()?;
        }
        if half_published {
            self.clear()?;
        }
        Ok(self.lease.release()?)
    }

    #[cfg(test)]
    fn on_disk(&self) -> Option<&super::place::OutputFolder> {
        None
    }
}

/// Only what could be one of ours is believed of a journal.
pub(crate) fn is_sound(owned: &Owned) -> bool {
    owned.work == owned.to.join(WORK)
}
