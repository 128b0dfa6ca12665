//! S3 as s3s-fs serves it from a folder, corrected where it differs from AWS: conditions also hold
//! between concurrent requests, listings have an `ETag`, keys may be any text, and unfinished uploads can
//! be listed.
//!
//! Objects that are put as a whole go to s3s-fs, which checks them. All reads are answered from memory,
//! and uploads in parts are kept here: s3s-fs reads in blocks of 4 KiB and joins parts by copying, which
//! would use more time than the program under test.

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
use s3s::{Body, S3, S3Request, S3Response, S3Result, s3_error};
use s3s_fs::FileSystem;

use super::bodies::{Content, Upload, check_part, crc64, etag_of, joined, length, whole};

/// The metadata of an object.
#[derive(Clone, Debug)]
pub(crate) struct Meta {
    pub(crate) etag: String,
    pub(crate) bytes: u64,
    modified: SystemTime,
    pub(crate) class: Option<String>,
    content: Arc<Content>,
}

type Key = (String, String);

#[derive(Default)]
struct State {
    objects: BTreeMap<Key, Meta>,
    uploads: BTreeMap<String, Upload>,
}

/// The objects of all buckets. A clone is another handle to the same objects.
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
    /// Serializes all changes.
    turn: tokio::sync::Mutex<()>,
    names: AtomicU64,
    /// The number of objects per page of a listing.
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
        self.state.lock().expect("no panic while it was locked")
    }

    fn name(&self) -> String {
        format!("o{}", self.names.fetch_add(1, Ordering::Relaxed))
    }

    fn find(&self, bucket: &str, key: &str) -> Option<Meta> {
        self.state().objects.get(&(bucket.to_owned(), key.to_owned())).cloned()
    }

    /// The metadata of all objects by `bucket/key`.
    pub(crate) fn all(&self) -> BTreeMap<String, Meta> {
        let state = self.state();
        let all = state.objects.iter();
        all.map(|((bucket, key), meta)| (format!("{bucket}/{key}"), meta.clone())).collect()
    }

    /// The keys of unfinished uploads.
    pub(crate) fn uploads(&self) -> Vec<String> {
        self.state().uploads.values().map(|upload| upload.place.1.clone()).collect()
    }

    /// Changes the storage class of an object, as a lifecycle rule does.
    pub(crate) fn set_class(&self, bucket: &str, key: &str, class: &str) {
        let mut state = self.state();
        let object = state.objects.get_mut(&(bucket.to_owned(), key.to_owned()));
        object.expect("it is there").class = Some(class.to_owned());
    }

    /// Replaces what the server knows of an object's bytes: its checksums, and its `ETag` if one is
    /// given.
    pub(crate) fn set_checksum(&self, bucket: &str, key: &str, sums: Checksum, etag: Option<&str>) {
        let mut state = self.state();
        let object = state.objects.get_mut(&(bucket.to_owned(), key.to_owned()));
        let object = object.expect("it is there");
        let Content { pieces, words, .. } = &*object.content;
        let content = Content { pieces: pieces.clone(), words: words.clone(), sums };
        object.content = Arc::new(content);
        if let Some(etag) = etag {
            etag.clone_into(&mut object.etag);
        }
    }

    fn keep(&self, place: Key, etag: String, class: Option<String>, content: Content) {
        let bytes = content.pieces.iter().map(length).sum();
        let modified = SystemTime::now();
        let meta = Meta { etag, bytes, modified, class, content: Arc::new(content) };
        self.state().objects.insert(place, meta);
    }

    /// Fails if the bucket does not exist. (s3s-fs would create it.)
    async fn must_exist(&self, bucket: &str) -> S3Result<()> {
        let head = HeadBucketInput { bucket: bucket.to_owned(), ..HeadBucketInput::default() };
        let found = self.fs.head_bucket(request(head)).await;
        found.map(drop).map_err(|_absent| s3_error!(NoSuchBucket))
    }
}

