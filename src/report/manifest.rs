//! The manifest: what a run read, wrote and left out, as one JSON document. This is its format;
//! `run/account/manifest.rs` fills it in.
//!
//! It is written last: parts are published only if a manifest with status `published` lists them.
//! `schemas/manifest.schema.json` describes it for readers in other languages.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::definition::STANDARD_OUTPUT;

/// The manifest of one run. The order of the fields is their order in the file.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Manifest {
    /// The version of this format: 1.
    pub segprep_manifest: u32,
    /// The id of the run: its start, unless `--run` gave another one.
    #[serde(default)]
    pub run: String,
    pub status: Status,
    /// The name of the definition.
    pub name: String,
    pub purpose: String,
    /// The version of segprep.
    pub version: String,
    /// Whether a FIPS module computed all hashes and keys. Left out by other builds.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub fips: bool,
    pub fingerprint: String,
    /// The shards that wrote the result, or the shard that this is. `None`: one machine did it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shards: Option<ShardsNote>,
    /// The run whose rejects these are. Left out by other runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry: Option<RetryNote>,
    pub definition: DefinitionNote,
    /// SHA-256 of each schema file, by name.
    pub schemas: BTreeMap<String, String>,
    /// In UTC, as ISO 8601.
    pub started: String,
    pub finished: String,
    /// The budgets that the run exceeded; none if it is published.
    #[serde(default)]
    pub exceeded: Vec<Exceeded>,
    pub records: RecordCounts,
    pub inputs: InputCounts,
    pub outputs: Vec<OutputNote>,
    pub keys: Vec<KeyNote>,
    /// Whether the account has events of OpenLineage. Left out if not.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub lineage: bool,
    /// The id in the user agent of this run's requests to AWS. `None`: nothing was in a bucket.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requests: Option<String>,
    /// The lists of `[[suppress]]`, in the definition's order.
    #[serde(default)]
    pub suppress: Vec<ListNote>,
    pub fields: Vec<FieldCount>,
    /// How often unknown fields were dropped, by name. Fields that only exports have are counted
    /// together, as `(export only)`.
    pub unknown_fields: BTreeMap<String, u64>,
    /// The values in written records that repairs changed, by kind of repair and by field.
    pub repairs: BTreeMap<String, BTreeMap<String, u64>>,
    /// The invalid values that were removed from written records, by field.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub removed_invalid: BTreeMap<String, u64>,
    /// With `[unique]`, how often records with the same values differ in `OptOut`, so that `ALL` was
    /// written. Left out if each keeps its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub optout_merged: Option<u64>,
    /// The values in written records in which personal data is kept, by field and detector.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pii: Vec<PiiCount>,
    pub rejects: RejectCounts,
    pub warnings: Vec<String>,
    pub timing: Timing,
}

impl Manifest {
    /// A manifest of the version that this program knows; `None` for anything else.
    pub fn parse(text: &[u8]) -> Option<Manifest> {
        let manifest = serde_json::from_slice::<Manifest>(text).ok()?;
        (manifest.segprep_manifest == 1).then_some(manifest)
    }

    /// Whether the records went to standard output as they were made.
    pub fn writes_to_standard_output(&self) -> bool {
        self.outputs.iter().any(|output| output.to == STANDARD_OUTPUT)
    }

    /// Whether the run exceeded a budget.
    pub fn is_over_budget(&self) -> bool {
        !self.exceeded.is_empty()
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    Published,
    OverBudget,
    /// Nothing was to be written. Such a manifest is shown, and never in a file.
    DryRun,
}

/// A budget that a run exceeded.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Exceeded {
    /// The setting; `None`: a run that rejects records must write some.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub budget: Option<String>,
    /// For `max_op_failed_ratio`, the path of the rule and its operation.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub rule: Option<FailedRule>,
    /// The most that the budget allows, and what was found: a share or a number, as in the setting.
    /// Without a setting, the least number of records to write, and how many there were.
    pub allowed: f64,
    pub found: f64,
}

/// A rule whose operation could not apply to some of its values.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailedRule {
    pub path: String,
    pub op: String,
    /// The number of values that the rule met, and of those that were removed.
    pub met: u64,
    pub op_failed: u64,
}

/// How a result was divided among machines.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShardsNote {
    /// The digest of the plan, in lower hex.
    pub plan: String,
    pub count: u32,
    /// In the account of a shard: its number, from 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<u32>,
    /// In the account of a shard: warnings about what it did not meet, and others may have met.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unused: Vec<String>,
}

/// The run whose rejects a retry takes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RetryNote {
    /// The fingerprint of that run.
    pub of: String,
    /// Its id.
    pub run: String,
    /// Which of its retries this is, from 1.
    pub number: u64,
    /// The number of records that it read.
    pub read: u64,
    /// How many of them are still rejected, after this retry and those before.
    pub still_rejected: u64,
}

