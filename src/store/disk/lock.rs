//! A folder that one run at a time works in.
//!
//! The lock is a file in the folder, held with `flock`, which the system releases when the process
//! ends, however it ends. A holder removes the file when it is done. So a process that gets the
//! lock checks that the path still names the locked file: otherwise two runs could hold locks on
//! two files of one name.
//!
//! The file contains a mark that says which job the folder belongs to. A mark without a holder is
//! what a killed run left. The lock is a file rather than the folder itself, since NFS locks only
//! what is open for writing.

use std::{
    fs::{self, DirBuilder, File, TryLockError},
    io::{self, Read, Seek, Write},
    os::unix::fs::{DirBuilderExt, MetadataExt},
    path::{Path, PathBuf},
};

use rustix::{
    fs::{Mode, OFlags},
    io::Errno,
};

use super::folder;

/// How often locking is tried again because another holder removed the file meanwhile.
const ATTEMPTS: usize = 100;

/// The lock on a folder. Dropping it releases the lock and leaves the folder as it is.
#[derive(Debug)]
pub struct Lock {
    file: File,
    folder: PathBuf,
}

impl Lock {
    /// The name of the locked file.
    pub const NAME: &str = "lock";

    /// The maximum size of the file. Its mark is far smaller.
    pub const BYTES_MAX: u64 = 64 << 10;

    /// Locks the folder, which is created with its parents (with mode 0700) if it does not exist.
    /// Returns `None` if another process holds the lock, or if others keep taking and removing it.
    pub fn take(folder: &Path) -> io::Result<Option<Lock>> {
        for _ in 0..ATTEMPTS {
            create_private(folder)?;
            let file = match open(&folder.join(Self::NAME)) {
                Err(Errno::NOENT) => continue,
                file => file?,
            };
            match file.try_lock() {
                Err(TryLockError::WouldBlock) => return Ok(None),
                Err(TryLockError::Error(error)) => return Err(error),
                Ok(()) => {}
            }
            if names_file(&folder.join(Self::NAME), &file)? {
                return Ok(Some(Lock { file, folder: folder.to_owned() }));
            }
        }
        Ok(None)
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The mark that the last holder set; empty if none was set.
    pub fn mark(&mut self) -> io::Result<Vec<u8>> {
        let mut mark = Vec::new();
        self.file.rewind()?;
        (&mut self.file).take(Self::BYTES_MAX + 1).read_to_end(&mut mark)?;
        if u64::try_from(mark.len()).is_ok_and(|length| length <= Self::BYTES_MAX) {
            Ok(mark)
        } else {
            Err(io::Error::new(io::ErrorKind::FileTooLarge, "it is too large for a lock"))
        }
    }

    /// Replaces the mark and syncs it to the disk.
    pub fn set_mark(&mut self, mark: &[u8]) -> io::Result<()> {
        self.file.rewind()?;
        self.file.set_len(0)?;
        self.file.write_all(mark)?;
        self.file.sync_all()
    }

    /// Removes the file, and the folder if it is then empty, and releases the lock.
    pub fn remove(self) -> io::Result<()> {
        fs::remove_file(self.folder.join(Self::NAME))?;
        // Another process may have locked or removed the folder in this moment.
        folder::remove_if_empty(&self.folder)
    }
}

/// Creates the folder unless it exists. Fails if a link or a file is in its place.
fn create_private(folder: &Path) -> io::Result<()> {
    if let Some(parent) = folder.parent() {
        fs::create_dir_all(parent)?;
    }
    match DirBuilder::new().mode(0o700).create(folder) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            match fs::symlink_metadata(folder) {
                Ok(metadata) if !metadata.is_dir() => Err(io::ErrorKind::NotADirectory.into()),
                // If it was removed meanwhile, the caller's next attempt creates it.
                _ => Ok(()),
            }
        }
        created => created,
    }
}

fn open(path: &Path) -> rustix::io::Result<File> {
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    rustix::fs::open(path, flags, Mode::RUSR | Mode::WUSR).map(File::from)
}

/// Whether the path still names this file.
fn names_file(path: &Path, file: &File) -> io::Result<bool> {
    let locked = file.metadata()?;
    match fs::symlink_metadata(path) {
        Ok(named) => Ok((named.dev(), named.ino()) == (locked.dev(), locked.ino())),
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
    fn one_holder_at_a_time_until_it_is_dropped() {
        let root = tempfile::tempdir().expect("a temporary folder");
        let folder = root.path().join("a/work");
        let mut first = Lock::take(&folder).expect("no error").expect("it is free");
        first.set_mark(b"first").expect("a mark");
        assert!(Lock::take(&folder).expect("no error").is_none());
        drop(first);
        let mut second = Lock::take(&folder).expect("no error").expect("it is free again");
        assert_eq!(second.mark().expect("a mark"), b"first");
        second.remove().expect("it is empty");
        assert!(!folder.exists());
    }

    #[test]
    fn a_link_is_not_locked() {
        let root = tempfile::tempdir().expect("a temporary folder");
        fs::create_dir(root.path().join("elsewhere")).expect("a folder");
        symlink("elsewhere", root.path().join("work")).expect("a link");
        Lock::take(&root.path().join("work")).expect_err("a link");
    }

    /// Even if holders remove the folder when they are done, there are never two at once.
    #[test]
    fn locking_and_removing_do_not_race() {
        let root = tempfile::tempdir().expect("a temporary folder");
        let folder = root.path().join("work");
        let (inside, taken) = (AtomicU32::new(0), AtomicU32::new(0));
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..500 {
                        let Some(lock) = Lock::take(&folder).expect("no error") else { continue };
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
