//! The tokens of JSON (RFC 8259): literals, numbers, strings, and white space.

use super::shape_cache::{Recorder, TraceEvent};
use super::unescape::unescape;
use super::{JsonError, JsonResult, RawText, Reader};
use crate::record::{Code, Detail, Field, NameId, Scope, Slot, number_len, odd_marks};
use crate::simd::Span;
use crate::simd::scan::{first_special, packed_text};

impl<R: Recorder> Reader<'_, R> {
    pub(super) fn expect_boolean(&mut self) -> JsonResult<()> {
        let word: &[u8] = if self.peek() == Some(b't') { b"true" } else { b"false" };
        self.expect_word(word)
    }

    pub(super) fn expect_word(&mut self, word: &[u8]) -> JsonResult<()> {
        if self.text.get(self.at..self.at + word.len()) == Some(word) {
            self.at += word.len();
            Ok(())
        } else {
            Err(JsonError::Syntax)
        }
    }

    pub(super) fn skip_number(&mut self) -> JsonResult<()> {
        let rest = self.text.get(self.at..).unwrap_or(&[]);
        let len = number_len(rest).ok_or(JsonError::Syntax)?;
        self.at += len;
        Ok(())
    }

    /// Reads a string. Checks the syntax of its escapes; what they stand for is checked when the
    /// string is unescaped.
    #[inline]
    pub(super) fn read_string(&mut self) -> JsonResult<RawText> {
        self.expect(b'"')?;
        let start = self.at;
        let mut has_escapes = false;
        loop {
            self.at += self.plain_len(self.at);
            match self.peek() {
                Some(b'"') => break,
                Some(b'\\') => {
                    has_escapes = true;
                    self.at += 1;
                    self.skip_escape()?;
                }
                _ => return Err(JsonError::Syntax),
            }
        }
        let len = self.at - start;
        self.at += 1;
        Ok(RawText { start, len, has_escapes })
    }

    /// The number of bytes from `from` on that a string can contain unescaped. They may extend past
    /// the end of the record.
    #[inline]
    pub(super) fn plain_len(&self, from: usize) -> usize {
        first_special(self.chunk.get(from..).unwrap_or(&[]))
    }

    /// Skips what follows a backslash.
    fn skip_escape(&mut self) -> JsonResult<()> {
        match self.peek() {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => {
                self.at += 1;
                Ok(())
            }
            Some(b'u') => {
                let digits = self.text.get(self.at + 1..self.at + 5).unwrap_or(&[]);
                if digits.len() < 4 || !digits.iter().all(u8::is_ascii_hexdigit) {
                    return Err(JsonError::Syntax);
                }
                self.at += 5;
                Ok(())
            }
            _ => Err(JsonError::Syntax),
        }
    }

    pub(super) fn raw_bytes(&self, raw: RawText) -> &[u8] {
        self.text.get(raw.start..raw.start + raw.len).unwrap_or(&[])
    }

    /// The slot of a string. If it has escapes, the text is unescaped into the arena.
    pub(super) fn text_slot(&mut self, raw: RawText) -> Slot {
        if !raw.has_escapes {
            self.note_odd_text(raw.start);
            return Slot::text(raw.start, raw.len, true);
        }
        let start = self.batch.arena.len();
        let bytes = self.text.get(raw.start..raw.start + raw.len).unwrap_or(&[]);
        if unescape(bytes, &mut self.batch.arena).is_err() {
            self.add_lone_surrogate();
        }
        self.batch.odd_marks |= odd_marks(self.batch.arena.get(start..).unwrap_or(&[]));
        Slot::new_text(start, self.batch.arena.len() - start, false)
    }

    /// Notes whether the text that begins at `start` may look as if a setting were missing.
    #[inline]
    pub(super) fn note_odd_text(&mut self, start: usize) {
        self.batch.odd_marks |= odd_marks(self.chunk.get(start..).unwrap_or(&[]));
    }

    fn add_lone_surrogate(&mut self) {
        self.batch.mark_broken(self.row, Field::Record, Code::Utf8, Detail::LoneSurrogate);
    }

    /// Skips a short name with its colon, and returns the name packed into one number. That is the
    /// fast path: the name has at most 15 bytes and no escapes, and there is no white space around
    /// the colon. Returns `None` for any other name; the position is then undefined.
    ///
    /// A result of more than two words would be returned through memory, and cost as much as all
    /// else here.
    #[inline]
    pub(super) fn read_short_name(&mut self) -> Option<u128> {
        if self.peek() != Some(b'"') {
            return None;
        }
        let (len, packed) = packed_text(self.chunk.get(self.at + 1..)?)?;
        let end = self.at + 1 + len;
        let [b'"', b':', b'!'..=u8::MAX] = self.text.get(end..end + 3)? else { return None };
        self.at = end + 2;
        Some(packed)
    }

    /// The same number for a name that was read as a string. Returns `None` if the name is long or
    /// has escapes.
    pub(super) fn packed_name(&self, raw: RawText) -> Option<u128> {
        let span = Span { source: self.chunk, start: raw.start, len: raw.len };
        if raw.has_escapes { None } else { span.packed() }
    }

    /// The unescaped bytes of a name.
    #[inline]
    pub(super) fn name_bytes(&mut self, raw: RawText) -> &[u8] {
        if !raw.has_escapes {
            return self.raw_bytes(raw);
        }
        let bytes = self.text.get(raw.start..raw.start + raw.len).unwrap_or(&[]);
        self.scratch.name.clear();
        if unescape(bytes, &mut self.scratch.name).is_err() {
            // A replay would not notice the surrogate again.
            self.recorder.record(TraceEvent::Irregular);
            self.add_lone_surrogate();
        }
        &self.scratch.name
    }

    pub(super) fn intern(&mut self, scope: Scope, raw: RawText) -> JsonResult<NameId> {
        if raw.has_escapes {
            self.name_bytes(raw);
            let name = str::from_utf8(&self.scratch.name).map_err(|_invalid| JsonError::Syntax)?;
            return Ok(self.names.intern(scope, name));
        }
        let bytes = self.text.get(raw.start..raw.start + raw.len).unwrap_or(&[]);
        let name = str::from_utf8(bytes).map_err(|_invalid| JsonError::Syntax)?;
        Ok(self.names.intern(scope, name))
    }

    #[inline]
    pub(super) fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    /// Skips `byte`, or fails if another one is next.
    #[inline]
    pub(super) fn expect(&mut self, byte: u8) -> JsonResult<()> {
        let is_next = self.peek() == Some(byte);
        self.at += usize::from(is_next);
        if is_next { Ok(()) } else { Err(JsonError::Syntax) }
    }

    /// Skips white space and returns the next byte, which is not skipped.
    #[inline]
    pub(super) fn peek_after_space(&mut self) -> Option<u8> {
        self.skip_space();
        self.peek()
    }

    #[inline]
    pub(super) fn skip_space(&mut self) {
        // Most producers write none.
        if self.peek().is_some_and(|byte| byte <= b' ') {
            self.skip_some_space();
        }
    }

    #[inline(never)]
    fn skip_some_space(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.peek() {
            self.at += 1;
        }
    }
}
