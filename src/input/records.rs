//! Reads the records inside of larger JSON values (`records` in `[input]`): what is around them is blanked
//! before the text is cut into chunks.

use std::{
    io::{self, Read},
    sync::{Arc, Mutex, PoisonError},
};

use super::chunks::ChunkReader;
use super::error::{BadInput, OptOutBeside, ReadError};
use crate::decode::{Beside, RecordFinder, RecordsPath};

/// How much is read at once.
const READ_BYTES: usize = 64 << 10;
/// How much of a value is kept back until its records are found.
const KEPT_MAX: usize = 64 << 10;

/// Text of which only the records are left, each where it was.
struct FoundRecords {
    reader: Box<dyn Read + Send>,
    finder: RecordFinder,
    piece: Vec<u8>,
    /// What is left of the text read so far, and how much of it was handed over.
    found: Vec<u8>,
    given: usize,
    has_ended: bool,
    /// What is beside the records, for the one who reads this.
    beside: Arc<Mutex<Beside>>,
}

impl Read for FoundRecords {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.given == self.found.len() && !self.has_ended {
            self.found.clear();
            self.given = 0;
            let count = self.reader.read(&mut self.piece)?;
            if count == 0 {
                self.has_ended = true;
                self.finder.finish(&mut self.found);
            } else {
                let piece = self.piece.get(..count).unwrap_or(&[]);
                self.finder.add(piece, &mut self.found);
            }
            if self.finder.beside().has_opt_out {
                return Err(io::Error::other(OptOutBeside));
            }
        }
        if !self.finder.beside().fields.is_empty() {
            *self.beside.lock().unwrap_or_else(PoisonError::into_inner) =
                self.finder.beside().clone();
        }
        let rest = self.found.get(self.given..).unwrap_or(&[]);
        let count = rest.len().min(buffer.len());
        if let (Some(to), Some(from)) = (buffer.get_mut(..count), rest.get(..count)) {
            to.copy_from_slice(from);
        }
        self.given += count;
        Ok(count)
    }
}

impl ChunkReader {
    /// From now on, leaves only the records at a path of what was read and of what is still to be read.
    pub(super) fn find_records(
        &mut self,
        path: &RecordsPath,
        max_record: usize,
    ) -> Result<(), ReadError> {
        let mut finder = RecordFinder::new(path, max_record.min(KEPT_MAX));
        let mut found = Vec::new();
        finder.add(self.held.bytes(), &mut found);
        let has_ended = self.has_ended();
        if has_ended {
            finder.finish(&mut found);
        }
        if finder.beside().has_opt_out {
            return Err(self.failed_read(io::Error::other(OptOutBeside)));
        }
        let beside = Arc::new(Mutex::new(finder.beside().clone()));
        self.beside = Arc::clone(&beside);
        let piece = vec![0; READ_BYTES];
        self.replace(&found, |reader| {
            let found = Vec::new();
            Box::new(FoundRecords { reader, finder, piece, found, given: 0, has_ended, beside })
        });
        Ok(())
    }
}

impl OptOutBeside {
    /// The error of the input. It is never skipped: records that were already read may be of people
    /// who opted out.
    pub(super) fn bad_input() -> BadInput {
        BadInput::new(
            "the opt-out is beside the records that `records` names, and not in them, so it would be lost",
            "put `OptOut` into each record before the run; a name of another program that means \
             something else goes into `ignore` under `[input]`",
        )
    }
}
