//! Cleans batches of Arrow, for programs that read and write by themselves (the Python package): the same stages
//! as a run, without inputs, outputs and account.
//!
//! A batch becomes text, piece by piece (`columnar/text.rs`), and each piece takes the way of a chunk on one of the
//! threads. What becomes of them is put together in their order (`columnar/batch.rs`). The result depends on the
//! batch alone: not on threads, and not on batches before.

pub(super) mod compared;
pub(super) mod profiles;

use std::collections::BTreeMap;
use std::process;
use std::sync::{Arc, Mutex, PoisonError};

use arrow_array::RecordBatch;
use arrow_schema::{ArrowError, Schema as ArrowSchema};
use rayon::ThreadPool;
use rayon::prelude::*;

use super::aws::Remote;
use super::clock;
use super::common_names::CommonNames;
use super::error::{ErrorKind, Failure, RunError};
use super::headers;
use super::job::list_specs;
use super::keys::MissingKey;
use super::list_files::list_files;
use super::lists;
use super::memory::BLOCK_BYTES;
use super::options::RunOptions;
use super::prepare::{self, Source};
use super::process::{give, input_settings, pool, take};
use super::shards::refuse_together;
use crate::columnar::{
    BatchRejects, BatchText, EndedLines, RecordColumns, UnknownType, lines_batch,
};
use crate::decode::frame::LineEnd;
use crate::decode::{Format, RecordFinder};
use crate::definition::{Definition, Output, OutputFormat};
use crate::encode::{Piece, TableEncoder};
use crate::engine::Cancel;
use crate::input::column_setting;
use crate::pipeline::{
    Block, Competition, KeyedHash, Reject, Stages, Worker, process, process_compared,
};
use crate::plan::Plan;
use crate::record::DescribedProblem;
use crate::schema::Schema;
use compared::ComparedRecord;
use profiles::ProfileOutput;

/// Cleans batches by a definition.
#[derive(Debug)]
pub struct Cleaner {
    plan: Plan,
    lines: Compiled,
    columns: Compiled,
    record_columns: RecordColumns,
    chunk_bytes: usize,
    threads: usize,
    /// What hashes the values by which records of different batches are compared; `None`: none are.
    hash: Option<KeyedHash>,
    /// `None`: records stay records.
    profiles: Option<ProfileOutput>,
    /// What is to be known about the definition.
    warnings: Vec<String>,
    /// The pool, and the process that its threads are in.
    pool: Mutex<(u32, Arc<ThreadPool>)>,
    counts: Mutex<CleanCounts>,
}

/// The stages for one kind of batch, and the workers that are not at work.
#[derive(Debug)]
struct Compiled {
    stages: Stages,
    workers: Mutex<Vec<Worker>>,
}

impl Compiled {
    fn new(plan: &Plan, by_columns: bool) -> Compiled {
        Compiled { stages: Stages::for_batches(plan, by_columns), workers: Mutex::default() }
    }

    /// The stages of a run, whatever the batch.
    fn for_profiles(plan: &Plan) -> Compiled {
        Compiled { stages: Stages::new(plan, &[]), workers: Mutex::default() }
    }
}

/// What became of the records so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CleanCounts {
    pub read: u64,
    pub written: u64,
    pub rejected: u64,
    /// Dropped because they are inactive.
    pub inactive: u64,
    /// Dropped because a list has them.
    pub suppressed: u64,
    /// If profiles are made: the records that are opted out and not written, by reason.
    pub unlisted: BTreeMap<&'static str, u64>,
}

impl CleanCounts {
    fn add(&mut self, block: &Block) {
        self.read += block.read;
        self.written += block.written();
        self.rejected += block.rejected();
        self.inactive += block.inactive;
        self.suppressed += block.suppressed;
        for (reason, records) in &block.unlisted {
            *self.unlisted.entry(reason).or_default() += records;
        }
    }
}

