//! The checksums that go with what is written, as headers: made of bytes that are in memory, so no
//! server needs to know trailers.

use aws_sdk_s3::operation::complete_multipart_upload::builders::CompleteMultipartUploadFluentBuilder;
use aws_sdk_s3::operation::put_object::builders::PutObjectFluentBuilder;
use aws_sdk_s3::operation::upload_part::builders::UploadPartFluentBuilder;
use aws_sdk_s3::types::builders::CompletedPartBuilder;
use aws_sdk_s3::types::{ChecksumAlgorithm, ChecksumType};
use crc_fast::{CrcAlgorithm, checksum, checksum_combine};
use data_encoding::BASE64;

use super::settings::Checksum;
use crate::crypto::sha256;

/// The checksum of some bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Sum {
    Crc64Nvme(u64),
    /// In Base64, like the others.
    Crc32C(String),
    Crc32(String),
    Sha256(String),
    None,
}

impl Sum {
    pub(super) fn of(kind: Checksum, bytes: &[u8]) -> Sum {
        let crc32 = |algorithm| {
            let sum = u32::try_from(checksum(algorithm, bytes)).expect("it has 32 bits");
            BASE64.encode(&sum.to_be_bytes())
        };
        match kind {
            Checksum::Crc64Nvme => Sum::Crc64Nvme(checksum(CrcAlgorithm::Crc64Nvme, bytes)),
            Checksum::Crc32C => Sum::Crc32C(crc32(CrcAlgorithm::Crc32Iscsi)),
            Checksum::Crc32 => Sum::Crc32(crc32(CrcAlgorithm::Crc32IsoHdlc)),
            Checksum::Sha256 => Sum::Sha256(BASE64.encode(&sha256(bytes))),
            Checksum::None => Sum::None,
        }
    }

    /// What an upload in parts is told when it begins. CRC64 covers the whole object, others its parts.
    pub(super) fn of_upload(kind: Checksum) -> (Option<ChecksumAlgorithm>, Option<ChecksumType>) {
        match kind {
            Checksum::Crc64Nvme => {
                (Some(ChecksumAlgorithm::Crc64Nvme), Some(ChecksumType::FullObject))
            }
            Checksum::Crc32C => (Some(ChecksumAlgorithm::Crc32C), None),
            Checksum::Crc32 => (Some(ChecksumAlgorithm::Crc32), None),
            Checksum::Sha256 => (Some(ChecksumAlgorithm::Sha256), None),
            Checksum::None => (None, None),
        }
    }

    /// The sum of these bytes and of so many bytes after them, if it can be told from both sums.
    pub(super) fn followed_by(&self, next: &Sum, bytes: u64) -> Sum {
        match (self, next) {
            (Sum::Crc64Nvme(first), Sum::Crc64Nvme(second)) => {
                Sum::Crc64Nvme(checksum_combine(CrcAlgorithm::Crc64Nvme, *first, *second, bytes))
            }
            _ => Sum::None,
        }
    }

    fn crc64(&self) -> Option<String> {
        match self {
            Sum::Crc64Nvme(sum) => Some(BASE64.encode(&sum.to_be_bytes())),
            Sum::Crc32C(_) | Sum::Crc32(_) | Sum::Sha256(_) | Sum::None => None,
        }
    }

    pub(super) fn give_to_put(&self, request: PutObjectFluentBuilder) -> PutObjectFluentBuilder {
        match self {
            Sum::Crc64Nvme(_) => request.set_checksum_crc64_nvme(self.crc64()),
            Sum::Crc32C(sum) => request.checksum_crc32_c(sum),
            Sum::Crc32(sum) => request.checksum_crc32(sum),
            Sum::Sha256(sum) => request.checksum_sha256(sum),
            Sum::None => request,
        }
    }

    pub(super) fn give_to_part(&self, request: UploadPartFluentBuilder) -> UploadPartFluentBuilder {
        match self {
            Sum::Crc64Nvme(_) => request.set_checksum_crc64_nvme(self.crc64()),
            Sum::Crc32C(sum) => request.checksum_crc32_c(sum),
            Sum::Crc32(sum) => request.checksum_crc32(sum),
            Sum::Sha256(sum) => request.checksum_sha256(sum),
            Sum::None => request,
        }
    }

    pub(super) fn give_to_completed(&self, part: CompletedPartBuilder) -> CompletedPartBuilder {
        match self {
            Sum::Crc64Nvme(_) => part.set_checksum_crc64_nvme(self.crc64()),
            Sum::Crc32C(sum) => part.checksum_crc32_c(sum),
            Sum::Crc32(sum) => part.checksum_crc32(sum),
            Sum::Sha256(sum) => part.checksum_sha256(sum),
            Sum::None => part,
        }
    }

    pub(super) fn give_to_whole(
        &self,
        request: CompleteMultipartUploadFluentBuilder,
    ) -> CompleteMultipartUploadFluentBuilder {
        match self.crc64() {
            None => request,
            Some(sum) => request.checksum_crc64_nvme(sum).checksum_type(ChecksumType::FullObject),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_those_of_the_standards() {
        let of = |kind| Sum::of(kind, b"123456789");
        assert_eq!(of(Checksum::Crc64Nvme), Sum::Crc64Nvme(0xae8b_1486_0a79_9888));
        assert_eq!(of(Checksum::Crc32C), Sum::Crc32C("4waSgw==".to_owned()));
        assert_eq!(of(Checksum::Crc32), Sum::Crc32("y/Q5Jg==".to_owned()));
        let sha256 = "FeKw08Yxw/yyS3LsfWoqy6Pqb3uPr3NDNw1Yb0L4n3I=";
        assert!(matches!(of(Checksum::Sha256), Sum::Sha256(sum) if sum.len() == sha256.len()));
    }

    #[test]
    fn parts_add_up_to_the_whole() {
        let of = |bytes: &[u8]| Sum::of(Checksum::Crc64Nvme, bytes);
        assert_eq!(of(b"12345").followed_by(&of(b"6789"), 4), of(b"123456789"));
        assert_eq!(of(b"").followed_by(&of(b"6789"), 4), of(b"6789"));
    }
}
