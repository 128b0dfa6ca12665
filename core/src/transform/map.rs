//! `map`: replaces values by means of a table.
//!
//! Values are compared byte by byte. The definition decides what happens to a value that is not in
//! the table, so `map` never fails.

use std::collections::BTreeMap;

use super::Outcome;

/// The `map` operation.
#[derive(Debug)]
pub struct Map {
    /// All replacements, one after the other, so that a batch needs only one copy of them.
    texts: Vec<u8>,
    table: BTreeMap<Vec<u8>, Span>,
    other: Mapped,
}

/// What happens to a value that is not in the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Other {
    Drop,
    Keep,
    /// The value is replaced by this text.
    Text(String),
}

/// The location of a replacement among all of them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span {
    pub(super) start: usize,
    pub(super) len: usize,
    pub(super) is_plain: bool,
}

/// What happens to a value.
#[derive(Clone, Copy, Debug)]
pub(super) enum Mapped {
    Drop,
    Keep,
    Text(Span),
}

impl Map {
    /// `table` has pairs of a value and its replacement.
    pub fn new<'t>(table: impl IntoIterator<Item = (&'t str, &'t str)>, other: &Other) -> Map {
        let mut map = Map { texts: Vec::new(), table: BTreeMap::new(), other: Mapped::Drop };
        for (from, to) in table {
            let span = map.add(to);
            map.table.insert(from.as_bytes().to_vec(), span);
        }
        map.other = match other {
            Other::Drop => Mapped::Drop,
            Other::Keep => Mapped::Keep,
            Other::Text(text) => Mapped::Text(map.add(text)),
        };
        map
    }

    fn add(&mut self, text: &str) -> Span {
        let start = self.texts.len();
        self.texts.extend_from_slice(text.as_bytes());
        Span { start, len: text.len(), is_plain: super::is_plain(text.as_bytes()) }
    }

    /// Whether values that are not in the table stay as they are.
    pub(super) fn keeps_others(&self) -> bool {
        matches!(self.other, Mapped::Keep)
    }

    /// All replacements, one after the other.
    pub(super) fn texts(&self) -> &[u8] {
        &self.texts
    }

    /// Looks up a value that is not empty.
    pub(super) fn look_up(&self, value: &[u8]) -> Mapped {
        self.table.get(value).map_or(self.other, |span| Mapped::Text(*span))
    }

    /// Appends the replacement of the value, if it has one.
    pub fn apply(&self, value: &[u8], out: &mut Vec<u8>) -> Outcome {
        if value.is_empty() {
            return Outcome::PLAIN;
        }
        match self.look_up(value) {
            Mapped::Text(Span { start, len, is_plain }) => {
                out.extend_from_slice(self.texts.get(start..start + len).unwrap_or(&[]));
                Outcome::Made { plain: is_plain }
            }
            Mapped::Keep => Outcome::Kept,
            Mapped::Drop => Outcome::Dropped,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transform::vectors;

    #[test]
    fn matches_the_vectors() {
        let file = include_str!("../../schemas/vectors/map.json");
        vectors::check(file, |params, value, out| {
            let table = params["table"].as_object().unwrap().iter();
            let table = table.map(|(from, to)| (from.as_str(), to.as_str().unwrap()));
            let other = match vectors::text(params, "other") {
                None | Some("drop") => Other::Drop,
                Some("keep") => Other::Keep,
                Some(text) => Other::Text(text.to_owned()),
            };
            Map::new(table, &other).apply(value, out)
        });
    }
}
