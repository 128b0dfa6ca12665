//! Fetches a range of an object, as it was listed, over whatever breaks off in between.

use std::{ops::Range, time::Duration};

use aws_sdk_s3::primitives::ByteStream;

use super::client::Clients;
use super::list::Object;
use super::request::S3Request;
use crate::store::aws::{AwsError, AwsErrorKind, innermost};

/// How often in a row a read may break off without a byte more.
const FAILURES_MAX: u32 = 8;
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(8);

/// The bytes of a range.
pub(super) async fn fetch(
    clients: &Clients,
    object: &Object,
    range: Range<u64>,
) -> Result<Vec<u8>, AwsError> {
    let length = usize::try_from(range.end.saturating_sub(range.start)).expect("a piece is small");
    let mut bytes = Vec::with_capacity(length);
    let (mut failures, mut reached) = (0, 0);
    loop {
        let error = match read_on(clients, object, &range, &mut bytes).await {
            Ok(()) => return Ok(bytes),
            Err(error) if !error.is_passing => return Err(error),
            Err(error) => error,
        };
        failures = if reached < bytes.len() { 1 } else { failures + 1 };
        reached = bytes.len();
        if FAILURES_MAX < failures {
            return Err(error);
        }
        tokio::time::sleep(pause(failures)).await;
    }
}

/// Longer after each failure, and not the same for all who wait.
pub(super) fn pause(failures: u32) -> Duration {
    let longest = FIRST_PAUSE.saturating_mul(1 << failures.min(16)).min(LONGEST_PAUSE);
    let share = getrandom::u32().map_or(1.0, |random| f64::from(random) / f64::from(u32::MAX));
    longest.mul_f64(0.5 + share / 2.0)
}

/// Reads from where `bytes` end to the end of the range, or as far as it goes.
async fn read_on(
    clients: &Clients,
    object: &Object,
    range: &Range<u64>,
    bytes: &mut Vec<u8>,
) -> Result<(), AwsError> {
    let url = &object.url;
    let asked = S3Request { action: "s3:GetObject", bucket: &url.bucket, key: &url.key };
    let start = range.start + u64::try_from(bytes.len()).expect("a piece is small");
    // A whole object comes with its checksum.
    let is_whole = start == 0 && range.end == object.bytes;
    let wanted = (!is_whole).then(|| format!("bytes={start}-{}", range.end - 1));
    let answer = clients.ask(&asked, |client| {
        client
            .get_object()
            .bucket(&url.bucket)
            .key(&url.key)
            .if_match(&object.etag)
            .set_range(wanted.clone())
            .send()
    });
    let answer = answer.await.map_err(|error| match error.kind {
        AwsErrorKind::Conflict | AwsErrorKind::NotFound => changed(object),
        AwsErrorKind::NoBucket
        | AwsErrorKind::Denied
        | AwsErrorKind::Settings
        | AwsErrorKind::Archived
        | AwsErrorKind::Unsupported
        | AwsErrorKind::Stopped
        | AwsErrorKind::Io => error,
    })?;
    let length = answer.content_length().and_then(|length| u64::try_from(length).ok());
    let is_same = answer.e_tag().is_some_and(|etag| plain(etag) == plain(&object.etag));
    if !is_same || length.is_some_and(|length| length != range.end - start) {
        return Err(changed(object));
    }
    take_body(clients, object, answer.body, range.end - range.start, bytes).await
}

async fn take_body(
    clients: &Clients,
    object: &Object,
    mut body: ByteStream,
    length: u64,
    bytes: &mut Vec<u8>,
) -> Result<(), AwsError> {
    let broken = |why: &str| {
        let message = format!("`{}` broke off while it was read: {why}", object.url);
        AwsError::passing(message, "check the network, and run again")
    };
    loop {
        let chunk = tokio::time::timeout(clients.identity.access.patience(), body.next()).await;
        match chunk {
            Err(_) => return Err(broken("nothing came any more")),
            Ok(None) => break,
            Ok(Some(Ok(chunk))) => bytes.extend_from_slice(&chunk),
            Ok(Some(Err(error))) => {
                let why = innermost(&error);
                if why.contains("checksum") {
                    bytes.clear(); // which of them are wrong nobody knows
                }
                return Err(broken(&why));
            }
        }
        if u64::try_from(bytes.len()).is_ok_and(|got| length < got) {
            return Err(changed(object));
        }
    }
    if u64::try_from(bytes.len()).is_ok_and(|got| got == length) {
        return Ok(());
    }
    Err(broken("the answer was too short"))
}

fn changed(object: &Object) -> AwsError {
    let message = format!("`{}` changed or went away while the run read it", object.url);
    AwsError::new(AwsErrorKind::Conflict, message, "run again when nothing writes to it")
}

fn plain(etag: &str) -> &str {
    etag.trim_matches('"')
}
