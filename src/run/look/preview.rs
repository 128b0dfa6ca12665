//! `segprep preview`: shows some records before and after what a run would do with them. Nothing is written.
//!
//! The first records are taken as they come. A sample is those whose places (input and offset) have the least
//! digests: they are spread over all inputs, and the same whatever threads and chunks there are.

use std::collections::{BinaryHeap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use super::{
    FirstNames, NAMED_RECORDS, Opened, Position, Sources, because, broken, give_back, keep, open,
    placed,
};
use crate::crypto::sha256;
use crate::decode::Format;
use crate::engine::{Cancel, map_ordered};
use crate::input::{Buffer, BufferPool, InputReader, Unit, Work};
use crate::pipeline::{Worker, observe, offsets};
use crate::preview::{Draft, PreviewRecord, Source};
use crate::run::error::{Failure, RunError};
use crate::run::nothing::{no_record, nothing_to_read};
use crate::run::options::RunOptions;
use crate::run::progress::Progress;
use crate::store::s3::Reach;

/// What to show.
#[derive(Clone, Debug, Default)]
pub struct PreviewOptions {
    pub run: RunOptions,
    /// How many records.
    pub records: u64,
    /// Whether they are from across the inputs, and not the first ones.
    pub sample: bool,
    /// Whether values are shown as they are.
    pub reveal: bool,
}

/// What a preview has to show, in this order.
#[derive(Debug)]
pub enum PreviewEvent {
    /// Something to know about all records.
    Note(String),
    Record(Box<PreviewRecord>),
}

/// Takes what a preview has to show.
pub type Show<'a> = &'a mut (dyn FnMut(PreviewEvent) -> Result<(), Failure> + Send);

/// Shows records before and after.
///
/// # Errors
///
/// As a run does before it writes, except that keys may be missing.
pub fn preview(
    options: &PreviewOptions,
    progress: &Progress,
    cancel: &Cancel,
    show: Show<'_>,
) -> Result<(), Failure> {
    preview_steps(options, progress, cancel, show).map_err(|failure| because(failure, cancel))
}

fn preview_steps(
    options: &PreviewOptions,
    progress: &Progress,
    cancel: &Cancel,
    show: Show<'_>,
) -> Result<(), Failure> {
    let opened = open(&options.run, progress, cancel)?;
    for note in opened.notes() {
        show(PreviewEvent::Note(note))?;
    }
    let previewing = Previewing {
        opened: &opened,
        draft: Draft::new(&opened.plan, &opened.stages, options.reveal),
        records: options.records,
        progress,
        cancel,
    };
    if options.sample { previewing.sample(show) } else { previewing.first(show) }
}

/// What is the same for all records.
struct Previewing<'a> {
    opened: &'a Opened,
    draft: Draft<'a>,
    records: u64,
    progress: &'a Progress,
    cancel: &'a Cancel,
}

impl Previewing<'_> {
    /// Shows the first records.
    fn first(&self, show: Show<'_>) -> Result<(), Failure> {
        let files = &self.opened.listing.files;
        let inputs = self.opened.prepared.remote.store.inputs(files, Reach::Whole)?;
        let spare = BufferPool::default();
        let limits = self.opened.prepared.limits.input();
        let reader = InputReader::new(self.opened.settings(), limits, self.cancel, &inputs, &spare);
        let mut showing = Showing::new(self.records, show);
        self.opened.pool.install(|| {
            let mut sources = Sources::new(&self.opened.plan, files);
            let mut worker = Worker::new(&self.opened.plan, &self.opened.stages);
            let mut position = Position::default();
            for unit in reader {
                let unit = unit.map_err(RunError::from)?;
                let source = sources.of(&unit);
                position.begin(&unit);
                self.first_of(&unit, &source, &mut position, &mut worker, &mut showing)?;
                self.progress.advance(unit.newly_read, 0, 0);
                if let Some(warning) = broken(&unit, files) {
                    (showing.show)(PreviewEvent::Note(warning))?;
                }
                if showing.is_done() {
                    return Ok(());
                }
                give_back(unit, &spare);
            }
            Ok::<(), Failure>(())
        })?;
        showing.finish()?;
        self.check_read(showing.read, files.len())
    }

    /// Shows the records of a unit that are among the first.
    fn first_of(
        &self,
        unit: &Unit,
        source: &Source,
        position: &mut Position,
        worker: &mut Worker,
        showing: &mut Showing<'_>,
    ) -> Result<(), Failure> {
        let (records, lines) = (position.records, position.lines);
        let mut count = 0;
        if let Work::Chunk { buffer, format, .. } = &unit.work {
            for record in self.take(worker, buffer, format, source, showing.missing()) {
                count += 1;
                showing.add(placed(record, records, lines))?;
            }
        }
        if let Some(long) = position.pass(unit, count) {
            let record = Draft::of_problem(source, long.problem);
            showing.add(PreviewRecord {
                line: long.line + 1,
                record: position.records,
                ..record
            })?;
        }
        Ok(())
    }

    /// The first records of a chunk.
    fn take(
        &self,
        worker: &mut Worker,
        buffer: &Buffer,
        format: &Format,
        source: &Source,
        records: u64,
    ) -> Vec<PreviewRecord> {
        let Opened { plan, stages, .. } = self.opened;
        let chunk = buffer.bytes();
        let all = observe(plan, stages, worker, chunk, format, records, &|_, _| true);
        all.into_iter().map(|one| self.draft.record(source, format, chunk, one)).collect()
    }

    /// Fails if there was nothing to show.
    fn check_read(&self, read: u64, files: usize) -> Result<(), Failure> {
        if 0 < read {
            return Ok(());
        }
        let Opened { prepared, listing, .. } = self.opened;
        let is_stream = listing.files.iter().all(|listed| listed.bytes == 0);
        let error = if is_stream {
            nothing_to_read(prepared, &listing.ignored)
        } else {
            no_record(prepared, files)
        };
        Err(error.into())
    }
}

