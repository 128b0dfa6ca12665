//! What happened to every record, as counts and lines: pure, and free of values.

mod manifest;
mod reject;
mod tally;

pub use manifest::{
    Digests, FieldCount, InputCounts, KeyNote, ListNote, Manifest, OutputNote, PartNote,
    RecordCounts, RejectCounts, Status, Timing,
};
pub use reject::RejectLine;
pub use tally::{NameCounts, Tally};
