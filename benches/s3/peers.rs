//! Measures other programs with the same objects and server: `aws s3 cp` in both directions, and reading
//! with `DuckDB` and Polars (which count records by a field, so that each is decoded).
//!
//! The programs are installed from `PyPI` under `target/`. If one can't be measured, a message says so.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use crate::Series;
use crate::measure::{Cost, measure};
use crate::print;
use crate::s3::server::{ACCESS_KEY, SECRET_KEY, Server};

const PACKAGES: [&str; 4] =
    ["awscli==1.45.11", "duckdb==1.5.5", "duckdb-extension-httpfs==1.5.5", "polars==2.1.0"];

const DUCKDB: &str = "benches/s3/duckdb_read.py";
const POLARS: &str = "benches/s3/polars_read.py";

/// The installed programs.
pub(crate) struct Peers {
    home: PathBuf,
}

impl Peers {
    /// Installs the programs. Prints why and returns `None` if that fails.
    pub(crate) fn new() -> Option<Peers> {
        let home = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("s3-peers");
        match install(&home) {
            Ok(()) => Some(Peers { home }),
            Err(why) => {
                println!("others: not measured, since {PACKAGES:?} could not be installed: {why}");
                None
            }
        }
    }

    /// Prints the times of copying this object in both directions and of reading it.
    pub(crate) fn compare_large(
        &self,
        server: &Server,
        folder: &Path,
        runs: usize,
        megabytes: f64,
    ) {
        let (object, again) = ("s3://bucket/in/large.ndjson", "s3://bucket/out/large.ndjson");
        let file = folder.join("copied.ndjson").display().to_string();
        let all = [
            series("aws s3 cp, down", runs, || self.aws(server, &[object, &file])),
            series("aws s3 cp, up", runs, || self.aws(server, &[&file, again])),
            series("DuckDB, read", runs, || self.python(server, DUCKDB, object)),
            series("Polars, read", runs, || self.python(server, POLARS, object)),
        ];
        std::fs::remove_file(file).ok(); // its folder is removed anyway
        server.remove("out/large.ndjson");
        print(&all.into_iter().flatten().collect::<Vec<_>>(), megabytes, "MB/s");
    }

    /// The same for many small objects, which are copied once in one direction.
    pub(crate) fn compare_small(&self, server: &Server, folder: &Path, objects: f64) {
        let copied = folder.join("copied").display().to_string();
        let prefix = "s3://bucket/in/";
        let all = [
            series("aws s3 cp, down", 1, || self.aws(server, &["--recursive", prefix, &copied])),
            series("DuckDB, read", 1, || self.python(server, DUCKDB, &format!("{prefix}*.ndjson"))),
            series("Polars, read", 1, || self.python(server, POLARS, &format!("{prefix}*.ndjson"))),
        ];
        std::fs::remove_dir_all(copied).ok(); // its folder is removed anyway
        print(&all.into_iter().flatten().collect::<Vec<_>>(), objects, "objects/s");
    }

    fn aws(&self, server: &Server, arguments: &[&str]) -> Command {
        let mut command = self.command("aws");
        command.args(["s3", "cp", "--only-show-errors", "--endpoint-url", &server.endpoint()]);
        command.args(arguments);
        command
    }

    fn python(&self, server: &Server, program: &str, objects: &str) -> Command {
        let mut command = self.command("python");
        command.args([program, &server.endpoint(), objects]);
        command
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.home.join("bin").join(program));
        command.current_dir(env!("CARGO_MANIFEST_DIR"));
        command.env("AWS_ACCESS_KEY_ID", ACCESS_KEY).env("AWS_SECRET_ACCESS_KEY", SECRET_KEY);
        command.env("AWS_DEFAULT_REGION", "us-east-1");
        command
    }
}

fn series(what: &'static str, runs: usize, mut command: impl FnMut() -> Command) -> Option<Series> {
    let costs: Result<Vec<Cost>, _> = (0..runs).map(|_| measure(&mut command())).collect();
    match costs {
        Ok(costs) => Some(Series { what, delay: 0, costs }),
        Err(why) => {
            println!("{what}: not measured: {why}");
            None
        }
    }
}

fn install(home: &Path) -> Result<(), String> {
    let done = home.join("done");
    if done.exists() {
        return Ok(());
    }
    let python = |program: &Path, arguments: &[&str]| {
        let output = Command::new(program).args(arguments).stdin(Stdio::null()).output();
        match output {
            Ok(output) if output.status.success() => Ok(()),
            Ok(output) => Err(format!("{arguments:?} ended with {}", output.status)),
            Err(error) => Err(format!("{}: {error}", program.display())),
        }
    };
    python(Path::new("python3"), &["-m", "venv", &home.display().to_string()])?;
    let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"];
    python(&home.join("bin/python"), &[&pip[..], &PACKAGES[..]].concat())?;
    std::fs::write(done, "").map_err(|error| error.to_string())
}
