//! Finds out which repairs that are off would fix a reject: each is applied to the record, the
//! record is checked again, and the row is restored.
//!
//! This costs time only for records with problems.

use super::{ChunkText, RepairKind, RepairSet, Repaired, Repairs};
use crate::record::{Batch, Entry, NameId, Problem, Slot};

/// Records with more problems are skipped: problems are compared pair by pair, and a hostile record
/// could have very many.
const PROBLEMS_MAX: usize = 50;

/// The repairs that would fix problems of one row.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fix {
    pub row: u32,
    /// The problems that repairs would fix, each with the first repair that does and leads to no other
    /// problem, or else with the fewest that do so together.
    pub problems: Vec<(Problem, RepairSet)>,
    /// The repairs that together would fix all problems. Empty if there are none.
    pub by: RepairSet,
}

/// A copy of one row, to restore it from.
struct Snapshot {
    slots: Vec<Slot>,
    entries: Vec<(usize, Entry, Vec<Slot>)>,
    arena_len: usize,
}

impl Repairs {
    /// Tries the repairs that are off on one row with these problems. `check` returns the problems
    /// that the row has in the batch.
    ///
    /// Returns `None` if no repair helps, or if there are too many problems to try.
    pub fn try_on(
        &self,
        row: usize,
        problems: &[Problem],
        source: ChunkText<'_>,
        batch: &mut Batch,
        is_dropped: impl Fn(NameId) -> bool,
        mut check: impl FnMut(&Batch) -> Vec<Problem>,
    ) -> Option<Fix> {
        if PROBLEMS_MAX < problems.len() {
            return None;
        }
        let snapshot = Snapshot::of(row, batch);
        let mut changed: Vec<Repaired> = Vec::new();
        let mut attempt = |kinds: RepairSet, batch: &mut Batch| {
            changed.clear();
            self.apply_to_row(kinds, row, source, batch, &is_dropped, &mut changed);
            if changed.is_empty() {
                return None;
            }
            let remaining = check(batch);
            snapshot.restore(row, batch);
            let changing: RepairSet = changed.iter().map(|repaired| repaired.kind).collect();
            Some((remaining, changing))
        };
        let off = RepairKind::ALL.into_iter().filter(|kind| !self.on.has(*kind));
        let all: RepairSet = self.on.iter().chain(off).collect();
        // Where all of them together change nothing, no one does. Of those that change something, each is tried.
        let (left, changing) = attempt(all, batch)?;
        let off = || changing.iter().filter(|kind| !self.on.has(*kind));
        let all: RepairSet = self.on.iter().chain(off()).collect();
        let mut fix = Fix { row: u32::try_from(row).ok()?, ..Fix::default() };
        for kind in off() {
            let Some((remaining, _)) = attempt(self.on.with(kind), batch) else { continue };
            if remaining.iter().any(|problem| !problems.contains(problem)) {
                // It only shows what else is wrong: something else may have to be repaired as well.
                continue;
            }
            for problem in problems.iter().filter(|problem| !remaining.contains(problem)) {
                if !fix.problems.iter().any(|(known, _)| known == problem) {
                    fix.problems.push((*problem, RepairSet::default().with(kind)));
                }
            }
        }
        for problem in problems.iter().filter(|problem| !left.contains(problem)) {
            if fix.problems.iter().any(|(known, _)| known == problem) {
                continue;
            }
            let mut try_kinds = |kinds| attempt(kinds, batch).map(|(remaining, _)| remaining);
            let fewest = fewest(problem, problems, (all, &left), off(), &mut try_kinds);
            if let Some(kinds) = fewest {
                let needed = kinds.iter().filter(|kind| !self.on.has(*kind)).collect();
                fix.problems.push((*problem, needed));
            }
        }
        let by: RepairSet = fix.problems.iter().flat_map(|(_, kinds)| kinds.iter()).collect();
        let all = self.on.iter().chain(by.iter()).collect();
        if !by.is_empty() && attempt(all, batch).is_some_and(|(remaining, _)| remaining.is_empty())
        {
            fix.by = by;
        }
        (!by.is_empty()).then_some(fix)
    }
}

/// The fewest repairs that fix a problem without a new one of the same field, of `all`, which leave the problems
/// beside them. `off`: those of them that may be left out. `attempt` returns what some of them leave.
fn fewest(
    problem: &Problem,
    problems: &[Problem],
    (all, left): (RepairSet, &[Problem]),
    off: impl Iterator<Item = RepairKind>,
    attempt: &mut impl FnMut(RepairSet) -> Option<Vec<Problem>>,
) -> Option<RepairSet> {
    let (mut needed, mut remaining) = (all, left.to_vec());
    // Without each repair in turn: what it was not needed for is not suggested.
    for kind in off {
        let fewer = needed.without(kind);
        if let Some(without) = attempt(fewer)
            && !without.contains(problem)
            && count_new(&without, problems) <= count_new(&remaining, problems)
        {
            (needed, remaining) = (fewer, without);
        }
    }
    let is_new = |other: &Problem| other.field == problem.field && !problems.contains(other);
    (!remaining.iter().any(is_new)).then_some(needed)
}

/// How many problems there are that were not there before.
fn count_new(remaining: &[Problem], before: &[Problem]) -> usize {
    remaining.iter().filter(|problem| !before.contains(problem)).count()
}

impl Snapshot {
    fn of(row: usize, batch: &Batch) -> Snapshot {
        let places = (0..batch.maps_width).flat_map(|map| batch.map(row, map).range());
        let entry = |index: usize| {
            let entry = batch.entries.get(index).copied()?;
            Some((index, entry, batch.entry_values(entry).to_vec()))
        };
        Snapshot {
            slots: batch.row_slots(row).to_vec(),
            entries: places.filter_map(entry).collect(),
            arena_len: batch.arena.len(),
        }
    }

    fn restore(&self, row: usize, batch: &mut Batch) {
        for (node, slot) in self.slots.iter().enumerate() {
            batch.set_slot(row, node, *slot);
        }
        for (index, entry, values) in &self.entries {
            if let Some(changed) = batch.entries.get_mut(*index) {
                *changed = *entry;
            }
            let old = batch.values.iter_mut().skip(entry.values.range().start);
            old.zip(values).for_each(|(slot, value)| *slot = *value);
        }
        batch.arena.truncate(self.arena_len);
    }
}
