//! One part of Parquet while it is written, or the output to standard output: its bytes go into a
//! file and a digest, and are counted. `parquet.rs` decides where a part ends. (`line_part.rs` has
//! the parts of lines.)

use std::io::{self, Write};

use crc_fast::{CrcAlgorithm, Digest as Crc};
use data_encoding::{BASE64, HEXLOWER};

use crate::crypto::Sha256;
use crate::definition::DigestKind;
use crate::publish::{Publication, PublishError, StagedFile};
use crate::report::PartNote;

/// An open part.
pub(super) struct Part {
    path: String,
    /// `None` in a dry run.
    file: Option<StagedFile>,
    /// The number of bytes written so far.
    pub(super) bytes: u64,
    digest: PartDigest,
}

#[cfg_attr(
    feature = "fips",
    expect(
        clippy::large_enum_variant,
        reason = "few are open at once: the state of SHA-256 is elsewhere with FIPS"
    )
)]
enum PartDigest {
    Sha256(Sha256),
    Crc64Nvme(Crc),
}

impl Part {
    /// Begins a part of an output, given its index in the plan. `place` is `None` in a dry run.
    pub(super) fn new(
        output: usize,
        path: String,
        digest: DigestKind,
        place: Option<&Publication>,
    ) -> Result<Part, PublishError> {
        let file = place.map(|place| place.part(output, &path)).transpose()?;
        let digest = match digest {
            DigestKind::Sha256 => PartDigest::Sha256(Sha256::new()),
            DigestKind::Crc64Nvme => PartDigest::Crc64Nvme(Crc::new(CrcAlgorithm::Crc64Nvme)),
        };
        Ok(Part { path, file, bytes: 0, digest })
    }

    /// Ends the part. `records` is the number of records in it.
    pub(super) fn finish(self, records: u64) -> Result<PartNote, PublishError> {
        if let Some(file) = self.file {
            file.finish()?;
        }
        let mut note =
            PartNote { path: self.path, bytes: self.bytes, records, sha256: None, crc64nvme: None };
        match self.digest {
            PartDigest::Sha256(digest) => note.sha256 = Some(HEXLOWER.encode(&digest.finish())),
            PartDigest::Crc64Nvme(digest) => {
                note.crc64nvme = Some(BASE64.encode(&digest.finalize().to_be_bytes()));
            }
        }
        Ok(note)
    }
}

impl Write for Part {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_all(bytes)?;
        Ok(bytes.len())
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        match &mut self.digest {
            PartDigest::Sha256(digest) => digest.update(bytes),
            PartDigest::Crc64Nvme(digest) => digest.update(bytes),
        }
        self.bytes += u64::try_from(bytes.len()).expect("fewer than 2^64");
        match &mut self.file {
            Some(file) => file.write_all(bytes),
            None => Ok(()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.file {
            Some(file) => file.flush(),
            None => Ok(()),
        }
    }
}
