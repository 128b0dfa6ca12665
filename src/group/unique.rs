//! Of the records with one key, one stays: the first, the last, or the newest.
//!
//! If the first or the last stays, it is opted out if any of them is, since whoever opted out in one record must not
//! get messages because of another. There may be no room for that in a record (the target limits its size):
//! then the next one stays that has room, and the one that is opted out always has.

use std::cmp::Ordering;

use rayon::slice::ParallelSliceMut;

use super::entry::Entry;
use super::spill::Choice;
use crate::definition::Keep;
use crate::pipeline::RecordSet;

/// Bits of [`Entry::tag`].
const OPTED_OUT: u16 = 1;
const NOT_OPTED_OUT: u16 = 2;
/// The record could be written with an opt-out.
const HAS_ROOM: u16 = 4;

/// The tag of a record.
pub(super) fn tag(is_opted_out: bool, has_room: bool) -> u16 {
    let opt_out = if is_opted_out { OPTED_OUT } else { NOT_OPTED_OUT };
    opt_out | if has_room { HAS_ROOM } else { 0 }
}

/// Which records do not stay.
#[derive(Debug)]
pub(super) struct Unique {
    keep: Keep,
    pub(super) duplicates: RecordSet,
    /// Those that stay and are opted out because of another one.
    pub(super) opted_out: RecordSet,
    /// How many keys have records that differ in their opt-out.
    pub(super) merged: u64,
}

impl Unique {
    pub(super) fn new(keep: Keep) -> Unique {
        let (duplicates, opted_out) = (RecordSet::default(), RecordSet::default());
        Unique { keep, duplicates, opted_out, merged: 0 }
    }

    pub(super) fn needs_dates(&self) -> bool {
        self.keep == Keep::Newest
    }

    /// Orders entries by key, and those of a key by how much they are to stay.
    fn order(&self, one: &Entry, other: &Entry) -> Ordering {
        let in_key = match self.keep {
            Keep::First => one.record.cmp(&other.record),
            Keep::Last => other.record.cmp(&one.record),
            Keep::Newest => (other.since, other.record).cmp(&(one.since, one.record)),
        };
        one.key.cmp(&other.key).then(in_key)
    }

    /// Keeps the entry that stays, and before it has to be known whether their opt-outs differ, also the first one with
    /// room for an opt-out.
    fn settle_key(&mut self, entries: &[Entry], is_last: bool, kept: &mut Vec<Entry>) {
        let [best, others @ ..] = entries else { return };
        let all = entries.iter().fold(0, |tags, entry| tags | (entry.tag & !HAS_ROOM));
        let differ = self.keep != Keep::Newest && all == OPTED_OUT | NOT_OPTED_OUT;
        let has_room = |entry: &&Entry| entry.tag & HAS_ROOM != 0;
        let spare = if has_room(&best) { None } else { others.iter().find(has_room) };
        let spare = spare.filter(|_| differ || !is_last);
        let stays = if differ { spare.unwrap_or(best) } else { best };
        for entry in entries {
            let is_spare = !is_last && spare.is_some_and(|spare| spare.record == entry.record);
            let is_best = entry.record == best.record && (!is_last || stays.record == best.record);
            if is_spare || is_best || (is_last && entry.record == stays.record) {
                kept.extend((!is_last).then_some(Entry { tag: entry.tag | all, ..*entry }));
            } else {
                self.duplicates.insert(entry.record);
            }
        }
        if is_last && differ {
            self.merged += 1;
            self.opted_out.insert(stays.record);
        }
    }
}

impl Choice for Unique {
    fn settle(&mut self, held: &mut Vec<Entry>, is_last: bool) {
        held.par_sort_unstable_by(|one, other| self.order(one, other));
        let mut kept = Vec::new();
        for entries in held.chunk_by(|one, other| one.key == other.key) {
            self.settle_key(entries, is_last, &mut kept);
        }
        *held = kept;
    }
}
