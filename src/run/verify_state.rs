//! A verification in progress: what it reads, and what it found. `verify.rs` has its steps.

use std::path::Path;

use rayon::ThreadPool;

use super::progress::Progress;
use super::text::path_text;
use super::verify_place::Place;
use crate::engine::Cancel;
use crate::pipeline::Flaw;
use crate::report::VerifyFault;

/// So many faults are named.
pub(super) const NAMED_MAX: usize = 10;

/// What is the same for a result and for those of `retry`.
pub(super) struct Verifying<'a> {
    pub(super) place: &'a Place,
    pub(super) pool: ThreadPool,
    pub(super) progress: &'a Progress,
    pub(super) cancel: &'a Cancel,
    pub(super) faults: Faults,
    /// What is worth knowing and no fault.
    pub(super) notes: Vec<String>,
    /// The parts and records that were read.
    pub(super) parts: u64,
    pub(super) records: u64,
}

/// The faults that were found: the first ones, and how many there are.
#[derive(Debug, Default)]
pub(super) struct Faults {
    pub(super) first: Vec<VerifyFault>,
    pub(super) count: u64,
}

impl Faults {
    /// Adds a fault of a whole file.
    pub(super) fn of_file(&mut self, file: &Path, what: impl Into<String>) {
        self.add(file, None, "", what);
    }

    /// Adds a fault. `field`: empty for none.
    pub(super) fn add(
        &mut self,
        file: &Path,
        line: Option<u64>,
        field: &str,
        what: impl Into<String>,
    ) {
        self.count += 1;
        if self.first.len() < NAMED_MAX {
            let field = (!field.is_empty()).then(|| field.to_owned());
            let (part, what) = (path_text(file), what.into());
            self.first.push(VerifyFault { part, line, field, what });
        }
    }
}

/// A flaw in words.
pub(super) fn describe(flaw: &Flaw) -> String {
    match flaw {
        Flaw::Invalid { code, detail: "" } => format!("fails the check `{code}`"),
        Flaw::Invalid { code, detail } => format!("fails the check `{code}` (`{detail}`)"),
        Flaw::Dropped => "has a value, though the rules drop the field".to_owned(),
        Flaw::ExportOnly => "has a field that only exports have".to_owned(),
        Flaw::NoToken => "has a value that is no token of a key in the manifest".to_owned(),
        Flaw::LineBreak => "has a value with a tab or a line break".to_owned(),
    }
}
