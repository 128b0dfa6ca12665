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
use super::compared::Compared;
use super::error::{ErrorKind, RunError};
use super::memory::{BLOCK_BYTES, Limits};
use super::progress::{Progress, Stage};
use crate::definition::DigestKind;
use crate::engine::{Cancel, map_ordered};
use crate::group::UserNames;
use crate::input::{self, BufferPool, InputReader, Unit, Work};
use crate::pipeline::{Block, Stages, Worker, process, process_marked};
use crate::plan::Plan;
use crate::store::Inputs;

/// The threads that compute.
pub(super) fn pool(threads: usize) -> Result<ThreadPool, RunError> {
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .thread_name(|number| format!("segprep-{number}"))
        .build()
        .map_err(|error| {
            RunError::new(ErrorKind::Io, format!("could not start threads: {error}"))
                .hint("use fewer, with `--threads`")
        })
}

/// What is the same for every chunk of a run.
pub(super) struct Processing<'a> {
    pub(super) plan: &'a Plan,
    pub(super) stages: &'a Stages,
    pub(super) limits: Limits,
    pub(super) progress: &'a Progress,
    pub(super) cancel: &'a Cancel,
    /// What becomes of records because of others, if they are compared.
    pub(super) compared: Option<&'a Compared>,
}

/// How inputs are read, according to the plan.
pub(super) fn input_settings(plan: &Plan) -> input::Settings<'_> {
    let Plan { input, column_rules, .. } = plan;
    input::Settings {
        format: input.format,
        is_text: input.is_text,
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

pub(super) fn take<T>(spare: &Mutex<Vec<T>>) -> Option<T> {
    spare.lock().ok().and_then(|mut spare| spare.pop())
}

pub(super) fn give<T>(spare: &Mutex<Vec<T>>, used: T) {
    if let Ok(mut spare) = spare.lock() {
        spare.push(used);
    }
}

/// A unit, and the first block of its chunk.
struct Processed {
    unit: Unit,
    /// The number of the chunk's first record, if records are compared.
    first: u64,
    block: Option<Block>,
    /// Where the chunk's next record is, if the block was full before the chunk's end.
    next: usize,
}

impl Processing<'_> {
    /// Processes all inputs and completes the outputs. Returns how many users have too many names of
    /// attributes and metrics, as far as records are compared.
    pub(super) fn run(
        &self,
        pool: &ThreadPool,
        inputs: &Inputs<'_>,
        assembler: &mut Assembler<'_>,
    ) -> Result<u64, RunError> {
        self.progress.enter(Stage::Process);
        let buffers = BufferPool::default();
        let spare =
            Spare { workers: Mutex::default(), blocks: Mutex::default(), buffers: &buffers };
        let settings = input_settings(self.plan);
        let mut inputs =
            InputReader::new(settings, self.limits.input(), self.cancel, inputs, &buffers);
        let mut numbers = self.compared.map(Compared::numbers);
        let mut user_names = self.compared.and_then(Compared::user_names);
        let units = iter::from_fn(|| self.progress.on_ordered_side(|| inputs.next()));
        let units = units.map(|unit| {
            let unit = unit.map_err(RunError::from)?;
            let first = numbers.as_mut().map_or(Ok(0), |number_of| number_of(&unit))?;
            Ok((unit, first))
        });
        // The assembler waits for deferred work, so it must run on a thread that entered the pool
        // before any work did (see `engine::Deferred`). That includes completing the outputs.
        pool.install(|| {
            map_ordered(
                pool,
                self.limits.queued(),
                units,
                |(unit, first)| self.process(unit, first, &spare),
                |processed| self.assemble(processed, assembler, user_names.as_mut(), &spare),
            )?;
            assembler.finish_outputs()?;
            let users_over = user_names.map_or(Ok(0), |names| names.users_over(self.cancel))?;
            self.progress.enter(Stage::Publish);
            Ok(users_over)
        })
    }

    fn process(&self, unit: Unit, first: u64, spare: &Spare<'_>) -> Processed {
        let (block, next) = self.block(&unit, 0, first, spare);
        Processed { unit, first, block, next }
    }

    /// Processes the records of a unit's chunk from the offset `from` on, until a block is full; the number
    /// of the next record is `first`. Returns the block, if the unit has a chunk, and the offset of the
    /// next record.
    fn block(
        &self,
        unit: &Unit,
        from: usize,
        first: u64,
        spare: &Spare<'_>,
    ) -> (Option<Block>, usize) {
        let Work::Chunk { buffer, format, .. } = &unit.work else { return (None, 0) };
        let (plan, stages, chunk) = (self.plan, self.stages, buffer.bytes());
        let mut worker = take(&spare.workers).unwrap_or_else(|| Worker::new(plan, stages));
        let mut block = take(&spare.blocks).unwrap_or_else(|| Block::for_rules(plan.rules.len()));
        let most = BLOCK_BYTES;
        let next = match self.compared.map(|compared| compared.from(first)) {
            None => process(plan, stages, &mut worker, chunk, from, format, most, &mut block),
            Some(marks) => {
                let at = (chunk, from, format);
                process_marked(plan, stages, &mut worker, at, marks, most, &mut block)
            }
        };
        give(&spare.workers, worker);
        (Some(block), next)
    }

    fn assemble(
        &self,
        processed: Processed,
        assembler: &mut Assembler<'_>,
        mut user_names: Option<&mut UserNames>,
        spare: &Spare<'_>,
    ) -> Result<(), RunError> {
        let Processed { mut unit, mut first, mut block, mut next } = processed;
        if let Some(start) = unit.start.take() {
            assembler.begin(start);
        }
        let input = unit.input;
        while let (Some(full), Work::Chunk { buffer, offset, .. }) = (block.take(), &unit.work) {
            let place = BlockPlace { input, offset: *offset, chunk: buffer.bytes() };
            first += full.read;
            if let Some(names) = &mut user_names {
                names.add(&full.names_of_users)?;
            }
            self.progress.on_ordered_side(|| assembler.block(full, &place))?;
            if let Some(mut written) = assembler.settle(self.limits.writing())? {
                written.clear();
                give(&spare.blocks, written);
            }
            if next < buffer.bytes().len() {
                (block, next) = self.block(&unit, next, first, spare);
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
