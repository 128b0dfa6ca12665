//! Before the first byte is read: the definition, the plan, the keys, the limits.

use std::{
    collections::BTreeMap,
    env, fs,
    path::{Path, PathBuf},
    sync::Arc,
    thread,
};

use jiff::{Timestamp, civil::Date, tz::TimeZone};

use super::aws::{self, Remote};
use super::error::{ErrorKind, RunError};
use super::keys::{self, KeyCheck};
use super::limits::{CHUNK_BYTES, Limits};
use super::lists;
use super::{Failure, RunOptions};
use crate::crypto::sha256;
use crate::definition::{
    Definition, Environment, KeyKind, ListAction, ListForm, Output, PartLayout, Purpose,
    Suppression,
};
use crate::encode::{ROW_GROUP_BYTES, ROW_GROUP_ROWS};
use crate::engine::Cancel;
use crate::plan::{self, Explanation, Plan, PlanError, Rules, SuppressionList};
use crate::report::KeyNote;
use crate::schema::{Role, Schema};
use crate::store::Store;
use crate::transform::MasterKey;

/// All that a run knows before it reads inputs and lists.
#[derive(Debug)]
pub(super) struct Prepared {
    pub(super) definition: Definition,
    pub(super) schema: Arc<Schema>,
    pub(super) definition_sha256: String,
    pub(super) keys: Vec<KeyNote>,
    pub(super) warnings: Vec<String>,
    pub(super) limits: Limits,
    pub(super) remote: Remote,
}

/// What a plan is compiled from, once the lists are read.
#[derive(Debug)]
pub(super) struct PlanParts {
    pub(super) rules: Rules,
    pub(super) keys: BTreeMap<String, MasterKey>,
}

impl Prepared {
    /// The files, folders and patterns to read.
    pub(super) fn inputs(&self) -> Vec<&Path> {
        self.definition.input.from.iter().map(|location| location.path.as_path()).collect()
    }

    /// Where the outputs go.
    pub(super) fn outputs(&self) -> Vec<PathBuf> {
        self.definition.outputs.iter().map(|output| output.to.path.clone()).collect()
    }

    /// Where the account goes.
    pub(super) fn account(&self) -> &Path {
        &self.definition.account.to.path
    }

    /// Compiles the plan.
    pub(super) fn plan(
        &self,
        parts: PlanParts,
        lists: Vec<SuppressionList>,
    ) -> Result<Plan, RunError> {
        let schema = Arc::clone(&self.schema);
        Plan::new(&self.definition, parts.rules, schema, parts.keys, lists).map_err(no_plan)
    }
}

/// A definition whose keys were not all given.
pub(super) fn no_plan(error: PlanError) -> RunError {
    RunError::new(ErrorKind::Access, error.to_string())
}

/// What a definition does, told without data and without keys.
#[derive(Debug)]
pub struct Checked {
    pub name: String,
    /// `messaging` or `analytics`.
    pub purpose: &'static str,
    pub explanation: Explanation,
    pub warnings: Vec<String>,
    /// The bound on memory, with its arithmetic.
    pub limits: Limits,
    /// The ids of the keys, and where each is to be found.
    pub keys: Vec<(String, String)>,
    /// What is done with the people of each list, in words.
    pub lists: Vec<String>,
    pub inputs: Vec<PathBuf>,
    pub outputs: Vec<CheckedOutput>,
    pub account: PathBuf,
}

/// Where an output goes, and as what.
#[derive(Debug)]
pub struct CheckedOutput {
    pub to: PathBuf,
    /// `pinpoint-json`, `pinpoint-csv` or `parquet`.
    pub format: &'static str,
    /// The most bytes of a part.
    pub max_bytes: u64,
    /// What else is to be known of it.
    pub notes: Vec<String>,
}

/// The only target of this version.
const TARGET: &str = "pinpoint";
/// The most threads that a run may ask for; as under `[run]`.
const THREADS_MAX: usize = 1024;
/// Far above any definition; somebody gave the wrong file.
const DEFINITION_BYTES_MAX: u64 = 64 << 20;

