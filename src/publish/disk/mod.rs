//! Accounts and outputs that are folders on disk.
//!
//! New files are written into a working folder on the same file system, so that a rename moves
//! them into place. Locks are `flock` locks in the working folders: the kernel releases them when
//! the process ends, however it ends.

mod account;
mod journal;
mod output;
mod staged;

pub(crate) use account::DiskAccount;
pub(crate) use output::{DiskOutput, move_mode};

use std::path::Path;

use super::error::{ForeignFiles, PublishError, at};
use crate::store::disk::folder;

/// Fails if the folder holds a file that is not ours, and names some of them.
fn ensure_no_foreign_files(
    place: &Path,
    is_ours: impl Fn(&Path) -> bool,
) -> Result<(), PublishError> {
    let foreign =
        folder::files(place).filter(|file| file.as_ref().map_or(true, |file| !is_ours(file)));
    match ForeignFiles::among(foreign).map_err(at(place, "list"))? {
        None => Ok(()),
        Some(foreign) => Err(PublishError::Foreign { place: place.to_owned(), foreign }),
    }
}
