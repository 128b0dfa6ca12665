//! What a record is before and after a run, for people who look at a few of them: every field with what came
//! in, what is written, and which settings and operations did it. No value is shown but in outline.
//!
//! [`Draft`] makes a [`PreviewRecord`] of what the stages made of a record (`pipeline/process/observe.rs`) and of
//! its text as it came in (`raw`). `meaning` says which field a name of the input became, and [`outline`] what may
//! be seen of a value.

mod draft;
mod meaning;
mod outline;
mod raw;
mod record;

pub use draft::{Draft, Source};
pub use outline::{OUTLINE_MAX, outline};
pub use record::{PreviewField, PreviewOutcome, PreviewRecord, Shown};
