//! The checksums that are sent with objects and their parts.
//!
//! They are computed from bytes in memory and sent as headers, so a server need not support
//! trailers.
//!
//! CRC64-NVME is linear: the CRC of `ab` follows from those of `a` and `b` and the length of `b`
//! alone. So the checksum of an object that is uploaded in parts is combined from those of its
//! parts, and the server verifies the object as a whole. For the other algorithms it verifies each
//! part.

use aws_sdk_s3::operation::complete_multipart_upload::builders::CompleteMultipartUploadFluentBuilder;
use aws_sdk_s3::operation::put_object::builders::PutObjectFluentBuilder;
use aws_sdk_s3::operation::upload_part::builders::UploadPartFluentBuilder;
use aws_sdk_s3::types::builders::CompletedPartBuilder;
use aws_sdk_s3::types::{ChecksumAlgorithm, ChecksumType};
use crc_fast::{CrcAlgorithm, checksum, checksum_combine};
use data_encoding::BASE64;

use super::settings::Checksum;
use crate::crypto::sha256;

/// The checksum of some bytes, in Base64 unless it is combined later.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ChecksumValue {
    Crc64Nvme(u64),
    Crc32C(String),
    Crc32(String),
    Sha256(String),
    None,
}

impl ChecksumValue {
    pub(super) fn compute(kind: Checksum, bytes: &[u8]) -> ChecksumValue {
        let crc32 = |algorithm| {
            let sum = u32::try_from(checksum(algorithm, bytes)).expect("it has 32 bits");
            BASE64.encode(&sum.to_be_bytes())
        };
        match kind {
            Checksum::Crc64Nvme => {
                ChecksumValue::Crc64Nvme(checksum(CrcAlgorithm::Crc64Nvme, bytes))
            }
            Checksum::Crc32C => ChecksumValue::Crc32C(crc32(CrcAlgorithm::Crc32Iscsi)),
            Checksum::Crc32 => ChecksumValue::Crc32(crc32(CrcAlgorithm::Crc32IsoHdlc)),
            Checksum::Sha256 => ChecksumValue::Sha256(BASE64.encode(&sha256(bytes))),
            Checksum::None => ChecksumValue::None,
        }
    }

    /// How an upload in parts declares its checksums when it begins. CRC64 covers the whole object,
    /// others its parts.
    pub(super) fn upload_options(
        kind: Checksum,
    ) -> (Option<ChecksumAlgorithm>, Option<ChecksumType>) {
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

    /// The checksum of these bytes followed by `next_bytes` others with the checksum `next`; for
    /// algorithms that cannot be combined, none.
    pub(super) fn combine(&self, next: &ChecksumValue, next_bytes: u64) -> ChecksumValue {
        match (self, next) {
            (ChecksumValue::Crc64Nvme(first), ChecksumValue::Crc64Nvme(second)) => {
                ChecksumValue::Crc64Nvme(checksum_combine(
                    CrcAlgorithm::Crc64Nvme,
                    *first,
                    *second,
                    next_bytes,
                ))
            }
            _ => ChecksumValue::None,
        }
    }

    fn crc64(&self) -> Option<String> {
        match self {
            ChecksumValue::Crc64Nvme(sum) => Some(BASE64.encode(&sum.to_be_bytes())),
            ChecksumValue::Crc32C(_)
            | ChecksumValue::Crc32(_)
            | ChecksumValue::Sha256(_)
            | ChecksumValue::None => None,
        }
    }

    pub(super) fn add_to_put(&self, request: PutObjectFluentBuilder) -> PutObjectFluentBuilder {
        match self {
            ChecksumValue::Crc64Nvme(_) => request.set_checksum_crc64_nvme(self.crc64()),
            ChecksumValue::Crc32C(sum) => request.checksum_crc32_c(sum),
            ChecksumValue::Crc32(sum) => request.checksum_crc32(sum),
            ChecksumValue::Sha256(sum) => request.checksum_sha256(sum),
            ChecksumValue::None => request,
        }
    }

    pub(super) fn add_to_part(&self, request: UploadPartFluentBuilder) -> UploadPartFluentBuilder {
        match self {
            ChecksumValue::Crc64Nvme(_) => request.set_checksum_crc64_nvme(self.crc64()),
            ChecksumValue::Crc32C(sum) => request.checksum_crc32_c(sum),
            ChecksumValue::Crc32(sum) => request.checksum_crc32(sum),
            ChecksumValue::Sha256(sum) => request.checksum_sha256(sum),
            ChecksumValue::None => request,
        }
    }

    pub(super) fn add_to_completed_part(&self, part: CompletedPartBuilder) -> CompletedPartBuilder {
        match self {
            ChecksumValue::Crc64Nvme(_) => part.set_checksum_crc64_nvme(self.crc64()),
            ChecksumValue::Crc32C(sum) => part.checksum_crc32_c(sum),
            ChecksumValue::Crc32(sum) => part.checksum_crc32(sum),
            ChecksumValue::Sha256(sum) => part.checksum_sha256(sum),
            ChecksumValue::None => part,
        }
    }

    pub(super) fn add_to_completed_upload(
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
    fn checksums_are_those_of_the_standards() {
        let of = |kind| ChecksumValue::compute(kind, b"123456789");
        assert_eq!(of(Checksum::Crc64Nvme), ChecksumValue::Crc64Nvme(0xae8b_1486_0a79_9888));
        assert_eq!(of(Checksum::Crc32C), ChecksumValue::Crc32C("4waSgw==".to_owned()));
        assert_eq!(of(Checksum::Crc32), ChecksumValue::Crc32("y/Q5Jg==".to_owned()));
        let sha256 = "FeKw08Yxw/yyS3LsfWoqy6Pqb3uPr3NDNw1Yb0L4n3I=";
        assert!(
            matches!(of(Checksum::Sha256), ChecksumValue::Sha256(sum) if sum.len() == sha256.len())
        );
    }

    #[test]
    fn the_checksums_of_parts_combine() {
        let of = |bytes: &[u8]| ChecksumValue::compute(Checksum::Crc64Nvme, bytes);
        assert_eq!(of(b"12345").combine(&of(b"6789"), 4), of(b"123456789"));
        assert_eq!(of(b"").combine(&of(b"6789"), 4), of(b"6789"));
    }
}
