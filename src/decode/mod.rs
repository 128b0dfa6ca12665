//! Decoding: bytes become rows of slots. There is a decoder for each format, and [`frame`], which
//! finds where records end.
//!
//! - Decoding is directed by the schema, and borrows: a slot is a span of the chunk unless its text
//!   had escapes or doubled quotes.
//! - A record that cannot be decoded becomes a broken row with a problem. Decoding never stops at
//!   one.
//! - The result does not depend on how the input was cut into chunks.

mod aliases;
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

use crate::record::{Batch, Code, Detail, Field, Names};
use frame::{Framing, record_at};

/// The most memory that a decoder's caches use, without the names of the data, in bytes.
pub const CACHE_BYTES_MAX: usize = json::CACHE_BYTES_MAX;

/// The format of an input, with what the decoder needs to know about it.
#[derive(Clone, Debug)]
pub enum Format {
    /// Newline-delimited JSON.
    JsonLines,
    /// The items of a JSON array, after its `[`.
    JsonItems,
    /// JSON objects one after the other, each over any number of lines.
    JsonObjects,
    /// CSV with the columns of its header.
    Csv(Arc<Columns>),
}

impl Format {
    /// How records are separated.
    pub fn framing(&self) -> Framing {
        match self {
            Format::JsonLines => Framing::Lines,
            Format::JsonItems => Framing::Items,
            Format::JsonObjects => Framing::Objects,
            Format::Csv(columns) => Framing::Csv { delimiter: columns.delimiter },
        }
    }

    /// Whether a line is blank: white space alone, or in CSV delimiters alone. Only lines can be
    /// blank; white space between the items of an array is not counted.
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

/// Where a run of empty lines from this offset on ends, and their number. A file may have a billion
/// of them, so they are not framed one by one.
fn empty_lines(chunk: &[u8], from: usize) -> Option<(usize, u64)> {
    let (mut at, mut lines) = (from, 0);
    loop {
        at += match chunk.get(at..) {
            Some([b'\n', ..]) => 1,
            Some([b'\r', b'\n', ..]) => 2,
            _ => return (0 < lines).then_some((at, lines)),
        };
        lines += 1;
    }
}

/// When a batch is full. A single record may be larger than `bytes`.
#[derive(Clone, Copy, Debug)]
pub struct BatchLimits {
    pub rows: usize,
    pub bytes: usize,
}

/// The decoder of one worker: the names that it knows, its caches, and memory that it reuses.
pub struct Decoder {
    layout: Arc<Layout>,
    max_record: usize,
    pub names: Names,
    json: json::Scratch,
    shapes: json::ShapeCache,
    csv: csv::Scratch,
}

impl fmt::Debug for Decoder {
    /// Shows no names: they are data.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Decoder({} names)", self.names.len())
    }
}

/// The result of decoding a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decoded {
    /// The offset in the chunk at which the next batch begins.
    pub next: usize,
    /// The number of blank lines after the last record. Those before a record are counted in its
    /// row.
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
            shapes: json::ShapeCache::default(),
            csv: csv::Scratch::default(),
        }
    }

    /// Removes all names. Every `NameId` returned so far becomes invalid.
    pub fn forget_names(&mut self) {
        self.names.clear();
        self.json.forget_names();
        self.shapes = json::ShapeCache::default();
    }

    /// Decodes records of `chunk` from byte `from` on into `batch`, until it is full or the chunk
    /// ends.
    ///
    /// `valid_utf8`: whether the whole chunk is known to be valid UTF-8. If not, each record is
    /// checked.
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
        let skips_blanks = !framing.is_bracketed() && format.is_blank_line(b"");
        while decoded.next < chunk.len()
            && batch.rows.len() < limits.rows
            && decoded.next - from < limits.bytes
        {
            if skips_blanks && let Some((next, lines)) = empty_lines(chunk, decoded.next) {
                decoded.next = next;
                decoded.blank_after += lines;
                continue;
            }
            let record = record_at(chunk, decoded.next, framing, self.max_record);
            decoded.next = record.next;
            // A line over the limit is a record even if it is blank: one that is not in memory as a
            // whole is not checked for that either.
            if record.problem.is_none() && format.is_blank_line(record.bytes(chunk)) {
                decoded.blank_after += 1;
            } else if record.is_nothing(framing) {
                // White space at the end of the chunk.
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
            return batch.mark_broken(row, Field::Record, code, detail);
        }
        if !valid_utf8 && simdutf8::basic::from_utf8(bytes).is_err() {
            return batch.mark_broken(row, Field::Record, Code::Utf8, Detail::InvalidBytes);
        }
        match format {
            Format::JsonLines | Format::JsonItems | Format::JsonObjects => {
                let span = record.start..record.end;
                json::decode(
                    &self.layout,
                    &mut self.names,
                    &mut self.json,
                    &mut self.shapes,
                    chunk,
                    span,
                    row,
                    batch,
                );
            }
            Format::Csv(columns) if columns.is_header(bytes) => batch.drop_header(row),
            Format::Csv(columns) => {
                let span = record.start..record.end;
                csv::decode(columns, &mut self.names, &mut self.csv, chunk, span, row, batch);
            }
        }
    }
}
