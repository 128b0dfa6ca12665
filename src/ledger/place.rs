//! The trait of a state that a run holds. `disk.rs` and `bucket.rs` implement it.

use std::{fmt::Debug, path::PathBuf};

use super::error::LedgerError;

/// A state, on disk or in a bucket. Names are those of its files.
pub(super) trait StatePlace: Debug {
    /// The resolved path or URL.
    fn path(&self) -> PathBuf;

    /// Creates the state if necessary, for its owner alone, and locks it. Returns false if another run
    /// holds it.
    fn take(&mut self) -> Result<bool, LedgerError>;

    /// Reads a whole file of at most `bytes_max` bytes; `None` if it does not exist.
    fn read(&self, name: &str, bytes_max: u64) -> Result<Option<Vec<u8>>, LedgerError>;

    /// Writes a file, which replaces an earlier one as a whole. It is durable once this returns.
    fn write(&self, name: &str, bytes: &[u8]) -> Result<(), LedgerError>;

    /// The same, and fails if it exists.
    fn write_new(&self, name: &str, bytes: &[u8]) -> Result<(), LedgerError>;

    /// Removes a file. Not an error if it does not exist.
    fn remove(&self, name: &str) -> Result<(), LedgerError>;

    /// Fails if this run no longer holds the state.
    fn check(&self) -> Result<(), LedgerError>;

    /// Gives up the lock, and removes what this run created and did not use.
    fn release(&mut self) -> Result<(), LedgerError>;
}