/// Reads and checks a definition, without keys and without data.
///
/// # Errors
///
/// A wrong definition with all its faults.
pub fn check(options: &RunOptions) -> Result<Checked, Failure> {
    let Read { definition, rules, schema, .. } = read(options)?;
    let remote = Remote::new(&definition, &Cancel::new())?;
    let mut warnings = rules.warnings.clone();
    warnings.extend(aws::check(&definition)?);
    let purpose = match definition.purpose() {
        Purpose::Messaging => "messaging",
        Purpose::Analytics => "analytics",
    };
    Ok(Checked {
        name: definition.name.clone(),
        purpose,
        explanation: rules.explain(&schema),
        warnings,
        limits: limits(options, &definition, &remote.store)?,
        keys: definition
            .keys
            .sources
            .iter()
            .map(|source| (source.id.clone(), place_of(&source.kind)))
            .collect(),
        lists: definition.suppress.iter().map(|list| list_in_words(list, &schema)).collect(),
        inputs: definition.input.from.iter().map(|place| place.path.clone()).collect(),
        outputs: definition.outputs.iter().map(|output| checked_output(output, &schema)).collect(),
        account: definition.account.to.path.clone(),
    })
}

fn checked_output(output: &Output, schema: &Schema) -> CheckedOutput {
    let max_bytes = output.max_bytes.as_ref().map_or(schema.target.job.bytes, |size| size.value);
    let mut notes = Vec::new();
    if output.format.is_csv() {
        notes.push(match &output.columns {
            None => "columns out of the inputs' headers".to_owned(),
            Some(columns) => {
                let cells: usize = columns.iter().map(|column| column.repeat).sum();
                format!("{} names in {cells} columns", columns.len())
            }
        });
    }
    if output.quotes_formulas {
        notes.push("a `'` before formulas in attributes".to_owned());
    }
    if output.format.layout() == PartLayout::Columns {
        notes.push(format!(
            "row groups of {ROW_GROUP_ROWS} records, or {} MiB of their JSON",
            ROW_GROUP_BYTES >> 20
        ));
    }
    CheckedOutput { to: output.to.path.clone(), format: output.format.name(), max_bytes, notes }
}

/// The check values of the keys that a definition names.
pub fn check_keys(options: &RunOptions) -> Result<Vec<KeyCheck>, Failure> {
    Ok(keys::checks(&read(options)?.definition)?)
}

/// `drops records whose Address is in lists/optout.csv (column "email", email.v1)`.
fn list_in_words(list: &Suppression, schema: &Schema) -> String {
    let what = match list.action.value {
        ListAction::Drop => "drops records whose".to_owned(),
        ListAction::OptOut => format!("sets {} to ALL where", schema.role_path(Role::OptOut)),
    };
    let from: Vec<&str> = list.from.iter().map(|place| place.written.as_str()).collect();
    let form = match list.form.value {
        ListForm::Plain => "values",
        ListForm::Sha256 => "SHA-256",
        ListForm::Token => "tokens",
    };
    let column = list.column.as_ref().map(|name| format!(" of column {name:?}"));
    let normalize = list.normalize.map(|form| format!(", {}", form.name())).unwrap_or_default();
    format!(
        "{what} {} is in {} ({form}{}{normalize}, up to {} entries)",
        list.field.value,
        from.join(", "),
        column.unwrap_or_default(),
        list.max_entries
    )
}

fn place_of(kind: &KeyKind) -> String {
    match kind {
        KeyKind::Env(name) => format!("the variable {name}"),
        KeyKind::File(path) => {
            format!("the file {}", super::escape_path(&path.to_string_lossy()))
        }
        KeyKind::Kms(key) => {
            format!("the key {key} in KMS, which makes it and stays there")
        }
        KeyKind::SecretsManager(name) => format!("the secret {name} in Secrets Manager"),
        KeyKind::Demo => "the published demo key".to_owned(),
    }
}

