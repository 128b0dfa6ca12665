//! segprep compared with a plain program, as whole processes on the same files:
//! `cargo bench --bench main_job -- run`.
//!
//! Both read NDJSON and CSV of the same records, which are generated once under `target/bench-data`.
//! They write to storage in memory if there is some, so that the disk does not count. Runs are
//! interleaved, so that a slow minute of the machine affects all programs, and the output of each run
//! of segprep is compared with that of the plain program before its figures count.
//!
//! Without arguments, as in a plain `cargo bench`, it prints its usage and does nothing.

#![expect(clippy::print_stdout, reason = "a benchmark's result is what it prints")]

#[path = "main_job/compare.rs"]
mod compare;
#[path = "generate/mod.rs"]
mod generate;
#[path = "main_job/measure.rs"]
mod measure;
#[path = "plain/mod.rs"]
mod plain;
#[path = "main_job/table.rs"]
mod table;

use std::{
    env,
    error::Error,
    fs::{self, File},
    io::{self, ErrorKind},
    path::{Path, PathBuf},
    process::Command,
};

use clap::{CommandFactory, Parser, Subcommand};

use compare::Results;
use generate::{Amount, Format, Job, parse_size, write_file};
use measure::{Cost, measure};
use table::Runs;

/// Compares segprep with the plain program
#[derive(Parser)]
#[command(bin_name = "cargo bench --bench main_job --")]
struct Arguments {
    #[command(subcommand)]
    mode: Mode,
}

#[derive(Subcommand)]
enum Mode {
    /// Measure both and print a table of medians
    Run(Options),
    /// Run the plain program; `run` starts this as a separate process
    Plain(plain::Paths),
}

#[derive(clap::Args)]
struct Options {
    /// The size of the NDJSON file; the CSV file has the same records
    #[arg(long, value_name = "SIZE", value_parser = parse_size, default_value = "200MB")]
    bytes: u64,
    /// The number of runs of each program over each file
    #[arg(long, value_name = "K", default_value_t = 5)]
    runs: u32,
    /// The numbers of threads to run segprep with
    #[arg(long, value_name = "N,…", value_delimiter = ',', default_value = "1,2")]
    threads: Vec<u32>,
    /// Where the programs write
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
    match Arguments::parse_from(arguments).mode {
        Mode::Run(options) => run(&options),
        Mode::Plain(paths) => {
            println!("{}", plain::run(&paths)?);
            Ok(())
        }
    }
}

fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    if cfg!(debug_assertions) {
        return Err("built without optimisation: use `cargo bench`".into());
    }
    let mut inputs = inputs(options)?;
    let scratch = Scratch::new(&options.scratch)?;
    for round in 1..=options.runs {
        println!("round {round} of {}", options.runs);
        for input in &mut inputs {
            input.measure_all(&scratch)?;
        }
    }
    println!();
    println!(
        "medians of {} runs of whole processes; MB of input; × relative to the plain program",
        options.runs
    );
    for input in &inputs {
        let title = format!("{} ({} MB)", input.name, input.bytes / 1_000_000);
        table::print(&title, input.bytes, &input.runs);
    }
    Ok(())
}

/// One file and the runs over it so far: those of the plain program, then those of segprep.
struct Input {
    name: &'static str,
    path: PathBuf,
    bytes: u64,
    threads: Vec<u32>,
    runs: Vec<Runs>,
}

impl Input {
    fn new(name: &'static str, path: PathBuf, threads: &[u32]) -> io::Result<Input> {
        // Read the file once, so that it is in memory for the first run as for the others.
        let bytes = io::copy(&mut File::open(&path)?, &mut io::sink())?;
        let segprep = threads.iter().map(|threads| format!("segprep --threads {threads}"));
        let programs = ["plain".to_owned()].into_iter().chain(segprep);
        let runs = programs.map(|program| Runs { program, costs: Vec::new() }).collect();
        Ok(Input { name, path, bytes, threads: threads.to_vec(), runs })
    }

