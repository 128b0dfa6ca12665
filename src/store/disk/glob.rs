//! Paths with `*`, `?`, `[…]` and `**` in them, and the files and folders that they match.
//!
//! A `*` never passes a `/`. What a `**` passes through is entered once, so links may lead in
//! circles. The order is that of the names' bytes in each folder.

use std::{
    collections::HashSet,
    ffi::OsStr,
    fs, io,
    path::{Component, Path, PathBuf},
};

use glob::{MatchOptions, Pattern};

/// Hidden names are matched like others: whoever lists them ignores them, and says so.
pub(in crate::store) const OPTIONS: MatchOptions = MatchOptions {
    case_sensitive: true,
    require_literal_separator: true,
    require_literal_leading_dot: false,
};

/// Whether a path is a pattern.
pub(in crate::store) fn is_glob(path: &Path) -> bool {
    path.as_os_str().as_encoded_bytes().iter().any(|byte| matches!(byte, b'*' | b'?' | b'['))
}

/// The folder that a pattern begins with: the longest that is no pattern itself.
pub(in crate::store) fn folder_of(pattern: &Path) -> &Path {
    pattern.ancestors().find(|ancestor| !is_glob(ancestor)).unwrap_or(Path::new(""))
}

/// All that a pattern matches. A folder that is not there matches nothing.
pub(in crate::store) fn expand(path: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let components: Vec<Component<'_>> = path.components().collect();
    expand_below(PathBuf::new(), &components, &mut found)?;
    Ok(found)
}

fn expand_below(
    at: PathBuf,
    components: &[Component<'_>],
    found: &mut Vec<PathBuf>,
) -> io::Result<()> {
    let Some((first, rest)) = components.split_first() else {
        if fs::symlink_metadata(&at).is_ok() {
            found.push(at);
        }
        return Ok(());
    };
    if first.as_os_str() == "**" {
        let mut folders = Vec::new();
        folders_below(&at, &mut HashSet::new(), &mut folders)?;
        return folders.into_iter().try_for_each(|folder| expand_below(folder, rest, found));
    }
    if !is_glob(Path::new(first)) {
        return expand_below(at.join(first), rest, found);
    }
    for name in names(&at)? {
        if matches(&first.as_os_str().to_string_lossy(), &name) {
            expand_below(at.join(name), rest, found)?;
        }
    }
    Ok(())
}

/// The folder and all folders in it.
fn folders_below(
    folder: &Path,
    seen: &mut HashSet<PathBuf>,
    found: &mut Vec<PathBuf>,
) -> io::Result<()> {
    let Ok(real) = fs::canonicalize(or_here(folder)) else { return Ok(()) };
    if !real.is_dir() || !seen.insert(real) {
        return Ok(());
    }
    found.push(folder.to_owned());
    names(folder)?.iter().try_for_each(|name| folders_below(&folder.join(name), seen, found))
}

/// What a folder holds, by name; nothing where there is no such folder.
fn names(folder: &Path) -> io::Result<Vec<std::ffi::OsString>> {
    let entries = match fs::read_dir(or_here(folder)) {
        Err(error) if is_no_folder(&error) => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut names = entries.map(|e| Ok(e?.file_name())).collect::<io::Result<Vec<_>>>()?;
    names.sort_unstable();
    Ok(names)
}

fn is_no_folder(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

fn or_here(folder: &Path) -> &Path {
    if folder.as_os_str().is_empty() { Path::new(".") } else { folder }
}

fn matches(pattern: &str, name: &OsStr) -> bool {
    // A name that is not UTF-8 may match too: whoever lists it says what is wrong with it.
    Pattern::new(pattern)
        .is_ok_and(|pattern| pattern.matches_with(&name.to_string_lossy(), OPTIONS))
}

/// Patterns of what is not to be read: one without a `/` is of a file's or folder's own name,
/// wherever it is; another of the whole path as it is listed.
#[derive(Debug, Default)]
pub(in crate::store) struct Excluded {
    patterns: Vec<Exclude>,
}

#[derive(Debug)]
struct Exclude {
    written: String,
    pattern: Option<Pattern>,
    has_matched: bool,
}

impl Excluded {
    pub(in crate::store) fn new(patterns: &[String]) -> Excluded {
        let pattern = |written: &String| Exclude {
            pattern: Pattern::new(plain(written)).ok(),
            written: written.clone(),
            has_matched: false,
        };
        Excluded { patterns: patterns.iter().map(pattern).collect() }
    }

    /// Whether a pattern is of this file or folder.
    pub(in crate::store) fn matches(&mut self, path: &str) -> bool {
        let path = plain(path);
        let own_name = path.rsplit('/').next().unwrap_or(path);
        let mut is_excluded = false;
        for Exclude { pattern, has_matched, .. } in &mut self.patterns {
            let Some(pattern) = pattern else { continue };
            let of = if pattern.as_str().contains('/') { path } else { own_name };
            let matches = pattern.matches_with(of, OPTIONS);
            *has_matched |= matches;
            is_excluded |= matches;
        }
        is_excluded
    }

    /// The patterns that have matched nothing, as they are written.
    pub(in crate::store) fn unmatched(self) -> impl Iterator<Item = String> {
        self.patterns
            .into_iter()
            .filter(|exclude| !exclude.has_matched)
            .map(|exclude| exclude.written)
    }
}

/// A path without what means nothing at its ends.
fn plain(path: &str) -> &str {
    path.trim_start_matches("./").trim_end_matches('/')
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
        let found = expand(&root.join(pattern)).expect("it can be read");
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
    fn circles_end() {
        let root = folder(&["a/1.json"]);
        symlink("..", root.path().join("a/up")).expect("a link");
        symlink(".", root.path().join("a/same")).expect("a link");
        check(root.path(), "**/*.json", &["a/1.json"]);
    }

    #[test]
    fn what_is_excluded_is_told_by_name_or_path() {
        let patterns = ["*.tmp", "in/old/*", "./in/deep/**/x.json", "nothing"].map(str::to_owned);
        let mut excluded = Excluded::new(&patterns);
        for (path, expected) in [
            ("in/a.tmp", true),
            ("./in/old/a.json", true),
            ("in/old", false),
            ("in/older/a.json", false),
            ("in/deep/a/b/x.json", true),
            ("in/a.json", false),
        ] {
            assert_eq!(excluded.matches(path), expected, "{path}");
        }
        assert_eq!(excluded.unmatched().collect::<Vec<_>>(), ["nothing"]);
    }
}
