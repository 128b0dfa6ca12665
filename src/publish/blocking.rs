//! What blocks a run: files that are not ours, and results that it may not replace.

use std::path::Path;

use super::earlier::{read_all_manifests, read_manifests};
use super::error::PublishError;
use super::names::{LINEAGE, RETRIES_MAX, is_account_file, is_of_retry, shard_file, shard_folder};
use super::recover::recover_retry;
use super::scope::Scope;
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
        if self.earlier.is_published() && !may_overwrite {
            return Err(PublishError::Published { account });
        }
        let shards = self.earlier.shards_with_parts();
        if request.share == Share::Whole && 0 < shards && !may_overwrite {
            return Err(PublishError::Ungathered { account, shards });
        }
        Ok(())
    }

    pub(super) fn check_account_files(&self) -> Result<(), PublishError> {
        let is_known = self.earlier.is_any();
        let has_words = !is_known && last_words::are_in(&*self.account)?;
        self.account.check_files(&|file| match file.to_str().and_then(shard_file) {
            None if file == Path::new(LINEAGE) && has_words => true,
            None => is_known && is_account_file(file),
            Some((shard, _)) => {
                (self.parts_by.is_shards() || self.earlier.has_shard(shard))
                    && is_account_file(file)
            }
        })
    }
}
