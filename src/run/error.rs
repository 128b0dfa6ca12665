//! Why a run ended without a result, classified by what the user can do about it.
//!
//! A message says what and where, and a hint says what to do next. Neither holds a value of a
//! record or a key.

use std::{fmt, io};

use super::text::{escape, with_causes};
use crate::definition::Diagnostic;
use crate::engine::Cancelled;
use crate::group::GroupError;
use crate::input::InputError;
use crate::ledger::LedgerError;
use crate::publish::PublishError;
use crate::store::StoreError;
use crate::store::aws::AwsErrorKind;

/// Why a run, or another command, has no result.
#[derive(Debug)]
pub enum Failure {
    /// Everything that is wrong with the definition.
    Diagnostics(Vec<Diagnostic>),
    Run(RunError),
}

impl From<RunError> for Failure {
    fn from(error: RunError) -> Self {
        Failure::Run(error)
    }
}

impl From<LedgerError> for Failure {
    fn from(error: LedgerError) -> Self {
        Failure::Run(error.into())
    }
}

impl From<PublishError> for Failure {
    fn from(error: PublishError) -> Self {
        Failure::Run(error.into())
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Failure::Run(error.into())
    }
}

/// What went wrong, other than in the definition.
#[derive(Debug)]
pub struct RunError {
    pub kind: ErrorKind,
    /// What and where. Lower case, no full stop.
    pub message: String,
    /// What to do next.
    pub hint: Option<String>,
    /// What is wrong in detail, one thing a line.
    pub places: Vec<String>,
    /// What would fix it, as TOML to be pasted into the definition.
    pub paste: Option<String>,
    /// Whether another published run is where this one was to write.
    pub is_other_run: bool,
    /// Whether it must be told even if the run was cancelled: something is lost.
    pub is_loss: bool,
}

/// The kinds of errors. Each has its own exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// A bug in segprep.
    Internal,
    /// What is there is not what it should be.
    Differs,
    /// An input is not a segment file.
    BadInput,
    /// An input is missing, or there is none.
    NoInput,
    /// The place of an output or of the account is taken.
    Taken,
    /// Reading or writing failed.
    Io,
    /// Access was denied, or a key is missing or wrong.
    Access,
    /// The definition is wrong.
    Definition,
    /// The run was cancelled by SIGINT.
    Interrupted,
    /// The run was cancelled by another signal.
    Terminated,
}

impl RunError {
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        let (message, places) = (message.into(), Vec::new());
        RunError {
            kind,
            message,
            hint: None,
            places,
            paste: None,
            is_other_run: false,
            is_loss: false,
        }
    }

    /// The error of a run that was cancelled, which this one is an effect of.
    pub(super) fn because(self, cancelled: Cancelled) -> RunError {
        let because = RunError::from(cancelled);
        if self.is_loss { RunError { kind: because.kind, ..self } } else { because }
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
                let message = format!("`{}`: {}{place}", escape(&name), bad.message);
                let error = RunError::new(ErrorKind::BadInput, message).hint(bad.hint);
                RunError { places: bad.places.into_vec(), paste: bad.paste, ..error }
            }
            InputError::Store(error) => error.into(),
            InputError::Cancelled(cancelled) => cancelled.into(),
            InputError::Panicked => {
                let message = "an input could not be inflated or decoded";
                RunError::new(ErrorKind::Internal, message)
            }
        }
    }
}

impl From<GroupError> for RunError {
    fn from(error: GroupError) -> RunError {
        let (kind, hint) = match &error {
            GroupError::Cancelled(cancelled) => return (*cancelled).into(),
            GroupError::Create { .. } => (ErrorKind::Io, NO_SPILL),
            GroupError::Write { .. } => (ErrorKind::Io, FULL_SPILL),
            GroupError::Read { .. } | GroupError::Damaged { .. } | GroupError::NoRandomness(_) => {
                (ErrorKind::Io, "check the disk, and run again")
            }
        };
        RunError::new(kind, with_causes(&error)).hint(hint)
    }
}

const NO_SPILL: &str = "name a folder that exists, with `spill` under `[run]`";
const FULL_SPILL: &str = "name a folder on a disk with more space, with `spill` under `[run]`: `segprep check` \
                          says how much is needed";

impl From<StoreError> for RunError {
    fn from(error: StoreError) -> RunError {
        let (kind, hint) = match &error {
            StoreError::Bucket(error) => {
                (kind_of_aws(error.kind, ErrorKind::NoInput), error.hint.as_str())
            }
            StoreError::NotFound { .. } => (ErrorKind::NoInput, "check `from` under `[input]`"),
            StoreError::Pipe { .. } => (ErrorKind::NoInput, "give it on standard input, as `-`"),
            StoreError::NotAFile { .. } => (ErrorKind::NoInput, "name a file or a folder"),
            StoreError::NotUtf8 { .. } => {
                (ErrorKind::NoInput, "rename the file, or move it elsewhere")
            }
            StoreError::Denied { .. } => (ErrorKind::Access, "check the permissions"),
            StoreError::Changed { .. } => {
                (ErrorKind::Io, "run again when nothing writes to the file")
            }
            StoreError::NotAsPlanned { .. } => (
                ErrorKind::BadInput,
                "print a new plan with `segprep shards`, and run all shards by it",
            ),
            StoreError::Io { .. } => (ErrorKind::Io, "check the disk, and run again"),
        };
        RunError::new(kind, with_causes(&error)).hint(hint)
    }
}

