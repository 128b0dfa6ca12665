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
pub(crate) use output::{DiskOutput, check_output, move_mode};

use std::{fs, io, path::Path};

use super::error::{ForeignFiles, PublishError, at};
use super::names::is_folder_of_ours;
use crate::store::disk::folder;

/// Fails if the folder holds a file that is not ours, and names some of them.
fn ensure_no_foreign_files(
    place: &Path,
    is_ours: impl Fn(&Path) -> bool,
) -> Result<(), PublishError> {
    ensure_none(place, folder::files(place), is_ours)
}

/// The same for files and for folders that are empty.
fn ensure_nothing_foreign(
    place: &Path,
    is_our_file: impl Fn(&Path) -> bool,
    is_our_folder: impl Fn(&Path) -> bool,
) -> Result<(), PublishError> {
    ensure_none(place, folder::leaves(place), |leaf| {
        if is_folder(leaf) { is_our_folder(leaf) } else { is_our_file(leaf) }
    })
}

/// Whether this leaf of a folder is an empty folder.
fn is_folder(leaf: &Path) -> bool {
    leaf.as_os_str().as_encoded_bytes().ends_with(b"/")
}

fn ensure_none(
    place: &Path,
    leaves: folder::Files,
    is_ours: impl Fn(&Path) -> bool,
) -> Result<(), PublishError> {
    if place.symlink_metadata().is_ok_and(|found| !found.is_dir())
        && let (Some(parent), Some(name)) = (place.parent(), place.file_name())
    {
        // A file or a link in place of the folder.
        let named = ForeignFiles::among([Ok(name.into())]).map_err(at(place, "list"))?;
        let foreign = |foreign| PublishError::Foreign { place: parent.to_owned(), foreign };
        return Err(named.map(foreign).expect("it names the file"));
    }
    let foreign = leaves.filter(|leaf| leaf.as_ref().map_or(true, |leaf| !is_ours(leaf)));
    match ForeignFiles::among(foreign).map_err(at(place, "list"))? {
        None => Ok(()),
        Some(foreign) => Err(PublishError::Foreign { place: place.to_owned(), foreign }),
    }
}

/// Moves what is not ours out of a working folder, to where somebody had put it: into a folder that
/// was moved. It replaces nothing.
fn give_back(working: &Path, place: &Path, is_ours: impl Fn(&Path) -> bool) -> io::Result<()> {
    for leaf in folder::leaves(working) {
        let leaf = leaf?;
        if is_folder(&leaf) {
            if !is_folder_of_ours(&leaf) {
                fs::create_dir_all(place.join(leaf))?;
            }
        } else if !is_ours(&leaf) {
            move_to_free(&working.join(&leaf), &place.join(&leaf))?;
        }
    }
    Ok(())
}

/// Moves a file, with the folders that it needs. Fails if something is there.
fn move_to_free(file: &Path, target: &Path) -> io::Result<()> {
    if fs::symlink_metadata(target).is_ok() {
        return Err(io::ErrorKind::AlreadyExists.into());
    }
    target.parent().map_or(Ok(()), fs::create_dir_all)?;
    fs::rename(file, target)
}
