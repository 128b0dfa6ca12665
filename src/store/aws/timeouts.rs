//! How often a request to AWS is sent, and how long it may take. The SDK enforces both.
//!
//! | | |
//! |---|---|
//! | attempts | 6, and 10 for a request that transfers records; with growing pauses in between |
//! | connect timeout | 3 s |
//! | read timeout | 20 s, or `[aws] patience`: how long a server may send nothing; six times that for a request that takes the server long |
//! | operation timeout | ten times the read timeout, at most 200 s: for all attempts together |
//!
//! Whichever comes first ends a request: a server that is silent ends most of them after some two
//! minutes, and those that transfer records after 200 s.
//!
//! So a run ends within five minutes of a server's last response, including the time to clean up,
//! which `ending.rs` limits. The SDK does not read the body of an object within these timeouts:
//! `store/s3/fetch.rs` applies the read timeout to its bytes and resumes it, and `store/s3/pace.rs`
//! applies the operation timeout.

use std::time::Duration;

use aws_sdk_s3::config::StalledStreamProtectionConfig;
use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::config::timeout::TimeoutConfig;

use super::access::Access;

/// How often a request is sent before its failure is reported. The pauses between these attempts
/// add up to 1.6 s on average, and to 3.1 s at most.
const ATTEMPTS: u32 = 6;
/// The same for requests that transfer records. Their pauses add up to 11 s on average, and to 21 s at
/// most.
const TRANSFER_ATTEMPTS: u32 = 10;
/// The longest pause after the first failed attempt; it doubles with each further one.
const FIRST_BACKOFF: Duration = Duration::from_millis(100);
const BACKOFF_MAX: Duration = Duration::from_secs(5);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
const READ_TIMEOUT: Duration = Duration::from_secs(20);
const OPERATION_TIMEOUT_MAX: Duration = Duration::from_secs(200);
/// The operation timeout, as a multiple of the read timeout.
const READ_TIMEOUTS: u32 = 10;
/// The read timeout of a request that takes the server long, as a multiple of the usual one.
const LONG_FACTOR: u32 = 6;
/// How long it may take to find the Region and the credentials, for which services of the machine may
/// be asked.
pub(super) const CONFIG_TIMEOUT: Duration = Duration::from_mins(1);

/// The retries of most requests. No other layer sends a failed request again.
pub(super) fn retries() -> RetryConfig {
    retries_of(ATTEMPTS)
}

/// The retries of requests that transfer records.
pub(in crate::store) fn transfer_retries() -> RetryConfig {
    retries_of(TRANSFER_ATTEMPTS)
}

fn retries_of(attempts: u32) -> RetryConfig {
    RetryConfig::standard()
        .with_max_attempts(attempts)
        .with_initial_backoff(FIRST_BACKOFF)
        .with_max_backoff(BACKOFF_MAX)
}

impl Access {
    /// How long a server may send nothing before an attempt fails.
    pub(in crate::store) fn read_timeout(&self) -> Duration {
        self.read_timeout.unwrap_or(READ_TIMEOUT)
    }

    /// How long a request may take with all its attempts.
    pub(in crate::store) fn operation_timeout(&self) -> Duration {
        self.read_timeout().saturating_mul(READ_TIMEOUTS).min(OPERATION_TIMEOUT_MAX)
    }

    pub(super) fn timeouts(&self) -> TimeoutConfig {
        self.timeouts_with(self.read_timeout())
    }

    /// The timeouts of a request that takes the server long: it reads a part before it responds, or
    /// joins the parts of an upload.
    pub(in crate::store) fn long_timeouts(&self) -> TimeoutConfig {
        self.timeouts_with(self.read_timeout() * LONG_FACTOR)
    }

    fn timeouts_with(&self, read_timeout: Duration) -> TimeoutConfig {
        TimeoutConfig::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .read_timeout(read_timeout)
            .operation_timeout(self.operation_timeout())
            .build()
    }

    /// How long the body of a request or response may stall.
    pub(super) fn stalls(&self) -> StalledStreamProtectionConfig {
        StalledStreamProtectionConfig::enabled().grace_period(self.read_timeout()).build()
    }
}
