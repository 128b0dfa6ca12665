//! A folder in a bucket that a run writes to: its objects are listed, read, written and removed
//! here. Uploads in parts build on it.

use std::{
    collections::BTreeMap,
    future::Future,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use aws_sdk_s3::Client;
use aws_sdk_s3::operation::put_object::builders::PutObjectFluentBuilder;
use aws_sdk_s3::types::{ServerSideEncryption, StorageClass};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::checksum::ChecksumValue;
use super::client::{Clients, S3};
use super::list;
use super::pace::Pace;
use super::request::S3Request;
use super::settings::{Encryption, Storing};
use super::url::Url;
use crate::store::aws::{AwsError, AwsErrorKind, root_cause};

/// How many requests for small objects run concurrently.
const CONCURRENCY: usize = 16;
/// How many parts of a folder's uploads are sent concurrently.
pub(crate) const PARTS_AT_ONCE: usize = 4;
/// The most bytes of small objects that wait in memory until they are published.
pub(crate) const HELD_MAX: usize = 4 << 20;
/// What a waiting object costs besides its bytes.
const HELD_COST: usize = 1 << 10;
/// The metadata by which an object names the upload that made it. See [`new_nonce`].
pub(super) const NONCE: &str = "segprep-upload";

/// A folder in a bucket. Clones share its state.
#[derive(Clone, Debug)]
pub struct Folder {
    pub(super) s3: S3,
    url: Url,
    pub(super) shared: Arc<Shared>,
}

#[derive(Debug)]
pub(super) struct Shared {
    pub(super) storing: Storing,
    /// The uploads that are neither completed nor aborted: the names of their objects, by upload
    /// id.
    pub(super) uploads: Mutex<BTreeMap<String, String>>,
    /// The cost of the small objects that wait in memory, in bytes.
    held: AtomicUsize,
    /// Whether an upload in parts was begun.
    pub(super) has_uploaded: AtomicBool,
    /// One permit for each part that may be sent concurrently.
    pub(super) part_permits: Arc<Semaphore>,
}

/// How an object is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Put {
    /// A result, stored as the definition says. Fails with a conflict if the object exists.
    New,
    /// A working file. Replaces an existing object.
    Working,
    /// A working file. Fails with a conflict if the object exists.
    NewWorking,
}

impl Folder {
    pub fn new(s3: &S3, url: Url, storing: Storing) -> Folder {
        let shared = Shared {
            storing,
            uploads: Mutex::default(),
            held: AtomicUsize::new(0),
            has_uploaded: AtomicBool::new(false),
            part_permits: Arc::new(Semaphore::new(PARTS_AT_ONCE)),
        };
        Folder { s3: s3.clone(), url: url.folder(), shared: Arc::new(shared) }
    }

    pub fn url(&self) -> &Url {
        &self.url
    }

    /// A subfolder.
    #[must_use]
    pub fn join(&self, name: &str) -> Folder {
        Folder::new(&self.s3, self.url.join(name), self.shared.storing.clone())
    }

    /// Everything in this folder whose name begins with a text, by the rest of the name.
    #[must_use]
    pub fn with_prefix(&self, prefix: &str) -> Folder {
        let folder = Folder::new(&self.s3, self.url.clone(), self.shared.storing.clone());
        Folder { url: self.url.join(prefix), ..folder }
    }

    pub(super) fn clients(&self) -> &Arc<Clients> {
        &self.s3.clients
    }

    /// The AWS account that must own the bucket.
    pub(super) fn owner(&self) -> Option<String> {
        self.s3.settings().bucket_owner.clone()
    }

    /// The names of all objects below this folder, relative to it, in the order of their bytes.
    pub fn names(&self) -> Result<Vec<String>, AwsError> {
        Ok(self.names_and_sizes()?.into_iter().map(|(name, _)| name).collect())
    }

    /// The same, each with the object's size in bytes.
    pub fn names_and_sizes(&self) -> Result<Vec<(String, u64)>, AwsError> {
        let objects = list::all(Arc::clone(self.clients()), self.url.clone());
        let objects = self.s3.session().wait_uninterrupted(objects)?;
        let names = objects.into_iter().filter_map(|object| {
            let name = object.url.key.strip_prefix(&self.url.key)?;
            (!name.is_empty()).then(|| (name.to_owned(), object.bytes)) // the folder's own marker has no name
        });
        Ok(names.collect())
    }

