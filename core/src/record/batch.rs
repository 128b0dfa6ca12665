//! Some records of one chunk as rows, in the layout that all stages work on.

use std::{fmt, ops::Range};

use crate::simd::Span;

use super::{Code, Detail, Field, JsonType, NameId, Note, Noted, Problem, Slot, SlotKind};

/// The values of one entry, as a range of [`Batch::values`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Values {
    pub start: u32,
    pub len: u32,
}

impl Values {
    #[inline]
    pub fn new(start: usize, len: usize) -> Values {
        Values { start: narrow(start), len: narrow(len) }
    }

    pub fn range(self) -> Range<usize> {
        let start = usize::try_from(self.start).expect("usize is at least 32 bits wide");
        let len = usize::try_from(self.len).expect("usize is at least 32 bits wide");
        start..start + len
    }
}

/// A name of a map with its values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    pub name: NameId,
    /// In a map of lists, the items of the list; in a map of numbers, the one number.
    pub values: Values,
    /// In a map of lists, whether the value was a list. A bare value is kept as one item.
    pub is_list: bool,
}

impl Entry {
    /// Whether an operation removed all values. A list that came in empty is not removed.
    pub fn is_removed(self) -> bool {
        self.values.len == 0 && !self.is_list
    }
}

/// The entries of one map of one record, as a range of [`Batch::entries`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Entries {
    pub start: u32,
    pub len: u32,
}

impl Entries {
    #[inline]
    pub fn new(start: usize, len: usize) -> Entries {
        Entries { start: narrow(start), len: narrow(len) }
    }

    pub fn range(self) -> Range<usize> {
        Values { start: self.start, len: self.len }.range()
    }
}

/// Where a record is in its chunk, and what the stages decided about it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Row {
    /// The offset of the record in the chunk, in bytes.
    pub start: usize,
    /// The length of the record in bytes, without the line end.
    pub len: usize,
    /// Whether the record could not be decoded. If so, its slots have no meaning.
    pub broken: bool,
    /// Whether the rules leave the record out.
    pub dropped: bool,
    /// Whether it is dropped because it repeats the header of its file. Its slots are absent.
    pub is_header: bool,
    /// With `[[input.endpoint]]`, the position of the block that gave the record, from 1; else 0.
    pub endpoint: u8,
    /// The number of records that its CSV row gave before it.
    pub earlier: u8,
    /// The number of fields in the record that only exports have. They are not imported.
    pub export_only: u32,
    /// The number of CSV cells in which blanks precede a quote, which is text then.
    pub spaced_quotes: u32,
    /// The number of blank lines between the previous record and this one.
    pub blank_before: u64,
}

/// Consecutive records of one chunk, in input order.
///
/// - The slots of row `r` start at `r * width`, its maps at `r * maps_width`.
/// - The values of a map are in the order of its entries. Between them there may be values that
///   operations have removed.
/// - A worker reuses a batch: clearing it keeps the memory.
#[derive(Default)]
pub struct Batch {
    /// The number of slots in a row: one for each node of the schema.
    pub width: usize,
    /// The number of maps in a row.
    pub maps_width: usize,
    pub rows: Vec<Row>,
    pub slots: Vec<Slot>,
    pub maps: Vec<Entries>,
    pub entries: Vec<Entry>,
    pub values: Vec<Slot>,
    /// The bytes that stages made: unescaped text, tokens, masks.
    pub arena: Vec<u8>,
    /// The problems found so far, each with its row, in the order in which they were found.
    pub problems: Vec<(u32, Problem)>,
    /// The fields that are not in the schema, each with its row.
    pub unknown: Vec<(u32, NameId)>,
    /// What stages noticed about values.
    pub notes: Vec<Noted>,
    /// The settings of `[input.rename]` that matched a name, by index.
    pub renamings: Vec<bool>,
    /// Not 0: some text may look as if a setting were missing ([`odd_marks`](super::odd_marks)).
    pub odd_marks: u8,
}

impl Batch {
    pub fn new(width: usize, maps_width: usize) -> Self {
        Batch { width, maps_width, ..Batch::default() }
    }

