//! `segprep check`: finds out what a definition does, without data and without keys.
//! `cli/check.rs` prints it.

pub(super) mod state;

use std::{
    env,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::aws::{self, Remote};
use super::clock;
use super::error::Failure;
use super::keys::{self, KeyCheck};
use super::memory::{self, Comparison, Folds, Limits};
use super::options::RunOptions;
use super::prepare::{self, ReadDefinition, Source, read};
use super::profiles;
use super::retry;
use super::text::escape_path;
use crate::columnar::{ROW_GROUP_BYTES, ROW_GROUP_ROWS};
use crate::definition::{
    Compared, Comparison as ListComparison, Definition, EndpointSpec, KeyKind, ListAction,
    ListForm, MaxEndpoints, Output, OverLimit, PartLayout, Purpose, Suppression, describe_variable,
};
use crate::engine::Cancel;
use crate::glob::is_glob;
use crate::ledger;
use crate::plan::{Explanation, Rules, part_bytes};
use crate::report::quantities::bytes;
use crate::schema::{Role, Schema};
use crate::store::{Listing, Store, s3::Url};
use state::{CheckedState, checked};

/// What a definition does.
#[derive(Debug)]
pub struct Checked {
    pub name: String,
    /// `messaging` or `analytics`.
    pub purpose: &'static str,
    pub explanation: Explanation,
    pub warnings: Vec<String>,
    /// The bound on memory. Displays its calculation.
    pub limits: Limits,
    /// The ids of the keys, and where each comes from.
    pub keys: Vec<(String, String)>,
    /// What each list does.
    pub lists: Vec<String>,
    /// What becomes of records that belong together, and how much disk that may take.
    pub together: Vec<String>,
    /// How many bytes on disk that may take, for the files that are there now.
    pub spill_bytes: u64,
    /// The endpoints of a row, if it may have several.
    pub endpoints: Vec<String>,
    pub inputs: Vec<PathBuf>,
    pub outputs: Vec<CheckedOutput>,
    pub account: PathBuf,
    /// The list of taken inputs, if there is one.
    pub state: Option<CheckedState>,
}

/// Where an output goes, and in which format.
#[derive(Debug)]
pub struct CheckedOutput {
    pub to: PathBuf,
    /// `pinpoint-json`, `pinpoint-csv` or `parquet`.
    pub format: &'static str,
    /// The maximum size of a part in bytes.
    pub max_bytes: u64,
    /// What is special about this output.
    pub notes: Vec<String>,
}

/// Reads and checks a definition.
///
/// # Errors
///
/// Everything that is wrong with the definition, or a key on this machine that can't be used.
pub fn check(options: &RunOptions) -> Result<Checked, Failure> {
    let source = Source::read(options, clock::now()?, &Cancel::new())?;
    let ReadDefinition { definition, rules, schema } = source.parse(&source.moment)?;
    let remote = Remote::new(&definition, &Cancel::new())?;
    let mut warnings = rules.warnings.clone();
    warnings.extend(aws::check(&definition)?);
    warnings.extend(missing_inputs(&definition));
    warnings.extend(kept_in_vain(&definition));
    warnings.extend(keys::exposed(&definition));
    warnings.extend(keys::check_local(&definition)?);
    let purpose = match definition.purpose() {
        Purpose::Messaging => "messaging",
        Purpose::Analytics => "analytics",
    };
    let (listing, reads_standard) = listed(&definition, &remote.store);
    let state = checked(&definition, &source.moment, &remote, &listing.files, &mut warnings);
    let outputs: Vec<CheckedOutput> =
        definition.outputs.iter().map(|output| checked_output(output, &rules, &schema)).collect();
    let sized = (!reads_standard).then_some(&listing);
    let parts = |output: &CheckedOutput| {
        memory::parts(sized, definition.input.max_expansion, output.max_bytes)
    };
    let limits = prepare::limits(options, &definition, &remote.store)?;
    let (comparison, text_bytes) = (Comparison::of(&definition), memory::text_bytes(&listing));
    let folds = Folds::of(&definition, limits.threads);
    Ok(Checked {
        name: definition.name.clone(),
        purpose,
        explanation: rules.explain(&schema),
        warnings,
        limits: Limits {
            name_bytes: memory::name_bytes(&listing) + list_bytes(&definition),
            parts: outputs.iter().map(parts).sum(),
            compared: comparison.memory(text_bytes, limits.chunk_bytes),
            profiles: folds.memory(text_bytes),
            ..limits
        },
        together: describe_together(&definition, comparison, folds, text_bytes),
        spill_bytes: comparison.spill(text_bytes).saturating_add(folds.spill(text_bytes)),
        keys: definition
            .keys
            .sources
            .iter()
            .map(|source| (source.id.clone(), describe_source(&source.kind)))
            .collect(),
        endpoints: definition.input.endpoints.iter().map(describe_endpoint).collect(),
        lists: definition.suppress.iter().map(|list| describe_list(list, &schema)).collect(),
        inputs: definition.input.from.iter().map(|place| place.path.clone()).collect(),
        outputs,
        account: definition.account.to.path.clone(),
        state,
    })
}

/// The memory of the list of taken inputs, as it is now: its text, and that of the next one.
fn list_bytes(definition: &Definition) -> usize {
    let state = definition.state.as_ref().filter(|state| Url::parse(&state.to.path).is_none());
    let bytes = state.map_or(0, |state| ledger::bytes_on_disk(&state.to.path));
    usize::try_from(bytes.saturating_mul(2)).unwrap_or(usize::MAX)
}

/// The warning about rejected records that are kept for a retry which this definition cannot have.
fn kept_in_vain(definition: &Definition) -> Option<String> {
    let why = retry::why_not(definition).filter(|_| definition.account.keep_rejected)?;
    Some(format!("rejected records are kept, and `retry` cannot take them: {why}"))
}

/// Warnings about inputs and folders that do not exist. Patterns, buckets and standard input are not looked at.
fn missing_inputs(definition: &Definition) -> Vec<String> {
    let from = definition.input.from.iter().map(|input| input.path.as_path());
    let is_on_disk = |path: &&Path| {
        let is_pattern = is_glob(path.as_os_str().as_encoded_bytes());
        !is_pattern && Url::parse(path).is_none() && *path != Path::new("-")
    };
    let missing = from.filter(is_on_disk).filter(|path| !path.exists());
    let inputs = missing.map(|path| format!("the input `{}` does not exist", escape_path(path)));
    let spill = definition.spill.iter().filter(|spill| !spill.path.is_dir());
    let spill = spill.map(|spill| {
        format!("the folder `{}` of `[run] spill` does not exist", escape_path(&spill.path))
    });
    inputs.chain(spill).collect()
}

/// The files that `from` reaches now, and whether it has standard input. Nothing is asked of buckets, and
/// what cannot be listed is an error of the run, not of the definition.
fn listed(definition: &Definition, store: &Store) -> (Listing, bool) {
    let from = definition.input.from.iter().map(|place| &place.path);
    let on_disk: Vec<_> = from.filter(|path| Url::parse(path).is_none()).collect();
    let reads_standard = on_disk.iter().any(|path| path.as_path() == Path::new("-"));
    (store.list(&on_disk, &definition.input.exclude).unwrap_or_default(), reads_standard)
}

/// Reads the keys of a definition and returns their check values.
///
/// # Errors
///
/// Everything that is wrong with the definition, or the first key that cannot be read.
pub fn check_keys(options: &RunOptions) -> Result<Vec<KeyCheck>, Failure> {
    Ok(keys::checks(&read(options, &Cancel::new())?.definition)?)
}

fn checked_output(output: &Output, rules: &Rules, schema: &Arc<Schema>) -> CheckedOutput {
    let of_target = || part_bytes(output.format, schema);
    let max_bytes = output.max_bytes.as_ref().map_or_else(of_target, |size| size.value);
    let mut notes = Vec::new();
    if output.format.is_csv() {
        notes.push(match &output.columns {
            None => "columns from the inputs' headers".to_owned(),
            Some(columns) => {
                let cells: usize = columns.iter().map(|column| column.repeat).sum();
                format!("{} names in {cells} columns", columns.len())
            }
        });
    }
    if output.quotes_formulas {
        notes.push("`'` in front of formulas in attributes".to_owned());
    }
    if output.format.layout() == PartLayout::Columns {
        notes.push(format!(
            "row groups of {ROW_GROUP_ROWS} records, or {} MiB of their JSON",
            ROW_GROUP_BYTES >> 20
        ));
    }
    if let Some(settings) = &output.profiles {
        notes.extend(profiles::describe(settings, rules, schema));
    }
    CheckedOutput { to: output.to.path.clone(), format: output.format.name(), max_bytes, notes }
}

/// An endpoint of a row, such as `Address from "E-mail", ChannelType = EMAIL, OptOut from "Opted out"`.
fn describe_endpoint(block: &EndpointSpec) -> String {
    let from = |to: &str, column: &str| format!("{to} from {column:?}");
    let constants =
        block.constants.iter().map(|(field, value)| format!("{} = {}", field.value, value.value));
    let renamed = block.rename.iter().map(|(column, to)| from(&to.value, &column.value));
    let address = from("Address", &block.address.value);
    [address].into_iter().chain(constants).chain(renamed).collect::<Vec<_>>().join(", ")
}

/// What a list does, such as `drops records whose Address is in optout.csv (values of column
/// "email", email.v1, up to 1000 entries)`.
fn describe_list(list: &Suppression, schema: &Schema) -> String {
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
    let default = (list.form.value != ListForm::Token).then_some(ListComparison::Auto);
    let normalize = list.normalize.or(default).map(|form| format!(", {}", form.name()));
    let normalize = normalize.unwrap_or_default();
    let unusable = match list.max_unusable {
        0 => String::new(),
        most => format!(", of which {most} may be unusable"),
    };
    format!(
        "{what} {} is in {} ({form}{}{normalize}, up to {} entries{unusable})",
        list.field.value,
        from.join(", "),
        column.unwrap_or_default(),
        list.max_entries
    )
}

/// What becomes of records that belong together: `of records with the same ChannelType and Address (as they
/// come in), the first stays`.
fn describe_together(
    definition: &Definition,
    comparison: Comparison,
    folds: Folds,
    text_bytes: u64,
) -> Vec<String> {
    let unique = definition.unique.as_ref().map(|unique| {
        let by: Vec<&str> = unique.by.iter().map(|field| field.value.as_str()).collect();
        let on = match unique.on {
            Compared::Input => "as they come in",
            Compared::Output => "as they are written",
        };
        let form = unique.normalize.map(|form| format!(", {}", form.value.name()));
        let (by, form) = (by.join(" and "), form.unwrap_or_default());
        format!("of records with the same {by} ({on}{form}), the {} stays", unique.keep.name())
    });
    let users = definition.users.map(|users| {
        let most = match users.max_endpoints {
            MaxEndpoints::Target => "as many records as the target allows".to_owned(),
            MaxEndpoints::Number(1) => "1 record".to_owned(),
            MaxEndpoints::Number(number) => format!("{number} records"),
        };
        match users.over {
            OverLimit::Reject => format!("a user has {most}; later ones are rejected"),
            OverLimit::Newest => format!("a user has {most}, the newest"),
        }
    });
    let spill = (0 < comparison.ways).then(|| {
        format!(
            "temporary file in {}: up to {} bytes a record, at most {} for what `from` finds",
            spill_folder(definition),
            2 * comparison.record_bytes,
            bytes(comparison.spill(text_bytes)),
        )
    });
    let profiles = (!folds.is_off()).then(|| {
        format!(
            "profiles wait in a temporary file in {}: at most {} for what `from` finds",
            spill_folder(definition),
            bytes(folds.spill(text_bytes)),
        )
    });
    unique.into_iter().chain(users).chain(spill).chain(profiles).collect()
}

/// Where temporary files go, in words.
fn spill_folder(definition: &Definition) -> String {
    let spill = definition.spill.as_ref().map(|spill| escape_path(&spill.path));
    spill.unwrap_or_else(|| "an output's folder for new parts".to_owned())
}

/// Where a key comes from.
fn describe_source(kind: &KeyKind) -> String {
    match kind {
        KeyKind::Env(name) => {
            let unset = if env::var_os(name).is_none() { " (not set)" } else { "" };
            format!("the variable {}{unset}", describe_variable(name).trim_matches('`'))
        }
        KeyKind::File(path) => format!("the file {}", escape_path(path)),
        KeyKind::Kms(key) => format!("a MAC made with the KMS key {key}"),
        KeyKind::SecretsManager(name) => format!("the secret {name} in Secrets Manager"),
        KeyKind::Demo => "the published demo key".to_owned(),
    }
}
