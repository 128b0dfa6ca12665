//! Reads files, folders, patterns and objects that a definition names, and substitutes `${NAME}`,
//! `{date}` and `{run}` in them.
//!
//! URLs with credentials or a signature are refused (`secrets.rs` recognises them). No message shows
//! the value of a variable: paths are quoted as the definition has them.

use std::path::PathBuf;

use super::origin::{Origin, Spanned};
use super::quote::escape;
use super::secrets::{has_credentials, has_key_text, has_signature, may_be_key};
use super::source::Diagnostics;
use crate::definition::environment::Environment;
use crate::glob::{Glob, GlobError};

/// A file, folder, pattern or object.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Location {
    /// The path with everything substituted; empty where the definition is wrong.
    pub path: PathBuf,
    /// The path as the definition has it.
    pub written: String,
    /// Where the definition has it.
    pub at: Origin,
    /// Whether it has `{run}`.
    pub has_run: bool,
    /// Whether it has `{date}`.
    pub has_date: bool,
}

/// The path that stands for standard output.
pub const STANDARD_OUTPUT: &str = "-";

impl Location {
    /// Whether this is standard output, if it is where something is written.
    pub fn is_standard_output(&self) -> bool {
        self.path.as_os_str() == STANDARD_OUTPUT
    }
}

impl std::fmt::Debug for Location {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Location({})", self.written)
    }
}

/// What a path is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Use {
    Input,
    /// A list of `[[suppress]]`.
    List,
    Output,
    Account,
    State,
    KeyFile,
    /// Where temporary files go.
    Spill,
}

impl Use {
    /// Whether each run may have a place of its own.
    fn is_of_a_run(self) -> bool {
        matches!(self, Use::Output | Use::Account)
    }
}

/// Reads the path of a setting. `None`: it is not usable, which is reported.
pub(crate) fn read(
    key: &str,
    written: Spanned<&str>,
    usage: Use,
    environment: &Environment<'_>,
    diagnostics: &mut Diagnostics<'_>,
) -> Option<Location> {
    let Expanded { path, has_run, has_date } = expand(written, usage, environment, diagnostics)?;
    if let Some((message, help)) = check(&path, usage) {
        diagnostics.push(written.at, format!("`{key}`: {message}"), "", help);
        return None;
    }
    let (path, written, at) = (PathBuf::from(path), written.value.to_owned(), written.at);
    Some(Location { path, written, at, has_run, has_date })
}

/// Returns why a path can't be used, with a hint.
fn check(path: &str, usage: Use) -> Option<(&'static str, &'static str)> {
    if path.is_empty() {
        return Some(("the path is empty", "name a file or a folder"));
    }
    if path.contains('\0') {
        return Some(("the path contains a NUL character", "remove it"));
    }
    // A presigned URL is a credential: whoever has it can read the object. As a path it would end up in
    // manifests and logs.
    if has_signature(path) {
        let help = "remove what follows the `?`: a profile or the environment has the credentials";
        return Some(("the URL contains a signature", help));
    }
    if has_credentials(path) {
        let help = "remove them: a profile or the environment has the credentials";
        return Some(("the URL contains a user name or a password", help));
    }
    if let Some(object) = path.strip_prefix("s3://") {
        return check_object(object, usage);
    }
    if let Some(("s3" | "S3" | "s3a" | "s3n" | "https" | "http" | "gs", _)) = path.split_once(":/")
    {
        return Some((
            "segprep can't read or write such a URL",
            "write `s3://bucket/key`, or a path",
        ));
    }
    match usage {
        Use::List if path == "-" => {
            Some(("standard input is for records", "name a file: lists are read before records"))
        }
        Use::Input | Use::List => {
            Glob::new(path).err().map(|error| (error.message(), PATTERN_HELP))
        }
        Use::Account if path == STANDARD_OUTPUT => {
            Some(("standard output is for records", "name a folder for the account"))
        }
        Use::State if path == STANDARD_OUTPUT => {
            Some(("standard output is for records", "name a folder for the list"))
        }
        Use::Spill if path == STANDARD_OUTPUT => {
            Some(("standard output is for records", "name a folder for temporary files"))
        }
        Use::Output | Use::Account | Use::State | Use::KeyFile | Use::Spill => None,
    }
}

/// Returns why an object can't be used, with a hint. `object` is what follows `s3://`.
fn check_object(object: &str, usage: Use) -> Option<(&'static str, &'static str)> {
    const KEY_BYTES_MAX: usize = 1024;
    let (bucket, key) = object.split_once('/').unwrap_or((object, ""));
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    if !(3..=63).contains(&bucket.len()) || !bucket.bytes().all(is_allowed) {
        let help = "a bucket name has 3 to 63 characters of `a` to `z`, `0` to `9`, `-` and `.`, as in \
                    `s3://bucket/prefix/`";
        return Some(("not a valid bucket name", help));
    }
    if KEY_BYTES_MAX < key.len() {
        return Some(("the key is longer than S3 allows", "a key has at most 1,024 bytes"));
    }
    match usage {
        Use::Input | Use::List => Glob::new(key).err().map(|error| (error.message(), PATTERN_HELP)),
        Use::KeyFile => Some(("a key is read from a local file", "write the path of a file")),
        Use::Spill => Some((
            "temporary files must be on this machine",
            "name a folder on a disk with enough space",
        )),
        Use::Output | Use::Account | Use::State
            if key.split('/').any(|name| name == "." || name == "..") =>
        {
            Some(("`.` and `..` are ordinary names in a bucket", "write the key without them"))
        }
        Use::Output | Use::Account | Use::State => None,
    }
}

