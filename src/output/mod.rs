//! Writes the parts of outputs: blocks come in input order, and each output has a writer that turns
//! its share of them into parts.
//!
//! Where a part ends depends on the records alone, never on how blocks cut them.
//!
//! The ordered side decides which bytes of a block go where. They are written and digested beside it,
//! on any thread, so a block must be kept until `OutputWriter::settle` has returned for it.

mod line_part;
mod lines;
pub(crate) mod parquet;
mod part;
mod profiles;
mod standard;

use std::{io::Write, sync::Arc};

use crate::definition::OutputFormat;
use crate::encode::LineCounts;
use crate::pipeline::{Block, Stages};
use crate::plan::Plan;
use crate::profiles::Spill;
use crate::publish::{Publication, PublishError};
use crate::report::PartNote;
use lines::LinesWriter;
use parquet::{Metadata, ParquetWriter};
pub(crate) use profiles::ProfileCounts;
use profiles::ProfilesWriter;
use standard::StandardWriter;

/// Writes the parts of one output. In a dry run, `place` is `None` and nothing is stored.
pub(crate) trait OutputWriter: Send {
    /// Takes the next block.
    fn write(
        &mut self,
        block: &Arc<Block>,
        place: Option<&Publication>,
    ) -> Result<(), PublishError>;

    /// Waits until the bytes of the oldest block are written that this was not called for. Called in
    /// the thread pool, once for each block.
    fn settle(&mut self) -> Result<(), PublishError> {
        Ok(())
    }

    /// Writes everything that is left, and ends the open part. Called in the thread pool, after all
    /// blocks were settled.
    fn finish(&mut self, place: Option<&Publication>) -> Result<(), PublishError>;

    /// The parts that are finished.
    fn parts(&self) -> &[PartNote];

    /// What profiles were made of the records, once all was written. `None`: the output has none.
    fn profiles(&self) -> Option<&ProfileCounts> {
        None
    }

    /// What the encoder lost or noted in the records of the blocks so far.
    fn counts(&self) -> LineCounts {
        LineCounts::default()
    }
}

/// A writer for each output of the plan, in their order. This is the only place that chooses one.
/// `shard` is the shard whose parts they write, `spill` where profiles wait meanwhile; `standard` is standard output, if it may be written to.
pub(crate) fn writers(
    plan: &Plan,
    stages: &Stages,
    metadata: &Metadata,
    (shard, spill): (Option<u32>, &Spill),
    mut standard: Option<Box<dyn Write + Send>>,
) -> Result<Vec<Box<dyn OutputWriter>>, PublishError> {
    let mut writers: Vec<Box<dyn OutputWriter>> = Vec::new();
    for (number, output) in plan.outputs.iter().enumerate() {
        writers.push(match output.format {
            OutputFormat::PinpointJson | OutputFormat::PinpointCsv => {
                let (encoded, header) = (stages.encoded_as(number), stages.header(number));
                if output.is_standard() {
                    let stream = standard.take();
                    let writer = StandardWriter::new(stream, encoded, header, output.digest)?;
                    writers.push(Box::new(writer));
                    continue;
                }
                let job = plan.schema.target.job;
                Box::new(LinesWriter::new(number, output, encoded, header, job, shard))
            }
            OutputFormat::Parquet => {
                let encoder = stages.table().expect("an output of columns has a table encoder");
                Box::new(ParquetWriter::new((number, shard), output, plan, encoder, metadata)?)
            }
            OutputFormat::ProfilesCsv => {
                let profiles = output.profiles.as_ref().expect("an output of profiles has a plan");
                let place = (number, stages.encoded_as(number));
                Box::new(ProfilesWriter::new(place, &plan.name, output, profiles, spill)?)
            }
        });
    }
    Ok(writers)
}
