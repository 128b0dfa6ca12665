//! Decodes one JSON object into one row: strictly by RFC 8259, and directed by the schema.
//!
//! There are two ways to decode a record, with the same result. [`replay`] compares it with earlier
//! records (see [`shape_cache`]), which is the usual case. The plain decoder, in this file, reads
//! it member by member. If the replay does not match, what it stored is rolled back, and the plain
//! decoder reads the record from its beginning and adds its shape to the cache.
//!
//! - Text without escapes is a span of the chunk. Text with escapes is unescaped into the arena.
//! - A null is an absent field. A value of the wrong type is stored as such; validation rejects it.
//! - Names are compared after unescaping. A record with a repeated name in any object is invalid,
//!   even if the field is not in the schema. Readers disagree on whether the first or the last one
//!   counts, so one of them would escape the rules.
//! - A record that is nested more than 64 levels deep is rejected (`too_deep`), so recursion is
//!   bounded.

mod maps;
mod renamed;
mod replay;
mod scratch;
mod shape_cache;
mod skip;
mod tokens;
mod unescape;

use std::ops::Range;

pub(super) use scratch::Scratch;
pub(super) use shape_cache::ShapeCache;

use shape_cache::{Destination, Recorder, TraceEvent, ValueKind};

use super::layout::{Layout, Member, MemberKind, Object};
use crate::record::{
    Batch, Code, Detail, Entries, Entry, Field, JsonType, NameId, Names, Scope, Slot, SlotKind,
    Values,
};

/// The deepest nesting that is accepted. The record itself has depth 1.
const DEPTH_MAX: usize = 64;

/// Why a record is not valid JSON.
#[derive(Clone, Copy, Debug)]
enum JsonError {
    Syntax,
    TooDeep,
}

type JsonResult<T> = Result<T, JsonError>;

/// The most memory that the caches of one worker use, in bytes.
pub(super) const CACHE_BYTES_MAX: usize = shape_cache::CACHE_BYTES_MAX + scratch::NAME_CACHES_BYTES;

/// Decodes the record at `span` of the chunk into a row of the batch. Fails if it is not one JSON
/// object; the row is then in no defined state.
pub(super) fn decode(
    layout: &Layout,
    names: &mut Names,
    scratch: &mut Scratch,
    shapes: &mut ShapeCache,
    chunk: &[u8],
    span: Range<usize>,
    row: usize,
    batch: &mut Batch,
) -> Result<(), Code> {
    let text = chunk.get(..span.end).unwrap_or(&[]);
    let before = Checkpoint::of(batch);
    let (at, field, recorder) = (span.start, Field::Record, ());
    if shapes.should_try() {
        let mut reader =
            Reader { chunk, text, at, layout, names, scratch, row, batch, field, recorder };
        let was_replayed = reader.replay(shapes).is_some();
        shapes.note(was_replayed);
        if was_replayed {
            return Ok(());
        }
        before.roll_back(row, batch);
    }
    let outcome = if shapes.should_learn() {
        let mut recorder = std::mem::take(&mut scratch.trace);
        recorder.clear();
        let mut reader =
            Reader { chunk, text, at, layout, names, scratch, row, batch, field, recorder };
        let outcome = reader.read_record();
        scratch.trace = reader.recorder;
        if outcome.is_ok() {
            shapes.learn(&scratch.trace, chunk, span);
        }
        outcome
    } else {
        let mut reader =
            Reader { chunk, text, at, layout, names, scratch, row, batch, field, recorder };
        reader.read_record()
    };
    outcome.map_err(|error| {
        // Problems found before the error mean nothing, since the record is not JSON.
        batch.problems.truncate(before.problems);
        match error {
            JsonError::Syntax => Code::JsonSyntax,
            JsonError::TooDeep => Code::TooDeep,
        }
    })
}

/// The lengths of a batch before a record.
struct Checkpoint {
    entries: usize,
    values: usize,
    arena: usize,
    problems: usize,
}

