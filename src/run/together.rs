//! The first pass of a run with `[unique]` or `[users]`: takes all inputs through the stages and writes nothing,
//! to find out what becomes of records because of others. `src/group` decides, and `process` applies it in the
//! second pass.
//!
//! Both passes read the same: each compares its inputs with what was listed. A chunk ends where its text says,
//! so both have the same chunks, and a record is known by the number that its chunk begins with.

use std::iter;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use rayon::ThreadPool;

use super::compared::{ChunkStart, Compared};
use super::error::RunError;
use super::memory::{BLOCK_BYTES, Limits};
use super::prepare::Prepared;
use super::process::{give, input_settings, take};
use super::progress::{Progress, Stage};
use crate::definition::Definition;
use crate::encode::CsvColumn;
use crate::engine::{Cancel, map_ordered};
use crate::group::{self, Decided, Grouping, Sizes};
use crate::input::{self, BufferPool, InputReader, Unit, Work};
use crate::pipeline::{Candidate, Competition, KeyedHash, Stages, Worker, compete};
use crate::plan::Plan;
use crate::publish::Publication;
use crate::store::s3::Reach;
use crate::store::{Inputs, Listed};

/// Where temporary files go: to the folder of the definition, else beside the new parts of an output on disk, else
/// to the system's folder for them.
pub(super) fn spill_folder(definition: &Definition, place: Option<&Publication>) -> PathBuf {
    let given = definition.spill.as_ref().map(|spill| spill.path.clone());
    let beside = || place.and_then(Publication::folder_for_temporary_files);
    given.or_else(beside).unwrap_or_else(std::env::temp_dir)
}

/// What the first pass needs besides its inputs.
pub(super) struct Comparing<'a> {
    pub(super) plan: &'a Plan,
    pub(super) limits: Limits,
    pub(super) progress: &'a Progress,
    pub(super) cancel: &'a Cancel,
}

/// Memory for reuse.
#[derive(Default)]
struct Spare {
    workers: Mutex<Vec<Worker>>,
    found: Mutex<Vec<Competition>>,
}

/// A unit, and what was found in its chunk.
struct Found {
    unit: Unit,
    some: Option<Competition>,
    /// Where the chunk's next record is, if more was found than is held at once.
    next: usize,
}

/// How many candidates of a chunk are held at once.
const CANDIDATES_MAX: usize = BLOCK_BYTES / size_of::<Candidate>();

impl Comparing<'_> {
    /// Compares all records of these inputs, if the definition asks for it. `columns` are those of the CSV
    /// outputs that name none.
    pub(super) fn compare(
        &self,
        prepared: &Prepared,
        pool: &ThreadPool,
        columns: &[CsvColumn],
        files: &[Listed],
        place: Option<&Publication>,
    ) -> Result<Option<Compared>, RunError> {
        if self.plan.together.is_off() {
            return Ok(None);
        }
        let folder = spill_folder(&prepared.definition, place);
        let inputs = prepared.remote.store.inputs(files, Reach::Whole)?;
        self.run(pool, columns, (files, &inputs), &folder).map(Some)
    }

    fn run(
        &self,
        pool: &ThreadPool,
        columns: &[CsvColumn],
        (files, inputs): (&[Listed], &Inputs<'_>),
        folder: &Path,
    ) -> Result<Compared, RunError> {
        self.progress.enter(Stage::Compare);
        self.progress.expect_more_bytes(files.iter().map(Listed::bytes_to_read).sum());
        let stages = Stages::for_competition(self.plan, columns);
        let (hash, spare, buffers) = (group::new_hash()?, Spare::default(), BufferPool::default());
        // The second pass says what the inputs are.
        let settings = input::Settings { digest: None, ..input_settings(self.plan) };
        let mut reader =
            InputReader::new(settings, self.limits.input(), self.cancel, inputs, &buffers);
        let units = iter::from_fn(|| self.progress.on_ordered_side(|| reader.next()));
        let sizes = Sizes::for_chunks(self.limits.chunk_bytes);
        let names_max = self.plan.schema.target.limits.attribute_count;
        let mut grouping = Grouping::new(&self.plan.together, names_max, folder, sizes);
        let (mut starts, mut read) = (Vec::new(), 0);
        let decided = pool.install(|| -> Result<Decided, RunError> {
            map_ordered(
                pool,
                self.limits.in_flight(),
                units.map(|unit| unit.map_err(RunError::from)),
                |unit| {
                    let (some, next) = self.find(&unit, 0, &stages, &hash, &spare);
                    Found { unit, some, next }
                },
                |Found { unit, some: mut found, mut next }| {
                    starts.extend(ChunkStart::of(&unit, read));
                    while let (Some(some), Work::Chunk { buffer, .. }) = (found.take(), &unit.work)
                    {
                        for candidate in &some.candidates {
                            grouping.add(candidate, read)?;
                        }
                        read += some.read;
                        give(&spare.found, some);
                        if next < buffer.bytes().len() {
                            (found, next) = self.find(&unit, next, &stages, &hash, &spare);
                        }
                    }
                    read += u64::from(matches!(unit.work, Work::Slice { is_last: true, .. }));
                    self.progress.advance(unit.newly_read, 0, 0);
                    give_back(unit, &buffers);
                    Ok(())
                },
            )?;
            self.progress.enter(Stage::Decide);
            Ok(grouping.decide(self.cancel)?)
        })?;
        let folder = folder.to_owned();
        Ok(Compared { decided, hash, starts, folder, sizes, names_max })
    }

    /// Finds the candidates in a unit's chunk, from the offset `from` on.
    fn find(
        &self,
        unit: &Unit,
        from: usize,
        stages: &Stages,
        hash: &KeyedHash,
        spare: &Spare,
    ) -> (Option<Competition>, usize) {
        let Work::Chunk { buffer, format, .. } = &unit.work else { return (None, 0) };
        let (plan, chunk) = (self.plan, buffer.bytes());
        let mut worker = take(&spare.workers).unwrap_or_else(|| Worker::new(plan, stages));
        let mut found = take(&spare.found).unwrap_or_default();
        found.clear();
        let most = (hash, CANDIDATES_MAX);
        let next = compete(plan, stages, &mut worker, chunk, from, format, most, &mut found);
        give(&spare.workers, worker);
        (Some(found), next)
    }
}

fn give_back(unit: Unit, buffers: &BufferPool) {
    match unit.work {
        Work::Chunk { buffer, .. } | Work::Slice { buffer, .. } | Work::Space { buffer } => {
            buffers.give(buffer);
        }
        Work::Nothing => {}
    }
}
