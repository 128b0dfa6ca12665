//! How a run ended that did not fail, and what is told of one that was cancelled.

use std::path::PathBuf;

use super::error::Failure;
use super::progress::Progress;
use crate::definition::STANDARD_OUTPUT;
use crate::engine::Cancel;
use crate::report::Manifest;

/// The result of a run that did not fail.
#[derive(Debug)]
pub enum Outcome {
    /// The result of the same run is already published there.
    AlreadyPublished { manifest: PathBuf },
    /// There was no record to read, and the definition allows that. Nothing was published.
    NothingToRead {
        /// What was not there.
        reason: String,
        dry_run: bool,
        /// Whether the records would have gone to standard output.
        to_standard_output: bool,
    },
    /// The run came to its end. The manifest's status says whether the result is published; after
    /// a dry run nothing is.
    Finished {
        manifest: Box<Manifest>,
        account: PathBuf,
        dry_run: bool,
        /// A warning about working files that could not be removed.
        leftover: Option<String>,
    },
}

impl Outcome {
    /// Whether the records went to standard output, or would have without `--dry-run`.
    pub fn wrote_to_standard_output(&self) -> bool {
        match self {
            Outcome::AlreadyPublished { .. } => false,
            Outcome::NothingToRead { to_standard_output, .. } => *to_standard_output,
            Outcome::Finished { manifest, .. } => {
                manifest.outputs.iter().any(|output| output.to == STANDARD_OUTPUT)
            }
        }
    }
}

/// How a run ended. Cancelling it makes its requests and reads fail: the cause is reported, not its effects.
pub(super) fn ended(
    outcome: Result<Outcome, Failure>,
    progress: &Progress,
    cancel: &Cancel,
) -> Result<Outcome, Failure> {
    progress.leave();
    outcome.map_err(|failure| match (cancel.check(), failure) {
        (Err(cancelled), Failure::Run(error)) => Failure::Run(error.because(cancelled)),
        (Err(cancelled), Failure::Diagnostics(_)) => Failure::Run(cancelled.into()),
        (Ok(()), failure) => failure,
    })
}
