//! What a scan finds in files that nobody has described yet: their fields, what the values look like, which field
//! of the schema each is, which checks it would fail, and what should become of it.
//!
//! A chunk is looked at on any thread ([`look_at`]). The findings are added in input order ([`Scan`]). No value of a
//! record is kept or shown, except words that the schema lists; of all others there are shapes, lengths and hashes.

mod choose;
mod chunk;
mod define;
mod form;
mod made_up;
mod meaning;
mod opt_out;
mod propose;
mod repairs;
mod report;
mod samples;
mod scan;
mod shape;
mod tally;
mod tree;
mod value;
mod walk;
mod wrapper;

pub use chunk::{ChunkFindings, Lens, ScanWorker, look_at};
pub use define::{
    DefinitionOptions, define, has_open_opt_out, lacks_opt_out, made_up, silent_about_opt_outs,
    unidentified, without_words,
};
pub use form::{Column, InputForm};
pub use meaning::{By, Knowledge};
pub use report::{DetectorReport, FieldReport, FileReport, SampleNote, ScanReport};
pub use scan::Scan;
pub(crate) use value::{Kind, Value};
pub(crate) use walk::{NamePath, walk_names};
pub use wrapper::wrapped_in;
