//! One field of one record in eight bytes: its kind, and where its bytes are.

use std::fmt;

/// What kind of value a slot has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SlotKind {
    /// The field is not in the record, is null, or is an empty CSV cell.
    Absent,
    /// Text. The span is the value itself, never its escaped form.
    Text,
    /// A number. The span is its text as it came in.
    Number,
    /// A value that is neither text nor a number.
    Other(JsonType),
}

/// The type of a JSON value that is neither text nor a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JsonType {
    Boolean,
    Object,
    Array,
    /// `null` as an item of a list. A field that is null is absent.
    Null,
}

/// A set of kinds that the value of a field may have. Absent is always allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SlotKinds(u32);

impl SlotKinds {
    pub const NONE: SlotKinds = SlotKinds(0);
    pub const TEXT: SlotKinds = SlotKinds(TEXT >> KIND_SHIFT);
    pub const NUMBER: SlotKinds = SlotKinds(NUMBER >> KIND_SHIFT);
    pub const ANY: SlotKinds = SlotKinds(OTHER >> KIND_SHIFT);
}

/// The value of a field: its kind, and a span of the chunk or of the arena.
///
/// A span is at most [`Slot::LEN_MAX`] bytes long, and chunks and arenas are smaller than 4 GiB.
/// The second word has, from the highest bit: two bits for the kind, one for "in the arena", one
/// for "plain" (nothing that JSON must escape), and 28 for the length.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Slot {
    start: u32,
    tagged_len: u32,
}

const LEN_BITS: u32 = 28;
const LEN_MASK: u32 = (1 << LEN_BITS) - 1;
const PLAIN: u32 = 1 << LEN_BITS;
const ARENA: u32 = 1 << 29;
const KIND_SHIFT: u32 = 30;
const TEXT: u32 = 1 << KIND_SHIFT;
const NUMBER: u32 = 2 << KIND_SHIFT;
const OTHER: u32 = 3 << KIND_SHIFT;

impl Slot {
    /// The longest span, in bytes.
    #[expect(clippy::as_conversions, reason = "a constant of 28 bits")]
    pub const LEN_MAX: usize = LEN_MASK as usize;

    pub const ABSENT: Slot = Slot { start: 0, tagged_len: 0 };

    /// Text in the chunk. `plain`: known to contain nothing that JSON must escape.
    pub fn text(start: usize, len: usize, plain: bool) -> Slot {
        Slot::spanning(TEXT | if plain { PLAIN } else { 0 }, start, len)
    }

    /// Text in the chunk, or absent if it is empty.
    #[inline]
    pub fn text_or_absent(start: u32, len: u32, plain: bool) -> Slot {
        let tag = TEXT | if plain { PLAIN } else { 0 };
        debug_assert!(len <= LEN_MASK, "a span is at most {} bytes", Slot::LEN_MAX);
        if len == 0 { Slot::ABSENT } else { Slot { start, tagged_len: tag | len & LEN_MASK } }
    }

    /// Text in the arena.
    pub fn new_text(start: usize, len: usize, plain: bool) -> Slot {
        Slot::spanning(TEXT | ARENA | if plain { PLAIN } else { 0 }, start, len)
    }

    /// A number in the chunk.
    pub fn number(start: usize, len: usize) -> Slot {
        Slot::spanning(NUMBER | PLAIN, start, len)
    }

    /// A number in the arena.
    pub fn new_number(start: usize, len: usize) -> Slot {
        Slot::spanning(NUMBER | ARENA | PLAIN, start, len)
    }

    /// A value that is neither text nor a number.
    pub fn other(found: JsonType) -> Slot {
        let code = match found {
            JsonType::Boolean => 0,
            JsonType::Object => 1,
            JsonType::Array => 2,
            JsonType::Null => 3,
        };
        Slot { start: 0, tagged_len: OTHER | code }
    }

    /// `true` or `false` in the chunk.
    pub fn boolean(start: usize) -> Slot {
        let start = u32::try_from(start).expect("chunks are smaller than 4 GiB");
        Slot { start, ..Slot::other(JsonType::Boolean) }
    }

    fn spanning(tag: u32, start: usize, len: usize) -> Slot {
        let start = u32::try_from(start).expect("chunks and arenas are smaller than 4 GiB");
        let len = u32::try_from(len).expect("spans are shorter than 4 GiB");
        assert!(len <= LEN_MASK, "a span is at most {} bytes", Slot::LEN_MAX);
        Slot { start, tagged_len: tag | len }
    }

