//! Reads the names that `[input.rename]` maps to other fields. `decode/layout/renames.rs` puts them
//! into the layout.
//!
//! The entries of a map must be next to each other. So those that come from elsewhere are gathered while
//! the record is read, and put among the map's own, in the order of the input, at its end.
//!
//! A record may have a field only once, by whatever name; a null is no value. A renamed
//! `"user.mail"` is either a member with that very name or a path (`user`, then `mail`). If a
//! record has both, the former counts, and what is at the path is dropped like an unknown field.

use super::shape_cache::{Destination, Recorder, TraceEvent};
use super::{JsonResult, RawText, Reader};
use crate::decode::layout::{Member, Object};
use crate::decode::target::{Move, RestMap, Target};
use crate::record::{Code, Detail, Entries, Entry, Field, NameId, Note, Slot, Text, Values};
use crate::schema::NodeIx;

/// What a record has of renamed names.
#[derive(Debug, Default)]
pub(in crate::decode) struct Renamed {
    /// The settings that were met literally, and those by a path.
    literal: Vec<usize>,
    by_path: Vec<usize>,
    /// The entries of maps that come from elsewhere.
    gathered: Vec<Gathered>,
    /// The values of fields by the spelling of their paths. They are stored at the end of the record, since
    /// only then it is known whether it has the field by its own name.
    late: Vec<(NodeIx, Slot)>,
    /// Where each map begins in the text; `None`: the record does not have it.
    own: Vec<Option<usize>>,
}

/// An entry of a map that comes from elsewhere.
#[derive(Debug)]
struct Gathered {
    map: usize,
    /// Where it is in the text.
    at: usize,
    /// The setting by which it was found on a path.
    by_path: Option<usize>,
    entry: Entry,
}

impl Renamed {
    /// Begins a record.
    pub(super) fn begin(&mut self, maps: usize) {
        self.literal.clear();
        self.by_path.clear();
        self.gathered.clear();
        self.late.clear();
        self.own.clear();
        self.own.resize(maps, None);
    }

    /// Notes where a map begins.
    pub(super) fn note_map(&mut self, map: usize, at: usize) {
        if let Some(own) = self.own.get_mut(map) {
            *own = Some(at);
        }
    }
}

