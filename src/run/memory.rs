//! The bound on a run's memory, and how it is calculated.
//!
//! Memory does not depend on how large the inputs are, and on how many there are only as far as the
//! list of their names does. The bound is the sum of these parts, and `segprep check` prints it:
//!
//! | part | for each | bounded by |
//! |---|---|---|
//! | chunk | chunk in flight | `chunk_bytes` of whole records, or one longer record up to `max_record` |
//! | block | chunk in flight | [`BLOCK_BYTES`], and the records of one row; the rest of the chunk becomes another block |
//! | columns | chunk in flight | the maximum number of columns for each endpoint of a row; each chunk may be of another file |
//! | batch | thread | `BATCH_BYTES` of a chunk, or one longer record, for each endpoint of a row |
//! | learned | thread | the maximum size of the shape cache (`decode/json/shape_cache.rs`) |
//! | read ahead | thread | an open archive: its window and a few pieces |
//! | Parquet | Parquet output | two row groups: one gathers while the other is encoded |
//! | lists | list | `max_entries` of 16 bytes each, and an index |
//! | compared | run | what is held of records that are compared with each other, 2 bits for each in each way, and 24 bytes for each chunk |
//! | profiles | output of profiles | what is held of profiles, lists and the places of what is on disk (`profiles/mod.rs`) |
//! | names | run | the names of the files to read, beyond the first few thousand, and the list of `[state]` twice |
//! | parts | run | `PARTS_MAX` of an output, or as many as the inputs may fill, beyond the first few thousand |
//! | objects | run | the window that is read ahead, and the requests |
//! | in buckets | place in a bucket | parts being sent or filled, and small objects that wait |
//! | base | run | the program, its tables, buffers and stacks |
//!
//! A chunk is in flight until its block is written. Those that the ordered side has not seen yet are
//! in the engine's queue, the others are being written beside it. `tests/it/memory` compares the
//! bound with the memory that hostile inputs really take.

use std::{fmt, num::NonZeroUsize};

use super::compared::START_BYTES;
use crate::columnar::ROW_GROUP_BYTES;
use crate::decode::CACHE_BYTES_MAX;
use crate::decode::frame::SPACE_MAX;
use crate::definition::{Definition, Keep, OverLimit};
use crate::group::{Sizes, entry_bytes};
use crate::input::{self, READ_AHEAD_BYTES, READ_MORE_BYTES};
use crate::pipeline::BATCH_BYTES;
use crate::profiles::{Spill, place_bytes};
use crate::publish::names::PARTS_MAX;
use crate::store::{Listing, s3};

const MIB: usize = 1 << 20;
/// The default size of a chunk in bytes.
pub(super) const CHUNK_BYTES: usize = 1 << 20;
/// The size at which a block is full.
pub(super) const BLOCK_BYTES: usize = 4 << 20;
/// The memory that the problems and unknown names of the last record may add to a block. The number
/// of both is limited.
const RECORD_NOTES_BYTES: usize = 512 << 10;
/// The columns of one CSV file.
const COLUMNS_BYTES: usize = 4 << 20;
/// The memory of a batch (slots, entries, names, new values), as a multiple of the input that it
/// was decoded from. The worst case known is 24: an attribute of 15 bytes, with a name that no
/// other record has and a value of one character under `hmac`. It becomes a slot, an entry, a
/// token, and a name in every table that is indexed by names.
const BATCH_GROWTH: usize = 25;
/// The memory of a Parquet output, as a multiple of the compact JSON of one row group. There are
/// two row groups: one gathers, and one is encoded, whose columns exist as tables, as arrays and as
/// pages. A table takes at most 2.2 times the JSON (`"a":[""],` has 9 bytes and becomes a name, a
/// count and a value, each with a length of 4 bytes). An array takes the same, and pages take less.
const ROW_GROUP_GROWTH: usize = 8;
/// The unused memory of a block's table, whose columns double when they grow.
const TABLE_BYTES: usize = BLOCK_BYTES;
/// The number of objects of one place that are written at the same time: for an account, the
/// rejects, the inputs, and the original records of one input.
const OPEN_UPLOADS: usize = 3;
/// The memory of a listed file besides its name: its size and state, its digest while the files are
/// found, and the room that growing tables of both leave unused.
const LISTED_BYTES: usize = 240;
/// The memory of listed files that the base contains.
const LISTED_IN_BASE: usize = 2 << 20;
/// The memory of a finished part: its path and digest, and its lines in the manifest and the journal.
const PART_BYTES: usize = 1_200;
/// The finished parts that the base contains.
const PARTS_IN_BASE: usize = 5_000;
/// The program itself, its tables, write buffers, and the part of the threads' stacks that is used.
const BASE_BYTES: usize = 24 << 20;

