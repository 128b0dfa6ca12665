//! The file in which a run keeps for a while what is too much for memory. It has no name and is gone with the
//! process (`store/disk/unnamed.rs`), and its pieces are encrypted with a key that no one else has. So nothing in
//! it can be read by anybody, and nothing is left of it, whatever ends the run.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::GroupError;
use crate::crypto::{SEAL_BYTES, SealingKey};
use crate::store::disk::UnnamedFile;

/// What the file is called where a file must have a name for a moment. It is one that a part may have, so
/// that a run which finds it in the folder of new parts knows it for a leftover.
pub const SPILL_NAME: &str = "part-00000.spill";

/// A file that only this process can read. It is created with the first piece, and any thread may write and
/// read.
#[derive(Debug)]
pub struct SealedFile {
    folder: PathBuf,
    file: Mutex<Option<Arc<(UnnamedFile, SealingKey)>>>,
    end: AtomicU64,
}

impl SealedFile {
    /// The file will be in this folder.
    pub fn new(folder: &Path) -> SealedFile {
        SealedFile { folder: folder.to_owned(), file: Mutex::default(), end: AtomicU64::new(0) }
    }

    /// Writes the bytes, and empties the buffer. Returns their offset.
    pub fn write(&self, buffer: &mut Vec<u8>) -> Result<u64, GroupError> {
        let file = self.open()?;
        let (unnamed, key) = &*file;
        key.seal(buffer);
        let bytes = u64::try_from(buffer.len()).expect("a piece is short");
        let offset = self.end.fetch_add(bytes, Ordering::Relaxed);
        let written = unnamed.write_at(buffer, offset);
        written.map_err(|source| GroupError::Write { folder: self.folder.clone(), source })?;
        buffer.clear();
        Ok(offset)
    }

    /// Reads `bytes` bytes that were written at an offset. `piece` is scratch memory.
    pub fn read<'p>(
        &self,
        offset: u64,
        bytes: usize,
        piece: &'p mut Vec<u8>,
    ) -> Result<&'p [u8], GroupError> {
        let file = self.open()?;
        let (unnamed, key) = &*file;
        piece.resize(bytes + SEAL_BYTES, 0);
        let read = unnamed.read_at(piece, offset);
        read.map_err(|source| GroupError::Read { folder: self.folder.clone(), source })?;
        key.open(piece).map_err(|_not_ours| self.damaged())
    }

    /// The error if what was read is not what was written.
    pub fn damaged(&self) -> GroupError {
        GroupError::Damaged { folder: self.folder.clone() }
    }

    fn open(&self) -> Result<Arc<(UnnamedFile, SealingKey)>, GroupError> {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(file) = &*file {
            return Ok(Arc::clone(file));
        }
        let created = UnnamedFile::create(&self.folder, SPILL_NAME);
        let created =
            created.map_err(|source| GroupError::Create { folder: self.folder.clone(), source })?;
        let created = Arc::new((created, SealingKey::new()?));
        *file = Some(Arc::clone(&created));
        Ok(created)
    }

    /// The file itself, and how many bytes it has.
    #[cfg(test)]
    pub(crate) fn raw(&self) -> (Arc<(UnnamedFile, SealingKey)>, u64) {
        (self.open().expect("it can be created"), self.end.load(Ordering::Relaxed))
    }
}
