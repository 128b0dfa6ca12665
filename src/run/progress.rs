//! The progress of a run: counters that the run increases and that anyone may read.

use std::sync::atomic::{AtomicU64, Ordering};

/// Shared between a run and the display of its progress.
#[derive(Debug, Default)]
pub struct Progress {
    /// The size of all inputs; 0 until they are listed.
    bytes_total: AtomicU64,
    bytes_read: AtomicU64,
    records_read: AtomicU64,
    records_rejected: AtomicU64,
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

    pub(super) fn expect_bytes(&self, bytes: u64) {
        self.bytes_total.store(bytes, Ordering::Relaxed);
    }

    pub(super) fn advance(&self, bytes: u64, records: u64, rejected: u64) {
        self.bytes_read.fetch_add(bytes, Ordering::Relaxed);
        self.records_read.fetch_add(records, Ordering::Relaxed);
        self.records_rejected.fetch_add(rejected, Ordering::Relaxed);
    }
}
