//! Counts of records and values, which are added up block by block.

use std::collections::{BTreeMap, HashMap};

/// The number of names that are counted separately. All others are counted as [`OTHER`].
const NAMES_MAX: usize = 250;
const OTHER: &str = "other";

/// Counts by a name that comes from the data. The first 250 names are counted separately,
/// so that memory is bounded.
///
/// Blocks are added in input order, so which names come first depends neither on threads nor on the
/// size of chunks.
#[derive(Clone, Debug, Default)]
pub struct NameCounts {
    counts: HashMap<String, u64>,
    other: u64,
}

impl NameCounts {
    pub fn add(&mut self, name: &str, count: u64) {
        if let Some(known) = self.counts.get_mut(name) {
            *known += count;
        } else if self.counts.len() < NAMES_MAX {
            self.counts.insert(name.to_owned(), count);
        } else {
            self.other += count;
        }
    }

    /// Counts names that are not known.
    pub fn add_other(&mut self, count: u64) {
        self.other += count;
    }

    /// The counts by name, and under `other` those of names that were not counted separately.
    pub fn sorted(&self) -> BTreeMap<String, u64> {
        let mut sorted: BTreeMap<String, u64> =
            self.counts.iter().map(|(name, count)| (name.clone(), *count)).collect();
        if 0 < self.other {
            *sorted.entry(OTHER.to_owned()).or_default() += self.other;
        }
        sorted
    }
}

/// The counts of a block, of an input, or of a run.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    pub read: u64,
    pub written: u64,
    pub rejected: u64,
    /// Rows dropped because they repeat the header of their file.
    pub headers: u64,
    pub inactive: u64,
    /// Records dropped because of a list.
    pub suppressed: u64,
    pub blank_lines: u64,
    /// Fields that only exports have.
    pub export_only: u64,
    /// CSV cells in which blanks precede a quote, which is text then.
    pub spaced_quotes: u64,
    /// By rule, in the plan's order: the values in written records that it was applied to.
    pub values: Vec<u64>,
    /// By rule: the values that were removed because the operation could not be applied.
    pub op_failed: Vec<u64>,
    /// By list, in the plan's order: the records that match an entry.
    pub matches: Vec<u64>,
}

impl Tally {
    pub fn for_rules(rules: usize) -> Self {
        Tally { values: vec![0; rules], op_failed: vec![0; rules], ..Tally::default() }
    }

    pub fn add(&mut self, other: &Tally) {
        self.read += other.read;
        self.written += other.written;
        self.rejected += other.rejected;
        self.headers += other.headers;
        self.inactive += other.inactive;
        self.suppressed += other.suppressed;
        self.blank_lines += other.blank_lines;
        self.export_only += other.export_only;
        self.spaced_quotes += other.spaced_quotes;
        add_each(&mut self.values, &other.values);
        add_each(&mut self.op_failed, &other.op_failed);
        add_each(&mut self.matches, &other.matches);
    }

    /// Whether read = written + rejected + dropped.
    pub fn balances(&self) -> bool {
        self.read == self.written + self.rejected + self.dropped()
    }

    /// Records left out, for any reason.
    pub fn dropped(&self) -> u64 {
        self.headers + self.inactive + self.suppressed
    }
}

fn add_each(sums: &mut Vec<u64>, addends: &[u64]) {
    sums.resize(sums.len().max(addends.len()), 0);
    for (sum, addend) in sums.iter_mut().zip(addends) {
        *sum += addend;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_over_the_maximum_are_counted_together() {
        let mut counts = NameCounts::default();
        for number in 0..NAMES_MAX + 5 {
            counts.add(&format!("name{number}"), 2);
        }
        counts.add("name0", 1);
        let sorted = counts.sorted();
        assert_eq!(sorted.len(), NAMES_MAX + 1);
        assert_eq!(sorted.get("name0"), Some(&3));
        assert_eq!(sorted.get(OTHER), Some(&10));
    }

    #[test]
    fn a_tally_balances_if_every_record_is_accounted_for() {
        let mut sum = Tally::for_rules(2);
        sum.add(&Tally {
            read: 5,
            written: 1,
            rejected: 1,
            headers: 1,
            inactive: 1,
            suppressed: 1,
            values: vec![1, 2],
            ..Tally::default()
        });
        assert!(sum.balances());
        assert_eq!(sum.values, [1, 2]);
        sum.read += 1;
        assert!(!sum.balances());
    }
}
