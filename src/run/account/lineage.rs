//! What the events of OpenLineage need to know about a run. `report/lineage.rs` makes them.
//!
//! An input is what the definition names, such as a folder: there may be a million files in it, and a catalogue knows
//! the folder. Names of fields are those of the manifest, so names from the data appear only where they may.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::manifest::{Facts, purpose, time_text};
use crate::crypto::sha256;
use crate::decode::ColumnSettings;
use crate::definition::{ListAction, OpSpec, STANDARD_OUTPUT};
use crate::engine::Cancel;
use crate::glob::is_glob;
use crate::plan::Plan;
use crate::report::{
    Dataset, FieldCount, LineageColumn, LineageColumns, LineageRun, Manifest, OTHER, failure_lines,
    lineage_lines, masks,
};
use crate::run::assemble::Assembler;
use crate::run::clock::Began;
use crate::run::prepare::Prepared;
use crate::run::text::path_text;
use crate::schema::{Role, Shape};
use crate::store::s3::Url;

/// The most inputs, and the most lists, that an event names. A definition may have thousands.
const DATASETS_MAX: usize = 50;

/// The text of `lineage.ndjson`, for a run that ended by its own rules.
pub(in crate::run) fn text(
    facts: &Facts<'_>,
    assembled: &Assembler<'_>,
    manifest: &Manifest,
) -> String {
    let Facts { prepared, plan, .. } = facts;
    let columns = columns(plan, &|number| assembled.renamings.contains(&number), manifest);
    lineage_lines(&run_of(prepared, plan, manifest), &columns, manifest)
}

/// The same for what shards have written. Which renamings met a name is not among what shards say of themselves, so
/// all of the definition are named.
pub(in crate::run) fn text_of_whole(
    prepared: &Prepared,
    plan: &Plan,
    manifest: &Manifest,
) -> String {
    let columns = columns(plan, &|_| true, manifest);
    lineage_lines(&run_of(prepared, plan, manifest), &columns, manifest)
}

fn run_of(prepared: &Prepared, plan: &Plan, manifest: &Manifest) -> LineageRun {
    run(prepared, plan, &manifest.fingerprint, manifest.started.clone())
}

/// The same for a run that fails. It is made when that has happened.
pub(in crate::run) fn on_failure(
    prepared: &Prepared,
    plan: &Plan,
    fingerprint: &str,
    began: Began,
    cancel: &Cancel,
) -> impl Fn() -> String + Send + Sync + use<> {
    let started = time_text(began.time());
    let (run, cancel) = (run(prepared, plan, fingerprint, started), cancel.clone());
    move || {
        let time = time_text(began.time_after(began.elapsed()));
        failure_lines(&run, cancel.is_cancelled(), &time)
    }
}

/// What is known of the run from its beginning.
fn run(prepared: &Prepared, plan: &Plan, fingerprint: &str, started: String) -> LineageRun {
    let lists = plan.lists.iter().flat_map(|list| &list.spec.from);
    let outputs = plan
        .outputs
        .iter()
        .map(|output| (dataset(&output.to, "/dev/stdout"), output.format.extension()));
    let keys = prepared.keys.iter().map(|key| (format!("key.{}", key.id), key.check.clone()));
    let tags = [
        ("run", prepared.moment.run.clone()),
        ("purpose", purpose(plan).to_owned()),
        ("fingerprint", fingerprint.to_owned()),
        ("definition", prepared.definition_sha256.clone()),
    ];
    let (inputs, more_inputs) = datasets(plan.input.from.iter());
    let (lists, more_lists) = datasets(lists);
    let more = (0 < more_inputs + more_lists)
        .then(|| ("inputs not named".to_owned(), (more_inputs + more_lists).to_string()));
    let tags = tags.into_iter().map(|(name, value)| (name.to_owned(), value));
    LineageRun {
        id: id_of(fingerprint, &prepared.moment.run, &started),
        job: plan.name.clone(),
        tags: tags.chain(keys).chain(more).collect(),
        started,
        inputs,
        lists,
        outputs: outputs.collect(),
    }
}

/// The id of the run that a manifest is about: everybody who has the manifest can compute it.
pub(in crate::run) fn run_id(manifest: &Manifest) -> String {
    id_of(&manifest.fingerprint, &manifest.run, &manifest.started)
}

