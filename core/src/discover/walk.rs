//! Visits the values of one JSON record, with the path and the kind of each.
//!
//! The decoder has accepted the record, so it is valid JSON of at most 64 levels. Items of a list are visited
//! under the path of the list, after the list itself. Objects are visited only if they are empty.

use super::value::{Kind, Value, text_of_json};
use crate::simd::scan::first_special;

/// What happens on the way through a record.
pub(super) trait Visit<'a> {
    /// Does what [`Visit::enter`] does if a text begins with the name of a member that is expected here, and
    /// returns the length of the name. `None`: the name must be read.
    fn enter_expected(&mut self, _text: &'a str) -> Option<usize> {
        None
    }
    /// The values that follow are in a member of this name, as it is written, with its quotes. `None` ends the walk.
    fn enter(&mut self, name: &'a str) -> Option<()>;
    /// The member has ended.
    fn leave(&mut self);
    fn value(&mut self, value: Value<'a>);
}

/// Visits the values of the object with which a text begins, and returns its length. `None`: the text is not
/// what the decoder accepts.
pub(super) fn walk<'a>(record: &'a str, visit: &mut impl Visit<'a>) -> Option<usize> {
    let mut walker = Walker { text: record, at: 0, depth: 0, visit };
    walker.object(false)?;
    Some(walker.at)
}

/// Calls `visit` with each value, and with the names on the way to it.
pub(crate) fn walk_names<'a>(
    record: &'a str,
    visit: &mut impl FnMut(NamePath<'_>, Value<'a>),
) -> Option<usize> {
    walk(record, &mut Named { path: String::new(), ends: Vec::new(), visit })
}

/// The names on the way to a value. A name may have dots itself.
#[derive(Clone, Copy)]
pub(crate) struct NamePath<'p> {
    /// All of them, with dots between.
    pub(crate) path: &'p str,
    /// Where in the path each name ends.
    ends: &'p [usize],
}

impl<'p> NamePath<'p> {
    /// The names, the outermost first.
    pub(crate) fn names(self) -> impl Iterator<Item = &'p str> {
        let starts = std::iter::once(0).chain(self.ends.iter().map(|end| end + 1));
        starts.zip(self.ends).filter_map(|(start, end)| self.path.get(start..*end))
    }
}

/// Knows the names on the way to each value.
struct Named<'v, V> {
    path: String,
    ends: Vec<usize>,
    visit: &'v mut V,
}

impl<'a, V: FnMut(NamePath<'_>, Value<'a>)> Visit<'a> for Named<'_, V> {
    fn enter(&mut self, name: &'a str) -> Option<()> {
        if !self.ends.is_empty() {
            self.path.push('.');
        }
        self.path.push_str(&text_of_json(name)?);
        self.ends.push(self.path.len());
        Some(())
    }

    fn leave(&mut self) {
        self.ends.pop();
        self.path.truncate(self.ends.last().copied().unwrap_or(0));
    }

    fn value(&mut self, value: Value<'a>) {
        (self.visit)(NamePath { path: &self.path, ends: &self.ends }, value);
    }
}

struct Walker<'a, 'v, V> {
    text: &'a str,
    at: usize,
    /// The number of names on the way.
    depth: usize,
    visit: &'v mut V,
}

impl<'a, V: Visit<'a>> Walker<'a, '_, V> {
    fn peek(&mut self) -> Option<u8> {
        loop {
            match self.text.as_bytes().get(self.at)? {
                b' ' | b'\t' | b'\n' | b'\r' => self.at += 1,
                other => return Some(*other),
            }
        }
    }

    fn take(&mut self, expected: u8) -> Option<()> {
        (self.peek()? == expected).then(|| self.at += 1)
    }

    /// An object; its members are visited. `is_item`: it is in a list.
    fn object(&mut self, is_item: bool) -> Option<()> {
        self.take(b'{')?;
        if self.peek()? == b'}' {
            self.at += 1;
            if 0 < self.depth {
                self.visit.value(Value::json(Kind::Object, "{}", is_item));
            }
            return Some(());
        }
        loop {
            self.peek()?;
            self.name()?;
            self.depth += 1;
            self.take(b':')?;
            self.value(is_item)?;
            self.depth -= 1;
            self.visit.leave();
            match self.peek()? {
                b',' => self.at += 1,
                b'}' => {
                    self.at += 1;
                    return Some(());
                }
                _ => return None,
            }
        }
    }

