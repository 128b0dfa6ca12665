//! The job of `main_job/definition.toml` as a plain program.
//!
//! This is what a programmer writes in an afternoon with serde and the usual crates: one record at a
//! time is read into structs that own their strings, checked, transformed and written, on one thread.
//! Nothing is slow on purpose, and it does less than segprep: fields are not counted, nothing is synced
//! and nothing is published.
//!
//! For valid endpoints the output equals the parts of segprep byte for byte. For others it names the
//! same field and code.

mod check;
mod country;
mod endpoint;
mod hex;

mod read_csv;
mod read_json;
mod rules;
mod tables;
mod unknown;

use std::{
    error::Error,
    fmt::{self, Display},
    fs::File,
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

use serde::Serialize;
use sha2::{Digest, Sha256};

use check::Problem;
use endpoint::Endpoint;
use rules::Rules;

/// The paths of the input and of the outputs.
#[derive(clap::Args)]
pub(crate) struct Paths {
    /// The input: CSV if its name ends in `.csv`, otherwise NDJSON
    #[arg(long = "in", value_name = "PATH")]
    input: PathBuf,
    #[arg(long = "out", value_name = "PATH")]
    output: PathBuf,
    #[arg(long, value_name = "PATH")]
    rejects: PathBuf,
}

/// The counts of a run.
#[derive(Default)]
pub(crate) struct Summary {
    read: u64,
    written: u64,
    rejected: u64,
    dropped: u64,
    /// The number of unknown names in all records.
    unknown: u64,
    /// The SHA-256 digest of the output in lower-case hex.
    digest: String,
}

/// Processes the whole input. The key is in the variable `SEGPREP_KEY_K1`.
pub(crate) fn run(paths: &Paths) -> Result<Summary, Box<dyn Error>> {
    let mut job = Job::new(paths)?;
    if paths.input.extension().is_some_and(|extension| extension == "csv") {
        read_csv::read(&paths.input, &mut job)?;
    } else {
        read_json::read(&paths.input, &mut job)?;
    }
    Ok(job.finish()?)
}

/// The number of bytes read or written at once.
const BUFFER_BYTES: usize = 1 << 18;

struct Job {
    rules: Rules,
    output: BufWriter<File>,
    rejects: BufWriter<File>,
    digest: Sha256,
    /// A buffer for the record being written.
    line: Vec<u8>,
    summary: Summary,
}

#[derive(Serialize)]
struct Reject<'a> {
    /// The line on which the record begins, from 1.
    line: u64,
    problems: &'a [Problem],
}

impl Job {
    fn new(paths: &Paths) -> Result<Job, Box<dyn Error>> {
        Ok(Job {
            rules: Rules::from_env()?,
            output: create(&paths.output)?,
            rejects: create(&paths.rejects)?,
            digest: Sha256::new(),
            line: Vec::new(),
            summary: Summary::default(),
        })
    }

    /// Processes one record, or the problem that it could not be read for.
    fn take(&mut self, line: u64, read: Result<Endpoint, Problem>) -> io::Result<()> {
        self.summary.read += 1;
        match read {
            Ok(endpoint) if endpoint.is_inactive() => {
                self.summary.dropped += 1;
                Ok(())
            }
            Ok(endpoint) => self.take_endpoint(line, endpoint),
            Err(problem) => self.reject(line, &[problem]),
        }
    }

    fn take_endpoint(&mut self, line: u64, mut endpoint: Endpoint) -> io::Result<()> {
        let mut problems = check::values(&endpoint);
        if problems.is_empty() {
            self.rules.apply(&mut endpoint);
            self.line.clear();
            serde_json::to_writer(&mut self.line, &endpoint)?;
            problems = check::limits(&endpoint, self.line.len());
        }
        if problems.is_empty() { self.write() } else { self.reject(line, &problems) }
    }

    fn write(&mut self) -> io::Result<()> {
        self.line.push(b'\n');
        self.digest.update(&self.line);
        self.summary.written += 1;
        self.output.write_all(&self.line)
    }

    fn reject(&mut self, line: u64, problems: &[Problem]) -> io::Result<()> {
        self.summary.rejected += 1;
        serde_json::to_writer(&mut self.rejects, &Reject { line, problems })?;
        self.rejects.write_all(b"\n")
    }

    fn finish(mut self) -> io::Result<Summary> {
        self.output.flush()?;
        self.rejects.flush()?;
        hex::push(&self.digest.finalize(), &mut self.summary.digest);
        Ok(self.summary)
    }
}

fn create(path: &Path) -> io::Result<BufWriter<File>> {
    Ok(BufWriter::with_capacity(BUFFER_BYTES, File::create(path)?))
}

impl Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Summary { read, written, rejected, dropped, unknown, digest } = self;
        writeln!(f, "{read} read, {written} written, {rejected} rejected, {dropped} dropped")?;
        writeln!(f, "{unknown} unknown names")?;
        write!(f, "sha256 {digest}")
    }
}