impl Checkpoint {
    fn of(batch: &Batch) -> Checkpoint {
        Checkpoint {
            entries: batch.entries.len(),
            values: batch.values.len(),
            arena: batch.arena.len(),
            problems: batch.problems.len(),
        }
    }

    /// Removes what the record added to the batch, and resets its row.
    fn roll_back(&self, row: usize, batch: &mut Batch) {
        batch.entries.truncate(self.entries);
        batch.values.truncate(self.values);
        batch.arena.truncate(self.arena);
        batch.problems.truncate(self.problems);
        batch.reset_row(row);
    }
}

/// Reads one record, and reports what it does to a [`Recorder`].
struct Reader<'a, R> {
    /// The whole chunk: scans work on whole blocks, and may look past the end of the record.
    chunk: &'a [u8],
    /// The chunk up to the end of the record, so that positions are those in the chunk.
    text: &'a [u8],
    at: usize,
    layout: &'a Layout,
    names: &'a mut Names,
    scratch: &'a mut Scratch,
    row: usize,
    batch: &'a mut Batch,
    /// The field that is being read. Repeated names inside unknown objects are reported for it.
    field: Field,
    recorder: R,
}

/// A string as it is in the text, without its quotes.
#[derive(Clone, Copy)]
struct RawText {
    start: usize,
    len: usize,
    has_escapes: bool,
}

