//! `map`: a value becomes what a table has for it.
//!
//! Values are compared as they stand, byte by byte. What becomes of a value that the table does
//! not have is a decision of the definition, so nothing here fails.

use std::collections::BTreeMap;

use super::Outcome;

/// The `map` operation.
#[derive(Debug)]
pub struct Map {
    /// All texts that values become, one after the other: a batch holds them once.
    texts: Vec<u8>,
    table: BTreeMap<Vec<u8>, Span>,
    other: MapResult,
}

/// What becomes of a value that is not in the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Other {
    Drop,
    Keep,
    /// It becomes this text.
    Text(String),
}

/// Where a text stands among the texts.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span {
    pub(super) start: usize,
    pub(super) len: usize,
    pub(super) is_plain: bool,
}

/// What becomes of a value.
#[derive(Clone, Copy, Debug)]
pub(super) enum MapResult {
    Drop,
    Keep,
    Text(Span),
}

impl Map {
    pub fn new<'t>(table: impl IntoIterator<Item = (&'t str, &'t str)>, other: &Other) -> Map {
        let mut map = Map { texts: Vec::new(), table: BTreeMap::new(), other: MapResult::Drop };
        for (from, to) in table {
            let span = map.add(to);
            map.table.insert(from.as_bytes().to_vec(), span);
        }
        map.other = match other {
            Other::Drop => MapResult::Drop,
            Other::Keep => MapResult::Keep,
            Other::Text(text) => MapResult::Text(map.add(text)),
        };
        map
    }

    fn add(&mut self, text: &str) -> Span {
        let start = self.texts.len();
        self.texts.extend_from_slice(text.as_bytes());
        Span { start, len: text.len(), is_plain: super::is_plain(text.as_bytes()) }
    }

    /// All texts that values become.
    pub(super) fn texts(&self) -> &[u8] {
        &self.texts
    }

    /// What becomes of a value that is not empty.
    pub(super) fn fate(&self, value: &[u8]) -> MapResult {
        self.table.get(value).map_or(self.other, |span| MapResult::Text(*span))
    }

    /// Appends what the value becomes, if it becomes another.
    pub fn apply(&self, value: &[u8], out: &mut Vec<u8>) -> Outcome {
        if value.is_empty() {
            return Outcome::PLAIN;
        }
        match self.fate(value) {
            MapResult::Text(Span { start, len, is_plain }) => {
                out.extend_from_slice(self.texts.get(start..start + len).unwrap_or(&[]));
                Outcome::Made { plain: is_plain }
            }
            MapResult::Keep => Outcome::Kept,
            MapResult::Drop => Outcome::Dropped,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transform::vectors;

    #[test]
    fn holds_to_the_vectors() {
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
