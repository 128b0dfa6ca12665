//! The trait of an output that a run holds. `disk/output.rs` and `bucket/output.rs` implement it;
//! `mod.rs` and `undo.rs` call it.

use std::fmt::Debug;
use std::path::PathBuf;

use super::earlier::EarlierRuns;
use super::error::PublishError;
use super::journal::TakenOutput;
use super::parts::Parts;
use super::staged::StagedFile;

/// An output that this run holds, on disk or in a bucket.
pub(crate) trait OutputPlace: Debug + Send + Sync {
    /// A new part, to be written and finished. Readers do not see it before
    /// [`move_in`](OutputPlace::move_in).
    fn stage(&self, path: &str) -> Result<StagedFile, PublishError>;

    /// Fails if there is a foreign file in the output or among its working files, or if this run
    /// no longer holds the output. Then makes everything staged durable.
    fn check_and_sync(&mut self, earlier: &EarlierRuns) -> Result<(), PublishError>;

    /// The earlier parts that were in the output when it was last checked.
    fn earlier(&self) -> Parts;

    /// Moves the earlier parts aside. In a bucket, this is a part of moving the new ones in.
    /// Fails if there is a foreign file.
    fn move_aside(&self) -> Result<(), PublishError>;

    /// Moves the new parts to where readers look for them. They replace no foreign file.
    fn move_in(&self) -> Result<(), PublishError>;

    /// Fails if a foreign file has appeared in the output or beside the earlier parts since they
    /// were moved.
    fn check_moved(&self, moved: &TakenOutput) -> Result<(), PublishError>;

    /// Fails if there is a foreign file among the working files of a killed run, whose output this run
    /// has taken over, or, if that run had begun to move parts, in the output.
    fn check_taken_over(
        &self,
        moved: &TakenOutput,
        has_moved: bool,
        earlier: &EarlierRuns,
    ) -> Result<(), PublishError>;

    /// Undoes what a run moved. Returns false if earlier parts are gone.
    fn put_back(&mut self, moved: &TakenOutput) -> Result<bool, PublishError>;

    /// Where what is left of the earlier parts is if they could not be put back, and whether all of
    /// them are there.
    fn aside(&self) -> Option<(PathBuf, bool)>;

    /// Removes the working files, and with `drops_parts` also the parts that are in place. Releases
    /// the output. Fails, and changes nothing, if there is a foreign file among the working files.
    fn clean_up(
        self: Box<Self>,
        moved: &TakenOutput,
        drops_parts: bool,
    ) -> Result<(), PublishError>;

    /// Gives up an output that could not be cleaned up: the next run finds what is left.
    fn withdraw(self: Box<Self>) {}

    /// On disk: the folder in which new parts wait.
    fn folder_of_new_parts(&self) -> Option<PathBuf> {
        None
    }

    /// On disk: the folder of the output, and the one in which its new parts wait.
    #[cfg(test)]
    fn folders(&self) -> Option<(PathBuf, PathBuf)> {
        None
    }
}
