//! The page of `segprep explain`: what each stage did with a record, and its fields before and after.

use clap::CommandFactory;
use clap::error::ErrorKind;
use segprep::preview::{PreviewField, PreviewOutcome, PreviewRecord};
use segprep::record::DescribedProblem;
use segprep::report::json_line;
use segprep::report::quantities::counted;
use segprep::run::{
    AccountState, ExplainOptions, Explained, ExplainedRecord, Failure, RecordPlace, RunOptions,
};

use super::arguments::{Arguments, Common, ExplainArguments};
use super::preview;
use super::render::{Format, Screen, print, table_width};
use super::sheet::{BAD, QUIET, Sheet, escape};

/// The options of an explanation.
///
/// # Errors
///
/// If the arguments name no record.
pub(crate) fn options(
    arguments: ExplainArguments,
    common: Common,
) -> Result<ExplainOptions, clap::Error> {
    let ExplainArguments { file, place, record, result, workers } = arguments;
    let line = || {
        let (source, line) = place.rsplit_once(':')?;
        let line = line.parse().ok().filter(|line| 0 < *line)?;
        (!source.is_empty()).then(|| (source.to_owned(), RecordPlace::Line(line)))
    };
    let found = match record {
        Some(record) => Some((place.clone(), RecordPlace::Record(record))),
        None => line(),
    };
    let Some((source, place)) = found else {
        let fault = "write a record as SOURCE:LINE, or as SOURCE with `--record N`";
        return Err(Arguments::command().error(ErrorKind::ValueValidation, fault));
    };
    let run = RunOptions {
        definition: file,
        sets: common.sets,
        date: result.day.date,
        run: result.run,
        threads: workers.threads(),
        chunk_bytes: workers.chunk_bytes(),
        ..RunOptions::default()
    };
    Ok(ExplainOptions { run, source, place })
}

/// Prints the explanation. As JSON each record is one object, with the form of `preview.schema.json`.
pub(crate) fn show(screen: Screen, explained: &Explained) -> Result<(), Failure> {
    if screen.format == Format::Json {
        explained.notes.iter().for_each(|note| screen.warning(note));
        let mut records = explained.records.iter();
        return records.try_for_each(|one| print(&(json_line(&one.record) + "\n")));
    }
    let width = table_width();
    let notes: String = explained.notes.iter().map(|note| preview::note(note)).collect();
    let mut page = notes;
    for record in &explained.records {
        if !page.is_empty() {
            page.push('\n');
        }
        page += &block(record, &explained.account, width);
    }
    print(&page)
}

/// Which stage finds a problem, by its code.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd)]
enum Stage {
    Decode,
    Validate,
    Transform,
    Limits,
}

fn stage_of(problem: &DescribedProblem) -> Stage {
    match problem.code {
        "json_syntax" | "csv_syntax" | "utf8" | "duplicate_key" | "too_deep"
        | "too_long_record" => Stage::Decode,
        "op" | "already_token" => Stage::Transform,
        "name_length" | "name_chars" | "value_length" | "value_count" | "attribute_count"
        | "endpoint_size" | "line_break" | "column" => Stage::Limits,
        _ => Stage::Validate,
    }
}

fn block(explained: &ExplainedRecord, account: &AccountState, width: usize) -> String {
    let ExplainedRecord { record, written } = explained;
    let mut sheet = Sheet::new(width);
    let at = |stage| record.problems.iter().filter(move |one| stage_of(one) == stage);
    let problems = |stage| at(stage).map(preview::problem).collect::<Vec<String>>();
    let is_stopped = at(Stage::Decode).next().is_some();
    let is_dropped = record.outcome == PreviewOutcome::Dropped;
    section(&mut sheet, "decode", problems(Stage::Decode), || vec![decoded(record)]);
    if !is_stopped {
        sheet.section("repair", repaired(record));
        sheet.section("drop", [dropped(record)]);
    }
    if !is_stopped && !is_dropped {
        section(&mut sheet, "validate", problems(Stage::Validate), || vec!["valid".to_owned()]);
        // What becomes of a rejected record makes no difference, unless it has problems too.
        let is_written = record.outcome == PreviewOutcome::Written;
        let done = |lines: Vec<String>| if is_written { lines } else { Vec::new() };
        let transformed = || done(transformed(record));
        section(&mut sheet, "transform", problems(Stage::Transform), transformed);
        let within = || done(vec!["within those of the target".to_owned()]);
        section(&mut sheet, "limits", problems(Stage::Limits), within);
    }
    let parts = written.iter().map(|at| format!("{}, line {}", escape(&at.part), at.line));
    let parts: Vec<String> = parts.collect();
    let result = if parts.is_empty() { vec![unwritten(record, account)] } else { parts };
    sheet.section("result", result);
    let fields = preview::fields(record, width);
    let fields = if fields.is_empty() { fields } else { format!("\n{fields}") };
    format!("{}\n{}{fields}", preview::title(record, width), sheet.finish())
}

