//! The command-line interface. It uses only the public API of the library.
//!
//! [`arguments`] defines the options, [`exit`] the exit codes, and [`render`] does all printing.
//! This file dispatches commands. The Python package compiles these files as well (`python/src/lib.rs`), for its
//! command, and uses what is open to the crate.

mod arguments;
pub(crate) mod budget_messages;
mod cells;
pub(crate) mod check;
mod events;
mod exit;
mod explain;
mod generate;
mod hardening;
mod init;
mod key;
mod manual;
mod metrics;
mod preview;
mod progress;
mod render;
mod report;
mod run_name;
#[cfg(test)]
mod sample;
mod scan;
mod schemas;
mod shards;
pub(crate) mod sheet;
mod signals;
mod status;
mod summary;
mod test_cases;
mod verify;

use std::{
    env,
    ffi::OsString,
    path::{Path, PathBuf},
    sync::{Arc, atomic::AtomicBool},
};

use clap::CommandFactory;
use clap_complete::Shell;
use segprep::engine::{Cancel, Cancelled};
use segprep::run::{
    ErrorKind, Failure, InitOptions, Progress, RetryOptions, RunError, RunOptions, ScanOptions,
    ShardOptions,
};
use segprep::simd::Level;

use arguments::{
    Arguments, AsShard, Command, Common, ExplainArguments, Key, PreviewArguments, RetryArguments,
    RunArguments, ScanArguments, Schema, StatusArguments, VerifyArguments,
};
use render::{Format, Screen};

pub(crate) use exit::{Exit, INTERNAL};

/// Disables core dumps and keeps values out of panic messages. Must run first.
pub(crate) fn harden(arguments: &[OsString]) {
    hardening::harden(Format::requested(arguments));
}

/// Runs the command that the arguments name.
pub(crate) fn main(arguments: Vec<OsString>) -> Exit {
    let format = Format::requested(&arguments);
    match limit_vectors().and_then(|()| Arguments::read(arguments)) {
        Ok(arguments) => {
            let screen = Screen::new(&arguments.common);
            perform(screen, arguments).unwrap_or_else(|failure| screen.failure(&failure))
        }
        Err(error) => Screen::plain(format).usage(&error),
    }
}

/// Limits vector instructions to the level in `SEGPREP_CPU`, if that is set.
fn limit_vectors() -> Result<(), clap::Error> {
    let Some(value) = env::var_os(arguments::CPU) else { return Ok(()) };
    arguments::vector_level(&value).map(Level::limit_to)
}

fn perform(screen: Screen, arguments: Arguments) -> Result<Exit, Failure> {
    ensure_fips_mode()?;
    let common = arguments.common;
    match arguments.command {
        Command::Run(arguments) => {
            let metrics = arguments.metrics.clone();
            return run(screen, &run_options(arguments, common), metrics.as_deref());
        }
        Command::Retry(arguments) => return retry(screen, &retry_options(arguments, common)),
        Command::Scan(arguments) => return scan(screen, arguments, common),
        Command::Preview(arguments) => return preview_records(screen, arguments, common),
        Command::Explain(arguments) => return explain_record(screen, arguments, common),
        Command::Verify(arguments) => return verify_result(screen, arguments, common),
        Command::Status(arguments) => return show_status(screen, arguments, common),
        Command::Report(arguments) => report::report(arguments, common)?,
        Command::Shards(arguments) => return shards::plan(screen, arguments, common),
        Command::Gather(arguments) => return shards::gather(screen, arguments, common),
        Command::Init(arguments) => init(screen, &init::options(arguments, common))?,
        Command::Check { file } => check(screen, &definition_options(file, common))?,
        Command::Test { files } => {
            return screen.tested(&segprep::run::test_definitions(&files, &common.sets)?);
        }
        Command::Key(Key::New) => key::make(screen)?,
        Command::Key(Key::Check(which)) => match (which.file, which.from) {
            (Some(file), _) => key::check_definition(screen, &definition_options(file, common))?,
            (None, from) => key::check_one(screen, &from.unwrap_or_default())?,
        },
        Command::Generate(arguments) => generate::generate(screen, &arguments)?,
        Command::Schema(which) => schema(screen, &which)?,
        Command::Completions { shell } => render::print(&completions(shell))?,
        Command::Man => render::print(&String::from_utf8_lossy(&manual::manual()))?,
    }
    Ok(exit::DONE)
}