/// The numbers that decide how much memory a run may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    pub threads: usize,
    /// The size of a chunk in bytes. A single record may be longer.
    pub chunk_bytes: usize,
    /// The length of the longest record in bytes, without its line end.
    pub max_record: usize,
    /// The most records that a CSV row gives (`[[input.endpoint]]`), at least 1.
    pub endpoints: usize,
    /// The number of Parquet outputs.
    pub parquet: usize,
    /// The memory of all lists in bytes.
    pub list_bytes: usize,
    /// The memory for comparing records with each other, as far as it is known.
    pub compared: usize,
    /// The memory for folding records into profiles, as far as it is known.
    pub profiles: usize,
    /// The memory of the list of input files in bytes, as far as it is known.
    pub name_bytes: usize,
    /// The number of parts that the inputs may fill, as far as it is known.
    pub parts: usize,
    /// Whether an input or a list is in a bucket.
    pub reads_buckets: bool,
    /// The number of outputs in buckets, and the account if it is in one.
    pub buckets: usize,
}

impl Limits {
    /// The limits for reading inputs.
    pub(super) fn input(&self) -> input::Limits {
        input::Limits {
            open_inputs: self.threads,
            chunk_bytes: self.chunk_bytes,
            max_record: self.max_record,
        }
    }

    /// The number of chunks that exist at the same time, from reading to writing. With two for each
    /// thread and one more, no thread waits while the coordinator reads or writes. A
    /// single thread takes one chunk at a time to its end, while it is in the processor's cache.
    pub fn in_flight(&self) -> NonZeroUsize {
        let count = if self.threads == 1 { 1 } else { self.threads * 2 + 1 };
        NonZeroUsize::new(count).unwrap_or(NonZeroUsize::MIN)
    }

    /// How many of the blocks in flight may be past the ordered side, which does not wait until they
    /// are written.
    pub fn writing(&self) -> usize {
        if self.threads == 1 { 0 } else { self.threads }
    }

    /// The length of the engine's queue: the chunks in flight that the ordered side has not seen.
    pub fn queued(&self) -> NonZeroUsize {
        NonZeroUsize::new(self.in_flight().get() - self.writing()).unwrap_or(NonZeroUsize::MIN)
    }

    /// The largest chunk: `chunk_bytes` of whole records, or one longer record with white space
    /// before and after it; and what was read beyond it to find its end.
    pub fn max_chunk(&self) -> usize {
        self.chunk_bytes.max(self.max_record + 2 + 2 * SPACE_MAX) + READ_MORE_BYTES
    }

    /// The most memory of one input that is read ahead.
    pub fn max_read_ahead(&self) -> usize {
        READ_AHEAD_BYTES
    }

    /// The largest block: one that is almost full, and the longest record, or as many as a row gives.
    pub fn max_block(&self) -> usize {
        let table = if 0 < self.parquet { TABLE_BYTES } else { 0 };
        BLOCK_BYTES + self.endpoints * (self.max_record + RECORD_NOTES_BYTES) + table
    }

