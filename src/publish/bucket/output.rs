//! An output in a bucket.

use std::path::Path;

use super::staged::PendingUploads;
use super::{abort_abandoned, ensure_no_foreign_files, path_of};
use crate::publish::earlier::EarlierRuns;
use crate::publish::error::PublishError;
use crate::publish::names::{WORK, is_part, mark_text};
use crate::publish::output::OutputPlace;
use crate::publish::staged::StagedFile;
use crate::store::s3::{Folder, Lease};

#[derive(Debug)]
pub(crate) struct BucketOutput {
    folder: Folder,
    lease: Lease,
    pending: PendingUploads,
}

impl BucketOutput {
    /// Takes an output for this account. Every object in it must have been written by runs of this
    /// account.
    pub(crate) fn take(
        folder: Folder,
        account: &Path,
        earlier: &EarlierRuns,
    ) -> Result<BucketOutput, PublishError> {
        let Some(lease) = Lease::take(&folder, &mark_text(account))? else {
            return Err(PublishError::Taken { place: path_of(&folder) });
        };
        let output = BucketOutput { folder, lease, pending: PendingUploads::default() };
        if let Err(error) = output.check(earlier).and_then(|()| output.abort_abandoned()) {
            output.lease.release().ok(); // it expires by itself
            return Err(error);
        }
        Ok(output)
    }

    /// Takes over an output that a killed run of this account was writing. `None` if nothing of
    /// that run is left there, or if another account has taken the output since.
    pub(crate) fn take_over(
        folder: Folder,
        account: &Path,
    ) -> Result<Option<BucketOutput>, PublishError> {
        let own = mark_text(account);
        if Lease::mark_in(&folder)?.is_none_or(|mark| mark != own) {
            return Ok(None);
        }
        // This run holds the account, so every other run that left this mark is dead.
        match Lease::take_from(&folder, &own, |mark| mark == own)? {
            Some(lease) => {
                Ok(Some(BucketOutput { folder, lease, pending: PendingUploads::default() }))
            }
            None => Err(PublishError::Taken { place: path_of(&folder) }),
        }
    }

    fn abort_abandoned(&self) -> Result<(), PublishError> {
        abort_abandoned(&self.folder, Some(&self.lease), is_part)
    }

    /// Fails if there is an object that no run of this account wrote.
    fn check(&self, earlier: &EarlierRuns) -> Result<(), PublishError> {
        let parts = earlier.parts_in(&path_of(&self.folder));
        ensure_no_foreign_files(&self.folder, self.lease.names(), |file| {
            file.starts_with(WORK) || parts.contains(file)
        })
    }

    /// Removes the parts of the last listing.
    fn remove_parts(&self) -> Result<(), PublishError> {
        let parts = self.lease.names().iter().filter(|name| is_part(Path::new(name)));
        Ok(self.folder.remove(parts.cloned().collect())?)
    }
}

impl OutputPlace for BucketOutput {
    fn stage(&self, path: &str) -> Result<StagedFile, PublishError> {
        Ok(self.pending.stage(&self.folder, path))
    }

    fn check_and_sync(&mut self, earlier: &EarlierRuns) -> Result<(), PublishError> {
        self.lease.look()?;
        self.check(earlier)
    }

    fn move_aside(&self) -> Result<(), PublishError> {
        self.remove_parts()
    }

    fn move_in(&self) -> Result<(), PublishError> {
        Ok(self.folder.complete(self.pending.take())?)
    }

    fn roll_back(mut self: Box<Self>, half_published: bool) -> Result<(), PublishError> {
        drop(self.pending.take());
        self.folder.abort_own()?;
        if half_published || self.lease.was_left() || self.folder.has_uploaded() {
            // Fails if the hold was lost: the objects here are another run's then.
            self.lease.look()?;
            self.abort_abandoned()?;
        }
        if half_published {
            self.remove_parts()?;
        }
        Ok(self.lease.release()?)
    }
}
