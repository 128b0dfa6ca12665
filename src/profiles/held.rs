//! Entries in memory: their bytes one after the other, and where each is.

use std::ops::Range;

/// Some entries, each with what it is sorted by.
pub(super) struct Held<K> {
    bytes: Vec<u8>,
    entries: Vec<(K, Range<usize>)>,
}

impl<K: Copy + Ord> Held<K> {
    /// Room for so many bytes.
    pub(super) fn with_capacity(bytes: usize) -> Held<K> {
        Held { bytes: Vec::with_capacity(bytes), entries: Vec::new() }
    }

    /// The number of entries.
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// The bytes of its entries.
    pub(super) fn bytes(&self) -> usize {
        self.bytes.len()
    }

    /// How much memory its entries take, in bytes.
    pub(super) fn memory(&self) -> usize {
        self.bytes.len() + self.entries.len() * size_of::<(K, Range<usize>)>()
    }

    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.entries.clear();
    }

    /// Adds what `write` appends.
    pub(super) fn add(&mut self, key: K, write: impl FnOnce(&mut Vec<u8>)) {
        let from = self.bytes.len();
        write(&mut self.bytes);
        self.entries.push((key, from..self.bytes.len()));
    }

    /// Sorts by key. Entries with one key stay in the order in which they were added.
    pub(super) fn sort(&mut self) {
        self.entries.sort_unstable_by_key(|(key, bytes)| (*key, bytes.start));
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (K, &[u8])> {
        self.entries.iter().map(|(key, bytes)| (*key, self.bytes_of(bytes)))
    }

    /// Those with one key, for each key, once they are sorted.
    pub(super) fn groups(&self) -> impl Iterator<Item = (K, impl Iterator<Item = &[u8]>)> {
        self.entries.chunk_by(|(one, _), (other, _)| one == other).filter_map(|group| {
            let (key, _) = group.first()?;
            Some((*key, group.iter().map(|(_, bytes)| self.bytes_of(bytes))))
        })
    }

    fn bytes_of(&self, bytes: &Range<usize>) -> &[u8] {
        self.bytes.get(bytes.clone()).unwrap_or(&[])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_with_one_key_stay_in_their_order() {
        let mut held = Held::with_capacity(0);
        for (key, text) in [(7, "a"), (3, "bc"), (7, ""), (3, "d"), (9, "e")] {
            held.add(key, |bytes| bytes.extend_from_slice(text.as_bytes()));
        }
        held.sort();
        let groups: Vec<(i32, Vec<&[u8]>)> =
            held.groups().map(|(key, entries)| (key, entries.collect())).collect();
        let expected: Vec<(i32, Vec<&[u8]>)> =
            vec![(3, vec![b"bc", b"d"]), (7, vec![b"a", b""]), (9, vec![b"e"])];
        assert_eq!(groups, expected);
        assert_eq!(held.iter().map(|(_, entry)| entry.len()).sum::<usize>(), 5);
        assert!(5 < held.memory());
    }
}
