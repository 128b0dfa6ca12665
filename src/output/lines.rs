//! Writes parts that consist of lines (JSON, CSV), divided into job folders.
//!
//! A part ends before the record that would exceed its cap, and a job folder holds at most what the
//! target accepts in one import job (bytes and files). The records of a block are added in runs: as
//! many as still fit into the part are one write, which any thread does.

use std::{collections::VecDeque, mem, sync::Arc};

use super::OutputWriter;
use super::line_part::{AddedSpan, EndedPart, LinePart, SettledSpans, Span};
use crate::definition::DigestKind;
use crate::encode::LineCounts;
use crate::pipeline::{Block, Encoded, Lines};
use crate::plan::OutputPlan;
use crate::publish::names::{PARTS_MAX, job_part_path, shard_part_path};
use crate::publish::{Publication, PublishError};
use crate::report::PartNote;
use crate::schema::JobLimits;

pub(super) struct LinesWriter {
    /// The output's index in the plan.
    number: usize,
    /// Where a block has the output's lines.
    encoded: Encoded,
    /// The first line of every part; empty if the format has none.
    header: Arc<[u8]>,
    extension: &'static str,
    part_max: u64,
    job: JobLimits,
    /// The shard whose parts these are.
    shard: Option<u32>,
    digest: DigestKind,
    counts: LineCounts,
    /// The open part, with the number of its records.
    open: Option<(LinePart, u64)>,
    /// What was done with each block that is not settled yet, the oldest first.
    unsettled: VecDeque<VecDeque<Step>>,
    /// The parts that end in them. Each has files open.
    ended: usize,
    /// The settled spans of the first part that has others.
    settled: SettledSpans,
    /// The parts that are being made durable, in their order.
    finishing: VecDeque<EndedPart>,
    parts: Vec<PartNote>,
    /// The open job folder: its number, and the bytes and parts in it.
    job_number: u32,
    job_bytes: u64,
    job_parts: u64,
    /// The number of parts that were begun.
    begun: usize,
}

/// How many parts are made durable beside the ordered side, which then waits for the first.
const FINISHING_MAX: usize = 16;

/// How many parts may have ended in blocks that are not settled yet: a block may have thousands of small ones.
const ENDED_MAX: usize = 64;

/// A step in writing parts.
enum Step {
    Add(AddedSpan),
    /// The end of a part, with the number of its records.
    End(LinePart, u64),
}

/// A position in a block's lines: the number of records and bytes before it.
#[derive(Clone, Copy)]
struct Cut {
    records: usize,
    bytes: usize,
}

impl LinesWriter {
    pub(super) fn new(
        number: usize,
        output: &OutputPlan,
        encoded: Encoded,
        header: &[u8],
        job: JobLimits,
        shard: Option<u32>,
    ) -> LinesWriter {
        LinesWriter {
            number,
            encoded,
            header: header.into(),
            extension: output.format.extension(),
            part_max: output.max_bytes.min(job.bytes),
            job,
            shard,
            digest: output.digest,
            counts: LineCounts::default(),
            open: None,
            unsettled: VecDeque::new(),
            ended: 0,
            settled: SettledSpans::default(),
            finishing: VecDeque::new(),
            parts: Vec::new(),
            begun: 0,
            job_number: 0,
            job_bytes: 0,
            job_parts: 0,
        }
    }

    fn write_lines(
        &mut self,
        block: &Arc<Block>,
        lines: &Lines,
        place: Option<&Publication>,
    ) -> Result<(), PublishError> {
        let mut from = Cut { records: 0, bytes: 0 };
        while from.records < lines.ends.len() {
            let to = self.fitting(lines, from);
            if from.records < to.records {
                let (encoded, range) = (self.encoded, from.bytes..to.bytes);
                let span = Span::Lines { block: Arc::clone(block), encoded, range };
                self.write_run(span, count(to.records - from.records), place)?;
                self.job_bytes += count(to.bytes - from.bytes);
                from = to;
            }
            if let Some(next_end) = lines.ends.get(from.records) {
                self.make_room(count(next_end - from.bytes))?;
            }
        }
        Ok(())
    }

