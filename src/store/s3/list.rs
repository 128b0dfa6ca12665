//! Lists objects.
//!
//! S3 lists keys in order, in pages of up to 1,000, and a page can be requested only after the one
//! before it. So a folder of more than one page is listed concurrently: its subfolders, and what is
//! directly in it by ranges of keys. After a first page with the keys `in/0700` to `in/0799`,
//! ranges begin at `in/08`, `in/09`, `in/1`, `in/2` and so on.
//!
//! These bounds are guessed from the keys of the first page. A wrong guess costs a request but
//! never misses a key: the ranges adjoin, and each is listed to its end.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
};

use aws_sdk_s3::operation::list_objects_v2::ListObjectsV2Output;
use aws_sdk_s3::types::{EncodingType, ObjectStorageClass, OptionalObjectAttributes};
use tokio::task::JoinSet;

use super::client::{Clients, S3};
use super::request::S3Request;
use super::url::Url;
use crate::store::aws::{AwsError, AwsErrorKind};

/// How many folders, or ranges of one, are listed concurrently.
const CONCURRENCY: usize = 16;
/// The most ranges that one folder is listed in.
const RANGES_MAX: usize = 64;

/// An object as it was listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Object {
    pub(crate) url: Url,
    pub(crate) bytes: u64,
    /// As the server sends it, with its quotes.
    pub(crate) etag: String,
    /// The storage class, if the object is archived and has to be restored before it can be read.
    pub(crate) archive: Option<String>,
}

/// One page of a listing.
struct Page {
    objects: Vec<Object>,
    /// The keys of subfolders, with their `/`. Empty unless the listing has a delimiter.
    folders: Vec<String>,
    /// The continuation token of the next page.
    next: Option<String>,
}

/// Where a page begins.
#[derive(Clone, Debug)]
enum Start {
    First,
    /// After this key.
    After(String),
    /// After another page, by its continuation token.
    Next(String),
}

impl S3 {
    /// All objects whose keys have this prefix, sorted by the bytes of their keys.
    pub(crate) fn list(&self, prefix: &Url) -> Result<Vec<Object>, AwsError> {
        self.session().wait(all(Arc::clone(&self.clients), prefix.clone()))
    }

    /// The first objects whose keys have this prefix, up to one page.
    pub(crate) fn list_first(&self, prefix: &Url) -> Result<Vec<Object>, AwsError> {
        self.session()
            .wait(async { Ok(page(&self.clients, prefix, None, Start::First).await?.objects) })
    }
}

/// Whether there is an object with this key, by a listing.
pub(super) async fn exists(clients: &Clients, url: &Url) -> Result<bool, AwsError> {
    // The object itself comes before all others with this prefix.
    let page = page(clients, url, None, Start::First).await?;
    Ok(page.objects.iter().any(|object| object.url == *url))
}

/// All objects whose keys have this prefix, sorted by the bytes of their keys.
pub(super) async fn all(clients: Arc<Clients>, prefix: Url) -> Result<Vec<Object>, AwsError> {
    let first = page(&clients, &prefix, None, Start::First).await?;
    let mut found: BTreeMap<String, Object> = BTreeMap::new();
    let keep = |found: &mut BTreeMap<String, Object>, objects: Vec<Object>| {
        found.extend(objects.into_iter().map(|object| (object.url.key.clone(), object)));
    };
    if first.next.is_some() {
        let (direct, folders) = list_folder(&clients, &prefix).await?;
        keep(&mut found, direct);
        let mut waiting: BTreeSet<String> = folders;
        let mut running = JoinSet::new();
        loop {
            while running.len() < CONCURRENCY
                && let Some(key) = waiting.pop_first()
            {
                let folder = Url { bucket: prefix.bucket.clone(), key };
                running.spawn(all_pages(Arc::clone(&clients), folder));
            }
            match running.join_next().await {
                Some(listed) => {
                    keep(&mut found, listed.map_err(|_panic| listing_failed(&prefix))??);
                }
                None => break,
            }
        }
    } else {
        keep(&mut found, first.objects);
    }
    Ok(found.into_values().collect())
}

