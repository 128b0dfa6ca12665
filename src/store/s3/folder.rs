//! A folder in a bucket that a run writes to: small objects whole, large ones in parts, and what
//! it takes to have them there or not at all.
//!
//! What is uploaded in parts is seen by nobody before it is completed. Small objects wait in
//! memory until then, up to [`HELD_MAX`] in all.

use std::{
    collections::BTreeMap,
    future::Future,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use aws_sdk_s3::Client;
use aws_sdk_s3::operation::put_object::builders::PutObjectFluentBuilder;
use aws_sdk_s3::types::{ServerSideEncryption, StorageClass};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::checksum::Sum;
use super::client::{Clients, S3};
use super::request::S3Request;
use super::settings::{Encryption, Storing};
use super::upload::{Finished, PARTS_AT_ONCE, Upload};
use super::url::Url;
use crate::store::aws::{AwsError, AwsErrorKind};

/// Requests at once where many small ones are needed.
const AT_ONCE: usize = 16;
/// Bytes of small objects that wait in memory.
pub(crate) const HELD_MAX: usize = 4 << 20;
/// What an object that waits costs beside its bytes.
const HELD_COST: usize = 1 << 10;
/// The name under which an object says which upload it came from.
const MARK: &str = "segprep-upload";

/// A folder in a bucket. Clones are the same folder.
#[derive(Clone, Debug)]
pub struct Folder {
    pub(super) s3: S3,
    url: Url,
    pub(super) shared: Arc<Shared>,
}

#[derive(Debug)]
pub(super) struct Shared {
    storing: Storing,
    /// Uploads that are neither completed nor aborted: their ids, with the names of what is uploaded.
    uploads: Mutex<BTreeMap<String, String>>,
    held: AtomicUsize,
    /// An upload in parts was begun.
    has_uploaded: AtomicBool,
    /// One for each part that is on its way.
    pub(super) on_their_way: Arc<Semaphore>,
}

/// How an object is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Put {
    /// As the definition says, and only where nothing is.
    New,
    /// For a while, over what is there.
    Working,
    /// For a while, and only where nothing is.
    NewWorking,
}

impl Folder {
    pub fn new(s3: &S3, url: Url, storing: Storing) -> Folder {
        let shared = Shared {
            storing,
            uploads: Mutex::default(),
            held: AtomicUsize::new(0),
            has_uploaded: AtomicBool::new(false),
            on_their_way: Arc::new(Semaphore::new(PARTS_AT_ONCE)),
        };
        Folder { s3: s3.clone(), url: url.folder(), shared: Arc::new(shared) }
    }

    pub fn url(&self) -> &Url {
        &self.url
    }

    /// A folder in this one.
    #[must_use]
    pub fn join(&self, name: &str) -> Folder {
        Folder::new(&self.s3, self.url.join(name), self.shared.storing.clone())
    }

    pub(super) fn clients(&self) -> &Arc<Clients> {
        &self.s3.clients
    }

    pub(super) fn owner(&self) -> Option<String> {
        self.s3.settings().bucket_owner.clone()
    }

    /// A new object, to be written and finished; nobody sees it before it is completed.
    pub fn create(&self, name: &str) -> Upload {
        Upload::new(self.clone(), name)
    }

    /// The names in this folder, in the order of their bytes. Its own marker is none.
    pub fn names(&self) -> Result<Vec<String>, AwsError> {
        let objects = self.s3.session().see_through(self.all())?;
        Ok(objects.into_iter().filter(|name| !name.is_empty()).collect())
    }

    async fn all(&self) -> Result<Vec<String>, AwsError> {
        let objects = crate::store::s3::list::all(Arc::clone(self.clients()), self.url.clone());
        let own = |key: String| key.strip_prefix(&self.url.key).map(str::to_owned);
        Ok(objects.await?.into_iter().filter_map(|object| own(object.url.key)).collect())
    }

    /// A small object whole; none if there is no such.
    pub fn get(&self, name: &str) -> Result<Option<Vec<u8>>, AwsError> {
        self.s3.session().see_through(self.get_now(name))
    }