/// Shows the first records, once it is known which names may be shown.
struct Showing<'a> {
    records: u64,
    shown: u64,
    read: u64,
    names: FirstNames,
    held: Vec<PreviewRecord>,
    show: Show<'a>,
}

impl<'a> Showing<'a> {
    fn new(records: u64, show: Show<'a>) -> Showing<'a> {
        let (names, held) = Default::default();
        Showing { records, shown: 0, read: 0, names, held, show }
    }

    /// How many records are still to be looked at.
    fn missing(&self) -> u64 {
        self.records.max(NAMED_RECORDS).saturating_sub(self.read)
    }

    fn is_done(&self) -> bool {
        self.missing() == 0
    }

    fn add(&mut self, record: PreviewRecord) -> Result<(), Failure> {
        self.names.add(&record);
        if self.read < self.records {
            self.held.push(record);
        }
        self.read += 1;
        if self.names.is_complete() { self.finish() } else { Ok(()) }
    }

    /// Shows the records that were held back.
    fn finish(&mut self) -> Result<(), Failure> {
        for mut record in self.held.drain(..) {
            record.show_common(|name| self.names.is_common(name));
            (self.show)(PreviewEvent::Record(Box::new(record)))?;
            self.shown += 1;
        }
        Ok(())
    }
}

/// A record of a sample, by the digest of its place.
struct Candidate {
    digest: u64,
    input: usize,
    record: PreviewRecord,
}

impl PartialEq for Candidate {
    fn eq(&self, other: &Candidate) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Candidate {}

impl PartialOrd for Candidate {
    fn partial_cmp(&self, other: &Candidate) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Candidate {
    fn cmp(&self, other: &Candidate) -> std::cmp::Ordering {
        let key = |one: &Candidate| (one.digest, one.input, one.record.record);
        key(self).cmp(&key(other))
    }
}

/// A unit, the number of its records, and those that may be in the sample: their digests, and the records with
/// places in the chunk.
struct Looked {
    unit: Unit,
    source: Arc<Source>,
    records: u64,
    chosen: Vec<(u64, PreviewRecord)>,
}

/// The sample so far.
struct Sample<'s> {
    records: usize,
    best: BinaryHeap<Candidate>,
    /// The greatest digest that may still be in the sample.
    limit: &'s AtomicU64,
    names: FirstNames,
    read: u64,
}

impl Sample<'_> {
    fn add(&mut self, candidate: Candidate) {
        self.best.push(candidate);
        if self.records < self.best.len() {
            self.best.pop();
        }
        if let Some(worst) = self.best.peek().filter(|_| self.best.len() == self.records) {
            self.limit.store(worst.digest, Ordering::Relaxed);
        }
    }
}

impl Previewing<'_> {
    /// Shows records from across the inputs.
    fn sample(&self, show: Show<'_>) -> Result<(), Failure> {
        let Opened { prepared, plan, listing, pool, .. } = self.opened;
        let files = &listing.files;
        let inputs = prepared.remote.store.inputs(files, Reach::Whole)?;
        let spare = BufferPool::default();
        let settings = self.opened.settings();
        let reader =
            InputReader::new(settings, prepared.limits.input(), self.cancel, &inputs, &spare);
        let mut sources = Sources::new(plan, files);
        let units = reader.map(|unit| {
            let unit = unit.map_err(RunError::from)?;
            let source = sources.of(&unit);
            Ok((unit, source))
        });
        let (limit, workers) = (AtomicU64::new(u64::MAX), Mutex::default());
        let (best, names) = Default::default();
        let records = usize::try_from(self.records).unwrap_or(usize::MAX);
        let mut sample = Sample { records, best, limit: &limit, names, read: 0 };
        let mut position = Position::default();
        let mut warnings = Vec::new();
        pool.install(|| {
            map_ordered(
                pool,
                prepared.limits.in_flight(),
                units,
                |(unit, source)| self.choose(unit, source, &limit, &workers),
                |looked| {
                    warnings.extend(broken(&looked.unit, files));
                    self.add(looked, &mut position, &mut sample, &workers, &spare);
                    Ok::<(), RunError>(())
                },
            )
        })?;
        for warning in warnings {
            show(PreviewEvent::Note(warning))?;
        }
        let Sample { best, names, read, .. } = sample;
        let mut best = best.into_vec();
        best.sort_by_key(|candidate| (candidate.input, candidate.record.record));
        for Candidate { mut record, .. } in best {
            record.show_common(|name| names.is_common(name));
            show(PreviewEvent::Record(Box::new(record)))?;
        }
        self.check_read(read, files.len())
    }

