//! The words that a definition chooses among, and the plan and the stages after it.

/// What the written records are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Addresses stay deliverable.
    Messaging,
    /// Addresses do not survive in the clear.
    Analytics,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InputFormat {
    Json,
    Csv,
}

/// An encoding other than UTF-8.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextEncoding {
    /// As the web's Encoding Standard has it: every byte is a character.
    Windows1252,
    /// ISO 8859-1: every byte is the character of its number.
    Latin1,
    /// With a byte order mark or without.
    Utf16,
}

/// What becomes of a field that the schema does not know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unknown {
    Drop,
    Reject,
}

/// What becomes of a value that an operation can't apply to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnError {
    /// The value is removed and counted.
    Remove,
    /// The record is rejected with the code `op`.
    Reject,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutputFormat {
    PinpointJson,
    PinpointCsv,
    Parquet,
}

impl OutputFormat {
    pub const ALL: [OutputFormat; 3] =
        [OutputFormat::PinpointJson, OutputFormat::PinpointCsv, OutputFormat::Parquet];

    /// As the definition names it.
    pub fn name(self) -> &'static str {
        match self {
            OutputFormat::PinpointJson => "pinpoint-json",
            OutputFormat::PinpointCsv => "pinpoint-csv",
            OutputFormat::Parquet => "parquet",
        }
    }

    /// Whether a target's import job takes it: its parts then lie in job folders.
    pub fn is_import(self) -> bool {
        self != OutputFormat::Parquet
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DigestKind {
    Sha256,
    Crc64Nvme,
}

/// With what means a run works; none of it changes an output byte.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RunPlan {
    pub threads: Option<usize>,
    pub chunk_bytes: Option<usize>,
}
