//! Takes a few records, given as text, through all stages: for tests of definitions.

use std::sync::Arc;

use super::block::Block;
use super::marks::Marks;
use super::process::{
    Candidate, Competition, KeyedHash, PlacedMarks, Worker, compete, process, process_marked,
};
use super::stages::Stages;
use crate::decode::csv::columns::{detect_delimiter, named_delimiter, possible_delimiters};
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
    pub duplicates: u64,
    pub over_user_limit: u64,
}

/// Decides about the records of a text that are compared with each other. The error is the reason, for people.
pub type Decide<'a> = &'a dyn Fn(&Plan, &[Candidate]) -> Result<Marks, String>;

/// Takes a text through all stages of a plan: newline-delimited JSON, or CSV with its header. `decide` is only
/// called if the plan compares records with each other.
///
/// # Errors
///
/// If the header of CSV can't be used. The error is the reason, for people.
pub fn try_out(plan: &Plan, text: &str, decide: Decide<'_>) -> Result<Trial, String> {
    let stages = Stages::for_trial(plan);
    let text = text.as_bytes();
    let (format, start) = format_of(plan, text)?;
    let (mut found, is_json) = (Vec::new(), !matches!(format, Format::Csv(_)));
    let text = match &plan.input.records {
        Some(path) if is_json => {
            let mut finder = RecordFinder::new(path, plan.input.max_record);
            finder.add(text, &mut found);
            finder.finish(&mut found);
            if finder.beside().has_opt_out {
                return Err("the opt-out is beside the records, and not in them".to_owned());
            }
            found.as_slice()
        }
        Some(_) | None => text,
    };
    let mut worker = Worker::new(plan, &stages);
    let mut block = Block::for_rules(plan.rules.len());
    if plan.together.is_off() {
        process(plan, &stages, &mut worker, text, start, &format, usize::MAX, &mut block);
    } else {
        // Nothing of a test is kept, so its key need not be secret.
        let hash = KeyedHash::new(&[7; 32]);
        let (mut found, all) = (Competition::default(), (&hash, usize::MAX));
        compete(plan, &stages, &mut worker, text, start, &format, all, &mut found);
        let marks = &decide(plan, &found.candidates)?;
        let (at, marks) = ((text, start, &format), PlacedMarks { marks, first: 0, hash: &hash });
        process_marked(plan, &stages, &mut worker, at, marks, usize::MAX, &mut block);
    }
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
        duplicates: block.duplicates,
        over_user_limit: block.over_user_limit,
    })
}

/// Returns the format of a text, and the offset of the first record.
fn format_of(plan: &Plan, text: &[u8]) -> Result<(Format, usize), String> {
    let line_end = LineEnd::of_text(text);
    let is_json = |text: &[u8]| match plan.input.format {
        Some(InputFormat::Json) => true,
        Some(InputFormat::Csv) => false,
        None => matches!(text.trim_ascii_start().first(), None | Some(b'{' | b'[')),
    };
    let skip_lines = plan.input.skip_lines;
    let mut preamble = Preamble::default();
    if !is_json(text) || 0 < skip_lines {
        preamble = Preamble::of(text, line_end, skip_lines)?;
    }
    let rest = text.get(preamble.len..).unwrap_or(&[]);
    if !is_json(rest) {
        let (format, start) = csv_format(plan, rest, line_end, preamble.delimiter)?;
        return Ok((format, preamble.len + start));
    }
    let is_inside = plan.input.records.is_some();
    let form = if is_inside { Format::JsonObjects } else { Format::JsonLines };
    Ok((form(line_end), preamble.len))
}

/// What precedes the header of CSV.
#[derive(Default)]
struct Preamble {
    len: usize,
    /// The delimiter that the first line names.
    delimiter: Option<u8>,
}

impl Preamble {
    /// A first line that names the delimiter, and the lines that the definition skips.
    fn of(text: &[u8], line_end: LineEnd, skip_lines: u64) -> Result<Preamble, String> {
        let first = line_end.end_in_piece(text, true).unwrap_or(text.len());
        let delimiter = named_delimiter(text.get(..first).unwrap_or(&[]));
        let mut len = if delimiter.is_some() { first } else { 0 };
        for _ in u64::from(delimiter.is_some())..skip_lines {
            let rest = text.get(len..).unwrap_or(&[]);
            let line = line_end.end_in_piece(rest, true);
            len += line.ok_or("there is no header after the lines that `skip_lines` skips")?;
        }
        Ok(Preamble { len, delimiter })
    }
}

/// Returns the columns of CSV, and the offset of the first record. `sep_line`: the delimiter that a line
/// before the header names.
fn csv_format(
    plan: &Plan,
    text: &[u8],
    line_end: LineEnd,
    sep_line: Option<u8>,
) -> Result<(Format, usize), String> {
    let (input, rules) = (&plan.input, &plan.column_rules);
    let given = input.columns.as_deref();
    let cells = given.map(<[String]>::len);
    let base = Dialect { line_end, ..input.dialect };
    let texts = possible_delimiters(input.delimiter.or(sep_line)).into_iter();
    let texts: Vec<_> = texts.map(|delimiter| (Dialect { delimiter, ..base }, text)).collect();
    let (row, dialect) = detect_delimiter(&texts, cells, input.max_record, rules);
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