    pub(super) async fn get_now(&self, name: &str) -> Result<Option<Vec<u8>>, AwsError> {
        let url = self.url.join(name);
        let asked = asked("s3:GetObject", &url);
        let answer = self.clients().ask(&asked, |client| {
            let request = client.get_object().bucket(&url.bucket).key(&url.key);
            async move {
                let answer = request.send().await?;
                let body = answer.body.collect().await;
                body.map(aws_sdk_s3::primitives::AggregatedBytes::to_vec)
                    .map_err(aws_sdk_s3::error::SdkError::construction_failure)
            }
        });
        match answer.await {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind == AwsErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Writes a small object over what is there.
    pub fn put(&self, name: &str, bytes: &[u8]) -> Result<(), AwsError> {
        self.s3.session().see_through(self.put_now(name, bytes.to_vec(), Put::Working))
    }

    /// Writes a small object where nothing is; one that is there is a conflict.
    pub fn put_new(&self, name: &str, bytes: &[u8]) -> Result<(), AwsError> {
        self.s3.session().see_through(self.put_now(name, bytes.to_vec(), Put::New))
    }

    pub(super) async fn put_now(
        &self,
        name: &str,
        bytes: Vec<u8>,
        how: Put,
    ) -> Result<(), AwsError> {
        let url = self.url.join(name);
        let asked = asked("s3:PutObject", &url);
        let mark = mark()?;
        let sum = Sum::of(self.s3.settings().checksum, &bytes);
        let bytes = bytes::Bytes::from(bytes);
        let put = self.clients().ask(&asked, |client| {
            let request = self.put_request(&client, &url, how).metadata(MARK, &mark);
            sum.give_to_put(request).body(bytes.clone().into()).send()
        });
        match put.await {
            Ok(_) => Ok(()),
            // The answer to an earlier try may have been lost.
            Err(error)
                if error.kind == AwsErrorKind::Conflict && self.has_mark(&url, &mark).await? =>
            {
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    fn put_request(&self, client: &Client, url: &Url, how: Put) -> PutObjectFluentBuilder {
        let Storing { encryption, storage_class, tags } = &self.shared.storing;
        let is_working = how != Put::New;
        let (sse, key, bucket_key, context) = encryption_of(encryption.as_ref());
        client
            .put_object()
            .bucket(&url.bucket)
            .key(&url.key)
            .set_expected_bucket_owner(self.owner())
            .set_server_side_encryption(sse)
            .set_ssekms_key_id(key)
            .set_bucket_key_enabled(bucket_key)
            .set_ssekms_encryption_context(context)
            .set_storage_class(
                storage_class.as_deref().filter(|_| !is_working).map(StorageClass::from),
            )
            .set_tagging(tags.clone().filter(|_| !is_working))
            .set_if_none_match((how != Put::Working).then(|| "*".to_owned()))
    }

    /// Begins an upload in parts; gives its id.
    pub(super) async fn begin_upload(&self, name: &str, mark: &str) -> Result<String, AwsError> {
        let url = self.url.join(name);
        let asked = asked("s3:PutObject", &url);
        let Storing { encryption, storage_class, tags } = &self.shared.storing;
        let (sse, key, bucket_key, context) = encryption_of(encryption.as_ref());
        let (algorithm, kind) = Sum::of_upload(self.s3.settings().checksum);
        self.shared.has_uploaded.store(true, Ordering::Relaxed);
        let begun = self.clients().ask(&asked, |client| {
            client
                .create_multipart_upload()
                .bucket(&url.bucket)
                .key(&url.key)
                .metadata(MARK, mark)
                .set_expected_bucket_owner(self.owner())
                .set_server_side_encryption(sse.clone())
                .set_ssekms_key_id(key.clone())
                .set_bucket_key_enabled(bucket_key)
                .set_ssekms_encryption_context(context.clone())
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

    /// Whether this object came from the upload of that mark.
    pub(super) async fn has_mark(&self, url: &Url, mark: &str) -> Result<bool, AwsError> {
        let asked = asked("s3:GetObject", url);
        let head = self
            .clients()
            .ask(&asked, |client| client.head_object().bucket(&url.bucket).key(&url.key).send());
        match head.await {
            Ok(head) => {
                Ok(head.metadata().and_then(|all| all.get(MARK)).is_some_and(|m| m == mark))
            }
            Err(error) if error.kind == AwsErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Puts finished objects where readers look for them, where nothing may be yet.
    pub fn complete(&self, finished: Vec<Finished>) -> Result<(), AwsError> {
        self.s3.session().see_through(each(finished, |object| {
            let folder = self.clone();
            async move { object.complete(&folder).await }
        }))
    }

    /// Removes objects; they may be gone already.
    pub fn remove(&self, names: Vec<String>) -> Result<(), AwsError> {
        self.s3.session().see_through(each(names, |name| {
            let folder = self.clone();
            async move { folder.remove_now(&name).await }
        }))
    }

    pub(super) async fn remove_now(&self, name: &str) -> Result<(), AwsError> {
        let url = self.url.join(name);
        let asked = asked("s3:DeleteObject", &url);
        let removed = self.clients().ask(&asked, |client| {
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

    /// Whether an upload in parts was begun here. The answer to one may have been lost: then
    /// nobody knows its id.
    pub fn has_uploaded(&self) -> bool {
        self.shared.has_uploaded.load(Ordering::Relaxed)
    }

    /// Ends the uploads that this run began here and did not complete.
    pub fn abort_own(&self) -> Result<(), AwsError> {
        let own: Vec<(String, String)> = self.uploads().clone().into_iter().collect();
        self.abort(own)
    }

    /// Ends all uploads under this folder's name, whoever began them, of objects that `is_ours`
    /// tells by their names. Only whoever took the place over may do so.
    pub fn abort_all(&self, is_ours: impl Fn(&str) -> bool) -> Result<(), AwsError> {
        let found = self.s3.session().see_through(self.uploads_here())?;
        self.abort(found.into_iter().filter(|(_, name)| is_ours(name)).collect())
    }

    fn abort(&self, uploads: Vec<(String, String)>) -> Result<(), AwsError> {
        self.s3.session().see_through(each(uploads, |(id, name)| {
            let folder = self.clone();
            async move { folder.abort_one(&id, &name).await }
        }))
    }

    async fn abort_one(&self, id: &str, name: &str) -> Result<(), AwsError> {
        let url = self.url.join(name);
        let asked = asked("s3:AbortMultipartUpload", &url);
        let aborted = self.clients().ask(&asked, |client| {
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

    /// Ids and names of all uploads here that are under way.
    async fn uploads_here(&self) -> Result<Vec<(String, String)>, AwsError> {
        let asked = asked("s3:ListBucketMultipartUploads", &self.url);
        let asked = S3Request { key: "", ..asked };
        let (mut found, mut key, mut id) = (Vec::new(), None, None);
        loop {
            let page = self.clients().ask(&asked, |client| {
                client
                    .list_multipart_uploads()
                    .bucket(&self.url.bucket)
                    .prefix(&self.url.key)
                    .set_key_marker(key.clone())
                    .set_upload_id_marker(id.clone())
                    .send()
            });
            let page = page.await?;
            found.extend(page.uploads().iter().filter_map(|upload| {
                let name = upload.key()?.strip_prefix(&self.url.key)?;
                Some((upload.upload_id()?.to_owned(), name.to_owned()))
            }));
            if page.is_truncated() != Some(true) {
                return Ok(found);
            }
            (key, id) = (page.next_key_marker, page.next_upload_id_marker);
        }
    }

    pub(super) fn forget_upload(&self, id: &str) {
        self.uploads().remove(id);
    }

    fn uploads(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, String>> {
        self.shared.uploads.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a small object may wait in memory; it is counted then.
    pub(super) fn may_hold(&self, bytes: usize) -> bool {
        let cost = bytes + HELD_COST;
        let fits = |held: usize| (held + cost <= HELD_MAX).then_some(held + cost);
        self.shared.held.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits).is_ok()
    }
}

/// What is asked of S3 about an object.
pub(super) fn asked<'a>(action: &'static str, url: &'a Url) -> S3Request<'a> {
    S3Request { action, bucket: &url.bucket, key: &url.key }
}

/// Something to know an object by again.
pub(super) fn mark() -> Result<String, AwsError> {
    let random = getrandom::u64().map_err(|error| {
        let message = format!("the system gives no random bytes: {error}");
        AwsError::new(AwsErrorKind::Io, message, "run again")
    })?;
    Ok(format!("{random:016x}"))
}

type Sse = (Option<ServerSideEncryption>, Option<String>, Option<bool>, Option<String>);

fn encryption_of(encryption: Option<&Encryption>) -> Sse {
    match encryption {
        None => (None, None, None, None),
        Some(Encryption::S3) => (Some(ServerSideEncryption::Aes256), None, None, None),
        Some(Encryption::Kms { key_id, bucket_key, context }) => {
            (Some(ServerSideEncryption::AwsKms), key_id.clone(), *bucket_key, context.clone())
        }
    }
}

/// Does something for each, some at once. The first failure is told when those at work have ended.
async fn each<T, F>(all: Vec<T>, what: impl Fn(T) -> F) -> Result<(), AwsError>
where
    F: Future<Output = Result<(), AwsError>> + Send + 'static,
{
    let mut waiting = all.into_iter();
    let mut at_work = JoinSet::new();
    let mut outcome = Ok(());
    loop {
        while outcome.is_ok()
            && at_work.len() < AT_ONCE
            && let Some(next) = waiting.next()
        {
            at_work.spawn(what(next));
        }
        match at_work.join_next().await {
            None => return outcome,
            Some(Ok(done)) => outcome = outcome.and(done),
            Some(Err(_panic)) => {
                let message = "a request could not be ended";
                outcome = outcome.and(Err(AwsError::new(AwsErrorKind::Io, message, "run again")));
            }
        }
    }
}
