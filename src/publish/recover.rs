//! What other runs left in their places, for runs that go elsewhere: with `[state]`, each run has places
//! of its own, and the next one cleans up in those of a killed run.

use std::path::Path;

use super::error::PublishError;
use super::names::MANIFEST;
use super::paths::resolve;
use super::place::{Buckets, account_at};
use super::scope::Scope;
use super::{PlaceRequest, Publication, read_manifest, read_manifests};

/// Cleans up after a killed run in these places. Returns the fingerprint of the run that is published there.
///
/// # Errors
///
/// If another run is using them, or if they hold foreign files.
pub(crate) fn recover(request: &PlaceRequest<'_>) -> Result<Option<String>, PublishError> {
    let scope = Scope::new(request)?;
    let account = account_at(scope.account.clone(), request.buckets)?;
    if account.is_idle()? {
        return published_in(request.account, request.buckets);
    }
    let mut publication = Publication::take(account, request)?;
    publication.clean_up_after_kill(&scope)?;
    let published = publication.earlier.published().map(str::to_owned);
    // A run that was killed at once may have left half of a journal.
    publication.account.remove_journal()?;
    publication.discard()?;
    Ok(published)
}

/// The fingerprint of the run that is published in an account. `None`: none is.
pub(crate) fn published_in(
    account: &Path,
    buckets: Option<&Buckets>,
) -> Result<Option<String>, PublishError> {
    let account = account_at(resolve(account)?, buckets)?;
    let manifest = read_manifest(&*account, MANIFEST)?;
    Ok(manifest.and_then(|manifest| manifest.published_fingerprint().map(str::to_owned)))
}

/// The result whose parts are in the outputs of an account.
pub(crate) struct InPlace {
    /// The fingerprint of the run that wrote it.
    pub(crate) fingerprint: String,
    /// Whether it is published. If not, a run that was allowed to replace it was over budget, and the next
    /// one needs no permission.
    pub(crate) is_published: bool,
}

/// The result in an account. `None`: there is none.
pub(crate) fn result_in(
    account: &Path,
    buckets: Option<&Buckets>,
) -> Result<Option<InPlace>, PublishError> {
    let earlier = read_manifests(&*account_at(resolve(account)?, buckets)?)?;
    let in_place = |fingerprint: &str, is_published| InPlace {
        fingerprint: fingerprint.to_owned(),
        is_published,
    };
    let published = earlier.published().map(|fingerprint| in_place(fingerprint, true));
    let kept = earlier.kept.as_ref().and_then(|kept| kept.published_fingerprint());
    Ok(published.or(kept.map(|fingerprint| in_place(fingerprint, false))))
}

/// Whether an account has no trace of a run that is working or was killed.
pub(crate) fn is_idle(account: &Path, buckets: Option<&Buckets>) -> Result<bool, PublishError> {
    account_at(resolve(account)?, buckets)?.is_idle()
}
