//! One row becomes one line of JSON: fields in schema order, map entries in input order, no
//! nulls, no empty objects, the shortest escapes, no white space between tokens.
//!
//! What the policy drops has no step here, so it can't be written.

use std::ops::Range;

use crate::record::{Batch, Entry, NameId, Slot, SlotKind, Text};
use crate::schema::{NodeIx, Schema, Shape};
use crate::simd::Span;
use crate::simd::copy::{Literals, append, append_pair, append_short};
use crate::simd::scan::{first_special, is_special};

/// Writes records as compact JSON objects.
#[derive(Debug)]
pub struct JsonEncoder {
    steps: Vec<WriteStep>,
    /// All keys, each with what ends the member before it and what opens the value: `","Address":"`.
    keys: Literals,
    /// The bytes of these and of all that closes what they open, at most.
    fixed: usize,
}

/// The longest escape: `\u0000`.
const ESCAPE_BYTES_MAX: usize = 6;
/// What a value has around it in JSON, `","` at most, and the one byte that it may get in CSV.
const FRAME_BYTES_MAX: usize = 4;

#[derive(Debug)]
enum WriteStep {
    Field { node: NodeIx, key: Range<usize> },
    Object { key: Range<usize>, members: Vec<WriteStep> },
    Lists { map: usize, key: Range<usize> },
    Numbers { map: usize, key: Range<usize> },
}

/// How names of maps are written: none for those that the policy drops.
pub trait NameKeys {
    /// The key as [`push_name_key`] makes it.
    fn key(&self, name: NameId) -> Option<Span<'_>>;
}

/// Appends the key of a name in a map, escaped as JSON asks: `","Plan":["`.
pub fn push_name_key(name: &str, out: &mut Vec<u8>) {
    push_key(name, LIST_OPENS, out);
}

const LIST_OPENS: &[u8] = b"[\"";

fn push_key(name: &str, opening: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(b"\",");
    push_json_text(name.as_bytes(), out);
    out.push(b':');
    out.extend_from_slice(opening);
}

impl JsonEncoder {
    /// `written`: for each node whether the policy keeps or transforms it, or anything inside it.
    pub fn new(schema: &Schema, written: &[bool]) -> JsonEncoder {
        let mut encoder = JsonEncoder { steps: Vec::new(), keys: Literals::default(), fixed: 0 };
        encoder.steps = encoder.members_of(None, schema, written);
        encoder.fixed = encoder.keys.total_len() + FRAME_BYTES_MAX * (1 + schema.nodes.len());
        encoder
    }

    fn members_of(
        &mut self,
        parent: Option<NodeIx>,
        schema: &Schema,
        written: &[bool],
    ) -> Vec<WriteStep> {
        let mut steps = Vec::new();
        for (node, description) in schema.nodes.iter().enumerate() {
            if description.parent != parent || !written.get(node).copied().unwrap_or(false) {
                continue;
            }
            let opening: &[u8] = match description.shape {
                Shape::Text | Shape::Number => b"\"",
                Shape::Lists | Shape::Numbers | Shape::Object | Shape::ExportOnly => b"{",
            };
            let mut key = Vec::new();
            push_key(&description.name, opening, &mut key);
            let key = self.keys.add(&key);
            let map = || schema.map_of(node).expect("a schema lists its maps");
            steps.push(match description.shape {
                Shape::Text | Shape::Number => WriteStep::Field { node, key },
                Shape::Lists => WriteStep::Lists { map: map(), key },
                Shape::Numbers => WriteStep::Numbers { map: map(), key },
                Shape::Object => {
                    WriteStep::Object { key, members: self.members_of(Some(node), schema, written) }
                }
                Shape::ExportOnly => continue,
            });
        }
        steps
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
        let mut line = Line { out, skip: FIRST, text, enough, is_cut: false };
        self.members(&self.steps, batch, row, names, &mut line);
        line.close(b'}');
    }

    /// At least as many bytes as [`JsonEncoder::encode`] appends, and one for each value beside.
    /// No text is looked at: it is taken for one that has to be escaped all through.
    pub fn size_bound(&self, batch: &Batch, row: usize, names: &impl NameKeys) -> usize {
        let of_values = |values: &[Slot]| -> usize {
            values.iter().map(|slot| ESCAPE_BYTES_MAX * slot.len() + FRAME_BYTES_MAX).sum()
        };
        let of_entry = |entry: &Entry| {
            let key = names.key(entry.name).map_or(0, |key| key.len + FRAME_BYTES_MAX);
            key + of_values(batch.entry_values(*entry))
        };
        let entries = (0..batch.maps_width).flat_map(|map| batch.map_entries(row, map));
        self.fixed + of_values(batch.row_slots(row)) + entries.map(of_entry).sum::<usize>()
    }

