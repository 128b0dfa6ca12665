//! Counts the opt-outs of records that are not written. Beside profiles there are lists of everybody who has opted
//! out, made of the written records: what is left out must not take an opt-out with it unnoticed.

use super::emit::BatchEmitter;
use crate::pipeline::block::Block;
use crate::pipeline::marks::Mark;
use crate::pipeline::stages::Unlisted;
use crate::record::Text;
use crate::schema::OPTED_OUT;

impl BatchEmitter<'_> {
    /// Counts a row that is dropped.
    pub(super) fn count_dropped(&self, row: usize, is_suppressed: bool, block: &mut Block) {
        if is_suppressed {
            block.suppressed += 1;
            return self.count_unlisted(row, "suppressed", block);
        }
        if self.worker.batch.rows.get(row).is_some_and(|row| row.is_header) {
            block.headers += 1;
            return;
        }
        let mark = self.worker.marked.reason(row);
        block.count_dropped(mark);
        match mark {
            Some(Mark::Duplicate) if self.stages.unlisted == Unlisted::NoDuplicates => {}
            Some(Mark::Duplicate) => self.count_unlisted(row, "duplicate", block),
            Some(Mark::OverLimit) => self.count_unlisted(row, "user_limit", block),
            Some(Mark::OptedOut | Mark::ManyNames) | None => {
                self.count_unlisted(row, "inactive", block);
            }
        }
    }

    /// Counts a row that is not written, for this reason, if it is opted out.
    pub(super) fn count_unlisted(&self, row: usize, reason: &'static str, block: &mut Block) {
        let batch = &self.worker.batch;
        let is_broken = batch.rows.get(row).is_some_and(|row| row.broken);
        if self.stages.unlisted == Unlisted::Off || is_broken {
            return;
        }
        let slot = batch.slot(row, self.stages.opt_out);
        let text = Text { chunk: self.chunk, arena: &batch.arena };
        if slot.is_text() && text.of(slot) == OPTED_OUT.as_bytes() {
            *block.unlisted.entry(reason).or_default() += 1;
        }
    }
}
