//! Writes an output to standard output: each block's lines as they come. Nothing is staged, and there
//! are no parts; what was written is noted like a part, with its bytes, records and digest.

use std::io::{self, Write};
use std::sync::Arc;

use super::OutputWriter;
use super::part::Part;
use crate::definition::{DigestKind, STANDARD_OUTPUT};
use crate::encode::LineCounts;
use crate::pipeline::{Block, Encoded};
use crate::publish::{Publication, PublishError};
use crate::report::PartNote;

pub(super) struct StandardWriter {
    /// `None` in a dry run.
    stream: Option<Box<dyn Write + Send>>,
    /// Where a block has the output's lines.
    encoded: Encoded,
    /// The first line; empty if the format has none.
    header: Vec<u8>,
    counts: LineCounts,
    /// Counts and digests what is written; it has no file. `None`: finished.
    part: Option<Part>,
    records: u64,
    parts: Vec<PartNote>,
}

impl StandardWriter {
    pub(super) fn new(
        stream: Option<Box<dyn Write + Send>>,
        encoded: Encoded,
        header: &[u8],
        digest: DigestKind,
    ) -> Result<StandardWriter, PublishError> {
        Ok(StandardWriter {
            stream,
            encoded,
            header: header.to_vec(),
            counts: LineCounts::default(),
            part: Some(Part::new(0, STANDARD_OUTPUT.to_owned(), digest, None)?),
            records: 0,
            parts: Vec::new(),
        })
    }

    fn write_all(&mut self, bytes: &[u8]) -> Result<(), PublishError> {
        if let Some(part) = &mut self.part {
            part.write_all(bytes).map_err(PublishError::of_write)?;
        }
        match &mut self.stream {
            Some(stream) => stream.write_all(bytes).map_err(unwritten),
            None => Ok(()),
        }
    }
}

fn unwritten(source: io::Error) -> PublishError {
    PublishError::StandardOutput { source }
}

impl OutputWriter for StandardWriter {
    fn write(
        &mut self,
        block: &Arc<Block>,
        _place: Option<&Publication>,
    ) -> Result<(), PublishError> {
        let Some(lines) = block.lines_of(self.encoded) else { return Ok(()) };
        self.counts.add(lines.counts);
        let records = u64::try_from(lines.ends.len()).expect("fewer than 2^64");
        if self.records == 0 && 0 < records {
            let header = std::mem::take(&mut self.header);
            self.write_all(&header)?;
        }
        self.records += records;
        let end = lines.ends.last().copied().unwrap_or(0);
        self.write_all(lines.bytes.get(..end).unwrap_or(&[]))
    }

    fn finish(&mut self, _place: Option<&Publication>) -> Result<(), PublishError> {
        if let Some(stream) = &mut self.stream {
            stream.flush().map_err(unwritten)?;
        }
        let part = self.part.take().filter(|_| 0 < self.records);
        self.parts.extend(part.map(|part| part.finish(self.records)).transpose()?);
        Ok(())
    }

    fn parts(&self) -> &[PartNote] {
        &self.parts
    }

    fn counts(&self) -> LineCounts {
        self.counts
    }
}
