//! A file that a run is writing and that no reader sees until the run publishes.

use std::{
    fmt::Debug,
    io::{self, Write},
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

    /// See [`StagedFile::finish`].
    fn finish(self: Box<Self>) -> Result<(), PublishError>;
}

impl StagedFile {
    pub(crate) fn new(bytes: impl StagedBytes + 'static) -> StagedFile {
        StagedFile(Box::new(bytes))
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
