//! The progress of a run: counters that the run increases and that other threads may read
//! (`cli/progress.rs` shows them).

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

use crate::engine::Advance;

/// Shared between a run and the display of its progress.
#[derive(Debug, Default)]
pub struct Progress {
    /// The inputs that were read, until somebody takes them. `None`: nobody wants to know.
    inputs: Option<Mutex<ReadInputs>>,
    /// The size of all inputs; 0 until they are listed.
    bytes_total: AtomicU64,
    bytes_read: AtomicU64,
    records_read: AtomicU64,
    records_rejected: AtomicU64,
    /// In nanoseconds.
    ordered_cpu: AtomicU64,
    clock: Mutex<StageClock>,
    /// How far profiles are, once all records were read.
    pub(super) fold: Advance,
    /// What the run is called, once it knows that.
    run: OnceLock<String>,
}

/// A stage of a run, in the order in which they come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// The definition, its keys, the names of the inputs, and the places of the outputs.
    Prepare,
    /// Suppression lists, and the headers that a CSV output needs.
    Lists,
    /// Reading what `[unique]` and `[users]` compare.
    Compare,
    /// Deciding which of these records stay.
    Decide,
    /// Reading, checking and writing of all records.
    Process,
    /// Making profiles of them.
    Fold,
    /// What makes the result visible.
    Publish,
}

impl Stage {
    pub const ALL: [Stage; 7] = [
        Stage::Prepare,
        Stage::Lists,
        Stage::Compare,
        Stage::Decide,
        Stage::Process,
        Stage::Fold,
        Stage::Publish,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Stage::Prepare => "prepare",
            Stage::Lists => "lists",
            Stage::Compare => "compare",
            Stage::Decide => "decide",
            Stage::Process => "process",
            Stage::Fold => "fold",
            Stage::Publish => "publish",
        }
    }
}

/// How long each stage took.
#[derive(Debug, Default)]
struct StageClock {
    /// The stage that has begun and not ended, and when it began.
    current: Option<(Stage, Instant)>,
    ended: Vec<(Stage, Duration)>,
}

impl StageClock {
    /// Ends the current stage.
    fn end(&mut self) {
        let current = self.current.take();
        self.ended.extend(current.map(|(stage, began)| (stage, began.elapsed())));
    }
}

/// The most inputs that are told one by one. `inputs.ndjson` lists all.
const INPUTS_MAX: u64 = 1_000;

#[derive(Debug, Default)]
struct ReadInputs {
    waiting: Vec<InputRead>,
    /// How many there were so far.
    count: u64,
}

/// An input that was read to its end, or as far as it could be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InputRead {
    /// As it is listed.
    pub name: String,
    pub bytes: u64,
    pub records: u64,
    pub written: u64,
    pub rejected: u64,
    pub dropped: u64,
    /// Whether it could not be read to its end.
    pub is_broken: bool,
}

/// The counters at one moment.
#[derive(Clone, Copy, Debug, Default)]
pub struct ProgressView {
    pub bytes_total: u64,
    pub bytes_read: u64,
    pub records_read: u64,
    pub records_rejected: u64,
    /// The stage that has begun last.
    pub stage: Option<Stage>,
    /// How far profiles are, in percent; `None`: there are none so far.
    pub folded: Option<u64>,
}

impl Progress {
    /// Counters that also tell each of the first thousand inputs.
    pub fn with_inputs() -> Progress {
        Progress { inputs: Some(Mutex::default()), ..Progress::default() }
    }

    /// The id of the run, as its manifest has it. `None`: it is not known yet.
    pub fn run_id(&self) -> Option<&str> {
        self.run.get().map(String::as_str)
    }

    pub(super) fn is_called(&self, id: &str) {
        self.run.get_or_init(|| id.to_owned());
    }

    /// The inputs that were read since the last call.
    pub fn take_inputs(&self) -> Vec<InputRead> {
        let inputs = self.inputs.as_ref();
        let taken = inputs.map(|inputs| {
            let mut inputs = inputs.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::take(&mut inputs.waiting)
        });
        taken.unwrap_or_default()
    }

    /// Tells an input, if anybody wants to know.
    pub(super) fn input(&self, read: impl FnOnce() -> InputRead) {
        if let Some(inputs) = &self.inputs {
            let mut inputs = inputs.lock().unwrap_or_else(PoisonError::into_inner);
            inputs.count += 1;
            if inputs.count <= INPUTS_MAX {
                inputs.waiting.push(read());
            }
        }
    }

    pub fn view(&self) -> ProgressView {
        ProgressView {
            bytes_total: self.bytes_total.load(Ordering::Relaxed),
            bytes_read: self.bytes_read.load(Ordering::Relaxed),
            records_read: self.records_read.load(Ordering::Relaxed),
            records_rejected: self.records_rejected.load(Ordering::Relaxed),
            stage: self.stage(),
            folded: self.fold.percent(),
        }
    }

    fn stage(&self) -> Option<Stage> {
        let clock = self.clock.lock().unwrap_or_else(PoisonError::into_inner);
        clock.current.map(|(stage, _)| stage)
    }

    /// The processor time of the ordered side, which one thread does at a time: reading and framing
    /// inputs, and giving blocks their places. So it limits how many threads are of use.
    pub fn ordered_cpu(&self) -> Duration {
        Duration::from_nanos(self.ordered_cpu.load(Ordering::Relaxed))
    }

    /// Does work of the ordered side, and adds its processor time. The work must not wait for other
    /// work of the pool, which would count too.
    pub(super) fn on_ordered_side<O>(&self, work: impl FnOnce() -> O) -> O {
        let began = thread_cpu();
        let outcome = work();
        let spent = thread_cpu().saturating_sub(began).as_nanos();
        let spent = u64::try_from(spent).unwrap_or(u64::MAX);
        self.ordered_cpu.fetch_add(spent, Ordering::Relaxed);
        outcome
    }

    /// Begins a stage, and ends the one before it.
    pub(super) fn enter(&self, stage: Stage) {
        let mut clock = self.clock.lock().unwrap_or_else(PoisonError::into_inner);
        clock.end();
        clock.current = Some((stage, Instant::now()));
    }

    /// Ends the last stage.
    pub(super) fn leave(&self) {
        self.clock.lock().unwrap_or_else(PoisonError::into_inner).end();
    }

    /// The stages that have ended, each with the time that it took.
    pub fn stages(&self) -> Vec<(Stage, Duration)> {
        self.clock.lock().unwrap_or_else(PoisonError::into_inner).ended.clone()
    }

    pub(super) fn expect_bytes(&self, bytes: u64) {
        self.bytes_total.store(bytes, Ordering::Relaxed);
    }

    pub(super) fn expect_more_bytes(&self, bytes: u64) {
        self.bytes_total.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(super) fn advance(&self, bytes: u64, records: u64, rejected: u64) {
        self.bytes_read.fetch_add(bytes, Ordering::Relaxed);
        self.records_read.fetch_add(records, Ordering::Relaxed);
        self.records_rejected.fetch_add(rejected, Ordering::Relaxed);
    }
}

/// The processor time of this thread.
fn thread_cpu() -> Duration {
    clock_gettime(ClockId::ThreadCPUTime).try_into().unwrap_or_default()
}
