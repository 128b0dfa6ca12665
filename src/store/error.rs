//! Why an input could not be listed or read. `aws/error.rs` has the errors of buckets.

use std::io;

use super::aws::AwsError;

/// An input could not be listed or read. The variants differ in what the user can do about it.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Exit code 66.
    #[error("input `{name}` does not exist")]
    NotFound { name: String },
    /// Exit code 66.
    #[error("input `{name}` is a pipe")]
    Pipe { name: String },
    /// Exit code 66.
    #[error("input `{name}` is neither a file nor a folder")]
    NotAFile { name: String },
    /// Exit code 77.
    #[error("input `{name}` is not readable")]
    Denied {
        name: String,
        #[source]
        source: io::Error,
    },
    /// Exit code 66. Both names are escaped, so that they can be shown.
    #[error("the name `{name}` in folder `{folder}` is not UTF-8")]
    NotUtf8 { folder: String, name: String },
    /// Exit code 74: what was read would be a mix of two states.
    #[error("input `{name}` changed while it was being read")]
    Changed { name: String },
    /// Exit code 65: it is another than was planned.
    #[error("input `{name}` has changed since the plan was made")]
    NotAsPlanned { name: String },
    /// Exit code 74.
    #[error("input `{name}` could not be read")]
    Io {
        name: String,
        #[source]
        source: io::Error,
    },
    /// A request to S3 failed; its kind decides the exit code.
    #[error("input: {0}")]
    Bucket(AwsError),
}

impl From<AwsError> for StoreError {
    fn from(error: AwsError) -> StoreError {
        StoreError::Bucket(error)
    }
}

impl StoreError {
    /// The error of a read from [`Inputs`](super::Inputs), which may be wrapped in an
    /// [`io::Error`].
    pub(crate) fn from_read(name: &str, error: io::Error) -> StoreError {
        let error = match error.downcast::<StoreError>() {
            Ok(error) => return error,
            Err(error) => error,
        };
        match error.downcast::<AwsError>() {
            Ok(error) => StoreError::Bucket(error),
            Err(source) => StoreError::Io { name: name.to_owned(), source },
        }
    }

    /// The error of a system call on the input `name`.
    pub(super) fn from_io(name: &str, source: io::Error) -> StoreError {
        let name = name.to_owned();
        #[expect(clippy::wildcard_enum_match_arm, reason = "std may add kinds")]
        match source.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => StoreError::NotFound { name },
            io::ErrorKind::PermissionDenied => StoreError::Denied { name, source },
            _ => StoreError::Io { name, source },
        }
    }
}
