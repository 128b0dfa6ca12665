//! What publishing needs of an output, wherever it is.

use std::fmt::Debug;
#[cfg(test)]
use std::path::PathBuf;

use super::earlier::EarlierRuns;
use super::error::PublishError;
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

    /// Moves the earlier parts away, or removes them. Everything that was in the output when it
    /// was checked is ours.
    fn move_aside(&self) -> Result<(), PublishError>;

    /// Moves the new parts to where readers look for them.
    fn move_in(&self) -> Result<(), PublishError>;

    /// Removes what a run of this account left here: its staged parts and, if it had begun to
    /// publish, those of `parts` that are in place. Releases the output. Fails, and changes
    /// nothing, if there is a foreign file among the working files.
    fn roll_back(self: Box<Self>, parts: &Parts, half_published: bool) -> Result<(), PublishError>;

    /// On disk: the folder of the output, and the one in which its new parts wait.
    #[cfg(test)]
    fn folders(&self) -> Option<(PathBuf, PathBuf)> {
        None
    }
}