    /// Runs each program once.
    fn measure_all(&mut self, scratch: &Scratch) -> Result<(), Box<dyn Error>> {
        let mut costs = vec![self.measure_plain(scratch)?];
        for threads in &self.threads {
            costs.push(self.measure_segprep(*threads, scratch)?);
        }
        for (runs, cost) in self.runs.iter_mut().zip(costs) {
            runs.costs.push(cost);
        }
        Ok(())
    }

    fn measure_plain(&self, scratch: &Scratch) -> Result<Cost, Box<dyn Error>> {
        // Both programs write new files in every run, so that neither spends time on truncation.
        let folder = scratch.emptied("plain")?;
        let mut command = Command::new(env::current_exe()?);
        command.arg("plain").env("SEGPREP_KEY_K1", KEY);
        command.arg("--in").arg(&self.path);
        command.arg("--out").arg(folder.join(PLAIN_OUTPUT));
        command.arg("--rejects").arg(folder.join(PLAIN_REJECTS));
        measure(&mut command)
    }

    fn measure_segprep(&self, threads: u32, scratch: &Scratch) -> Result<Cost, Box<dyn Error>> {
        let folder = scratch.emptied("segprep")?;
        let mut command = Command::new(env!("CARGO_BIN_EXE_segprep"));
        command.current_dir(env!("CARGO_MANIFEST_DIR"));
        command.args(["run", "benches/main_job/definition.toml", "--quiet", "--overwrite"]);
        command.args(["--threads", &threads.to_string()]);
        command.env("SEGPREP_KEY_K1", KEY);
        command.env("SEGPREP_BENCH_INPUT", &self.path).env("SEGPREP_BENCH_OUT", &folder);
        let cost = measure(&mut command)?;
        let plain = scratch.folder.join("plain");
        let results = Results {
            parts: &folder.join("import"),
            rejects: &folder.join("account/rejects.ndjson"),
            plain_output: &plain.join(PLAIN_OUTPUT),
            plain_rejects: &plain.join(PLAIN_REJECTS),
        };
        results.check_equal()?;
        Ok(cost)
    }
}

/// A public key, for synthetic records only.
const KEY: &str = "hex:000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
const PLAIN_OUTPUT: &str = "output.ndjson";
const PLAIN_REJECTS: &str = "rejects.ndjson";

const SEED: u64 = 7;
/// The share of rejects, below the budget of the definition.
const INVALID: f64 = 0.02;

/// Generates the two files, unless an earlier run did.
fn inputs(options: &Options) -> io::Result<Vec<Input>> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("bench-data");
    fs::create_dir_all(&folder)?;
    let path = |extension| folder.join(format!("endpoints-{}.{extension}", options.bytes));
    let (ndjson, csv) = (path("ndjson"), path("csv"));
    if !ndjson.exists() || !csv.exists() {
        println!("generating {} and the same as CSV", ndjson.display());
        let job = |amount, format| Job { amount, format, seed: SEED, invalid: INVALID };
        let written = write_file(&job(Amount::Bytes(options.bytes), Format::Ndjson), &ndjson)?;
        write_file(&job(Amount::Records(written.records), Format::Csv), &csv)?;
    }
    let input = |name, path| Input::new(name, path, &options.threads);
    Ok(vec![input("NDJSON", ndjson)?, input("CSV", csv)?])
}

fn default_scratch() -> PathBuf {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { memory.to_owned() } else { env::temp_dir() }
}

/// A folder of this process, which is removed at the end.
struct Scratch {
    folder: PathBuf,
}

impl Scratch {
    fn new(parent: &Path) -> io::Result<Scratch> {
        let folder = parent.join(format!("segprep-main-job-{}", std::process::id()));
        fs::create_dir_all(&folder)?;
        Ok(Scratch { folder })
    }

    /// An empty subfolder with this name.
    fn emptied(&self, name: &str) -> io::Result<PathBuf> {
        let folder = self.folder.join(name);
        match fs::remove_dir_all(&folder) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        fs::create_dir(&folder)?;
        Ok(folder)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // An error can't be reported here; the system cleans up temporary folders too.
        fs::remove_dir_all(&self.folder).ok();
    }
}
