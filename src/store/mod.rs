//! Where bytes come from and go to: disk, standard input, and buckets in S3.
//!
//! Knows names, sizes and bytes, and nothing of records, runs or manifests. What always holds:
//!
//! - Nothing here follows a link where it writes or removes; where it reads, links are followed.
//! - An input is read as it was listed, or not at all.
//! - What [`folder`] or [`Staged`] call synced is on the disk, not only in its cache.

pub mod aws;
pub mod disk;
mod inputs;
pub mod s3;

pub use disk::Lock;
pub use disk::Staged;
pub use disk::{Ignored, Listed, Listing, Reason, STANDARD_INPUT, Stamp};
pub use inputs::{Inputs, Store};

use std::io;

use aws::AwsError;

/// An input could not be listed or read; named by what the reader can do about it.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Exit 66.
    #[error("input `{name}` does not exist")]
    NotFound { name: String },
    /// Exit 77.
    #[error("input `{name}` may not be read")]
    Denied {
        name: String,
        #[source]
        source: io::Error,
    },
    /// Exit 66. The name is escaped, since it cannot be shown.
    #[error("the name `{name}` in folder `{folder}` is not UTF-8: rename or move the file")]
    NotUtf8 { folder: String, name: String },
    /// Exit 74: what was read is a mix of two states.
    #[error("input `{name}` changed while it was read")]
    Changed { name: String },
    /// Exit 74.
    #[error("input `{name}` could not be read")]
    Io {
        name: String,
        #[source]
        source: io::Error,
    },
    /// A bucket: the kind says what follows.
    #[error("input: {0}")]
    Bucket(AwsError),
}

impl From<AwsError> for StoreError {
    fn from(error: AwsError) -> StoreError {
        StoreError::Bucket(error)
    }
}

impl StoreError {
    /// What a reader of [`Inputs`] failed with.
    pub(crate) fn of_read(name: &str, error: io::Error) -> StoreError {
        let error = match error.downcast::<StoreError>() {
            Ok(error) => return error,
            Err(error) => error,
        };
        match error.downcast::<AwsError>() {
            Ok(error) => StoreError::Bucket(error),
            Err(source) => StoreError::Io { name: name.to_owned(), source },
        }
    }

    /// Sorts a failure of the operating system by what can be done about it.
    fn sorted(name: &str, source: io::Error) -> StoreError {
        let name = name.to_owned();
        #[expect(clippy::wildcard_enum_match_arm, reason = "the kinds are std's and may grow")]
        match source.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => StoreError::NotFound { name },
            io::ErrorKind::PermissionDenied => StoreError::Denied { name, source },
            _ => StoreError::Io { name, source },
        }
    }
}
