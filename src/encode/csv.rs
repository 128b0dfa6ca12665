//! One row becomes one line of CSV: RFC 4180 with the fewest quotes, LF, and a header in each part.
//!
//! What CSV can't hold is either refused (a tab or a line break, a field or a repeat without a
//! column) or written as an empty cell and counted (`""` and `[]`). What is written and read again
//! is the same record but for those.

use std::{collections::HashMap, ops::Range};

use super::json::push_name_key;
use crate::record::{Batch, Code, Detail, Entry, Field, NameId, Problem, Slot, Text, Values};
use crate::schema::{NodeIx, Schema, Shape};
use crate::simd::Span;
use crate::simd::cells::{Cell, append_plain_cells};
use crate::simd::copy::append;
use crate::simd::scan::holds_divider_or_escape;

/// A column as a definition or the headers of the input name it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CsvColumn {
    /// A field's path, or a map's path, `.`, and a name: `Attributes.Plan`.
    pub name: String,
    /// How many columns bear the name, at least 1; over 1 only for names of lists.
    pub repeat: usize,
}

/// Writes records as lines of CSV.
#[derive(Debug)]
pub struct CsvEncoder {
    header: Vec<u8>,
    /// Of each cell of a line, whether it is a value of an attribute.
    cells: Vec<bool>,
    /// Fields with their cells.
    fields: Vec<(NodeIx, usize)>,
    /// Fields that the policy writes and that have no column.
    without_column: Vec<NodeIx>,
    /// By map and name.
    names: HashMap<(usize, String), Cells>,
    rules: CsvRules,
    /// Whether an attribute that a spreadsheet would take for a formula gets a `'` in front.
    quotes_formulas: bool,
    /// The most code points of an attribute's value.
    value_length: usize,
    /// The most bytes of a record in compact JSON.
    endpoint_size: usize,
    /// What a record has in compact JSON beside its values: at most so many bytes.
    json_frame: usize,
}

/// What a value has around it in JSON, `","` at most, and the one byte that it may get in CSV.
const FRAME_BYTES_MAX: usize = 4;
/// The longest escape of a byte in JSON: `\u0000`.
const ESCAPE_BYTES_MAX: usize = 6;

/// The cells of one name of a map, side by side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cells {
    first: u32,
    count: u32,
}

impl Cells {
    #[inline]
    fn range(self) -> Range<usize> {
        Values { start: self.first, len: self.count }.range()
    }
}

/// `count` cells from the one of that place on.
fn cells_from(first: usize, count: usize) -> Cells {
    let narrow = |number| u32::try_from(number).expect("a header has few columns");
    Cells { first: narrow(first), count: narrow(count) }
}

/// Where the values of a name go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameCells {
    /// The policy drops them.
    Dropped,
    /// There is no column for them.
    Missing,
    At(Cells),
}

/// How names of maps find their cells.
pub trait CellsOfNames {
    fn cells(&self, name: NameId) -> NameCells;
}

/// The numbers of the rules that problems point to.
#[derive(Clone, Copy, Debug, Default)]
pub struct CsvRules {
    pub line_break: u16,
    pub column: u16,
    pub value_length: u16,
    pub endpoint_size: u16,
}

/// What was counted while lines were written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CsvCounts {
    /// `""` and `[]`, which became empty cells.
    pub emptied: u64,
    /// Texts that a spreadsheet would take for a formula.
    pub formula: u64,
    /// Those that got a `'` in front.
    pub quoted: u64,
}

impl CsvCounts {
    pub fn add(&mut self, other: CsvCounts) {
        self.emptied += other.emptied;
        self.formula += other.formula;
        self.quoted += other.quoted;
    }
}

