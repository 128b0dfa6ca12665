//! Bytes become rows of slots: one file for each format, and [`frame`], which finds where records end.
//!
//! Decoding is directed by the schema and borrows: a slot is a span of the chunk unless the
//! text had escapes. A record that can't be decoded is a broken row with a problem; decoding
//! never stops at one. How the input was cut into chunks makes no difference.

pub mod csv;
pub mod frame;
mod json;
mod layout;
mod lookalike;

pub use csv::{
    COLUMNS_MAX, ColumnField, ColumnRules, ColumnSettings, Columns, HeaderError, cell_texts,
    is_column, push_cell_text,
};
pub use layout::Layout;
pub use lookalike::Lookalikes;

use std::{fmt, sync::Arc};

use crate::record::{Batch, Code, Detail, Field, Names, Problem, number_len};
use frame::{Framing, record_at};

/// The most memory in bytes of what a decoder has learned of the records that it has read, beside
/// their names.
pub const CACHE_BYTES_MAX: usize = json::CACHE_BYTES_MAX;

/// What is the same for all chunks of one input.
#[derive(Clone, Debug)]
pub enum Format {
    /// Newline-delimited JSON.
    JsonLines,
    /// The items of a JSON array, after its `[`.
    JsonItems,
    /// JSON objects in a row, over as many lines as they like.
    JsonObjects,
    /// CSV with what its header says.
    Csv(Arc<Columns>),
}

impl Format {
    /// How its records are told apart.
    pub fn framing(&self) -> Framing {
        match self {
            Format::JsonLines => Framing::Lines,
            Format::JsonItems => Framing::Items,
            Format::JsonObjects => Framing::Objects,
            Format::Csv(columns) => Framing::Csv { delimiter: columns.delimiter },
        }
    }

    /// Nothing but white space, or in CSV nothing but delimiters. Records by brackets are never
    /// blank: between them nothing is counted.
    fn is_blank_line(&self, line: &[u8]) -> bool {
        match self {
            Format::JsonLines => is_space(line),
            Format::JsonItems | Format::JsonObjects => false,
            Format::Csv(columns) => columns.is_blank(line),
        }
    }
}

fn is_space(line: &[u8]) -> bool {
    line.iter().all(|byte| matches!(byte, b' ' | b'\t' | b'\r'))
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
    learned: json::ShapeCache,
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
            learned: json::ShapeCache::default(),
            csv: csv::Scratch::default(),
        }
    }

    /// Forgets the names. Ids given before are void.
    pub fn forget_names(&mut self) {
        self.names.clear();
        self.json.forget_names();
        self.learned = json::ShapeCache::default();
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
        if let Format::Csv(columns) = format {
            self.csv.begin(columns, &mut self.names, batch);
        }
        let framing = format.framing();
        while decoded.next < chunk.len()
            && batch.rows.len() < limits.rows
            && decoded.next - from < limits.bytes
        {
            let record = record_at(chunk, decoded.next, framing, self.max_record);
            decoded.next = record.next;
            // A line that is too long to be held is a record whatever is on it: nobody could tell.
            if record.problem.is_none() && format.is_blank_line(record.bytes(chunk)) {
                decoded.blank_after += 1;
            } else if record.is_nothing(framing) {
                // White space at the end of what is told by brackets.
            } else {
                self.decode_record(chunk, record, valid_utf8, format, batch);
                if let Some(row) = batch.rows.last_mut() {
                    row.blank_before = std::mem::take(&mut decoded.blank_after);
                }
            }
        }
        decoded
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
        if let Some((code, detail)) = record.problem {
            return broken(batch, row, Field::Record, code, detail);
        }
        if !valid_utf8 && simdutf8::basic::from_utf8(bytes).is_err() {
            return broken(batch, row, Field::Record, Code::Utf8, Detail::InvalidBytes);
        }
        match format {
            Format::JsonLines | Format::JsonItems | Format::JsonObjects => {
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

/// A place in a batch, or a count of what is there.
fn narrow(place: usize) -> u32 {
    u32::try_from(place).expect("a batch has fewer than 2^32 values")
}
