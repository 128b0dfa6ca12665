//! An account in a bucket.

use std::{
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use super::staged::PendingUploads;
use super::{abort_abandoned, ensure_no_foreign_files, path_of};
use crate::publish::account::AccountPlace;
use crate::publish::error::PublishError;
use crate::publish::journal::Journal;
use crate::publish::names::{
    EARLIER_MANIFEST, JOURNAL, MANIFEST, MANIFEST_BYTES_MAX, WORK, is_account_file,
    is_beside_manifests, mark_text,
};
use crate::publish::staged::StagedFile;
use crate::store::s3::{Folder, Lease};

#[derive(Debug)]
pub(crate) struct BucketAccount {
    folder: Folder,
    lease: Option<Lease>,
    pending: PendingUploads,
    manifest: Mutex<Vec<u8>>,
}

/// The journal's name in the folder of the account.
fn journal() -> String {
    format!("{WORK}/{JOURNAL}")
}

impl BucketAccount {
    pub(crate) fn new(folder: Folder) -> BucketAccount {
        let (pending, manifest) = (PendingUploads::default(), Mutex::default());
        BucketAccount { folder, lease: None, pending, manifest }
    }

    /// The names in the last listing; none if the account is not held.
    fn names(&self) -> &[String] {
        self.lease.as_ref().map_or(&[], Lease::names)
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
        Ok(self.folder.get(name, MANIFEST_BYTES_MAX)?)
    }

    fn check_files(&self, is_ours: &dyn Fn(&Path) -> bool) -> Result<(), PublishError> {
        ensure_no_foreign_files(&self.folder, self.names(), |name| {
            name.starts_with(WORK) || is_ours(name)
        })
    }

    fn check_working_files(&self) -> Result<(), PublishError> {
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

    fn retire_earlier(&self) -> Result<(), PublishError> {
        self.remove_listed(|name| name == MANIFEST)?;
        self.remove_listed(|name| name == EARLIER_MANIFEST || is_beside_manifests(name))
    }

    fn set_earlier_aside(&self, is_published: bool) -> Result<(), PublishError> {
        if is_published && let Some(manifest) = self.read(MANIFEST)? {
            self.folder.put(EARLIER_MANIFEST, &manifest)?;
        }
        self.remove_listed(|name| name == MANIFEST)?;
        self.remove_listed(is_beside_manifests)
    }

    fn move_files_in(&self) -> Result<(), PublishError> {
        Ok(self.folder.complete(self.pending.take())?)
    }

    fn place_manifest(&self) -> Result<(), PublishError> {
        self.lease.as_ref().map_or(Ok(()), Lease::check)?;
        let manifest = self.manifest.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Ok(self.folder.put_new(MANIFEST, &manifest)?)
    }

    fn clean_up(&self, half_published: bool, half_filled: bool) -> Result<(), PublishError> {
        drop(self.pending.take());
        self.folder.abort_own()?;
        abort_abandoned(&self.folder, self.lease.as_ref(), is_account_file)?;
        self.remove_listed(|name| {
            (half_published && name == EARLIER_MANIFEST)
                || (half_filled && is_beside_manifests(name))
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
