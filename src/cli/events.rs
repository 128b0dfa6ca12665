//! What the program says, as JSON: results, and messages about a run or another command. `render.rs` prints them.
//!
//! A message on standard error also has the time, a level, and the id of the run. Those of a run are `start`,
//! `input`, `progress`, `warning`, `reject_budget`, `publish` and `end`.

use std::time::Duration;

use segprep::definition::Diagnostic;
use segprep::report::{Manifest, RecordCounts, Status, json_line};
use segprep::run::{Outcome, ProgressView, Stage};
use serde::Serialize;

use super::check::Explained;
use super::exit::Exit;
use super::test_cases::TestEvent;

/// A message in JSON.
#[derive(Debug, Serialize)]
pub(super) struct LogLine<'a> {
    /// In UTC, with milliseconds.
    pub(super) ts: String,
    pub(super) level: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) run: Option<&'static str>,
    #[serde(flatten)]
    pub(super) event: &'a Event<'a>,
}

/// One JSON line.
#[derive(Debug, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(crate) enum Event<'a> {
    Progress {
        phase: &'static str,
        /// How far a phase is that reads no input, in percent.
        #[serde(skip_serializing_if = "Option::is_none")]
        percent: Option<u64>,
        bytes_read: u64,
        bytes_total: u64,
        records_read: u64,
        records_rejected: u64,
        seconds: f64,
    },
    /// A run begins.
    Start {
        definition: String,
        version: &'static str,
    },
    /// An input was read.
    Input {
        name: &'a str,
        bytes: u64,
        records: u64,
        written: u64,
        rejected: u64,
        dropped: u64,
        broken: bool,
    },
    /// A budget was exceeded.
    RejectBudget(ErrorLine<'a>),
    /// The result is in place.
    Publish {
        manifest_path: String,
        parts: usize,
        records: u64,
    },
    /// A run has ended.
    End(EndLine<'a>),
    Note {
        message: &'a str,
    },
    Warning {
        message: &'a str,
    },
    Summary(Summary<'a>),
    Check(Box<Explained<'a>>),
    Test(TestEvent<'a>),
    Key {
        key: &'a str,
    },
    KeyCheck {
        id: Option<&'a str>,
        check: &'a str,
    },
    Proposed {
        /// `None`: it was written to a file.
        definition: Option<&'a str>,
        written: &'a [String],
        excluded: &'a [&'a str],
        /// Whether somebody has to decide something before it is valid.
        is_open: bool,
    },
    Generated {
        records: u64,
        bytes: u64,
        faults: u64,
    },
    Schema {
        name: &'a str,
        about: &'a str,
    },
    Error(ErrorLine<'a>),
}

/// How a run ended, with the whole manifest if this run wrote one.
#[derive(Debug, Serialize)]
pub(crate) struct Summary<'a> {
    /// `published`, `over_budget`, `dry_run`, `already_published` or `nothing_to_read`.
    pub(super) status: &'a str,
    /// What was not there, if there was nothing to read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) reason: Option<&'a str>,
    pub(super) dry_run: bool,
    /// Path of the manifest; `None` after a dry run.
    pub(super) manifest_path: Option<String>,
    pub(super) manifest: Option<&'a Manifest>,
}

/// How a run ended. Of a run that failed also why: everything, if the definition is wrong.
#[derive(Debug, Serialize)]
pub(crate) struct EndLine<'a> {
    /// As in the summary, or `failed`.
    pub(super) status: &'a str,
    #[serde(flatten)]
    pub(super) error: Option<&'a ErrorLine<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) code: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) records: Option<&'a RecordCounts>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub(super) errors: &'a [ErrorLine<'a>],
}

/// An error. `line` and `column` count from 1 and are set for diagnostics of a definition.
#[derive(Debug, Default, Serialize)]
pub(crate) struct ErrorLine<'a> {
    /// The exit code.
    pub(super) code: u8,
    pub(super) kind: &'a str,
    pub(super) message: &'a str,
    pub(super) hint: Option<&'a str>,
    /// What is wrong in detail, one thing in each text.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub(super) places: &'a [String],
    /// TOML to paste into the definition.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) paste: Option<&'a str>,
    pub(super) file: Option<&'a str>,
    pub(super) line: Option<usize>,
    pub(super) column: Option<usize>,
}

impl Event<'_> {
    pub(crate) fn progress(view: ProgressView, elapsed: Duration) -> Event<'static> {
        let ProgressView { bytes_total, bytes_read, records_read, records_rejected, .. } = view;
        Event::Progress {
            phase: view.stage.map_or("read", Stage::name),
            percent: view.folded.filter(|_| view.stage == Some(Stage::Fold)),
            bytes_read,
            bytes_total,
            records_read,
            records_rejected,
            seconds: elapsed.as_secs_f64(),
        }
    }

    pub(super) fn level(&self) -> &'static str {
        match self {
            Event::Warning { .. } => "warning",
            Event::Error(_) | Event::RejectBudget(_) => "error",
            Event::End(end) if end.error.is_some() || end.code.is_some_and(|code| code != 0) => {
                "error"
            }
            Event::Progress { .. }
            | Event::Start { .. }
            | Event::Input { .. }
            | Event::Publish { .. }
            | Event::End(_)
            | Event::Note { .. }
            | Event::Summary(_)
            | Event::Check(_)
            | Event::Test(_)
            | Event::Key { .. }
            | Event::KeyCheck { .. }
            | Event::Proposed { .. }
            | Event::Generated { .. }
            | Event::Schema { .. } => "info",
        }
    }

    /// The JSON line, including its line end.
    pub(super) fn line(&self) -> String {
        let json = json_line(self);
        json + "\n"
    }
}

/// An error of a definition.
pub(super) fn fault_of(diagnostic: &Diagnostic, exit: Exit) -> ErrorLine<'_> {
    ErrorLine {
        code: exit.code,
        kind: exit.kind,
        message: &diagnostic.message,
        hint: Some(diagnostic.help.as_str()).filter(|help| !help.is_empty()),
        places: &[],
        paste: None,
        file: Some(&diagnostic.file),
        line: Some(diagnostic.line),
        column: Some(diagnostic.column),
    }
}

/// How a run ended.
pub(super) fn event_of(outcome: &Outcome) -> Summary<'_> {
    match outcome {
        Outcome::AlreadyPublished { manifest } => Summary {
            status: "already_published",
            reason: None,
            dry_run: false,
            manifest_path: Some(manifest.display().to_string()),
            manifest: None,
        },
        Outcome::NothingToRead { reason, dry_run, .. } => Summary {
            status: "nothing_to_read",
            reason: Some(reason),
            dry_run: *dry_run,
            manifest_path: None,
            manifest: None,
        },
        Outcome::Finished { manifest, account, dry_run, .. } => Summary {
            status: match manifest.status {
                Status::Published => "published",
                Status::OverBudget => "over_budget",
                Status::DryRun => "dry_run",
            },
            reason: None,
            dry_run: *dry_run,
            manifest_path: (!dry_run).then(|| account.join("manifest.json").display().to_string()),
            manifest: Some(manifest),
        },
    }
}
