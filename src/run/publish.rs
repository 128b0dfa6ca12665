//! The last step: everything goes into its place.

use super::account::manifest;
use super::text::{escape_path, with_causes};
use crate::publish::{Publication, PublishError};
use crate::report::{Manifest, Status};

/// Puts parts and manifest in place. Returns a warning if working files are left.
pub(super) fn put_in_place(
    place: Publication,
    manifest: &Manifest,
) -> Result<Option<String>, PublishError> {
    let text = manifest::text(manifest);
    let leftover = match manifest.status {
        Status::Published => place.publish(&text)?,
        Status::OverBudget | Status::DryRun => place.refuse(&text)?,
    };
    Ok(leftover.map(|leftover| {
        let places = leftover.places.iter().map(|place| format!("`{}`", escape_path(place)));
        let (places, why) = (places.collect::<Vec<_>>().join(", "), with_causes(&leftover.error));
        format!(
            "working files are left in {places} ({why}); the result stands, and the next run of this \
             definition removes them"
        )
    }))
}
