//! Where JSON records end that are not separated by line ends: the items of an array, and objects
//! one after the other. Only strings, braces and brackets matter; the rest is left to the decoder.
//!
//! - An item is the text between two commas of the array. So a missing or extra comma makes an item
//!   invalid, and no part of the text is outside of an item.
//! - An object ends with its brace. Anything but white space between two objects is an invalid
//!   record of its own, up to the next opening brace.
//! - White space before a record may contain byte order marks: files that were joined have them.
//! - Inside an object only strings and braces are counted. A stray bracket then makes that object
//!   invalid, and does not affect those after it. An object that is not closed extends to the end.

use memchr::{memchr, memchr2};

use super::{Cut, Record, SPACE_MAX};
use crate::record::{Code, Detail};

/// Looks for the end of one record, over any number of slices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scanner {
    form: Form,
    /// The number of open braces.
    braces: usize,
    /// The number of open brackets outside of braces.
    brackets: usize,
    in_string: bool,
    /// Whether the previous slice ended with a backslash inside a string.
    is_escaped: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// An item, which ends before a comma or the bracket that closes the array.
    Item,
    /// An object, which ends after its brace.
    Object,
    /// Text between objects, which ends before an opening brace.
    Stray,
}

impl Scanner {
    /// A scanner for an item of an array.
    pub fn item() -> Scanner {
        Scanner::new(Form::Item)
    }

    /// A scanner for an object, or for text between objects, whichever these bytes begin with.
    pub fn object(bytes: &[u8]) -> Scanner {
        Scanner::new(if bytes.first() == Some(&b'{') { Form::Object } else { Form::Stray })
    }

    fn new(form: Form) -> Scanner {
        Scanner { form, braces: 0, brackets: 0, in_string: false, is_escaped: false }
    }

    /// Whether the record has an open string, brace or bracket.
    pub fn is_open(&self) -> bool {
        self.in_string || 0 < self.braces || 0 < self.brackets
    }

    /// Continues at byte `from`. Returns the end of the record, or `None` if it is not in these
    /// bytes.
    pub fn end(&mut self, bytes: &[u8], from: usize) -> Option<usize> {
        if self.form == Form::Stray {
            return memchr(b'{', bytes.get(from..)?).map(|found| from + found);
        }
        let mut at = from;
        while at < bytes.len() {
            if self.in_string {
                at = self.skip_string(bytes, at);
            } else if 0 < self.braces {
                at = self.skip_to_brace(bytes, at);
                if self.braces == 0 && self.form == Form::Object {
                    return Some(at);
                }
            } else if self.ends_before(*bytes.get(at)?) {
                return Some(at);
            } else {
                at += 1;
            }
        }
        None
    }

    /// Skips the rest of a string. Returns the index after its quote, or after the last byte.
    fn skip_string(&mut self, bytes: &[u8], from: usize) -> usize {
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

    /// Skips to the next quote or brace inside an object. Returns the index after it.
    fn skip_to_brace(&mut self, bytes: &[u8], from: usize) -> usize {
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

    /// Processes a byte outside of strings and braces. Returns whether the item ends before it.
    fn ends_before(&mut self, byte: u8) -> bool {
        match byte {
            b'"' => self.in_string = true,
            b'{' => self.braces += 1,
            b'[' => self.brackets += 1,
            b']' if self.brackets == 0 => return true,
            b']' => self.brackets -= 1,
            b',' => return self.brackets == 0,
            _ => {}
        }
        false
    }
}

/// How much of `bytes`, which begin with an item of an array, consists of whole items.
pub(super) fn cut_items(bytes: &[u8], max_record: usize, at_end: bool) -> Cut {
    let mut whole = 0;
    loop {
        let start = whole + leading_filler(bytes.get(whole..).unwrap_or(&[]));
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

/// How much of `bytes`, which begin with an object or text between objects, consists of whole ones.
pub(super) fn cut_objects(bytes: &[u8], max_record: usize) -> Cut {
    let mut whole = 0;
    loop {
        let start = whole + leading_filler(bytes.get(whole..).unwrap_or(&[]));
        let mut scanner = Scanner::object(bytes.get(start..).unwrap_or(&[]));
        match scanner.end(bytes, start) {
            Some(end) => whole = end,
            None if 0 < whole => return Cut::At(whole),
            // White space and marks before the record are not part of it.
            None if bytes.len() <= max_record + 1 + start.min(SPACE_MAX) => return Cut::More,
            None if scanner.form == Form::Stray => {
                return Cut::Invalid(Code::JsonSyntax, Detail::TextBetweenObjects);
            }
            None => return Cut::Invalid(Code::TooLongRecord, Detail::None),
        }
    }
}

/// The item of an array that begins at `start` or after white space there. At the end of the chunk,
/// an empty record without a problem.
pub(super) fn item(chunk: &[u8], start: usize, max_record: usize) -> Record {
    let start = start + leading_filler(chunk.get(start..).unwrap_or(&[]));
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

/// The object that begins at `start` or after white space there, or the text there up to the next
/// object. At the end of the chunk, an empty record without a problem.
pub(super) fn object(chunk: &[u8], start: usize, max_record: usize) -> Record {
    let start = start + leading_filler(chunk.get(start..).unwrap_or(&[]));
    let mut scanner = Scanner::object(chunk.get(start..).unwrap_or(&[]));
    let own_end = scanner.end(chunk, start);
    let next = own_end.unwrap_or(chunk.len());
    let end = without_space(chunk, start, next);
    let problem = if scanner.form == Form::Stray && start < end {
        Some((Code::JsonSyntax, Detail::TextBetweenObjects))
    } else {
        // The limit for an object that is not closed is the one in `cut_objects`.
        let is_too_long =
            max_record < end - start || (own_end.is_none() && max_record + 1 < next - start);
        is_too_long.then_some((Code::TooLongRecord, Detail::None))
    };
    Record { start, end, next, problem }
}

/// The byte order mark in UTF-8.
pub const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// The number of bytes of white space and byte order marks at the beginning.
#[inline]
pub fn leading_filler(bytes: &[u8]) -> usize {
    let space = leading_space(bytes);
    match bytes.get(space) {
        Some(0xEF) => leading_marks(bytes, space),
        _ => space,
    }
}

/// The number of bytes of white space and byte order marks from byte `at` on.
#[cold]
fn leading_marks(bytes: &[u8], mut at: usize) -> usize {
    while let Some(rest) = bytes.get(at..).and_then(|rest| rest.strip_prefix(BYTE_ORDER_MARK)) {
        at = bytes.len() - rest.len() + leading_space(rest);
    }
    at
}

/// Whether a line consists of two or more whole objects, with nothing but white space before,
/// between and after them.
#[cold]
pub fn holds_objects(line: &[u8]) -> bool {
    let (mut at, mut objects) = (leading_filler(line), 0);
    while line.get(at) == Some(&b'{') {
        let Some(end) = Scanner::new(Form::Object).end(line, at) else { return false };
        at = end + leading_filler(line.get(end..).unwrap_or(&[]));
        objects += 1;
    }
    at == line.len() && 1 < objects
}

/// The number of bytes of white space at the beginning (RFC 8259, section 2).
pub fn leading_space(bytes: &[u8]) -> usize {
    bytes.iter().take_while(|byte| is_space(**byte)).count()
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

/// The end of the text from `start` to `end` without trailing white space.
fn without_space(chunk: &[u8], start: usize, end: usize) -> usize {
    let text = chunk.get(start..end).unwrap_or(&[]);
    end - text.iter().rev().take_while(|byte| is_space(**byte)).count()
}
