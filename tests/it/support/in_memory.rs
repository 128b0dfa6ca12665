//! Processes a whole text in memory, as a run processes one input, without files.

use std::{fs, sync::Arc};

use segprep::decode::frame::{Dialect, Framing, LineEnd};
use segprep::decode::{ColumnRules, ColumnSettings, Columns, Format, frame};
use segprep::pipeline::Block;
use segprep::schema::Schema;

use crate::support::in_process::InProcess;

/// All stages of a definition, applied to whole texts.
pub(crate) struct InMemory {
    pub(crate) stages: InProcess,
    /// Accepts columns of any name.
    /// How headers are read, by the settings of [`InMemory::header_of`].
    columns: Vec<([bool; 2], ColumnRules)>,
}

/// The outcome of the records of a text.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// The written records as JSON.
    pub(crate) written: Vec<u8>,
    /// The written records as the lines of each CSV output.
    pub(crate) csv: Vec<Vec<u8>>,
    /// The place and the problems of each reject.
    pub(crate) rejects: Vec<String>,
    /// The numbers of records read, written and inactive, of blank lines and of line ends.
    pub(crate) counts: [u64; 5],
    pub(crate) rules: Vec<u64>,
}

impl InMemory {
    /// Compiles a definition; `sets` are arguments of `--set`.
    pub(crate) fn new(definition: &str, sets: &[&str]) -> InMemory {
        let schema = Schema::shipped("pinpoint").expect("the target is shipped");
        let text = fs::read_to_string(definition).expect("a definition");
        InMemory::of(InProcess::of(definition, &text, schema, sets))
    }

    pub(crate) fn of(stages: InProcess) -> InMemory {
        let both = [false, true];
        let all = both.map(|pads_rows| both.map(|comma| [pads_rows, comma]));
        let rules = |of @ [pads_rows, has_decimal_comma]: [bool; 2]| {
            let settings = ColumnSettings {
                drop_unknown: true,
                pads_rows,
                has_decimal_comma,
                ..ColumnSettings::default()
            };
            (of, ColumnRules::new(Arc::clone(&stages.plan.schema), settings))
        };
        let columns = all.into_iter().flatten().map(rules).collect();
        InMemory { stages, columns }
    }

    /// Processes a whole text in blocks of about `block_bytes`. `None`: the CSV header is invalid.
    pub(crate) fn process(&self, text: &[u8], is_csv: bool, block_bytes: usize) -> Option<Outcome> {
        let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
        let (format, from) = if is_csv {
            self.header(text, b',')?
        } else {
            (Format::JsonLines(LineEnd::Newline), 0)
        };
        Some(self.process_as(text, &format, from, block_bytes))
    }

    /// Processes a text in this format, from the byte `from` on.
    pub(crate) fn process_as(
        &self,
        text: &[u8],
        format: &Format,
        mut from: usize,
        block_bytes: usize,
    ) -> Outcome {
        let mut outcome = Outcome::default();
        let header_lines = memchr::memchr_iter(b'\n', &text[..from]).count();
        outcome.counts[4] = u64::try_from(header_lines).expect("few lines");
        while from < text.len() {
            let (block, next) = self.stages.next_block(text, from, format, block_bytes);
            assert!(from < next, "every block consumes input");
            from = next;
            outcome.add(&block);
        }
        outcome
    }

    /// The format given by the CSV header, and the offset after it. `None`: the header is invalid.
    pub(crate) fn header(&self, text: &[u8], delimiter: u8) -> Option<(Format, usize)> {
        self.header_of(text, delimiter.into(), [false; 2])
    }

    /// As [`InMemory::header`], for rows that are written in another way. The settings say whether they
    /// are padded, and whether the decimal mark is a comma.
    pub(crate) fn header_of(
        &self,
        text: &[u8],
        dialect: Dialect,
        settings: [bool; 2],
    ) -> Option<(Format, usize)> {
        let InProcess { plan, .. } = &self.stages;
        let (_, rules) = self.columns.iter().find(|(of, _)| *of == settings)?;
        let framing = Framing::Csv(dialect);
        let header = frame::record_at(text, 0, framing, plan.input.max_record);
        let columns = Columns::read(header.bytes(text), dialect, rules).ok()?;
        header.problem.is_none().then(|| (Format::Csv(Arc::new(columns)), header.next))
    }
}

impl Outcome {
    fn add(&mut self, block: &Block) {
        assert_eq!(
            block.read,
            block.written() + block.rejected() + block.headers + block.inactive + block.suppressed,
            "every record is written, rejected or dropped"
        );
        let [read, .., lines] = self.counts;
        for reject in &block.rejects {
            self.rejects.push(format!(
                "record {} line {} offset {} bytes {} {:?}",
                read + reject.record,
                lines + reject.line,
                reject.offset,
                reject.bytes,
                reject.problems,
            ));
        }
        self.written.extend(&block.json.bytes);
        self.csv.resize(self.csv.len().max(block.line_outputs.len()), Vec::new());
        for (lines, more) in self.csv.iter_mut().zip(&block.line_outputs) {
            lines.extend(&more.bytes);
        }
        let counts = [block.read, block.written(), block.inactive, block.blank_lines, block.lines];
        for (sum, count) in self.counts.iter_mut().zip(counts) {
            *sum += count;
        }
        self.rules.resize(block.values.len() * 2, 0);
        for (sum, count) in self.rules.iter_mut().zip(block.values.iter().chain(&block.op_failed)) {
            *sum += count;
        }
    }
}
