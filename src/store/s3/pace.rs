//! The slowest pace at which the bytes of an object may arrive: 16 KiB within each operation timeout
//! (`store/aws/timeouts.rs`). A server that sends a byte now and then never exceeds the read timeout, so
//! without this a run would wait for it forever.

use std::time::{Duration, Instant};

use crate::store::aws::AwsError;

use super::Url;

/// The bytes that must arrive within each timeout. A slow line with many transfers manages far more.
const STEP: usize = 16 << 10;

/// The time that is left for the next bytes of an object.
pub(super) struct Pace {
    timeout: Duration,
    began: Instant,
    /// The bytes that have arrived since then.
    arrived: usize,
}

impl Pace {
    pub(super) fn new(timeout: Duration) -> Pace {
        Pace { timeout, began: Instant::now(), arrived: 0 }
    }

    /// Notes that bytes have arrived.
    pub(super) fn add(&mut self, bytes: usize) {
        self.arrived += bytes;
        if STEP <= self.arrived {
            *self = Pace::new(self.timeout);
        }
    }

    /// Waits for a response or for bytes.
    pub(super) async fn wait<T>(
        &self,
        next: impl Future<Output = T>,
        url: &Url,
    ) -> Result<T, AwsError> {
        let left = self.timeout.saturating_sub(self.began.elapsed());
        tokio::time::timeout(left, next).await.map_err(|_elapsed| {
            let seconds = self.timeout.as_secs();
            let message =
                format!("the transfer of `{url}` nearly stopped: less than 16 KiB in {seconds} s");
            AwsError::unanswered(message)
        })
    }
}
