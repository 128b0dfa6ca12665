//! What the next run would do, for `status`: it takes the first steps of a run, up to where that would begin to write.
//! No input is read, and nothing is written.

use super::Night;
use crate::engine::Cancel;
use crate::publish::{Foreseen, published_in};
use crate::run::account::differences::manifest_of;
use crate::run::account::fingerprint;
use crate::run::aws::Remote;
use crate::run::error::{ErrorKind, Failure};
use crate::run::inputs::{self, Inputs};
use crate::run::job::{foresee, list_specs};
use crate::run::keys::MissingKey;
use crate::run::list_files::list_files;
use crate::run::options::RunOptions;
use crate::run::places;
use crate::run::prepare::{self, Prepared, ReadDefinition, Source};

/// What the next run would do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// Nothing: there is nothing that the last run has not taken.
    Nothing,
    /// Take so many inputs.
    Take(u64),
    /// Fail, since inputs have changed (exit 65).
    Fail,
    /// Fail, since another result is published in its place, unless it may replace that (exit 73).
    Replace,
    /// Fail for this reason.
    Blocked(String),
}

/// What a run that begins now would do.
pub(super) fn next(
    source: &Source<'_>,
    first: ReadDefinition,
    remote: Remote,
    night: Option<Night>,
    options: &RunOptions,
    cancel: &Cancel,
) -> Result<Next, Failure> {
    match take_steps(source, first, remote, night, options, cancel) {
        Err(Failure::Run(error)) => match error.kind {
            ErrorKind::BadInput => Ok(Next::Fail),
            ErrorKind::Taken if error.is_other_run => Ok(Next::Replace),
            ErrorKind::Taken | ErrorKind::NoInput | ErrorKind::Access | ErrorKind::Definition => {
                Ok(Next::Blocked(error.message))
            }
            ErrorKind::Internal
            | ErrorKind::Differs
            | ErrorKind::Io
            | ErrorKind::Interrupted
            | ErrorKind::Terminated => Err(error.into()),
        },
        next => next,
    }
}

fn take_steps(
    source: &Source<'_>,
    first: ReadDefinition,
    remote: Remote,
    mut night: Option<Night>,
    options: &RunOptions,
    cancel: &Cancel,
) -> Result<Next, Failure> {
    let chosen = places::choose(source, first, &remote, options.run.is_some(), night.as_ref())?;
    // Keys matter only where the result of the same run may be.
    let found = published_in(&chosen.1.definition.account.to.path, remote.buckets.as_ref())?;
    let missing = found.map_or(MissingKey::IsNotRead, |_| MissingKey::IsDemo);
    let (mut prepared, parts) = prepare::complete(options, chosen, remote, missing, cancel)?;
    let (listing, may_overwrite) = match inputs::list(&mut prepared, options, night.as_mut())? {
        Inputs::These(listing, may_overwrite) => (listing, may_overwrite),
        // A run that finds no file at all looks like one whose inputs never arrived; with a list, nothing is new.
        Inputs::None(error) if night.is_none() && !prepared.definition.input.may_be_empty => {
            return Err(error.into());
        }
        Inputs::Published(_) | Inputs::None(_) => return Ok(Next::Nothing),
    };
    let lists = list_files(&list_specs(&prepared, &parts)?, &prepared.remote.store)?.files;
    assume_keys(&mut prepared)?;
    let fingerprint = fingerprint::of_run(&prepared, None, &listing.files, &lists);
    Ok(match foresee(&prepared, &fingerprint, may_overwrite)? {
        Foreseen::AlreadyPublished => Next::Nothing,
        Foreseen::Nothing => Next::Take(u64::try_from(listing.files.len()).unwrap_or(u64::MAX)),
    })
}

/// Takes it that keys that could not be obtained here are those of the result that is in place: a run elsewhere has them.
fn assume_keys(prepared: &mut Prepared) -> Result<(), Failure> {
    if prepared.replaced_keys.is_empty() {
        return Ok(());
    }
    let earlier = manifest_of(prepared.account(), prepared.remote.buckets.as_ref())?;
    for note in earlier.into_iter().flat_map(|manifest| manifest.keys) {
        let is_replaced = prepared.replaced_keys.iter().any(|(id, _)| *id == note.id);
        let own = prepared.keys.iter_mut().filter(|own| is_replaced && own.id == note.id);
        own.for_each(|own| own.clone_from(&note));
    }
    Ok(())
}

/// What the next run would do, in a few words.
impl std::fmt::Display for Next {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Next::Nothing => f.write_str("nothing"),
            Next::Take(1) => f.write_str("take 1 input"),
            Next::Take(count) => write!(f, "take {count} inputs"),
            Next::Fail => f.write_str("fail: inputs have changed since a run took them"),
            Next::Blocked(why) => write!(f, "fail: {why}"),
            Next::Replace => {
                f.write_str("fail: another result is published, which `--overwrite` replaces")
            }
        }
    }
}
