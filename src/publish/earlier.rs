//! The earlier manifests of an account. They list the files of earlier runs.
//!
//! A part is ours if a manifest in the account lists it, with its size, for the output that it is
//! in. A file in the account is ours if it has one of our names and there is a manifest of ours.
//! Every other file is foreign, and no run touches it.
//!
//! The retries of a run are in folders in its account and in its outputs, and what their manifests list there
//! belongs to the run: it is replaced and put back with it.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::account::AccountPlace;
use super::error::{ForeignFiles, PublishError};
use super::names::{
    EARLIER_MANIFEST, MANIFEST, RETRIES_MAX, is_part_of_shard, retry_folder, shard_folder,
};
use super::parts::{Part, Parts};
use super::paths::resolve;

const VERSION: u64 = 1;

/// The manifests found in an account.
#[derive(Debug, Default)]
pub(crate) struct EarlierRuns {
    /// `manifest.json`: the last run that finished here.
    pub(crate) last: Option<Manifest>,
    /// `manifest.earlier.json`: the published run whose parts are still in the outputs, where the
    /// last run was allowed to replace them but was over its budget.
    pub(crate) kept: Option<Manifest>,
    /// The manifests of shards, by their numbers.
    pub(crate) shards: Vec<(u32, Manifest)>,
    /// The manifest that is going to be published, if shards have written its parts.
    pub(crate) gathered: Option<Manifest>,
    /// The manifests of the retries of that run, in their order: `retry-001/manifest.json` and the next ones.
    pub(crate) retries: Vec<Manifest>,
}

/// The part of a manifest that says which files are ours.
#[derive(Debug, Deserialize)]
pub(crate) struct Manifest {
    #[serde(rename = "segprep_manifest")]
    version: u64,
    status: String,
    fingerprint: String,
    #[serde(default)]
    records: Option<Records>,
    outputs: Vec<Output>,
}

#[derive(Debug, Deserialize)]
struct Records {
    written: u64,
}

#[derive(Debug, Deserialize)]
struct Output {
    to: PathBuf,
    files: Vec<Part>,
}

impl Manifest {
    /// Reads the manifest `name` of an account. Fails if it is not one of ours.
    pub(crate) fn parse(text: &[u8], name: &str, account: &Path) -> Result<Manifest, PublishError> {
        match serde_json::from_slice::<Manifest>(text) {
            Ok(manifest) if manifest.version == VERSION => Ok(manifest),
            _ => Err(PublishError::Foreign {
                place: account.to_owned(),
                foreign: ForeignFiles::one(name),
            }),
        }
    }

    fn is_published(&self) -> bool {
        self.status == "published"
    }

    /// The fingerprint, if this is the manifest of a published run.
    pub(crate) fn published_fingerprint(&self) -> Option<&str> {
        self.is_published().then_some(self.fingerprint.as_str())
    }

    /// Whether this is the published manifest of the run with this fingerprint.
    pub(crate) fn is_published_as(&self, fingerprint: &str) -> bool {
        self.is_published() && self.fingerprint == fingerprint
    }

    /// The parts in this output, which is resolved. A relative `to` of the manifest is resolved
    /// from the working directory, as it was by the run that wrote it.
    pub(crate) fn parts_in(&self, to: &Path) -> impl Iterator<Item = &Part> {
        let is_this = |output: &&Output| resolve(&output.to).is_ok_and(|path| path == to);
        let outputs = self.outputs.iter().filter(is_this).collect::<Vec<_>>();
        outputs.into_iter().flat_map(|output| &output.files)
    }
}

impl Manifest {
    /// The same, to be changed.
    pub(crate) fn parts_in_mut(&mut self, to: &Path) -> Vec<&mut Part> {
        let outputs = self.outputs.iter_mut();
        let these = outputs.filter(|output| resolve(&output.to).is_ok_and(|path| path == to));
        these.flat_map(|output| &mut output.files).collect()
    }
}

impl EarlierRuns {
    /// The manifests of runs that ended here.
    fn manifests(&self) -> impl Iterator<Item = &Manifest> {
        self.last.iter().chain(&self.kept)
    }

    /// Whether a shard has a manifest.
    pub(crate) fn has_shard(&self, shard: u32) -> bool {
        self.shards.iter().any(|(number, _)| *number == shard)
    }

    /// How many shards have written something.
    pub(crate) fn shards_with_parts(&self) -> usize {
        self.shards.iter().filter(|(_, manifest)| manifest.is_published()).count()
    }

    /// Whether the account has a manifest of ours.
    pub(crate) fn is_any(&self) -> bool {
        self.manifests().next().is_some()
    }

