//! Applies what becomes of records because of others ([`Marks`]): they are dropped as duplicates, dropped or
//! rejected because their users have too many, or opted out.
//!
//! A record that has a mark would be written without it, so it has no problem and is dropped for no other
//! reason.

use super::ChunkPass;
use super::compete::KeyedHash;
use super::rows::find_row;
use crate::definition::OverLimit;
use crate::pipeline::block::Block;
use crate::pipeline::marks::{Mark, Marks};
use crate::pipeline::name_policies::scope_path;
use crate::pipeline::stages::Unlisted;
use crate::record::{Code, Detail, Field, Problem, Slot, Text};
use crate::schema::OPTED_OUT;

/// The marks of a run, for some of its records.
#[derive(Clone, Copy, Debug)]
pub struct PlacedMarks<'a> {
    pub marks: &'a Marks,
    /// The number in the run of the first record that is taken.
    pub first: u64,
    /// Hashes names and users of records with [`Mark::ManyNames`].
    pub hash: &'a KeyedHash,
}

/// The marked rows of a batch.
#[derive(Debug, Default)]
pub(super) struct MarkedRows {
    /// In the order of the rows.
    pub(super) rows: Vec<(u32, Mark)>,
    /// The slots of the users of those with many names, as they came in.
    users: Vec<(u32, Slot)>,
}

impl MarkedRows {
    pub(super) fn clear(&mut self) {
        self.rows.clear();
        self.users.clear();
    }

    /// Why a row is dropped; `None` if no mark drops it.
    pub(super) fn reason(&self, row: usize) -> Option<Mark> {
        let mut marks = find_row(&self.rows, row, |(row, _)| *row).iter().map(|(_, mark)| *mark);
        marks.find(|mark| matches!(mark, Mark::Duplicate | Mark::OverLimit))
    }
}

impl ChunkPass<'_> {
    /// Takes the decoded batch through the stages up to the limits, with its marks.
    pub(super) fn take_marked(&mut self, block: &mut Block) {
        self.find_marks(block.read);
        // A list counts the records that match it, whatever becomes of them; and opt-outs are those after repair.
        let counts_opt_outs = self.stages.unlisted == Unlisted::All;
        let are_counted = !self.plan.lists.is_empty() || counts_opt_outs;
        if !are_counted {
            self.drop_marked();
        }
        self.repair_and_drop();
        self.drop_marked();
        self.check_values();
        self.keep_users();
        self.transform();
        self.opt_out_marked();
        self.check_limits();
        self.reject_marked();
        self.count_users_names(block);
    }

    /// Finds the marks of the batch, before which `read` records were taken.
    fn find_marks(&mut self, read: u64) {
        let Some(placed) = self.marks else { return };
        let marked = &mut self.worker.marked;
        let first = placed.first + read;
        for (row, number) in (0..self.worker.batch.rows.len()).zip(0..) {
            let marks = placed.marks.of(first + number);
            let row = u32::try_from(row).expect("a batch has few rows");
            marked.rows.extend(marks.map(|mark| (row, mark)));
        }
    }

    /// Drops duplicates, and the records that their users have too many of.
    fn drop_marked(&mut self) {
        let drops_over = self.plan.together.users.is_some_and(|users| match users.over {
            OverLimit::Newest => true,
            OverLimit::Reject => false,
        });
        for (row, mark) in &self.worker.marked.rows {
            let is_dropped = *mark == Mark::Duplicate || (drops_over && *mark == Mark::OverLimit);
            let row = usize::try_from(*row).expect("usize is at least 32 bits wide");
            if let Some(row) = self.worker.batch.rows.get_mut(row).filter(|_| is_dropped) {
                row.dropped = true;
            }
        }
    }

    /// Keeps the users of records with many names, which operations may replace.
    fn keep_users(&mut self) {
        let Some(users) = self.plan.together.users else { return };
        let marked = &mut self.worker.marked;
        for (row, _) in marked.rows.iter().filter(|(_, mark)| *mark == Mark::ManyNames) {
            let slot = self
                .worker
                .batch
                .slot(usize::try_from(*row).expect("usize is at least 32 bits wide"), users.user);
            marked.users.push((*row, slot));
        }
    }

    /// Opts out the records that stay for one that was.
    fn opt_out_marked(&mut self) {
        let node = self.stages.opt_out;
        let (marked, batch) = (&self.worker.marked, &mut self.worker.batch);
        let mut opted_out = None;
        for (row, _) in marked.rows.iter().filter(|(_, mark)| *mark == Mark::OptedOut) {
            let slot = *opted_out.get_or_insert_with(|| {
                let start = batch.arena.len();
                batch.arena.extend_from_slice(OPTED_OUT.as_bytes());
                Slot::new_text(start, OPTED_OUT.len(), true)
            });
            let row = usize::try_from(*row).expect("usize is at least 32 bits wide");
            batch.set_slot(row, node, slot);
        }
    }

    /// Rejects the records that their users have too many of, unless they are dropped.
    fn reject_marked(&mut self) {
        let Some(users) = self.plan.together.users else { return };
        let (marked, batch) = (&self.worker.marked, &mut self.worker.batch);
        let problem = Problem {
            field: Field::Node(u8::try_from(users.user).expect("a schema has few fields")),
            code: Code::UserEndpointLimit,
            rule: self.stages.user_limit_check,
            detail: Detail::None,
        };
        for (row, _) in marked.rows.iter().filter(|(_, mark)| *mark == Mark::OverLimit) {
            let row = usize::try_from(*row).expect("usize is at least 32 bits wide");
            if batch.rows.get(row).is_some_and(|row| !row.dropped) {
                batch.add_problem(row, problem);
            }
        }
    }

    /// Adds the names of written records whose users may have too many, as hashes.
    fn count_users_names(&self, block: &mut Block) {
        let Some(placed) = self.marks.filter(|_| !self.worker.marked.users.is_empty()) else {
            return;
        };
        let (batch, policies) = (&self.worker.batch, &self.worker.policies);
        let text = Text { chunk: self.source.chunk, arena: &batch.arena };
        for (row, user) in &self.worker.marked.users {
            let user = placed.hash.hash_user(text.of(*user));
            let row = usize::try_from(*row).expect("usize is at least 32 bits wide");
            let entries = (0..batch.maps_width).flat_map(|map| batch.map_entries(row, map));
            for entry in entries {
                if policies.verdicts().of(entry.name).dropped || entry.is_removed() {
                    continue;
                }
                let (scope, name) = self.worker.decoder.names.get(entry.name);
                let scope = scope_path(scope, self.plan);
                block.names_of_users.push((user, placed.hash.hash_name(user, scope, name)));
            }
        }
    }
}
