//! Of the records of one user, no more stay than `[users]` allows: the first ones, or the newest.

use std::cmp::Ordering;

use rayon::slice::ParallelSliceMut;

use super::entry::Entry;
use super::spill::Choice;
use crate::definition::OverLimit;
use crate::pipeline::RecordSet;
use crate::plan::UsersPlan;

/// Which records are too many.
#[derive(Debug)]
pub(super) struct Users {
    over: OverLimit,
    /// How many records of a user stay.
    max: usize,
    /// How many names of attributes and metrics a user may have.
    names_max: usize,
    pub(super) over_limit: RecordSet,
    /// The records that stay of users who have more names than that, if no two records share one.
    pub(super) many_names: RecordSet,
}

impl Users {
    pub(super) fn new(users: UsersPlan, names_max: usize) -> Users {
        Users {
            over: users.over,
            max: usize::try_from(users.max_endpoints).unwrap_or(usize::MAX),
            names_max,
            over_limit: RecordSet::default(),
            many_names: RecordSet::default(),
        }
    }

    pub(super) fn needs_dates(&self) -> bool {
        self.over == OverLimit::Newest
    }

    fn order(&self, one: &Entry, other: &Entry) -> Ordering {
        let in_key = match self.over {
            OverLimit::Reject => one.record.cmp(&other.record),
            OverLimit::Newest => (other.since, other.record).cmp(&(one.since, one.record)),
        };
        one.key.cmp(&other.key).then(in_key)
    }
}

impl Choice for Users {
    fn settle(&mut self, held: &mut Vec<Entry>, is_last: bool) {
        held.par_sort_unstable_by(|one, other| self.order(one, other));
        let mut kept = Vec::new();
        for entries in held.chunk_by(|one, other| one.key == other.key) {
            let (stay, over) = entries.split_at(self.max.min(entries.len()));
            for entry in over {
                self.over_limit.insert(entry.record);
            }
            if !is_last {
                kept.extend_from_slice(stay);
                continue;
            }
            let names: usize = stay.iter().map(|entry| usize::from(entry.tag)).sum();
            if self.names_max < names {
                for entry in stay {
                    self.many_names.insert(entry.record);
                }
            }
        }
        *held = kept;
    }
}
