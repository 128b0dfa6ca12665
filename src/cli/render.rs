//! Prints events, results and errors as text or as JSON lines. Nothing else in the program prints.
//!
//! Results go to standard output, everything else to standard error. A closed standard output is
//! not an error: the reader has seen enough. Failures to write to standard error are ignored.

use std::{
    ffi::OsString,
    io::{self, IsTerminal, Write},
    path::Path,
    time::Duration,
};

use segprep::discover::ScanReport;
use segprep::report::{Status, json_line};
use segprep::run::{Checked, ErrorKind, Failure, InputRead, Outcome, Proposed, RunError, Tested};

use super::arguments::{Color, Common, LogFormat};
use super::budget_messages;
use super::check::{self, Explained};
use super::events::{EndLine, ErrorLine, Event, LogLine, event_of, fault_of};
use super::exit::{self, Exit};
use super::init;
use super::run_name::RunName;
use super::scan;
use super::sheet::{BAD, CAREFUL, GOOD, escape, hide_keys, message as line_of, styled, wrapped};
use super::summary::{self, Finished};
use super::test_cases::{self, TestEvent};

/// Seconds between messages about progress.
const JSON_PACE: u64 = 5;
const TEXT_PACE: u64 = 10;

const WIDTH_DEFAULT: usize = 80;
const WIDTHS: std::ops::RangeInclusive<usize> = 60..=110;

/// The form of all output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Text,
    Json,
}

impl Format {
    /// The format requested on a command line that has not been parsed yet.
    pub(crate) fn requested(arguments: &[OsString]) -> Format {
        let is_json = |pair: &[OsString]| matches!(pair, [one, next] if one == "--log-format" && next == "json");
        if arguments.iter().any(|one| one == "--json" || one == "--log-format=json")
            || arguments.windows(2).any(is_json)
        {
            Format::Json
        } else {
            Format::Text
        }
    }
}

/// How to show progress.
pub(crate) enum Show {
    Bar,
    Lines,
    Nothing,
}

/// Prints in one format, with the requested amount of detail.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Screen {
    /// Of results.
    pub(super) format: Format,
    /// Of messages.
    log: Format,
    pub(super) quiet: bool,
    /// The time between messages about progress.
    pub(super) pace: Duration,
    /// The run whose messages these are. `None`: it is another command.
    run: Option<&'static RunName>,
}

impl Screen {
    /// Creates a screen from the options, and sets the colour choice of the whole program.
    pub(crate) fn new(common: &Common) -> Self {
        let choice = match common.color {
            Color::Auto => anstream::ColorChoice::Auto,
            Color::Always => anstream::ColorChoice::Always,
            Color::Never => anstream::ColorChoice::Never,
        };
        choice.write_global();
        let format = if common.json { Format::Json } else { Format::Text };
        let is_json = common.json || common.log_format == LogFormat::Json;
        let log = if is_json { Format::Json } else { Format::Text };
        let pace = common.log_every.unwrap_or(if is_json { JSON_PACE } else { TEXT_PACE });
        let pace = Duration::from_secs(pace);
        Screen { format, log, quiet: common.quiet, pace, run: None }
    }

    /// The screen of a run that begins now. `id`: the one that the user chose.
    #[must_use]
    pub(crate) fn of_run(self, id: Option<&str>, definition: &Path) -> Screen {
        Screen { run: Some(Box::leak(Box::new(RunName::new(id, definition)))), ..self }
    }

    pub(crate) fn is_of_run(self) -> bool {
        self.run.is_some()
    }

    /// The run says what it is called.
    pub(crate) fn is_called(self, id: &str) {
        if let Some(run) = self.run {
            run.is_called(id);
        }
    }

    /// Whether messages are JSON.
    pub(crate) fn logs_json(self) -> bool {
        self.log == Format::Json
    }

    /// Says that a run has begun, unless that was said.
    pub(crate) fn announce(self) {
        if let Some(run) = self.run.filter(|run| run.must_be_announced()) {
            let (definition, version) = (run.definition.clone(), env!("CARGO_PKG_VERSION"));
            self.log(&Event::Start { definition, version });
        }
    }

