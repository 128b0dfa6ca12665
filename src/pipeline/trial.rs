//! Takes a few records, given as text, through all stages: for tests of definitions.

use std::sync::Arc;

use super::block::Block;
use super::process::{Worker, process};
use super::stages::Stages;
use crate::decode::csv::columns::{delimiters, first_row};
use crate::decode::frame::{Dialect, LineEnd};
use crate::decode::{Columns, Format, HeaderError, RecordFinder};
use crate::definition::InputFormat;
use crate::plan::Plan;
use crate::record::DescribedProblem;

/// What became of the records of a text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trial {
    /// The written records as JSON, whatever the outputs are.
    pub lines: Vec<String>,
    /// The rejects: the record's number, from 1, and its problems.
    pub rejects: Vec<(u64, Vec<DescribedProblem>)>,
    pub headers: u64,
    pub inactive: u64,
    pub suppressed: u64,
}

/// Takes a text through all stages of a plan: newline-delimited JSON, or CSV with its header.
///
/// # Errors
///
/// If the header of CSV can't be used. The error is the reason, for people.
pub fn try_out(plan: &Plan, text: &str) -> Result<Trial, String> {
    let stages = Stages::for_trial(plan);
    let text = text.as_bytes();
    let (format, start) = format_of(plan, text)?;
    let (mut found, is_json) = (Vec::new(), !matches!(format, Format::Csv(_)));
    let text = match &plan.input.records {
        Some(path) if is_json => {
            let mut finder = RecordFinder::new(path, plan.input.max_record);
            finder.add(text, &mut found);
            finder.finish(&mut found);
            found.as_slice()
        }
        Some(_) | None => text,
    };
    let mut worker = Worker::new(plan, &stages);
    let mut block = Block::for_rules(plan.rules.len());
    process(plan, &stages, &mut worker, text, start, &format, usize::MAX, &mut block);
    let mut begin = 0;
    let lines = block.json.ends.iter().map(|end| {
        let line = block.json.bytes.get(begin..end - 1).unwrap_or(&[]);
        begin = *end;
        String::from_utf8_lossy(line).into_owned()
    });
    Ok(Trial {
        lines: lines.collect(),
        rejects: block.rejects.iter().map(|r| (r.record + 1, r.problems.clone())).collect(),
        headers: block.headers,
        inactive: block.inactive,
        suppressed: block.suppressed,
    })
}

/// Returns the format of a text, and the offset of the first record.
fn format_of(plan: &Plan, text: &[u8]) -> Result<(Format, usize), String> {
    let is_json = match plan.input.format {
        Some(InputFormat::Json) => true,
        Some(InputFormat::Csv) => false,
        None => matches!(text.trim_ascii_start().first(), None | Some(b'{' | b'[')),
    };
    if is_json {
        let form = if plan.input.records.is_some() {
            Format::JsonObjects(LineEnd::of_text(text))
        } else {
            Format::JsonLines(LineEnd::of_text(text))
        };
        return Ok((form, 0));
    }
    let (input, rules) = (&plan.input, &plan.column_rules);
    let given = input.columns.as_deref();
    let cells = given.map(<[String]>::len);
    let like = Dialect { line_end: LineEnd::of_text(text), ..input.dialect };
    let texts = delimiters(input.delimiter).into_iter();
    let texts: Vec<_> = texts.map(|delimiter| (Dialect { delimiter, ..like }, text)).collect();
    let (row, dialect) = first_row(&texts, cells, input.max_record, rules);
    let (columns, start) = match given {
        Some(names) => (Columns::named(names, dialect, rules), row.start),
        None => (Columns::read(row.bytes(text), dialect, rules), row.next),
    };
    let columns = columns.map_err(|error| describe(&error))?;
    Ok((Format::Csv(Arc::new(columns)), start))
}

/// A header's errors on one line.
fn describe(error: &HeaderError) -> String {
    let HeaderError { message, hint, places, .. } = error;
    let places =
        if places.is_empty() { String::new() } else { format!(" ({})", places.join("; ")) };
    format!("{message}{places}; {hint}")
}