    /// The most memory of the columns of one CSV file.
    pub fn max_columns(&self) -> usize {
        self.endpoints * COLUMNS_BYTES
    }

    /// The most memory of one Parquet output.
    pub fn max_row_groups(&self) -> usize {
        let bytes = usize::try_from(ROW_GROUP_BYTES).expect("it is a few MiB");
        ROW_GROUP_GROWTH * bytes.max(self.max_record)
    }

    /// The most memory of one thread's batch. Of rows with several records, it has that much fewer
    /// (`pipeline/process/mod.rs`).
    pub fn max_batch(&self) -> usize {
        BATCH_GROWTH * BATCH_BYTES.max(self.endpoints * self.max_record)
    }

    /// The memory of the list of input files that the base does not contain.
    pub fn max_names(&self) -> usize {
        self.name_bytes.saturating_sub(LISTED_IN_BASE)
    }

    /// The memory of finished parts that the base does not contain.
    pub fn max_parts(&self) -> usize {
        self.parts.saturating_sub(PARTS_IN_BASE) * PART_BYTES
    }

    /// The most memory for reading objects: the window that is read ahead, one piece for each
    /// thread that waits for one, and the buffers of the requests.
    pub fn max_objects(&self) -> usize {
        let narrow = |bytes: u64| usize::try_from(bytes).expect("they are a few MiB");
        if !self.reads_buckets {
            return 0;
        }
        narrow(s3::WINDOW)
            + self.threads * narrow(s3::PIECE + s3::REQUEST_BYTES)
            + s3::REQUESTS * narrow(s3::REQUEST_BYTES)
    }

    /// The most memory for writing to one place in a bucket: parts being sent, parts being filled,
    /// and small objects that wait.
    pub fn max_uploads(&self) -> usize {
        (s3::PARTS_AT_ONCE + OPEN_UPLOADS) * s3::PART + s3::HELD_MAX
    }

    /// The bound on a run's memory in bytes. Each part is rounded up to whole MiB, so that the sum
    /// is that of the parts as they are displayed.
    pub fn max_memory(&self) -> usize {
        let rounded = |bytes: usize| bytes.next_multiple_of(MIB);
        let in_flight = self.in_flight().get();
        in_flight
            * (rounded(self.max_chunk()) + rounded(self.max_block()) + rounded(self.max_columns()))
            + self.threads
                * (rounded(self.max_batch())
                    + rounded(CACHE_BYTES_MAX)
                    + rounded(self.max_read_ahead()))
            + self.parquet * rounded(self.max_row_groups())
            + rounded(self.list_bytes)
            + rounded(self.compared)
            + rounded(self.profiles)
            + rounded(self.max_names())
            + rounded(self.max_parts())
            + rounded(self.max_objects())
            + self.buckets * rounded(self.max_uploads())
            + rounded(BASE_BYTES)
    }
}

impl fmt::Display for Limits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} = {} in flight × ({} chunk + {} block + {} columns) + {} {} × ({} batch + {} learned \
             + {} read ahead)",
            Mib(self.max_memory()),
            self.in_flight(),
            Mib(self.max_chunk()),
            Mib(self.max_block()),
            Mib(self.max_columns()),
            self.threads,
            if self.threads == 1 { "thread" } else { "threads" },
            Mib(self.max_batch()),
            Mib(CACHE_BYTES_MAX),
            Mib(self.max_read_ahead()),
        )?;
        match self.parquet {
            0 => {}
            outputs => write!(f, " + {outputs} Parquet × {}", Mib(self.max_row_groups()))?,
        }
        if 0 < self.list_bytes {
            write!(f, " + {} lists", Mib(self.list_bytes))?;
        }
        if 0 < self.compared {
            write!(f, " + {} compared", Mib(self.compared))?;
        }
        if 0 < self.profiles {
            write!(f, " + {} profiles", Mib(self.profiles))?;
        }
        if 0 < self.max_names() {
            write!(f, " + {} names", Mib(self.max_names()))?;
        }
        if 0 < self.max_parts() {
            write!(f, " + {} parts", Mib(self.max_parts()))?;
        }
        if self.reads_buckets {
            write!(f, " + {} objects", Mib(self.max_objects()))?;
        }
        if 0 < self.buckets {
            write!(f, " + {} in buckets × {}", self.buckets, Mib(self.max_uploads()))?;
        }
        write!(f, " + {} base", Mib(BASE_BYTES))
    }
}