    pub fn kind(self) -> SlotKind {
        match self.tagged_len >> KIND_SHIFT {
            0 => SlotKind::Absent,
            1 => SlotKind::Text,
            2 => SlotKind::Number,
            _ => SlotKind::Other(match self.tagged_len & LEN_MASK {
                0 => JsonType::Boolean,
                1 => JsonType::Object,
                2 => JsonType::Array,
                _ => JsonType::Null,
            }),
        }
    }

    pub fn is_absent(self) -> bool {
        self.tagged_len == 0
    }

    pub fn is_text(self) -> bool {
        self.tagged_len >> KIND_SHIFT == 1
    }

    pub fn is_number(self) -> bool {
        self.tagged_len >> KIND_SHIFT == 2
    }

    /// Zero if the slot is absent or of one of these kinds. The results for many slots can be
    /// combined with `|` and then tested once.
    #[inline]
    pub fn mismatch_bits(self, kinds: SlotKinds) -> u32 {
        self.tagged_len >> KIND_SHIFT & !kinds.0
    }

    /// 1 if the slot is neither absent nor plain, else 0. The results for many slots can be
    /// combined with `|` and then tested once.
    #[inline]
    pub fn not_plain_bit(self) -> u32 {
        let is_present = self.tagged_len >> KIND_SHIFT | self.tagged_len >> (KIND_SHIFT + 1);
        is_present & !(self.tagged_len >> LEN_BITS) & 1
    }

    /// Whether the span is in the arena.
    pub fn in_arena(self) -> bool {
        self.tagged_len & ARENA != 0
    }

    /// Whether the span is known to contain nothing that JSON must escape.
    pub fn is_plain(self) -> bool {
        self.tagged_len & PLAIN != 0
    }

    pub fn start(self) -> usize {
        widen(self.start)
    }

    pub fn len(self) -> usize {
        widen(self.tagged_len & LEN_MASK)
    }

    pub fn is_empty(self) -> bool {
        self.tagged_len & LEN_MASK == 0
    }
}

#[expect(clippy::as_conversions, reason = "usize is at least 32 bits wide wherever this builds")]
fn widen(value: u32) -> usize {
    const { assert!(usize::BITS >= 32) };
    value as usize
}

impl fmt::Debug for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}@{}+{}", self.kind(), self.start, self.tagged_len & LEN_MASK)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_is_eight_bytes() {
        assert_eq!(size_of::<Slot>(), 8);
    }

    #[test]
    fn a_slot_returns_what_it_was_made_of() {
        let slot = Slot::new_text(7, 9, true);
        assert_eq!((slot.kind(), slot.start(), slot.len()), (SlotKind::Text, 7, 9));
        assert!(slot.in_arena() && slot.is_plain());
        assert!(!Slot::text(0, 0, false).is_absent());
        for found in [JsonType::Boolean, JsonType::Object, JsonType::Array, JsonType::Null] {
            assert_eq!(Slot::other(found).kind(), SlotKind::Other(found));
        }
        assert_eq!(Slot::number(1, 2).kind(), SlotKind::Number);
        assert!(Slot::ABSENT.is_absent());
    }

    #[test]
    fn other_kinds_are_mismatches() {
        let slots = [
            (Slot::ABSENT, &[SlotKinds::NONE, SlotKinds::TEXT, SlotKinds::NUMBER][..]),
            (Slot::text(1, 2, true), &[SlotKinds::TEXT]),
            (Slot::new_text(0, 0, false), &[SlotKinds::TEXT]),
            (Slot::number(1, 2), &[SlotKinds::NUMBER]),
            (Slot::other(JsonType::Boolean), &[]),
            (Slot::other(JsonType::Null), &[]),
        ];
        for (slot, fitting) in slots {
            for kinds in [SlotKinds::NONE, SlotKinds::TEXT, SlotKinds::NUMBER] {
                assert_eq!(
                    slot.mismatch_bits(kinds) == 0,
                    fitting.contains(&kinds),
                    "{slot:?} {kinds:?}"
                );
            }
            assert_eq!(slot.mismatch_bits(SlotKinds::ANY), 0);
            assert_eq!(slot.not_plain_bit() == 1, !slot.is_absent() && !slot.is_plain());
        }
    }
}
