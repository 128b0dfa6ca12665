//! AWS, for callers that wait: who we are there, the threads on which requests wait, what goes
//! wrong, and the services that a run needs beside S3.
//!
//! What always holds:
//!
//! - Nothing of AWS is read, started or asked for before the first call needs it.
//! - Requests run on two threads of this module's own; nobody else waits inside of one.
//! - No error repeats what a server wrote but its code.
//! - Keys are wiped when they go. What a service's client held of them on the way is not ours to wipe.

mod access;
mod error;
mod https;
mod kms;
mod secrets;
mod session;
#[cfg(test)]
mod tests;

pub use access::{Access, Role};
pub use error::{AwsError, AwsErrorKind};
pub(in crate::store) use error::{Refusal, innermost};
pub use kms::generate_mac;
pub use secrets::secret_text;
pub use session::Session;
pub(in crate::store) use session::{Identity, Plainness, timeouts};