/// The memory of a list of files in bytes.
pub(super) fn name_bytes(listing: &Listing) -> usize {
    let files = listing.files.iter().map(|file| &file.name);
    let ignored = listing.ignored.iter().map(|file| &file.name);
    files.chain(ignored).map(|name| LISTED_BYTES + name.len()).sum()
}

/// What it takes to compare records with each other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Comparison {
    /// In how many ways they are compared.
    pub(super) ways: usize,
    /// The bytes that are kept of a record.
    pub(super) record_bytes: usize,
}

/// The fewest bytes of a record, for the calculation of how many there may be.
const RECORD_BYTES_MIN: u64 = 16;
/// How many times its size an archive is counted. Most expand to less.
const ARCHIVE_GROWTH: u64 = 20;

impl Comparison {
    pub(super) fn of(definition: &Definition) -> Comparison {
        let unique = definition.unique.as_ref().map(|unique| unique.keep == Keep::Newest);
        let users = definition.users.map(|users| users.over == OverLimit::Newest);
        let ways = || unique.into_iter().chain(users);
        Comparison { ways: ways().count(), record_bytes: ways().map(entry_bytes).sum() }
    }

    /// The memory for comparing the records of a text of this many bytes.
    pub(super) fn memory(self, text_bytes: u64, chunk_bytes: usize) -> usize {
        if self.ways == 0 {
            return 0;
        }
        let narrow = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
        let (records, bytes) = (narrow(text_bytes / RECORD_BYTES_MIN), narrow(text_bytes));
        let marks = self.ways * records.div_ceil(4);
        self.ways * Sizes::MEMORY_MAX + marks + bytes / chunk_bytes.max(1) * START_BYTES
    }

    /// The most bytes on disk for the records of such a text. Entries may be partitioned twice.
    pub(super) fn spill(self, text_bytes: u64) -> u64 {
        let bytes = u64::try_from(2 * self.record_bytes).unwrap_or(u64::MAX);
        (text_bytes / RECORD_BYTES_MIN).saturating_mul(bytes)
    }
}

/// What it takes to fold records into profiles.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Folds {
    /// The number of outputs of profiles.
    outputs: usize,
    threads: usize,
}

/// How many times their text the records of profiles take on disk at most: each as it is read, once more if a
/// partition is divided, and the profile that is made of it twice. A value of two characters becomes three bytes more.
const FOLD_GROWTH: u64 = 6;

impl Folds {
    pub(super) fn of(definition: &Definition, threads: usize) -> Folds {
        let outputs = definition.outputs.iter().filter(|output| output.profiles.is_some());
        Folds { outputs: outputs.count(), threads }
    }

    pub(super) fn is_off(self) -> bool {
        self.outputs == 0
    }

    /// The memory for a text of this many bytes.
    pub(super) fn memory(self, text_bytes: u64) -> usize {
        if self.is_off() {
            return 0;
        }
        let places = place_bytes(text_bytes.saturating_mul(FOLD_GROWTH));
        // Of each address on a list, two bits are held.
        let listed = text_bytes / RECORD_BYTES_MIN / 4;
        let places = usize::try_from(places + listed).unwrap_or(usize::MAX);
        self.outputs * Spill::memory_max(self.threads, BLOCK_BYTES).saturating_add(places)
    }

