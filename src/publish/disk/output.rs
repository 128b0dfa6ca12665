//! An output on disk: the folder `to`, and a working folder in which its new parts wait.
//!
//! The working folder is `.NAME.segprep` beside `to`, so that one rename puts all parts into
//! place. Where that is impossible (`to` is a mount point, or nothing may be created beside it),
//! it is `.segprep` inside `to`, and the parts are moved one by one. It holds `lock`, which names
//! the account that the output is written for; `new`, the new parts; and `old`, what `to` was.
//! `old` is kept until the new manifest is in place. Putting it back needs only renames, and can be
//! repeated after a kill: `new` does not exist while the new folder is in place, and a part that is
//! both in `to` and in `old` is new in `to`.
//!
//! A shard has `.segprep-III` inside `to`, and looks only at job folders of its number.

use std::{
    ffi::OsStr,
    fs::{self, Permissions},
    io,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use super::staged::stage;
use super::{ensure_no_foreign_files, ensure_nothing_foreign, give_back, move_to_free};
use crate::publish::earlier::EarlierRuns;
use crate::publish::error::{ForeignFiles, PublishError, at};
use crate::publish::journal::TakenOutput;
use crate::publish::names::{
    MoveMode, NEW, OLD, WORK, is_folder_of_ours, is_of_retry, is_part, is_part_folder, mark,
};
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
    /// The permissions of the new parts. `None`: the umask decides.
    part_mode: Option<u32>,
    /// What earlier runs left in the output, as it was when it was last checked.
    earlier: Parts,
}

/// How parts can be moved into this folder, which is resolved.
pub(crate) fn move_mode(to: &Path) -> io::Result<MoveMode> {
    let Some(parent) = to.parent() else { return Ok(MoveMode::PartByPart) };
    let is_fixed = to.exists() && (folder::is_mount(to)? || !folder::is_writable(parent));
    Ok(if is_fixed { MoveMode::PartByPart } else { MoveMode::Whole })
}

/// Fails if there is anything in an output but these parts, and job folders. `has_work`: its working folder may be
/// inside.
pub(crate) fn check_output(to: &Path, parts: &Parts, has_work: bool) -> Result<(), PublishError> {
    ensure_nothing_foreign(
        to,
        |file| parts.has_file(to, file) || (has_work && file.starts_with(WORK)),
        |folder| is_folder_of_ours(folder) || (has_work && folder.starts_with(WORK)),
    )
}

impl DiskOutput {
    fn new(taken: &TakenOutput, lock: Lock) -> DiskOutput {
        let (to, mode) = (taken.to.clone(), taken.mode());
        DiskOutput { to, mode, lock, part_mode: None, earlier: Parts::default() }
    }

