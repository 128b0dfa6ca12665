//! Entries in partitions by the first bytes of their keys. Each partition holds a buffer, and whatever fills it
//! goes to disk, into a file that only this process can read (`sealed.rs`).
//!
//! [`Spill::choose`] takes one partition after the other into memory. If too many of its entries may stay,
//! they are partitioned once more by the next byte. So memory has a bound, also where most records share
//! one key: of those, few are held at once.

use std::path::Path;

use super::GroupError;
use super::entry::{Entry, entry_bytes};
use super::sealed::SealedFile;
use crate::crypto::SEAL_BYTES;
use crate::engine::Cancel;

/// One for each value of a byte.
const PARTITIONS: usize = 256;
/// The most bytes of the buffer of a partition.
const PIECE_BYTES: usize = 64 << 10;
/// The most entries of a partition that are held at once, and the fewest.
const HELD_MAX: usize = 1 << 19;
const HELD_MIN: usize = 8;

/// How much is held in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizes {
    /// The bytes of the buffer of a partition, if an entry is not longer.
    piece_bytes: usize,
    /// The entries of a partition that are held at once.
    held_max: usize,
}

impl Sizes {
    /// With smaller chunks, less is held, so that a test can see what happens when it is too much.
    pub fn for_chunks(chunk_bytes: usize) -> Sizes {
        Sizes {
            piece_bytes: (chunk_bytes / 16).min(PIECE_BYTES),
            held_max: (chunk_bytes / 2).clamp(HELD_MIN, HELD_MAX),
        }
    }

    /// The most memory for comparing records in one way, besides the marks that result: the buffers of all
    /// partitions and those of one that is partitioned again, and the entries held twice, since those that stay are
    /// copied.
    pub const MEMORY_MAX: usize =
        2 * PARTITIONS * (PIECE_BYTES + SEAL_BYTES) + 2 * HELD_MAX * size_of::<Entry>();
}

/// The bytes of a key.
const LEVELS: u32 = u128::BITS / 8;

/// Decides which of the entries with one key stay.
pub(super) trait Choice {
    /// Removes from `held` what certainly does not stay. If `is_last`, there are no other entries with
    /// these keys, and nothing has to be left.
    fn settle(&mut self, held: &mut Vec<Entry>, is_last: bool);
}

/// The file in which entries wait.
#[derive(Debug)]
pub(super) struct Disk {
    file: SealedFile,
    /// Scratch memory.
    piece: Vec<u8>,
}

impl Disk {
    pub(super) fn new(folder: &Path) -> Disk {
        Disk { file: SealedFile::new(folder), piece: Vec::new() }
    }

    /// Writes the bytes, and empties the buffer. Returns their offset.
    fn write(&mut self, buffer: &mut Vec<u8>) -> Result<u64, GroupError> {
        self.file.write(buffer)
    }

    /// Reads `bytes` bytes that were written at an offset.
    fn read(&mut self, offset: u64, bytes: usize) -> Result<&[u8], GroupError> {
        self.file.read(offset, bytes, &mut self.piece)
    }
}

/// Entries by the byte of their keys that `level` names.
#[derive(Debug)]
pub(super) struct Spill {
    has_dates: bool,
    level: u32,
    sizes: Sizes,
    /// The bytes of a full buffer: a multiple of the length of an entry.
    piece_bytes: usize,
    partitions: Vec<Partition>,
}

#[derive(Debug, Default)]
struct Partition {
    /// What is not on disk.
    buffer: Vec<u8>,
    /// Where the pieces are on disk, each as long as a full buffer.
    pieces: Vec<u64>,
}

impl Spill {
    pub(super) fn new(has_dates: bool, sizes: Sizes) -> Spill {
        Spill::at_level(has_dates, sizes, 0)
    }

    fn at_level(has_dates: bool, sizes: Sizes, level: u32) -> Spill {
        let entry = entry_bytes(has_dates);
        let piece_bytes = (sizes.piece_bytes / entry).max(1) * entry;
        let partitions = std::iter::repeat_with(Partition::default).take(PARTITIONS).collect();
        Spill { has_dates, level, sizes, piece_bytes, partitions }
    }

    pub(super) fn add(&mut self, entry: &Entry, disk: &mut Disk) -> Result<(), GroupError> {
        let byte = entry.key.to_be_bytes().get(narrow(self.level)).copied().unwrap_or(0);
        let Some(partition) = self.partitions.get_mut(usize::from(byte)) else { return Ok(()) };
        entry.write(self.has_dates, &mut partition.buffer);
        if self.piece_bytes <= partition.buffer.len() {
            partition.pieces.push(disk.write(&mut partition.buffer)?);
        }
        Ok(())
    }