impl CsvEncoder {
    /// `written`: for each node whether the policy keeps or transforms it, or anything inside it.
    /// Columns of what the policy drops stay empty.
    pub fn new(
        schema: &Schema,
        written: &[bool],
        columns: &[CsvColumn],
        quotes_formulas: bool,
        rules: CsvRules,
    ) -> CsvEncoder {
        let mut encoder = CsvEncoder {
            header: Vec::new(),
            cells: Vec::new(),
            fields: Vec::new(),
            without_column: Vec::new(),
            names: HashMap::new(),
            rules,
            quotes_formulas,
            value_length: schema.target.limits.value_length,
            endpoint_size: schema.target.limits.endpoint_size,
            json_frame: FRAME_BYTES_MAX,
        };
        for node in &schema.nodes {
            encoder.json_frame += FRAME_BYTES_MAX + key_len(&node.name);
        }
        for column in columns {
            encoder.add(schema, written, column);
        }
        encoder.header.pop();
        encoder.header.push(b'\n');
        let has_column = |node: NodeIx| encoder.fields.iter().any(|(field, _)| *field == node);
        let nodes = schema.nodes.iter().enumerate().zip(written);
        let left = nodes.filter(|((node, description), is_written)| {
            matches!(description.shape, Shape::Text | Shape::Number)
                && **is_written
                && !has_column(*node)
        });
        encoder.without_column = left.map(|((node, _), _)| node).collect();
        encoder
    }

    fn add(&mut self, schema: &Schema, written: &[bool], column: &CsvColumn) {
        let first = self.cells.len();
        let mut is_attribute = false;
        if let Some((map, name, shape)) = schema.map_and_name(&column.name) {
            is_attribute = shape == Shape::Lists;
            self.names.insert((map, name.to_owned()), cells_from(first, column.repeat));
            self.json_frame += FRAME_BYTES_MAX * (1 + column.repeat) + key_len(name);
        } else if let Some(node) = schema.node(&column.name)
            && written.get(node).copied().unwrap_or(false)
        {
            self.fields.push((node, first));
        }
        for _ in 0..column.repeat {
            push_cell(Span::whole(column.name.as_bytes()), &mut self.header);
            self.header.push(b',');
            self.cells.push(is_attribute);
        }
    }

    /// The first line of each part, with its line end.
    pub fn header(&self) -> &[u8] {
        &self.header
    }

    /// Where the values of a name of a map go that the policy writes.
    pub fn cells_of(&self, map: usize, name: &str) -> NameCells {
        let known = self.names.get(&(map, name.to_owned()));
        known.map_or(NameCells::Missing, |cells| NameCells::At(*cells))
    }

    /// Judges the live rows of a batch as they would be written.
    pub fn judge(&self, chunk: &[u8], batch: &mut Batch, names: &impl CellsOfNames) {
        let mut problems = std::mem::take(&mut batch.problems);
        let text = Text { chunk, arena: &batch.arena };
        for row in batch.live_rows() {
            let mut add = |field, code, rule, detail| {
                let row = u32::try_from(row).expect("a batch has few rows");
                problems.push((row, Problem { field, code, rule, detail }));
            };
            self.judge_fields(batch.row_slots(row), text, &mut add);
            for map in 0..batch.maps_width {
                self.judge_map(batch.map_entries(row, map), batch, text, names, &mut add);
            }
        }
        batch.problems = problems;
    }

    fn judge_fields(
        &self,
        slots: &[Slot],
        text: Text<'_>,
        add: &mut impl FnMut(Field, Code, u16, Detail),
    ) {
        let slot = |node: NodeIx| slots.get(node).copied().unwrap_or(Slot::ABSENT);
        let field = |node| Field::Node(u8::try_from(node).expect("a schema has at most 128 nodes"));
        for node in self.without_column.iter().filter(|node| !slot(**node).is_absent()) {
            add(field(*node), Code::Column, self.rules.column, Detail::None);
        }
        if are_plain(slots) {
            return;
        }
        for (node, _) in &self.fields {
            if has_line_break(slot(*node), text) {
                add(field(*node), Code::LineBreak, self.rules.line_break, Detail::None);
            }
        }
    }

    fn judge_map(
        &self,
        entries: &[Entry],
        batch: &Batch,
        text: Text<'_>,
        names: &impl CellsOfNames,
        add: &mut impl FnMut(Field, Code, u16, Detail),
    ) {
        let may_be_faulty = self.quotes_formulas || !are_plain(batch.covering_values(entries));
        for entry in entries {
            let cells = names.cells(entry.name);
            let has_room = match cells {
                NameCells::Dropped => true,
                NameCells::At(cells) => entry.values.len <= cells.count,
                NameCells::Missing => entry.is_removed(),
            };
            if !has_room {
                add(Field::Named(entry.name), Code::Column, self.rules.column, Detail::None);
            }
            if may_be_faulty && cells != NameCells::Dropped {
                self.judge_values(*entry, batch.entry_values(*entry), text, add);
            }
        }
    }