impl<R: Recorder> Reader<'_, R> {
    /// Begins a member that the definition adds to an object. Returns whether its name is repeated.
    pub(super) fn begin_added(
        &mut self,
        member: &Member,
        object: &Object,
        object_id: u64,
    ) -> JsonResult<bool> {
        let name = str::from_utf8(&member.name).map_err(|_invalid| super::JsonError::Syntax)?;
        let id = self.names.intern(object.scope, name);
        self.field = Field::Named(id);
        let is_repeated = self.scratch.is_repeated(id, object_id);
        if is_repeated {
            self.add_repeated_name(self.field);
        }
        let is_replayed = member.node < 128;
        self.recorder.record(if is_replayed {
            TraceEvent::Member(member.node)
        } else {
            TraceEvent::Irregular
        });
        Ok(is_repeated)
    }

    /// Skips the value of an object on a path that is no object: an unknown field.
    pub(super) fn skip_non_container(&mut self, depth: usize) -> JsonResult<()> {
        self.recorder.record(TraceEvent::Irregular);
        let Field::Named(id) = self.field else { return self.skip_value(depth) };
        if !self.is_at_null() {
            self.batch.add_unknown(self.row, id);
        }
        self.skip_unknown_value(id, depth)
    }

    /// Reads the value of a name that leads elsewhere, or to where others lead.
    #[inline(never)]
    pub(super) fn read_moved(&mut self, index: usize, depth: usize) -> JsonResult<()> {
        let layout = self.layout;
        let Some(moved) = layout.moves.get(index).filter(|_| !self.is_at_null()) else {
            return self.skip_value(depth);
        };
        if moved.is_path && self.has(moved.rename, false) {
            let id = self.names.intern(moved.scope, &moved.name);
            self.recorder.record(TraceEvent::Irregular);
            self.batch.add_unknown(self.row, id);
            return self.skip_value(depth);
        }
        // What was found by a path before is not meant.
        let replaces = !moved.is_path && self.has(moved.rename, true);
        if replaces {
            let on_path = |one: &&Move| one.is_path && one.rename == moved.rename;
            if let Some(other) = layout.moves.iter().find(on_path) {
                let id = self.names.intern(other.scope, &other.name);
                self.batch.add_unknown(self.row, id);
            }
        }
        match &moved.target {
            Target::Field(node) => self.read_moved_field(index, *node, replaces, depth)?,
            Target::Name { map, scope, name, is_list } => {
                if replaces {
                    let renamed = &mut self.scratch.renamed;
                    renamed
                        .gathered
                        .retain(|one| one.by_path.is_none() || one.by_path != moved.rename);
                }
                let id = self.names.intern(*scope, name);
                self.field = Field::Named(id);
                let by_path = moved.rename.filter(|_| moved.is_path);
                self.gather((*map, *is_list), id, by_path, depth)?;
            }
        }
        self.note_move(moved);
        Ok(())
    }

    /// Whether a renaming was met in this record, by a path or literally.
    fn has(&self, rename: Option<usize>, by_path: bool) -> bool {
        let renamed = &self.scratch.renamed;
        let met = if by_path { &renamed.by_path } else { &renamed.literal };
        rename.is_some_and(|rename| met.contains(&rename))
    }

    fn note_move(&mut self, moved: &Move) {
        let Some(rename) = moved.rename else { return };
        let renamed = &mut self.scratch.renamed;
        let met = if moved.is_path { &mut renamed.by_path } else { &mut renamed.literal };
        met.push(rename);
        self.batch.note_renaming(rename);
    }

    fn read_moved_field(
        &mut self,
        place: usize,
        node: usize,
        replaces: bool,
        depth: usize,
    ) -> JsonResult<()> {
        let start = self.at;
        let slot = self.read_scalar(depth)?;
        let text = Text { chunk: self.chunk, arena: &self.batch.arena };
        if slot.is_text() && self.layout.shaping.nulls.has(text.of(slot)) {
            self.recorder.record(TraceEvent::Irregular);
            return Ok(());
        }
        if !replaces && !self.batch.slot(self.row, node).is_absent() {
            let node = u8::try_from(node).expect("a schema has at most 128 nodes");
            self.add_second_name(Field::Node(node));
            return Ok(());
        }
        if replaces {
            self.recorder.record(TraceEvent::Irregular);
        }
        self.record_value(Destination::Moved { place, node }, start, slot);
        self.batch.set_slot(self.row, node, slot);
        Ok(())
    }

    /// Adds the problem that a field is in the record by two names.
    fn add_second_name(&mut self, field: Field) {
        self.recorder.record(TraceEvent::Irregular);
        self.batch.mark_broken(self.row, field, Code::DuplicateKey, Detail::Renamed);
    }

    /// Reads a name, of which only the value is left, of an object whose names are entries of a map.
    pub(super) fn read_rest(
        &mut self,
        rest: RestMap,
        name: RawText,
        object_id: u64,
        depth: usize,
    ) -> JsonResult<()> {
        let id = self.intern(rest.scope, name)?;
        self.field = Field::Named(id);
        if self.scratch.is_repeated(id, object_id) {
            self.add_repeated_name(self.field);
            return self.skip_value(depth);
        }
        self.batch.note_renaming(rest.rename);
        self.gather((rest.map, rest.is_list), id, None, depth)
    }

    /// Reads the value of an entry of a map that is elsewhere.
    fn gather(
        &mut self,
        (map, is_list): (usize, bool),
        name: NameId,
        by_path: Option<usize>,
        depth: usize,
    ) -> JsonResult<()> {
        self.recorder.record(TraceEvent::Irregular);
        let (at, before) = (self.at, self.batch.entries.len());
        if is_list {
            self.read_list_entry(name, depth)?;
        } else {
            self.read_single_entry(name, depth)?;
        }
        // A null is no entry.
        if before < self.batch.entries.len()
            && let Some(entry) = self.batch.entries.pop()
        {
            self.scratch.renamed.gathered.push(Gathered { map, at, by_path, entry });
        }
        Ok(())
    }

    /// Puts the entries that come from elsewhere among those of their maps.
    pub(super) fn place_gathered(&mut self) {
        self.place_late();
        if self.scratch.renamed.gathered.is_empty() {
            return;
        }
        let gathered = std::mem::take(&mut self.scratch.renamed.gathered);
        for map in 0..self.batch.maps_width {
            let mut others = gathered.iter().filter(|one| one.map == map).peekable();
            if others.peek().is_none() {
                continue;
            }
            let own_at = self.scratch.renamed.own.get(map).copied().flatten().unwrap_or(usize::MAX);
            let own = self.batch.map_entries(self.row, map).to_vec();
            let mut entries: Vec<Entry> = Vec::new();
            while let Some(other) = others.next_if(|other| other.at < own_at) {
                entries.push(other.entry);
            }
            entries.extend(own);
            entries.extend(others.map(|other| other.entry));
            self.place_entries(map, &entries);
        }
        self.scratch.renamed.gathered = gathered;
    }

    /// Makes these entries those of a map. They and their values move to the end.
    fn place_entries(&mut self, map: usize, entries: &[Entry]) {
        let object_id = self.new_object_id();
        let first = self.batch.entries.len();
        for entry in entries {
            if self.scratch.is_repeated(entry.name, object_id) {
                self.add_second_name(Field::Named(entry.name));
            }
            let start = self.batch.values.len();
            self.batch.values.extend_from_within(entry.values.range());
            let values = Values::new(start, self.batch.values.len() - start);
            self.batch.entries.push(Entry { values, ..*entry });
        }
        let len = self.batch.entries.len() - first;
        self.batch.set_map(self.row, map, Entries::new(first, len));
    }

    /// The member of an object that an unknown name is another spelling of, if such names are repaired.
    pub(super) fn respelled_member(&mut self, object: &Object, name: RawText) -> Option<usize> {
        let layout = self.layout;
        let spellings = layout.spellings.as_ref()?;
        let text = str::from_utf8(self.name_bytes(name)).ok()?.to_owned();
        let path = spellings.field(object.scope, &text)?;
        let is_meant = |member: &Member| spellings.is_path_of(member.node, &path);
        let found = object.members.iter().position(is_meant)?;
        let member = object.members.get(found)?;
        self.recorder.record(TraceEvent::Irregular);
        self.batch.note(self.row, member.field, Note::RepairedName);
        Some(found)
    }

    /// Reads the value of an unknown name if it is another spelling of a path, and such names are repaired.
    /// Returns whether it is.
    pub(super) fn read_respelled_path(
        &mut self,
        object: &Object,
        name: RawText,
        object_id: u64,
        depth: usize,
    ) -> JsonResult<bool> {
        let layout = self.layout;
        let Some(spellings) = layout.spellings.as_ref() else { return Ok(false) };
        let Ok(text) = str::from_utf8(self.name_bytes(name)).map(str::to_owned) else {
            return Ok(false);
        };
        let path = spellings.field(object.scope, &text);
        let Some(target) = path.and_then(|path| spellings.target(&path)) else { return Ok(false) };
        self.recorder.record(TraceEvent::Irregular);
        let own = self.intern(object.scope, name)?;
        if self.scratch.is_repeated(own, object_id) {
            self.add_repeated_name(Field::Named(own));
            self.skip_value(depth)?;
            return Ok(true);
        }
        let is_null = self.is_at_null();
        let field = match target {
            Target::Field(node) => {
                let slot = self.read_scalar(depth)?;
                if !slot.is_absent() {
                    self.scratch.renamed.late.push((node, slot));
                }
                Field::Node(u8::try_from(node).expect("a schema has at most 128 nodes"))
            }
            Target::Name { map, scope, name, is_list } => {
                let id = self.names.intern(scope, &name);
                self.field = Field::Named(id);
                self.gather((map, is_list), id, None, depth)?;
                self.field
            }
        };
        if !is_null {
            self.batch.note(self.row, field, Note::RepairedName);
        }
        Ok(true)
    }

    /// Stores the values that were found by the spelling of a path.
    fn place_late(&mut self) {
        let late = std::mem::take(&mut self.scratch.renamed.late);
        for (node, slot) in &late {
            if self.batch.slot(self.row, *node).is_absent() {
                self.batch.set_slot(self.row, *node, *slot);
            } else {
                let node = u8::try_from(*node).expect("a schema has at most 128 nodes");
                self.add_second_name(Field::Node(node));
            }
        }
        self.scratch.renamed.late = late;
    }

    /// Stores a value that was read by an earlier record's shape.
    #[inline]
    pub(super) fn store_moved(&mut self, place: usize, node: usize, slot: Slot) {
        self.batch.set_slot(self.row, node, slot);
        if let Some(rename) = self.layout.moves.get(place).and_then(|moved| moved.rename) {
            self.batch.note_renaming(rename);
        }
    }
}
