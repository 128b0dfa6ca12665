//! What a run writes is not among what it reads. The definition's places are held apart when it is
//! read; a link inside of a folder is only seen in its listing.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use super::error::{ErrorKind, RunError};
use super::escape_path;
use super::prepare::Prepared;
use crate::store::disk::folder;
use crate::store::s3::Url;
use crate::store::{Listed, Stamp};

/// # Errors
///
/// An input lies where the run writes: what it wrote would be read by the next.
pub(super) fn check_apart(prepared: &Prepared, listed: &[Listed]) -> Result<(), RunError> {
    let places = prepared.outputs().into_iter().chain([prepared.account().to_owned()]);
    let on_disk = places.filter(|to| Url::parse(to).is_none());
    let written: Vec<PathBuf> = on_disk.filter_map(|to| folder::resolve(&to).ok()).collect();
    let files = listed.iter().filter(|file| matches!(file.stamp, Stamp::Modified { .. }));
    let folders: BTreeSet<&Path> =
        files.filter_map(|file| Path::new(&file.name).parent()).collect();
    for below in folders {
        let below = if below.as_os_str().is_empty() { Path::new(".") } else { below };
        let Ok(real) = below.canonicalize() else { continue };
        if let Some(to) = written.iter().find(|to| real.starts_with(to)) {
            let shown = |path: &Path| escape_path(&path.to_string_lossy());
            let what = format!(
                "inputs in `{}` lie in `{}`, where the run writes",
                shown(below),
                shown(to)
            );
            let hint = "a link leads there: write elsewhere, or leave it out by `exclude`";
            return Err(RunError::new(ErrorKind::Definition, what).hint(hint));
        }
    }
    Ok(())
}
