//! Rows of a batch laid out by columns: what a row group of Parquet is made of.
//!
//! A table is plain data. What it costs is bounded by the compact JSON of its rows, whose length
//! each row notes: row groups are cut by it, so that cuts depend on records alone.

use std::{fmt, ops::Range, sync::Arc};

use super::NameKeys;
use crate::record::{Batch, Entry, Names, Slot, Text};
use crate::schema::{DateParts, NodeIx, Schema, Shape, parse_date};

/// Some written records by columns, in input order.
#[derive(Default)]
pub struct Table {
    /// Bytes of each record in compact JSON.
    sizes: Vec<u32>,
    pub(super) columns: Vec<Column>,
}

/// The values of one node, one for each row.
pub(super) enum Column {
    Text(Texts),
    Number(Vec<Option<f64>>),
    /// Milliseconds since 1970, UTC.
    Date(Vec<Option<i64>>),
    Lists(Lists),
    Numbers(Numbers),
}

/// Texts, or none, one after the other.
#[derive(Default)]
pub(super) struct Texts {
    /// Bytes of each; [`NO_TEXT`] for none.
    pub(super) lengths: Vec<u32>,
    pub(super) bytes: Vec<u8>,
}

/// The length of a text that is not there.
pub(super) const NO_TEXT: u32 = u32::MAX;

/// Maps of names to lists of texts.
#[derive(Default)]
pub(super) struct Lists {
    /// Entries of each row.
    pub(super) entries: Vec<u32>,
    pub(super) names: Texts,
    /// Values of each entry.
    pub(super) counts: Vec<u32>,
    pub(super) values: Texts,
}

/// Maps of names to numbers.
#[derive(Default)]
pub(super) struct Numbers {
    /// Entries of each row.
    pub(super) entries: Vec<u32>,
    pub(super) names: Texts,
    pub(super) values: Vec<f64>,
}

/// Some rows of a table.
#[derive(Clone)]
pub struct Piece {
    pub table: Arc<Table>,
    pub rows: Range<usize>,
}

/// Lays rows out by columns. What the policy drops has no column.
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
    /// `written`: for each node whether the policy keeps or transforms it, or anything inside it.
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
    pub(super) fn nodes(&self) -> impl Iterator<Item = NodeIx> + '_ {
        self.nodes.iter().map(|(node, _)| *node)
    }

    /// A table without rows.
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

    /// Appends rows of a batch, each with the bytes of its compact JSON. `keys` tells which names
    /// are written, `names` what they are.
    pub fn append(
        &self,
        batch: &Batch,
        rows: &[(usize, u32)],
        text: Text<'_>,
        keys: &impl NameKeys,
        names: &Names,
        table: &mut Table,
    ) {
        let from = From { batch, text, names };
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
                        lists.push(from, *row, *map, keys);
                    }
                }
                (Column::Numbers(numbers), ColumnKind::Numbers { map }) => {
                    for (row, _) in rows {
                        numbers.push(from, *row, *map, keys);
                    }
                }
                (Column::Lists(_) | Column::Numbers(_), _) => {}
            }
        }
    }
}

/// Where values come from.
#[derive(Clone, Copy)]
struct From<'a> {
    batch: &'a Batch,
    text: Text<'a>,
    names: &'a Names,
}

impl<'a> From<'a> {
    /// The entries of a row's map that are written, with their names.
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

impl Texts {
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
    fn push(&mut self, from: From<'_>, row: usize, map: usize, keys: &impl NameKeys) {
        let before = self.counts.len();
        for (entry, name) in from.entries(row, map, keys) {
            self.names.push(name.as_bytes());
            self.counts.push(entry.values.len);
            for value in from.batch.entry_values(entry) {
                self.values.push_slot(*value, from.text);
            }
        }
        self.entries.push(length(self.counts.len() - before));
    }
}

impl Numbers {
    fn push(&mut self, from: From<'_>, row: usize, map: usize, keys: &impl NameKeys) {
        let before = self.values.len();
        for (entry, name) in from.entries(row, map, keys) {
            let value = from.batch.entry_values(entry).first();
            let Some(value) = value.and_then(|slot| number(*slot, from.text)) else { continue };
            self.names.push(name.as_bytes());
            self.values.push(value);
        }
        self.entries.push(length(self.values.len() - before));
    }
}

impl Table {
    pub fn rows(&self) -> usize {
        self.sizes.len()
    }

    /// The bytes of each record in compact JSON.
    pub fn sizes(&self) -> &[u32] {
        &self.sizes
    }

    /// Gives back the memory that growing took too much: tables wait until a row group is full.
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

    /// About how much memory the table takes, in bytes.
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

/// The number as others read it: the nearest double. Its text was judged before.
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
    parse_date(text.of(slot)).as_ref().map(DateParts::unix_millis)
}

fn length(length: usize) -> u32 {
    u32::try_from(length).expect("a batch is below 4 GiB")
}

impl fmt::Debug for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Table({} rows)", self.sizes.len())
    }
}

impl fmt::Debug for Piece {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Piece({} rows)", self.rows.len())
    }
}
