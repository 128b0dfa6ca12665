//! Accounts and outputs that are folders in a bucket.
//!
//! A bucket has no rename, so objects cannot be put into place together. New objects wait as
//! uploads that are not completed, which no reader sees, and are completed one by one while there
//! is no manifest. A lease in `.segprep/` says which run holds a folder. What a folder contains is
//! known from a listing when it is taken, and from another before anything is replaced.

mod account;
mod output;
mod staged;

pub(crate) use account::BucketAccount;
pub(crate) use output::BucketOutput;

use std::path::{Path, PathBuf};

use super::error::{ForeignFiles, PublishError};
use crate::store::aws::AwsErrorKind;
use crate::store::s3::{Folder, Lease};

/// The folder's URL, as journals and messages have it.
fn path_of(folder: &Folder) -> PathBuf {
    PathBuf::from(folder.url().to_string())
}

/// Fails if one of these objects of a folder is not ours, and names some of them.
fn ensure_no_foreign_files(
    folder: &Folder,
    names: &[String],
    is_ours: impl Fn(&Path) -> bool,
) -> Result<(), PublishError> {
    let foreign = names.iter().filter(|name| !is_ours(Path::new(name)));
    ensure_none(folder, foreign.map(String::as_str))
}

/// Fails if there are foreign objects in a folder, and names some of them.
fn ensure_none<'a>(
    folder: &Folder,
    foreign: impl Iterator<Item = &'a str>,
) -> Result<(), PublishError> {
    match ForeignFiles::among(foreign.map(|name| Ok(PathBuf::from(name)))) {
        Ok(Some(foreign)) => Err(PublishError::Foreign { place: path_of(folder), foreign }),
        Ok(None) | Err(_) => Ok(()), // names that are already listed cannot fail
    }
}

/// Aborts the uploads that nobody will complete: those of a run that held the folder and died, and
/// those of this run whose start was never confirmed.
fn abort_abandoned(
    folder: &Folder,
    lease: Option<&Lease>,
    is_ours: impl Fn(&Path) -> bool,
) -> Result<(), PublishError> {
    let was_left = lease.is_some_and(Lease::was_left);
    if !was_left && !folder.has_uploaded() {
        return Ok(());
    }
    match folder.abort_all(|name| is_ours(Path::new(name))) {
        // A server that cannot list uploads expires them itself, or keeps them.
        Err(error) if error.kind == AwsErrorKind::Unsupported => Ok(()),
        // The uploads that we know of are already aborted; a lifecycle rule ends the others.
        Err(_) if !was_left => Ok(()),
        aborted => Ok(aborted?),
    }
}
