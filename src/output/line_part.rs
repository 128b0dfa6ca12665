//! One part of lines while it is written. The ordered side says which bytes come next; whichever thread
//! is free writes and digests them.
//!
//! - On disk, a range of bytes has its offset as soon as it has its place in the order, so ranges are
//!   written side by side. An upload is filled from its start to its end, by the ordered side.
//! - The CRC64-NVME of a part is combined from those of its spans. SHA-256 needs one byte after the
//!   other: the digest of a part is a [`Chain`], which runs beside all other work, and beside the chains
//!   of other parts.
//! - If a chain falls behind, the blocks that it has not reached are not kept for it. It then reads
//!   the bytes back from the file, which the system still has in memory.

use std::{
    io::Write,
    ops::Range,
    sync::{Arc, Mutex, PoisonError},
};

use crc_fast::{CrcAlgorithm, checksum, checksum_combine};
use data_encoding::{BASE64, HEXLOWER};

use crate::crypto::Sha256;
use crate::definition::DigestKind;
use crate::engine::{Chain, Deferred, defer};
use crate::pipeline::{Block, Encoded};
use crate::publish::{FileRanges, Publication, PublishError, StagedFile};
use crate::report::PartNote;

const CRC64_NVME: CrcAlgorithm = CrcAlgorithm::Crc64Nvme;
/// How many bytes are read back at once.
const READ_BACK_BYTES: usize = 256 << 10;
/// How many spans of a part may be read back.
const BEHIND_MAX: usize = 1024;

/// An open part.
pub(super) struct LinePart {
    path: String,
    /// `None` in a dry run, and after the end of an upload.
    file: Option<StagedFile>,
    /// `None` if the ordered side writes the file, or nobody.
    ranges: Option<Arc<FileRanges>>,
    /// The number of bytes that were added so far.
    pub(super) bytes: u64,
    digest: PartDigest,
}

enum PartDigest {
    Sha256(Chain<Sha256Chain>),
    /// Made from the digests of the spans; see [`SettledSpans`].
    Crc64Nvme,
}

/// The digest of the spans so far, or why one could not be read back.
type Sha256Chain = Result<Sha256, PublishError>;

/// Bytes of a part.
#[derive(Clone)]
pub(super) enum Span {
    Lines { block: Arc<Block>, encoded: Encoded, range: Range<usize> },
    Header(Arc<[u8]>),
}

impl Span {
    fn bytes(&self) -> &[u8] {
        match self {
            Span::Lines { block, encoded, range } => {
                let lines = block.lines_of(*encoded);
                lines.and_then(|lines| lines.bytes.get(range.clone())).unwrap_or(&[])
            }
            Span::Header(bytes) => bytes,
        }
    }
}

/// A span that is being written and digested.
pub(super) struct AddedSpan {
    bytes: u64,
    /// The CRC64-NVME of the span, if the part needs it.
    written: Option<Deferred<Result<Option<u64>, PublishError>>>,
    digested: Option<(Arc<ChainSource>, Deferred<()>)>,
}

/// Where a chain finds the bytes of a span.
struct ChainSource {
    /// `None`: the chain has taken it, or it must read the bytes back.
    span: Mutex<Option<Span>>,
    ranges: Option<Arc<FileRanges>>,
    offset: u64,
    bytes: u64,
}

