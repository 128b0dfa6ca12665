//! The plain program that segprep is compared with, as a separate benchmark:
//! `cargo bench --bench plain -- --in FILE --out FILE --rejects FILE`, with `SEGPREP_KEY_K1` set.
//!
//! Without arguments, as in a plain `cargo bench`, it prints its usage and reads nothing.

#![expect(clippy::print_stdout, reason = "the program prints its summary")]

#[path = "plain/mod.rs"]
mod plain;

use std::{env, error::Error};

use clap::{CommandFactory, Parser};

/// Cleans endpoints in the plain way, as a baseline for segprep
#[derive(Parser)]
#[command(bin_name = "cargo bench --bench plain --")]
struct Options {
    #[command(flatten)]
    paths: plain::Paths,
}

fn main() -> Result<(), Box<dyn Error>> {
    // Cargo passes `--bench` to every benchmark.
    let arguments: Vec<_> = env::args_os().filter(|argument| argument != "--bench").collect();
    if arguments.len() == 1 {
        Options::command().print_help()?;
        return Ok(());
    }
    println!("{}", plain::run(&Options::parse_from(arguments).paths)?);
    Ok(())
}
