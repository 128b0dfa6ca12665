//! AWS for synchronous callers: the session with its identity and threads, errors, and the services
//! that a run needs besides S3.
//!
//! What always holds:
//!
//! - Nothing is read, started or requested before a call needs it.
//! - Requests run on two threads of this module, which never wait for a caller.
//! - An error repeats nothing that a server sent, except for its error code.
//! - Keys are wiped when they are dropped. Copies in the SDK's own buffers are out of reach.
//!
//! `timeouts.rs` has the retries and timeouts of all requests, and `ending.rs` the time that is left
//! after a signal, or after a server has not responded.

mod access;
mod ending;
mod error;
mod https;
mod kms;
mod profile;
mod secrets;
mod session;
#[cfg(test)]
mod tests;
mod timeouts;

pub use access::{Access, Role};
pub use error::{AwsError, AwsErrorKind};
pub(in crate::store) use error::{Refusal, root_cause};
pub use kms::generate_mac;
pub use secrets::secret_text;
pub(in crate::store) use session::{HttpsOnly, Identity};
pub use session::{Session, Stop};
pub(in crate::store) use timeouts::transfer_retries;
