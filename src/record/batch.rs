//! Some records of one chunk, laid out for the stages.

use std::{fmt, ops::Range};

use crate::simd::Span;

use super::{JsonType, NameId, Problem, Slot, SlotKind};

/// The values of one entry: a range of [`Batch::values`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Values {
    pub start: u32,
    pub len: u32,
}

impl Values {
    pub fn range(self) -> Range<usize> {
        let start = usize::try_from(self.start).expect("usize is at least 32 bits wide");
        let len = usize::try_from(self.len).expect("usize is at least 32 bits wide");
        start..start + len
    }
}

/// One name of a map with what stands under it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    pub name: NameId,
    /// In a map of lists, the items; in a map of numbers, the one number.
    pub values: Values,
    /// In a map of lists, whether a list stood there. A bare value is one item and no list.
    pub is_list: bool,
}

impl Entry {
    /// Whether an operation took all its values. (A list that came in empty is kept.)
    pub fn is_removed(self) -> bool {
        self.values.len == 0 && !self.is_list
    }
}

/// The entries of one map of one record: a range of [`Batch::entries`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Entries {
    pub start: u32,
    pub len: u32,
}

impl Entries {
    pub fn range(self) -> Range<usize> {
        Values { start: self.start, len: self.len }.range()
    }
}

/// One record's place in its chunk, and what the stages have said of it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Row {
    /// Where the record begins, in bytes of the chunk.
    pub start: usize,
    /// Its length without the line end.
    pub len: usize,
    /// It could not be decoded; its slots say nothing.
    pub broken: bool,
    /// The policy leaves it out.
    pub dropped: bool,
    /// Fields that only exports carry, seen and left out.
    pub export_only: u32,
    /// Blank lines between the record before and this one.
    pub blank_before: u64,
}

/// A run of records from one chunk, in input order.
///
/// Row `r` has its slots at `r * width ..` and its maps at `r * maps_width ..`. The values of a map
/// stand in the order of its entries; between them may be what operations have taken away.
/// Clearing keeps the memory, so that a worker reuses it from batch to batch.
#[derive(Default)]
pub struct Batch {
    /// Slots in a row: one for each node of the schema.
    pub width: usize,
    /// Maps in a row.
    pub maps_width: usize,
    pub rows: Vec<Row>,
    pub slots: Vec<Slot>,
    pub maps: Vec<Entries>,
    pub entries: Vec<Entry>,
    pub values: Vec<Slot>,
    /// What the stages made: unescaped text, tokens, masks.
    pub arena: Vec<u8>,
    /// What is wrong, each with its row, in the order found.
    pub problems: Vec<(u32, Problem)>,
    /// Fields that the schema does not know, each with its row.
    pub unknown: Vec<(u32, NameId)>,
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
    }

    /// Adds a row whose slots are all absent; gives its number.
    pub fn begin_row(&mut self, start: usize) -> usize {
        self.rows.push(Row { start, ..Row::default() });
        self.slots.resize(self.rows.len() * self.width, Slot::ABSENT);
        self.maps.resize(self.rows.len() * self.maps_width, Entries::default());
        self.rows.len() - 1
    }

    /// Makes a row as it was begun, but for its place.
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

    /// The values of an entry.
    #[inline]
    pub fn entry_values(&self, entry: Entry) -> &[Slot] {
        self.values.get(entry.values.range()).unwrap_or(&[])
    }

    /// What all values of these entries, those of one map, lie in, perhaps with others between.
    #[inline]
    pub fn covering_values(&self, entries: &[Entry]) -> &[Slot] {
        let ([first, ..], [.., last]) = (entries, entries) else { return &[] };
        let around = first.values.range().start..last.values.range().end;
        let holds = |entry: &Entry| {
            let own = entry.values.range();
            own.is_empty() || (around.start <= own.start && own.end <= around.end)
        };
        debug_assert!(entries.iter().all(holds), "values stand in the order of entries");
        self.values.get(around).unwrap_or(&[])
    }

    pub fn problem(&mut self, row: usize, problem: Problem) {
        self.problems.push((row_number(row), problem));
    }

    /// Notes a field that the schema does not know.
    pub fn unknown_field(&mut self, row: usize, name: NameId) {
        self.unknown.push((row_number(row), name));
    }

    /// The rows that were decoded and are not dropped: those that the stages look at.
    pub fn live_rows(&self) -> impl Iterator<Item = usize> + use<'_> {
        self.rows.iter().enumerate().filter(|(_, row)| !row.broken && !row.dropped).map(|(n, _)| n)
    }
}

fn row_number(row: usize) -> u32 {
    u32::try_from(row).expect("a batch has few rows")
}

/// The bytes behind slots: a chunk and the arena of a batch of it.
#[derive(Clone, Copy)]
pub struct Text<'a> {
    pub chunk: &'a [u8],
    pub arena: &'a [u8],
}

impl<'a> Text<'a> {
    /// Where the bytes of a slot of text or a number stand.
    #[inline]
    pub fn span(self, slot: Slot) -> Span<'a> {
        let source = if slot.in_arena() { self.arena } else { self.chunk };
        Span { source, start: slot.start(), len: slot.len() }
    }

    /// What a slot of text or a number spans; nothing for the rest.
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
