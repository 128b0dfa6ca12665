//! Lists objects: page by page, and once there is more than one, folders beside each other, and
//! what one folder has in stretches beside each other.
//!
//! Where a stretch ends is a guess, from the keys on the first page. A wrong one costs a request, and
//! never a key: stretches follow upon each other, and each is listed until its end.

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

/// Folders, or stretches of one, that are listed at once.
const AT_ONCE: usize = 16;
/// Stretches that one folder is listed in.
const STRETCHES_MAX: usize = 64;

/// An object as it was listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Object {
    pub(crate) url: Url,
    pub(crate) bytes: u64,
    /// As the server writes it, with its quotes.
    pub(crate) etag: String,
    /// The archive that it has to be restored from before it can be read.
    pub(crate) archive: Option<String>,
}

/// One page of a listing.
struct Page {
    objects: Vec<Object>,
    folders: Vec<String>,
    next: Option<String>,
}

/// Where a page begins.
#[derive(Clone, Debug)]
enum Start {
    First,
    /// After this key.
    After(String),
    /// Where another page ended, as the server calls it.
    Next(String),
}

impl S3 {
    /// All objects whose keys begin so, by the bytes of their keys.
    pub(crate) fn list(&self, prefix: &Url) -> Result<Vec<Object>, AwsError> {
        self.session().wait(all(Arc::clone(&self.clients), prefix.clone()))
    }

    /// The first objects whose keys begin so: at most a page of them.
    pub(crate) fn list_first(&self, prefix: &Url) -> Result<Vec<Object>, AwsError> {
        self.session()
            .wait(async { Ok(page(&self.clients, prefix, None, Start::First).await?.objects) })
    }
}

pub(super) async fn all(clients: Arc<Clients>, prefix: Url) -> Result<Vec<Object>, AwsError> {
    let first = page(&clients, &prefix, None, Start::First).await?;
    let mut found: BTreeMap<String, Object> = BTreeMap::new();
    let keep = |found: &mut BTreeMap<String, Object>, objects: Vec<Object>| {
        found.extend(objects.into_iter().map(|object| (object.url.key.clone(), object)));
    };
    if first.next.is_some() {
        let (direct, folders) = top(&clients, &prefix).await?;
        keep(&mut found, direct);
        let mut waiting: BTreeSet<String> = folders;
        let mut at_work = JoinSet::new();
        loop {
            while at_work.len() < AT_ONCE
                && let Some(key) = waiting.pop_first()
            {
                let folder = Url { bucket: prefix.bucket.clone(), key };
                at_work.spawn(every_page(Arc::clone(&clients), folder));
            }
            match at_work.join_next().await {
                Some(listed) => keep(&mut found, listed.map_err(|_panic| broken(&prefix))??),
                None => break,
            }
        }
    } else {
        keep(&mut found, first.objects);
    }
    Ok(found.into_values().collect())
}

/// The objects of a folder, and the folders in it, as far as slashes make folders.
async fn top(
    clients: &Arc<Clients>,
    prefix: &Url,
) -> Result<(Vec<Object>, BTreeSet<String>), AwsError> {
    let first = page(clients, prefix, Some("/"), Start::First).await?;
    let (mut objects, mut folders) = (first.objects, BTreeSet::from_iter(first.folders));
    let Some(next) = first.next else { return Ok((objects, folders)) };
    let ends = ends_of_stretches(prefix, &objects, &folders);
    let starts = std::iter::once(Start::Next(next)).chain(ends.iter().cloned().map(Start::After));
    let mut waiting: VecDeque<(Start, Option<String>)> =
        starts.zip(ends.iter().cloned().map(Some).chain([None])).collect();
    let mut at_work = JoinSet::new();
    loop {
        while at_work.len() < AT_ONCE
            && let Some((start, end)) = waiting.pop_front()
        {
            at_work.spawn(stretch(Arc::clone(clients), prefix.clone(), start, end));
        }
        let Some(listed) = at_work.join_next().await else { return Ok((objects, folders)) };
        let listed = listed.map_err(|_panic| broken(prefix))??;
        objects.extend(listed.objects);
        folders.extend(listed.folders);
        if listed.next.is_none() {
            waiting.clear(); // nothing comes after it, and so nothing in the stretches that follow
        }
    }
}

