//! A signal that asks a run to end.

use std::sync::{
    Arc,
    atomic::{AtomicI32, Ordering},
};

use super::error::{ErrorKind, RunError};

/// Set from outside, read by the run at each chunk. Clones share the state.
#[derive(Clone, Debug, Default)]
pub struct Cancel(Arc<AtomicI32>);

const SIGINT: i32 = 2;

impl Cancel {
    pub fn new() -> Self {
        Cancel::default()
    }

    /// Asks the run to end, for the signal of that number.
    pub fn signal(&self, number: i32) {
        self.0.store(number, Ordering::Relaxed);
    }

    /// An error once the run is asked to end.
    pub(super) fn check(&self) -> Result<(), RunError> {
        match self.0.load(Ordering::Relaxed) {
            0 => Ok(()),
            SIGINT => {
                Err(RunError::new(ErrorKind::Interrupted, "interrupted; nothing was published"))
            }
            _ => Err(RunError::new(ErrorKind::Terminated, "terminated; nothing was published")),
        }
    }
}
