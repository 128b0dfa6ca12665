//! Which repair that is off would mend a reject: each is made on the record itself, the record is
//! judged again, and then everything is put back.
//!
//! Only records with problems come here, so nobody else pays for it.

use super::{ChunkText, RepairKind, RepairSet, Repaired, Repairs};
use crate::record::{Batch, Entry, NameId, Problem, Slot};

/// A record with more problems is not looked at: they are compared pair by pair, and somebody
/// may have made it.
const PROBLEMS_MAX: usize = 50;

/// What would mend the problems of one row.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mended {
    pub row: u32,
    /// Problems, each with a repair that takes it away.
    pub problems: Vec<(Problem, RepairKind)>,
    /// The repairs that together leave no problem; none where there are no such.
    pub by: RepairSet,
}

/// One row as it was.
struct Before {
    slots: Vec<Slot>,
    entries: Vec<(usize, Entry, Vec<Slot>)>,
    arena_len: usize,
}

impl Repairs {
    /// Tries the repairs that are off on one row with these problems. `judge` gives the problems
    /// that the row has as it stands in the batch.
    ///
    /// None where no repair helps, or where there are too many problems to try.
    pub fn try_on(
        &self,
        row: usize,
        problems: &[Problem],
        source: ChunkText<'_>,
        batch: &mut Batch,
        is_dropped: impl Fn(NameId) -> bool,
        mut judge: impl FnMut(&Batch) -> Vec<Problem>,
    ) -> Option<Mended> {
        if PROBLEMS_MAX < problems.len() {
            return None;
        }
        let before = Before::of(row, batch);
        let mut changed: Vec<Repaired> = Vec::new();
        let mut attempt = |kinds: RepairSet, batch: &mut Batch| {
            changed.clear();
            self.apply_to_row(kinds, row, source, batch, &is_dropped, &mut changed);
            let left = (!changed.is_empty()).then(|| judge(batch));
            before.restore(row, batch);
            left
        };
        let mut mended = Mended { row: u32::try_from(row).ok()?, ..Mended::default() };
        for kind in RepairKind::ALL.into_iter().filter(|kind| !self.on.has(*kind)) {
            let Some(left) = attempt(self.on.with(kind), batch) else { continue };
            for problem in problems.iter().filter(|problem| !left.contains(problem)) {
                if !mended.problems.iter().any(|(known, _)| known == problem) {
                    mended.problems.push((*problem, kind));
                }
            }
        }
        let by: RepairSet = mended.problems.iter().map(|(_, kind)| *kind).collect();
        let all = self.on.iter().chain(by.iter()).collect();
        if !by.is_empty() && attempt(all, batch).is_some_and(|left| left.is_empty()) {
            mended.by = by;
        }
        (!by.is_empty()).then_some(mended)
    }
}

impl Before {
    fn of(row: usize, batch: &Batch) -> Before {
        let places = (0..batch.maps_width).flat_map(|map| batch.map(row, map).range());
        let entry = |place: usize| {
            let entry = batch.entries.get(place).copied()?;
            Some((place, entry, batch.entry_values(entry).to_vec()))
        };
        Before {
            slots: batch.row_slots(row).to_vec(),
            entries: places.filter_map(entry).collect(),
            arena_len: batch.arena.len(),
        }
    }

    fn restore(&self, row: usize, batch: &mut Batch) {
        for (node, slot) in self.slots.iter().enumerate() {
            batch.set_slot(row, node, *slot);
        }
        for (place, entry, values) in &self.entries {
            if let Some(place) = batch.entries.get_mut(*place) {
                *place = *entry;
            }
            let old = batch.values.iter_mut().skip(entry.values.range().start);
            old.zip(values).for_each(|(slot, value)| *slot = *value);
        }
        batch.arena.truncate(self.arena_len);
    }
}
