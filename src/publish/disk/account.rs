//! An account on disk.

use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
};

use super::ensure_no_foreign_files;
use super::journal;
use super::staged::stage;
use crate::publish::account::AccountPlace;
use crate::publish::error::{PublishError, at};
use crate::publish::journal::Journal;
use crate::publish::names::{
    ACCOUNT_FILES, EARLIER_MANIFEST, JOURNAL, MANIFEST, MANIFEST_BYTES_MAX, NEW, NEXT_JOURNAL,
    REJECTED_RECORDS, WORK, is_account_file, is_originals,
};
use crate::publish::staged::StagedFile;
use crate::store::disk::{folder, whole};
use crate::store::{Lock, Staged};

#[derive(Debug)]
pub(crate) struct DiskAccount {
    path: PathBuf,
    lock: Option<Lock>,
}

impl DiskAccount {
    /// `path` is resolved. Fails if it is not a folder.
    pub(crate) fn new(path: PathBuf) -> Result<DiskAccount, PublishError> {
        if path.exists() && !path.is_dir() {
            ensure_no_foreign_files(&path, |_| false)?;
        }
        Ok(DiskAccount { path, lock: None })
    }

    fn work(&self) -> PathBuf {
        self.path.join(WORK)
    }
}

impl AccountPlace for DiskAccount {
    fn path(&self) -> PathBuf {
        self.path.clone()
    }

    fn is_idle(&self) -> Result<bool, PublishError> {
        Ok(!self.work().exists())
    }

    fn take(&mut self) -> Result<bool, PublishError> {
        folder::create(&self.path).map_err(at(&self.path, "create"))?;
        self.lock = Lock::take(&self.work()).map_err(at(&self.path, "lock"))?;
        Ok(self.lock.is_some())
    }

    fn is_held(&self) -> bool {
        self.lock.is_some()
    }

    fn missing_folders(&self) -> Vec<PathBuf> {
        folder::missing(&self.path)
    }

    /// Does nothing: the lock lasts as long as the process, and the disk is read directly.
    fn refresh(&mut self) -> Result<(), PublishError> {
        Ok(())
    }

    fn has(&self, name: &str) -> Result<bool, PublishError> {
        let path = self.path.join(name);
        path.try_exists().map_err(at(&path, "access"))
    }

    fn read(&self, name: &str) -> Result<Option<Vec<u8>>, PublishError> {
        let path = self.path.join(name);
        match whole::read_file(&path, MANIFEST_BYTES_MAX) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            text => Ok(Some(text.map_err(at(&path, "read"))?)),
        }
    }

    fn check_files(&self, is_ours: &dyn Fn(&Path) -> bool) -> Result<(), PublishError> {
        ensure_no_foreign_files(&self.path, |file| file.starts_with(WORK) || is_ours(file))
    }

    fn check_working_files(&self) -> Result<(), PublishError> {
        let ours = [Lock::NAME, JOURNAL, NEXT_JOURNAL].map(Path::new);
        ensure_no_foreign_files(&self.work(), |file| ours.contains(&file))
    }

    fn read_journal(&self) -> Result<Option<Journal>, PublishError> {
        journal::read(&self.work())
    }

    fn write_journal(&self, journal: &Journal) -> Result<(), PublishError> {
        journal::write(journal, &self.work())
    }

    fn remove_journal(&self) -> Result<(), PublishError> {
        journal::remove(&self.work()).map_err(at(&self.path, "clean up"))
    }

    fn prepare(&self) -> Result<(), PublishError> {
        let new = self.work().join(NEW);
        fs::create_dir(&new).map_err(at(&new, "create"))
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

    fn retire_earlier(&self) -> Result<(), PublishError> {
        let account = &self.path;
        folder::remove_file(&account.join(MANIFEST))
            .and_then(|()| folder::sync(account))
            .and_then(|()| folder::remove_file(&account.join(EARLIER_MANIFEST)))
            .and_then(|()| remove_files(account))
            .map_err(at(account, "clear"))
    }

    fn set_earlier_aside(&self, is_published: bool) -> Result<(), PublishError> {
        let account = &self.path;
        let manifest = account.join(MANIFEST);
        let retired = if is_published {
            fs::rename(&manifest, account.join(EARLIER_MANIFEST))
        } else {
            folder::remove_file(&manifest)
        };
        retired
            .and_then(|()| folder::sync(account))
            .and_then(|()| remove_files(account))
            .map_err(at(account, "clear"))
    }

    fn move_files_in(&self) -> Result<(), PublishError> {
        let moved = folder::children(&self.work().join(NEW)).and_then(|files| {
            files.iter().try_for_each(|file| {
                fs::rename(file, self.path.join(file.file_name().unwrap_or_default()))
            })
        });
        moved.and_then(|()| folder::sync(&self.path)).map_err(at(&self.path, "move files into"))
    }

    fn place_manifest(&self) -> Result<(), PublishError> {
        let manifest = self.path.join(MANIFEST);
        fs::rename(self.work().join(MANIFEST), &manifest)
            .and_then(|()| folder::sync(&self.path))
            .inspect_err(|_| {
                // A manifest that might not survive a crash must not publish. If it cannot be
                // removed either, the first error is still the one to report.
                folder::remove_file(&manifest).ok();
            })
            .map_err(at(&manifest, "write"))
    }

    fn clean_up(&self, half_published: bool, half_filled: bool) -> Result<(), PublishError> {
        ensure_no_foreign_files(&self.work().join(NEW), is_account_file)?;
        let remove = || {
            if half_published {
                folder::remove_file(&self.path.join(EARLIER_MANIFEST))?;
            }
            if half_filled {
                remove_files(&self.path)?;
            }
            folder::remove_file(&self.work().join(MANIFEST))?;
            folder::remove(&self.work().join(NEW))
        };
        remove().map_err(at(&self.path, "clean up"))
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

/// Removes what a run wrote into an account, except for the manifests.
fn remove_files(account: &Path) -> io::Result<()> {
    for name in ACCOUNT_FILES {
        folder::remove_file(&account.join(name))?;
    }
    let rejected = account.join(REJECTED_RECORDS);
    for file in folder::files(&rejected) {
        let file = file?;
        if file.to_str().is_some_and(is_originals) {
            folder::remove_file(&rejected.join(file))?;
        }
    }
    folder::remove_if_empty(&rejected)
}
