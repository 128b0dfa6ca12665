//! `segprep shards` and `segprep gather`: a plan for several machines, and the result of all of them.

use std::io::{self, BufWriter, Write};

use segprep::engine::Cancel;
use segprep::run::{Division, ErrorKind, Failure, GatherOptions, Progress, RunError, RunOptions};

use super::arguments::{Common, GatherArguments, ShardsArguments};
use super::exit::{self, Exit};
use super::render::Screen;
use super::{definition_options, listen, progress};

/// Prints the plan. It is JSON in any case: machines read it.
pub(super) fn plan(
    screen: Screen,
    arguments: ShardsArguments,
    common: Common,
) -> Result<Exit, Failure> {
    let ShardsArguments { file, count, bytes, day, run } = arguments;
    let division = match (count, bytes) {
        (Some(count), _) => Division::Count(count),
        (None, bytes) => Division::Bytes(bytes.unwrap_or(u64::MAX)),
    };
    let options = RunOptions { date: day.date, run, ..definition_options(file, common) };
    let cancel = Cancel::new();
    listen(screen, &cancel)?;
    let plan = segprep::run::shards(&options, division, &cancel)?;
    let mut out = BufWriter::new(io::stdout().lock());
    plan.write(&mut out).and_then(|()| out.flush()).map_err(|error| {
        RunError::new(ErrorKind::Io, format!("could not write to standard output: {error}"))
    })?;
    Ok(exit::DONE)
}

/// Publishes what shards have written.
pub(super) fn gather(
    screen: Screen,
    arguments: GatherArguments,
    common: Common,
) -> Result<Exit, Failure> {
    let GatherArguments { file, count, plan } = arguments;
    let screen = screen.of_run(None, &file);
    let options = GatherOptions { run: definition_options(file, common), count, plan };
    let (progress, cancel) = (Progress::default(), Cancel::new());
    let stopping = listen(screen, &cancel)?;
    let ended = progress::show_during(screen, &progress, &stopping, || {
        segprep::run::gather(&options, &progress, &cancel)
    });
    match &ended {
        Ok(outcome) => screen.outcome(outcome),
        Err(failure) => Ok(screen.failure(failure)),
    }
}
