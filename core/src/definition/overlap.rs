//! Checks that the outputs, the account and the inputs of a definition do not overlap.
//!
//! A run replaces an output and the account as a whole. So neither may be inside another, and
//! nothing that is read may be inside one.

use std::path::{Component, Path, PathBuf};

use super::document::{Diagnostics, Location, escape};
use super::environment::Environment;
use super::output::Output;
use crate::glob::{Glob, is_glob};

/// Reports every output or account that overlaps with another or with an input.
pub(super) fn check(
    inputs: &[&Location],
    account: &Location,
    state: Option<&Location>,
    outputs: &[Output],
    environment: &Environment<'_>,
    diagnostics: &mut Diagnostics<'_>,
) {
    let outputs = outputs.iter().map(|output| Place { role: "the output", location: &output.to });
    let mut owned = vec![Place { role: "the account", location: account }];
    owned.extend(outputs);
    owned.extend(state.map(|location| Place { role: "the state", location }));
    owned.sort_by_key(|place| place.location.at);
    for (number, later) in owned.iter().enumerate() {
        for earlier in owned.iter().take(number) {
            match overlap(later.location, earlier.location, environment) {
                Some(Overlap::Contains) => {
                    push_overlap(earlier, Overlap::Inside, later, diagnostics);
                }
                Some(how) => push_overlap(later, how, earlier, diagnostics),
                None => {}
            }
        }
        for location in inputs {
            if let Some(how) = overlap(later.location, location, environment) {
                push_overlap(later, how, &Place { role: "the input", location }, diagnostics);
            }
        }
    }
}

/// A location and its role in messages.
struct Place<'p> {
    role: &'static str,
    location: &'p Location,
}

/// How one path relates to another.
#[derive(Clone, Copy)]
enum Overlap {
    Same,
    Inside,
    Contains,
}

fn push_overlap(
    this: &Place<'_>,
    how: Overlap,
    other: &Place<'_>,
    diagnostics: &mut Diagnostics<'_>,
) {
    let how = match how {
        Overlap::Same => "is the same as",
        Overlap::Inside => "is inside",
        Overlap::Contains => "contains",
    };
    let written = escape(&other.location.written);
    let line = diagnostics.describe_place(other.location.at);
    let message = format!("{} {how} {} `{written}` ({line})", this.role, other.role);
    let help = "give each output and the account a separate folder, apart from the inputs";
    diagnostics.push(this.location.at, message, "", help);
}

fn overlap(this: &Location, other: &Location, environment: &Environment<'_>) -> Option<Overlap> {
    if this.path.as_os_str().is_empty() || other.path.as_os_str().is_empty() {
        return None;
    }
    // Standard input and standard output are no files.
    if [this, other].iter().any(|location| location.path == Path::new("-")) {
        return None;
    }
    // Names in a bucket are taken literally, and are not paths on disk.
    let is_object = |path: &Path| path.starts_with("s3:");
    if is_object(&this.path) != is_object(&other.path) {
        return None;
    }
    let real = |path: &Path| {
        if is_object(path) { path.to_owned() } else { normalize(&(environment.real_path)(path)) }
    };
    let (folder, pattern) = split_pattern(&other.path);
    if let Some(pattern) = pattern {
        return pattern_overlap(&normalize(&this.path), &normalize(folder), pattern)
            .or_else(|| pattern_overlap(&real(&this.path), &real(folder), pattern));
    }
    compare(&normalize(&this.path), &normalize(&other.path))
        .or_else(|| compare(&real(&this.path), &real(&other.path)))
}

/// Splits a path into the folder that it begins with and the pattern after it, if there is one.
fn split_pattern(path: &Path) -> (&Path, Option<&Path>) {
    let is_pattern = |name: &Path| is_glob(name.as_os_str().as_encoded_bytes());
    if !is_pattern(path) {
        return (path, None);
    }
    let folder = path.ancestors().find(|ancestor| !is_pattern(ancestor)).unwrap_or(Path::new(""));
    (folder, path.strip_prefix(folder).ok())
}