    fn judge_values(
        &self,
        entry: Entry,
        values: &[Slot],
        text: Text<'_>,
        add: &mut impl FnMut(Field, Code, u16, Detail),
    ) {
        let field = Field::Named(entry.name);
        if values.iter().any(|value| has_line_break(*value, text)) {
            add(field, Code::LineBreak, self.rules.line_break, Detail::None);
        }
        // The `'` in front of a formula is one character more than the target's limits were held to.
        let is_too_long = |value: &Slot| {
            let bytes = text.of(*value);
            is_formula(*value, bytes) && code_points(bytes) == self.value_length
        };
        if self.quotes_formulas && entry.is_list && values.iter().any(is_too_long) {
            add(field, Code::ValueLength, self.rules.value_length, Detail::TooLong);
        }
    }

    /// At least as many bytes as a record has in compact JSON that is a line of so many, and one for
    /// each `'` beside: all its values stand in the line, and at worst each byte is escaped.
    pub fn size_bound(&self, line: usize) -> usize {
        self.json_frame + ESCAPE_BYTES_MAX * line
    }

    /// A record that is too large with the `'` in front of its formulas; `size` is that of its compact
    /// JSON without them, in bytes.
    pub fn size_problem(&self, size: usize, counts: CsvCounts) -> Option<Problem> {
        let quoted = usize::try_from(counts.quoted).unwrap_or(usize::MAX);
        let is_too_large = self.endpoint_size < size.saturating_add(quoted);
        is_too_large.then_some(Problem {
            field: Field::Record,
            code: Code::EndpointSize,
            rule: self.rules.endpoint_size,
            detail: Detail::None,
        })
    }

    /// Appends a row that was judged to be fine as one line. `cells` is memory to be used again.
    pub fn encode(
        &self,
        batch: &Batch,
        row: usize,
        text: Text<'_>,
        names: &impl CellsOfNames,
        cells: &mut Vec<Slot>,
        out: &mut Vec<u8>,
    ) -> CsvCounts {
        let mut counts = CsvCounts::default();
        cells.clear();
        cells.resize(self.cells.len(), Slot::ABSENT);
        self.fill(batch, row, names, cells, &mut counts);
        let (mut cells, mut is_attribute) = (&cells[..], &self.cells[..]);
        loop {
            let plain = append_plain_cells(out, cells, |slot| Cell {
                span: text.span(*slot),
                is_text: slot.is_text(),
            });
            let others = cells.split_at_checked(plain).and_then(|(_, rest)| rest.split_first());
            let Some((slot, rest)) = others else { break };
            let is_attributes = is_attribute.get(plain..).unwrap_or(&[]);
            if !slot.is_absent() {
                self.push(*slot, is_attributes.first() == Some(&true), text, &mut counts, out);
            }
            out.push(b',');
            (cells, is_attribute) = (rest, is_attributes.get(1..).unwrap_or(&[]));
        }
        out.pop();
        out.push(b'\n');
        counts
    }

    /// Puts the values of a row into its cells.
    fn fill(
        &self,
        batch: &Batch,
        row: usize,
        names: &impl CellsOfNames,
        cells: &mut [Slot],
        counts: &mut CsvCounts,
    ) {
        let slots = batch.row_slots(row);
        for (node, cell) in &self.fields {
            if let (Some(place), Some(slot)) = (cells.get_mut(*cell), slots.get(*node)) {
                *place = *slot;
            }
        }
        for map in 0..batch.maps_width {
            for entry in batch.map_entries(row, map) {
                let NameCells::At(at) = names.cells(entry.name) else { continue };
                let values = batch.entry_values(*entry);
                counts.emptied += u64::from(entry.is_list && values.is_empty());
                let places = cells.get_mut(at.range()).unwrap_or(&mut []);
                if let ([place, ..], [value]) = (&mut *places, values) {
                    *place = *value;
                } else {
                    places.iter_mut().zip(values).for_each(|(place, value)| *place = *value);
                }
            }
        }
    }