    /// Reads a small object of at most `bytes_max` bytes; `None` if it does not exist.
    pub fn get(&self, name: &str, bytes_max: u64) -> Result<Option<Vec<u8>>, AwsError> {
        self.s3.session().wait_uninterrupted(self.get_async(name, bytes_max))
    }

    async fn get_async(&self, name: &str, bytes_max: u64) -> Result<Option<Vec<u8>>, AwsError> {
        let url = self.url.join(name);
        let request = S3Request::new("s3:GetObject", &url);
        let response = self
            .clients()
            .send(&request, |client| client.get_object().bucket(&url.bucket).key(&url.key).send());
        let mut body = match response.await {
            Ok(response) => response.body,
            Err(error) if self.is_missing(&url, &error).await => return Ok(None),
            Err(error) => return Err(error),
        };
        let mut bytes = Vec::new();
        let mut pace = Pace::new(self.clients().identity.access.operation_timeout());
        while let Some(chunk) = pace.wait(body.next(), &url).await? {
            let chunk = chunk.map_err(|error| {
                let reason = root_cause(&error);
                let message = format!("the transfer of `{url}` was cut off: {reason}");
                AwsError::new(AwsErrorKind::Io, message, "check the network, and run again")
            })?;
            pace.add(chunk.len());
            bytes.extend_from_slice(&chunk);
            if u64::try_from(bytes.len()).is_ok_and(|length| bytes_max < length) {
                let message = format!("`{url}` is larger than {bytes_max} bytes");
                let hint = "move it away, and run again";
                return Err(AwsError::new(AwsErrorKind::Io, message, hint));
            }
        }
        Ok(Some(bytes))
    }

    /// Writes a small working file. Replaces an existing object.
    pub fn put(&self, name: &str, bytes: &[u8]) -> Result<(), AwsError> {
        self.s3.session().wait_uninterrupted(self.put_async(name, bytes.to_vec(), Put::Working))
    }

    /// Writes a small object. Fails with a conflict if it exists.
    pub fn put_new(&self, name: &str, bytes: &[u8]) -> Result<(), AwsError> {
        self.s3.session().wait_uninterrupted(self.put_async(name, bytes.to_vec(), Put::New))
    }

