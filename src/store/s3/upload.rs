//! A new object in a bucket, written from its start to its end and seen by nobody before it is
//! completed.
//!
//! Its bytes go in parts, some of them at once; a small object waits in memory, if there is room.

use std::{
    io::{self, Write},
    sync::Arc,
    time::Duration,
};

use aws_sdk_s3::config::Config;
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};
use bytes::Bytes;
use tokio::task::JoinSet;

use super::checksum::Sum;
use super::fetch::pause;
use super::folder::{Folder, Put, asked, mark};
use crate::store::aws::{AwsError, AwsErrorKind, timeouts};

/// Bytes of a part. (S3 takes no less than 5 MiB but for the last, and 10,000 of them.)
pub(crate) const PART: usize = 8 << 20;
/// The largest object that goes in parts of that size.
pub const OBJECT_MAX: u64 = 10_000 * (8 << 20);
/// Parts of one place that are on their way at once.
pub(crate) const PARTS_AT_ONCE: usize = 4;
/// The largest object that may wait in memory.
const SMALL: usize = 1 << 20;
/// What a buffer begins with.
const BUFFER: usize = 64 << 10;
/// How often a part that failed is sent again, beside what each request does by itself.
const FAILURES_MAX: u32 = 4;
/// A part is sent before it is answered, which takes longer than other answers.
const LONGER: u32 = 6;

/// An object that is being written.
#[derive(Debug)]
pub struct Upload {
    folder: Folder,
    name: String,
    mark: String,
    buffer: Vec<u8>,
    /// None until the first part is sent.
    id: Option<String>,
    number: i32,
    on_their_way: JoinSet<Result<Part, AwsError>>,
    parts: Vec<Part>,
}

/// A part that the server has.
#[derive(Debug)]
struct Part {
    number: i32,
    etag: String,
    bytes: u64,
    sum: Sum,
}

/// An object that is whole, and waits to be seen.
#[derive(Debug)]
pub struct Finished {
    name: String,
    kind: UploadKind,
}

#[derive(Debug)]
enum UploadKind {
    Small(Vec<u8>),
    InParts { id: String, mark: String, parts: Vec<Part> },
}

impl Upload {
    pub(super) fn new(folder: Folder, name: &str) -> Upload {
        Upload {
            folder,
            name: name.to_owned(),
            mark: String::new(),
            buffer: Vec::new(),
            id: None,
            number: 0,
            on_their_way: JoinSet::new(),
            parts: Vec::new(),
        }
    }

    /// `s3://bucket/key` of the object to be.
    pub fn place(&self) -> String {
        self.folder.url().join(&self.name).to_string()
    }

    /// Ends the object: all its bytes are with the server, or few enough to wait here.
    pub fn finish(mut self) -> Result<Finished, AwsError> {
        let is_small = self.id.is_none() && self.buffer.len() <= SMALL;
        if is_small && self.folder.may_hold(self.buffer.len()) {
            let kind = UploadKind::Small(std::mem::take(&mut self.buffer));
            return Ok(Finished { name: std::mem::take(&mut self.name), kind });
        }
        if !self.buffer.is_empty() || self.number == 0 {
            self.send()?;
        }
        while let Some(done) = {
            let next = self.on_their_way.join_next();
            self.folder.s3.session().wait(async { Ok(next.await) })?
        } {
            self.parts.push(done.map_err(|_panic| self.lost())??);
        }
        self.parts.sort_unstable_by_key(|part| part.number);
        let parts = std::mem::take(&mut self.parts);
        let (id, mark) = (self.id.take().unwrap_or_default(), std::mem::take(&mut self.mark));
        Ok(Finished {
            name: std::mem::take(&mut self.name),
            kind: UploadKind::InParts { id, mark, parts },
        })
    }

    /// Sends what is gathered as a part, once one may be on its way.
    fn send(&mut self) -> Result<(), AwsError> {
        while let Some(done) = self.on_their_way.try_join_next() {
            self.parts.push(done.map_err(|_panic| self.lost())??);
        }
        let id = if let Some(id) = &self.id {
            id.clone()
        } else {
            self.mark = mark()?;
            let begun = self.folder.begin_upload(&self.name, &self.mark);
            self.id.insert(self.folder.s3.session().wait(begun)?).clone()
        };
        let turn = Arc::clone(&self.folder.shared.on_their_way).acquire_owned();
        let turn = self.folder.s3.session().wait(async { Ok(turn.await) })?;
        self.number += 1;
        let bytes = Bytes::from(std::mem::take(&mut self.buffer));
        let (folder, name, number) = (self.folder.clone(), self.name.clone(), self.number);
        let part = async move {
            let sent = send_part(&folder, &name, &id, number, bytes).await;
            drop(turn);
            sent
        };
        self.on_their_way.spawn_on(part, &self.folder.s3.session().handle()?);
        Ok(())
    }

