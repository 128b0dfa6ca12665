//! Folds the records of each user.
//!
//! All records of a user are in one partition, in the order of the input. A partition is read into memory and
//! folded. If it is too large, what is there is folded first; if that leaves too many profiles, they and the rest
//! of the partition are partitioned once more by the next byte of the hash. A profile is a record like any other
//! there, and comes first. So memory has a bound, also where all records belong to one user. The profiles go to
//! other partitions, by the place of their first records.

use std::sync::{Mutex, PoisonError};

use rayon::prelude::*;

use super::columns::Ranks;
use super::heap::{Heap, Partition};
use super::held::Held;
use super::parts::Bounds;
use super::profile::Profile;
use crate::engine::{Advance, Cancel};
use crate::group::{GroupError, SealedFile};
use crate::plan::ProfilePlan;

/// The bytes of a hash.
const LEVELS: usize = 16;
/// How often a fold looks whether the run is cancelled, in records.
const CANCEL_EVERY: u64 = 1 << 12;
/// How many bytes of profiles are handed over at once.
const ENDED_MAX: usize = 1 << 20;

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
        let bytes = partition.bytes;
        let room = usize::try_from(bytes).unwrap_or(usize::MAX).min(self.held_max / 2);
        let (mut held, mut next, mut taken) = (Held::with_capacity(room), None::<Heap>, 0_u64);
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
            held.add(key, |bytes| bytes.extend_from_slice(profile));
            if self.held_max / 2 < held.memory() {
                held = self.settle(&mut held)?;
                let is_large = self.held_max / 8 * 3 < held.memory();
                if is_large && 1 < held.len() && level + 1 < LEVELS {
                    next = Some(self.divide(&mut held, level + 1)?);
                }
            }
            Ok(())
        })?;
        let end = match next {
            None => self.end(&mut held),
            Some(next) => {
                let parts = next.into_partitions();
                self.advance.expect(parts.iter().map(|part| part.bytes).sum());
                parts.into_iter().try_for_each(|part| self.fold(part, level + 1))
            }
        };
        self.advance.add(bytes);
        end
    }

    /// Folds what is held, so that there is one profile for each user.
    fn settle(&self, held: &mut Held<u128>) -> Result<Held<u128>, GroupError> {
        held.sort();
        // What is folded is no longer than its records.
        let (mut settled, mut profile) = (Held::with_capacity(held.bytes()), Profile::default());
        for (key, records) in held.groups() {
            let folded = profile.fold_all(records, &self.bounds);
            folded.ok_or_else(|| self.file.damaged())?;
            settled.add(key, |bytes| profile.write(bytes));
        }
        Ok(settled)
    }

    /// Partitions profiles by a byte of their hashes.
    fn divide(&self, held: &mut Held<u128>, level: usize) -> Result<Heap, GroupError> {
        let mut heap = Heap::new(self.piece_bytes);
        for (key, profile) in held.iter() {
            add(&mut heap, level, key, profile, self.file)?;
        }
        *held = Held::with_capacity(0);
        Ok(heap)
    }

    /// Folds records of users to whom no others belong.
    fn end(&self, held: &mut Held<u128>) -> Result<(), GroupError> {
        held.sort();
        let (mut ranks, mut profile) = (Ranks::default(), Profile::default());
        let mut ended = Held::with_capacity(ENDED_MAX);
        for (_, records) in held.groups() {
            let folded = profile.fold_all(records, &self.bounds);
            folded.ok_or_else(|| self.file.damaged())?;
            ranks.note(&profile, self.plan);
            ended.add(profile.place, |bytes| profile.write(bytes));
            if ENDED_MAX < ended.memory() {
                self.hand_over(&ended)?;
                ended.clear();
            }
        }
        self.hand_over(&ended)?;
        let mut results = self.results.lock().unwrap_or_else(PoisonError::into_inner);
        results.ranks.add(ranks, self.plan);
        Ok(())
    }

    /// Adds profiles to the partitions by place.
    fn hand_over(&self, ended: &Held<u64>) -> Result<(), GroupError> {
        let mut results = self.results.lock().unwrap_or_else(PoisonError::into_inner);
        for (place, profile) in ended.iter() {
            let partition = usize::try_from(place >> self.shift).unwrap_or(usize::MAX);
            results.profiles += 1;
            results.rows.add(partition, [&place.to_le_bytes(), profile], self.file)?;
        }
        Ok(())
    }
}
