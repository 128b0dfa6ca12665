//! Where JSON records end that are not one on each line: the items of an array, and objects in a
//! row. Only strings and brackets are looked at; what stands between them is the decoder's.
//!
//! - An item is what stands between two commas of the array. So a comma that is missing or one
//!   too many is a fault in an item, and nothing of the text is outside of one.
//! - An object in a row ends with its brace. Anything between two objects but white space is a
//!   faulty record of its own, up to the next brace.
//! - In an object only braces and strings are counted: a bracket that does not belong there makes
//!   that object faulty, and leaves those after it alone. One that does not end takes all.

use memchr::{memchr, memchr2};

use super::{Cut, Record, SPACE_MAX};
use crate::record::{Code, Detail};

/// Follows one record to its end, over as many slices as it comes in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scanner {
    form: Form,
    /// Braces that are open.
    braces: usize,
    /// Brackets that are open outside of braces.
    lists: usize,
    in_string: bool,
    /// The slice before ended with a backslash.
    is_escaped: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// Ends before a comma or a bracket that closes.
    Item,
    /// Ends after its brace.
    Object,
    /// Ends before a brace that opens.
    NoObject,
}

impl Scanner {
    /// For an item of an array.
    pub fn item() -> Scanner {
        Scanner::new(Form::Item)
    }

    /// For what begins with these bytes in a row of objects.
    pub fn object(bytes: &[u8]) -> Scanner {
        Scanner::new(if bytes.first() == Some(&b'{') { Form::Object } else { Form::NoObject })
    }

    fn new(form: Form) -> Scanner {
        Scanner { form, braces: 0, lists: 0, in_string: false, is_escaped: false }
    }

    /// Whether a string or a bracket of the record is not closed yet.
    pub fn is_open(&self) -> bool {
        self.in_string || 0 < self.braces || 0 < self.lists
    }

    /// Goes on from `from`; gives the place where the record ends, if it is here.
    pub fn end(&mut self, bytes: &[u8], from: usize) -> Option<usize> {
        if self.form == Form::NoObject {
            return memchr(b'{', bytes.get(from..)?).map(|found| from + found);
        }
        let mut at = from;
        while at < bytes.len() {
            if self.in_string {
                at = self.string(bytes, at);
            } else if 0 < self.braces {
                at = self.inside(bytes, at);
                if self.braces == 0 && self.form == Form::Object {
                    return Some(at);
                }
            } else if self.outside(*bytes.get(at)?) {
                return Some(at);
            } else {
                at += 1;
            }
        }
        None
    }

    /// Goes to the end of a string; gives the place after it, or the end of the bytes.
    fn string(&mut self, bytes: &[u8], from: usize) -> usize {
        let mut at = from + usize::from(self.is_escaped);
        self.is_escaped = false;
        while let Some(found) = bytes.get(at..).and_then(|rest| memchr2(b'"', b'\\', rest)) {
            at += found + 1;
            if bytes.get(at - 1) == Some(&b'"') {
                self.in_string = false;
                return at;
            }
            at += 1;
        }
        self.is_escaped = bytes.len() < at;
        bytes.len()
    }

    /// Goes to the next string or brace of an object; gives the place after it.
    fn inside(&mut self, bytes: &[u8], from: usize) -> usize {
        let rest = bytes.get(from..).unwrap_or(&[]);
        let Some(found) = rest.iter().position(|byte| matches!(byte, b'"' | b'{' | b'}')) else {
            return bytes.len();
        };
        match rest.get(found) {
            Some(b'"') => self.in_string = true,
            Some(b'{') => self.braces += 1,
            Some(_) | None => self.braces -= 1,
        }
        from + found + 1
    }

    /// Takes a byte outside of braces and strings; tells whether an item ends before it.
    fn outside(&mut self, byte: u8) -> bool {
        match byte {
            b'"' => self.in_string = true,
            b'{' => self.braces += 1,
            b'[' => self.lists += 1,
            b']' if self.lists == 0 => return true,
            b']' => self.lists -= 1,
            b',' => return self.lists == 0,
            _ => {}
        }
        false
    }
}