    /// The records of a unit that may be in the sample. Runs on any thread.
    fn choose(
        &self,
        unit: Unit,
        source: Arc<Source>,
        limit: &AtomicU64,
        workers: &Mutex<Vec<Worker>>,
    ) -> Looked {
        let Work::Chunk { buffer, offset, format } = &unit.work else {
            return Looked { unit, source, records: 0, chosen: Vec::new() };
        };
        let Opened { plan, stages, .. } = self.opened;
        let chunk = buffer.bytes();
        let mut worker = self.opened.worker(workers);
        let places = offsets(plan, stages, &mut worker, chunk, format);
        let limit = limit.load(Ordering::Relaxed);
        let name = digest_of_name(&source.name);
        let mut best: Vec<(u64, usize)> =
            places.iter().map(|at| (digest(name, offset + wide(*at)), *at)).collect();
        best.retain(|(digest, _)| *digest <= limit);
        best.sort_unstable();
        best.truncate(usize::try_from(self.records).unwrap_or(usize::MAX));
        let digests: HashMap<usize, u64> = best.iter().map(|(digest, at)| (*at, *digest)).collect();
        let mut chosen = Vec::new();
        if !digests.is_empty() {
            let is_wanted = |_, at| digests.contains_key(&at);
            let all = observe(plan, stages, &mut worker, chunk, format, u64::MAX, &is_wanted);
            for one in all {
                let digest = digests.get(&one.offset).copied().unwrap_or(u64::MAX);
                chosen.push((digest, self.draft.record(&source, format, chunk, one)));
            }
        }
        let records = wide(places.len());
        keep(worker, workers);
        Looked { unit, source, records, chosen }
    }

    /// Adds the records of a unit. Runs in order.
    fn add(
        &self,
        looked: Looked,
        position: &mut Position,
        sample: &mut Sample<'_>,
        workers: &Mutex<Vec<Worker>>,
        spare: &BufferPool,
    ) {
        let Looked { unit, source, records, chosen } = looked;
        position.begin(&unit);
        let input = unit.input;
        for (digest, record) in chosen {
            let record = placed(record, position.records, position.lines);
            sample.add(Candidate { digest, input, record });
        }
        if let Work::Chunk { buffer, format, .. } = &unit.work
            && !sample.names.is_complete()
        {
            let mut worker = self.opened.worker(workers);
            let missing = NAMED_RECORDS - sample.names.records;
            for record in self.take(&mut worker, buffer, format, &source, missing) {
                sample.names.add(&record);
            }
            keep(worker, workers);
        }
        let before = position.records;
        if let Some(long) = position.pass(&unit, records) {
            let record = Draft::of_problem(&source, long.problem);
            let record = PreviewRecord { record: position.records, line: long.line + 1, ..record };
            let digest = digest(digest_of_name(&source.name), long.offset);
            sample.add(Candidate { digest, input, record });
        }
        sample.read += position.records - before;
        self.progress.advance(unit.newly_read, position.records - before, 0);
        give_back(unit, spare);
    }
}

fn wide(number: usize) -> u64 {
    u64::try_from(number).expect("fewer than 2^64")
}

fn digest_of_name(name: &str) -> u64 {
    let digest = sha256(name.as_bytes());
    digest.first_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes))
}

/// The digest of a place: that of the input's name, and the offset in its text, mixed as in `SplitMix64`.
fn digest(name: u64, offset: u64) -> u64 {
    let mix = |number: u64| {
        let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        number ^ (number >> 31)
    };
    mix(name ^ mix(offset.wrapping_add(0x9e37_79b9_7f4a_7c15)))
}