    pub(crate) fn is_published(&self) -> bool {
        self.published().is_some()
    }

    /// Whether there are parts that some manifest accounts for.
    pub(crate) fn has_result(&self) -> bool {
        self.is_published() || self.kept.is_some()
    }

    /// The fingerprint of the run that is published.
    pub(crate) fn published(&self) -> Option<&str> {
        self.last.as_ref().and_then(Manifest::published_fingerprint)
    }

    pub(crate) fn is_published_as(&self, fingerprint: &str) -> bool {
        self.published() == Some(fingerprint)
    }

    /// The number of records of the run whose parts are in the outputs, if its manifest says so.
    pub(crate) fn records(&self) -> Option<u64> {
        let published = self.manifests().find(|manifest| manifest.is_published())?;
        published.records.as_ref().map(|records| records.written)
    }

    /// The outputs that runs of this account wrote parts to, resolved.
    pub(crate) fn outputs(&self) -> Vec<PathBuf> {
        let shards = self.shards.iter().map(|(_, manifest)| manifest);
        let outputs = self.manifests().chain(shards).flat_map(|manifest| &manifest.outputs);
        let with_parts = outputs.filter(|output| !output.files.is_empty());
        let mut outputs: Vec<PathBuf> =
            with_parts.filter_map(|output| resolve(&output.to).ok()).collect();
        outputs.sort_unstable();
        outputs.dedup();
        outputs
    }

    /// The parts that runs of this account, and their retries, wrote to this output, which is resolved.
    pub(crate) fn parts_in(&self, to: &Path) -> Parts {
        self.parts_with(None, to)
    }

    /// The same, and those of another manifest.
    pub(crate) fn parts_with(&self, other: Option<&Manifest>, to: &Path) -> Parts {
        let manifests = self.manifests().chain(&self.gathered).chain(other);
        let parts = manifests.flat_map(|manifest| manifest.parts_in(to));
        // When they are gathered, only what is going to be published may be there.
        let shards = self.shards.iter().filter(|_| self.gathered.is_none());
        let of_shards = shards.flat_map(|(shard, manifest)| {
            manifest.parts_in(to).filter(|part| is_part_of_shard(part.path(), *shard))
        });
        let retries =
            self.retries.iter().enumerate().map(|(index, retry)| (retry_folder(index + 1), retry));
        let of_retries = retries.flat_map(|(folder, retry)| {
            let to = to.join(&folder);
            retry.parts_in(&to).map(|part| part.below(&folder)).collect::<Vec<_>>()
        });
        parts.chain(of_shards).cloned().chain(of_retries).collect()
    }
}

/// One of the manifests of an account; `None` if it does not exist.
pub(crate) fn read_manifest(
    account: &dyn AccountPlace,
    name: &str,
) -> Result<Option<Manifest>, PublishError> {
    let text = account.read(name)?;
    text.map(|text| Manifest::parse(&text, name, &account.path())).transpose()
}

/// Whether the run in an account has been retried.
pub(super) fn has_retries(account: &dyn AccountPlace) -> Result<bool, PublishError> {
    Ok(read_manifest(account, &format!("{}/{MANIFEST}", retry_folder(1)))?.is_some())
}

/// The manifests of an account that is held.
pub(crate) fn read_manifests(account: &dyn AccountPlace) -> Result<EarlierRuns, PublishError> {
    let mut retries = Vec::new();
    for number in 1..=RETRIES_MAX {
        let name = format!("{}/{MANIFEST}", retry_folder(number));
        let Some(manifest) = read_manifest(account, &name)? else { break };
        retries.push(manifest);
    }
    Ok(EarlierRuns { retries, ..read_own_manifests(account)? })
}

/// The manifests of an account that is held, and those of shards. What is not a manifest of a shard is a foreign file.
pub(super) fn read_all_manifests(account: &dyn AccountPlace) -> Result<EarlierRuns, PublishError> {
    let mut earlier = read_manifests(account)?;
    for shard in account.shards()? {
        let name = format!("{}/{MANIFEST}", shard_folder(shard));
        match read_manifest(account, &name) {
            Ok(manifest) => earlier.shards.extend(manifest.map(|manifest| (shard, manifest))),
            Err(PublishError::Foreign { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(earlier)
}

/// The same without those of retries and shards.
pub(crate) fn read_own_manifests(account: &dyn AccountPlace) -> Result<EarlierRuns, PublishError> {
    Ok(EarlierRuns {
        last: read_manifest(account, MANIFEST)?,
        kept: read_manifest(account, EARLIER_MANIFEST)?,
        ..EarlierRuns::default()
    })
}
