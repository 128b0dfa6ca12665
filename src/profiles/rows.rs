//! Profiles as rows of CSV, in the order of their first records.

use std::num::NonZeroUsize;

use super::columns::{Layout, each_cell};
use super::heap::{Heap, Partition};
use super::held::Held;
use super::parts::Bounds;
use super::profile::Profile;
use super::unplaced::{Counts, Unplaced};
use crate::encode::push_text_cell;
use crate::engine::{Advance, Cancel, map_ordered_here};
use crate::group::{GroupError, SealedFile};

/// Rows, one after the other.
#[derive(Default)]
pub struct Rows {
    pub bytes: Vec<u8>,
    /// Where each row ends in `bytes`.
    pub ends: Vec<usize>,
    unplaced: Unplaced,
}

/// What it takes to write rows.
pub(super) struct Writing<'a> {
    pub(super) layout: &'a Layout,
    pub(super) bounds: Bounds,
    pub(super) file: &'a SealedFile,
    pub(super) cancel: &'a Cancel,
    pub(super) advance: &'a Advance,
    /// The most bytes of the profiles of one partition and their rows.
    pub(super) held_max: u64,
    pub(super) piece_bytes: usize,
    /// How many partitions are held at once.
    pub(super) in_flight: NonZeroUsize,
}

/// What is held of a profile besides its bytes: where it is, and where its row ends.
const ENTRY_BYTES: u64 = 32;

/// Memory for reuse.
#[derive(Default)]
struct Scratch<'b> {
    id: Vec<u8>,
    /// The texts of a row by column; empty where there is none.
    cells: Vec<&'b [u8]>,
}

/// Yields partitions that are small enough, in order.
struct Small<'w, 'a> {
    writing: &'w Writing<'a>,
    /// Those that are left, the next one last, and by how many bits a place was shifted to give it.
    left: Vec<(Partition, u32)>,
}

impl Iterator for Small<'_, '_> {
    type Item = Result<Partition, GroupError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let (partition, shift) = self.left.pop()?;
            if partition.is_empty() {
                continue;
            }
            if shift == 0 || self.writing.cost(&partition) <= self.writing.held_max {
                return Some(Ok(partition));
            }
            let shift = shift.saturating_sub(8);
            match self.writing.divide(partition, shift) {
                Ok(parts) => self.left.extend(parts.into_iter().rev().map(|part| (part, shift))),
                Err(error) => return Some(Err(error)),
            }
        }
    }
}

impl Writing<'_> {
    /// Hands over the rows of these partitions in order. They are made side by side; a partition that is too
    /// large is divided first. `shift`: by how many bits a place was shifted to give its partition.
    pub(super) fn write<E: From<GroupError> + Send>(
        &self,
        partitions: Vec<Partition>,
        shift: u32,
        each: &mut (dyn FnMut(&Rows) -> Result<(), E> + Send),
    ) -> Result<Unplaced, E> {
        let mut unplaced = Unplaced::default();
        let partitions = partitions.into_iter().rev().map(|partition| (partition, shift));
        let small = Small { writing: self, left: partitions.collect() };
        map_ordered_here(
            self.in_flight,
            small.map(|partition| partition.map_err(E::from)),
            |partition| self.rows(partition),
            |rows| {
                let mut rows = rows?;
                unplaced.add(std::mem::take(&mut rows.unplaced));
                each(&rows)
            },
        )?;
        Ok(unplaced)
    }

    /// The bytes of a partition in memory: its profiles, where they are, and their rows. A row has a comma for each
    /// column, and every byte of a text may be a quote, which is written twice.
    fn cost(&self, partition: &Partition) -> u64 {
        let columns = u64::try_from(self.layout.names.len()).unwrap_or(u64::MAX);
        let of_each = columns.saturating_add(ENTRY_BYTES);
        partition.entries.saturating_mul(of_each).saturating_add(partition.bytes.saturating_mul(3))
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
        let bytes = partition.bytes;
        let mut held = Held::with_capacity(usize::try_from(bytes).unwrap_or(0));
        partition.each(self.file, |entry| {
            let (place, profile) =
                entry.split_first_chunk::<8>().ok_or_else(|| self.file.damaged())?;
            held.add(u64::from_le_bytes(*place), |bytes| bytes.extend_from_slice(profile));
            Ok::<(), GroupError>(())
        })?;
        held.sort();
        let (mut rows, mut counts, mut profile) =
            (Rows::default(), Counts::default(), Profile::default());
        let mut scratch = Scratch::default();
        rows.bytes.reserve(held.memory());
        for (_, entry) in held.iter() {
            profile.read(entry).ok_or_else(|| self.file.damaged())?;
            self.row(&profile, &mut scratch, &mut counts, &mut rows.bytes);
            rows.ends.push(rows.bytes.len());
        }
        rows.unplaced = counts.owned();
        self.advance.add(bytes);
        Ok(rows)
    }

    /// Appends the row of a profile, and counts what has no column.
    fn row<'b>(
        &self,
        profile: &Profile<'b>,
        scratch: &mut Scratch<'b>,
        counts: &mut Counts<'b>,
        out: &mut Vec<u8>,
    ) {
        let cells = Cells { layout: self.layout, bounds: self.bounds };
        cells.count(profile, counts);
        cells.fill(profile, &mut scratch.id, &mut scratch.cells, counts);
        for (number, cell) in scratch.cells.iter().enumerate() {
            if 0 < number {
                out.push(b',');
            }
            push_text_cell(cell, out);
        }
        out.push(b'\n');
    }
}

