//! What publishing needs of an account, wherever it is.

use std::{
    fmt::Debug,
    path::{Path, PathBuf},
};

use super::error::PublishError;
use super::journal::Journal;
use super::staged::StagedFile;

/// An account, on disk or in a bucket.
///
/// A run takes it before it writes anything, and releases it at the end. In a bucket, every
/// question is a request; so the implementation answers them from a listing of the whole account,
/// which [`refresh`](AccountPlace::refresh) renews. This is safe because only the run that holds
/// the account changes it.
pub(crate) trait AccountPlace: Debug + Send + Sync {
    /// The resolved path or URL. It is the mark that locks on outputs carry.
    fn path(&self) -> PathBuf;

    /// Whether there is no trace of a run that is still working, or that was killed.
    fn is_idle(&self) -> Result<bool, PublishError>;

    /// Creates the account if necessary and locks it. Returns false if another run holds it.
    fn take(&mut self) -> Result<bool, PublishError>;

    /// Whether this run holds the account.
    fn is_held(&self) -> bool;

    /// The folders that taking this account would create, outermost first.
    fn missing_folders(&self) -> Vec<PathBuf>;

    /// Renews the listing. Fails if this run no longer holds the account.
    fn refresh(&mut self) -> Result<(), PublishError>;

    /// Whether the account has this file. The account must be held.
    fn has(&self, name: &str) -> Result<bool, PublishError>;

    /// Reads a whole file of the account; `None` if it does not exist.
    fn read(&self, name: &str) -> Result<Option<Vec<u8>>, PublishError>;

    /// Fails if the account holds a file that is not ours, working files aside.
    fn check_files(&self, is_ours: &dyn Fn(&Path) -> bool) -> Result<(), PublishError>;

    /// Fails if there is a file among the working files that no run writes there.
    fn check_working_files(&self) -> Result<(), PublishError>;

    fn read_journal(&self) -> Result<Option<Journal>, PublishError>;
    fn write_journal(&self, journal: &Journal) -> Result<(), PublishError>;
    fn remove_journal(&self) -> Result<(), PublishError>;

    /// Prepares the account for [`stage`](AccountPlace::stage).
    fn prepare(&self) -> Result<(), PublishError>;

    /// A new file, to be written and finished. If `private`, only its owner may read it.
    fn stage(&self, path: &str, private: bool) -> Result<StagedFile, PublishError>;

    /// Keeps the new manifest until [`place_manifest`](AccountPlace::place_manifest).
    fn stage_manifest(&self, manifest: &[u8]) -> Result<(), PublishError>;

    /// Makes everything staged durable.
    fn sync(&self) -> Result<(), PublishError>;

    /// Removes the earlier manifests, and then the earlier files of the account.
    fn retire_earlier(&self) -> Result<(), PublishError>;

    /// Removes what the earlier run wrote here, but keeps its manifest under another name if it
    /// was published.
    fn set_earlier_aside(&self, is_published: bool) -> Result<(), PublishError>;

    /// Moves the new files into place, except for the manifest.
    fn move_files_in(&self) -> Result<(), PublishError>;

    /// Moves the manifest into place: this publishes.
    fn place_manifest(&self) -> Result<(), PublishError>;

    /// Removes what a run left here that did not finish. `half_published`: it had begun to move
    /// its parts; `half_filled`: it had begun to replace the files of the account.
    fn clean_up(&self, half_published: bool, half_filled: bool) -> Result<(), PublishError>;

    /// Releases the account and removes its lock.
    fn release(&mut self) -> Result<(), PublishError>;

    /// Gives up the lock as a killed process does.
    #[cfg(test)]
    fn die(&mut self);
}
