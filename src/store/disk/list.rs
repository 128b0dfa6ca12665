//! Finds the files that `from` names, in the one order in which they are read. (Objects in buckets
//! are found in `objects.rs`.)
//!
//! - `-` is standard input; a path with `*`, `?` or `[` is a pattern.
//! - A file is listed once, however often it is reached. Files that a folder really holds come
//!   before those behind links, so a file keeps its own name where it has one in the listing.
//! - A folder is entered once, so links may lead in circles.
//! - The order is by the bytes of the names, over all entries of `from`.

use std::{
    collections::{BTreeSet, HashSet},
    ffi::OsString,
    fs::{self, DirEntry, Metadata},
    io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use super::glob::{Excluded, expand, folder_of, is_glob};
use crate::store::StoreError;
use crate::store::s3::objects::FoundObjects;
use crate::store::s3::{S3, Url};

/// A file to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// As reached from `from`: what was relative stays relative to the working directory.
    pub name: String,
    pub bytes: u64,
    pub stamp: Stamp,
}

/// Tells one state of an input from another.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Stamp {
    /// When the file was last written, since 1970 in UTC.
    Modified { secs: i64, nanos: u32 },
    /// What an object store calls the state of an object.
    ETag(String),
    /// A stream has no state that could be told from another.
    Stream,
}

/// A file or folder that is not read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ignored {
    pub name: String,
    pub reason: Reason,
}

/// Why something is not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// Its name begins with `_` or `.`: what other programs leave beside their data.
    Name,
    Empty,
    /// A device, a pipe or a link to itself.
    NotAFile,
    /// `exclude` names it.
    Excluded,
    /// An object of no bytes whose key ends in `/`: what consoles make for a folder.
    FolderMarker,
}

/// All that `from` reaches.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listing {
    /// In reading order. May be empty.
    pub files: Vec<Listed>,
    /// In the order of their names.
    pub ignored: Vec<Ignored>,
    /// Patterns of `from` and of `exclude` that matched nothing.
    pub unmatched: Vec<String>,
}

/// The name of standard input.
pub const STANDARD_INPUT: &str = "-";

/// See [`crate::store::Store::list`].
pub(in crate::store) fn list<P: AsRef<Path>>(
    s3: &S3,
    from: &[P],
    exclude: &[String],
) -> Result<Listing, StoreError> {
    let mut walk = Walk { excluded: Excluded::new(exclude), ..Walk::default() };
    let mut objects = FoundObjects::default();
    for entry in from {
        let entry = entry.as_ref();
        if let Some(url) = Url::of(entry) {
            objects.add(s3, &url, &mut walk.excluded)?;
        } else if entry == Path::new(STANDARD_INPUT) {
            walk.add_standard_input();
        } else if is_glob(entry) {
            walk.visit_matching(entry)?;
        } else {
            walk.visit(entry, By::Name)?;
        }
    }
    while let Some(link) = walk.links.pop_first() {
        walk.visit(&link, By::Search)?;
    }
    let mut listing = walk.listing;
    listing.files.append(&mut objects.files);
    listing.unmatched.append(&mut objects.unmatched);
    listing.ignored.extend(objects.ignored());
    listing.files.sort_unstable_by(|a, b| a.name.as_bytes().cmp(b.name.as_bytes()));
    listing.files.dedup_by(|later, first| later.name == first.name);
    listing.ignored.sort_unstable_by(|a, b| a.name.as_bytes().cmp(b.name.as_bytes()));
    listing.ignored.dedup();
    listing.unmatched.extend(walk.excluded.unmatched());
    Ok(listing)
}

impl Stamp {
    /// The stamp of a file on disk.
    pub(in crate::store) fn of(metadata: &Metadata) -> Stamp {
        let nanos = u32::try_from(metadata.mtime_nsec()).expect("a second has fewer than 2^32 ns");
        Stamp::Modified { secs: metadata.mtime(), nanos }
    }
}

