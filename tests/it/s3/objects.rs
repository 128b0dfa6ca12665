//! S3 as s3s-fs serves it from a folder, mended where it differs from AWS: conditions hold also
//! between two that come at once, listings have an `ETag`, keys are any text, and uploads that are
//! under way can be listed.
//!
//! Bodies lie in s3s-fs under plain names; what there is to know of an object is kept here.

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicU64, Ordering},
    },
    time::SystemTime,
};

use s3s::dto::*;
use s3s::{S3, S3Request, S3Response, S3Result, s3_error};
use s3s_fs::FileSystem;

/// What is known of an object.
#[derive(Clone, Debug)]
pub(crate) struct Meta {
    /// Its name in s3s-fs.
    file: String,
    pub(crate) etag: String,
    pub(crate) bytes: i64,
    modified: SystemTime,
    pub(crate) class: Option<String>,
}

type Key = (String, String);

#[derive(Default)]
struct State {
    objects: BTreeMap<Key, Meta>,
    /// By id: what is uploaded, and its name in s3s-fs.
    uploads: BTreeMap<String, (Key, String)>,
}

/// Clones are the same objects.
#[derive(Clone)]
pub(crate) struct Objects(Arc<Inner>);

impl std::ops::Deref for Objects {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}

pub(crate) struct Inner {
    fs: FileSystem,
    state: Mutex<State>,
    /// Who changes something does it alone.
    turn: tokio::sync::Mutex<()>,
    names: AtomicU64,
    /// Objects on a page of a listing.
    page: usize,
}

impl Objects {
    pub(crate) fn new(folder: &Path, page: usize) -> Objects {
        Objects(Arc::new(Inner {
            fs: FileSystem::new(folder).expect("a folder"),
            state: Mutex::default(),
            turn: tokio::sync::Mutex::default(),
            names: AtomicU64::new(0),
            page,
        }))
    }
}

impl Inner {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nobody panics with it")
    }

    fn name(&self) -> String {
        format!("o{}", self.names.fetch_add(1, Ordering::Relaxed))
    }

    fn find(&self, bucket: &str, key: &str) -> Option<Meta> {
        self.state().objects.get(&(bucket.to_owned(), key.to_owned())).cloned()
    }

    /// All that is there: `bucket/key`, with what is known of it.
    pub(crate) fn all(&self) -> BTreeMap<String, Meta> {
        let state = self.state();
        let all = state.objects.iter();
        all.map(|((bucket, key), meta)| (format!("{bucket}/{key}"), meta.clone())).collect()
    }

    /// Keys of uploads that are under way.
    pub(crate) fn uploads(&self) -> Vec<String> {
        self.state().uploads.values().map(|((_, key), _)| key.clone()).collect()
    }

    /// Puts an object into a storage class without a word of it to anybody.
    pub(crate) fn set_class(&self, bucket: &str, key: &str, class: &str) {
        let mut state = self.state();
        let object = state.objects.get_mut(&(bucket.to_owned(), key.to_owned()));
        object.expect("it is there").class = Some(class.to_owned());
    }

    fn keep(&self, bucket: &str, key: &str, meta: Meta) {
        self.state().objects.insert((bucket.to_owned(), key.to_owned()), meta);
    }

    /// s3s-fs makes folders as it needs them; a bucket has to be made.
    async fn must_exist(&self, bucket: &str) -> S3Result<()> {
        let head = HeadBucketInput { bucket: bucket.to_owned(), ..HeadBucketInput::default() };
        let found = self.fs.head_bucket(request(head)).await;
        found.map(drop).map_err(|_absent| s3_error!(NoSuchBucket))
    }

    async fn bytes_of(&self, bucket: &str, file: &str) -> S3Result<i64> {
        let head = HeadObjectInput {
            bucket: bucket.to_owned(),
            key: file.to_owned(),
            ..HeadObjectInput::default()
        };
        let head = self.fs.head_object(request(head)).await?;
        Ok(head.output.content_length.unwrap_or(0))
    }
}

fn request<T>(input: T) -> S3Request<T> {
    S3Request {
        input,
        method: http::Method::GET,
        uri: http::Uri::from_static("/"),
        headers: http::HeaderMap::new(),
        extensions: http::Extensions::new(),
        credentials: None,
        region: None,
        service: None,
        trailing_headers: None,
    }
}

fn etag_text(etag: Option<ETag>) -> String {
    etag.map(|etag| etag.value().to_owned()).unwrap_or_default()
}

