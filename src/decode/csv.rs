//! One CSV record becomes one row: RFC 4180, with the file's columns.
//!
//! A cell without doubled quotes is a span of the chunk; else it goes to the arena. An empty
//! cell, quoted or not, is an absent field. A cell of a number field that is no JSON number
//! stays text, and is judged as such.

use std::ops::Range;

use memchr::memchr;

use super::columns::{Columns, MapColumns};
use super::narrow;
use crate::record::{Batch, Code, Detail, Entries, Entry, Field, Names, Slot, Values};

/// Memory that one worker's decoder reuses.
#[derive(Default)]
pub(super) struct Scratch {
    cells: Vec<Cell>,
    /// Where the constants are in the batch's arena.
    constants: Vec<Range<usize>>,
}

impl Scratch {
    /// Puts the constants into a batch whose rows are to have them.
    pub(super) fn begin(&mut self, columns: &Columns, batch: &mut Batch) {
        self.constants.clear();
        for constant in &columns.constants {
            let start = batch.arena.len();
            batch.arena.extend_from_slice(constant.as_bytes());
            self.constants.push(start..batch.arena.len());
        }
    }
}

/// A cell's text in the record, without its quotes.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Cell {
    start: usize,
    len: usize,
    pub(super) has_doubled_quotes: bool,
}

impl Cell {
    pub(super) fn bytes(self, record: &[u8]) -> &[u8] {
        record.get(self.start..self.start + self.len).unwrap_or(&[])
    }
}

/// Reads the record in `span` of the chunk into a row of the batch. Its frame is sound: quoted
/// cells are closed and followed by a delimiter or the end.
pub(super) fn decode(
    columns: &Columns,
    names: &mut Names,
    scratch: &mut Scratch,
    chunk: &[u8],
    span: Range<usize>,
    row: usize,
    batch: &mut Batch,
) {
    let record = chunk.get(span.clone()).unwrap_or(&[]);
    scratch.cells.clear();
    each_cell(record, columns.delimiter, &mut |cell| scratch.cells.push(cell));
    if let Some(detail) = shape_fault(columns, &scratch.cells) {
        return super::broken(batch, row, Field::Record, Code::CsvSyntax, detail);
    }
    let Scratch { cells, constants } = scratch;
    let mut cells = Cells { all: cells, constants, chunk, base: span.start, batch };
    for field in &columns.fields {
        let slot = cells.slot(field.column, field.is_number);
        cells.batch.set_slot(row, field.node, slot);
    }
    for map in &columns.maps {
        cells.map(map, names, row);
    }
    for column in &columns.export_only {
        if !cells.is_empty(*column)
            && let Some(place) = cells.batch.rows.get_mut(row)
        {
            place.export_only += 1;
        }
    }
    for (column, scope, name) in &columns.unknown {
        if !cells.is_empty(*column) {
            let id = names.intern(*scope, name);
            cells.batch.unknown_field(row, id);
        }
    }
}

/// A row has as many cells as the header, and none with a value under an empty name.
fn shape_fault(columns: &Columns, cells: &[Cell]) -> Option<Detail> {
    if cells.len() < columns.width {
        return Some(Detail::TooFewCells);
    }
    if columns.width < cells.len() {
        return Some(Detail::TooManyCells);
    }
    let has_value = |column: &usize| cells.get(*column).is_some_and(|cell| 0 < cell.len);
    columns.unnamed.iter().any(has_value).then_some(Detail::UnnamedColumn)
}

/// The cells of one record, on their way into a batch.
struct Cells<'a> {
    all: &'a [Cell],
    /// Of columns after the last cell.
    constants: &'a [Range<usize>],
    chunk: &'a [u8],
    /// Where the record starts in the chunk.
    base: usize,
    batch: &'a mut Batch,
}

