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
use crate::publish::error::{ForeignFiles, PublishError, at};
use crate::publish::journal::TakenOutput;
use crate::publish::names::{MoveMode, NEW, OLD, WORK, is_job_folder, is_part, mark};
use crate::publish::output::OutputPlace;
use crate::publish::parts::Parts;
use crate::publish::staged::StagedFile;
use crate::store::Lock;
use crate::store::disk::{folder, whole};

#[derive(Debug)]
pub(crate) struct DiskOutput {
    to: PathBuf,
    mode: MoveMode,
    lock: Lock,
    /// What earlier runs left in the output, as their manifests have it.
    earlier: Parts,
}

/// How parts can be moved into this folder, which is resolved.
pub(crate) fn move_mode(to: &Path) -> io::Result<MoveMode> {
    let Some(parent) = to.parent() else { return Ok(MoveMode::PartByPart) };
    let is_fixed = to.exists() && (folder::is_mount(to)? || !folder::is_writable(parent));
    Ok(if is_fixed { MoveMode::PartByPart } else { MoveMode::Whole })
}

impl DiskOutput {
    fn new(taken: &TakenOutput, lock: Lock) -> DiskOutput {
        let (to, mode) = (taken.to.clone(), taken.mode());
        DiskOutput { to, mode, lock, earlier: Parts::default() }
    }

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
        let mut output = DiskOutput::new(taken, lock);
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
        let output = DiskOutput::new(taken, lock);
        if is_ours {
            return Ok(Some(output));
        }
        // The run was killed before it claimed the output.
        output.release_unclaimed();
        Ok(None)
    }

    /// Fails if there is a foreign file in the output or its working folder.
    fn check(&mut self, earlier: &EarlierRuns) -> Result<(), PublishError> {
        self.earlier = earlier.parts_in(&self.to);
        let is_inside = self.mode == MoveMode::PartByPart;
        ensure_no_foreign_files(&self.to, |file| {
            self.earlier.has_file(&self.to, file) || (is_inside && file.starts_with(WORK))
        })?;
        let work = self.lock.folder().to_owned();
        let is_claimed = !self.lock.mark().map_err(at(&work, "read"))?.is_empty();
        self.check_work(&self.earlier, is_claimed)
    }

    /// Fails if there is a file in the working folder that no run leaves there: in `new`, parts by
    /// their names; in `old`, these parts.
    fn check_work(&self, old: &Parts, is_claimed: bool) -> Result<(), PublishError> {
        ensure_no_foreign_files(self.lock.folder(), |file| {
            let is_old = |part| old.has_file(&self.old_parts(), part);
            file == Path::new(Lock::NAME)
                || (is_claimed
                    && (file.strip_prefix(NEW).is_ok_and(is_part)
                        || file.strip_prefix(OLD).is_ok_and(is_old)))
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
        self.remove_working_parts(&self.earlier)?;
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

    fn make_way(&self) -> Result<(), PublishError> {
        if !self.to.exists() {
            return Ok(());
        }
        let failed = || at(&self.to, "clear");
        match self.mode {
            MoveMode::Whole => {
                self.move_whole_aside().map_err(failed())?;
                self.check_moved_aside().inspect_err(|_| {
                    fs::rename(self.old_parts(), &self.to).ok(); // the first error is reported
                })
            }
            MoveMode::PartByPart => remove_parts(&self.to, &self.earlier).map_err(failed()),
        }
    }

    fn move_whole_aside(&self) -> io::Result<()> {
        fs::set_permissions(self.new_parts(), fs::metadata(&self.to)?.permissions())?;
        fs::rename(&self.to, self.old_parts())
    }

    /// Fails if more than the earlier parts was moved aside: a file may have appeared at the last
    /// moment.
    fn check_moved_aside(&self) -> Result<(), PublishError> {
        let old = self.old_parts();
        ensure_no_foreign_files(&old, |file| self.earlier.has_file(&old, file))
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

    /// A part never replaces a file: where there is one, it is foreign.
    fn check_is_free(&self) -> Result<(), PublishError> {
        let new = folder::files(&self.new_parts());
        let taken = new.filter(|part| {
            part.as_ref().is_ok_and(|part| fs::symlink_metadata(self.to.join(part)).is_ok())
        });
        match ForeignFiles::among(taken).map_err(at(&self.to, "list"))? {
            None => Ok(()),
            Some(foreign) => Err(PublishError::Foreign { place: self.to.clone(), foreign }),
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
        job_folders(&self.to)?.iter().try_for_each(|job| folder::sync(job))?;
        folder::sync(&self.to)
    }

    fn restore(self, parts: &Parts, half_published: bool) -> io::Result<()> {
        if half_published {
            if self.old_parts().exists() && !self.to.exists() {
                fs::rename(self.old_parts(), &self.to)?;
            }
            remove_parts(&self.to, parts)?;
        }
        // The lock goes last: until then, the next run finds by the journal and by its mark that
        // the folder is ours.
        self.remove_working_parts(parts)?;
        self.lock.remove()
    }

    /// Removes the new parts, and those of `old` that were moved aside.
    fn remove_working_parts(&self, old: &Parts) -> io::Result<()> {
        for part in folder::files(&self.new_parts()) {
            let part = part?;
            if is_part(&part) {
                folder::remove_file(&self.new_parts().join(part))?;
            }
        }
        folder::remove_empty(&self.new_parts())?;
        remove_parts(&self.old_parts(), old)?;
        folder::remove_empty(&self.old_parts())
    }
}

/// Removes these parts from a folder, and the job folders that become empty.
fn remove_parts(folder: &Path, parts: &Parts) -> io::Result<()> {
    for file in folder::files(folder) {
        let file = file?;
        if parts.has_file(folder, &file) {
            folder::remove_file(&folder.join(file))?;
        }
    }
    job_folders(folder)?.iter().try_for_each(|job| folder::remove_if_empty(job))
}

/// The job folders in an output.
fn job_folders(output: &Path) -> io::Result<Vec<PathBuf>> {
    let mut jobs = folder::children(output)?;
    jobs.retain(|job| {
        let name = job.file_name().and_then(OsStr::to_str);
        name.is_some_and(is_job_folder)
            && fs::symlink_metadata(job).is_ok_and(|metadata| metadata.is_dir())
    });
    Ok(jobs)
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
        self.make_way()
    }

    fn move_in(&self) -> Result<(), PublishError> {
        if self.mode == MoveMode::PartByPart {
            self.check_is_free()?;
        }
        self.move_new_parts().map_err(at(&self.to, "move parts into"))
    }

    fn roll_back(self: Box<Self>, parts: &Parts, half_published: bool) -> Result<(), PublishError> {
        self.check_work(parts, true)?;
        let failed = at(&self.to, "clean up");
        self.restore(parts, half_published).map_err(failed)
    }

    #[cfg(test)]
    fn folders(&self) -> Option<(PathBuf, PathBuf)> {
        Some((self.to.clone(), self.new_parts()))
    }
}
