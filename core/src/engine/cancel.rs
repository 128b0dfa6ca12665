//! Cancellation: how a signal ends a run. `cli/signals.rs` sets it, the run checks it and fails,
//! and `publish/undo.rs` removes what was written.

use std::{
    io,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicI32, Ordering},
    },
    time::{Duration, Instant},
};

/// Set by a signal handler, and checked by the run before each chunk and while it waits. Clones
/// share their state.
#[derive(Clone, Debug, Default)]
pub struct Cancel(Arc<State>);

#[derive(Debug, Default)]
struct State {
    /// The number of the signal; 0 for none.
    signal: AtomicI32,
    first: OnceLock<Instant>,
}

/// The run was cancelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Cancelled {
    /// By `SIGINT`: exit code 130.
    #[error("interrupted")]
    Interrupted,
    /// By another signal: exit code 143.
    #[error("terminated")]
    Terminated,
}

const SIGINT: i32 = 2;

impl Cancel {
    pub fn new() -> Self {
        Cancel::default()
    }

    /// Cancels the run because of the signal with this number.
    pub fn signal(&self, number: i32) {
        self.0.first.get_or_init(Instant::now);
        self.0.signal.store(number, Ordering::Relaxed);
    }

    /// Whether the run was cancelled.
    pub fn is_cancelled(&self) -> bool {
        self.check().is_err()
    }

    /// How long ago the run was cancelled; `None` if it was not.
    pub fn elapsed(&self) -> Option<Duration> {
        self.0.first.get().map(Instant::elapsed)
    }

    /// # Errors
    ///
    /// If the run was cancelled.
    pub fn check(&self) -> Result<(), Cancelled> {
        match self.0.signal.load(Ordering::Relaxed) {
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
