//! The parts that a manifest or a journal accounts for.
//!
//! A file is one of them only if segprep gives such names to parts, and if it is a regular file of
//! the stated size: anybody may have written the manifest.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use super::names::is_part;

/// A part, by its path in the output.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Part {
    path: PathBuf,
    bytes: u64,
}

impl Part {
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The same part, by its path in the folder that this folder is in.
    pub(crate) fn below(&self, folder: &str) -> Part {
        Part { path: Path::new(folder).join(&self.path), bytes: self.bytes }
    }

    pub(crate) fn set_bytes(&mut self, bytes: u64) {
        self.bytes = bytes;
    }
}

/// The parts of one output.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Parts(BTreeSet<Part>);

impl Parts {
    /// Whether a file or an object of this path and size is one of these parts.
    pub(crate) fn has(&self, path: &Path, bytes: u64) -> bool {
        is_part(path) && self.0.contains(&Part { path: path.to_owned(), bytes })
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The paths of these parts.
    pub(crate) fn paths(&self) -> impl Iterator<Item = &Path> {
        self.0.iter().map(|part| part.path.as_path())
    }

    /// Those of these parts for which this holds.
    pub(crate) fn filtered(&self, holds: impl Fn(&Path, u64) -> bool) -> Parts {
        let held =
            self.0.iter().filter(|part| is_part(&part.path) && holds(&part.path, part.bytes));
        held.cloned().collect()
    }

    /// These parts and others.
    pub(crate) fn and(&self, others: &Parts) -> Parts {
        Parts(self.0.union(&others.0).cloned().collect())
    }

    /// Those of these parts that are in a folder. Of several with one path, but of other sizes, at most
    /// one is.
    pub(crate) fn found_in(&self, folder: &Path) -> Parts {
        self.filtered(|path, bytes| bytes_of_file(folder, path) == Some(bytes))
    }

    /// Whether the file at `path`, relative to `folder`, is one of these parts.
    pub(crate) fn has_file(&self, folder: &Path, path: &Path) -> bool {
        bytes_of_file(folder, path).is_some_and(|bytes| self.has(path, bytes))
    }
}

/// The size of a regular file; `None` if there is none.
fn bytes_of_file(folder: &Path, path: &Path) -> Option<u64> {
    let metadata = fs::symlink_metadata(folder.join(path)).ok()?;
    metadata.is_file().then_some(metadata.len())
}

impl FromIterator<Part> for Parts {
    fn from_iter<I: IntoIterator<Item = Part>>(parts: I) -> Parts {
        Parts(parts.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_two_parts_with_one_name_only_that_with_the_size_is_found() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        fs::create_dir(folder.path().join("job-000")).expect("a folder");
        fs::write(folder.path().join("job-000/part-00000.json"), "four").expect("a file");
        let part = |bytes| Part { path: "job-000/part-00000.json".into(), bytes };
        let parts = Parts::from_iter([part(3), part(4), part(5)]);
        assert_eq!(parts.found_in(folder.path()), Parts::from_iter([part(4)]));
    }

    #[test]
    fn a_part_has_the_name_and_the_size_that_are_listed() {
        let part = |path: &str, bytes| Part { path: path.into(), bytes };
        let parts = Parts::from_iter([
            part("job-000/part-00000.json", 3),
            part("diary.txt", 3),
            part("../part-00000.json", 3),
            part("/part-00000.json", 3),
        ]);
        let cases = [
            ("job-000/part-00000.json", 3, true),
            ("job-000/part-00000.json", 4, false),
            ("job-000/part-00001.json", 3, false),
            ("diary.txt", 3, false),
            ("../part-00000.json", 3, false),
            ("/part-00000.json", 3, false),
        ];
        for (path, bytes, expected) in cases {
            assert_eq!(parts.has(Path::new(path), bytes), expected, "{path} {bytes}");
        }
    }
}