/// How a path was come to.
#[derive(Clone, Copy)]
enum By<'a> {
    /// `from` names it.
    Name,
    /// By a pattern or a link.
    Search,
    /// As what stands in this folder and is no link. A folder's path is without links, so that
    /// those of its entries need not be looked up one by one.
    Entry(&'a Path, &'a DirEntry),
}

/// What a path leads to.
enum PathTarget {
    File(Metadata),
    /// With its path without links.
    Folder(PathBuf),
    /// A file or folder met before.
    Again,
    Nothing(Reason),
}

#[derive(Default)]
struct Walk {
    listing: Listing,
    /// Files and folders met, by their paths without links.
    seen: HashSet<OsString>,
    /// Links met inside folders, to be visited when all real files are known.
    links: BTreeSet<PathBuf>,
    excluded: Excluded,
}

impl Walk {
    fn add_standard_input(&mut self) {
        let name = STANDARD_INPUT.to_owned();
        if self.seen.insert(OsString::from(&name)) {
            self.listing.files.push(Listed { name, bytes: 0, stamp: Stamp::Stream });
        }
    }

    fn visit_matching(&mut self, pattern: &Path) -> Result<(), StoreError> {
        let name = text(pattern)?;
        let found = expand(pattern).map_err(|source| StoreError::sorted(name, source))?;
        if found.is_empty() {
            self.listing.unmatched.push(name.to_owned());
        }
        for path in found {
            if let Some(folder) = self.excluded_above(&path, folder_of(pattern)) {
                let (name, reason) = (text(folder)?.to_owned(), Reason::Excluded);
                self.listing.ignored.push(Ignored { name, reason });
            } else if path.is_symlink() {
                self.links.insert(path);
            } else {
                self.visit(&path, By::Search)?;
            }
        }
        Ok(())
    }

    /// The excluded folder in which a path lies that a pattern has led to.
    fn excluded_above<'p>(&mut self, path: &'p Path, from: &Path) -> Option<&'p Path> {
        let above = path.ancestors().skip(1).take_while(|folder| *folder != from);
        let above: Vec<&Path> = above.collect();
        let is_excluded =
            |folder: &&Path| folder.to_str().is_some_and(|f| self.excluded.matches(f));
        above.into_iter().rev().find(is_excluded)
    }

    fn visit(&mut self, path: &Path, by: By<'_>) -> Result<(), StoreError> {
        let name = text(path)?;
        let found = self.look(path, by).map_err(|source| StoreError::sorted(name, source))?;
        match found {
            PathTarget::Again => {}
            PathTarget::Folder(real) => return self.enter(path, &real, name),
            PathTarget::Nothing(reason) => {
                self.listing.ignored.push(Ignored { name: name.to_owned(), reason });
            }
            PathTarget::File(metadata) => self.listing.files.push(Listed {
                name: name.to_owned(),
                bytes: metadata.len(),
                stamp: Stamp::of(&metadata),
            }),
        }
        Ok(())
    }

    fn look(&mut self, path: &Path, by: By<'_>) -> io::Result<PathTarget> {
        if has_hidden_name(path) && !(matches!(by, By::Name) && path.is_dir()) {
            return Ok(PathTarget::Nothing(Reason::Name));
        }
        if path.to_str().is_some_and(|path| self.excluded.matches(path)) {
            return Ok(PathTarget::Nothing(Reason::Excluded));
        }
        let metadata = match by.metadata(path) {
            Err(error) if leads_nowhere(&error) => {
                return Ok(PathTarget::Nothing(Reason::NotAFile));
            }
            metadata => metadata?,
        };
        if !metadata.is_dir() && !metadata.is_file() {
            return Ok(PathTarget::Nothing(Reason::NotAFile));
        }
        let real = by.real_path(path)?;
        if !self.seen.insert(real.clone().into_os_string()) {
            return Ok(PathTarget::Again);
        }
        Ok(match (metadata.is_dir(), metadata.len()) {
            (true, _) => PathTarget::Folder(real),
            (false, 0) => PathTarget::Nothing(Reason::Empty),
            (false, _) => PathTarget::File(metadata),
        })
    }

    /// `real`: the folder's path without links.
    fn enter(&mut self, folder: &Path, real: &Path, name: &str) -> Result<(), StoreError> {
        let failed = |source| StoreError::sorted(name, source);
        let mut children = Vec::new();
        for child in fs::read_dir(folder).map_err(failed)? {
            let child = child.map_err(failed)?;
            if child.file_type().map_err(failed)?.is_symlink() {
                self.links.insert(child.path());
            } else {
                children.push(child);
            }
        }
        children.sort_by_cached_key(DirEntry::file_name);
        children.iter().try_for_each(|child| self.visit(&child.path(), By::Entry(real, child)))
    }
}