impl ChainSource {
    fn take(&self) -> Option<Span> {
        self.span.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Adds the bytes to a digest.
    fn digest(&self, chain: &mut Sha256Chain) {
        let Ok(sha256) = chain else { return };
        match self.take() {
            Some(span) => sha256.update(span.bytes()),
            None => {
                if let Err(error) = self.read_back(sha256) {
                    *chain = Err(error);
                }
            }
        }
    }

    fn read_back(&self, sha256: &mut Sha256) -> Result<(), PublishError> {
        let Some(ranges) = &self.ranges else { return Ok(()) };
        let (mut offset, end) = (self.offset, self.offset + self.bytes);
        let mut buffer = vec![0; READ_BACK_BYTES];
        while offset < end {
            let length = usize::try_from(end - offset).unwrap_or(usize::MAX);
            let piece = buffer.get_mut(..length.min(READ_BACK_BYTES)).unwrap_or_default();
            ranges.read_at(piece, offset)?;
            sha256.update(&*piece);
            offset += count(piece.len());
        }
        Ok(())
    }
}

/// The spans of one part whose blocks are needed no more.
#[derive(Default)]
pub(super) struct SettledSpans {
    /// Their CRC64-NVME, if the part needs it.
    crc: u64,
    /// The spans that the chain will read back.
    behind: Vec<Deferred<()>>,
}

/// A part that is being made durable.
pub(super) struct EndedPart {
    note: PartNote,
    chain: Option<Chain<Sha256Chain>>,
    behind: Vec<Deferred<()>>,
    durable: Deferred<Result<(), PublishError>>,
}

impl LinePart {
    /// Begins a part of an output, given its index in the plan. `place` is `None` in a dry run.
    pub(super) fn new(
        output: usize,
        path: String,
        digest: DigestKind,
        place: Option<&Publication>,
    ) -> Result<LinePart, PublishError> {
        let file = place.map(|place| place.part(output, &path)).transpose()?;
        let ranges = file.as_ref().map(StagedFile::ranges).transpose()?.flatten();
        let digest = match digest {
            DigestKind::Sha256 => PartDigest::Sha256(Chain::new(Ok(Sha256::new()))),
            DigestKind::Crc64Nvme => PartDigest::Crc64Nvme,
        };
        Ok(LinePart { path, file, ranges: ranges.map(Arc::new), bytes: 0, digest })
    }

    /// Adds the next bytes.
    pub(super) fn add(&mut self, span: Span) -> Result<AddedSpan, PublishError> {
        let (bytes, offset) = (count(span.bytes().len()), self.bytes);
        self.bytes += bytes;
        if let (Some(file), None) = (&mut self.file, &self.ranges) {
            file.write_all(span.bytes()).map_err(PublishError::of_write)?;
        }
        let digested = match &self.digest {
            PartDigest::Sha256(chain) => {
                let ranges = self.ranges.clone();
                let span = Mutex::new(Some(span.clone()));
                let source = Arc::new(ChainSource { span, ranges, offset, bytes });
                let work = Arc::clone(&source);
                Some((source, chain.add(move |digest| work.digest(digest))))
            }
            PartDigest::Crc64Nvme => None,
        };
        let (ranges, has_crc) = (self.ranges.clone(), digested.is_none());
        let written = (ranges.is_some() || has_crc).then(|| {
            defer(move || {
                ranges.map_or(Ok(()), |ranges| ranges.write_at(span.bytes(), offset))?;
                Ok(has_crc.then(|| checksum(CRC64_NVME, span.bytes())))
            })
        });
        Ok(AddedSpan { bytes, written, digested })
    }

    /// Ends the part: no more bytes are added. An upload has all its bytes when this returns.
    pub(super) fn end(&mut self) -> Result<(), PublishError> {
        match &self.ranges {
            Some(_) => Ok(()),
            None => self.file.take().map_or(Ok(()), StagedFile::finish),
        }
    }

