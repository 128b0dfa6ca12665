//! Encodes rows as CSV: RFC 4180 with as few quotes as possible, LF line ends, and a header in each
//! part.
//!
//! The columns are known before the first record, so which cell a field or a name of a map goes to
//! is decided once. A row is encoded in two steps: its slots are copied to their cells, in whatever
//! order they come; then the cells are appended from left to right. Most cells are plain: absent, or
//! short and without anything that would have to be quoted or counted. `simd::cells` appends a run
//! of plain cells in one go; the cell after it is appended by itself, and then the next run:
//!
//! ```text
//! header  Address,ChannelType,Attributes.Plan,Attributes.Plan,OptOut
//! line    ana@example.com,EMAIL,"a, b",,NONE
//!         └────────run─────────┘└alone┘└run┘
//! ```
//!
//! CSV cannot hold every record. A tab or a line break in a value, a field without a column, and
//! more values than a name has columns are problems: the record is rejected. `""` and `[]` become
//! empty cells, which are counted. Apart from those, reading the lines back gives the same records.

use std::collections::HashMap;

use super::json::push_name_key;
use super::lines::{Cells, CellsOfNames, EncodedLine, LineCounts, LineEncoder, NameCells};
use crate::record::{Batch, Code, Detail, Entry, Field, Names, Problem, Slot, Text};
use crate::schema::{NodeIx, Schema, Shape, Target};
use crate::simd::Span;
use crate::simd::cells::{Cell, append_plain_cells};
use crate::simd::copy::append;
use crate::simd::scan::holds_divider_or_escape;

/// A column of an output, named by the definition or by the headers of the inputs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CsvColumn {
    /// A field path; or a map's path, `.` and a name: `Attributes.Plan`.
    pub name: String,
    /// The number of columns with this name, at least 1; more than 1 only for names of lists.
    pub repeat: usize,
}

/// Encodes records as lines of CSV.
#[derive(Debug)]
pub struct CsvEncoder {
    header: Vec<u8>,
    /// For each cell of a line, whether it is for values of an attribute.
    cells: Vec<bool>,
    /// The fields that are written, each with its cell.
    fields: Vec<(NodeIx, usize)>,
    /// The fields that the rules keep or transform but that have no column.
    without_column: Vec<NodeIx>,
    /// The cells of names, by map and name.
    names: HashMap<(usize, String), Cells>,
    rules: CsvRules,
    /// Whether attributes that a spreadsheet would take for a formula get a `'` in front.
    quotes_formulas: bool,
    /// The target's limit for a value of an attribute, in code points.
    value_length: usize,
    /// The target's limit for a record as compact JSON, in bytes.
    endpoint_size: usize,
    /// The most bytes that a record has as compact JSON besides its values.
    json_frame: usize,
}

/// The maximum number of bytes that surround a value in JSON (`","`), plus the one that quoting a
/// formula adds.
const FRAME_BYTES_MAX: usize = 4;
/// The longest escape of a byte in JSON: `\u0000`.
const ESCAPE_BYTES_MAX: usize = 6;

/// The numbers of the checks that problems name.
#[derive(Clone, Copy, Debug, Default)]
pub struct CsvRules {
    line_break: u16,
    column: u16,
    value_length: u16,
    endpoint_size: u16,
}

impl CsvRules {
    /// `add` registers the name of a check and returns its number.
    pub fn new(target: &Target, mut add: impl FnMut(String) -> u16) -> CsvRules {
        CsvRules {
            line_break: add("pinpoint-csv#line_break".to_owned()),
            column: add("output.columns".to_owned()),
            value_length: add(target.rule("value_length")),
            endpoint_size: add(target.rule("endpoint_size")),
        }
    }
}

