//! Decodes a record by comparing it with the shapes of earlier ones; see [`super::shape_cache`].
//!
//! The result is that of the plain decoder. Whatever does not match (a literal that was not seen
//! there before, a repeated name, a number or text that is not valid) is left to the plain decoder,
//! which then reads the whole record.

use super::shape_cache::{DecodeStep, Destination, ShapeCache, ValueKind};
use super::{Entries, Reader, Slot};

/// What the steps of a record have opened.
#[derive(Default)]
struct Open {
    /// The number of the open map, for finding repeated names.
    map: u64,
    /// The first entry of the open map.
    first_entry: usize,
    /// The first value of the open list.
    first_value: usize,
}

impl Reader<'_, ()> {
    /// Decodes the record. Returns `None` if it does not match; the row may then be half filled.
    pub(super) fn replay(&mut self, shapes: &mut ShapeCache) -> Option<()> {
        let mut open = Open::default();
        let (mut seen, mut node) = (0, 0);
        loop {
            let transition = match shapes.likely(node, self.chunk, self.at) {
                Some(transition) => transition,
                None => shapes.find(node, self.chunk, self.at)?,
            };
            if seen & transition.members != 0 {
                return None;
            }
            seen |= transition.members;
            self.at += transition.literal.len();
            for step in &transition.steps {
                self.repeat_step(*step, &mut open)?;
            }
            match transition.value {
                ValueKind::Text(destination) => self.replay_text(destination)?,
                ValueKind::Number(destination) => self.replay_number(destination)?,
                ValueKind::End => return (self.at == self.text.len()).then_some(()),
            }
            node = transition.next;
        }
    }

    #[inline]
    fn repeat_step(&mut self, step: DecodeStep, open: &mut Open) -> Option<()> {
        match step {
            DecodeStep::ExportOnly => self.batch.rows.get_mut(self.row)?.export_only += 1,
            DecodeStep::BeginMap => {
                open.map = self.new_object_id();
                open.first_entry = self.batch.entries.len();
            }
            DecodeStep::Name(name) => {
                let is_new = !self.scratch.is_repeated(name, open.map);
                return is_new.then_some(());
            }
            DecodeStep::EndMap(map) => {
                let (start, end) = (open.first_entry, self.batch.entries.len());
                self.batch.set_map(self.row, map, Entries::new(start, end - start));
            }
            DecodeStep::BeginList => open.first_value = self.batch.values.len(),
            DecodeStep::EndList(name) => self.push_entry(name, open.first_value, true),
        }
        Some(())
    }

    /// Reads text up to its closing quote, which is part of the next literal.
    #[inline]
    fn replay_text(&mut self, destination: Destination) -> Option<()> {
        let start = self.at;
        let len = self.plain_len(start);
        self.at = start + len;
        let slot = match self.peek() {
            Some(b'"') => {
                self.note_odd_text(start);
                Slot::text(start, len, true)
            }
            Some(b'\\') => self.text_with_escapes(start, destination)?,
            _ => return None,
        };
        self.store(destination, slot);
        Some(())
    }

    #[cold]
    fn text_with_escapes(&mut self, start: usize, destination: Destination) -> Option<Slot> {
        if matches!(destination, Destination::Discarded(_)) {
            return None;
        }
        self.at = start - 1;
        let raw = self.read_string().ok()?;
        self.at -= 1;
        Some(self.text_slot(raw))
    }

    fn replay_number(&mut self, destination: Destination) -> Option<()> {
        let start = self.at;
        self.skip_number().ok()?;
        self.store(destination, Slot::number(start, self.at - start));
        Some(())
    }

    #[inline]
    fn store(&mut self, destination: Destination, slot: Slot) {
        match destination {
            Destination::Slot(node) => self.batch.set_slot(self.row, node, slot),
            Destination::ListItem(_) => self.batch.values.push(slot),
            Destination::NewEntry(name) => {
                let start = self.batch.values.len();
                self.batch.values.push(slot);
                self.push_entry(name, start, false);
            }
            Destination::Moved { place, node } => self.store_moved(place, node, slot),
            Destination::Discarded(_) => {}
        }
    }
}
