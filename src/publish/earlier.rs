//! What earlier runs wrote, told from what others wrote.
//!
//! A part is ours if a manifest in the account lists it for the output it lies in. A file in the
//! account is ours by its name, if there is a manifest of ours. Whatever else lies there is
//! foreign, and no run touches it.

use std::{
    collections::HashSet,
    io,
    path::{Path, PathBuf},
};

use serde::Deserialize;

use super::account::AccountPlace;
use super::error::{ForeignFiles, PublishError};
use super::resolve;
use crate::store::disk::folder;

pub(crate) const MANIFEST: &str = "manifest.json";
/// The manifest of the published run whose parts still lie in the outputs, after a run that was
/// let overwrite them was over its budget.
pub(crate) const EARLIER: &str = "manifest.earlier.json";
/// What an account holds beside its manifests.
pub(crate) const FILES: [&str; 3] = ["rejects.ndjson", "rejects.parquet", "inputs.ndjson"];
pub(crate) const REJECTED: &str = "rejected-records";

const VERSION: u64 = 1;

/// The manifests that lie in an account.
#[derive(Debug, Default)]
pub(crate) struct Account {
    manifest: Option<Manifest>,
    earlier: Option<Manifest>,
}

/// As much of a manifest as it takes to know what is ours.
#[derive(Debug, Deserialize)]
struct Manifest {
    #[serde(rename = "segprep_manifest")]
    version: u64,
    status: String,
    fingerprint: String,
    outputs: Vec<Output>,
}

#[derive(Debug, Deserialize)]
struct Output {
    to: PathBuf,
    files: Vec<Part>,
}

/// A part, by its path in the output.
#[derive(Debug, PartialEq, Eq, Hash, Deserialize)]
struct Part {
    path: PathBuf,
}

impl Manifest {
    /// None if there is none; one that is not ours is foreign.
    fn read(account: &dyn AccountPlace, name: &str) -> Result<Option<Manifest>, PublishError> {
        let Some(text) = account.read(name)? else { return Ok(None) };
        match serde_json::from_slice::<Manifest>(&text) {
            Ok(manifest) if manifest.version == VERSION => Ok(Some(manifest)),
            _ => Err(PublishError::Foreign {
                place: account.name(),
                strangers: ForeignFiles { names: vec![name.to_owned()], more: false },
            }),
        }
    }

    /// The parts in this output, which is resolved. A `to` that was relative is taken from the
    /// working directory, as it was by the run that wrote it.
    fn parts_in(&self, to: &Path) -> impl Iterator<Item = &Path> {
        let here = |output: &&Output| resolve(&output.to).is_ok_and(|path| path == to);
        let parts = self.outputs.iter().filter(here).collect::<Vec<_>>();
        parts.into_iter().flat_map(|output| &output.files).map(|part| part.path.as_path())
    }
}

impl Account {
    pub(crate) fn read(account: &dyn AccountPlace) -> Result<Account, PublishError> {
        Ok(Account {
            manifest: Manifest::read(account, MANIFEST)?,
            earlier: Manifest::read(account, EARLIER)?,
        })
    }

    pub(crate) fn is_published(&self) -> bool {
        self.manifest.as_ref().is_some_and(|manifest| manifest.status == "published")
    }

    pub(crate) fn is_published_as(&self, fingerprint: &str) -> bool {
        self.is_published()
            && self.manifest.as_ref().is_some_and(|manifest| manifest.fingerprint == fingerprint)
    }

    /// The outputs that runs of this account wrote to, resolved, and of which there is something.
    pub(crate) fn outputs(&self) -> Vec<PathBuf> {
        let manifests = self.manifest.iter().chain(&self.earlier);
        let with_parts = manifests.flat_map(|manifest| &manifest.outputs);
        let with_parts = with_parts.filter(|output| !output.files.is_empty());
        let mut outputs: Vec<PathBuf> =
            with_parts.filter_map(|output| resolve(&output.to).ok()).collect();
        outputs.sort_unstable();
        outputs.dedup();
        outputs
    }

