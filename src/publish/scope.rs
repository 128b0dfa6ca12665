//! The places of this definition. What manifests and journals say about other places is not
//! believed.
//!
//! Whoever can write to an account can write a manifest or a journal that names any folder of the
//! machine. So a run takes its places from the definition alone, and asks the account only what
//! earlier runs left in them.

use std::path::{Path, PathBuf};

use super::PlaceRequest;
use super::earlier::EarlierRuns;
use super::error::PublishError;
use super::journal::{Journal, TakenOutput};
use super::names::MoveMode;
use super::paths::{check_apart, resolve};
use crate::store::s3::Url;

/// The account and the outputs of this definition, resolved.
#[derive(Debug)]
pub(crate) struct Scope {
    pub(crate) account: PathBuf,
    pub(crate) outputs: Vec<PathBuf>,
    /// The shard that the run is, if it is one.
    pub(crate) shard: Option<u32>,
}

impl Scope {
    /// Fails if one of the places is inside another.
    pub(crate) fn new(request: &PlaceRequest<'_>) -> Result<Scope, PublishError> {
        let account = resolve(request.account)?;
        let outputs: Vec<PathBuf> =
            request.outputs.iter().map(|to| resolve(to)).collect::<Result<_, _>>()?;
        check_apart(&account, &outputs)?;
        Ok(Scope { account, outputs, shard: request.share.shard() })
    }

    /// Whether a journal may tell what is in this output.
    pub(crate) fn has_output(&self, to: &Path) -> bool {
        self.output_number(to).is_some()
    }

    /// The index of an output that a killed run noted, if it was a run like this one.
    pub(crate) fn number_of(&self, taken: &TakenOutput) -> Option<usize> {
        let shard = match taken.mode() {
            MoveMode::Shard(shard) => Some(shard),
            MoveMode::Whole | MoveMode::PartByPart => None,
        };
        self.output_number(&taken.to).filter(|_| shard == self.shard)
    }

    /// The index of this output in the definition.
    pub(crate) fn output_number(&self, to: &Path) -> Option<usize> {
        self.outputs.iter().position(|output| output == to)
    }

    /// Whether a run of this definition may have created this folder: a place on disk, or one of
    /// its parents. A journal in a bucket names no folders of the machine.
    pub(crate) fn may_have_made(&self, folder: &Path) -> bool {
        let mut places = std::iter::once(&self.account).chain(&self.outputs);
        let is_local = |place: &&PathBuf| Url::parse(place).is_none();
        is_local(&&self.account)
            && places.any(|place| is_local(&place) && place.starts_with(folder))
    }

    /// The outputs of earlier runs, published or killed, that this definition does not write to.
    /// `journal`: that of a killed run.
    pub(crate) fn others(&self, earlier: &EarlierRuns, journal: Option<&Journal>) -> Vec<PathBuf> {
        let taken = journal.into_iter().flat_map(|journal| &journal.outputs);
        let mut others: Vec<PathBuf> =
            earlier.outputs().into_iter().chain(taken.map(|output| output.to.clone())).collect();
        others.retain(|to| !self.has_output(to));
        others.sort_unstable();
        others.dedup();
        others
    }
}
