//! What blocks a run: files that are not ours, and results that it may not replace.

use super::error::PublishError;
use super::names::{is_account_file, shard_file};
use super::{PlaceRequest, Publication, Share, paths, place, read_manifests, recover};

impl Publication {
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
        self.account.check_files(&|file| match file.to_str().and_then(shard_file) {
            None => is_known && is_account_file(file),
            Some((shard, _)) => {
                (self.parts_by.is_shards() || self.earlier.has_shard(shard))
                    && is_account_file(file)
            }
        })
    }
}
