//! A text through all stages in memory: what a run does with one input, without its files.

use std::{fs, sync::Arc};

use segprep::{
    decode::frame::{self, Framing},
    decode::{ColumnRules, ColumnSettings, Columns, Format},
    pipeline::Block,
    schema::Schema,
};

use crate::in_process::InProcess;

const CSV: Framing = Framing::Csv { delimiter: b',' };

/// All stages of a definition, which take whole texts.
pub(crate) struct InMemory {
    stages: InProcess,
    /// Takes columns of any name.
    columns: ColumnRules,
}

/// What became of the records of a text.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) written: Vec<u8>,
    /// Where each is, and what is wrong with it.
    pub(crate) rejects: Vec<String>,
    /// Read, written, inactive, blank lines, line ends.
    pub(crate) counts: [u64; 5],
    pub(crate) rules: Vec<u64>,
}

impl InMemory {
    /// A definition with `--set`s.
    pub(crate) fn new(definition: &str, sets: &[&str]) -> InMemory {
        let schema = Schema::shipped("pinpoint").expect("the target is shipped");
        let text = fs::read_to_string(definition).expect("a definition");
        let stages = InProcess::of(definition, &text, schema, sets);
        let settings = ColumnSettings { drop_unknown: true, ..ColumnSettings::default() };
        let columns = ColumnRules::new(Arc::clone(&stages.plan.schema), settings);
        InMemory { stages, columns }
    }

    /// Takes a whole text, in blocks of about so many bytes. None where its header is refused.
    pub(crate) fn take(&self, text: &[u8], is_csv: bool, block_bytes: usize) -> Option<Outcome> {
        let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
        let (format, mut from) = if is_csv { self.header(text)? } else { (Format::JsonLines, 0) };
        let mut outcome = Outcome::default();
        let header_lines = memchr::memchr_iter(b'\n', &text[..from]).count();
        outcome.counts[4] = u64::try_from(header_lines).expect("few lines");
        while from < text.len() {
            let (block, next) = self.stages.next_block(text, from, &format, block_bytes);
            assert!(from < next, "every block takes something");
            from = next;
            outcome.add(&block);
        }
        Some(outcome)
    }

    fn header(&self, text: &[u8]) -> Option<(Format, usize)> {
        let InProcess { plan, .. } = &self.stages;
        let header = frame::record_at(text, 0, CSV, plan.input.max_record);
        let bytes = header.bytes(text);
        let columns = Columns::read(bytes, b',', &self.columns).ok()?;
        header.fault.is_none().then(|| (Format::Csv(Arc::new(columns)), header.next))
    }
}

impl Outcome {
    fn add(&mut self, block: &Block) {
        assert_eq!(
            block.read,
            block.written() + block.rejected() + block.inactive,
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
