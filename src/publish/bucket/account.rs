//! An account in a bucket.
//!
//! Objects have no other place to go, so the earlier ones stay until the new ones replace them. Until
//! then, the run can put the earlier manifest back, which it has in memory.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use super::staged::PendingUploads;
use super::{abort_abandoned, ensure_no_foreign_files, path_of};
use crate::publish::account::AccountPlace;
use crate::publish::error::PublishError;
use crate::publish::journal::Journal;
use crate::publish::names::{
    EARLIER_MANIFEST, JOURNAL, MANIFEST, MANIFEST_BYTES_MAX, WORK, is_account_file,
    is_beside_manifests, is_of_retry, is_work_of_shard, mark_text, shard_file,
};
use crate::publish::staged::StagedFile;
use crate::store::s3::{Folder, Lease};

#[derive(Debug)]
pub(crate) struct BucketAccount {
    folder: Folder,
    lease: Option<Lease>,
    /// The names of its objects, for whoever only looks at it.
    seen: Vec<String>,
    pending: PendingUploads,
    manifest: Mutex<Vec<u8>>,
    /// The manifests that this run has read, by their names.
    earlier: Mutex<BTreeMap<String, Vec<u8>>>,
    /// Whether `manifest.earlier.json` stays.
    is_kept: AtomicBool,
    /// Whether this run has removed the earlier manifest, and not put it back.
    is_retired: AtomicBool,
    /// Whether this run has begun to remove other earlier objects.
    is_replaced: AtomicBool,
    keeps_shards: bool,
}

/// The journal's name in the folder of the account.
fn journal() -> String {
    format!("{WORK}/{JOURNAL}")
}

impl BucketAccount {
    pub(crate) fn new(folder: Folder) -> BucketAccount {
        BucketAccount {
            folder,
            lease: None,
            seen: Vec::new(),
            pending: PendingUploads::default(),
            manifest: Mutex::default(),
            earlier: Mutex::default(),
            is_kept: AtomicBool::new(false),
            is_retired: AtomicBool::new(false),
            is_replaced: AtomicBool::new(false),
            keeps_shards: false,
        }
    }

    fn earlier(&self) -> MutexGuard<'_, BTreeMap<String, Vec<u8>>> {
        self.earlier.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The names in the last listing; none if the account is neither held nor looked at.
    fn names(&self) -> &[String] {
        self.lease.as_ref().map_or(&self.seen, Lease::names)
    }

    /// Removes objects of the last listing.
    fn remove_listed(&self, is_doomed: impl Fn(&str) -> bool) -> Result<(), PublishError> {
        let names = self.names().iter().filter(|name| is_doomed(name));
        Ok(self.folder.remove(names.cloned().collect())?)
    }
}

impl Drop for BucketAccount {
    /// An account that is still held could not be cleaned up.
    fn drop(&mut self) {
        if let Some(lease) = self.lease.take() {
            lease.withdraw().ok(); // it expires by itself
        }
    }
}

impl AccountPlace for BucketAccount {
    fn path(&self) -> PathBuf {
        path_of(&self.folder)
    }

    fn is_idle(&self) -> Result<bool, PublishError> {
        Ok(self.folder.join(WORK).names()?.is_empty())
    }

    fn take(&mut self) -> Result<bool, PublishError> {
        self.lease = Lease::take(&self.folder, &mark_text(&self.path()))?;
        Ok(self.lease.is_some())
    }

    fn look(&mut self) -> Result<(), PublishError> {
        self.seen = self.folder.names()?;
        Ok(())
    }

    fn is_held(&self) -> bool {
        self.lease.as_ref().is_some_and(|lease| !lease.is_over())
    }

    fn missing_folders(&self) -> Vec<PathBuf> {
        Vec::new()
    }

    fn refresh(&mut self) -> Result<(), PublishError> {
        Ok(self.lease.as_mut().map_or(Ok(()), Lease::look)?)
    }

    fn has(&self, name: &str) -> Result<bool, PublishError> {
        Ok(self.names().iter().any(|listed| listed == name))
    }

    fn read(&self, name: &str) -> Result<Option<Vec<u8>>, PublishError> {
        if self.is_held() && !self.has(name)? {
            return Ok(None);
        }
        let text = self.folder.get(name, MANIFEST_BYTES_MAX)?;
        if let Some(text) = text.as_ref().filter(|_| name == MANIFEST || name == EARLIER_MANIFEST) {
            self.earlier().insert(name.to_owned(), text.clone());
        }
        Ok(text)
    }

    fn check_files(&self, is_ours: &dyn Fn(&Path) -> bool) -> Result<(), PublishError> {
        ensure_no_foreign_files(&self.folder, self.names(), |name| {
            name.starts_with(WORK) || is_work_of_shard(name) || is_ours(name)
        })
    }

    /// Does nothing: no object replaces another, and a listing would cost a round trip.
    fn check_moved(&self) -> Result<(), PublishError> {
        Ok(())
    }

    fn check_working_files(&self, _has_journal: bool) -> Result<(), PublishError> {
        let journal = journal();
        let is_work = |name: &str| name == journal || name.starts_with(Lease::PREFIX);
        ensure_no_foreign_files(&self.folder, self.names(), |name| {
            !name.starts_with(WORK) || name.to_str().is_some_and(is_work)
        })
    }

