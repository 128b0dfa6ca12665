//! Encodes rows as the values of their fields, for stages that read them again in the same process: profiles are made of
//! them. Nothing is escaped, and nothing has to be found by its name.
//!
//! ```text
//! record  members, in the order of compact JSON
//! field   node, text
//! entry   node + 128, name, number of values, texts
//! text    number of bytes, bytes
//! ```
//!
//! Numbers have seven bits a byte, the lowest first. [`Members`] reads a record.

use super::lines::{Cells, CellsOfNames, EncodedLine, LineCounts, LineEncoder, NameCells};
use crate::record::{Batch, Names, Problem, Slot, Text};
use crate::schema::{NodeIx, Schema, Shape};

/// Encodes the records of an output as values.
pub struct ValuesEncoder {
    /// In the order of compact JSON.
    steps: Vec<Step>,
    has_name: Box<HasName>,
}

/// Whether an output has a name, given the index of its map.
type HasName = dyn Fn(usize, &str) -> bool + Send + Sync;

#[derive(Clone, Copy, Debug)]
enum Step {
    Field(NodeIx, u8),
    /// The map with this index.
    Map(usize, u8),
}

/// What tells entries of maps apart from fields.
const ENTRY: u8 = 0x80;

impl std::fmt::Debug for ValuesEncoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ValuesEncoder({} steps)", self.steps.len())
    }
}

impl ValuesEncoder {
    /// `written` says of each node whether the rules and the output have it. `has_name`: whether the output has a name,
    /// given the index of its map.
    pub fn new(
        schema: &Schema,
        written: &[bool],
        has_name: impl Fn(usize, &str) -> bool + Send + Sync + 'static,
    ) -> ValuesEncoder {
        let mut steps = Vec::new();
        add_members(None, schema, written, &mut steps);
        ValuesEncoder { steps, has_name: Box::new(has_name) }
    }
}

fn add_members(parent: Option<NodeIx>, schema: &Schema, written: &[bool], steps: &mut Vec<Step>) {
    for (node, description) in schema.nodes.iter().enumerate() {
        let is_written = written.get(node).copied().unwrap_or(false);
        if description.parent != parent || !is_written {
            continue;
        }
        let tag = u8::try_from(node).expect("a schema has at most 128 nodes");
        match description.shape {
            Shape::Text | Shape::Number => steps.push(Step::Field(node, tag)),
            Shape::Lists | Shape::Numbers => {
                let map = schema.map_of(node).expect("a schema lists its maps");
                steps.push(Step::Map(map, tag | ENTRY));
            }
            Shape::Object => add_members(Some(node), schema, written, steps),
            Shape::ExportOnly => {}
        }
    }
}

impl LineEncoder for ValuesEncoder {
    fn header(&self) -> &[u8] {
        &[]
    }

    fn cells_of(&self, map: usize, name: &str) -> NameCells {
        if (self.has_name)(map, name) {
            NameCells::At(Cells::new(0, 0))
        } else {
            NameCells::Dropped
        }
    }

    fn check(&self, _chunk: &[u8], _batch: &mut Batch, _cells: CellsOfNames<'_>) {}

    fn encode(
        &self,
        batch: &Batch,
        row: usize,
        text: Text<'_>,
        (names, cells): (&Names, CellsOfNames<'_>),
        _scratch: &mut Vec<Slot>,
        out: &mut Vec<u8>,
    ) -> EncodedLine {
        let slots = batch.row_slots(row);
        for step in &self.steps {
            match *step {
                Step::Field(node, tag) => {
                    let slot = slots.get(node).copied().unwrap_or(Slot::ABSENT);
                    if !slot.is_absent() {
                        out.push(tag);
                        put_text(text.of(slot), out);
                    }
                }
                Step::Map(map, tag) => {
                    for entry in batch.map_entries(row, map) {
                        let is_written = cells.cells(entry.name) != NameCells::Dropped;
                        if entry.is_removed() || !is_written {
                            continue;
                        }
                        out.push(tag);
                        put_text(names.get(entry.name).1.as_bytes(), out);
                        let values = batch.entry_values(*entry);
                        put_number(u64::try_from(values.len()).unwrap_or(u64::MAX), out);
                        for value in values {
                            put_text(text.of(*value), out);
                        }
                    }
                }
            }
        }
        // Not all values are here.
        EncodedLine { counts: LineCounts::default(), json_max: usize::MAX }
    }

    fn size_problem(&self, _size: usize, _counts: LineCounts) -> Option<Problem> {
        None
    }
}

/// A member of a record.
#[derive(Debug)]
pub enum Member<'b> {
    Field(NodeIx, &'b [u8]),
    /// An entry of a map, which is a node. So many texts follow.
    Entry(NodeIx, &'b [u8], u64),
}

/// Reads a record from its start. `None` for what the encoder has not written.
#[derive(Debug)]
pub struct Members<'b>(pub Bytes<'b>);

impl<'b> Members<'b> {
    pub fn is_empty(&self) -> bool {
        self.0.0.is_empty()
    }

    /// The next member. The texts of the one before have to be read.
    #[inline]
    pub fn member(&mut self) -> Option<Member<'b>> {
        let tag = self.0.byte()?;
        let node = NodeIx::from(tag & !ENTRY);
        if tag & ENTRY == 0 {
            return Some(Member::Field(node, self.0.text()?));
        }
        Some(Member::Entry(node, self.0.text()?, self.0.number()?))
    }
}

/// Appends a number, seven bits a byte, the lowest first.
#[inline]
pub fn put_number(mut number: u64, out: &mut Vec<u8>) {
    loop {
        let low = u8::try_from(number & 0x7f).expect("seven bits");
        number >>= 7;
        if number == 0 {
            return out.push(low);
        }
        out.push(low | 0x80);
    }
}

/// Appends a text and, before it, its length.
#[inline]
pub fn put_text(text: &[u8], out: &mut Vec<u8>) {
    put_number(u64::try_from(text.len()).unwrap_or(u64::MAX), out);
    out.extend_from_slice(text);
}

/// Bytes that are read from their start. `None` if they end too early, or a number is too large.
#[derive(Debug)]
pub struct Bytes<'b>(pub &'b [u8]);

impl<'b> Bytes<'b> {
    #[inline]
    pub fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    #[inline]
    pub fn number(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(number);
            }
        }
        None
    }

    #[inline]
    pub fn text(&mut self) -> Option<&'b [u8]> {
        let length = usize::try_from(self.number()?).ok()?;
        let (text, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(text)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn numbers_and_texts_are_read_as_they_were_written(
            number: u64,
            text in prop::collection::vec(any::<u8>(), 0..300),
        ) {
            let mut written = Vec::new();
            put_number(number, &mut written);
            put_text(&text, &mut written);
            let mut bytes = Bytes(&written);
            prop_assert_eq!(bytes.number(), Some(number));
            prop_assert_eq!(bytes.text(), Some(text.as_slice()));
            prop_assert!(bytes.0.is_empty());
            let mut cut = Bytes(written.get(..written.len() - 1).unwrap());
            prop_assert!(cut.number().and_then(|_| cut.text()).is_none());
        }
    }
}