/// Reads the definition and its keys; with what the run needs first, returns the rest of what the
/// plan is compiled from.
pub(super) fn prepare(
    options: &RunOptions,
    cancel: &Cancel,
) -> Result<(Prepared, PlanParts), Failure> {
    let Read { definition, rules, schema } = read(options)?;
    let about_buckets = aws::check(&definition)?;
    let remote = Remote::new(&definition, cancel)?;
    let limits = limits(options, &definition, &remote.store)?;
    let ring = keys::read_keys(&definition, &remote.session)?;
    let definition_sha256 = super::hex(&sha256(definition.canonical()));
    let mut warnings = rules.warnings.clone();
    warnings.extend(ring.warnings);
    warnings.extend(about_buckets);
    let parts = PlanParts { rules, keys: ring.keys };
    let keys = ring.notes;
    Ok((Prepared { definition, schema, definition_sha256, keys, warnings, limits, remote }, parts))
}

/// A definition that is in order, and what it was held to.
pub(super) struct Read {
    pub(super) definition: Definition,
    pub(super) rules: Rules,
    pub(super) schema: Arc<Schema>,
}

pub(super) fn read(options: &RunOptions) -> Result<Read, Failure> {
    let text = definition_text(&options.definition)?;
    let schema = Schema::shipped(TARGET).expect("the target of this version is shipped");
    let date = date(options.date.as_deref())?;
    let around =
        Environment { env: &|name| env::var(name).ok(), date: &date, real_path: &real_path };
    let file = super::path_text(&options.definition);
    let (definition, rules) =
        plan::check(&file, &text, &options.sets, &around, &schema).map_err(Failure::Diagnostics)?;
    Ok(Read { definition, rules, schema: Arc::new(schema) })
}

fn definition_text(path: &Path) -> Result<String, RunError> {
    let shown = super::escape_path(&path.to_string_lossy());
    let wrong = |what: String| {
        RunError::new(ErrorKind::Definition, format!("the definition `{shown}` {what}"))
            .hint("name a definition file; those under `pipelines/` are made to start from")
    };
    let length = fs::metadata(path).map(|metadata| metadata.len());
    if length.is_ok_and(|length| DEFINITION_BYTES_MAX < length) {
        return Err(wrong("is too long to be one".to_owned()));
    }
    let bytes = fs::read(path).map_err(|error| wrong(format!("can't be read: {error}")))?;
    String::from_utf8(bytes).map_err(|error| {
        wrong(format!("is not UTF-8 at byte {}", error.utf8_error().valid_up_to()))
    })
}

/// The date that `{date}` stands for.
fn date(given: Option<&str>) -> Result<String, RunError> {
    let Some(given) = given else {
        return Ok(Timestamp::now().to_zoned(TimeZone::UTC).date().to_string());
    };
    match given.parse::<Date>() {
        Ok(date) if date.to_string() == given => Ok(date.to_string()),
        Ok(_) | Err(_) => Err(RunError::new(ErrorKind::Definition, "`--date` is no date")
            .hint("write it as 2026-11-23")),
    }
}

/// The path as the system would find it: absolute, with the links of what exists of it resolved.
fn real_path(path: &Path) -> PathBuf {
    crate::store::disk::folder::resolve(path).unwrap_or_else(|_unreadable| path.to_owned())
}

fn limits(
    options: &RunOptions,
    definition: &Definition,
    store: &Store,
) -> Result<Limits, RunError> {
    let cores = || thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let threads = options.threads.or(definition.run.threads).unwrap_or_else(cores);
    if THREADS_MAX < threads {
        let message = format!("`--threads` is over {THREADS_MAX}");
        return Err(RunError::new(ErrorKind::Definition, message)
            .hint("more threads than cores make nothing faster"));
    }
    let chunk_bytes = options.chunk_bytes.or(definition.run.chunk_bytes).unwrap_or(CHUNK_BYTES);
    let max_record = usize::try_from(definition.input.max_record).map_err(|_too_large| {
        RunError::new(ErrorKind::Definition, "`max_record` is over what this machine can address")
    })?;
    let is_columnar = |output: &&Output| output.format.layout() == PartLayout::Columns;
    let parquet = definition.outputs.iter().filter(is_columnar).count();
    let list_bytes = lists::memory_max(&definition.suppress, store);
    let (reads_buckets, buckets) = (aws::reads(definition), aws::places_written(definition));
    Ok(Limits { threads, chunk_bytes, max_record, parquet, list_bytes, reads_buckets, buckets })
}
