//! One CSV record becomes one row: RFC 4180, with the file's columns.
//!
//! A cell without doubled quotes is a span of the chunk; else it goes to the arena. An empty
//! cell, quoted or not, is an absent field. A cell of a number field that is no JSON number
//! stays text, and is judged as such.

use std::ops::Range;

use memchr::memchr;

use super::columns::{Columns, MapColumns};
use super::narrow;
use crate::lanes::copy::Span;
use crate::lanes::scan::each_divider;
use crate::record::{Batch, Code, Detail, Entries, Entry, Field, NameId, Names, Slot, Values};

/// Memory that one worker's decoder reuses.
#[derive(Default)]
pub(super) struct Scratch {
    cells: Vec<Cell>,
    /// Where the constants are in the batch's arena.
    constants: Vec<Range<usize>>,
    /// By map and name of the columns, once a row of the batch has a value of that name.
    names: Vec<Vec<Option<NameId>>>,
}

impl Scratch {
    /// Puts the constants into a batch whose rows are to have them.
    pub(super) fn begin(&mut self, columns: &Columns, batch: &mut Batch) {
        self.names.clear();
        self.names.extend(columns.maps.iter().map(|map| vec![None; map.names.len()]));
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
    /// From the cell's first byte to the delimiter behind it, with so many quotes.
    #[inline]
    fn between(start: usize, end: usize, quotes: usize) -> Cell {
        let quote = usize::from(0 < quotes);
        let len = (end - start).saturating_sub(2 * quote);
        Cell { start: start + quote, len, has_doubled_quotes: 2 < quotes }
    }

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
    let record = Span { source: chunk, start: span.start, len: span.len() };
    scratch.cells.clear();
    let has_escapes = cells_of(record, columns.delimiter, &mut |cell| scratch.cells.push(cell));
    if let Some(detail) = shape_fault(columns, &scratch.cells) {
        return super::broken(batch, row, Field::Record, Code::CsvSyntax, detail);
    }
    let Scratch { cells, constants, names: known } = scratch;
    let mut cells = Cells { all: cells, constants, chunk, base: span.start, has_escapes, batch };
    for field in &columns.fields {
        let slot = cells.slot(field.column, field.is_number);
        cells.batch.set_slot(row, field.node, slot);
    }
    for (map, known) in columns.maps.iter().zip(known) {
        cells.map(map, names, known, row);
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
    /// Whether something in the record has to be escaped in JSON, but for the quotes of quoted cells.
    has_escapes: bool,
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
            return Slot::text(start, cell.len, !self.has_escapes);
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

    /// `known`: the names of the map's columns, as far as they were needed.
    fn map(
        &mut self,
        map: &MapColumns,
        names: &mut Names,
        known: &mut [Option<NameId>],
        row: usize,
    ) {
        let first = self.batch.entries.len();
        for ((name, columns), known) in map.names.iter().zip(known) {
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
                let name = *known.get_or_insert_with(|| names.intern(map.scope, name));
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
    cells_of(Span::whole(record), delimiter, give);
}

/// The same; tells whether the record holds a backslash, a control character, or a quote in a cell
/// that does not begin with one.
///
/// Where a frame is sound, a quoted cell ends at the delimiter before which its quotes are even.
#[inline]
fn cells_of(record: Span<'_>, delimiter: u8, give: &mut impl FnMut(Cell)) -> bool {
    let bytes = record.bytes();
    let (mut start, mut quotes, mut has_bare_quote) = (0, 0_usize, false);
    let has_escapes = each_divider(record, delimiter, |at| {
        if bytes.get(at) == Some(&delimiter) {
            if quotes.is_multiple_of(2) {
                give(Cell::between(start, at, quotes));
                (start, quotes) = (at + 1, 0);
            }
        } else if at == start || 0 < quotes {
            quotes += 1;
        } else {
            has_bare_quote = true;
        }
    });
    give(Cell::between(start, bytes.len(), quotes));
    has_escapes || has_bare_quote
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
