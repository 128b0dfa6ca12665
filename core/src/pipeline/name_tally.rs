//! Counts the names of the data in the records of a block: in how many records each is, and how many
//! values it has. Whether a name may be shown depends on the former.
//!
//! A worker's counts are a list by [`NameId`], so that counting is an index. They move to the block at
//! its end, and before the worker forgets its names.

use std::mem;

use super::block::{BLOCK_NAMES_MAX, Block, BlockName};
use super::name_policies::{NamePlaces, NamePolicies};
use crate::record::NameId;

/// Counting ends here: with so many records, a name is common.
pub const COMMON_RECORDS: u32 = 10;

/// The counts of one worker's names in the current block.
#[derive(Debug, Default)]
pub(super) struct NameTally {
    counts: Vec<Count>,
    /// The names that have counts, in order of first appearance.
    met: Vec<NameId>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Count {
    is_met: bool,
    values: u32,
    records: u32,
    /// The index of the first record.
    first: u32,
    /// The number of the last record that was counted, from 1.
    last: u32,
}

impl Count {
    #[inline]
    fn add_record(&mut self, record: u32) {
        if self.records < COMMON_RECORDS && self.last <= record {
            self.last = record + 1;
            self.records += 1;
        }
    }
}

impl NameTally {
    /// Counts a record that has the name; `record` is its index in the block.
    #[inline]
    pub(super) fn add_record(&mut self, name: NameId, record: u32) {
        self.count(name, record).add_record(record);
    }

    /// Counts values of a record that has the name, and the record as well if that matters.
    #[inline]
    pub(super) fn add_values(&mut self, name: NameId, record: u32, values: u32, is_record: bool) {
        let count = self.count(name, record);
        count.values += values;
        if is_record {
            count.add_record(record);
        }
    }

    /// The records of the block that were counted for the name, up to [`COMMON_RECORDS`].
    pub(super) fn records(&self, name: NameId) -> u32 {
        self.counts.get(name.index()).map_or(0, |count| count.records)
    }

    #[inline]
    fn count(&mut self, name: NameId, record: u32) -> &mut Count {
        let index = name.index();
        if self.counts.len() <= index {
            self.counts.resize(index + 1, Count::default());
        }
        let count = self.counts.get_mut(index).expect("the list was made long enough");
        if !count.is_met {
            count.is_met = true;
            count.first = record;
            self.met.push(name);
        }
        count
    }

    /// Moves the counts to the block.
    pub(super) fn flush(
        &mut self,
        policies: &NamePolicies,
        places: NamePlaces<'_>,
        block: &mut Block,
    ) {
        for name in mem::take(&mut self.met) {
            let count = self.counts.get_mut(name.index()).map(mem::take).unwrap_or_default();
            let rule = policies.rule_of(name);
            block.count_values(rule, u64::from(count.values));
            if block.names.len() <= BLOCK_NAMES_MAX {
                let Count { values, records, first, .. } = count;
                let (values, first) = (u64::from(values), u64::from(first));
                let path = policies.path_of(name, places);
                block.names.push(BlockName { path, rule, values, records, first });
            }
        }
    }
}
