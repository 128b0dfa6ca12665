//! Why reading an input can't go on: it is no segment file, or it can't be read at all.

use std::{fmt, io};

use crate::decode::HeaderError;
use crate::engine::Cancelled;
use crate::record::Code;
use crate::run::error::{ErrorKind, RunError};
use crate::run::limits::Limits;
use crate::store::StoreError;

/// An input is no segment file, from some place on. A run may go on without it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BadInput {
    /// Lower case, no full stop, without the input's name.
    pub(crate) message: String,
    pub(crate) hint: String,
    /// What would mend it, to be pasted into the definition.
    pub(crate) paste: Option<String>,
}

impl BadInput {
    pub(crate) fn new(message: impl Into<String>, hint: impl Into<String>) -> BadInput {
        BadInput { message: message.into(), hint: hint.into(), paste: None }
    }

    /// As a reader can say it.
    pub(crate) fn into_io(self) -> io::Error {
        io::Error::other(self)
    }

    /// A header that is no record.
    pub(crate) fn of_header(code: Code, limits: &Limits) -> BadInput {
        if code == Code::TooLongRecord {
            let message = format!("the header does not end within {} bytes", limits.max_record);
            return BadInput::new(message, "check that the file is CSV with a header line");
        }
        let message = "the header has a quote that is not closed, or text after one";
        BadInput::new(message, "mend the first line")
    }

    /// The end of a run that does not go on; `offset` is the place reached.
    pub(crate) fn into_error(self, name: &str, offset: u64) -> RunError {
        let place = if offset == 0 { String::new() } else { format!(" (at byte {offset})") };
        let name = crate::run::escape_path(name);
        let mut error =
            RunError::new(ErrorKind::BadInput, format!("`{name}`: {}{place}", self.message))
                .hint(self.hint);
        error.paste = self.paste;
        error
    }
}

impl fmt::Display for BadInput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for BadInput {}

impl From<HeaderError> for BadInput {
    fn from(fault: HeaderError) -> BadInput {
        let HeaderError { message, hint, paste } = fault;
        BadInput { message, hint, paste }
    }
}

/// Why reading stops.
pub(crate) enum ReadError {
    Bad(BadInput),
    Run(RunError),
}

impl From<BadInput> for ReadError {
    fn from(bad: BadInput) -> ReadError {
        ReadError::Bad(bad)
    }
}

impl ReadError {
    /// A read that failed: the reader says why.
    pub(crate) fn of_read(name: &str, error: io::Error) -> ReadError {
        let error = match error.downcast::<BadInput>() {
            Ok(bad) => return ReadError::Bad(bad),
            Err(error) => error,
        };
        let error = match error.downcast::<RunError>() {
            Ok(error) => return ReadError::Run(error),
            Err(error) => error,
        };
        let error = match error.downcast::<Cancelled>() {
            Ok(cancelled) => return ReadError::Run(cancelled.into()),
            Err(error) => error,
        };
        ReadError::Run(store_error(&StoreError::of_read(name, error)))
    }
}

pub(crate) fn store_error(error: &StoreError) -> RunError {
    let (kind, hint) = match error {
        StoreError::Bucket(error) => {
            let no_bucket = ErrorKind::NoInput;
            (crate::run::error::kind_of(error.kind, no_bucket), error.hint.as_str())
        }
        StoreError::NotFound { .. } => (ErrorKind::NoInput, "check `from` under `[input]`"),
        StoreError::NotUtf8 { .. } => (ErrorKind::NoInput, "rename the file, or move it elsewhere"),
        StoreError::Denied { .. } => (ErrorKind::Access, "check the permissions"),
        StoreError::Changed { .. } => (ErrorKind::Io, "run again when nothing writes to it"),
        StoreError::Io { .. } => (ErrorKind::Io, "check the disk, and run again"),
    };
    RunError::new(kind, crate::run::with_source(error)).hint(hint)
}
