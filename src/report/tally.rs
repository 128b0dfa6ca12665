//! Counts of records and values, which `run/assemble.rs` adds up block by block.

use std::collections::{BTreeMap, HashMap};

use crate::record::FieldPath;

/// The number of names that are counted separately. All others are counted as [`OTHER`].
pub const NAMES_MAX: usize = 250;
/// The name under which other names are counted.
pub const OTHER: &str = "other";

/// Counts by the path of a field whose name may come from the data. The first 250 names are counted
/// separately, so that memory is bounded.
///
/// Blocks are added in input order, so which names come first does not depend on threads.
#[derive(Clone, Debug, Default)]
pub struct NameCounts {
    counts: HashMap<FieldPath, u64>,
    other: u64,
}

impl NameCounts {
    pub fn add(&mut self, path: &FieldPath, count: u64) {
        if let Some(known) = self.counts.get_mut(path) {
            *known += count;
        } else if self.counts.len() < NAMES_MAX {
            self.counts.insert(path.clone(), count);
        } else {
            self.other += count;
        }
    }

    /// Counts names that are not known.
    pub fn add_other(&mut self, count: u64) {
        self.other += count;
    }

    /// The paths and their counts, in no order.
    pub fn iter(&self) -> impl Iterator<Item = (&FieldPath, u64)> {
        self.counts.iter().map(|(path, count)| (path, *count))
    }

    /// The counts by path, and under `other` those of names that were not counted separately.
    /// `is_common` says of a whole path whether enough records have its name.
    pub fn sorted(&self, is_common: impl Fn(&str) -> bool) -> BTreeMap<String, u64> {
        let mut sorted = BTreeMap::new();
        for (path, count) in &self.counts {
            let whole = path.whole.as_ref().filter(|whole| is_common(whole));
            *sorted.entry(whole.unwrap_or(&path.shown).clone()).or_default() += count;
        }
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
    /// The rows that the records come from; the same number, unless CSV rows have several.
    pub rows: u64,
    pub written: u64,
    pub rejected: u64,
    /// Rows dropped because they repeat the header of their file.
    pub headers: u64,
    pub inactive: u64,
    /// Records dropped because of a list.
    pub suppressed: u64,
    /// Records dropped because another one with the same values stays.
    pub duplicates: u64,
    /// Records dropped because their users have too many.
    pub over_user_limit: u64,
    pub blank_lines: u64,
    /// Fields that only exports have.
    pub export_only: u64,
    /// CSV cells in which blanks precede a quote, which is text then.
    pub spaced_quotes: u64,
    /// By rule, in the plan's order: the values in written records that it was applied to.
    pub values: Vec<u64>,
    /// By node of the schema: the written records that have it.
    pub nodes: Vec<u64>,
    /// By rule: the values that were removed because the operation could not be applied.
    pub op_failed: Vec<u64>,
    /// By list, in the plan's order: the records that match an entry.
    pub matches: Vec<u64>,
    /// Records that are opted out and not written, by what became of them, if an output has lists of opt-outs.
    pub unlisted: BTreeMap<&'static str, u64>,
}

impl Tally {
    pub fn for_rules(rules: usize) -> Self {
        Tally { values: vec![0; rules], op_failed: vec![0; rules], ..Tally::default() }
    }

    pub fn add(&mut self, other: &Tally) {
        self.read += other.read;
        self.rows += other.rows;
        self.written += other.written;
        self.rejected += other.rejected;
        self.headers += other.headers;
        self.inactive += other.inactive;
        self.suppressed += other.suppressed;
        self.duplicates += other.duplicates;
        self.over_user_limit += other.over_user_limit;
        self.blank_lines += other.blank_lines;
        self.export_only += other.export_only;
        self.spaced_quotes += other.spaced_quotes;
        add_each(&mut self.values, &other.values);
        add_each(&mut self.nodes, &other.nodes);
        add_each(&mut self.op_failed, &other.op_failed);
        add_each(&mut self.matches, &other.matches);
        for (reason, records) in &other.unlisted {
            *self.unlisted.entry(reason).or_default() += records;
        }
    }

    /// Whether read = written + rejected + dropped.
    pub fn balances(&self) -> bool {
        self.read == self.written + self.rejected + self.dropped()
    }

    /// Records left out, for any reason.
    pub fn dropped(&self) -> u64 {
        self.headers + self.inactive + self.suppressed + self.duplicates + self.over_user_limit
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
            counts.add(&FieldPath::known(format!("name{number}")), 2);
        }
        counts.add(&FieldPath::known("name0".to_owned()), 1);
        let sorted = counts.sorted(|_| false);
        assert_eq!(sorted.len(), NAMES_MAX + 1);
        assert_eq!(sorted.get("name0"), Some(&3));
        assert_eq!(sorted.get(OTHER), Some(&10));
    }

    #[test]
    fn rare_names_are_counted_by_their_length() {
        let mut counts = NameCounts::default();
        for name in ["Mood", "Tone", "Hue", "a@b"] {
            counts.add(&FieldPath::if_common("Attributes", name), 2);
        }
        let sorted = counts.sorted(|path| path == "Attributes.Mood");
        let expected = [
            ("Attributes.(name of 3 characters)", 4),
            ("Attributes.(name of 4 characters)", 2),
            ("Attributes.Mood", 2),
        ];
        assert_eq!(sorted, expected.map(|(path, count)| (path.to_owned(), count)).into());
    }

    #[test]
    fn a_tally_balances_if_every_record_is_accounted_for() {
        let mut sum = Tally::for_rules(2);
        sum.add(&Tally {
            read: 7,
            written: 1,
            rejected: 1,
            headers: 1,
            inactive: 1,
            suppressed: 1,
            duplicates: 1,
            over_user_limit: 1,
            values: vec![1, 2],
            ..Tally::default()
        });
        assert!(sum.balances());
        assert_eq!(sum.values, [1, 2]);
        sum.read += 1;
        assert!(!sum.balances());
    }
}
