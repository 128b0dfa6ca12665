//! Finds the objects that `from` names, by the rules for files.
//!
//! `s3://bucket/key` is that object, or otherwise the folder of that name. A key that ends in `/`
//! is a folder, and a key with `*`, `?` or `[` a pattern. The parts of a key before each `/` count
//! as folders.

use std::collections::BTreeSet;

use super::list::Object;
use super::{S3, Url};
use crate::glob::{Glob, is_glob};
use crate::store::aws::{AwsError, AwsErrorKind};
use crate::store::error::StoreError;
use crate::store::exclude::{Exclusions, Hidden};
use crate::store::listing::{Ignored, Listed, Listing, Reason, Stamp};

/// The objects found so far.
pub(in crate::store) struct ObjectSearch<'e> {
    s3: &'e S3,
    exclusions: &'e Exclusions,
    hidden: Hidden,
    files: Vec<Listed>,
    /// A set, since many objects may be below one ignored folder.
    ignored: BTreeSet<(String, Reason)>,
    unmatched: Vec<String>,
}

impl<'e> ObjectSearch<'e> {
    pub(in crate::store) fn new(
        s3: &'e S3,
        exclusions: &'e Exclusions,
        hidden: Hidden,
    ) -> ObjectSearch<'e> {
        let (files, ignored, unmatched) = (Vec::new(), BTreeSet::new(), Vec::new());
        ObjectSearch { s3, exclusions, hidden, files, ignored, unmatched }
    }

    /// Everything that was found, in no particular order.
    pub(in crate::store) fn finish(self) -> Listing {
        let ignored = self.ignored.into_iter().map(|(name, reason)| Ignored { name, reason });
        Listing { files: self.files, ignored: ignored.collect(), unmatched: self.unmatched }
    }

    /// Adds what an entry of `from` names: an object, a folder or a pattern.
    pub(in crate::store) fn add(&mut self, from: &Url) -> Result<(), StoreError> {
        if is_glob(from.key.as_bytes()) {
            return self.add_matches(from);
        }
        if !from.key.is_empty() && !from.key.ends_with('/') {
            let first = self.s3.list_first(from)?;
            if let Some(object) = first.into_iter().find(|object| object.url == *from) {
                let start = match self.hidden {
                    Hidden::Ignored => from.key.rfind('/').map_or(0, |slash| slash + 1),
                    Hidden::Read => from.key.len(),
                };
                return self.add_object(object, start);
            }
        }
        let folder = from.clone().folder();
        let objects = self.s3.list(&folder)?;
        if objects.is_empty() {
            return Err(StoreError::NotFound { name: from.to_string() });
        }
        objects.into_iter().try_for_each(|object| self.add_object(object, folder.key.len()))
    }

    fn add_matches(&mut self, from: &Url) -> Result<(), StoreError> {
        let glob = Glob::new(&from.key).map_err(|error| {
            let message = format!("`{from}` is not a valid pattern: {error}");
            AwsError::new(AwsErrorKind::Settings, message, "fix `from` under `[input]`")
        })?;
        let literal = from.key.split(['*', '?', '[']).next().unwrap_or_default();
        let prefix = Url { bucket: from.bucket.clone(), key: literal.to_owned() };
        let mut has_matched = false;
        for object in self.s3.list(&prefix)? {
            if let Some(start) = start_of_match(&object.url.key, &glob) {
                has_matched = true;
                if let Some(end) = hidden_folder(&object.url.key, start, &from.key) {
                    let key = object.url.key.get(..end).unwrap_or_default().to_owned();
                    let folder = Url { key, ..object.url };
                    self.ignored.insert((folder.to_string(), Reason::Name));
                } else {
                    self.add_object(object, start)?;
                }
            }
        }
        if !has_matched {
            self.unmatched.push(from.to_string());
        }
        Ok(())
    }

    /// Adds an object unless its name is hidden or excluded. Only the names from byte `start` of
    /// the key on are looked at: `from` names those before.
    fn add_object(&mut self, object: Object, start: usize) -> Result<(), StoreError> {
        let name = object.url.to_string();
        let key_start = name.len() - object.url.key.len();
        if let Some((end, reason)) = first_ignored(&name, key_start + start, self.exclusions) {
            self.ignored.insert((name.get(..end).unwrap_or(&name).to_owned(), reason));
            return Ok(());
        }
        if object.bytes == 0 {
            let is_folder = object.url.key.ends_with('/');
            let reason = if is_folder { Reason::FolderMarker } else { Reason::Empty };
            self.ignored.insert((name, reason));
            return Ok(());
        }
        if let Some(class) = object.archive {
            let message = format!("`{name}` is archived (storage class {class})");
            let hint =
                "restore it first (`aws s3api restore-object`), or leave it out by `exclude`";
            return Err(AwsError::new(AwsErrorKind::Archived, message, hint).into());
        }
        if object.etag.is_empty() {
            let message = format!("the server sends no ETag for `{name}`");
            let hint =
                "use a server that does: without ETags, a change of an object goes unnoticed";
            return Err(AwsError::new(AwsErrorKind::Unsupported, message, hint).into());
        }
        let stamp = Stamp::ETag(object.etag);
        self.files.push(Listed { name, bytes: object.bytes, stamp, range: None });
        Ok(())
    }
}