/// Fails if this is a FIPS build and its module is not in FIPS mode.
fn ensure_fips_mode() -> Result<(), RunError> {
    let hint = "rebuild it as described in docs/fips.md";
    segprep::crypto::check_fips_mode()
        .map_err(|error| RunError::new(ErrorKind::Internal, error.to_string()).hint(hint))
}

fn run(screen: Screen, options: &RunOptions, metrics: Option<&Path>) -> Result<Exit, Failure> {
    let screen = screen.of_run(options.run.as_deref(), &options.definition);
    let progress = if screen.logs_json() { Progress::with_inputs() } else { Progress::default() };
    let cancel = Cancel::new();
    let stopping = listen(screen, &cancel)?;
    let ended = progress::show_during(screen, &progress, &stopping, || {
        segprep::run::run(options, &progress, &cancel)
    });
    if let Some(file) = metrics {
        let written = metrics::write(file, &options.definition, ended.as_ref(), &progress);
        if let Err(error) = written {
            let file = file.display();
            screen.warning(&format!("the metrics could not be written to `{file}`: {error}"));
        }
    }
    match &ended {
        Ok(outcome) => screen.outcome(outcome),
        Err(failure) => Ok(screen.failure(failure)),
    }
}

fn retry(screen: Screen, options: &RetryOptions) -> Result<Exit, Failure> {
    let screen = screen.of_run(None, &options.run.definition);
    let progress = if screen.logs_json() { Progress::with_inputs() } else { Progress::default() };
    let cancel = Cancel::new();
    let stopping = listen(screen, &cancel)?;
    let ended = progress::show_during(screen, &progress, &stopping, || {
        segprep::run::retry(options, &progress, &cancel)
    });
    match &ended {
        Ok(outcome) => screen.outcome(outcome),
        Err(failure) => Ok(screen.failure(failure)),
    }
}

/// The failure of a run that was cancelled and did not end in time.
fn too_late(cancel: &Cancel) -> Failure {
    let cancelled = cancel.check().err().unwrap_or(Cancelled::Terminated);
    let message = format!("{cancelled}; there was no time left to clean up");
    let error = RunError { message, ..RunError::from(cancelled) };
    Failure::Run(
        error.hint(
            "run again: the next run puts an earlier result back and removes what this one left",
        ),
    )
}

fn scan(screen: Screen, arguments: ScanArguments, common: Common) -> Result<Exit, Failure> {
    let options = ScanOptions {
        from: arguments.from,
        sets: common.sets,
        records: arguments.records,
        sample: arguments.sample,
        all: arguments.all,
        threads: arguments.workers.threads(),
        chunk_bytes: arguments.workers.chunk_bytes(),
    };
    let (progress, cancel) = (Progress::default(), Cancel::new());
    let stopping = listen(screen, &cancel)?;
    let report = progress::show_during(screen, &progress, &stopping, || {
        segprep::run::scan(&options, &progress, &cancel)
    })?;
    if arguments.html {
        render::print(&segprep::run::scan_html(&report))?;
    } else {
        screen.scanned(&report)?;
    }
    Ok(exit::DONE)
}

fn preview_records(
    screen: Screen,
    arguments: PreviewArguments,
    common: Common,
) -> Result<Exit, Failure> {
    let options = match preview::options(arguments, common) {
        Ok(options) => options,
        Err(error) => return Ok(screen.usage(&error)),
    };
    let (progress, cancel) = (Progress::default(), Cancel::new());
    let stopping = listen(screen, &cancel)?;
    let mut counts = preview::Counts::default();
    let mut show = |event| preview::show(screen, &event, &mut counts);
    if options.sample {
        // The bar is gone before anything is printed.
        let mut events = Vec::new();
        progress::show_during(screen, &progress, &stopping, || {
            segprep::run::preview(&options, &progress, &cancel, &mut |event| {
                events.push(event);
                Ok(())
            })
        })?;
        events.into_iter().try_for_each(&mut show)?;
    } else {
        // The first records are there at once, and a bar would be among them.
        segprep::run::preview(&options, &progress, &cancel, &mut show)?;
    }
    preview::end(screen, &counts, &options.run.definition)?;
    Ok(exit::DONE)
}

