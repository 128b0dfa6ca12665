//! Checks that the outputs, the account and the inputs do not overlap.

use std::path::{Component, Path, PathBuf};

use super::document::{Diagnostics, Location, escape};
use super::environment::Environment;
use super::output::Output;
use crate::glob::{Glob, is_glob};

/// Reports folders that a run owns and that lie in one another, in an input, or around one:
/// a run replaces what it owns as a whole.
pub(super) fn check(
    inputs: &[&Location],
    account: &Location,
    outputs: &[Output],
    around: &Environment<'_>,
    faults: &mut Diagnostics<'_>,
) {
    let outputs = outputs.iter().map(|output| Named { role: "the output", place: &output.to });
    let mut owned = vec![Named { role: "the account", place: account }];
    owned.extend(outputs);
    owned.sort_by_key(|named| named.place.at);
    for (number, later) in owned.iter().enumerate() {
        for earlier in owned.iter().take(number) {
            match overlap(later.place, earlier.place, around) {
                Some(Overlap::Holds) => push_overlap(earlier, Overlap::LiesIn, later, faults),
                Some(how) => push_overlap(later, how, earlier, faults),
                None => {}
            }
        }
        for place in inputs {
            if let Some(how) = overlap(later.place, place, around) {
                push_overlap(later, how, &Named { role: "the input", place }, faults);
            }
        }
    }
}

/// A place and what it is for.
struct Named<'p> {
    role: &'static str,
    place: &'p Location,
}

#[derive(Clone, Copy)]
enum Overlap {
    Same,
    LiesIn,
    Holds,
}

fn push_overlap(this: &Named<'_>, how: Overlap, other: &Named<'_>, faults: &mut Diagnostics<'_>) {
    let how = match how {
        Overlap::Same => "is the same as",
        Overlap::LiesIn => "lies in",
        Overlap::Holds => "holds",
    };
    let written = escape(&other.place.written);
    let line = faults.describe_place(other.place.at);
    let what = format!("{} {how} {} `{written}` ({line})", this.role, other.role);
    let help = "each output and the account need a folder of their own, apart from the inputs";
    faults.push(this.place.at, what, "", help);
}

fn overlap(this: &Location, other: &Location, around: &Environment<'_>) -> Option<Overlap> {
    if this.path.as_os_str().is_empty() || other.path.as_os_str().is_empty() {
        return None;
    }
    if other.path == Path::new("-") {
        return None;
    }
    // The names in a bucket are what they are, and none of the disk's.
    let is_object = |path: &Path| path.starts_with("s3:");
    if is_object(&this.path) != is_object(&other.path) {
        return None;
    }
    let real = |path: &Path| {
        if is_object(path) { path.to_owned() } else { lexical(&(around.real_path)(path)) }
    };
    let (folder, pattern) = split_pattern(&other.path);
    if let Some(pattern) = pattern {
        return pattern_overlap(&lexical(&this.path), &lexical(folder), pattern)
            .or_else(|| pattern_overlap(&real(&this.path), &real(folder), pattern));
    }
    overlap_of(&lexical(&this.path), &lexical(&other.path))
        .or_else(|| overlap_of(&real(&this.path), &real(&other.path)))
}

/// The folder that a pattern begins with, and the rest of it.
fn split_pattern(path: &Path) -> (&Path, Option<&Path>) {
    let is_pattern = |name: &Path| is_glob(name.as_os_str().as_encoded_bytes());
    if !is_pattern(path) {
        return (path, None);
    }
    let folder = path.ancestors().find(|ancestor| !is_pattern(ancestor)).unwrap_or(Path::new(""));
    (folder, path.strip_prefix(folder).ok())
}

/// Whether what a pattern matches may lie in `this` or around it: name by name, until either
/// ends, or `**` matches whatever follows.
fn pattern_overlap(this: &Path, folder: &Path, pattern: &Path) -> Option<Overlap> {
    let Ok(below) = this.strip_prefix(folder) else {
        return folder.starts_with(this).then_some(Overlap::Holds);
    };
    let mut names = pattern.components().zip(below.components());
    let is_matched = names.all(|(pattern, name)| {
        let (pattern, name) =
            (pattern.as_os_str().to_string_lossy(), name.as_os_str().to_string_lossy());
        pattern == "**" || Glob::new(&pattern).is_ok_and(|pattern| pattern.is_match(&name))
    });
    let passes_all = pattern.components().any(|name| name.as_os_str() == "**");
    (is_matched || passes_all).then_some(Overlap::LiesIn)
}

fn overlap_of(this: &Path, other: &Path) -> Option<Overlap> {
    if this == other {
        Some(Overlap::Same)
    } else if this.starts_with(other) {
        Some(Overlap::LiesIn)
    } else if other.starts_with(this) {
        Some(Overlap::Holds)
    } else {
        None
    }
}

/// The path without `.` and, where that can be told from the text, without `..`.
fn lexical(path: &Path) -> PathBuf {
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
        assert_eq!(lexical(Path::new(path)), Path::new(plain), "{path}");
    }

    #[test]
    fn dots_go_where_the_text_tells() {
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
    fn what_a_pattern_may_match_is_kept_apart() {
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
    }

    #[test]
    fn a_place_is_in_another_by_whole_names() {
        let in_other = |this, other| {
            matches!(overlap_of(Path::new(this), Path::new(other)), Some(Overlap::LiesIn))
        };
        assert!(in_other("out/a/b", "out/a"));
        assert!(in_other("out", ""));
        assert!(!in_other("out/ab", "out/a"));
        assert!(!in_other("out", "out"));
    }
}
