//! Every bound on a run's memory, and the arithmetic of its sum.
//!
//! What is in flight is bounded by the engine's queue; a chunk by its size and the longest
//! record; a block by [`BLOCK_BYTES`] and what one record may add (a chunk whose output grows
//! beyond it is taken in several blocks); a worker by the batch that it holds and what its decoder
//! learns of records; an archive that is
//! inflated ahead by its window and the pieces that wait; lists of people by their `max_entries`.
//! Nothing grows with an input's size or with the number of inputs but the list of their names.
//!
//! `tests/it/memory.rs` holds the sum to what hostile inputs really take.

use std::{fmt, num::NonZeroUsize};

use crate::decode::CACHE_BYTES_MAX;
use crate::decode::frame::SPACE_MAX;
use crate::encode::ROW_GROUP_BYTES;
use crate::input::{self, READ_AHEAD_BYTES, READ_MORE_BYTES};
use crate::pipeline::BATCH_BYTES;
use crate::store::s3;

const MIB: usize = 1 << 20;
/// Bytes of input in a chunk, where the definition does not say otherwise.
pub(super) const CHUNK_BYTES: usize = 1 << 20;
/// Memory of a block at which the rest of its chunk waits for the next.
pub(super) const BLOCK_BYTES: usize = 4 << 20;
/// What the last record of a block adds to it beside its text: its problems and its unknown names,
/// as many of both as are told.
const TOLD_BYTES: usize = 512 << 10;
/// The columns that a CSV file's header names: each chunk in flight may be of another file.
const COLUMNS_BYTES: usize = 4 << 20;
/// A batch's slots, entries, names and new values, as a multiple of the input that it holds. The
/// worst that is known are 24: an attribute of 15 bytes with a name that no other record has and
/// one character under `hmac`, which becomes a slot, an entry, a token, and the name's places in
/// all that is kept by name.
const BATCH_GROWTH: usize = 25;
/// The row groups of one output of Parquet as a multiple of their records' compact JSON: one that
/// gathers, and one that is encoded, whose columns exist as they were laid out, as arrays and as
/// pages. A table takes at most 2.2 times the JSON (`"a":[""],` has 9 bytes, and becomes a name, a
/// count and a value, each with a length of 4), an array as much, and pages less.
const ROW_GROUP_GROWTH: usize = 8;
/// A block's table while it is filled: its columns grow by doubling.
const TABLE_BYTES: usize = BLOCK_BYTES;
/// Objects of one place that are written at once: those of an account are rejects, inputs and the
/// originals of one input.
const UPLOADS_OPEN: usize = 3;
/// The program itself, its tables, write buffers and the threads' stacks as far as they are used.
const BASE_BYTES: usize = 24 << 20;

/// How large a run may become.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    pub threads: usize,
    pub chunk_bytes: usize,
    pub max_record: usize,
    /// Outputs of Parquet.
    pub parquet: usize,
    /// What the entries of lists take.
    pub list_bytes: usize,
    /// Whether something is read from a bucket.
    pub reads_buckets: bool,
    /// Places that are written and in buckets.
    pub buckets: usize,
}

impl Limits {
    /// What of it concerns the reading of inputs.
    pub(super) fn input(&self) -> input::Limits {
        input::Limits {
            open_inputs: self.threads,
            chunk_bytes: self.chunk_bytes,
            max_record: self.max_record,
        }
    }

    /// Chunks that exist at once, from being read to being written. Enough that no thread waits
    /// while the ordered side reads or writes; one thread alone takes each chunk to its end, while
    /// it is still in the processor's cache.
    pub fn in_flight(&self) -> NonZeroUsize {
        let count = if self.threads == 1 { 1 } else { self.threads * 2 + 1 };
        NonZeroUsize::new(count).unwrap_or(NonZeroUsize::MIN)
    }

    /// The largest chunk: whole records up to `chunk_bytes`, or one longer record with white space
    /// before and after it, and with what was read on.
    pub fn chunk_max(&self) -> usize {
        self.chunk_bytes.max(self.max_record + 2 + 2 * SPACE_MAX) + READ_MORE_BYTES
    }

    /// The largest memory of one input that is opened ahead, as many as there are threads: the
    /// window and tables of an archive, what is decoded of it, and the pieces that wait.
    pub fn ahead_max(&self) -> usize {
        READ_AHEAD_BYTES
    }

    /// The largest block: one that is almost full takes one record more, which is written until it
    /// is known to be too long.
    pub fn block_max(&self) -> usize {
        let table = if 0 < self.parquet { TABLE_BYTES } else { 0 };
        BLOCK_BYTES + self.max_record + TOLD_BYTES + table
    }

