//! Why a list of taken inputs cannot be used. `run/error.rs` has the exit codes and hints.

use std::{
    io,
    path::{Path, PathBuf},
};

use crate::publish::PublishError;
use crate::store::aws::AwsError;

/// A list could not be taken, read or written.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// Exit 73: wait for the other run.
    #[error("another run is using the list of taken inputs in `{}`", place.display())]
    Taken { place: PathBuf },
    /// Exit 73.
    #[error("the list of taken inputs in `{}` belongs to {}", place.display(), shown(name))]
    Other { place: PathBuf, name: String },
    /// Exit 73: segprep did not write it.
    #[error("`{}` is not a list of taken inputs{}", file.display(), at_line(*line))]
    NotAList { file: PathBuf, line: Option<u64> },
    #[error("could not {action} `{}`", path.display())]
    Io {
        path: PathBuf,
        action: &'static str,
        #[source]
        source: io::Error,
    },
    /// A request to a bucket failed.
    #[error(transparent)]
    Bucket(#[from] AwsError),
    /// Its path cannot be resolved.
    #[error(transparent)]
    Place(#[from] PublishError),
}

/// A definition, by the name that somebody wrote into a list.
fn shown(name: &str) -> String {
    let is_allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if name.len() <= 40 && name.bytes().all(is_allowed) {
        format!("the definition `{name}`")
    } else {
        "another definition".to_owned()
    }
}

fn at_line(line: Option<u64>) -> String {
    line.map_or_else(String::new, |line| format!(" (line {line})"))
}

/// Wraps an error of the disk.
pub(super) fn at<'p>(
    path: &'p Path,
    action: &'static str,
) -> impl Fn(io::Error) -> LedgerError + use<'p> {
    move |source| LedgerError::Io { path: path.to_owned(), action, source }
}

/// The line that no list has, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotAList {
    pub line: u64,
}

impl NotAList {
    pub fn in_file(self, file: &Path) -> LedgerError {
        LedgerError::NotAList { file: file.to_owned(), line: Some(self.line) }
    }
}
