//! Runs that find nothing to read, or no record in what they read.

use super::assemble::Assembler;
use super::error::{ErrorKind, Failure, RunError};
use super::options::RunOptions;
use super::outcome::Outcome;
use super::prepare::Prepared;
use super::text::escape_path;
use crate::store::{Ignored, Listing};

/// Ends a run that has found no record: done if the definition allows that, with this error otherwise.
pub(super) fn nothing(
    prepared: &Prepared,
    options: &RunOptions,
    error: RunError,
) -> Result<Outcome, Failure> {
    if error.kind != ErrorKind::NoInput || !prepared.definition.input.may_be_empty {
        return Err(error.into());
    }
    let to_standard_output = prepared.writes_to_standard_output();
    Ok(Outcome::NothingToRead {
        reason: error.message,
        dry_run: options.dry_run,
        to_standard_output,
    })
}

/// The error if no record was read.
pub(super) fn without_records(
    prepared: &Prepared,
    assembler: &Assembler<'_>,
    listing: &Listing,
) -> Option<RunError> {
    // A listed file is not empty, but standard input may be.
    if assembler.bytes == 0 {
        return Some(nothing_to_read(prepared, &listing.ignored));
    }
    // Headers are rows, and no records of anybody.
    if assembler.total.headers < assembler.total.read {
        return None;
    }
    // Bad files are skipped only if there are good ones.
    let good = listing.files.len().saturating_sub(assembler.broken_inputs.len());
    Some(if good == 0 {
        nothing_readable(&assembler.broken_warnings)
    } else {
        no_record(prepared, good)
    })
}

pub(super) fn nothing_to_read(prepared: &Prepared, ignored: &[Ignored]) -> RunError {
    let ignored = match ignored.len() {
        0 => String::new(),
        1 => " (1 file is ignored)".to_owned(),
        count => format!(" ({count} files are ignored)"),
    };
    let message = format!("there is nothing to read in {}{ignored}", quote_inputs(prepared));
    RunError::new(ErrorKind::NoInput, message).hint(
        "empty files and names that begin with `_` or `.` are ignored; check `from` and \
             `exclude` under `[input]`",
    )
}

/// The error if `files` inputs were read to their ends and hold no record. Publishing nothing in
/// place of an earlier result would look as if everybody had left.
pub(super) fn no_record(prepared: &Prepared, files: usize) -> RunError {
    let read = if files == 1 { "1 file was".to_owned() } else { format!("{files} files were") };
    let from = quote_inputs(prepared);
    let message = format!("the inputs hold no record: {read} read from {from}");
    RunError::new(ErrorKind::NoInput, message).hint(
        "nothing was published, and an earlier result stays; check whether the export that \
             wrote the inputs is complete, and `from` under `[input]`",
    )
}

/// The paths of `from`, each in backticks.
pub(super) fn quote_inputs(prepared: &Prepared) -> String {
    let inputs = prepared.inputs();
    let from: Vec<String> = inputs.iter().map(|path| format!("`{}`", escape_path(path))).collect();
    from.join(", ")
}

fn nothing_readable(broken: &[String]) -> RunError {
    let first = broken.first().map_or("", String::as_str);
    RunError::new(ErrorKind::BadInput, format!("no input could be read; the first: {first}"))
        .hint("check `from` under `[input]`")
}
