//! The cost of a bucket compared with a disk, and the effect of latency: `cargo bench --bench s3 -- run`.
//!
//! The server is that of the tests, in this process, over loopback: it implements S3 with s3s, answers
//! from memory, and delays every request. segprep runs as a separate process, so its memory is measured
//! alone. Both share the cores of the machine, so these figures compare only with each other.
//!
//! - One large object: from disk to disk; then read from a bucket, written to one, and both, with each
//!   delay.
//! - Many small objects, read and written, with each delay.
//! - One object of 2 GB, read and written, with each delay.
//! - For the first two, without delay: `aws s3 cp`, and `DuckDB` and Polars, which only read
//!   (`s3/peers.rs`).
//!
//! Without arguments, as in a plain `cargo bench`, it prints its usage and does nothing.

#![expect(
    clippy::print_stdout,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a benchmark's result is what it prints; the server belongs to the tests"
)]

#[expect(dead_code, reason = "other benchmarks generate other amounts")]
#[path = "generate/mod.rs"]
mod generate;
#[path = "main_job/measure.rs"]
mod measure;
#[path = "s3/peers.rs"]
mod peers;
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
    fs::{self, File},
    io::{BufRead, BufReader, Read},
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use clap::{CommandFactory, Parser, Subcommand};

use generate::{Amount, Format, Job, parse_size, write_file};
use measure::{Cost, measure};
use peers::Peers;
use s3::server::{ACCESS_KEY, SECRET_KEY, Server};

/// Measures runs from and to buckets
#[derive(Parser)]
#[command(bin_name = "cargo bench --bench s3 --")]
struct Arguments {
    #[command(subcommand)]
    mode: Mode,
}

#[derive(Subcommand)]
enum Mode {
    /// Measure, and print medians
    Run(Options),
}

#[derive(clap::Args)]
struct Options {
    /// The size of the large object
    #[arg(long, value_name = "SIZE", value_parser = parse_size, default_value = "300MB")]
    bytes: u64,
    /// The number of small objects
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    objects: usize,
    /// The delays of each request, in milliseconds
    #[arg(long, value_name = "MS,…", value_delimiter = ',', default_value = "0,20,50,100")]
    delays: Vec<u64>,
    /// The number of runs of each, interleaved
    #[arg(long, value_name = "K", default_value_t = 3)]
    runs: usize,
    #[arg(long, default_value_t = 2)]
    threads: u32,
    /// The size of an object larger than the memory of a run; 0: none
    #[arg(long, value_name = "SIZE", value_parser = parse_size, default_value = "2GB")]
    largest: u64,
    /// Do not measure the other programs
    #[arg(long)]
    alone: bool,
}

/// A public key, for synthetic records only.
const KEY: &str = "hex:000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
const SEED: u64 = 7;
/// The share of rejects, below the budget of the definition.
const INVALID: f64 = 0.02;
/// The minimum size of small objects in bytes. Their sizes are the multiples of it, in turns.
const SMALL: usize = 1_000;
const SIZES: usize = 19;

fn main() -> Result<(), Box<dyn Error>> {
    // Cargo passes `--bench` to every benchmark.
    let arguments: Vec<_> = env::args_os().filter(|argument| argument != "--bench").collect();
    if arguments.len() == 1 {
        Arguments::command().print_help()?;
        return Ok(());
    }
    if cfg!(debug_assertions) {
        return Err("built without optimisation: use `cargo bench`".into());
    }
    let Mode::Run(options) = Arguments::parse_from(arguments).mode;
    // The objects of the server are there too.
    tempfile::env::override_temp_dir(&scratch()).ok();
    let bench = Bench { server: Server::start(), threads: options.threads };
    let folder = tempfile::tempdir()?;
    let peers = if options.alone { None } else { Peers::new() };
    large(&bench, &options, peers.as_ref(), folder.path())?;
    small(&bench, &options, peers.as_ref(), folder.path())?;
    largest(&bench, &options, folder.path())
}

fn scratch() -> PathBuf {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { memory.to_owned() } else { env::temp_dir() }
}

