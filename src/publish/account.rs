//! The folder of an account, on disk: its lock, its journal, and how its files come into place.
//!
//! `bucket.rs` does the same for a folder in a bucket.

use std::{
    fmt::Debug,
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
};

use super::earlier::{EARLIER, MANIFEST, remove_account_files};
use super::error::{PublishError, at};
use super::journal::Journal;
use super::place::{NEW, WORK, ensure_no_foreign_files};
use super::staged::{StagedFile, stage};
use crate::store::disk::folder;
use crate::store::{Lock, Staged};

/// Where an account is. Whoever has opened it holds it until it lets go.
pub(crate) trait AccountPlace: Debug + Send + Sync {
    /// As outputs note whose work they hold.
    fn name(&self) -> PathBuf;

    /// Whether no run is at work here, or was killed here.
    fn is_quiet(&self) -> Result<bool, PublishError>;

    /// Makes the place and takes it; false if somebody holds it.
    fn open(&mut self) -> Result<bool, PublishError>;

    fn is_held(&self) -> bool;

    /// Folders that this place would have to make, outermost first.
    fn missing(&self) -> Vec<PathBuf>;

    /// Looks again at what lies here. What is asked and removed goes by the last look, while the
    /// place is held and only we change it; to take it is a look too. Fails if it is held no longer.
    fn look(&mut self) -> Result<(), PublishError>;

    /// Whether there is a file of the account; not asked before the place is held.
    fn has(&self, name: &str) -> Result<bool, PublishError>;

    /// A file of the account whole; none if there is none.
    fn read(&self, name: &str) -> Result<Option<Vec<u8>>, PublishError>;

    /// Fails if something lies here that is not ours. What runs work with is.
    fn check(&self, is_ours: &dyn Fn(&Path) -> bool) -> Result<(), PublishError>;

    /// Fails if something lies with our working files that no run puts there.
    fn check_work(&self) -> Result<(), PublishError>;

    fn read_journal(&self) -> Result<Option<Journal>, PublishError>;
    fn write_journal(&self, journal: &Journal) -> Result<(), PublishError>;
    fn remove_journal(&self) -> Result<(), PublishError>;

    /// Makes ready for files to be written.
    fn prepare(&self) -> Result<(), PublishError>;

    /// A new file, to be written and finished. A private one can be read by its owner only.
    fn stage(&self, path: &str, private: bool) -> Result<StagedFile, PublishError>;

    fn stage_manifest(&self, manifest: &[u8]) -> Result<(), PublishError>;

    /// What was written is safe after it.
    fn sync(&self) -> Result<(), PublishError>;

    /// Removes the earlier manifests, and then what they told of here.
    fn retire_earlier(&self) -> Result<(), PublishError>;

    /// Removes what the earlier run wrote here; a published manifest stays under another name.
    fn set_earlier_aside(&self, is_published: bool) -> Result<(), PublishError>;

    fn move_files_in(&self) -> Result<(), PublishError>;

    fn place_manifest(&self) -> Result<(), PublishError>;

    /// Takes away what a run left here. `half_published`: its parts were about to be shown;
    /// `half_filled`: its account files were.
    fn clean_up(&self, half_published: bool, half_filled: bool) -> Result<(), PublishError>;

    /// Lets go; nothing of ours is left at work.
    fn release(&mut self) -> Result<(), PublishError>;

    /// Lets go as a kill does.
    #[cfg(test)]
    fn die(&mut self);
}

/// An account on disk.
#[derive(Debug)]
pub(crate) struct AccountFolder {
    path: PathBuf,
    lock: Option<Lock>,
}

impl AccountFolder {
    /// `path` is resolved.
    pub(crate) fn new(path: PathBuf) -> Result<AccountFolder, PublishError> {
        if path.exists() && !path.is_dir() {
            ensure_no_foreign_files(&path, |_| false)?;
        }
        Ok(AccountFolder { path, lock: None })
    }

    fn work(&self) -> PathBuf {
        self.path.join(WORK)
    }
}

impl AccountPlace for AccountFolder {
    fn name(&self) -> PathBuf {
        self.path.clone()
    }

    fn is_quiet(&self) -> Result<bool, PublishError> {
        Ok(!self.work().exists())
    }

    fn open(&mut self) -> Result<bool, PublishError> {
        folder::make(&self.path).map_err(at(&self.path, "make"))?;
        self.lock = Lock::take(&self.work()).map_err(at(&self.path, "lock"))?;
        Ok(self.lock.is_some())
    }

    fn is_held(&self) -> bool {
        self.lock.is_some()
    }

    fn missing(&self) -> Vec<PathBuf> {
        folder::missing(&self.path)
    }

