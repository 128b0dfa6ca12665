//! Profiles as rows of CSV, in the order of their first records.

use std::collections::HashMap;

use foldhash::fast::RandomState;
use rayon::prelude::*;

use super::columns::{Layout, each_cell};
use super::heap::{Heap, Partition};
use super::profile::{Bounds, LostField, Profile};
use crate::encode::push_text_cell;
use crate::engine::{Advance, Cancel};
use crate::group::{GroupError, SealedFile};

/// Rows, one after the other.
#[derive(Default)]
pub struct Rows {
    pub bytes: Vec<u8>,
    /// Where each row ends in `bytes`.
    pub ends: Vec<usize>,
    counts: Counts,
}

/// What has no place in some rows, by field in the order in which the rows have them.
#[derive(Default)]
struct Counts {
    fields: Vec<(LostField, u64)>,
    places: HashMap<LostField, usize, RandomState>,
    other: u64,
    emptied: u64,
}

/// What has no place in the rows of an output.
#[derive(Clone, Debug, Default)]
pub struct Unplaced {
    /// By field, in the order in which the rows have them; only the first ones.
    pub fields: Vec<(LostField, u64)>,
    pub other: u64,
    /// Empty texts and lists.
    pub emptied: u64,
}

/// The most fields that are told apart; the account has no more.
const FIELDS_MAX: usize = 250;

impl Counts {
    fn add(&mut self, field: &LostField, times: u64) {
        if let Some(place) = self.places.get(field) {
            if let Some((_, known)) = self.fields.get_mut(*place) {
                *known += times;
            }
            return;
        }
        self.places.insert(field.clone(), self.fields.len());
        self.fields.push((field.clone(), times));
    }
}

impl Unplaced {
    fn add(&mut self, counts: &Counts) {
        for (field, times) in &counts.fields {
            if let Some((_, known)) = self.fields.iter_mut().find(|(known, _)| known == field) {
                *known += times;
            } else if self.fields.len() < FIELDS_MAX {
                self.fields.push((field.clone(), *times));
            } else {
                self.other += times;
            }
        }
        self.other += counts.other;
        self.emptied += counts.emptied;
    }

    /// The number of all values.
    pub fn total(&self) -> u64 {
        self.other + self.fields.iter().map(|(_, times)| times).sum::<u64>()
    }
}

/// What it takes to write rows.
pub(super) struct Writing<'a> {
    pub(super) layout: &'a Layout,
    pub(super) bounds: Bounds,
    pub(super) file: &'a SealedFile,
    pub(super) cancel: &'a Cancel,
    pub(super) advance: &'a Advance,
    /// The most bytes of profiles that are sorted at once.
    pub(super) held_max: u64,
    pub(super) piece_bytes: usize,
    pub(super) threads: usize,
}

impl Writing<'_> {
    /// Hands over the rows of these partitions in order. Some partitions are made rows of side by side; one that is
    /// too large is divided first. `shift`: by how many bits a place was shifted to give its partition.
    pub(super) fn write<E: From<GroupError>>(
        &self,
        partitions: Vec<Partition>,
        shift: u32,
        unplaced: &mut Unplaced,
        each: &mut dyn FnMut(&Rows) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut some = Vec::new();
        for partition in partitions.into_iter().filter(|partition| !partition.is_empty()) {
            if self.held_max < partition.bytes && 0 < shift {
                self.write_some(std::mem::take(&mut some), unplaced, each)?;
                let less = shift.saturating_sub(8);
                let parts = self.divide(partition, less)?;
                self.write(parts, less, unplaced, each)?;
                continue;
            }
            some.push(partition);
            if some.len() == self.threads {
                self.write_some(std::mem::take(&mut some), unplaced, each)?;
            }
        }
        self.write_some(some, unplaced, each)
    }

    fn write_some<E: From<GroupError>>(
        &self,
        partitions: Vec<Partition>,
        unplaced: &mut Unplaced,
        each: &mut dyn FnMut(&Rows) -> Result<(), E>,
    ) -> Result<(), E> {
        let rows: Vec<Result<Rows, GroupError>> =
            partitions.into_par_iter().map(|partition| self.rows(partition)).collect();
        for rows in rows {
            let rows = rows?;
            unplaced.add(&rows.counts);
            each(&rows)?;
        }
        Ok(())
    }

    /// Divides a partition by the next bits of the places.
    fn divide(&self, partition: Partition, shift: u32) -> Result<Vec<Partition>, GroupError> {
        let mut heap = Heap::new(self.piece_bytes);
        partition.each(self.file, |entry| {
            let (place, profile) =
                entry.split_first_chunk::<8>().ok_or_else(|| self.file.damaged())?;
            let part = u64::from_le_bytes(*place) >> shift & 0xff;
            let part = usize::try_from(part).expect("eight bits");
            heap.add(part, [place, profile], self.file)
        })?;
        Ok(heap.into_partitions())
    }

    fn rows(&self, partition: Partition) -> Result<Rows, GroupError> {
        self.cancel.check()?;
        let (mut profiles, bytes) = (Vec::new(), partition.bytes);
        partition.each(self.file, |entry| {
            let profile = entry.get(8..).and_then(Profile::read);
            profiles.push(profile.ok_or_else(|| self.file.damaged())?);
            Ok::<(), GroupError>(())
        })?;
        profiles.sort_unstable_by_key(|profile| profile.place);
        let mut rows = Rows::default();
        let mut id = Vec::new();
        for profile in &profiles {
            self.row(profile, &mut id, &mut rows);
        }
        self.advance.add(bytes);
        Ok(rows)
    }

    fn row(&self, profile: &Profile, id: &mut Vec<u8>, rows: &mut Rows) {
        let Rows { bytes, ends, counts } = rows;
        let mut cells: Vec<Option<&str>> = vec![None; self.layout.names.len()];
        for (field, times) in &profile.lost.fields {
            counts.add(field, *times);
        }
        counts.other += profile.lost.other;
        counts.emptied += profile.emptied;
        each_cell(profile, |column, text, times| {
            match self.layout.place(column, id).and_then(|place| cells.get_mut(place)) {
                Some(cell) => *cell = Some(text),
                None if times == 0 => {}
                None => counts.add(&column.lost_field(&self.bounds), times),
            }
        });
        for (number, cell) in cells.into_iter().enumerate() {
            if 0 < number {
                bytes.push(b',');
            }
            push_text_cell(cell.unwrap_or_default(), bytes);
        }
        bytes.push(b'\n');
        ends.push(bytes.len());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_fields_are_counted_by_name_however_rows_are_cut() {
        let field = |number: usize| LostField::Name(1, number.to_string().into());
        let count = |cuts: &[usize]| {
            let mut unplaced = Unplaced::default();
            for cut in cuts.windows(2) {
                let mut counts = Counts::default();
                (cut[0]..cut[1]).for_each(|number| counts.add(&field(number % 300), 2));
                unplaced.add(&counts);
            }
            unplaced
        };
        let whole = count(&[0, 900]);
        assert_eq!((whole.fields.len(), whole.other, whole.total()), (250, 300, 1800));
        let cut = count(&[0, 251, 290, 600, 900]);
        assert_eq!((cut.fields, cut.other), (whole.fields, whole.other));
    }
}