impl From<PublishError> for RunError {
    fn from(error: PublishError) -> RunError {
        let (kind, hint) = match &error {
            PublishError::Gone { error: first, is_whole, .. } => {
                let hint = if *is_whole {
                    "check the disk, and run again: the next run of this definition first puts the \
                     earlier result back"
                } else {
                    "run again: the next run of this definition replaces the remains; a bucket with \
                     versioning still has the earlier versions of the objects"
                };
                (kind_of_publish(first), hint)
            }
            PublishError::Taken { .. } => {
                (ErrorKind::Taken, "wait until that run has ended, or write elsewhere")
            }
            PublishError::Published { .. } => {
                (ErrorKind::Taken, "write elsewhere, or replace all of it with `--overwrite`")
            }
            PublishError::Whole { .. } => (
                ErrorKind::Taken,
                "write elsewhere, with `{run}` in the `to` of the account and the outputs for example, or \
                 remove that result together with its account",
            ),
            PublishError::Ungathered { .. } => (
                ErrorKind::Taken,
                "publish them with `segprep gather`, or replace them with `--overwrite`",
            ),
            PublishError::Lost { .. } => {
                (ErrorKind::Taken, "put these parts back, or make them again with `--overwrite`")
            }
            PublishError::Foreign { .. } => {
                (ErrorKind::Taken, "move those files, or write elsewhere")
            }
            PublishError::Overlap { .. } => (
                ErrorKind::Definition,
                "give each output and the account a folder that nothing else uses",
            ),
            PublishError::TooManyParts => {
                (ErrorKind::Definition, "set a larger `max_bytes`, or split the input")
            }
            PublishError::PartTooSmall { .. } => {
                (ErrorKind::Definition, "set a larger `max_bytes`, or fewer `max_columns`")
            }
            PublishError::Denied { .. } => (ErrorKind::Access, "check the permissions"),
            PublishError::Full { .. } => (ErrorKind::Io, "free some space, and run again"),
            PublishError::Io { source, action, .. } if is_in_the_way(source, action) => {
                (ErrorKind::Io, IN_THE_WAY)
            }
            PublishError::Spill { done: "created", .. } => (ErrorKind::Io, NO_SPILL),
            PublishError::Spill { done: "written", .. } => (ErrorKind::Io, FULL_SPILL),
            PublishError::Spill { .. } | PublishError::Io { .. } => {
                (ErrorKind::Io, "check the disk, and run again")
            }
            PublishError::StandardOutput { .. } => (
                ErrorKind::Io,
                "the program that reads it has ended, or its disk is full: run both again",
            ),
            PublishError::Bucket(error) => {
                (kind_of_aws(error.kind, ErrorKind::Io), error.hint.as_str())
            }
        };
        let is_loss = matches!(error, PublishError::Gone { .. });
        let is_other_run = matches!(error, PublishError::Published { .. });
        RunError { is_other_run, is_loss, ..RunError::new(kind, with_causes(&error)).hint(hint) }
    }
}

impl From<LedgerError> for RunError {
    fn from(error: LedgerError) -> RunError {
        let (kind, hint) = match error {
            LedgerError::Place(error) => return error.into(),
            LedgerError::Bucket(ref error) => {
                (kind_of_aws(error.kind, ErrorKind::Io), error.hint.clone())
            }
            LedgerError::Taken { .. } => {
                (ErrorKind::Taken, "wait until that run has ended".to_owned())
            }
            LedgerError::Other { .. } => (
                ErrorKind::Taken,
                "give each definition a list of its own, in `to` under `[state]`".to_owned(),
            ),
            LedgerError::NotAList { .. } => (
                ErrorKind::Taken,
                "segprep did not write it: restore it from a backup, since without it the next run takes \
                 all inputs once more"
                    .to_owned(),
            ),
            LedgerError::Io { ref source, .. }
                if source.kind() == io::ErrorKind::PermissionDenied =>
            {
                (ErrorKind::Access, "check the permissions".to_owned())
            }
            LedgerError::Io { ref source, action, .. } if is_in_the_way(source, action) => {
                (ErrorKind::Io, IN_THE_WAY.to_owned())
            }
            LedgerError::Io { .. } => (ErrorKind::Io, "check the disk, and run again".to_owned()),
        };
        RunError::new(kind, with_causes(&error)).hint(hint)
    }
}

const IN_THE_WAY: &str =
    "a file is where a folder must be: name another place in the definition, or move that file";

/// Whether a file is where a folder must be. A folder is made to lock it.
fn is_in_the_way(error: &io::Error, action: &str) -> bool {
    let kind = error.kind();
    kind == io::ErrorKind::NotADirectory || kind == io::ErrorKind::AlreadyExists && action == "lock"
}

fn kind_of_publish(error: &PublishError) -> ErrorKind {
    match error {
        PublishError::Taken { .. }
        | PublishError::Published { .. }
        | PublishError::Whole { .. }
        | PublishError::Ungathered { .. }
        | PublishError::Lost { .. }
        | PublishError::Foreign { .. } => ErrorKind::Taken,
        PublishError::Overlap { .. }
        | PublishError::TooManyParts
        | PublishError::PartTooSmall { .. } => ErrorKind::Definition,
        PublishError::Denied { .. } => ErrorKind::Access,
        PublishError::Full { .. }
        | PublishError::Io { .. }
        | PublishError::Spill { .. }
        | PublishError::StandardOutput { .. } => ErrorKind::Io,
        PublishError::Gone { error, .. } => kind_of_publish(error),
        PublishError::Bucket(error) => kind_of_aws(error.kind, ErrorKind::Io),
    }
}

/// The kind of an error of AWS. `absent` is the kind if what was requested does not exist.
pub(super) fn kind_of_aws(kind: AwsErrorKind, absent: ErrorKind) -> ErrorKind {
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