    /// The end of the records, from `from` on, that still fit in the open part, or in a new one if
    /// none is open.
    fn fitting(&self, lines: &Lines, from: Cut) -> Cut {
        let used = self.open.as_ref().map_or(count(self.header.len()), |(part, _)| part.bytes);
        let new = if self.open.is_none() { used } else { 0 };
        let job_room = self.job.bytes.saturating_sub(self.job_bytes + new);
        let room = self.part_max.saturating_sub(used).min(job_room);
        let room_end = u64::try_from(from.bytes).unwrap_or(u64::MAX).saturating_add(room);
        let rest = lines.ends.get(from.records..).unwrap_or(&[]);
        let count =
            rest.partition_point(|end| u64::try_from(*end).is_ok_and(|end| end <= room_end));
        let records = from.records + count;
        let bytes = count.checked_sub(1).and_then(|last| rest.get(last)).copied();
        Cut { records, bytes: bytes.unwrap_or(from.bytes) }
    }

    /// Adds consecutive records to the open part, or to a new one.
    fn write_run(
        &mut self,
        span: Span,
        count: u64,
        place: Option<&Publication>,
    ) -> Result<(), PublishError> {
        let (mut part, records) = match self.open.take() {
            Some(open) => open,
            None => (self.begin_part(place)?, 0),
        };
        self.note(Step::Add(part.add(span)?));
        self.open = Some((part, records + count));
        Ok(())
    }

    fn begin_part(&mut self, place: Option<&Publication>) -> Result<LinePart, PublishError> {
        if self.begun == PARTS_MAX {
            return Err(PublishError::TooManyParts);
        }
        self.begun += 1;
        let (job, part, extension) = (self.job_number, self.job_parts, self.extension);
        let path = self.shard.map_or_else(
            || job_part_path(job, part, extension),
            |shard| shard_part_path(shard, job, part, extension),
        );
        self.job_parts += 1;
        let mut part = LinePart::new(self.number, path, self.digest, place)?;
        if !self.header.is_empty() {
            self.note(Step::Add(part.add(Span::Header(Arc::clone(&self.header)))?));
            self.job_bytes += count(self.header.len());
        }
        Ok(part)
    }

    /// Notes a step of the current block.
    fn note(&mut self, step: Step) {
        if let Some(steps) = self.unsettled.back_mut() {
            steps.push_back(step);
        }
    }

    /// Ends the open part, into which a record of `next` bytes does not fit. Ends the job folder too, if
    /// the record does not fit into it, or if it has as many parts as the target accepts.
    fn make_room(&mut self, next: u64) -> Result<(), PublishError> {
        self.end_part()?;
        let next = next + count(self.header.len());
        if self.job.bytes < self.job_bytes + next || self.job.files <= self.job_parts {
            self.job_number += 1;
            self.job_bytes = 0;
            self.job_parts = 0;
        }
        Ok(())
    }

    fn end_part(&mut self) -> Result<(), PublishError> {
        if let Some((mut part, records)) = self.open.take() {
            part.end()?;
            self.note(Step::End(part, records));
            self.ended += 1;
        }
        while ENDED_MAX < self.ended {
            let oldest = self.unsettled.iter_mut().find_map(VecDeque::pop_front);
            oldest.map_or(Ok(()), |step| self.settle_step(step))?;
        }
        Ok(())
    }

    fn settle_step(&mut self, step: Step) -> Result<(), PublishError> {
        match step {
            Step::Add(span) => span.settle(&mut self.settled),
            Step::End(part, records) => {
                self.ended -= 1;
                self.finishing.push_back(part.finish(records, mem::take(&mut self.settled)));
                self.collect(FINISHING_MAX)
            }
        }
    }

    /// Waits until parts are durable, but for the last `rest`.
    fn collect(&mut self, rest: usize) -> Result<(), PublishError> {
        while rest < self.finishing.len() {
            let first = self.finishing.pop_front();
            self.parts.extend(first.map(EndedPart::wait).transpose()?);
        }
        Ok(())
    }
}

