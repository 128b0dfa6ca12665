//! `trim`: removes Unicode white space and invisible characters (category Cf: zero-width
//! spaces, byte order marks, bidi marks) around values. No byte is copied: slots are made shorter.
//!
//! A blank value becomes `""` in JSON, and an absent field in CSV, like every empty cell. In CSV, a
//! number between blanks becomes a number.

use super::{ChunkText, Repaired};
use crate::record::{Batch, Entry, Field, Slot, SlotKind, Text, number_len, trim_invisible};

/// Returns the slot without what `trim` removes around its value, or `None` if there is none.
pub(super) fn trimmed(
    slot: Slot,
    source: ChunkText<'_>,
    arena: &[u8],
    is_number: bool,
) -> Option<Slot> {
    if slot.kind() != SlotKind::Text {
        return None;
    }
    let bytes = Text { chunk: source.chunk, arena }.of(slot);
    // The first and last bytes rule that out for nearly every value.
    let may_be_space = |byte: Option<&u8>| byte.is_some_and(|b| *b <= b' ' || 0x80 <= *b);
    if !may_be_space(bytes.first()) && !may_be_space(bytes.last()) {
        return None;
    }
    let text = str::from_utf8(bytes).ok()?;
    let value = trim_invisible(text);
    let start = slot.start() + text.find(value).unwrap_or(0);
    if value.len() == text.len() {
        return None;
    }
    Some(shortened(slot, start - slot.start(), value.as_bytes(), source, is_number))
}

/// The slot of a part of a text, `value`, which begins `from` bytes after it.
pub(super) fn shortened(
    slot: Slot,
    from: usize,
    value: &[u8],
    source: ChunkText<'_>,
    is_number: bool,
) -> Slot {
    let start = slot.start() + from;
    let is_json_number = number_len(value) == Some(value.len());
    match (source.is_csv, slot.in_arena()) {
        (true, _) if value.is_empty() => Slot::ABSENT,
        (true, true) if is_number && is_json_number => Slot::new_number(start, value.len()),
        (true, false) if is_number && is_json_number => Slot::number(start, value.len()),
        (_, true) => Slot::new_text(start, value.len(), slot.is_plain()),
        (_, false) => Slot::text(start, value.len(), slot.is_plain()),
    }
}

/// Changes the values of an entry, and removes those that become absent. Adds to `done` once for each
/// changed value. `change` gets a value and the arena.
pub(super) fn change_entry(
    index: usize,
    batch: &mut Batch,
    change: impl Fn(Slot, &[u8]) -> Option<Slot>,
    mut note: impl FnMut(Field) -> Repaired,
    done: &mut Vec<Repaired>,
) {
    let Some(entry) = batch.entries.get(index).copied() else { return };
    let (mut kept, mut has_absent) = (Vec::new(), false);
    for at in entry.values.range() {
        let Some(slot) = batch.values.get(at).copied() else { continue };
        let changed = change(slot, &batch.arena);
        if let (Some(changed), Some(value)) = (changed, batch.values.get_mut(at)) {
            *value = changed;
            has_absent |= changed.is_absent();
            done.push(note(Field::Named(entry.name)));
        }
    }
    if has_absent {
        let values = batch.entry_values(entry);
        kept.extend(values.iter().copied().filter(|slot| !slot.is_absent()));
        keep_values(index, entry, &kept, batch);
    }
}

/// Replaces the values of an entry by fewer ones. Without any, it is like an entry of empty cells.
fn keep_values(index: usize, mut entry: Entry, kept: &[Slot], batch: &mut Batch) {
    for (slot, kept) in batch.values.iter_mut().skip(entry.values.range().start).zip(kept) {
        *slot = *kept;
    }
    entry.values.len = u32::try_from(kept.len()).expect("no more than there were");
    entry.is_list &= !kept.is_empty();
    if let Some(old) = batch.entries.get_mut(index) {
        *old = entry;
    }
}
