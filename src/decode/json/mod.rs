//! One JSON object becomes one row: RFC 8259 strictly, directed by the schema's layout.
//!
//! - Text without escapes is a span of the chunk; with escapes it goes to the arena, unescaped.
//! - A null is an absent field. A value of another type than the field's is noted, not judged.
//! - Names are compared after unescaping, and a name twice in one object breaks the record,
//!   also inside what the schema does not know: "first wins" against "last wins" would let
//!   one copy escape the policy.
//! - Nesting is bounded, so recursion is too.
//!
//! Names that were met before are found by comparing a number or two ([`scratch::ShortNames`]);
//! only others are unescaped and looked for. Both ways decide the same.

mod replay;
mod scratch;
mod shape_cache;
mod skip;
mod tokens;
mod unescape;

use std::ops::Range;

pub(super) use scratch::Scratch;
pub(super) use shape_cache::ShapeCache;

use shape_cache::{DecodeStep, Event, Target, Then, Watch};

use super::layout::{Layout, LeadsTo, Member, Object, scope_of};
use super::narrow;
use crate::record::{
    Batch, Code, Detail, Entries, Entry, Field, JsonType, NameId, Names, Problem, Scope, Slot,
    SlotKind, Values,
};

/// The deepest nesting that is taken; the record itself is one.
const DEPTH_MAX: usize = 64;

/// Why a record can't be read on.
#[derive(Clone, Copy, Debug)]
enum JsonFault {
    Syntax,
    Depth,
}

type Read<T> = Result<T, JsonFault>;

/// The most memory of what one worker keeps of the records that it has read, in bytes.
pub(super) const CACHE_BYTES_MAX: usize = shape_cache::CACHE_BYTES_MAX + scratch::TABLES_BYTES;

/// Reads the object in `span` of the chunk into a row of the batch.
pub(super) fn decode(
    layout: &Layout,
    names: &mut Names,
    scratch: &mut Scratch,
    learned: &mut ShapeCache,
    chunk: &[u8],
    span: Range<usize>,
    row: usize,
    batch: &mut Batch,
) {
    let text = chunk.get(..span.end).unwrap_or(&[]);
    let before = Lengths::of(batch);
    let (at, inside, watch) = (span.start, Field::Record, ());
    if learned.is_trusted() {
        let mut reader =
            Reader { chunk, text, at, layout, names, scratch, row, batch, inside, watch };
        let was_found = reader.replay(learned).is_some();
        learned.note(was_found);
        if was_found {
            return;
        }
        before.take_back(row, batch);
    }
    let outcome = if learned.wants_more() {
        let mut watch = std::mem::take(&mut scratch.trace);
        watch.clear();
        let mut reader =
            Reader { chunk, text, at, layout, names, scratch, row, batch, inside, watch };
        let outcome = reader.record();
        scratch.trace = reader.watch;
        if outcome.is_ok() {
            learned.learn(&scratch.trace, chunk, span);
        }
        outcome
    } else {
        Reader { chunk, text, at, layout, names, scratch, row, batch, inside, watch }.record()
    };
    if let Err(fault) = outcome {
        // What was found before says nothing about a text that is no JSON.
        batch.problems.truncate(before.problems);
        let code = match fault {
            JsonFault::Syntax => Code::JsonSyntax,
            JsonFault::Depth => Code::TooDeep,
        };
        super::broken(batch, row, Field::Record, code, Detail::None);
    }
}

/// How much a batch held before a record.
struct Lengths {
    entries: usize,
    values: usize,
    arena: usize,
    problems: usize,
}

impl Lengths {
    fn of(batch: &Batch) -> Lengths {
        Lengths {
            entries: batch.entries.len(),
            values: batch.values.len(),
            arena: batch.arena.len(),
            problems: batch.problems.len(),
        }
    }

    /// Takes back what a record left in the batch, but for its row, which is emptied.
    fn take_back(&self, row: usize, batch: &mut Batch) {
        batch.entries.truncate(self.entries);
        batch.values.truncate(self.values);
        batch.arena.truncate(self.arena);
        batch.problems.truncate(self.problems);
        batch.reset_row(row);
    }
}

struct Reader<'a, W> {
    /// The whole chunk: what is looked at in blocks may reach behind the record's end.
    chunk: &'a [u8],
    /// The chunk up to the record's end, so that places are places in the chunk.
    text: &'a [u8],
    at: usize,
    layout: &'a Layout,
    names: &'a mut Names,
    scratch: &'a mut Scratch,
    row: usize,
    batch: &'a mut Batch,
    /// The field that is being read, which faults deeper inside are told under.
    inside: Field,
    watch: W,
}

/// A string as it stands in the text, without its quotes.
#[derive(Clone, Copy)]
struct RawText {
    start: usize,
    len: usize,
    has_escapes: bool,
}

