//! What a run reports: counts, the lines of `rejects.ndjson`, and the manifest.
//!
//! Plain data and arithmetic. Nothing here holds a value of a record, a key, or an entry of a list.

mod json;
mod manifest;
mod reject;
mod tally;

pub use json::{json_line, json_lines};
pub use manifest::{
    Digests, Exceeded, FailedRule, FieldCount, InputCounts, KeyNote, ListNote, Manifest,
    OutputNote, PartNote, RecordCounts, RejectCounts, Status, Timing,
};
pub use reject::{RejectLine, only_setting};
pub use tally::{NAMES_MAX, NameCounts, OTHER, Tally};
