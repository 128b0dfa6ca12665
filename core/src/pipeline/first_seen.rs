//! Counts by names from the data, in order of first appearance.

use std::{fmt, hash::BuildHasher};

use foldhash::fast::RandomState;
use hashbrown::HashTable;

use crate::record::FieldPath;

/// Counts by name, in order of first appearance.
#[derive(Default)]
pub struct FirstSeen {
    names: Vec<(FieldPath, u64)>,
    /// Indices of `names`.
    table: HashTable<usize>,
    hasher: RandomState,
    /// The count of what has no name here.
    pub other: u64,
}

impl FirstSeen {
    /// Adds one to the count of a name.
    pub(super) fn count(&mut self, name: FieldPath) {
        let FirstSeen { names, table, hasher, .. } = self;
        let is_same = |place: &usize| names.get(*place).is_some_and(|(known, _)| *known == name);
        let hash = hasher.hash_one(&name);
        if let Some(place) = table.find(hash, is_same) {
            if let Some((_, count)) = names.get_mut(*place) {
                *count += 1;
            }
            return;
        }
        let rehash = |place: &usize| names.get(*place).map_or(0, |(name, _)| hasher.hash_one(name));
        table.insert_unique(hash, names.len(), rehash);
        names.push((name, 1));
    }

    /// The number of different names.
    pub(super) fn len(&self) -> usize {
        self.names.len()
    }

    /// The names with their counts, in order of first appearance.
    pub fn iter(&self) -> impl Iterator<Item = (&FieldPath, u64)> {
        self.names.iter().map(|(name, count)| (name, *count))
    }
}

impl fmt::Debug for FirstSeen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FirstSeen({} names, {} others)", self.names.len(), self.other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stand_in_the_order_in_which_they_came() {
        let mut seen = FirstSeen::default();
        for number in (0..1_000).chain(0..10).rev() {
            seen.count(FieldPath::known(format!("name{number}")));
        }
        let names = seen.iter().map(|(path, count)| (path.shown.as_str(), count));
        let counts: Vec<(&str, u64)> = names.take(11).collect();
        assert_eq!(counts.first(), Some(&("name9", 2)));
        assert_eq!(counts.last(), Some(&("name999", 1)));
        assert_eq!(seen.len(), 1_000);
    }
}
