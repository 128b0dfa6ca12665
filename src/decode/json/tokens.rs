//! The tokens of JSON (RFC 8259): words, numbers, strings, and what stands between them.

use super::shape_cache::{Event, Watch};
use super::unescape::unescape;
use super::{JsonFault, RawText, Read, Reader};
use crate::decode::{broken, number_len};
use crate::record::{Code, Detail, Field, NameId, Scope, Slot};
use crate::simd::Span;
use crate::simd::scan::{first_special, packed_text};

impl<W: Watch> Reader<'_, W> {
    pub(super) fn boolean(&mut self) -> Read<()> {
        let word: &[u8] = if self.peek() == Some(b't') { b"true" } else { b"false" };
        self.word(word)
    }

    pub(super) fn word(&mut self, word: &[u8]) -> Read<()> {
        if self.text.get(self.at..self.at + word.len()) == Some(word) {
            self.at += word.len();
            Ok(())
        } else {
            Err(JsonFault::Syntax)
        }
    }

    pub(super) fn number(&mut self) -> Read<()> {
        let rest = self.text.get(self.at..).unwrap_or(&[]);
        let len = number_len(rest).ok_or(JsonFault::Syntax)?;
        self.at += len;
        Ok(())
    }

    /// Reads a string; its escapes are looked at when it is unescaped.
    #[inline]
    pub(super) fn string(&mut self) -> Read<RawText> {
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
                    self.escape()?;
                }
                _ => return Err(JsonFault::Syntax),
            }
        }
        let len = self.at - start;
        self.at += 1;
        Ok(RawText { start, len, has_escapes })
    }

    /// How many bytes from a place on are text without escapes. May reach behind the record's end.
    #[inline]
    pub(super) fn plain_len(&self, from: usize) -> usize {
        first_special(self.chunk.get(from..).unwrap_or(&[]))
    }

    /// Steps over what follows a backslash.
    pub(super) fn escape(&mut self) -> Read<()> {
        match self.peek() {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => {
                self.at += 1;
                Ok(())
            }
            Some(b'u') => {
                let digits = self.text.get(self.at + 1..self.at + 5).unwrap_or(&[]);
                if digits.len() < 4 || !digits.iter().all(u8::is_ascii_hexdigit) {
                    return Err(JsonFault::Syntax);
                }
                self.at += 5;
                Ok(())
            }
            _ => Err(JsonFault::Syntax),
        }
    }

    pub(super) fn raw_bytes(&self, raw: RawText) -> &[u8] {
        self.text.get(raw.start..raw.start + raw.len).unwrap_or(&[])
    }

    pub(super) fn text_slot(&mut self, raw: RawText) -> Slot {
        if !raw.has_escapes {
            return Slot::text(raw.start, raw.len, true);
        }
        let start = self.batch.arena.len();
        let bytes = self.text.get(raw.start..raw.start + raw.len).unwrap_or(&[]);
        if unescape(bytes, &mut self.batch.arena).is_err() {
            self.lone_surrogate();
        }
        Slot::new_text(start, self.batch.arena.len() - start, false)
    }

    pub(super) fn lone_surrogate(&mut self) {
        broken(self.batch, self.row, Field::Record, Code::Utf8, Detail::LoneSurrogate);
    }

    /// Steps over a name as most are, and its colon: short and without escapes, with the value right
    /// behind. Gives it as a number; none for others, and then the place is anywhere.
    ///
    /// A result of more than two words would go through memory, and cost as much as the rest.
    #[inline]
    pub(super) fn short_name(&mut self) -> Option<u128> {
        if self.peek() != Some(b'"') {
            return None;
        }
        let (len, packed) = packed_text(self.chunk.get(self.at + 1..)?)?;
        let end = self.at + 1 + len;
        let [b'"', b':', b'!'..=u8::MAX] = self.text.get(end..end + 3)? else { return None };
        self.at = end + 2;
        Some(packed)
    }

    /// The same number of a name that was read, if it is short and has no escapes.
    pub(super) fn packed(&self, raw: RawText) -> Option<u128> {
        let span = Span { source: self.chunk, start: raw.start, len: raw.len };
        if raw.has_escapes { None } else { span.packed() }
    }

    /// A name's text, unescaped.
    #[inline]
    pub(super) fn name_bytes(&mut self, raw: RawText) -> &[u8] {
        if !raw.has_escapes {
            return self.raw_bytes(raw);
        }
        let bytes = self.text.get(raw.start..raw.start + raw.len).unwrap_or(&[]);
        self.scratch.name.clear();
        if unescape(bytes, &mut self.scratch.name).is_err() {
            // What is learned is taken for sound the next time.
            self.watch.event(Event::Unlike);
            self.lone_surrogate();
        }
        &self.scratch.name
    }

    pub(super) fn intern(&mut self, scope: Scope, raw: RawText) -> Read<NameId> {
        if raw.has_escapes {
            self.name_bytes(raw);
            let name = str::from_utf8(&self.scratch.name).map_err(|_invalid| JsonFault::Syntax)?;
            return Ok(self.names.intern(scope, name));
        }
        let bytes = self.text.get(raw.start..raw.start + raw.len).unwrap_or(&[]);
        let name = str::from_utf8(bytes).map_err(|_invalid| JsonFault::Syntax)?;
        Ok(self.names.intern(scope, name))
    }

    #[inline]
    pub(super) fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    #[inline]
    pub(super) fn take(&mut self, byte: u8) -> bool {
        let is_here = self.peek() == Some(byte);
        self.at += usize::from(is_here);
        is_here
    }

    #[inline]
    pub(super) fn expect(&mut self, byte: u8) -> Read<()> {
        if self.take(byte) { Ok(()) } else { Err(JsonFault::Syntax) }
    }

    /// The next byte that is no white space; it is not stepped over.
    #[inline]
    pub(super) fn next_byte(&mut self) -> Option<u8> {
        self.skip_space();
        self.peek()
    }

    #[inline]
    pub(super) fn skip_space(&mut self) {
        // Most producers write none.
        if self.peek().is_some_and(|byte| byte <= b' ') {
            self.step_over_space();
        }
    }

    #[inline(never)]
    fn step_over_space(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.peek() {
            self.at += 1;
        }
    }
}
