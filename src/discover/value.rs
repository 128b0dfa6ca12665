//! One value of a record, as a scan sees it.

use std::borrow::Cow;

/// The type of a value. In CSV all values are text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
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

/// A value, as it is written in JSON.
#[derive(Clone, Copy)]
pub(super) struct Value<'a> {
    pub(super) kind: Kind,
    /// A text has its quotes; lists and objects are `[]` and `{}`.
    pub(super) raw: &'a str,
    /// Whether it is in a list.
    pub(super) is_item: bool,
}

impl<'a> Value<'a> {
    /// What it says, without quotes and escapes. `None`: it is a list, an object or `null`.
    pub(super) fn text(&self) -> Option<Cow<'a, str>> {
        match self.kind {
            Kind::Text => {
                let inside = self.raw.strip_prefix('"')?.strip_suffix('"')?;
                if inside.contains('\\') {
                    serde_json::from_str(self.raw).ok().map(Cow::Owned)
                } else {
                    Some(Cow::Borrowed(inside))
                }
            }
            Kind::Number | Kind::Boolean => Some(Cow::Borrowed(self.raw)),
            Kind::Null | Kind::List | Kind::Object => None,
        }
    }
}
