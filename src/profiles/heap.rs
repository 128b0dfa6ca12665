//! Entries of any length in partitions. Each partition holds a buffer, and whatever fills it goes to disk
//! (`group/sealed.rs`), so many entries take little memory.

use crate::group::{GroupError, SealedFile};

/// The number of partitions: one for each value of a byte.
pub(super) const PARTITIONS: usize = 256;

/// Partitions of entries.
pub(super) struct Heap {
    /// The bytes at which a buffer goes to disk.
    piece_bytes: usize,
    partitions: Vec<Partition>,
}

/// Some of the entries, in the order in which they were added.
#[derive(Default)]
pub(super) struct Partition {
    /// What is not on disk.
    buffer: Vec<u8>,
    /// Where the pieces are on disk, and their lengths.
    pieces: Vec<(u64, u32)>,
    /// How many entries there are, and the bytes of all of them.
    pub(super) entries: u64,
    pub(super) bytes: u64,
}

impl Heap {
    pub(super) fn new(piece_bytes: usize) -> Heap {
        let partitions = std::iter::repeat_with(Partition::default).take(PARTITIONS).collect();
        Heap { piece_bytes, partitions }
    }

    /// Adds an entry, which consists of these parts.
    pub(super) fn add(
        &mut self,
        partition: usize,
        parts: [&[u8]; 2],
        file: &SealedFile,
    ) -> Result<(), GroupError> {
        let Some(partition) = self.partitions.get_mut(partition) else { return Ok(()) };
        partition.add(parts, self.piece_bytes, file)
    }

    /// Ends adding.
    pub(super) fn into_partitions(self) -> Vec<Partition> {
        self.partitions
    }
}

impl Partition {
    pub(super) fn is_empty(&self) -> bool {
        self.bytes == 0
    }

    /// Adds an entry. A buffer of `piece_bytes` goes to disk.
    pub(super) fn add(
        &mut self,
        parts: [&[u8]; 2],
        piece_bytes: usize,
        file: &SealedFile,
    ) -> Result<(), GroupError> {
        let length = parts.iter().map(|part| part.len()).sum::<usize>();
        let length = u32::try_from(length).expect("an entry is shorter than a block");
        self.buffer.extend_from_slice(&length.to_le_bytes());
        for part in parts {
            self.buffer.extend_from_slice(part);
        }
        self.entries += 1;
        self.bytes += u64::from(length) + 4;
        if piece_bytes <= self.buffer.len() {
            let bytes = u32::try_from(self.buffer.len()).expect("a buffer is shorter than 4 GiB");
            self.pieces.push((file.write(&mut self.buffer)?, bytes));
        }
        Ok(())
    }

    /// Hands over each entry.
    pub(super) fn each<E: From<GroupError>>(
        self,
        file: &SealedFile,
        mut each: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut piece = Vec::new();
        for (offset, bytes) in &self.pieces {
            let bytes = usize::try_from(*bytes).expect("usize is at least 32 bits wide");
            entries(file.read(*offset, bytes, &mut piece)?, file, &mut each)?;
        }
        entries(&self.buffer, file, &mut each)
    }
}

fn entries<E: From<GroupError>>(
    mut bytes: &[u8],
    file: &SealedFile,
    each: &mut impl FnMut(&[u8]) -> Result<(), E>,
) -> Result<(), E> {
    while let Some((length, rest)) = bytes.split_first_chunk::<4>() {
        let length = usize::try_from(u32::from_le_bytes(*length)).expect("usize has 32 bits");
        let (entry, rest) = rest.split_at_checked(length).ok_or_else(|| file.damaged())?;
        each(entry)?;
        bytes = rest;
    }
    Ok(())
}
