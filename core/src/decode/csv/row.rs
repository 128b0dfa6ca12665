//! Decodes one CSV record into one row (RFC 4180), by the columns of its file.
//!
//! 1. [`CellIndex`] finds the cells, 64 bytes at a time. Each becomes a slot: a span of the chunk,
//!    or of the arena if it had doubled quotes. An empty cell, quoted or not, is absent.
//! 2. The number of cells is checked against the header.
//! 3. The slots are copied to where their columns belong: to fields of the row, or to the entries
//!    of a map. The constants of the definition are columns after the last one of the file.
//!    With `[[input.endpoint]]` this is done for each endpoint of the row (`row/endpoints.rs`).
//!
//! Bytes are not looked at again after the first step, except those of number fields: a cell there
//! that is not a JSON number stays text, and validation rejects it.

mod endpoints;

use std::ops::Range;

use memchr::{memchr, memchr2};

use super::cell::{Cell, each_cell, has_bare_return, is_spaced_quote, push_unescaped};
use super::columns::{Columns, FieldColumn, MapColumns, RecordColumns};
use crate::decode::frame::Dialect;
use crate::decode::shaping::Nulls;
use crate::record::{
    Batch, Code, Detail, Entries, Entry, Field, NameId, Names, Note, Slot, Text, Values,
    number_len, odd_marks, swapped_marks,
};
use crate::simd::Span;
use crate::simd::divide::CellIndex;

/// The memory of one worker's decoder, reused from record to record.
#[derive(Default)]
pub(in crate::decode) struct Scratch {
    index: CellIndex,
    /// The cells of the record, followed by the constants.
    cells: Vec<Slot>,
    /// The constants, which are in the arena of the batch.
    constants: Vec<Slot>,
    /// The names of the columns of each map, for one kind of record after the other.
    names: Vec<Vec<NameId>>,
}

impl Scratch {
    /// Prepares for a batch: interns the names of the columns, and puts the constants into the
    /// arena.
    pub(in crate::decode) fn begin(
        &mut self,
        columns: &Columns,
        names: &mut Names,
        batch: &mut Batch,
    ) {
        self.names.clear();
        let maps = columns.records.iter().flat_map(|record| &record.maps);
        self.names.extend(maps.map(|map| {
            let all = map.names.iter();
            all.map(|(name, _)| names.intern(map.scope, name)).collect::<Vec<NameId>>()
        }));
        self.constants.clear();
        for constant in &columns.constants {
            let start = batch.arena.len();
            batch.arena.extend_from_slice(constant.as_bytes());
            batch.odd_marks |= odd_marks(constant.as_bytes());
            self.constants.push(Slot::new_text(start, constant.len(), false));
        }
    }

    /// Makes a slot of each cell of the record. Returns the number of cells in which blanks precede
    /// a quote, if these are not skipped.
    fn find_cells(&mut self, record: Span<'_>, columns: &Columns, arena: &mut Vec<u8>) -> u32 {
        assert!(record.len <= Slot::LEN_MAX, "a record is at most 64 MiB");
        let Scratch { index, cells, .. } = self;
        let dialect = columns.dialect;
        index.find(record, dialect.delimiter, columns.width);
        let may_escape = dialect.has_escapes && index.has_escapes();
        if index.has_bare_quote() || (may_escape && memchr(b'\\', record.bytes()).is_some()) {
            return find_cells_one_by_one(record, dialect, cells, arena);
        }
        let is_plain = !index.has_escapes();
        cells.clear();
        cells.extend(index.starts().windows(2).map(|starts| match starts {
            [start, next] => Slot::text_or_absent(*start, next - start - 1, is_plain),
            _ => Slot::ABSENT,
        }));
        for cell in index.quoted() {
            if let Some(slot) = cells.get_mut(*cell) {
                let (start, len) = (slot.start() + 1, slot.len().saturating_sub(2));
                let text = Span { start, len, ..record };
                *slot = text_slot(text, dialect, index.has_doubled_quotes(), is_plain, arena);
            }
        }
        if dialect.skips_space {
            skip_blanks(record.source, dialect, index, cells);
        }
        0
    }
}

/// Skips the blanks at the beginning of unquoted cells. (In a quoted cell, they are its text.)
fn skip_blanks(source: &[u8], dialect: Dialect, index: &CellIndex, cells: &mut [Slot]) {
    for (start, slot) in index.starts().iter().zip(cells) {
        let start = usize::try_from(*start).expect("usize is at least 32 bits wide");
        if !source.get(start).is_some_and(|byte| dialect.is_blank(*byte)) || slot.is_absent() {
            continue;
        }
        let text = source.get(start..start + slot.len()).unwrap_or(&[]);
        let blanks = text.iter().take_while(|byte| dialect.is_blank(**byte)).count();
        *slot = match slot.len() - blanks {
            0 => Slot::ABSENT,
            len => Slot::text(start + blanks, len, slot.is_plain()),
        };
    }
}

