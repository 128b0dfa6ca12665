//! One output place: the folder `to`, and the working folder where its parts wait.
//!
//! The working folder is `.NAME.segprep` beside `to`, so that the parts go into place in one
//! rename. Where that cannot be (`to` is a mount point, or nothing may be made beside it), it is
//! `.segprep` in `to`, and part by part is moved. In it lie `lock`, which names the account that
//! the work is for, `new`, the parts to be, and `old`, what `to` was.
//!
//! `bucket.rs` does the same for a folder in a bucket.

use std::{
    ffi::{OsStr, OsString},
    fmt::Debug,
    fs, io,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
};

use super::earlier::{Account, is_job_name, is_part_name};
use super::error::{ForeignFiles, PublishError, at};
use super::journal::Owned;
use super::staged::{StagedFile, stage};
use crate::store::Lock;
use crate::store::disk::folder;

/// The working folder inside a place; the account's too.
pub(crate) const WORK: &str = ".segprep";
pub(crate) const NEW: &str = "new";
const OLD: &str = "old";

/// How parts go into place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// In one rename from beside.
    Whole,
    /// One by one from inside.
    PartByPart,
}

/// An output place that this run holds.
pub(crate) trait OutputPlace: Debug + Send + Sync {
    /// A new part, to be written and finished, that waits to be seen.
    fn part(&self, path: &str) -> Result<StagedFile, PublishError>;

    /// Fails if a file lies in the place or with our working files that no run wrote, or the place
    /// is no longer held. What was written is safe after it.
    fn check_and_sync(&mut self, earlier: &Account) -> Result<(), PublishError>;

    /// Clears the way for the new parts. All that lay in the place when it was checked is ours.
    fn move_aside(&self) -> Result<(), PublishError>;

    /// Puts the new parts where readers look for them.
    fn move_in(&self) -> Result<(), PublishError>;

    /// Takes away what this account's run left here: its parts in waiting and, if it had begun to
    /// publish, also the parts in place. Lets go.
    fn undo(self: Box<Self>, half_published: bool) -> Result<(), PublishError>;

    #[cfg(test)]
    fn on_disk(&self) -> Option<&OutputFolder>;
}

/// A place on disk.
#[derive(Debug)]
pub(crate) struct OutputFolder {
    to: PathBuf,
    mode: Mode,
    pub(crate) lock: Lock,
}

impl Mode {
    /// What the file system allows for this place, which is resolved.
    pub(crate) fn of(to: &Path) -> io::Result<Mode> {
        let Some(parent) = to.parent() else { return Ok(Mode::PartByPart) };
        let fixed = to.exists() && (folder::is_mount(to)? || !folder::is_writable(parent));
        Ok(if fixed { Mode::PartByPart } else { Mode::Whole })
    }
}

impl Owned {
    /// A place and where its working folder is to be.
    pub(crate) fn new(to: &Path, mode: Mode) -> Owned {
        let work = match (mode, to.parent(), to.file_name()) {
            (Mode::Whole, Some(parent), Some(name)) => {
                let mut hidden = OsString::from(".");
                hidden.push(name);
                hidden.push(".segprep");
                parent.join(hidden)
            }
            _ => to.join(WORK),
        };
        Owned { to: to.to_owned(), work }
    }

    fn mode(&self) -> Mode {
        if self.work.starts_with(&self.to) { Mode::PartByPart } else { Mode::Whole }
    }

    /// Only what could be one of ours is believed of a journal.
    fn is_sound(&self) -> bool {
        [Mode::Whole, Mode::PartByPart].into_iter().any(|mode| *self == Owned::new(&self.to, mode))
    }
}

