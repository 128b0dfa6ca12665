//! How much of a run one thread does at a time, which limits how many threads are of use:
//! `cargo bench --bench serial -- run`.
//!
//! Runs the main job in processes of their own, by turns, over NDJSON and CSV of the same records, with
//! both digests, to disk and to a bucket, and prints medians of:
//!
//! - **ordered**: the share of the ordered side in all processor time of the process. It reads and frames
//!   inputs, and gives blocks their places.
//! - **chain**: the share that SHA-256 of the parts takes, which is a chain for each part. Measured apart,
//!   on the bytes of the parts.
//! - **busiest**: the share of the busiest thread of the pool.
//!
//! The server of the bucket is that of the tests, in the process that prints the table, so its time does
//! not count.
//!
//! `cargo bench --bench serial -- simulate` measures the costs of a chunk with one thread, and calculates
//! by a discrete-event model (`serial/model.rs`) how long runs take with more threads. It compares the
//! model with real runs of one and two threads.
//!
//! Without arguments, as in a plain `cargo bench`, it prints its usage and does nothing.

#![expect(
    clippy::print_stdout,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a benchmark's result is what it prints; the server belongs to the tests"
)]

#[path = "generate/mod.rs"]
mod generate;
#[path = "serial/model.rs"]
mod model;
#[expect(dead_code, clippy::wildcard_imports, reason = "the tests use all of it")]
#[path = "../tests/it/support/s3"]
mod s3 {
    pub(crate) mod account;
    pub(crate) mod bodies;
    pub(crate) mod iam;
    pub(crate) mod objects;
    pub(crate) mod server;
    pub(crate) mod services;
}

