//! Drops or opts out the records that a suppression list matches. `plan/lists` has the lists, and
//! the form in which values are compared with their entries.

use std::ops::Range;

use crate::definition::ListAction;
use crate::plan::{EntryDigest, LookupScratch, SuppressionList};
use crate::record::{Batch, Slot, Text};
use crate::schema::{NodeIx, OPTED_OUT};

/// The records of a batch that lists match.
#[derive(Default)]
pub(super) struct ListMatches {
    /// Rows with the numbers of the lists that match them, in the order of the rows.
    pub(super) rows: Vec<(u32, usize)>,
    /// The digests to look up in one list, with their rows and buckets.
    lookups: Vec<(u32, EntryDigest, Range<usize>)>,
    scratch: LookupScratch,
}

impl ListMatches {
    /// Looks up every live row in each list, and drops or opts out those that are there.
    pub(super) fn find(
        &mut self,
        lists: &[SuppressionList],
        opt_out: NodeIx,
        chunk: &[u8],
        batch: &mut Batch,
    ) {
        self.rows.clear();
        for (number, list) in lists.iter().enumerate() {
            self.collect_lookups(list, chunk, batch);
            // Each step is done for all rows before the next, so that the reads of memory overlap.
            for (_, digest, bucket) in &mut self.lookups {
                *bucket = list.entries.bucket_of(*digest);
            }
            let lookups = self.lookups.drain(..);
            let found = lookups
                .filter(|(_, digest, bucket)| list.entries.bucket_has(bucket.clone(), *digest));
            self.rows.extend(found.map(|(row, ..)| (row, number)));
        }
        if 1 < lists.len() {
            self.rows.sort_unstable();
        }
        self.rows.dedup();
        self.apply_actions(lists, opt_out, batch);
    }

    fn collect_lookups(&mut self, list: &SuppressionList, chunk: &[u8], batch: &Batch) {
        let ListMatches { lookups, scratch, .. } = self;
        let text = Text { chunk, arena: &batch.arena };
        for row in batch.live_rows() {
            let slot = batch.slot(row, list.spec.node);
            if slot.is_text() && !slot.is_empty() {
                let row = u32::try_from(row).expect("a batch has few rows");
                list.spec.digests_of_value(text.of(slot), scratch, &mut |digest| {
                    lookups.push((row, digest, 0..0));
                });
            }
        }
    }

    fn apply_actions(&self, lists: &[SuppressionList], opt_out: NodeIx, batch: &mut Batch) {
        let mut opted_out = None;
        for (row, list) in &self.rows {
            let row = usize::try_from(*row).expect("usize is at least 32 bits wide");
            match lists.get(*list).map(|list| list.spec.action) {
                Some(ListAction::Drop) => {
                    if let Some(row) = batch.rows.get_mut(row) {
                        row.dropped = true;
                    }
                }
                Some(ListAction::OptOut) => {
                    let slot = *opted_out.get_or_insert_with(|| {
                        let start = batch.arena.len();
                        batch.arena.extend_from_slice(OPTED_OUT.as_bytes());
                        Slot::new_text(start, OPTED_OUT.len(), true)
                    });
                    batch.set_slot(row, opt_out, slot);
                }
                None => {}
            }
        }
    }
}
