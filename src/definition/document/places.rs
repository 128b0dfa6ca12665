//! Files, folders and patterns that a definition names: `${NAME}` and `{date}` in them, what this
//! version does not take, and that what a run owns lies apart from everything else.
//!
//! No message shows the value of a variable: paths are quoted as they are written.

use std::path::{Component, Path, PathBuf};

use glob::Pattern;

use super::section::escape;
use super::source::{Diagnostics, Origin, Spanned};
use crate::definition::{Environment, Output, has_credentials};

/// A file or folder.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Location {
    /// With variables and the date put in; empty where the definition is faulty.
    pub path: PathBuf,
    /// As the definition has it.
    pub written: String,
    pub(crate) at: Origin,
}

impl std::fmt::Debug for Location {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Location({})", self.written)
    }
}

/// What a path is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Use {
    Input,
    /// A list of people.
    List,
    Output,
    KeyFile,
}

/// Reads the path that stands under `key`.
pub(crate) fn read(
    key: &str,
    written: Spanned<&str>,
    usage: Use,
    around: &Environment<'_>,
    faults: &mut Diagnostics<'_>,
) -> Option<Location> {
    let path = expand(written, around, faults)?;
    if let Some((what, help)) = unfit(&path, usage) {
        faults.push(written.at, format!("`{key}`: {}", in_lower_case(what)), "", help);
        return None;
    }
    Some(Location { path: PathBuf::from(path), written: written.value.to_owned(), at: written.at })
}

/// Why a path can't be used, and what to do.
fn unfit(path: &str, usage: Use) -> Option<(&'static str, &'static str)> {
    if path.is_empty() {
        return Some(("the path is empty", "name a file or a folder"));
    }
    if path.contains('\0') {
        return Some(("the path holds a NUL", "leave it out"));
    }
    if has_credentials(path) {
        let help = "take them out: a profile or the environment holds credentials";
        return Some(("the URL holds a name or a password", help));
    }
    if let Some(place) = path.strip_prefix("s3://") {
        return unfit_object(place, usage);
    }
    if let Some(("s3" | "S3" | "s3a" | "s3n" | "https" | "http" | "gs", _)) = path.split_once(":/")
    {
        return Some((
            "this is no place that segprep reads or writes",
            "write `s3://bucket/key`, or a path",
        ));
    }
    match usage {
        Use::List if path == "-" => {
            Some(("standard input is for records", "name a file: a list is read before them"))
        }
        Use::Input | Use::List => Pattern::new(path).err().map(|error| (error.msg, PATTERN_HELP)),
        Use::Output | Use::KeyFile => None,
    }
}

/// Why an object can't be used; `place` is what stands after `s3://`.
fn unfit_object(place: &str, usage: Use) -> Option<(&'static str, &'static str)> {
    const KEY_BYTES_MAX: usize = 1024;
    let (bucket, key) = place.split_once('/').unwrap_or((place, ""));
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    if !(3..=63).contains(&bucket.len()) || !bucket.bytes().all(is_allowed) {
        let help = "a bucket has 3 to 63 of `a` to `z`, `0` to `9`, `-` and `.`, as in `s3://bucket/prefix/`";
        return Some(("this is no name of a bucket", help));
    }
    if KEY_BYTES_MAX < key.len() {
        return Some(("the key is longer than S3 takes", "a key has at most 1,024 bytes"));
    }
    match usage {
        Use::Input | Use::List => Pattern::new(key).err().map(|error| (error.msg, PATTERN_HELP)),
        Use::KeyFile => Some(("a key is read from a file of this machine", "name a path")),
        Use::Output if key.split('/').any(|name| name == "." || name == "..") => {
            Some(("`.` and `..` are names like others in a bucket", "write the key out"))
        }
        Use::Output => None,
    }
}

const PATTERN_HELP: &str = "`*`, `?`, `[…]` and `**/` make a pattern; `[[]` stands for `[` itself";

/// Reads a pattern of what is left out.
pub(crate) fn read_pattern(
    written: Spanned<&str>,
    around: &Environment<'_>,
    faults: &mut Diagnostics<'_>,
) -> Option<String> {
    let pattern = expand(written, around, faults)?;
    let fault = if pattern.is_empty() {
        Some("the pattern is empty")
    } else {
        Pattern::new(&pattern).err().map(|error| error.msg)
    };
    if let Some(what) = fault {
        faults.push(written.at, format!("`exclude`: {}", in_lower_case(what)), "", PATTERN_HELP);
        return None;
    }
    Some(pattern)
}

/// Messages of others begin with a capital.
fn in_lower_case(message: &str) -> String {
    let mut chars = message.chars();
    chars.next().map(|first| first.to_lowercase().chain(chars).collect()).unwrap_or_default()
}

/// Puts in variables and the date.
fn expand(
    written: Spanned<&str>,
    around: &Environment<'_>,
    faults: &mut Diagnostics<'_>,
) -> Option<String> {
    let mut path = String::new();
    let mut rest = written.value;
    while let Some((before, opened)) = rest.split_once('{') {
        let Some((name, after)) = opened.split_once('}') else {
            faults.push(written.at, "`{` is not closed", "", PLACEHOLDER_HELP);
            return None;
        };
        if let Some(before) = before.strip_suffix('$') {
            path.push_str(before);
            path.push_str(&variable(name, written.at, around, faults)?);
        } else if name == "date" {
            path.push_str(before);
            path.push_str(around.date);
        } else {
            let at = faults.source().part(written.at, &format!("{{{name}}}"));
            faults.push(
                at,
                format!("`{{{}}}` stands for nothing", escape(name)),
                "",
                PLACEHOLDER_HELP,
            );
            return None;
        }
        rest = after;
    }
    path.push_str(rest);
    Some(path)
}

const PLACEHOLDER_HELP: &str = "`{date}` is the run's date, and `${NAME}` reads the environment";

fn variable(
    name: &str,
    at: Origin,
    around: &Environment<'_>,
    faults: &mut Diagnostics<'_>,
) -> Option<String> {
    let at = faults.source().part(at, &format!("${{{name}}}"));
    let is_name = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    if !is_name {
        let what = format!("`${{{}}}` names no variable", escape(name));
        faults.push(at, what, "", "a name has letters, digits and `_`");
        return None;
    }
    let value = (around.env)(name).filter(|value| !value.is_empty());
    if value.is_none() {
        let what = format!("the variable `{name}` is not set");
        faults.push(
            at,
            what,
            "",
            format!("set it, such as `{name}=… segprep run …`, or write the path out"),
        );
    }
    value
}

/// Reports folders that a run owns and that lie in one another, in an input, or around one:
/// a run replaces what it owns as a whole.
pub(crate) fn check_apart(
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
    let is_pattern = |name: &Path| name.to_string_lossy().contains(['*', '?', '[']);
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
        pattern == "**" || Pattern::new(&pattern).is_ok_and(|pattern| pattern.matches(&name))
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
