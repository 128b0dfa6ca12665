//! One row becomes one line of JSON: fields in schema order, map entries in input order, no
//! nulls, no empty objects, the shortest escapes, no white space between tokens.
//!
//! What the policy drops has no step here, so it can't be written.

use std::ops::Range;

use crate::record::scan::{append, first_special, is_special};
use crate::record::{Batch, Entry, Kind, NameId, Slot, Text};
use crate::schema::{NodeIx, Schema, Shape};

/// Writes records as compact JSON objects.
#[derive(Debug)]
pub struct JsonEncoder {
    steps: Vec<Step>,
    /// The text of all keys, `"Address":` and so on.
    keys: Vec<u8>,
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
    /// `"Plan":`, escaped as JSON asks.
    fn key(&self, name: NameId) -> Option<&[u8]>;
}

impl JsonEncoder {
    /// `written`: for each node whether the policy keeps or transforms it, or anything inside it.
    pub fn new(schema: &Schema, written: &[bool]) -> JsonEncoder {
        let mut encoder = JsonEncoder { steps: Vec::new(), keys: Vec::new() };
        encoder.steps = encoder.members_of(None, schema, written);
        // So that the last keys can be copied as blocks too.
        encoder.keys.resize(encoder.keys.len() + 32, b' ');
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
            let key = self.key(&description.name);
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

    fn key(&mut self, name: &str) -> Range<usize> {
        let start = self.keys.len();
        push_json_text(name.as_bytes(), &mut self.keys);
        self.keys.push(b':');
        start..self.keys.len()
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
        let object = Object::begin(out);
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
                        append(out, &self.keys, key.start, key.len());
                        push_value(slot, text, enough, out);
                        out.push(b',');
                    }
                }
                Step::Object { key, members } => {
                    let undo_to = out.len();
                    append(out, &self.keys, key.start, key.len());
                    let object = Object::begin(out);
                    self.members(members, from, names, out);
                    object.end_member(out, undo_to);
                }
                Step::Lists { map, key } => {
                    self.map(
                        key,
                        batch.map_entries(row, *map),
                        names,
                        enough,
                        out,
                        |entry, out| {
                            push_list(batch.entry_values(entry), text, enough, out);
                        },
                    );
                }
                Step::Numbers { map, key } => {
                    self.map(
                        key,
                        batch.map_entries(row, *map),
                        names,
                        enough,
                        out,
                        |entry, out| {
                            let value = batch.entry_values(entry).first().copied();
                            push_value(value.unwrap_or(Slot::ABSENT), text, enough, out);
                        },
                    );
                }
            }
        }
    }

    fn map(
        &self,
        key: &Range<usize>,
        entries: &[Entry],
        names: &impl NameKeys,
        enough: usize,
        out: &mut Vec<u8>,
        value: impl Fn(Entry, &mut Vec<u8>),
    ) {
        if entries.is_empty() {
            return;
        }
        let undo_to = out.len();
        append(out, &self.keys, key.start, key.len());
        let object = Object::begin(out);
        for entry in entries {
            if enough < out.len() {
                break;
            }
            let Some(name) = names.key(entry.name) else { continue };
            if !entry.is_removed() {
                out.extend_from_slice(name);
                value(*entry, out);
                out.push(b',');
            }
        }
        object.end_member(out, undo_to);
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
    fn begin(out: &mut Vec<u8>) -> Object {
        out.push(b'{');
        Object { start: out.len() }
    }

    fn end(self, out: &mut Vec<u8>) {
        if self.start < out.len() {
            out.pop();
        }
        out.push(b'}');
    }

    /// Ends a member object; an empty one is taken back with its key.
    fn end_member(self, out: &mut Vec<u8>, undo_to: usize) {
        if self.start == out.len() {
            out.truncate(undo_to);
        } else {
            self.end(out);
            out.push(b',');
        }
    }
}

fn push_list(values: &[Slot], text: Text<'_>, enough: usize, out: &mut Vec<u8>) {
    out.push(b'[');
    for (index, value) in values.iter().enumerate() {
        if enough < out.len() {
            break;
        }
        if index != 0 {
            out.push(b',');
        }
        push_value(*value, text, enough, out);
    }
    out.push(b']');
}

#[inline]
fn push_value(slot: Slot, text: Text<'_>, enough: usize, out: &mut Vec<u8>) {
    match slot.kind() {
        // Text that is too long anyway needs no escapes, which would make it six times as long.
        Kind::Text if slot.is_plain() || enough < out.len() + slot.len() => {
            out.push(b'"');
            text.append(slot, out);
            out.push(b'"');
        }
        Kind::Text => push_json_text(text.of(slot), out),
        Kind::Number | Kind::Absent | Kind::Other(_) => text.append(slot, out),
    }
}

/// Appends text as a JSON string with the shortest escapes: only `"`, `\` and what is below 0x20.
pub fn push_json_text(text: &[u8], out: &mut Vec<u8>) {
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