impl OutputFolder {
    /// Takes the place for this account, and makes it ready for parts. What lies in it must have
    /// been written by runs of this account.
    pub(crate) fn take(
        owned: &Owned,
        account: &Path,
        earlier: &Account,
    ) -> Result<OutputFolder, PublishError> {
        let taken = Lock::take(&owned.work).map_err(at(&owned.work, "lock"))?;
        let Some(lock) = taken else {
            return Err(PublishError::Taken { place: owned.to.clone() });
        };
        let mut place = OutputFolder { to: owned.to.clone(), mode: owned.mode(), lock };
        if let Err(error) = place.check(earlier).and_then(|()| place.check_access()) {
            place.release();
            return Err(error);
        }
        place.claim(account).map_err(at(&owned.work, "prepare"))?;
        Ok(place)
    }

    /// The place that a killed run of this account left; None if nothing of it is there, or
    /// another account has taken it since.
    pub(crate) fn left_by(
        owned: &Owned,
        account: &Path,
    ) -> Result<Option<OutputFolder>, PublishError> {
        if !owned.is_sound() {
            return Ok(None);
        }
        if !owned.work.join(Lock::NAME).exists() {
            // The kill came between the lock and the folder that held it.
            folder::remove_if_empty(&owned.work).map_err(at(&owned.work, "remove"))?;
            return Ok(None);
        }
        let failed = || at(&owned.work, "lock");
        let mark = fs::read(owned.work.join(Lock::NAME)).map_err(failed())?;
        let is_ours = mark == account.as_os_str().as_bytes();
        if !is_ours && !mark.is_empty() {
            return Ok(None);
        }
        let Some(lock) = Lock::take(&owned.work).map_err(failed())? else {
            return Err(PublishError::Taken { place: owned.to.clone() });
        };
        let place = OutputFolder { to: owned.to.clone(), mode: owned.mode(), lock };
        if is_ours {
            return Ok(Some(place));
        }
        // The kill came before the place was claimed.
        place.release();
        Ok(None)
    }

    /// Fails if a file lies in the place or with our working files that no run wrote.
    fn check(&mut self, earlier: &Account) -> Result<(), PublishError> {
        let parts = earlier.parts_in(&self.to);
        let inside = self.mode == Mode::PartByPart;
        let is_ours = |file: &Path| parts.contains(file) || (inside && file.starts_with(WORK));
        ensure_no_foreign_files(&self.to, |file| is_ours(file))?;
        let work = self.lock.folder().to_owned();
        let marked = !self.lock.mark().map_err(at(&work, "read"))?.is_empty();
        ensure_no_foreign_files(&work, |file| {
            file == Path::new(Lock::NAME)
                || (marked && (file.starts_with(NEW) || file.starts_with(OLD)))
        })
    }

    /// Fails if the place could not be emptied: better now than when the parts are ready.
    fn check_access(&self) -> Result<(), PublishError> {
        if self.to.exists() && !folder::is_writable(&self.to) {
            let source = io::ErrorKind::PermissionDenied.into();
            return Err(PublishError::Denied { path: self.to.clone(), source });
        }
        Ok(())
    }

    /// From here on what lies in the working folder is ours.
    fn claim(&mut self, account: &Path) -> io::Result<()> {
        folder::remove(&self.new_parts())?;
        folder::remove(&self.old())?;
        self.lock.set_mark(account.as_os_str().as_bytes())?;
        fs::create_dir(self.new_parts())?;
        folder::sync(self.lock.folder())?;
        self.lock.folder().parent().map_or(Ok(()), folder::sync)
    }

    /// Leaves a place that was not claimed, with what another may have left there.
    fn release(mut self) {
        if self.lock.mark().is_ok_and(|mark| mark.is_empty()) {
            self.lock.remove().ok(); // an empty folder that nobody owns is swept by whoever comes
        }
    }

    /// Where parts are written.
    pub(crate) fn new_parts(&self) -> PathBuf {
        self.lock.folder().join(NEW)
    }

    fn old(&self) -> PathBuf {
        self.lock.folder().join(OLD)
    }

    #[cfg(test)]
    pub(crate) fn to(&self) -> &Path {
        &self.to
    }

