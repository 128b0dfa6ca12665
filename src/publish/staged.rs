//! A file that a run is writing and that no reader sees until the run publishes.

use std::{
    fmt::Debug,
    fs::File,
    io::{self, Write},
    os::unix::fs::FileExt,
    path::PathBuf,
};

use super::error::{PublishError, at};
use crate::store::aws::AwsError;

/// A part or a file of the account while it is written. If it is dropped before
/// [`finish`](StagedFile::finish), it is discarded.
///
/// A failed write returns an [`io::Error`] around a [`PublishError`]; use
/// [`PublishError::of_write`] to get it out.
#[derive(Debug)]
pub struct StagedFile(Box<dyn StagedBytes>);

/// Where the bytes of a [`StagedFile`] go.
pub(crate) trait StagedBytes: Write + Debug + Send + Sync {
    /// The path or URL that errors name.
    fn place(&self) -> PathBuf;

    /// See [`StagedFile::ranges`].
    fn ranges(&self) -> Result<Option<FileRanges>, PublishError> {
        Ok(None)
    }

    /// See [`StagedFile::finish`].
    fn finish(self: Box<Self>) -> Result<(), PublishError>;
}

/// Writes and reads ranges of a file, from any thread and in any order.
#[derive(Debug)]
pub struct FileRanges {
    file: File,
    path: PathBuf,
}

impl FileRanges {
    pub(crate) fn new(file: File, path: PathBuf) -> FileRanges {
        FileRanges { file, path }
    }

    /// Writes bytes at an offset.
    pub fn write_at(&self, bytes: &[u8], offset: u64) -> Result<(), PublishError> {
        self.file.write_all_at(bytes, offset).map_err(at(&self.path, "write"))
    }

    /// Reads bytes that were written at an offset.
    pub fn read_at(&self, bytes: &mut [u8], offset: u64) -> Result<(), PublishError> {
        self.file.read_exact_at(bytes, offset).map_err(at(&self.path, "read"))
    }
}

impl StagedFile {
    pub(crate) fn new(bytes: impl StagedBytes + 'static) -> StagedFile {
        StagedFile(Box::new(bytes))
    }

    /// The ranges of the file. `None`: it can only be written from its start to its end. Whoever uses
    /// them writes all bytes with them, and ends all writes before [`StagedFile::finish`].
    pub fn ranges(&self) -> Result<Option<FileRanges>, PublishError> {
        self.0.ranges()
    }

    /// Completes the file and makes its bytes durable, on disk or in the bucket. A file that is
    /// not finished is not published.
    pub fn finish(self) -> Result<(), PublishError> {
        self.0.finish()
    }

    /// Turns an error of the store into one that names the file.
    pub(crate) fn wrap(&self, source: io::Error) -> io::Error {
        let kind = source.kind();
        if kind == io::ErrorKind::Interrupted {
            return source; // the caller tries again
        }
        let error = match source.downcast::<AwsError>() {
            Ok(error) => PublishError::Bucket(error),
            Err(source) => at(&self.0.place(), "write")(source),
        };
        io::Error::new(kind, error)
    }
}

impl Write for StagedFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes).map_err(|error| self.wrap(error))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush().map_err(|error| self.wrap(error))
    }
}
