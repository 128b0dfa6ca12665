//! An output in a bucket.
//!
//! Earlier parts stay until all else is done: new parts with other names are completed first. Then
//! the earlier ones are removed, and the new ones that have their names are completed. A failure in
//! between cannot be undone, since the objects are gone (but for their versions, if the bucket keeps
//! them).

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
};

use super::staged::PendingUploads;
use super::{abort_abandoned, ensure_none, path_of};
use crate::publish::earlier::EarlierRuns;
use crate::publish::error::PublishError;
use crate::publish::journal::TakenOutput;
use crate::publish::names::{MoveMode, WORK, is_part, mark_text, shard_prefix};
use crate::publish::output::OutputPlace;
use crate::publish::parts::Parts;
use crate::publish::staged::StagedFile;
use crate::store::s3::{Folder, Lease};

#[derive(Debug)]
pub(crate) struct BucketOutput {
    /// Of a shard, this is no folder but what the names of all its objects begin with. So its lock and its
    /// parts are beside those of other shards, and a listing has nothing else.
    folder: Folder,
    /// The output, and what names in `folder` begin with there.
    to: PathBuf,
    prefix: String,
    lease: Lease,
    pending: PendingUploads,
    /// What earlier runs left in the output, as it was when it was last checked.
    earlier: Parts,
    /// Whether earlier parts may have been removed.
    is_replaced: AtomicBool,
}

impl BucketOutput {
    fn new((to, prefix): (PathBuf, String), lease: Lease) -> BucketOutput {
        BucketOutput {
            folder: lease.folder().clone(),
            to,
            prefix,
            lease,
            pending: PendingUploads::default(),
            earlier: Parts::default(),
            is_replaced: AtomicBool::new(false),
        }
    }

    /// Takes an output for this account. Every object in it must have been written by runs of this
    /// account.
    pub(crate) fn take(
        folder: Folder,
        mode: MoveMode,
        account: &Path,
        earlier: &EarlierRuns,
    ) -> Result<BucketOutput, PublishError> {
        let (folder, place) = place_of(folder, mode);
        let Some(lease) = Lease::take(&folder, &mark_text(account))? else {
            return Err(PublishError::Taken { place: path_of(&folder) });
        };
        let mut output = BucketOutput::new(place, lease);
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
        mode: MoveMode,
        account: &Path,
    ) -> Result<Option<BucketOutput>, PublishError> {
        let (folder, place) = place_of(folder, mode);
        let own = mark_text(account);
        if Lease::mark_in(&folder)?.is_none_or(|mark| mark != own) {
            return Ok(None);
        }
        // This run holds the account, so every other run that left this mark is dead.
        match Lease::take_from(&folder, &own, |mark| mark == own)? {
            Some(lease) => {
                let output = BucketOutput::new(place, lease);
                output.is_replaced.store(true, Ordering::Relaxed);
                Ok(Some(output))
            }
            None => Err(PublishError::Taken { place: path_of(&folder) }),
        }
    }

    /// Removes what a run left here. See [`OutputPlace::clean_up`].
    fn remove(&mut self, moved: &TakenOutput, drops_parts: bool) -> Result<(), PublishError> {
        drop(self.pending.take());
        self.folder.abort_own()?;
        if drops_parts || self.lease.was_left() || self.folder.has_uploaded() {
            // Fails if the hold was lost: the objects here are another run's then.
            self.lease.look()?;
            self.abort_abandoned()?;
        }
        if drops_parts {
            self.remove_parts(&moved.parts)?;
        }
        Ok(())
    }

    fn abort_abandoned(&self) -> Result<(), PublishError> {
        let is_part = |name: &Path| is_part(&self.path_in_output(&name.to_string_lossy()));
        abort_abandoned(&self.folder, Some(&self.lease), is_part)
    }

    /// Fails if there is an object that no run of this account wrote.
    fn check(&mut self, earlier: &EarlierRuns) -> Result<(), PublishError> {
        let listed = earlier.parts_in(&self.to);
        self.check_listing(&listed)?;
        let found: BTreeMap<PathBuf, u64> =
            self.listed().map(|(_, path, bytes)| (path, bytes)).collect();
        self.earlier = listed.filtered(|path, bytes| found.get(path) == Some(&bytes));
        Ok(())
    }

    /// The path in the output of what has this name in `folder`.
    fn path_in_output(&self, name: &str) -> PathBuf {
        PathBuf::from(format!("{}{name}", self.prefix))
    }

