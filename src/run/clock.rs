//! The time of day, asked here and nowhere else in a run.
//!
//! A clock may be wrong in any way: be beyond the years that dates can name, or go back during a run.
//! Neither may cost a result, so the clock is asked once, and the end of a run is its start and the
//! time that it took.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use jiff::Timestamp;

use super::error::{ErrorKind, RunError};

/// When a run began.
#[derive(Clone, Copy, Debug)]
pub(super) struct Began {
    at: Instant,
    time: Timestamp,
}

impl Began {
    /// Fails if the clock of this machine is at no date.
    pub(super) fn now() -> Result<Began, RunError> {
        Ok(Began { at: Instant::now(), time: now()? })
    }

    pub(super) fn time(&self) -> Timestamp {
        self.time
    }

    /// How long the run has taken so far.
    pub(super) fn elapsed(&self) -> Duration {
        self.at.elapsed()
    }

    /// The time after the run has taken this long.
    pub(super) fn time_after(&self, elapsed: Duration) -> Timestamp {
        self.time.checked_add(elapsed).unwrap_or(Timestamp::MAX)
    }
}

/// The time of day.
pub(super) fn now() -> Result<Timestamp, RunError> {
    timestamp(SystemTime::now())
}

fn timestamp(time: SystemTime) -> Result<Timestamp, RunError> {
    Timestamp::try_from(time).map_err(|_no_date| {
        let message = "the clock of this machine is beyond the year 9999";
        RunError::new(ErrorKind::Io, message).hint("set the clock, and run again")
    })
}

/// A text that no other run has, on this machine.
pub(super) fn unique() -> String {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let nanos = since.map_or_else(|before| before.duration().as_nanos(), |since| since.as_nanos());
    format!("{nanos} {}", std::process::id())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_at_no_date_is_an_error() {
        let after = |secs| timestamp(UNIX_EPOCH + Duration::from_secs(secs));
        assert_eq!(after(253_402_128_000).expect("a date").to_string(), "9999-12-30T00:00:00Z");
        for secs in [253_402_300_800, 1 << 40] {
            let error = after(secs).expect_err("no date");
            assert!(error.to_string().contains("beyond the year 9999"), "{error}");
        }
    }

    /// The clock of the machine may have been set back meanwhile: it is not asked again.
    #[test]
    fn a_run_ends_after_it_began() {
        for time in [Timestamp::UNIX_EPOCH, Timestamp::MAX] {
            let began = Began { at: Instant::now(), time };
            assert_eq!(began.time_after(Duration::ZERO), time);
            let end = began.time_after(Duration::from_secs(7));
            let expected = if time == Timestamp::MAX { time.as_second() } else { 7 };
            assert_eq!(end.as_second(), expected);
        }
    }
}
