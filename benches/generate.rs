//! Writes a file of synthetic endpoints: `cargo bench --bench generate -- --bytes 1GB --out FILE`.
//!
//! Without arguments, as in a plain `cargo bench`, it prints its usage and writes nothing.

#![expect(clippy::print_stdout, reason = "a command prints what it did")]

#[path = "generate/mod.rs"]
mod generate;

use std::{env, error::Error, path::PathBuf};

use clap::{Args, CommandFactory, Parser};

use generate::{Amount, Format, Job, parse_size, write_file};

/// Writes synthetic endpoints as NDJSON or CSV
#[derive(Parser)]
#[command(bin_name = "cargo bench --bench generate --")]
struct Options {
    #[command(flatten)]
    amount: AmountOptions,
    #[arg(long, value_enum, default_value = "ndjson")]
    format: Format,
    /// The seed; the same seed gives the same bytes
    #[arg(long, default_value_t = 7)]
    seed: u64,
    /// The share of records with one problem each
    #[arg(long, value_name = "RATIO", default_value_t = 0.02)]
    invalid: f64,
    #[arg(long, value_name = "PATH")]
    out: PathBuf,
}

#[derive(Args)]
#[group(required = true, multiple = false)]
struct AmountOptions {
    #[arg(long, value_name = "N")]
    records: Option<u64>,
    /// The approximate size, such as 1GB or 64MiB
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    bytes: Option<u64>,
}

fn main() -> Result<(), Box<dyn Error>> {
    // Cargo passes `--bench` to every benchmark.
    let arguments: Vec<_> = env::args_os().filter(|argument| argument != "--bench").collect();
    if arguments.len() == 1 {
        Options::command().print_help()?;
        return Ok(());
    }
    let options = Options::parse_from(arguments);
    let written = write_file(&options.job(), &options.out)?;
    println!("{} records, {} bytes", written.records, written.bytes);
    Ok(())
}

impl Options {
    fn job(&self) -> Job {
        let amount = match (self.amount.records, self.amount.bytes) {
            (Some(records), _) => Amount::Records(records),
            (None, bytes) => Amount::Bytes(bytes.unwrap_or_default()),
        };
        Job { amount, format: self.format, seed: self.seed, invalid: self.invalid }
    }
}
