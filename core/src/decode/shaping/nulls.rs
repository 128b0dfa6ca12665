//! Texts that mean null: `null = ["NULL", "\\N"]`.
//!
//! A value is compared as a whole and as it is. In CSV such a cell is like an empty one. In JSON it is
//! like `null`: no value of a field, and in a list a value of the wrong type.

use super::words::length_bit;
use crate::record::{Batch, JsonType, Slot, Text};

/// The texts that mean null.
#[derive(Debug, Default)]
pub(in crate::decode) struct Nulls {
    texts: Vec<Box<[u8]>>,
    /// Their lengths, as bits. Lengths from 63 on share one.
    lengths: u64,
}

impl Nulls {
    pub(super) fn new(texts: &[String]) -> Nulls {
        Nulls {
            texts: texts.iter().map(|text| text.as_bytes().into()).collect(),
            lengths: texts.iter().fold(0, |lengths, text| lengths | length_bit(text.len())),
        }
    }

    pub(in crate::decode) fn is_empty(&self) -> bool {
        self.texts.is_empty()
    }

    /// Whether a value means null.
    #[inline]
    pub(in crate::decode) fn has(&self, value: &[u8]) -> bool {
        self.lengths & length_bit(value.len()) != 0
            && self.texts.iter().any(|text| **text == *value)
    }

    /// Whether the value of a slot means null.
    #[inline]
    fn has_slot(&self, slot: Slot, text: Text<'_>) -> bool {
        slot.is_text() && self.lengths & length_bit(slot.len()) != 0 && self.has(text.of(slot))
    }

    /// Makes slots that mean null absent.
    pub(in crate::decode) fn clear(&self, slots: &mut [Slot], text: Text<'_>) {
        for slot in slots {
            if self.has_slot(*slot, text) {
                *slot = Slot::ABSENT;
            }
        }
    }

    /// Does to the texts of JSON records what null does.
    pub(super) fn apply(&self, chunk: &[u8], batch: &mut Batch) {
        let Batch { slots, entries, values, arena, .. } = batch;
        let text = Text { chunk, arena };
        self.clear(slots, text);
        for entry in entries {
            let own = values.get_mut(entry.values.range()).unwrap_or(&mut []);
            if entry.is_list {
                let nulls = own.iter_mut().filter(|value| self.has_slot(**value, text));
                nulls.for_each(|value| *value = Slot::other(JsonType::Null));
            } else if own.iter().any(|value| self.has_slot(*value, text)) {
                entry.values.len = 0;
            }
        }
    }
}