    fn list(&mut self, is_item: bool) -> Option<()> {
        self.take(b'[')?;
        self.visit.value(Value::json(Kind::List, "[]", is_item));
        if self.peek()? == b']' {
            self.at += 1;
            return Some(());
        }
        loop {
            self.value(true)?;
            match self.peek()? {
                b',' => self.at += 1,
                b']' => {
                    self.at += 1;
                    return Some(());
                }
                _ => return None,
            }
        }
    }

    fn value(&mut self, is_item: bool) -> Option<()> {
        let (kind, raw) = match self.peek()? {
            b'{' => return self.object(is_item),
            b'[' => return self.list(is_item),
            b'"' => (Kind::Text, self.string()?),
            b't' | b'f' => (Kind::Boolean, self.word()?),
            b'n' => (Kind::Null, self.word()?),
            _ => (Kind::Number, self.word()?),
        };
        self.visit.value(Value::json(kind, raw, is_item));
        Some(())
    }

    /// The name of a member.
    fn name(&mut self) -> Option<()> {
        if let Some(length) = self.visit.enter_expected(self.text.get(self.at..)?) {
            self.at += length;
            return Some(());
        }
        let name = self.string()?;
        self.visit.enter(name)
    }

    /// A string with its quotes.
    fn string(&mut self) -> Option<&'a str> {
        let start = self.at;
        let bytes = self.text.as_bytes();
        self.take(b'"')?;
        loop {
            self.at += first_special(bytes.get(self.at..)?);
            match bytes.get(self.at)? {
                b'"' => {
                    self.at += 1;
                    return self.text.get(start..self.at);
                }
                b'\\' => self.at += 2,
                _ => self.at += 1,
            }
        }
    }

    /// A number, or `true`, `false`, `null`.
    fn word(&mut self) -> Option<&'a str> {
        let start = self.at;
        let rest = self.text.as_bytes().get(start..)?;
        let is_in = |byte: &&u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'+' | b'.');
        self.at += rest.iter().take_while(is_in).count();
        self.text.get(start..self.at).filter(|word| !word.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn visited(record: &str) -> Option<Vec<String>> {
        let mut all = Vec::new();
        let mut visit = |names: NamePath<'_>, value: Value<'_>| {
            let (path, item) = (names.path, if value.is_item { "*" } else { "" });
            all.push(format!("{path}{item} {} {}", value.kind.name(), value.raw));
        };
        walk_names(record, &mut visit)?;
        Some(all)
    }

    #[test]
    fn every_value_is_visited() {
        let record = r#" {"a":"x\"\u00e9","b":{"c":[1,{"d":null},[]],"e":{}},"f":true } "#;
        let expected = [
            r#"a string "x\"\u00e9""#,
            "b.c array []",
            "b.c* number 1",
            "b.c.d* null null",
            "b.c* array []",
            "b.e object {}",
            "f boolean true",
        ];
        assert_eq!(visited(record).expect("it is valid"), expected);
        assert_eq!(visited("{}"), Some(Vec::new()));
    }

    #[test]
    fn names_may_have_dots_or_be_empty() {
        let mut all = Vec::new();
        let record = r#"{"a.b":{"":1,"c":2},"":{"d":3}}"#;
        let mut visit = |path: NamePath<'_>, _: Value<'_>| {
            all.push(path.names().map(str::to_owned).collect::<Vec<_>>());
        };
        walk_names(record, &mut visit).expect("it is valid");
        assert_eq!(all, [["a.b", ""], ["a.b", "c"], ["", "d"]]);
    }

    #[test]
    fn other_texts_end_the_walk() {
        for text in ["", "[]", "{", "{\"a\"", "{\"a\":", "{\"a\":1", "{\"a\" 1}", "{\"a\":\""] {
            assert_eq!(visited(text), None, "{text}");
        }
    }
}
