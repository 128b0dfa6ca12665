//! A folder that one run at a time works in.
//!
//! The lock is a file in it, held with `flock`: the system lets go of it when the process ends,
//! however it ends. Since a holder removes the file when it is done, whoever gets the lock looks
//! whether the path still names the file that is locked. The file holds a mark that says whose
//! work the folder is; a mark without a holder is what a killed run left.
//!
//! The lock is no folder's own descriptor, since NFS locks only files that are open for writing.

use std::{
    fs::{self, DirBuilder, File},
    io::{self, Read, Seek, Write},
    os::unix::fs::{DirBuilderExt, MetadataExt},
    path::{Path, PathBuf},
};

use rustix::{
    fs::{FlockOperation, Mode, OFlags},
    io::Errno,
};

use super::folder;

/// How often a lock whose file goes away in the meantime is tried again.
const TRIES: usize = 100;

/// The hold on a folder. Dropped, it lets go and leaves the folder as it is.
#[derive(Debug)]
pub struct Lock {
    file: File,
    folder: PathBuf,
}

impl Lock {
    /// The name of the file that is locked.
    pub const NAME: &str = "lock";

    /// Takes the folder, which is made (mode 0700, with its parents) if it isn't there. None if
    /// somebody holds it.
    pub fn take(folder: &Path) -> io::Result<Option<Lock>> {
        for _ in 0..TRIES {
            make_private(folder)?;
            let file = match open(&folder.join(Self::NAME)) {
                Err(Errno::NOENT) => continue,
                file => file?,
            };
            match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Err(Errno::WOULDBLOCK) => return Ok(None),
                locked => locked?,
            }
            if still_names(&folder.join(Self::NAME), &file)? {
                return Ok(Some(Lock { file, folder: folder.to_owned() }));
            }
        }
        Ok(None)
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The mark of whoever held the folder last; empty if nobody marked it.
    pub fn mark(&mut self) -> io::Result<Vec<u8>> {
        let mut mark = Vec::new();
        self.file.rewind()?;
        self.file.read_to_end(&mut mark)?;
        Ok(mark)
    }

    /// Marks the folder; the mark is on the disk when this returns.
    pub fn set_mark(&mut self, mark: &[u8]) -> io::Result<()> {
        self.file.rewind()?;
        self.file.set_len(0)?;
        self.file.write_all(mark)?;
        self.file.sync_all()
    }

    /// Removes the folder, if nothing but the lock is in it, and lets go.
    pub fn remove(self) -> io::Result<()> {
        fs::remove_file(self.folder.join(Self::NAME))?;
        // It is not empty, or gone, if somebody else took it in this moment.
        folder::remove_if_empty(&self.folder)
    }
}

/// Makes the folder. A link in its place is an error.
fn make_private(folder: &Path) -> io::Result<()> {
    if let Some(parent) = folder.parent() {
        fs::create_dir_all(parent)?;
    }
    match DirBuilder::new().mode(0o700).create(folder) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            match fs::symlink_metadata(folder) {
                Ok(metadata) if !metadata.is_dir() => Err(io::ErrorKind::NotADirectory.into()),
                // Gone again: the caller's next try makes it.
                _ => Ok(()),
            }
        }
        made => made,
    }
}

fn open(path: &Path) -> rustix::io::Result<File> {
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    rustix::fs::open(path, flags, Mode::RUSR | Mode::WUSR).map(File::from)
}

fn still_names(path: &Path, file: &File) -> io::Result<bool> {
    let held = file.metadata()?;
    match fs::symlink_metadata(path) {
        Ok(there) => Ok((there.dev(), there.ino()) == (held.dev(), held.ino())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use std::{
        os::unix::fs::symlink,
        sync::atomic::{AtomicU32, Ordering},
        thread,
    };

    use super::*;

    #[test]
    fn one_at_a_time_and_free_when_dropped() {
        let root = tempfile::tempdir().expect("a temporary folder");
        let folder = root.path().join("a/work");
        let mut first = Lock::take(&folder).expect("a lock").expect("free");
        first.set_mark(b"first").expect("a mark");
        assert!(Lock::take(&folder).expect("no failure").is_none());
        drop(first);
        let mut second = Lock::take(&folder).expect("a lock").expect("free again");
        assert_eq!(second.mark().expect("a mark"), b"first");
        second.remove().expect("it is empty");
        assert!(!folder.exists());
    }

    #[test]
    fn a_link_is_not_taken() {
        let root = tempfile::tempdir().expect("a temporary folder");
        fs::create_dir(root.path().join("elsewhere")).expect("a folder");
        symlink("elsewhere", root.path().join("work")).expect("a link");
        Lock::take(&root.path().join("work")).expect_err("a link");
    }

    /// Holders that remove the folder when done never let two in at once.
    #[test]
    fn taking_and_removing_do_not_race() {
        let root = tempfile::tempdir().expect("a temporary folder");
        let folder = root.path().join("work");
        let (inside, taken) = (AtomicU32::new(0), AtomicU32::new(0));
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..500 {
                        let Some(lock) = Lock::take(&folder).expect("no failure") else { continue };
                        assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0);
                        taken.fetch_add(1, Ordering::SeqCst);
                        inside.fetch_sub(1, Ordering::SeqCst);
                        lock.remove().expect("it is empty");
                    }
                });
            }
        });
        assert!(taken.into_inner() > 0);
    }
}
