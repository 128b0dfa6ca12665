//! Why a run ended without its result, named by what the reader can do about it.
//!
//! Each says what and where; `hint` says what next. None holds a value of a record.

use std::fmt;

use crate::engine::Cancelled;
use crate::input::InputError;
use crate::publish::PublishError;
use crate::store::StoreError;
use crate::store::aws::AwsErrorKind;

/// A run could not do its work.
#[derive(Debug)]
pub struct RunError {
    pub kind: ErrorKind,
    /// What and where, lower case, no full stop.
    pub message: String,
    /// What to do next.
    pub hint: Option<String>,
    /// What would mend it, as TOML to be pasted into the definition.
    pub paste: Option<String>,
}

/// The classes of failure; each has one exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// A defect of this program.
    Internal,
    /// An input is no segment file.
    BadInput,
    /// An input is missing, or there is none.
    NoInput,
    /// The output place is taken.
    Taken,
    /// Reading or writing failed.
    Io,
    /// Access denied, or a key missing or wrong.
    Access,
    /// The definition is wrong.
    Definition,
    /// SIGINT.
    Interrupted,
    /// SIGTERM.
    Terminated,
}

impl RunError {
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        RunError { kind, message: message.into(), hint: None, paste: None }
    }

    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl fmt::Display for RunError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for RunError {}

impl From<Cancelled> for RunError {
    fn from(cancelled: Cancelled) -> RunError {
        let kind = match cancelled {
            Cancelled::Interrupted => ErrorKind::Interrupted,
            Cancelled::Terminated => ErrorKind::Terminated,
        };
        RunError::new(kind, format!("{cancelled}; nothing was published"))
    }
}

impl From<InputError> for RunError {
    fn from(error: InputError) -> RunError {
        match error {
            InputError::Bad { name, offset, bad } => {
                let place =
                    if offset == 0 { String::new() } else { format!(" (at byte {offset})") };
                let name = super::escape_path(&name);
                let message = format!("`{name}`: {}{place}", bad.message);
                let error = RunError::new(ErrorKind::BadInput, message).hint(bad.hint);
                RunError { paste: bad.paste, ..error }
            }
            InputError::Store(error) => store_error(&error),
            InputError::Cancelled(cancelled) => cancelled.into(),
            InputError::Panicked => {
                RunError::new(ErrorKind::Internal, "an input could not be inflated")
            }
        }
    }
}

/// An input that could not be listed or read, with what to do about it.
pub(super) fn store_error(error: &StoreError) -> RunError {
    let (kind, hint) = match error {
        StoreError::Bucket(error) => (kind_of(error.kind, ErrorKind::NoInput), error.hint.as_str()),
        StoreError::NotFound { .. } => (ErrorKind::NoInput, "check `from` under `[input]`"),
        StoreError::NotUtf8 { .. } => (ErrorKind::NoInput, "rename the file, or move it elsewhere"),
        StoreError::Denied { .. } => (ErrorKind::Access, "check the permissions"),
        StoreError::Changed { .. } => (ErrorKind::Io, "run again when nothing writes to it"),
        StoreError::Io { .. } => (ErrorKind::Io, "check the disk, and run again"),
    };
    RunError::new(kind, super::with_source(error)).hint(hint)
}

/// What a failure of S3 is here; `absent`: where what is asked for is not there.
pub(super) fn kind_of(kind: AwsErrorKind, absent: ErrorKind) -> ErrorKind {
    match kind {
        AwsErrorKind::NoBucket | AwsErrorKind::NotFound => absent,
        AwsErrorKind::Denied => ErrorKind::Access,
        AwsErrorKind::Settings => ErrorKind::Definition,
        AwsErrorKind::Conflict
        | AwsErrorKind::Archived
        | AwsErrorKind::Unsupported
        | AwsErrorKind::Stopped
        | AwsErrorKind::Io => ErrorKind::Io,
    }
}

/// A failure of publishing, with what to do about it.
pub(super) fn of_publishing(error: &PublishError) -> RunError {
    let (kind, hint) = match error {
        PublishError::Taken { .. } => {
            (ErrorKind::Taken, "wait until it has ended, or write elsewhere")
        }
        PublishError::Published { .. } => {
            (ErrorKind::Taken, "write elsewhere, or replace it whole with `--overwrite`")
        }
        PublishError::Foreign { .. } => (ErrorKind::Taken, "move them away, or write elsewhere"),
        PublishError::Overlap { .. } => {
            (ErrorKind::Definition, "give each output and the account a folder of its own")
        }
        PublishError::Denied { .. } => (ErrorKind::Access, "check the permissions"),
        PublishError::Full { .. } => (ErrorKind::Io, "make room, and run again"),
        PublishError::Io { .. } => (ErrorKind::Io, "check the disk, and run again"),
        PublishError::Bucket(error) => (kind_of(error.kind, ErrorKind::Io), error.hint.as_str()),
    };
    RunError::new(kind, super::with_source(error)).hint(hint)
}
