//! An account on disk.
//!
//! What a run replaces is in `.segprep/old` until the new manifest is in place. To put it back, only
//! renames are needed: a name that is in the account and in `old` was new in the account, and so was
//! one that the account did not hold.

use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
};

use super::staged::stage;
use super::{ensure_no_foreign_files, ensure_nothing_foreign, give_back, journal, move_to_free};
use crate::publish::account::AccountPlace;
use crate::publish::error::{PublishError, at};
use crate::publish::journal::Journal;
use crate::publish::names::{
    ACCOUNT_FILES, EARLIER_MANIFEST, JOURNAL, MANIFEST, MANIFEST_BYTES_MAX, NEW, NEXT_JOURNAL, OLD,
    REJECTED_RECORDS, SHARDS, WORK, is_account_file, is_folder_of_ours, is_of_retry, is_originals,
    is_work_of_shard, shard_folder, shard_number,
};
use crate::publish::staged::StagedFile;
use crate::store::disk::{folder, whole};
use crate::store::{Lock, Staged};

#[derive(Debug)]
pub(crate) struct DiskAccount {
    path: PathBuf,
    lock: Option<Lock>,
    keeps_shards: bool,
}

impl DiskAccount {
    /// `path` is resolved. Fails if it is not a folder.
    pub(crate) fn new(path: PathBuf) -> Result<DiskAccount, PublishError> {
        if path.exists() && !path.is_dir() {
            ensure_no_foreign_files(&path, |_| false)?;
        }
        Ok(DiskAccount { path, lock: None, keeps_shards: false })
    }

    fn work(&self) -> PathBuf {
        self.path.join(WORK)
    }

    fn new_files(&self) -> PathBuf {
        self.work().join(NEW)
    }

    fn old_files(&self) -> PathBuf {
        self.work().join(OLD)
    }

    /// The names in the account, without the working folder.
    fn names(&self) -> io::Result<Vec<String>> {
        let children = folder::children(&self.path)?;
        let names = children.iter().filter_map(|child| child.file_name()?.to_str());
        Ok(names.filter(|name| *name != WORK).map(str::to_owned).collect())
    }

    /// The manifest goes first: from then on, nothing is published. `keeps_retries`: the parts of retries stay
    /// in the outputs, and so do their accounts.
    fn move_all_aside(&self, keeps_retries: bool) -> io::Result<()> {
        let (account, old) = (&self.path, self.old_files());
        fs::create_dir_all(&old)?;
        let mut names = self.names()?;
        names.retain(|name| {
            is_name_of_ours(name)
                && !(self.keeps_shards && name == SHARDS)
                && !(keeps_retries && is_of_retry(Path::new(name)))
        });
        names.sort_by_key(|name| name != MANIFEST);
        for name in names {
            fs::rename(account.join(&name), old.join(&name))?;
            if name == MANIFEST {
                folder::sync(account)?;
            }
        }
        folder::sync(&old)
    }

    fn keep(&self, manifest: &str) -> io::Result<()> {
        let manifest = whole::read_file(&self.old_files().join(manifest), MANIFEST_BYTES_MAX)?;
        let mut file = Staged::create(self.path.join(EARLIER_MANIFEST), false)?;
        file.write_all(&manifest)?;
        file.finish()
    }

    fn put_all_back(&self, held: &[String]) -> io::Result<bool> {
        let (account, new, old) = (&self.path, self.new_files(), self.old_files());
        for name in self.names()? {
            let is_new = exists(&old.join(&name)) || !held.contains(&name);
            // What is still in `new` has not been moved: somebody else took its name.
            if is_new && is_name_of_ours(&name) && !exists(&new.join(&name)) {
                fs::create_dir_all(&new)?;
                fs::rename(account.join(&name), new.join(&name))?;
            }
        }
        for file in folder::children(&old)? {
            let name = file.file_name().unwrap_or_default();
            if name != MANIFEST {
                put_beside(&file, &account.join(name))?;
            }
        }
        give_back(&new, account, is_account_file)?;
        folder::sync(account)?;
        Ok(exists(&old.join(MANIFEST)) || exists(&account.join(EARLIER_MANIFEST)))
    }

    fn take_manifest_back(&self) -> io::Result<()> {
        fs::rename(self.path.join(MANIFEST), self.work().join(MANIFEST))
    }
}

/// Moves a file or a folder back. If somebody else has made the folder meanwhile, its files are moved.
fn put_beside(from: &Path, target: &Path) -> io::Result<()> {
    if !(from.is_dir() && target.is_dir()) {
        return fs::rename(from, target);
    }
    for file in folder::files(from) {
        let file = file?;
        move_to_free(&from.join(&file), &target.join(&file))?;
    }
    folder::remove_empty(from)
}

fn exists(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok()
}