/// The definition of a run, by digests in lower hex.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DefinitionNote {
    pub sha256: String,
    /// A short digest of each setting, by its path: it tells what differs between two runs.
    #[serde(default)]
    pub settings: BTreeMap<String, String>,
}

/// The records of a run: read = written + rejected + dropped.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordCounts {
    pub read: u64,
    pub written: u64,
    pub rejected: u64,
    /// Records left out, by reason: `inactive`, `suppressed`, `duplicate`, `user_limit`, or `header` for
    /// rows that repeat the header.
    pub dropped: BTreeMap<String, u64>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct InputCounts {
    pub files: u64,
    pub bytes: u64,
    /// With `[[input.endpoint]]`, the rows that the records come from.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub rows: Option<u64>,
    pub ignored: u64,
    pub skipped: u64,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct OutputNote {
    pub to: String,
    pub format: String,
    pub target: String,
    pub import_ready: bool,
    /// The most bytes of a part.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub max_bytes: Option<u64>,
    /// CSV only: the values `""` and `[]` that became empty cells, because CSV cannot express them.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub emptied: Option<u64>,
    /// CSV only: the texts that a spreadsheet would interpret as a formula.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub formula: Option<u64>,
    /// Profiles only: what was made of the records.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub profiles: Option<ProfilesNote>,
    pub files: Vec<PartNote>,
}

/// What profiles were made of the records that were written.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProfilesNote {
    /// The rows of all parts: one for each user.
    pub rows: u64,
    pub columns: u64,
    /// The most columns that the output may have.
    pub max_columns: u64,
    /// The addresses on each list of opt-outs.
    pub lists: BTreeMap<String, u64>,
    /// The values of records that are in no row, by field.
    pub unplaced: BTreeMap<String, u64>,
    /// Records that are opted out and were not written, by what became of them.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub unlisted: BTreeMap<String, u64>,
}

/// A part. `path` is relative to the output's `to`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PartNote {
    pub path: String,
    pub bytes: u64,
    pub records: u64,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub sha256: Option<String>,
    /// The checksum, big-endian, in Base64, as S3 shows it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub crc64nvme: Option<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct KeyNote {
    pub id: String,
    pub check: String,
    pub demo: bool,
}

/// A list of people to suppress. Holds none of its entries.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ListNote {
    pub from: Vec<String>,
    /// The field that is looked up in the list.
    pub field: String,
    /// `drop` or `opt-out`.
    pub action: String,
    /// The number of distinct entries.
    pub entries: u64,
    /// The number of lines or cells that do not have the form of an entry.
    pub unusable: u64,
    /// The number of records that match an entry.
    pub matches: u64,
}

/// What a rule did to the records that were written.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct FieldCount {
    /// The rule's path, as in the definition.
    pub path: String,
    pub op: String,
    /// The number of values that the rule was applied to.
    pub values: u64,
    /// The number of values that were removed because the operation could not be applied.
    pub op_failed: u64,
    /// For `hmac`: what its tokens are like.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub token: Option<TokenNote>,
    /// For `scrub`: the number of values in which something was replaced.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub changed: Option<u64>,
    /// For `scrub`: the values in which each detector found something.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub detectors: BTreeMap<String, u64>,
    /// For a rule with `*`: the values by what stands for the `*`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub names: BTreeMap<String, u64>,
}

/// The tokens of a rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenNote {
    /// Equal values under the same join have the same token. `None`: the path of each field.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub join: Option<String>,
    /// `person`, or `relationship:LABEL`.
    pub scope: String,
    pub bits: u32,
    /// `hex` or `base64url`.
    pub encoding: String,
}

/// Personal data that is written as it came in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PiiCount {
    /// The field, or the attribute or metric whose name is personal data; as it may be shown.
    pub path: String,
    /// The name of the detector that found it.
    pub detector: String,
    /// The number of values; of a name, that of the records that have it.
    pub values: u64,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct RejectCounts {
    /// The number of problems by code. A record may have several.
    pub by_code: BTreeMap<String, u64>,
    pub by_field: BTreeMap<String, u64>,
    /// The number of rejected records that repairs would fix completely, by the settings that are
    /// needed: `repair.country`, `repair.trim + repair.phone`.
    #[serde(default)]
    pub by_repair: BTreeMap<String, u64>,
    /// The number of rejected records that one other setting may fix, by that setting: `input.ragged`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub by_setting: BTreeMap<String, u64>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Timing {
    pub seconds: f64,
    pub threads: usize,
    pub records_per_second: f64,
    /// Input, in MB (10⁶ bytes).
    pub mb_per_second: f64,
}
