//! Finds the files that `from` names.
//!
//! - A path with `*`, `?` or `[` is a pattern.
//! - A file is listed once, however often it is reached. Links are followed last: a file that is
//!   also in a listed folder keeps the name it has there.
//! - A folder is entered once, so links that lead in circles end.
//! - Empty files, and names that begin with `_` or `.`, are ignored (a folder that `from` names is
//!   not, also within a pattern, and neither is a list of `[[suppress]]`), and so is what `exclude` matches.
//! - What `from` names is an error if it is neither a file nor a folder; in a folder it is ignored.

use std::{
    collections::{BTreeSet, HashSet},
    ffi::OsStr,
    fs::{self, DirEntry, Metadata},
    io,
    os::unix::fs::{FileTypeExt, MetadataExt},
    path::{Path, PathBuf},
};

use super::expand::{Matches, expand, folder_of, is_glob, is_hidden};
use crate::crypto::sha256;
use crate::store::error::StoreError;
use crate::store::exclude::{Exclusions, Hidden};
use crate::store::listing::{Ignored, Listed, Listing, Reason, STANDARD_INPUT, Stamp};

/// The files found so far.
pub(in crate::store) struct FileSearch<'e> {
    listing: Listing,
    exclusions: &'e Exclusions,
    hidden: Hidden,
    seen: Seen,
    /// Links in folders, to be visited once all real files are known.
    links: BTreeSet<PathBuf>,
}

/// The files and folders met so far, by their paths without links. There may be a million, so only
/// half of each path's SHA-256 is kept: 128 bits, which no two paths have in common.
#[derive(Default)]
struct Seen(HashSet<[u8; 16]>);

impl Seen {
    /// Returns whether the path was not met before.
    fn insert(&mut self, path: &OsStr) -> bool {
        let digest = sha256(path.as_encoded_bytes());
        let half = digest.first_chunk().expect("it has 32 bytes");
        self.0.insert(*half)
    }
}

/// How a path was reached.
#[derive(Clone, Copy)]
enum Reached<'a> {
    /// `from` names it.
    ByName,
    /// Through a pattern or a link.
    BySearch,
    /// As an entry of this folder that is not a link. The folder's path has no links either, so the
    /// entry's path need not be resolved.
    InFolder(&'a Path, &'a DirEntry),
}

/// What is at a path.
enum Found {
    File(Metadata),
    /// A folder, with its path without links.
    Folder(PathBuf),
    /// A file or folder met before.
    Again,
    Ignored(Reason),
}

