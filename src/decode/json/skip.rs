//! What is read and left: fields that only exports carry, and what the schema does not know.
//!
//! It must be JSON all the same, and its names are looked at for repeats.

use super::shape_cache::{DecodeStep, Event, Target, Then, Watch};
use super::{JsonFault, RawText, Read, Reader};
use crate::record::{Detail, Field, Scope};
use crate::schema::NodeIx;

impl<W: Watch> Reader<'_, W> {
    /// Reads a field that only exports carry, and leaves it.
    pub(super) fn export_only(&mut self, node: NodeIx, depth: usize) -> Read<()> {
        let (first, start) = (self.peek(), self.at);
        if first != Some(b'n') {
            self.watch.event(Event::DecodeStep(DecodeStep::ExportOnly));
            if let Some(row) = self.batch.rows.get_mut(self.row) {
                row.export_only += 1;
            }
        }
        self.value(depth)?;
        let (end, target) = (self.at, Target::Nowhere(node));
        self.watch.event(match first {
            Some(b'"') => Event::Value { start: start + 1, end: end - 1, then: Then::Text(target) },
            Some(b'-' | b'0'..=b'9') => Event::Value { start, end, then: Then::Number(target) },
            _ => Event::Unlike,
        });
        Ok(())
    }

    pub(super) fn unknown_member(
        &mut self,
        scope: Scope,
        name: RawText,
        this: u64,
        depth: usize,
    ) -> Read<()> {
        let id = self.intern(scope, name)?;
        self.inside = Field::Named(id);
        self.watch.event(Event::Unlike);
        if self.scratch.is_repeated(id, this) {
            self.repeated(self.inside);
        } else if !self.is_at_null() {
            self.batch.unknown_field(self.row, id);
        }
        self.value(depth + 1)
    }

    /// The value of a record that is no object; tells what it is.
    pub(super) fn other_value(&mut self, depth: usize) -> Read<Detail> {
        let found = match self.peek() {
            Some(b'"') => Detail::FoundText,
            Some(b'-' | b'0'..=b'9') => Detail::FoundNumber,
            Some(b'n') => Detail::FoundNull,
            Some(b't' | b'f') => Detail::FoundBoolean,
            _ => Detail::FoundArray,
        };
        self.value(depth).map(|()| found)
    }

    /// Reads any value and leaves it. Names inside are looked at for repeats all the same.
    pub(super) fn value(&mut self, depth: usize) -> Read<()> {
        match self.peek() {
            Some(b'"') => {
                let raw = self.string()?;
                if raw.has_escapes {
                    let mark = self.batch.arena.len();
                    self.text_slot(raw);
                    self.batch.arena.truncate(mark);
                }
                Ok(())
            }
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b'n') => self.word(b"null"),
            Some(b't' | b'f') => self.boolean(),
            Some(b'[') => {
                let mut is_over = self.begin(depth, b']')?;
                while !is_over {
                    self.value(depth + 1)?;
                    is_over = self.ends(b']')?;
                }
                Ok(())
            }
            Some(b'{') => self.unknown_object(depth),
            _ => Err(JsonFault::Syntax),
        }
    }

    /// Reads an object that the schema does not know.
    fn unknown_object(&mut self, depth: usize) -> Read<()> {
        let this = self.next_object();
        let mut is_over = self.begin(depth, b'}')?;
        while !is_over {
            let name = self.name()?;
            let id = self.intern(Scope::unknown(depth), name)?;
            if self.scratch.is_repeated(id, this) {
                self.repeated(self.inside);
            }
            self.value(depth + 1)?;
            is_over = self.ends(b'}')?;
        }
        Ok(())
    }
}