fn records(bytes: u64, path: &Path) -> Result<u64, Box<dyn Error>> {
    let amount = Amount::Bytes(bytes);
    Ok(write_file(&Job { amount, format: Format::Ndjson, seed: SEED, invalid: INVALID }, path)?
        .bytes)
}

struct Bench {
    server: Server,
    threads: u32,
}

impl Bench {
    /// Runs the main job from one place to another, which is empty before and cleared after.
    fn run(&self, from: &str, to: &str) -> Result<Cost, Box<dyn Error>> {
        self.clear();
        let mut command = Command::new(env!("CARGO_BIN_EXE_segprep"));
        command.current_dir(env!("CARGO_MANIFEST_DIR"));
        command.args(["run", "benches/main_job/definition.toml", "--quiet"]);
        command.args(["--threads", &self.threads.to_string()]);
        command.arg("--set").arg(format!(
            "aws={{ region = \"us-east-1\", endpoint_url = \"{}\" }}",
            self.server.endpoint()
        ));
        command.env("SEGPREP_BENCH_INPUT", from).env("SEGPREP_BENCH_OUT", to);
        command.env("SEGPREP_KEY_K1", KEY);
        command.env("AWS_ACCESS_KEY_ID", ACCESS_KEY).env("AWS_SECRET_ACCESS_KEY", SECRET_KEY);
        let cost = measure(&mut command)?;
        self.clear();
        if Path::new(to).is_dir() {
            fs::remove_dir_all(to)?;
        }
        Ok(cost)
    }

    fn clear(&self) {
        self.server.take_requests();
        for key in self.server.keys().into_iter().filter(|key| key.starts_with("out/")) {
            self.server.remove(&key);
        }
    }
}

/// The measurements of one job with one delay.
struct Series {
    what: &'static str,
    delay: u64,
    costs: Vec<Cost>,
}

impl Series {
    fn seconds(&self) -> f64 {
        median(self.costs.iter().map(|cost| cost.wall.as_secs_f64()).collect())
    }

    fn cpu_seconds(&self) -> f64 {
        median(self.costs.iter().map(|cost| cost.cpu.as_secs_f64()).collect())
    }

    fn peak_mib(&self) -> u64 {
        self.costs.iter().map(|cost| cost.peak_bytes >> 20).max().unwrap_or(0)
    }
}

