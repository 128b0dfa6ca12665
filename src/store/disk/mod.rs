//! Files and folders of this machine.

pub mod folder;
pub(super) mod glob;
pub(super) mod list;
mod lock;
pub(super) mod read;
mod staged;

pub use list::{Ignored, Listed, Listing, Reason, STANDARD_INPUT, Stamp};
pub use lock::Lock;
pub use staged::Staged;
