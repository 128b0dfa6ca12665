//! A state in a bucket: a few objects, each of which is replaced as a whole.

use std::path::PathBuf;

use super::error::LedgerError;
use super::place::StatePlace;
use crate::store::s3::{Folder, Lease};

#[derive(Debug)]
pub(super) struct BucketState {
    folder: Folder,
    lease: Option<Lease>,
}

impl BucketState {
    pub(super) fn new(folder: Folder) -> BucketState {
        BucketState { folder, lease: None }
    }
}

impl StatePlace for BucketState {
    fn path(&self) -> PathBuf {
        PathBuf::from(self.folder.url().to_string())
    }

    fn take(&mut self) -> Result<bool, LedgerError> {
        let mark = self.path();
        self.lease = Lease::take(&self.folder, &mark.to_string_lossy())?;
        Ok(self.lease.is_some())
    }

    fn read(&self, name: &str, bytes_max: u64) -> Result<Option<Vec<u8>>, LedgerError> {
        // While this run holds the state, its listing says what is not there.
        let is_absent = |lease: &Lease| lease.names().iter().all(|listed| listed != name);
        if self.lease.as_ref().is_some_and(is_absent) {
            return Ok(None);
        }
        Ok(self.folder.get(name, bytes_max)?)
    }

    fn write(&self, name: &str, bytes: &[u8]) -> Result<(), LedgerError> {
        Ok(self.folder.put(name, bytes)?)
    }

    fn write_new(&self, name: &str, bytes: &[u8]) -> Result<(), LedgerError> {
        Ok(self.folder.put_new(name, bytes)?)
    }

    fn remove(&self, name: &str) -> Result<(), LedgerError> {
        Ok(self.folder.remove(vec![name.to_owned()])?)
    }

    fn check(&self) -> Result<(), LedgerError> {
        Ok(self.lease.as_ref().map_or(Ok(()), Lease::check)?)
    }

    fn release(&mut self) -> Result<(), LedgerError> {
        Ok(self.lease.take().map_or(Ok(()), Lease::release)?)
    }
}
