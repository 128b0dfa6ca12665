//! What the first pass of a run has found out about records that belong together (`together` makes it), for the
//! second one (`process`).

use std::path::PathBuf;

use super::error::{ErrorKind, RunError};
use crate::group::{Decided, Sizes, UserNames};
use crate::input::{Unit, Work};
use crate::pipeline::{KeyedHash, PlacedMarks};

/// What was found out about records that belong together.
#[derive(Debug)]
pub(super) struct Compared {
    pub(super) decided: Decided,
    pub(super) hash: KeyedHash,
    /// Where each chunk is, and the number of its first record, in order.
    pub(super) starts: Vec<ChunkStart>,
    pub(super) folder: PathBuf,
    pub(super) sizes: Sizes,
    pub(super) names_max: usize,
}

/// Where a chunk is, and the number of its first record.
#[derive(Clone, Copy, Debug)]
pub(super) struct ChunkStart {
    input: u32,
    offset: u64,
    first: u64,
}

impl ChunkStart {
    /// The chunk of a unit, if it has one. `read`: the number of records before it.
    pub(super) fn of(unit: &Unit, read: u64) -> Option<ChunkStart> {
        let Work::Chunk { offset, .. } = &unit.work else { return None };
        Some(ChunkStart { input: narrow(unit.input), offset: *offset, first: read })
    }
}

/// The memory that each chunk takes until the run ends.
pub(super) const START_BYTES: usize = size_of::<ChunkStart>();

impl Compared {
    /// The marks of the records from number `first` on.
    pub(super) fn from(&self, first: u64) -> PlacedMarks<'_> {
        PlacedMarks { marks: &self.decided.marks, first, hash: &self.hash }
    }

    /// Gives each unit the number of its first record.
    pub(super) fn numbers(&self) -> impl FnMut(&Unit) -> Result<u64, RunError> {
        let mut starts = self.starts.iter();
        move |unit| {
            let Work::Chunk { offset, .. } = &unit.work else { return Ok(0) };
            let start = starts.next();
            let is_it =
                |start: &&ChunkStart| (narrow(unit.input), *offset) == (start.input, start.offset);
            start.filter(is_it).map(|start| start.first).ok_or_else(|| {
                let message = "an input was cut into other chunks than before";
                RunError::new(ErrorKind::Internal, message)
            })
        }
    }

    /// What counts the names of users who may have too many; `None` if nobody has.
    pub(super) fn user_names(&self) -> Option<UserNames> {
        let has_some = !self.decided.marks.many_names.is_empty();
        has_some.then(|| UserNames::new(self.names_max, &self.folder, self.sizes))
    }
}

fn narrow(input: usize) -> u32 {
    u32::try_from(input).expect("fewer than 2^32 inputs")
}
