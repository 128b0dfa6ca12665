//! NDJSON, a line at a time.

use std::{
    fs::File,
    io::{self, BufRead, BufReader},
    path::Path,
};

use serde_json::error::Category;

use super::{BUFFER_BYTES, Job, check::Problem};

pub(super) fn read(path: &Path, job: &mut Job) -> io::Result<()> {
    let mut input = BufReader::with_capacity(BUFFER_BYTES, File::open(path)?);
    let mut line = Vec::new();
    for number in 1.. {
        line.clear();
        if input.read_until(b'\n', &mut line)? == 0 {
            break;
        }
        if !line.trim_ascii().is_empty() {
            job.take(number, serde_json::from_slice(&line).map_err(|error| problem(&error)))?;
        }
    }
    Ok(())
}

/// The error's own text is left out, since it quotes the value.
fn problem(error: &serde_json::Error) -> Problem {
    let code = match error.classify() {
        Category::Data => "type",
        Category::Io | Category::Syntax | Category::Eof => "json_syntax",
    };
    Problem::new("", code)
}
