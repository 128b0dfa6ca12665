//! Reads what is not imported: fields that only exports have, and fields that are not in the
//! schema.
//!
//! All of it must be valid JSON, and no name in it may be repeated.

use super::shape_cache::{DecodeStep, Destination, Recorder, TraceEvent, ValueKind};
use super::{JsonError, JsonResult, RawText, Reader};
use crate::decode::lookalike::is_of_opt_out;
use crate::record::{Detail, Field, NameId, Scope};
use crate::schema::NodeIx;

impl<R: Recorder> Reader<'_, R> {
    /// Skips the value of a field that only exports have. Counts the field unless it is null.
    pub(super) fn skip_export_only(&mut self, node: NodeIx, depth: usize) -> JsonResult<()> {
        let (first, start) = (self.peek(), self.at);
        if first != Some(b'n') {
            self.recorder.record(TraceEvent::Step(DecodeStep::ExportOnly));
            if let Some(row) = self.batch.rows.get_mut(self.row) {
                row.export_only += 1;
            }
        }
        self.skip_value(depth)?;
        let (end, destination) = (self.at, Destination::Discarded(node));
        self.recorder.record(match first {
            Some(b'"') => {
                let value = ValueKind::Text(destination);
                TraceEvent::Value { start: start + 1, end: end - 1, value }
            }
            Some(b'-' | b'0'..=b'9') => {
                TraceEvent::Value { start, end, value: ValueKind::Number(destination) }
            }
            _ => TraceEvent::Irregular,
        });
        Ok(())
    }

    /// Skips the value of a member that is not in the schema. Notes the name unless the value is
    /// null.
    pub(super) fn skip_unknown_member(
        &mut self,
        scope: Scope,
        name: RawText,
        object: u64,
        depth: usize,
    ) -> JsonResult<()> {
        let id = self.intern(scope, name)?;
        self.field = Field::Named(id);
        self.recorder.record(TraceEvent::Irregular);
        if self.scratch.is_repeated(id, object) {
            self.add_repeated_name(self.field);
        } else if !self.is_at_null() && !self.is_at_null_text() {
            self.batch.add_unknown(self.row, id);
        }
        self.skip_unknown_value(id, depth + 1)
    }

    /// Skips the value of a name that is not in the schema. `depth` is that of the value.
    pub(super) fn skip_unknown_value(&mut self, id: NameId, depth: usize) -> JsonResult<()> {
        if !matches!(self.peek(), Some(b'{' | b'[')) {
            return self.skip_value(depth);
        }
        let (scope, name) = self.names.get(id);
        let unknown = &mut self.scratch.unknown;
        unknown.scope = Some(scope);
        unknown.path.clear();
        unknown.path.push_str(name);
        let skipped = self.skip_value(depth);
        self.scratch.unknown.scope = None;
        skipped
    }

    /// Whether the next value is a text that means null.
    fn is_at_null_text(&mut self) -> bool {
        if self.layout.shaping.nulls.is_empty() || self.peek() != Some(b'"') {
            return false;
        }
        let start = self.at;
        let text = self.read_string();
        self.at = start;
        let nulls = &self.layout.shaping.nulls;
        text.is_ok_and(|text| nulls.has(self.name_bytes(text)))
    }

    /// Skips a record that is not an object. Returns what it is instead.
    pub(super) fn skip_non_object(&mut self, depth: usize) -> JsonResult<Detail> {
        let found = match self.peek() {
            Some(b'"') => Detail::FoundText,
            Some(b'-' | b'0'..=b'9') => Detail::FoundNumber,
            Some(b'n') => Detail::FoundNull,
            Some(b't' | b'f') => Detail::FoundBoolean,
            _ => Detail::FoundArray,
        };
        self.skip_value(depth).map(|()| found)
    }

    /// Skips a value of any type. `depth` is that of the value.
    pub(super) fn skip_value(&mut self, depth: usize) -> JsonResult<()> {
        match self.peek() {
            Some(b'"') => {
                let raw = self.read_string()?;
                if raw.has_escapes {
                    // Finds lone surrogates.
                    let mark = self.batch.arena.len();
                    self.text_slot(raw);
                    self.batch.arena.truncate(mark);
                }
                Ok(())
            }
            Some(b'-' | b'0'..=b'9') => self.skip_number(),
            Some(b'n') => self.expect_word(b"null"),
            Some(b't' | b'f') => self.expect_boolean(),
            Some(b'[') => {
                let mut is_closed = self.open(depth, b']')?;
                while !is_closed {
                    self.skip_value(depth + 1)?;
                    is_closed = self.skip_separator(b']')?;
                }
                Ok(())
            }
            Some(b'{') => self.skip_object(depth),
            _ => Err(JsonError::Syntax),
        }
    }

    fn skip_object(&mut self, depth: usize) -> JsonResult<()> {
        let object = self.new_object_id();
        let mut is_closed = self.open(depth, b'}')?;
        while !is_closed {
            let name = self.read_name()?;
            let id = self.intern(Scope::unknown(depth), name)?;
            if self.scratch.is_repeated(id, object) {
                self.add_repeated_name(self.field);
            }
            let length = self.scratch.unknown.path.len();
            self.enter_unknown(id);
            self.skip_value(depth + 1)?;
            self.scratch.unknown.path.truncate(length);
            is_closed = self.skip_separator(b'}')?;
        }
        Ok(())
    }

    /// Goes on to the value of a name inside of an unknown object. If it is the opt-out that would be lost with the
    /// object, it is an unknown field itself.
    fn enter_unknown(&mut self, id: NameId) {
        let Some(scope) = self.scratch.unknown.scope else { return };
        let name = self.names.get(id).1;
        self.scratch.unknown.path.push('.');
        self.scratch.unknown.path.push_str(name);
        let opt_out = &self.layout.opt_out;
        let is_opt_out = self.scratch.is_opt_out(id, || is_of_opt_out(name, opt_out));
        if is_opt_out && !self.is_at_null() {
            let whole = self.names.intern(scope, &self.scratch.unknown.path);
            self.batch.add_unknown(self.row, whole);
        }
    }
}
