//! `segprep status`: the last run, what is new since, and what the next run would do. `run/nights/status.rs` finds
//! it out.

use std::path::Path;

use segprep::ledger::Few;
use segprep::report::quantities::{count, counted};
use segprep::report::{RecordCounts, json_line};
use segprep::run::{Failure, LastRun, Next, StatusReport};
use serde::Serialize;

use super::render::{Format, Screen, print, width};
use super::sheet::{BAD, CAREFUL, GOOD, Sheet, escape};

/// The same as JSON, as `schemas/status.schema.json` has it.
#[derive(Debug, Serialize)]
struct StatusLine<'a> {
    run: Option<&'a str>,
    status: Option<&'a str>,
    finished: Option<&'a str>,
    records: Option<&'a RecordCounts>,
    inputs: InputsLine,
    retried: u64,
    next: String,
}

#[derive(Debug, Serialize)]
struct InputsLine {
    taken: u64,
    new: u64,
    changed: u64,
    gone: u64,
    #[serde(skip_serializing_if = "is_zero")]
    broken: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// Prints a report to standard output.
pub(crate) fn show(screen: Screen, report: &StatusReport, file: &Path) -> Result<(), Failure> {
    print(&match screen.format {
        Format::Json => json(report) + "\n",
        Format::Text => page(report, &file.display().to_string(), width()),
    })
}

fn json(report: &StatusReport) -> String {
    let last = report.last.as_ref();
    json_line(&StatusLine {
        run: last.map(|last| last.run.as_str()),
        status: last.map(|last| last.status),
        finished: last.map(|last| last.finished.as_str()),
        records: last.map(|last| &last.records),
        inputs: InputsLine {
            taken: report.taken,
            new: report.new,
            changed: report.changed.count,
            gone: report.gone.count,
            broken: report.broken.count,
        },
        retried: report.retried,
        next: report.next.to_string(),
    })
}

fn page(report: &StatusReport, file: &str, width: usize) -> String {
    let mut sheet = Sheet::new(width);
    let name = escape(&report.name);
    match &report.last {
        None => sheet.heading(CAREFUL, "no run", &format!(" of `{name}` yet")),
        Some(LastRun { run, status, finished, .. }) => {
            let (style, word) =
                if *status == "published" { (GOOD, "published") } else { (BAD, "over budget") };
            let (run, finished) = (escape(run), escape(finished));
            sheet.heading(style, word, &format!(" `{name}`, run {run}, {finished}"));
        }
    }
    sheet.gap();
    if let Some(last) = &report.last {
        let RecordCounts { read, written, rejected, dropped } = &last.records;
        let dropped = dropped.values().sum();
        let word = if last.status == "published" { "written" } else { "passed" };
        let counts =
            [(*read, "read"), (*written, word), (*rejected, "rejected"), (dropped, "dropped")];
        sheet.section("records", [listed(&counts)]);
        let retried = (0 < report.retried).then(|| {
            format!("{}; the numbers above include that", counted(report.retried, "time"))
        });
        sheet.section("retried", retried);
        sheet.section("account", [escape(report.account.display())]);
    }
    let StatusReport { taken, new, changed, gone, broken, .. } = report;
    let counts =
        [(*taken, "taken"), (*new, "new"), (changed.count, "changed"), (gone.count, "gone")];
    sheet.section("inputs", [listed(&counts)]);
    sheet.styled_section(CAREFUL, "changed", few(changed));
    sheet.section("gone", few(gone));
    sheet.styled_section(CAREFUL, "broken", few(broken));
    let begun = report.begun.as_ref().map(|run| {
        format!("run {} has begun and not ended: it is working, or was killed", escape(run))
    });
    sheet.styled_section(CAREFUL, "begun", begun);
    sheet.gap();
    let command = match report.next {
        Next::Take(_) => format!(": segprep run {}", escape(file)),
        Next::Nothing | Next::Fail | Next::Replace | Next::Blocked(_) => String::new(),
    };
    sheet.heading(GOOD, "next", &format!(": {}{command}", escape(&report.next)));
    sheet.finish()
}

fn listed(counts: &[(u64, &str)]) -> String {
    let counts: Vec<String> =
        counts.iter().map(|(number, what)| format!("{} {what}", count(*number))).collect();
    counts.join(", ")
}

/// The names of a few inputs, one a line, and how many more there are.
fn few(few: &Few) -> Vec<String> {
    let mut lines: Vec<String> = few.names.iter().map(escape).collect();
    let more = few.count.saturating_sub(u64::try_from(lines.len()).unwrap_or(u64::MAX));
    if 0 < more {
        lines.push(format!("and {} more", count(more)));
    }
    lines
}
