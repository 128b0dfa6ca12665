//! How far a long piece of work is. Any thread of it says so, and whoever shows progress reads it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// What there is to do and what is done, in any unit. Clones share their state.
#[derive(Clone, Debug, Default)]
pub struct Advance(Arc<Steps>);

#[derive(Debug, Default)]
struct Steps {
    expected: AtomicU64,
    done: AtomicU64,
}

impl Advance {
    /// There is so much more to do.
    pub fn expect(&self, more: u64) {
        self.0.expected.fetch_add(more, Ordering::Relaxed);
    }

    /// So much more is done.
    pub fn add(&self, done: u64) {
        self.0.done.fetch_add(done, Ordering::Relaxed);
    }

    /// What is done, in percent; `None` if it is not known what there is to do.
    pub fn percent(&self) -> Option<u64> {
        let expected = self.0.expected.load(Ordering::Relaxed);
        let done = self.0.done.load(Ordering::Relaxed).min(expected);
        let percent = (u128::from(done) * 100).checked_div(u128::from(expected))?;
        u64::try_from(percent).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_done_is_a_share_of_what_there_is_to_do() {
        let advance = Advance::default();
        assert_eq!(advance.percent(), None);
        advance.expect(300);
        advance.clone().add(100);
        assert_eq!(advance.percent(), Some(33));
        advance.expect(100);
        assert_eq!(advance.percent(), Some(25));
        advance.add(u64::from(u32::MAX));
        assert_eq!(advance.percent(), Some(100));
    }
}