    fn clear_the_way(&self) -> io::Result<()> {
        if !self.to.exists() {
            return Ok(());
        }
        match self.mode {
            Mode::Whole => {
                fs::set_permissions(self.new_parts(), fs::metadata(&self.to)?.permissions())?;
                fs::rename(&self.to, self.old())
            }
            Mode::PartByPart => self.clear(|file| !file.starts_with(WORK)),
        }
    }

    fn fill(&self) -> io::Result<()> {
        match self.mode {
            Mode::Whole => {
                fs::rename(self.new_parts(), &self.to)?;
                folder::sync(self.lock.folder())?;
                self.to.parent().map_or(Ok(()), folder::sync)
            }
            Mode::PartByPart => self.move_parts(),
        }
    }

    fn move_parts(&self) -> io::Result<()> {
        for part in folder::files(&self.new_parts()) {
            let part = part?;
            let target = self.to.join(&part);
            if let Some(job) = target.parent() {
                fs::create_dir_all(job)?;
            }
            fs::rename(self.new_parts().join(&part), target)?;
        }
        self.jobs()?.iter().try_for_each(|job| folder::sync(job))?;
        folder::sync(&self.to)
    }

    /// The job folders in the place.
    fn jobs(&self) -> io::Result<Vec<PathBuf>> {
        let mut jobs = folder::children(&self.to)?;
        jobs.retain(|job| {
            let name = job.file_name().and_then(OsStr::to_str);
            name.is_some_and(is_job_name)
                && fs::symlink_metadata(job).is_ok_and(|metadata| metadata.is_dir())
        });
        Ok(jobs)
    }

    fn take_back(self, half_published: bool) -> io::Result<()> {
        if half_published {
            if self.old().exists() && !self.to.exists() {
                fs::rename(self.old(), &self.to)?;
            }
            self.clear(is_part_name)?;
        }
        self.finish()
    }

    /// Removes files of the place, and job folders that hold none then.
    fn clear(&self, is_ours: impl Fn(&Path) -> bool) -> io::Result<()> {
        for file in folder::files(&self.to) {
            let file = file?;
            if is_ours(&file) {
                folder::remove(&self.to.join(file))?;
            }
        }
        self.jobs()?.iter().try_for_each(|job| folder::remove_if_empty(job))
    }

    /// Removes the working folder. Its mark goes last: until then the journal can find it.
    fn finish(self) -> io::Result<()> {
        folder::remove(&self.new_parts())?;
        folder::remove(&self.old())?;
        self.lock.remove()
    }
}

impl OutputPlace for OutputFolder {
    fn part(&self, path: &str) -> Result<StagedFile, PublishError> {
        stage(&self.new_parts(), path, false)
    }

    fn check_and_sync(&mut self, earlier: &Account) -> Result<(), PublishError> {
        self.check(earlier)?;
        let new = self.new_parts();
        folder::sync_all(&new).map_err(at(&new, "sync"))
    }

    fn move_aside(&self) -> Result<(), PublishError> {
        self.clear_the_way().map_err(at(&self.to, "clear"))
    }

    fn move_in(&self) -> Result<(), PublishError> {
        self.fill().map_err(at(&self.to, "fill"))
    }

    fn undo(self: Box<Self>, half_published: bool) -> Result<(), PublishError> {
        let failed = at(&self.to, "clean up");
        self.take_back(half_published).map_err(failed)
    }

    #[cfg(test)]
    fn on_disk(&self) -> Option<&OutputFolder> {
        Some(self)
    }
}

/// Fails if the folder holds a file that is not ours, and names some.
pub(crate) fn ensure_no_foreign_files(
    place: &Path,
    is_ours: impl Fn(&Path) -> bool,
) -> Result<(), PublishError> {
    let foreign =
        folder::files(place).filter(|file| file.as_ref().map_or(true, |file| !is_ours(file)));
    match ForeignFiles::among(foreign).map_err(at(place, "look into"))? {
        None => Ok(()),
        Some(strangers) => Err(PublishError::Foreign { place: place.to_owned(), strangers }),
    }
}
