//! Takes all inputs through the stages: on every thread of the pool, and in order.
//!
//! A unit of the inputs becomes a block on any thread. The engine hands the blocks back in input
//! order, and the [`Assembler`] adds them and says where their bytes go; these are written beside it,
//! on any thread. If a chunk is not used up when its block is full, the rest of it is processed on
//! the ordered side, block by block.

use std::iter;
use std::sync::Mutex;

use rayon::ThreadPool;

use super::assemble::{Assembler, BlockPlace};
use super::error::RunError;
use super::memory::{BLOCK_BYTES, Limits};
use super::progress::{Progress, Stage};
use crate::definition::DigestKind;
use crate::engine::{Cancel, map_ordered};
use crate::input::{self, BufferPool, InputReader, Unit, Work};
use crate::pipeline::{Block, Stages, Worker, process};
use crate::plan::Plan;
use crate::store::Inputs;

/// What is the same for every chunk of a run.
pub(super) struct Processing<'a> {
    pub(super) plan: &'a Plan,
    pub(super) stages: &'a Stages,
    pub(super) limits: Limits,
    pub(super) progress: &'a Progress,
    pub(super) cancel: &'a Cancel,
}

/// How inputs are read, according to the plan.
pub(super) fn input_settings(plan: &Plan) -> input::Settings<'_> {
    let Plan { input, column_rules, .. } = plan;
    input::Settings {
        format: input.format,
        detects_encoding: false,
        encoding: input.encoding,
        max_expansion: input.max_expansion,
        skips_bad_files: input.skips_bad_files,
        records: input.records.as_ref(),
        delimiter: input.delimiter,
        dialect: input.dialect,
        skip_lines: input.skip_lines,
        columns: input.columns.as_deref(),
        column_rules,
        digest: input.digest.then_some(DigestKind::Sha256),
    }
}

/// Memory for reuse. There are never more workers than threads, and never more blocks than are in
/// flight or being written.
struct Spare<'a> {
    workers: Mutex<Vec<Worker>>,
    blocks: Mutex<Vec<Block>>,
    buffers: &'a BufferPool,
}

fn take<T>(spare: &Mutex<Vec<T>>) -> Option<T> {
    spare.lock().ok().and_then(|mut spare| spare.pop())
}

fn give<T>(spare: &Mutex<Vec<T>>, used: T) {
    if let Ok(mut spare) = spare.lock() {
        spare.push(used);
    }
}

/// A unit, and the first block of its chunk.
struct Processed {
    unit: Unit,
    block: Option<Block>,
    /// Where the chunk's next record is, if the block was full before the chunk's end.
    next: usize,
}

impl Processing<'_> {
    /// Processes all inputs and completes the outputs.
    pub(super) fn run(
        &self,
        pool: &ThreadPool,
        inputs: &Inputs<'_>,
        assembler: &mut Assembler<'_>,
    ) -> Result<(), RunError> {
        self.progress.enter(Stage::Process);
        let buffers = BufferPool::default();
        let spare =
            Spare { workers: Mutex::default(), blocks: Mutex::default(), buffers: &buffers };
        let settings = input_settings(self.plan);
        let mut inputs =
            InputReader::new(settings, self.limits.input(), self.cancel, inputs, &buffers);
        let units = iter::from_fn(|| self.progress.on_ordered_side(|| inputs.next()));
        // The assembler waits for deferred work, so it must run on a thread that entered the pool
        // before any work did (see `engine::Deferred`). That includes completing the outputs.
        pool.install(|| {
            map_ordered(
                pool,
                self.limits.queued(),
                units.map(|unit| unit.map_err(RunError::from)),
                |unit| self.process(unit, &spare),
                |processed| self.assemble(processed, assembler, &spare),
            )?;
            assembler.finish_outputs()?;
            self.progress.enter(Stage::Publish);
            Ok(())
        })
    }

    fn process(&self, unit: Unit, spare: &Spare<'_>) -> Processed {
        let (block, next) = self.block(&unit, 0, spare);
        Processed { unit, block, next }
    }

    /// Processes the records of a unit's chunk from the offset `from` on, until a block is full.
    /// Returns the block, if the unit has a chunk, and the offset of the next record.
    fn block(&self, unit: &Unit, from: usize, spare: &Spare<'_>) -> (Option<Block>, usize) {
        let Work::Chunk { buffer, format, .. } = &unit.work else { return (None, 0) };
        let (plan, stages, chunk) = (self.plan, self.stages, buffer.bytes());
        let mut worker = take(&spare.workers).unwrap_or_else(|| Worker::new(plan, stages));
        let mut block = take(&spare.blocks).unwrap_or_else(|| Block::for_rules(plan.rules.len()));
        let next = process(plan, stages, &mut worker, chunk, from, format, BLOCK_BYTES, &mut block);
        give(&spare.workers, worker);
        (Some(block), next)
    }

    fn assemble(
        &self,
        processed: Processed,
        assembler: &mut Assembler<'_>,
        spare: &Spare<'_>,
    ) -> Result<(), RunError> {
        let Processed { mut unit, mut block, mut next } = processed;
        if let Some(start) = unit.start.take() {
            assembler.begin(start);
        }
        let input = unit.input;
        while let (Some(full), Work::Chunk { buffer, offset, .. }) = (block.take(), &unit.work) {
            let place = BlockPlace { input, offset: *offset, chunk: buffer.bytes() };
            self.progress.on_ordered_side(|| assembler.block(full, &place))?;
            if let Some(mut written) = assembler.settle(self.limits.writing())? {
                written.clear();
                give(&spare.blocks, written);
            }
            if next < buffer.bytes().len() {
                (block, next) = self.block(&unit, next, spare);
            }
        }
        match &unit.work {
            Work::Slice { buffer, offset, code, detail, is_last } => {
                let place = BlockPlace { input, offset: *offset, chunk: &[] };
                assembler.slice(buffer.bytes(), &place, (*code, *detail), *is_last)?;
            }
            Work::Space { buffer } => assembler.space(buffer.bytes()),
            Work::Nothing | Work::Chunk { .. } => {}
        }
        self.progress.advance(unit.newly_read, 0, 0);
        match unit.work {
            Work::Chunk { buffer, .. } | Work::Slice { buffer, .. } | Work::Space { buffer } => {
                spare.buffers.give(buffer);
            }
            Work::Nothing => {}
        }
        match unit.end {
            Some(end) => Ok(assembler.end(input, &end)?),
            None => Ok(()),
        }
    }
}
