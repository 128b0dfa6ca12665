//! What becomes of records because of other records: duplicates, and those of users who have too many.
//! `src/group` finds them in a first pass over the inputs, and [`process_marked`](super::process_marked)
//! applies them in the second.

use std::fmt;

/// The words of a page: 65,536 numbers in 8 KiB.
const PAGE_WORDS: usize = 1024;
const PAGE_NUMBERS: u64 = 65_536;

/// A set of the numbers of records. Pages without a number take no memory.
#[derive(Default)]
pub struct RecordSet {
    pages: Vec<Option<Box<[u64; PAGE_WORDS]>>>,
    len: u64,
}

impl RecordSet {
    /// Adds a number. Returns whether it is new.
    pub fn insert(&mut self, number: u64) -> bool {
        let (page, word, bit) = place(number);
        if self.pages.len() <= page {
            self.pages.resize_with(page + 1, || None);
        }
        let Some(page) = self.pages.get_mut(page) else { return false };
        let words = page.get_or_insert_with(|| Box::new([0; PAGE_WORDS]));
        let Some(word) = words.get_mut(word) else { return false };
        let is_new = *word & bit == 0;
        *word |= bit;
        self.len += u64::from(is_new);
        is_new
    }

    #[inline]
    pub fn has(&self, number: u64) -> bool {
        let (page, word, bit) = place(number);
        let page = self.pages.get(page).and_then(Option::as_ref);
        page.and_then(|words| words.get(word)).is_some_and(|word| *word & bit != 0)
    }

    /// How many numbers are in both.
    pub fn common(&self, other: &RecordSet) -> u64 {
        let pages = self.pages.iter().zip(&other.pages);
        let both = pages.filter_map(|(one, other)| one.as_ref().zip(other.as_ref()));
        let words = both.flat_map(|(one, other)| one.iter().zip(other.iter()));
        words.map(|(one, other)| u64::from((one & other).count_ones())).sum()
    }

    /// How many numbers there are.
    pub fn len(&self) -> u64 {
        self.len
    }

    pub fn is_empty(&self) -> bool {
        self.len == 0
    }
}

/// The page of a number, its word in the page, and its bit in the word.
fn place(number: u64) -> (usize, usize, u64) {
    let narrow = |number: u64| usize::try_from(number).expect("usize has 64 bits");
    let in_page = number % PAGE_NUMBERS;
    (narrow(number / PAGE_NUMBERS), narrow(in_page / 64), 1 << (in_page % 64))
}

impl fmt::Debug for RecordSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RecordSet({})", self.len)
    }
}

/// The records that something becomes of because of others, by their numbers in the run, from 0.
#[derive(Debug, Default)]
pub struct Marks {
    /// Another record with the same values stays.
    pub duplicates: RecordSet,
    /// Their users have too many records: they are rejected, or dropped.
    pub over_limit: RecordSet,
    /// They get the opt-out of one of their duplicates.
    pub opted_out: RecordSet,
    /// Their users may have too many names of attributes and metrics.
    pub many_names: RecordSet,
}

/// What becomes of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    Duplicate,
    OverLimit,
    OptedOut,
    ManyNames,
}

impl Marks {
    /// The marks of a record.
    pub(super) fn of(&self, record: u64) -> impl Iterator<Item = Mark> {
        let sets = [
            (&self.duplicates, Mark::Duplicate),
            (&self.over_limit, Mark::OverLimit),
            (&self.opted_out, Mark::OptedOut),
            (&self.many_names, Mark::ManyNames),
        ];
        sets.into_iter().filter(move |(set, _)| set.has(record)).map(|(_, mark)| mark)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_set_has_what_was_inserted(
            numbers in proptest::collection::vec(prop_oneof![0..200_u64, 65_500..65_600_u64, 400_000..400_100_u64], 0..60),
        ) {
            let (mut set, mut expected) = (RecordSet::default(), BTreeSet::new());
            for number in &numbers {
                prop_assert_eq!(set.insert(*number), expected.insert(*number));
            }
            for number in numbers.iter().flat_map(|number| [*number, number + 1, number + 65_536]) {
                prop_assert_eq!(set.has(number), expected.contains(&number));
            }
            prop_assert_eq!(set.len(), u64::try_from(expected.len()).unwrap());
        }
    }
}