impl CsvEncoder {
    /// `written`: for each node, whether the rules keep or transform it or any of its members. The
    /// columns of dropped fields stay empty.
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
        let missing = nodes.filter(|((node, description), is_written)| {
            matches!(description.shape, Shape::Text | Shape::Number)
                && **is_written
                && !has_column(*node)
        });
        encoder.without_column = missing.map(|((node, _), _)| node).collect();
        encoder
    }

    fn add(&mut self, schema: &Schema, written: &[bool], column: &CsvColumn) {
        let first = self.cells.len();
        let mut is_attribute = false;
        if let Some((map, name, shape)) = schema.map_and_name(&column.name) {
            is_attribute = shape == Shape::Lists;
            self.names.insert((map, name.to_owned()), Cells::new(first, column.repeat));
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

    fn check_fields(
        &self,
        slots: &[Slot],
        text: Text<'_>,
        add: &mut impl FnMut(Field, Code, u16, Detail),
    ) {
        let slot = |node: NodeIx| slots.get(node).copied().unwrap_or(Slot::ABSENT);
        let field = |node| Field::Node(u8::try_from(node).expect("the number of nodes is limited"));
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

    fn check_map(
        &self,
        entries: &[Entry],
        batch: &Batch,
        text: Text<'_>,
        names: CellsOfNames<'_>,
        add: &mut impl FnMut(Field, Code, u16, Detail),
    ) {
        let may_have_problems = self.quotes_formulas || !are_plain(batch.covering_values(entries));
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
            if may_have_problems && cells != NameCells::Dropped {
                self.check_values(*entry, batch.entry_values(*entry), text, add);
            }
        }
    }

    fn check_values(
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
        // Quoting a formula adds a character. A value that already has the maximum length is then too
        // long.
        let is_too_long = |value: &Slot| {
            let bytes = text.of(*value);
            is_formula(*value, bytes) && code_points(bytes) == self.value_length
        };
        if self.quotes_formulas && entry.is_list && values.iter().any(is_too_long) {
            add(field, Code::ValueLength, self.rules.value_length, Detail::TooLong);
        }
    }

    /// Copies the values of a row to their cells.
    fn fill(
        &self,
        batch: &Batch,
        row: usize,
        names: CellsOfNames<'_>,
        cells: &mut [Slot],
        counts: &mut LineCounts,
    ) {
        let slots = batch.row_slots(row);
        for (node, cell) in &self.fields {
            if let (Some(cell), Some(slot)) = (cells.get_mut(*cell), slots.get(*node)) {
                *cell = *slot;
            }
        }
        for map in 0..batch.maps_width {
            for entry in batch.map_entries(row, map) {
                let NameCells::At(at) = names.cells(entry.name) else { continue };
                let values = batch.entry_values(*entry);
                counts.emptied += u64::from(entry.is_list && values.is_empty());
                let own = cells.get_mut(at.range()).unwrap_or(&mut []);
                if let ([cell, ..], [value]) = (&mut *own, values) {
                    *cell = *value;
                } else {
                    own.iter_mut().zip(values).for_each(|(cell, value)| *cell = *value);
                }
            }
        }
    }

    /// Appends one cell. Counts it if it is empty text or a formula.
    fn push(
        &self,
        slot: Slot,
        is_attribute: bool,
        text: Text<'_>,
        counts: &mut LineCounts,
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

impl LineEncoder for CsvEncoder {
    fn header(&self) -> &[u8] {
        &self.header
    }

    fn cells_of(&self, map: usize, name: &str) -> NameCells {
        let known = self.names.get(&(map, name.to_owned()));
        known.map_or(NameCells::Missing, |cells| NameCells::At(*cells))
    }

    fn check(&self, chunk: &[u8], batch: &mut Batch, names: CellsOfNames<'_>) {
        let mut problems = std::mem::take(&mut batch.problems);
        let text = Text { chunk, arena: &batch.arena };
        for row in batch.live_rows() {
            let mut add = |field, code, rule, detail| {
                let row = u32::try_from(row).expect("a batch has few rows");
                problems.push((row, Problem { field, code, rule, detail }));
            };
            self.check_fields(batch.row_slots(row), text, &mut add);
            for map in 0..batch.maps_width {
                self.check_map(batch.map_entries(row, map), batch, text, names, &mut add);
            }
        }
        batch.problems = problems;
    }

    fn encode(
        &self,
        batch: &Batch,
        row: usize,
        text: Text<'_>,
        (_, names): (&Names, CellsOfNames<'_>),
        cells: &mut Vec<Slot>,
        out: &mut Vec<u8>,
    ) -> EncodedLine {
        let start = out.len();
        let mut counts = LineCounts::default();
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
        // All values are in the line. At worst, JSON escapes each of their bytes.
        let json_max = self.json_frame + ESCAPE_BYTES_MAX * (out.len() - start);
        EncodedLine { counts, json_max }
    }

    fn size_problem(&self, size: usize, counts: LineCounts) -> Option<Problem> {
        let quoted = usize::try_from(counts.quoted).unwrap_or(usize::MAX);
        let is_too_large = self.endpoint_size < size.saturating_add(quoted);
        is_too_large.then_some(Problem {
            field: Field::Record,
            code: Code::EndpointSize,
            rule: self.rules.endpoint_size,
            detail: Detail::None,
        })
    }
}

/// Whether a spreadsheet takes a cell for a formula. (Not a number, even if it begins with `-`, nor a
/// phone number in E.164.)
fn is_formula(slot: Slot, bytes: &[u8]) -> bool {
    let begins_like_one = matches!(bytes.first(), Some(b'=' | b'+' | b'-' | b'@'));
    slot.is_text() && begins_like_one && !is_phone(bytes)
}

fn is_phone(bytes: &[u8]) -> bool {
    let digits = bytes.strip_prefix(b"+").unwrap_or_default();
    (7..=15).contains(&digits.len()) && digits.iter().all(u8::is_ascii_digit)
}

/// Whether none of these slots holds a byte that JSON escapes, as is usual.
#[inline]
fn are_plain(slots: &[Slot]) -> bool {
    slots.iter().fold(0, |bits, slot| bits | slot.not_plain_bit()) == 0
}

/// Whether a value has a line break or a tab. Plain text has neither.
fn has_line_break(slot: Slot, text: Text<'_>) -> bool {
    !slot.is_plain() && text.of(slot).iter().any(|byte| matches!(byte, b'\t' | b'\n' | b'\r'))
}

/// The length in bytes of a name as a key of a JSON object.
fn key_len(name: &str) -> usize {
    let mut key = Vec::new();
    push_name_key(name, &mut key);
    key.len()
}

fn code_points(text: &[u8]) -> usize {
    text.iter().filter(|byte| **byte & 0b1100_0000 != 0b1000_0000).count()
}

/// Appends a text as a cell, in quotes if it needs them.
pub fn push_text_cell(text: &[u8], out: &mut Vec<u8>) {
    push_cell(Span::whole(text), out);
}

/// Appends a cell, in quotes if it needs them. Blank text needs them too: a line with nothing else
/// would be a blank line.
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
    fn only_cells_that_need_quotes_have_them() {
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
    fn text_that_begins_like_a_formula_is_one() {
        for start in ["=", "+", "-", "@"] {
            let text = format!("{start}1");
            assert!(is_formula(Slot::text(0, 2, true), text.as_bytes()), "{text}");
        }
        assert!(!is_formula(Slot::number(0, 2), b"-1"));
        for (text, expected) in [
            ("+4930123456", false),
            ("+49301", true),
            ("+4930123456+1", true),
            ("-4930123456", true),
        ] {
            assert_eq!(is_formula(Slot::text(0, 2, true), text.as_bytes()), expected, "{text}");
        }
        assert!(!is_formula(Slot::text(0, 0, true), b""));
        assert!(!is_formula(Slot::text(0, 2, true), b"a="));
    }
}