fn matches(condition: &ETagCondition, meta: Option<&Meta>) -> bool {
    match (condition.as_etag(), meta) {
        (_, None) => false,
        (None, Some(_)) => true,
        (Some(etag), Some(meta)) => etag.value() == meta.etag,
    }
}

/// As a form has it.
fn encoded(text: &str) -> String {
    let encoded = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'*' | b'/' => {
            char::from(byte).to_string()
        }
        b' ' => "+".to_owned(),
        byte => format!("%{byte:02X}"),
    };
    text.bytes().map(encoded).collect()
}

#[async_trait::async_trait]
impl S3 for Objects {
    async fn create_bucket(
        &self,
        request: S3Request<CreateBucketInput>,
    ) -> S3Result<S3Response<CreateBucketOutput>> {
        self.fs.create_bucket(request).await
    }

    async fn put_object(
        &self,
        mut request: S3Request<PutObjectInput>,
    ) -> S3Result<S3Response<PutObjectOutput>> {
        let (bucket, key) = (request.input.bucket.clone(), request.input.key.clone());
        self.must_exist(&bucket).await?;
        let class = request.input.storage_class.take().map(|class| class.as_str().to_owned());
        let (none, some) = (request.input.if_none_match.take(), request.input.if_match.take());
        request.input.key = self.name();
        request.input.tagging = None;
        let file = request.input.key.clone();
        let done = self.fs.put_object(request).await?;
        let bytes = self.bytes_of(&bucket, &file).await?;
        let _turn = self.turn.lock().await;
        let there = self.find(&bucket, &key);
        if none.is_some_and(|condition| matches(&condition, there.as_ref()))
            || some.is_some_and(|condition| !matches(&condition, there.as_ref()))
        {
            return Err(s3_error!(PreconditionFailed));
        }
        let etag = etag_text(done.output.e_tag.clone());
        self.keep(&bucket, &key, Meta { file, etag, bytes, modified: SystemTime::now(), class });
        Ok(done)
    }

    async fn get_object(
        &self,
        mut request: S3Request<GetObjectInput>,
    ) -> S3Result<S3Response<GetObjectOutput>> {
        let input = &mut request.input;
        self.must_exist(&input.bucket).await?;
        let Some(meta) = self.find(&input.bucket, &input.key) else {
            return Err(s3_error!(NoSuchKey));
        };
        if input.if_match.take().is_some_and(|condition| !matches(&condition, Some(&meta))) {
            return Err(s3_error!(PreconditionFailed));
        }
        if meta.class.as_deref().is_some_and(|class| class.starts_with("GLACIER")) {
            return Err(s3_error!(InvalidObjectState));
        }
        input.key = meta.file;
        self.fs.get_object(request).await
    }

    async fn head_object(
        &self,
        mut request: S3Request<HeadObjectInput>,
    ) -> S3Result<S3Response<HeadObjectOutput>> {
        let Some(meta) = self.find(&request.input.bucket, &request.input.key) else {
            return Err(s3_error!(NoSuchKey));
        };
        request.input.key = meta.file;
        self.fs.head_object(request).await
    }

    async fn delete_object(
        &self,
        request: S3Request<DeleteObjectInput>,
    ) -> S3Result<S3Response<DeleteObjectOutput>> {
        let _turn = self.turn.lock().await;
        let DeleteObjectInput { bucket, key, .. } = request.input;
        self.state().objects.remove(&(bucket, key));
        Ok(S3Response::new(DeleteObjectOutput::default()))
    }

    async fn list_objects_v2(
        &self,
        request: S3Request<ListObjectsV2Input>,
    ) -> S3Result<S3Response<ListObjectsV2Output>> {
        let input = request.input;
        self.must_exist(&input.bucket).await?;
        let prefix = input.prefix.clone().unwrap_or_default();
        let after = input.continuation_token.clone().or(input.start_after.clone());
        let is_encoded = input.encoding_type.as_ref().is_some_and(|kind| kind.as_str() == "url");
        let shown = |text: &str| if is_encoded { encoded(text) } else { text.to_owned() };
        let (mut contents, mut folders, mut last) = (Vec::new(), Vec::new(), None);
        let mut is_truncated = false;
        for ((bucket, key), meta) in &self.state().objects {
            if *bucket != input.bucket || !key.starts_with(&prefix) {
                continue;
            }
            let below = key.get(prefix.len()..).unwrap_or_default();
            let folder = input.delimiter.as_deref().and_then(|delimiter| {
                let (folder, _) = below.split_once(delimiter)?;
                Some(format!("{prefix}{folder}{delimiter}"))
            });
            let name = folder.clone().unwrap_or_else(|| key.clone());
            if after.as_ref().is_some_and(|after| name <= *after) || last.as_ref() == Some(&name) {
                continue;
            }
            if contents.len() + folders.len() == self.page {
                is_truncated = true;
                break;
            }
            last = Some(name.clone());
            if folder.is_some() {
                folders.push(CommonPrefix { prefix: Some(shown(&name)) });
                continue;
            }
            contents.push(Object {
                key: Some(shown(key)),
                e_tag: Some(ETag::Strong(meta.etag.clone())),
                size: Some(meta.bytes),
                last_modified: Some(Timestamp::from(meta.modified)),
                storage_class: meta.class.clone().map(ObjectStorageClass::from),
                ..Object::default()
            });
        }
        Ok(S3Response::new(ListObjectsV2Output {
            contents: Some(contents),
            common_prefixes: Some(folders),
            is_truncated: Some(is_truncated),
            next_continuation_token: last.filter(|_| is_truncated),
            encoding_type: input.encoding_type,
            name: Some(input.bucket),
            prefix: input.prefix,
            ..ListObjectsV2Output::default()
        }))
    }

