//! A small generator of pseudo-random numbers, `SplitMix64`, the same on every machine.
//!
//! Steele, Lea, Flood: *Fast splittable pseudorandom number generators*, OOPSLA 2014. The state has only
//! 64 bits, so each record has its own stream, which depends on the seed and the record's number.

/// A stream of numbers.
#[derive(Clone, Debug)]
pub(super) struct Random {
    state: u64,
}

/// The golden ratio in 64 bits, the difference between two states.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

impl Random {
    pub(super) fn of_record(seed: u64, number: u64) -> Random {
        Random { state: mixed(mixed(seed).wrapping_add(number)) }
    }

    pub(super) fn number(&mut self) -> u64 {
        self.state = self.state.wrapping_add(STEP);
        mixed(self.state)
    }

    /// A number from 0 to `limit - 1`.
    pub(super) fn below(&mut self, limit: u64) -> u64 {
        let product = u128::from(self.number()) * u128::from(limit);
        u64::try_from(product >> 64).expect("the upper half has 64 bits")
    }

    /// One of the items, each as likely as the others. There must be one.
    pub(super) fn pick<T: Copy>(&mut self, items: &[T]) -> T {
        let count = u64::try_from(items.len()).expect("a length has at most 64 bits");
        let index = usize::try_from(self.below(count));
        index
            .ok()
            .and_then(|index| items.get(index).copied())
            .expect("the index is below the length")
    }

    /// Returns true with this probability.
    pub(super) fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }
}

/// A permutation of all 64-bit numbers.
pub(super) fn mixed(number: u64) -> u64 {
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}
