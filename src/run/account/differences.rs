//! What another published run differs in from this one: the message of exit 73 says so.
//!
//! The other run is known by its account. Whoever wrote that may have written anything, so names from it
//! are escaped, and what it does not have differs in nothing.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::Deserialize;

use crate::definition::Definition;
use crate::ledger::{self, Choice, InputEntry, List, OnChange, Wanted};
use crate::publish::names::{INPUTS, MANIFEST};
use crate::publish::{Buckets, PublishError, read_account_file};
use crate::report::{KeyNote, Manifest};
use crate::run::prepare::Prepared;
use crate::run::text::{escape, path_text};
use crate::store::Listed;

/// The most names of settings that a message lists.
const NAMES_MAX: usize = 10;

/// A line of `inputs.ndjson`, as far as it says which input was read.
#[derive(Deserialize)]
struct AccountLine<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
    #[serde(default)]
    bytes: u64,
    #[serde(borrow, default)]
    modified: Cow<'a, str>,
    #[serde(borrow, default)]
    etag: Cow<'a, str>,
    #[serde(default)]
    ignored: Option<String>,
    #[serde(default)]
    broken: Option<String>,
}

/// The manifest of an account. `None`: it has none that can be read.
pub(in crate::run) fn manifest_of(
    account: &Path,
    buckets: Option<&Buckets>,
) -> Result<Option<Manifest>, PublishError> {
    let text = read_account_file(account, buckets, MANIFEST)?;
    Ok(text.and_then(|text| serde_json::from_slice(&text).ok()))
}

/// The inputs that an account lists, as a list of taken inputs. `files`: those that are there now.
pub(in crate::run) fn inputs_of(
    account: &Path,
    buckets: Option<&Buckets>,
    name: &str,
    files: &[Listed],
) -> Result<List, PublishError> {
    let text = read_account_file(account, buckets, INPUTS)?.unwrap_or_default();
    let lines = text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    let lines = lines.map_while(|line| serde_json::from_slice::<AccountLine<'_>>(line).ok());
    let entries = lines.filter(|line| line.ignored.is_none()).map(|line| {
        let AccountLine { name, bytes, modified, etag, broken, .. } = line;
        // Of a broken input, the line has the bytes that were read.
        let bytes = broken.as_ref().map_or(bytes, |_| bytes_of(&name, files));
        InputEntry { name, bytes, modified, etag, run: "".into(), broken: broken.is_some() }
    });
    let mut entries: Vec<InputEntry<'_>> = entries.collect();
    entries.sort_by(|one, other| one.name.as_bytes().cmp(other.name.as_bytes()));
    Ok(List::new(name, None, Vec::new(), entries.into_iter()))
}

fn bytes_of(name: &str, files: &[Listed]) -> u64 {
    let found = files.binary_search_by(|file| file.name.as_bytes().cmp(name.as_bytes()));
    found.ok().and_then(|index| files.get(index)).map_or(0, |file| file.bytes)
}

/// Compares inputs with a list, whatever has changed.
pub(in crate::run) fn compared(list: &List, files: &[Listed]) -> Choice {
    let wanted = Wanted { on_change: OnChange::Take, is_again: &|_| false, replaced: None };
    ledger::compare(list, files, &wanted).unwrap_or_default()
}

/// What differs, one thing in each text. Empty: the other run is not known. `files`: the inputs of this run; `there`: all
/// that are there, of which other runs may have taken some.
pub(in crate::run) fn differences(
    prepared: &Prepared,
    files: &[Listed],
    there: &[Listed],
) -> Result<Vec<String>, PublishError> {
    let (account, buckets) = (prepared.account(), prepared.remote.buckets.as_ref());
    let Some(other) = manifest_of(account, buckets)? else { return Ok(Vec::new()) };
    let list = inputs_of(account, buckets, &prepared.definition.name, there)?;
    let mut differences = Vec::new();
    let Choice { new, changed, .. } = compared(&list, files);
    let Choice { gone, .. } = compared(&list, there);
    if 0 < new + changed.count + gone.count {
        let (changed, gone) = (changed.count, gone.count);
        differences.push(format!("inputs: {new} new, {changed} changed, {gone} gone"));
    }
    differences.extend(of_definition(prepared, &other));
    differences.extend(of_keys(&prepared.keys, &other.keys));
    let version = env!("CARGO_PKG_VERSION");
    if other.version != version {
        differences.push(format!("version: {} then, {version} now", short(&other.version)));
    }
    if let Some(shards) = &other.shards {
        differences.push(format!("shards: {} then, none now", shards.count));
    }
    let own: BTreeMap<String, String> = prepared.schema.files.iter().cloned().collect();
    if let Some(names) = named(&differing(&own, &other.schemas)) {
        differences.push(format!("schemas: {names}"));
    }
    if differences.is_empty() && !prepared.definition.suppress.is_empty() {
        differences.push("lists: the files of `[[suppress]]`".to_owned());
    }
    Ok(differences)
}

/// Those settings of this definition that a run had otherwise, among those for which this holds. `None`: there are none.
pub(in crate::run) fn differing_settings(
    definition: &Definition,
    run: &Manifest,
    is_among: &dyn Fn(&str) -> bool,
) -> Option<String> {
    let mut names = differing(definition.settings(), &run.definition.settings);
    names.retain(|name| is_among(name));
    named(&names)
}

fn of_definition(prepared: &Prepared, other: &Manifest) -> Option<String> {
    let own = prepared.definition.settings();
    let mut names = if other.definition.settings.is_empty() {
        BTreeSet::new()
    } else {
        differing(own, &other.definition.settings)
    };
    let outputs = prepared.definition.outputs.iter().zip(&other.outputs).enumerate();
    let moved = outputs.filter(|(_, (output, earlier))| path_text(&output.to.path) != earlier.to);
    names.extend(moved.map(|(number, _)| format!("output.{number}.to")));
    if let Some(names) = named(&names) {
        return Some(format!("definition: {names}"));
    }
    let is_same = other.definition.sha256 == prepared.definition_sha256;
    let what = if other.definition.settings.is_empty() {
        "its digest"
    } else {
        "no setting, only comments or layout"
    };
    (!is_same).then(|| format!("definition: {what}"))
}

fn of_keys(own: &[KeyNote], other: &[KeyNote]) -> Option<String> {
    let by_id = |keys: &[KeyNote]| -> BTreeMap<String, String> {
        keys.iter().map(|key| (key.id.clone(), key.check.clone())).collect()
    };
    named(&differing(&by_id(own), &by_id(other))).map(|names| format!("key: {names}"))
}

/// A text that somebody may have made long.
fn short(text: &str) -> String {
    const CHARS_MAX: usize = 100;
    let mut short: String = text.chars().take(CHARS_MAX).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    escape(&short)
}

/// The names whose values differ, or that only one side has.
fn differing(own: &BTreeMap<String, String>, other: &BTreeMap<String, String>) -> BTreeSet<String> {
    let names = own.keys().chain(other.keys());
    names.filter(|name| own.get(*name) != other.get(*name)).cloned().collect()
}

/// The first names in backticks, and how many more there are. `None`: there are none.
fn named(names: &BTreeSet<String>) -> Option<String> {
    let shown: Vec<String> =
        names.iter().take(NAMES_MAX).map(|name| format!("`{}`", short(name))).collect();
    let text = shown.join(", ");
    match names.len() {
        0 => None,
        count if count <= NAMES_MAX => Some(text),
        count => Some(format!("{text} and {} more", count - NAMES_MAX)),
    }
}
