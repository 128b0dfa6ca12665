//! `[input.split]`: one text of an attribute becomes several values, `hiking,"swimming, diving"`.
//!
//! Quotes are those of CSV: one at the beginning of a value protects the delimiter, and a doubled one
//! stands for itself. Values are trimmed, and empty ones left out. A quote that does not close, or that
//! anything but a delimiter follows, is text.

use std::ops::Range;

use memchr::memchr;

use super::{KnownNames, Shaping};
use crate::record::{Batch, Entries, Entry, Names, Scope, Slot, Text, Values};
use crate::schema::{Schema, Shape};

/// A name in a map, and what delimits its values.
#[derive(Debug)]
pub(super) struct SplitName {
    pub(super) scope: Scope,
    pub(super) name: String,
    pub(super) map: usize,
    delimiter: u8,
}

/// One value of a text, as a range of it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Piece {
    range: Range<usize>,
    has_doubled_quotes: bool,
}

impl SplitName {
    /// `None` if the path is not one of a map of lists.
    pub(super) fn new(schema: &Schema, path: &str, delimiter: u8) -> Option<SplitName> {
        let (map, name, shape) = schema.map_and_name(path)?;
        let scope = Scope::of_node(*schema.maps.get(map)?);
        (shape == Shape::Lists).then(|| SplitName { scope, name: name.to_owned(), map, delimiter })
    }
}

/// Splits the values of a batch.
pub(super) fn apply(
    shaping: &Shaping,
    chunk: &[u8],
    names: &Names,
    known: &mut KnownNames,
    batch: &mut Batch,
) {
    known.learn(names, shaping);
    let mut maps: Vec<usize> = shaping.split.iter().map(|split| split.map).collect();
    maps.sort_unstable();
    maps.dedup();
    for row in 0..batch.rows.len() {
        for map in &maps {
            let own = batch.map_entries(row, *map);
            let is_split = |entry: &Entry| known.split(entry.name).is_some();
            if own.iter().any(is_split) {
                split_map(*map, row, shaping, chunk, known, batch);
            }
        }
    }
}

/// Splits values of one map. Since its values are next to each other, all of them move to the end.
fn split_map(
    map: usize,
    row: usize,
    shaping: &Shaping,
    chunk: &[u8],
    known: &KnownNames,
    batch: &mut Batch,
) {
    let first = batch.entries.len();
    for entry in batch.map_entries(row, map).to_vec() {
        let start = batch.values.len();
        let split = known.split(entry.name).and_then(|index| shaping.split.get(index));
        match split {
            None => batch.values.extend_from_within(entry.values.range()),
            Some(split) => {
                for value in batch.entry_values(entry).to_vec() {
                    push_pieces(value, split.delimiter, chunk, batch);
                }
            }
        }
        let values = Values::new(start, batch.values.len() - start);
        let has_text = batch.entry_values(Entry { values, ..entry }).iter().any(|v| v.is_text());
        // An empty list that came in stays one.
        let is_list = match split {
            Some(_) => has_text || (entry.is_list && entry.values.len == 0),
            None => entry.is_list,
        };
        batch.entries.push(Entry { values, is_list, ..entry });
    }
    batch.set_map(row, map, Entries::new(first, batch.entries.len() - first));
}

/// Adds the values of a text; a value of another type stays as it is.
fn push_pieces(slot: Slot, delimiter: u8, chunk: &[u8], batch: &mut Batch) {
    if !slot.is_text() {
        return batch.values.push(slot);
    }
    let text = Text { chunk, arena: &batch.arena }.of(slot).to_vec();
    let Ok(text) = str::from_utf8(&text) else { return batch.values.push(slot) };
    for Piece { range, has_doubled_quotes } in pieces(text, delimiter) {
        let piece = text.get(range.clone()).unwrap_or_default();
        let value = if has_doubled_quotes {
            let start = batch.arena.len();
            batch.arena.extend_from_slice(piece.replace("\"\"", "\"").as_bytes());
            Slot::new_text(start, batch.arena.len() - start, false)
        } else if slot.in_arena() {
            Slot::new_text(slot.start() + range.start, range.len(), slot.is_plain())
        } else {
            Slot::text(slot.start() + range.start, range.len(), slot.is_plain())
        };
        batch.values.push(value);
    }
}

/// The values of a text, trimmed, without empty ones.
fn pieces(text: &str, delimiter: u8) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut at = 0;
    loop {
        let rest = text.get(at..).unwrap_or_default();
        let begin = at + (rest.len() - rest.trim_start().len());
        let (piece, end) = quoted(text, begin, delimiter).unwrap_or_else(|| {
            let len = memchr(delimiter, rest.as_bytes()).unwrap_or(rest.len());
            (Piece { range: at..at + len, has_doubled_quotes: false }, at + len)
        });
        let Piece { range, has_doubled_quotes } = piece;
        let own = text.get(range.clone()).unwrap_or_default();
        let value = own.trim();
        if !value.is_empty() {
            let start = range.start + (own.len() - own.trim_start().len());
            pieces.push(Piece { range: start..start + value.len(), has_doubled_quotes });
        }
        if text.len() <= end {
            return pieces;
        }
        at = end + 1;
    }
}

/// The value in quotes that begins at `begin`, without them, and where its delimiter or the end of the
/// text is. `None` if there is none.
fn quoted(text: &str, begin: usize, delimiter: u8) -> Option<(Piece, usize)> {
    let bytes = text.as_bytes();
    if bytes.get(begin) != Some(&b'"') {
        return None;
    }
    let (mut at, mut has_doubled_quotes) = (begin + 1, false);
    loop {
        at += memchr(b'"', bytes.get(at..)?)?;
        if bytes.get(at + 1) != Some(&b'"') {
            break;
        }
        has_doubled_quotes = true;
        at += 2;
    }
    let after = text.get(at + 1..)?;
    let end = at + 1 + (after.len() - after.trim_start_matches([' ', '\t']).len());
    let is_whole = bytes.get(end).is_none_or(|next| *next == delimiter);
    is_whole.then_some((Piece { range: begin + 1..at, has_doubled_quotes }, end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &[&str]) {
        let own = |piece: Piece| {
            let value = text.get(piece.range).expect("a part of the text");
            if piece.has_doubled_quotes { value.replace("\"\"", "\"") } else { value.to_owned() }
        };
        let found: Vec<String> = pieces(text, b',').into_iter().map(own).collect();
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn texts_are_split_by_the_rules_of_csv() {
        check("hiking,cooking", &["hiking", "cooking"]);
        check("cooking", &["cooking"]);
        check(" a , b\u{a0},\tc", &["a", "b", "c"]);
        check("", &[]);
        check(" , ,,", &[]);
        check("a,,b,", &["a", "b"]);
        check("\"vip\",\"book club\"", &["vip", "book club"]);
        check("\"a, b\", \" c \" ,d", &["a, b", "c", "d"]);
        check("\"a \"\"b\"\"\",c", &["a \"b\"", "c"]);
        check("a \"b, c\"", &["a \"b", "c\""]);
        check("\"a, b", &["\"a", "b"]);
        check("\"a\" b,c", &["\"a\" b", "c"]);
        check("\"\",\"\"\"\"", &["\""]);
        check("é,ü", &["é", "ü"]);
    }
}
