//! An output in a bucket.

use std::path::Path;

use super::staged::PendingUploads;
use super::{abort_abandoned, ensure_none, path_of};
use crate::publish::earlier::EarlierRuns;
use crate::publish::error::PublishError;
use crate::publish::names::{WORK, is_part, mark_text};
use crate::publish::output::OutputPlace;
use crate::publish::parts::Parts;
use crate::publish::staged::StagedFile;
use crate::store::s3::{Folder, Lease};

#[derive(Debug)]
pub(crate) struct BucketOutput {
    folder: Folder,
    lease: Lease,
    pending: PendingUploads,
    /// What earlier runs left in the output, as their manifests have it.
    earlier: Parts,
}

impl BucketOutput {
    fn new(folder: Folder, lease: Lease) -> BucketOutput {
        let (pending, earlier) = (PendingUploads::default(), Parts::default());
        BucketOutput { folder, lease, pending, earlier }
    }

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
        let mut output = BucketOutput::new(folder, lease);
        if let Err(error) = output.check(earlier).and_then(|()| output.abort_abandoned()) {
            // What is left, the next run finds by the dead locks. A lock that stays expires by itself.
            let lease = output.lease;
            if lease.was_left() { lease.withdraw() } else { lease.release() }.ok();
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
            Some(lease) => Ok(Some(BucketOutput::new(folder, lease))),
            None => Err(PublishError::Taken { place: path_of(&folder) }),
        }
    }

    /// Removes what a run left here. See [`OutputPlace::roll_back`].
    fn clean_up(&mut self, parts: &Parts, half_published: bool) -> Result<(), PublishError> {
        drop(self.pending.take());
        self.folder.abort_own()?;
        if half_published || self.lease.was_left() || self.folder.has_uploaded() {
            // Fails if the hold was lost: the objects here are another run's then.
            self.lease.look()?;
            self.abort_abandoned()?;
        }
        if half_published {
            self.remove_parts(parts)?;
        }
        Ok(())
    }

    fn abort_abandoned(&self) -> Result<(), PublishError> {
        abort_abandoned(&self.folder, Some(&self.lease), is_part)
    }

    /// Fails if there is an object that no run of this account wrote.
    fn check(&mut self, earlier: &EarlierRuns) -> Result<(), PublishError> {
        self.earlier = earlier.parts_in(&path_of(&self.folder));
        let foreign = self.lease.names_and_sizes().filter(|(name, bytes)| {
            let name = Path::new(name);
            !name.starts_with(WORK) && !self.earlier.has(name, *bytes)
        });
        ensure_none(&self.folder, foreign.map(|(name, _)| name))
    }

    /// Removes those of these parts that the last listing has.
    fn remove_parts(&self, parts: &Parts) -> Result<(), PublishError> {
        let found = self.lease.names_and_sizes();
        let found = found.filter(|(name, bytes)| parts.has(Path::new(name), *bytes));
        Ok(self.folder.remove(found.map(|(name, _)| name.to_owned()).collect())?)
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
        self.remove_parts(&self.earlier)
    }

    fn move_in(&self) -> Result<(), PublishError> {
        Ok(self.folder.complete(self.pending.take())?)
    }

    fn roll_back(
        mut self: Box<Self>,
        parts: &Parts,
        half_published: bool,
    ) -> Result<(), PublishError> {
        match self.clean_up(parts, half_published) {
            Ok(()) => Ok(self.lease.release()?),
            Err(error) => {
                self.lease.withdraw().ok(); // it expires by itself
                Err(error)
            }
        }
    }
}
