//! Which run `segprep explain` is about: the one whose account may say where the record is.
//!
//! A definition with `[state]` has an account for each run, and the list says which run has taken the input. Without a
//! list, it is the account that the definition names, for the run of `--run` and the day of `--date`.

use std::path::{Path, PathBuf};

use crate::definition::Definition;
use crate::engine::Cancel;
use crate::ledger::InputEntry;
use crate::run::aws::Remote;
use crate::run::clock;
use crate::run::error::{ErrorKind, Failure, RunError};
use crate::run::moment::Moment;
use crate::run::nights::Night;
use crate::run::options::RunOptions;
use crate::run::prepare::{ReadDefinition, Source};
use crate::run::text::{escape, escape_path};
use crate::store::Listed;
use crate::store::s3::Url;

/// What is known of the run that an explanation is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AccountState {
    /// This very run is published.
    Published,
    /// This very run is published, and compared records with each other. Which of them it has written is not
    /// found out.
    Compared,
    /// Shards have written a result of this definition. Where is not found out.
    Shards,
    /// This very run was over a budget, so nothing was written.
    OverBudget,
    /// The account has another run.
    Other,
    /// The account has no run.
    Empty,
    /// The same, and its place depends on this day.
    EmptyOn(String),
    /// Each run has an account of its own, and none of them is named.
    Unnamed,
    /// By the list of `[state]`, no run has taken the input.
    Untaken,
    /// By the list of `[state]`, the run with this id has not taken the input.
    TakenByOthers(String),
    /// By the list of `[state]`, the run with this id has taken the input, which has changed since.
    Changed(String),
    /// By the list of `[state]`, the run with this id has taken the input, but its account is not there, or that of
    /// another run.
    Lost(String),
}

/// What the list of `[state]` says about an input.
pub(super) enum OnList {
    /// There is no list.
    NoList,
    /// No run has taken it; or not the run with this id, which is the one that was asked for.
    Untaken(Option<String>),
    Taken(Taken),
}

/// A run that has taken the input.
pub(in crate::run) struct Taken {
    pub(in crate::run) run: String,
    /// All that it has taken, as it was then.
    pub(in crate::run) files: Vec<Listed>,
}

impl Taken {
    /// Whether it has taken this input as it is now.
    pub(in crate::run) fn has(&self, listed: &Listed) -> bool {
        let now = InputEntry::of(listed, "", false);
        self.files.iter().any(|file| InputEntry::of(file, "", false) == now)
    }
}

/// The name of an input as somebody writes it: `./in/a.csv` for `in/a.csv`.
pub(super) struct AskedInput<'a> {
    name: &'a str,
    absolute: Option<PathBuf>,
}

impl AskedInput<'_> {
    pub(in crate::run) fn new(name: &str) -> AskedInput<'_> {
        let is_on_disk = Url::parse(Path::new(name)).is_none() && name != "-";
        let absolute = is_on_disk.then(|| std::path::absolute(name).ok()).flatten();
        AskedInput { name, absolute }
    }

    /// Whether this is the input, by its name as it is listed.
    pub(in crate::run) fn is(&self, listed: &str) -> bool {
        let last = |path: &str| path.rsplit('/').next().map(str::to_owned);
        listed == self.name
            || self.absolute.as_ref().is_some_and(|absolute| {
                last(listed) == last(self.name)
                    && std::path::absolute(listed).is_ok_and(|listed| listed == *absolute)
            })
    }
}

/// The run that an explanation is about, and the definition with its paths.
pub(super) struct ExplainedRun {
    pub(in crate::run) moment: Moment,
    pub(in crate::run) read: ReadDefinition,
    pub(in crate::run) remote: Remote,
    pub(super) on_list: OnList,
}

/// Finds the run for a record of this input.
pub(super) fn find(
    options: &RunOptions,
    input: &str,
    cancel: &Cancel,
) -> Result<ExplainedRun, Failure> {
    let source = Source::read(options, clock::now()?, cancel)?;
    let read = source.parse(&source.moment)?;
    let remote = Remote::new(&read.definition, cancel)?;
    let looking = RunOptions { dry_run: true, ..options.clone() };
    let night = Night::open(&source, &read.definition, &remote, &looking)?;
    let moment = source.moment.clone();
    let Some(night) = night else {
        return Ok(ExplainedRun { moment, read, remote, on_list: OnList::NoList });
    };
    if let Some(id) = options.run.as_ref().filter(|id| !night.has_run(id)) {
        return Err(no_run(id, &read.definition).into());
    }
    let Some(run) = taker(&night, options, &moment, input, &remote)? else {
        let on_list = OnList::Untaken(options.run.clone());
        return Ok(ExplainedRun { moment, read, remote, on_list });
    };
    let entries = night.entries(&|entry| *entry.run == *run.run)?;
    let files = entries.iter().filter_map(InputEntry::listed).collect();
    let on_list = OnList::Taken(Taken { run: run.run.clone(), files });
    Ok(ExplainedRun { read: source.parse(&run)?, moment: run, remote, on_list })
}

/// The run that has taken an input: the last one that took it as it is now, or else the last one. `--run` and `--date`
/// leave fewer to choose from.
fn taker(
    night: &Night,
    options: &RunOptions,
    asked: &Moment,
    input: &str,
    remote: &Remote,
) -> Result<Option<Moment>, Failure> {
    let now = remote.store.list(&[Path::new(input)], &[]).unwrap_or_default().files;
    let asked_input = AskedInput::new(input);
    let states = night.entries(&|entry| asked_input.is(&entry.name))?;
    let last = |is_such: &dyn Fn(&InputEntry<'_>) -> bool| {
        night.runs().iter().rfind(|run| {
            let took = states.iter().any(|state| *state.run == *run.run && is_such(state));
            let is_named = options.run.as_ref().is_none_or(|id| *id == run.run);
            took && is_named && (options.date.is_none() || run.date == asked.date)
        })
    };
    let as_it_is = |state: &InputEntry<'_>| {
        let of_now = |file| InputEntry {
            name: state.name.clone(),
            ..InputEntry::of(file, &state.run, state.broken)
        };
        now.iter().any(|file| of_now(file) == *state)
    };
    let run = last(&as_it_is).or_else(|| last(&|_| true));
    Ok(run.and_then(|run| Moment::of_file(&run.run, &run.date)))
}

fn no_run(id: &str, definition: &Definition) -> RunError {
    let state = definition.state.as_ref().map(|state| escape_path(&state.to.path));
    let (id, state) = (escape(id), state.unwrap_or_default());
    let message = format!("no run `{id}` is on the list of taken inputs in `{state}`");
    RunError::new(ErrorKind::NoInput, message)
        .hint("without `--run`, it is the run that has taken the input; `segprep status` names the last one")
}
