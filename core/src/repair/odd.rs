//! Notes texts that look as if a setting were missing: what other programs write for null, and the marks of
//! a spreadsheet.
//!
//! Decoders tell whether a batch may have such texts ([`odd_marks`](crate::record::odd_marks)); nearly no
//! batch has any.

use super::ChunkText;
use super::spreadsheet::has_marks;
use crate::record::{Batch, Field, Note, Noted, Slot, Text};

/// What other programs write for null: databases and their dumps.
const NULLS: [&[u8]; 2] = [b"NULL", b"\\N"];

/// What is noted.
#[derive(Clone, Copy, Debug)]
pub struct OddTexts {
    /// Texts that look like null.
    pub nulls: bool,
    /// Texts with the marks of a spreadsheet.
    pub marks: bool,
}

impl OddTexts {
    /// Adds a note for each such value of the live rows.
    pub fn note(self, source: ChunkText<'_>, batch: &mut Batch) {
        if batch.odd_marks == 0 || (!self.nulls && !self.marks) {
            return;
        }
        let mut notes = std::mem::take(&mut batch.notes);
        let text = Text { chunk: source.chunk, arena: &batch.arena };
        let width = batch.width.max(1);
        for (place, slot) in batch.slots.iter().enumerate() {
            if may_be_odd(*slot, text)
                && let Some(note) = self.of(*slot, text)
                && batch.rows.get(place / width).is_some_and(|row| !row.broken && !row.dropped)
            {
                let row = u32::try_from(place / width).expect("a batch has few rows");
                let field = Field::Node(u8::try_from(place % width).expect("at most 128 nodes"));
                notes.push(Noted { row, field, note });
            }
        }
        if batch.values.iter().any(|value| may_be_odd(*value, text)) {
            self.note_in_maps(text, batch, &mut notes);
        }
        batch.notes = notes;
    }

    #[cold]
    fn note_in_maps(self, text: Text<'_>, batch: &Batch, notes: &mut Vec<Noted>) {
        for row in batch.live_rows() {
            for entry in (0..batch.maps_width).flat_map(|map| batch.map_entries(row, map)) {
                for value in batch.entry_values(*entry) {
                    if may_be_odd(*value, text)
                        && let Some(note) = self.of(*value, text)
                    {
                        let row = u32::try_from(row).expect("a batch has few rows");
                        notes.push(Noted { row, field: Field::Named(entry.name), note });
                    }
                }
            }
        }
    }

    #[cold]
    fn of(self, slot: Slot, text: Text<'_>) -> Option<Note> {
        let value = text.of(slot);
        if self.nulls && NULLS.contains(&value) {
            return Some(Note::LooksNull);
        }
        (self.marks && has_marks(value)).then_some(Note::Spreadsheet)
    }
}

#[inline]
fn may_be_odd(slot: Slot, text: Text<'_>) -> bool {
    if !slot.is_text() || slot.is_empty() {
        return false;
    }
    let bytes = if slot.in_arena() { text.arena } else { text.chunk };
    matches!(bytes.get(slot.start()), Some(b'N' | b'\\' | b'=' | b'\''))
}
