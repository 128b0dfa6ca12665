//! Lays out the rows of a batch column by column, as formats of columns need them.
//!
//! A [`Table`] has the written records of one block. Workers fill tables side by side; the ordered
//! side of a run gathers [`Piece`]s of them until they make a row group, which is then encoded. So a
//! table is small and cheap to append to: a column of texts is their lengths and their bytes, one
//! after the other. Arrow arrays are made per row group.
//!
//! ```text
//! rows      {"Address":"ana@…","OptOut":"NONE"}   {"Address":"bo@…"}
//! Address   lengths 15 14    bytes ana@example.combo@example.com
//! OptOut    lengths 4 MAX    bytes NONE
//! sizes     45 28
//! ```
//!
//! A map has one more level: each row has a number of entries, each entry a name, and each entry of
//! lists a number of values.
//!
//! Each row notes its size as compact JSON. Row groups are cut by it, so that where they end
//! depends on the records alone; and the memory of a table is bounded by it.

use std::{fmt, ops::Range, sync::Arc};

use super::NameKeys;
use crate::record::{Batch, Entry, Names, Slot, Text};
use crate::schema::{IsoDate, NodeIx, Schema, Shape, parse_date};

/// The least cap of a Parquet part, in bytes. A smaller part would be mostly footer.
pub const PARQUET_PART_MIN: u64 = 1_000_000;

/// Written records in input order, column by column.
#[derive(Default)]
pub struct Table {
    /// The size of each record as compact JSON, in bytes.
    sizes: Vec<u32>,
    pub columns: Vec<Column>,
}

/// The values of one node, one per row.
pub enum Column {
    Text(Texts),
    Number(Vec<Option<f64>>),
    /// Milliseconds since 1970, UTC.
    Date(Vec<Option<i64>>),
    Lists(Lists),
    Numbers(Numbers),
}

/// Texts, some of which may be absent.
#[derive(Default)]
pub struct Texts {
    /// The length of each in bytes; [`NO_TEXT`] if it is absent.
    pub lengths: Vec<u32>,
    /// The texts, one after the other.
    pub bytes: Vec<u8>,
}

/// Stands for the length of an absent text.
pub const NO_TEXT: u32 = u32::MAX;

/// Maps of names to lists of texts.
#[derive(Default)]
pub struct Lists {
    /// The number of entries of each row.
    pub entries: Vec<u32>,
    pub names: Texts,
    /// The number of values of each entry.
    pub counts: Vec<u32>,
    pub values: Texts,
}

/// Maps of names to numbers.
#[derive(Default)]
pub struct Numbers {
    /// The number of entries of each row.
    pub entries: Vec<u32>,
    pub names: Texts,
    pub values: Vec<f64>,
}

/// Some rows of a table.
#[derive(Clone)]
pub struct Piece {
    pub table: Arc<Table>,
    pub rows: Range<usize>,
}

/// Lays rows out by columns. Fields that the rules drop have none.
#[derive(Debug)]
pub struct TableEncoder {
    nodes: Vec<(NodeIx, ColumnKind)>,
}

#[derive(Clone, Copy, Debug)]
enum ColumnKind {
    Text,
    Number,
    Date,
    Lists { map: usize },
    Numbers { map: usize },
}

impl TableEncoder {
    /// `written` says of each node whether the rules keep or transform it, or anything inside it.
    pub fn new(schema: &Schema, written: &[bool]) -> TableEncoder {
        let nodes = schema.nodes.iter().enumerate().zip(written);
        let written = nodes.filter(|(_, is_written)| **is_written).map(|(node, _)| node);
        let kind = |node: NodeIx, shape| {
            let map = || schema.map_of(node).expect("a schema lists its maps");
            match shape {
                Shape::Text => Some(ColumnKind::Text),
                Shape::Number => Some(ColumnKind::Number),
                Shape::Lists => Some(ColumnKind::Lists { map: map() }),
                Shape::Numbers => Some(ColumnKind::Numbers { map: map() }),
                Shape::Object | Shape::ExportOnly => None,
            }
        };
        let nodes = written.filter_map(|(node, description)| {
            let kind = kind(node, description.shape)?;
            Some((node, if description.is_instant() { ColumnKind::Date } else { kind }))
        });
        TableEncoder { nodes: nodes.collect() }
    }