    /// Says that an input was read.
    pub(crate) fn input_read(self, input: &InputRead) {
        let InputRead { name, bytes, records, written, rejected, dropped, is_broken } = input;
        self.log(&Event::Input {
            name,
            bytes: *bytes,
            records: *records,
            written: *written,
            rejected: *rejected,
            dropped: *dropped,
            broken: *is_broken,
        });
    }

    /// Prints what only a log of a run has, unless quiet.
    fn log(self, event: &Event<'_>) {
        if self.logs_json() && self.run.is_some() && !self.quiet {
            self.say(String::new, event);
        }
    }

    /// A screen for errors that occur before the command line is parsed.
    pub(crate) fn plain(format: Format) -> Self {
        Screen { format, log: format, quiet: false, pace: Duration::MAX, run: None }
    }

    pub(crate) fn progress(self) -> Show {
        match self {
            Screen { quiet: true, .. } => Show::Nothing,
            Screen { log: Format::Text, .. } if io::stderr().is_terminal() => Show::Bar,
            Screen { .. } => Show::Lines,
        }
    }

    /// Prints the result of a command to standard output.
    pub(crate) fn result(
        self,
        event: &Event<'_>,
        text: impl FnOnce() -> String,
    ) -> Result<(), Failure> {
        let line = match self.format {
            Format::Text => text(),
            Format::Json => event.line(),
        };
        print(&line)
    }

    /// Prints a note to standard error, unless quiet.
    pub(crate) fn note(self, event: &Event<'_>, text: impl FnOnce() -> String) {
        if !self.quiet {
            self.say(|| wrapped(&format!("segprep: {}", text()), message_width()), event);
        }
    }

    /// Prints a warning to standard error.
    pub(crate) fn warning(self, message: &str) {
        self.say(
            || line_of(CAREFUL, "warning", &escape(message), message_width()),
            &Event::Warning { message },
        );
    }

    /// Prints how a run ended. What it wrote stands, even if nobody can be told.
    pub(crate) fn outcome(self, outcome: &Outcome) -> Result<Exit, Failure> {
        let exit = Exit::from(outcome);
        if self.logs_json()
            && self.run.is_some()
            && let Outcome::Finished { manifest, .. } = outcome
        {
            manifest.warnings.iter().for_each(|warning| self.warning(warning));
        }
        let summary = Event::Summary(event_of(outcome));
        if outcome.wrote_to_standard_output() {
            // Standard output has the records.
            if !self.quiet {
                self.say(|| text_of(outcome, width()), &summary);
            }
        } else if !self.quiet {
            match self.result(&summary, || text_of(outcome, width())) {
                Err(Failure::Run(error)) if is_written(outcome) => {
                    self.warning(&format!("{error}; the result stands: see its manifest"));
                }
                printed => printed?,
            }
        }
        if let Outcome::Finished { leftover: Some(warning), .. } = outcome {
            self.warning(warning);
        }
        if let Outcome::Finished { manifest, account, dry_run, .. } = outcome
            && manifest.is_over_budget()
        {
            let Exit { code, kind, .. } = exit;
            let file = budget_messages::file_about(manifest);
            let hint = format!("see {}", summary::file_below(account, file));
            let hint = (!dry_run).then_some(hint.as_str());
            let message = budget_messages::message(manifest);
            let fault = ErrorLine { code, kind, message: &message, hint, ..ErrorLine::default() };
            self.say(
                || fault_text(&fault, message_width()),
                &Event::RejectBudget(ErrorLine { ..fault }),
            );
        }
        self.end_log(outcome, exit);
        Ok(exit)
    }

    /// Logs the warnings of a run, that its result is in place, and that it has ended.
    fn end_log(self, outcome: &Outcome, exit: Exit) {
        let summary = event_of(outcome);
        if let Outcome::Finished { manifest, account, .. } = outcome
            && manifest.status == Status::Published
        {
            let parts = manifest.outputs.iter().map(|output| output.files.len()).sum();
            let manifest_path = account.join("manifest.json").display().to_string();
            let records = manifest.records.written;
            self.log(&Event::Publish { manifest_path, parts, records });
        }
        let records = summary.manifest.map(|manifest| &manifest.records);
        let (status, code) = (summary.status, Some(exit.code));
        self.log(&Event::End(EndLine { status, error: None, code, records, errors: &[] }));
    }

