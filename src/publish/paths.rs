//! The resolved paths of accounts and outputs, and that none is inside another.

use std::path::{Path, PathBuf};

use super::error::{PublishError, at};
use crate::store::disk::folder;
use crate::store::s3::Url;

/// Resolves the path of an account or an output: on disk, with all links followed; in a bucket,
/// the URL of a folder.
pub(crate) fn resolve(path: &Path) -> Result<PathBuf, PublishError> {
    match Url::parse(path) {
        Some(url) => Ok(PathBuf::from(url.folder().to_string())),
        None => folder::resolve(path).map_err(at(path, "resolve")),
    }
}

/// Fails if one of these places is inside another or the same. All are resolved.
pub(crate) fn check_apart(account: &Path, outputs: &[PathBuf]) -> Result<(), PublishError> {
    let places: Vec<&Path> =
        std::iter::once(account).chain(outputs.iter().map(PathBuf::as_path)).collect();
    for (index, one) in places.iter().enumerate() {
        for other in places.iter().skip(index + 1) {
            if one.starts_with(other) || other.starts_with(one) {
                let (one, other) = (PathBuf::from(one), PathBuf::from(other));
                return Err(PublishError::Overlap { one, other });
            }
        }
    }
    Ok(())
}
