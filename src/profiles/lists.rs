//! The lists of opt-outs: each address whose person has opted out, once, in the order of the input.
//!
//! The addresses wait on disk in their order. Which of them are repeated, `src/group` decides by their hashes.

use super::heap::Partition;
use super::record::ListKind;
use crate::definition::{Compared, Keep};
use crate::engine::Cancel;
use crate::group::{GroupError, Grouping, SealedFile, Sizes};
use crate::pipeline::{Candidate, NO_DATE, RecordSet};
use crate::plan::{Together, UniquePlan};
use crate::transform::Normalize;

/// An address that goes to a list.
pub(super) struct Listed {
    pub(super) kind: ListKind,
    pub(super) address: Box<[u8]>,
    /// Its hash.
    pub(super) key: u128,
    /// The number of the record that it comes from.
    pub(super) place: u64,
}

/// Addresses that were not compared yet.
pub(super) struct Lists {
    phones: Partition,
    emails: Partition,
    grouping: Grouping,
}

/// The lists.
pub(super) struct Decided {
    phones: Partition,
    emails: Partition,
    repeated: RecordSet,
}

impl Lists {
    pub(super) fn new(folder: &std::path::Path, sizes: Sizes) -> Lists {
        let unique = UniquePlan {
            by: Vec::new(),
            keep: Keep::First,
            on: Compared::Output,
            normalize: Normalize::None,
            address: 0,
        };
        let together = Together { unique: Some(unique), users: None };
        let grouping = Grouping::new(&together, usize::MAX, folder, sizes);
        Lists { phones: Partition::default(), emails: Partition::default(), grouping }
    }

    pub(super) fn add(
        &mut self,
        listed: &Listed,
        piece_bytes: usize,
        file: &SealedFile,
    ) -> Result<(), GroupError> {
        let list = match listed.kind {
            ListKind::Phones => &mut self.phones,
            ListKind::Emails => &mut self.emails,
        };
        let parts = [&listed.place.to_le_bytes()[..], &listed.address];
        list.add(parts, piece_bytes, file)?;
        let candidate = Candidate {
            record: listed.place,
            key: Some(listed.key),
            user: None,
            since: NO_DATE,
            is_opted_out: true,
            takes_opt_out: true,
            names: 0,
        };
        self.grouping.add(&candidate, 0)
    }

    pub(super) fn decide(self, cancel: &Cancel) -> Result<Decided, GroupError> {
        let Lists { phones, emails, grouping } = self;
        Ok(Decided { phones, emails, repeated: grouping.decide(cancel)?.marks.duplicates })
    }
}

impl Decided {
    /// Hands over each address of a list, which is empty then.
    pub(super) fn take<E: From<GroupError>>(
        &mut self,
        kind: ListKind,
        file: &SealedFile,
        mut each: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let list = match kind {
            ListKind::Phones => &mut self.phones,
            ListKind::Emails => &mut self.emails,
        };
        std::mem::take(list).each(file, |entry| {
            let (place, address) = entry.split_first_chunk::<8>().ok_or_else(|| file.damaged())?;
            if self.repeated.has(u64::from_le_bytes(*place)) {
                return Ok(());
            }
            each(address)
        })
    }
}
