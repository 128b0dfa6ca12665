//! The report of a scan: plain data, as `--json` prints it (`schemas/scan.schema.json`).

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Serialize;

use super::meaning::By;
use crate::decode::Sense;
use crate::detect::Likelihood;

/// What a scan found.
#[derive(Clone, Debug, Serialize)]
pub struct ScanReport {
    /// The version of this format.
    pub segprep_scan: u64,
    pub records: u64,
    /// If not everything was read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sample: Option<SampleNote>,
    pub files: Vec<FileReport>,
    /// In the order of their first appearance.
    pub fields: Vec<FieldReport>,
    /// Values of further fields, of which there are too many to list, and of those whose names are too long.
    pub left_out: u64,
}

/// How much was read: lines of JSON in blocks, other inputs whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct SampleNote {
    /// Inputs of which something was read, of all that were found.
    pub files: u64,
    pub of_files: u64,
    pub bytes: u64,
    pub of_bytes: u64,
}

/// One input.
#[derive(Clone, Debug, Default, Serialize)]
pub struct FileReport {
    pub name: String,
    pub bytes: u64,
    /// `json` or `csv`.
    pub format: Option<&'static str>,
    /// The path at which each value has its records, if values are replies of an API.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub records_in: Option<String>,
    pub encoding: &'static str,
    pub compression: &'static str,
    /// Of CSV.
    pub delimiter: Option<String>,
    /// Whether the first row of CSV has the names of the columns.
    pub header: Option<bool>,
    /// `lf`, `crlf`, `cr`, `mixed`, or `none`.
    pub line_ends: &'static str,
    pub records: u64,
    /// Records that cannot be read, by code.
    pub bad: BTreeMap<&'static str, u64>,
}

/// One field or column.
#[derive(Clone, Debug, Serialize)]
pub struct FieldReport {
    #[serde(skip)]
    pub(super) origin: Origin,
    /// The path in JSON, or the name of a column; `None` if it may not be shown, or if there is none.
    pub name: Option<String>,
    /// The number of characters of a name that may not be shown.
    pub name_length: Option<u64>,
    /// The position of a column, from 1.
    pub column: Option<u64>,
    pub field: Option<String>,
    pub by: Option<By>,
    /// Records that have it.
    pub present: u64,
    pub types: BTreeMap<&'static str, u64>,
    /// An estimate.
    pub distinct: u64,
    /// The least and the greatest number of characters.
    pub length: Option<(u64, u64)>,
    pub shapes: Vec<(String, u64)>,
    /// Words that the schema lists.
    pub values: Vec<(String, u64)>,
    pub detectors: Vec<DetectorReport>,
    pub fails: BTreeMap<&'static str, u64>,
    /// By the settings that fix them, alone or together.
    pub repairs: BTreeMap<Cow<'static, str>, u64>,
    pub op: &'static str,
    pub reason: String,
}

impl FieldReport {
    /// The name, or what can be said in place of it: `(name of 8 characters)`.
    pub fn shown_name(&self) -> String {
        let map = self.field.as_deref().filter(|_| self.by == Some(By::Name));
        match (&self.name, self.column, self.name_length) {
            (Some(name), _, _) => name.clone(),
            (None, Some(column), _) => format!("(column {column})"),
            (None, None, Some(length)) => {
                let map = map.map(|map| format!("{map}.")).unwrap_or_default();
                let plural = if length == 1 { "" } else { "s" };
                format!("{map}(name of {length} character{plural})")
            }
            (None, None, None) => "(no name)".to_owned(),
        }
    }
}

/// What a definition says of a field, beyond the report.
#[derive(Clone, Debug, Default)]
pub(super) struct Origin {
    /// The name, if it may be written in a definition: it may be shown, or it is one that the schema or
    /// `schemas/headers.toml` has. `None` too if it is only inside of lists, where nothing can be renamed.
    pub(super) name: Option<String>,
    /// Values of other fields that follow from the name.
    pub(super) constants: Vec<(String, String)>,
    pub(super) sense: Sense,
    /// Words for an opt-out whose meaning is known, and the number of values that are none.
    pub(super) opt_out_words: Vec<String>,
    pub(super) opt_out_others: u64,
    /// Records without a value, in the inputs that have the field.
    pub(super) absent: u64,
    /// Whether it is called like an object of the schema.
    pub(super) is_object: bool,
    /// Whether it only may say who has opted out: it is called like a status, and has words of one.
    pub(super) is_status: bool,
    /// The inputs that have it.
    pub(super) inputs: Inputs,
}

/// The inputs that have a field, by their places in the report, as long as they are few.
#[derive(Clone, Debug, Default)]
pub(super) struct Inputs {
    first: Vec<u32>,
    /// Whether there are more than those, or ones with greater numbers.
    has_more: bool,
}

impl Inputs {
    /// So many are remembered.
    const FEW: usize = 32;

    /// Adds an input that comes after those that were added, or is the last of them.
    pub(super) fn add(&mut self, input: usize) {
        match u32::try_from(input) {
            Ok(number) if self.first.last() == Some(&number) => {}
            Ok(number) if self.first.len() < Self::FEW => self.first.push(number),
            Ok(_) | Err(_) => self.has_more = true,
        }
    }

    /// Whether an input may be one of them.
    pub(super) fn may_have(&self, input: usize) -> bool {
        self.has_more || self.first.iter().any(|first| usize::try_from(*first) == Ok(input))
    }

    /// The number of records of these inputs.
    pub(super) fn records(&self, files: &[FileReport]) -> u64 {
        let own = files.iter().enumerate().filter(|(input, _)| self.may_have(*input));
        own.map(|(_, file)| file.records).sum()
    }

    /// Whether each of them is one of the others, as far as that is known.
    pub(super) fn are_among(&self, others: &[&Inputs]) -> bool {
        let is_one = |input: &u32| {
            let may_be_later = |other: &&Inputs| {
                other.has_more && other.first.last().is_some_and(|last| last < input)
            };
            others.iter().any(|other| other.first.contains(input) || may_be_later(other))
        };
        let are_later = !self.has_more || others.iter().any(|other| other.has_more);
        are_later && self.first.iter().all(is_one)
    }

    /// Whether an input may have both fields.
    pub(super) fn may_meet(&self, other: &Inputs) -> bool {
        let is_there = |input: &u32| other.first.contains(input);
        self.has_more || other.has_more || self.first.iter().any(is_there)
    }
}

/// What a detector found in a field.
#[derive(Clone, Debug, Serialize)]
pub struct DetectorReport {
    pub name: String,
    pub hits: u64,
    pub likelihood: Likelihood,
}
