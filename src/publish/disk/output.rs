//! An output on disk: the folder `to`, and a working folder in which its new parts wait.
//!
//! The working folder is `.NAME.segprep` beside `to`, so that one rename puts all parts into
//! place. Where that is impossible (`to` is a mount point, or nothing may be created beside it),
//! it is `.segprep` inside `to`, and the parts are moved one by one. It holds `lock`, which names
//! the account that the output is written for; `new`, the new parts; and `old`, what `to` was.

use std::{
    ffi::OsStr,
    fs, io,
    path::{Path, PathBuf},
};

use super::ensure_no_foreign_files;
use super::staged::stage;
use crate::publish::earlier::EarlierRuns;
use crate::publish::error::{PublishError, at};
use crate::publish::journal::TakenOutput;
use crate::publish::names::{MoveMode, NEW, OLD, WORK, is_job_folder, is_part, mark};
use crate::publish::output::OutputPlace;
use crate::publish::staged::StagedFile;
use crate::store::Lock;
use crate::store::disk::{folder, whole};

#[derive(Debug)]
pub(crate) struct DiskOutput {
    to: PathBuf,
    mode: MoveMode,
    lock: Lock,
}

/// How parts can be moved into this folder, which is resolved.
pub(crate) fn move_mode(to: &Path) -> io::Result<MoveMode> {
    let Some(parent) = to.parent() else { return Ok(MoveMode::PartByPart) };
    let is_fixed = to.exists() && (folder::is_mount(to)? || !folder::is_writable(parent));
    Ok(if is_fixed { MoveMode::PartByPart } else { MoveMode::Whole })
}

impl DiskOutput {
    /// Takes an output for this account and prepares it for parts. Every file in it must have been
    /// written by runs of this account.
    pub(crate) fn take(
        taken: &TakenOutput,
        account: &Path,
        earlier: &EarlierRuns,
    ) -> Result<DiskOutput, PublishError> {
        let parent = taken.work.parent().unwrap_or(&taken.to);
        folder::create(parent).map_err(at(parent, "create"))?;
        let Some(lock) = Lock::take(&taken.work).map_err(at(&taken.work, "lock"))? else {
            return Err(PublishError::Taken { place: taken.to.clone() });
        };
        let mut output = DiskOutput { to: taken.to.clone(), mode: taken.mode(), lock };
        if let Err(error) = output.check(earlier).and_then(|()| output.check_access()) {
            output.release_unclaimed();
            return Err(error);
        }
        output.claim(account).map_err(at(&taken.work, "prepare"))?;
        Ok(output)
    }

    /// Takes over an output that a killed run of this account was writing. `None` if nothing of
    /// that run is left there, or if another account has taken the output since.
    pub(crate) fn take_over(
        taken: &TakenOutput,
        account: &Path,
    ) -> Result<Option<DiskOutput>, PublishError> {
        if !taken.is_plausible(&[MoveMode::Whole, MoveMode::PartByPart]) {
            return Ok(None);
        }
        if !taken.work.join(Lock::NAME).exists() {
            // The run was killed while it was creating or removing the lock and its folder.
            folder::remove_if_empty(&taken.work).map_err(at(&taken.work, "remove"))?;
            return Ok(None);
        }
        let failed = || at(&taken.work, "lock");
        let found =
            whole::read_file(&taken.work.join(Lock::NAME), Lock::BYTES_MAX).map_err(failed())?;
        let is_ours = found == mark(account);
        if !is_ours && !found.is_empty() {
            return Ok(None);
        }
        let Some(lock) = Lock::take(&taken.work).map_err(failed())? else {
            return Err(PublishError::Taken { place: taken.to.clone() });
        };
        let output = DiskOutput { to: taken.to.clone(), mode: taken.mode(), lock };
        if is_ours {
            return Ok(Some(output));
        }
        // The run was killed before it claimed the output.
        output.release_unclaimed();
        Ok(None)
    }

    /// Fails if there is a foreign file in the output or its working folder.
    fn check(&mut self, earlier: &EarlierRuns) -> Result<(), PublishError> {
        let parts = earlier.parts_in(&self.to);
        let is_inside = self.mode == MoveMode::PartByPart;
        ensure_no_foreign_files(&self.to, |file| {
            parts.contains(file) || (is_inside && file.starts_with(WORK))
        })?;
        let work = self.lock.folder().to_owned();
        let is_claimed = !self.lock.mark().map_err(at(&work, "read"))?.is_empty();
        ensure_no_foreign_files(&work, |file| {
            file == Path::new(Lock::NAME)
                || (is_claimed && (file.starts_with(NEW) || file.starts_with(OLD)))
        })
    }