    /// The lock goes with the process alone, and what lies on a disk is seen at once.
    fn look(&mut self) -> Result<(), PublishError> {
        Ok(())
    }

    fn has(&self, name: &str) -> Result<bool, PublishError> {
        let path = self.path.join(name);
        path.try_exists().map_err(at(&path, "look at"))
    }

    fn read(&self, name: &str) -> Result<Option<Vec<u8>>, PublishError> {
        let path = self.path.join(name);
        match fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            text => Ok(Some(text.map_err(at(&path, "read"))?)),
        }
    }

    fn check(&self, is_ours: &dyn Fn(&Path) -> bool) -> Result<(), PublishError> {
        ensure_no_foreign_files(&self.path, |file| file.starts_with(WORK) || is_ours(file))
    }

    fn check_work(&self) -> Result<(), PublishError> {
        let ours = [Lock::NAME, Journal::NAME, Journal::NEXT].map(Path::new);
        ensure_no_foreign_files(&self.work(), |file| ours.contains(&file))
    }

    fn read_journal(&self) -> Result<Option<Journal>, PublishError> {
        Journal::read(&self.work())
    }

    fn write_journal(&self, journal: &Journal) -> Result<(), PublishError> {
        journal.write(&self.work())
    }

    fn remove_journal(&self) -> Result<(), PublishError> {
        Journal::remove(&self.work()).map_err(at(&self.path, "clean up"))
    }

    fn prepare(&self) -> Result<(), PublishError> {
        let new = self.work().join(NEW);
        fs::create_dir(&new).map_err(at(&new, "make"))
    }

    fn stage(&self, path: &str, private: bool) -> Result<StagedFile, PublishError> {
        stage(&self.work().join(NEW), path, private)
    }

    fn stage_manifest(&self, manifest: &[u8]) -> Result<(), PublishError> {
        let path = self.work().join(MANIFEST);
        let failed = || at(&path, "write");
        let mut file = Staged::create(path.clone(), false).map_err(failed())?;
        file.write_all(manifest).map_err(failed())?;
        file.finish().map_err(failed())
    }

    fn sync(&self) -> Result<(), PublishError> {
        let work = self.work();
        folder::sync_all(&work).map_err(at(&work, "sync"))
    }

    /// From here on nothing is published.
    fn retire_earlier(&self) -> Result<(), PublishError> {
        let account = &self.path;
        folder::remove(&account.join(MANIFEST))
            .and_then(|()| folder::sync(account))
            .and_then(|()| folder::remove(&account.join(EARLIER)))
            .and_then(|()| remove_account_files(account))
            .map_err(at(account, "clear"))
    }

    fn set_earlier_aside(&self, is_published: bool) -> Result<(), PublishError> {
        let account = &self.path;
        let manifest = account.join(MANIFEST);
        let retired = if is_published {
            fs::rename(&manifest, account.join(EARLIER))
        } else {
            folder::remove(&manifest)
        };
        retired
            .and_then(|()| folder::sync(account))
            .and_then(|()| remove_account_files(account))
            .map_err(at(account, "clear"))
    }

    fn move_files_in(&self) -> Result<(), PublishError> {
        let moved = folder::children(&self.work().join(NEW)).and_then(|files| {
            files.iter().try_for_each(|file| {
                fs::rename(file, self.path.join(file.file_name().unwrap_or_default()))
            })
        });
        moved.and_then(|()| folder::sync(&self.path)).map_err(at(&self.path, "fill"))
    }

    fn place_manifest(&self) -> Result<(), PublishError> {
        let manifest = self.path.join(MANIFEST);
        fs::rename(self.work().join(MANIFEST), &manifest)
            .and_then(|()| folder::sync(&self.path))
            .inspect_err(|_| {
                // One that may not last publishes nothing; if it stays, the failure is still told.
                folder::remove(&manifest).ok();
            })
            .map_err(at(&manifest, "place"))
    }

    fn clean_up(&self, half_published: bool, half_filled: bool) -> Result<(), PublishError> {
        let swept = || {
            if half_published {
                folder::remove(&self.path.join(EARLIER))?;
            }
            if half_filled {
                remove_account_files(&self.path)?;
            }
            folder::remove(&self.work().join(MANIFEST))?;
            folder::remove(&self.work().join(NEW))
        };
        swept().map_err(at(&self.path, "clean up"))
    }

    fn release(&mut self) -> Result<(), PublishError> {
        let released = self.lock.take().map_or(Ok(()), Lock::remove);
        released.map_err(at(&self.path, "clean up"))
    }

    #[cfg(test)]
    fn die(&mut self) {
        self.lock = None;
    }
}