    /// Makes an ended part durable, after all its spans were settled. `records` is the number of
    /// records in it.
    pub(super) fn finish(self, records: u64, spans: SettledSpans) -> EndedPart {
        let LinePart { path, file, ranges: _, bytes, digest } = self;
        let mut note = PartNote { path, bytes, records, sha256: None, crc64nvme: None };
        let chain = match digest {
            PartDigest::Sha256(chain) => Some(chain),
            PartDigest::Crc64Nvme => {
                note.crc64nvme = Some(BASE64.encode(&spans.crc.to_be_bytes()));
                None
            }
        };
        let durable = defer(move || file.map_or(Ok(()), StagedFile::finish));
        EndedPart { note, chain, behind: spans.behind, durable }
    }
}

impl AddedSpan {
    /// Waits until the span is written, and does not need its block any more.
    pub(super) fn settle(self, spans: &mut SettledSpans) -> Result<(), PublishError> {
        if let Some(written) = self.written
            && let Some(crc) = written.wait()?
        {
            spans.crc = checksum_combine(CRC64_NVME, spans.crc, crc, self.bytes);
        }
        let Some((source, digested)) = self.digested else { return Ok(()) };
        if source.ranges.is_some() && spans.behind.len() < BEHIND_MAX && source.take().is_some() {
            spans.behind.push(digested);
        } else {
            digested.wait();
            // The chain has done those before it, too.
            spans.behind.clear();
        }
        Ok(())
    }
}

impl EndedPart {
    /// Waits until the part is durable.
    pub(super) fn wait(self) -> Result<PartNote, PublishError> {
        let EndedPart { mut note, chain, behind, durable } = self;
        durable.wait()?;
        behind.into_iter().for_each(Deferred::wait);
        if let Some(chain) = chain {
            note.sha256 = Some(HEXLOWER.encode(&chain.finish()?.finish()));
        }
        Ok(note)
    }
}

fn count(bytes: usize) -> u64 {
    u64::try_from(bytes).expect("fewer than 2^64")
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    /// What is noted of a part that consists of these spans. With `is_behind`, the chain reads all of
    /// them back from a file.
    fn note(spans: &[Vec<u8>], digest: DigestKind, is_behind: bool) -> PartNote {
        let mut part = LinePart::new(0, "a.json".to_owned(), digest, None).expect("no file");
        if is_behind {
            let file = tempfile::tempfile().expect("a temporary file");
            part.ranges = Some(Arc::new(FileRanges::new(file, "a.json".into())));
        }
        let mut settled = SettledSpans::default();
        let added: Vec<AddedSpan> = spans
            .iter()
            .map(|span| part.add(Span::Header(span.as_slice().into())).expect("it is written"))
            .collect();
        part.end().expect("it is written");
        for span in added {
            span.settle(&mut settled).expect("it is written");
        }
        part.finish(7, settled).wait().expect("it is written")
    }

    proptest! {
        /// The digests are those of the whole part, wherever it is cut and whoever makes them.
        #[test]
        fn digests_do_not_depend_on_cuts(spans in vec(vec(any::<u8>(), 0..300), 0..20)) {
            let whole = spans.concat();
            let sha256 = HEXLOWER.encode(&crate::crypto::sha256(&whole));
            let crc = BASE64.encode(&checksum(CRC64_NVME, &whole).to_be_bytes());
            let pool = rayon::ThreadPoolBuilder::new().num_threads(3).build().expect("a pool");
            for digest in [DigestKind::Sha256, DigestKind::Crc64Nvme] {
                for found in [
                    note(&spans, digest, false),
                    pool.install(|| note(&spans, digest, false)),
                    pool.install(|| note(&spans, digest, true)),
                ] {
                    prop_assert_eq!((found.bytes, found.records), (count(whole.len()), 7));
                    let is_sha256 = digest == DigestKind::Sha256;
                    prop_assert_eq!(found.sha256, is_sha256.then(|| sha256.clone()));
                    prop_assert_eq!(found.crc64nvme, (!is_sha256).then(|| crc.clone()));
                }
            }
        }
    }

    #[test]
    fn a_chain_that_is_behind_reads_back() {
        let file = tempfile::tempfile().expect("a temporary file");
        let ranges = FileRanges::new(file, "a.json".into());
        let written: Vec<u8> = (0..700_000_u32).map(|number| number.to_le_bytes()[0]).collect();
        ranges.write_at(&written, 5).expect("it is written");
        let ranges = Arc::new(ranges);
        let source = |bytes| ChainSource {
            span: Mutex::new(None),
            ranges: Some(Arc::clone(&ranges)),
            offset: 5,
            bytes,
        };
        let mut chain = Ok(Sha256::new());
        source(700_000).digest(&mut chain);
        let digest = chain.expect("it is read").finish();
        assert_eq!(digest, crate::crypto::sha256(&written));
        let mut chain = Ok(Sha256::new());
        source(700_001).digest(&mut chain);
        assert!(chain.is_err(), "the file ends before");
    }
}