    fn lost(&self) -> AwsError {
        let message = format!("a part of `{}` was lost", self.place());
        AwsError::new(AwsErrorKind::Io, message, "run again")
    }
}

impl Write for Upload {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let room = PART - self.buffer.len();
        let taken = bytes.get(..room).unwrap_or(bytes);
        if self.buffer.capacity() < self.buffer.len() + taken.len() {
            // By doubling, but never over a part.
            let wanted = (self.buffer.capacity() * 2).max(self.buffer.len() + taken.len());
            let wanted = wanted.clamp(BUFFER, PART);
            self.buffer.reserve_exact(wanted - self.buffer.len());
        }
        self.buffer.extend_from_slice(taken);
        if self.buffer.len() == PART {
            self.send().map_err(io::Error::other)?;
        }
        Ok(taken.len())
    }

    /// There is nothing to see before the object is completed.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

async fn send_part(
    folder: &Folder,
    name: &str,
    id: &str,
    number: i32,
    bytes: Bytes,
) -> Result<Part, AwsError> {
    let url = folder.url().join(name);
    let asked = asked("s3:PutObject", &url);
    let sum = Sum::of(folder.clients().settings.checksum, &bytes);
    let patience: Duration = folder.clients().identity.access.patience() * LONGER;
    let mut failures = 0;
    loop {
        let sent = folder.clients().ask(&asked, |client| {
            let request = client
                .upload_part()
                .bucket(&url.bucket)
                .key(&url.key)
                .upload_id(id)
                .part_number(number)
                .set_expected_bucket_owner(folder.owner())
                .body(bytes.clone().into());
            let timeouts = Config::builder().timeout_config(timeouts(patience));
            sum.give_to_part(request).customize().config_override(timeouts).send()
        });
        match sent.await {
            Ok(answer) => {
                let etag = answer.e_tag.unwrap_or_default();
                let bytes = u64::try_from(bytes.len()).expect("a part is small");
                return Ok(Part { number, etag, bytes, sum });
            }
            Err(error) if !error.is_passing || FAILURES_MAX <= failures => return Err(error),
            Err(_) => failures += 1,
        }
        tokio::time::sleep(pause(failures)).await;
    }
}

impl Finished {
    /// Shows the object to readers, where nothing may be yet.
    pub(super) async fn complete(self, folder: &Folder) -> Result<(), AwsError> {
        match self.kind {
            UploadKind::Small(bytes) => folder.put_now(&self.name, bytes, Put::New).await,
            UploadKind::InParts { id, mark, parts } => {
                complete_parts(folder, &self.name, &id, &mark, &parts).await
            }
        }
    }
}

async fn complete_parts(
    folder: &Folder,
    name: &str,
    id: &str,
    mark: &str,
    parts: &[Part],
) -> Result<(), AwsError> {
    let url = folder.url().join(name);
    let asked = asked("s3:PutObject", &url);
    let whole = parts.iter().map(|part| (&part.sum, part.bytes));
    let (mut sum, mut bytes) = (None::<Sum>, 0);
    for (next, length) in whole {
        sum = Some(sum.map_or_else(|| next.clone(), |sum| sum.followed_by(next, length)));
        bytes += length;
    }
    let sum = sum.unwrap_or(Sum::None);
    let completed = parts.iter().map(|part| {
        let builder = CompletedPart::builder().part_number(part.number).e_tag(&part.etag);
        part.sum.give_to_completed(builder).build()
    });
    let upload = CompletedMultipartUpload::builder().set_parts(Some(completed.collect())).build();
    let patience = folder.clients().identity.access.patience() * LONGER;
    let answer = folder.clients().ask(&asked, |client| {
        let request = client
            .complete_multipart_upload()
            .bucket(&url.bucket)
            .key(&url.key)
            .upload_id(id)
            .if_none_match("*")
            .mpu_object_size(i64::try_from(bytes).unwrap_or(i64::MAX))
            .set_expected_bucket_owner(folder.owner())
            .multipart_upload(upload.clone());
        let timeouts = Config::builder().timeout_config(timeouts(patience));
        sum.give_to_whole(request).customize().config_override(timeouts).send()
    });
    match answer.await {
        Ok(_) => {}
        // The answer to an earlier try may have been lost: then the object is there, and is ours.
        Err(error) if folder.has_mark(&url, mark).await? => drop(error),
        Err(error) => return Err(error),
    }
    folder.forget_upload(id);
    Ok(())
}