    fn members(
        &self,
        steps: &[WriteStep],
        batch: &Batch,
        row: usize,
        names: &impl NameKeys,
        line: &mut Line<'_>,
    ) {
        let slots = batch.row_slots(row);
        for step in steps {
            match step {
                WriteStep::Field { node, key } => {
                    let slot = slots.get(*node).copied().unwrap_or(Slot::ABSENT);
                    if !slot.is_absent() {
                        line.value(self.keys.span(key), slot);
                    }
                }
                WriteStep::Object { key, members } => line.object(self.keys.span(key), |line| {
                    self.members(members, batch, row, names, line);
                }),
                WriteStep::Lists { map, key } => {
                    let entries = batch.map_entries(row, *map);
                    line.map(self.keys.span(key), entries, names, |line, name, entry| {
                        line.list(name, batch.entry_values(entry));
                    });
                }
                WriteStep::Numbers { map, key } => {
                    let entries = batch.map_entries(row, *map);
                    line.map(self.keys.span(key), entries, names, |line, name, entry| {
                        let value = batch.entry_values(entry).first().copied();
                        let name = name.without(LIST_OPENS.len() - 1);
                        line.value(name, value.unwrap_or(Slot::ABSENT));
                    });
                }
            }
        }
    }
}

/// A line that is being written.
///
/// Text leaves its closing quote to whatever follows: the next key begins with `","`, so a
/// member is a key and a value, and nothing is taken back.
struct Line<'a> {
    out: &'a mut Vec<u8>,
    /// How many bytes of that `","` the next key does without.
    skip: usize,
    text: Text<'a>,
    /// A longer output means that the object is too long, whatever follows.
    enough: usize,
    /// Whether something was left out since it is too long.
    is_cut: bool,
}

/// Values of [`Line::skip`].
const AFTER_TEXT: usize = 0;
const AFTER_OTHER: usize = 1;
const FIRST: usize = 2;