/// A UUID (version 8 of RFC 9562) of this run alone.
fn id_of(fingerprint: &str, run: &str, started: &str) -> String {
    let text = ["segprep/lineage", fingerprint, run, started].join("\n");
    let digest = sha256(text.as_bytes());
    let mut bytes: [u8; 16] = *digest.first_chunk().expect("it is longer");
    bytes[6] = bytes[6] & 0x0f | 0x80;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex = crate::run::text::hex(&bytes);
    let cuts = [0..8, 8..12, 12..16, 16..20, 20..32];
    cuts.map(|cut| hex.get(cut).unwrap_or_default().to_owned()).join("-")
}

/// The inputs that paths and patterns name, each once, and how many there are besides.
fn datasets<'a>(from: impl Iterator<Item = &'a PathBuf>) -> (Vec<Dataset>, usize) {
    let named: BTreeSet<Dataset> = from.map(|path| dataset(path, "/dev/stdin")).collect();
    let more = named.len().saturating_sub(DATASETS_MAX);
    (named.into_iter().take(DATASETS_MAX).collect(), more)
}

/// The folder, file or prefix that a path or pattern names. `stream`: what `-` stands for.
fn dataset(path: &Path, stream: &str) -> Dataset {
    let is_pattern = |path: &Path| is_glob(path.as_os_str().as_encoded_bytes());
    if path.as_os_str() == STANDARD_OUTPUT {
        return Dataset { namespace: "file".to_owned(), name: stream.to_owned() };
    }
    if let Some(url) = Url::parse(path) {
        let plain = Path::new(&url.key).ancestors().find(|key| !is_pattern(key));
        let key = plain.map(path_text).unwrap_or_default();
        let key = key.trim_end_matches('/');
        let name = if key.is_empty() { "/".to_owned() } else { key.to_owned() };
        return Dataset { namespace: format!("s3://{}", url.bucket), name };
    }
    let plain = path.ancestors().find(|path| !is_pattern(path)).unwrap_or(path);
    let plain = if plain.as_os_str().is_empty() { Path::new(".") } else { plain };
    let whole = std::path::absolute(plain).unwrap_or_else(|_| plain.to_owned());
    // Without a `/` at its end: whoever writes a folder with and without it means the same.
    let whole: PathBuf = whole.components().collect();
    Dataset { namespace: "file".to_owned(), name: path_text(&whole) }
}

/// The fields that were written and what they come from.
/// `is_met`: whether a renaming, by its index, met a name.
fn columns(plan: &Plan, is_met: &dyn Fn(usize) -> bool, manifest: &Manifest) -> LineageColumns {
    let sources = |field: &str| sources(plan, is_met, field);
    let mut found = LineageColumns::default();
    for counted in manifest.fields.iter().filter(|counted| 0 < counted.values) {
        let rule = plan.rules.iter().find(|rule| rule.path == counted.path);
        let Some(op) = rule.map(|rule| &rule.op) else { continue };
        for name in names(counted) {
            let from = sources(&name);
            if matches!(op, OpSpec::Drop) {
                found.dropped.extend(from);
                continue;
            }
            let by = depends_on(op, plan).map(|by| sources(&by)).unwrap_or_default();
            let (op, masks, type_name) = (op.name(), masks(op), type_name(plan, &name));
            found.columns.push(LineageColumn { name, type_name, from, op, masks, by });
        }
    }
    let lists = plan.lists.iter().filter(|list| list.spec.action == ListAction::Drop);
    let by_lists = lists.map(|list| list.spec.field.clone());
    let inactive =
        (!plan.input.keep_inactive).then(|| plan.schema.role_path(Role::Status).to_owned());
    found.filters = by_lists.chain(inactive).flat_map(|field| sources(&field)).collect();
    found
}

/// The fields that a rule met, as the manifest names them. The path of a rule with `*` stands for those that it
/// doesn't name.
fn names(counted: &FieldCount) -> Vec<String> {
    let Some(within) = counted.path.strip_suffix('*') else { return vec![counted.path.clone()] };
    let is_name = |name: &&String| *name != OTHER && !name.starts_with('(');
    let mut names: Vec<String> =
        counted.names.keys().filter(is_name).map(|name| format!("{within}{name}")).collect();
    if names.len() < counted.names.len() {
        names.push(counted.path.clone());
    }
    names
}

