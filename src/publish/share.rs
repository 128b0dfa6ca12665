//! Several runs that write one result: shards, and the run that gathers what they have written.
//!
//! A shard begins if nobody holds the account of the whole; who gathers, or replaces all of it, begins if
//! nobody holds the account of a shard. Each takes its own account before it looks at others, so of two
//! that begin at the same time at least one sees the other.

use std::path::Path;

use super::earlier::Manifest;
use super::error::PublishError;
use super::lost::Found;
use super::names::MANIFEST;
use super::scope::Scope;
use super::{PlaceRequest, Publication, disk};

/// What of a result a run writes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Share<'a> {
    /// All of it.
    #[default]
    Whole,
    /// The parts of one shard, beside those of others. The request's account is that of the shard.
    Shard {
        number: u32,
        /// The account of the whole.
        whole: &'a Path,
    },
    /// The account alone: shards have written the parts, which stay where they are.
    Gathered,
}

/// Who writes the parts of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PartsBy {
    Itself,
    /// They are in place already. See [`Publication::gather`].
    Shards,
}

impl PartsBy {
    pub(super) fn of(share: Share<'_>) -> PartsBy {
        match share {
            Share::Whole | Share::Shard { .. } => PartsBy::Itself,
            Share::Gathered => PartsBy::Shards,
        }
    }

    pub(super) fn is_shards(self) -> bool {
        self == PartsBy::Shards
    }
}

impl Share<'_> {
    /// The number of the shard.
    pub(crate) fn shard(self) -> Option<u32> {
        match self {
            Share::Shard { number, .. } => Some(number),
            Share::Whole | Share::Gathered => None,
        }
    }
}

impl Publication {
    /// Takes the outputs of a result that shards have written. `manifest`: the one that is going to be
    /// published; its parts must be in place, and nothing else.
    pub fn gather(
        &mut self,
        request: &PlaceRequest<'_>,
        manifest: &[u8],
    ) -> Result<(), PublishError> {
        let scope = Scope::new(request)?;
        let gathered = Manifest::parse(manifest, MANIFEST, &scope.account)?;
        if let Some(lost) = Found::look(&scope, request.buckets)?.lost(&gathered) {
            return Err(PublishError::Lost { manifest: request.account.join(MANIFEST), lost });
        }
        self.earlier.gathered = Some(gathered);
        self.take_outputs(&scope, request.modes, disk::move_mode)
    }

    /// The numbers of the shards that have an account in that of the whole.
    pub fn shards(&self) -> Result<Vec<u32>, PublishError> {
        self.account.shards()
    }
}