/// What a folder has from one place to another, and perhaps beyond. Its `next` is none if nothing
/// comes after it.
async fn stretch(
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

/// The last key or folder of a page.
fn last_of(page: &Page) -> Option<&str> {
    let object = page.objects.last().map(|object| object.url.key.as_str());
    object.max(page.folders.last().map(String::as_str))
}

/// Keys between which what follows a first page may be spread evenly: as its last key, with one of
/// the bytes that all its keys share counted up, from the last of them to the first.
fn ends_of_stretches(prefix: &Url, objects: &[Object], folders: &BTreeSet<String>) -> Vec<String> {
    // Directory buckets have no order.
    if prefix.bucket.ends_with("--x-s3") {
        return Vec::new();
    }
    let keys = || objects.iter().map(|object| &object.url.key).chain(folders);
    let (Some(first), Some(last)) = (keys().min(), keys().max()) else { return Vec::new() };
    let shared = first.bytes().zip(last.bytes()).take_while(|(a, b)| a == b).count();
    let places = (prefix.key.len()..shared).rev();
    let counted_up = places.flat_map(|place| {
        let (before, byte) = (last.get(..place), last.as_bytes().get(place).copied());
        let following = byte.into_iter().flat_map(following);
        following.filter_map(move |byte| Some(format!("{}{}", before?, char::from(byte))))
    });
    counted_up.take(STRETCHES_MAX).collect()
}

/// The digits or letters after this one.
fn following(byte: u8) -> std::ops::RangeInclusive<u8> {
    let last = match byte {
        b'0'..=b'9' => b'9',
        b'a'..=b'z' => b'z',
        b'A'..=b'Z' => b'Z',
        other => other,
    };
    byte.saturating_add(1)..=last
}

async fn every_page(clients: Arc<Clients>, prefix: Url) -> Result<Vec<Object>, AwsError> {
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
    let asked = S3Request { action: "s3:ListBucket", bucket: &prefix.bucket, key: "" };
    let answer = clients
        .ask(&asked, |client| {
            client
                .list_objects_v2()
                .bucket(&prefix.bucket)
                .prefix(&prefix.key)
                .set_delimiter(delimiter.map(str::to_owned))
                .set_start_after(after.clone())
                .set_continuation_token(next.clone())
                .encoding_type(EncodingType::Url) // XML has no words for some characters
                .optional_object_attributes(OptionalObjectAttributes::RestoreStatus)
                .send()
        })
        .await?;
    page_of(&answer, prefix)
}

fn page_of(answer: &ListObjectsV2Output, prefix: &Url) -> Result<Page, AwsError> {
    let is_encoded = answer.encoding_type() == Some(&EncodingType::Url);
    let decoded = |text: &str| {
        let text = if is_encoded { decode(text) } else { Some(text.to_owned()) };
        text.ok_or_else(|| {
            let message = format!("a key in `{prefix}` is not UTF-8");
            AwsError::new(AwsErrorKind::Settings, message, "rename the object")
        })
    };
    let mut objects = Vec::new();
    for object in answer.contents() {
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
    let folders = answer.common_prefixes().iter().filter_map(|folder| folder.prefix());
    Ok(Page {
        objects,
        folders: folders.map(decoded).collect::<Result<_, _>>()?,
        next: answer
            .next_continuation_token()
            .filter(|_| answer.is_truncated() == Some(true))
            .map(str::to_owned),
    })
}

fn is_archive(class: &ObjectStorageClass) -> bool {
    matches!(class, ObjectStorageClass::Glacier | ObjectStorageClass::DeepArchive)
}

/// Text as it is in a form: `+` for a space, `%2B` for a byte.
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

fn broken(prefix: &Url) -> AwsError {
    AwsError::new(AwsErrorKind::Io, format!("`{prefix}` could not be listed"), "run again")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_ends(keys: &[&str], expected: &[&str]) {
        let prefix = Url { bucket: "b".to_owned(), key: "in/".to_owned() };
        let folders = keys.iter().map(|key| (*key).to_owned()).collect();
        let ends = ends_of_stretches(&prefix, &[], &folders);
        assert_eq!(ends, expected, "{keys:?}");
        assert!(
            ends.is_sorted() && ends.iter().all(|end| keys.iter().all(|key| key < &end.as_str()))
        );
    }

    #[test]
    fn stretches_count_up_what_keys_share() {
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
    fn keys_are_decoded_as_forms_are() {
        assert_eq!(decode("a+b%2Bc%20d%25%C3%A9//").as_deref(), Some("a b+c d%é//"));
        assert_eq!(decode("%7"), None);
        assert_eq!(decode("%ff"), None);
    }
}