    /// The nodes that have columns, in the order of the columns.
    pub fn nodes(&self) -> impl Iterator<Item = NodeIx> + '_ {
        self.nodes.iter().map(|(node, _)| *node)
    }

    /// Returns a table without rows.
    pub fn table(&self) -> Table {
        let column = |(_, kind): &(NodeIx, ColumnKind)| match kind {
            ColumnKind::Text => Column::Text(Texts::default()),
            ColumnKind::Number => Column::Number(Vec::new()),
            ColumnKind::Date => Column::Date(Vec::new()),
            ColumnKind::Lists { .. } => Column::Lists(Lists::default()),
            ColumnKind::Numbers { .. } => Column::Numbers(Numbers::default()),
        };
        Table { sizes: Vec::new(), columns: self.nodes.iter().map(column).collect() }
    }

    /// Appends rows of a batch, each with its size as compact JSON in bytes. `keys` says which names
    /// are written, `names` what their text is.
    pub fn append(
        &self,
        batch: &Batch,
        rows: &[(usize, u32)],
        text: Text<'_>,
        keys: &impl NameKeys,
        names: &Names,
        table: &mut Table,
    ) {
        let source = Source { batch, text, names };
        table.sizes.extend(rows.iter().map(|(_, size)| *size));
        for ((node, kind), column) in self.nodes.iter().zip(&mut table.columns) {
            let slots = rows.iter().map(|(row, _)| batch.slot(*row, *node));
            match (column, kind) {
                (Column::Text(texts), _) => slots.for_each(|slot| texts.push_slot(slot, text)),
                (Column::Number(numbers), _) => {
                    numbers.extend(slots.map(|slot| number(slot, text)));
                }
                (Column::Date(dates), _) => dates.extend(slots.map(|slot| date(slot, text))),
                (Column::Lists(lists), ColumnKind::Lists { map }) => {
                    for (row, _) in rows {
                        lists.push(source, *row, *map, keys);
                    }
                }
                (Column::Numbers(numbers), ColumnKind::Numbers { map }) => {
                    for (row, _) in rows {
                        numbers.push(source, *row, *map, keys);
                    }
                }
                (Column::Lists(_) | Column::Numbers(_), _) => {}
            }
        }
    }
}

/// Where the values of entries come from.
#[derive(Clone, Copy)]
struct Source<'a> {
    batch: &'a Batch,
    text: Text<'a>,
    names: &'a Names,
}

impl<'a> Source<'a> {
    /// The entries of a row's map that are written, each with its name.
    fn entries(
        self,
        row: usize,
        map: usize,
        keys: &'a impl NameKeys,
    ) -> impl Iterator<Item = (Entry, &'a str)> {
        let entries = self.batch.map_entries(row, map).iter();
        let written = entries.filter(|e| !e.is_removed() && keys.key(e.name).is_some());
        written.map(move |entry| (*entry, self.names.get(entry.name).1))
    }
}

impl Column {
    fn without_rows(&self) -> Column {
        match self {
            Column::Text(_) => Column::Text(Texts::default()),
            Column::Number(_) => Column::Number(Vec::new()),
            Column::Date(_) => Column::Date(Vec::new()),
            Column::Lists(_) => Column::Lists(Lists::default()),
            Column::Numbers(_) => Column::Numbers(Numbers::default()),
        }
    }

    fn append(&mut self, other: &Column) {
        match (self, other) {
            (Column::Text(texts), Column::Text(other)) => texts.append(other),
            (Column::Number(numbers), Column::Number(other)) => numbers.extend_from_slice(other),
            (Column::Date(dates), Column::Date(other)) => dates.extend_from_slice(other),
            (Column::Lists(lists), Column::Lists(other)) => {
                lists.entries.extend_from_slice(&other.entries);
                lists.names.append(&other.names);
                lists.counts.extend_from_slice(&other.counts);
                lists.values.append(&other.values);
            }
            (Column::Numbers(numbers), Column::Numbers(other)) => {
                numbers.entries.extend_from_slice(&other.entries);
                numbers.names.append(&other.names);
                numbers.values.extend_from_slice(&other.values);
            }
            (
                Column::Text(_)
                | Column::Number(_)
                | Column::Date(_)
                | Column::Lists(_)
                | Column::Numbers(_),
                _,
            ) => unreachable!("all tables of a run have the same columns"),
        }
    }
}

impl Texts {
    fn append(&mut self, other: &Texts) {
        self.lengths.extend_from_slice(&other.lengths);
        self.bytes.extend_from_slice(&other.bytes);
    }

    #[inline]
    fn push(&mut self, text: &[u8]) {
        self.lengths.push(length(text.len()));
        self.bytes.extend_from_slice(text);
    }

    #[inline]
    fn push_slot(&mut self, slot: Slot, text: Text<'_>) {
        if slot.is_absent() {
            self.lengths.push(NO_TEXT);
        } else {
            self.lengths.push(length(slot.len()));
            self.bytes.extend_from_slice(text.of(slot));
        }
    }

    fn shrink(&mut self) {
        self.lengths.shrink_to_fit();
        self.bytes.shrink_to_fit();
    }

    fn cost(&self) -> usize {
        self.lengths.len() * size_of::<u32>() + self.bytes.len()
    }
}

