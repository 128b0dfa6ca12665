//! A record of a preview: plain data, as `--json` prints it (`schemas/preview.schema.json`).

use std::borrow::Cow;
use std::fmt;

use serde::{Serialize, Serializer};

use crate::record::{DescribedProblem, FieldPath};

/// One record before and after.
#[derive(Clone, Debug, Serialize)]
pub struct PreviewRecord {
    /// The input, as listed.
    pub source: String,
    /// Its number in the input, from 1.
    pub record: u64,
    /// The line on which it begins, from 1; a CSV header is line 1.
    pub line: u64,
    /// The position of the `[[input.endpoint]]` that gave the record, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<u8>,
    pub outcome: PreviewOutcome,
    /// Why it is not written: the code of its first problem, or why it is dropped.
    pub reason: Option<&'static str>,
    pub problems: Vec<DescribedProblem>,
    /// In the order in which they came in, followed by those that the definition adds.
    pub fields: Vec<PreviewField>,
    /// The part that has the record, and where in it.
    pub part: Option<String>,
    pub part_line: Option<u64>,
    /// Fields that are not listed, because there are too many.
    #[serde(skip)]
    pub left_out: u64,
}

/// What becomes of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PreviewOutcome {
    Written,
    Rejected,
    Dropped,
}

/// One field before and after.
#[derive(Clone, Serialize)]
pub struct PreviewField {
    #[serde(serialize_with = "shown_path")]
    pub path: FieldPath,
    /// What came in; `None` if the definition adds the field.
    pub before: Option<Shown>,
    /// What is written; `None` if it is not.
    pub after: Option<Shown>,
    /// The settings and operations that did it, in the order of the stages.
    pub by: Vec<Cow<'static, str>>,
    /// What is to be known about it besides, in a few words; may be empty.
    #[serde(skip)]
    pub note: String,
}

/// What is shown of a value: an outline, a word of the schema, or what an operation made.
#[derive(Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Shown {
    One(String),
    List(Vec<String>),
}

fn shown_path<S: Serializer>(path: &FieldPath, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(&path.shown)
}

impl fmt::Debug for PreviewField {
    /// Shows no value: it may be one that the user wants to see, and nobody else.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PreviewField({})", self.path.shown)
    }
}

impl fmt::Debug for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Shown")
    }
}

impl PreviewRecord {
    /// The names that may be shown if enough records have them.
    pub fn names_to_count(&self) -> impl Iterator<Item = &str> {
        self.fields.iter().filter_map(|field| field.path.whole.as_deref())
    }

    /// Shows the names that enough records have.
    pub fn show_common(&mut self, is_common: impl Fn(&str) -> bool) {
        for field in &mut self.fields {
            if let Some(whole) = field.path.whole.take_if(|whole| is_common(whole)) {
                field.path.shown = whole;
            }
        }
        for problem in &mut self.problems {
            if let Some((whole, _)) = problem.whole.take_if(|(whole, _)| is_common(whole)) {
                problem.field = whole;
            }
        }
    }
}
