//! What blocks a run: files that are not ours, and results that it may not replace.

use std::path::{Path, PathBuf};

use super::account::AccountPlace;
use super::earlier::{EarlierRuns, read_all_manifests, read_manifests};
use super::error::PublishError;
use super::lost::Found;
use super::names::{
    LINEAGE, MANIFEST, RETRIES_MAX, is_account_file, is_of_retry, retry_folder, shard_file,
    shard_folder,
};
use super::recover::{is_idle, recover_retry};
use super::scope::Scope;
use super::share::PartsBy;
use super::{PlaceRequest, Publication, Share, last_words, paths, place, recover};

impl Publication {
    /// Cleans up after retries that were killed. None is working: a retry holds the account of its run.
    pub(super) fn recover_retries(
        &mut self,
        scope: &Scope,
        request: &PlaceRequest<'_>,
    ) -> Result<(), PublishError> {
        let held = self.account.held()?;
        if !held.iter().any(|name| is_of_retry(Path::new(name))) {
            return Ok(());
        }
        // Those that ended, and the next one, which may have been killed.
        for number in 1..=(self.earlier.retries.len() + 1).min(RETRIES_MAX) {
            recover_retry(scope, request, number)?;
        }
        self.account.refresh()?;
        self.earlier = read_all_manifests(&*self.account)?;
        Ok(())
    }

    /// Cleans up after shards that were killed. Fails if one is working.
    pub(super) fn settle_shards(&mut self, request: &PlaceRequest<'_>) -> Result<(), PublishError> {
        let busy = self.account.busy_shards()?;
        for number in &busy {
            let account = &self.account.path().join(shard_folder(*number));
            let share = Share::Shard { number: *number, whole: request.account };
            recover(&PlaceRequest { account, share, fingerprint: "", ..*request })?;
        }
        if !busy.is_empty() {
            self.account.refresh()?;
            self.earlier = read_all_manifests(&*self.account)?;
        }
        Ok(())
    }

    /// Fails if another run holds the result that this shard belongs to, or has published one there.
    pub(super) fn check_whole(&self, request: &PlaceRequest<'_>) -> Result<(), PublishError> {
        let Share::Shard { whole, .. } = request.share else { return Ok(()) };
        let whole = place::account_at(paths::resolve(whole)?, request.buckets)?;
        if !whole.is_idle()? {
            // It was killed, or is working, which is an error.
            let (account, share) = (&whole.path(), Share::Whole);
            recover(&PlaceRequest { account, share, fingerprint: "", ..*request })?;
        }
        // The same shard may write its parts again, if they are lost: they are the very same bytes.
        let is_same = self.earlier.is_published_as(request.fingerprint) && request.overwrite;
        if read_manifests(&*whole)?.has_result() && !is_same {
            return Err(PublishError::Whole { account: whole.path() });
        }
        Ok(())
    }

    pub(super) fn check_account(
        &self,
        request: &PlaceRequest<'_>,
        may_overwrite: bool,
    ) -> Result<(), PublishError> {
        self.check_account_files()?;
        self.account.check_working_files(false)?;
        let account = self.account.path();
        if self.parts_by.is_shards() && self.earlier.has_result() {
            return Err(PublishError::Whole { account });
        }
        check_results(&self.earlier, account, request.share, may_overwrite)
    }

    pub(super) fn check_account_files(&self) -> Result<(), PublishError> {
        check_files(&*self.account, &self.earlier, self.parts_by)
    }
}

/// Fails if an account holds results that a run may not replace.
fn check_results(
    earlier: &EarlierRuns,
    account: PathBuf,
    share: Share<'_>,
    may_overwrite: bool,
) -> Result<(), PublishError> {
    if earlier.is_published() && !may_overwrite {
        return Err(PublishError::Published { account });
    }
    let shards = earlier.shards_with_parts();
    if share == Share::Whole && 0 < shards && !may_overwrite {
        return Err(PublishError::Ungathered { account, shards });
    }
    Ok(())
}

/// Fails if an account holds files that are not ours.
fn check_files(
    account: &dyn AccountPlace,
    earlier: &EarlierRuns,
    parts_by: PartsBy,
) -> Result<(), PublishError> {
    let is_known = earlier.is_any();
    let has_words = !is_known && last_words::are_in(account)?;
    account.check_files(&|file| match file.to_str().and_then(shard_file) {
        None if file == Path::new(LINEAGE) && has_words => true,
        None => is_known && is_account_file(file),
        Some((shard, _)) => {
            (parts_by.is_shards() || earlier.has_shard(shard)) && is_account_file(file)
        }
    })
}

/// Whether a retry of the run in an account is working, or was killed.
fn has_busy_retry(
    account: &dyn AccountPlace,
    earlier: &EarlierRuns,
    request: &PlaceRequest<'_>,
) -> Result<bool, PublishError> {
    if !account.held()?.iter().any(|name| is_of_retry(Path::new(name))) {
        return Ok(false);
    }
    for number in 1..=(earlier.retries.len() + 1).min(RETRIES_MAX) {
        if !is_idle(&account.path().join(retry_folder(number)), request.buckets)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// What a run would find in its places.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Foreseen {
    /// This very run is published already.
    AlreadyPublished,
    /// Nothing that blocks it, as far as can be seen before it begins.
    Nothing,
}

/// Looks whether a run could begin, as [`Publication::begin`] does, but takes and changes nothing. Where another
/// run is working, or was killed, what it will leave is not known.
///
/// # Errors
///
/// The error that the run would end with.
pub(crate) fn foresee(request: &PlaceRequest<'_>) -> Result<Foreseen, PublishError> {
    let scope = Scope::new(request)?;
    let mut account = place::account_at(scope.account.clone(), request.buckets)?;
    if !account.is_idle()? {
        return Ok(Foreseen::Nothing);
    }
    account.look()?;
    let mut earlier = read_all_manifests(&*account)?;
    if !account.busy_shards()?.is_empty() || has_busy_retry(&*account, &earlier, request)? {
        return Ok(Foreseen::Nothing);
    }
    let last = earlier.last.as_mut();
    if let Some(last) = last.filter(|last| last.is_published_as(request.fingerprint)) {
        let found = Found::look(&scope, request.buckets)?;
        match found.lost(last) {
            None if request.overwrite && !earlier.retries.is_empty() => {}
            None => return Ok(Foreseen::AlreadyPublished),
            Some(parts) if !request.overwrite => {
                let manifest = request.account.join(MANIFEST);
                return Err(PublishError::Lost { manifest, lost: parts });
            }
            Some(_) => found.adopt_sizes(last),
        }
    }
    check_files(&*account, &earlier, PartsBy::of(request.share))?;
    check_results(&earlier, scope.account, request.share, request.overwrite)?;
    for to in &scope.outputs {
        place::check_output(to, &earlier.parts_in(to), request.buckets)?;
    }
    Ok(Foreseen::Nothing)
}