    /// Prints what a definition would do.
    pub(crate) fn checked(self, checked: &Checked, file: &Path) -> Result<(), Failure> {
        if self.quiet {
            return Ok(());
        }
        let file = file.display().to_string();
        self.result(&Event::Check(Box::new(Explained::of(checked))), || {
            check::explanation(checked, &file, width())
        })
    }

    /// Prints what a scan found. As JSON it is one object, with the form of `scan.schema.json`.
    pub(crate) fn scanned(self, report: &ScanReport) -> Result<(), Failure> {
        let text = match self.format {
            Format::Json => serde_json::to_string(report).expect("a report is data") + "\n",
            Format::Text => scan::page(report, table_width()),
        };
        print(&text)
    }

    /// Prints a proposed definition, unless it was written to a file.
    pub(crate) fn proposed(self, proposed: &Proposed) -> Result<(), Failure> {
        let files: Vec<String> =
            proposed.written.iter().map(|file| file.display().to_string()).collect();
        let definition = files.is_empty().then_some(proposed.definition.as_str());
        let excluded: Vec<&str> = proposed.excluded.iter().map(|(name, _)| name.as_str()).collect();
        let event = Event::Proposed {
            definition,
            written: &files,
            excluded: &excluded,
            is_open: proposed.is_open,
        };
        match (self.format, definition) {
            (Format::Text, None) => {}
            (Format::Text, Some(text)) => print(text)?,
            (Format::Json, _) => return self.result(&event, String::new),
        }
        for message in init::notes(proposed) {
            self.note(&Event::Note { message: &message }, || message.clone());
        }
        Ok(())
    }

    /// Prints the results of tests. Failed tests are printed even if quiet.
    pub(crate) fn tested(self, tested: &[Tested]) -> Result<Exit, Failure> {
        for file in tested.iter().filter(|file| !(self.quiet && file.holds())) {
            self.result(&Event::Test(TestEvent::of(file)), || test_cases::page(file))?;
        }
        Ok(if tested.iter().all(Tested::holds) { exit::DONE } else { exit::DIFFERS })
    }

    /// Prints why there is no result.
    pub(crate) fn failure(self, failure: &Failure) -> Exit {
        let exit = Exit::from(failure);
        match failure {
            Failure::Diagnostics(diagnostics) if self.logs_json() && self.run.is_some() => {
                let errors: Vec<ErrorLine<'_>> =
                    diagnostics.iter().map(|diagnostic| fault_of(diagnostic, exit)).collect();
                self.failed(errors.first().unwrap_or(&ErrorLine::default()), &errors);
            }
            Failure::Diagnostics(diagnostics) => {
                for (index, diagnostic) in diagnostics.iter().enumerate() {
                    let gap = if index == 0 { "" } else { "\n" };
                    let event = Event::Error(fault_of(diagnostic, exit));
                    self.say(|| format!("{gap}{}\n", diagnostic.render(true)), &event);
                }
            }
            Failure::Run(error) => self.fault(&ErrorLine {
                code: exit.code,
                kind: exit.kind,
                message: &hide_keys(&error.message),
                hint: hint_of(error),
                places: &error.places,
                paste: error.paste.as_deref(),
                ..ErrorLine::default()
            }),
        }
        exit
    }

    /// Prints a usage error, or the help or version text that clap returns the same way.
    pub(crate) fn usage(self, error: &clap::Error) -> Exit {
        if !error.use_stderr() {
            let page = print(&error.render().ansi().to_string());
            return page.map_or_else(|failure| self.failure(&failure), |()| exit::DONE);
        }
        let Exit { code, kind, .. } = exit::USAGE;
        let message = hide_keys(&first_paragraph(&error.render().to_string()));
        let fault = ErrorLine { code, kind, message: &message, ..ErrorLine::default() };
        self.say(|| hide_keys(&error.render().ansi().to_string()), &Event::Error(fault));
        exit::USAGE
    }

