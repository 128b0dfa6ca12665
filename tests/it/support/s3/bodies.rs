//! The bodies of objects: put as a whole, or joined from parts.

use std::{collections::BTreeMap, ops};

use bytes::Bytes;
use crc_fast::CrcAlgorithm::Crc64Nvme;
use data_encoding::BASE64;
use http_body_util::BodyExt;
use s3s::checksum::ChecksumHasher;
use s3s::dto::*;
use s3s::{Body, S3Result, s3_error};

/// The content of an object as it was written.
#[derive(Debug)]
pub(crate) struct Content {
    /// The body in pieces, in order.
    pub(crate) pieces: Vec<Bytes>,
    pub(crate) words: Option<Metadata>,
    pub(crate) sums: Checksum,
}

/// An unfinished upload in parts.
pub(crate) struct Upload {
    /// The bucket and the key.
    pub(crate) place: (String, String),
    pub(crate) words: Option<Metadata>,
    /// The parts with their `ETag`s by number.
    pub(crate) parts: BTreeMap<i32, (String, Bytes)>,
}

impl Content {
    /// A range of the bytes, without a copy if it is within one piece.
    pub(crate) fn cut(&self, range: ops::Range<u64>) -> Bytes {
        let mut found = Vec::new();
        let mut start = 0;
        for piece in &self.pieces {
            let end = start + length(piece);
            let (from, to) = (range.start.max(start), range.end.min(end));
            if from < to {
                found.push(piece.slice(index(from - start)..index(to - start)));
            }
            start = end;
        }
        if found.len() == 1 { found.remove(0) } else { found.concat().into() }
    }
}

pub(crate) fn length(bytes: &Bytes) -> u64 {
    u64::try_from(bytes.len()).expect("64 bits")
}

fn index(place: u64) -> usize {
    usize::try_from(place).expect("64 bits")
}

/// Reads a request body to its end. Fails if it is incomplete.
pub(crate) async fn whole(body: Option<StreamingBlob>) -> S3Result<Bytes> {
    let body = Body::from(body.ok_or_else(|| s3_error!(IncompleteBody))?);
    let all = body.collect().await.map_err(|why| s3_error!(BadDigest, "{why}"))?;
    Ok(all.to_bytes())
}

/// Checks a part against the checksum of its request.
pub(crate) fn check_part(input: &UploadPartInput, body: &[u8]) -> S3Result<()> {
    let mut sums = ChecksumHasher {
        crc32: input.checksum_crc32.is_some().then(Default::default),
        crc32c: input.checksum_crc32c.is_some().then(Default::default),
        sha1: input.checksum_sha1.is_some().then(Default::default),
        sha256: input.checksum_sha256.is_some().then(Default::default),
        crc64nvme: input.checksum_crc64nvme.is_some().then(Default::default),
    };
    sums.update(body);
    let sums = sums.finalize();
    let is_right = sums.checksum_crc32 == input.checksum_crc32
        && sums.checksum_crc32c == input.checksum_crc32c
        && sums.checksum_sha1 == input.checksum_sha1
        && sums.checksum_sha256 == input.checksum_sha256
        && sums.checksum_crc64nvme == input.checksum_crc64nvme;
    is_right.then_some(()).ok_or_else(|| s3_error!(BadDigest))
}

/// The parts of an upload that a request to complete it lists, in order.
pub(crate) fn joined(
    upload: &Upload,
    asked: Option<&CompletedMultipartUpload>,
) -> S3Result<Vec<Bytes>> {
    const LEAST: usize = 5 << 20;
    let asked = asked.and_then(|asked| asked.parts.as_deref()).unwrap_or_default();
    let part = |asked: &CompletedPart| {
        let (etag, part) = upload.parts.get(&asked.part_number?)?;
        let is_it = asked.e_tag.as_ref().is_some_and(|asked| asked.value() == etag);
        is_it.then(|| part.clone())
    };
    let parts: Option<Vec<Bytes>> = asked.iter().map(part).collect();
    let parts = parts.filter(|parts| !parts.is_empty()).ok_or_else(|| s3_error!(InvalidPart))?;
    if !asked.is_sorted_by_key(|part| part.part_number) {
        return Err(s3_error!(InvalidPartOrder));
    }
    let all_but_last = parts.split_last().map_or(&[][..], |(_, others)| others);
    if all_but_last.iter().any(|part| part.len() < LEAST) {
        return Err(s3_error!(EntityTooSmall));
    }
    Ok(parts)
}

/// The checksum as its header has it.
pub(crate) fn crc64(pieces: &[Bytes]) -> String {
    let mut sum = crc_fast::Digest::new(Crc64Nvme);
    for piece in pieces {
        sum.update(piece);
    }
    BASE64.encode(&sum.finalize().to_be_bytes())
}

/// The `ETag` of an object from parts. S3 only promises that other bytes have another one.
pub(crate) fn etag_of(sum: &str, pieces: usize) -> String {
    format!("{sum}-{pieces}")
}