    async fn create_multipart_upload(
        &self,
        mut request: S3Request<CreateMultipartUploadInput>,
    ) -> S3Result<S3Response<CreateMultipartUploadOutput>> {
        let place = (request.input.bucket.clone(), request.input.key.clone());
        let file = self.name();
        request.input.key.clone_from(&file);
        let mut begun = self.fs.create_multipart_upload(request).await?;
        begun.output.key = Some(place.1.clone());
        let id = begun.output.upload_id.clone().unwrap_or_default();
        self.state().uploads.insert(id, (place, file));
        Ok(begun)
    }

    async fn upload_part(
        &self,
        mut request: S3Request<UploadPartInput>,
    ) -> S3Result<S3Response<UploadPartOutput>> {
        let file = self.state().uploads.get(&request.input.upload_id).map(|(_, file)| file.clone());
        request.input.key = file.ok_or_else(|| s3_error!(NoSuchUpload))?;
        self.fs.upload_part(request).await
    }

    async fn complete_multipart_upload(
        &self,
        mut request: S3Request<CompleteMultipartUploadInput>,
    ) -> S3Result<S3Response<CompleteMultipartUploadOutput>> {
        let _turn = self.turn.lock().await;
        let upload = self.state().uploads.get(&request.input.upload_id).cloned();
        let ((bucket, key), file) = upload.ok_or_else(|| s3_error!(NoSuchUpload))?;
        let there = self.find(&bucket, &key);
        if request.input.if_none_match.take().is_some_and(|c| matches(&c, there.as_ref())) {
            return Err(s3_error!(PreconditionFailed));
        }
        let id = request.input.upload_id.clone();
        request.input.key.clone_from(&file);
        let done = self.fs.complete_multipart_upload(request).await?;
        let head = HeadObjectInput {
            bucket: bucket.clone(),
            key: file.clone(),
            ..HeadObjectInput::default()
        };
        let head = self.fs.head_object(self::request(head)).await?.output;
        let (etag, bytes) = (etag_text(head.e_tag), head.content_length.unwrap_or(0));
        self.state().uploads.remove(&id);
        let modified = SystemTime::now();
        self.keep(&bucket, &key, Meta { file, etag, bytes, modified, class: None });
        Ok(done)
    }

    async fn abort_multipart_upload(
        &self,
        mut request: S3Request<AbortMultipartUploadInput>,
    ) -> S3Result<S3Response<AbortMultipartUploadOutput>> {
        let upload = self.state().uploads.remove(&request.input.upload_id);
        request.input.key = upload.ok_or_else(|| s3_error!(NoSuchUpload))?.1;
        self.fs.abort_multipart_upload(request).await
    }

    async fn list_multipart_uploads(
        &self,
        request: S3Request<ListMultipartUploadsInput>,
    ) -> S3Result<S3Response<ListMultipartUploadsOutput>> {
        let prefix = request.input.prefix.clone().unwrap_or_default();
        let bucket = request.input.bucket;
        let state = self.state();
        let here = state
            .uploads
            .iter()
            .filter(|(_, ((of, key), _))| *of == bucket && key.starts_with(&prefix));
        let uploads = here.map(|(id, ((_, key), _))| MultipartUpload {
            key: Some(key.clone()),
            upload_id: Some(id.clone()),
            ..MultipartUpload::default()
        });
        Ok(S3Response::new(ListMultipartUploadsOutput {
            uploads: Some(uploads.collect()),
            is_truncated: Some(false),
            ..ListMultipartUploadsOutput::default()
        }))
    }
}
