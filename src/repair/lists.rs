//! `lists`: a bare text or number where a list of texts is due becomes a list of one.

use crate::record::{Batch, NameId, Slot, SlotKind};

/// Makes a list of the entry's value; gives its name if it did.
pub(super) fn mend(place: usize, batch: &mut Batch) -> Option<NameId> {
    let entry = batch.entries.get(place).copied().filter(|entry| !entry.is_list)?;
    let at = entry.values.range().start;
    let slot = batch.entry_values(entry).first().copied()?;
    let text = match slot.kind() {
        SlotKind::Text => slot,
        SlotKind::Number if slot.in_arena() => Slot::new_text(slot.start(), slot.len(), true),
        SlotKind::Number => Slot::text(slot.start(), slot.len(), true),
        SlotKind::Absent | SlotKind::Other(_) => return None,
    };
    *batch.values.get_mut(at)? = text;
    batch.entries.get_mut(place)?.is_list = true;
    Some(entry.name)
}
