//! The trait of an account that a run holds. `disk/account.rs` and `bucket/account.rs` implement
//! it; `mod.rs` and `undo.rs` call it.

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

    /// Lists an account that is not held, for whoever only looks at it.
    fn look(&mut self) -> Result<(), PublishError>;

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

    /// Fails if a foreign file is in the account, or was moved aside, after everything was moved.
    fn check_moved(&self) -> Result<(), PublishError>;

    /// Fails if there is a file among the working files that no run writes there. `has_journal`: what
    /// a killed run left is there too.
    fn check_working_files(&self, has_journal: bool) -> Result<(), PublishError>;

    fn read_journal(&self) -> Result<Option<Journal>, PublishError>;
    fn write_journal(&self, journal: &Journal) -> Result<(), PublishError>;
    fn remove_journal(&self) -> Result<(), PublishError>;

    /// The numbers of the shards that have an account inside this one.
    fn shards(&self) -> Result<Vec<u32>, PublishError>;

    /// Those of them that work, or that were killed.
    fn busy_shards(&self) -> Result<Vec<u32>, PublishError>;

    /// From now on, the accounts of shards stay where they are.
    fn keep_shards(&mut self);

    /// Prepares the account for [`stage`](AccountPlace::stage).
    fn prepare(&self) -> Result<(), PublishError>;

    /// A new file, to be written and finished. If `private`, only its owner may read it.
    fn stage(&self, path: &str, private: bool) -> Result<StagedFile, PublishError>;

    /// Keeps the new manifest until [`place_manifest`](AccountPlace::place_manifest).
    fn stage_manifest(&self, manifest: &[u8]) -> Result<(), PublishError>;

    /// Makes everything staged durable.
    fn sync(&self) -> Result<(), PublishError>;

    /// The names of the files and folders in the account, working files aside.
    fn held(&self) -> Result<Vec<String>, PublishError>;

    /// Moves the earlier manifest aside, and then whatever else is in the account: from now on,
    /// nothing is published. In a bucket, objects that new ones replace stay until then.
    ///
    /// `kept`: the name of the manifest that stays as `manifest.earlier.json`, since its parts stay
    /// in the outputs.
    fn move_aside(&self, kept: Option<&str>) -> Result<(), PublishError>;

    /// Moves the new files into place, except for the manifest.
    fn move_files_in(&self) -> Result<(), PublishError>;

    /// Moves the manifest into place: this publishes. If it fails, the manifest is not there.
    fn place_manifest(&self) -> Result<(), PublishError>;

    /// Undoes what a run moved, except for the manifest. `held` is what was in the account before.
    /// Returns whether there is a manifest to put back, and all that belongs to it.
    fn put_back(&self, held: &[String]) -> Result<bool, PublishError>;

    /// Puts the earlier manifest back, and syncs it.
    fn put_back_manifest(&self) -> Result<(), PublishError>;

    /// Where what is left of the earlier files is, if the earlier manifest is not in place, and whether
    /// all of them are there.
    fn aside(&self) -> Option<(PathBuf, bool)>;

    /// Removes the working files. `drops_files`: also what is in the account besides manifests and the
    /// accounts of shards; `drops_kept`: also what belongs to earlier parts, which are gone: the manifest of
    /// an earlier run, and the accounts of shards.
    fn clean_up(&self, drops_files: bool, drops_kept: bool) -> Result<(), PublishError>;

    /// Releases the account and removes its lock.
    fn release(&mut self) -> Result<(), PublishError>;

    /// Gives up the lock as a killed process does.
    #[cfg(test)]
    fn die(&mut self);
}