/// The field that an operation depends on besides its own.
fn depends_on(op: &OpSpec, plan: &Plan) -> Option<String> {
    let OpSpec::DateShift(shift) = op else { return None };
    let by = shift.by.as_ref().map(|by| by.value.as_str());
    Some(by.unwrap_or_else(|| plan.schema.role_path(Role::UserId)).to_owned())
}

fn type_name(plan: &Plan, field: &str) -> &'static str {
    let in_map = || {
        plan.schema.map_and_name(field).and_then(|(map, _, _)| plan.schema.maps.get(map).copied())
    };
    let node = plan.schema.node(field).or_else(in_map);
    match node.and_then(|node| plan.schema.nodes.get(node)).map(|node| node.shape) {
        Some(Shape::Number | Shape::Numbers) => "double",
        Some(Shape::Lists) => "array<string>",
        Some(Shape::Text | Shape::Object | Shape::ExportOnly) | None => "string",
    }
}

/// The names of the inputs that a field's values come from; none for a constant.
fn sources(plan: &Plan, is_met: &dyn Fn(usize) -> bool, field: &str) -> Vec<String> {
    let ColumnSettings { rename, constants, endpoints, .. } = &plan.input.column_settings;
    let renamed = rename.iter().enumerate().filter(|(number, _)| is_met(*number));
    let renamed = renamed.filter_map(|(_, (from, to))| source(from, to, field));
    let of_blocks = endpoints.iter().flat_map(|block| &block.rename);
    let of_blocks = of_blocks.filter_map(|(from, to)| source(from, to, field));
    let names: BTreeSet<String> = renamed.chain(of_blocks).collect();
    let is_constant = |constants: &[(String, String)]| constants.iter().any(|(to, _)| to == field);
    let in_every_block =
        !endpoints.is_empty() && endpoints.iter().all(|block| is_constant(&block.constants));
    match names.is_empty() {
        true if is_constant(constants) || in_every_block => Vec::new(),
        true => vec![field.to_owned()],
        false => names.into_iter().collect(),
    }
}

/// The name that a renaming takes a field from, if it leads to that field.
fn source(from: &str, to: &str, field: &str) -> Option<String> {
    let (Some(from), Some(to)) = (from.strip_suffix('*'), to.strip_suffix('*')) else {
        return (to == field).then(|| from.to_owned());
    };
    field.strip_prefix(to).map(|name| format!("{from}{name}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_input_is_the_folder_that_a_pattern_begins_with() {
        let here = std::env::current_dir().expect("a folder");
        let here = |name: &str| path_text(&here.join(name));
        let cases = [
            ("in/", "file", here("in")),
            ("in/*.csv", "file", here("in")),
            ("in/2026-[01]*/x/*.csv", "file", here("in")),
            ("/data/a.ndjson", "file", "/data/a.ndjson".to_owned()),
            ("-", "file", "/dev/stdin".to_owned()),
            ("s3://bucket/in/", "s3://bucket", "in".to_owned()),
            ("s3://bucket/in/*.csv", "s3://bucket", "in".to_owned()),
            ("s3://bucket/a/b.csv", "s3://bucket", "a/b.csv".to_owned()),
            ("s3://bucket", "s3://bucket", "/".to_owned()),
        ];
        for (path, namespace, name) in cases {
            let expected = Dataset { namespace: namespace.to_owned(), name };
            assert_eq!(dataset(Path::new(path), "/dev/stdin"), expected, "{path}");
        }
    }

    #[test]
    fn a_renaming_leads_back_to_the_name_of_the_input() {
        let cases = [
            ("E-mail", "Address", "Address", Some("E-mail")),
            ("E-mail", "Address", "Id", None),
            ("traits.*", "User.UserAttributes.*", "User.UserAttributes.Plan", Some("traits.Plan")),
            ("traits.*", "User.UserAttributes.*", "Attributes.Plan", None),
        ];
        for (from, to, field, expected) in cases {
            assert_eq!(source(from, to, field).as_deref(), expected, "{from} {field}");
        }
    }
}
