//! The choices that a definition offers, as types shared by the definition, the plan, the stages
//! and the writers.
//!
//! This is the bottom of `definition`: it imports none of its other modules.
//!
//! What differs between output formats is asked of [`OutputFormat`]. Its methods match
//! exhaustively, so the compiler lists every question that a new format has to answer.

use crate::encode::PARQUET_PART_MIN;

/// What the written records are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Messages are sent to the addresses, so they are kept.
    Messaging,
    /// No address is written in the clear.
    Analytics,
}

/// The format of an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InputFormat {
    Json,
    Csv,
}

/// A text encoding other than UTF-8.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextEncoding {
    /// As the WHATWG Encoding Standard defines it: every byte is a character.
    Windows1252,
    /// ISO 8859-1: every byte is the character with that number.
    Latin1,
    /// With or without a byte order mark.
    Utf16,
}

/// What to do with a field that the schema does not know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unknown {
    Drop,
    Reject,
}

/// What to do with an input that has changed since a run took it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnChange {
    Fail,
    Take,
    Skip,
}

/// What to do with a value that an operation cannot be applied to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnError {
    /// Remove the value and count it.
    Remove,
    /// Reject the record with the code `op`.
    Reject,
}

/// The format of an output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutputFormat {
    PinpointJson,
    PinpointCsv,
    Parquet,
    /// One row for each user, and lists of opt-outs.
    ProfilesCsv,
}

/// How records are laid out in a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PartLayout {
    /// One record a line; each block's bytes are appended as they come.
    Lines,
    /// Column by column within row groups, which gather the records of several blocks.
    Columns,
    /// Folded: one row for all records of a user, which is written once all of them were read.
    Profiles,
}

impl OutputFormat {
    /// All formats, in the order of the documentation.
    pub const ALL: [OutputFormat; 4] = [
        OutputFormat::PinpointJson,
        OutputFormat::PinpointCsv,
        OutputFormat::Parquet,
        OutputFormat::ProfilesCsv,
    ];

    /// The value of `format` in a definition and in the manifest.
    pub fn name(self) -> &'static str {
        match self {
            OutputFormat::PinpointJson => "pinpoint-json",
            OutputFormat::PinpointCsv => "pinpoint-csv",
            OutputFormat::Parquet => "parquet",
            OutputFormat::ProfilesCsv => "profiles-csv",
        }
    }

    /// The file extension of parts, without the dot.
    pub fn extension(self) -> &'static str {
        match self {
            OutputFormat::PinpointJson => "json",
            OutputFormat::PinpointCsv | OutputFormat::ProfilesCsv => "csv",
            OutputFormat::Parquet => "parquet",
        }
    }

    /// Whether a target's import job reads the format. The parts of such an output are in job
    /// folders and within the limits of the target's import job.
    pub fn is_import(self) -> bool {
        match self {
            OutputFormat::PinpointJson | OutputFormat::PinpointCsv => true,
            OutputFormat::Parquet | OutputFormat::ProfilesCsv => false,
        }
    }

    /// How records are laid out in a part.
    pub fn layout(self) -> PartLayout {
        match self {
            OutputFormat::PinpointJson | OutputFormat::PinpointCsv => PartLayout::Lines,
            OutputFormat::Parquet => PartLayout::Columns,
            OutputFormat::ProfilesCsv => PartLayout::Profiles,
        }
    }

    /// Whether records are rows of CSV, each with the fields of one: every part begins with a header, the columns are those of
    /// the definition or of the inputs' headers, and `columns` and `formula` are settings of the
    /// output.
    pub fn is_csv(self) -> bool {
        match self {
            OutputFormat::PinpointCsv => true,
            OutputFormat::PinpointJson | OutputFormat::Parquet | OutputFormat::ProfilesCsv => false,
        }
    }

    /// The least number of bytes that `max_bytes` may allow a part.
    pub fn part_bytes_min(self) -> u64 {
        match self {
            OutputFormat::PinpointJson | OutputFormat::PinpointCsv | OutputFormat::ProfilesCsv => 1,
            OutputFormat::Parquet => PARQUET_PART_MIN,
        }
    }
}

/// What to do with values that have no place in a profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unplaced {
    /// Count them, and warn.
    Warn,
    /// Publish nothing.
    Fail,
}

/// The digest of a part that the manifest lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DigestKind {
    Sha256,
    Crc64Nvme,
}

/// `[run]`: the resources that a run uses. None of them changes an output byte.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RunPlan {
    /// `None`: as many as the machine has cores.
    pub threads: Option<usize>,
    /// The size of a chunk in bytes; `None` for the default.
    pub chunk_bytes: Option<usize>,
}
