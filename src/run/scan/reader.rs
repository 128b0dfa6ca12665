//! The inputs of a scan, unit by unit: with the form of each, and no more records of each than asked for.

use std::sync::Arc;

use crate::decode::frame::{Dialect, record_at};
use crate::decode::{Format, cell_texts};
use crate::discover::{InputForm, Knowledge};
use crate::input::{InputReader, Unit, Work};
use crate::run::error::RunError;

/// A unit of the inputs, and what its chunk is read with.
pub(super) struct ScanUnit {
    pub(in crate::run) unit: Unit,
    pub(in crate::run) form: Arc<InputForm>,
    /// The first row of CSV, if it is data.
    pub(in crate::run) head: Option<Vec<u8>>,
    /// Where in the chunk the records end that are looked at.
    pub(in crate::run) end: usize,
    /// Whether the rest of the input is left unread.
    pub(super) is_cut: bool,
    /// The delimiter of CSV, and whether it has a header; in an input's first unit with records.
    pub(in crate::run) csv: Option<(u8, bool)>,
}

/// Reads the units of all inputs.
pub(super) struct ScanInput<'a> {
    pub(in crate::run) reader: InputReader<'a>,
    pub(in crate::run) knowledge: &'a Knowledge,
    /// The names of columns of files without a header.
    pub(in crate::run) names: Option<Vec<String>>,
    /// Whether rows of CSV may have fewer cells than the header.
    pub(super) pads_rows: bool,
    /// The most records of each input.
    pub(super) records_max: Option<u64>,
    pub(in crate::run) max_record: usize,
    /// Of the current input.
    pub(in crate::run) header: Option<Vec<u8>>,
    pub(in crate::run) form: Arc<InputForm>,
    pub(super) records_left: u64,
}

impl ScanInput<'_> {
    fn with_form(&mut self, unit: Unit) -> ScanUnit {
        if let Some(start) = &unit.start {
            self.header = Some(start.first_row.clone());
            self.form = Arc::default();
            self.records_left = self.records_max.unwrap_or(u64::MAX);
        }
        let form = Arc::clone(&self.form);
        let (head, csv) = (None, None);
        let mut scan = ScanUnit { unit, form, head, end: usize::MAX, is_cut: false, csv };
        if let Work::Chunk { buffer, format, .. } = &scan.unit.work {
            if let (Format::Csv(columns), Some(header)) = (format, self.header.take()) {
                let (form, is_header) = self.read_header(&header, columns.dialect);
                self.form = Arc::new(InputForm { pads_rows: self.pads_rows, ..form });
                scan.form = Arc::clone(&self.form);
                scan.csv = Some((columns.dialect.delimiter, is_header));
                if !is_header && !header.is_empty() {
                    scan.head = Some(header);
                    self.records_left = self.records_left.saturating_sub(1);
                }
            }
            if self.records_max.is_some() {
                scan.end = self.end_of_records(buffer.bytes(), format);
                scan.is_cut = self.records_left == 0;
            }
        }
        if scan.is_cut {
            self.reader.skip_rest();
        }
        scan
    }

    /// The columns, and whether the first row is a header.
    fn read_header(&self, header: &[u8], dialect: Dialect) -> (InputForm, bool) {
        if let Some(names) = &self.names {
            return (InputForm::of_columns(Some(names), names.len(), self.knowledge), false);
        }
        let row = header.strip_suffix(b"\n").unwrap_or(header);
        let row = row.strip_suffix(b"\r").unwrap_or(row);
        let cells = cell_texts(row, dialect).into_iter();
        let cells: Vec<String> =
            cells.map(|cell| String::from_utf8_lossy(&cell).trim().to_owned()).collect();
        let is_header = InputForm::is_header(&cells, self.knowledge);
        let names = is_header.then_some(cells.as_slice());
        (InputForm::of_columns(names, cells.len(), self.knowledge), is_header)
    }

    /// Where the records end that are still to be looked at.
    fn end_of_records(&mut self, chunk: &[u8], format: &Format) -> usize {
        let mut at = 0;
        while at < chunk.len() && 0 < self.records_left {
            let record = record_at(chunk, at, format.framing(), self.max_record);
            at = record.next.max(at + 1);
            let is_blank = record.bytes(chunk).trim_ascii().is_empty();
            self.records_left -= u64::from(!is_blank);
        }
        at
    }
}

impl Iterator for ScanInput<'_> {
    type Item = Result<ScanUnit, RunError>;

    fn next(&mut self) -> Option<Self::Item> {
        match self.reader.next()? {
            Ok(unit) => Some(Ok(self.with_form(unit))),
            Err(error) => Some(Err(error.into())),
        }
    }
}
