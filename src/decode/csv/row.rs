//! One CSV record becomes one row: RFC 4180, with the file's columns.
//!
//! A cell without doubled quotes is a span of the chunk; else it goes to the arena. An empty
//! cell, quoted or not, is an absent field. A cell of a number field that is no JSON number
//! stays text, and is judged as such.

use std::ops::Range;

use memchr::memchr;

use super::columns::{Columns, FieldColumn, MapColumns};
use crate::decode::{broken, narrow};
use crate::record::{
    Batch, Code, Detail, Entries, Entry, Field, NameId, Names, Slot, Text, Values,
};
use crate::simd::Span;
use crate::simd::divide::Divided;
use crate::simd::scan::each_divider;

/// Memory that one worker's decoder reuses.
#[derive(Default)]
pub(in crate::decode) struct Scratch {
    divided: Divided,
    /// The cells of a record, and behind them the constants: what is empty is absent.
    cells: Vec<Slot>,
    /// In the batch's arena.
    constants: Vec<Slot>,
    /// By map and name of the columns.
    names: Vec<Vec<NameId>>,
}

impl Scratch {
    /// Makes ready for a batch, whose arena gets the constants.
    pub(in crate::decode) fn begin(
        &mut self,
        columns: &Columns,
        names: &mut Names,
        batch: &mut Batch,
    ) {
        self.names.clear();
        self.names.extend(columns.maps.iter().map(|map| {
            let all = map.names.iter();
            all.map(|(name, _)| names.intern(map.scope, name)).collect::<Vec<NameId>>()
        }));
        self.constants.clear();
        for constant in &columns.constants {
            let start = batch.arena.len();
            batch.arena.extend_from_slice(constant.as_bytes());
            self.constants.push(Slot::new_text(start, constant.len(), false));
        }
    }

    /// Finds the cells of a record.
    fn find_cells(&mut self, record: Span<'_>, columns: &Columns, arena: &mut Vec<u8>) {
        assert!(record.len <= Slot::LEN_MAX, "a record is below 64 MiB");
        let Scratch { divided, cells, .. } = self;
        divided.find(record, columns.delimiter, columns.width);
        if divided.has_bare_quote() {
            return find_cells_plainly(record, columns.delimiter, cells, arena);
        }
        let is_plain = !divided.has_escapes();
        cells.clear();
        cells.extend(divided.starts().windows(2).map(|places| match places {
            [start, next] => Slot::text_or_absent(*start, next - start - 1, is_plain),
            _ => Slot::ABSENT,
        }));
        for cell in divided.quoted() {
            if let Some(slot) = cells.get_mut(*cell) {
                let (start, len) = (slot.start() + 1, slot.len().saturating_sub(2));
                let text = Span { start, len, ..record };
                *slot = text_slot(text, divided.has_doubled_quotes(), is_plain, arena);
            }
        }
    }
}

/// The same where a cell holds a quote and is not quoted: none of its cells is plain.
#[cold]
fn find_cells_plainly(record: Span<'_>, delimiter: u8, cells: &mut Vec<Slot>, arena: &mut Vec<u8>) {
    cells.clear();
    cells_of(record, delimiter, &mut |Cell { start, len, has_doubled_quotes }| {
        let text = Span { start: record.start + start, len, ..record };
        cells.push(text_slot(text, has_doubled_quotes, false, arena));
    });
}

/// The slot of a cell's text, in which quotes may be doubled.
fn text_slot(text: Span<'_>, may_be_doubled: bool, is_plain: bool, arena: &mut Vec<u8>) -> Slot {
    let bytes = text.bytes();
    if bytes.is_empty() {
        return Slot::ABSENT;
    }
    if !may_be_doubled || memchr(b'"', bytes).is_none() {
        return Slot::text(text.start, text.len, is_plain);
    }
    let start = arena.len();
    push_without_doubled(bytes, arena);
    Slot::new_text(start, arena.len() - start, false)
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

    pub(in crate::decode) fn bytes(self, record: &[u8]) -> &[u8] {
        record.get(self.start..self.start + self.len).unwrap_or(&[])
    }
}

/// Reads the record in `span` of the chunk into a row of the batch. Its frame is sound: quoted
/// cells are closed and followed by a delimiter or the end.
pub(in crate::decode) fn decode(
    columns: &Columns,
    names: &mut Names,
    scratch: &mut Scratch,
    chunk: &[u8],
    span: Range<usize>,
    row: usize,
    batch: &mut Batch,
) {
    let record = Span { source: chunk, start: span.start, len: span.len() };
    scratch.find_cells(record, columns, &mut batch.arena);
    if let Some(detail) = shape_fault(columns, &scratch.cells) {
        return broken(batch, row, Field::Record, Code::CsvSyntax, detail);
    }
    let has_value = |column: &usize| scratch.cells.get(*column).is_some_and(|c| !c.is_absent());
    let export_only = columns.export_only.iter().filter(|column| has_value(column)).count();
    for (column, scope, name) in &columns.unknown {
        if has_value(column) {
            let id = names.intern(*scope, name);
            batch.unknown_field(row, id);
        }
    }
    if let Some(place) = batch.rows.get_mut(row) {
        place.export_only = narrow(export_only);
    }
    scratch.cells.extend_from_slice(&scratch.constants);
    set_fields(&columns.fields, &scratch.cells, chunk, row, batch);
    for (map, names) in columns.maps.iter().zip(&scratch.names) {
        set_map(map, names, &scratch.cells, chunk, row, batch);
    }
}

