//! Where bytes come from and go to: files, standard input, and objects in S3.
//!
//! This module knows names, sizes and bytes, and nothing of records, runs or manifests. What always
//! holds:
//!
//! - Links are followed when reading, and never when writing or removing.
//! - An input is read in the state in which it was listed, or not at all.
//! - Once [`disk::folder`] or [`Staged`] report that something is synced, it is on the disk and not
//!   only in the system's cache.
//!
//! | module | contents |
//! |---|---|
//! | `listing`, `exclude`, `error` | plain data: what is listed, the patterns of `exclude`, errors |
//! | `disk` | files and folders: listing, reading, locking, staging |
//! | `aws` | the session with AWS, its errors, KMS and Secrets Manager |
//! | `s3` | objects: listing, reading ahead, uploading, locking |
//! | `list`, `inputs`, `range` | the inputs of a run, from disk and from buckets, or ranges of them |
//! | `places` | what is in a folder that a run wrote to |

pub mod aws;
pub mod disk;
mod error;
mod exclude;
mod inputs;
mod list;
mod listing;
mod places;
mod range;
pub mod s3;

pub use disk::{Lock, Staged};
pub use error::StoreError;
pub(crate) use exclude::Exclusions;
pub use inputs::{Inputs, Store};
pub use listing::{ByteRange, Ignored, Listed, Listing, Reason, STANDARD_INPUT, Stamp};
pub use places::{FoundFile, RangeReader};
