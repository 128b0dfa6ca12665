//! Counts of what happened, added up chunk by chunk in input order.

use std::collections::{BTreeMap, HashMap};

/// The most names that are counted by themselves; more are counted as [`OTHER`].
const NAMES_MAX: usize = 250;
const OTHER: &str = "other";

/// Counts by a name that comes from the data: bounded, in order of first appearance.
///
/// Since chunks are added in input order, which names are counted by themselves does not
/// depend on how the input was cut.
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

    /// Counts what has no name of its own.
    pub fn add_other(&mut self, count: u64) {
        self.other += count;
    }

    /// The counts by name, with `other` where there were too many names.
    pub fn sorted(&self) -> BTreeMap<String, u64> {
        let mut sorted: BTreeMap<String, u64> =
            self.counts.iter().map(|(name, count)| (name.clone(), *count)).collect();
        if 0 < self.other {
            *sorted.entry(OTHER.to_owned()).or_default() += self.other;
        }
        sorted
    }
}

/// The counts of some records: of a block, an input, or a run.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    pub read: u64,
    pub written: u64,
    pub rejected: u64,
    pub inactive: u64,
    /// Records that a list leaves out.
    pub suppressed: u64,
    pub blank_lines: u64,
    /// Fields that only exports carry.
    pub export_only: u64,
    /// By rule, in the plan's order: values it was applied to, in written records.
    pub values: Vec<u64>,
    /// By rule: values that were removed since the operation could not apply.
    pub op_failed: Vec<u64>,
    /// By list, in the plan's order: records that it has.
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
        self.inactive += other.inactive;
        self.suppressed += other.suppressed;
        self.blank_lines += other.blank_lines;
        self.export_only += other.export_only;
        add_each(&mut self.values, &other.values);
        add_each(&mut self.op_failed, &other.op_failed);
        add_each(&mut self.matches, &other.matches);
    }

    /// read = written + rejected + dropped.
    pub fn balances(&self) -> bool {
        self.read == self.written + self.rejected + self.dropped()
    }

    /// Records that the policy leaves out, for whatever reason.
    pub fn dropped(&self) -> u64 {
        self.inactive + self.suppressed
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
    fn names_beyond_the_most_are_counted_together() {
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
    fn a_tally_balances_when_every_record_is_somewhere() {
        let mut sum = Tally::for_rules(2);
        sum.add(&Tally {
            read: 4,
            written: 1,
            rejected: 1,
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