    /// Prints the source location of a panic.
    pub(crate) fn defect(self, location: &str) {
        let Exit { code, kind, .. } = exit::INTERNAL;
        let message = format!("internal failure at {location}");
        self.fault(&ErrorLine {
            code,
            kind,
            message: &message,
            hint: Some(DEFECT),
            ..ErrorLine::default()
        });
    }

    /// Logs that a run has failed.
    fn failed(self, error: &ErrorLine<'_>, errors: &[ErrorLine<'_>]) {
        let error = Some(error);
        let end = EndLine { status: "failed", error, code: None, records: None, errors };
        self.say(String::new, &Event::End(end));
    }

    fn fault(self, fault: &ErrorLine<'_>) {
        if self.logs_json() && self.run.is_some() {
            return self.failed(fault, &[]);
        }
        self.say(|| fault_text(fault, message_width()), &Event::Error(ErrorLine { ..*fault }));
    }

    fn say(self, text: impl FnOnce() -> String, event: &Event<'_>) {
        self.announce();
        let line = match self.log {
            Format::Text => text(),
            Format::Json => {
                let ts = format!("{:.3}", jiff::Timestamp::now());
                let run = self.run.map(RunName::id);
                json_line(&LogLine { ts, level: event.level(), run, event }) + "\n"
            }
        };
        // There is nowhere else to report it.
        anstream::stderr().lock().write_all(line.as_bytes()).ok();
    }
}

/// Prints text to standard output unchanged.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    let mut out = anstream::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(unwritten(&error)),
        _ => Ok(()),
    }
}

const DEFECT: &str = "this is a bug in segprep; please report it with this line";

fn hint_of(error: &RunError) -> Option<&str> {
    let by_default = (error.kind == ErrorKind::Internal).then_some(DEFECT);
    error.hint.as_deref().or(by_default)
}

/// The first paragraph of clap's error, without `error: `.
fn first_paragraph(text: &str) -> String {
    let lines = text.lines().map(str::trim).take_while(|line| !line.is_empty());
    let words: Vec<&str> = lines.collect();
    words.join(" ").trim_start_matches("error: ").to_owned()
}

/// `error: …`, then the places, each on its own line, then the hint, then lines to paste.
fn fault_text(fault: &ErrorLine<'_>, width: usize) -> String {
    let line = |style, word, text: String| line_of(style, word, &text, width);
    let hint = fault.hint.map(|hint| line(GOOD, "hint", escape(hint))).unwrap_or_default();
    let pasted = fault.paste.unwrap_or_default().lines().map(|line| escape(line) + "\n");
    let gap = if fault.paste.is_some() { "\n" } else { "" };
    let places = fault.places.iter().map(|place| wrapped(&format!("  {}", escape(place)), width));
    let message = line(BAD, "error", escape(fault.message));
    message + &places.collect::<String>() + &hint + gap + &pasted.collect::<String>()
}

fn unwritten(error: &io::Error) -> Failure {
    Failure::Run(RunError::new(
        ErrorKind::Io,
        format!("could not write to standard output: {error}"),
    ))
}

/// Whether there is a manifest of this run.
fn is_written(outcome: &Outcome) -> bool {
    match outcome {
        Outcome::AlreadyPublished { .. } => true,
        Outcome::NothingToRead { .. } => false,
        Outcome::Finished { dry_run, .. } => !dry_run,
    }
}

fn text_of(outcome: &Outcome, width: usize) -> String {
    match outcome {
        Outcome::AlreadyPublished { manifest } => {
            let place = escape(manifest.display());
            format!(
                "{}: nothing to do; {place} is from the same run\n",
                styled(GOOD, "already published")
            )
        }
        Outcome::NothingToRead { reason, .. } => {
            format!("{}: {}; nothing was published\n", styled(GOOD, "done"), escape(reason))
        }
        Outcome::Finished { manifest, account, dry_run, .. } => {
            summary::summary(Finished { manifest, account, dry_run: *dry_run }, width)
        }
    }
}

/// The width for tables, which may be wider than text.
pub(crate) fn table_width() -> usize {
    const WIDEST: usize = 200;
    let columns =
        rustix::termios::tcgetwinsize(io::stdout()).map_or(0, |size| usize::from(size.ws_col));
    if columns == 0 { WIDTH_DEFAULT } else { columns.clamp(*WIDTHS.start(), WIDEST) }
}

