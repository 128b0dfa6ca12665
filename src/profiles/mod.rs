//! Folds records into profiles: one row for each user, and lists of the addresses that have opted out.
//!
//! ```text
//! values ─▶ RecordReader ─▶ Profiles::add ─▶ partitions by user ─▶ Profiles::fold ─▶ partitions by place ─▶ Folded::rows
//!           (any thread)    (in order)       (on disk)             (all threads)     (on disk)              (in order)
//! ```
//!
//! | file | contents |
//! |---|---|
//! | `record.rs` | a written record as a profile of its own |
//! | `parts.rs` | values by field or name, and what is lost |
//! | `profile.rs` | what becomes of a later record of the same user |
//! | `bytes.rs` | the form of a profile on disk |
//! | `fold.rs` | partition after partition in bounded memory |
//! | `columns.rs` | which columns there are, once all profiles are known |
//! | `rows.rs` | profiles as rows, in the order of their first records |
//! | `lists.rs`, `object_type.rs` | the files beside them |
//! | `unplaced.rs` | what has no place, by field |
//! | `shuffled.rs` | the same where another program brings the records of a user together |
//! | `heap.rs`, `held.rs` | entries in partitions, and in memory |
//!
//! A row is at the place of the first record of its user, and columns are in the order in which the rows have
//! them. So nothing depends on threads, on the size of chunks, or on hashes, whose key is random.

mod bytes;
mod columns;
mod fold;
mod heap;
mod held;
mod lists;
mod object_type;
mod parts;
mod profile;
mod record;
mod rows;
pub mod shuffled;
mod unplaced;

use std::fmt;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

pub use columns::ColumnField;
pub use object_type::object_type;
pub use rows::Rows;
pub use unplaced::{LostField, Unplaced};

use crate::engine::{Advance, Cancel};
use crate::group::{GroupError, SealedFile, Sizes, new_hash};
use crate::pipeline::KeyedHash;
use crate::plan::ProfilePlan;
use columns::{Layout, Ranks};
use fold::{Folding, Results};
use heap::{Heap, PARTITIONS};
use lists::{Decided, Listed, Lists};
use parts::Bounds;
use record::{Fields, ListKind, bounds};

/// Where profiles wait until they are written, and how much of them is in memory.
#[derive(Clone, Debug)]
pub struct Spill {
    pub folder: PathBuf,
    pub threads: usize,
    /// With smaller chunks, less is held, so that a test can see what happens when it is too much.
    pub chunk_bytes: usize,
    pub cancel: Cancel,
    /// How many bytes of profiles were folded and made rows of.
    pub advance: Advance,
}

/// The most bytes of profiles that all threads hold together.
const HELD_MAX: usize = 96 << 20;
const HELD_MIN: usize = 4 << 10;
/// The most bytes of the buffer of a partition, and of one that is made while folding.
const PIECE_BYTES: usize = 64 << 10;
const SMALL_PIECE_BYTES: usize = 8 << 10;
/// How many times partitions are divided at most, one division within another, where memory matters: after two, a
/// partition of a billion users is small.
const DIVISIONS: usize = 2;

impl Spill {
    /// The most bytes of profiles that one thread holds.
    fn held_max(&self) -> usize {
        let all = self.chunk_bytes.saturating_mul(96).min(HELD_MAX);
        (all / self.threads.max(1)).max(HELD_MIN)
    }

    fn piece_bytes(&self, most: usize) -> usize {
        (self.chunk_bytes / 16).min(most)
    }

    /// The most memory for the profiles of one output, besides the places of the pieces on disk: the buffers of both
    /// kinds of partitions and of those made while folding, the profiles, and the lists.
    pub fn memory_max(threads: usize, block_bytes: usize) -> usize {
        let small = DIVISIONS * threads * PARTITIONS * 2 * SMALL_PIECE_BYTES;
        let buffers = 2 * PARTITIONS * 2 * PIECE_BYTES + small;
        // Read, and not added yet.
        let read = (threads + 1) * 2 * block_bytes;
        buffers + read + HELD_MAX + Sizes::MEMORY_MAX
    }
}

/// The places of pieces on disk, in bytes, for each byte there.
pub const fn place_bytes(spilled: u64) -> u64 {
    spilled / 4096
}

/// Reads records; any thread may use it.
pub struct RecordReader {
    plan: Arc<ProfilePlan>,
    bounds: Bounds,
    hash: Arc<KeyedHash>,
}

/// What was read of some records.
#[derive(Default)]
pub struct Read {
    /// The hash, the length and the bytes of each profile.
    profiles: Vec<(u128, usize)>,
    bytes: Vec<u8>,
    listed: Vec<Listed>,
}

impl RecordReader {
    /// Reads records as `encode/values.rs` writes them, each of which ends at one of `ends`. `first`: the number of the
    /// first one. `None`: they are something else.
    pub fn read(&self, records: &[u8], ends: &[usize], first: u64) -> Option<Read> {
        let mut read = Read { bytes: Vec::with_capacity(records.len()), ..Read::default() };
        let (mut from, mut text, mut fields) = (0, Vec::new(), Fields::default());
        for (end, place) in ends.iter().zip(first..) {
            fields.read(&self.plan, records.get(from..*end)?)?;
            from = *end;
            let start = read.bytes.len();
            let written = fields.write(&self.plan, &self.bounds, place, &mut read.bytes)?;
            read.profiles.push((self.hash.hash(written.key), read.bytes.len() - start));
            if let Some((kind, address)) = written.listed {
                text.clear();
                text.push(u8::from(kind == ListKind::Emails));
                text.extend_from_slice(address);
                let (address, key) = (address.into(), self.hash.hash(&text));
                read.listed.push(Listed { kind, address, key, place });
            }
        }
        Some(read)
    }
}

