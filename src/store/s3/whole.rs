//! Checks an object that is read in ranges against the checksum of the whole object.
//!
//! With a range, a server sends no checksum. But it has one of the whole object, which is requested
//! once, while the first ranges arrive. CRCs are linear: that of each range is computed when it has
//! arrived, and the reader combines them in order. An MD5, which only old objects and other servers
//! need, is computed by the reader.
//!
//! By the time the end of an object shows that its bytes are wrong, some of its records have been
//! handed on. So this error ends the run, even where bad inputs are skipped.

use aws_sdk_s3::operation::head_object::HeadObjectOutput;
use aws_sdk_s3::types::{ChecksumMode, ChecksumType, ServerSideEncryption};
use crc_fast::{CrcAlgorithm, checksum, checksum_combine};
use data_encoding::{BASE64, HEXLOWER_PERMISSIVE};
use md5::{Digest, Md5};

use super::client::Clients;
use super::fetch::{changed, unquote};
use super::list::Object;
use super::request::S3Request;
use crate::store::aws::{AwsError, AwsErrorKind};

/// The checksum of a whole object.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Expected {
    Crc(CrcAlgorithm, u64),
    Md5([u8; 16]),
    /// The server has none that can be computed from ranges.
    None,
}

impl Expected {
    /// Requests the checksum of an object in the state in which it was listed.
    pub(super) async fn request(clients: &Clients, object: &Object) -> Result<Expected, AwsError> {
        let url = &object.url;
        let request = S3Request::new("s3:GetObject", url);
        let head = clients.send(&request, |client| {
            client
                .head_object()
                .bucket(&url.bucket)
                .key(&url.key)
                .if_match(&object.etag)
                .checksum_mode(ChecksumMode::Enabled)
                .send()
        });
        match head.await {
            Ok(head) => Ok(Expected::of(&head, object)),
            Err(error) => match error.kind {
                AwsErrorKind::Conflict | AwsErrorKind::NotFound => Err(changed(object)),
                AwsErrorKind::Denied | AwsErrorKind::Unsupported => Ok(Expected::None),
                AwsErrorKind::NoBucket
                | AwsErrorKind::Settings
                | AwsErrorKind::Archived
                | AwsErrorKind::Stopped
                | AwsErrorKind::Io => Err(error),
            },
        }
    }

    fn of(head: &HeadObjectOutput, object: &Object) -> Expected {
        // A checksum of the checksums of parts says nothing about other ranges.
        let is_of_parts = head.checksum_type() == Some(&ChecksumType::Composite);
        let crcs = [
            (CrcAlgorithm::Crc64Nvme, head.checksum_crc64_nvme()),
            (CrcAlgorithm::Crc32Iscsi, head.checksum_crc32_c()),
            (CrcAlgorithm::Crc32IsoHdlc, head.checksum_crc32()),
        ];
        let crcs = crcs.into_iter().filter(|_| !is_of_parts);
        let known = crcs.filter_map(|(kind, text)| Some((kind, decode_crc(kind, text?)?)));
        if let Some((kind, crc)) = known.into_iter().next() {
            return Expected::Crc(kind, crc);
        }
        let is_plain = head.sse_customer_algorithm().is_none()
            && head
                .server_side_encryption()
                .is_none_or(|kind| *kind == ServerSideEncryption::Aes256)
            && !object.url.bucket.ends_with("--x-s3"); // directory buckets have other ETags
        let md5 = Some(&object.etag).filter(|_| is_plain).and_then(|etag| decode_md5(etag));
        md5.map_or(Expected::None, Expected::Md5)
    }

    /// The CRC of a range; 0 if none is needed.
    pub(super) fn crc_of(self, range: &[u8]) -> u64 {
        match self {
            Expected::Crc(kind, _) => checksum(kind, range),
            Expected::Md5(_) | Expected::None => 0,
        }
    }
}

/// A CRC as its header has it. `None` if it is of parts (`…-3`) or not one.
fn decode_crc(kind: CrcAlgorithm, text: &str) -> Option<u64> {
    let bytes = BASE64.decode(text.as_bytes()).ok()?;
    if kind == CrcAlgorithm::Crc64Nvme {
        return Some(u64::from_be_bytes(bytes.try_into().ok()?));
    }
    Some(u64::from(u32::from_be_bytes(bytes.try_into().ok()?)))
}

/// The MD5 that an `ETag` is; `None` if it is of an upload in parts.
fn decode_md5(etag: &str) -> Option<[u8; 16]> {
    HEXLOWER_PERMISSIVE.decode(unquote(etag).as_bytes()).ok()?.try_into().ok()
}

