//! Writes one output's parts: blocks come in order, parts end before the record that would pass
//! a cap, and job folders hold at most what the target's import job takes.
//!
//! Where the cuts fall depends on the records alone, never on blocks.

use std::io::Write;

use crc_fast::{CrcAlgorithm, Digest as Crc};
use sha2::{Digest as _, Sha256};

use super::publish::{Publication, PublishError, StagedFile};
use crate::pipeline::{Block, DigestKind, OutputPlan};
use crate::report::PartNote;
use crate::schema::JobLimits;

/// One output while it is written.
pub(super) struct OutputWriter {
    number: usize,
    part_max: u64,
    job: JobLimits,
    digest: DigestKind,
    /// Parts that are done.
    pub(super) parts: Vec<PartNote>,
    open: Option<OpenPart>,
    job_number: u32,
    job_bytes: u64,
    job_files: u64,
}

struct OpenPart {
    path: String,
    /// None in a dry run.
    file: Option<StagedFile>,
    bytes: u64,
    records: u64,
    digest: PartDigest,
}

enum PartDigest {
    Sha256(Sha256),
    Crc64Nvme(Crc),
}

impl OutputWriter {
    /// `number`: the output's place in the definition.
    pub(super) fn new(number: usize, plan: &OutputPlan, job: &JobLimits) -> Self {
        OutputWriter {
            number,
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

    /// Writes a block's records. `place`: none in a dry run.
    pub(super) fn write(
        &mut self,
        block: &Block,
        place: Option<&Publication>,
    ) -> Result<(), PublishError> {
        let mut from = Cut { records: 0, bytes: 0 };
        while from.records < block.ends.len() {
            let to = self.fitting(block, from);
            if from.records < to.records {
                self.write_run(block, from, to, place)?;
                from = to;
            }
            if let Some(next_end) = block.ends.get(from.records) {
                self.make_room(count(next_end - from.bytes))?;
            }
        }
        Ok(())
    }

    /// How many of the block's records the open part, or a new one, still takes.
    fn fitting(&self, block: &Block, from: Cut) -> Cut {
        let used = self.open.as_ref().map_or(0, |part| part.bytes);
        let room = (self.part_max - used).min(self.job.bytes - self.job_bytes);
        let room_end = u64::try_from(from.bytes).unwrap_or(u64::MAX).saturating_add(room);
        let rest = block.ends.get(from.records..).unwrap_or(&[]);
        let count =
            rest.partition_point(|end| u64::try_from(*end).is_ok_and(|end| end <= room_end));
        let records = from.records + count;
        let bytes = count.checked_sub(1).and_then(|last| rest.get(last)).copied();
        Cut { records, bytes: bytes.unwrap_or(from.bytes) }
    }

    fn write_run(
        &mut self,
        block: &Block,
        from: Cut,
        to: Cut,
        place: Option<&Publication>,
    ) -> Result<(), PublishError> {
        let mut part = match self.open.take() {
            Some(part) => part,
            None => self.new_part(place)?,
        };
        let bytes = block.bytes.get(from.bytes..to.bytes).unwrap_or(&[]);
        part.digest.update(bytes);
        if let Some(file) = &mut part.file {
            file.write_all(bytes).map_err(PublishError::of_write)?;
        }
        part.bytes += count(bytes.len());
        part.records += count(to.records - from.records);
        self.job_bytes += count(bytes.len());
        self.open = Some(part);
        Ok(())
    }

    fn new_part(&mut self, place: Option<&Publication>) -> Result<OpenPart, PublishError> {
        let path = format!("job-{:03}/part-{:05}.json", self.job_number, self.job_files);
        self.job_files += 1;
        let file = place.map(|place| place.part(self.number, &path)).transpose()?;
        let digest = match self.digest {
            DigestKind::Sha256 => PartDigest::Sha256(Sha256::new()),
            DigestKind::Crc64Nvme => PartDigest::Crc64Nvme(Crc::new(CrcAlgorithm::Crc64Nvme)),
        };
        Ok(OpenPart { path, file, bytes: 0, records: 0, digest })
    }

    /// Ends the open part before a record of `next` bytes that it can't take, and the job folder
    /// too where that can't take it either.
    fn make_room(&mut self, next: u64) -> Result<(), PublishError> {
        self.finish()?;
        if self.job.bytes < self.job_bytes + next || self.job.files <= self.job_files {
            self.job_number += 1;
            self.job_bytes = 0;
            self.job_files = 0;
        }
        Ok(())
    }

    /// Ends the open part.
    pub(super) fn finish(&mut self) -> Result<(), PublishError> {
        let Some(part) = self.open.take() else { return Ok(()) };
        if let Some(file) = part.file {
            file.finish()?;
        }
        let mut note = PartNote {
            path: part.path,
            bytes: part.bytes,
            records: part.records,
            sha256: None,
            crc64nvme: None,
        };
        match part.digest {
            PartDigest::Sha256(digest) => note.sha256 = Some(super::hex(&digest.finalize())),
            PartDigest::Crc64Nvme(digest) => {
                note.crc64nvme =
                    Some(data_encoding::BASE64.encode(&digest.finalize().to_be_bytes()));
            }
        }
        self.parts.push(note);
        Ok(())
    }
}

/// A place in a block: records and bytes before it.
#[derive(Clone, Copy)]
struct Cut {
    records: usize,
    bytes: usize,
}

impl PartDigest {
    fn update(&mut self, bytes: &[u8]) {
        match self {
            PartDigest::Sha256(digest) => digest.update(bytes),
            PartDigest::Crc64Nvme(digest) => digest.update(bytes),
        }
    }
}

fn count(number: usize) -> u64 {
    u64::try_from(number).expect("fewer than 2^64")
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;
    use crate::pipeline::OutputFormat;

    /// The parts for records of these lengths, which come in blocks of so many records.
    fn parts(lengths: &[usize], block: usize, part_max: u64, job: &JobLimits) -> Vec<PartNote> {
        let plan = OutputPlan {
            to: "to".into(),
            format: OutputFormat::PinpointJson,
            max_bytes: part_max,
            digest: DigestKind::Crc64Nvme,
        };
        let mut writer = OutputWriter::new(0, &plan, job);
        for lengths in lengths.chunks(block) {
            let mut block = Block::default();
            for length in lengths {
                block.bytes.resize(block.bytes.len() + length, b'x');
                block.ends.push(block.bytes.len());
            }
            writer.write(&block, None).expect("nothing is written");
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
            block in 1_usize..50,
            part_max in 1000_u64..6000,
            job_bytes in 1000_u64..6000,
            job_files in 1_u64..4,
        ) {
            let job = JobLimits { bytes: job_bytes, files: job_files };
            let parts_found = parts(&lengths, block, part_max, &job);
            prop_assert_eq!(
                format!("{parts_found:?}"),
                format!("{:?}", parts(&lengths, usize::MAX, part_max, &job))
            );
            let mut rest = lengths.as_slice();
            let (mut in_job, mut files, mut earlier) = (0, 0, None);
            for part in &parts_found {
                let (own, later) = rest.split_at(usize::try_from(part.records).unwrap());
                rest = later;
                let next = count(own[0]);
                prop_assert_eq!(part.bytes, count(own.iter().sum()));
                if let Some(earlier) = earlier {
                    let fits_job = in_job + next <= job_bytes;
                    prop_assert_eq!(job_of(earlier) == job_of(part), fits_job && files < job_files);
                    let fits_part = earlier.bytes + next <= part_max;
                    prop_assert!(!(fits_part && fits_job));
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