/// Whether a run gives this name to a file or a folder of an account.
fn is_name_of_ours(name: &str) -> bool {
    let path = Path::new(name);
    name == REJECTED_RECORDS || name == SHARDS || is_account_file(path) || is_of_retry(path)
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

    /// Does nothing: the disk is read directly.
    fn look(&mut self) -> Result<(), PublishError> {
        Ok(())
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
        ensure_nothing_foreign(
            &self.path,
            |file| file.starts_with(WORK) || is_work_of_shard(file) || is_ours(file),
            |folder| {
                folder.starts_with(WORK) || is_work_of_shard(folder) || is_folder_of_ours(folder)
            },
        )
    }

    fn check_moved(&self) -> Result<(), PublishError> {
        self.check_files(&is_account_file)?;
        ensure_nothing_foreign(&self.old_files(), is_account_file, is_folder_of_ours)
            .map_err(|error| error.once_back_in(&self.path))
    }

    fn check_working_files(&self, has_journal: bool) -> Result<(), PublishError> {
        let ours = [Lock::NAME, JOURNAL, NEXT_JOURNAL].map(Path::new);
        ensure_no_foreign_files(&self.work(), |file| {
            let moved = file.strip_prefix(NEW).or(file.strip_prefix(OLD));
            let is_left = file == Path::new(MANIFEST) || moved.is_ok_and(is_account_file);
            ours.contains(&file) || (has_journal && is_left)
        })
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

    fn shards(&self) -> Result<Vec<u32>, PublishError> {
        let shards = self.path.join(SHARDS);
        let children = folder::children(&shards).map_err(at(&shards, "list"))?;
        let names = children.iter().filter_map(|child| child.file_name()?.to_str());
        Ok(names.filter_map(shard_number).collect())
    }

    fn busy_shards(&self) -> Result<Vec<u32>, PublishError> {
        let mut shards = self.shards()?;
        shards.retain(|shard| exists(&self.path.join(shard_folder(*shard)).join(WORK)));
        Ok(shards)
    }

    fn keep_shards(&mut self) {
        self.keeps_shards = true;
    }

    fn prepare(&self) -> Result<(), PublishError> {
        let new = self.new_files();
        fs::create_dir(&new).map_err(at(&new, "create"))
    }

    fn stage(&self, path: &str, private: bool) -> Result<StagedFile, PublishError> {
        stage(&self.new_files(), path, private)
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

    fn held(&self) -> Result<Vec<String>, PublishError> {
        self.names().map_err(at(&self.path, "list"))
    }

    fn move_aside(&self, kept: Option<&str>) -> Result<(), PublishError> {
        self.move_all_aside(kept.is_some())
            .and_then(|()| kept.map_or(Ok(()), |manifest| self.keep(manifest)))
            .map_err(at(&self.path, "clear"))
    }

    fn move_files_in(&self) -> Result<(), PublishError> {
        let moved = folder::children(&self.new_files()).and_then(|files| {
            files.iter().try_for_each(|file| {
                fs::rename(file, self.path.join(file.file_name().unwrap_or_default()))
            })
        });
        moved.and_then(|()| folder::sync(&self.path)).map_err(|error| {
            let found = self.check_files(&is_account_file); // it may be in the way
            found.err().unwrap_or_else(|| at(&self.path, "move files into")(error))
        })
    }

    /// A manifest that might not survive a crash must not publish. If the folder cannot be synced
    /// even at a second attempt, it is taken back; if that is impossible as well, it stands.
    fn place_manifest(&self) -> Result<(), PublishError> {
        let manifest = self.path.join(MANIFEST);
        let failed = || at(&manifest, "write");
        fs::rename(self.work().join(MANIFEST), &manifest).map_err(failed())?;
        let synced = folder::sync(&self.path).or_else(|_| folder::sync(&self.path));
        match synced {
            Err(error) if self.take_manifest_back().is_ok() => Err(failed()(error)),
            _ => Ok(()),
        }
    }

    fn put_back(&self, held: &[String]) -> Result<bool, PublishError> {
        self.put_all_back(held).map_err(at(&self.path, "put the earlier files back into"))
    }

    fn put_back_manifest(&self) -> Result<(), PublishError> {
        let manifest = self.path.join(MANIFEST);
        let put_back = match fs::rename(self.old_files().join(MANIFEST), &manifest) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            renamed => renamed,
        };
        put_back.and_then(|()| folder::sync(&self.path)).map_err(at(&manifest, "put back"))
    }

    fn aside(&self) -> Option<(PathBuf, bool)> {
        let old = self.old_files();
        folder::files(&old).next().is_some().then_some((old, true))
    }

    fn clean_up(&self, drops_files: bool, drops_kept: bool) -> Result<(), PublishError> {
        let (new, old) = (self.new_files(), self.old_files());
        let remove = || {
            if drops_files {
                remove_files(&self.path)?;
            }
            if drops_kept {
                remove_shards(&self.path)?;
                folder::remove_file(&self.path.join(EARLIER_MANIFEST))?;
            }
            folder::remove_file(&self.work().join(MANIFEST))?;
            for working in [&new, &old] {
                give_back(working, &self.path, is_account_file)?;
                remove_files(working)?;
                remove_shards(working)?;
                for manifest in [MANIFEST, EARLIER_MANIFEST] {
                    folder::remove_file(&working.join(manifest))?;
                }
                remove_retries(working)?;
                folder::remove_empty(working)?;
            }
            Ok(())
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

/// Removes the accounts of shards from that of the whole.
fn remove_shards(account: &Path) -> io::Result<()> {
    let shards = account.join(SHARDS);
    for file in folder::files(&shards) {
        let file = file?;
        if is_account_file(&Path::new(SHARDS).join(&file)) {
            folder::remove_file(&shards.join(file))?;
        }
    }
    folder::remove_empty(&shards)
}

/// Removes the accounts of retries from a working folder.
fn remove_retries(working: &Path) -> io::Result<()> {
    for account in folder::children(working)? {
        let is_retry = account.file_name().is_some_and(|name| is_of_retry(Path::new(name)));
        if is_retry && fs::symlink_metadata(&account)?.is_dir() {
            remove_files(&account)?;
            for manifest in [MANIFEST, EARLIER_MANIFEST] {
                folder::remove_file(&account.join(manifest))?;
            }
            folder::remove_if_empty(&account)?;
        }
    }
    Ok(())
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