    /// The most bytes on disk for such a text.
    pub(super) fn spill(self, text_bytes: u64) -> u64 {
        let outputs = u64::try_from(self.outputs).unwrap_or(u64::MAX);
        text_bytes.saturating_mul(FOLD_GROWTH).saturating_mul(outputs)
    }
}

/// About how many bytes of text the files have. Archives are known by their names.
pub(super) fn text_bytes(listing: &Listing) -> u64 {
    let ends = [".gz", ".gzip", ".zst", ".zstd"];
    let growth = |name: &str| {
        let name = name.to_ascii_lowercase();
        if ends.iter().any(|end| name.ends_with(end)) { ARCHIVE_GROWTH } else { 1 }
    };
    listing.files.iter().map(|file| file.bytes.saturating_mul(growth(&file.name))).sum()
}

/// The most parts of one output that the inputs may fill. Of two consecutive parts, at least one cap is
/// filled; and what is read may be as many times larger as an archive may expand. `listed` is `None` if
/// standard input is read, whose size is not known.
pub(super) fn parts(listed: Option<&Listing>, max_expansion: u64, max_bytes: u64) -> usize {
    let Some(listing) = listed else { return PARTS_MAX };
    let bytes: u64 = listing.files.iter().map(|file| file.bytes).sum();
    let filled = bytes.saturating_mul(max_expansion) / max_bytes.max(1);
    usize::try_from(filled).map_or(PARTS_MAX, |filled| PARTS_MAX.min(2 * filled + 1))
}

/// A number of bytes, displayed in MiB, rounded up.
struct Mib(usize);

impl fmt::Display for Mib {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} MiB", self.0.div_ceil(MIB))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sum_is_displayed_with_its_parts() {
        let plain = Limits {
            threads: 2,
            chunk_bytes: 1 << 20,
            max_record: 1 << 20,
            endpoints: 1,
            parquet: 0,
            list_bytes: 0,
            compared: 0,
            profiles: 0,
            name_bytes: 0,
            parts: 0,
            reads_buckets: false,
            buckets: 0,
        };
        let lists = Limits { list_bytes: 3 << 20, ..plain };
        assert!(lists.to_string().ends_with("read ahead) + 3 MiB lists + 24 MiB base"));
        assert_eq!(lists.max_memory() - plain.max_memory(), 3 << 20);
        let names = Limits { name_bytes: (2 << 20) + 1, ..plain };
        assert!(names.to_string().ends_with("read ahead) + 1 MiB names + 24 MiB base"));
        assert_eq!(names.max_memory() - plain.max_memory(), 1 << 20);
        let parts = Limits { parts: PARTS_IN_BASE + 1_000, ..plain };
        assert!(parts.to_string().ends_with("read ahead) + 2 MiB parts + 24 MiB base"));
        assert_eq!(parts.max_memory() - plain.max_memory(), 2 << 20);
        assert_eq!(
            plain.to_string(),
            "164 MiB = 5 in flight × (2 MiB chunk + 6 MiB block + 4 MiB columns) + 2 threads × \
             (25 MiB batch + 3 MiB learned + 12 MiB read ahead) + 24 MiB base"
        );
        let limits = Limits { endpoints: 3, ..plain };
        assert_eq!(
            limits.to_string(),
            "319 MiB = 5 in flight × (2 MiB chunk + 9 MiB block + 12 MiB columns) + 2 threads × \
             (75 MiB batch + 3 MiB learned + 12 MiB read ahead) + 24 MiB base"
        );
        let limits = Limits { parquet: 1, ..plain };
        assert_eq!(
            limits.to_string(),
            "440 MiB = 5 in flight × (2 MiB chunk + 10 MiB block + 4 MiB columns) + 2 threads × \
             (25 MiB batch + 3 MiB learned + 12 MiB read ahead) + 1 Parquet × 256 MiB + 24 MiB base"
        );
    }
}
