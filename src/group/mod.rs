//! Decides about records that belong together: which of several with the same values stays, and which of a
//! user's are too many. Knows keys (16 bytes of a MAC) and the numbers of records, and no values.
//!
//! The inputs are read twice. In the first pass the stages find what would be written, and each such record
//! becomes a [`Candidate`], which is added here in input order. Then everything is
//! decided at once, and the result is a few bits for each record ([`Marks`]), which the stages apply in the second
//! pass. So the path of a record stays as it is, nothing written is ever taken back, and records may be
//! compared that differ in what is written.
//!
//! | file | contents |
//! |---|---|
//! | `entry.rs` | what is kept of a record |
//! | `spill.rs` | entries by the first bytes of their keys, on disk once they are many |
//! | `sealed.rs` | the file in which they wait there; `src/profiles` uses it, too |
//! | `unique.rs`, `users.rs`, `names.rs` | which of the entries with one key stay |
//!
//! All entries of a key are in one partition, so one after the other is decided in bounded memory. Which
//! entries stay depends on their order alone, which has no ties, and never on when they are compared: whenever too
//! many are held, those that certainly do not stay are removed, and the rest goes on.

mod entry;
mod names;
mod sealed;
mod spill;
mod unique;
mod users;

use std::fmt;
use std::path::{Path, PathBuf};

pub use entry::entry_bytes;
pub use names::UserNames;
pub use sealed::{SPILL_NAME, SealedFile};
pub use spill::Sizes;

use crate::crypto::{self, NoRandomness};
use crate::engine::{Cancel, Cancelled};
use crate::pipeline::{Candidate, KeyedHash, Marks};
use crate::plan::{Plan, Together};
use entry::Entry;
use spill::{Disk, Spill};
use unique::Unique;
use users::Users;

/// Why records could not be compared.
#[derive(Debug, thiserror::Error)]
pub enum GroupError {
    #[error("no temporary file could be created in `{}`", folder.display())]
    Create { folder: PathBuf, source: std::io::Error },
    #[error("a temporary file in `{}` could not be written", folder.display())]
    Write { folder: PathBuf, source: std::io::Error },
    #[error("a temporary file in `{}` could not be read", folder.display())]
    Read { folder: PathBuf, source: std::io::Error },
    /// What was read is not what was written.
    #[error("a temporary file in `{}` is damaged", folder.display())]
    Damaged { folder: PathBuf },
    #[error(transparent)]
    NoRandomness(#[from] NoRandomness),
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
}

/// A new key for hashes, which only this process has.
pub fn new_hash() -> Result<KeyedHash, GroupError> {
    let mut key = zeroize::Zeroizing::new([0; 32]);
    crypto::random(&mut *key)?;
    Ok(KeyedHash::new(&key))
}

/// The records of a run that are compared with each other.
pub struct Grouping {
    unique: Option<(Unique, Spill)>,
    users: Option<(Users, Spill)>,
    disk: Disk,
}

/// What was decided.
#[derive(Debug, Default)]
pub struct Decided {
    pub marks: Marks,
    /// How many records that are written are opted out because of another one with the same values.
    pub optout_merged: u64,
}

impl Grouping {
    /// `names_max`: how many names of attributes and metrics a user may have. `folder`: where the file is made
    /// that holds what is too much for memory.
    pub fn new(together: &Together, names_max: usize, folder: &Path, sizes: Sizes) -> Grouping {
        let unique = together.unique.as_ref().map(|unique| {
            let unique = Unique::new(unique.keep);
            let spill = Spill::new(unique.needs_dates(), sizes);
            (unique, spill)
        });
        let users = together.users.map(|users| {
            let users = Users::new(users, names_max);
            let spill = Spill::new(users.needs_dates(), sizes);
            (users, spill)
        });
        Grouping { unique, users, disk: Disk::new(folder) }
    }

    /// Adds a record that would be written. `first`: what its number is counted from.
    pub fn add(&mut self, candidate: &Candidate, first: u64) -> Result<(), GroupError> {
        let record = first + candidate.record;
        if let (Some((_, spill)), Some(key)) = (&mut self.unique, candidate.key) {
            let tag = unique::tag(candidate.is_opted_out, candidate.takes_opt_out);
            let entry = Entry { key, record, since: candidate.since, tag };
            spill.add(&entry, &mut self.disk)?;
        }
        if let (Some((_, spill)), Some(key)) = (&mut self.users, candidate.user) {
            let entry = Entry { key, record, since: candidate.since, tag: candidate.names };
            spill.add(&entry, &mut self.disk)?;
        }
        Ok(())
    }

