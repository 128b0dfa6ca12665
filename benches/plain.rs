//! The plain program that segprep is compared with, on its own:
//! `cargo bench --bench plain -- --in FILE --out FILE --rejects FILE`, with `SEGPREP_KEY_K1` set.
//!
//! Without arguments, as `cargo bench` alone runs it, it prints its usage and reads nothing.

#![expect(clippy::print_stdout, reason = "its summary is what it is run for")]

#[path = "plain/mod.rs"]
mod plain;

use std::{env, error::Error};

use clap::{CommandFactory, Parser};

/// Cleans endpoints by plain means, as a measure for segprep
#[derive(Parser)]
#[command(bin_name = "cargo bench --bench plain --")]
struct Options {
    #[command(flatten)]
    paths: plain::Paths,
}

fn main() -> Result<(), Box<dyn Error>> {
    // Cargo says `--bench` to every benchmark.
    let arguments: Vec<_> = env::args_os().filter(|argument| argument != "--bench").collect();
    if arguments.len() == 1 {
        Options::command().print_help()?;
        return Ok(());
    }
    println!("{}", plain::run(&Options::parse_from(arguments).paths)?);
    Ok(())
}
