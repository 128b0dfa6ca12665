//! How long a run may wait for servers once it is ending, because of a signal or because a server
//! no longer answers.
//!
//! What is left to do then (to abort uploads, to release locks) is worth a few seconds and no more:
//! whoever sent the signal kills the process soon, and the next run cleans up what remains. Each
//! call has a limit of its own, so one request that hangs does not use up the time of the others.

use std::time::Duration;

/// How long a run waits for servers while it is ending.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Grace {
    /// In one call.
    each: Duration,
    /// In all calls together.
    all: Duration,
}

/// After a signal. The program ends the process after 9.5 s, whatever it waits for.
pub(super) const AFTER_SIGNAL: Grace =
    Grace { each: Duration::from_millis(2500), all: Duration::from_secs(8) };

impl Grace {
    /// After a server has not answered one request for `limit`.
    pub(super) fn after_silence(patience: Duration, limit: Duration) -> Grace {
        const EACH_MAX: Duration = Duration::from_secs(10);
        Grace { each: patience.min(EACH_MAX), all: limit / 5 }
    }

    /// Whether a call has to end that has waited for `waited`, in a run that began to end `ending`
    /// ago.
    pub(super) fn is_over(self, ending: Duration, waited: Duration) -> bool {
        self.all <= ending || self.each <= ending.min(waited)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_ends_by_its_own_limit_or_by_that_of_all() {
        let is_over = |ending: u64, waited: u64| {
            AFTER_SIGNAL.is_over(Duration::from_millis(ending), Duration::from_millis(waited))
        };
        assert!(!is_over(0, 60_000), "the signal arrived now");
        assert!(!is_over(2000, 60_000) && is_over(2500, 60_000));
        assert!(!is_over(5000, 1000) && is_over(5000, 2500));
        assert!(is_over(8000, 0), "nothing is begun any more");
    }
}