/// Returns how `this` relates to what a pattern in `folder` may match. Compares name by name until
/// either ends. A pattern with `**` is taken to match everything in its folder.
fn pattern_overlap(this: &Path, folder: &Path, pattern: &Path) -> Option<Overlap> {
    let Some(below) = below(this, folder) else {
        return below(folder, this).map(|_| Overlap::Contains);
    };
    let mut names = pattern.components().zip(below.components());
    let is_matched = names.all(|(pattern, name)| {
        let (pattern, name) =
            (pattern.as_os_str().to_string_lossy(), name.as_os_str().to_string_lossy());
        pattern == "**" || Glob::new(&pattern).is_ok_and(|pattern| pattern.is_match(&name))
    });
    let is_recursive = pattern.components().any(|name| name.as_os_str() == "**");
    (is_matched || is_recursive).then_some(Overlap::Inside)
}

fn compare(this: &Path, other: &Path) -> Option<Overlap> {
    if this == other {
        Some(Overlap::Same)
    } else if below(this, other).is_some() {
        Some(Overlap::Inside)
    } else {
        below(other, this).map(|_| Overlap::Contains)
    }
}

/// The rest of a path that begins in a folder. The empty path is the working directory: nothing is known of
/// absolute paths there, and nothing that begins with `..` is inside.
fn below<'p>(path: &'p Path, folder: &Path) -> Option<&'p Path> {
    let rest = path.strip_prefix(folder).ok()?;
    let leaves = rest.is_absolute() && !folder.is_absolute() || rest.starts_with("..");
    (!leaves).then_some(rest)
}

/// Removes `.` from a path, and each `..` together with the name before it. A `..` at the beginning
/// of a relative path stays.
fn normalize(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => match plain.components().next_back() {
                Some(Component::Normal(_)) => {
                    plain.pop();
                }
                Some(Component::RootDir | Component::Prefix(_)) => {}
                Some(Component::CurDir | Component::ParentDir) | None => plain.push(component),
            },
            Component::Normal(_) | Component::RootDir | Component::Prefix(_) => {
                plain.push(component);
            }
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(path: &str, plain: &str) {
        assert_eq!(normalize(Path::new(path)), Path::new(plain), "{path}");
    }

    #[test]
    fn dots_are_resolved_by_the_text() {
        check("a/./b/", "a/b");
        check("./a", "a");
        check(".", "");
        check("a/b/../c", "a/c");
        check("a/..", "");
        check("../a", "../a");
        check("../../a/../b", "../../b");
        check("/../a", "/a");
        check("/a//b", "/a/b");
    }

    #[test]
    fn a_path_may_overlap_with_a_pattern() {
        let overlaps = |this, pattern| {
            let (folder, pattern) = split_pattern(Path::new(pattern));
            pattern_overlap(Path::new(this), folder, pattern.expect("a pattern")).is_some()
        };
        assert!(!overlaps("data/out", "data/*.json"));
        assert!(overlaps("data/out", "data/*"));
        assert!(overlaps("data/out/a", "data/o*"));
        assert!(overlaps("data/out", "data/*/*.json"));
        assert!(overlaps("data/out", "data/**/*.json"));
        assert!(overlaps("data", "data/in/*.json"));
        assert!(!overlaps("out", "data/*"));
        assert!(overlaps("out", "*"));
        assert!(!overlaps("../out", "*") && !overlaps("/out", "**/*.json"));
        assert!(!overlaps("../../out", "../*"));
    }

    #[test]
    fn a_path_is_inside_another_by_whole_names() {
        let is_inside = |this, other| {
            matches!(compare(Path::new(this), Path::new(other)), Some(Overlap::Inside))
        };
        assert!(is_inside("out/a/b", "out/a"));
        assert!(is_inside("out", ""));
        assert!(!is_inside("../out", "") && !is_inside("/out", ""));
        assert!(is_inside("../out", "..") && !is_inside("../../out", ".."));
        assert!(is_inside("/out", "/"));
        assert!(!is_inside("out/ab", "out/a"));
        assert!(!is_inside("out", "out"));
    }
}
