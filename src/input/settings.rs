//! What the caller decides: how inputs are read, and how much of them is held at once.

use crate::decode::frame::Dialect;
use crate::decode::{ColumnRules, RecordsPath};
use crate::definition::{DigestKind, InputFormat, TextEncoding};

/// What the definition says about reading inputs.
#[derive(Clone, Copy)]
pub(crate) struct Settings<'a> {
    /// `None`: detect it from the content.
    pub(crate) format: Option<InputFormat>,
    /// `None`: the text is UTF-8.
    pub(crate) encoding: Option<TextEncoding>,
    /// Whether an input is text in UTF-8 whatever it begins with: it is neither inflated nor taken for UTF-16.
    pub(crate) is_text: bool,
    /// Whether to find out the encoding of each input, where `encoding` sets none.
    pub(crate) detects_encoding: bool,
    /// How many times its own size an archive may expand to.
    pub(crate) max_expansion: u64,
    /// Whether to go on with the next input after one that is not a segment file.
    pub(crate) skips_bad_files: bool,
    /// The path of the records in the values of a JSON file. `None`: the values are the records.
    pub(crate) records: Option<&'a RecordsPath>,
    /// The delimiter of CSV cells. `None`: detect it from the header.
    pub(crate) delimiter: Option<u8>,
    /// How the rows of CSV are written, apart from the delimiter and the line ends.
    pub(crate) dialect: Dialect,
    /// The number of lines before the header of CSV.
    pub(crate) skip_lines: u64,
    /// The column names of CSV files that have no header.
    pub(crate) columns: Option<&'a [String]>,
    /// What the names in a CSV header mean.
    pub(crate) column_rules: &'a ColumnRules,
    /// The digest of each input to compute, if any.
    pub(crate) digest: Option<DigestKind>,
}

/// How much of the inputs is held at once.
#[derive(Clone, Copy)]
pub(crate) struct Limits {
    /// The number of inputs that are open at once: the one being read, and those opened ahead.
    pub(crate) open_inputs: usize,
    /// The size of a chunk in bytes. A single record may be longer.
    pub(crate) chunk_bytes: usize,
    /// The length of the longest record in bytes, without its line end.
    pub(crate) max_record: usize,
}
