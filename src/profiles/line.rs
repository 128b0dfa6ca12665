//! Reads the compact JSON of a record that the encoder has written (`encode/json.rs`): no white space, and no
//! escapes but those that JSON needs. `None` means that the text is something else.

use std::borrow::Cow;

use memchr::memchr2;

/// A place in the text of a record.
pub(super) struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    pub(super) fn new(text: &'a str) -> Reader<'a> {
        Reader { text, at: 0 }
    }

    #[inline]
    pub(super) fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    #[inline]
    fn eat(&mut self, byte: u8) -> Option<()> {
        self.skip(byte).then_some(())
    }

    #[inline]
    fn skip(&mut self, byte: u8) -> bool {
        let is_there = self.peek() == Some(byte);
        self.at += usize::from(is_there);
        is_there
    }

    /// Reads an object: `each` reads the value of each member.
    #[inline]
    pub(super) fn members(
        &mut self,
        mut each: impl FnMut(&mut Reader<'a>, Cow<'a, str>) -> Option<()>,
    ) -> Option<()> {
        self.eat(b'{')?;
        if self.skip(b'}') {
            return Some(());
        }
        loop {
            let name = self.string()?;
            self.eat(b':')?;
            each(self, name)?;
            if self.skip(b'}') {
                return Some(());
            }
            self.eat(b',')?;
        }
    }

    /// Reads a list: `each` reads each item.
    #[inline]
    pub(super) fn items(
        &mut self,
        mut each: impl FnMut(&mut Reader<'a>) -> Option<()>,
    ) -> Option<()> {
        self.eat(b'[')?;
        if self.skip(b']') {
            return Some(());
        }
        loop {
            each(self)?;
            if self.skip(b']') {
                return Some(());
            }
            self.eat(b',')?;
        }
    }

    /// Reads a text or a number, as text.
    #[inline]
    pub(super) fn value(&mut self) -> Option<Cow<'a, str>> {
        if self.peek() == Some(b'"') { self.string() } else { self.number().map(Cow::Borrowed) }
    }

    #[inline]
    fn number(&mut self) -> Option<&'a str> {
        let rest = self.text.get(self.at..)?;
        let end = rest.find([',', '}', ']']).unwrap_or(rest.len());
        self.at += end;
        rest.get(..end).filter(|number| !number.is_empty())
    }

    #[inline]
    fn string(&mut self) -> Option<Cow<'a, str>> {
        self.eat(b'"')?;
        let plain = self.plain()?;
        if self.skip(b'"') {
            return Some(Cow::Borrowed(plain));
        }
        let mut text = plain.to_owned();
        while !self.skip(b'"') {
            self.piece(&mut text)?;
        }
        Some(Cow::Owned(text))
    }

    /// Reads up to the next escape, or to the end of a text.
    #[inline]
    fn plain(&mut self) -> Option<&'a str> {
        let rest = self.text.get(self.at..)?;
        let end = memchr2(b'"', b'\\', rest.as_bytes())?;
        self.at += end;
        rest.get(..end)
    }

    /// Appends an escaped character, or text up to the next one or to the end.
    fn piece(&mut self, text: &mut String) -> Option<()> {
        if self.skip(b'\\') {
            let escape = self.peek()?;
            self.at += 1;
            text.push(match escape {
                b'n' => '\n',
                b't' => '\t',
                b'r' => '\r',
                b'b' => '\u{8}',
                b'f' => '\u{c}',
                b'u' => {
                    let digits = self.text.get(self.at..self.at + 4)?;
                    self.at += 4;
                    char::from_u32(u32::from_str_radix(digits, 16).ok()?)?
                }
                other => char::from(other),
            });
            return Some(());
        }
        text.push_str(self.plain()?);
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Option<&str>) {
        let mut reader = Reader::new(text);
        assert_eq!(reader.value().as_deref(), expected, "{text}");
    }

    #[test]
    fn texts_and_numbers_are_read() {
        check(r#""a""#, Some("a"));
        check(r#""""#, Some(""));
        check(r#""a\"b\\c\nd\u0001é""#, Some("a\"b\\c\nd\u{1}é"));
        check("-1.0e3,", Some("-1.0e3"));
        check(r#""open"#, None);
        check(r#""open\"#, None);
        check("", None);
    }

    #[test]
    fn objects_and_lists_are_read_in_their_order() {
        let text = r#"{"b":["1","2"],"a":[],"c":{}}"#;
        let mut seen = Vec::new();
        let mut reader = Reader::new(text);
        let read = reader.members(|reader, name| {
            if reader.peek() == Some(b'{') {
                return reader.members(|_, _| None);
            }
            reader.items(|reader| {
                seen.push(format!("{name}{}", reader.value()?));
                Some(())
            })
        });
        assert_eq!((read, seen), (Some(()), vec!["b1".to_owned(), "b2".to_owned()]));
        assert_eq!(Reader::new("{\"a\":1").members(|reader, _| reader.value().map(drop)), None);
    }
}
