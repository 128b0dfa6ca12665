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
mod records;
mod shaping;
mod spellings;
mod target;

pub use aliases::{Alias, Aliases, Sense, folded};
pub use csv::{
    COLUMNS_MAX, ColumnField, ColumnRules, ColumnSettings, Columns, EndpointSettings, HeaderError,
    cell_texts, each_cell_text, is_column, push_cell_text,
};
pub use layout::Layout;
pub use lookalike::Lookalikes;
pub use records::{Beside, RecordFinder, RecordsPath};
pub use shaping::{OTHERS, ShapeSettings};
pub use target::{CONTAINERS_MAX, container_paths};

use std::{fmt, ops::Range, sync::Arc};

use crate::record::{Batch, Code, Detail, Field, Names, odd_marks_of_cells};
use frame::{Framing, LineEnd, holds_objects, leading_filler, leading_space, record_at};

/// The most memory that a decoder's caches use, without the names of the data, in bytes.
pub const CACHE_BYTES_MAX: usize = json::CACHE_BYTES_MAX;

/// The format of an input, with what the decoder needs to know about it.
#[derive(Clone, Debug)]
pub enum Format {
    /// Newline-delimited JSON.
    JsonLines(LineEnd),
    /// The items of a JSON array, after its `[`.
    JsonItems(LineEnd),
    /// JSON objects one after the other, each over any number of lines.
    JsonObjects(LineEnd),
    /// CSV with the columns of its header.
    Csv(Arc<Columns>),
}

impl Format {
    /// How records are separated.
    pub fn framing(&self) -> Framing {
        match self {
            Format::JsonLines(line_end) => Framing::Lines(*line_end),
            Format::JsonItems(_) => Framing::Items,
            Format::JsonObjects(_) => Framing::Objects,
            Format::Csv(columns) => Framing::Csv(columns.dialect),
        }
    }

    /// What ends the lines of the text.
    pub fn line_end(&self) -> LineEnd {
        match self {
            Format::JsonLines(line_end)
            | Format::JsonItems(line_end)
            | Format::JsonObjects(line_end) => *line_end,
            Format::Csv(columns) => columns.dialect.line_end,
        }
    }

    /// Whether a line is blank: white space alone, or in CSV delimiters alone. Only lines can be
    /// blank; white space between the items of an array is not counted.
    fn is_blank_line(&self, line: &[u8]) -> bool {
        match self {
            Format::JsonLines(_) => is_filler(line),
            Format::JsonItems(_) | Format::JsonObjects(_) => false,
            Format::Csv(columns) => columns.is_blank(line),
        }
    }
}

/// Whether a line consists of white space and byte order marks.
fn is_filler(line: &[u8]) -> bool {
    leading_filler(line) == line.len()
}

