//! Generates synthetic endpoints as NDJSON or CSV.
//!
//! - A record depends only on the seed and its number: the same job gives the same bytes everywhere, a
//!   longer job begins with the bytes of a shorter one, and both formats have the same records.
//! - There is no real data: names, addresses and numbers are combined from small tables.
//! - All records are valid, except a given share, each of which has exactly one problem.

mod encode;
mod endpoint;
mod random;
mod size;

use std::{
    fs::{self, File},
    io::{self, Write},
    path::Path,
};

pub(crate) use size::parse_size;

use endpoint::Endpoint;
use random::Random;

/// What to write.
#[derive(Clone, Copy)]
pub(crate) struct Job {
    pub(crate) amount: Amount,
    pub(crate) format: Format,
    pub(crate) seed: u64,
    /// The share of records with a problem, 0 to 1.
    pub(crate) invalid: f64,
}

#[derive(Clone, Copy)]
pub(crate) enum Amount {
    Records(u64),
    /// Ends with the first record that reaches this number of bytes.
    Bytes(u64),
}

#[derive(Clone, Copy, clap::ValueEnum)]
pub(crate) enum Format {
    Ndjson,
    Csv,
}

/// What was written.
#[derive(Default)]
pub(crate) struct Written {
    pub(crate) records: u64,
    pub(crate) bytes: u64,
}

/// Writes the records of a job to a file, which appears only when it is complete.
pub(crate) fn write_file(job: &Job, path: &Path) -> io::Result<Written> {
    let unfinished = path.with_extension("unfinished");
    let written = write(job, &mut File::create(&unfinished)?)?;
    fs::rename(&unfinished, path)?;
    Ok(written)
}

/// The number of bytes written at once.
const BLOCK_BYTES: usize = 1 << 20;

fn write(job: &Job, out: &mut impl Write) -> io::Result<Written> {
    let mut written = Written::default();
    let mut block = String::with_capacity(BLOCK_BYTES + BLOCK_BYTES / 4);
    job.format.push_header(&mut block);
    while !job.amount.is_reached(&written, block.len()) {
        let mut random = Random::of_record(job.seed, written.records);
        let endpoint = Endpoint::new(written.records, job.invalid, &mut random);
        job.format.push_record(&endpoint, &mut block);
        written.records += 1;
        if BLOCK_BYTES <= block.len() {
            written.bytes += flush(&mut block, out)?;
        }
    }
    written.bytes += flush(&mut block, out)?;
    Ok(written)
}

fn flush(block: &mut String, out: &mut impl Write) -> io::Result<u64> {
    out.write_all(block.as_bytes())?;
    let bytes = length(block.len());
    block.clear();
    Ok(bytes)
}

fn length(bytes: usize) -> u64 {
    u64::try_from(bytes).expect("a length has at most 64 bits")
}

impl Amount {
    fn is_reached(self, written: &Written, block_bytes: usize) -> bool {
        match self {
            Amount::Records(records) => records <= written.records,
            Amount::Bytes(bytes) => bytes <= written.bytes + length(block_bytes),
        }
    }
}

impl Format {
    fn push_header(self, out: &mut String) {
        match self {
            Format::Ndjson => {}
            Format::Csv => encode::push_csv_header(out),
        }
    }

    fn push_record(self, endpoint: &Endpoint, out: &mut String) {
        match self {
            Format::Ndjson => encode::push_json_line(endpoint, out),
            Format::Csv => encode::push_csv_row(endpoint, out),
        }
    }
}
