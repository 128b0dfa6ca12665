//! Why a run may not publish, or failed to, classified by what the user can do about it.
//! `run/error.rs` turns these errors into exit codes and hints.

use std::{
    fmt, io,
    path::{Path, PathBuf},
};

use super::names::PARTS_MAX;
use crate::store::aws::AwsError;

/// A place could not be taken, written or published.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// Exit 73: wait for the other run.
    #[error("another run is using `{}`", place.display())]
    Taken { place: PathBuf },
    /// Exit 73: `--overwrite` replaces it.
    #[error("`{}` holds another published run", account.display())]
    Published { account: PathBuf },
    /// Exit 73: shards do not replace a result, since it must stay whole until all of them have ended.
    #[error("`{}` holds a published run, which shards do not replace", account.display())]
    Whole { account: PathBuf },
    /// Exit 73: gather them, or replace them with `--overwrite`.
    #[error("`{}` holds results of shards that were not gathered ({shards} of them)", account.display())]
    Ungathered { account: PathBuf, shards: usize },
    /// Exit 73: `--overwrite` makes the parts again.
    #[error("this run is published already, but its result is not as `{}` has it: {lost}", manifest.display())]
    Lost { manifest: PathBuf, lost: LostParts },
    /// Exit 73: move them away or write elsewhere; `--overwrite` does not replace them.
    #[error("`{}` holds files that no manifest of this account lists: {foreign}", place.display())]
    Foreign { place: PathBuf, foreign: ForeignFiles },
    /// Exit 78: each output and the account need a folder for themselves.
    #[error("`{}` and `{}` overlap", one.display(), other.display())]
    Overlap { one: PathBuf, other: PathBuf },
    /// Exit 77.
    #[error("access to `{}` was denied", path.display())]
    Denied {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    /// Exit 74: make room.
    #[error("could not write `{}`", path.display())]
    Full {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    /// Exit 74.
    #[error("could not {action} `{}`", path.display())]
    Io {
        path: PathBuf,
        action: &'static str,
        #[source]
        source: io::Error,
    },
    /// Exit 74: a temporary file of what waits to be written.
    #[error("a temporary file in `{}` could not be {done}", folder.display())]
    Spill {
        folder: PathBuf,
        /// `created`, `written` or `read`.
        done: &'static str,
        #[source]
        source: io::Error,
    },
    /// A run failed after it had begun to replace the earlier result, which it could not put back.
    /// Has the exit code of the first error.
    #[error(
        "{}; the earlier result is gone from its place, and its remains are in {}",
        with_reason(error),
        quoted(remains)
    )]
    Gone {
        error: Box<PublishError>,
        /// Where what is left of the earlier result is.
        remains: Vec<PathBuf>,
        /// Whether all of it is there, so that the next run puts it back.
        is_whole: bool,
    },
    /// Exit 74: the program that reads it has ended, for example.
    #[error("could not write to standard output")]
    StandardOutput {
        #[source]
        source: io::Error,
    },
    /// Exit 78: `max_bytes` is too small.
    #[error("an output would have more than {PARTS_MAX} parts")]
    TooManyParts,
    /// Exit 78: `max_bytes` is too small.
    #[error("a row does not fit into a part of {bytes} bytes")]
    PartTooSmall { bytes: u64 },
    /// A request to a bucket failed; the exit code depends on the kind of error.
    #[error(transparent)]
    Bucket(#[from] AwsError),
}

impl PublishError {
    /// The same error about foreign files, which are in this place once everything is put back.
    pub(crate) fn once_back_in(self, place: &Path) -> PublishError {
        if let PublishError::Foreign { foreign, .. } = self {
            PublishError::Foreign { place: place.to_owned(), foreign }
        } else {
            self
        }
    }

    /// An error of a file or folder. `action` completes "could not".
    pub fn of_file(path: &Path, action: &'static str, source: io::Error) -> PublishError {
        at(path, action)(source)
    }

    /// The reason why a write to a [`StagedFile`](super::StagedFile) failed.
    pub fn of_write(error: io::Error) -> PublishError {
        match error.downcast::<PublishError>() {
            Ok(error) => error,
            Err(source) => PublishError::Io { path: PathBuf::new(), action: "write", source },
        }
    }
}

/// Parts that a manifest lists and that are not there as it says. The paths are escaped, since a
/// terminal might interpret them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LostParts {
    /// At most [`LostParts::NAMES_MAX`], each with what is wrong with it.
    pub names: Vec<String>,
    /// How many there are.
    pub count: usize,
}

impl LostParts {
    pub const NAMES_MAX: usize = 10;
}

impl fmt::Display for LostParts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.names.join(", "))?;
        match self.count.saturating_sub(self.names.len()) {
            0 => Ok(()),
            more => write!(f, " and {more} more"),
        }
    }
}

/// The message of an error, and its reason.
fn with_reason(error: &PublishError) -> String {
    let reason = std::error::Error::source(error);
    reason.map_or_else(|| error.to_string(), |reason| format!("{error}: {reason}"))
}

fn quoted(paths: &[PathBuf]) -> String {
    let paths: Vec<String> = paths.iter().map(|path| format!("`{}`", path.display())).collect();
    paths.join(", ")
}

/// Names of foreign files. They are escaped, since a terminal might interpret them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForeignFiles {
    /// At most [`ForeignFiles::NAMES_MAX`].
    pub names: Vec<String>,
    /// Whether there are others.
    pub more: bool,
}

impl ForeignFiles {
    pub const NAMES_MAX: usize = 3;

    /// Collects the first of these paths; `None` if there are none.
    pub(crate) fn among(
        paths: impl IntoIterator<Item = io::Result<PathBuf>>,
    ) -> io::Result<Option<ForeignFiles>> {
        let first: Vec<PathBuf> =
            paths.into_iter().take(Self::NAMES_MAX + 1).collect::<io::Result<_>>()?;
        let names = first.iter().take(Self::NAMES_MAX).map(|path| escape(path)).collect();
        let more = first.len() > Self::NAMES_MAX;
        Ok((!first.is_empty()).then_some(ForeignFiles { names, more }))
    }

    pub(crate) fn one(name: &str) -> ForeignFiles {
        ForeignFiles { names: vec![name.to_owned()], more: false }
    }
}

impl fmt::Display for ForeignFiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<String> = self.names.iter().map(|name| format!("`{name}`")).collect();
        f.write_str(&names.join(", "))?;
        if self.more { f.write_str(" and others") } else { Ok(()) }
    }
}

fn escape(path: &Path) -> String {
    let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
    path.to_string_lossy().escape_debug().to_string()
}

/// Adds a path and the action that failed to an I/O error. `action` completes "could not".
pub(crate) fn at(
    path: &Path,
    action: &'static str,
) -> impl FnOnce(io::Error) -> PublishError + use<> {
    let path = path.to_owned();
    #[expect(clippy::wildcard_enum_match_arm, reason = "the kinds are std's and may grow")]
    move |source| match source.kind() {
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            PublishError::Denied { path, source }
        }
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            PublishError::Full { path, source }
        }
        _ => PublishError::Io { path, action, source },
    }
}
