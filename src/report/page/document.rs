//! What a report says, before it is known whether as HTML or as Markdown.

/// A text in which some words are names from outside.
pub(super) type Words = Vec<Span>;

/// A part of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Span {
    Plain(String),
    /// A name: of a field, a file, a key.
    Name(String),
    Strong(String),
}

pub(super) fn plain(text: impl Into<String>) -> Span {
    Span::Plain(text.into())
}

pub(super) fn name(text: impl Into<String>) -> Span {
    Span::Name(text.into())
}

pub(super) fn strong(text: impl Into<String>) -> Span {
    Span::Strong(text.into())
}

/// A report.
#[derive(Debug)]
pub(super) struct Document {
    pub(super) title: String,
    pub(super) verdict: Verdict,
    /// What comes before the sections.
    pub(super) lead: Vec<Block>,
    pub(super) sections: Vec<Section>,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Published,
    OverBudget,
    DryRun,
}

#[derive(Debug)]
pub(super) struct Section {
    /// For links within the page.
    pub(super) id: &'static str,
    pub(super) title: &'static str,
    pub(super) blocks: Vec<Block>,
}

#[derive(Debug)]
pub(super) enum Block {
    Text(Words),
    List(Vec<Words>),
    /// Something that must not be overlooked.
    Alert(Vec<Words>),
    Table(Table),
    Balance(Vec<Flow>),
}

#[derive(Debug)]
pub(super) struct Table {
    pub(super) caption: String,
    pub(super) head: Vec<&'static str>,
    /// The first cell of each row is what the row is about. A cell that is a number is set to the right.
    pub(super) rows: Vec<Vec<Cell>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Cell {
    Words(Words),
    Number(String),
}

/// Where some of the records that were read went.
#[derive(Clone, Debug)]
pub(super) struct Flow {
    pub(super) kind: FlowKind,
    /// `written`, `rejected`, or `dropped: inactive`.
    pub(super) label: String,
    pub(super) records: u64,
    /// Of the records that were read.
    pub(super) share: f64,
    pub(super) percent: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FlowKind {
    Written,
    Rejected,
    Dropped,
}

impl Document {
    /// The section with these blocks, unless they are empty.
    pub(super) fn add(&mut self, id: &'static str, title: &'static str, blocks: Vec<Block>) {
        if !blocks.is_empty() {
            self.sections.push(Section { id, title, blocks });
        }
    }
}

impl Table {
    /// A table, unless it has no rows.
    pub(super) fn of(
        caption: impl Into<String>,
        head: &[&'static str],
        rows: impl IntoIterator<Item = Vec<Cell>>,
    ) -> Option<Block> {
        let rows: Vec<Vec<Cell>> = rows.into_iter().collect();
        let (caption, head) = (caption.into(), head.to_vec());
        (!rows.is_empty()).then_some(Block::Table(Table { caption, head, rows }))
    }
}

impl From<Words> for Cell {
    fn from(words: Words) -> Cell {
        Cell::Words(words)
    }
}

impl From<Span> for Cell {
    fn from(span: Span) -> Cell {
        Cell::Words(vec![span])
    }
}
