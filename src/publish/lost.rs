//! The parts of a published run that are gone or have another size.
//!
//! Whoever runs a definition again must not be told that all is done when it is not. Before a run
//! says that its result is published already, it looks for each part of it. With `--overwrite` it
//! makes them again, and since it makes the very bytes that the manifest promises, it may replace a
//! file with the name of such a part whatever its size. (A run with another fingerprint replaces a
//! part only if it has the size that the manifest states, see `parts.rs`.)

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use super::earlier::Manifest;
use super::error::{LostParts, PublishError};
use super::names::is_part;
use super::place::{self, Buckets};
use super::scope::Scope;

/// The sizes of the files in the outputs of a definition.
pub(crate) struct Found<'a> {
    outputs: &'a [PathBuf],
    /// What the outputs in buckets hold.
    listed: BTreeMap<PathBuf, BTreeMap<PathBuf, u64>>,
}

impl<'a> Found<'a> {
    pub(crate) fn look(
        scope: &'a Scope,
        buckets: Option<&Buckets>,
    ) -> Result<Found<'a>, PublishError> {
        let mut listed = BTreeMap::new();
        for to in &scope.outputs {
            if let Some(sizes) = place::sizes_in_bucket(to, buckets)? {
                listed.insert(to.clone(), sizes);
            }
        }
        Ok(Found { outputs: &scope.outputs, listed })
    }

    /// The size of a part in an output. `None`: it is not there.
    fn bytes(&self, to: &Path, part: &Path) -> Option<u64> {
        if !is_part(part) {
            return None; // anybody may have written the manifest
        }
        if let Some(sizes) = self.listed.get(to) {
            return sizes.get(part).copied();
        }
        let metadata = fs::symlink_metadata(to.join(part)).ok()?;
        metadata.is_file().then_some(metadata.len())
    }

    /// The parts of this manifest in the outputs that are gone or have another size.
    pub(crate) fn lost(&self, manifest: &Manifest) -> Option<LostParts> {
        let (mut names, mut count) = (Vec::new(), 0);
        for to in self.outputs {
            for part in manifest.parts_in(to) {
                let what = match self.bytes(to, part.path()) {
                    Some(bytes) if bytes == part.bytes() => continue,
                    Some(1) => format!("has 1 byte instead of {}", part.bytes()),
                    Some(bytes) => format!("has {bytes} bytes instead of {}", part.bytes()),
                    None => "is gone".to_owned(),
                };
                count += 1;
                if count <= LostParts::NAMES_MAX {
                    let path = to.join(part.path());
                    names.push(format!("`{}` {what}", path.to_string_lossy().escape_debug()));
                }
            }
        }
        (0 < count).then_some(LostParts { names, count })
    }

    /// Takes over the sizes that the parts of this manifest have now, so that they can be replaced.
    pub(crate) fn adopt_sizes(&self, manifest: &mut Manifest) {
        for to in self.outputs {
            for part in manifest.parts_in_mut(to) {
                if let Some(bytes) = self.bytes(to, part.path()) {
                    part.set_bytes(bytes);
                }
            }
        }
    }
}
