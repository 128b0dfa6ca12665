//! The places of a run that has some of its own: those with `{run}`.
//!
//! Two runs that begin in the same second must not meet there, so a run whose places exist already, or whose
//! id is on the list of its definition, takes the next id, unless the user chose it.

use super::aws::Remote;
use super::error::Failure;
use super::moment::Moment;
use super::nights::Night;
use super::prepare::{ReadDefinition, Source};
use crate::definition::{Definition, Location};
use crate::publish;

/// The definition as this run reads it, and the id that it goes by.
pub(super) fn choose(
    source: &Source<'_>,
    first: ReadDefinition,
    remote: &Remote,
    is_chosen: bool,
    night: Option<&Night>,
) -> Result<(Moment, ReadDefinition), Failure> {
    let (mut moment, mut read) = (source.moment.clone(), first);
    let mut number = 1;
    let is_used = |moment: &Moment| night.is_some_and(|night| night.has_run(&moment.run));
    while !is_chosen && (is_used(&moment) || is_occupied(&read.definition, remote)?) {
        number += 1;
        moment = source.moment.with_suffix(number);
        read = source.parse(&moment)?;
    }
    Ok((moment, read))
}

/// Whether another run has this run's id and was here.
fn is_occupied(definition: &Definition, remote: &Remote) -> Result<bool, Failure> {
    for place in places(definition).filter(|place| place.has_run) {
        if publish::is_occupied(&place.path, remote.buckets.as_ref())? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The account and the outputs.
fn places(definition: &Definition) -> impl Iterator<Item = &Location> {
    let outputs = definition.outputs.iter().map(|output| &output.to);
    outputs.chain([&definition.account.to])
}
