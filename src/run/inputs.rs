//! The second step of a run: which inputs it takes. `job` has the next.
//!
//! `status` takes this step as well, to say what a run would do.

use std::path::PathBuf;

use super::error::{Failure, RunError};
use super::nights::Night;
use super::nothing::{nothing_to_read, quote_inputs};
use super::options::RunOptions;
use super::overlap;
use super::prepare::Prepared;
use crate::store::Listing;

/// What a run has to read.
pub(super) enum Inputs {
    /// These, and whether it may replace another published run.
    These(Listing, bool),
    /// Nothing: this manifest is that of an earlier run with its id, which has taken everything.
    Published(PathBuf),
    /// Nothing, with the reason.
    None(RunError),
}

/// Lists the inputs that this run takes.
pub(super) fn list(
    prepared: &mut Prepared,
    options: &RunOptions,
    night: Option<&mut Night>,
) -> Result<Inputs, Failure> {
    let store = &prepared.remote.store;
    let mut listing = store.list(&prepared.inputs(), &prepared.definition.input.exclude)?;
    if listing.files.is_empty() {
        return Ok(Inputs::None(nothing_to_read(prepared, &listing.ignored)));
    }
    overlap::check(prepared, &listing.files)?;
    let Some(night) = night else { return Ok(Inputs::These(listing, options.overwrite)) };
    let may_overwrite = night.may_overwrite(prepared, options.overwrite)?;
    night.select(prepared, options, &mut listing)?;
    if !listing.files.is_empty() {
        return Ok(Inputs::These(listing, may_overwrite));
    }
    let none = || Inputs::None(night.nothing_new(&quote_inputs(prepared)));
    Ok(night.earlier_manifest(prepared).map_or_else(none, Inputs::Published))
}
