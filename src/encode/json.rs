//! One row becomes one line of JSON: fields in schema order, map entries in input order, no
//! nulls, no empty objects, the shortest escapes, no white space between tokens.
//!
//! What the policy drops has no step here, so it can't be written.

use std::ops::Range;

use crate::lanes::copy::{Literals, Span, append, append_framed};
use crate::lanes::scan::{first_special, is_special};
use crate::record::{Batch, Kind, NameId, Slot, Text};
use crate::schema::{NodeIx, Schema, Shape};

/// Writes records as compact JSON objects.
#[derive(Debug)]
pub struct JsonEncoder {
    steps: Vec<Step>,
    /// The text of all keys with what opens the value: `"Address":"` and so on.
    keys: Literals,
}

#[derive(Debug)]
enum Step {
    Field { node: NodeIx, key: Range<usize> },
    Object { key: Range<usize>, members: Vec<Step> },
    Lists { map: usize, key: Range<usize> },
    Numbers { map: usize, key: Range<usize> },
}

/// How names of maps are written: none for those that the policy drops.
pub trait NameKeys {
    /// `"Plan":["`, escaped as JSON asks.
    fn key(&self, name: NameId) -> Option<Span<'_>>;
}

/// Appends the key of a name in a map, as [`NameKeys`] gives it.
pub fn push_name_key(name: &str, out: &mut Vec<u8>) {
    push_json_text(name.as_bytes(), out);
    out.extend_from_slice(b":[\"");
}

impl JsonEncoder {
    /// `written`: for each node whether the policy keeps or transforms it, or anything inside it.
    pub fn new(schema: &Schema, written: &[bool]) -> JsonEncoder {
        let mut encoder = JsonEncoder { steps: Vec::new(), keys: Literals::default() };
        encoder.steps = encoder.members_of(None, schema, written);
        encoder
    }

    fn members_of(
        &mut self,
        parent: Option<NodeIx>,
        schema: &Schema,
        written: &[bool],
    ) -> Vec<Step> {
        let mut steps = Vec::new();
        for (node, description) in schema.nodes.iter().enumerate() {
            if description.parent != parent || !written.get(node).copied().unwrap_or(false) {
                continue;
            }
            let opening: &[u8] = match description.shape {
                Shape::Text | Shape::Number => b"\"",
                Shape::Lists | Shape::Numbers | Shape::Object | Shape::ExportOnly => b"{",
            };
            let key = self.key(&description.name, opening);
            let map = || schema.map_of(node).expect("a schema lists its maps");
            steps.push(match description.shape {
                Shape::Text | Shape::Number => Step::Field { node, key },
                Shape::Lists => Step::Lists { map: map(), key },
                Shape::Numbers => Step::Numbers { map: map(), key },
                Shape::Object => {
                    Step::Object { key, members: self.members_of(Some(node), schema, written) }
                }
                Shape::ExportOnly => continue,
            });
        }
        steps
    }

    fn key(&mut self, name: &str, opening: &[u8]) -> Range<usize> {
        let mut key = Vec::new();
        push_json_text(name.as_bytes(), &mut key);
        key.push(b':');
        key.extend_from_slice(opening);
        self.keys.add(&key)
    }

    /// Appends a row as one object, without a line end.
    ///
    /// An object of more than `most` bytes is not written to its end: what is appended is only
    /// known to be longer than that.
    pub fn encode(
        &self,
        batch: &Batch,
        row: usize,
        text: Text<'_>,
        names: &impl NameKeys,
        most: usize,
        out: &mut Vec<u8>,
    ) {
        let enough = out.len() + most;
        out.push(b'{');
        let object = Object { start: out.len() };
        self.members(&self.steps, Row { batch, number: row, text, enough }, names, out);
        object.end(out);
    }

    fn members(&self, steps: &[Step], from: Row<'_>, names: &impl NameKeys, out: &mut Vec<u8>) {
        let Row { batch, number: row, text, enough } = from;
        let slots = batch.row_slots(row);
        for step in steps {
            match step {
                Step::Field { node, key } => {
                    let slot = slots.get(*node).copied().unwrap_or(Slot::ABSENT);
                    if !slot.is_absent() {
                        push_value(self.keys.span(key), slot, text, enough, out);
                    }
                }
                Step::Object { key, members } => {
                    let object = Object::begin(self.keys.span(key), out);
                    self.members(members, from, names, out);
                    object.end_member(out, key.len());
                }
                Step::Lists { map, key } => {
                    self.map(key, from, *map, names, out, |name, values, out| {
                        push_list(name, values, text, enough, out);
                    });
                }
                Step::Numbers { map, key } => {
                    self.map(key, from, *map, names, out, |name, values, out| {
                        let value = values.first().copied().unwrap_or(Slot::ABSENT);
                        push_value(name.without(1), value, text, enough, out);
                    });
                }
            }
        }
    }

