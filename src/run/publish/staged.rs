//! A file that a run writes, and that nobody reads until the run publishes.

use std::io::{self, Write};

use crate::run::publish::error::{PublishError, at};
use crate::store::Staged;

/// A part or a file of the account, in waiting. Dropped unfinished, it is gone.
///
/// What fails in writing is an [`io::Error`] around a [`PublishError`], which
/// [`PublishError::of_write`] takes out again.
#[derive(Debug)]
pub struct StagedFile(pub(super) Staged);

impl StagedFile {
    /// Ends the file and puts its bytes on the disk. A file that is not finished is not published.
    pub fn finish(self) -> Result<(), PublishError> {
        let failed = at(self.0.path(), "write");
        self.0.finish().map_err(failed)
    }

    pub(super) fn told(&self, source: io::Error) -> io::Error {
        if source.kind() == io::ErrorKind::Interrupted {
            return source; // the caller's loop tries again
        }
        io::Error::new(source.kind(), at(self.0.path(), "write")(source))
    }
}

impl Write for StagedFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes).map_err(|error| self.told(error))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush().map_err(|error| self.told(error))
    }
}