/// The objects that are directly in a folder, and the keys of its subfolders.
async fn list_folder(
    clients: &Arc<Clients>,
    prefix: &Url,
) -> Result<(Vec<Object>, BTreeSet<String>), AwsError> {
    let first = page(clients, prefix, Some("/"), Start::First).await?;
    let (mut objects, mut folders) = (first.objects, BTreeSet::from_iter(first.folders));
    let Some(next) = first.next else { return Ok((objects, folders)) };
    let ends = range_ends(prefix, &objects, &folders);
    let starts = std::iter::once(Start::Next(next)).chain(ends.iter().cloned().map(Start::After));
    let mut waiting: VecDeque<(Start, Option<String>)> =
        starts.zip(ends.iter().cloned().map(Some).chain([None])).collect();
    let mut running = JoinSet::new();
    loop {
        while running.len() < CONCURRENCY
            && let Some((start, end)) = waiting.pop_front()
        {
            running.spawn(list_range(Arc::clone(clients), prefix.clone(), start, end));
        }
        let Some(listed) = running.join_next().await else { return Ok((objects, folders)) };
        let listed = listed.map_err(|_panic| listing_failed(prefix))??;
        objects.extend(listed.objects);
        folders.extend(listed.folders);
        if listed.next.is_none() {
            waiting.clear(); // there are no keys after it, and so none in the ranges that follow
        }
    }
}

/// What is directly in a folder from `start` to the key `end`, and perhaps beyond. `next` is `None`
/// if it reaches to the end of the folder.
async fn list_range(
    clients: Arc<Clients>,
    prefix: Url,
    start: Start,
    end: Option<String>,
) -> Result<Page, AwsError> {
    let mut all = page(&clients, &prefix, Some("/"), start).await?;
    while let Some(next) = all.next.clone() {
        if end.as_deref().is_some_and(|end| last_of(&all).is_some_and(|last| end < last)) {
            return Ok(all);
        }
        let more = page(&clients, &prefix, Some("/"), Start::Next(next)).await?;
        all.objects.extend(more.objects);
        all.folders.extend(more.folders);
        all.next = more.next;
    }
    Ok(all)
}

/// The last key of a page, of an object or a folder.
fn last_of(page: &Page) -> Option<&str> {
    let object = page.objects.last().map(|object| object.url.key.as_str());
    object.max(page.folders.last().map(String::as_str))
}

/// Keys that divide what follows the first page, in order. Each is the prefix that all keys of this
/// page share, cut after some byte, with that byte counted up to the last digit or letter. (See the
/// module's header for an example.)
fn range_ends(prefix: &Url, objects: &[Object], folders: &BTreeSet<String>) -> Vec<String> {
    // Directory buckets do not list keys in order.
    if prefix.bucket.ends_with("--x-s3") {
        return Vec::new();
    }
    let keys = || objects.iter().map(|object| &object.url.key).chain(folders);
    let (Some(first), Some(last)) = (keys().min(), keys().max()) else { return Vec::new() };
    let shared = first.bytes().zip(last.bytes()).take_while(|(a, b)| a == b).count();
    let positions = (prefix.key.len()..shared).rev();
    let ends = positions.flat_map(|at| {
        let (before, byte) = (last.get(..at), last.as_bytes().get(at).copied());
        let following = byte.into_iter().flat_map(bytes_after);
        following.filter_map(move |byte| Some(format!("{}{}", before?, char::from(byte))))
    });
    ends.take(RANGES_MAX).collect()
}

/// The digits or letters after this one.
fn bytes_after(byte: u8) -> std::ops::RangeInclusive<u8> {
    let last = match byte {
        b'0'..=b'9' => b'9',
        b'a'..=b'z' => b'z',
        b'A'..=b'Z' => b'Z',
        other => other,
    };
    byte.saturating_add(1)..=last
}

/// All objects whose keys have this prefix, page by page.
async fn all_pages(clients: Arc<Clients>, prefix: Url) -> Result<Vec<Object>, AwsError> {
    let (mut objects, mut start) = (Vec::new(), Start::First);
    loop {
        let page = page(&clients, &prefix, None, start).await?;
        objects.extend(page.objects);
        let Some(next) = page.next else { return Ok(objects) };
        start = Start::Next(next);
    }
}

async fn page(
    clients: &Clients,
    prefix: &Url,
    delimiter: Option<&str>,
    start: Start,
) -> Result<Page, AwsError> {
    let (after, next) = match start {
        Start::First => (None, None),
        Start::After(key) => (Some(key), None),
        Start::Next(next) => (None, Some(next)),
    };
    let request = S3Request::of_bucket("s3:ListBucket", &prefix.bucket);
    let response = clients
        .send(&request, |client| {
            client
                .list_objects_v2()
                .bucket(&prefix.bucket)
                .prefix(&prefix.key)
                .set_delimiter(delimiter.map(str::to_owned))
                .set_start_after(after.clone())
                .set_continuation_token(next.clone())
                .encoding_type(EncodingType::Url) // XML cannot represent all characters
                .optional_object_attributes(OptionalObjectAttributes::RestoreStatus)
                .send()
        })
        .await?;
    to_page(&response, prefix)
}

