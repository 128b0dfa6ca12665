//! The manifest: what a run read, wrote and left out, in one JSON document.
//!
//! It is written last and makes a run's parts valid. `schemas/manifest.schema.json` describes it
//! for readers in other languages.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// One run's account in numbers. The order of the fields is their order in the file.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Manifest {
    /// The version of this format: 1.
    pub segprep_manifest: u32,
    pub status: Status,
    /// The definition's name.
    pub name: String,
    pub purpose: String,
    /// The version of the program.
    pub version: String,
    /// Whether a FIPS module made all hashes and keys. In no manifest of another build.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub fips: bool,
    pub fingerprint: String,
    pub definition: Digests,
    /// SHA-256 of each schema file, by name.
    pub schemas: BTreeMap<String, String>,
    /// UTC, ISO 8601.
    pub started: String,
    pub finished: String,
    pub records: RecordCounts,
    pub inputs: InputCounts,
    pub outputs: Vec<OutputNote>,
    pub keys: Vec<KeyNote>,
    /// What tells this run's requests to AWS from others: it is in their user agent. None where
    /// nothing was in a bucket.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
    /// The lists of `[[suppress]]`, in the definition's order.
    #[serde(default)]
    pub suppress: Vec<ListNote>,
    pub fields: Vec<FieldCount>,
    /// Fields that the schema doesn't know, by name, and how often they were dropped. What only
    /// exports carry is counted together under `(export only)`.
    pub unknown_fields: BTreeMap<String, u64>,
    /// Values of written records that a repair changed, by kind and field.
    pub repairs: BTreeMap<String, BTreeMap<String, u64>>,
    pub rejects: RejectCounts,
    pub warnings: Vec<String>,
    pub timing: Timing,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    Published,
    OverBudget,
}

/// The SHA-256 of a file, in lower hex.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Digests {
    pub sha256: String,
}

/// read = written + rejected + dropped.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordCounts {
    pub read: u64,
    pub written: u64,
    pub rejected: u64,
    /// Records that the policy leaves out, by reason: `inactive`, `suppressed`.
    pub dropped: BTreeMap<String, u64>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct InputCounts {
    pub files: u64,
    pub bytes: u64,
    pub ignored: u64,
    pub skipped: u64,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct OutputNote {
    pub to: String,
    pub format: String,
    pub target: String,
    pub import_ready: bool,
    /// Of CSV: `""` and `[]` that became empty cells, since CSV can't hold them.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub emptied: Option<u64>,
    /// Of CSV: texts that a spreadsheet would take for a formula.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub formula: Option<u64>,
    pub files: Vec<PartNote>,
}

/// One part; `path` is below the output's `to`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PartNote {
    pub path: String,
    pub bytes: u64,
    pub records: u64,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub sha256: Option<String>,
    /// Base64 of the big-endian checksum, as S3 shows it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub crc64nvme: Option<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct KeyNote {
    pub id: String,
    pub check: String,
    pub demo: bool,
}

/// One list of people. Holds no entry.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ListNote {
    pub from: Vec<String>,
    /// The field that is looked up.
    pub field: String,
    /// `drop` or `opt-out`.
    pub action: String,
    /// Different entries.
    pub entries: u64,
    /// Lines or cells that have not the form of an entry.
    pub unusable: u64,
    /// Records that the list has.
    pub matches: u64,
}

/// What one rule did to the records that were written.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct FieldCount {
    /// The rule's path, as the definition has it.
    pub path: String,
    pub op: String,
    /// Values that the rule was applied to, in written records.
    pub values: u64,
    /// Values that were removed since the operation could not apply.
    pub op_failed: u64,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct RejectCounts {
    /// Problems by code. A record may have several.
    pub by_code: BTreeMap<String, u64>,
    pub by_field: BTreeMap<String, u64>,
    /// Rejected records that repairs would mend whole, by the settings that it takes:
    /// `repair.country`, `repair.trim + repair.phone`.
    #[serde(default)]
    pub by_repair: BTreeMap<String, u64>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Timing {
    pub seconds: f64,
    pub threads: usize,
    pub records_per_second: f64,
    /// MB (10⁶ bytes) of input.
    pub mb_per_second: f64,
}