/// Does the same for a record with a quote in an unquoted cell, or with escapes. No cell is marked as
/// plain, since quotes need escapes in JSON.
#[cold]
fn find_cells_one_by_one(
    record: Span<'_>,
    dialect: Dialect,
    cells: &mut Vec<Slot>,
    arena: &mut Vec<u8>,
) -> u32 {
    let mut spaced_quotes = 0;
    cells.clear();
    each_cell(record, dialect, &mut |Cell { start, len, is_quoted, is_escaped }| {
        let text = Span { start: record.start + start, len, ..record };
        spaced_quotes += u32::from(!is_quoted && is_spaced_quote(text.bytes(), dialect));
        cells.push(text_slot(text, dialect, is_escaped, false, arena));
    });
    spaced_quotes
}

/// The slot of a cell's text. `may_be_escaped`: whether the text may contain doubled quotes or
/// escapes.
fn text_slot(
    text: Span<'_>,
    dialect: Dialect,
    may_be_escaped: bool,
    is_plain: bool,
    arena: &mut Vec<u8>,
) -> Slot {
    let bytes = text.bytes();
    if bytes.is_empty() {
        return Slot::ABSENT;
    }
    if !may_be_escaped || (!dialect.has_escapes && memchr(b'"', bytes).is_none()) {
        return Slot::text(text.start, text.len, is_plain);
    }
    let start = arena.len();
    push_unescaped(bytes, dialect, arena);
    Slot::new_text(start, arena.len() - start, false)
}

/// Decodes the record at `span` of the chunk into a row of the batch.
/// [`frame`](crate::decode::frame) found no problem with it: each quoted cell is closed, and
/// followed by a delimiter or the end.
pub(in crate::decode) fn decode(
    columns: &Columns,
    nulls: &Nulls,
    names: &mut Names,
    scratch: &mut Scratch,
    chunk: &[u8],
    span: Range<usize>,
    row: usize,
    batch: &mut Batch,
) {
    let record = Span { source: chunk, start: span.start, len: span.len() };
    let spaced_quotes = scratch.find_cells(record, columns, &mut batch.arena);
    if spaced_quotes != 0
        && let Some(place) = batch.rows.get_mut(row)
    {
        place.spaced_quotes = spaced_quotes;
    }
    let has_surplus = columns.width < scratch.cells.len();
    if (scratch.index.has_escapes() || has_surplus)
        && memchr(b'\r', record.bytes()).is_some()
        && has_bare_return(record.bytes(), columns.dialect)
    {
        return batch.mark_broken(row, Field::Record, Code::CsvSyntax, Detail::ReturnInLine);
    }
    if columns.width != scratch.cells.len() {
        fit_cells(columns, record, &mut scratch.cells, &mut batch.arena);
    }
    if !nulls.is_empty() {
        nulls.clear(&mut scratch.cells, Text { chunk, arena: &batch.arena });
    }
    if let Some(detail) = width_problem(columns, &scratch.cells) {
        return batch.mark_broken(row, Field::Record, Code::CsvSyntax, detail);
    }
    let has_value = |column: &usize| scratch.cells.get(*column).is_some_and(|c| !c.is_absent());
    let export_only = columns.export_only.iter().filter(|column| has_value(column)).count();
    for (column, scope, name) in &columns.unknown {
        if has_value(column) {
            let id = names.intern(*scope, name);
            batch.add_unknown(row, id);
        }
    }
    if let Some(place) = batch.rows.get_mut(row) {
        place.export_only = u32::try_from(export_only).expect("a record has few columns");
    }
    if !columns.with_commas.is_empty() {
        convert_decimals(columns, chunk, &mut scratch.cells, &mut batch.arena);
    }
    scratch.cells.extend_from_slice(&scratch.constants);
    match columns.records.as_slice() {
        [record] if record.address.is_none() => {
            set_record(columns, record, &scratch.names, &scratch.cells, chunk, row, batch);
        }
        _ => endpoints::set_records(columns, scratch, chunk, row, batch),
    }
}

/// Sets the fields and maps of one record. `names`: those of the columns of its maps. `cells`: those of
/// its row, and the constants.
#[inline]
fn set_record(
    columns: &Columns,
    record: &RecordColumns,
    names: &[Vec<NameId>],
    cells: &[Slot],
    chunk: &[u8],
    row: usize,
    batch: &mut Batch,
) {
    for column in &columns.respelled {
        if cells.get(*column).is_some_and(|cell| !cell.is_absent())
            && let Some(field) = field_of_column(*column, record, names)
        {
            batch.note(row, field, Note::RepairedName);
        }
    }
    set_fields(&record.fields, cells, chunk, row, batch);
    for (map, names) in record.maps.iter().zip(names) {
        set_map(map, names, cells, chunk, row, batch);
    }
}