/// What became of a batch.
#[derive(Clone, Debug)]
pub struct Cleaned {
    /// The records that are written; if profiles are made of them, what [`Cleaner::profile_records`] takes.
    pub clean: RecordBatch,
    /// The others that are not dropped: `record`, from 1, and `problems`.
    pub rejects: RecordBatch,
    /// If their records are compared with those of other batches: what each of `clean` is compared by.
    pub compared: Option<RecordBatch>,
}

/// What becomes of a definition that compares records with each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Apart {
    /// It is refused: each batch is alone.
    Refused,
    /// Another program compares the records of all batches.
    Compared,
}

/// One piece of a batch, processed.
#[derive(Default)]
struct Processed {
    blocks: Vec<Block>,
    /// The written records, if they are compared.
    compared: Vec<ComparedRecord>,
}

impl Cleaner {
    /// Reads a definition, its keys and its lists.
    ///
    /// # Errors
    ///
    /// As a run does before it reads an input; and if the definition has what single batches can't be given.
    pub fn open(options: &RunOptions, apart: Apart) -> Result<Cleaner, Failure> {
        let cancel = &Cancel::new();
        let source = Source::read(options, clock::now()?, cancel)?;
        let read = source.parse(&source.moment)?;
        check_definition(&read.definition, apart)?;
        let remote = Remote::new(&read.definition, cancel)?;
        let run = (source.moment, read);
        let (prepared, parts) = prepare::complete(options, run, remote, MissingKey::Fails, cancel)?;
        let store = &prepared.remote.store;
        let specs = list_specs(&prepared, &parts)?;
        let files = list_files(&specs, store)?.files;
        let pool = pool(prepared.limits.threads)?;
        let (lists, _) = lists::read_lists(specs, store, &files, &pool, cancel)?;
        let key = compared::key_of(&prepared.definition, &parts.keys);
        let plan = prepared.plan(parts, lists)?;
        let is_together = !plan.together.is_off() || profiles::check_outputs(&prepared.definition)?;
        let is_compared = apart == Apart::Compared && is_together;
        let hash = is_compared.then(|| compared::hash_of(&plan, key)).transpose()?;
        if let Some(key) = column_setting(&input_settings(&plan)) {
            let message = format!("`{key}` is for CSV, and a batch has records");
            return Err(RunError::new(ErrorKind::BadInput, message)
                .hint("use a definition without it for batches")
                .into());
        }
        let of_profiles = || Compiled::for_profiles(&plan);
        let profiles = ProfileOutput::of(&plan, || of_profiles().stages.encoded_as(0));
        let (lines, columns) = match &profiles {
            Some(_) => (of_profiles(), of_profiles()),
            None => (Compiled::new(&plan, false), Compiled::new(&plan, true)),
        };
        headers::check_sizes(&plan, &lines.stages)?;
        let no_table = TableEncoder::new(&plan.schema, &[]);
        let encoder = columns.stages.table().unwrap_or(&no_table);
        Ok(Cleaner {
            record_columns: RecordColumns::new(&plan.schema, encoder),
            profiles,
            plan,
            lines,
            columns,
            chunk_bytes: prepared.limits.chunk_bytes,
            threads: prepared.limits.threads,
            hash,
            warnings: prepared.warnings,
            pool: Mutex::new((process::id(), Arc::new(pool))),
            counts: Mutex::default(),
        })
    }