impl<W: Watch> Reader<'_, W> {
    fn record(&mut self) -> Read<()> {
        self.skip_space();
        if self.peek() == Some(b'{') {
            self.object(0, 1)?;
        } else {
            self.watch.event(Event::Unlike);
            let found = self.other_value(1)?;
            let problem =
                Problem { field: Field::Record, code: Code::Type, rule: 0, detail: found };
            self.batch.problem(self.row, problem);
            if let Some(row) = self.batch.rows.get_mut(self.row) {
                row.broken = true;
            }
        }
        self.skip_space();
        if self.at == self.text.len() { Ok(()) } else { Err(JsonFault::Syntax) }
    }

    /// Reads an object of the schema; `place` is its place in the layout.
    fn object(&mut self, place: usize, depth: usize) -> Read<()> {
        let layout = self.layout;
        let object = layout.object(place);
        let this = self.next_object();
        let mut seen = 0_u64;
        if self.begin(depth, b'}')? {
            return Ok(());
        }
        loop {
            let found = self.find_member(object, this, depth)?;
            if let Some(member) = found.and_then(|found| object.members.get(found)) {
                self.inside = member.field;
                if seen & member.bit != 0 {
                    self.repeated(self.inside);
                }
                seen |= member.bit;
                self.watch.event(Event::Member(member.node));
                self.member(member, depth)?;
            }
            if self.ends(b'}')? {
                return Ok(());
            }
        }
    }

    /// Reads a name and finds its member. What the schema does not know is read whole, and none.
    #[inline]
    fn find_member(&mut self, object: &Object, this: u64, depth: usize) -> Read<Option<usize>> {
        let start = self.at;
        let short = self.short_name();
        let known = short.and_then(|name| self.scratch.members.find(object.scope, name));
        if known.is_some() {
            return Ok(known);
        }
        self.at = start;
        self.find_other_member(object, this, depth)
    }

    #[inline(never)]
    fn find_other_member(
        &mut self,
        object: &Object,
        this: u64,
        depth: usize,
    ) -> Read<Option<usize>> {
        let name = self.name()?;
        let found = object.find(self.name_bytes(name));
        match (found, self.packed(name)) {
            (Some(found), Some(short)) => self.scratch.members.keep(object.scope, short, found),
            (Some(_), None) => {}
            (None, _) => self.unknown_member(object.scope, name, this, depth)?,
        }
        Ok(found)
    }

    fn next_object(&mut self) -> u64 {
        self.scratch.object += 1;
        self.scratch.object
    }

    /// Reads the bracket that opens an object or list; tells whether it closes at once.
    #[inline]
    fn begin(&mut self, depth: usize, close: u8) -> Read<bool> {
        if DEPTH_MAX < depth {
            return Err(JsonFault::Depth);
        }
        self.at += 1;
        let closes = self.next_byte() == Some(close);
        self.at += usize::from(closes);
        Ok(closes)
    }

    /// Reads what follows a member or an item; tells whether it is the end.
    #[inline]
    fn ends(&mut self, close: u8) -> Read<bool> {
        let next = self.next_byte();
        self.at += 1;
        if next == Some(b',') {
            self.skip_space();
            Ok(false)
        } else if next == Some(close) {
            Ok(true)
        } else {
            Err(JsonFault::Syntax)
        }
    }

    /// Reads a name and its colon, up to the value.
    fn name(&mut self) -> Read<RawText> {
        let name = self.string()?;
        self.skip_space();
        self.expect(b':')?;
        self.skip_space();
        Ok(name)
    }

    /// Reads the value of a member.
    #[inline]
    fn member(&mut self, member: &Member, depth: usize) -> Read<()> {
        match member.leads_to {
            LeadsTo::Object(place) if self.peek() == Some(b'{') => self.object(place, depth + 1),
            LeadsTo::Lists(map) if self.peek() == Some(b'{') => {
                self.map(scope_of(member.node), map, depth + 1, Self::list_entry)
            }
            LeadsTo::Numbers(map) if self.peek() == Some(b'{') => {
                self.map(scope_of(member.node), map, depth + 1, Self::number_entry)
            }
            LeadsTo::Text
            | LeadsTo::Number
            | LeadsTo::Object(_)
            | LeadsTo::Lists(_)
            | LeadsTo::Numbers(_) => {
                let start = self.at;
                let slot = self.scalar(depth + 1)?;
                self.watch_value(Target::Slot(member.node), start, slot);
                self.batch.set_slot(self.row, member.node, slot);
                Ok(())
            }
            LeadsTo::ExportOnly => self.export_only(member.node, depth + 1),
        }
    }

    /// A null is an absent field, also where the schema knows none.
    fn is_at_null(&self) -> bool {
        self.peek() == Some(b'n')
    }

    /// A name twice in one object. The record is read on: a text that is no JSON is said first.
    fn repeated(&mut self, field: Field) {
        self.watch.event(Event::Unlike);
        super::broken(self.batch, self.row, field, Code::DuplicateKey, Detail::None);
    }

    /// Reads a map; `entry` reads the value of each name and pushes it.
    fn map(
        &mut self,
        scope: Scope,
        map: usize,
        depth: usize,
        entry: impl Fn(&mut Self, NameId, usize) -> Read<()>,
    ) -> Read<()> {
        let this = self.next_object();
        let start = self.batch.entries.len();
        self.watch.event(Event::DecodeStep(DecodeStep::BeginMap));
        let mut is_over = self.begin(depth, b'}')?;
        while !is_over {
            let id = self.map_name(scope)?;
            self.inside = Field::Named(id);
            if self.scratch.is_repeated(id, this) {
                self.repeated(self.inside);
            }
            self.watch.event(Event::DecodeStep(DecodeStep::Name(id)));
            entry(self, id, depth + 1)?;
            is_over = self.ends(b'}')?;
        }
        self.watch.event(Event::DecodeStep(DecodeStep::EndMap(map)));
        let len = self.batch.entries.len() - start;
        self.batch.set_map(self.row, map, Entries { start: narrow(start), len: narrow(len) });
        Ok(())
    }

    /// Reads the name of an entry, and its colon.
    #[inline]
    fn map_name(&mut self, scope: Scope) -> Read<NameId> {
        let start = self.at;
        let short = self.short_name();
        let known = short.and_then(|name| self.scratch.names.find(scope, name));
        if let Some(id) = known {
            return Ok(id);
        }
        self.at = start;
        self.other_map_name(scope)
    }

    #[inline(never)]
    fn other_map_name(&mut self, scope: Scope) -> Read<NameId> {
        let name = self.name()?;
        let id = self.intern(scope, name)?;
        if let Some(short) = self.packed(name) {
            self.scratch.names.keep(scope, short, id);
        }
        Ok(id)
    }

    fn list_entry(&mut self, name: NameId, depth: usize) -> Read<()> {
        if self.peek() != Some(b'[') {
            return self.number_entry(name, depth);
        }
        let start = self.batch.values.len();
        self.watch.event(Event::DecodeStep(DecodeStep::BeginList));
        let mut is_over = self.begin(depth, b']')?;
        while !is_over {
            let at = self.at;
            let slot = self.scalar(depth + 1)?;
            let slot = if slot.is_absent() { Slot::other(JsonType::Null) } else { slot };
            self.watch_value(Target::Item(name), at, slot);
            self.batch.values.push(slot);
            is_over = self.ends(b']')?;
        }
        self.watch.event(Event::DecodeStep(DecodeStep::EndList(name)));
        self.push_entry(name, start, true);
        Ok(())
    }

    /// An entry with one value that is no list. A null is no entry.
    fn number_entry(&mut self, name: NameId, depth: usize) -> Read<()> {
        let at = self.at;
        let slot = self.scalar(depth)?;
        self.watch_value(Target::Entry(name), at, slot);
        if !slot.is_absent() {
            let start = self.batch.values.len();
            self.batch.values.push(slot);
            self.push_entry(name, start, false);
        }
        Ok(())
    }

    /// Tells of a value that was read from `start` up to here. (A null is told by nothing: it
    /// stands in the text between two values.)
    #[inline]
    fn watch_value(&mut self, target: Target, start: usize, slot: Slot) {
        let end = self.at;
        match slot.kind() {
            SlotKind::Text => {
                let then = Then::Text(target);
                self.watch.event(Event::Value { start: start + 1, end: end - 1, then });
            }
            SlotKind::Number => {
                self.watch.event(Event::Value { start, end, then: Then::Number(target) });
            }
            SlotKind::Absent => {}
            SlotKind::Other(_) => self.watch.event(Event::Unlike),
        }
    }

    fn push_entry(&mut self, name: NameId, start: usize, is_list: bool) {
        let len = self.batch.values.len() - start;
        let values = Values { start: narrow(start), len: narrow(len) };
        self.batch.entries.push(Entry { name, values, is_list });
    }

    /// Reads a value that should be text or a number into a slot. `depth` is that of the value.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "a tenth of decoding: three callers, one short path")]
    fn scalar(&mut self, depth: usize) -> Read<Slot> {
        if self.peek() == Some(b'"') {
            // Most values are text without escapes.
            let start = self.at + 1;
            let len = self.plain_len(start);
            let end = start + len;
            if self.text.get(end) == Some(&b'"') {
                self.at = end + 1;
                return Ok(Slot::text(start, len, true));
            }
        }
        self.other_scalar(depth)
    }

    fn other_scalar(&mut self, depth: usize) -> Read<Slot> {
        match self.peek() {
            Some(b'"') => {
                let raw = self.string()?;
                Ok(self.text_slot(raw))
            }
            Some(b'-' | b'0'..=b'9') => {
                let start = self.at;
                self.number()?;
                Ok(Slot::number(start, self.at - start))
            }
            Some(b'n') => self.word(b"null").map(|()| Slot::ABSENT),
            Some(b't' | b'f') => self.boolean().map(|()| Slot::other(JsonType::Boolean)),
            Some(b'{') => self.value(depth).map(|()| Slot::other(JsonType::Object)),
            Some(b'[') => self.value(depth).map(|()| Slot::other(JsonType::Array)),
            _ => Err(JsonFault::Syntax),
        }
    }
}
