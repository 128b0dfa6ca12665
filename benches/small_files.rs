//! The cost of many small files compared with one large one: `cargo bench --bench small_files -- run`.
//!
//! Runs the main job over the same records in files of 1 to 20 kB and in a single file, in turns. Both
//! are read once before, so that they are in memory.
//!
//! Without arguments, as in a plain `cargo bench`, it prints its usage and does nothing.

#![expect(clippy::print_stdout, reason = "a benchmark's result is what it prints")]

#[expect(
    dead_code,
    unused_imports,
    reason = "other benchmarks generate by size and by number of records"
)]
#[path = "generate/mod.rs"]
mod generate;
#[path = "main_job/job.rs"]
mod job;
#[path = "main_job/measure.rs"]
mod measure;

use std::{
    error::Error,
    fs::{self, File, OpenOptions},
    io::{self, BufRead, BufReader},
    path::{Path, PathBuf},
    time::Duration,
};

use clap::{Parser, Subcommand};

use generate::{Amount, Format, Job, write_file};
use job::{arguments, main_job, median};
use measure::Cost;

/// Measures the cost of many small files
#[derive(Parser)]
#[command(bin_name = "cargo bench --bench small_files --")]
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
    /// The number of small files
    #[arg(long, value_name = "N", default_value_t = 100_000)]
    files: u64,
    /// The number of threads
    #[arg(long, value_name = "N", default_value_t = 2)]
    threads: u32,
    /// The number of runs of each
    #[arg(long, value_name = "K", default_value_t = 5)]
    runs: usize,
}

const SEED: u64 = 7;
const FILE_BYTES_MIN: u64 = 1_000;
const FILE_BYTES_MAX: u64 = 20_000;
const FILES_OF_FOLDER: u64 = 1_000;

fn main() -> Result<(), Box<dyn Error>> {
    match arguments()? {
        Some(Arguments { mode: Mode::Run(options) }) => run(&options),
        None => Ok(()),
    }
}

fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    let inputs = Inputs::made(options.files)?;
    let (mut one, mut many) = (Vec::new(), Vec::new());
    for round in 0..=options.runs {
        println!("round {round} of {}", options.runs);
        let costs = [
            main_job(&inputs.one, options.threads, &[])?,
            main_job(&inputs.many, options.threads, &[])?,
        ];
        // The first round brings the files into memory.
        if 0 < round {
            let [of_one, of_many] = costs;
            one.push(of_one);
            many.push(of_many);
        }
    }
    println!("\nmedians of {} runs, {} threads", options.runs, options.threads);
    let wall_of_one = print_medians("one file", &one, inputs.bytes);
    let wall_of_many = print_medians(&format!("{} files", options.files), &many, inputs.bytes);
    let rate_of_many = 100.0 * wall_of_one.as_secs_f64() / wall_of_many.as_secs_f64();
    println!("rate of the small files: {rate_of_many:.0} % of that of the large file");
    Ok(())
}

/// Prints the medians of runs. Returns the median of their wall times.
#[expect(clippy::as_conversions, clippy::cast_precision_loss, reason = "bytes stay below 2^53")]
fn print_medians(what: &str, costs: &[Cost], bytes: u64) -> Duration {
    let wall = median(costs.iter().map(|cost| cost.wall).collect());
    let cpu = median(costs.iter().map(|cost| cost.cpu).collect());
    let peak = costs.iter().map(|cost| cost.peak_bytes).max().unwrap_or(0) >> 20;
    let rate = |time: Duration| bytes as f64 / 1e6 / time.as_secs_f64();
    println!("{what:16} {:6.0} MB/s {:6.0} MB per CPU-s {peak:5} MiB", rate(wall), rate(cpu));
    wall
}

/// The same records in one file and in many.
struct Inputs {
    bytes: u64,
    one: PathBuf,
    many: PathBuf,
}

impl Inputs {
    /// Generates the files, unless an earlier run did.
    fn made(files: u64) -> io::Result<Inputs> {
        let base = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("bench-data");
        fs::create_dir_all(&base)?;
        let one = base.join(format!("endpoints-of-{files}-files.ndjson"));
        let many = base.join(format!("endpoints-in-{files}-files"));
        if !many.exists() {
            println!("generating {}", many.display());
            // A file ends with the record that reaches its size, so more is generated than is used.
            let amount = Amount::Bytes((0..files).map(bytes_of_file).sum::<u64>() * 2);
            let job = Job { amount, format: Format::Ndjson, seed: SEED, invalid: 0.02 };
            write_file(&job, &one)?;
            let unfinished = many.with_extension("unfinished");
            let written = distribute(&one, files, &unfinished)?;
            OpenOptions::new().write(true).open(&one)?.set_len(written)?;
            fs::rename(&unfinished, &many)?;
        }
        Ok(Inputs { bytes: fs::metadata(&one)?.len(), one, many })
    }
}

/// A size within the range, the same in every run.
fn bytes_of_file(number: u64) -> u64 {
    const PRIME: u64 = 7_919;
    FILE_BYTES_MIN + number * PRIME % (FILE_BYTES_MAX - FILE_BYTES_MIN)
}

/// Distributes the first lines of a file over `files` files. Returns the bytes of all of them.
fn distribute(from: &Path, files: u64, to: &Path) -> io::Result<u64> {
    let mut lines = BufReader::new(File::open(from)?);
    let mut written = 0;
    for number in 0..files {
        let folder = to.join((number / FILES_OF_FOLDER).to_string());
        fs::create_dir_all(&folder)?;
        let mut text = Vec::new();
        while length(&text) < bytes_of_file(number) && 0 < lines.read_until(b'\n', &mut text)? {}
        fs::write(folder.join(format!("{number:06}.ndjson")), &text)?;
        written += length(&text);
    }
    Ok(written)
}

fn length(text: &[u8]) -> u64 {
    u64::try_from(text.len()).expect("no machine has lengths over 64 bits")
}
