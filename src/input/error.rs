//! Why an input cannot be read: it is not a segment file, or the store fails.

use std::{fmt, io};

use super::settings::Limits;
use crate::decode::HeaderError;
use crate::engine::Cancelled;
use crate::record::Code;
use crate::store::StoreError;

/// An input is not a segment file, or stops being one at some place. The other inputs can still be
/// read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BadInput {
    /// Lower case, no full stop, without the input's name.
    pub(crate) message: String,
    pub(crate) hint: String,
    /// The columns that are wrong and why, if there are several.
    pub(crate) places: Box<[String]>,
    /// What would fix it, to be pasted into the definition.
    pub(crate) paste: Option<String>,
}

impl BadInput {
    pub(super) fn new(message: impl Into<String>, hint: impl Into<String>) -> BadInput {
        BadInput { message: message.into(), hint: hint.into(), places: Box::default(), paste: None }
    }

    /// The error as a reader can return it. [`ReadError::of_read`] gets it back.
    pub(super) fn into_io(self) -> io::Error {
        io::Error::other(self)
    }

    /// A header that is not one record; `code` is the problem that the record has.
    pub(super) fn of_header(code: Code, limits: &Limits) -> BadInput {
        if code == Code::TooLongRecord {
            let message = format!("the header does not end within {} bytes", limits.max_record);
            return BadInput::new(message, "check that the file is CSV with a header line");
        }
        let message = "the header has a quote that is not closed, or text after a closing quote";
        BadInput::new(message, "fix the quotes in the first line")
    }

    /// The error that ends the reading of all inputs; `offset` is the place reached in the text.
    pub(super) fn into_error(self, name: &str, offset: u64) -> InputError {
        InputError::Bad { name: name.to_owned(), offset, bad: self }
    }
}

impl fmt::Display for BadInput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for BadInput {}

impl From<HeaderError> for BadInput {
    fn from(error: HeaderError) -> BadInput {
        let HeaderError { message, hint, places, paste } = error;
        BadInput { message, hint, places: places.into(), paste }
    }
}

/// Why the reading of all inputs ends.
#[derive(Debug)]
pub(crate) enum InputError {
    /// An input is not a segment file, and such inputs are not skipped; `offset` is the place
    /// reached in its text.
    Bad {
        name: String,
        offset: u64,
        bad: BadInput,
    },
    Store(StoreError),
    Cancelled(Cancelled),
    /// A thread panicked while it inflated or decoded an input.
    Panicked,
}

impl From<Cancelled> for InputError {
    fn from(cancelled: Cancelled) -> InputError {
        InputError::Cancelled(cancelled)
    }
}

/// A thread panicked while it produced the bytes of a reader.
#[derive(Debug, thiserror::Error)]
#[error("a thread panicked while it read an input")]
pub(super) struct Panicked;

/// The opt-out is beside the records of an input.
#[derive(Debug, thiserror::Error)]
#[error("the opt-out is beside the records")]
pub(super) struct OptOutBeside;

/// Why the reading of one input ends.
pub(super) enum ReadError {
    /// This input is not a segment file. The next one may be.
    Bad(BadInput),
    Fatal(InputError),
}

impl From<BadInput> for ReadError {
    fn from(bad: BadInput) -> ReadError {
        ReadError::Bad(bad)
    }
}

impl From<InputError> for ReadError {
    fn from(error: InputError) -> ReadError {
        ReadError::Fatal(error)
    }
}

impl ReadError {
    /// Finds out why a read of the input `name` failed: readers wrap their own errors.
    pub(super) fn of_read(name: &str, error: io::Error) -> ReadError {
        let error = match error.downcast::<BadInput>() {
            Ok(bad) => return ReadError::Bad(bad),
            Err(error) => error,
        };
        let error = match error.downcast::<Panicked>() {
            Ok(Panicked) => return InputError::Panicked.into(),
            Err(error) => error,
        };
        let error = match error.downcast::<OptOutBeside>() {
            Ok(OptOutBeside) => return OptOutBeside::bad_input().into_error(name, 0).into(),
            Err(error) => error,
        };
        match error.downcast::<Cancelled>() {
            Ok(cancelled) => InputError::Cancelled(cancelled).into(),
            Err(error) => InputError::Store(StoreError::from_read(name, error)).into(),
        }
    }
}
