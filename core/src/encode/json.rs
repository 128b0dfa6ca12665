//! Encodes rows as compact JSON: fields in schema order, map entries in input order, no nulls, no
//! empty objects, the shortest escapes, and no white space.
//!
//! A record is written as fixed punctuation and spans. Everything between two values is known
//! before the first record: the key, what ends the member before it, and what opens the value. So
//! each member is two copies, one of a prepared key and one of a value:
//!
//! ```text
//! {"Address":"ana@example.com","ChannelType":"EMAIL","Attributes":{"Plan":["pro"]}}
//!  └─────────┘└─────────────┘└───────────────┘└───┘└──────────────┘└───────┘
//!      key         value            key       value      key          key
//! ```
//!
//! A prepared key begins with `","`, as if it followed a text; so a text leaves its closing quote to
//! whatever comes next. If a key follows something else, the bytes of `","` that do not apply are
//! skipped: the quote after a number or a bracket, the quote and the comma at the start of an
//! object ([`Line::skip`]). Likewise, a key ends with the quote that opens a text, which is left
//! out before a number.
//!
//! What the rules drop has no step here, so it cannot be written.

use std::ops::Range;

use crate::record::{Batch, Entry, NameId, Slot, SlotKind, Text};
use crate::schema::{NodeIx, Schema, Shape};
use crate::simd::Span;
use crate::simd::copy::{Literals, append, append_pair, append_short};
use crate::simd::scan::{first_special, is_special};

/// Encodes records as compact JSON objects.
#[derive(Debug)]
pub struct JsonEncoder {
    steps: Vec<WriteStep>,
    /// All keys, each with the end of the member before it and the start of the value:
    /// `","Address":"`.
    keys: Literals,
    /// The most bytes of a record besides its values and the names in its maps.
    fixed: usize,
}

/// The longest escape of a byte: `\u0000`.
const ESCAPE_BYTES_MAX: usize = 6;
/// The most bytes around a value (`","`), and the one that quoting a formula in CSV may add.
const FRAME_BYTES_MAX: usize = 4;

/// What to write next. A `key` is a range of [`JsonEncoder::keys`].
#[derive(Debug)]
enum WriteStep {
    Field { node: NodeIx, key: Range<usize> },
    Object { key: Range<usize>, members: Vec<WriteStep> },
    Lists { map: usize, key: Range<usize> },
    Numbers { map: usize, key: Range<usize> },
}

/// The names of maps as keys of JSON objects.
pub trait NameKeys {
    /// The key that [`push_name_key`] made of a name; `None` if the rules drop the name.
    fn key(&self, name: NameId) -> Option<Span<'_>>;
}

/// Appends a name in a map as a key, with the punctuation around it: `","Plan":["`.
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
    /// `written` says of each node whether the rules keep or transform it, or anything inside it.
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
    /// An object of more than `max` bytes is not completed. What is appended then is longer than
    /// `max`, but otherwise undefined.
    pub fn encode(
        &self,
        batch: &Batch,
        row: usize,
        text: Text<'_>,
        names: &impl NameKeys,
        max: usize,
        out: &mut Vec<u8>,
    ) {
        let end_max = out.len() + max;
        out.push(b'{');
        let mut line = Line { out, skip: AT_START, text, end_max, is_cut: false };
        self.members(&self.steps, batch, row, names, &mut line);
        line.close(b'}');
    }

    /// An upper bound of the bytes that [`JsonEncoder::encode`] appends, plus one for each value. The
    /// texts are not read: each byte might have to be escaped.
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

/// An object that is being written.
struct Line<'a> {
    out: &'a mut Vec<u8>,
    /// How many bytes of the `","` at its start the next key leaves out: [`AFTER_TEXT`],
    /// [`AFTER_OTHER`] or [`AT_START`].
    skip: usize,
    text: Text<'a>,
    /// Once `out` is longer than this, the object is too long, whatever follows.
    end_max: usize,
    /// Whether entries were left out because the object is too long.
    is_cut: bool,
}

const AFTER_TEXT: usize = 0;
const AFTER_OTHER: usize = 1;
const AT_START: usize = 2;

impl Line<'_> {
    /// Appends a key, which ends with the quote that opens a text, and a value.
    #[inline(always)]
    #[expect(
        clippy::inline_always,
        reason = "called for every value: without it, half of the cost is the call"
    )]
    fn value(&mut self, key: Span<'_>, slot: Slot) {
        if slot.is_plain() {
            // Text, or a number, which has no quotes.
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
            // Text that makes the object too long is not escaped: that might make it six times
            // longer.
            SlotKind::Text if slot.is_plain() || self.end_max < self.out.len() + slot.len() => {
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
            // Only in a record that is rejected anyway.
            SlotKind::Absent | SlotKind::Other(_) => {
                append(self.out, key.without(1));
                AFTER_OTHER
            }
        };
    }

    /// Appends an object with its key. An empty one is removed again, unless it is empty because
    /// entries were left out: then the line must stay too long.
    fn object(&mut self, key: Span<'_>, members: impl FnOnce(&mut Self)) {
        let (start, skip) = (self.out.len(), self.skip);
        append(self.out, key.after(skip));
        self.skip = AT_START;
        members(self);
        if self.skip == AT_START && !self.is_cut {
            self.out.truncate(start);
            self.skip = skip;
        } else {
            self.close(b'}');
        }
    }

    /// Appends a map with its key. `member` appends one entry with the key of its name.
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
                if line.end_max < line.out.len() {
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

    /// Appends a list with its key, which ends with the quote of the first item.
    fn list(&mut self, key: Span<'_>, values: &[Slot]) {
        /// With enough bytes after it to be copied as a block.
        const COMMA: Span<'static> =
            Span { source: b"\",\"                             ", start: 0, len: 3 };
        if let Some((first, others)) = values.split_first() {
            self.value(key, *first);
            for value in others {
                if self.end_max < self.out.len() {
                    break;
                }
                self.value(COMMA, *value);
            }
        } else {
            append(self.out, key.after(self.skip).without(1));
            self.skip = AT_START;
        }
        self.close(b']');
    }

    /// Ends an object or a list, and the text before the bracket.
    fn close(&mut self, bracket: u8) {
        if self.skip == AFTER_TEXT {
            self.out.push(b'"');
        }
        self.out.push(bracket);
        self.skip = AFTER_OTHER;
    }
}

/// Appends text as a JSON string with the shortest escapes: only `"`, `\` and bytes below 0x20 have
/// one.
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

    /// The keys of names, none of which is dropped.
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

    /// Returns one row with these texts in its fields and in each of its maps.
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
        /// A record is never larger than the bound that does not read its texts.
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