fn to_page(response: &ListObjectsV2Output, prefix: &Url) -> Result<Page, AwsError> {
    let is_encoded = response.encoding_type() == Some(&EncodingType::Url);
    let decoded = |text: &str| {
        let text = if is_encoded { decode(text) } else { Some(text.to_owned()) };
        text.ok_or_else(|| {
            let message = format!("a key in `{prefix}` is not UTF-8");
            AwsError::new(AwsErrorKind::Settings, message, "rename the object")
        })
    };
    let mut objects = Vec::new();
    for object in response.contents() {
        let key = decoded(object.key().unwrap_or_default())?;
        let etag = object.e_tag().unwrap_or_default().to_owned();
        let bytes = u64::try_from(object.size().unwrap_or(0)).unwrap_or(0);
        let is_restored =
            object.restore_status().is_some_and(|restore| restore.restore_expiry_date().is_some());
        let archive = object
            .storage_class()
            .filter(|class| is_archive(class) && !is_restored)
            .map(|class| class.as_str().to_owned());
        let url = Url { bucket: prefix.bucket.clone(), key };
        objects.push(Object { url, bytes, etag, archive });
    }
    let folders = response.common_prefixes().iter().filter_map(|folder| folder.prefix());
    Ok(Page {
        objects,
        folders: folders.map(decoded).collect::<Result<_, _>>()?,
        next: response
            .next_continuation_token()
            .filter(|_| response.is_truncated() == Some(true))
            .map(str::to_owned),
    })
}

fn is_archive(class: &ObjectStorageClass) -> bool {
    matches!(class, ObjectStorageClass::Glacier | ObjectStorageClass::DeepArchive)
}

/// Decodes a key from the form encoding: `+` is a space, `%2B` a byte. `None` if it is invalid or
/// not UTF-8.
fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        match byte {
            b'+' => bytes.push(b' '),
            b'%' => {
                let pair = [rest.next()?, rest.next()?];
                bytes.extend(data_encoding::HEXUPPER_PERMISSIVE.decode(&pair).ok()?);
            }
            byte => bytes.push(byte),
        }
    }
    String::from_utf8(bytes).ok()
}

fn listing_failed(prefix: &Url) -> AwsError {
    AwsError::new(AwsErrorKind::Io, format!("`{prefix}` could not be listed"), "run again")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_ends(keys: &[&str], expected: &[&str]) {
        let prefix = Url { bucket: "b".to_owned(), key: "in/".to_owned() };
        let folders = keys.iter().map(|key| (*key).to_owned()).collect();
        let ends = range_ends(&prefix, &[], &folders);
        assert_eq!(ends, expected, "{keys:?}");
        assert!(
            ends.is_sorted() && ends.iter().all(|end| keys.iter().all(|key| key < &end.as_str()))
        );
    }

    #[test]
    fn ranges_count_up_the_shared_prefix() {
        check_ends(
            &["in/0700", "in/0799"],
            &[
                "in/08", "in/09", "in/1", "in/2", "in/3", "in/4", "in/5", "in/6", "in/7", "in/8",
                "in/9",
            ],
        );
        check_ends(&["in/x0.json", "in/x7.json"], &["in/y", "in/z"]);
        check_ends(
            &["in/2026-é1", "in/2026-é2"],
            &["in/2027", "in/2028", "in/2029", "in/203"]
                .into_iter()
                .chain([
                    "in/204", "in/205", "in/206", "in/207", "in/208", "in/209", "in/21", "in/22",
                    "in/23", "in/24", "in/25", "in/26", "in/27", "in/28", "in/29", "in/3", "in/4",
                    "in/5", "in/6", "in/7", "in/8", "in/9",
                ])
                .collect::<Vec<_>>(),
        );
        check_ends(&["in/a", "in/b"], &[]);
        check_ends(&[], &[]);
    }

    #[test]
    fn keys_are_decoded_from_the_form_encoding() {
        assert_eq!(decode("a+b%2Bc%20d%25%C3%A9//").as_deref(), Some("a b+c d%é//"));
        assert_eq!(decode("%7"), None);
        assert_eq!(decode("%ff"), None);
    }
}