    /// Takes an output for this account and prepares it for parts. Every file in it must have been
    /// written by runs of this account. `part_mode`: the permissions of its parts, if they are set.
    pub(crate) fn take(
        taken: &TakenOutput,
        part_mode: Option<u32>,
        account: &Path,
        earlier: &EarlierRuns,
    ) -> Result<DiskOutput, PublishError> {
        let parent = taken.work.parent().unwrap_or(&taken.to);
        folder::create(parent).map_err(at(parent, "create"))?;
        let Some(lock) = Lock::take(&taken.work).map_err(at(&taken.work, "lock"))? else {
            return Err(PublishError::Taken { place: taken.to.clone() });
        };
        let mut output = DiskOutput { part_mode, ..DiskOutput::new(taken, lock) };
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
        if !taken.is_plausible(&[MoveMode::Whole, MoveMode::PartByPart, taken.mode()]) {
            return Ok(None);
        }
        if !taken.work.join(Lock::NAME).exists() {
            // The run was killed while it was creating or removing the lock and its folder, which is empty
            // then. Without the lock nothing in it is ours, and it must be found before anything changes.
            ensure_no_foreign_files(&taken.work, |_file| false)?;
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
        let mode = self.mode;
        let listed = earlier.parts_in(&self.to).filtered(|path, _| mode.owns(path));
        self.check_output(&listed)?;
        self.earlier = listed.found_in(&self.to);
        let work = self.lock.folder().to_owned();
        let is_claimed = !self.lock.mark().map_err(at(&work, "read"))?.is_empty();
        self.check_work(&listed, is_claimed)
    }

    /// Fails if there is anything in the output but these parts, and job folders.
    fn check_output(&self, parts: &Parts) -> Result<(), PublishError> {
        if let MoveMode::Shard(_) = self.mode {
            return self.check_own_folders(parts);
        }
        check_output(&self.to, parts, self.mode == MoveMode::PartByPart)
    }

    /// The same for the job folders of a shard. What else is in the output is the business of others.
    fn check_own_folders(&self, parts: &Parts) -> Result<(), PublishError> {
        for job in self.job_folders(&self.to).map_err(at(&self.to, "list"))? {
            let name = job.strip_prefix(&self.to).unwrap_or(&job);
            ensure_no_foreign_files(&job, |file| parts.has_file(&self.to, &name.join(file)))?;
        }
        Ok(())
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

    /// Fails if there is anything beside the earlier parts that were moved aside: a file may have
    /// appeared at the last moment.
    fn check_aside(&self, earlier: &Parts) -> Result<(), PublishError> {
        let old = self.old_parts();
        ensure_nothing_foreign(&old, |file| earlier.has_file(&old, file), is_folder_of_ours)
            .map_err(|error| error.once_back_in(&self.to))
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

    /// Gives the job folders of the new parts the permissions that the parts have, and to whoever
    /// may read, the right to enter.
    fn set_job_modes(&self, folder: &Path) -> io::Result<()> {
        let Some(mode) = self.part_mode.map(folder_mode) else { return Ok(()) };
        let jobs = self.job_folders(folder)?;
        jobs.iter().try_for_each(|job| fs::set_permissions(job, mode.clone()))
    }

    /// The same for the folder of all new parts, if it is to become the output.
    fn set_new_modes(&self) -> io::Result<()> {
        let new = self.new_parts();
        self.set_job_modes(&new)?;
        let mode = self.part_mode.filter(|_| self.mode == MoveMode::Whole);
        mode.map_or(Ok(()), |mode| fs::set_permissions(&new, folder_mode(mode)))?;
        folder::sync_all(&new)
    }

    fn move_whole_aside(&self) -> io::Result<()> {
        if self.part_mode.is_none() {
            fs::set_permissions(self.new_parts(), fs::metadata(&self.to)?.permissions())?;
        }
        fs::rename(&self.to, self.old_parts())
    }

    fn move_parts_aside(&self) -> io::Result<()> {
        let old = self.old_parts();
        for part in self.earlier.paths() {
            move_to_free(&self.to.join(part), &old.join(part))?;
        }
        if !self.earlier.is_empty() {
            folder::sync_all(&old)?;
        }
        self.sync_parts()
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

    fn move_whole_in(&self) -> io::Result<()> {
        fs::rename(self.new_parts(), &self.to)?;
        folder::sync(self.lock.folder())?;
        self.to.parent().map_or(Ok(()), folder::sync)
    }

    fn move_one_by_one(&self) -> io::Result<()> {
        for part in folder::files(&self.new_parts()) {
            let part = part?;
            move_to_free(&self.new_parts().join(&part), &self.to.join(&part))?;
        }
        self.set_job_modes(&self.to)?;
        self.sync_parts()
    }

    fn put_whole_back(&self, moved: &TakenOutput) -> io::Result<()> {
        let (to, new, old) = (&self.to, self.new_parts(), self.old_parts());
        if !new.exists() && (old.exists() || !moved.parts.found_in(to).is_empty()) {
            match fs::rename(to, &new) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                renamed => renamed?,
            }
        }
        if old.exists() && !to.exists() {
            fs::rename(&old, to)?;
        }
        // Somebody may have made a folder in its place.
        self.put_old_parts_back()?;
        give_back(&new, to, |part| moved.parts.has_file(&new, part))?;
        folder::sync(self.lock.folder())?;
        to.parent().map_or(Ok(()), folder::sync)
    }

    fn put_parts_back(&self, moved: &TakenOutput) -> io::Result<()> {
        let (to, new, old) = (&self.to, self.new_parts(), self.old_parts());
        for part in moved.parts.found_in(to).paths() {
            let is_aside = fs::symlink_metadata(old.join(part)).is_ok();
            if is_aside || !moved.earlier.has_file(to, part) {
                move_to_free(&to.join(part), &new.join(part))?;
            }
        }
        self.put_old_parts_back()?;
        self.remove_empty_jobs(to)?;
        self.sync_parts()
    }

    /// Puts back as many as possible, and returns the first error.
    fn put_old_parts_back(&self) -> io::Result<()> {
        let parts = folder::files(&self.old_parts());
        let put_back = parts.map(|part| {
            let part = part?;
            move_to_free(&self.old_parts().join(&part), &self.to.join(&part))
        });
        put_back.fold(Ok(()), io::Result::and)
    }

    fn remove(self, moved: &TakenOutput, drops_parts: bool) -> io::Result<()> {
        if drops_parts {
            self.remove_parts(&self.to, &moved.parts)?;
        }
        // The lock goes last: until then, the next run finds by the journal and by its mark that
        // the folder is ours.
        self.remove_working_parts(&moved.parts)?;
        if self.mode != MoveMode::Whole {
            self.remove_empty_jobs(&self.to)?;
        }
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
        self.remove_parts(&self.old_parts(), old)?;
        folder::remove_empty(&self.old_parts())
    }

    /// Removes these parts from a folder, and the job folders that become empty.
    fn remove_parts(&self, folder: &Path, parts: &Parts) -> io::Result<()> {
        for part in parts.found_in(folder).paths() {
            folder::remove_file(&folder.join(part))?;
        }
        self.remove_empty_jobs(folder)
    }

    fn remove_empty_jobs(&self, folder: &Path) -> io::Result<()> {
        self.job_folders(folder)?.iter().try_for_each(|job| folder::remove_if_empty(job))
    }

    /// Syncs the names of the parts in the output.
    fn sync_parts(&self) -> io::Result<()> {
        self.job_folders(&self.to)?.iter().try_for_each(|job| folder::sync(job))?;
        folder::sync(&self.to)
    }

    /// The job folders in a folder that may be this run's.
    fn job_folders(&self, folder: &Path) -> io::Result<Vec<PathBuf>> {
        let mut jobs = Vec::new();
        for child in folder::children(folder)? {
            let Some(name) = child.file_name().and_then(OsStr::to_str) else { continue };
            let is_retry = is_of_retry(Path::new(name)) && !matches!(self.mode, MoveMode::Shard(_));
            let is_ours = is_retry || (is_part_folder(name) && self.mode.owns_folder(name));
            if is_ours && fs::symlink_metadata(&child).is_ok_and(|metadata| metadata.is_dir()) {
                if is_retry {
                    jobs.extend(self.job_folders(&child)?);
                }
                jobs.push(child);
            }
        }
        Ok(jobs)
    }
}

/// The permissions of a folder for files with these.
fn folder_mode(file_mode: u32) -> Permissions {
    Permissions::from_mode(file_mode | (file_mode & 0o444) >> 2)
}

impl OutputPlace for DiskOutput {
    fn folder_of_new_parts(&self) -> Option<PathBuf> {
        Some(self.new_parts())
    }

    fn stage(&self, path: &str) -> Result<StagedFile, PublishError> {
        let file = stage(&self.new_parts(), path, false)?;
        if let Some(mode) = self.part_mode {
            let place = self.new_parts().join(path);
            let set = fs::set_permissions(&place, Permissions::from_mode(mode));
            set.map_err(at(&place, "set the permissions of"))?;
        }
        Ok(file)
    }

    fn check_and_sync(&mut self, earlier: &EarlierRuns) -> Result<(), PublishError> {
        self.check(earlier)?;
        let new = self.new_parts();
        self.set_new_modes().map_err(at(&new, "sync"))
    }

    fn earlier(&self) -> Parts {
        self.earlier.clone()
    }

    fn move_aside(&self) -> Result<(), PublishError> {
        if !self.to.exists() {
            return Ok(());
        }
        let moved = match self.mode {
            MoveMode::Whole => self.move_whole_aside(),
            MoveMode::PartByPart | MoveMode::Shard(_) => self.move_parts_aside(),
        };
        moved.map_err(at(&self.to, "clear"))?;
        self.check_aside(&self.earlier)
    }

    fn move_in(&self) -> Result<(), PublishError> {
        let moved = match self.mode {
            MoveMode::Whole => self.move_whole_in(),
            MoveMode::PartByPart | MoveMode::Shard(_) => {
                self.check_is_free()?;
                self.move_one_by_one()
            }
        };
        moved.map_err(|error| {
            let found = match self.mode {
                MoveMode::Whole if !self.new_parts().exists() => Ok(()),
                MoveMode::Whole => self.check_output(&Parts::default()),
                MoveMode::PartByPart | MoveMode::Shard(_) => self.check_is_free(),
            };
            found.err().unwrap_or_else(|| at(&self.to, "move parts into")(error))
        })
    }

    fn check_moved(&self, moved: &TakenOutput) -> Result<(), PublishError> {
        self.check_output(&moved.parts)?;
        self.check_aside(&moved.earlier)
    }

    fn check_taken_over(
        &self,
        moved: &TakenOutput,
        has_moved: bool,
        earlier: &EarlierRuns,
    ) -> Result<(), PublishError> {
        if has_moved {
            self.check_output(&moved.parts.and(&earlier.parts_in(&self.to)))?;
        }
        self.check_work(&moved.parts, true)
    }

    fn put_back(&mut self, moved: &TakenOutput) -> Result<bool, PublishError> {
        let put_back = match self.mode {
            MoveMode::Whole => self.put_whole_back(moved),
            MoveMode::PartByPart | MoveMode::Shard(_) => self.put_parts_back(moved),
        };
        put_back.map_err(at(&self.to, "put the earlier parts back into"))?;
        Ok(true)
    }

    fn aside(&self) -> Option<(PathBuf, bool)> {
        let old = self.old_parts();
        folder::files(&old).next().is_some().then_some((old, true))
    }

    fn clean_up(
        self: Box<Self>,
        moved: &TakenOutput,
        drops_parts: bool,
    ) -> Result<(), PublishError> {
        let old = self.old_parts();
        give_back(&old, &self.to, |part| moved.parts.has_file(&old, part))
            .map_err(at(&self.to, "clean up"))?;
        self.check_work(&moved.parts, true)?;
        let failed = at(&self.to, "clean up");
        self.remove(moved, drops_parts).map_err(failed)
    }

    #[cfg(test)]
    fn folders(&self) -> Option<(PathBuf, PathBuf)> {
        Some((self.to.clone(), self.new_parts()))
    }
}
