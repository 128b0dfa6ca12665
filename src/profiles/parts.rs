//! What a profile consists of.

use std::iter;

/// Where a value comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Source<'b> {
    Phone,
    Email,
    /// A field that a profile has once, by its node.
    Field(u8),
    /// A name of a map, which is a node.
    Name(u8, &'b [u8]),
}

/// A value, and how many values of records it stands for.
#[derive(Clone, Copy)]
pub(super) struct Value<'b> {
    pub(super) text: &'b [u8],
    pub(super) times: u64,
}

/// The values of one field or name.
pub(super) struct Item<'b> {
    pub(super) source: Source<'b>,
    pub(super) first: Value<'b>,
    pub(super) more: Vec<Value<'b>>,
    /// How many values of later records are not among them.
    pub(super) lost: u64,
}

/// Values that have no place, and of which a profile has no others, by field.
#[derive(Default)]
pub(super) struct Lost<'b> {
    pub(super) fields: Vec<(Source<'b>, u64)>,
    /// Those of more fields than are told apart.
    pub(super) other: u64,
}

/// The most fields of a profile that are counted by name; the account has no more.
const LOST_MAX: usize = 250;
/// About how much a value adds to a profile besides its text and its name, in bytes.
const FRAME: usize = 16;

/// What a profile may hold.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    /// The node of addresses, under which they are counted.
    pub(super) address: u8,
    /// That of opt-outs.
    pub(super) opt_out: u8,
    /// The most different addresses of one kind.
    pub(super) addresses: usize,
    /// The most bytes.
    pub(super) size: usize,
}

/// The opt-outs of a profile.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Consent {
    /// Whether a record has the field, and whether one is opted out.
    pub(super) is_known: bool,
    pub(super) is_opted_out: bool,
    /// The channels for which one is, as bits, and those of them for which an opt-out is on no list.
    pub(super) channels: u32,
    pub(super) unlisted: u32,
}

impl Consent {
    /// Adds that of a later record.
    pub(super) fn add(&mut self, later: Consent) {
        self.is_known |= later.is_known;
        self.is_opted_out |= later.is_opted_out;
        self.channels |= later.channels;
        self.unlisted |= later.unlisted;
    }
}

impl<'b> Source<'b> {
    #[inline]
    pub(super) fn is_address(self) -> bool {
        matches!(self, Source::Phone | Source::Email)
    }

    #[inline]
    pub(super) fn is_name(self) -> bool {
        matches!(self, Source::Name(..))
    }

    /// About how many bytes a value of this source adds to a profile.
    #[inline]
    pub(super) fn room(self, text: &[u8]) -> usize {
        let name = match self {
            Source::Name(_, name) => name.len(),
            Source::Phone | Source::Email | Source::Field(_) => 0,
        };
        FRAME + name + text.len()
    }

    /// As what its values are counted.
    #[inline]
    pub(super) fn counted(self, bounds: &Bounds) -> Source<'b> {
        match self {
            Source::Phone | Source::Email => Source::Field(bounds.address),
            Source::Field(_) | Source::Name(..) => self,
        }
    }
}

impl<'b> Lost<'b> {
    /// Counts values of a field or a name.
    pub(super) fn add(&mut self, field: Source<'b>, times: u64) {
        if let Some((_, known)) = self.fields.iter_mut().find(|(known, _)| *known == field) {
            *known += times;
        } else if self.fields.len() < LOST_MAX {
            self.fields.push((field, times));
        } else {
            self.other += times;
        }
    }

    pub(super) fn clear(&mut self) {
        self.fields.clear();
        self.other = 0;
    }
}

impl<'b> Item<'b> {
    /// The number of values.
    #[inline]
    pub(super) fn len(&self) -> usize {
        1 + self.more.len()
    }

    #[inline]
    pub(super) fn values(&self) -> impl Iterator<Item = Value<'b>> {
        iter::once(self.first).chain(self.more.iter().copied())
    }

    /// The value with this text.
    #[inline]
    pub(super) fn find(&mut self, text: &[u8]) -> Option<&mut Value<'b>> {
        iter::once(&mut self.first).chain(&mut self.more).find(|value| value.text == text)
    }
}
