//! The entries of a list, as a set of digests that every record is looked up in.
//!
//! An entry is the first 16 bytes of a SHA-256. So nothing of a list can be read from memory,
//! except by trying values, and the probability that a value matches an entry of another
//! value, in a list of ten million, is below 10⁻³¹.
//!
//! The digests are sorted. An index holds, for each value of their first bits, where the digests
//! that begin with those bits start:
//!
//! ```text
//! bits = 2     index    [0, 2, 2, 3, 5]                     bucket 00 is digests[0..2], 01 is empty, …
//!              digests  [0001…, 0010…, 1010…, 1101…, 1110…]
//! ```
//!
//! The number of bits is chosen so that a bucket has about four digests, which fill one cache
//! line. A lookup costs two reads of memory, and an entry costs 16 bytes and its share of the
//! index.

use std::{fmt, ops::Range};

use rayon::slice::ParallelSliceMut;

use crate::crypto::sha256;

/// The first 16 bytes of a SHA-256.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntryDigest(u128);

impl EntryDigest {
    /// The digest of an entry's bytes.
    pub fn of(bytes: &[u8]) -> EntryDigest {
        EntryDigest::from_sha256(sha256(bytes))
    }

    /// The digest of the bytes that have this SHA-256.
    pub(super) fn from_sha256(sha256: [u8; 32]) -> EntryDigest {
        let (first, _) = sha256.split_first_chunk::<16>().expect("it has 32 bytes");
        EntryDigest(u128::from_be_bytes(*first))
    }

    /// The first `bits` bits, as a number.
    fn bucket(self, bits: u32) -> usize {
        let first = if bits == 0 { 0 } else { self.0 >> (u128::BITS - bits) };
        usize::try_from(first).expect("an index has far fewer than 2^32 buckets")
    }
}

impl fmt::Debug for EntryDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EntryDigest(..)")
    }
}

/// A set of digests.
#[derive(Default)]
pub struct Entries {
    /// Sorted, each once.
    digests: Vec<EntryDigest>,
    /// Where the digests of each bucket begin, and at last where the last bucket ends.
    index: Vec<u32>,
    /// The number of leading bits that select a bucket.
    bits: u32,
}

/// About how many digests share a bucket: those of one cache line.
const BUCKET_ENTRIES: usize = 4;

impl Entries {
    /// Sorts on all threads of the current rayon pool. Takes at most 2^32 - 1 digests.
    pub fn new(mut digests: Vec<EntryDigest>) -> Entries {
        digests.par_sort_unstable();
        digests.dedup();
        digests.shrink_to_fit();
        let bits = bits_for(digests.len());
        let mut index = vec![0_u32; (1 << bits) + 1];
        for digest in &digests {
            if let Some(count) = index.get_mut(digest.bucket(bits) + 1) {
                *count += 1;
            }
        }
        let mut sum = 0;
        for count in &mut index {
            sum += *count;
            *count = sum;
        }
        Entries { digests, index, bits }
    }

    /// The number of different digests.
    pub fn len(&self) -> usize {
        self.digests.len()
    }

    pub fn is_empty(&self) -> bool {
        self.digests.is_empty()
    }

    /// The most bytes that a set of `entries` digests takes.
    pub fn bytes_for(entries: usize) -> usize {
        entries * size_of::<EntryDigest>() + ((1 << bits_for(entries)) + 1) * size_of::<u32>()
    }

    /// The range of the digests that share this one's bucket.
    pub(crate) fn bucket_of(&self, digest: EntryDigest) -> Range<usize> {
        let bucket = digest.bucket(self.bits);
        let at = |bucket: usize| self.index.get(bucket).copied().map_or(0, wide);
        at(bucket)..at(bucket + 1)
    }

    /// Whether the digest is among those of its bucket.
    pub(crate) fn bucket_has(&self, bucket: Range<usize>, digest: EntryDigest) -> bool {
        self.digests.get(bucket).is_some_and(|digests| digests.contains(&digest))
    }

    /// Whether the digest is in the set.
    pub fn contains(&self, digest: EntryDigest) -> bool {
        self.bucket_has(self.bucket_of(digest), digest)
    }
}

fn bits_for(entries: usize) -> u32 {
    (entries / BUCKET_ENTRIES).max(1).ilog2()
}

fn wide(number: u32) -> usize {
    usize::try_from(number).expect("usize is at least 32 bits wide")
}

impl fmt::Debug for Entries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Entries({})", self.len())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ten_million_entries_take_less_than_300_mb() {
        assert!(Entries::bytes_for(10_000_000) < 200_000_000);
        assert!(Entries::bytes_for(0) < 100);
    }

    proptest! {
        /// Agrees with a `HashSet`, with one bucket and with many.
        #[test]
        fn has_what_was_put_in(
            values in proptest::collection::vec(0_u32..5000, 0..3000),
            others in proptest::collection::vec(0_u32..10_000, 0..200),
        ) {
            let digest = |value: &u32| EntryDigest::of(&value.to_be_bytes());
            let entries = Entries::new(values.iter().map(digest).collect());
            let plain: HashSet<u32> = values.into_iter().collect();
            prop_assert_eq!(entries.len(), plain.len());
            for other in others {
                prop_assert_eq!(entries.contains(digest(&other)), plain.contains(&other));
            }
        }
    }
}