/// Gives a record with fewer or more cells than the header the right number, if the definition allows
/// that: cells that it lacks are absent, and empty ones that it has too many are removed.
#[cold]
fn fit_cells(columns: &Columns, record: Span<'_>, cells: &mut Vec<Slot>, arena: &mut Vec<u8>) {
    if !columns.pads_rows && cells.len() < columns.width {
        return;
    }
    if columns.width < cells.len() {
        // The index has not found all of them.
        find_cells_one_by_one(record, columns.dialect, cells, arena);
        let surplus = cells.get(columns.width..).unwrap_or(&[]);
        if !columns.pads_rows || !surplus.iter().all(|cell| cell.is_absent()) {
            return;
        }
    }
    cells.resize(columns.width, Slot::ABSENT);
}

/// What a column has values of in a record; `None` if it is no field of it.
fn field_of_column(column: usize, record: &RecordColumns, names: &[Vec<NameId>]) -> Option<Field> {
    let of_field = record.fields.iter().find(|field| field.column == column);
    if let Some(FieldColumn { node, .. }) = of_field {
        return u8::try_from(*node).ok().map(Field::Node);
    }
    record.maps.iter().zip(names).find_map(|(map, names)| {
        let own = map.names.iter().position(|(_, columns)| columns.contains(&column))?;
        names.get(own).copied().map(Field::Named)
    })
}

/// Checks that the record has as many cells as the header, and no value in a column without a name.
fn width_problem(columns: &Columns, cells: &[Slot]) -> Option<Detail> {
    if cells.len() < columns.width {
        return Some(Detail::TooFewCells);
    }
    if let Some(surplus @ [_, ..]) = cells.get(columns.width..) {
        let are_empty = surplus.iter().all(|cell| cell.is_absent());
        return Some(if are_empty { Detail::TooManyEmptyCells } else { Detail::TooManyCells });
    }
    let has_value = |column: &usize| cells.get(*column).is_some_and(|cell| !cell.is_absent());
    columns.unnamed.iter().any(has_value).then_some(Detail::UnnamedColumn)
}

/// Swaps commas and points in the cells of number fields. So what has a decimal comma becomes a JSON
/// number, and what has a point does not, since the point may separate thousands.
fn convert_decimals(columns: &Columns, chunk: &[u8], cells: &mut [Slot], arena: &mut Vec<u8>) {
    for column in &columns.with_commas {
        let Some(cell) = cells.get_mut(*column).filter(|cell| !cell.is_absent()) else { continue };
        let text = Text { chunk, arena: arena.as_slice() }.of(*cell);
        if memchr2(b',', b'.', text).is_none() {
            continue;
        }
        let swapped = swapped_marks(text);
        *cell = Slot::new_text(arena.len(), swapped.len(), false);
        arena.extend_from_slice(&swapped);
    }
}

/// Sets the slots of the row's fields.
fn set_fields(fields: &[FieldColumn], cells: &[Slot], chunk: &[u8], row: usize, batch: &mut Batch) {
    let Batch { slots, arena, width, .. } = batch;
    let text = Text { chunk, arena };
    let slots = slots.get_mut(row * *width..).unwrap_or(&mut []);
    for field in fields {
        if let (Some(slot), Some(cell)) = (slots.get_mut(field.node), cells.get(field.column)) {
            *slot = if field.is_number { to_number(*cell, text) } else { *cell };
        }
    }
}

/// Sets the entries of one map of the row.
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
        Some(columns) if map.is_lists => push_single_values(columns, names, cells, batch),
        _ => push_entries(map, names, cells, chunk, batch),
    }
    let entries = Entries::new(first, batch.entries.len() - first);
    batch.set_map(row, map.map, entries);
}

/// Appends the entries of a map of lists in which each name has one column.
///
/// Which cells are absent is unpredictable, so there is no branch on it: an entry is written for
/// each name, and overwritten by the next one if the cell is absent.
fn push_single_values(columns: &[usize], names: &[NameId], cells: &[Slot], batch: &mut Batch) {
    let Some(name) = names.first() else { return };
    let Batch { entries, values, .. } = batch;
    let (first_entry, first_value) = (entries.len(), values.len());
    let mut list = Values::new(first_value, 1);
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

/// Appends the entries of any map.
fn push_entries(
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
                values.push(if map.is_lists { cell } else { to_number(cell, text) });
            }
        }
        let len = values.len() - start;
        if 0 < len {
            let values = Values::new(start, len);
            entries.push(Entry { name: *name, values, is_list: map.is_lists });
        }
    }
}

/// The cell as a number if it is one, else unchanged.
#[inline]
fn to_number(cell: Slot, text: Text<'_>) -> Slot {
    let is_number = !cell.is_empty() && number_len(text.of(cell)) == Some(cell.len());
    match (is_number, cell.in_arena()) {
        (false, _) => cell,
        (true, false) => Slot::number(cell.start(), cell.len()),
        (true, true) => Slot::new_number(cell.start(), cell.len()),
    }
}