/// Where the name begins that the pattern matches, as a byte of the key. A pattern that matches a
/// folder matches what is in it; the outermost match counts.
fn start_of_match(key: &str, glob: &Glob) -> Option<usize> {
    let mut ends = key.match_indices('/').map(|(slash, _)| slash).chain([key.len()]);
    let end = ends.find(|end| key.get(..*end).is_some_and(|path| glob.is_match(path)))?;
    Some(key.get(..end)?.rfind('/').map_or(0, |slash| slash + 1))
}

/// Where the first hidden folder ends that a wildcard matched, as a byte of the key; `start` is where the name
/// begins that the pattern matches. A folder that the pattern has by name is meant.
fn hidden_folder(key: &str, start: usize, pattern: &str) -> Option<usize> {
    let by_name: Vec<&str> = pattern.split('/').filter(|name| !is_glob(name.as_bytes())).collect();
    let folders = key.get(..start)?.match_indices('/').map(|(slash, _)| slash);
    let mut name_start = 0;
    for end in folders {
        let name = key.get(name_start..end)?;
        if name.starts_with(['_', '.']) && !by_name.contains(&name) {
            return Some(end);
        }
        name_start = end + 1;
    }
    None
}

/// The first folder or object of a path that is not read, as the byte at which its name ends, and
/// why.
fn first_ignored(path: &str, start: usize, exclusions: &Exclusions) -> Option<(usize, Reason)> {
    let below = path.get(start..).unwrap_or_default();
    let slashes = below.match_indices('/').map(|(slash, _)| start + slash);
    let mut name_start = start;
    for end in slashes.chain([path.len()]) {
        let name = path.get(name_start..end).unwrap_or_default();
        if name.starts_with(['_', '.']) {
            return Some((end, Reason::Name));
        }
        if !name.is_empty() && exclusions.matches(path.get(..end).unwrap_or_default()) {
            return Some((end, Reason::Excluded));
        }
        name_start = end + 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_matches_objects_and_folders() {
        let start = |key, pattern| start_of_match(key, &Glob::new(pattern).expect("a pattern"));
        assert_eq!(start("in/a.json", "in/*.json"), Some(3));
        assert_eq!(start("in/a/b.json", "in/*.json"), None);
        assert_eq!(start("in/a/b.json", "in/*"), Some(3));
        assert_eq!(start("in/a/b.json", "in/**/*.json"), Some(5));
        assert_eq!(start("in/a/b.json", "out/*"), None);
    }

    #[test]
    fn a_wildcard_enters_no_hidden_folder() {
        let hidden = |key: &str, pattern: &str| {
            let start = start_of_match(key, &Glob::new(pattern).expect("a pattern"));
            let end = hidden_folder(key, start.expect("a match"), pattern)?;
            key.get(..end).map(str::to_owned)
        };
        assert_eq!(hidden("in/_tmp/0/a.json", "in/**/*.json").as_deref(), Some("in/_tmp"));
        assert_eq!(hidden("in/b/.c/a.json", "in/*/*/a.json").as_deref(), Some("in/b/.c"));
        assert_eq!(hidden("in/_x/a.json", "in/_x/*.json"), None);
        assert_eq!(hidden("in/b/a.json", "in/**/*.json"), None);
    }

    #[test]
    fn hidden_and_excluded_folders_are_ignored_as_a_whole() {
        let patterns = ["*.tmp", "s3://b/in/old/*"].map(str::to_owned);
        let exclusions = Exclusions::new(&patterns);
        let ignored = |path: &str| {
            let found = first_ignored(path, "s3://b/in/".len(), &exclusions);
            found.map(|(end, reason)| (path.get(..end).unwrap_or(path).to_owned(), reason))
        };
        let some = |path: &str, reason| Some((path.to_owned(), reason));
        assert_eq!(ignored("s3://b/in/a.json"), None);
        assert_eq!(ignored("s3://b/in/_x/a.json"), some("s3://b/in/_x", Reason::Name));
        assert_eq!(ignored("s3://b/in/a/.x"), some("s3://b/in/a/.x", Reason::Name));
        assert_eq!(ignored("s3://b/in/a.tmp/b"), some("s3://b/in/a.tmp", Reason::Excluded));
        assert_eq!(ignored("s3://b/in/old/b"), some("s3://b/in/old/b", Reason::Excluded));
    }
}
