//! A lower bound for the time of the task of `benches/compare` on this machine, and how close segprep
//! is to it: `cargo bench --bench limit -- run`.
//!
//! Any program for that task must read the input, check that it is UTF-8, find its values, compute
//! HMACs, write the output and, as segprep does, digest it. Each of these is measured alone, with the
//! fastest method found, on one thread, on the same bytes, chunk by chunk while they are in the
//! processor's cache. The sum is the limit. The table compares it with the time of each of segprep's
//! stages and of a whole run with one thread; the last row is what the run does outside of the stages
//! (reading, framing, ordering, counting, publishing).
//!
//! Without arguments, as in a plain `cargo bench`, it prints its usage and does nothing.

#![expect(clippy::print_stdout, reason = "a benchmark's result is what it prints")]

#[path = "limit/probes.rs"]
mod probes;
#[path = "limit/structure.rs"]
mod structure;
#[path = "task/mod.rs"]
mod task;
#[path = "limit/whole.rs"]
mod whole;

use std::{
    collections::BTreeMap,
    env,
    error::Error,
    path::{Path, PathBuf},
    time::Duration,
};

use clap::{CommandFactory, Parser, Subcommand};

use probes::{Found, ONE_STREAM, Part, Probes};
use task::{
    Stage, Task, Times,
    files::{Input, inputs},
};
use whole::{is_csv, run_whole};

/// Measures a lower bound on this machine, and how close segprep is to it
#[derive(Parser)]
#[command(bin_name = "cargo bench --bench limit --")]
struct Arguments {
    #[command(subcommand)]
    mode: Mode,
}

#[derive(Subcommand)]
enum Mode {
    /// Measure, and print a table for each input
    Run(Options),
}

#[derive(clap::Args)]
struct Options {
    /// The number of records of each input
    #[arg(long, value_name = "N", default_value_t = 200_000)]
    records: u32,
    /// The number of measurements; the table has their medians
    #[arg(long, value_name = "K", default_value_t = 5)]
    runs: usize,
    /// Where output is written
    #[arg(long, value_name = "DIR", default_value_os_t = default_scratch())]
    scratch: PathBuf,
}

fn main() -> Result<(), Box<dyn Error>> {
    // Cargo passes `--bench` to every benchmark.
    let arguments: Vec<_> = env::args_os().filter(|argument| argument != "--bench").collect();
    if arguments.len() == 1 {
        Arguments::command().print_help()?;
        return Ok(());
    }
    let Mode::Run(options) = Arguments::parse_from(arguments).mode;
    if cfg!(debug_assertions) {
        return Err("built without optimisation: use `cargo bench`".into());
    }
    for input in inputs(options.records)? {
        measure(&input, &options)?;
    }
    Ok(())
}

fn default_scratch() -> PathBuf {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { memory.to_owned() } else { env::temp_dir() }
}

fn measure(input: &Input, options: &Options) -> Result<(), Box<dyn Error>> {
    let scratch = tempfile::tempdir_in(&options.scratch)?;
    let mut task = Task::new(&input.path)?;
    let mut runs = Vec::new();
    for _ in 0..options.runs {
        runs.push(Run::new(input, &mut task, scratch.path())?);
    }
    print(input, &runs);
    Ok(())
}

/// One measurement of everything.
struct Run {
    found: Found,
    stages: Times,
    wholes: BTreeMap<Part, Duration>,
}

impl Run {
    fn new(input: &Input, task: &mut Task, scratch: &Path) -> Result<Run, Box<dyn Error>> {
        let marks = if is_csv(input) { structure::OF_CSV } else { structure::OF_JSON };
        let mut probes = Probes::new(marks, scratch)?;
        probes.read(&input.path)?;
        let mut failed = Ok(());
        let stages = task.pass(Stage::Encode, |chunk, lines| {
            if failed.is_ok() {
                failed = probes.take(chunk, lines);
            }
        });
        failed?;
        let found = probes.finish()?;
        let mut wholes = BTreeMap::new();
        for (part, digest) in DIGESTS {
            wholes.insert(part, run_whole(input, digest, scratch)?);
        }
        Ok(Run { found, stages, wholes })
    }
}

/// The digests by their names in definitions.
const DIGESTS: [(Part, &str); 2] = [(Part::Sha256, "sha256"), (Part::Crc64Nvme, "crc64nvme")];

/// A row of the table.
struct Row {
    name: &'static str,
    least: Duration,
    ours: Duration,
}

fn print(input: &Input, runs: &[Run]) {
    let best = best(runs);
    let least = |part| best.get(&part).map(|(time, _)| *time).unwrap_or_default();
    let as_they_are = |name, part| Row { name, least: least(part), ours: least(part) };
    let mut rows = vec![as_they_are("read", Part::Read)];
    rows.extend(Stage::ALL.map(|stage| Row {
        name: stage.name(),
        least: part_of(stage).map(least).unwrap_or_default(),
        ours: median(runs.iter().filter_map(|run| run.stages.get(&stage))),
    }));
    rows.push(as_they_are("write", Part::Write));
    println!("\n{}: {} records, {} MB", input.name, input.records, input.bytes / 1_000_000);
    println!("{:<28}{:>10}{:>10}{:>9}", "ns per record", "limit", "segprep", "share");
    for row in &rows {
        print_row(row, input.records);
    }
    for (part, name) in DIGESTS {
        let ours = median(runs.iter().filter_map(|run| run.found.get(&(part, ONE_STREAM))));
        let digest = Row { name, least: least(part), ours };
        let parts = rows.iter().chain([&digest]);
        let (least, ours) = parts.fold(Default::default(), |(least, ours), row: &Row| {
            (least + row.least, ours + row.ours)
        });
        let whole = median(runs.iter().filter_map(|run| run.wholes.get(&part)));
        let rest = whole.saturating_sub(ours);
        print_row(&digest, input.records);
        print_row(
            &Row { name: "- the rest of the run", least: Duration::ZERO, ours: rest },
            input.records,
        );
        print_row(&Row { name: "- the whole run", least, ours: whole }, input.records);
    }
    let methods: Vec<_> = best.values().map(|(_, method)| *method).collect();
    println!("the fastest methods: {}", methods.join("; "));
}

/// The parts that a stage can't avoid.
fn part_of(stage: Stage) -> Option<Part> {
    match stage {
        Stage::Utf8 => Some(Part::Utf8),
        Stage::Decode => Some(Part::Structure),
        Stage::Validate => None,
        Stage::Transform => Some(Part::Hmacs),
        Stage::Encode => Some(Part::Copy),
    }
}

fn print_row(row: &Row, records: u32) {
    let of_record = |time: Duration| time.as_secs_f64() * 1e9 / f64::from(records);
    let share = 100.0 * row.least.as_secs_f64() / row.ours.as_secs_f64();
    let (least, ours) = (of_record(row.least), of_record(row.ours));
    println!("{:<28}{least:>10.0}{ours:>10.0}{share:>7.0} %", row.name);
}

/// The fastest method for each part, by median.
fn best(runs: &[Run]) -> BTreeMap<Part, (Duration, &'static str)> {
    let mut best = BTreeMap::new();
    for (part, method) in runs.iter().flat_map(|run| run.found.keys()) {
        let time = median(runs.iter().filter_map(|run| run.found.get(&(*part, *method))));
        let known = best.entry(*part).or_insert((time, *method));
        *known = (*known).min((time, *method));
    }
    best
}

fn median<'a>(times: impl Iterator<Item = &'a Duration>) -> Duration {
    let mut times: Vec<Duration> = times.copied().collect();
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}