impl OutputWriter for LinesWriter {
    fn write(
        &mut self,
        block: &Arc<Block>,
        place: Option<&Publication>,
    ) -> Result<(), PublishError> {
        self.unsettled.push_back(VecDeque::new());
        let Some(lines) = block.lines_of(self.encoded) else { return Ok(()) };
        self.counts.add(lines.counts);
        self.write_lines(block, lines, place)
    }

    fn settle(&mut self) -> Result<(), PublishError> {
        let mut steps = self.unsettled.pop_front().unwrap_or_default().into_iter();
        steps.try_for_each(|step| self.settle_step(step))
    }

    fn finish(&mut self, _place: Option<&Publication>) -> Result<(), PublishError> {
        self.unsettled.push_back(VecDeque::new());
        self.end_part()?;
        self.settle()?;
        self.collect(0)
    }

    fn parts(&self) -> &[PartNote] {
        &self.parts
    }

    fn counts(&self) -> LineCounts {
        self.counts
    }
}

fn count(number: usize) -> u64 {
    u64::try_from(number).expect("fewer than 2^64")
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;
    use crate::definition::OutputFormat;

    /// The parts made of records of these lengths, of which each block has `block`.
    fn parts(
        lengths: &[usize],
        header: &[u8],
        block: usize,
        part_max: u64,
        job: &JobLimits,
    ) -> Vec<PartNote> {
        let plan = OutputPlan {
            to: "to".into(),
            format: OutputFormat::PinpointJson,
            max_bytes: part_max,
            digest: DigestKind::Crc64Nvme,
            columns: None,
            quotes_formulas: false,
            profiles: None,
        };
        let mut writer = LinesWriter::new(0, &plan, Encoded::Json, header, *job, None);
        for lengths in lengths.chunks(block) {
            let mut block = Block::default();
            for length in lengths {
                block.json.bytes.resize(block.json.bytes.len() + length, b'x');
                block.json.ends.push(block.json.bytes.len());
            }
            writer.write(&Arc::new(block), None).expect("nothing is written");
        }
        while !writer.unsettled.is_empty() {
            writer.settle().expect("nothing is written");
        }
        writer.finish(None).expect("nothing is written");
        writer.parts
    }

    fn job_of(part: &PartNote) -> &str {
        part.path.split('/').next().expect("a job folder")
    }

    proptest! {
        /// A part or a job folder ends only where the next record would exceed a cap, which does
        /// not depend on blocks.
        #[test]
        fn parts_and_job_folders_are_as_full_as_possible(
            lengths in vec(1_usize..=1000, 0..120),
            header in vec(97_u8..98, 0..200),
            block in 1_usize..50,
            part_max in 1200_u64..6000,
            job_bytes in 1200_u64..6000,
            job_files in 1_u64..4,
        ) {
            let job = JobLimits { bytes: job_bytes, files: job_files };
            let parts_found = parts(&lengths, &header, block, part_max, &job);
            prop_assert_eq!(
                format!("{parts_found:?}"),
                format!("{:?}", parts(&lengths, &header, usize::MAX, part_max, &job))
            );
            let mut rest = lengths.as_slice();
            let (mut in_job, mut files, mut earlier) = (0, 0, None);
            for part in &parts_found {
                let (own, later) = rest.split_at(usize::try_from(part.records).unwrap());
                rest = later;
                let next = count(own[0]);
                let header = count(header.len());
                prop_assert_eq!(part.bytes, header + count(own.iter().sum()));
                if let Some(earlier) = earlier {
                    let fits_job = in_job + header + next <= job_bytes;
                    prop_assert_eq!(job_of(earlier) == job_of(part), fits_job && files < job_files);
                    let fits_part = earlier.bytes + next <= part_max;
                    prop_assert!(!(fits_part && in_job + next <= job_bytes));
                    if job_of(earlier) != job_of(part) {
                        (in_job, files) = (0, 0);
                    }
                }
                in_job += part.bytes;
                files += 1;
                prop_assert!(part.bytes <= part_max && in_job <= job_bytes && files <= job_files);
                earlier = Some(part);
            }
            prop_assert!(rest.is_empty());
        }
    }
}
