//! The patterns of `exclude`: which files, folders and objects are not read. (`disk/list.rs` and
//! `s3/objects.rs` also ignore what is empty, and hidden names.)

use std::cell::Cell;

use crate::glob::Glob;

/// What becomes of files and objects that `from` itself names, without a pattern, and whose names begin with
/// `_` or `.`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hidden {
    /// They are ignored, as they are everywhere else.
    Ignored,
    Read,
}

/// The patterns of `exclude`, compiled. A pattern without a `/` is matched against the names of
/// files and folders wherever they are, any other against whole paths as they are listed.
#[derive(Debug, Default)]
pub(crate) struct Exclusions {
    patterns: Vec<Exclusion>,
}

#[derive(Debug)]
struct Exclusion {
    /// The pattern as the definition has it.
    written: String,
    /// `None`: the pattern is invalid and matches nothing.
    glob: Option<Glob>,
    is_of_paths: bool,
    has_matched: Cell<bool>,
}

impl Exclusions {
    pub(crate) fn new(patterns: &[String]) -> Exclusions {
        let exclusion = |written: &String| Exclusion {
            glob: Glob::new(normalize(written)).ok(),
            is_of_paths: normalize(written).contains('/'),
            written: written.clone(),
            has_matched: Cell::new(false),
        };
        Exclusions { patterns: patterns.iter().map(exclusion).collect() }
    }

    /// Whether a pattern matches this path or its last name.
    pub(crate) fn matches(&self, path: &str) -> bool {
        let path = normalize(path);
        let name = path.rsplit('/').next().unwrap_or(path);
        let mut is_excluded = false;
        // All patterns are tried: each that matches anything counts as used.
        for Exclusion { glob, is_of_paths, has_matched, .. } in &self.patterns {
            let text = if *is_of_paths { path } else { name };
            if glob.as_ref().is_some_and(|glob| glob.is_match(text)) {
                has_matched.set(true);
                is_excluded = true;
            }
        }
        is_excluded
    }

    /// The patterns that have matched nothing, as the definition has them.
    pub(crate) fn unmatched(&self) -> impl Iterator<Item = String> {
        let unmatched = self.patterns.iter().filter(|pattern| !pattern.has_matched.get());
        unmatched.map(|pattern| pattern.written.clone())
    }
}

/// The path without a `./` at its start and a `/` at its end, which change nothing.
fn normalize(path: &str) -> &str {
    path.trim_start_matches("./").trim_end_matches('/')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_names_or_paths() {
        let patterns = ["*.tmp", "in/old/*", "./in/deep/**/x.json", "nothing"].map(str::to_owned);
        let exclusions = Exclusions::new(&patterns);
        for (path, expected) in [
            ("in/a.tmp", true),
            ("./in/old/a.json", true),
            ("in/old", false),
            ("in/older/a.json", false),
            ("in/deep/a/b/x.json", true),
            ("in/a.json", false),
        ] {
            assert_eq!(exclusions.matches(path), expected, "{path}");
        }
        assert_eq!(exclusions.unmatched().collect::<Vec<_>>(), ["nothing"]);
    }
}
