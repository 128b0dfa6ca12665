//! A new object that is written from its start to its end, and published later.
//!
//! A large object is sent in parts, several at a time. A small one waits in memory if there is
//! room.

use std::{
    io::{self, Write},
    mem,
    sync::Arc,
};

use bytes::Bytes;
use tokio::task::{JoinError, JoinSet};

use super::folder::{Folder, Put, for_each, new_nonce};
use super::multipart::Part;
use crate::store::aws::{AwsError, AwsErrorKind};

/// The size of a part in bytes. S3 allows 10,000 parts, of at least 5 MiB except for the last.
pub(crate) const PART: usize = 8 << 20;
/// The largest object that fits into 10,000 parts, in bytes.
pub const OBJECT_MAX: u64 = 10_000 * (8 << 20);
/// The largest object that may wait in memory, in bytes.
const SMALL_MAX: usize = 1 << 20;
/// The first capacity of the buffer, in bytes.
const BUFFER_MIN: usize = 64 << 10;

/// An object that is being written. Its upload remains after a drop, until [`Folder::abort_own`].
#[derive(Debug)]
pub struct Upload {
    folder: Folder,
    name: String,
    /// See [`new_nonce`]; empty until the first part is sent.
    nonce: String,
    /// The bytes of the next part.
    buffer: Vec<u8>,
    /// `None` until the first part is sent.
    id: Option<String>,
    /// The number of parts that were begun.
    number: i32,
    in_flight: JoinSet<Result<Part, AwsError>>,
    /// The parts that the server has, in no particular order.
    parts: Vec<Part>,
}

/// An object that was written to its end, and is not published yet.
#[derive(Debug)]
pub struct Finished {
    name: String,
    content: Content,
}

#[derive(Debug)]
enum Content {
    InMemory(Vec<u8>),
    /// The server has the parts, which are in order.
    Uploaded {
        id: String,
        nonce: String,
        parts: Vec<Part>,
    },
}

impl Finished {
    /// The object's name in its folder.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl Folder {
    /// Begins a new object. Nobody sees it before it is completed.
    pub fn create(&self, name: &str) -> Upload {
        Upload {
            folder: self.clone(),
            name: name.to_owned(),
            nonce: String::new(),
            buffer: Vec::new(),
            id: None,
            number: 0,
            in_flight: JoinSet::new(),
            parts: Vec::new(),
        }
    }

    /// Publishes objects. Fails with a conflict if one of them exists.
    pub fn complete(&self, finished: Vec<Finished>) -> Result<(), AwsError> {
        self.s3.session().wait_uninterrupted(for_each(finished, |object| {
            let folder = self.clone();
            async move { folder.complete_one(object).await }
        }))
    }

    async fn complete_one(&self, object: Finished) -> Result<(), AwsError> {
        match object.content {
            Content::InMemory(bytes) => self.put_async(&object.name, bytes, Put::New).await,
            Content::Uploaded { id, nonce, parts } => {
                self.complete_upload(&object.name, &id, &nonce, &parts).await
            }
        }
    }
}

impl Upload {
    /// The future object's URL, as text.
    pub fn place(&self) -> String {
        self.folder.url().join(&self.name).to_string()
    }

    /// Ends the object. When this returns, the server has all its bytes, or they wait in memory.
    pub fn finish(mut self) -> Result<Finished, AwsError> {
        let is_small = self.id.is_none() && self.buffer.len() <= SMALL_MAX;
        if is_small && self.folder.reserve(self.buffer.len()) {
            let content = Content::InMemory(mem::take(&mut self.buffer));
            return Ok(Finished { name: mem::take(&mut self.name), content });
        }
        if !self.buffer.is_empty() || self.number == 0 {
            self.send_buffer()?;
        }
        while let Some(sent) = {
            let next = self.in_flight.join_next();
            self.folder.s3.session().wait(async { Ok(next.await) })?
        } {
            self.add_part(sent)?;
        }
        self.parts.sort_unstable_by_key(|part| part.number);
        let content = Content::Uploaded {
            id: self.id.take().unwrap_or_default(),
            nonce: mem::take(&mut self.nonce),
            parts: mem::take(&mut self.parts),
        };
        Ok(Finished { name: mem::take(&mut self.name), content })
    }

    /// Sends the buffer as a part, after waiting until one more may be sent.
    fn send_buffer(&mut self) -> Result<(), AwsError> {
        while let Some(sent) = self.in_flight.try_join_next() {
            self.add_part(sent)?;
        }
        let session = self.folder.s3.session();
        let id = if let Some(id) = &self.id {
            id.clone()
        } else {
            self.nonce = new_nonce()?;
            let begun = self.folder.begin_upload(&self.name, &self.nonce);
            self.id.insert(session.wait(begun)?).clone()
        };
        let permit = Arc::clone(&self.folder.shared.part_permits).acquire_owned();
        let permit = session.wait(async { Ok(permit.await) })?;
        self.number += 1;
        let bytes = Bytes::from(mem::take(&mut self.buffer));
        let (folder, name, number) = (self.folder.clone(), self.name.clone(), self.number);
        let part = async move {
            let sent = folder.send_part(&name, &id, number, bytes).await;
            drop(permit);
            sent
        };
        self.in_flight.spawn_on(part, &session.handle()?);
        Ok(())
    }

    fn add_part(
        &mut self,
        sent: Result<Result<Part, AwsError>, JoinError>,
    ) -> Result<(), AwsError> {
        let part = sent.map_err(|_panic| {
            let message = format!("sending a part of `{}` ended unexpectedly", self.place());
            AwsError::new(AwsErrorKind::Io, message, "run again")
        })??;
        self.parts.push(part);
        Ok(())
    }
}

impl Write for Upload {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let room = PART - self.buffer.len();
        let taken = bytes.get(..room).unwrap_or(bytes);
        if self.buffer.capacity() < self.buffer.len() + taken.len() {
            // The capacity doubles, but never exceeds a part.
            let needed = (self.buffer.capacity() * 2).max(self.buffer.len() + taken.len());
            let capacity = needed.clamp(BUFFER_MIN, PART);
            self.buffer.reserve_exact(capacity - self.buffer.len());
        }
        self.buffer.extend_from_slice(taken);
        if self.buffer.len() == PART {
            self.send_buffer().map_err(io::Error::other)?;
        }
        Ok(taken.len())
    }

    /// Does nothing: no byte can be seen before the object is completed.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