impl Lists {
    fn push(&mut self, source: Source<'_>, row: usize, map: usize, keys: &impl NameKeys) {
        let before = self.counts.len();
        for (entry, name) in source.entries(row, map, keys) {
            self.names.push(name.as_bytes());
            self.counts.push(entry.values.len);
            for value in source.batch.entry_values(entry) {
                self.values.push_slot(*value, source.text);
            }
        }
        self.entries.push(length(self.counts.len() - before));
    }
}

impl Numbers {
    fn push(&mut self, source: Source<'_>, row: usize, map: usize, keys: &impl NameKeys) {
        let before = self.values.len();
        for (entry, name) in source.entries(row, map, keys) {
            let value = source.batch.entry_values(entry).first();
            let Some(value) = value.and_then(|slot| number(*slot, source.text)) else { continue };
            self.names.push(name.as_bytes());
            self.values.push(value);
        }
        self.entries.push(length(self.values.len() - before));
    }
}

impl Table {
    /// The number of rows.
    pub fn rows(&self) -> usize {
        self.sizes.len()
    }

    /// The size of each record as compact JSON, in bytes.
    pub fn sizes(&self) -> &[u32] {
        &self.sizes
    }

    /// Returns a table without rows that has the same columns.
    #[must_use]
    pub fn without_rows(&self) -> Table {
        Table {
            sizes: Vec::new(),
            columns: self.columns.iter().map(Column::without_rows).collect(),
        }
    }

    /// Appends the rows of a table with the same columns.
    pub fn append(&mut self, other: &Table) {
        self.sizes.extend_from_slice(&other.sizes);
        for (column, other) in self.columns.iter_mut().zip(&other.columns) {
            column.append(other);
        }
    }

    /// Frees unused capacity: a table is kept until its row group is full.
    pub fn shrink(&mut self) {
        self.sizes.shrink_to_fit();
        for column in &mut self.columns {
            match column {
                Column::Text(texts) => texts.shrink(),
                Column::Number(numbers) => numbers.shrink_to_fit(),
                Column::Date(dates) => dates.shrink_to_fit(),
                Column::Lists(Lists { entries, names, counts, values }) => {
                    entries.shrink_to_fit();
                    names.shrink();
                    counts.shrink_to_fit();
                    values.shrink();
                }
                Column::Numbers(Numbers { entries, names, values }) => {
                    entries.shrink_to_fit();
                    names.shrink();
                    values.shrink_to_fit();
                }
            }
        }
    }

    /// About how much memory the table takes, in bytes, apart from unused capacity.
    pub fn cost(&self) -> usize {
        let words = |words: &[u32]| size_of_val(words);
        let columns = self.columns.iter().map(|column| match column {
            Column::Text(texts) => texts.cost(),
            Column::Number(numbers) => size_of_val(numbers.as_slice()),
            Column::Date(dates) => size_of_val(dates.as_slice()),
            Column::Lists(lists) => {
                words(&lists.entries)
                    + lists.names.cost()
                    + words(&lists.counts)
                    + lists.values.cost()
            }
            Column::Numbers(numbers) => {
                words(&numbers.entries)
                    + numbers.names.cost()
                    + size_of_val(numbers.values.as_slice())
            }
        });
        words(&self.sizes) + columns.sum::<usize>()
    }
}

/// The nearest double, as other readers of JSON have it. Invalid numbers were rejected before.
fn number(slot: Slot, text: Text<'_>) -> Option<f64> {
    if slot.is_absent() {
        return None;
    }
    str::from_utf8(text.of(slot)).ok().and_then(|text| text.parse().ok())
}

fn date(slot: Slot, text: Text<'_>) -> Option<i64> {
    if slot.is_absent() {
        return None;
    }
    parse_date(text.of(slot)).as_ref().map(IsoDate::unix_millis)
}

fn length(length: usize) -> u32 {
    u32::try_from(length).expect("a batch is below 4 GiB")
}

impl fmt::Debug for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Table({} rows)", self.sizes.len())
    }
}

impl fmt::Debug for Column {
    /// Shows no values.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Column::Text(texts) => texts.fmt(f),
            Column::Number(numbers) => write!(f, "Number({} rows)", numbers.len()),
            Column::Date(dates) => write!(f, "Date({} rows)", dates.len()),
            Column::Lists(lists) => lists.fmt(f),
            Column::Numbers(numbers) => numbers.fmt(f),
        }
    }
}

impl fmt::Debug for Texts {
    /// Shows no text.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Texts({})", self.lengths.len())
    }
}

impl fmt::Debug for Lists {
    /// Shows no names and values.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Lists({} rows)", self.entries.len())
    }
}

impl fmt::Debug for Numbers {
    /// Shows no names and values.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Numbers({} rows)", self.entries.len())
    }
}

impl fmt::Debug for Piece {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Piece({} rows)", self.rows.len())
    }
}
