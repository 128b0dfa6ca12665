//! The names from the data that enough records have, so that accounts and messages may show them.
//!
//! Whether a name is shown must not depend on threads or on the size of chunks. So records are
//! counted exactly, in input order: a reject shows a name if ten records have it, up to and
//! including its own; the manifest, if ten records of the run have it. If a run has more than
//! [`NAMES_MAX`] different names, they are values rather than names: from the record that exceeds
//! this number on, no name is shown for being common.

use std::collections::HashMap;

use crate::pipeline::{BLOCK_NAMES_MAX, Block, COMMON_RECORDS};

/// The most names that are told apart. A block has one more, so that it shows where there are too many.
const NAMES_MAX: usize = BLOCK_NAMES_MAX;

/// The records that have each name.
#[derive(Default)]
pub(super) struct CommonNames {
    /// By whole path, before the current block; up to [`COMMON_RECORDS`].
    records: HashMap<String, u32>,
    /// Whether there were too many names before the current block.
    are_too_many: bool,
    /// The index of the current block's record with which there are too many names.
    too_many_at: Option<u64>,
}

impl CommonNames {
    /// Begins a block: finds out from which of its records on there are too many names.
    pub(super) fn begin(&mut self, block: &Block) {
        self.too_many_at = None;
        for name in &block.names {
            let Some(whole) = name.path.whole.as_ref().filter(|_| !self.are_too_many) else {
                continue;
            };
            if self.records.contains_key(whole) {
                continue;
            }
            if self.records.len() == NAMES_MAX {
                self.too_many_at = Some(name.first);
                return;
            }
            self.records.insert(whole.clone(), 0);
        }
    }

    /// Whether a reject of the block may show a name: `records` of the block, up to the record with
    /// this index, have it.
    pub(super) fn is_common_at(&self, whole: &str, records: u32, record: u64) -> bool {
        let are_too_many = self.are_too_many || self.too_many_at.is_some_and(|at| at <= record);
        let before = self.records.get(whole).copied().unwrap_or(0);
        !are_too_many && COMMON_RECORDS <= before + records
    }

    /// Adds the records of the block.
    pub(super) fn end(&mut self, block: &Block) {
        for name in &block.names {
            if let Some(records) =
                name.path.whole.as_ref().and_then(|path| self.records.get_mut(path))
            {
                *records = (*records + name.records).min(COMMON_RECORDS);
            }
        }
        self.are_too_many |= self.too_many_at.is_some();
    }

    /// Whether the manifest may show a name.
    pub(super) fn is_common(&self, whole: &str) -> bool {
        !self.are_too_many
            && self.records.get(whole).is_some_and(|records| COMMON_RECORDS <= *records)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::BlockName;
    use crate::record::FieldPath;

    /// A block in which each name is in that many records, and first in the record with its index.
    fn block(names: &[(&str, u32)]) -> Block {
        let in_block = |(index, (name, records)): (usize, &(&str, u32))| BlockName {
            path: FieldPath::if_common("Attributes", name),
            rule: None,
            values: 0,
            records: *records,
            first: u64::try_from(index).unwrap(),
        };
        let mut block = Block::default();
        block.names = names.iter().enumerate().map(in_block).collect();
        block
    }

    fn add(common: &mut CommonNames, names: &[(&str, u32)]) {
        let block = block(names);
        common.begin(&block);
        common.end(&block);
    }

    #[test]
    fn a_name_is_common_from_its_tenth_record_on() {
        let mut common = CommonNames::default();
        add(&mut common, &[("Mood", 7), ("Anna", 1)]);
        common.begin(&block(&[("Mood", 3)]));
        assert!(!common.is_common_at("Attributes.Mood", 2, 1));
        assert!(common.is_common_at("Attributes.Mood", 3, 2));
        assert!(!common.is_common_at("Attributes.Anna", 0, 2));
        add(&mut common, &[("Mood", 3)]);
        assert!(common.is_common("Attributes.Mood") && !common.is_common("Attributes.Anna"));
    }

    #[test]
    fn among_too_many_names_none_is_common() {
        let names: Vec<String> = (0..NAMES_MAX).map(|number| format!("name{number}")).collect();
        let mut common = CommonNames::default();
        add(&mut common, &[("name0", 10)]);
        add(&mut common, &names.iter().map(|name| (name.as_str(), 1)).collect::<Vec<_>>());
        assert!(common.is_common("Attributes.name0"));
        common.begin(&block(&[("name0", 1), ("name1", 1), ("more", 1)]));
        assert!(common.is_common_at("Attributes.name0", 0, 1));
        assert!(!common.is_common_at("Attributes.name0", 0, 2));
        common.end(&block(&[]));
        assert!(!common.is_common("Attributes.name0"));
        assert!(!common.is_common_at("Attributes.name0", 10, 0));
    }
}
