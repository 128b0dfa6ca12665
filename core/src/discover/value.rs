//! One value of a record, as a scan sees it.

use std::borrow::Cow;

/// The type of a value. In CSV all values are text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Text,
    Number,
    Boolean,
    Null,
    List,
    Object,
}

/// The number of kinds.
pub(super) const KINDS: usize = 6;

impl Kind {
    pub(super) const ALL: [Kind; KINDS] =
        [Kind::Text, Kind::Number, Kind::Boolean, Kind::Null, Kind::List, Kind::Object];

    /// Its place in [`Kind::ALL`].
    pub(super) fn index(self) -> usize {
        match self {
            Kind::Text => 0,
            Kind::Number => 1,
            Kind::Boolean => 2,
            Kind::Null => 3,
            Kind::List => 4,
            Kind::Object => 5,
        }
    }

    /// The name of the type in JSON Schema.
    pub(super) fn name(self) -> &'static str {
        match self {
            Kind::Text => "string",
            Kind::Number => "number",
            Kind::Boolean => "boolean",
            Kind::Null => "null",
            Kind::List => "array",
            Kind::Object => "object",
        }
    }
}

/// A value, as it is written in JSON, or the text of a cell.
#[derive(Clone)]
pub(crate) struct Value<'a> {
    pub(crate) kind: Kind,
    /// In JSON a text has its quotes; lists and objects are `[]` and `{}`.
    pub(super) raw: Cow<'a, str>,
    /// Whether it is in a list.
    pub(crate) is_item: bool,
    /// Whether it is from CSV.
    pub(super) is_cell: bool,
}

impl<'a> Value<'a> {
    /// A value in JSON.
    pub(super) fn json(kind: Kind, raw: &'a str, is_item: bool) -> Value<'a> {
        Value { kind, raw: Cow::Borrowed(raw), is_item, is_cell: false }
    }

    /// A cell of CSV.
    pub(super) fn cell(raw: Cow<'a, str>) -> Value<'a> {
        let kind = if raw.is_empty() { Kind::Null } else { Kind::Text };
        Value { kind, raw, is_item: false, is_cell: true }
    }

    /// Whether it is neither a list, an object nor `null`.
    pub(super) fn is_scalar(&self) -> bool {
        matches!(self.kind, Kind::Text | Kind::Number | Kind::Boolean)
    }

    /// What it says, without quotes and escapes. `None`: it is a list, an object or `null`.
    pub(crate) fn text(&self) -> Option<Cow<'_, str>> {
        match self.kind {
            Kind::Text if self.is_cell => Some(Cow::Borrowed(&self.raw)),
            Kind::Text => text_of_json(&self.raw),
            Kind::Number | Kind::Boolean => Some(Cow::Borrowed(&self.raw)),
            Kind::Null | Kind::List | Kind::Object => None,
        }
    }
}

/// What a string says as it is written in JSON, with its quotes.
pub(super) fn text_of_json(written: &str) -> Option<Cow<'_, str>> {
    let inside = written.strip_prefix('"')?.strip_suffix('"')?;
    match memchr::memchr(b'\\', inside.as_bytes()) {
        Some(_) => serde_json::from_str(written).ok().map(Cow::Owned),
        None => Some(Cow::Borrowed(inside)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_numbered_in_their_order() {
        assert!(Kind::ALL.iter().enumerate().all(|(index, kind)| kind.index() == index));
    }
}
