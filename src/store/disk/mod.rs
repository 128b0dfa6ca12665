//! Files and folders on this machine.

mod expand;
pub mod folder;
pub(super) mod list;
mod lock;
pub(super) mod read;
mod staged;
mod unnamed;
pub mod whole;

pub use lock::Lock;
pub use staged::Staged;
pub use unnamed::UnnamedFile;
