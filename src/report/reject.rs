//! One line of `rejects.ndjson`: where a record stands, and what is wrong with it.

use serde::Serialize;

use crate::record::DescribedProblem;

/// A reject. The place is exact: `offset` and `bytes` cut the record out of the decompressed text.
#[derive(Clone, Debug, Serialize)]
pub struct RejectLine<'a> {
    /// The input's name as listed.
    pub source: &'a str,
    /// 1-based among the input's records.
    pub record: u64,
    /// 1-based; where the record begins. A CSV header is line 1.
    pub line: u64,
    pub offset: u64,
    /// The record's length without its line end.
    pub bytes: u64,
    pub problems: &'a [DescribedProblem],
}