/// Takes profiles apart into the columns of a layout.
pub(super) struct Cells<'a> {
    pub(super) layout: &'a Layout,
    pub(super) bounds: Bounds,
}

impl Cells<'_> {
    /// Counts what the profile does not have.
    pub(super) fn count<'b>(&self, profile: &Profile<'b>, counts: &mut Counts<'b>) {
        for (field, times) in &profile.lost.fields {
            counts.add(*field, *times);
        }
        for item in profile.items.iter().filter(|item| 0 < item.lost) {
            counts.add(item.source.counted(&self.bounds), item.lost);
        }
        counts.other += profile.lost.other;
        counts.emptied += profile.emptied;
    }

    /// Puts the texts of a profile in place of those in `row`, by column, and counts what has no column. `id` is scratch
    /// memory.
    pub(super) fn fill<'b>(
        &self,
        profile: &Profile<'b>,
        id: &mut Vec<u8>,
        row: &mut Vec<&'b [u8]>,
        counts: &mut Counts<'b>,
    ) {
        row.clear();
        row.resize(self.layout.names.len(), b"".as_slice());
        each_cell(profile, |column, text, times| {
            match self.layout.place(column, id).and_then(|place| row.get_mut(place)) {
                Some(cell) => *cell = text,
                None if times == 0 => {}
                None => counts.add(column.counted(&self.bounds), times),
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profiles::bytes::{Head, put_item};
    use crate::profiles::parts::{Consent, Lost, Source, Value};

    const HELD: u64 = 100_000;

    #[test]
    fn rows_are_made_of_few_profiles_where_there_are_many_columns() {
        let (folder, cancel, advance) =
            (tempfile::tempdir().unwrap(), Cancel::new(), Advance::default());
        let (file, mut layout) = (SealedFile::new(folder.path()), Layout::default());
        layout.names = (0..500).map(|number| number.to_string()).collect();
        let mut heap = Heap::new(1 << 10);
        for place in 0..2_000_u64 {
            let (mut bytes, lost) = (Vec::new(), Lost::default());
            let consent = Consent::default();
            Head { place, key: b"ada", consent, emptied: 0, lost: &lost }.write(1, &mut bytes);
            let value = Value { text: b"pro", times: 1 };
            put_item(Source::Name(7, b"Plan"), 1, [value].into_iter(), 0, &mut bytes);
            heap.add(0, [&place.to_le_bytes(), &bytes], &file).unwrap();
        }
        let writing = Writing {
            layout: &layout,
            bounds: Bounds { address: 2, opt_out: 3, addresses: 2, size: 200 },
            file: &file,
            cancel: &cancel,
            advance: &advance,
            held_max: HELD,
            piece_bytes: 1 << 10,
            in_flight: NonZeroUsize::new(3).unwrap(),
        };
        let (mut rows, mut most) = (0, 0);
        let mut each = |some: &Rows| {
            rows += some.ends.len();
            most = most.max(some.bytes.len());
            Ok::<(), GroupError>(())
        };
        let unplaced = writing.write(heap.into_partitions(), 11, &mut each).unwrap();
        assert_eq!((rows, unplaced.total()), (2_000, 2_000), "the layout has no such columns");
        assert!(most < 100_000, "{most} bytes of rows");
    }
}