    /// What is to be known about the definition.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// What became of the records of all batches so far.
    pub fn counts(&self) -> CleanCounts {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Cleans a batch.
    ///
    /// # Errors
    ///
    /// If a column has a type that no field has, or the result is too large for a batch. A record is never an
    /// error.
    pub fn clean(&self, batch: &RecordBatch) -> Result<Cleaned, RunError> {
        let text = BatchText::new(batch).map_err(|unknown| unknown_type(&unknown))?;
        let pool = self.pool()?;
        pool.install(|| {
            let pieces = text.pieces(batch.num_rows(), self.chunk_bytes).into_par_iter();
            let processed: Vec<Processed> =
                pieces.map(|rows| self.process(&text, rows)).collect::<Result<_, RunError>>()?;
            let (mut blocks, mut compared, mut read) = (Vec::new(), Vec::new(), 0);
            for piece in processed {
                compared.extend(piece.compared.into_iter().map(|record| record.after(read)));
                read += piece.blocks.iter().map(|block| block.read).sum::<u64>();
                blocks.extend(piece.blocks);
            }
            let cleaned = self.put_together(&text, &blocks, &compared);
            let cleaned = cleaned.map_err(|error| too_large(&error))?;
            let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
            for block in &blocks {
                counts.add(block);
            }
            Ok(cleaned)
        })
    }

    /// The pool. After a fork the threads are gone, and there is a new one.
    fn pool(&self) -> Result<Arc<ThreadPool>, RunError> {
        let mut held = self.pool.lock().unwrap_or_else(PoisonError::into_inner);
        if held.0 != process::id() {
            let pool = Arc::new(pool(self.threads)?);
            let lost = std::mem::replace(&mut *held, (process::id(), pool));
            // Ending it would wait for its threads.
            std::mem::forget(lost);
        }
        Ok(Arc::clone(&held.1))
    }

    fn compiled(&self, text: &BatchText) -> &Compiled {
        match text {
            BatchText::Lines(_) => &self.lines,
            BatchText::Rows(_) => &self.columns,
        }
    }

    /// Takes some rows of a batch through the stages.
    fn process(
        &self,
        text: &BatchText,
        rows: std::ops::Range<usize>,
    ) -> Result<Processed, RunError> {
        let Compiled { stages, workers } = self.compiled(text);
        let mut chunk = Vec::with_capacity(rows.clone().map(|row| text.bytes(row)).sum());
        let mut ends = Vec::new();
        for row in rows.clone() {
            text.push(row, &mut chunk);
            ends.push(chunk.len());
        }
        let (chunk, format) = self.records_of(text, chunk)?;
        let mut worker = take(workers).unwrap_or_else(|| Worker::new(&self.plan, stages));
        let (mut blocks, mut found, mut at) = (Vec::new(), Competition::default(), 0);
        while at < chunk.len() {
            let mut block = Block::for_rules(self.plan.rules.len());
            let (plan, most) = (&self.plan, BLOCK_BYTES);
            at = match &self.hash {
                None => process(plan, stages, &mut worker, &chunk, at, &format, most, &mut block),
                Some(hash) => {
                    let (from, by) = ((chunk.as_slice(), at, &format), (hash, most));
                    process_compared(plan, stages, &mut worker, from, by, &mut block, &mut found)
                }
            };
            blocks.push(block);
        }
        give(workers, worker);
        // What `records` leaves of the text is where it was.
        let row_of = |start: &usize| rows.start + ends.partition_point(|end| end <= start);
        let records = found.candidates.iter().zip(&found.starts);
        let compared = records
            .map(|(candidate, start)| ComparedRecord { row: row_of(start), candidate: *candidate });
        Ok(Processed { blocks, compared: compared.collect() })
    }

    /// The text of the records, if `records` says where in the values of the lines they are.
    fn records_of(&self, text: &BatchText, chunk: Vec<u8>) -> Result<(Vec<u8>, Format), RunError> {
        let path = self.plan.input.records.as_ref();
        let (Some(path), BatchText::Lines(_)) = (path, text) else {
            return Ok((chunk, Format::JsonLines(LineEnd::default())));
        };
        let mut finder = RecordFinder::new(path, self.plan.input.max_record);
        let mut found = Vec::with_capacity(chunk.len());
        finder.add(&chunk, &mut found);
        finder.finish(&mut found);
        if finder.beside().has_opt_out {
            let message = "the opt-out is beside the records of a batch, and not in them";
            return Err(RunError::new(ErrorKind::BadInput, message)
                .hint("put it into each record before the batch is cleaned"));
        }
        Ok((found, Format::JsonObjects(LineEnd::default())))
    }

    fn put_together(
        &self,
        text: &BatchText,
        blocks: &[Block],
        compared: &[ComparedRecord],
    ) -> Result<Cleaned, ArrowError> {
        let clean = match (&self.profiles, text) {
            (Some(profiles), _) => profiles.batch(blocks)?,
            (None, BatchText::Lines(lines)) => {
                let all: Vec<EndedLines<'_>> = blocks.iter().map(ended_lines).collect();
                lines_batch(lines.field(), &all)?
            }
            (None, BatchText::Rows(_)) => {
                let tables = blocks.iter().filter_map(|block| block.table.as_ref());
                let pieces = tables
                    .map(|table| Piece { rows: 0..table.rows(), table: Arc::clone(table) })
                    .collect::<Vec<_>>();
                self.record_columns.batch(&pieces)?
            }
        };
        let compared = self.hash.as_ref().map(|_| compared::batch(compared)).transpose()?;
        Ok(Cleaned { clean, rejects: rejects(blocks).batch()?, compared })
    }
}

/// The columns that cleaned batches of columns have, whatever the definition.
pub fn record_schema() -> ArrowSchema {
    let schema = Schema::shipped(prepare::TARGET).expect("it is shipped");
    let columns = RecordColumns::new(&schema, &TableEncoder::new(&schema, &[]));
    columns.schema().as_ref().clone()
}

fn ended_lines(block: &Block) -> EndedLines<'_> {
    (&block.json.bytes, &block.json.ends)
}

