//! What a run reports: counts, the lines of `rejects.ndjson`, the manifest, and what is made of it.
//!
//! Plain data and arithmetic. Nothing here holds a value of a record, a key, or an entry of a list.

pub mod advice;
mod json;
mod lineage;
mod manifest;
mod page;
pub mod quantities;
mod reject;
mod tally;
mod verify;

pub use json::{json_line, json_lines};
pub use lineage::{
    Dataset, LineageColumn, LineageColumns, LineageRun, failure_lines, lineage_lines, masks,
};
pub use manifest::{
    DefinitionNote, Exceeded, FailedRule, FieldCount, InputCounts, KeyNote, ListNote, Manifest,
    OutputNote, PartNote, PiiCount, ProfilesNote, RecordCounts, RejectCounts, RetryNote,
    ShardsNote, Status, Timing, TokenNote,
};
pub(crate) use page::{document, html_page};
pub use page::{html_report, markdown_report};
pub use reject::{RejectLine, only_setting};
pub use tally::{NAMES_MAX, NameCounts, OTHER, Tally};
pub use verify::{VerifyFault, VerifyReport};
