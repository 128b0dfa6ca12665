//! Files, folders and patterns that a definition names: `${NAME}` and `{date}` in them, what this
//! version does not take, and that what a run owns lies apart from everything else.
//!
//! No message shows the value of a variable: paths are quoted as they are written.

use std::path::PathBuf;

use super::origin::{Origin, Spanned};
use super::quote::escape;
use super::secrets::has_credentials;
use super::source::Diagnostics;
use crate::definition::environment::Environment;
use crate::glob::{Glob, GlobError};

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
        Use::Input | Use::List => {
            Glob::new(path).err().map(|error| (error.message(), PATTERN_HELP))
        }
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
        Use::Input | Use::List => Glob::new(key).err().map(|error| (error.message(), PATTERN_HELP)),
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
        Glob::new(&pattern).err().map(GlobError::message)
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
