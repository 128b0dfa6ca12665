//! Staged files in a bucket: uploads that are not completed before the run publishes.

use std::{
    io::{self, Write},
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

use crate::publish::error::PublishError;
use crate::publish::staged::{StagedBytes, StagedFile};
use crate::store::s3::{Finished, Folder, Upload};

/// The finished uploads of one folder, to be completed when the run publishes.
#[derive(Clone, Debug, Default)]
pub(super) struct PendingUploads(Arc<Mutex<Vec<Finished>>>);

#[derive(Debug)]
struct PendingUpload {
    upload: Upload,
    pending: PendingUploads,
}

impl PendingUploads {
    /// Starts an object; once it is finished, its upload is added to these.
    pub(super) fn stage(&self, folder: &Folder, path: &str) -> StagedFile {
        StagedFile::new(PendingUpload { upload: folder.create(path), pending: self.clone() })
    }

    pub(super) fn take(&self) -> Vec<Finished> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn push(&self, finished: Finished) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(finished);
    }
}

impl Write for PendingUpload {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.upload.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.upload.flush()
    }
}

impl StagedBytes for PendingUpload {
    fn place(&self) -> PathBuf {
        PathBuf::from(self.upload.place())
    }

    fn finish(self: Box<Self>) -> Result<(), PublishError> {
        let PendingUpload { upload, pending } = *self;
        pending.push(upload.finish()?);
        Ok(())
    }
}