/// Runs the jobs in turns, so that a slow minute of the machine affects all of them.
fn by_turns(
    bench: &Bench,
    options: &Options,
    jobs: &[(&'static str, String, String)],
) -> Result<Vec<Series>, Box<dyn Error>> {
    let delays = &options.delays;
    let each = jobs.iter().flat_map(|(what, ..)| {
        delays.iter().map(|delay| Series { what, delay: *delay, costs: Vec::new() })
    });
    let mut all: Vec<Series> = each.collect();
    for _ in 0..options.runs {
        for series in &mut all {
            let (_, from, to) =
                jobs.iter().find(|(what, ..)| *what == series.what).expect("a job of this series");
            bench.server.set_delay(Duration::from_millis(series.delay));
            series.costs.push(bench.run(from, to)?);
            bench.server.set_delay(Duration::ZERO);
        }
    }
    Ok(all)
}

fn print(all: &[Series], amount: f64, unit: &str) {
    println!(
        "{:<18} {:>9} {:>9} {:>6} {unit:>10} {:>6} {:>9}",
        "", "delay ms", "seconds", "CPU s", "rate", "peak MiB"
    );
    for series in all {
        let first = all.iter().find(|one| one.what == series.what).expect("the series itself");
        println!(
            "{:<18} {:>9} {:>9.2} {:>6.2} {:>10.1} {:>5.0}% {:>9}",
            series.what,
            series.delay,
            series.seconds(),
            series.cpu_seconds(),
            amount / series.seconds(),
            100.0 * first.seconds() / series.seconds(),
            series.peak_mib()
        );
    }
}

fn large(
    bench: &Bench,
    options: &Options,
    peers: Option<&Peers>,
    folder: &Path,
) -> Result<(), Box<dyn Error>> {
    let file = folder.join("large.ndjson");
    let megabytes = approximate(records(options.bytes, &file)?) / 1e6;
    put_file(&bench.server, "in/large.ndjson", &file)?;
    let (disk, bucket) = (folder.join("out").display().to_string(), "s3://bucket/out".to_owned());
    let local = file.display().to_string();
    let remote = "s3://bucket/in/large.ndjson".to_owned();
    println!("one object of {megabytes:.0} MB, medians of {} runs", options.runs);
    let mut on_disk = Series { what: "disk to disk", delay: 0, costs: Vec::new() };
    for _ in 0..options.runs {
        on_disk.costs.push(bench.run(&local, &disk)?);
    }
    print(&[on_disk], megabytes, "MB/s");
    let jobs = [
        ("bucket to disk", remote.clone(), disk),
        ("disk to bucket", local, bucket.clone()),
        ("bucket to bucket", remote, bucket),
    ];
    print(&by_turns(bench, options, &jobs)?, megabytes, "MB/s");
    if let Some(peers) = peers {
        peers.compare_large(&bench.server, folder, options.runs, megabytes);
    }
    bench.server.remove("in/large.ndjson");
    fs::remove_file(file)?;
    Ok(())
}

fn small(
    bench: &Bench,
    options: &Options,
    peers: Option<&Peers>,
    folder: &Path,
) -> Result<(), Box<dyn Error>> {
    let file = folder.join("small.ndjson");
    let sizes = (1..=SIZES).map(|size| size * SMALL).cycle().take(options.objects);
    let room = options.objects * SMALL; // each file ends with a complete record
    records(u64::try_from(sizes.clone().sum::<usize>() + room)?, &file)?;
    let mut lines = BufReader::new(File::open(&file)?);
    let mut all = Vec::new();
    for (number, size) in sizes.enumerate() {
        let mut body = Vec::new();
        while body.len() < size && 0 < lines.read_until(b'\n', &mut body)? {}
        all.push((format!("in/{number:06}.ndjson"), body));
    }
    let objects = approximate(u64::try_from(all.len())?);
    let bytes = u64::try_from(all.iter().map(|(_, body)| body.len()).sum::<usize>())?;
    println!("\n{objects} objects, {:.0} MB in total", approximate(bytes) / 1e6);
    bench.server.put_all(all);
    let jobs = [("bucket to bucket", "s3://bucket/in/".to_owned(), "s3://bucket/out".to_owned())];
    print(&by_turns(bench, options, &jobs)?, objects, "objects/s");
    if let Some(peers) = peers {
        peers.compare_small(&bench.server, folder, objects);
    }
    for key in bench.server.keys() {
        bench.server.remove(&key);
    }
    fs::remove_file(file)?;
    Ok(())
}

fn largest(bench: &Bench, options: &Options, folder: &Path) -> Result<(), Box<dyn Error>> {
    if options.largest == 0 {
        return Ok(());
    }
    let file = folder.join("largest.ndjson");
    let megabytes = approximate(records(options.largest, &file)?) / 1e6;
    put_file(&bench.server, "in/largest.ndjson", &file)?;
    fs::remove_file(file)?;
    println!("\none object of {megabytes:.0} MB");
    let remote = "s3://bucket/in/largest.ndjson".to_owned();
    let jobs = [("bucket to bucket", remote, "s3://bucket/out".to_owned())];
    print(&by_turns(bench, options, &jobs)?, megabytes, "MB/s");
    Ok(())
}

/// Uploads a file as an object, piece by piece.
fn put_file(server: &Server, key: &str, path: &Path) -> Result<(), Box<dyn Error>> {
    const PIECE: u64 = 64 << 20;
    let mut file = File::open(path)?;
    let pieces = std::iter::from_fn(|| {
        let mut piece = Vec::new();
        let read = file.by_ref().take(PIECE).read_to_end(&mut piece).expect("it can be read");
        (0 < read).then_some(piece)
    });
    server.put_in_parts(key, pieces);
    Ok(())
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or(f64::NAN)
}

#[expect(clippy::as_conversions, clippy::cast_precision_loss, reason = "53 bits are plenty here")]
fn approximate(count: u64) -> f64 {
    count as f64
}
