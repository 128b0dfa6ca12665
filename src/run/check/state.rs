//! What `segprep check` says about `[state]`: where the list is, what is on it, and what a run would take now.
//!
//! As of all inputs, nothing is asked of buckets: what is in one is not said here, and `segprep status` looks.

use std::path::{Path, PathBuf};

use crate::definition::{Definition, OnChange, State};
use crate::ledger::{self, Choice, List, Wanted};
use crate::run::aws::Remote;
use crate::run::error::{Failure, RunError};
use crate::run::moment::Moment;
use crate::run::nights::open_ledger;
use crate::store::Listed;
use crate::store::s3::Url;

/// The list of a definition, and the settings that go with it.
#[derive(Clone, Debug)]
pub struct CheckedState {
    pub to: PathBuf,
    /// `None`: it is in a bucket, or cannot be read.
    pub list: Option<CheckedList>,
    /// What becomes of inputs that have changed since a run took them: `fail`, `take` or `skip`.
    pub changed: &'static str,
    /// Whether a run with nothing new is done, or fails.
    pub may_be_empty: bool,
    /// The share of the records of the last run below which a run is over its budget.
    pub max_shrink: Option<f64>,
    /// What `{run}` stands for, if a run began now.
    pub run: String,
}

/// What is on a list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CheckedList {
    /// The number of inputs on it.
    pub inputs: u64,
    /// Published runs, and the id of the last one.
    pub runs: u64,
    pub last: Option<String>,
    /// What of the inputs that are there now a run would take. `None`: some are in buckets.
    pub next: Option<NextInputs>,
}

/// The inputs that are there now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NextInputs {
    pub found: u64,
    pub take: u64,
    /// Those that have changed since a run took them: among `take`, or besides.
    pub changed: u64,
}

/// Looks at the state of a definition, if it has one. `files`: the inputs on disk. Whatever is wrong with the list is
/// a warning: the definition may still be right.
pub(in crate::run) fn checked(
    definition: &Definition,
    moment: &Moment,
    remote: &Remote,
    files: &[Listed],
    warnings: &mut Vec<String>,
) -> Option<CheckedState> {
    let state = definition.state.as_ref()?;
    let is_on_disk = |path: &Path| Url::parse(path).is_none();
    let mut list = None;
    if is_on_disk(&state.to.path) {
        let all_on_disk = definition.input.from.iter().all(|place| is_on_disk(&place.path));
        match look(state, definition, remote, all_on_disk.then_some(files)) {
            Ok(found) => list = Some(found),
            Err(Failure::Run(error)) => warnings.push(error.message),
            Err(Failure::Diagnostics(_)) => {}
        }
    }
    Some(CheckedState {
        to: state.to.path.clone(),
        list,
        changed: match state.on_change {
            OnChange::Fail => "fail",
            OnChange::Take => "take",
            OnChange::Skip => "skip",
        },
        may_be_empty: definition.input.may_be_empty,
        max_shrink: definition.account.max_shrink,
        run: moment.run.clone(),
    })
}

fn look(
    state: &State,
    definition: &Definition,
    remote: &Remote,
    files: Option<&[Listed]>,
) -> Result<CheckedList, Failure> {
    let ledger = open_ledger(state, definition, remote, false)?;
    let list: &List = ledger.list();
    // With `fail`, no changed input is taken either: there is no run then.
    let on_change = match state.on_change {
        OnChange::Take => ledger::OnChange::Take,
        OnChange::Fail | OnChange::Skip => ledger::OnChange::Skip,
    };
    let wanted = Wanted { on_change, is_again: &|_| false, replaced: None };
    let compared = ledger::compare(list, files.unwrap_or_default(), &wanted);
    let choice = compared.map_err(|fault| RunError::from(fault.in_file(&ledger.list_path())))?;
    let Choice { take, taken, changed, gone, .. } = &choice;
    let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
    Ok(CheckedList {
        inputs: taken + changed.count + gone.count,
        runs: count(list.runs().iter().filter(|run| run.is_published()).count()),
        last: list.last_published().map(|run| run.run.clone()),
        next: files.map(|files| NextInputs {
            found: count(files.len()),
            take: count(take.len()),
            changed: changed.count,
        }),
    })
}