    fn read_journal(&self) -> Result<Option<Journal>, PublishError> {
        let text = self.read(&journal())?;
        text.map(|text| Journal::parse(&text, &self.path())).transpose()
    }

    fn write_journal(&self, new: &Journal) -> Result<(), PublishError> {
        // Folders of the machine are no business of a bucket's readers, and what a journal in a
        // bucket says about them is not believed.
        let mut new = new.clone();
        new.made.clear();
        Ok(self.folder.put(&journal(), &new.to_json())?)
    }

    fn remove_journal(&self) -> Result<(), PublishError> {
        Ok(self.folder.remove(vec![journal()])?)
    }

    fn shards(&self) -> Result<Vec<u32>, PublishError> {
        let found = self.names().iter().filter_map(|name| shard_file(name));
        let shards: BTreeSet<u32> = found.map(|(shard, _)| shard).collect();
        Ok(shards.into_iter().collect())
    }

    fn busy_shards(&self) -> Result<Vec<u32>, PublishError> {
        let working = self.names().iter().filter(|name| is_work_of_shard(Path::new(name)));
        let found = working.filter_map(|name| shard_file(name));
        let shards: BTreeSet<u32> = found.map(|(shard, _)| shard).collect();
        Ok(shards.into_iter().collect())
    }

    fn keep_shards(&mut self) {
        self.keeps_shards = true;
    }

    fn prepare(&self) -> Result<(), PublishError> {
        Ok(())
    }

    /// Everyone who may read the bucket may read a private file. The definition has to encrypt an
    /// account that keeps rejected records.
    fn stage(&self, path: &str, _private: bool) -> Result<StagedFile, PublishError> {
        Ok(self.pending.stage(&self.folder, path))
    }

    fn stage_manifest(&self, manifest: &[u8]) -> Result<(), PublishError> {
        *self.manifest.lock().unwrap_or_else(PoisonError::into_inner) = manifest.to_vec();
        Ok(())
    }

    /// Does nothing: the server has everything that was written.
    fn sync(&self) -> Result<(), PublishError> {
        Ok(())
    }

    fn held(&self) -> Result<Vec<String>, PublishError> {
        let names = self.names().iter().filter(|name| !name.starts_with(WORK));
        Ok(names.cloned().collect())
    }

    fn move_aside(&self, kept: Option<&str>) -> Result<(), PublishError> {
        self.is_kept.store(kept.is_some(), Ordering::Relaxed);
        let kept = kept.and_then(|name| self.earlier().get(name).cloned());
        if let Some(manifest) = kept {
            self.folder.put(EARLIER_MANIFEST, &manifest)?;
        }
        let has_manifest = self.names().iter().any(|name| name == MANIFEST);
        self.is_retired.store(has_manifest, Ordering::Relaxed);
        self.remove_listed(|name| name == MANIFEST)
    }

    fn move_files_in(&self) -> Result<(), PublishError> {
        // The accounts of retries stay with the parts that they list.
        let drops_kept = !self.is_kept.load(Ordering::Relaxed);
        let is_replaced = |name: &str| {
            let stays = !drops_kept && is_of_retry(Path::new(name));
            let is_kept = stays || (self.keeps_shards && shard_file(name).is_some());
            (is_beside_manifests(name) && !is_kept) || (drops_kept && name == EARLIER_MANIFEST)
        };
        if self.names().iter().any(|name| is_replaced(name)) {
            self.is_replaced.store(true, Ordering::Relaxed);
            self.remove_listed(is_replaced)?;
        }
        Ok(self.folder.complete(self.pending.take())?)
    }

    fn place_manifest(&self) -> Result<(), PublishError> {
        self.lease.as_ref().map_or(Ok(()), Lease::check)?;
        let manifest = self.manifest.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Ok(self.folder.put_new(MANIFEST, &manifest)?)
    }

    fn put_back(&self, held: &[String]) -> Result<bool, PublishError> {
        let has_manifest = self.earlier().contains_key(MANIFEST);
        if self.is_replaced.load(Ordering::Relaxed) || !has_manifest {
            return Ok(false);
        }
        self.remove_listed(|name| {
            is_account_file(Path::new(name)) && held.iter().all(|other| other != name)
        })?;
        if let Some(kept) = self.earlier().get(EARLIER_MANIFEST) {
            self.folder.put(EARLIER_MANIFEST, kept)?;
        }
        Ok(true)
    }

    fn put_back_manifest(&self) -> Result<(), PublishError> {
        self.lease.as_ref().map_or(Ok(()), Lease::check)?;
        let manifest = self.earlier().get(MANIFEST).cloned();
        Ok(manifest.map_or(Ok(()), |manifest| self.folder.put_new(MANIFEST, &manifest))?)
    }

    fn aside(&self) -> Option<(PathBuf, bool)> {
        self.is_retired.load(Ordering::Relaxed).then(|| (self.path(), false))
    }

    fn clean_up(&self, drops_files: bool, drops_kept: bool) -> Result<(), PublishError> {
        drop(self.pending.take());
        self.folder.abort_own()?;
        abort_abandoned(&self.folder, self.lease.as_ref(), is_account_file)?;
        self.remove_listed(|name| {
            let is_kept = !drops_kept && shard_file(name).is_some();
            (drops_kept && name == EARLIER_MANIFEST)
                || (drops_files && is_beside_manifests(name) && !is_kept)
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