use std::{
    env,
    error::Error,
    fs,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use clap::{CommandFactory, Parser, Subcommand};
use crc_fast::CrcAlgorithm;
use segprep::{
    crypto::sha256,
    engine::Cancel,
    run::{Progress, RunOptions, run},
};

use generate::{Amount, Format, Job, parse_size, write_file};
use model::Costs;
use s3::server::{ACCESS_KEY, SECRET_KEY, Server};

/// Measures the share of the ordered side
#[derive(Parser)]
#[command(bin_name = "cargo bench --bench serial --")]
struct Arguments {
    #[command(subcommand)]
    mode: Mode,
}

#[derive(Subcommand)]
enum Mode {
    /// Measure, and print medians
    Run(Options),
    /// Calculate how runs scale to more threads than the machine has
    Simulate(Options),
    /// One run in this process; `run` starts it
    One(Settings),
}

#[derive(clap::Args)]
struct Options {
    /// The size of the NDJSON file; the CSV file has the same records
    #[arg(long, value_name = "SIZE", value_parser = parse_size, default_value = "300MB")]
    bytes: u64,
    /// The number of runs of each
    #[arg(long, value_name = "K", default_value_t = 5)]
    runs: usize,
    /// The numbers of threads
    #[arg(long, value_name = "N,…", value_delimiter = ',', default_value = "2,16")]
    threads: Vec<usize>,
}

#[derive(clap::Args)]
struct Settings {
    threads: usize,
    sets: Vec<String>,
}

/// A public key, for synthetic records only.
const KEY: &str = "hex:000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

fn main() -> Result<(), Box<dyn Error>> {
    // Cargo passes `--bench` to every benchmark.
    let arguments: Vec<_> = env::args_os().filter(|argument| argument != "--bench").collect();
    if arguments.len() == 1 {
        Arguments::command().print_help()?;
        return Ok(());
    }
    match Arguments::parse_from(arguments).mode {
        Mode::Run(options) => table(&options),
        Mode::Simulate(options) => simulate(&options),
        Mode::One(settings) => one(settings),
    }
}

/// One of the jobs that are measured.
struct Series {
    input: PathBuf,
    bytes: u64,
    digest: &'static str,
    is_bucket: bool,
    threads: usize,
    figures: Vec<Figures>,
}

/// What a run took. Times are those of the processor.
struct Figures {
    all: Duration,
    ordered: Duration,
    busiest: Duration,
    /// Of SHA-256 of the parts.
    chain: Duration,
    /// Of writing the parts once more, and of their CRC64-NVME if they need it.
    write: Duration,
    wall: Duration,
}

fn table(options: &Options) -> Result<(), Box<dyn Error>> {
    let all = measure(options, &[false, true], &options.threads)?;
    print(&all);
    Ok(())
}

/// Runs the job over both formats, with both digests, into each kind of place, with each number of
/// threads.
fn measure(
    options: &Options,
    places: &[bool],
    threads: &[usize],
) -> Result<Vec<Series>, Box<dyn Error>> {
    if cfg!(debug_assertions) {
        return Err("built without optimisation: use `cargo bench`".into());
    }
    let folder = tempfile::tempdir_in(scratch())?;
    let server = Server::start();
    let mut all = Vec::new();
    for (format, name) in [(Format::Ndjson, "in.ndjson"), (Format::Csv, "in.csv")] {
        let input = folder.path().join(name);
        // The CSV file has as many records as the NDJSON file.
        let amount = match all.first() {
            None => Amount::Bytes(options.bytes),
            Some(_) => Amount::Records(lines(&folder.path().join("in.ndjson"))?),
        };
        write_file(&Job { amount, format, seed: 7, invalid: 0.02 }, &input)?;
        for digest in ["crc64nvme", "sha256"] {
            for (is_bucket, threads) in places
                .iter()
                .flat_map(|place| threads.iter().map(move |threads| (*place, *threads)))
            {
                let bytes = fs::metadata(&input)?.len();
                let (input, figures) = (input.clone(), Vec::new());
                all.push(Series { input, bytes, digest, is_bucket, threads, figures });
            }
        }
    }
    for _ in 0..options.runs {
        for series in &mut all {
            let figures = series.measure(&server, folder.path())?;
            series.figures.push(figures);
        }
    }
    Ok(all)
}

/// Compares the model with real runs, and prints what it gives for more threads.
#[expect(clippy::as_conversions, clippy::cast_precision_loss, reason = "a file has few chunks")]
fn simulate(options: &Options) -> Result<(), Box<dyn Error>> {
    const CHUNK: u64 = 1 << 20;
    const THREADS: [usize; 5] = [1, 2, 4, 16, 64];
    println!("seconds of the model, and with 1 and 2 threads of real runs (medians)\n");
    println!(
        "{:6} {:9} {:>7} {:>7} {:>7} {:>7} {:>7} {:>7} {:>7} {:>9}",
        "input", "digest", "1 real", "1", "2 real", "2", "4", "16", "64", "16 by 1"
    );
    let all = measure(options, &[false], &[1, 2])?;
    for pair in all.chunks(2) {
        let [one, two] = pair else { continue };
        let chunks = usize::try_from(one.bytes.div_ceil(CHUNK))?;
        let of_chunk = |figure: fn(&Figures) -> f64| one.median(figure) / chunks as f64;
        let (all, ordered) =
            (of_chunk(|run| run.all.as_secs_f64()), of_chunk(|run| run.ordered.as_secs_f64()));
        let write = of_chunk(|run| run.write.as_secs_f64());
        let chain =
            if one.digest == "sha256" { of_chunk(|run| run.chain.as_secs_f64()) } else { 0.0 };
        let (read, place) = (ordered / 2.0, ordered / 2.0);
        let costs = Costs { read, work: all - ordered - write - chain, place, write, chain };
        let [t1, t2, t4, t16, t64] = THREADS.map(|threads| model::wall(threads, chunks, costs));
        println!(
            "{:6} {:9} {:>7.3} {t1:>7.3} {:>7.3} {t2:>7.3} {t4:>7.3} {t16:>7.3} {t64:>7.3} {:>9.1}",
            one.format(),
            one.digest,
            one.median(|run| run.wall.as_secs_f64()),
            two.median(|run| run.wall.as_secs_f64()),
            t1 / t16,
        );
    }
    Ok(())
}

fn lines(path: &Path) -> Result<u64, Box<dyn Error>> {
    Ok(u64::try_from(memchr::memchr_iter(b'\n', &fs::read(path)?).count())?)
}

fn scratch() -> PathBuf {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { memory.to_owned() } else { env::temp_dir() }
}

impl Series {
    fn measure(&self, server: &Server, folder: &Path) -> Result<Figures, Box<dyn Error>> {
        let out = folder.join("out");
        let to = if self.is_bucket { "s3://bucket/out".into() } else { out.display().to_string() };
        let mut command = Command::new(env::current_exe()?);
        command.current_dir(env!("CARGO_MANIFEST_DIR"));
        command.args(["one", &self.threads.to_string()]);
        command.arg(format!("output.0.digest={}", self.digest));
        command.arg(format!(
            "aws={{ region = \"us-east-1\", endpoint_url = \"{}\" }}",
            server.endpoint()
        ));
        command.env("SEGPREP_BENCH_INPUT", &self.input).env("SEGPREP_BENCH_OUT", to);
        command.env("SEGPREP_KEY_K1", KEY);
        command.env("AWS_ACCESS_KEY_ID", ACCESS_KEY).env("AWS_SECRET_ACCESS_KEY", SECRET_KEY);
        let output = command.output()?;
        if !output.status.success() {
            return Err(String::from_utf8_lossy(&output.stderr).into_owned().into());
        }
        let text = String::from_utf8(output.stdout)?;
        let times: Vec<u64> = text.split_whitespace().map(str::parse).collect::<Result<_, _>>()?;
        let [all, ordered, busiest, wall] = times[..] else { return Err(text.into()) };
        let [all, ordered, busiest, wall] = [all, ordered, busiest, wall].map(Duration::from_nanos);
        let (chain, write) = if self.is_bucket {
            (Duration::ZERO, Duration::ZERO)
        } else {
            costs_of_parts(&out, self.digest == "crc64nvme")?
        };
        clear(server, &out)?;
        Ok(Figures { all, ordered, busiest, chain, write, wall })
    }

    fn format(&self) -> &str {
        self.input.extension().and_then(|format| format.to_str()).unwrap_or_default()
    }

    fn median(&self, figure: fn(&Figures) -> f64) -> f64 {
        let mut figures: Vec<f64> = self.figures.iter().map(figure).collect();
        figures.sort_by(f64::total_cmp);
        figures[figures.len() / 2]
    }
}

/// How long SHA-256 of the parts takes, and how long writing them as blocks, with their CRC64-NVME if
/// `has_crc`.
fn costs_of_parts(out: &Path, has_crc: bool) -> Result<(Duration, Duration), Box<dyn Error>> {
    const BLOCK: usize = 1 << 20;
    let (mut chain, mut write) = (Duration::ZERO, Duration::ZERO);
    for part in fs::read_dir(out.join("import/job-000"))? {
        let bytes = fs::read(part?.path())?;
        let started = thread_time();
        std::hint::black_box(sha256(&bytes));
        chain += thread_time().saturating_sub(started);
        let again = tempfile::tempfile_in(out)?;
        let started = thread_time();
        for (number, block) in bytes.chunks(BLOCK).enumerate() {
            again.write_all_at(block, u64::try_from(number * BLOCK)?)?;
            if has_crc {
                std::hint::black_box(crc_fast::checksum(CrcAlgorithm::Crc64Nvme, block));
            }
        }
        write += thread_time().saturating_sub(started);
    }
    Ok((chain, write))
}

/// The processor time of this thread so far.
fn thread_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::try_from(time).expect("it is positive")
}

