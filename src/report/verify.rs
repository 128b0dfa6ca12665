//! What `segprep verify` found, as `schemas/verify.schema.json` describes it. Holds no value of a record.

use serde::Serialize;

/// Whether a result is what its manifest says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct VerifyReport {
    pub sound: bool,
    /// The parts and records that were read.
    pub parts: u64,
    pub records: u64,
    /// The first ten, in the order of the manifest.
    pub faults: Vec<VerifyFault>,
}

/// Something that does not hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct VerifyFault {
    /// The part, or the file of the account.
    pub part: String,
    /// From 1. A CSV header is line 1; of Parquet, the number of the row.
    pub line: Option<u64>,
    /// The path of the field, as it may be shown.
    pub field: Option<String>,
    pub what: String,
}
