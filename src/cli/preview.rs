//! The pages of `segprep preview`: a block for each record, with a line for each field before and after.
//!
//! The columns depend on the width of the terminal alone, so that all blocks are aligned. Values are cut in the
//! middle, since both ends tell them apart.

use std::fmt::Write;
use std::io::{self, IsTerminal};
use std::path::Path;

use anstyle::Style;
use clap::CommandFactory;
use clap::error::ErrorKind;
use segprep::preview::{PreviewField, PreviewOutcome, PreviewRecord, Shown};
use segprep::record::DescribedProblem;
use segprep::report::advice::advice;
use segprep::report::json_line;
use segprep::report::quantities::counted;
use segprep::run::{Failure, PreviewEvent, PreviewOptions, RunOptions};

use super::arguments::{Arguments, Common, PreviewArguments};
use super::cells::{columns, cut_end, cut_middle, cut_path, padding};
use super::render::{Format, Screen, print, table_width, width};
use super::sheet::{BAD, CAREFUL, GOOD, QUIET, Sheet, escape, styled};

/// The options of a preview.
///
/// # Errors
///
/// If values are to be shown, but not on a terminal.
pub(crate) fn options(
    arguments: PreviewArguments,
    common: Common,
) -> Result<PreviewOptions, clap::Error> {
    let PreviewArguments { file, records, sample, reveal, day, workers } = arguments;
    if reveal && !io::stdout().is_terminal() {
        let fault = "`--reveal` shows values, so standard output must be a terminal";
        return Err(Arguments::command().error(ErrorKind::ArgumentConflict, fault));
    }
    let run = RunOptions {
        definition: file,
        sets: common.sets,
        date: day.date,
        threads: workers.threads(),
        chunk_bytes: workers.chunk_bytes(),
        ..RunOptions::default()
    };
    Ok(PreviewOptions { run, records, sample, reveal })
}

/// Prints a record, or a note about all of them. As JSON a record is one object, with the form of
/// `preview.schema.json`.
pub(crate) fn show(
    screen: Screen,
    event: &PreviewEvent,
    counts: &mut Counts,
) -> Result<(), Failure> {
    match (event, screen.format) {
        (PreviewEvent::Note(message), Format::Text) => print(&note(message))?,
        (PreviewEvent::Note(message), Format::Json) => screen.warning(message),
        (PreviewEvent::Record(record), Format::Text) => {
            let width = table_width();
            print(&(counts.head(width) + &block(record, width)))?;
        }
        (PreviewEvent::Record(record), Format::Json) => print(&(json_line(record) + "\n"))?,
    }
    counts.add(event);
    Ok(())
}

pub(crate) fn note(message: &str) -> String {
    let mut sheet = Sheet::new(table_width());
    sheet.heading(CAREFUL, "note", &format!(": {}", escape(message)));
    sheet.finish()
}

/// Prints the end of a preview.
pub(crate) fn end(screen: Screen, counts: &Counts, definition: &Path) -> Result<(), Failure> {
    if screen.quiet || screen.format == Format::Json {
        return Ok(());
    }
    print(&counts.foot(&definition.display().to_string(), width()))
}

/// The records shown so far, by outcome.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    written: u64,
    rejected: u64,
    dropped: u64,
}

impl Counts {
    /// Adds what is shown.
    pub(crate) fn add(&mut self, event: &PreviewEvent) {
        let PreviewEvent::Record(record) = event else { return };
        *match record.outcome {
            PreviewOutcome::Written => &mut self.written,
            PreviewOutcome::Rejected => &mut self.rejected,
            PreviewOutcome::Dropped => &mut self.dropped,
        } += 1;
    }

    fn total(&self) -> u64 {
        self.written + self.rejected + self.dropped
    }

    /// The heads of the columns, for the beginning of the page.
    pub(crate) fn head(&self, width: usize) -> String {
        if self.total() != 0 {
            return String::new();
        }
        let rooms = Rooms::of(width);
        let text =
            rooms.line(" ", &["field", "before", "after", "by"].map(str::to_owned), &[None; 4]);
        styled(QUIET, text.trim_end()) + "\n"
    }

    /// The end of the page.
    pub(crate) fn foot(&self, file: &str, width: usize) -> String {
        let counts =
            [(self.written, "written"), (self.rejected, "rejected"), (self.dropped, "dropped")];
        let counts = counts.iter().filter(|(count, _)| 0 < *count);
        let counts: Vec<String> = counts.map(|(count, what)| format!("{count} {what}")).collect();
        let mut sheet = Sheet::new(width);
        sheet.gap();
        sheet.heading(
            Style::new(),
            "",
            &format!("{}: {}", counted(self.total(), "record"), counts.join(", ")),
        );
        let file = escape(file);
        let next = format!(": segprep explain {file} SOURCE:LINE, or segprep run --dry-run {file}");
        sheet.heading(GOOD, "next", &next);
        sheet.finish()
    }
}

