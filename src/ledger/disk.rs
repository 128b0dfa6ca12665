//! A state on disk: a folder for its owner alone. A file is written beside and renamed.

use std::{
    fs::{self, DirBuilder},
    io::{self, Write},
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};

use super::error::{LedgerError, at};
use super::place::StatePlace;
use crate::store::disk::{folder, whole};
use crate::store::{Lock, Staged};

/// The folder of a state that has the lock and the file that is being written.
const WORK: &str = ".segprep";
/// In it: the next state of a file, before it is renamed.
const NEXT: &str = "next";

#[derive(Debug)]
pub(super) struct DiskState {
    path: PathBuf,
    lock: Option<Lock>,
    /// The folders that this run created, outermost first.
    made: Vec<PathBuf>,
}

impl DiskState {
    /// `path` is resolved.
    pub(super) fn new(path: PathBuf) -> DiskState {
        DiskState { path, lock: None, made: Vec::new() }
    }

    fn work(&self) -> PathBuf {
        self.path.join(WORK)
    }

    /// Creates the folder unless it exists. Its parents are nobody's secret.
    fn create(&mut self) -> io::Result<()> {
        self.made = folder::missing(&self.path);
        if let Some(parent) = self.path.parent() {
            folder::create(parent)?;
        }
        match DirBuilder::new().mode(0o700).create(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            created => created.and_then(|()| self.path.parent().map_or(Ok(()), folder::sync)),
        }
    }

    fn put(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let next = self.work().join(NEXT);
        folder::remove_file(&next)?; // a killed run may have left it
        let mut file = Staged::create(next.clone(), true)?;
        file.write_all(bytes)?;
        file.finish()?;
        fs::rename(&next, self.path.join(name))?;
        folder::sync(&self.path)
    }

    fn give_up(&mut self) -> io::Result<()> {
        if let Some(lock) = self.lock.take() {
            folder::remove_file(&self.work().join(NEXT))?;
            lock.remove()?;
        }
        self.made.iter().rev().try_for_each(|made| folder::remove_if_empty(made))
    }
}

impl StatePlace for DiskState {
    fn path(&self) -> PathBuf {
        self.path.clone()
    }

    fn take(&mut self) -> Result<bool, LedgerError> {
        self.create().map_err(at(&self.path, "create"))?;
        self.lock = Lock::take(&self.work()).map_err(at(&self.path, "lock"))?;
        Ok(self.lock.is_some())
    }

    fn read(&self, name: &str, bytes_max: u64) -> Result<Option<Vec<u8>>, LedgerError> {
        let path = self.path.join(name);
        match whole::read_file(&path, bytes_max) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            text => Ok(Some(text.map_err(at(&path, "read"))?)),
        }
    }

    fn write(&self, name: &str, bytes: &[u8]) -> Result<(), LedgerError> {
        let path = self.path.join(name);
        self.put(name, bytes).map_err(at(&path, "write"))
    }

    fn write_new(&self, name: &str, bytes: &[u8]) -> Result<(), LedgerError> {
        let path = self.path.join(name);
        if fs::symlink_metadata(&path).is_ok() {
            return Err(at(&path, "create")(io::ErrorKind::AlreadyExists.into()));
        }
        self.write(name, bytes)
    }

    fn remove(&self, name: &str) -> Result<(), LedgerError> {
        let path = self.path.join(name);
        let removed = folder::remove_file(&path).and_then(|()| sync_if_there(&self.path));
        removed.map_err(at(&path, "remove"))
    }

    /// The system holds the lock as long as this process lives.
    fn check(&self) -> Result<(), LedgerError> {
        Ok(())
    }

    fn release(&mut self) -> Result<(), LedgerError> {
        let path = self.path.clone();
        self.give_up().map_err(at(&path, "clean up"))
    }
}

fn sync_if_there(path: &Path) -> io::Result<()> {
    if path.exists() { folder::sync(path) } else { Ok(()) }
}