    pub fn clear(&mut self) {
        self.rows.clear();
        self.slots.clear();
        self.maps.clear();
        self.entries.clear();
        self.values.clear();
        self.arena.clear();
        self.problems.clear();
        self.unknown.clear();
        self.notes.clear();
        self.renamings.clear();
        self.odd_marks = 0;
    }

    /// Adds a row with all slots absent for the record at byte `start`. Returns its number.
    pub fn begin_row(&mut self, start: usize) -> usize {
        self.rows.push(Row { start, ..Row::default() });
        self.slots.resize(self.rows.len() * self.width, Slot::ABSENT);
        self.maps.resize(self.rows.len() * self.maps_width, Entries::default());
        self.rows.len() - 1
    }

    /// Adds a row for another record of the same bytes as `row`. Returns its number.
    pub fn begin_another(&mut self, row: usize) -> usize {
        let Row { start, len, .. } = self.rows.get(row).copied().unwrap_or_default();
        let another = self.begin_row(start);
        if let Some(place) = self.rows.get_mut(another) {
            place.len = len;
            place.earlier = u8::try_from(another - row).expect("a row gives few records");
        }
        another
    }

    /// Makes the last row as it was when it began.
    pub fn restart_last_row(&mut self) {
        let Some(row) = self.rows.len().checked_sub(1) else { return };
        self.reset_row(row);
        let number = row_number(row);
        self.problems.truncate(self.problems.partition_point(|(of, _)| *of < number));
        self.unknown.truncate(self.unknown.partition_point(|(of, _)| *of < number));
    }

    /// Removes the last row. What it added to the lists of entries, values and bytes remains unused.
    pub fn remove_last_row(&mut self) {
        self.restart_last_row();
        self.rows.pop();
        self.slots.truncate(self.rows.len() * self.width);
        self.maps.truncate(self.rows.len() * self.maps_width);
    }

    /// Drops a row because it repeats the header.
    pub fn drop_header(&mut self, row: usize) {
        if let Some(row) = self.rows.get_mut(row) {
            (row.dropped, row.is_header) = (true, true);
        }
    }

    /// Makes all slots of a row absent and its maps empty, and clears what was decided about it.
    pub fn reset_row(&mut self, row: usize) {
        if let Some(row) = self.rows.get_mut(row) {
            let Row { start, len, blank_before, .. } = *row;
            *row = Row { start, len, blank_before, ..Row::default() };
        }
        let slots = row * self.width..(row + 1) * self.width;
        self.slots.get_mut(slots).unwrap_or(&mut []).fill(Slot::ABSENT);
        let maps = row * self.maps_width..(row + 1) * self.maps_width;
        self.maps.get_mut(maps).unwrap_or(&mut []).fill(Entries::default());
    }

    #[inline]
    pub fn slot(&self, row: usize, node: usize) -> Slot {
        self.slots.get(row * self.width + node).copied().unwrap_or(Slot::ABSENT)
    }

    #[inline]
    pub fn set_slot(&mut self, row: usize, node: usize, slot: Slot) {
        let width = self.width;
        if let Some(place) = self.slots.get_mut(row * width + node) {
            *place = slot;
        }
    }

    /// The slots of one row.
    #[inline]
    pub fn row_slots(&self, row: usize) -> &[Slot] {
        self.slots.get(row * self.width..(row + 1) * self.width).unwrap_or(&[])
    }

    /// The entries of one map of one row.
    #[inline]
    pub fn map_entries(&self, row: usize, map: usize) -> &[Entry] {
        let range = self.map(row, map).range();
        self.entries.get(range).unwrap_or(&[])
    }

    #[inline]
    pub fn map(&self, row: usize, map: usize) -> Entries {
        self.maps.get(row * self.maps_width + map).copied().unwrap_or_default()
    }

    #[inline]
    pub fn set_map(&mut self, row: usize, map: usize, entries: Entries) {
        let at = row * self.maps_width + map;
        if let Some(place) = self.maps.get_mut(at) {
            *place = entries;
        }
    }

