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
    /// The lines to read. `None`: all of it.
    pub range: Option<ByteRange>,
}

/// The lines of a text that begin at an offset of this range: from `from` up to `to`, which is excluded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ByteRange {
    pub from: u64,
    pub to: u64,
}

impl Listed {
    /// How many bytes of it are read, within the length of a line.
    pub fn bytes_to_read(&self) -> u64 {
        self.range.map_or(self.bytes, |range| range.to.saturating_sub(range.from))
    }
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

    /// A file that was last written at this time, as [`Stamp::modified`] has it. When it was changed is not
    /// known.
    pub fn of_modified(text: &str) -> Option<Stamp> {
        let time = text.parse::<jiff::Timestamp>().ok()?;
        let nanos = time.as_nanosecond().rem_euclid(1_000_000_000);
        let secs = time.as_nanosecond().div_euclid(1_000_000_000);
        let (secs, nanos) = (i64::try_from(secs).ok()?, u32::try_from(nanos).ok()?);
        let stamp = Stamp::Modified { secs, nanos, changed: (0, 0) };
        (stamp.modified().as_deref() == Some(text)).then_some(stamp)
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
    /// A retry of the run has taken it as it is.
    Taken,
}

impl Reason {
    const ALL: [Reason; 7] = [
        Reason::Name,
        Reason::Empty,
        Reason::NotAFile,
        Reason::Excluded,
        Reason::FolderMarker,
        Reason::Changed,
        Reason::Taken,
    ];

    /// As accounts and plans have it.
    pub fn name(self) -> &'static str {
        match self {
            Reason::Name => "name",
            Reason::Empty => "empty",
            Reason::NotAFile => "not_a_file",
            Reason::Excluded => "excluded",
            Reason::FolderMarker => "folder_marker",
            Reason::Changed => "changed",
            Reason::Taken => "taken",
        }
    }

    pub fn of_name(name: &str) -> Option<Reason> {
        Reason::ALL.into_iter().find(|reason| reason.name() == name)
    }
}
