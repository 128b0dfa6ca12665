//! A file that a run writes, and that nobody reads until the run publishes.

use std::{
    fs,
    io::{self, Write},
    path::{Component, Path},
    sync::{Arc, PoisonError},
};

use super::bucket::PendingUploads;
use super::error::{PublishError, at};
use crate::store::Staged;
use crate::store::aws::AwsError;
use crate::store::s3::Upload;

/// A part or a file of the account, in waiting. Dropped unfinished, it is gone.
///
/// What fails in writing is an [`io::Error`] around a [`PublishError`], which
/// [`PublishError::of_write`] takes out again.
#[derive(Debug)]
pub struct StagedFile(StagedKind);

#[derive(Debug)]
enum StagedKind {
    OnDisk(Staged),
    InBucket { upload: Box<Upload>, waiting: PendingUploads },
}

impl StagedFile {
    pub(crate) fn in_bucket(upload: Upload, waiting: &PendingUploads) -> StagedFile {
        let waiting = Arc::clone(waiting);
        StagedFile(StagedKind::InBucket { upload: Box::new(upload), waiting })
    }

    /// Ends the file and puts its bytes on the disk, or in the bucket. A file that is not finished is
    /// not published.
    pub fn finish(self) -> Result<(), PublishError> {
        match self.0 {
            StagedKind::OnDisk(staged) => {
                let failed = at(staged.path(), "write");
                staged.finish().map_err(failed)
            }
            StagedKind::InBucket { upload, waiting } => {
                let finished = upload.finish()?;
                waiting.lock().unwrap_or_else(PoisonError::into_inner).push(finished);
                Ok(())
            }
        }
    }

    pub(crate) fn told(&self, source: io::Error) -> io::Error {
        if source.kind() == io::ErrorKind::Interrupted {
            return source; // the caller's loop tries again
        }
        let kind = source.kind();
        let error = match (&self.0, source.downcast::<AwsError>()) {
            (_, Ok(error)) => PublishError::Bucket(error),
            (StagedKind::OnDisk(staged), Err(source)) => at(staged.path(), "write")(source),
            (StagedKind::InBucket { upload, .. }, Err(source)) => {
                at(Path::new(&upload.place()), "write")(source)
            }
        };
        io::Error::new(kind, error)
    }
}

impl Write for StagedFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = match &mut self.0 {
            StagedKind::OnDisk(staged) => staged.write(bytes),
            StagedKind::InBucket { upload, .. } => upload.write(bytes),
        };
        written.map_err(|error| self.told(error))
    }

    fn flush(&mut self) -> io::Result<()> {
        let flushed = match &mut self.0 {
            StagedKind::OnDisk(staged) => staged.flush(),
            StagedKind::InBucket { upload, .. } => upload.flush(),
        };
        flushed.map_err(|error| self.told(error))
    }
}

/// Creates a file below a folder of ours on disk, with the folders between.
pub(crate) fn stage(folder: &Path, path: &str, private: bool) -> Result<StagedFile, PublishError> {
    let is_below = Path::new(path).components().all(|part| matches!(part, Component::Normal(_)));
    assert!(is_below && !path.is_empty(), "a run names its files relative to their folder");
    let path = folder.join(path);
    let parent = path.parent().unwrap_or(folder);
    fs::create_dir_all(parent).map_err(at(parent, "make"))?;
    let staged = Staged::create(path.clone(), private).map_err(at(&path, "create"))?;
    Ok(StagedFile(StagedKind::OnDisk(staged)))
}
