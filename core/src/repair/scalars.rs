//! `scalars`: a JSON number or boolean where text is wanted becomes its text, as it is written.

use super::ChunkText;
use crate::record::{JsonType, Slot, SlotKind, Text};

/// The slot as text, or `None` if it is neither a number nor a boolean.
pub(super) fn as_text(slot: Slot, source: ChunkText<'_>, arena: &[u8]) -> Option<Slot> {
    match slot.kind() {
        SlotKind::Number if slot.in_arena() => Some(Slot::new_text(slot.start(), slot.len(), true)),
        SlotKind::Number => Some(Slot::text(slot.start(), slot.len(), true)),
        SlotKind::Other(JsonType::Boolean) => {
            let word = Text { chunk: source.chunk, arena }.of_boolean(slot);
            Some(Slot::text(slot.start(), word.len(), true))
        }
        SlotKind::Absent | SlotKind::Text | SlotKind::Other(_) => None,
    }
}
