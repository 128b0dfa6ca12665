//! The requests of an upload in parts: begin it, send parts, and complete or abort it.
//!
//! Nobody sees the object before the upload is completed. An upload that is neither completed nor
//! aborted stays in the bucket and costs money, so a folder remembers those that it began, and a
//! run that takes over from a killed one aborts all in that place.

use std::{sync::atomic::Ordering, time::Duration};

use aws_sdk_s3::config::Config;
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart, StorageClass};
use bytes::Bytes;

use super::checksum::ChecksumValue;
use super::client::transfer_overrides;
use super::folder::{EncryptionHeaders, Folder, NONCE, for_each};
use super::request::S3Request;
use super::settings::Storing;
use super::url::Url;
use crate::store::aws::{AwsError, AwsErrorKind};

/// How long it may take to find out whether an upload is complete that the server did not confirm.
const LOOK_TIMEOUT: Duration = Duration::from_secs(10);

/// A part that the server has received.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) number: i32,
    etag: String,
    bytes: u64,
    checksum: ChecksumValue,
}

impl Folder {
    /// Begins an upload of the object `name`, and returns its id.
    pub(super) async fn begin_upload(&self, name: &str, nonce: &str) -> Result<String, AwsError> {
        let url = self.url().join(name);
        let request = S3Request::new("s3:PutObject", &url);
        let Storing { encryption, storage_class, tags } = &self.shared.storing;
        let encryption = EncryptionHeaders::new(encryption.as_ref());
        let (algorithm, kind) = ChecksumValue::upload_options(self.s3.settings().checksum);
        self.shared.has_uploaded.store(true, Ordering::Relaxed);
        let begun = self.clients().send(&request, |client| {
            let encryption = encryption.clone();
            client
                .create_multipart_upload()
                .bucket(&url.bucket)
                .key(&url.key)
                .metadata(NONCE, nonce)
                .set_expected_bucket_owner(self.owner())
                .set_server_side_encryption(encryption.algorithm)
                .set_ssekms_key_id(encryption.key_id)
                .set_bucket_key_enabled(encryption.bucket_key)
                .set_ssekms_encryption_context(encryption.context)
                .set_storage_class(storage_class.as_deref().map(StorageClass::from))
                .set_tagging(tags.clone())
                .set_checksum_algorithm(algorithm.clone())
                .set_checksum_type(kind.clone())
                .send()
        });
        let id = begun.await?.upload_id.unwrap_or_default();
        self.uploads().insert(id.clone(), name.to_owned());
        Ok(id)
    }

    /// Sends a part of the upload `id`. Parts are numbered from 1.
    pub(super) async fn send_part(
        &self,
        name: &str,
        id: &str,
        number: i32,
        bytes: Bytes,
    ) -> Result<Part, AwsError> {
        let url = self.url().join(name);
        let request = S3Request::new("s3:PutObject", &url);
        let checksum = ChecksumValue::compute(self.s3.settings().checksum, &bytes);
        let timeouts = self.clients().identity.access.long_timeouts();
        let sent = self.clients().send(&request, |client| {
            let part = client
                .upload_part()
                .bucket(&url.bucket)
                .key(&url.key)
                .upload_id(id)
                .part_number(number)
                .set_expected_bucket_owner(self.owner())
                .body(bytes.clone().into());
            let overrides = transfer_overrides().timeout_config(timeouts.clone());
            checksum.add_to_part(part).customize().config_override(overrides).send()
        });
        let etag = sent.await?.e_tag.unwrap_or_default();
        let bytes = u64::try_from(bytes.len()).expect("a part is small");
        Ok(Part { number, etag, bytes, checksum })
    }

