//! How long a run may wait for servers once it is ending, because of a signal or because a server
//! no longer responds. (`timeouts.rs` has the timeouts of other requests.)
//!
//! What is left to do then (to abort uploads, to release locks) is worth a few seconds and no more:
//! whoever sent the signal kills the process soon, and the next run cleans up what remains. Each
//! call has a timeout of its own, so one request that hangs does not use up the time of the others.

use std::time::Duration;

/// How long a run waits for servers while it is ending.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct EndingTimeouts {
    /// In one call.
    call: Duration,
    /// In all calls together.
    total: Duration,
}

/// After a signal. The program ends the process after 9.5 s, whatever it waits for.
pub(super) const AFTER_SIGNAL: EndingTimeouts =
    EndingTimeouts { call: Duration::from_millis(2500), total: Duration::from_secs(8) };

impl EndingTimeouts {
    /// After a server has not responded to a request within these timeouts.
    pub(super) fn after_no_response(
        read_timeout: Duration,
        operation_timeout: Duration,
    ) -> EndingTimeouts {
        const CALL_MAX: Duration = Duration::from_secs(10);
        EndingTimeouts { call: read_timeout.min(CALL_MAX), total: operation_timeout / 5 }
    }

    /// Whether a call has to end that has waited for `waited`, in a run that began to end `ending`
    /// ago.
    pub(super) fn is_over(self, ending: Duration, waited: Duration) -> bool {
        self.total <= ending || self.call <= ending.min(waited)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_ends_by_its_own_timeout_or_by_the_total() {
        let is_over = |ending: u64, waited: u64| {
            AFTER_SIGNAL.is_over(Duration::from_millis(ending), Duration::from_millis(waited))
        };
        assert!(!is_over(0, 60_000), "the signal arrived now");
        assert!(!is_over(2000, 60_000) && is_over(2500, 60_000));
        assert!(!is_over(5000, 1000) && is_over(5000, 2500));
        assert!(is_over(8000, 0), "nothing is begun any more");
    }
}