const PATTERN_HELP: &str =
    "`*`, `?`, `[…]` and `**/` make a pattern; `[[]` matches the character `[`";

/// Reads a pattern of `exclude`. `None`: it is not usable, which is reported.
pub(crate) fn read_pattern(
    written: Spanned<&str>,
    environment: &Environment<'_>,
    diagnostics: &mut Diagnostics<'_>,
) -> Option<String> {
    let pattern = expand(written, Use::Input, environment, diagnostics)?.path;
    let error = if pattern.is_empty() {
        Some("the pattern is empty")
    } else if has_credentials(&pattern) {
        Some("the URL contains credentials or a signature")
    } else {
        Glob::new(&pattern).err().map(GlobError::message)
    };
    if let Some(message) = error {
        diagnostics.push(written.at, format!("`exclude`: {message}"), "", PATTERN_HELP);
        return None;
    }
    Some(pattern)
}

/// A path with everything substituted.
#[derive(Default)]
struct Expanded {
    path: String,
    has_run: bool,
    has_date: bool,
}

/// Substitutes variables, the date and the run.
fn expand(
    written: Spanned<&str>,
    usage: Use,
    environment: &Environment<'_>,
    diagnostics: &mut Diagnostics<'_>,
) -> Option<Expanded> {
    let mut expanded = Expanded::default();
    let path = &mut expanded.path;
    let mut rest = written.value;
    while let Some((before, opened)) = rest.split_once('{') {
        let Some((name, after)) = opened.split_once('}') else {
            diagnostics.push(written.at, "`{` is not closed", "", placeholders(usage));
            return None;
        };
        if let Some(before) = before.strip_suffix('$') {
            path.push_str(before);
            path.push_str(&variable(name, written.at, environment, diagnostics)?);
        } else if name == "date" && usage != Use::State {
            path.push_str(before);
            path.push_str(environment.date);
            expanded.has_date = true;
        } else if name == "run" && usage.is_of_a_run() {
            path.push_str(before);
            path.push_str(environment.run);
            expanded.has_run = true;
        } else {
            let at = diagnostics.source().part(written.at, &format!("{{{name}}}"));
            let message = match name {
                "run" | "date" => format!("`{{{name}}}` can't be used here"),
                _ => format!("unknown placeholder `{{{}}}`", escape(name)),
            };
            diagnostics.push(at, message, "", placeholders(usage));
            return None;
        }
        rest = after;
    }
    path.push_str(rest);
    if has_key_text(path) {
        diagnostics.push(written.at, "the path contains a key", "not shown here", KEY_HELP);
        return None;
    }
    Some(expanded)
}

/// What can be substituted in a path.
fn placeholders(usage: Use) -> &'static str {
    match usage {
        Use::Output | Use::Account => {
            "`{run}` and `{date}` are the start and the date of the run, and `${NAME}` is an environment \
             variable"
        }
        Use::State => {
            "all runs share one list, so its place is the same for each; `${NAME}` is an environment variable"
        }
        Use::Input | Use::List | Use::KeyFile | Use::Spill => PLACEHOLDER_HELP,
    }
}

const KEY_HELP: &str =
    "write the path itself, or another variable: paths are shown in messages and manifests";

const PLACEHOLDER_HELP: &str =
    "`{date}` is the date of the run, and `${NAME}` is an environment variable";

/// Returns the value of an environment variable. `None`: it is not set or empty, which is reported.
fn variable(
    name: &str,
    at: Origin,
    environment: &Environment<'_>,
    diagnostics: &mut Diagnostics<'_>,
) -> Option<String> {
    let at = diagnostics.source().part(at, &format!("${{{name}}}"));
    let is_name = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    if !is_name {
        let message = format!("`${{{}}}` is not the name of a variable", escape(name));
        diagnostics.push(at, message, "", "a name has letters, digits and `_`");
        return None;
    }
    if diagnostics.source().is_key_variable(name) {
        diagnostics.push(at, "this variable holds a key", "", KEY_HELP);
        return None;
    }
    let found = (environment.env)(name);
    let what = if found.is_some() { "empty" } else { "not set" };
    let value = found.filter(|value| !value.is_empty());
    if value.is_none() && may_be_key(name) {
        let message = format!("a variable that is {what} has a name that may be a key");
        diagnostics.push(at, message, "not shown here", PLACEHOLDER_HELP);
    } else if value.is_none() {
        let message = format!("the variable `{name}` is {what}");
        let help = format!("set it, as in `{name}=… segprep run …`, or write the path itself");
        diagnostics.push(at, message, "", help);
    }
    value
}
