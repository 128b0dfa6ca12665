//! Why a run may not publish, or could not, named by what the reader can do about it.

use std::{
    fmt, io,
    path::{Path, PathBuf},
};

use crate::store::aws::AwsError;

/// A place could not be taken, written or published.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// Exit 73: wait for the other run.
    #[error("another run is at work in `{}`", place.display())]
    Taken { place: PathBuf },
    /// Exit 73: `--overwrite` replaces it.
    #[error("`{}` holds another published run", account.display())]
    Published { account: PathBuf },
    /// Exit 73: move them away or write elsewhere; `--overwrite` does not replace them.
    #[error("`{}` holds files that no manifest of this account lists: {strangers}", place.display())]
    Foreign { place: PathBuf, strangers: ForeignFiles },
    /// Exit 78: each output and the account need a folder of their own.
    #[error("`{}` and `{}` lie in one another", one.display(), other.display())]
    Overlap { one: PathBuf, other: PathBuf },
    /// Exit 77.
    #[error("access to `{}` was denied", path.display())]
    Denied {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    /// Exit 74: make room.
    #[error("no space left on device for `{}`", path.display())]
    Full {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    /// Exit 74.
    #[error("could not {what} `{}`", path.display())]
    Io {
        path: PathBuf,
        what: &'static str,
        #[source]
        source: io::Error,
    },
    /// A bucket: the kind says what follows.
    #[error(transparent)]
    Bucket(#[from] AwsError),
}

impl PublishError {
    /// What a write to a [`StagedFile`](super::StagedFile) failed with.
    pub fn of_write(error: io::Error) -> PublishError {
        match error.downcast::<PublishError>() {
            Ok(error) => error,
            Err(source) => PublishError::Io { path: PathBuf::new(), what: "write", source },
        }
    }
}

/// Names of foreign files, escaped, since they were chosen by others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForeignFiles {
    /// At most [`ForeignFiles::NAMED_MAX`].
    pub names: Vec<String>,
    /// There are others.
    pub more: bool,
}

impl ForeignFiles {
    pub const NAMED_MAX: usize = 3;

    /// Takes paths until it has enough of them; none is no strangers.
    pub(crate) fn among(
        paths: impl IntoIterator<Item = io::Result<PathBuf>>,
    ) -> io::Result<Option<ForeignFiles>> {
        let first: Vec<PathBuf> =
            paths.into_iter().take(Self::NAMED_MAX + 1).collect::<io::Result<_>>()?;
        let names = first.iter().take(Self::NAMED_MAX).map(|path| escaped(path)).collect();
        let more = first.len() > Self::NAMED_MAX;
        Ok((!first.is_empty()).then_some(ForeignFiles { names, more }))
    }
}

impl fmt::Display for ForeignFiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<String> = self.names.iter().map(|name| format!("`{name}`")).collect();
        f.write_str(&names.join(", "))?;
        if self.more { f.write_str(" and others") } else { Ok(()) }
    }
}

fn escaped(path: &Path) -> String {
    let shown = if path.as_os_str().is_empty() { Path::new(".") } else { path };
    shown.to_string_lossy().escape_debug().to_string()
}

/// Says of a failure where it happened and in doing what; the words complete "could not".
pub(crate) fn at(
    path: &Path,
    what: &'static str,
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
        _ => PublishError::Io { path, what, source },
    }
}
