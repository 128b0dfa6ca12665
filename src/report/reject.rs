//! A line of `rejects.ndjson`: where a record is, and what is wrong with it. `run/assemble.rs`
//! fills it in.

use serde::Serialize;

use crate::record::{DescribedProblem, setting};

/// The setting that all problems of a reject name, if it was not tried on the record as repairs are.
pub fn only_setting(problems: &[DescribedProblem]) -> Option<&'static str> {
    let first = problems.first()?;
    let setting = setting::ALL.into_iter().find(|setting| first.repair == *setting)?;
    problems.iter().all(|problem| problem.repair == setting).then_some(setting)
}

/// A reject. `offset` and `bytes` are the record's exact place in the text, after decompression and
/// conversion to UTF-8.
#[derive(Clone, Debug, Serialize)]
pub struct RejectLine<'a> {
    /// The input's name, as listed.
    pub source: &'a str,
    /// The record's number in its input, 1-based.
    pub record: u64,
    /// The line where the record begins, 1-based. A CSV header is line 1.
    pub line: u64,
    /// In bytes.
    pub offset: u64,
    /// The record's length without its line end.
    pub bytes: u64,
    /// The position of the `[[input.endpoint]]` that gave the record, 1-based.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<u8>,
    pub problems: &'a [DescribedProblem],
}
