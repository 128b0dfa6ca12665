//! What a listing holds: the inputs, and what is ignored, with the reason. Plain data.

/// The name of standard input, in `from` and in a listing.
pub const STANDARD_INPUT: &str = "-";

/// Everything that `from` reaches.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listing {
    /// In reading order. May be empty.
    pub files: Vec<Listed>,
    /// Sorted by name.
    pub ignored: Vec<Ignored>,
    /// The patterns of `from` and of `exclude` that matched nothing.
    pub unmatched: Vec<String>,
}

/// An input: a file, an object or standard input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// The path or URL as `from` reaches it: a relative path stays relative to the working
    /// directory.
    pub name: String,
    /// The size in bytes; 0 for standard input.
    pub bytes: u64,
    pub stamp: Stamp,
}

/// Identifies a state of an input, so that a change is noticed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Stamp {
    /// When the file was last written, since 1970 in UTC; and when it was last changed in any way,
    /// which no program can set back.
    Modified { secs: i64, nanos: u32, changed: (i64, i64) },
    /// The object's `ETag` as the server writes it, with its quotes.
    ETag(String),
    /// Standard input: there is no state to compare.
    Stream,
}

impl Stamp {
    /// When a file was last written, as ISO 8601.
    pub fn modified(&self) -> Option<String> {
        match self {
            Stamp::Modified { secs, nanos, .. } => {
                let nanos = i32::try_from(*nanos).ok()?;
                jiff::Timestamp::new(*secs, nanos).ok().map(|time| time.to_string())
            }
            Stamp::ETag(_) | Stamp::Stream => None,
        }
    }
}

/// A file, folder or object that is not read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ignored {
    pub name: String,
    pub reason: Reason,
}

/// Why something is not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// The name begins with `_` or `.`, as the files do that other programs leave beside their
    /// data.
    Name,
    Empty,
    /// A device, a pipe, or a link that leads back to itself.
    NotAFile,
    /// A pattern of `exclude` matches it.
    Excluded,
    /// An empty object whose key ends in `/`, as consoles create for a folder.
    FolderMarker,
    /// It has changed since a run took it, and changed inputs are to be skipped.
    Changed,
}