impl Line<'_> {
    /// Appends a key and a value. `key`: up to the quote that text begins with.
    #[inline(always)]
    #[expect(
        clippy::inline_always,
        reason = "every value comes by; without, half of it is the call"
    )]
    fn value(&mut self, key: Span<'_>, slot: Slot) {
        if slot.is_plain() {
            // Text or a number, which needs no quotes.
            let quotes = usize::from(!slot.is_text());
            let head = key.after(self.skip).without(quotes);
            if append_short(self.out, head, self.text.span(slot)) {
                self.skip = quotes;
                return;
            }
        }
        self.other_value(key, slot);
    }

    #[inline(never)]
    fn other_value(&mut self, key: Span<'_>, slot: Slot) {
        let key = key.after(self.skip);
        self.skip = match slot.kind() {
            // Text that is too long anyway needs no escapes, which would make it six times as long.
            SlotKind::Text if slot.is_plain() || self.enough < self.out.len() + slot.len() => {
                append_pair(self.out, key, self.text.span(slot));
                AFTER_TEXT
            }
            SlotKind::Number => {
                append_pair(self.out, key.without(1), self.text.span(slot));
                AFTER_OTHER
            }
            SlotKind::Text => {
                append(self.out, key.without(1));
                push_json_text(self.text.of(slot), self.out);
                AFTER_OTHER
            }
            // Only in a record that is rejected: it stands for nothing.
            SlotKind::Absent | SlotKind::Other(_) => {
                append(self.out, key.without(1));
                AFTER_OTHER
            }
        };
    }

    /// Appends an object with its key; an empty one is taken back, but for one that is empty
    /// since the line is cut: a cut line never gets short again.
    fn object(&mut self, key: Span<'_>, members: impl FnOnce(&mut Self)) {
        let (start, skip) = (self.out.len(), self.skip);
        append(self.out, key.after(skip));
        self.skip = FIRST;
        members(self);
        if self.skip == FIRST && !self.is_cut {
            self.out.truncate(start);
            self.skip = skip;
        } else {
            self.close(b'}');
        }
    }

    /// Appends a map with its key; `member` appends an entry with the key of its name.
    fn map(
        &mut self,
        key: Span<'_>,
        entries: &[Entry],
        names: &impl NameKeys,
        member: impl Fn(&mut Self, Span<'_>, Entry),
    ) {
        if entries.is_empty() {
            return;
        }
        self.object(key, |line| {
            for entry in entries {
                if line.enough < line.out.len() {
                    line.is_cut = true;
                    break;
                }
                let Some(name) = names.key(entry.name) else { continue };
                if !entry.is_removed() {
                    member(line, name, *entry);
                }
            }
        });
    }

    /// Appends a list with its key, which reaches up to the first item's quote.
    fn list(&mut self, key: Span<'_>, values: &[Slot]) {
        /// With room for a block behind it.
        const COMMA: Span<'static> =
            Span { source: b"\",\"                             ", start: 0, len: 3 };
        if let Some((first, others)) = values.split_first() {
            self.value(key, *first);
            for value in others {
                if self.enough < self.out.len() {
                    break;
                }
                self.value(COMMA, *value);
            }
        } else {
            append(self.out, key.after(self.skip).without(1));
            self.skip = FIRST;
        }
        self.close(b']');
    }

    /// Ends an object or list, and the text that is its last.
    fn close(&mut self, bracket: u8) {
        if self.skip == AFTER_TEXT {
            self.out.push(b'"');
        }
        self.out.push(bracket);
        self.skip = AFTER_OTHER;
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
    use crate::record::{Entries, Names, Scope, Values};

    /// Every name is written.
    struct AllNames(Literals, Vec<Range<usize>>);

    impl AllNames {
        fn of(names: &Names) -> AllNames {
            let mut keys = Literals::default();
            let key = |name: usize| {
                let mut key = Vec::new();
                push_name_key(names.nth(name).1, &mut key);
                keys.add(&key)
            };
            let places = (0..names.len()).map(key).collect();
            AllNames(keys, places)
        }
    }

    impl NameKeys for AllNames {
        fn key(&self, name: NameId) -> Option<Span<'_>> {
            self.1.get(name.index()).map(|place| self.0.span(place))
        }
    }

    /// One row with these texts in its fields, and in each of its maps.
    fn filled(schema: &Schema, texts: &[String], names: &mut Names) -> (Batch, String) {
        let mut batch = Batch::new(schema.nodes.len(), schema.maps.len());
        let row = batch.begin_row(0);
        let mut chunk = String::new();
        let mut slots = texts.iter().map(|text| {
            chunk.push_str(text);
            Slot::text(chunk.len() - text.len(), text.len(), false)
        });
        for (node, description) in schema.nodes.iter().enumerate() {
            if description.shape == Shape::Text {
                batch.set_slot(row, node, slots.next().unwrap_or(Slot::ABSENT));
            }
        }
        let slots: Vec<Slot> = slots.collect();
        for map in 0..schema.maps.len() {
            let start = batch.entries.len();
            for (some, name) in slots.chunks(3).zip(texts) {
                let values = Values { start: narrow(batch.values.len()), len: narrow(some.len()) };
                batch.values.extend_from_slice(some);
                let name = names.intern(Scope::ROOT, name);
                batch.entries.push(Entry { name, values, is_list: true });
            }
            let len = narrow(batch.entries.len() - start);
            batch.set_map(row, map, Entries { start: narrow(start), len });
        }
        (batch, chunk)
    }

    fn narrow(place: usize) -> u32 {
        place.try_into().unwrap()
    }

    proptest! {
        /// A record is never larger than was thought without looking at it.
        #[test]
        fn no_record_is_larger_than_its_bound(
            texts in proptest::collection::vec("[\u{1}-\u{1f}]{0,9}|\\PC{0,9}", 0..60),
        ) {
            let schema = Schema::shipped("pinpoint").unwrap();
            let mut names = Names::default();
            let (batch, chunk) = filled(&schema, &texts, &mut names);
            let encoder = JsonEncoder::new(&schema, &vec![true; schema.nodes.len()]);
            let names = AllNames::of(&names);
            let mut out = Vec::new();
            let text = Text { chunk: chunk.as_bytes(), arena: &[] };
            encoder.encode(&batch, 0, text, &names, usize::MAX / 2, &mut out);
            let values = batch.row_slots(0).iter().chain(&batch.values);
            let values = values.filter(|slot| !slot.is_absent()).count();
            let bound = encoder.size_bound(&batch, 0, &names);
            prop_assert!(out.len() + values <= bound, "{} of {bound}", out.len());
        }

        /// serde_json writes the same escapes, and reads back the same text.
        #[test]
        fn text_is_written_as_serde_json_writes_it(text in any::<String>()) {
            let mut out = Vec::new();
            push_json_text(text.as_bytes(), &mut out);
            prop_assert_eq!(&out, &serde_json::to_vec(&text).unwrap());
        }
    }
}
