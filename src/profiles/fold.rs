//! Folds the records of each user.
//!
//! All records of a user are in one partition, in the order of the input. A partition is taken record by record
//! into a table of profiles. If that becomes too large, its profiles and the rest of the partition are
//! partitioned once more by the next byte of the hash; a profile is a record like any other there, and comes
//! first. So memory has a bound, also where all records belong to one user. The profiles go to other partitions,
//! by the place of their first records.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use foldhash::fast::RandomState;
use rayon::prelude::*;

use super::columns::Ranks;
use super::heap::{Heap, Partition};
use super::profile::{Bounds, Profile};
use crate::engine::{Advance, Cancel};
use crate::group::{GroupError, SealedFile};
use crate::plan::ProfilePlan;

/// The bytes of a hash.
const LEVELS: usize = 16;
/// How often a fold looks whether the run is cancelled, in records.
const CANCEL_EVERY: u64 = 1 << 12;

/// What it takes to fold.
pub(super) struct Folding<'a> {
    pub(super) plan: &'a ProfilePlan,
    pub(super) bounds: Bounds,
    pub(super) file: &'a SealedFile,
    pub(super) cancel: &'a Cancel,
    pub(super) advance: &'a Advance,
    /// The most bytes of profiles that a thread holds.
    pub(super) held_max: usize,
    /// The bytes of the buffers of partitions that are made here.
    pub(super) piece_bytes: usize,
    /// By how many bits a place is shifted to give its partition.
    pub(super) shift: u32,
    pub(super) results: Mutex<Results>,
}

/// The profiles.
pub(super) struct Results {
    /// By place.
    pub(super) rows: Heap,
    pub(super) ranks: Ranks,
    pub(super) profiles: u64,
}

/// Adds an entry to the partition that a byte of its hash names.
pub(super) fn add(
    heap: &mut Heap,
    level: usize,
    key: u128,
    profile: &[u8],
    file: &SealedFile,
) -> Result<(), GroupError> {
    let key = key.to_be_bytes();
    let byte = key.get(level).copied().unwrap_or(0);
    heap.add(usize::from(byte), [&key, profile], file)
}

impl Folding<'_> {
    /// Folds all partitions, on all threads of the current pool.
    pub(super) fn fold_all(&self, partitions: Vec<Partition>) -> Result<(), GroupError> {
        self.advance.expect(partitions.iter().map(|partition| partition.bytes).sum());
        let partitions = partitions.into_par_iter().with_max_len(1);
        partitions.try_for_each(|partition| self.fold(partition, 0))
    }

    fn fold(&self, partition: Partition, level: usize) -> Result<(), GroupError> {
        let mut profiles: HashMap<u128, Profile, RandomState> = HashMap::default();
        let (mut held, mut taken, bytes) = (0, 0_u64, partition.bytes);
        let mut next: Option<Heap> = None;
        partition.each(self.file, |entry| {
            taken += 1;
            if taken.is_multiple_of(CANCEL_EVERY) {
                self.cancel.check()?;
            }
            let (key, profile) =
                entry.split_first_chunk::<LEVELS>().ok_or_else(|| self.file.damaged())?;
            let key = u128::from_be_bytes(*key);
            if let Some(next) = &mut next {
                return add(next, level + 1, key, profile, self.file);
            }
            if let Some(earlier) = profiles.get_mut(&key) {
                held -= earlier.memory();
                earlier.fold(profile, &self.bounds).ok_or_else(|| self.file.damaged())?;
                held += earlier.memory();
            } else {
                let first = Profile::read(profile).ok_or_else(|| self.file.damaged())?;
                held += first.memory();
                profiles.insert(key, first);
            }
            if self.held_max < held && 1 < profiles.len() && level + 1 < LEVELS {
                next = Some(self.divide(&mut profiles, level + 1)?);
            }
            Ok(())
        })?;
        let end = match next {
            None => self.end(profiles.into_values()),
            Some(next) => {
                let parts = next.into_partitions();
                self.advance.expect(parts.iter().map(|part| part.bytes).sum());
                parts.into_iter().try_for_each(|part| self.fold(part, level + 1))
            }
        };
        self.advance.add(bytes);
        end
    }

    /// Partitions profiles by a byte of their hashes.
    fn divide(
        &self,
        profiles: &mut HashMap<u128, Profile, RandomState>,
        level: usize,
    ) -> Result<Heap, GroupError> {
        let mut heap = Heap::new(self.piece_bytes);
        let mut bytes = Vec::new();
        for (key, profile) in profiles.drain() {
            bytes.clear();
            profile.write(&mut bytes);
            add(&mut heap, level, key, &bytes, self.file)?;
        }
        profiles.shrink_to_fit();
        Ok(heap)
    }

    /// Takes profiles to which no more records belong.
    fn end(&self, profiles: impl Iterator<Item = Profile>) -> Result<(), GroupError> {
        let (mut ranks, mut bytes, mut ends) = (Ranks::default(), Vec::new(), Vec::new());
        for profile in profiles {
            ranks.note(&profile, self.plan);
            profile.write(&mut bytes);
            ends.push((profile.place, bytes.len()));
        }
        let mut results = self.results.lock().unwrap_or_else(PoisonError::into_inner);
        results.ranks.add(ranks, self.plan);
        let mut from = 0;
        for (place, to) in ends {
            let profile = bytes.get(from..to).unwrap_or(&[]);
            let partition = usize::try_from(place >> self.shift).unwrap_or(usize::MAX);
            results.profiles += 1;
            results.rows.add(partition, [&place.to_le_bytes(), profile], self.file)?;
            from = to;
        }
        Ok(())
    }
}