impl<'e> FileSearch<'e> {
    pub(in crate::store) fn new(exclusions: &'e Exclusions, hidden: Hidden) -> FileSearch<'e> {
        let (seen, links) = (Seen::default(), BTreeSet::new());
        FileSearch { listing: Listing::default(), exclusions, hidden, seen, links }
    }

    pub(in crate::store) fn add_standard_input(&mut self) {
        let name = STANDARD_INPUT.to_owned();
        if self.seen.insert(OsStr::new(&name)) {
            self.listing.files.push(Listed { name, bytes: 0, stamp: Stamp::Stream, range: None });
        }
    }

    /// Adds what an entry of `from` names: a file, a folder or a pattern.
    pub(in crate::store) fn add(&mut self, entry: &Path) -> Result<(), StoreError> {
        if is_glob(entry) { self.visit_matches(entry) } else { self.visit(entry, Reached::ByName) }
    }

    /// Visits the links, and returns everything that was found, in no particular order.
    pub(in crate::store) fn finish(mut self) -> Result<Listing, StoreError> {
        while let Some(link) = self.links.pop_first() {
            self.visit(&link, Reached::BySearch)?;
        }
        Ok(self.listing)
    }

    fn visit_matches(&mut self, pattern: &Path) -> Result<(), StoreError> {
        let name = to_text(pattern)?;
        let matches = expand(pattern).map_err(|source| StoreError::from_io(name, source))?;
        let Matches { found, hidden } = matches;
        if found.is_empty() && hidden.is_empty() {
            self.listing.unmatched.push(name.to_owned());
        }
        for folder in &hidden {
            self.ignore(to_text(folder)?, Reason::Name);
        }
        for path in found {
            if let Some(folder) = self.excluded_folder(&path, folder_of(pattern)) {
                self.ignore(to_text(folder)?, Reason::Excluded);
            } else if path.is_symlink() {
                self.links.insert(path);
            } else {
                self.visit(&path, Reached::BySearch)?;
            }
        }
        Ok(())
    }

    /// The outermost excluded folder between `from` and a path that a pattern matches.
    fn excluded_folder<'p>(&self, path: &'p Path, from: &Path) -> Option<&'p Path> {
        let above: Vec<&Path> =
            path.ancestors().skip(1).take_while(|folder| *folder != from).collect();
        let is_excluded =
            |folder: &&Path| folder.to_str().is_some_and(|folder| self.exclusions.matches(folder));
        above.into_iter().rev().find(is_excluded)
    }

    fn visit(&mut self, path: &Path, reached: Reached<'_>) -> Result<(), StoreError> {
        let name = to_text(path)?;
        let found = self.look(path, reached);
        match found.map_err(|source| StoreError::from_io(name, source))? {
            Found::Again => {}
            Found::Ignored(Reason::NotAFile) if matches!(reached, Reached::ByName) => {
                return Err(not_a_file(name));
            }
            Found::Ignored(reason) => self.ignore(name, reason),
            Found::Folder(real) => return self.enter(path, &real, name),
            Found::File(metadata) => self.listing.files.push(Listed {
                name: name.to_owned(),
                bytes: metadata.len(),
                stamp: stamp_of(&metadata),
                range: None,
            }),
        }
        Ok(())
    }

    fn ignore(&mut self, name: &str, reason: Reason) {
        self.listing.ignored.push(Ignored { name: name.to_owned(), reason });
    }

    fn look(&mut self, path: &Path, reached: Reached<'_>) -> io::Result<Found> {
        let is_read =
            || matches!(reached, Reached::ByName) && (self.hidden == Hidden::Read || path.is_dir());
        if has_hidden_name(path) && !is_read() {
            return Ok(Found::Ignored(Reason::Name));
        }
        if path.to_str().is_some_and(|path| self.exclusions.matches(path)) {
            return Ok(Found::Ignored(Reason::Excluded));
        }
        let metadata = match reached.metadata(path) {
            Err(error) if is_link_loop(&error) => return Ok(Found::Ignored(Reason::NotAFile)),
            metadata => metadata?,
        };
        if !metadata.is_dir() && !metadata.is_file() {
            return Ok(Found::Ignored(Reason::NotAFile));
        }
        let real = reached.real_path(path)?;
        if !self.seen.insert(real.as_os_str()) {
            return Ok(Found::Again);
        }
        Ok(match (metadata.is_dir(), metadata.len()) {
            (true, _) => Found::Folder(real),
            (false, 0) => Found::Ignored(Reason::Empty),
            (false, _) => Found::File(metadata),
        })
    }

    /// Visits what is in a folder, except for links. `real` is the folder's path without links.
    fn enter(&mut self, folder: &Path, real: &Path, name: &str) -> Result<(), StoreError> {
        let failed = |source| StoreError::from_io(name, source);
        let mut folders = Vec::new();
        // Files are listed as they are found: a folder may hold a million.
        for entry in fs::read_dir(folder).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let kind = entry.file_type().map_err(failed)?;
            if kind.is_symlink() {
                self.links.insert(entry.path());
            } else if kind.is_dir() {
                folders.push(entry);
            } else {
                self.visit(&entry.path(), Reached::InFolder(real, &entry))?;
            }
        }
        folders.sort_by_cached_key(DirEntry::file_name);
        let mut folders = folders.iter();
        folders.try_for_each(|entry| self.visit(&entry.path(), Reached::InFolder(real, entry)))
    }
}

impl Reached<'_> {
    fn metadata(self, path: &Path) -> io::Result<Metadata> {
        match self {
            Reached::InFolder(_, entry) => entry.metadata(),
            Reached::ByName | Reached::BySearch => fs::metadata(path),
        }
    }

    /// The path without links.
    fn real_path(self, path: &Path) -> io::Result<PathBuf> {
        match self {
            Reached::InFolder(folder, entry) => Ok(folder.join(entry.file_name())),
            Reached::ByName | Reached::BySearch => fs::canonicalize(path),
        }
    }
}

/// The state of a file.
pub(in crate::store) fn stamp_of(metadata: &Metadata) -> Stamp {
    let nanos = u32::try_from(metadata.mtime_nsec()).expect("a second has fewer than 2^32 ns");
    let changed = (metadata.ctime(), metadata.ctime_nsec());
    Stamp::Modified { secs: metadata.mtime(), nanos, changed }
}

/// Whether the last name begins with `_` or `.`. The components `.` and `..` are not names.
fn has_hidden_name(path: &Path) -> bool {
    path.file_name().is_some_and(is_hidden)
}

/// The error if `from` names what can't be read as an input.
fn not_a_file(name: &str) -> StoreError {
    let name = name.to_owned();
    if fs::metadata(&name).is_ok_and(|found| found.file_type().is_fifo()) {
        StoreError::Pipe { name }
    } else {
        StoreError::NotAFile { name }
    }
}

/// Whether a path could not be resolved because a link leads back to itself.
fn is_link_loop(error: &io::Error) -> bool {
    rustix::io::Errno::from_io_error(error) == Some(rustix::io::Errno::LOOP)
}

fn to_text(path: &Path) -> Result<&str, StoreError> {
    path.to_str().ok_or_else(|| StoreError::NotUtf8 {
        folder: escape(path.parent().unwrap_or(Path::new(""))),
        name: escape(path.file_name().map_or(path, Path::new)),
    })
}

/// The bytes of a path as printable ASCII, which no terminal takes for a command.
fn escape(path: &Path) -> String {
    path.as_os_str().as_encoded_bytes().escape_ascii().to_string()
}
