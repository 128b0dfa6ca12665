//! Finds the objects that `from` names, as files are found on disk.
//!
//! `s3://bucket/key` is that object, or else the folder of that name; a key that ends in `/` is a
//! folder, and one with `*`, `?` or `[` a pattern. What a slash separates counts as a folder.

use std::collections::BTreeSet;

use glob::Pattern;

use super::{Object, S3, Url};
use crate::store::StoreError;
use crate::store::aws::{AwsError, AwsErrorKind};
use crate::store::disk::glob::{Excluded, OPTIONS};
use crate::store::disk::list::{Ignored, Listed, Reason, Stamp};

/// What is found, and what of it is left out.
#[derive(Default)]
pub(in crate::store) struct FoundObjects {
    pub(in crate::store) files: Vec<Listed>,
    pub(in crate::store) ignored: BTreeSet<(String, Reason)>,
    pub(in crate::store) unmatched: Vec<String>,
}

impl FoundObjects {
    pub(in crate::store) fn ignored(self) -> impl Iterator<Item = Ignored> {
        self.ignored.into_iter().map(|(name, reason)| Ignored { name, reason })
    }

    /// Adds what one entry of `from` names.
    pub(in crate::store) fn add(
        &mut self,
        s3: &S3,
        from: &Url,
        excluded: &mut Excluded,
    ) -> Result<(), StoreError> {
        let literal = from.key.split(['*', '?', '[']).next().unwrap_or_default();
        if literal.len() < from.key.len() {
            return self.add_matching(s3, from, literal, excluded);
        }
        if !from.key.is_empty() && !from.key.ends_with('/') {
            let first = s3.list_first(from)?;
            if let Some(object) = first.into_iter().find(|object| object.url == *from) {
                let start = from.key.rfind('/').map_or(0, |slash| slash + 1);
                return self.add_object(object, start, excluded);
            }
        }
        let folder = from.clone().folder();
        let objects = s3.list(&folder)?;
        if objects.is_empty() {
            return Err(StoreError::NotFound { name: from.to_string() });
        }
        objects
            .into_iter()
            .try_for_each(|object| self.add_object(object, folder.key.len(), excluded))
    }

    fn add_matching(
        &mut self,
        s3: &S3,
        from: &Url,
        literal: &str,
        excluded: &mut Excluded,
    ) -> Result<(), StoreError> {
        let pattern = Pattern::new(&from.key).map_err(|error| {
            let message = format!("`{from}` is no pattern: {}", error.msg);
            AwsError::new(AwsErrorKind::Settings, message, "mend `from` under `[input]`")
        })?;
        let prefix = Url { bucket: from.bucket.clone(), key: literal.to_owned() };
        let mut is_matched = false;
        for object in s3.list(&prefix)? {
            if let Some(start) = start_of_match(&object.url.key, &pattern) {
                is_matched = true;
                self.add_object(object, start, excluded)?;
            }
        }
        if !is_matched {
            self.unmatched.push(from.to_string());
        }
        Ok(())
    }

    /// Adds an object unless a name of it says no. Its names count from `start` of the key on.
    fn add_object(
        &mut self,
        object: Object,
        start: usize,
        excluded: &mut Excluded,
    ) -> Result<(), StoreError> {
        let name = object.url.to_string();
        let before = name.len() - object.url.key.len();
        if let Some((end, reason)) = left_out(&name, before + start, excluded) {
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
            let message = format!("`{name}` is in an archive ({class})");
            let hint =
                "restore it first (`aws s3api restore-object`), or leave it out by `exclude`";
            return Err(AwsError::new(AwsErrorKind::Archived, message, hint).into());
        }
        if object.etag.is_empty() {
            let message = format!("the server gives no ETag for `{name}`");
            let hint = "use a server that does: without it, a change would go unseen";
            return Err(AwsError::new(AwsErrorKind::Unsupported, message, hint).into());
        }
        self.files.push(Listed { name, bytes: object.bytes, stamp: Stamp::ETag(object.etag) });
        Ok(())
    }
}

/// Where the folder or object begins that the pattern matches: the outermost in the path to a key.
fn start_of_match(key: &str, pattern: &Pattern) -> Option<usize> {
    let ends = key.match_indices('/').map(|(at, _)| at).chain([key.len()]);
    let end = ends
        .into_iter()
        .find(|end| key.get(..*end).is_some_and(|path| pattern.matches_with(path, OPTIONS)))?;
    Some(key.get(..end)?.rfind('/').map_or(0, |slash| slash + 1))
}

/// The end of the first folder or object in a path that is not read, and why.
fn left_out(path: &str, start: usize, excluded: &mut Excluded) -> Option<(usize, Reason)> {
    let below = path.get(start..).unwrap_or_default();
    let slashes = below.match_indices('/').map(|(at, _)| start + at);
    let mut from = start;
    for end in slashes.chain([path.len()]) {
        let name = path.get(from..end).unwrap_or_default();
        if name.starts_with(['_', '.']) {
            return Some((end, Reason::Name));
        }
        if !name.is_empty() && excluded.matches(path.get(..end).unwrap_or_default()) {
            return Some((end, Reason::Excluded));
        }
        from = end + 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_matches_objects_and_folders() {
        let start = |key, pattern| start_of_match(key, &Pattern::new(pattern).expect("a pattern"));
        assert_eq!(start("in/a.json", "in/*.json"), Some(3));
        assert_eq!(start("in/a/b.json", "in/*.json"), None);
        assert_eq!(start("in/a/b.json", "in/*"), Some(3));
        assert_eq!(start("in/a/b.json", "in/**/*.json"), Some(5));
        assert_eq!(start("in/a/b.json", "out/*"), None);
    }

    #[test]
    fn hidden_and_excluded_names_leave_out_all_below_them() {
        let patterns = ["*.tmp", "s3://b/in/old/*"].map(str::to_owned);
        let mut excluded = Excluded::new(&patterns);
        let mut left = |path: &str| {
            let found = left_out(path, "s3://b/in/".len(), &mut excluded);
            found.map(|(end, reason)| (path.get(..end).unwrap_or(path).to_owned(), reason))
        };
        let some = |path: &str, reason| Some((path.to_owned(), reason));
        assert_eq!(left("s3://b/in/a.json"), None);
        assert_eq!(left("s3://b/in/_x/a.json"), some("s3://b/in/_x", Reason::Name));
        assert_eq!(left("s3://b/in/a/.x"), some("s3://b/in/a/.x", Reason::Name));
        assert_eq!(left("s3://b/in/a.tmp/b"), some("s3://b/in/a.tmp", Reason::Excluded));
        assert_eq!(left("s3://b/in/old/b"), some("s3://b/in/old/b", Reason::Excluded));
    }
}