/// Where a record is: `in/a.csv:17`.
pub(crate) fn place(record: &PreviewRecord) -> String {
    format!("{}:{}", escape(&record.source), record.line)
}

/// The columns of a page.
struct Rooms([usize; 4]);

/// Between two columns, and before the first one: room for a mark.
const GAP: usize = 2;

impl Rooms {
    /// Shares a width out: names and values first, and what is left goes to what was made.
    fn of(width: usize) -> Rooms {
        let rest = width.saturating_sub(4 * GAP);
        let by = (rest / 5).clamp(12, 24);
        let before = (rest / 4).clamp(13, 24);
        let path = (rest * 8 / 25).clamp(16, 40);
        let after = rest.saturating_sub(by + before + path).clamp(11, 72);
        Rooms([path, before, after, by])
    }

    /// A line with a mark and four cells, which fit.
    fn line(&self, mark: &str, cells: &[String; 4], styles: &[Option<Style>; 4]) -> String {
        let mut line = format!("{mark} ");
        for ((cell, room), style) in cells.iter().zip(self.0).zip(styles) {
            let shown = style.map_or_else(|| cell.clone(), |style| styled(style, cell));
            line.extend([&*shown, &padding(cell, room), "  "]);
        }
        line.trim_end().to_owned() + "\n"
    }
}

/// A record as a block.
pub(crate) fn block(record: &PreviewRecord, width: usize) -> String {
    format!("\n{}{}{}", title(record, width), fields(record, width), problems(record, width))
}

/// The fields of a record, one on a line.
pub(crate) fn fields(record: &PreviewRecord, width: usize) -> String {
    let (mut text, rooms) = (String::new(), Rooms::of(width));
    for field in &record.fields {
        text += &field_lines(record, field, &rooms, width);
    }
    if 0 < record.left_out {
        let more = format!("  and {}", counted(record.left_out, "more value"));
        writeln!(text, "{}", styled(QUIET, &more)).ok();
    }
    text
}

pub(crate) fn title(record: &PreviewRecord, width: usize) -> String {
    let (style, outcome) = match record.outcome {
        PreviewOutcome::Written => (GOOD, "written"),
        PreviewOutcome::Rejected => (BAD, "rejected"),
        PreviewOutcome::Dropped => (CAREFUL, "dropped"),
    };
    let reason = record.reason.map(|reason| format!(" ({reason})")).unwrap_or_default();
    let endpoint = record.endpoint.map(|number| format!(", endpoint {number}"));
    let number = format!("record {}{}", record.record, endpoint.unwrap_or_default());
    let used = columns(outcome) + columns(&reason) + columns(&number) + 4;
    let place = cut_middle(&place(record), width.saturating_sub(used).max(12));
    format!("{}{reason}  {place}  {}\n", styled(style, outcome), styled(QUIET, &number))
}

/// The line of a field, and what is to be known about it.
fn field_lines(
    record: &PreviewRecord,
    field: &PreviewField,
    rooms: &Rooms,
    width: usize,
) -> String {
    let (mark, style) = mark(record, field);
    let is_same = style.is_none();
    let [path, before, after, by] = rooms.0;
    let done = done_by(field);
    let cells = [
        cut_path(&escape(&field.path.shown), path),
        cut_middle(&text(field.before.as_ref()), before),
        cut_middle(&text(field.after.as_ref()), after),
        cut_end(&done, by),
    ];
    let styles = [None, Some(QUIET), style.filter(|_| !is_same), Some(QUIET)];
    let styled_mark = style.map_or_else(|| mark.to_owned(), |style| styled(style, mark));
    let mut lines = rooms.line(&styled_mark, &cells, &styles);
    if !field.note.is_empty() {
        let note = cut_end(&escape(&field.note), width.saturating_sub(6));
        writeln!(lines, "      {}", styled(QUIET, &note)).ok();
    }
    lines
}

/// What happened to a field: `+` added, `-` not written, `~` changed, `!` at fault.
fn mark(record: &PreviewRecord, field: &PreviewField) -> (&'static str, Option<Style>) {
    let is_at_fault = |problem: &DescribedProblem| problem.field == field.path.shown;
    if record.problems.iter().any(is_at_fault) {
        return ("!", Some(BAD));
    }
    if record.outcome != PreviewOutcome::Written {
        return (" ", None);
    }
    let is_repaired = field.by.iter().any(|by| by.starts_with("repair.") && *by != "repair.names");
    match (&field.before, &field.after) {
        (_, None) => ("-", Some(QUIET)),
        (None, Some(_)) => ("+", Some(GOOD)),
        (Some(before), Some(after)) if texts(before) == texts(after) && !is_repaired => (" ", None),
        (Some(_), Some(_)) => ("~", Some(CAREFUL)),
    }
}