    /// Decides about all entries that are `wanted`.
    pub(super) fn choose(
        mut self,
        disk: &mut Disk,
        cancel: &Cancel,
        choice: &mut dyn Choice,
        wanted: &dyn Fn(&Entry) -> bool,
    ) -> Result<(), GroupError> {
        for partition in std::mem::take(&mut self.partitions) {
            cancel.check()?;
            self.choose_in(partition, disk, cancel, choice, wanted)?;
        }
        Ok(())
    }

    fn choose_in(
        &self,
        partition: Partition,
        disk: &mut Disk,
        cancel: &Cancel,
        choice: &mut dyn Choice,
        wanted: &dyn Fn(&Entry) -> bool,
    ) -> Result<(), GroupError> {
        let mut held: Vec<Entry> = Vec::new();
        let mut parts: Option<Spill> = None;
        let Partition { buffer, pieces } = partition;
        for piece in pieces.iter().map(|offset| Some(*offset)).chain([None]) {
            let entries = match piece {
                Some(offset) => self.entries(disk.read(offset, self.piece_bytes)?),
                None => self.entries(&buffer),
            };
            let entries = entries.into_iter().filter(|entry| wanted(entry));
            if let Some(parts) = &mut parts {
                entries.into_iter().try_for_each(|entry| parts.add(&entry, disk))?;
                continue;
            }
            held.extend(entries);
            if self.sizes.held_max <= held.len() {
                cancel.check()?;
                choice.settle(&mut held, false);
                if self.sizes.held_max / 2 < held.len() && self.level + 1 < LEVELS {
                    let mut next = Spill::at_level(self.has_dates, self.sizes, self.level + 1);
                    held.drain(..).try_for_each(|entry| next.add(&entry, disk))?;
                    held = Vec::new();
                    parts = Some(next);
                }
            }
        }
        if let Some(parts) = parts {
            return parts.choose(disk, cancel, choice, wanted);
        }
        choice.settle(&mut held, true);
        Ok(())
    }

    fn entries(&self, bytes: &[u8]) -> Vec<Entry> {
        bytes.chunks_exact(entry_bytes(self.has_dates)).filter_map(Entry::read).collect()
    }
}

fn narrow(level: u32) -> usize {
    usize::try_from(level).expect("usize is at least 32 bits wide")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::NO_DATE;

    fn entry(record: u64) -> Entry {
        Entry { key: u128::from_be_bytes(*b"segprep canaries") + 1, record, since: NO_DATE, tag: 7 }
    }

    struct All(Vec<Entry>);

    impl Choice for All {
        fn settle(&mut self, held: &mut Vec<Entry>, is_last: bool) {
            if is_last {
                self.0.append(held);
            }
        }
    }

    /// What is on disk says nothing, and what has changed there is not believed.
    #[test]
    fn the_file_is_encrypted() {
        let folder = tempfile::tempdir().unwrap();
        let mut disk = Disk::new(folder.path());
        let mut spill = Spill::new(false, Sizes::for_chunks(1 << 12));
        for record in 0..1000 {
            spill.add(&entry(record), &mut disk).unwrap();
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "it has no name");
        let (file, end) = disk.file.raw();
        let mut bytes = vec![0; usize::try_from(end).unwrap()];
        file.0.read_at(&mut bytes, 0).unwrap();
        assert!(20_000 < bytes.len());
        for canary in [b"segprep ".as_slice(), b"canarie", &[7, 0]] {
            let found = bytes.windows(canary.len()).filter(|part| *part == canary).count();
            assert!(found < 5, "{found} of {canary:?}");
        }
        file.0.write_at(&[bytes[100] ^ 1], 100).unwrap();
        let mut all = All(Vec::new());
        let chosen = spill.choose(&mut disk, &Cancel::new(), &mut all, &|_| true);
        assert!(matches!(chosen, Err(GroupError::Damaged { .. })));
    }

    #[test]
    fn a_folder_that_is_not_there_is_named() {
        let mut disk = Disk::new(Path::new("/no/such/folder"));
        let mut spill = Spill::new(true, Sizes::for_chunks(1));
        let error = spill.add(&entry(1), &mut disk).unwrap_err();
        assert_eq!(error.to_string(), "no temporary file could be created in `/no/such/folder`");
    }
}