    pub(super) async fn put_async(
        &self,
        name: &str,
        bytes: Vec<u8>,
        how: Put,
    ) -> Result<(), AwsError> {
        let url = self.url.join(name);
        let request = S3Request::new("s3:PutObject", &url);
        let nonce = new_nonce()?;
        let checksum = ChecksumValue::compute(self.s3.settings().checksum, &bytes);
        let bytes = bytes::Bytes::from(bytes);
        let put = self.clients().send(&request, |client| {
            let put = self.put_request(&client, &url, how).metadata(NONCE, &nonce);
            checksum.add_to_put(put).body(bytes.clone().into()).send()
        });
        match put.await {
            Ok(_) => Ok(()),
            // An earlier attempt may have succeeded, and its response been lost.
            Err(error)
                if error.kind == AwsErrorKind::Conflict && self.has_nonce(&url, &nonce).await? =>
            {
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    fn put_request(&self, client: &Client, url: &Url, how: Put) -> PutObjectFluentBuilder {
        let Storing { encryption, storage_class, tags } = &self.shared.storing;
        let is_working = how != Put::New;
        let encryption = EncryptionHeaders::new(encryption.as_ref());
        client
            .put_object()
            .bucket(&url.bucket)
            .key(&url.key)
            .set_expected_bucket_owner(self.owner())
            .set_server_side_encryption(encryption.algorithm)
            .set_ssekms_key_id(encryption.key_id)
            .set_bucket_key_enabled(encryption.bucket_key)
            .set_ssekms_encryption_context(encryption.context)
            .set_storage_class(
                storage_class.as_deref().filter(|_| !is_working).map(StorageClass::from),
            )
            .set_tagging(tags.clone().filter(|_| !is_working))
            .set_if_none_match((how != Put::Working).then(|| "*".to_owned()))
    }

    /// Whether the object exists and was made with this nonce.
    pub(super) async fn has_nonce(&self, url: &Url, nonce: &str) -> Result<bool, AwsError> {
        let request = S3Request::new("s3:GetObject", url);
        let head = self
            .clients()
            .send(&request, |client| client.head_object().bucket(&url.bucket).key(&url.key).send());
        match head.await {
            Ok(head) => {
                let found = head.metadata().and_then(|metadata| metadata.get(NONCE));
                Ok(found.is_some_and(|found| found == nonce))
            }
            Err(error) if self.is_missing(url, &error).await => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Whether this error of reading an object means that it does not exist. To an identity that
    /// may list a bucket only below some prefixes, S3 denies to read what does not exist.
    async fn is_missing(&self, url: &Url, error: &AwsError) -> bool {
        match error.kind {
            AwsErrorKind::NotFound => true,
            AwsErrorKind::Denied => list::exists(self.clients(), url).await.is_ok_and(|it| !it),
            AwsErrorKind::NoBucket
            | AwsErrorKind::Settings
            | AwsErrorKind::Conflict
            | AwsErrorKind::Archived
            | AwsErrorKind::Unsupported
            | AwsErrorKind::Stopped
            | AwsErrorKind::Io => false,
        }
    }

    /// Removes objects. Not an error for those that do not exist.
    pub fn remove(&self, names: Vec<String>) -> Result<(), AwsError> {
        self.s3.session().wait_uninterrupted(for_each(names, |name| {
            let folder = self.clone();
            async move { folder.remove_async(&name).await }
        }))
    }

    async fn remove_async(&self, name: &str) -> Result<(), AwsError> {
        let url = self.url.join(name);
        let request = S3Request::new("s3:DeleteObject", &url);
        let removed = self.clients().send(&request, |client| {
            client
                .delete_object()
                .bucket(&url.bucket)
                .key(&url.key)
                .set_expected_bucket_owner(self.owner())
                .send()
        });
        match removed.await {
            Ok(_) => Ok(()),
            Err(error) if error.kind == AwsErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Reserves memory for a small object of this size. Returns `false` if there is none left.
    pub(super) fn reserve(&self, bytes: usize) -> bool {
        let cost = bytes + HELD_COST;
        let fits = |held: usize| (held + cost <= HELD_MAX).then_some(held + cost);
        self.shared.held.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits).is_ok()
    }

    pub(super) fn uploads(&self) -> MutexGuard<'_, BTreeMap<String, String>> {
        self.shared.uploads.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A random value that an object carries in its metadata. If the response to a request is lost, it
/// shows whether the object comes from that request.
pub(super) fn new_nonce() -> Result<String, AwsError> {
    let random = getrandom::u64().map_err(|error| {
        let message = format!("the system provides no random bytes: {error}");
        AwsError::new(AwsErrorKind::Io, message, "run again")
    })?;
    Ok(format!("{random:016x}"))
}

/// The headers for server-side encryption.
#[derive(Clone, Default)]
pub(super) struct EncryptionHeaders {
    pub(super) algorithm: Option<ServerSideEncryption>,
    pub(super) key_id: Option<String>,
    pub(super) bucket_key: Option<bool>,
    pub(super) context: Option<String>,
}

impl EncryptionHeaders {
    pub(super) fn new(encryption: Option<&Encryption>) -> EncryptionHeaders {
        match encryption.cloned() {
            None => EncryptionHeaders::default(),
            Some(Encryption::S3) => EncryptionHeaders {
                algorithm: Some(ServerSideEncryption::Aes256),
                ..EncryptionHeaders::default()
            },
            Some(Encryption::Kms { key_id, bucket_key, context }) => {
                let algorithm = Some(ServerSideEncryption::AwsKms);
                EncryptionHeaders { algorithm, key_id, bucket_key, context }
            }
        }
    }
}

/// Runs a request for each item, some of them concurrently. After a failure no further ones are
/// begun; the first error is returned once those that run have ended.
pub(super) async fn for_each<T, F>(items: Vec<T>, send: impl Fn(T) -> F) -> Result<(), AwsError>
where
    F: Future<Output = Result<(), AwsError>> + Send + 'static,
{
    let mut waiting = items.into_iter();
    let mut running = JoinSet::new();
    let mut outcome = Ok(());
    loop {
        while outcome.is_ok()
            && running.len() < CONCURRENCY
            && let Some(item) = waiting.next()
        {
            running.spawn(send(item));
        }
        match running.join_next().await {
            None => return outcome,
            Some(Ok(result)) => outcome = outcome.and(result),
            Some(Err(_panic)) => {
                let message = "a request ended unexpectedly";
                outcome = outcome.and(Err(AwsError::new(AwsErrorKind::Io, message, "run again")));
            }
        }
    }
}
