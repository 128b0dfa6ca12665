//! Reads maps: attributes, whose values are lists, and metrics, whose values are numbers.

use super::shape_cache::{DecodeStep, Destination, Recorder, TraceEvent};
use super::{JsonResult, Reader};
use crate::record::{Entries, Field, JsonType, NameId, Scope, Slot};

impl<R: Recorder> Reader<'_, R> {
    /// Reads a map. `read_entry` reads the value of each name and pushes its entry.
    pub(super) fn read_map(
        &mut self,
        scope: Scope,
        map: usize,
        depth: usize,
        read_entry: impl Fn(&mut Self, NameId, usize) -> JsonResult<()>,
    ) -> JsonResult<()> {
        let object_id = self.new_object_id();
        let start = self.batch.entries.len();
        self.recorder.record(TraceEvent::Step(DecodeStep::BeginMap));
        let mut is_closed = self.open(depth, b'}')?;
        while !is_closed {
            let id = self.read_map_name(scope)?;
            self.field = Field::Named(id);
            if self.scratch.is_repeated(id, object_id) {
                self.add_repeated_name(self.field);
            }
            self.recorder.record(TraceEvent::Step(DecodeStep::Name(id)));
            read_entry(self, id, depth + 1)?;
            is_closed = self.skip_separator(b'}')?;
        }
        self.recorder.record(TraceEvent::Step(DecodeStep::EndMap(map)));
        let len = self.batch.entries.len() - start;
        self.batch.set_map(self.row, map, Entries::new(start, len));
        Ok(())
    }

    /// Reads the name of an entry, and its colon.
    #[inline]
    fn read_map_name(&mut self, scope: Scope) -> JsonResult<NameId> {
        let start = self.at;
        let short = self.read_short_name();
        let known = short.and_then(|name| self.scratch.names.find(scope, name));
        if let Some(id) = known {
            return Ok(id);
        }
        self.at = start;
        self.read_uncached_map_name(scope)
    }

    #[inline(never)]
    fn read_uncached_map_name(&mut self, scope: Scope) -> JsonResult<NameId> {
        let name = self.read_name()?;
        let id = self.intern(scope, name)?;
        if let Some(short) = self.packed_name(name) {
            self.scratch.names.insert(scope, short, id);
        }
        Ok(id)
    }

    /// Reads the value of an entry in a map of lists.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "most of what an export has: a call costs a tenth")]
    pub(super) fn read_list_entry(&mut self, name: NameId, depth: usize) -> JsonResult<()> {
        if self.peek() != Some(b'[') {
            return self.read_single_entry(name, depth);
        }
        let start = self.batch.values.len();
        self.recorder.record(TraceEvent::Step(DecodeStep::BeginList));
        let mut is_closed = self.open(depth, b']')?;
        while !is_closed {
            let at = self.at;
            let slot = self.read_scalar(depth + 1)?;
            let slot = if slot.is_absent() { Slot::other(JsonType::Null) } else { slot };
            self.record_value(Destination::ListItem(name), at, slot);
            self.batch.values.push(slot);
            is_closed = self.skip_separator(b']')?;
        }
        self.recorder.record(TraceEvent::Step(DecodeStep::EndList(name)));
        self.push_entry(name, start, true);
        Ok(())
    }

    /// Reads the value of an entry with one value that is not a list. A null is not an entry.
    pub(super) fn read_single_entry(&mut self, name: NameId, depth: usize) -> JsonResult<()> {
        let at = self.at;
        let slot = self.read_scalar(depth)?;
        self.record_value(Destination::NewEntry(name), at, slot);
        if !slot.is_absent() {
            let start = self.batch.values.len();
            self.batch.values.push(slot);
            self.push_entry(name, start, false);
        }
        Ok(())
    }
}