/// The rejects, with the names that ten records of the batch have.
fn rejects(blocks: &[Block]) -> BatchRejects {
    let (mut rejects, mut names, mut before) = (BatchRejects::default(), CommonNames::default(), 0);
    for block in blocks {
        names.begin(block);
        for Reject { record, problems, .. } in &block.rejects {
            let is_common = |whole: &str, records| names.is_common_at(whole, records, *record);
            let problems = problems.iter().map(|problem| words(problem, is_common));
            rejects.push(before + record + 1, problems);
        }
        names.end(block);
        before += block.read;
    }
    rejects
}

/// The field, code, rule, detail and repair of a problem.
fn words(problem: &DescribedProblem, is_common: impl Fn(&str, u32) -> bool) -> [&str; 5] {
    let DescribedProblem { field, whole, code, rule, detail, repair } = problem;
    let whole = whole.as_ref().filter(|(path, records)| is_common(path, *records));
    [whole.map_or(field, |(path, _)| path), code, rule, detail, repair]
}

/// Fails if a definition has what batches, of which each is alone, can't be given.
fn check_definition(definition: &Definition, apart: Apart) -> Result<(), RunError> {
    if apart == Apart::Refused {
        refuse_together(definition, "batches", "`segprep.run` does that, on one machine")?;
    }
    let lacks_columns =
        |output: &Output| output.format == OutputFormat::PinpointCsv && output.columns.is_none();
    if definition.outputs.iter().any(lacks_columns) {
        let message = "batches need the `columns` of a CSV output, since they have no header";
        return Err(
            RunError::new(ErrorKind::Definition, message).hint("set `columns` under `[[output]]`")
        );
    }
    Ok(())
}

fn unknown_type(unknown: &UnknownType) -> RunError {
    let UnknownType { column, data_type } = unknown;
    let message =
        format!("column {column} of the batch has the type {data_type}, which no field has");
    RunError::new(ErrorKind::BadInput, message)
        .hint("give text, numbers, instants, and maps, lists and structs of them; or one column of lines of JSON")
}

fn too_large(error: &ArrowError) -> RunError {
    // Nothing else can be wrong with arrays of ours.
    let is_size = matches!(error, ArrowError::OffsetOverflowError(_));
    let kind = if is_size { ErrorKind::BadInput } else { ErrorKind::Internal };
    RunError::new(kind, "the result of a batch exceeds what a column of Arrow can hold")
        .hint("clean smaller batches; in Spark, set `spark.sql.execution.arrow.maxRecordsPerBatch`")
}
