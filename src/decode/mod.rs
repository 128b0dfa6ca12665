//! Bytes become rows of slots: one file for each format, and [`frame`], which finds where records end.
//!
//! Decoding is directed by the schema and borrows: a slot is a span of the chunk unless the
//! text had escapes. A record that can't be decoded is a broken row with a problem; decoding
//! never stops at one. How the input was cut into chunks makes no difference.

mod csv;
mod csv_header;
pub mod frame;
mod json;
mod layout;
mod lookalike;

pub use csv::{cell_texts, push_cell_text};
pub use csv_header::{Columns, HeaderFault};
pub use layout::Layout;
pub use lookalike::Lookalikes;

use std::{fmt, sync::Arc};

use crate::record::{Batch, Code, Detail, Field, Names, Problem, number_len};

/// What is the same for all chunks of one input.
#[derive(Clone, Debug)]
pub enum Format {
    /// Newline-delimited JSON.
    JsonLines,
    /// CSV with what its header says.
    Csv(Arc<Columns>),
}

/// When a batch is full. A single record may pass the bytes.
#[derive(Clone, Copy, Debug)]
pub struct BatchLimits {
    pub rows: usize,
    pub bytes: usize,
}

/// One worker's decoder: the names it knows, and memory that it reuses.
pub struct Decoder {
    layout: Arc<Layout>,
    max_record: usize,
    pub names: Names,
    json: json::Scratch,
    learned: json::Learned,
    csv: csv::Scratch,
}

impl fmt::Debug for Decoder {
    /// What it reuses holds names out of records.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Decoder({} names)", self.names.len())
    }
}

/// What decoding a batch took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decoded {
    /// Where the next batch begins, in bytes of the chunk.
    pub next: usize,
    /// Blank lines after the last record. (Those before a record are noted in its row.)
    pub blank_after: u64,
}

impl Decoder {
    /// `max_record`: the longest record in bytes, without its line end.
    pub fn new(layout: Arc<Layout>, max_record: usize) -> Self {
        Decoder {
            layout,
            max_record,
            names: Names::default(),
            json: json::Scratch::default(),
            learned: json::Learned::default(),
            csv: csv::Scratch::default(),
        }
    }

    /// Forgets the names. Ids given before are void.
    pub fn forget_names(&mut self) {
        self.names.clear();
        self.json.forget_names();
        self.learned = json::Learned::default();
    }

    /// Decodes records of `chunk` from `from` on into `batch`, until it is full or the chunk ends.
    ///
    /// `valid_utf8`: whether the whole chunk is known to be UTF-8; else each record is looked at.
    pub fn decode(
        &mut self,
        chunk: &[u8],
        from: usize,
        valid_utf8: bool,
        format: &Format,
        limits: BatchLimits,
        batch: &mut Batch,
    ) -> Decoded {
        let mut decoded = Decoded { next: from, blank_after: 0 };
        while decoded.next < chunk.len()
            && batch.rows.len() < limits.rows
            && decoded.next - from < limits.bytes
        {
            let record = self.next_record(chunk, decoded.next, format);
            decoded.next = record.next;
            // A line that is too long to be held is a record whatever is on it: nobody could tell.
            if record.fault.is_none() && is_blank(record.bytes(chunk), format) {
                decoded.blank_after += 1;
            } else {
                self.decode_record(chunk, record, valid_utf8, format, batch);
                if let Some(row) = batch.rows.last_mut() {
                    row.blank_before = std::mem::take(&mut decoded.blank_after);
                }
            }
        }
        decoded
    }

    fn next_record(&self, chunk: &[u8], start: usize, format: &Format) -> frame::Record {
        match format {
            Format::JsonLines => frame::line(chunk, start, self.max_record),
            Format::Csv(columns) => {
                frame::csv_record(chunk, start, columns.delimiter, self.max_record)
            }
        }
    }

    fn decode_record(
        &mut self,
        chunk: &[u8],
        record: frame::Record,
        valid_utf8: bool,
        format: &Format,
        batch: &mut Batch,
    ) {
        let row = batch.begin_row(record.start);
        let bytes = record.bytes(chunk);
        if let Some(place) = batch.rows.last_mut() {
            place.len = bytes.len();
        }
        if let Some((code, detail)) = record.fault {
            return broken(batch, row, Field::Record, code, detail);
        }
        if !valid_utf8 && simdutf8::basic::from_utf8(bytes).is_err() {
            return broken(batch, row, Field::Record, Code::Utf8, Detail::InvalidBytes);
        }
        match format {
            Format::JsonLines => {
                let span = record.start..record.end;
                json::decode(
                    &self.layout,
                    &mut self.names,
                    &mut self.json,
                    &mut self.learned,
                    chunk,
                    span,
                    row,
                    batch,
                );
            }
            Format::Csv(columns) => {
                let span = record.start..record.end;
                csv::decode(columns, &mut self.names, &mut self.csv, chunk, span, row, batch);
            }
        }
    }
}

/// Marks a row as one that could not be decoded.
fn broken(batch: &mut Batch, row: usize, field: Field, code: Code, detail: Detail) {
    batch.problem(row, Problem { field, code, rule: 0, detail });
    if let Some(place) = batch.rows.get_mut(row) {
        place.broken = true;
    }
}

/// Nothing but white space, or in CSV nothing but delimiters.
fn is_blank(line: &[u8], format: &Format) -> bool {
    let is_space = line.iter().all(|b| matches!(b, b' ' | b'\t' | b'\r'));
    match format {
        Format::JsonLines => is_space,
        Format::Csv(columns) => is_space || line.iter().all(|b| *b == columns.delimiter),
    }
}

/// A place in a batch, or a count of what is there.
fn narrow(place: usize) -> u32 {
    u32::try_from(place).expect("a batch has fewer than 2^32 values")
}
