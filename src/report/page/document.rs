//! What a report says, before it is known whether as HTML or as Markdown.

/// A text in which some words are names from outside.
pub(crate) type Words = Vec<Span>;

/// A part of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Span {
    Plain(String),
    /// A name: of a field, a file, a key.
    Name(String),
    Strong(String),
}

pub(crate) fn plain(text: impl Into<String>) -> Span {
    Span::Plain(text.into())
}

pub(crate) fn name(text: impl Into<String>) -> Span {
    Span::Name(text.into())
}

/// A text of the program in which names are between backticks.
pub(crate) fn marked(text: &str) -> Words {
    let pieces = text.split('`').enumerate();
    pieces
        .filter(|(_, piece)| !piece.is_empty())
        .map(|(at, piece)| if at % 2 == 1 { name(piece) } else { plain(piece) })
        .collect()
}

pub(crate) fn strong(text: impl Into<String>) -> Span {
    Span::Strong(text.into())
}

/// A report.
#[derive(Debug)]
pub(crate) struct Document {
    pub(crate) title: String,
    /// If it is about a run.
    pub(crate) verdict: Option<Verdict>,
    /// What comes before the sections.
    pub(crate) lead: Vec<Block>,
    pub(crate) sections: Vec<Section>,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Published,
    OverBudget,
    /// Over budget, and the records went to standard output before that was known.
    OverBudgetAfterwards,
    DryRun,
}

impl Verdict {
    pub(crate) fn words(self) -> &'static str {
        match self {
            Verdict::Published => "published",
            Verdict::OverBudget => "over budget: nothing was published",
            Verdict::OverBudgetAfterwards => {
                "over budget: the records that went to standard output must not be used"
            }
            Verdict::DryRun => "dry run: nothing was written",
        }
    }
}

#[derive(Debug)]
pub(crate) struct Section {
    /// For links within the page.
    pub(crate) id: &'static str,
    pub(crate) title: &'static str,
    pub(crate) blocks: Vec<Block>,
}

#[derive(Debug)]
pub(crate) enum Block {
    Text(Words),
    List(Vec<Words>),
    /// Something that must not be overlooked.
    Alert(Vec<Words>),
    Table(Table),
    Balance(Vec<Flow>),
}

#[derive(Debug)]
pub(crate) struct Table {
    pub(crate) caption: String,
    pub(crate) head: Vec<&'static str>,
    /// The first cell of each row is what the row is about. A cell that is a number is set to the right.
    pub(crate) rows: Vec<Vec<Cell>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Cell {
    Words(Words),
    Number(String),
}

/// Where some of the records that were read went.
#[derive(Clone, Debug)]
pub(crate) struct Flow {
    pub(crate) kind: FlowKind,
    /// `written`, `rejected`, or `dropped: inactive`.
    pub(crate) label: String,
    pub(crate) records: u64,
    /// Of the records that were read.
    pub(crate) share: f64,
    pub(crate) percent: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FlowKind {
    Written,
    Rejected,
    Dropped,
}

impl Document {
    /// The section with these blocks, unless they are empty.
    pub(crate) fn add(&mut self, id: &'static str, title: &'static str, blocks: Vec<Block>) {
        if !blocks.is_empty() {
            self.sections.push(Section { id, title, blocks });
        }
    }
}

impl Table {
    /// A table, unless it has no rows.
    pub(crate) fn of(
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
