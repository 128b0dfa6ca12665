//! Fetches a range of an object in the state in which it was listed.
//!
//! The SDK retries a request until a response begins, but it does not read the body. A body that is
//! cut off or stalls is resumed here, with a request for the rest of the range.

use std::{ops::Range, time::Duration};

use aws_sdk_s3::operation::get_object::GetObjectOutput;
use aws_sdk_s3::primitives::ByteStream;

use super::client::{Clients, transfer_overrides};
use super::list::Object;
use super::pace::Pace;
use super::request::S3Request;
use super::url::Url;
use crate::store::aws::{AwsError, AwsErrorKind, root_cause};

/// How often in a row a body may be cut off without any progress.
const FAILURES_MAX: u32 = 8;
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const PAUSE_MAX: Duration = Duration::from_secs(8);

/// Why a body was not read to its end.
enum BodyError {
    /// It is longer than the range: this is not the object that was listed.
    TooLong,
    /// For this reason. The bytes before it were read.
    CutOff(String),
    /// It arrives too slowly to go on.
    Slow(AwsError),
}

/// Returns the bytes of a range of an object, and whether one response had all of them.
pub(super) async fn fetch(
    clients: &Clients,
    object: &Object,
    range: Range<u64>,
) -> Result<(Vec<u8>, bool), AwsError> {
    let length = usize::try_from(range.end.saturating_sub(range.start)).expect("a piece is small");
    let mut bytes = Vec::with_capacity(length);
    let (mut failures, mut reached) = (0, 0);
    let mut pace = Pace::new(clients.identity.access.operation_timeout());
    loop {
        let start = range.start + u64::try_from(bytes.len()).expect("a piece is small");
        let requested = request(clients, object, start..range.end);
        let response = pace.wait(requested, &object.url).await??;
        let read_timeout = clients.identity.access.read_timeout();
        let body = Body { stream: response.body, url: &object.url, read_timeout };
        let reason = match body.read(length, &mut pace, &mut bytes).await {
            Ok(()) => return Ok((bytes, start == range.start)),
            Err(BodyError::Slow(error)) => return Err(error),
            Err(BodyError::TooLong) => return Err(changed(object)),
            Err(BodyError::CutOff(reason)) => reason,
        };
        failures = if reached < bytes.len() { 1 } else { failures + 1 };
        reached = bytes.len();
        if FAILURES_MAX < failures {
            let message =
                format!("the transfer of `{}` was cut off too often: {reason}", object.url);
            let hint = "check the network, and run again";
            return Err(AwsError::new(AwsErrorKind::Io, message, hint));
        }
        tokio::time::sleep(pause(failures)).await;
    }
}

/// The pause after a number of failures: longer after each, and random, so that requests spread
/// out.
fn pause(failures: u32) -> Duration {
    let longest = FIRST_PAUSE.saturating_mul(1 << failures.min(16)).min(PAUSE_MAX);
    let share = getrandom::u32().map_or(1.0, |random| f64::from(random) / f64::from(u32::MAX));
    longest.mul_f64(0.5 + share / 2.0)
}

/// Requests a range, and checks that the object is as it was listed.
async fn request(
    clients: &Clients,
    object: &Object,
    range: Range<u64>,
) -> Result<GetObjectOutput, AwsError> {
    let url = &object.url;
    let request = S3Request::new("s3:GetObject", url);
    // For a whole object the server sends a checksum, which the SDK verifies.
    let is_whole = range == (0..object.bytes);
    let header = (!is_whole).then(|| format!("bytes={}-{}", range.start, range.end - 1));
    let response = clients.send(&request, |client| {
        client
            .get_object()
            .bucket(&url.bucket)
            .key(&url.key)
            .if_match(&object.etag)
            .set_range(header.clone())
            .customize()
            .config_override(transfer_overrides())
            .send()
    });
    let response = response.await.map_err(|error| match error.kind {
        AwsErrorKind::Conflict | AwsErrorKind::NotFound => changed(object),
        AwsErrorKind::NoBucket
        | AwsErrorKind::Denied
        | AwsErrorKind::Settings
        | AwsErrorKind::Archived
        | AwsErrorKind::Unsupported
        | AwsErrorKind::Stopped
        | AwsErrorKind::Io => error,
    })?;
    let length = response.content_length().and_then(|length| u64::try_from(length).ok());
    let is_same = response.e_tag().is_some_and(|etag| unquote(etag) == unquote(&object.etag));
    if !is_same || length.is_some_and(|length| length != range.end - range.start) {
        return Err(changed(object));
    }
    Ok(response)
}

/// The body of a response.
struct Body<'u> {
    stream: ByteStream,
    url: &'u Url,
    /// How long the server may send nothing.
    read_timeout: Duration,
}

impl Body<'_> {
    /// Appends the body to `bytes`, which must then have the whole `length`.
    async fn read(
        mut self,
        length: usize,
        pace: &mut Pace,
        bytes: &mut Vec<u8>,
    ) -> Result<(), BodyError> {
        let cut_off = |reason: &str| Err(BodyError::CutOff(reason.to_owned()));
        loop {
            let next = tokio::time::timeout(self.read_timeout, self.stream.next());
            match pace.wait(next, self.url).await.map_err(BodyError::Slow)? {
                Err(_) => return cut_off("no more bytes arrived"),
                Ok(None) => break,
                Ok(Some(Ok(chunk))) => {
                    pace.add(chunk.len());
                    bytes.extend_from_slice(&chunk);
                }
                Ok(Some(Err(error))) => {
                    let reason = root_cause(&error);
                    if reason.contains("checksum") {
                        bytes.clear(); // any of them may be wrong
                    }
                    return Err(BodyError::CutOff(reason));
                }
            }
            if length < bytes.len() {
                return Err(BodyError::TooLong);
            }
        }
        if bytes.len() == length { Ok(()) } else { cut_off("the response was too short") }
    }
}

pub(super) fn changed(object: &Object) -> AwsError {
    let message = format!("`{}` was changed or removed while the run read it", object.url);
    AwsError::new(AwsErrorKind::Conflict, message, "run again when nothing writes to it")
}

/// The server may leave out the quotes.
pub(super) fn unquote(etag: &str) -> &str {
    etag.trim_matches('"')
}
