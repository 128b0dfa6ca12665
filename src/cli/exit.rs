//! The table of exit codes. Scripts rely on it, and `docs/commands.md` repeats it.
//!
//! `run/error.rs` decides which error has which [`ErrorKind`], and so which code. A run over budget is
//! no error: it finishes, and its manifest lists the budgets that it exceeds (`run/budgets.rs`). A
//! signal is one (`signals.rs`).

use std::process::ExitCode;

use segprep::run::{ErrorKind, Failure, Outcome};

/// How the program ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Exit {
    pub(crate) code: u8,
    /// Its name in JSON lines.
    pub(crate) kind: &'static str,
    /// Its meaning, as in `docs/commands.md` and the manual.
    pub(crate) meaning: &'static str,
}

const fn row(code: u8, kind: &'static str, meaning: &'static str) -> Exit {
    Exit { code, kind, meaning }
}

pub(crate) const DONE: Exit =
    row(0, "done", "done: published (rejects, if any, within the budget), or already published");
pub(crate) const INTERNAL: Exit = row(1, "internal", "an internal failure: a defect of segprep");
pub(crate) const OVER_BUDGET: Exit =
    row(3, "over_budget", "a budget was exceeded: nothing published");
pub(crate) const DIFFERS: Exit =
    row(4, "differs", "`test`, `verify`, `status --check`, `gather`: a check did not hold");
pub(crate) const USAGE: Exit = row(64, "usage", "the command line is wrong");
const BAD_INPUT: Exit = row(
    65,
    "bad_input",
    "input that is not a segment file, or that changed since a run took it or a plan was made",
);
const NO_INPUT: Exit = row(66, "no_input", "an input is missing, or there is none, or none is new");
const TAKEN: Exit = row(73, "taken", "the output place is taken");
pub(crate) const IO: Exit = row(74, "io", "reading or writing failed");
const ACCESS: Exit = row(77, "access", "access denied, key missing or wrong");
const DEFINITION: Exit = row(78, "definition", "the definition is wrong");
// Whatever hangs, no reader finds a half-written result: the manifest comes last. A run that could not
// clean up in time (`signals.rs`) leaves working files without one, for the next run to remove.
const INTERRUPTED: Exit = row(130, "interrupted", "interrupted: nothing half-written remains");
const TERMINATED: Exit = row(143, "terminated", "terminated: nothing half-written remains");

/// All of them, by code.
pub(crate) const TABLE: [Exit; 13] = [
    DONE,
    INTERNAL,
    OVER_BUDGET,
    DIFFERS,
    USAGE,
    BAD_INPUT,
    NO_INPUT,
    TAKEN,
    IO,
    ACCESS,
    DEFINITION,
    INTERRUPTED,
    TERMINATED,
];

impl From<ErrorKind> for Exit {
    fn from(kind: ErrorKind) -> Exit {
        match kind {
            ErrorKind::Internal => INTERNAL,
            ErrorKind::Differs => DIFFERS,
            ErrorKind::BadInput => BAD_INPUT,
            ErrorKind::NoInput => NO_INPUT,
            ErrorKind::Taken => TAKEN,
            ErrorKind::Io => IO,
            ErrorKind::Access => ACCESS,
            ErrorKind::Definition => DEFINITION,
            ErrorKind::Interrupted => INTERRUPTED,
            ErrorKind::Terminated => TERMINATED,
        }
    }
}

impl From<&Failure> for Exit {
    fn from(failure: &Failure) -> Exit {
        match failure {
            Failure::Diagnostics(_) => DEFINITION,
            Failure::Run(error) => error.kind.into(),
        }
    }
}

impl From<&Outcome> for Exit {
    fn from(outcome: &Outcome) -> Exit {
        match outcome {
            Outcome::Finished { manifest, .. } if manifest.is_over_budget() => OVER_BUDGET,
            Outcome::AlreadyPublished { .. }
            | Outcome::NothingToRead { .. }
            | Outcome::Finished { .. } => DONE,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        exit.code.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_order_and_has_each_code_and_word_once() {
        assert!(TABLE.is_sorted_by(|one, next| one.code < next.code));
        let mut kinds = TABLE.map(|exit| exit.kind);
        kinds.sort_unstable();
        assert!(kinds.is_sorted_by(|one, next| one < next));
    }
}