fn clear(server: &Server, out: &Path) -> Result<(), Box<dyn Error>> {
    server.take_requests();
    server.keys().iter().for_each(|key| server.remove(key));
    if out.is_dir() {
        fs::remove_dir_all(out)?;
    }
    Ok(())
}

#[expect(clippy::as_conversions, clippy::cast_precision_loss, reason = "a file has few bytes")]
fn print(all: &[Series]) {
    println!(
        "{:6} {:9} {:6} {:>7} {:>8} {:>8} {:>8} {:>6} {:>6}",
        "input", "digest", "to", "threads", "ordered", "chain", "busiest", "CPU s", "MB/s"
    );
    for series in all {
        let is_chain = series.digest == "sha256" && !series.is_bucket;
        println!(
            "{:6} {:9} {:6} {:>7} {:>7.1}% {:>8} {:>7.1}% {:>6.2} {:>6.0}",
            series.format(),
            series.digest,
            if series.is_bucket { "bucket" } else { "disk" },
            series.threads,
            series.median(|run| 100.0 * run.ordered.as_secs_f64() / run.all.as_secs_f64()),
            if is_chain {
                let share = |run: &Figures| 100.0 * run.chain.as_secs_f64() / run.all.as_secs_f64();
                format!("{:.1}%", series.median(share))
            } else {
                "–".to_owned()
            },
            series.median(|run| 100.0 * run.busiest.as_secs_f64() / run.all.as_secs_f64()),
            series.median(|run| run.all.as_secs_f64()),
            series.bytes as f64 / 1e6 / series.median(|run| run.wall.as_secs_f64()),
        );
    }
}

/// Runs the job in this process, and prints the processor time of all threads, of the ordered side, and
/// of the busiest thread of the pool, and the wall time, in nanoseconds.
fn one(settings: Settings) -> Result<(), Box<dyn Error>> {
    let options = RunOptions {
        definition: "benches/main_job/definition.toml".into(),
        sets: settings.sets,
        threads: Some(settings.threads),
        ..RunOptions::default()
    };
    let (progress, cancel) = (Progress::default(), Cancel::default());
    let started = Instant::now();
    let busiest = std::thread::scope(|scope| {
        let sampler = scope.spawn(busiest_of_pool);
        let outcome = run(&options, &progress, &cancel);
        DONE.store(true, std::sync::atomic::Ordering::Relaxed);
        let busiest = sampler.join().expect("the sampler has nothing to panic about");
        outcome.map(|_| busiest).map_err(|failure| format!("{failure:?}"))
    })?;
    let wall = started.elapsed().as_nanos();
    let all = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    let all = Duration::try_from(all)?;
    let ordered = progress.ordered_cpu().as_nanos();
    println!("{} {ordered} {} {wall}", all.as_nanos(), busiest.as_nanos());
    Ok(())
}

static DONE: std::sync::atomic::AtomicBool = std::sync::atomic::AtomicBool::new(false);

/// The processor time of the busiest thread of the pool. It is read every few milliseconds, since the
/// threads end with the run.
fn busiest_of_pool() -> Duration {
    let mut busiest = 0;
    while !DONE.load(std::sync::atomic::Ordering::Relaxed) {
        busiest = pool_times().into_iter().max().unwrap_or(0).max(busiest);
        std::thread::sleep(Duration::from_millis(5));
    }
    Duration::from_nanos(busiest)
}

fn pool_times() -> Vec<u64> {
    let tasks = fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    tasks
        .filter_map(|task| {
            let name = fs::read_to_string(task.path().join("comm")).ok()?;
            let times = fs::read_to_string(task.path().join("schedstat")).ok()?;
            let time = times.split_whitespace().next()?.parse().ok()?;
            name.starts_with("segprep-").then_some(time)
        })
        .collect()
}