    /// Completes the upload `id` of parts in order: from now on the object can be seen. Fails with
    /// a conflict if the object existed before.
    pub(super) async fn complete_upload(
        &self,
        name: &str,
        id: &str,
        nonce: &str,
        parts: &[Part],
    ) -> Result<(), AwsError> {
        let url = self.url().join(name);
        let request = S3Request::new("s3:PutObject", &url);
        let (checksum, bytes) = combine(parts);
        let completed = parts.iter().map(|part| {
            let builder = CompletedPart::builder().part_number(part.number).e_tag(&part.etag);
            part.checksum.add_to_completed_part(builder).build()
        });
        let upload =
            CompletedMultipartUpload::builder().set_parts(Some(completed.collect())).build();
        let timeouts = self.clients().identity.access.long_timeouts();
        let response = self.clients().send(&request, |client| {
            let complete = client
                .complete_multipart_upload()
                .bucket(&url.bucket)
                .key(&url.key)
                .upload_id(id)
                .if_none_match("*")
                .mpu_object_size(i64::try_from(bytes).unwrap_or(i64::MAX))
                .set_expected_bucket_owner(self.owner())
                .multipart_upload(upload.clone());
            let overrides = Config::builder().timeout_config(timeouts.clone());
            let complete = checksum.add_to_completed_upload(complete);
            complete.customize().config_override(overrides).send()
        });
        match response.await {
            Ok(_) => {}
            // An earlier attempt may have succeeded, and its response been lost.
            Err(error) => {
                let is_done = self.has_nonce(&url, nonce);
                let is_done = tokio::time::timeout(LOOK_TIMEOUT, is_done).await;
                if !is_done.unwrap_or(Ok(false))? {
                    return Err(error);
                }
            }
        }
        self.uploads().remove(id);
        Ok(())
    }

    /// Whether an upload was begun here. If the response to that request was lost, its id is
    /// unknown.
    pub fn has_uploaded(&self) -> bool {
        self.shared.has_uploaded.load(Ordering::Relaxed)
    }

    /// Aborts the uploads that this run began here and did not complete.
    pub fn abort_own(&self) -> Result<(), AwsError> {
        let own: Vec<(String, String)> = self.uploads().clone().into_iter().collect();
        self.abort(own)
    }

    /// Aborts all uploads below this folder, of any run, whose object's name `is_ours` accepts.
    /// Only a run that took the folder over from a killed one may do so.
    pub fn abort_all(&self, is_ours: impl Fn(&str) -> bool) -> Result<(), AwsError> {
        let found = self.s3.session().wait_uninterrupted(self.list_uploads())?;
        self.abort(found.into_iter().filter(|(_, name)| is_ours(name)).collect())
    }

    fn abort(&self, uploads: Vec<(String, String)>) -> Result<(), AwsError> {
        self.s3.session().wait_uninterrupted(for_each(uploads, |(id, name)| {
            let folder = self.clone();
            async move { folder.abort_one(&id, &name).await }
        }))
    }

    async fn abort_one(&self, id: &str, name: &str) -> Result<(), AwsError> {
        let url = self.url().join(name);
        let request = S3Request::new("s3:AbortMultipartUpload", &url);
        let aborted = self.clients().send(&request, |client| {
            client
                .abort_multipart_upload()
                .bucket(&url.bucket)
                .key(&url.key)
                .upload_id(id)
                .set_expected_bucket_owner(self.owner())
                .send()
        });
        match aborted.await {
            Err(error) if error.kind != AwsErrorKind::NotFound => return Err(error),
            Ok(_) | Err(_) => {}
        }
        self.uploads().remove(id);
        Ok(())
    }

    /// The ids and the objects' names of all uploads in progress below this folder.
    async fn list_uploads(&self) -> Result<Vec<(String, String)>, AwsError> {
        let Url { bucket, key: prefix } = self.url();
        let request = S3Request::of_bucket("s3:ListBucketMultipartUploads", bucket);
        let (mut found, mut key, mut id) = (Vec::new(), None, None);
        loop {
            let page = self.clients().send(&request, |client| {
                client
                    .list_multipart_uploads()
                    .bucket(bucket)
                    .prefix(prefix)
                    .set_key_marker(key.clone())
                    .set_upload_id_marker(id.clone())
                    .send()
            });
            let page = page.await?;
            found.extend(page.uploads().iter().filter_map(|upload| {
                let name = upload.key()?.strip_prefix(prefix.as_str())?;
                Some((upload.upload_id()?.to_owned(), name.to_owned()))
            }));
            if page.is_truncated() != Some(true) {
                return Ok(found);
            }
            (key, id) = (page.next_key_marker, page.next_upload_id_marker);
        }
    }
}

/// The checksum of a whole object, if the algorithm allows to combine it, and its size in bytes.
fn combine(parts: &[Part]) -> (ChecksumValue, u64) {
    let mut parts = parts.iter();
    let Some(first) = parts.next() else { return (ChecksumValue::None, 0) };
    parts.fold((first.checksum.clone(), first.bytes), |(checksum, bytes), part| {
        (checksum.combine(&part.checksum, part.bytes), bytes + part.bytes)
    })
}