    /// What runs of this account wrote into this output.
    pub(crate) fn parts_in(&self, to: &Path) -> HashSet<&Path> {
        let manifests = self.manifest.iter().chain(&self.earlier);
        manifests.flat_map(|manifest| manifest.parts_in(to)).collect()
    }

    /// Fails if something in the account is not ours.
    pub(crate) fn check(&self, account: &dyn AccountPlace) -> Result<(), PublishError> {
        let known = self.manifest.is_some() || self.earlier.is_some();
        account.check(&|file| known && is_account_file(file))
    }
}

/// Whether the run of this fingerprint is published in an account.
pub(crate) fn is_published_as(
    account: &dyn AccountPlace,
    fingerprint: &str,
) -> Result<bool, PublishError> {
    let manifest = Manifest::read(account, MANIFEST)?;
    Ok(Account { manifest, earlier: None }.is_published_as(fingerprint))
}

/// Whether a file of this path in an account is one that runs write.
pub(crate) fn is_account_file(file: &Path) -> bool {
    let Some(file) = file.to_str() else { return false };
    match file.split_once('/') {
        None => file == MANIFEST || file == EARLIER || FILES.contains(&file),
        Some((folder, name)) => folder == REJECTED && is_numbered(name),
    }
}

/// `00000-name`, as the originals of an input are called.
fn is_numbered(name: &str) -> bool {
    let number = name.split_once('-').map(|(number, _)| number);
    number.is_some_and(|number| number.len() >= 5 && is_digits(number)) && !name.contains('/')
}

/// Whether a part may be called so: `job-000/part-00000.json` or `part-00000.parquet`.
pub(crate) fn is_part_name(path: &Path) -> bool {
    let Some(path) = path.to_str() else { return false };
    let (job, part) = path.split_once('/').map_or((None, path), |(job, part)| (Some(job), part));
    job.is_none_or(is_job_name)
        && part.strip_prefix("part-").and_then(|rest| rest.split_once('.')).is_some_and(
            |(number, kind)| {
                number.len() >= 5 && is_digits(number) && !kind.is_empty() && !kind.contains('/')
            },
        )
}

pub(crate) fn is_job_name(name: &str) -> bool {
    name.strip_prefix("job-").is_some_and(|number| number.len() >= 3 && is_digits(number))
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Removes what a run wrote into an account beside the manifest.
pub(crate) fn remove_account_files(account: &Path) -> io::Result<()> {
    for name in FILES {
        folder::remove(&account.join(name))?;
    }
    let rejected = account.join(REJECTED);
    for file in folder::files(&rejected) {
        let file = file?;
        if file.to_str().is_some_and(is_numbered) {
            folder::remove(&rejected.join(file))?;
        }
    }
    folder::remove_if_empty(&rejected)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_known_by_their_names() {
        let cases = [
            ("job-000/part-00000.json", true),
            ("job-1234/part-123456.csv", true),
            ("part-00000.parquet", true),
            ("part-00000.json.gz", true),
            ("job-00/part-00000.json", false),
            ("job-000/part-0000.json", false),
            ("job-000/part-00000", false),
            ("job-000/sub/part-00000.json", false),
            ("job-000/part-00000.x/y", false),
            ("other/part-00000.json", false),
            ("part-000a0.json", false),
            ("job-000/notes.txt", false),
            ("", false),
        ];
        for (path, expected) in cases {
            assert_eq!(is_part_name(Path::new(path)), expected, "{path}");
        }
    }

    #[test]
    fn account_files_are_known_by_their_names() {
        let cases = [
            ("manifest.json", true),
            ("manifest.earlier.json", true),
            ("rejects.ndjson", true),
            ("rejects.parquet", true),
            ("inputs.ndjson", true),
            ("rejected-records/00000-a.ndjson", true),
            ("rejected-records/a.ndjson", false),
            ("rejected-records/00000-a/b", false),
            ("rejected-records", false),
            ("other/rejects.ndjson", false),
            ("notes.txt", false),
        ];
        for (path, expected) in cases {
            assert_eq!(is_account_file(Path::new(path)), expected, "{path}");
        }
    }
}