/// How much of the items of an array is whole; `bytes` begin with an item.
pub(super) fn cut_items(bytes: &[u8], max_record: usize, at_end: bool) -> Cut {
    let mut whole = 0;
    loop {
        let start = whole + leading_space(bytes.get(whole..).unwrap_or(&[]));
        let mut scanner = Scanner::item();
        match scanner.end(bytes, start) {
            Some(end) if bytes.get(end) == Some(&b']') => return Cut::Last(end + 1),
            Some(end) => whole = end + 1,
            None if at_end && scanner.is_open() => return Cut::At(bytes.len()),
            None if at_end => return Cut::NotClosed(bytes.len()),
            None if 0 < whole => return Cut::At(whole),
            None if bytes.len() <= max_record.saturating_add(SPACE_MAX) => return Cut::More,
            None => return Cut::Invalid(Code::TooLongRecord, Detail::None),
        }
    }
}

/// How much of a row of objects is whole; `bytes` begin with one, or with what is none.
pub(super) fn cut_objects(bytes: &[u8], max_record: usize) -> Cut {
    let mut whole = 0;
    loop {
        let start = whole + leading_space(bytes.get(whole..).unwrap_or(&[]));
        let mut scanner = Scanner::object(bytes.get(start..).unwrap_or(&[]));
        match scanner.end(bytes, start) {
            Some(end) => whole = end,
            None if 0 < whole => return Cut::At(whole),
            None if bytes.len() <= max_record + 1 => return Cut::More,
            None if scanner.form == Form::NoObject => {
                return Cut::Invalid(Code::JsonSyntax, Detail::TextBetweenObjects);
            }
            None => return Cut::Invalid(Code::TooLongRecord, Detail::None),
        }
    }
}

/// The item of an array that starts at `start` or after white space there. At a chunk's end
/// there is none: then it is empty and without fault.
pub(super) fn item(chunk: &[u8], start: usize, max_record: usize) -> Record {
    let start = start + leading_space(chunk.get(start..).unwrap_or(&[]));
    let delimiter = Scanner::item().end(chunk, start);
    let frame_end = delimiter.unwrap_or(chunk.len());
    let end = without_space(chunk, start, frame_end);
    let is_too_long =
        max_record < end - start || max_record.saturating_add(SPACE_MAX) < frame_end - start;
    let problem = if start == end && delimiter.is_some() {
        Some((Code::JsonSyntax, Detail::NoValue))
    } else {
        is_too_long.then_some((Code::TooLongRecord, Detail::None))
    };
    Record { start, end, next: chunk.len().min(frame_end + 1), problem }
}

/// The object that starts at `start` or after white space there, or what stands there instead. At
/// a chunk's end there is none: then it is empty and without fault.
pub(super) fn object(chunk: &[u8], start: usize, max_record: usize) -> Record {
    let start = start + leading_space(chunk.get(start..).unwrap_or(&[]));
    let mut scanner = Scanner::object(chunk.get(start..).unwrap_or(&[]));
    let own_end = scanner.end(chunk, start);
    let next = own_end.unwrap_or(chunk.len());
    let end = without_space(chunk, start, next);
    let problem = if scanner.form == Form::NoObject && start < end {
        Some((Code::JsonSyntax, Detail::TextBetweenObjects))
    } else {
        // One that is not closed is too long once so much was read, as `cut_objects` says of it.
        let is_too_long =
            max_record < end - start || (own_end.is_none() && max_record + 1 < next - start);
        is_too_long.then_some((Code::TooLongRecord, Detail::None))
    };
    Record { start, end, next, problem }
}

/// How many bytes of white space there are at the beginning (RFC 8259, section 2).
pub fn leading_space(bytes: &[u8]) -> usize {
    bytes.iter().take_while(|byte| is_space(**byte)).count()
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

/// Where the text that begins at `start` ends, without white space before `end`.
fn without_space(chunk: &[u8], start: usize, end: usize) -> usize {
    let text = chunk.get(start..end).unwrap_or(&[]);
    end - text.iter().rev().take_while(|byte| is_space(**byte)).count()
}