impl By<'_> {
    fn metadata(self, path: &Path) -> io::Result<Metadata> {
        match self {
            By::Entry(_, entry) => entry.metadata(),
            By::Name | By::Search => fs::metadata(path),
        }
    }

    /// The path without links.
    fn real_path(self, path: &Path) -> io::Result<PathBuf> {
        match self {
            By::Entry(folder, entry) => Ok(folder.join(entry.file_name())),
            By::Name | By::Search => fs::canonicalize(path),
        }
    }
}

/// `.` and `..` are no names: [`Path::file_name`] has none for them, or skips them.
fn has_hidden_name(path: &Path) -> bool {
    let name = path.file_name().map(std::ffi::OsStr::as_encoded_bytes);
    name.is_some_and(|name| name.starts_with(b"_") || name.starts_with(b"."))
}

/// A link that leads to itself.
fn leads_nowhere(error: &io::Error) -> bool {
    rustix::io::Errno::from_io_error(error) == Some(rustix::io::Errno::LOOP)
}

fn text(path: &Path) -> Result<&str, StoreError> {
    path.to_str().ok_or_else(|| StoreError::NotUtf8 {
        folder: escaped(path.parent().unwrap_or(Path::new(""))),
        name: escaped(path.file_name().map_or(path, Path::new)),
    })
}

/// The bytes of a name as printable ASCII: what a terminal can show without harm.
fn escaped(path: &Path) -> String {
    path.as_os_str().as_encoded_bytes().escape_ascii().to_string()
}

#[cfg(test)]
mod tests {
    use std::{ffi::OsStr, os::unix::ffi::OsStrExt, os::unix::fs::symlink};

    use super::*;
    use crate::store::aws::{Access, Session};
    use crate::store::s3::Settings;

    fn list<P: AsRef<Path>>(from: &[P], exclude: &[String]) -> Result<Listing, StoreError> {
        let s3 = S3::new(
            Session::new(Access::default(), std::sync::Arc::new(|| false)),
            Settings::default(),
        );
        super::list(&s3, from, exclude)
    }

    /// A folder with these files, each holding one byte; a name that ends in `=` is empty.
    fn folder(files: &[&str]) -> tempfile::TempDir {
        let root = tempfile::tempdir().expect("a temporary folder");
        for file in files {
            let path = root.path().join(file.trim_end_matches('='));
            fs::create_dir_all(path.parent().expect("below the root")).expect("a folder");
            fs::write(path, if file.ends_with('=') { "" } else { "x" }).expect("a file");
        }
        root
    }

    /// What a listing of these entries of the folder reads and ignores, by names below the folder.
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
    fn order_is_by_bytes_over_all_entries() {
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
    fn a_folder_that_is_named_is_entered_whatever_its_name_is() {
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
    fn patterns_are_matched_and_left_out() {
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
            let error = list(&[root.path().join(entry)], &[]).expect_err("nothing there");
            assert!(matches!(error, StoreError::NotFound { .. }), "{entry}: {error}");
        }
    }

    #[test]
    fn a_name_that_is_not_utf_8_is_shown_escaped() {
        let root = folder(&["in/a.json"]);
        let name = OsStr::from_bytes(b"\xff\x1b[1m.json");
        fs::write(root.path().join("in").join(name), "x").expect("a file");
        let error = list(&[root.path().join("in")], &[]).expect_err("a bad name");
        let said = error.to_string();
        assert!(said.contains(r"`\xff\x1b[1m.json`") && said.contains("/in`"), "{said}");
    }
}