    fn map(
        &self,
        key: &Range<usize>,
        from: Row<'_>,
        map: usize,
        names: &impl NameKeys,
        out: &mut Vec<u8>,
        value: impl Fn(Span<'_>, &[Slot], &mut Vec<u8>),
    ) {
        let entries = from.batch.map_entries(from.number, map);
        if entries.is_empty() {
            return;
        }
        let object = Object::begin(self.keys.span(key), out);
        for entry in entries {
            if from.enough < out.len() {
                break;
            }
            let Some(name) = names.key(entry.name) else { continue };
            if !entry.is_removed() {
                value(name, from.batch.entry_values(*entry), out);
            }
        }
        object.end_member(out, key.len());
    }
}

/// The row that is being written.
#[derive(Clone, Copy)]
struct Row<'a> {
    batch: &'a Batch,
    number: usize,
    text: Text<'a>,
    /// A longer output means that the object is too long, whatever follows.
    enough: usize,
}

/// An object that is being written: each member leaves a comma, which the end takes back.
struct Object {
    start: usize,
}

impl Object {
    /// `key`: with the opening brace.
    fn begin(key: Span<'_>, out: &mut Vec<u8>) -> Object {
        append(out, key);
        Object { start: out.len() }
    }

    fn end(self, out: &mut Vec<u8>) {
        if self.start < out.len() {
            out.pop();
        }
        out.push(b'}');
    }

    /// Ends a member object; an empty one is taken back with its key.
    fn end_member(self, out: &mut Vec<u8>, key_len: usize) {
        if self.start == out.len() {
            out.truncate(self.start - key_len);
        } else {
            self.end(out);
            out.push(b',');
        }
    }
}

/// Appends a list and a comma. `key`: up to the first item's quote.
fn push_list(key: Span<'_>, values: &[Slot], text: Text<'_>, enough: usize, out: &mut Vec<u8>) {
    const OPEN: Span<'static> = Span { source: &[b'"'; 32], start: 0, len: 1 };
    let Some((first, others)) = values.split_first() else {
        append(out, key.without(1));
        return out.extend_from_slice(b"],");
    };
    push_value(key, *first, text, enough, out);
    for value in others {
        if enough < out.len() {
            break;
        }
        push_value(OPEN, *value, text, enough, out);
    }
    out.pop();
    out.extend_from_slice(b"],");
}

/// Appends a key, a value and a comma. `key`: up to the quote that text begins with.
#[inline]
fn push_value(key: Span<'_>, slot: Slot, text: Text<'_>, enough: usize, out: &mut Vec<u8>) {
    match slot.kind() {
        // Text that is too long anyway needs no escapes, which would make it six times as long.
        Kind::Text if slot.is_plain() || enough < out.len() + slot.len() => {
            append_framed(out, key, text.span(slot), *b"\",");
        }
        Kind::Text => {
            append(out, key.without(1));
            push_json_text(text.of(slot), out);
            out.push(b',');
        }
        Kind::Number => append_framed(out, key.without(1), text.span(slot), *b","),
        // Only in a record that is rejected: it stands for nothing.
        Kind::Absent | Kind::Other(_) => {
            append(out, key.without(1));
            out.push(b',');
        }
    }
}

/// Appends text as a JSON string with the shortest escapes: only `"`, `\` and what is below 0x20.
fn push_json_text(text: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    let mut rest = text;
    loop {
        let plain = first_special(rest);
        out.extend_from_slice(rest.get(..plain).unwrap_or(&[]));
        let Some(special) = rest.get(plain) else { break };
        push_escape(*special, out);
        rest = rest.get(plain + 1..).unwrap_or(&[]);
    }
    out.push(b'"');
}

fn push_escape(byte: u8, out: &mut Vec<u8>) {
    debug_assert!(is_special(byte));
    let short = match byte {
        b'"' => b"\\\"",
        b'\\' => b"\\\\",
        0x08 => b"\\b",
        0x0c => b"\\f",
        b'\n' => b"\\n",
        b'\r' => b"\\r",
        b'\t' => b"\\t",
        other => {
            const DIGITS: [u8; 16] = *b"0123456789abcdef";
            let digit = |value: u8| DIGITS.get(usize::from(value)).copied().unwrap_or(b'0');
            out.extend_from_slice(b"\\u00");
            return out.extend_from_slice(&[digit(other >> 4), digit(other & 15)]);
        }
    };
    out.extend_from_slice(short);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// serde_json writes the same escapes, and reads back the same text.
        #[test]
        fn text_is_written_as_serde_json_writes_it(text in any::<String>()) {
            let mut out = Vec::new();
            push_json_text(text.as_bytes(), &mut out);
            prop_assert_eq!(&out, &serde_json::to_vec(&text).unwrap());
        }
    }
}