impl<R: Recorder> Reader<'_, R> {
    fn read_record(&mut self) -> JsonResult<()> {
        self.skip_space();
        let has_moves = !self.layout.moves.is_empty()
            || self.layout.has_rests
            || self.layout.spellings.is_some();
        if has_moves {
            self.scratch.renamed.begin(self.batch.maps_width);
        }
        if self.peek() == Some(b'{') {
            self.read_object(0, 1)?;
            if has_moves {
                self.place_gathered();
            }
        } else {
            self.recorder.record(TraceEvent::Irregular);
            let found = self.skip_non_object(1)?;
            self.batch.mark_broken(self.row, Field::Record, Code::Type, found);
        }
        self.skip_space();
        if self.at == self.text.len() { Ok(()) } else { Err(JsonError::Syntax) }
    }

    /// Reads an object of the schema, given its index in the layout.
    fn read_object(&mut self, index: usize, depth: usize) -> JsonResult<()> {
        let layout = self.layout;
        let object = layout.object(index);
        let object_id = self.new_object_id();
        let mut seen = 0_u64;
        if self.open(depth, b'}')? {
            return Ok(());
        }
        loop {
            let found = self.read_member_name(object, object_id, depth)?;
            if let Some(member) = found.and_then(|found| object.members.get(found)) {
                let mut is_skipped = false;
                if member.bit == 0 {
                    is_skipped = self.begin_added(member, object, object_id)?;
                } else {
                    self.field = member.field;
                    if seen & member.bit != 0 {
                        self.add_repeated_name(self.field);
                    }
                    seen |= member.bit;
                    self.recorder.record(TraceEvent::Member(member.node));
                }
                if is_skipped {
                    self.skip_value(depth + 1)?;
                } else {
                    self.read_member(member, depth)?;
                }
            }
            if self.skip_separator(b'}')? {
                return Ok(());
            }
        }
    }

    /// Reads a name and its colon. Returns the index of the member. If the name is not in the
    /// schema, skips its value and returns `None`.
    #[inline]
    fn read_member_name(
        &mut self,
        object: &Object,
        object_id: u64,
        depth: usize,
    ) -> JsonResult<Option<usize>> {
        let start = self.at;
        let short = self.read_short_name();
        let known = short.and_then(|name| self.scratch.members.find(object.scope, name));
        if known.is_some() {
            return Ok(known);
        }
        self.at = start;
        self.read_uncached_member_name(object, object_id, depth)
    }

    #[inline(never)]
    fn read_uncached_member_name(
        &mut self,
        object: &Object,
        object_id: u64,
        depth: usize,
    ) -> JsonResult<Option<usize>> {
        let name = self.read_name()?;
        let found = object.find(self.name_bytes(name));
        match (found, self.packed_name(name)) {
            (Some(found), Some(short)) => self.scratch.members.insert(object.scope, short, found),
            (Some(_), None) => {}
            (None, _) => match object.rest {
                None if self.layout.spellings.is_some() => {
                    if let Some(found) = self.respelled_member(object, name) {
                        return Ok(Some(found));
                    }
                    if !self.read_respelled_path(object, name, object_id, depth + 1)? {
                        self.skip_unknown_member(object.scope, name, object_id, depth)?;
                    }
                }
                None => self.skip_unknown_member(object.scope, name, object_id, depth)?,
                Some(rest) => self.read_rest(rest, name, object_id, depth + 1)?,
            },
        }
        Ok(found)
    }

    /// A number for an object that no other object has.
    fn new_object_id(&mut self) -> u64 {
        self.scratch.last_object += 1;
        self.scratch.last_object
    }

    /// Reads the bracket that opens an object or a list. Returns whether `close` follows, which is
    /// read as well.
    #[inline]
    fn open(&mut self, depth: usize, close: u8) -> JsonResult<bool> {
        if DEPTH_MAX < depth {
            return Err(JsonError::TooDeep);
        }
        self.at += 1;
        let is_closed = self.peek_after_space() == Some(close);
        self.at += usize::from(is_closed);
        Ok(is_closed)
    }

    /// Reads what follows a member or an item: a comma, or `close`. Returns whether it was `close`.
    #[inline]
    fn skip_separator(&mut self, close: u8) -> JsonResult<bool> {
        let next = self.peek_after_space();
        self.at += 1;
        if next == Some(b',') {
            self.skip_space();
            Ok(false)
        } else if next == Some(close) {
            Ok(true)
        } else {
            Err(JsonError::Syntax)
        }
    }

    /// Reads a name and its colon, up to the value.
    fn read_name(&mut self) -> JsonResult<RawText> {
        let name = self.read_string()?;
        self.skip_space();
        self.expect(b':')?;
        self.skip_space();
        Ok(name)
    }

    /// Reads the value of a member.
    #[inline(always)]
    #[expect(
        clippy::inline_always,
        reason = "one caller: the kinds that most records have are short"
    )]
    fn read_member(&mut self, member: &Member, depth: usize) -> JsonResult<()> {
        match member.kind {
            MemberKind::Text | MemberKind::Number => self.read_field(member, depth),
            MemberKind::ExportOnly => self.skip_export_only(member.node, depth + 1),
            MemberKind::Object(index) if self.peek() == Some(b'{') => {
                self.read_object(index, depth + 1)
            }
            MemberKind::Lists(map) if self.peek() == Some(b'{') => {
                self.read_map(Scope::of_node(member.node), map, depth + 1, Self::read_list_entry)
            }
            MemberKind::Numbers(map) if self.peek() == Some(b'{') => {
                self.read_map(Scope::of_node(member.node), map, depth + 1, Self::read_single_entry)
            }
            MemberKind::Object(_)
            | MemberKind::Lists(_)
            | MemberKind::Numbers(_)
            | MemberKind::SharedMap { .. }
            | MemberKind::Container(_)
            | MemberKind::Either { .. }
            | MemberKind::Moved(_) => self.read_rare_member(member, depth),
        }
    }

    /// Reads a value into the slot of its field.
    #[inline]
    fn read_field(&mut self, member: &Member, depth: usize) -> JsonResult<()> {
        let start = self.at;
        let slot = self.read_scalar(depth + 1)?;
        self.record_value(Destination::Slot(member.node), start, slot);
        self.batch.set_slot(self.row, member.node, slot);
        Ok(())
    }

    /// Reads the value of a member that is renamed, or that has another type than it should.
    #[inline(never)]
    fn read_rare_member(&mut self, member: &Member, depth: usize) -> JsonResult<()> {
        match member.kind {
            MemberKind::SharedMap { map, is_list } if self.peek() == Some(b'{') => {
                self.scratch.renamed.note_map(map, self.at);
                let read = if is_list { Self::read_list_entry } else { Self::read_single_entry };
                self.read_map(Scope::of_node(member.node), map, depth + 1, read)
            }
            MemberKind::Container(object) | MemberKind::Either { object, .. }
                if self.peek() == Some(b'{') =>
            {
                self.read_object(object, depth + 1)
            }
            MemberKind::Container(_) => self.skip_non_container(depth + 1),
            MemberKind::Either { other, .. } => match self.layout.others.get(other) {
                Some(other) => self.read_other_member(other, depth),
                None => Ok(()),
            },
            MemberKind::Moved(index) => self.read_moved(index, depth + 1),
            MemberKind::ExportOnly
            | MemberKind::Text
            | MemberKind::Number
            | MemberKind::Object(_)
            | MemberKind::Lists(_)
            | MemberKind::SharedMap { .. }
            | MemberKind::Numbers(_) => self.read_field(member, depth),
        }
    }

    /// Reads the value of a member as what it is besides a renamed path.
    fn read_other_member(&mut self, member: &Member, depth: usize) -> JsonResult<()> {
        self.read_member(member, depth)
    }

    /// Whether the next value is a null, provided that the text is valid. A null is an absent field,
    /// whether or not it is in the schema.
    fn is_at_null(&self) -> bool {
        self.peek() == Some(b'n')
    }

    /// Adds the problem that a name is repeated. The rest of the record is still read, since bad
    /// syntax takes precedence.
    fn add_repeated_name(&mut self, field: Field) {
        self.recorder.record(TraceEvent::Irregular);
        self.batch.mark_broken(self.row, field, Code::DuplicateKey, Detail::None);
    }

    /// Records a value that was read from `start` up to the current position. A null is not
    /// recorded: it is part of the literal between two values.
    #[inline]
    fn record_value(&mut self, destination: Destination, start: usize, slot: Slot) {
        let end = self.at;
        match slot.kind() {
            SlotKind::Text => {
                let value = ValueKind::Text(destination);
                self.recorder.record(TraceEvent::Value { start: start + 1, end: end - 1, value });
            }
            SlotKind::Number => {
                let value = ValueKind::Number(destination);
                self.recorder.record(TraceEvent::Value { start, end, value });
            }
            SlotKind::Absent => {}
            SlotKind::Other(_) => self.recorder.record(TraceEvent::Irregular),
        }
    }

    /// Pushes an entry with the values from `start` on.
    fn push_entry(&mut self, name: NameId, start: usize, is_list: bool) {
        let values = Values::new(start, self.batch.values.len() - start);
        self.batch.entries.push(Entry { name, values, is_list });
    }

    /// Reads a value that should be text or a number into a slot. `depth` is that of the value.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "a tenth of decoding: three callers, one short path")]
    fn read_scalar(&mut self, depth: usize) -> JsonResult<Slot> {
        if self.peek() == Some(b'"') {
            // Most values are text without escapes.
            let start = self.at + 1;
            let len = self.plain_len(start);
            let end = start + len;
            if self.text.get(end) == Some(&b'"') {
                self.at = end + 1;
                self.note_odd_text(start);
                return Ok(Slot::text(start, len, true));
            }
        }
        self.read_other_scalar(depth)
    }

    fn read_other_scalar(&mut self, depth: usize) -> JsonResult<Slot> {
        match self.peek() {
            Some(b'"') => {
                let raw = self.read_string()?;
                Ok(self.text_slot(raw))
            }
            Some(b'-' | b'0'..=b'9') => {
                let start = self.at;
                self.skip_number()?;
                Ok(Slot::number(start, self.at - start))
            }
            Some(b'n') => self.expect_word(b"null").map(|()| Slot::ABSENT),
            Some(b't' | b'f') => {
                let start = self.at;
                self.expect_boolean().map(|()| Slot::boolean(start))
            }
            Some(b'{') => self.skip_value(depth).map(|()| Slot::other(JsonType::Object)),
            Some(b'[') => self.skip_value(depth).map(|()| Slot::other(JsonType::Array)),
            _ => Err(JsonError::Syntax),
        }
    }
}