    /// The values of one entry.
    #[inline]
    pub fn entry_values(&self, entry: Entry) -> &[Slot] {
        self.values.get(entry.values.range()).unwrap_or(&[])
    }

    /// The smallest range that has all values of these entries, which are those of one map. Removed
    /// values may be among them.
    #[inline]
    pub fn covering_values(&self, entries: &[Entry]) -> &[Slot] {
        let ([first, ..], [.., last]) = (entries, entries) else { return &[] };
        let around = first.values.range().start..last.values.range().end;
        let contains = |entry: &Entry| {
            let own = entry.values.range();
            own.is_empty() || (around.start <= own.start && own.end <= around.end)
        };
        debug_assert!(entries.iter().all(contains), "values are in the order of their entries");
        self.values.get(around).unwrap_or(&[])
    }

    /// Marks a row as one that could not be decoded, and adds the problem that says why.
    pub fn mark_broken(&mut self, row: usize, field: Field, code: Code, detail: Detail) {
        self.add_problem(row, Problem { field, code, rule: 0, detail });
        if let Some(place) = self.rows.get_mut(row) {
            place.broken = true;
        }
    }

    pub fn add_problem(&mut self, row: usize, problem: Problem) {
        self.problems.push((row_number(row), problem));
    }

    /// Notes something about a value.
    pub fn note(&mut self, row: usize, field: Field, note: Note) {
        self.notes.push(Noted { row: row_number(row), field, note });
    }

    /// Notes that a setting of `[input.rename]` matched a name.
    pub fn note_renaming(&mut self, number: usize) {
        if self.renamings.len() <= number {
            self.renamings.resize(number + 1, false);
        }
        if let Some(matched) = self.renamings.get_mut(number) {
            *matched = true;
        }
    }

    /// Adds a field that is not in the schema.
    pub fn add_unknown(&mut self, row: usize, name: NameId) {
        self.unknown.push((row_number(row), name));
    }

    /// The rows that stages work on: those that were decoded and are not dropped.
    pub fn live_rows(&self) -> impl Iterator<Item = usize> + use<'_> {
        self.rows.iter().enumerate().filter(|(_, row)| !row.broken && !row.dropped).map(|(n, _)| n)
    }
}

fn row_number(row: usize) -> u32 {
    u32::try_from(row).expect("a batch has few rows")
}

fn narrow(index: usize) -> u32 {
    u32::try_from(index).expect("a batch has fewer than 2^32 values")
}

/// The bytes that slots refer to: a chunk, and the arena of a batch of its records.
#[derive(Clone, Copy)]
pub struct Text<'a> {
    pub chunk: &'a [u8],
    pub arena: &'a [u8],
}

impl<'a> Text<'a> {
    /// The span of a slot with text or a number.
    #[inline]
    pub fn span(self, slot: Slot) -> Span<'a> {
        let source = if slot.in_arena() { self.arena } else { self.chunk };
        Span { source, start: slot.start(), len: slot.len() }
    }

    /// The bytes of a slot with text or a number. Empty for any other slot.
    #[inline]
    pub fn of(self, slot: Slot) -> &'a [u8] {
        match slot.kind() {
            SlotKind::Text | SlotKind::Number => {
                let bytes = if slot.in_arena() { self.arena } else { self.chunk };
                bytes.get(slot.start()..slot.start() + slot.len()).unwrap_or(&[])
            }
            SlotKind::Absent
            | SlotKind::Other(
                JsonType::Boolean | JsonType::Object | JsonType::Array | JsonType::Null,
            ) => &[],
        }
    }
}

impl Text<'_> {
    /// The text of a slot with a boolean.
    pub fn of_boolean(self, slot: Slot) -> &'static [u8] {
        if self.chunk.get(slot.start()) == Some(&b't') { b"true" } else { b"false" }
    }
}

impl fmt::Debug for Batch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Batch({} rows)", self.rows.len())
    }
}

impl fmt::Debug for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Text({} + {} bytes)", self.chunk.len(), self.arena.len())
    }
}