/// A length for a response.
fn signed(bytes: u64) -> Option<i64> {
    i64::try_from(bytes).ok()
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

fn matches(condition: &ETagCondition, meta: Option<&Meta>) -> bool {
    match (condition.as_etag(), meta) {
        (_, None) => false,
        (None, Some(_)) => true,
        (Some(etag), Some(meta)) => etag.value() == meta.etag,
    }
}

/// Encodes a text as in a form.
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
        let words = request.input.metadata.clone();
        let body = whole(request.input.body.take()).await?;
        request.input.body = Some(StreamingBlob::from(Body::from(body.clone())));
        request.input.key = self.name();
        request.input.tagging = None;
        let done = self.fs.put_object(request).await?;
        let _turn = self.turn.lock().await;
        let there = self.find(&bucket, &key);
        if none.is_some_and(|condition| matches(&condition, there.as_ref()))
            || some.is_some_and(|condition| !matches(&condition, there.as_ref()))
        {
            return Err(s3_error!(PreconditionFailed));
        }
        let sums = Checksum {
            checksum_crc32: done.output.checksum_crc32.clone(),
            checksum_crc32c: done.output.checksum_crc32c.clone(),
            checksum_crc64nvme: done.output.checksum_crc64nvme.clone(),
            checksum_sha1: done.output.checksum_sha1.clone(),
            checksum_sha256: done.output.checksum_sha256.clone(),
            checksum_type: None,
        };
        let etag = done.output.e_tag.as_ref().map(|etag| etag.value().to_owned());
        let content = Content { pieces: vec![body], words, sums };
        self.keep((bucket, key), etag.unwrap_or_default(), class, content);
        Ok(done)
    }

    async fn get_object(
        &self,
        request: S3Request<GetObjectInput>,
    ) -> S3Result<S3Response<GetObjectOutput>> {
        let input = request.input;
        self.must_exist(&input.bucket).await?;
        let meta = self.find(&input.bucket, &input.key).ok_or_else(|| s3_error!(NoSuchKey))?;
        if input.if_match.is_some_and(|condition| !matches(&condition, Some(&meta))) {
            return Err(s3_error!(PreconditionFailed));
        }
        if meta.class.as_deref().is_some_and(|class| class.starts_with("GLACIER")) {
            return Err(s3_error!(InvalidObjectState));
        }
        let range = input.range.map_or(Ok(0..meta.bytes), |range| range.check(meta.bytes))?;
        let content_range =
            format!("bytes {}-{}/{}", range.start, range.end.saturating_sub(1), meta.bytes);
        // Checksums are of the whole object.
        let sums =
            if range == (0..meta.bytes) { meta.content.sums.clone() } else { Checksum::default() };
        let body = meta.content.cut(range);
        Ok(S3Response::new(GetObjectOutput {
            content_length: signed(length(&body)),
            body: Some(StreamingBlob::from(Body::from(body))),
            content_range: input.range.map(|_| content_range),
            last_modified: Some(Timestamp::from(meta.modified)),
            metadata: meta.content.words.clone(),
            e_tag: Some(ETag::Strong(meta.etag)),
            checksum_crc32: sums.checksum_crc32,
            checksum_crc32c: sums.checksum_crc32c,
            checksum_crc64nvme: sums.checksum_crc64nvme,
            checksum_sha1: sums.checksum_sha1,
            checksum_sha256: sums.checksum_sha256,
            ..GetObjectOutput::default()
        }))
    }

    async fn head_object(
        &self,
        request: S3Request<HeadObjectInput>,
    ) -> S3Result<S3Response<HeadObjectOutput>> {
        let HeadObjectInput { bucket, key, checksum_mode, .. } = request.input;
        let meta = self.find(&bucket, &key).ok_or_else(|| s3_error!(NoSuchKey))?;
        let sums = checksum_mode.map(|_enabled| meta.content.sums.clone()).unwrap_or_default();
        Ok(S3Response::new(HeadObjectOutput {
            checksum_crc32: sums.checksum_crc32,
            checksum_crc32c: sums.checksum_crc32c,
            checksum_crc64nvme: sums.checksum_crc64nvme,
            checksum_sha1: sums.checksum_sha1,
            checksum_sha256: sums.checksum_sha256,
            content_length: signed(meta.bytes),
            last_modified: Some(Timestamp::from(meta.modified)),
            metadata: meta.content.words.clone(),
            e_tag: Some(ETag::Strong(meta.etag)),
            ..HeadObjectOutput::default()
        }))
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
                size: signed(meta.bytes),
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
        request: S3Request<CreateMultipartUploadInput>,
    ) -> S3Result<S3Response<CreateMultipartUploadOutput>> {
        let CreateMultipartUploadInput { bucket, key, metadata: words, .. } = request.input;
        self.must_exist(&bucket).await?;
        let id = self.name();
        let place = (bucket.clone(), key.clone());
        let upload = Upload { place, words, parts: BTreeMap::new() };
        self.state().uploads.insert(id.clone(), upload);
        Ok(S3Response::new(CreateMultipartUploadOutput {
            bucket: Some(bucket),
            key: Some(key),
            upload_id: Some(id),
            ..CreateMultipartUploadOutput::default()
        }))
    }

    async fn upload_part(
        &self,
        mut request: S3Request<UploadPartInput>,
    ) -> S3Result<S3Response<UploadPartOutput>> {
        let body = whole(request.input.body.take()).await?;
        let input = request.input;
        check_part(&input, &body)?;
        let etag = etag_of(&crc64(std::slice::from_ref(&body)), 1);
        let mut state = self.state();
        let upload = state.uploads.get_mut(&input.upload_id);
        let upload = upload.ok_or_else(|| s3_error!(NoSuchUpload))?;
        upload.parts.insert(input.part_number, (etag.clone(), body));
        Ok(S3Response::new(UploadPartOutput {
            e_tag: Some(ETag::Strong(etag)),
            checksum_crc64nvme: input.checksum_crc64nvme,
            ..UploadPartOutput::default()
        }))
    }

    async fn complete_multipart_upload(
        &self,
        request: S3Request<CompleteMultipartUploadInput>,
    ) -> S3Result<S3Response<CompleteMultipartUploadOutput>> {
        let _turn = self.turn.lock().await;
        let input = request.input;
        let there = self.find(&input.bucket, &input.key);
        let pieces = {
            let state = self.state();
            let upload = state.uploads.get(&input.upload_id);
            let upload = upload.ok_or_else(|| s3_error!(NoSuchUpload))?;
            if input.if_none_match.is_some_and(|condition| matches(&condition, there.as_ref())) {
                return Err(s3_error!(PreconditionFailed));
            }
            joined(upload, input.multipart_upload.as_ref())?
        };
        let sum = crc64(&pieces);
        if input.checksum_crc64nvme.is_some_and(|text| text != sum) {
            return Err(s3_error!(BadDigest));
        }
        let upload = self.state().uploads.remove(&input.upload_id);
        let words = upload.and_then(|upload| upload.words);
        let etag = etag_of(&sum, pieces.len());
        let sums = Checksum { checksum_crc64nvme: Some(sum), ..Checksum::default() };
        let place = (input.bucket.clone(), input.key.clone());
        self.keep(place, etag.clone(), None, Content { pieces, words, sums });
        Ok(S3Response::new(CompleteMultipartUploadOutput {
            bucket: Some(input.bucket),
            key: Some(input.key),
            e_tag: Some(ETag::Strong(etag)),
            ..CompleteMultipartUploadOutput::default()
        }))
    }

    async fn abort_multipart_upload(
        &self,
        request: S3Request<AbortMultipartUploadInput>,
    ) -> S3Result<S3Response<AbortMultipartUploadOutput>> {
        let upload = self.state().uploads.remove(&request.input.upload_id);
        upload.ok_or_else(|| s3_error!(NoSuchUpload))?;
        Ok(S3Response::new(AbortMultipartUploadOutput::default()))
    }

    async fn list_multipart_uploads(
        &self,
        request: S3Request<ListMultipartUploadsInput>,
    ) -> S3Result<S3Response<ListMultipartUploadsOutput>> {
        let prefix = request.input.prefix.clone().unwrap_or_default();
        let bucket = request.input.bucket;
        let state = self.state();
        let is_here = |(of, key): &Key| *of == bucket && key.starts_with(&prefix);
        let here = state.uploads.iter().filter(|(_, upload)| is_here(&upload.place));
        let uploads = here.map(|(id, upload)| MultipartUpload {
            key: Some(upload.place.1.clone()),
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
