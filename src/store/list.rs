//! Lists the inputs of a run, from disk and from buckets, in the one order in which they are read:
//! by the bytes of their names, over all entries of `from`.

use std::path::Path;

use super::disk::list::FileSearch;
use super::error::StoreError;
use super::exclude::{Exclusions, Hidden};
use super::listing::{Listing, STANDARD_INPUT};
use super::s3::{ObjectSearch, S3, Url};

/// See [`Store::list`](super::Store::list).
pub(super) fn list<P: AsRef<Path>>(
    s3: &S3,
    from: &[P],
    exclude: &[String],
    hidden: Hidden,
) -> Result<Listing, StoreError> {
    let exclusions = Exclusions::new(exclude);
    let mut files = FileSearch::new(&exclusions, hidden);
    let mut objects = ObjectSearch::new(s3, &exclusions, hidden);
    for entry in from {
        let entry = entry.as_ref();
        if let Some(url) = Url::parse(entry) {
            objects.add(&url)?;
        } else if entry == Path::new(STANDARD_INPUT) {
            files.add_standard_input();
        } else {
            files.add(entry)?;
        }
    }
    let mut listing = files.finish()?;
    let objects = objects.finish();
    listing.files.extend(objects.files);
    listing.files.sort_unstable_by(|a, b| a.name.as_bytes().cmp(b.name.as_bytes()));
    listing.files.dedup_by(|later, first| later.name == first.name);
    listing.ignored.extend(objects.ignored);
    listing.ignored.sort_unstable_by(|a, b| a.name.as_bytes().cmp(b.name.as_bytes()));
    listing.ignored.dedup();
    listing.unmatched.extend(objects.unmatched);
    listing.unmatched.extend(exclusions.unmatched());
    Ok(listing)
}

#[cfg(test)]
mod tests {
    use std::{
        ffi::OsStr,
        fs,
        os::unix::{ffi::OsStrExt, fs::symlink},
        path::PathBuf,
        sync::Arc,
    };

    use rustix::fs::{FileType, Mode};

    use super::*;
    use crate::store::aws::{Access, Session};
    use crate::store::listing::{Ignored, Listed, Reason, Stamp};
    use crate::store::s3::Settings;

    fn list<P: AsRef<Path>>(from: &[P], exclude: &[String]) -> Result<Listing, StoreError> {
        list_with(from, exclude, Hidden::Ignored)
    }

    fn list_with<P: AsRef<Path>>(
        from: &[P],
        exclude: &[String],
        hidden: Hidden,
    ) -> Result<Listing, StoreError> {
        let session = Session::new(Access::default(), Arc::new(|| None));
        super::list(&S3::new(session, Settings::default()), from, exclude, hidden)
    }

    /// A folder with these files, of one byte each; those whose name ends in `=` are empty.
    fn folder(files: &[&str]) -> tempfile::TempDir {
        let root = tempfile::tempdir().expect("a temporary folder");
        for file in files {
            let path = root.path().join(file.trim_end_matches('='));
            fs::create_dir_all(path.parent().expect("below the root")).expect("a folder");
            fs::write(path, if file.ends_with('=') { "" } else { "x" }).expect("a file");
        }
        root
    }

    /// What a listing of these entries of the folder reads and ignores, by names relative to the
    /// folder.
    fn listed(root: &Path, from: &[&str]) -> (Vec<String>, Vec<(String, Reason)>) {
        let from: Vec<PathBuf> = from.iter().map(|entry| root.join(entry)).collect();
        let listing = list(&from, &[]).expect("a listing");
        let below = |name: &str| {
            let root = format!("{}/", root.display());
            name.strip_prefix(&root).expect("below the root").to_owned()
        };
        (
            listing.files.iter().map(|file| below(&file.name)).collect(),
            listing.ignored.iter().map(|file| (below(&file.name), file.reason)).collect(),
        )
    }

    #[test]
    fn inputs_are_sorted_by_bytes_over_all_entries() {
        let root = folder(&["b/2.json", "a/z.json", "a.json", "a-.json", "b/10.json", "B.json"]);
        let (files, ignored) = listed(root.path(), &["b", "a.json", "B.json", "a", "a-.json"]);
        assert_eq!(files, ["B.json", "a-.json", "a.json", "a/z.json", "b/10.json", "b/2.json"]);
        assert_eq!(ignored, []);
    }

    #[test]
    fn hidden_and_empty_files_are_ignored_and_listed_as_ignored() {
        let root = folder(&["in/_SUCCESS", "in/.a.crc", "in/_tmp/a", "in/e.json=", "in/a.json"]);
        let (files, ignored) = listed(root.path(), &["in", "in/_SUCCESS"]);
        assert_eq!(files, ["in/a.json"]);
        let (name, empty) = (Reason::Name, Reason::Empty);
        let expected =
            [("in/.a.crc", name), ("in/_SUCCESS", name), ("in/_tmp", name), ("in/e.json", empty)];
        assert_eq!(ignored, expected.map(|(name, reason)| (name.to_owned(), reason)));
    }

    #[test]
    fn a_hidden_folder_is_entered_if_it_is_named() {
        let root = folder(&["_in/a.json"]);
        assert_eq!(listed(root.path(), &["_in"]).0, ["_in/a.json"]);
        assert_eq!(listed(root.path(), &["_in/."]).0, ["_in/./a.json"]);
    }

