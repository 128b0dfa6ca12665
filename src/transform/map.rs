//! `map`: a value becomes what a table has for it.
//!
//! Values are compared as they stand, byte by byte. What becomes of a value that the table does
//! not have is a decision of the definition, so nothing here fails.

use std::collections::BTreeMap;

use super::Outcome;

/// The `map` operation.
#[derive(Debug)]
pub struct Map {
    table: BTreeMap<Vec<u8>, Text>,
    other: OtherText,
}

/// What becomes of a value that is not in the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Other {
    Drop,
    Keep,
    /// It becomes this text.
    Text(String),
}

#[derive(Debug)]
struct Text {
    bytes: Vec<u8>,
    is_plain: bool,
}

#[derive(Debug)]
enum OtherText {
    Drop,
    Keep,
    Text(Text),
}

impl Text {
    fn new(text: &str) -> Text {
        Text { bytes: text.as_bytes().to_vec(), is_plain: super::is_plain(text.as_bytes()) }
    }

    fn write(&self, out: &mut Vec<u8>) -> Outcome {
        out.extend_from_slice(&self.bytes);
        Outcome::Made { plain: self.is_plain }
    }
}

impl Map {
    pub fn new<'t>(table: impl IntoIterator<Item = (&'t str, &'t str)>, other: &Other) -> Map {
        let entries = table.into_iter();
        Map {
            table: entries.map(|(from, to)| (from.as_bytes().to_vec(), Text::new(to))).collect(),
            other: match other {
                Other::Drop => OtherText::Drop,
                Other::Keep => OtherText::Keep,
                Other::Text(text) => OtherText::Text(Text::new(text)),
            },
        }
    }

    /// Appends what the value becomes, if it becomes another.
    pub fn apply(&self, value: &[u8], out: &mut Vec<u8>) -> Outcome {
        if value.is_empty() {
            return Outcome::PLAIN;
        }
        match (self.table.get(value), &self.other) {
            (Some(text), _) | (None, OtherText::Text(text)) => text.write(out),
            (None, OtherText::Keep) => Outcome::Kept,
            (None, OtherText::Drop) => Outcome::Dropped,
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
