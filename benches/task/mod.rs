//! The job of `benches/compare` in this process: its plan, the chunks of an input, and the time of each
//! stage for them.

pub(crate) mod files;

use std::{
    collections::BTreeMap,
    error::Error,
    fs,
    ops::Range,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use segprep::decode::frame::LineEnd;
use segprep::decode::{Columns, Format};
use segprep::definition::Environment;
use segprep::pipeline::{Block, ChunkPass, Stages, Worker};
use segprep::plan::{self, HeaderUnion, Plan};
use segprep::schema::Schema;
use segprep::transform::MasterKey;

/// The default chunk size of a run.
const CHUNK_BYTES: usize = 1 << 20;
pub(crate) const DEFINITION: &str = "benches/compare/segprep.toml";

/// The stages in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Stage {
    /// The UTF-8 check of the chunk, before its batches.
    Utf8,
    Decode,
    /// Includes repairs, of which the definition has none, and dropping inactive records.
    Validate,
    Transform,
    Encode,
}

impl Stage {
    pub(crate) const ALL: [Stage; 5] =
        [Stage::Utf8, Stage::Decode, Stage::Validate, Stage::Transform, Stage::Encode];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Stage::Utf8 => "utf8",
            Stage::Decode => "decode",
            Stage::Validate => "validate",
            Stage::Transform => "transform",
            Stage::Encode => "encode",
        }
    }
}

/// The time of each stage.
pub(crate) type Times = BTreeMap<Stage, Duration>;

pub(crate) struct Task {
    plan: Plan,
    stages: Stages,
    format: Format,
    text: Vec<u8>,
    chunks: Vec<Range<usize>>,
    worker: Worker,
    block: Block,
}

impl Task {
    /// Opens an input of the task: NDJSON, or CSV according to the name. No cell may contain a line break.
    ///
    /// # Errors
    ///
    /// Fails if the file can't be read or is not an input of the task.
    pub(crate) fn new(input: &Path) -> Result<Task, Box<dyn Error>> {
        let is_csv = input.extension().is_some_and(|extension| extension == "csv");
        let plan = plan(is_csv)?;
        let text = fs::read(input)?;
        let mut names = HeaderUnion::new(&plan);
        let (format, start) = if is_csv {
            let (header, start) = header(&text)?;
            let columns = Columns::read(header, b',', &plan.column_rules);
            let columns = columns.map_err(|fault| format!("{fault:?}"))?;
            names.add(&columns);
            (Format::Csv(Arc::new(columns)), start)
        } else {
            (Format::JsonLines(LineEnd::Newline), 0)
        };
        let stages = Stages::new(&plan, &names.into_columns());
        let worker = Worker::new(&plan, &stages);
        let block = Block::for_rules(plan.rules.len());
        let chunks = chunks(&text, start);
        Ok(Task { plan, stages, format, text, chunks, worker, block })
    }

    /// Runs all chunks through the stages up to `last`, and calls `done` with each chunk and its lines of
    /// output.
    pub(crate) fn pass(&mut self, last: Stage, mut done: impl FnMut(&[u8], &[u8])) -> Times {
        let Task { plan, stages, format, text, chunks, worker, block } = self;
        let mut clock = Clock::default();
        for chunk in chunks {
            let chunk = text.get(chunk.clone()).unwrap_or(&[]);
            let mut pass =
                clock.time(Stage::Utf8, || ChunkPass::new(plan, stages, worker, chunk, 0, format));
            let mut at = if last == Stage::Utf8 { chunk.len() } else { 0 };
            while at < chunk.len() {
                at = batch(&mut pass, at, last, block, &mut clock);
            }
            done(chunk, block.line_outputs.first().map_or(&block.json.bytes, |lines| &lines.bytes));
            block.clear();
        }
        clock.times
    }
}

/// Runs the batch at an offset through the stages. Returns the offset of the next batch.
fn batch(
    pass: &mut ChunkPass<'_>,
    at: usize,
    last: Stage,
    block: &mut Block,
    clock: &mut Clock,
) -> usize {
    let decoded = clock.time(Stage::Decode, || pass.decode(at));
    if Stage::Validate <= last {
        clock.time(Stage::Validate, || {
            pass.repair_and_drop();
            pass.check_values();
        });
    }
    if Stage::Transform <= last {
        clock.time(Stage::Transform, || pass.transform());
        clock.time(Stage::Validate, || pass.check_limits());
    }
    if Stage::Encode <= last {
        clock.time(Stage::Encode, || pass.encode(decoded, usize::MAX, block));
    }
    decoded.next
}

#[derive(Default)]
struct Clock {
    times: Times,
}

impl Clock {
    fn time<T>(&mut self, stage: Stage, work: impl FnOnce() -> T) -> T {
        let began = Instant::now();
        let done = work();
        *self.times.entry(stage).or_default() += began.elapsed();
        done
    }
}

fn plan(is_csv: bool) -> Result<Plan, Box<dyn Error>> {
    let schema = Schema::shipped("pinpoint").ok_or("the target is not shipped")?;
    let text = fs::read_to_string(DEFINITION)?;
    let format =
        if is_csv { "output.0.format=pinpoint-csv" } else { "output.0.format=pinpoint-json" };
    // Nothing is read from or written to these paths.
    let env = |name: &str| Some(name.to_owned());
    let around = Environment {
        env: &env,
        date: "2026-11-23",
        run: "20261123T020000Z",
        real_path: &Path::to_path_buf,
    };
    let (definition, rules) =
        plan::check(DEFINITION, &text, &[format.to_owned()], &around, &schema)
            .map_err(|faults| format!("{faults:?}"))?;
    let keys = BTreeMap::from([("k1".to_owned(), MasterKey::demo())]);
    Ok(Plan::new(&definition, rules, Arc::new(schema), keys, Vec::new())?)
}

/// The first line, and the offset of the second.
fn header(text: &[u8]) -> Result<(&[u8], usize), Box<dyn Error>> {
    let end = memchr::memchr(b'\n', text).ok_or("there is no header")?;
    Ok((text.get(..end).unwrap_or(&[]), end + 1))
}

/// Whole lines of about the size of a chunk.
fn chunks(text: &[u8], mut start: usize) -> Vec<Range<usize>> {
    let mut chunks = Vec::new();
    while let Some(rest) = text.get(start..).filter(|rest| !rest.is_empty()) {
        let most = rest.get(..CHUNK_BYTES).unwrap_or(rest);
        let end = memchr::memrchr(b'\n', most).map_or(rest.len(), |last| last + 1);
        chunks.push(start..start + end);
        start += end;
    }
    chunks
}
