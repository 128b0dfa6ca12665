//! Objects in S3, for callers that wait.
//!
//! What always holds:
//!
//! - An object is read in one state, the one it was listed in, or not at all.
//! - What is written is seen by nobody before it is completed.
//! - Memory has a bound, whatever the number and size of objects: see `run/limits.rs`.

mod ahead;
mod checksum;
mod client;
mod fetch;
mod folder;
mod lease;
mod list;
mod objects;
mod request;
mod settings;
mod upload;
mod url;

pub use ahead::Reach;
pub(crate) use ahead::{PIECE, REQUEST_BYTES, REQUESTS, ReadAhead, WINDOW};
pub use client::S3;
pub use folder::Folder;
pub(crate) use folder::HELD_MAX;
pub use lease::Lease;
pub(crate) use list::Object;
pub(in crate::store) use objects::ObjectSearch;
pub use settings::{Checksum, Encryption, Settings, Storing};
pub use upload::{Finished, OBJECT_MAX, Upload};
pub(crate) use upload::{PART, PARTS_AT_ONCE};
pub use url::Url;
