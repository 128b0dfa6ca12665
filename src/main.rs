//! The `segprep` program: parses arguments and returns an exit code.

mod cli;

use std::{env, panic, process::ExitCode};

fn main() -> ExitCode {
    let arguments: Vec<_> = env::args_os().collect();
    cli::harden(&arguments);
    // The panic hook has already reported the location.
    panic::catch_unwind(|| cli::main(arguments)).unwrap_or(cli::INTERNAL).into()
}