    #[test]
    fn a_file_reached_twice_is_read_once_under_its_own_name() {
        let root = folder(&["in/b.json", "in/sub/c.json"]);
        symlink("b.json", root.path().join("in/a.json")).expect("a link");
        symlink("sub", root.path().join("in/also")).expect("a link");
        let (files, _) = listed(root.path(), &["in", "in", "in/b.json", "in/../in"]);
        assert_eq!(files, ["in/b.json", "in/sub/c.json"]);
    }

    #[test]
    fn links_are_followed_and_loops_end() {
        let root = folder(&["in/b.json", "far/c.json", "far/d/e.json"]);
        symlink("../far", root.path().join("in/far")).expect("a link");
        symlink("..", root.path().join("far/up")).expect("a link");
        symlink("self", root.path().join("in/self")).expect("a link");
        let (files, ignored) = listed(root.path(), &["in"]);
        assert_eq!(files, ["in/b.json", "in/far/c.json", "in/far/d/e.json"]);
        assert_eq!(ignored, [("in/self".to_owned(), Reason::NotAFile)]);
    }

    #[test]
    fn patterns_select_and_exclude() {
        let root = folder(&["in/a.json", "in/b.csv", "in/old/c.json", "in/_d.json", "e.json"]);
        symlink("b.csv", root.path().join("in/z.json")).expect("a link");
        let path = |name: &str| root.path().join(name).display().to_string();
        let from = [path("in/*.json"), path("in/b.csv"), path("in/o*"), path("*.xml")];
        let exclude = [path("in/o*/*"), "nothing".to_owned()];
        let listing = list(&from, &exclude).expect("a listing");
        let names: Vec<&str> = listing.files.iter().map(|file| file.name.as_str()).collect();
        assert_eq!(names, [path("in/a.json"), path("in/b.csv")]);
        let ignored = [("in/_d.json", Reason::Name), ("in/old/c.json", Reason::Excluded)];
        let ignored = ignored.map(|(name, reason)| Ignored { name: path(name), reason });
        assert_eq!(listing.ignored, ignored);
        assert_eq!(listing.unmatched, [path("*.xml"), "nothing".to_owned()]);
    }

    #[test]
    fn a_wildcard_enters_no_hidden_folder() {
        let root = folder(&["in/a.json", "in/_tmp/0/b.json", "in/c/.d/e.json"]);
        let (files, ignored) = listed(root.path(), &["in/**/*.json"]);
        assert_eq!(files, ["in/a.json"]);
        let expected = ["in/_tmp", "in/c/.d"].map(|name| (name.to_owned(), Reason::Name));
        assert_eq!(ignored, expected);
        assert_eq!(listed(root.path(), &["in/_tmp/*/b.json"]).0, ["in/_tmp/0/b.json"]);
    }

    #[test]
    fn standard_input_is_read_once() {
        let listing = list(&["-", "-"], &[]).expect("a listing");
        let [Listed { name, stamp: Stamp::Stream, .. }] = listing.files.as_slice() else {
            panic!("{listing:?}");
        };
        assert_eq!(name, STANDARD_INPUT);
    }

    #[test]
    fn a_missing_file_and_a_link_to_one_are_errors_that_name_it() {
        let root = folder(&["in/a.json"]);
        symlink("nowhere", root.path().join("in/b.json")).expect("a link");
        for entry in ["out", "in", "in/a.json/"] {
            let error = list(&[root.path().join(entry)], &[]).expect_err("it does not exist");
            assert!(matches!(error, StoreError::NotFound { .. }), "{entry}: {error}");
        }
    }

    #[test]
    fn a_list_is_read_whatever_its_name() {
        let root = folder(&["_l.txt", "in/_l.txt", "in/a.txt"]);
        let from = ["_l.txt", "in"].map(|entry| root.path().join(entry));
        let listing = list_with(&from, &[], Hidden::Read).expect("a listing");
        let ends_with = |name: &str, end: &str| assert!(name.ends_with(end), "{name}");
        let [named, found] = listing.files.as_slice() else { panic!("{listing:?}") };
        ends_with(&named.name, "/_l.txt");
        ends_with(&found.name, "/in/a.txt");
        let [ignored] = listing.ignored.as_slice() else { panic!("{listing:?}") };
        ends_with(&ignored.name, "/in/_l.txt");
    }

    #[test]
    fn what_is_named_and_is_no_file_is_an_error() {
        let root = folder(&["in/a.json"]);
        let (pipe, link) = (root.path().join("in/p"), root.path().join("in/l"));
        rustix::fs::mknodat(rustix::fs::CWD, &pipe, FileType::Fifo, Mode::RUSR, 0).expect("a pipe");
        symlink("l", &link).expect("a link");
        let error = list(&[&pipe], &[]).expect_err("a pipe");
        assert!(matches!(error, StoreError::Pipe { .. }), "{error}");
        let error = list(&[&link], &[]).expect_err("a link to itself");
        assert!(matches!(error, StoreError::NotAFile { .. }), "{error}");
        let (files, ignored) = listed(root.path(), &["in"]);
        assert_eq!(files, ["in/a.json"]);
        let not_a_file = |name: &str| (name.to_owned(), Reason::NotAFile);
        assert_eq!(ignored, [not_a_file("in/l"), not_a_file("in/p")]);
    }

    #[test]
    fn a_name_that_is_not_utf_8_is_shown_escaped() {
        let root = folder(&["in/a.json"]);
        let name = OsStr::from_bytes(b"\xff\x1b[1m.json");
        fs::write(root.path().join("in").join(name), "x").expect("a file");
        let error = list(&[root.path().join("in")], &[]).expect_err("not UTF-8");
        let message = error.to_string();
        assert!(message.contains(r"`\xff\x1b[1m.json`") && message.contains("/in`"), "{message}");
    }
}
