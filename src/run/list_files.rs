//! Finds the files of the lists of `[[suppress]]`, which `lists.rs` reads.
//!
//! What `from` names is read, whatever its name, and must have content. What a folder or a pattern has besides
//! files with content is not read, with a warning that names it.

use std::path::PathBuf;
use std::slice;

use super::error::{ErrorKind, RunError};
use super::text::{escape, escape_path};
use crate::plan::ListSpec;
use crate::store::{Listed, Listing, Reason, Store, StoreError};

/// The files of all lists.
#[derive(Default)]
pub(super) struct ListFiles {
    /// Of each list, in reading order.
    pub(super) files: Vec<Vec<Listed>>,
    /// Warnings about files that are not read: somebody on them is not found.
    pub(super) warnings: Vec<String>,
}

/// Finds the files of all lists. Fails if what a `from` names holds none.
pub(super) fn list_files(specs: &[ListSpec], store: &Store) -> Result<ListFiles, RunError> {
    let mut found = ListFiles::default();
    for spec in specs {
        let listing = files_of(spec, store)?;
        found.warnings.extend(left_out(&listing));
        found.files.push(listing.files);
    }
    Ok(found)
}

fn files_of(spec: &ListSpec, store: &Store) -> Result<Listing, RunError> {
    let list = |from: &[PathBuf]| store.list_with_hidden(from).map_err(unlisted);
    let listing = list(&spec.from)?;
    // Each entry must have content: a list that is not there would let through whoever is on it.
    for entry in &spec.from {
        let is_only_one = spec.from.len() == 1;
        let alone = if is_only_one { None } else { Some(list(slice::from_ref(entry))?) };
        if alone.as_ref().unwrap_or(&listing).files.is_empty() {
            let message = format!("the list `{}` has no content", escape_path(entry));
            return Err(RunError::new(ErrorKind::NoInput, message).hint(FROM_HINT));
        }
    }
    Ok(listing)
}

const FROM_HINT: &str = "check `from` under `[[suppress]]`";

fn unlisted(error: StoreError) -> RunError {
    let is_absent = matches!(error, StoreError::NotFound { .. });
    let is_no_file = matches!(error, StoreError::Pipe { .. } | StoreError::NotAFile { .. });
    let error = RunError::from(error);
    match (is_absent, is_no_file) {
        (true, _) => error.hint(FROM_HINT),
        (_, true) => {
            error.hint("name a file, a folder or a pattern: lists are read before records")
        }
        (false, false) => error,
    }
}

/// How many files of a list that are not read are named.
const LEFT_OUT_MAX: usize = 100;

/// Warnings about the files of a list that are not read.
fn left_out(listing: &Listing) -> Vec<String> {
    let mut warnings: Vec<String> = listing
        .ignored
        .iter()
        .take(LEFT_OUT_MAX)
        .map(|ignored| {
            let why = match ignored.reason {
                Reason::Name => {
                    "its name begins with `_` or `.`: name it in `from` if it is a list"
                }
                Reason::Empty | Reason::FolderMarker => "it is empty",
                Reason::NotAFile => "it is neither a file nor a folder",
                Reason::Excluded | Reason::Changed | Reason::Taken => "it is left out",
            };
            format!("`{}` under `[[suppress]]` is not read: {why}", escape(&ignored.name))
        })
        .collect();
    let more = listing.ignored.len() - warnings.len();
    if 0 < more {
        warnings.push(format!("more files of a list are not read: {more}"));
    }
    warnings
}
