//! Reads a record by comparison with those before it; see [`super::shape_cache`].
//!
//! It decides exactly what the decoder decides: each text between two values was read by the
//! decoder before, at the same place. Whatever is not plainly alike (a text not seen before, a
//! name twice) is left to the decoder, which then reads the whole record.

use super::shape_cache::{DecodeStep, ShapeCache, Target, Then};
use super::{Entries, Reader, Slot, narrow};

/// What the steps of one record keep between them.
#[derive(Default)]
struct Open {
    /// The number of the map that is open.
    map: u64,
    first_entry: usize,
    first_value: usize,
}

impl Reader<'_, ()> {
    /// Reads the record; none where it is not alike, and then the row may be half filled.
    pub(super) fn replay(&mut self, learned: &mut ShapeCache) -> Option<()> {
        let mut open = Open::default();
        let (mut seen, mut place) = (0, 0);
        loop {
            let edge = match learned.likely(place, self.chunk, self.at) {
                Some(edge) => edge,
                None => learned.find(place, self.chunk, self.at)?,
            };
            if seen & edge.members != 0 {
                return None;
            }
            seen |= edge.members;
            self.at += edge.literal.len();
            for step in &edge.steps {
                self.step(*step, &mut open)?;
            }
            match edge.then {
                Then::Text(target) => self.text(target)?,
                Then::Number(target) => self.number_to(target)?,
                Then::End => return (self.at == self.text.len()).then_some(()),
            }
            place = edge.next;
        }
    }

    #[inline]
    fn step(&mut self, step: DecodeStep, open: &mut Open) -> Option<()> {
        match step {
            DecodeStep::ExportOnly => self.batch.rows.get_mut(self.row)?.export_only += 1,
            DecodeStep::BeginMap => {
                open.map = self.next_object();
                open.first_entry = self.batch.entries.len();
            }
            DecodeStep::Name(name) => {
                let is_new = !self.scratch.is_repeated(name, open.map);
                return is_new.then_some(());
            }
            DecodeStep::EndMap(map) => {
                let (start, end) = (open.first_entry, self.batch.entries.len());
                let entries = Entries { start: narrow(start), len: narrow(end - start) };
                self.batch.set_map(self.row, map, entries);
            }
            DecodeStep::BeginList => open.first_value = self.batch.values.len(),
            DecodeStep::EndList(name) => self.push_entry(name, open.first_value, true),
        }
        Some(())
    }

    /// Reads text up to its closing quote, which is left to the next comparison.
    #[inline]
    fn text(&mut self, target: Target) -> Option<()> {
        let start = self.at;
        let len = self.plain_len(start);
        self.at = start + len;
        let slot = match self.peek() {
            Some(b'"') => Slot::text(start, len, true),
            Some(b'\\') => self.text_with_escapes(start, target)?,
            _ => return None,
        };
        self.put(target, slot);
        Some(())
    }

    #[cold]
    fn text_with_escapes(&mut self, start: usize, target: Target) -> Option<Slot> {
        if matches!(target, Target::Nowhere(_)) {
            return None;
        }
        self.at = start - 1;
        let raw = self.string().ok()?;
        self.at -= 1;
        Some(self.text_slot(raw))
    }

    fn number_to(&mut self, target: Target) -> Option<()> {
        let start = self.at;
        self.number().ok()?;
        self.put(target, Slot::number(start, self.at - start));
        Some(())
    }

    #[inline]
    fn put(&mut self, target: Target, slot: Slot) {
        match target {
            Target::Slot(node) => self.batch.set_slot(self.row, node, slot),
            Target::Item(_) => self.batch.values.push(slot),
            Target::Entry(name) => {
                let start = self.batch.values.len();
                self.batch.values.push(slot);
                self.push_entry(name, start, false);
            }
            Target::Nowhere(_) => {}
        }
    }
}
