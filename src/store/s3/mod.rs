//! Objects in S3, for synchronous callers.
//!
//! What always holds:
//!
//! - An object is read in the state in which it was listed, or not at all.
//! - A new object is seen by nobody before it is completed.
//! - Memory is bounded, whatever the number and size of the objects: see `run/memory.rs`.

mod ahead;
mod checksum;
mod client;
mod fetch;
mod folder;
mod lease;
mod list;
mod multipart;
mod objects;
mod pace;
mod request;
mod settings;
mod upload;
mod url;
mod whole;

pub use ahead::Reach;
pub(crate) use ahead::{ObjectReader, PIECE, REQUEST_BYTES, REQUESTS, ReadAhead, WINDOW, Wanted};
pub use client::S3;
pub use folder::Folder;
pub(crate) use folder::{HELD_MAX, PARTS_AT_ONCE};
pub use lease::Lease;
pub(crate) use list::Object;
pub(in crate::store) use objects::ObjectSearch;
pub use settings::{Checksum, Encryption, Settings, Storing};
pub(crate) use upload::PART;
pub use upload::{Finished, OBJECT_MAX, Upload};
pub use url::Url;
