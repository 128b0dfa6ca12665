//! A reference for CSV: the `csv` crate, for texts that RFC 4180 allows. All columns are attributes.

use std::sync::Arc;

use segprep::decode::{ColumnRules, ColumnSettings, Columns, Format};
use segprep::schema::Schema;
use serde_json::{Map, Value, json};

use crate::support::in_process::InProcess;

/// More columns than a record may have attributes
const WIDTH_MAX: usize = 250;

/// Counts of compared rows.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Compared {
    pub(crate) written: u64,
    /// Rows that exceed a limit.
    pub(crate) refused: u64,
    /// Rows that are records for the `csv` crate and blank lines for segprep.
    pub(crate) blank: u64,
}

/// Processes a text and compares each record with the row that the `csv` crate reads. Returns `None`
/// for a text that RFC 4180 does not allow. `program` keeps every field.
pub(crate) fn compare(program: &InProcess, text: &[u8], delimiter: u8) -> Option<Compared> {
    let rows = rows(text, delimiter)?;
    let width = rows.first().map(|row| row.cells.len()).filter(|width| *width <= WIDTH_MAX)?;
    let format = Format::Csv(columns(&program.plan.schema, width, delimiter).into());
    let block = program.block(text, 0, &format);
    let mut rejects = block.rejects.iter().peekable();
    let mut written = block.json.bytes.split_inclusive(|byte| *byte == b'\n');
    let (mut compared, mut record) = (Compared::default(), 0);
    for row in &rows {
        let shown = || String::from_utf8_lossy(&row.raw).into_owned();
        if row.is_blank(delimiter) {
            compared.blank += 1;
            continue;
        }
        if let Some(reject) = rejects.next_if(|reject| reject.record == record) {
            let codes = reject.problems.iter().map(|problem| problem.code);
            assert!(row.is_too_much(codes), "{:?}: {}", reject.problems, shown());
            compared.refused += 1;
        } else {
            let line = written.next().expect("a record that is not rejected is written");
            let found: Value = serde_json::from_slice(line).expect("output is JSON");
            assert_eq!(found, row.as_written(), "{}", shown());
            compared.written += 1;
        }
        record += 1;
    }
    assert_eq!(
        (block.read, written.next()),
        (record, None),
        "both read the same number of records"
    );
    Some(compared)
}

/// One row of a table.
#[derive(Debug)]
struct Row {
    cells: Vec<String>,
    /// The text of the row, without its line end.
    raw: Vec<u8>,
}

/// The rows that the `csv` crate reads, which skips empty lines. `None`: RFC 4180 does not allow the
/// text. Beyond the RFC, a line end may be LF alone and the text is any UTF-8 without a byte order
/// mark.
fn rows(text: &[u8], delimiter: u8) -> Option<Vec<Row>> {
    str::from_utf8(text).ok().filter(|text| !text.starts_with('\u{feff}'))?;
    let lines = allowed_lines(text, delimiter)?;
    let mut reader = csv::ReaderBuilder::new();
    let mut reader = reader.has_headers(false).delimiter(delimiter).from_reader(text);
    let records: Vec<csv::StringRecord> =
        reader.records().collect::<Result<_, _>>().expect("RFC 4180 allows the text");
    let lines: Vec<&[u8]> = lines.into_iter().filter(|line| !line.is_empty()).collect();
    assert_eq!(records.len(), lines.len(), "the `csv` crate finds the same number of rows");
    let row = |(record, raw): (&csv::StringRecord, &[u8])| Row {
        cells: record.iter().map(str::to_owned).collect(),
        raw: raw.to_vec(),
    };
    Some(records.iter().zip(lines).map(row).collect())
}

/// The lines of a text by the grammar of RFC 4180, section 2. `None`: the text does not match it.
fn allowed_lines(text: &[u8], delimiter: u8) -> Option<Vec<&[u8]>> {
    let (mut lines, mut at, mut width) = (Vec::new(), 0, None);
    while at < text.len() {
        let (start, mut cells) = (at, 1);
        at = cell_end(text, at, delimiter)?;
        while text.get(at) == Some(&delimiter) {
            at = cell_end(text, at + 1, delimiter)?;
            cells += 1;
        }
        let line = &text[start..at];
        at += match &text[at..] {
            [b'\r', b'\n', ..] => 2,
            [b'\n', ..] => 1,
            _ => 0,
        };
        // The `csv` crate skips empty lines, whatever the width.
        if !line.is_empty() && *width.get_or_insert(cells) != cells {
            return None;
        }
        lines.push(line);
    }
    Some(lines)
}

/// The end of the cell at `start`: the offset of a delimiter, of a line end or of the end of the text.
fn cell_end(text: &[u8], start: usize, delimiter: u8) -> Option<usize> {
    let rest = &text[start..];
    let mut at = start;
    if rest.first() == Some(&b'"') {
        at += 1;
        loop {
            at += text[at..].iter().position(|byte| *byte == b'"')? + 1;
            match text.get(at) {
                Some(b'"') => at += 1,
                _ => break,
            }
        }
    } else {
        let ends = |byte: &u8| matches!(byte, b'"' | b'\r' | b'\n') || *byte == delimiter;
        at += rest.iter().position(ends).unwrap_or(rest.len());
    }
    let is_end = match &text[at..] {
        [] | [b'\n', ..] | [b'\r', b'\n', ..] => true,
        [byte, ..] => *byte == delimiter,
    };
    is_end.then_some(at)
}

/// `width` columns of attributes, and a constant `Id`, so that every row is a valid record.
fn columns(schema: &Arc<Schema>, width: usize, delimiter: u8) -> Columns {
    let constants = vec![("Id".to_owned(), "x".to_owned())];
    let settings = ColumnSettings { constants, ..ColumnSettings::default() };
    let rules = ColumnRules::new(Arc::clone(schema), settings);
    let names: Vec<String> = (0..width).map(|column| format!("Attributes.{column}")).collect();
    Columns::named(&names, delimiter, &rules).expect("valid names of attributes")
}

impl Row {
    /// The record that segprep writes for this row.
    fn as_written(&self) -> Value {
        let cells = self.cells.iter().enumerate().filter(|(_, cell)| !cell.is_empty());
        let attributes: Map<String, Value> =
            cells.map(|(column, cell)| (column.to_string(), json!([cell]))).collect();
        if attributes.is_empty() {
            return json!({"Id": "x"});
        }
        json!({"Id": "x", "Attributes": attributes})
    }

    /// Whether the row really exceeds the limits that these codes name.
    fn is_too_much<'c>(&self, mut codes: impl Iterator<Item = &'c str>) -> bool {
        codes.all(|code| match code {
            "value_length" => self.cells.iter().any(|cell| 100 < cell.chars().count()),
            "endpoint_size" => 15_000 < self.as_written().to_string().len(),
            _ => false,
        })
    }

    /// Whether segprep treats the row as a blank line.
    fn is_blank(&self, delimiter: u8) -> bool {
        self.raw.iter().all(|byte| b" \t\r".contains(byte))
            || self.raw.iter().all(|byte| *byte == delimiter)
    }
}
