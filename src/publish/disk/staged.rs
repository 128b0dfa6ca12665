//! Staged files on disk.

use std::path::{Component, Path, PathBuf};

use crate::publish::error::{PublishError, at};
use crate::publish::staged::{FileRanges, StagedBytes, StagedFile};
use crate::store::Staged;
use crate::store::disk::folder;

impl StagedBytes for Staged {
    fn ranges(&self) -> Result<Option<FileRanges>, PublishError> {
        let file = self.for_ranges().map_err(at(self.path(), "write"))?;
        Ok(Some(FileRanges::new(file, self.path().to_owned())))
    }

    fn place(&self) -> PathBuf {
        self.path().to_owned()
    }

    fn finish(self: Box<Self>) -> Result<(), PublishError> {
        let failed = at(self.path(), "write");
        Staged::finish(*self).map_err(failed)
    }
}

/// Creates a file below a working folder, with the folders between. If it is `private`, all of them
/// are for the owner alone.
///
/// # Panics
///
/// If `path` leads out of `folder`.
pub(super) fn stage(folder: &Path, path: &str, private: bool) -> Result<StagedFile, PublishError> {
    let is_below = Path::new(path).components().all(|part| matches!(part, Component::Normal(_)));
    assert!(is_below && !path.is_empty(), "a run names its files relative to their folder");
    let path = folder.join(path);
    let parent = path.parent().unwrap_or(folder);
    folder::create_all(parent, private).map_err(at(parent, "create"))?;
    let staged = Staged::create(path.clone(), private).map_err(at(&path, "create"))?;
    Ok(StagedFile::new(staged))
}
