//! How many users have more names of attributes and metrics than the target allows, in all of their records
//! together. Only users who may have too many are looked at ([`Marks::many_names`](crate::pipeline::Marks)); what is
//! kept of a name is its hash.

use std::path::Path;

use rayon::slice::ParallelSliceMut;

use super::GroupError;
use super::entry::Entry;
use super::spill::{Choice, Disk, Sizes, Spill};
use crate::engine::Cancel;
use crate::pipeline::NO_DATE;

/// The names of users.
#[derive(Debug)]
pub struct UserNames {
    spill: Spill,
    disk: Disk,
    names_max: usize,
}

/// Which users have too many.
#[derive(Debug)]
struct TooMany {
    names_max: usize,
    users: u64,
}

impl UserNames {
    /// As [`Grouping::new`](super::Grouping::new). `names_max`: the most names of a user.
    pub fn new(names_max: usize, folder: &Path, sizes: Sizes) -> UserNames {
        UserNames { spill: Spill::new(false, sizes), disk: Disk::new(folder), names_max }
    }

    /// Adds names that a written record has: the hash of its user, and that of the name.
    pub fn add(&mut self, names: &[(u128, u64)]) -> Result<(), GroupError> {
        for (user, name) in names {
            let tag = u16::try_from(name & 0xffff).expect("it has 16 bits");
            let entry = Entry { key: *user, record: name >> 16, since: NO_DATE, tag };
            self.spill.add(&entry, &mut self.disk)?;
        }
        Ok(())
    }

    /// The number of users who have too many names.
    pub fn users_over(self, cancel: &Cancel) -> Result<u64, GroupError> {
        let UserNames { spill, mut disk, names_max } = self;
        let mut choice = TooMany { names_max, users: 0 };
        spill.choose(&mut disk, cancel, &mut choice, &|_| true)?;
        Ok(choice.users)
    }
}

impl Choice for TooMany {
    fn settle(&mut self, held: &mut Vec<Entry>, is_last: bool) {
        held.par_sort_unstable_by_key(|entry| (entry.key, entry.record, entry.tag));
        held.dedup();
        let mut kept = Vec::new();
        for names in held.chunk_by(|one, other| one.key == other.key) {
            self.users += u64::from(is_last && self.names_max < names.len());
            if !is_last {
                kept.extend(names.iter().copied().take(self.names_max + 1));
            }
        }
        *held = kept;
    }
}
