//! Instructions per stage, which do not depend on the machine and its load:
//! `cargo bench --bench instructions -- run`.
//!
//! Valgrind counts the instructions of processes that run the stages up to a given one once and twice.
//! The difference is the cost of one pass, and what a stage adds to it is the cost of that stage.
//! Valgrind's processor has AVX2, but neither AVX-512 nor instructions for SHA-256, whatever the
//! machine has: compare these counts only with each other, and take rates from `stages` and `compare`.
//!
//! Without arguments, as in a plain `cargo bench`, it prints its usage and does nothing.

#![expect(clippy::print_stdout, reason = "a benchmark's result is what it prints")]

#[path = "task/mod.rs"]
mod task;

use std::{
    env,
    error::Error,
    path::{Path, PathBuf},
    process::Command,
};

use clap::{CommandFactory, Parser, Subcommand};

use task::{
    Stage, Task,
    files::{Input, inputs},
};

/// Counts the instructions of each stage
#[derive(Parser)]
#[command(bin_name = "cargo bench --bench instructions --")]
struct Arguments {
    #[command(subcommand)]
    mode: Mode,
}

#[derive(Subcommand)]
enum Mode {
    /// Count, and print a table
    Run {
        /// The number of records of each input
        #[arg(long, value_name = "N", default_value_t = 20_000)]
        records: u32,
    },
    /// Run an input through the stages up to this one; `run` starts this as a separate process
    Pass {
        input: PathBuf,
        stage: String,
        /// How many times
        times: u32,
    },
}

fn main() -> Result<(), Box<dyn Error>> {
    // Cargo passes `--bench` to every benchmark.
    let arguments: Vec<_> = env::args_os().filter(|argument| argument != "--bench").collect();
    if arguments.len() == 1 {
        Arguments::command().print_help()?;
        return Ok(());
    }
    match Arguments::parse_from(arguments).mode {
        Mode::Run { records } => run(&inputs(records)?),
        Mode::Pass { input, stage, times } => pass(&input, &stage, times),
    }
}

fn pass(input: &Path, stage: &str, times: u32) -> Result<(), Box<dyn Error>> {
    let mut task = Task::new(input)?;
    let stage = Stage::ALL.into_iter().find(|known| known.name() == stage);
    let stage = stage.ok_or("unknown stage")?;
    for _ in 0..times {
        task.pass(stage, |_, _| ());
    }
    Ok(())
}

fn run(inputs: &[Input]) -> Result<(), Box<dyn Error>> {
    let stages = Stage::ALL.map(|stage| format!("{:>11}", stage.name())).concat();
    println!("instructions per record {stages} {:>11} {:>11}", "total", "per byte");
    for input in inputs {
        let mut before = 0;
        print!("{:24} ", input.name);
        for stage in Stage::ALL {
            let through = count(&input.path, stage)?;
            print!("{:>11.0}", per(through - before, f64::from(input.records)));
            before = through;
        }
        let of_record = per(before, f64::from(input.records));
        println!(" {of_record:>11.0} {:>11.2}", per(before, per(input.bytes, 1.0)));
    }
    Ok(())
}

#[expect(clippy::as_conversions, clippy::cast_precision_loss, reason = "counts stay below 2^53")]
fn per(count: u64, of: f64) -> f64 {
    count as f64 / of
}

/// The instructions of one pass up to this stage: what a second pass adds to the first, which leaves out
/// what is done once, such as reading tables.
fn count(input: &Path, stage: Stage) -> Result<u64, Box<dyn Error>> {
    Ok(count_passes(input, stage, 2)?.saturating_sub(count_passes(input, stage, 1)?))
}

/// The instructions of a process that runs the stages up to this one `times` times.
fn count_passes(input: &Path, stage: Stage, times: u32) -> Result<u64, Box<dyn Error>> {
    let mut command = Command::new("valgrind");
    command.args(["--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null"]);
    command.arg(env::current_exe()?).arg("pass").arg(input);
    command.args([stage.name(), &times.to_string()]);
    let output = command.output().map_err(|error| {
        format!("`valgrind` can't be started: {error}; Debian has it under that name")
    })?;
    let text = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        return Err(text.into());
    }
    let line = text.lines().find_map(|line| line.split_once("I   refs:"));
    let (_, count) = line.ok_or("valgrind printed no count")?;
    Ok(count.trim().replace(',', "").parse()?)
}
