//! The bound holds for every combination of how many files there are, how large chunks are, which
//! formats are written and how many threads do it.
//!
//! `SEGPREP_MEMORY_GRID=1` runs the large grid, with 200,000 files; it needs an optimised build.

use std::{
    env,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use super::{Used, memory_bytes, used};
use crate::support::program::{segprep, set, toml_text};

/// The values along each axis.
struct Grid {
    /// The number of files, and of the records in each.
    inputs: &'static [(usize, usize)],
    chunk_bytes: &'static [usize],
    outputs: &'static [&'static [&'static str]],
    threads: &'static [usize],
}

const SMALL: Grid = Grid {
    inputs: &[(1500, 1), (1, 4000)],
    chunk_bytes: &[77, 1 << 20],
    outputs: &[&["pinpoint-json"], &["pinpoint-csv", "parquet"]],
    threads: &[1, 3],
};

/// A table for each record of a row group takes more than a whole run may.
const ROW_GROUP: Grid =
    Grid { inputs: &[(1, 80_000)], chunk_bytes: &[77], outputs: &[&["parquet"]], threads: &[1] };

const LARGE: Grid = Grid {
    inputs: &[(200_000, 1), (1000, 200), (1, 200_000)],
    chunk_bytes: &[77, 4096, 1 << 20, 16 << 20],
    outputs: &[
        &["pinpoint-json"],
        &["pinpoint-csv"],
        &["parquet"],
        &["pinpoint-json", "pinpoint-csv", "parquet", "parquet"],
    ],
    threads: &[1, 2, 8],
};

#[test]
fn the_bound_holds_over_a_grid() {
    let grids: &[Grid] =
        if env::var_os("SEGPREP_MEMORY_GRID").is_some() { &[LARGE] } else { &[SMALL, ROW_GROUP] };
    let mut failures = Vec::new();
    for grid in grids {
        for (files, records) in grid.inputs {
            let folder = tempfile::tempdir().expect("a temporary folder");
            write_inputs(&folder.path().join("in"), *files, *records);
            failures.extend(grid.failures(folder.path(), &format!("{files} × {records}")));
        }
    }
    assert!(failures.is_empty(), "{} failures:\n{}", failures.len(), failures.join("\n"));
}

impl Grid {
    /// The runs over the inputs in a folder that take more memory than they should.
    fn failures(&self, folder: &Path, inputs: &str) -> Vec<String> {
        let mut failures = Vec::new();
        for outputs in self.outputs {
            let definition = write_definition(folder, outputs);
            for chunk_bytes in self.chunk_bytes {
                for threads in self.threads {
                    let settings = [("chunk_bytes", *chunk_bytes), ("threads", *threads)];
                    let about = format!("{inputs} to {outputs:?} with {settings:?}");
                    failures.extend(failure_of(folder, &definition, settings, &about));
                }
            }
        }
        failures
    }
}

fn write_inputs(folder: &Path, files: usize, records: usize) {
    fs::create_dir(folder).expect("a folder");
    for file in 0..files {
        let mut text = "ChannelType,Address,Attributes.Plan\n".to_owned();
        for record in 0..records {
            writeln!(text, "EMAIL,u{file}.{record}@example.com,gold").expect("room");
        }
        fs::write(folder.join(format!("{file:06}.csv")), text).expect("an input");
    }
}

fn write_definition(folder: &Path, outputs: &[&str]) -> PathBuf {
    let mut text = "segprep = 1\nname = \"grid\"\npurpose = \"messaging\"\n".to_owned();
    let from = toml_text(&folder.join("in").to_string_lossy());
    writeln!(text, "[input]\nfrom = [{from}]\n[fields]\n\"*\" = \"keep\"").expect("room");
    text += "[account]\nto = \"account\"\n";
    for (number, format) in outputs.iter().enumerate() {
        let to = toml_text(&folder.join(format!("out-{number}")).to_string_lossy());
        writeln!(text, "[[output]]\nformat = \"{format}\"\nto = {to}").expect("room");
    }
    let path = folder.join("definition.toml");
    fs::write(&path, text).expect("a definition");
    path
}

/// A run with these settings under `[run]`, unless it stays within the bound.
#[expect(clippy::print_stdout, reason = "the figures are what a reader of the test wants")]
fn failure_of(
    folder: &Path,
    definition: &Path,
    settings: [(&str, usize); 2],
    about: &str,
) -> Option<String> {
    let command = |name: &str| -> Command {
        let mut command = segprep();
        command.arg(name).arg(definition);
        for (setting, value) in settings {
            command.arg("--set").arg(format!("run.{setting}={value}"));
        }
        set(&mut command, "account.to", &folder.join("account"));
        command
    };
    let bound = memory_bytes(command("check").arg("--json"));
    let mut run = command("run");
    let run = run.args(["--quiet", "--json"]).stdout(Stdio::null());
    let (Used { peak, .. }, exit) = used(run.spawn().expect("the program runs"));
    println!("{about}: {} of {} KiB", peak >> 10, bound >> 10);
    if exit != Some(0) {
        return Some(format!("{about}: ends with {exit:?}"));
    }
    // The next run would have nothing to do.
    fs::remove_dir_all(folder.join("account")).expect("an account");
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("out-")) {
            fs::remove_dir_all(path).expect("an output");
        }
    }
    let is_fine = (1 << 20..=bound).contains(&peak);
    (!is_fine).then(|| format!("{about}: takes {peak} bytes, and should take {bound} at most"))
}