    /// Fails now, rather than when all parts are written, if the output could not be emptied.
    fn check_access(&self) -> Result<(), PublishError> {
        if self.to.exists() && !folder::is_writable(&self.to) {
            let source = io::ErrorKind::PermissionDenied.into();
            return Err(PublishError::Denied { path: self.to.clone(), source });
        }
        Ok(())
    }

    /// Marks the lock: from here on, everything in the working folder is ours.
    fn claim(&mut self, account: &Path) -> io::Result<()> {
        folder::remove(&self.new_parts())?;
        folder::remove(&self.old_parts())?;
        self.lock.set_mark(mark(account))?;
        fs::create_dir(self.new_parts())?;
        folder::sync(self.lock.folder())?;
        self.lock.folder().parent().map_or(Ok(()), folder::sync)
    }

    /// Releases an output that was not claimed. What another account left there stays.
    fn release_unclaimed(mut self) {
        if self.lock.mark().is_ok_and(|mark| mark.is_empty()) {
            self.lock.remove().ok(); // what is left has no mark, so the next run takes it
        }
    }

    fn new_parts(&self) -> PathBuf {
        self.lock.folder().join(NEW)
    }

    fn old_parts(&self) -> PathBuf {
        self.lock.folder().join(OLD)
    }

    fn make_way(&self) -> io::Result<()> {
        if !self.to.exists() {
            return Ok(());
        }
        match self.mode {
            MoveMode::Whole => {
                fs::set_permissions(self.new_parts(), fs::metadata(&self.to)?.permissions())?;
                fs::rename(&self.to, self.old_parts())
            }
            MoveMode::PartByPart => self.remove_parts(|file| !file.starts_with(WORK)),
        }
    }

    fn move_new_parts(&self) -> io::Result<()> {
        match self.mode {
            MoveMode::Whole => {
                fs::rename(self.new_parts(), &self.to)?;
                folder::sync(self.lock.folder())?;
                self.to.parent().map_or(Ok(()), folder::sync)
            }
            MoveMode::PartByPart => self.move_one_by_one(),
        }
    }

    fn move_one_by_one(&self) -> io::Result<()> {
        for part in folder::files(&self.new_parts()) {
            let part = part?;
            let target = self.to.join(&part);
            if let Some(job) = target.parent() {
                fs::create_dir_all(job)?;
            }
            fs::rename(self.new_parts().join(&part), target)?;
        }
        self.job_folders()?.iter().try_for_each(|job| folder::sync(job))?;
        folder::sync(&self.to)
    }

    /// The job folders in the output.
    fn job_folders(&self) -> io::Result<Vec<PathBuf>> {
        let mut jobs = folder::children(&self.to)?;
        jobs.retain(|job| {
            let name = job.file_name().and_then(OsStr::to_str);
            name.is_some_and(is_job_folder)
                && fs::symlink_metadata(job).is_ok_and(|metadata| metadata.is_dir())
        });
        Ok(jobs)
    }

    fn restore(self, half_published: bool) -> io::Result<()> {
        if half_published {
            if self.old_parts().exists() && !self.to.exists() {
                fs::rename(self.old_parts(), &self.to)?;
            }
            self.remove_parts(is_part)?;
        }
        self.release()
    }

    /// Removes these files of the output, and the job folders that become empty.
    fn remove_parts(&self, is_ours: impl Fn(&Path) -> bool) -> io::Result<()> {
        for file in folder::files(&self.to) {
            let file = file?;
            if is_ours(&file) {
                folder::remove(&self.to.join(file))?;
            }
        }
        self.job_folders()?.iter().try_for_each(|job| folder::remove_if_empty(job))
    }

    /// Removes the working folder. The lock goes last: until then, the next run finds by the
    /// journal and by its mark that the folder is ours.
    fn release(self) -> io::Result<()> {
        folder::remove(&self.new_parts())?;
        folder::remove(&self.old_parts())?;
        self.lock.remove()
    }
}

impl OutputPlace for DiskOutput {
    fn stage(&self, path: &str) -> Result<StagedFile, PublishError> {
        stage(&self.new_parts(), path, false)
    }

    fn check_and_sync(&mut self, earlier: &EarlierRuns) -> Result<(), PublishError> {
        self.check(earlier)?;
        let new = self.new_parts();
        folder::sync_all(&new).map_err(at(&new, "sync"))
    }

    fn move_aside(&self) -> Result<(), PublishError> {
        self.make_way().map_err(at(&self.to, "clear"))
    }

    fn move_in(&self) -> Result<(), PublishError> {
        self.move_new_parts().map_err(at(&self.to, "move parts into"))
    }

    fn roll_back(self: Box<Self>, half_published: bool) -> Result<(), PublishError> {
        let failed = at(&self.to, "clean up");
        self.restore(half_published).map_err(failed)
    }

    #[cfg(test)]
    fn folders(&self) -> Option<(PathBuf, PathBuf)> {
        Some((self.to.clone(), self.new_parts()))
    }
}
