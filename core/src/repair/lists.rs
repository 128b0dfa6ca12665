//! `lists`: wraps a single text or number in a list where the schema has a list of texts.

use crate::record::{Batch, NameId, Slot, SlotKind};

/// Makes the entry's value a list. Returns the entry's name, or `None` if nothing changed.
pub(super) fn repair(index: usize, batch: &mut Batch) -> Option<NameId> {
    let entry = batch.entries.get(index).copied().filter(|entry| !entry.is_list)?;
    let at = entry.values.range().start;
    let slot = batch.entry_values(entry).first().copied()?;
    let text = match slot.kind() {
        SlotKind::Text => slot,
        SlotKind::Number if slot.in_arena() => Slot::new_text(slot.start(), slot.len(), true),
        SlotKind::Number => Slot::text(slot.start(), slot.len(), true),
        SlotKind::Absent | SlotKind::Other(_) => return None,
    };
    *batch.values.get_mut(at)? = text;
    batch.entries.get_mut(index)?.is_list = true;
    Some(entry.name)
}
