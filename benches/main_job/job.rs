//! Runs the main job over one input as a separate process, and measures it. The output is discarded.

use std::{
    env,
    error::Error,
    path::{Path, PathBuf},
    process::Command,
};

use clap::Parser;

use crate::measure::{Cost, measure};

/// A public key, for synthetic records only.
const KEY: &str = "hex:000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

/// The parsed command line. `None`: there are no arguments, and the usage was printed.
pub(crate) fn arguments<A: Parser>() -> Result<Option<A>, Box<dyn Error>> {
    // Cargo passes `--bench` to every benchmark.
    let arguments: Vec<_> = env::args_os().filter(|argument| argument != "--bench").collect();
    if arguments.len() == 1 {
        A::command().print_help()?;
        return Ok(None);
    }
    if cfg!(debug_assertions) {
        return Err("built without optimisation: use `cargo bench`".into());
    }
    Ok(Some(A::parse_from(arguments)))
}

/// Runs the job with further arguments of `--set`.
pub(crate) fn main_job(
    input: &Path,
    threads: u32,
    sets: &[String],
) -> Result<Cost, Box<dyn Error>> {
    let scratch = tempfile::tempdir_in(default_scratch())?;
    let mut command = Command::new(env!("CARGO_BIN_EXE_segprep"));
    command.current_dir(env!("CARGO_MANIFEST_DIR"));
    command.args(["run", "benches/main_job/definition.toml", "--quiet"]);
    command.args(["--threads", &threads.to_string()]);
    command.args(sets.iter().flat_map(|set| ["--set", set]));
    command.env("SEGPREP_KEY_K1", KEY);
    command.env("SEGPREP_BENCH_INPUT", input).env("SEGPREP_BENCH_OUT", scratch.path());
    measure(&mut command)
}

fn default_scratch() -> PathBuf {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { memory.to_owned() } else { env::temp_dir() }
}

pub(crate) fn median<T: Ord + Copy + Default>(mut figures: Vec<T>) -> T {
    figures.sort_unstable();
    figures.get(figures.len() / 2).copied().unwrap_or_default()
}