/// A stage with its problems, or what it did.
fn section(sheet: &mut Sheet, label: &str, problems: Vec<String>, done: impl Fn() -> Vec<String>) {
    let style = if problems.is_empty() { QUIET } else { BAD };
    sheet.styled_section(style, label, if problems.is_empty() { done() } else { problems });
}

fn is_unknown(field: &PreviewField) -> bool {
    field.by.iter().any(|by| matches!(&**by, "input.unknown" | "input.ignore" | "export only"))
}

fn decoded(record: &PreviewRecord) -> String {
    let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
    let unknown = record.fields.iter().filter(|field| is_unknown(field)).count();
    let read = record.fields.iter().filter(|field| field.before.is_some()).count();
    let fields = counted(count(read), "field");
    if unknown == 0 { fields } else { format!("{fields}, {unknown} of them not imported") }
}

/// A line for each setting, with the fields for which it holds.
fn lines(record: &PreviewRecord, is_such: impl Fn(&str) -> bool) -> Vec<String> {
    let mut all: Vec<(&str, Vec<String>)> = Vec::new();
    for field in &record.fields {
        for by in field.by.iter().filter(|by| is_such(by)) {
            let path = escape(&field.path.shown);
            match all.iter_mut().find(|(setting, _)| setting == by) {
                Some((_, paths)) => paths.push(path),
                None => all.push((by, vec![path])),
            }
        }
    }
    let line = |(setting, paths): (&str, Vec<String>)| {
        format!("{}: {}", escape(setting), paths.join(", "))
    };
    all.into_iter().map(line).collect()
}

fn repaired(record: &PreviewRecord) -> Vec<String> {
    let repaired = lines(record, |by| by.starts_with("repair.") || by.starts_with("validate."));
    if repaired.is_empty() { vec!["nothing".to_owned()] } else { repaired }
}

fn dropped(record: &PreviewRecord) -> &'static str {
    match record.reason {
        Some("inactive") => {
            "dropped: EndpointStatus is INACTIVE, and an import would make it active; `inactive = \"keep\"` \
             under `[input]` keeps it"
        }
        Some("suppressed") => "dropped: a list of `[[suppress]]` has it",
        Some("header") => "dropped: the row repeats the header",
        _ => "neither inactive nor in a list that drops it",
    }
}

fn transformed(record: &PreviewRecord) -> Vec<String> {
    let is_operation = |by: &str| !by.contains('.') && !matches!(by, "keep" | "export only");
    let done = lines(record, is_operation);
    if done.is_empty() { vec!["nothing".to_owned()] } else { done }
}

/// Why no part has the record, as far as is known.
fn unwritten(record: &PreviewRecord, account: &AccountState) -> String {
    match record.outcome {
        PreviewOutcome::Rejected if has_ended(account) => {
            "rejected; the account lists it in `rejects.ndjson`".to_owned()
        }
        PreviewOutcome::Rejected => "rejected".to_owned(),
        PreviewOutcome::Dropped => "not written".to_owned(),
        PreviewOutcome::Written => unplaced(account),
    }
}

/// Whether this very run has come to its end.
fn has_ended(account: &AccountState) -> bool {
    match account {
        AccountState::Published
        | AccountState::Compared
        | AccountState::Shards
        | AccountState::OverBudget => true,
        AccountState::Other
        | AccountState::Empty
        | AccountState::EmptyOn(_)
        | AccountState::Unnamed
        | AccountState::Untaken
        | AccountState::TakenByOthers(_)
        | AccountState::Changed(_)
        | AccountState::Lost(_) => false,
    }
}

/// Why it is not known where a record is that the definition writes.
fn unplaced(account: &AccountState) -> String {
    match account {
        AccountState::Compared => {
            "written, unless another record stays in its place; where is not looked up".to_owned()
        }
        AccountState::Shards => {
            "written by shards, if they read this input as it is now; where is not looked up"
                .to_owned()
        }
        AccountState::OverBudget => {
            "nowhere: the run was over a budget, and nothing was written".to_owned()
        }
        AccountState::Other => {
            "would be written; the account has another run (definition, keys, lists, inputs \
                                or version differ)"
                .to_owned()
        }
        AccountState::Empty | AccountState::Published => {
            "would be written; there is no run yet".to_owned()
        }
        AccountState::EmptyOn(date) => {
            format!("would be written; there is no run of {date} yet (`--date` names another day)")
        }
        AccountState::Unnamed => {
            "would be written; each run has an account of its own: name one with `--run`".to_owned()
        }
        AccountState::Untaken => "would be written; no run has taken this input yet".to_owned(),
        AccountState::TakenByOthers(run) => {
            format!("would be written; the run `{}` has not taken this input", escape(run))
        }
        AccountState::Changed(run) => format!(
            "would be written; this input has changed since the run `{}` took it",
            escape(run)
        ),
        AccountState::Lost(run) => format!(
            "would be written; the run `{}` has taken this input, but its account is gone, or the definition, \
             keys, lists or version differ",
            escape(run)
        ),
    }
}