    /// Decides about all of them.
    pub fn decide(self, cancel: &Cancel) -> Result<Decided, GroupError> {
        let Grouping { unique, users, mut disk } = self;
        let mut marks = Marks::default();
        let mut optout_merged = 0;
        if let Some((mut unique, spill)) = unique {
            spill.choose(&mut disk, cancel, &mut unique, &|_| true)?;
            (marks.duplicates, marks.opted_out) = (unique.duplicates, unique.opted_out);
            optout_merged = unique.merged;
        }
        if let Some((mut users, spill)) = users {
            let stays = |entry: &Entry| !marks.duplicates.has(entry.record);
            spill.choose(&mut disk, cancel, &mut users, &stays)?;
            (marks.over_limit, marks.many_names) = (users.over_limit, users.many_names);
            optout_merged -= marks.opted_out.common(&marks.over_limit);
        }
        Ok(Decided { marks, optout_merged })
    }
}

/// Decides about the few records of a test. The error is the reason, for people.
pub fn decide_about(plan: &Plan, candidates: &[Candidate]) -> Result<Marks, String> {
    let decide = || -> Result<Marks, GroupError> {
        let (folder, sizes) = (std::env::temp_dir(), Sizes::for_chunks(1 << 20));
        let mut grouping = Grouping::new(&plan.together, usize::MAX, &folder, sizes);
        candidates.iter().try_for_each(|candidate| grouping.add(candidate, 0))?;
        Ok(grouping.decide(&Cancel::new())?.marks)
    };
    decide().map_err(|error| error.to_string())
}

impl fmt::Debug for Grouping {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Grouping")
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::definition::{Compared, Keep, OverLimit};
    use crate::pipeline::{NO_DATE, RecordSet};
    use crate::plan::{UniquePlan, UsersPlan};
    use crate::transform::Normalize;

    fn together(keep: Option<Keep>, users: Option<(u64, OverLimit)>) -> Together {
        let unique = keep.map(|keep| UniquePlan {
            by: Vec::new(),
            keep,
            on: Compared::Input,
            normalize: Normalize::None,
            address: 0,
        });
        let users = users.map(|(max_endpoints, over)| UsersPlan {
            max_endpoints,
            over,
            is_of_target: false,
            user: 0,
        });
        Together { unique, users }
    }

