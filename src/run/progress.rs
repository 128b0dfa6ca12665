//! The progress of a run: counters that the run increases and that other threads may read
//! (`cli/progress.rs` shows them).

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// Shared between a run and the display of its progress.
#[derive(Debug, Default)]
pub struct Progress {
    /// The size of all inputs; 0 until they are listed.
    bytes_total: AtomicU64,
    bytes_read: AtomicU64,
    records_read: AtomicU64,
    records_rejected: AtomicU64,
    /// In nanoseconds.
    ordered_cpu: AtomicU64,
}

/// The counters at one moment.
#[derive(Clone, Copy, Debug, Default)]
pub struct ProgressView {
    pub bytes_total: u64,
    pub bytes_read: u64,
    pub records_read: u64,
    pub records_rejected: u64,
}

impl Progress {
    pub fn view(&self) -> ProgressView {
        ProgressView {
            bytes_total: self.bytes_total.load(Ordering::Relaxed),
            bytes_read: self.bytes_read.load(Ordering::Relaxed),
            records_read: self.records_read.load(Ordering::Relaxed),
            records_rejected: self.records_rejected.load(Ordering::Relaxed),
        }
    }

    /// The processor time of the ordered side, which one thread does at a time: reading and framing
    /// inputs, and giving blocks their places. So it limits how many threads are of use.
    pub fn ordered_cpu(&self) -> Duration {
        Duration::from_nanos(self.ordered_cpu.load(Ordering::Relaxed))
    }

    /// Does work of the ordered side, and adds its processor time. The work must not wait for other
    /// work of the pool, which would count too.
    pub(super) fn on_ordered_side<O>(&self, work: impl FnOnce() -> O) -> O {
        let began = thread_cpu();
        let outcome = work();
        let spent = thread_cpu().saturating_sub(began).as_nanos();
        let spent = u64::try_from(spent).unwrap_or(u64::MAX);
        self.ordered_cpu.fetch_add(spent, Ordering::Relaxed);
        outcome
    }

    pub(super) fn expect_bytes(&self, bytes: u64) {
        self.bytes_total.store(bytes, Ordering::Relaxed);
    }

    pub(super) fn expect_more_bytes(&self, bytes: u64) {
        self.bytes_total.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(super) fn advance(&self, bytes: u64, records: u64, rejected: u64) {
        self.bytes_read.fetch_add(bytes, Ordering::Relaxed);
        self.records_read.fetch_add(records, Ordering::Relaxed);
        self.records_rejected.fetch_add(rejected, Ordering::Relaxed);
    }
}

/// The processor time of this thread.
fn thread_cpu() -> Duration {
    clock_gettime(ClockId::ThreadCPUTime).try_into().unwrap_or_default()
}