/// A row has as many cells as the header, and none with a value under an empty name.
fn shape_fault(columns: &Columns, cells: &[Slot]) -> Option<Detail> {
    if cells.len() < columns.width {
        return Some(Detail::TooFewCells);
    }
    if columns.width < cells.len() {
        return Some(Detail::TooManyCells);
    }
    let has_value = |column: &usize| cells.get(*column).is_some_and(|cell| !cell.is_absent());
    columns.unnamed.iter().any(has_value).then_some(Detail::UnnamedColumn)
}

/// Puts cells into the slots of fields.
fn set_fields(fields: &[FieldColumn], cells: &[Slot], chunk: &[u8], row: usize, batch: &mut Batch) {
    let Batch { slots, arena, width, .. } = batch;
    let text = Text { chunk, arena };
    let slots = slots.get_mut(row * *width..).unwrap_or(&mut []);
    for field in fields {
        if let (Some(slot), Some(cell)) = (slots.get_mut(field.node), cells.get(field.column)) {
            *slot = if field.is_number { as_number(*cell, text) } else { *cell };
        }
    }
}

/// Puts cells under the names of a map.
fn set_map(
    map: &MapColumns,
    names: &[NameId],
    cells: &[Slot],
    chunk: &[u8],
    row: usize,
    batch: &mut Batch,
) {
    let first = batch.entries.len();
    match &map.single {
        Some(columns) if map.is_lists => set_lists_of_one(columns, names, cells, batch),
        _ => set_entries(map, names, cells, chunk, batch),
    }
    let len = narrow(batch.entries.len() - first);
    batch.set_map(row, map.map, Entries { start: narrow(first), len });
}

/// Which names have a value can't be foretold: so each is written, and what has none is written
/// over by the next.
fn set_lists_of_one(columns: &[usize], names: &[NameId], cells: &[Slot], batch: &mut Batch) {
    let Some(name) = names.first() else { return };
    let Batch { entries, values, .. } = batch;
    let (first_entry, first_value) = (entries.len(), values.len());
    let mut list = Values { start: narrow(first_value), len: 1 };
    entries.resize(first_entry + names.len(), Entry { name: *name, values: list, is_list: true });
    values.resize(first_value + names.len(), Slot::ABSENT);
    let mut found = 0;
    for (column, name) in columns.iter().zip(names) {
        let cell = cells.get(*column).copied().unwrap_or(Slot::ABSENT);
        let places = (entries.get_mut(first_entry + found), values.get_mut(first_value + found));
        if let (Some(entry), Some(value)) = places {
            *entry = Entry { name: *name, values: list, is_list: true };
            *value = cell;
        }
        list.start += u32::from(!cell.is_absent());
        found += usize::from(!cell.is_absent());
    }
    entries.truncate(first_entry + found);
    values.truncate(first_value + found);
}

/// The same for any map.
fn set_entries(
    map: &MapColumns,
    names: &[NameId],
    cells: &[Slot],
    chunk: &[u8],
    batch: &mut Batch,
) {
    let Batch { entries, values, arena, .. } = batch;
    let text = Text { chunk, arena };
    for ((_, columns), name) in map.names.iter().zip(names) {
        let start = values.len();
        for column in columns {
            let cell = cells.get(*column).copied().unwrap_or(Slot::ABSENT);
            if !cell.is_absent() {
                values.push(if map.is_lists { cell } else { as_number(cell, text) });
            }
        }
        let len = values.len() - start;
        if 0 < len {
            let values = Values { start: narrow(start), len: narrow(len) };
            entries.push(Entry { name: *name, values, is_list: map.is_lists });
        }
    }
}

/// Text of a number field as a number, if it is one.
#[inline]
fn as_number(slot: Slot, text: Text<'_>) -> Slot {
    let is_number =
        !slot.is_empty() && crate::record::number_len(text.of(slot)) == Some(slot.len());
    match (is_number, slot.in_arena()) {
        (false, _) => slot,
        (true, false) => Slot::number(slot.start(), slot.len()),
        (true, true) => Slot::new_number(slot.start(), slot.len()),
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
pub(in crate::decode) fn each_cell(record: &[u8], delimiter: u8, give: &mut impl FnMut(Cell)) {
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