    /// Which of the records with one key stays; quadratic and plain.
    fn best_of<'a>(same: &[&'a Candidate], keep: Keep) -> (&'a Candidate, bool) {
        let of = |candidates: &[&'a Candidate]| match keep {
            Keep::First => candidates.first().copied(),
            Keep::Last => candidates.last().copied(),
            Keep::Newest => candidates.iter().copied().max_by_key(|one| (one.since, one.record)),
        };
        let differ = same.iter().any(|one| one.is_opted_out != same[0].is_opted_out);
        let with_room: Vec<&Candidate> =
            same.iter().copied().filter(|one| one.takes_opt_out).collect();
        let merges = differ && keep != Keep::Newest;
        let best = if merges { of(&with_room).or_else(|| of(same)) } else { of(same) };
        (best.unwrap(), merges)
    }

    #[derive(Debug, Default, PartialEq)]
    struct Expected {
        duplicates: Vec<u64>,
        opted_out: Vec<u64>,
        over_limit: Vec<u64>,
        many_names: Vec<u64>,
        merged: u64,
    }

    fn expected(all: &[Candidate], together: &Together, names_max: usize) -> Expected {
        let mut found = Expected::default();
        if let Some(unique) = &together.unique {
            let mut keys: BTreeMap<u128, Vec<&Candidate>> = BTreeMap::new();
            for one in all {
                if let Some(key) = one.key {
                    keys.entry(key).or_default().push(one);
                }
            }
            for same in keys.values() {
                let (best, merges) = best_of(same, unique.keep);
                let others = same.iter().filter(|one| one.record != best.record);
                found.duplicates.extend(others.map(|one| one.record));
                found.opted_out.extend(merges.then_some(best.record));
                found.merged += u64::from(merges);
            }
        }
        if let Some(plan) = together.users {
            let mut users: BTreeMap<u128, Vec<&Candidate>> = BTreeMap::new();
            let stays = |one: &&Candidate| !found.duplicates.contains(&one.record);
            for one in all.iter().filter(stays) {
                if let Some(user) = one.user {
                    users.entry(user).or_default().push(one);
                }
            }
            for mut own in users.into_values() {
                if plan.over == OverLimit::Newest {
                    own.sort_by_key(|one| std::cmp::Reverse((one.since, one.record)));
                }
                let most = usize::try_from(plan.max_endpoints).unwrap();
                let (stay, over) = own.split_at(own.len().min(most));
                found.over_limit.extend(over.iter().map(|one| one.record));
                let names: usize = stay.iter().map(|one| usize::from(one.names)).sum();
                if names_max < names {
                    found.many_names.extend(stay.iter().map(|one| one.record));
                }
            }
        }
        let is_gone = |record: &&u64| found.over_limit.contains(record);
        let gone = found.opted_out.iter().filter(is_gone).count();
        found.merged -= u64::try_from(gone).unwrap();
        for records in [
            &mut found.duplicates,
            &mut found.opted_out,
            &mut found.over_limit,
            &mut found.many_names,
        ] {
            records.sort_unstable();
        }
        found
    }

    fn candidates() -> impl Strategy<Value = Vec<Candidate>> {
        // Keys that share all bytes but the last, and others.
        let key = || {
            prop_oneof![
                Just(None),
                (0..4_u128).prop_map(Some),
                (0..4_u128).prop_map(|n| Some(n << 120))
            ]
        };
        let since = prop_oneof![Just(NO_DATE), (0..3_i64, 0..2_u32)];
        let one = (key(), key(), since, any::<(bool, bool)>(), 0..9_u16);
        proptest::collection::vec(one, 0..90).prop_map(|all| {
            let numbered = all.into_iter().zip(0..);
            numbered
                .map(|((key, user, since, (is_opted_out, has_room), names), record)| Candidate {
                    record,
                    key,
                    user,
                    since,
                    is_opted_out,
                    takes_opt_out: is_opted_out || has_room,
                    names,
                })
                .collect()
        })
    }

    fn settings() -> impl Strategy<Value = Together> {
        let keep = proptest::option::of(proptest::sample::select(&Keep::ALL[..]));
        let over = proptest::sample::select(&[OverLimit::Reject, OverLimit::Newest][..]);
        let users = proptest::option::of((1..5_u64, over));
        (keep, users).prop_map(|(keep, users)| together(keep, users))
    }

    fn numbers(set: &RecordSet) -> Vec<u64> {
        (0..200).filter(|number| set.has(*number)).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]
        /// However little is held, on disk and in parts of parts.
        #[test]
        fn the_same_stay_as_by_a_plain_comparison(
            all in candidates(),
            together in settings(),
            chunk_bytes in prop_oneof![Just(1_usize), Just(40), Just(1 << 20)],
        ) {
            let folder = std::env::temp_dir();
            let sizes = Sizes::for_chunks(chunk_bytes);
            let mut grouping = Grouping::new(&together, 20, &folder, sizes);
            for one in &all {
                grouping.add(one, 0).unwrap();
            }
            let Decided { marks, optout_merged } = grouping.decide(&Cancel::new()).unwrap();
            let found = Expected {
                duplicates: numbers(&marks.duplicates),
                opted_out: numbers(&marks.opted_out),
                over_limit: numbers(&marks.over_limit),
                many_names: numbers(&marks.many_names),
                merged: optout_merged,
            };
            prop_assert_eq!(found, expected(&all, &together, 20));
        }
    }

    #[test]
    fn names_are_counted_once_for_each_user() {
        for chunk_bytes in [1, 1 << 20] {
            let sizes = Sizes::for_chunks(chunk_bytes);
            let mut names = UserNames::new(20, &std::env::temp_dir(), sizes);
            for name in 0..25_u64 {
                let all = [(7, name << 40), (7 << 100, name % 20), (9, name % 21), (9, name % 21)];
                names.add(&all).unwrap();
            }
            assert_eq!(names.users_over(&Cancel::new()).unwrap(), 2);
        }
    }

    #[test]
    fn a_run_that_is_cancelled_decides_nothing() {
        let cancel = Cancel::new();
        cancel.signal(2);
        let together = together(Some(Keep::First), None);
        let grouping = Grouping::new(&together, 9, Path::new("."), Sizes::for_chunks(1));
        assert!(matches!(grouping.decide(&cancel), Err(GroupError::Cancelled(_))));
    }
}
