//! Lists objects: page by page, and folders beside each other once there is more than one page.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use aws_sdk_s3::operation::list_objects_v2::ListObjectsV2Output;
use aws_sdk_s3::types::{EncodingType, ObjectStorageClass, OptionalObjectAttributes};
use tokio::task::JoinSet;

use crate::store::aws::{AwsError, AwsErrorKind};
use crate::store::s3::asked::Asked;
use crate::store::s3::client::{Clients, S3};
use crate::store::s3::url::Url;

/// Folders that are listed at once.
const FOLDERS_AT_ONCE: usize = 16;

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

impl S3 {
    /// All objects whose keys begin so, by the bytes of their keys.
    pub(crate) fn list(&self, prefix: &Url) -> Result<Vec<Object>, AwsError> {
        self.session().wait(all(Arc::clone(&self.clients), prefix.clone()))
    }

    /// The first objects whose keys begin so: at most a page of them.
    pub(crate) fn list_first(&self, prefix: &Url) -> Result<Vec<Object>, AwsError> {
        self.session().wait(async { Ok(page(&self.clients, prefix, None, None).await?.objects) })
    }
}

pub(super) async fn all(clients: Arc<Clients>, prefix: Url) -> Result<Vec<Object>, AwsError> {
    let first = page(&clients, &prefix, None, None).await?;
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
            while at_work.len() < FOLDERS_AT_ONCE
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
async fn top(clients: &Clients, prefix: &Url) -> Result<(Vec<Object>, BTreeSet<String>), AwsError> {
    let (mut objects, mut folders, mut next) = (Vec::new(), BTreeSet::new(), None);
    loop {
        let page = page(clients, prefix, Some("/"), next).await?;
        objects.extend(page.objects);
        folders.extend(page.folders);
        next = page.next;
        if next.is_none() {
            return Ok((objects, folders));
        }
    }
}

async fn every_page(clients: Arc<Clients>, prefix: Url) -> Result<Vec<Object>, AwsError> {
    let (mut objects, mut next) = (Vec::new(), None);
    loop {
        let page = page(&clients, &prefix, None, next).await?;
        objects.extend(page.objects);
        next = page.next;
        if next.is_none() {
            return Ok(objects);
        }
    }
}

async fn page(
    clients: &Clients,
    prefix: &Url,
    delimiter: Option<&str>,
    next: Option<String>,
) -> Result<Page, AwsError> {
    let asked = Asked { action: "s3:ListBucket", bucket: &prefix.bucket, key: "" };
    let answer = clients
        .ask(&asked, |client| {
            client
                .list_objects_v2()
                .bucket(&prefix.bucket)
                .prefix(&prefix.key)
                .set_delimiter(delimiter.map(str::to_owned))
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
    use super::decode;

    #[test]
    fn keys_are_decoded_as_forms_are() {
        assert_eq!(decode("a+b%2Bc%20d%25%C3%A9//").as_deref(), Some("a b+c d%é//"));
        assert_eq!(decode("%7"), None);
        assert_eq!(decode("%ff"), None);
    }
}
