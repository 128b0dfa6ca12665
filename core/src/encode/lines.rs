//! What an encoder of lines has to offer: each row of a batch becomes one line of an output.
//!
//! A line is made of cells. A field has one cell, and a name of a map has the [`NameCells`] that
//! [`LineEncoder::cells_of`] gives it. Names repeat, so the pipeline looks their cells up once per
//! name and hands them back as [`CellsOfNames`].
//!
//! Compact JSON is not among these encoders. The target's limits are about the size of a record as
//! compact JSON, so the pipeline has it whether or not an output is JSON.

use std::{fmt::Debug, ops::Range};

use crate::record::{Batch, NameId, Names, Problem, Slot, Text, Values};

/// Encodes the records of one output as lines.
pub trait LineEncoder: Debug + Send + Sync {
    /// The first line of every part, with its line end; empty if parts have no header.
    fn header(&self) -> &[u8];

    /// The cells for the values of a name in a map, provided that the rules do not drop it.
    fn cells_of(&self, map: usize, name: &str) -> NameCells;

    /// Adds the problems that the live rows of a batch have in this format.
    fn check(&self, chunk: &[u8], batch: &mut Batch, names: CellsOfNames<'_>);

    /// Appends a row without problems as one line, with its line end. `names`: those of the worker, and their cells.
    /// `scratch` is memory for reuse.
    fn encode(
        &self,
        batch: &Batch,
        row: usize,
        text: Text<'_>,
        names: (&Names, CellsOfNames<'_>),
        scratch: &mut Vec<Slot>,
        out: &mut Vec<u8>,
    ) -> EncodedLine;

    /// The problem of a record that is too large with what this encoder added to its values.
    /// `size` is the record's length as compact JSON in bytes, without these additions.
    fn size_problem(&self, size: usize, counts: LineCounts) -> Option<Problem>;
}

/// What is known of a line that was encoded.
#[derive(Clone, Copy, Debug)]
pub struct EncodedLine {
    pub counts: LineCounts,
    /// An upper bound of the record's length as compact JSON in bytes, with one byte more for each
    /// value that was quoted as a formula.
    pub json_max: usize,
}

/// What was lost or noted while lines were encoded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LineCounts {
    /// `""` and `[]`, which became empty cells.
    pub emptied: u64,
    /// Texts that a spreadsheet would take for a formula.
    pub formula: u64,
    /// Those of them that got a `'` in front.
    pub quoted: u64,
}

impl LineCounts {
    pub fn add(&mut self, other: LineCounts) {
        self.emptied += other.emptied;
        self.formula += other.formula;
        self.quoted += other.quoted;
    }
}

/// The cells of one name of a map, side by side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cells {
    first: u32,
    pub(super) count: u32,
}

impl Cells {
    /// `count` cells, beginning with the cell `first`.
    pub(super) fn new(first: usize, count: usize) -> Cells {
        let narrow = |number| u32::try_from(number).expect("a header has few columns");
        Cells { first: narrow(first), count: narrow(count) }
    }

    #[inline]
    pub(super) fn range(self) -> Range<usize> {
        Values { start: self.first, len: self.count }.range()
    }
}

/// Where the values of a name go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameCells {
    /// Nowhere: the rules drop them.
    Dropped,
    /// Nowhere: the output has no column for them, so the record is rejected.
    Missing,
    At(Cells),
}

/// The cells of all names that a worker knows, by name.
#[derive(Clone, Copy, Debug)]
pub struct CellsOfNames<'a>(pub &'a [NameCells]);

impl CellsOfNames<'_> {
    #[inline]
    pub(super) fn cells(self, name: NameId) -> NameCells {
        self.0.get(name.index()).copied().unwrap_or(NameCells::Dropped)
    }
}