    fn push(
        &self,
        slot: Slot,
        is_attribute: bool,
        text: Text<'_>,
        counts: &mut CsvCounts,
        out: &mut Vec<u8>,
    ) {
        let span = text.span(slot);
        let bytes = span.bytes();
        counts.emptied += u64::from(bytes.is_empty());
        if !is_formula(slot, bytes) {
            return push_cell(span, out);
        }
        counts.formula += 1;
        if self.quotes_formulas && is_attribute {
            counts.quoted += 1;
            let mut quoted = Vec::with_capacity(bytes.len() + 1);
            quoted.push(b'\'');
            quoted.extend_from_slice(bytes);
            return push_cell(Span::whole(&quoted), out);
        }
        push_cell(span, out);
    }
}

/// What a spreadsheet takes for a formula. A number is none, whatever it begins with.
fn is_formula(slot: Slot, bytes: &[u8]) -> bool {
    slot.is_text() && matches!(bytes.first(), Some(b'=' | b'+' | b'-' | b'@'))
}

/// Whether none of these holds what JSON must escape, as nearly always.
#[inline]
fn are_plain(slots: &[Slot]) -> bool {
    slots.iter().fold(0, |bits, slot| bits | slot.not_plain_bit()) == 0
}

/// A tab counts as one. Plain text holds neither.
fn has_line_break(slot: Slot, text: Text<'_>) -> bool {
    !slot.is_plain() && text.of(slot).iter().any(|byte| matches!(byte, b'\t' | b'\n' | b'\r'))
}

/// The bytes of a name with what is around it in JSON.
fn key_len(name: &str) -> usize {
    let mut key = Vec::new();
    push_name_key(name, &mut key);
    key.len()
}

fn code_points(text: &[u8]) -> usize {
    text.iter().filter(|byte| **byte & 0b1100_0000 != 0b1000_0000).count()
}

/// Appends a cell, in quotes where it needs them: blank text too, since a line with nothing else
/// would be a blank one.
#[inline]
fn push_cell(cell: Span<'_>, out: &mut Vec<u8>) {
    let bytes = cell.bytes();
    let may_be_blank = bytes.first() == Some(&b' ');
    if may_be_blank || holds_divider_or_escape(cell, b',') {
        push_special_cell(bytes, out);
    } else {
        append(out, cell);
    }
}

#[inline(never)]
fn push_special_cell(bytes: &[u8], out: &mut Vec<u8>) {
    let is_special = |byte: &u8| matches!(byte, b',' | b'"' | b'\n' | b'\r');
    let is_blank = || bytes.iter().all(|byte| *byte == b' ');
    if !bytes.iter().any(is_special) && !is_blank() {
        return out.extend_from_slice(bytes);
    }
    out.push(b'"');
    for part in bytes.split_inclusive(|byte| *byte == b'"') {
        out.extend_from_slice(part);
        if part.ends_with(b"\"") {
            out.push(b'"');
        }
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, cell: &str) {
        let mut out = Vec::new();
        push_cell(Span::whole(text.as_bytes()), &mut out);
        assert_eq!(String::from_utf8(out).unwrap(), cell);
    }

    #[test]
    fn only_what_needs_quotes_has_them() {
        check("", "");
        check("Köln", "Köln");
        check("a;b", "a;b");
        check(" a ", " a ");
        check(" ", "\" \"");
        check("a,b", "\"a,b\"");
        check("\"a\"", "\"\"\"a\"\"\"");
        check("a\nb", "\"a\nb\"");
    }

    #[test]
    fn a_formula_is_text_that_begins_like_one() {
        for start in ["=", "+", "-", "@"] {
            let text = format!("{start}1");
            assert!(is_formula(Slot::text(0, 2, true), text.as_bytes()), "{text}");
        }
        assert!(!is_formula(Slot::number(0, 2), b"-1"));
        assert!(!is_formula(Slot::text(0, 0, true), b""));
        assert!(!is_formula(Slot::text(0, 2, true), b"a="));
    }
}