/// The width for messages on standard error. They are wrapped for people, and whole lines for programs.
fn message_width() -> usize {
    let size = rustix::termios::tcgetwinsize(io::stderr());
    let columns = size.map_or(0, |size| usize::from(size.ws_col));
    if columns == 0 { usize::MAX } else { columns.max(*WIDTHS.start()) }
}

/// The width for text: that of the terminal, within readable bounds.
pub(crate) fn width() -> usize {
    let columns =
        rustix::termios::tcgetwinsize(io::stdout()).map_or(0, |size| usize::from(size.ws_col));
    if columns == 0 { WIDTH_DEFAULT } else { columns.clamp(*WIDTHS.start(), *WIDTHS.end()) }
}

#[cfg(test)]
mod tests {
    use segprep::report::Manifest;

    use super::*;
    use crate::cli::sample;

    fn plain(text: &str) -> String {
        anstream::adapter::strip_str(text).to_string()
    }

    #[test]
    fn an_error_has_a_message_and_a_hint() {
        let fault = ErrorLine {
            message: "no `\u{1b}[2Ja`",
            hint: Some("write `b`"),
            ..ErrorLine::default()
        };
        assert_eq!(plain(&fault_text(&fault, 80)), "error: no `\\u{1b}[2Ja`\nhint: write `b`\n");
        let fault = ErrorLine { message: "no `a`", ..ErrorLine::default() };
        assert_eq!(plain(&fault_text(&fault, 80)), "error: no `a`\n");
    }

    #[test]
    fn an_error_line_has_its_code_and_place() {
        let exit = Exit::from(ErrorKind::NoInput);
        let fault = ErrorLine {
            code: exit.code,
            kind: exit.kind,
            message: "m",
            line: Some(3),
            ..ErrorLine::default()
        };
        let expected = "{\"event\":\"error\",\"code\":66,\"kind\":\"no_input\",\"message\":\"m\",\
                        \"hint\":null,\"file\":null,\"line\":3,\"column\":null}\n";
        assert_eq!(Event::Error(fault).line(), expected);
    }

    #[test]
    fn a_usage_error_is_one_line() {
        let text = "error: these are missing:\n  <FILE>\n\nUsage: segprep run <FILE>\n";
        assert_eq!(first_paragraph(text), "these are missing: <FILE>");
    }

    #[test]
    fn a_dry_run_names_no_manifest() {
        let file = Some("out/account/manifest.json");
        for (dry_run, status, word, path) in
            [(true, Status::DryRun, "dry_run", None), (false, Status::Published, "published", file)]
        {
            let manifest = Box::new(Manifest { status, ..sample::manifest() });
            let account = "out/account/".into();
            let outcome = Outcome::Finished { manifest, account, dry_run, leftover: None };
            let summary = event_of(&outcome);
            assert_eq!((summary.status, summary.manifest_path.as_deref()), (word, path));
        }
    }

    #[test]
    fn a_run_without_records_says_what_was_not_there() {
        let (reason, to_standard_output) = ("there is nothing to read in `in/`".to_owned(), false);
        let outcome = Outcome::NothingToRead { reason, dry_run: false, to_standard_output };
        let expected = "done: there is nothing to read in `in/`; nothing was published\n";
        assert_eq!(plain(&text_of(&outcome, 80)), expected);
        assert_eq!(Exit::from(&outcome), exit::DONE);
        let line = serde_json::to_string(&event_of(&outcome)).expect("plain data");
        let expected = "{\"status\":\"nothing_to_read\",\"reason\":\"there is nothing to read in `in/`\",\
                        \"dry_run\":false,\"manifest_path\":null,\"manifest\":null}";
        assert_eq!(line, expected);
    }

    #[test]
    fn an_already_published_run_is_one_line() {
        let outcome = Outcome::AlreadyPublished { manifest: "a/manifest.json".into() };
        let expected = "already published: nothing to do; a/manifest.json is from the same run\n";
        assert_eq!(plain(&text_of(&outcome, 80)), expected);
        assert_eq!(Exit::from(&outcome), exit::DONE);
    }
}