/// The records of an output, while they are read.
pub struct Profiles {
    plan: Arc<ProfilePlan>,
    spill: Spill,
    reader: Arc<RecordReader>,
    file: SealedFile,
    heap: Heap,
    lists: Lists,
    records: u64,
}

impl Profiles {
    pub fn new(plan: &Arc<ProfilePlan>, spill: Spill) -> Result<Profiles, GroupError> {
        let bounds = bounds(plan);
        let hash = Arc::new(new_hash()?);
        let reader = Arc::new(RecordReader { plan: Arc::clone(plan), bounds, hash });
        Ok(Profiles {
            plan: Arc::clone(plan),
            reader,
            file: SealedFile::new(&spill.folder),
            heap: Heap::new(spill.piece_bytes(PIECE_BYTES)),
            lists: Lists::new(&spill.folder, Sizes::for_chunks(spill.chunk_bytes)),
            records: 0,
            spill,
        })
    }

    pub fn reader(&self) -> Arc<RecordReader> {
        Arc::clone(&self.reader)
    }

    /// Adds records, in their order.
    pub fn add(&mut self, read: &Read) -> Result<(), GroupError> {
        let mut from = 0;
        for (key, length) in &read.profiles {
            let profile = read.bytes.get(from..from + length).unwrap_or(&[]);
            fold::add(&mut self.heap, 0, *key, profile, &self.file)?;
            from += length;
            self.records += 1;
        }
        let piece_bytes = self.spill.piece_bytes(PIECE_BYTES);
        read.listed.iter().try_for_each(|one| self.lists.add(one, piece_bytes, &self.file))
    }

    /// Folds all records. Called in the thread pool.
    pub fn fold(self) -> Result<Folded, GroupError> {
        let Profiles { plan, spill, reader, file, heap, lists, records } = self;
        let bits = u64::BITS - records.saturating_sub(1).leading_zeros();
        let shift = bits.saturating_sub(8);
        let results = Results {
            rows: Heap::new(spill.piece_bytes(PIECE_BYTES)),
            ranks: Ranks::new(&plan),
            profiles: 0,
        };
        let folding = Folding {
            plan: &plan,
            bounds: reader.bounds,
            file: &file,
            cancel: &spill.cancel,
            advance: &spill.advance,
            held_max: spill.held_max(),
            piece_bytes: spill.piece_bytes(SMALL_PIECE_BYTES),
            shift,
            results: Mutex::new(results),
        };
        folding.fold_all(heap.into_partitions())?;
        let results = folding.results.into_inner().unwrap_or_else(PoisonError::into_inner);
        let layout = results.ranks.layout(&plan);
        let lists = lists.decide(&spill.cancel)?;
        let (rows, profiles) = (results.rows, results.profiles);
        Ok(Folded { spill, file, bounds: reader.bounds, layout, rows, profiles, shift, lists })
    }
}

/// The profiles of an output, and its lists.
pub struct Folded {
    spill: Spill,
    file: SealedFile,
    bounds: Bounds,
    layout: Layout,
    rows: Heap,
    profiles: u64,
    shift: u32,
    lists: Decided,
}

impl Folded {
    /// The names of the columns, and what they are in a profile.
    pub fn columns(&self) -> &[ColumnField] {
        &self.layout.fields
    }

    pub fn profiles(&self) -> u64 {
        self.profiles
    }

    /// Hands over all rows in order. Returns what has no place in them. Called in the thread pool.
    ///
    /// # Errors
    ///
    /// That of `each`, or one of the temporary file.
    pub fn rows<E: From<GroupError> + Send>(
        &mut self,
        each: &mut (dyn FnMut(&Rows) -> Result<(), E> + Send),
    ) -> Result<Unplaced, E> {
        // So that all threads have work while the oldest rows are written.
        let in_flight = 2 * self.spill.threads.max(1);
        let held_max = self.spill.held_max() / 2;
        let writing = rows::Writing {
            layout: &self.layout,
            bounds: self.bounds,
            file: &self.file,
            cancel: &self.spill.cancel,
            advance: &self.spill.advance,
            held_max: u64::try_from(held_max).unwrap_or(u64::MAX),
            piece_bytes: self.spill.piece_bytes(SMALL_PIECE_BYTES),
            in_flight: NonZeroUsize::new(in_flight).expect("there is a thread"),
        };
        let partitions = std::mem::replace(&mut self.rows, Heap::new(0)).into_partitions();
        self.spill.advance.expect(partitions.iter().map(|partition| partition.bytes).sum());
        writing.write(partitions, self.shift, each)
    }

    /// Hands over each phone number that has opted out, once, in order.
    pub fn phones<E: From<GroupError>>(
        &mut self,
        each: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        self.lists.take(ListKind::Phones, &self.file, each)
    }

    /// The same for email addresses.
    pub fn emails<E: From<GroupError>>(
        &mut self,
        each: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        self.lists.take(ListKind::Emails, &self.file, each)
    }
}

macro_rules! without_values {
    ($($name:ident),*) => {$(
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(stringify!($name))
            }
        }
    )*};
}

use shuffled::{FirstColumns, ProfileLayout, ProfileRules, RowMaker, UserFold};

without_values!(RecordReader, Read, Profiles, Folded, Rows);
without_values!(ProfileRules, UserFold, FirstColumns, ProfileLayout, RowMaker);

impl fmt::Debug for shuffled::ShuffledRecord<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ShuffledRecord")
    }
}

impl fmt::Debug for shuffled::FoundColumn<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FoundColumn")
    }
}