/// Where a run of empty lines from this offset on ends, and their number. A file may have a billion
/// of them, so they are not framed one by one.
fn empty_lines(chunk: &[u8], from: usize, line_end: LineEnd) -> Option<(usize, u64)> {
    let (mut at, mut lines) = (from, 0);
    loop {
        at += match chunk.get(at..) {
            Some([b'\n', ..]) => 1,
            Some([b'\r', b'\n', ..]) => 2,
            Some([b'\r', ..]) if line_end == LineEnd::Return => 1,
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
    shaped: shaping::KnownNames,
}

impl fmt::Debug for Decoder {
    /// Shows no names: they are data.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Decoder({} names)", self.names.len())
    }
}

/// A line consists of several objects, each of which is a record.
struct SeveralObjects;

/// Moves the count of blank lines to the row that was added after them, the first of its record.
fn note_blank_lines(row: usize, decoded: &mut Decoded, batch: &mut Batch) {
    if let Some(row) = batch.rows.get_mut(row) {
        row.blank_before = std::mem::take(&mut decoded.blank_after);
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
            shaped: shaping::KnownNames::default(),
        }
    }

    /// Removes all names. Every `NameId` returned so far becomes invalid.
    pub fn forget_names(&mut self) {
        self.names.clear();
        self.json.forget_names();
        self.shapes = json::ShapeCache::default();
        self.shaped.clear();
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
        let line_end = format.line_end();
        let skips_blanks = !framing.is_bracketed() && format.is_blank_line(b"");
        let mut split = self.split_line(chunk, from, format);
        while decoded.next < chunk.len()
            && batch.rows.len() < limits.rows
            && decoded.next - from < limits.bytes
        {
            if decoded.next < split.end {
                self.decode_on_line(chunk, split, valid_utf8, format, &mut decoded, batch);
                continue;
            }
            if skips_blanks && let Some((next, lines)) = empty_lines(chunk, decoded.next, line_end)
            {
                decoded.next = next;
                decoded.blank_after += lines;
                continue;
            }
            let record = record_at(chunk, decoded.next, framing, self.max_record);
            let row = batch.rows.len();
            decoded.next = record.next;
            // A line over the limit is a record even if it is blank: one that is not in memory as a
            // whole is not checked for that either.
            if record.problem.is_none() && format.is_blank_line(record.bytes(chunk)) {
                decoded.blank_after += 1;
            } else if record.is_nothing(framing) {
                // White space at the end of the chunk.
            } else if self.decode_record(chunk, record, valid_utf8, format, batch).is_ok() {
                note_blank_lines(row, &mut decoded, batch);
            } else {
                batch.remove_last_row();
                (split, decoded.next) = (record, record.start);
            }
        }
        if let Format::Csv(_) = format {
            let text = chunk.get(from..decoded.next).unwrap_or(&[]);
            batch.odd_marks |= odd_marks_of_cells(text);
        }
        let (shaping, is_csv) = (&self.layout.shaping, matches!(format, Format::Csv(_)));
        if shaping.is_on(is_csv) {
            shaping.apply(chunk, is_csv, &mut self.names, &mut self.shaped, batch);
            batch.odd_marks = u8::MAX;
        }
        decoded
    }

    /// The line that byte `from` is on, if it is one of several objects and the earlier ones were
    /// decoded before; else an empty one. Records begin in the middle of no other line.
    fn split_line(&self, chunk: &[u8], from: usize, format: &Format) -> frame::Record {
        match format {
            Format::JsonLines(line_end) if !line_end.begins_at(chunk, from) => {
                record_at(chunk, from, format.framing(), self.max_record)
            }
            Format::JsonLines(_)
            | Format::JsonItems(_)
            | Format::JsonObjects(_)
            | Format::Csv(_) => frame::Record { start: from, end: from, next: from, problem: None },
        }
    }

    /// Decodes the next record of a line of several objects.
    #[cold]
    fn decode_on_line(
        &mut self,
        chunk: &[u8],
        line: frame::Record,
        valid_utf8: bool,
        format: &Format,
        decoded: &mut Decoded,
        batch: &mut Batch,
    ) {
        let within = chunk.get(..line.end).unwrap_or(&[]);
        let record = record_at(within, decoded.next, Framing::Objects, self.max_record);
        decoded.next = if record.next == line.end { line.next } else { record.next };
        if !record.is_nothing(Framing::Objects) {
            let row = batch.rows.len();
            // An object is not a line of several, so it is a record whatever is in it.
            self.decode_record(chunk, record, valid_utf8, format, batch).ok();
            note_blank_lines(row, decoded, batch);
        }
    }

    fn decode_record(
        &mut self,
        chunk: &[u8],
        record: frame::Record,
        valid_utf8: bool,
        format: &Format,
        batch: &mut Batch,
    ) -> Result<(), SeveralObjects> {
        let row = batch.begin_row(record.start);
        let bytes = record.bytes(chunk);
        if let Some(place) = batch.rows.last_mut() {
            place.len = bytes.len();
        }
        if let Some((code, detail)) = record.problem {
            batch.mark_broken(row, Field::Record, code, detail);
            return Ok(());
        }
        let is_utf8 = valid_utf8 || simdutf8::basic::from_utf8(bytes).is_ok();
        let span = record.start..record.end;
        match format {
            Format::JsonLines(_) | Format::JsonItems(_) | Format::JsonObjects(_) => {
                let outcome = if is_utf8 {
                    self.decode_json(chunk, span.clone(), row, batch)
                } else {
                    Err(Code::Utf8)
                };
                if let Err(code) = outcome {
                    return self.after_bad_json(chunk, span, code, format, row, batch);
                }
            }
            Format::Csv(_) if !is_utf8 => {
                batch.mark_broken(row, Field::Record, Code::Utf8, Detail::InvalidBytes);
            }
            Format::Csv(columns) if columns.is_header(bytes) => batch.drop_header(row),
            Format::Csv(columns) => {
                let nulls = &self.layout.shaping.nulls;
                let (names, scratch) = (&mut self.names, &mut self.csv);
                csv::decode(columns, nulls, names, scratch, chunk, span, row, batch);
            }
        }
        Ok(())
    }

    #[inline]
    fn decode_json(
        &mut self,
        chunk: &[u8],
        span: Range<usize>,
        row: usize,
        batch: &mut Batch,
    ) -> Result<(), Code> {
        let Decoder { layout, names, json, shapes, .. } = self;
        json::decode(layout, names, json, shapes, chunk, span, row, batch)
    }

    /// Decides about a record that is not one JSON object. A byte order mark at its beginning is
    /// white space, and a line may consist of several objects; else the row is broken.
    #[cold]
    fn after_bad_json(
        &mut self,
        chunk: &[u8],
        span: Range<usize>,
        mut code: Code,
        format: &Format,
        row: usize,
        batch: &mut Batch,
    ) -> Result<(), SeveralObjects> {
        let bytes = chunk.get(span.clone()).unwrap_or(&[]);
        let filler = leading_filler(bytes);
        if code != Code::Utf8 && leading_space(bytes) < filler {
            batch.restart_last_row();
            match self.decode_json(chunk, span.start + filler..span.end, row, batch) {
                Ok(()) => return Ok(()),
                Err(later) => code = later,
            }
        }
        if matches!(format, Format::JsonLines(_)) && holds_objects(bytes) {
            return Err(SeveralObjects);
        }
        let detail = if code == Code::Utf8 { Detail::InvalidBytes } else { Detail::None };
        batch.mark_broken(row, Field::Record, code, detail);
        Ok(())
    }
}
