//! Checks that a run does not write to folders that its inputs are in.
//!
//! The definition is checked for that when it is read. But a link inside an input folder may lead
//! to an output as well, and only the listing shows where it leads.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use super::error::{ErrorKind, RunError};
use super::prepare::Prepared;
use super::text::escape_path;
use crate::store::disk::folder;
use crate::store::s3::Url;
use crate::store::{Listed, Stamp};

/// Checks that no input is in an output or in the account: the next run would read what this one
/// wrote.
pub(super) fn check(prepared: &Prepared, listed: &[Listed]) -> Result<(), RunError> {
    let state = prepared.definition.state.as_ref().map(|state| state.to.path.clone());
    let places = prepared.outputs().into_iter().chain([prepared.account().to_owned()]).chain(state);
    check_places(&places.collect::<Vec<_>>(), listed)
}

/// Checks that no input is in one of these places.
pub(super) fn check_places(places: &[PathBuf], listed: &[Listed]) -> Result<(), RunError> {
    let on_disk = places.iter().filter(|to| Url::parse(to).is_none());
    let written: Vec<PathBuf> = on_disk.filter_map(|to| folder::resolve(to).ok()).collect();
    let files = listed.iter().filter(|file| matches!(file.stamp, Stamp::Modified { .. }));
    let folders: BTreeSet<&Path> =
        files.filter_map(|file| Path::new(&file.name).parent()).collect();
    for input in folders {
        let input = if input.as_os_str().is_empty() { Path::new(".") } else { input };
        let Ok(real) = input.canonicalize() else { continue };
        if let Some(to) = written.iter().find(|to| real.starts_with(to)) {
            let (input, to) = (escape_path(input), escape_path(to));
            let message =
                format!("the inputs in `{input}` are inside `{to}`, where the run writes");
            let hint = "a link leads there: write elsewhere, or leave it out with `exclude`";
            return Err(RunError::new(ErrorKind::Definition, message).hint(hint));
        }
    }
    Ok(())
}
