//! Finds the files and folders that a pattern matches.
//!
//! A pattern is taken component by component, so only folders that can hold a match are read. The
//! order is that of the names' bytes in each folder. A `**` enters each folder once, so that links
//! that lead in circles end. A folder whose name begins with `_` or `.` is entered only if the pattern
//! itself has that name: what a job has not finished is in such a folder.

use std::{
    collections::{BTreeSet, HashSet},
    ffi::{OsStr, OsString},
    fs, io,
    path::{Path, PathBuf},
};

use crate::glob::{self, Glob};

/// A component of a pattern.
enum Step {
    /// Exactly this name.
    Name(PathBuf),
    /// The names in a folder that match. `None`: no name does.
    Matching(Option<Glob>),
    /// `**`: the folder and all folders below it.
    AllFolders,
}

/// Whether a path is a pattern.
pub(super) fn is_glob(path: &Path) -> bool {
    glob::is_glob(path.as_os_str().as_encoded_bytes())
}

/// The folder that a pattern begins with: the longest prefix that is not a pattern itself.
pub(super) fn folder_of(pattern: &Path) -> &Path {
    pattern.ancestors().find(|ancestor| !is_glob(ancestor)).unwrap_or(Path::new(""))
}

/// What a pattern matches.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Matches {
    pub(super) found: Vec<PathBuf>,
    /// The folders with hidden names that a wildcard matched. They are not entered.
    pub(super) hidden: BTreeSet<PathBuf>,
}

/// The files and folders that a pattern matches. A folder that does not exist matches nothing.
pub(super) fn expand(pattern: &Path) -> io::Result<Matches> {
    let steps: Vec<Step> = pattern.components().map(|name| step(name.as_ref())).collect();
    let mut matches = Matches::default();
    expand_below(PathBuf::new(), &steps, &mut matches)?;
    Ok(matches)
}

/// Whether a name begins with `_` or `.`.
pub(super) fn is_hidden(name: &OsStr) -> bool {
    matches!(name.as_encoded_bytes().first(), Some(b'_' | b'.'))
}

fn step(name: &Path) -> Step {
    if name.as_os_str() == "**" {
        Step::AllFolders
    } else if is_glob(name) {
        Step::Matching(Glob::new(&name.to_string_lossy()).ok())
    } else {
        Step::Name(name.to_owned())
    }
}

fn expand_below(folder: PathBuf, steps: &[Step], matches: &mut Matches) -> io::Result<()> {
    let Some((step, rest)) = steps.split_first() else {
        if fs::symlink_metadata(&folder).is_ok() {
            matches.found.push(folder);
        }
        return Ok(());
    };
    match step {
        Step::Name(name) => expand_below(folder.join(name), rest, matches),
        Step::AllFolders => {
            let mut folders = Vec::new();
            add_folders(&folder, &mut HashSet::new(), &mut folders, &mut matches.hidden)?;
            folders.into_iter().try_for_each(|folder| expand_below(folder, rest, matches))
        }
        Step::Matching(glob) => {
            let is_match = |name: &OsStr| {
                // A name that is not UTF-8 may match too: the listing reports it.
                glob.as_ref().is_some_and(|glob| glob.is_match(&name.to_string_lossy()))
            };
            for name in names(&folder)?.into_iter().filter(|name| is_match(name)) {
                let path = folder.join(&name);
                if !rest.is_empty() && is_hidden(&name) && path.is_dir() {
                    matches.hidden.insert(path);
                } else {
                    expand_below(path, rest, matches)?;
                }
            }
            Ok(())
        }
    }
}

/// Adds a folder and all folders below it, unless they were seen before. Those with hidden names, which are
/// below it, go to `hidden` and are not entered.
fn add_folders(
    folder: &Path,
    seen: &mut HashSet<PathBuf>,
    found: &mut Vec<PathBuf>,
    hidden: &mut BTreeSet<PathBuf>,
) -> io::Result<()> {
    let Ok(real) = fs::canonicalize(or_current(folder)) else { return Ok(()) };
    if !real.is_dir() || !seen.insert(real) {
        return Ok(());
    }
    found.push(folder.to_owned());
    for name in names(folder)? {
        let path = folder.join(&name);
        if !is_hidden(&name) {
            add_folders(&path, seen, found, hidden)?;
        } else if path.is_dir() {
            hidden.insert(path);
        }
    }
    Ok(())
}

/// The names in a folder, sorted; none if it is not a folder or does not exist.
fn names(folder: &Path) -> io::Result<Vec<OsString>> {
    let entries = match fs::read_dir(or_current(folder)) {
        Err(error) if is_not_a_folder(&error) => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut names =
        entries.map(|entry| Ok(entry?.file_name())).collect::<io::Result<Vec<OsString>>>()?;
    names.sort_unstable();
    Ok(names)
}

fn is_not_a_folder(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

/// The empty path stands for the working directory, which the system calls `.`.
fn or_current(folder: &Path) -> &Path {
    if folder.as_os_str().is_empty() { Path::new(".") } else { folder }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn folder(files: &[&str]) -> tempfile::TempDir {
        let root = tempfile::tempdir().expect("a temporary folder");
        for file in files {
            let path = root.path().join(file);
            fs::create_dir_all(path.parent().expect("below the root")).expect("a folder");
            fs::write(path, "x").expect("a file");
        }
        root
    }

    #[track_caller]
    fn check(root: &Path, pattern: &str, expected: &[&str]) {
        let found = expand(&root.join(pattern)).expect("it can be read").found;
        let below = |path: &PathBuf| path.strip_prefix(root).expect("below").display().to_string();
        assert_eq!(found.iter().map(below).collect::<Vec<_>>(), expected, "{pattern}");
    }

    #[test]
    fn patterns_match_names_folder_by_folder() {
        let root = folder(&["a/1.json", "a/2.csv", "a/b/3.json", "b/4.json", "a/_5.json"]);
        let root = root.path();
        check(root, "a/*.json", &["a/1.json", "a/_5.json"]);
        check(root, "*/?.json", &["a/1.json", "b/4.json"]);
        check(root, "a/[!1_]*", &["a/2.csv", "a/b"]);
        check(root, "**/*.json", &["a/1.json", "a/_5.json", "a/b/3.json", "b/4.json"]);
        check(root, "a/**", &["a", "a/b"]);
        check(root, "nowhere/*.json", &[]);
        check(root, "a/1.json/*", &[]);
        check(root, "[ab]/b/3.json", &["a/b/3.json"]);
    }

    #[test]
    fn hidden_folders_are_entered_only_by_name() {
        let root =
            folder(&["a/_tmp/0/1.json", "a/_tmp/2.json", "a/.x/3.json", "a/4.json", "a/_5.json"]);
        let root = root.path();
        check(root, "a/**/*.json", &["a/4.json", "a/_5.json"]);
        check(root, "a/*/*.json", &[]);
        check(root, "a/_tmp/*.json", &["a/_tmp/2.json"]);
        check(root, "a/_tmp/**/*.json", &["a/_tmp/2.json", "a/_tmp/0/1.json"]);
        let hidden = expand(&root.join("a/**/*.json")).expect("it can be read").hidden;
        assert_eq!(hidden, [root.join("a/.x"), root.join("a/_tmp")].into());
    }

    #[test]
    fn circles_end() {
        let root = folder(&["a/1.json"]);
        symlink("..", root.path().join("a/up")).expect("a link");
        symlink(".", root.path().join("a/same")).expect("a link");
        check(root.path(), "**/*.json", &["a/1.json"]);
    }
}
