//! Reads NDJSON line by line.

use std::{
    fs::File,
    io::{self, BufRead, BufReader},
    path::Path,
};

use serde_json::{Deserializer, error::Category};

use super::{BUFFER_BYTES, Job, check::Problem, endpoint::Endpoint, unknown::Unknown};

pub(super) fn read(path: &Path, job: &mut Job) -> io::Result<()> {
    let mut input = BufReader::with_capacity(BUFFER_BYTES, File::open(path)?);
    let mut unknown = Unknown::new();
    let mut line = Vec::new();
    for number in 1.. {
        line.clear();
        if input.read_until(b'\n', &mut line)? == 0 {
            break;
        }
        if !line.trim_ascii().is_empty() {
            job.take(number, endpoint(&line, &mut unknown))?;
        }
    }
    job.summary.unknown = unknown.count();
    Ok(())
}

fn endpoint(line: &[u8], unknown: &mut Unknown) -> Result<Endpoint, Problem> {
    let mut json = Deserializer::from_slice(line);
    let read = serde_ignored::deserialize(&mut json, |path| unknown.note(&path));
    let read = read.and_then(|endpoint| json.end().map(|()| endpoint));
    // Also taken for an invalid record, so that the next one does not get it.
    let problem = unknown.take_problem();
    let endpoint = read.map_err(|error| syntax_problem(&error))?;
    problem.map_or(Ok(endpoint), Err)
}

/// The text of the error is not used, since it quotes the value.
fn syntax_problem(error: &serde_json::Error) -> Problem {
    let code = match error.classify() {
        Category::Data if error.to_string().starts_with("duplicate") => "duplicate_key",
        Category::Data => "type",
        Category::Io | Category::Syntax | Category::Eof => "json_syntax",
    };
    Problem::new("", code)
}