fn explain_record(
    screen: Screen,
    arguments: ExplainArguments,
    common: Common,
) -> Result<Exit, Failure> {
    let options = match explain::options(arguments, common) {
        Ok(options) => options,
        Err(error) => return Ok(screen.usage(&error)),
    };
    let (progress, cancel) = (Progress::default(), Cancel::new());
    let stopping = listen(screen, &cancel)?;
    let explained = progress::show_during(screen, &progress, &stopping, || {
        segprep::run::explain(&options, &progress, &cancel)
    })?;
    explain::show(screen, &explained)?;
    Ok(exit::DONE)
}

fn verify_result(
    screen: Screen,
    arguments: VerifyArguments,
    common: Common,
) -> Result<Exit, Failure> {
    let options = verify::options(arguments, common);
    let (progress, cancel) = (Progress::default(), Cancel::new());
    let stopping = listen(screen, &cancel)?;
    let verified = progress::show_during(screen, &progress, &stopping, || {
        segprep::run::verify(&options, &progress, &cancel)
    })?;
    verify::show(screen, &verified)?;
    Ok(if verified.report.sound { exit::DONE } else { exit::DIFFERS })
}

fn show_status(
    screen: Screen,
    arguments: StatusArguments,
    common: Common,
) -> Result<Exit, Failure> {
    let StatusArguments { file, check, day } = arguments;
    let options = RunOptions { date: day.date, ..definition_options(file, common) };
    let cancel = Cancel::new();
    listen(screen, &cancel)?;
    let report = segprep::run::status(&options, &cancel)?;
    status::show(screen, &report, &options.definition)?;
    Ok(if check && report.is_due() { exit::DIFFERS } else { exit::DONE })
}

fn init(screen: Screen, options: &InitOptions) -> Result<(), Failure> {
    let (progress, cancel) = (Progress::default(), Cancel::new());
    let stopping = listen(screen, &cancel)?;
    let proposed = progress::show_during(screen, &progress, &stopping, || {
        segprep::run::init(options, &progress, &cancel)
    })?;
    screen.proposed(&proposed)
}

/// Forwards signals to `cancel`; the returned flag is set once one has arrived.
fn listen(screen: Screen, cancel: &Cancel) -> Result<Arc<AtomicBool>, Failure> {
    let late = move |cancel: &Cancel| screen.failure(&too_late(cancel));
    signals::forward_to(cancel, late).map_err(|error| {
        Failure::Run(RunError::new(ErrorKind::Io, format!("could not listen for signals: {error}")))
    })
}

fn check(screen: Screen, options: &RunOptions) -> Result<(), Failure> {
    let checked = segprep::run::check(options)?;
    screen.checked(&checked, &options.definition)
}

fn definition_options(definition: PathBuf, common: Common) -> RunOptions {
    RunOptions { definition, sets: common.sets, ..RunOptions::default() }
}

fn run_options(run: RunArguments, common: Common) -> RunOptions {
    let AsShard { shard, plan } = run.part;
    RunOptions {
        definition: run.file,
        sets: common.sets,
        date: run.day.date,
        run: run.run,
        threads: run.workers.threads(),
        chunk_bytes: run.workers.chunk_bytes(),
        overwrite: run.overwrite,
        again: run.again,
        dry_run: run.dry_run,
        shard: shard.map(|which| ShardOptions { number: which.number, count: which.count, plan }),
    }
}

fn retry_options(retry: RetryArguments, common: Common) -> RetryOptions {
    let RetryArguments { file, result, from, workers } = retry;
    let run = RunOptions {
        date: result.day.date,
        run: result.run,
        threads: workers.threads(),
        chunk_bytes: workers.chunk_bytes(),
        ..definition_options(file, common)
    };
    RetryOptions { run, from }
}

fn schema(screen: Screen, which: &Schema) -> Result<(), Failure> {
    match (&which.name, &which.target) {
        (_, Some(target)) => render::print(&schemas::for_target(target)?),
        (Some(name), None) => render::print(schemas::text(name)),
        (None, None) => schemas::list(screen),
    }
}

fn completions(shell: Shell) -> String {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "segprep", &mut script);
    String::from_utf8_lossy(&script).into_owned()
}
