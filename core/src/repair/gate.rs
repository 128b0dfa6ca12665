//! Tells from the kind of a value and from its first and last byte whether `scalars`, `trim` or `spreadsheet`
//! may change it. Nearly all values are ruled out, at two lookups each.

use super::{RepairKind, RepairSet};
use crate::record::{Slot, Text};

const TRIM: u8 = 1;
const SPREADSHEET: u8 = 2;
const SCALARS: u8 = 4;

/// The repairs that may change a text, by its first byte.
#[expect(clippy::as_conversions, clippy::indexing_slicing, reason = "constants of a byte")]
const FIRST: [u8; 256] = {
    let mut first = LAST;
    first[b'=' as usize] = SPREADSHEET;
    first[b'\'' as usize] = SPREADSHEET;
    first
};

/// The repairs that may change a text, by its last byte. White space and invisible characters are blanks, control
/// characters or not ASCII.
#[expect(clippy::indexing_slicing, reason = "constants of a byte")]
const LAST: [u8; 256] = {
    let mut last = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        if byte <= 0x20 || byte >= 0x7f {
            last[byte] = TRIM;
        }
        byte += 1;
    }
    last
};

/// Which of the three repairs are made.
#[derive(Clone, Copy, Debug)]
pub(super) struct Gate(u8);

impl Gate {
    pub(super) fn of(kinds: RepairSet) -> Gate {
        let bit = |kind, bit| if kinds.has(kind) { bit } else { 0 };
        Gate(
            bit(RepairKind::Trim, TRIM)
                | bit(RepairKind::Spreadsheet, SPREADSHEET)
                | bit(RepairKind::Scalars, SCALARS),
        )
    }

    /// Whether none of them is made.
    pub(super) fn is_shut(self) -> bool {
        self.0 == 0
    }

    /// Whether one of them may change this value. `is_number`: a number is wanted.
    #[inline]
    pub(super) fn admits(self, slot: Slot, text: Text<'_>, is_number: bool) -> bool {
        if !slot.is_text() {
            return self.0 & SCALARS != 0 && !is_number && !slot.is_absent();
        }
        let at = |table: &[u8; 256], byte: &u8| table.get(usize::from(*byte)).copied();
        match text.of(slot) {
            [] => false,
            [only] => at(&FIRST, only).is_some_and(|kinds| kinds & self.0 != 0),
            [first, .., last] => {
                let kinds = at(&FIRST, first).unwrap_or(0) | at(&LAST, last).unwrap_or(0);
                kinds & self.0 != 0
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::repair::{ChunkText, spreadsheet::unmarked, trim::trimmed};
    use proptest::prelude::*;

    fn gate(kind: RepairKind) -> Gate {
        Gate::of(RepairSet::default().with(kind))
    }

    #[test]
    fn usual_values_are_ruled_out() {
        for value in ["ada@example.com", "+12025550191", "a b", "{", "~", "0", ""] {
            let (slot, text) = (Slot::text(0, value.len(), true), value.as_bytes());
            let text = Text { chunk: text, arena: &[] };
            let all = RepairKind::ALL.into_iter().collect();
            assert!(!Gate::of(all).admits(slot, text, false), "{value}");
        }
    }

    proptest! {
        #[test]
        fn what_is_ruled_out_stays(value in "[=' \u{a0}\u{200b}\u{7f}\t\"0aé]{0,4}") {
            let slot = Slot::text(0, value.len(), false);
            let source = ChunkText { chunk: value.as_bytes(), is_csv: false };
            let text = Text { chunk: source.chunk, arena: &[] };
            if trimmed(slot, source, &[], false).is_some() {
                prop_assert!(gate(RepairKind::Trim).admits(slot, text, false));
            }
            if unmarked(slot, source, &[], false).is_some() {
                prop_assert!(gate(RepairKind::Spreadsheet).admits(slot, text, false));
            }
        }
    }
}