impl Cells<'_> {
    fn cell(&self, column: usize) -> Cell {
        self.all.get(column).copied().unwrap_or_default()
    }

    fn is_empty(&self, column: usize) -> bool {
        self.cell(column).len == 0
    }

    fn slot(&mut self, column: usize, is_number: bool) -> Slot {
        let cell = self.cell(column);
        if cell.len == 0 {
            return self.constant(column, is_number);
        }
        let start = self.base + cell.start;
        let bytes = self.chunk.get(start..start + cell.len).unwrap_or(&[]);
        if is_number && super::number_len(bytes) == Some(cell.len) {
            return Slot::number(start, cell.len);
        }
        if !cell.has_doubled_quotes {
            return Slot::text(start, cell.len, false);
        }
        let start = self.batch.arena.len();
        push_without_doubled(bytes, &mut self.batch.arena);
        Slot::new_text(start, self.batch.arena.len() - start, false)
    }

    /// The slot of a constant, or of an empty cell.
    #[inline]
    fn constant(&self, column: usize, is_number: bool) -> Slot {
        let number = column.checked_sub(self.all.len());
        let Some(Range { start, end }) =
            number.and_then(|number| self.constants.get(number)).cloned()
        else {
            return Slot::ABSENT;
        };
        let bytes = self.batch.arena.get(start..end).unwrap_or(&[]);
        if is_number && super::number_len(bytes) == Some(end - start) {
            return Slot::new_number(start, end - start);
        }
        Slot::new_text(start, end - start, false)
    }

    fn map(&mut self, map: &MapColumns, names: &mut Names, row: usize) {
        let first = self.batch.entries.len();
        for (name, columns) in &map.names {
            let start = self.batch.values.len();
            for column in columns {
                let slot = self.slot(*column, !map.is_lists);
                if !slot.is_absent() {
                    self.batch.values.push(slot);
                }
            }
            let len = self.batch.values.len() - start;
            if 0 < len {
                let values = Values { start: narrow(start), len: narrow(len) };
                let name = names.intern(map.scope, name);
                self.batch.entries.push(Entry { name, values, is_list: map.is_lists });
            }
        }
        let len = self.batch.entries.len() - first;
        self.batch.set_map(row, map.map, Entries { start: narrow(first), len: narrow(len) });
    }
}

/// The texts of the cells of a record whose frame is sound.
pub fn cell_texts(record: &[u8], delimiter: u8) -> Vec<Vec<u8>> {
    let mut texts = Vec::new();
    each_cell(record, delimiter, &mut |cell| {
        let mut text = Vec::new();
        push_text(cell, record, &mut text);
        texts.push(text);
    });
    texts
}

/// Appends the text of one cell of a record whose frame is sound; none where there is no such cell.
pub fn push_cell_text(
    record: &[u8],
    delimiter: u8,
    column: usize,
    out: &mut Vec<u8>,
) -> Option<()> {
    let (mut at, mut found) = (0, None);
    each_cell(record, delimiter, &mut |cell| {
        found = if at == column { Some(cell) } else { found };
        at += 1;
    });
    push_text(found?, record, out);
    Some(())
}

fn push_text(cell: Cell, record: &[u8], out: &mut Vec<u8>) {
    if cell.has_doubled_quotes {
        push_without_doubled(cell.bytes(record), out);
    } else {
        out.extend_from_slice(cell.bytes(record));
    }
}

/// Gives each cell of a record whose frame is sound.
pub(super) fn each_cell(record: &[u8], delimiter: u8, give: &mut impl FnMut(Cell)) {
    let mut at = 0;
    loop {
        let (cell, end) = cell_at(record, at, delimiter);
        give(cell);
        if end == record.len() {
            return;
        }
        at = end + 1;
    }
}

/// The cell that starts at `at`, and where its delimiter or the record's end is.
#[inline]
fn cell_at(record: &[u8], at: usize, delimiter: u8) -> (Cell, usize) {
    let rest = record.get(at..).unwrap_or(&[]);
    if rest.first() == Some(&b'"') {
        return quoted_cell(record, at + 1);
    }
    let len = memchr(delimiter, rest).unwrap_or(rest.len());
    (Cell { start: at, len, has_doubled_quotes: false }, at + len)
}

fn quoted_cell(record: &[u8], start: usize) -> (Cell, usize) {
    let mut at = start;
    let mut has_doubled_quotes = false;
    loop {
        let rest = record.get(at..).unwrap_or(&[]);
        let quote = at + memchr(b'"', rest).unwrap_or(rest.len());
        if record.get(quote + 1) != Some(&b'"') {
            let cell = Cell { start, len: quote - start, has_doubled_quotes };
            return (cell, record.len().min(quote + 1));
        }
        has_doubled_quotes = true;
        at = quote + 2;
    }
}

fn push_without_doubled(bytes: &[u8], out: &mut Vec<u8>) {
    let mut rest = bytes;
    while let Some(quote) = memchr(b'"', rest) {
        let (before, after) = rest.split_at(quote + 1);
        out.extend_from_slice(before);
        rest = after.get(1..).unwrap_or(&[]);
    }
    out.extend_from_slice(rest);
}
