//! The cost of a long suppression list: `cargo bench --bench suppression -- run`.
//!
//! Measures the time and memory of reading ten million entries, with a run over a single record; and
//! the main job with such a list compared with the main job without it. No record matches the list, so
//! both write the same.
//!
//! Without arguments, as in a plain `cargo bench`, it prints its usage and does nothing.

#![expect(clippy::print_stdout, reason = "a benchmark's result is what it prints")]

#[path = "generate/mod.rs"]
mod generate;
#[path = "main_job/job.rs"]
mod job;
#[path = "main_job/measure.rs"]
mod measure;

use std::{
    error::Error,
    fs::{self, File},
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
    time::Duration,
};

use clap::{Parser, Subcommand};

use generate::{Amount, Format, Job, parse_size, write_file};
use job::{arguments, main_job, median};
use measure::Cost;

/// Measures the cost of a long suppression list
#[derive(Parser)]
#[command(bin_name = "cargo bench --bench suppression --")]
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
    /// The number of entries of the list
    #[arg(long, value_name = "N", default_value_t = 10_000_000)]
    entries: u64,
    /// The size of the input
    #[arg(long, value_name = "SIZE", value_parser = parse_size, default_value = "500MB")]
    bytes: u64,
    /// The number of runs of each
    #[arg(long, value_name = "K", default_value_t = 5)]
    runs: usize,
    #[arg(long, default_value_t = 2)]
    threads: u32,
}

const SEED: u64 = 7;

fn main() -> Result<(), Box<dyn Error>> {
    match arguments()? {
        Some(Arguments { mode: Mode::Run(options) }) => run(&options),
        None => Ok(()),
    }
}

fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    let inputs = Inputs::made(options)?;
    let list = [suppress(&inputs.list)?];
    let [mut nothing, mut load, mut plain, mut listed] = [const { Vec::new() }; 4];
    for round in 1..=options.runs {
        println!("round {round} of {}", options.runs);
        nothing.push(main_job(&inputs.one, options.threads, &[])?);
        load.push(main_job(&inputs.one, options.threads, &list)?);
        plain.push(main_job(&inputs.records, options.threads, &[])?);
        listed.push(main_job(&inputs.records, options.threads, &list)?);
    }
    let [nothing, load, plain, listed] = [nothing, load, plain, listed].map(|costs| Cost {
        wall: median(costs.iter().map(|cost| cost.wall).collect()),
        cpu: median(costs.iter().map(|cost| cost.cpu).collect()),
        peak_bytes: median(costs.iter().map(|cost| cost.peak_bytes).collect()),
    });
    println!("\nmedians of {} runs on {} threads", options.runs, options.threads);
    println!("{:32} {:>8} {:>8} {:>8}", "", "wall s", "CPU s", "peak MB");
    for (what, cost) in [
        ("one record", &nothing),
        ("one record, and the list", &load),
        ("main job", &plain),
        ("main job, and the list", &listed),
    ] {
        let [wall, cpu] = [cost.wall, cost.cpu].map(|time| time.as_secs_f64());
        println!("{what:32} {wall:8.2} {cpu:8.2} {:8}", cost.peak_bytes / 1_000_000);
    }
    let loading = load.wall.saturating_sub(nothing.wall);
    let memory = load.peak_bytes.saturating_sub(nothing.peak_bytes) / 1_000_000;
    println!("{} entries: {:.2} s and {memory} MB", options.entries, loading.as_secs_f64());
    println!(
        "with the list, the main job takes {} more wall time and {} more processor time",
        share(plain.wall, listed.wall.saturating_sub(loading)),
        share(plain.cpu, listed.cpu.saturating_sub(load.cpu.saturating_sub(nothing.cpu))),
    );
    Ok(())
}

/// An input of many records, one of a single record, and a list.
struct Inputs {
    records: PathBuf,
    one: PathBuf,
    list: PathBuf,
}

impl Inputs {
    /// Generates the files, unless an earlier run did.
    fn made(options: &Options) -> io::Result<Inputs> {
        let base = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("bench-data");
        fs::create_dir_all(&base)?;
        let records = |amount, name: String| {
            let path = base.join(name);
            if !path.exists() {
                println!("generating {}", path.display());
                let job = Job { amount, format: Format::Ndjson, seed: SEED, invalid: 0.02 };
                write_file(&job, &path)?;
            }
            Ok::<PathBuf, io::Error>(path)
        };
        let list = base.join(format!("list-{}.csv", options.entries));
        if !list.exists() {
            println!("generating {}", list.display());
            write_list(options.entries, &list)?;
        }
        Ok(Inputs {
            records: records(
                Amount::Bytes(options.bytes),
                format!("endpoints-{}.ndjson", options.bytes),
            )?,
            one: records(Amount::Records(1), "endpoint.ndjson".to_owned())?,
            list,
        })
    }
}

/// Addresses that no record has, in another order than that of the records.
fn write_list(entries: u64, to: &Path) -> io::Result<()> {
    let unfinished = to.with_extension("unfinished");
    let mut file = BufWriter::new(File::create(&unfinished)?);
    writeln!(file, "number,e-mail")?;
    for number in 0..entries {
        // Multiplication by an odd factor maps different numbers to different ones.
        let name = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        writeln!(file, "{number},Gone.{name:x}@example.net")?;
    }
    file.flush()?;
    fs::rename(&unfinished, to)
}

/// The setting of the list.
fn suppress(list: &Path) -> Result<String, Box<dyn Error>> {
    let from = serde_json::to_string(&list.to_string_lossy())?;
    let how = "field = \"Address\", column = \"e-mail\", normalize = \"email.v1\"";
    Ok(format!("suppress=[{{ from = [{from}], {how} }}]"))
}

/// How much longer one takes than the other, in percent.
fn share(without: Duration, with: Duration) -> String {
    format!("{:.1} %", 100.0 * (with.as_secs_f64() / without.as_secs_f64() - 1.0))
}
