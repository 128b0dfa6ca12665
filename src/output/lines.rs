//! Writes one output's parts: blocks come in order, parts end before the record that would pass
//! a cap, and job folders hold at most what the target's import job takes.
//!
//! Where the cuts fall depends on the records alone, never on blocks.

use std::io::Write;

use super::parquet::ParquetWriter;
use super::part::Part;
use crate::definition::DigestKind;
use crate::pipeline::{Block, Lines};
use crate::plan::OutputPlan;
use crate::publish::{Publication, PublishError};
use crate::report::PartNote;
use crate::schema::JobLimits;

/// One output while it is written.
pub(crate) enum OutputWriter {
    Lines(LinesWriter),
    Parquet(ParquetWriter),
}

impl OutputWriter {
    /// Writes a block's records. `place`: none in a dry run.
    pub(crate) fn write(
        &mut self,
        block: &Block,
        place: Option<&Publication>,
    ) -> Result<(), PublishError> {
        match self {
            OutputWriter::Lines(writer) => writer.write(block, place),
            OutputWriter::Parquet(writer) => writer.write(block, place),
        }
    }

    /// Ends the open part.
    pub(crate) fn finish(&mut self, place: Option<&Publication>) -> Result<(), PublishError> {
        match self {
            OutputWriter::Lines(writer) => writer.finish(),
            OutputWriter::Parquet(writer) => writer.finish(place),
        }
    }

    /// Parts that are done.
    pub(crate) fn parts(&self) -> &[PartNote] {
        match self {
            OutputWriter::Lines(writer) => &writer.parts,
            OutputWriter::Parquet(writer) => &writer.parts,
        }
    }
}

/// An output of lines, JSON or CSV, while it is written.
pub(crate) struct LinesWriter {
    number: usize,
    /// The output's place among those of CSV; none for JSON.
    csv: Option<usize>,
    /// What every part begins with.
    header: Vec<u8>,
    extension: &'static str,
    part_max: u64,
    job: JobLimits,
    digest: DigestKind,
    parts: Vec<PartNote>,
    open: Option<(Part, u64)>,
    job_number: u32,
    job_bytes: u64,
    job_files: u64,
}

impl LinesWriter {
    /// `number`: the output's place in the definition; `csv`: its place among those of CSV, with
    /// the header that every part begins with.
    pub(crate) fn new(
        number: usize,
        plan: &OutputPlan,
        csv: Option<(usize, &[u8])>,
        job: &JobLimits,
    ) -> Self {
        LinesWriter {
            number,
            csv: csv.map(|(csv, _)| csv),
            header: csv.map(|(_, header)| header.to_vec()).unwrap_or_default(),
            extension: plan.format.extension(),
            part_max: plan.max_bytes.min(job.bytes),
            job: *job,
            digest: plan.digest,
            parts: Vec::new(),
            open: None,
            job_number: 0,
            job_bytes: 0,
            job_files: 0,
        }
    }

    fn write(&mut self, block: &Block, place: Option<&Publication>) -> Result<(), PublishError> {
        let lines = match self.csv {
            None => Some(&block.json),
            Some(csv) => block.csv.get(csv),
        };
        lines.map_or(Ok(()), |lines| self.write_lines(lines, place))
    }

    fn write_lines(
        &mut self,
        lines: &Lines,
        place: Option<&Publication>,
    ) -> Result<(), PublishError> {
        let mut from = Cut { records: 0, bytes: 0 };
        while from.records < lines.ends.len() {
            let to = self.fitting(lines, from);
            if from.records < to.records {
                self.write_run(lines, from, to, place)?;
                from = to;
            }
            if let Some(next_end) = lines.ends.get(from.records) {
                self.make_room(count(next_end - from.bytes))?;
            }
        }
        Ok(())
    }

    /// How many of the block's records the open part, or a new one, still takes.
    fn fitting(&self, lines: &Lines, from: Cut) -> Cut {
        // A part that is still to be begun has its header.
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

    fn write_run(
        &mut self,
        lines: &Lines,
        from: Cut,
        to: Cut,
        place: Option<&Publication>,
    ) -> Result<(), PublishError> {
        let (mut part, records) = match self.open.take() {
            Some(open) => open,
            None => (self.new_part(place)?, 0),
        };
        let bytes = lines.bytes.get(from.bytes..to.bytes).unwrap_or(&[]);
        part.write_all(bytes).map_err(PublishError::of_write)?;
        self.job_bytes += count(bytes.len());
        self.open = Some((part, records + count(to.records - from.records)));
        Ok(())
    }

    fn new_part(&mut self, place: Option<&Publication>) -> Result<Part, PublishError> {
        let (job, file, extension) = (self.job_number, self.job_files, self.extension);
        let path = format!("job-{job:03}/part-{file:05}.{extension}");
        self.job_files += 1;
        let mut part = Part::new(self.number, path, self.digest, place)?;
        part.write_all(&self.header).map_err(PublishError::of_write)?;
        self.job_bytes += count(self.header.len());
        Ok(part)
    }

    /// Ends the open part before a record of `next` bytes that it can't take, and the job folder
    /// too where that can't take it either.
    fn make_room(&mut self, next: u64) -> Result<(), PublishError> {
        self.finish()?;
        let next = next + count(self.header.len());
        if self.job.bytes < self.job_bytes + next || self.job.files <= self.job_files {
            self.job_number += 1;
            self.job_bytes = 0;
            self.job_files = 0;
        }
        Ok(())
    }

    /// Ends the open part.
    fn finish(&mut self) -> Result<(), PublishError> {
        if let Some((part, records)) = self.open.take() {
            self.parts.push(part.finish(records)?);
        }
        Ok(())
    }
}

/// A place in a block: records and bytes before it.
#[derive(Clone, Copy)]
struct Cut {
    records: usize,
    bytes: usize,
}

fn count(number: usize) -> u64 {
    u64::try_from(number).expect("fewer than 2^64")
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;
    use crate::definition::OutputFormat;

    /// The parts for records of these lengths, which come in blocks of so many records.
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
        };
        let csv = Some((0, header)).filter(|_| !header.is_empty());
        let mut writer = LinesWriter::new(0, &plan, csv, job);
        for lengths in lengths.chunks(block) {
            let mut lines = Lines::default();
            for length in lengths {
                lines.bytes.resize(lines.bytes.len() + length, b'x');
                lines.ends.push(lines.bytes.len());
            }
            writer.write_lines(&lines, None).expect("nothing is written");
        }
        writer.finish().expect("nothing is written");
        writer.parts
    }

    fn job_of(part: &PartNote) -> &str {
        part.path.split('/').next().expect("a job folder")
    }

    proptest! {
        /// A part or a job folder ends only where the next record would pass a cap, and where
        /// that is does not depend on blocks.
        #[test]
        fn parts_and_job_folders_are_as_full_as_they_may_be(
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