    /// The largest memory of one output of Parquet.
    pub fn row_groups_max(&self) -> usize {
        let bytes = usize::try_from(ROW_GROUP_BYTES).expect("it is a few MiB");
        ROW_GROUP_GROWTH * bytes.max(self.max_record)
    }

    /// The largest memory of one thread's batch.
    pub fn worker_max(&self) -> usize {
        BATCH_GROWTH * BATCH_BYTES.max(self.max_record)
    }

    /// The largest memory of objects that are read: what is ahead of its reader, one piece that
    /// each thread waits for, and the requests.
    pub fn objects_max(&self) -> usize {
        let narrow = |bytes: u64| usize::try_from(bytes).expect("they are a few MiB");
        if !self.reads_buckets {
            return 0;
        }
        narrow(s3::WINDOW)
            + self.threads * narrow(s3::PIECE + s3::REQUEST_BYTES)
            + s3::REQUESTS * narrow(s3::REQUEST_BYTES)
    }

    /// The largest memory of a place in a bucket: parts on their way, those that three objects
    /// gather at once, and small objects that wait.
    pub fn uploads_max(&self) -> usize {
        (s3::PARTS_AT_ONCE + UPLOADS_OPEN) * s3::PART + s3::HELD_MAX
    }

    /// The bound on the whole, in bytes: the sum of its parts as they are shown, each in whole MiB.
    pub fn memory_max(&self) -> usize {
        let shown = |bytes: usize| bytes.next_multiple_of(MIB);
        let in_flight = self.in_flight().get();
        in_flight * (shown(self.chunk_max()) + shown(self.block_max()) + shown(COLUMNS_BYTES))
            + self.threads
                * (shown(self.worker_max()) + shown(CACHE_BYTES_MAX) + shown(self.ahead_max()))
            + self.parquet * shown(self.row_groups_max())
            + shown(self.list_bytes)
            + shown(self.objects_max())
            + self.buckets * shown(self.uploads_max())
            + shown(BASE_BYTES)
    }
}

impl fmt::Display for Limits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} = {} in flight × ({} chunk + {} block + {} columns) + {} {} × ({} batch + {} learned \
             + {} read ahead)",
            Mib(self.memory_max()),
            self.in_flight(),
            Mib(self.chunk_max()),
            Mib(self.block_max()),
            Mib(COLUMNS_BYTES),
            self.threads,
            if self.threads == 1 { "thread" } else { "threads" },
            Mib(self.worker_max()),
            Mib(CACHE_BYTES_MAX),
            Mib(self.ahead_max()),
        )?;
        match self.parquet {
            0 => {}
            outputs => write!(f, " + {outputs} Parquet × {}", Mib(self.row_groups_max()))?,
        }
        if 0 < self.list_bytes {
            write!(f, " + {} lists", Mib(self.list_bytes))?;
        }
        if self.reads_buckets {
            write!(f, " + {} objects", Mib(self.objects_max()))?;
        }
        if 0 < self.buckets {
            write!(f, " + {} in buckets × {}", self.buckets, Mib(self.uploads_max()))?;
        }
        write!(f, " + {} base", Mib(BASE_BYTES))
    }
}

/// Bytes in MiB, rounded up.
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
    fn the_sum_is_shown_with_its_parts() {
        let plain = Limits {
            threads: 2,
            chunk_bytes: 1 << 20,
            max_record: 1 << 20,
            parquet: 0,
            list_bytes: 0,
            reads_buckets: false,
            buckets: 0,
        };
        let lists = Limits { list_bytes: 3 << 20, ..plain };
        assert!(lists.to_string().ends_with("read ahead) + 3 MiB lists + 24 MiB base"));
        assert_eq!(lists.memory_max() - plain.memory_max(), 3 << 20);
        assert_eq!(
            plain.to_string(),
            "184 MiB = 5 in flight × (2 MiB chunk + 6 MiB block + 4 MiB columns) + 2 threads × \
             (25 MiB batch + 3 MiB learned + 22 MiB read ahead) + 24 MiB base"
        );
        let limits = Limits { parquet: 1, ..plain };
        assert_eq!(
            limits.to_string(),
            "460 MiB = 5 in flight × (2 MiB chunk + 10 MiB block + 4 MiB columns) + 2 threads × \
             (25 MiB batch + 3 MiB learned + 22 MiB read ahead) + 1 Parquet × 256 MiB + 24 MiB base"
        );
    }
}
