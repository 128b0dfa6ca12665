//! What other runs left in their places, for runs that go elsewhere: with `[state]`, each run has places
//! of its own, and the next one cleans up in those of a killed run.

use std::path::{Path, PathBuf};

use super::account::AccountPlace;
use super::earlier::{read_manifest, read_own_manifests};
use super::error::{ForeignFiles, PublishError};
use super::names::{MANIFEST, retry_folder};
use super::paths::resolve;
use super::place::{Buckets, account_at, is_on_disk};
use super::scope::Scope;
use super::undo::remove_made;
use super::{PlaceRequest, Publication, Share};

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

/// Removes the folders of a place on disk, as far as they are empty and do not lead to another place as well.
pub(crate) fn remove_empty_folders(place: &Path, other: &Path) {
    let (Ok(place), Ok(other)) = (resolve(place), resolve(other)) else { return };
    if is_on_disk(&place) {
        let own = place.ancestors().take_while(|folder| !other.starts_with(folder));
        remove_made(&own.map(Path::to_owned).collect::<Vec<_>>());
    }
}

/// Cleans up after a killed retry of the run in these places, which this run holds.
pub(super) fn recover_retry(
    scope: &Scope,
    request: &PlaceRequest<'_>,
    number: usize,
) -> Result<(), PublishError> {
    let (account, outputs) = retry_places(&scope.account, &scope.outputs, number)?;
    let share = Share::Whole;
    let retry = PlaceRequest { account: &account, outputs: &outputs, share, ..*request };
    recover(&retry).map(drop)
}

/// The account and the outputs of a retry of the run in these places.
///
/// # Errors
///
/// If a link leads to elsewhere: nothing of that is the run's.
pub(crate) fn retry_places(
    account: &Path,
    outputs: &[PathBuf],
    number: usize,
) -> Result<(PathBuf, Vec<PathBuf>), PublishError> {
    let folder = retry_folder(number);
    for place in outputs.iter().map(PathBuf::as_path).chain([account]) {
        if resolve(&place.join(&folder))? != resolve(place)?.join(&folder) {
            let foreign = ForeignFiles::one(&folder);
            return Err(PublishError::Foreign { place: place.to_owned(), foreign });
        }
    }
    let outputs = outputs.iter().map(|to| to.join(&folder)).collect();
    Ok((account.join(&folder), outputs))
}

/// An account that a retry of its run holds while it works, so that nobody replaces the run meanwhile.
#[derive(Debug)]
pub(crate) struct HeldAccount {
    account: Box<dyn AccountPlace>,
    /// The folders that were made for it.
    made: Vec<PathBuf>,
}

impl HeldAccount {
    /// Takes an account, after cleaning up what a killed run left in its places.
    ///
    /// # Errors
    ///
    /// If another run is using it.
    pub(crate) fn take(request: &PlaceRequest<'_>) -> Result<HeldAccount, PublishError> {
        recover(request)?;
        let mut account = account_at(resolve(request.account)?, request.buckets)?;
        let made = account.missing_folders();
        if !account.take()? {
            return Err(PublishError::Taken { place: account.path() });
        }
        Ok(HeldAccount { account, made })
    }
}

impl Drop for HeldAccount {
    fn drop(&mut self) {
        self.account.release().ok(); // what is left, the next run takes
        remove_made(&self.made);
    }
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
    let earlier = read_own_manifests(&*account_at(resolve(account)?, buckets)?)?;
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

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn only_empty_folders_of_ones_own_are_removed() {
        let root = tempfile::tempdir().expect("a temporary folder");
        let at = |path: &str| root.path().join(path);
        for (place, other, left) in [
            ("out/1/account", "out/2/account", "out"),
            ("out/1/account", "out/1/account", "out/1/account"),
            ("out/1/account", "out/1/import", "out/1"),
            ("out/1/kept/account", "out/2/kept/account", "out/1/kept"),
        ] {
            fs::create_dir_all(at(place)).expect("a folder");
            if left.ends_with("kept") {
                fs::write(at("out/1/kept/file"), "x").expect("a file");
            }
            remove_empty_folders(&at(place), &at(other));
            let deepest = at(place).ancestors().find(|path| path.exists()).map(Path::to_owned);
            assert_eq!(deepest, Some(at(left)), "{place} {other}");
        }
    }
}