/// What did it, in so few words that the column has room for the one that matters: not that a name was another one,
/// if there is more to say.
fn done_by(field: &PreviewField) -> String {
    let is_name = |by: &str| matches!(by, "input.rename" | "input.endpoint");
    let done: Vec<&str> =
        field.by.iter().map(|by| &**by).filter(|by| !matches!(*by, "keep")).collect();
    let more: Vec<&str> = done.iter().copied().filter(|by| !is_name(by)).collect();
    escape(if more.is_empty() { done } else { more }.join(", "))
}

fn texts(shown: &Shown) -> &[String] {
    match shown {
        Shown::One(text) => std::slice::from_ref(text),
        Shown::List(texts) => texts,
    }
}

/// What is shown of values, on one line.
fn text(shown: Option<&Shown>) -> String {
    let one = |text: &String| if text.is_empty() { "\"\"".to_owned() } else { escape(text) };
    match shown {
        None => String::new(),
        Some(Shown::One(text)) => one(text),
        Some(Shown::List(texts)) if texts.is_empty() => "[]".to_owned(),
        Some(Shown::List(texts)) => texts.iter().map(one).collect::<Vec<_>>().join(", "),
    }
}

/// What is wrong with a record, and what would fix it.
fn problems(record: &PreviewRecord, width: usize) -> String {
    let mut sheet = Sheet::new(width);
    sheet.styled_section(BAD, "problem", record.problems.iter().map(problem));
    sheet.finish()
}

pub(crate) fn problem(problem: &DescribedProblem) -> String {
    let DescribedProblem { field, code, detail, repair, .. } = problem;
    let field =
        if field.is_empty() { "the record".to_owned() } else { format!("`{}`", escape(field)) };
    let detail = if detail.is_empty() { String::new() } else { format!(" ({detail})") };
    let advice = advice(code).unwrap_or_default();
    let repair = if repair.is_empty() { String::new() } else { format!("; {repair} would fix it") };
    format!("{field}: {code}{detail}: {advice}{repair}")
}

#[cfg(test)]
mod tests {
    use segprep::record::FieldPath;

    use super::*;

    fn field(path: &str, before: Option<&str>, after: Option<&str>, by: &[&str]) -> PreviewField {
        let shown = |text: Option<&str>| text.map(|text| Shown::One(text.to_owned()));
        PreviewField {
            path: FieldPath::known(path.to_owned()),
            before: shown(before),
            after: shown(after),
            by: by.iter().map(|by| (*by).to_owned().into()).collect(),
            note: String::new(),
        }
    }

    fn record() -> PreviewRecord {
        PreviewRecord {
            source: "in/a.ndjson".to_owned(),
            record: 2,
            line: 3,
            endpoint: None,
            outcome: PreviewOutcome::Written,
            reason: None,
            problems: Vec::new(),
            fields: vec![
                field("ChannelType", Some("EMAIL"), Some("EMAIL"), &["keep"]),
                field(
                    "Address",
                    Some("m•••@e••••••.com"),
                    Some("m•••@e••••••.com"),
                    &["repair.trim", "keep"],
                ),
                field(
                    "User.UserId",
                    Some("•••"),
                    Some(&format!("hmac:k1:{}", "0123456789abcdef".repeat(4))),
                    &["hmac"],
                ),
                field("User.UserAttributes.LastName", Some("G•••••"), None, &["drop"]),
                field("OptOut", None, Some("ALL"), &["input.constants", "keep"]),
            ],
            part: None,
            part_line: None,
            left_out: 0,
        }
    }

    #[track_caller]
    fn check(width: usize, expected: &str) {
        let text = anstream::adapter::strip_str(&block(&record(), width)).to_string();
        assert_eq!(text, expected);
        assert!(text.lines().all(|line| columns(line) <= width));
    }

    #[test]
    fn a_record_is_a_block_at_any_width() {
        check(
            60,
            "
written  in/a.ndjson:3  record 2
  ChannelType       EMAIL          EMAIL
~ Address           m•••@e••….com  m•••@e•…com  repair.trim
~ User.UserId       •••            hmac:k1…def  hmac
- User…es.LastName  G•••••                      drop
+ OptOut                           ALL          input.const…
",
        );
    }

    #[test]
    fn no_hidden_character_reaches_a_terminal() {
        let mut record = record();
        record.source = "a\u{1b}[2J\u{202e}.csv".to_owned();
        record.fields =
            vec![field("a\u{202e}b", Some("\u{1b}]0;x\u{7}"), Some("\n\u{200b}"), &["mask"])];
        let text = anstream::adapter::strip_str(&block(&record, 100)).to_string();
        assert!(!text.chars().any(|c| c != '\n' && segprep::record::is_hidden(c)), "{text:?}");
        assert_eq!(text.lines().count(), 3);
    }
}
