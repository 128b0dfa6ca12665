//! Checks what a record needs to be a part of a profile: something that says whose it is, and that a profile can
//! hold.

use super::RuleNames;
use crate::record::{Batch, Code, Detail, Field, Problem, Text};
use crate::schema::{NodeIx, ProfileTarget};

/// The checks of all outputs of profiles.
#[derive(Debug)]
pub struct ProfileChecks {
    /// For each output, the fields that may say whose a record is, the preferred one first.
    keys: Vec<Vec<NodeIx>>,
    missing: u16,
    value_length: u16,
    /// The most code points of a value.
    length_max: usize,
}

impl ProfileChecks {
    /// `keys`: for each output, the fields that may say whose a record is.
    pub fn new(keys: Vec<Vec<NodeIx>>, checks: &mut RuleNames) -> ProfileChecks {
        ProfileChecks {
            missing: checks.add(ProfileTarget::rule("key")),
            value_length: checks.add(ProfileTarget::rule("value_length")),
            length_max: ProfileTarget::shipped().limits.value_length,
            keys,
        }
    }

    /// Adds the problems of the live rows.
    pub fn check(&self, chunk: &[u8], batch: &mut Batch) {
        if self.keys.is_empty() {
            return;
        }
        let mut problems = std::mem::take(&mut batch.problems);
        let text = Text { chunk, arena: &batch.arena };
        for row in batch.live_rows() {
            let found = problems.len();
            for keys in &self.keys {
                let Some(problem) = self.problem(row, keys, batch, text) else { continue };
                let numbered = (u32::try_from(row).expect("a batch has few rows"), problem);
                if !problems.iter().skip(found).any(|known| *known == numbered) {
                    problems.push(numbered);
                }
            }
        }
        batch.problems = problems;
    }

    fn problem(
        &self,
        row: usize,
        keys: &[NodeIx],
        batch: &Batch,
        text: Text<'_>,
    ) -> Option<Problem> {
        let field = |node| Field::Node(u8::try_from(node).expect("a schema has few fields"));
        let (code, rule) = (Code::Missing, self.missing);
        let Some(key) = keys.iter().find(|key| !batch.slot(row, **key).is_absent()) else {
            let field = field(keys.first().copied()?);
            return Some(Problem { field, code, rule, detail: Detail::None });
        };
        let value = text.of(batch.slot(row, *key));
        let points = value.iter().filter(|byte| **byte & 0b1100_0000 != 0b1000_0000).count();
        (self.length_max < points).then(|| Problem {
            field: field(*key),
            code: Code::ValueLength,
            rule: self.value_length,
            detail: Detail::TooLong,
        })
    }
}