    /// What the last listing has besides working files: the name in `folder`, the path in the output, and
    /// the size.
    fn listed(&self) -> impl Iterator<Item = (&str, PathBuf, u64)> {
        let found = self.lease.names_and_sizes();
        let parts = found.filter(|(name, _)| !Path::new(name).starts_with(WORK));
        parts.map(|(name, bytes)| (name, self.path_in_output(name), bytes))
    }

    /// Fails if the last listing has anything but these parts.
    fn check_listing(&self, parts: &Parts) -> Result<(), PublishError> {
        let foreign = self.listed().filter(|(_, path, bytes)| !parts.has(path, *bytes));
        ensure_none(&self.folder, foreign.map(|(name, ..)| name))
    }

    /// Removes those of these parts that the last listing has.
    fn remove_parts(&self, parts: &Parts) -> Result<(), PublishError> {
        let found = self.listed().filter(|(_, path, bytes)| parts.has(path, *bytes));
        Ok(self.folder.remove(found.map(|(name, ..)| name.to_owned()).collect())?)
    }
}

/// Where a run works in an output: what its names begin with, and the output with that beginning.
fn place_of(folder: Folder, mode: MoveMode) -> (Folder, (PathBuf, String)) {
    let to = path_of(&folder);
    match mode {
        MoveMode::Whole | MoveMode::PartByPart => (folder, (to, String::new())),
        MoveMode::Shard(shard) => {
            let prefix = shard_prefix(shard);
            (folder.with_prefix(&prefix), (to, prefix))
        }
    }
}

impl OutputPlace for BucketOutput {
    fn stage(&self, path: &str) -> Result<StagedFile, PublishError> {
        let name = path.strip_prefix(&self.prefix).unwrap_or(path);
        Ok(self.pending.stage(&self.folder, name))
    }

    fn check_and_sync(&mut self, earlier: &EarlierRuns) -> Result<(), PublishError> {
        self.lease.look()?;
        self.check(earlier)
    }

    fn earlier(&self) -> Parts {
        self.earlier.clone()
    }

    /// Does nothing: see [`move_in`](OutputPlace::move_in).
    fn move_aside(&self) -> Result<(), PublishError> {
        Ok(())
    }

    fn move_in(&self) -> Result<(), PublishError> {
        let earlier: BTreeSet<&Path> = self.earlier.paths().collect();
        let is_replaced = |name: &str| earlier.contains(self.path_in_output(name).as_path());
        let (replacing, others) =
            self.pending.take().into_iter().partition(|new| is_replaced(new.name()));
        self.folder.complete(others)?;
        if !earlier.is_empty() {
            self.is_replaced.store(true, Ordering::Relaxed);
            self.remove_parts(&self.earlier)?;
        }
        Ok(self.folder.complete(replacing)?)
    }

    /// Does nothing: no object replaces another, and a listing would cost a round trip.
    fn check_moved(&self, _moved: &TakenOutput) -> Result<(), PublishError> {
        Ok(())
    }

    fn check_taken_over(
        &self,
        moved: &TakenOutput,
        has_moved: bool,
        earlier: &EarlierRuns,
    ) -> Result<(), PublishError> {
        if !has_moved {
            return Ok(());
        }
        self.check_listing(&moved.parts.and(&earlier.parts_in(&self.to)))
    }

    fn put_back(&mut self, moved: &TakenOutput) -> Result<bool, PublishError> {
        drop(self.pending.take());
        if self.is_replaced.load(Ordering::Relaxed) && !moved.earlier.is_empty() {
            self.earlier = moved.earlier.clone();
            return Ok(false);
        }
        // Fails if the hold was lost: the objects here are another run's then.
        self.lease.look()?;
        let new = moved.parts.filtered(|path, bytes| !moved.earlier.has(path, bytes));
        self.remove_parts(&new)?;
        Ok(true)
    }

    fn aside(&self) -> Option<(PathBuf, bool)> {
        (!self.earlier.is_empty()).then(|| (self.to.clone(), false))
    }

    fn clean_up(
        mut self: Box<Self>,
        moved: &TakenOutput,
        drops_parts: bool,
    ) -> Result<(), PublishError> {
        match self.remove(moved, drops_parts) {
            Ok(()) => Ok(self.lease.release()?),
            Err(error) => {
                self.withdraw();
                Err(error)
            }
        }
    }

    fn withdraw(self: Box<Self>) {
        self.lease.withdraw().ok(); // it expires by itself
    }
}
