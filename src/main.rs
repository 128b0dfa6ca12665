//! segprep, the program: arguments in, exit code out.

mod cli;

use std::{env, panic, process::ExitCode};

fn main() -> ExitCode {
    let arguments: Vec<_> = env::args_os().collect();
    cli::harden(&arguments);
    // The panic hook has said where; here only the code is left to give.
    panic::catch_unwind(|| cli::main(arguments)).unwrap_or(cli::INTERNAL).into()
}
