//! A verification in progress: what it reads, and what it found. `mod.rs` has its steps.

use std::path::Path;

use rayon::ThreadPool;

use super::place::Place;
use crate::engine::Cancel;
use crate::pipeline::Flaw;
use crate::report::VerifyFault;
use crate::run::progress::Progress;
use crate::run::text::path_text;

/// So many faults are named.
pub(in crate::run) const NAMED_MAX: usize = 10;

/// What is the same for a result and for those of `retry`.
pub(super) struct Verifying<'a> {
    pub(in crate::run) place: &'a Place,
    pub(in crate::run) pool: ThreadPool,
    pub(in crate::run) progress: &'a Progress,
    pub(in crate::run) cancel: &'a Cancel,
    pub(in crate::run) faults: Faults,
    /// What is worth knowing and no fault.
    pub(in crate::run) notes: Vec<String>,
    /// The parts and records that were read.
    pub(in crate::run) parts: u64,
    pub(in crate::run) records: u64,
}

/// The faults that were found: the first ones, and how many there are.
#[derive(Debug, Default)]
pub(super) struct Faults {
    pub(in crate::run) first: Vec<VerifyFault>,
    pub(in crate::run) count: u64,
}

impl Faults {
    /// Adds a fault of a whole file.
    pub(in crate::run) fn of_file(&mut self, file: &Path, what: impl Into<String>) {
        self.add(file, None, "", what);
    }

    /// Adds a fault. `field`: empty for none.
    pub(in crate::run) fn add(
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

/// `1 line instead of 2`.
pub(in crate::run) fn instead(
    found: impl Into<u128>,
    one: &str,
    expected: impl Into<u128>,
) -> String {
    let (found, expected) = (found.into(), expected.into());
    let plural = if found == 1 { "" } else { "s" };
    format!("{found} {one}{plural} instead of {expected}")
}

/// A flaw in words.
pub(in crate::run) fn describe(flaw: &Flaw) -> String {
    match flaw {
        Flaw::Invalid { code, detail: "" } => format!("fails the check `{code}`"),
        Flaw::Invalid { code, detail } => format!("fails the check `{code}` (`{detail}`)"),
        Flaw::Dropped => "has a value, though the rules drop the field".to_owned(),
        Flaw::ExportOnly => "has a field that only exports have".to_owned(),
        Flaw::NoToken => "has a value that is no token of a key in the manifest".to_owned(),
        Flaw::LineBreak => "has a value with a tab or a line break".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_not_many() {
        let cases = [
            (0_u64, "0 lines instead of 2"),
            (1, "1 line instead of 2"),
            (3, "3 lines instead of 2"),
        ];
        for (found, expected) in cases {
            assert_eq!(instead(found, "line", 2_u64), expected);
        }
    }
}
