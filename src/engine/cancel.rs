//! The signal that ends a run.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicI32, Ordering},
    },
};

/// Set from outside, and read by the run at each chunk. Clones share the state.
#[derive(Clone, Debug, Default)]
pub struct Cancel(Arc<AtomicI32>);

/// The run was asked to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Cancelled {
    /// By `SIGINT`: exit 130.
    #[error("interrupted")]
    Interrupted,
    /// By any other signal: exit 143.
    #[error("terminated")]
    Terminated,
}

const SIGINT: i32 = 2;

impl Cancel {
    pub fn new() -> Self {
        Cancel::default()
    }

    /// Asks the run to end, because of the signal with this number.
    pub fn signal(&self, number: i32) {
        self.0.store(number, Ordering::Relaxed);
    }

    /// # Errors
    ///
    /// The run was asked to end.
    pub fn check(&self) -> Result<(), Cancelled> {
        match self.0.load(Ordering::Relaxed) {
            0 => Ok(()),
            SIGINT => Err(Cancelled::Interrupted),
            _ => Err(Cancelled::Terminated),
        }
    }
}

impl From<Cancelled> for io::Error {
    fn from(cancelled: Cancelled) -> io::Error {
        io::Error::other(cancelled)
    }
}
