//! The words of one field, and what they mean: `"OptOut" = { "1" = "ALL", "0" = "NONE" }`.
//!
//! A value is compared as a whole and as it is, before repairs. In JSON a number or a boolean is compared
//! by its text, since one export writes `"1"` and another `1` or `true`. A value that is no such word
//! stays as it is, unless `*` says what all others mean: then only the field's own words and blanks stay.

use std::collections::HashMap;

use foldhash::fast::RandomState;

use crate::record::{JsonType, Slot, SlotKind, Text, number_len, swapped_marks};

/// The texts that words may become, one after the other. A batch has one copy in its arena.
#[derive(Debug, Default)]
pub(super) struct WordText(Vec<u8>);

/// The words of one field.
#[derive(Debug)]
pub(super) struct Words {
    /// Where in the [`WordText`] the meaning of a word begins, and its length.
    meanings: HashMap<Box<[u8]>, (usize, usize), RandomState>,
    /// The lengths of the words, as bits. Lengths from 63 on share one.
    lengths: u64,
    /// What every other text means.
    others: Option<Others>,
}

/// What every other text means, as in [`Words`].
#[derive(Debug)]
struct Others {
    meaning: (usize, usize),
    /// The field's own words, which stay in whatever case.
    own: Vec<String>,
}

/// What the slots of a field with words hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Held {
    Text,
    Number,
    /// A number of which the decoder has swapped commas and points: words are compared as they came in.
    SwappedNumber,
}

/// Stands for every other text.
pub const OTHERS: &str = "*";

impl WordText {
    /// Appends the texts to an arena, and returns where they begin there.
    pub(super) fn push_to(&self, arena: &mut Vec<u8>) -> usize {
        let base = arena.len();
        arena.extend_from_slice(&self.0);
        base
    }
}

impl Words {
    /// `own`: the words that the field has in the schema, if only those.
    pub(super) fn new(meanings: &[(String, String)], own: &[String], text: &mut WordText) -> Words {
        let mut words = Words { meanings: HashMap::default(), lengths: 0, others: None };
        for (word, meaning) in meanings {
            let start = text.0.len();
            text.0.extend_from_slice(meaning.as_bytes());
            if word == OTHERS && !own.is_empty() {
                words.lengths = u64::MAX;
                let meaning = (start, meaning.len());
                words.others = Some(Others { meaning, own: own.to_vec() });
                continue;
            }
            words.lengths |= length_bit(word.len());
            words.meanings.insert(word.as_bytes().into(), (start, meaning.len()));
        }
        words
    }

    /// Replaces a word by its meaning. `base`: where the arena has the texts.
    #[inline]
    pub(super) fn replace(&self, slot: &mut Slot, held: Held, base: usize, text: Text<'_>) {
        let word = match slot.kind() {
            SlotKind::Text | SlotKind::Number => {
                if self.lengths & length_bit(slot.len()) == 0 {
                    return;
                }
                text.of(*slot)
            }
            SlotKind::Other(JsonType::Boolean) => text.of_boolean(*slot),
            SlotKind::Absent | SlotKind::Other(_) => return,
        };
        let known = match held {
            Held::Text | Held::Number => self.meanings.get(word).copied(),
            Held::SwappedNumber => self.meanings.get(&*swapped_marks(word)).copied(),
        };
        let Some((start, len)) = known.or_else(|| self.others.as_ref()?.meaning_of(word)) else {
            return;
        };
        let start = base + start;
        let meaning = text.arena.get(start..start + len).unwrap_or(&[]);
        let is_json_number = held != Held::Text && number_len(meaning) == Some(len);
        *slot = if is_json_number {
            Slot::new_number(start, len)
        } else {
            Slot::new_text(start, len, false)
        };
    }
}

impl Others {
    /// `None`: the text stays.
    fn meaning_of(&self, text: &[u8]) -> Option<(usize, usize)> {
        let is_own = self.own.iter().any(|word| text.eq_ignore_ascii_case(word.as_bytes()));
        (!is_own && !text.trim_ascii().is_empty()).then_some(self.meaning)
    }
}

/// The bit of a length in a set of lengths.
#[inline]
pub(super) fn length_bit(len: usize) -> u64 {
    1 << len.min(63)
}