/// The checksum of the ranges that were read so far, in order.
pub(super) struct Sum {
    expected: Expected,
    crc: u64,
    md5: Md5,
}

impl Sum {
    pub(super) fn new(expected: Expected) -> Sum {
        let crc = expected.crc_of(&[]);
        Sum { expected, crc, md5: Md5::new() }
    }

    /// Adds the next range, which has this CRC.
    pub(super) fn add(&mut self, range: &[u8], crc: u64) {
        match self.expected {
            Expected::Crc(kind, _) => {
                let bytes = u64::try_from(range.len()).expect("64 bits");
                self.crc = checksum_combine(kind, self.crc, crc, bytes);
            }
            Expected::Md5(_) => self.md5.update(range),
            Expected::None => {}
        }
    }

    /// Fails if the ranges, which are now the whole object, have another checksum.
    pub(super) fn check(&self, object: &Object) -> Result<(), AwsError> {
        let (name, is_right) = match self.expected {
            Expected::Crc(kind, crc) => (describe(kind), crc == self.crc),
            Expected::Md5(md5) => ("MD5", md5[..] == self.md5.clone().finalize()[..]),
            Expected::None => return Ok(()),
        };
        if is_right {
            return Ok(());
        }
        let message = format!(
            "the bytes of `{}` do not have the checksum that the server has for them ({name})",
            object.url
        );
        let hint = "run again: they were damaged on the way, or in storage if it happens again";
        Err(AwsError::new(AwsErrorKind::Io, message, hint))
    }
}

fn describe(kind: CrcAlgorithm) -> &'static str {
    #[expect(clippy::wildcard_enum_match_arm, reason = "no other kind is looked for")]
    match kind {
        CrcAlgorithm::Crc64Nvme => "CRC64-NVME",
        CrcAlgorithm::Crc32Iscsi => "CRC32C",
        _ => "CRC32",
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use aws_sdk_s3::operation::head_object::builders::HeadObjectOutputBuilder;

    use super::*;
    use crate::store::s3::url::Url;

    const TEXT: &[u8] = b"123456789";
    const MD5: &str = "\"25f9e794323b453885f5181f1b624d0b\"";

    fn object(etag: &str) -> Object {
        let url = Url::parse(Path::new("s3://b/k")).expect("a URL");
        Object { url, bytes: 9, etag: etag.to_owned(), archive: None }
    }

    fn expected(
        etag: &str,
        set: impl FnOnce(HeadObjectOutputBuilder) -> HeadObjectOutputBuilder,
    ) -> Expected {
        Expected::of(&set(HeadObjectOutput::builder()).build(), &object(etag))
    }

    /// Whether the text in ranges has the checksum, and a text with one changed bit has it not.
    #[track_caller]
    fn check(expected: Expected) {
        for cuts in [&[0, 9][..], &[0, 1, 9], &[0, 3, 3, 4, 9]] {
            for (text, is_right) in [(TEXT, true), (b"123456788", false), (b"023456789", false)] {
                let mut sum = Sum::new(expected);
                for range in cuts.windows(2) {
                    let range = &text[range[0]..range[1]];
                    sum.add(range, expected.crc_of(range));
                }
                assert_eq!(sum.check(&object(MD5)).is_ok(), is_right, "{expected:?} {cuts:?}");
            }
        }
    }

    /// The check values of these CRCs are published.
    #[test]
    fn ranges_have_the_checksum_of_the_whole() {
        check(expected("\"x\"", |head| head.checksum_crc64_nvme("rosUhgp5mIg=")));
        check(expected("\"x\"", |head| head.checksum_crc32_c("4waSgw==")));
        check(expected("\"x\"", |head| head.checksum_crc32("y/Q5Jg==")));
        check(expected(MD5, |head| head));
        check(expected(MD5, |head| head.server_side_encryption(ServerSideEncryption::Aes256)));
    }

    #[test]
    fn checksums_of_parts_and_etags_that_are_none_are_not_used() {
        let none = |etag, set: fn(HeadObjectOutputBuilder) -> HeadObjectOutputBuilder| {
            assert_eq!(expected(etag, set), Expected::None, "{etag}");
        };
        none("\"25f9e794323b453885f5181f1b624d0b-2\"", |head| head);
        none("\"x\"", |head| head.checksum_crc32("y/Q5Jg==-2"));
        none("\"x\"", |head| {
            head.checksum_crc32("y/Q5Jg==").checksum_type(ChecksumType::Composite)
        });
        none(MD5, |head| head.server_side_encryption(ServerSideEncryption::AwsKms));
        none(MD5, |head| head.sse_customer_algorithm("AES256"));
    }
}
