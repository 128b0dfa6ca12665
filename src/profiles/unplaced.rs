//! Counts of what has no place in rows, by field.

use std::collections::HashMap;

use foldhash::fast::RandomState;

use super::parts::Source;

/// A field or a name of a map, as values are counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LostField {
    Field(u8),
    Name(u8, Box<str>),
}

/// What has no place in some rows, by field in the order in which the rows have them.
#[derive(Default)]
pub(super) struct Counts<'b> {
    fields: Vec<(Source<'b>, u64)>,
    places: HashMap<Source<'b>, usize, RandomState>,
    pub(super) other: u64,
    pub(super) emptied: u64,
}

/// What has no place in the rows of an output.
#[derive(Clone, Debug, Default)]
pub struct Unplaced {
    /// By field, in the order in which the rows have them; only the first ones.
    pub fields: Vec<(LostField, u64)>,
    pub other: u64,
    /// Empty texts and lists.
    pub emptied: u64,
}

/// The most fields that are told apart; the account has no more.
const FIELDS_MAX: usize = 250;

impl<'b> Counts<'b> {
    /// Counts values. Addresses are counted as the field of addresses.
    pub(super) fn add(&mut self, field: Source<'b>, times: u64) {
        let next = self.fields.len();
        let place = *self.places.entry(field).or_insert(next);
        match self.fields.get_mut(place) {
            Some((_, known)) => *known += times,
            None => self.fields.push((field, times)),
        }
    }

    /// All of them, without the texts that they are in.
    pub(super) fn owned(&self) -> Unplaced {
        let owned = |(field, times): &(Source<'b>, u64)| {
            let field = match *field {
                Source::Field(node) => LostField::Field(node),
                Source::Name(map, name) => {
                    LostField::Name(map, String::from_utf8_lossy(name).into())
                }
                Source::Phone | Source::Email => return None,
            };
            Some((field, *times))
        };
        let fields = self.fields.iter().filter_map(owned).collect();
        Unplaced { fields, other: self.other, emptied: self.emptied }
    }
}

impl Unplaced {
    /// The same by node: names of a map are counted as the map.
    pub(super) fn by_node(self) -> Unplaced {
        let mut by_node = Unplaced { other: self.other, emptied: self.emptied, fields: Vec::new() };
        let node_of = |field| match field {
            LostField::Field(node) | LostField::Name(node, _) => LostField::Field(node),
        };
        let fields = self.fields.into_iter().map(|(field, times)| (node_of(field), times));
        fields.for_each(|(field, times)| by_node.count(field, times));
        by_node
    }

    fn count(&mut self, field: LostField, times: u64) {
        if let Some((_, known)) = self.fields.iter_mut().find(|(known, _)| *known == field) {
            *known += times;
        } else if self.fields.len() < FIELDS_MAX {
            self.fields.push((field, times));
        } else {
            self.other += times;
        }
    }

    /// Adds that of later rows.
    pub(super) fn add(&mut self, later: Unplaced) {
        later.fields.into_iter().for_each(|(field, times)| self.count(field, times));
        self.other += later.other;
        self.emptied += later.emptied;
    }

    /// The number of all values.
    pub fn total(&self) -> u64 {
        self.other + self.fields.iter().map(|(_, times)| times).sum::<u64>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_fields_are_counted_by_name_however_rows_are_cut() {
        let names: Vec<String> = (0..300).map(|number| number.to_string()).collect();
        let count = |cuts: &[usize]| {
            let mut unplaced = Unplaced::default();
            for cut in cuts.windows(2) {
                let mut counts = Counts::default();
                (cut[0]..cut[1])
                    .for_each(|row| counts.add(Source::Name(1, names[row % 300].as_bytes()), 2));
                unplaced.add(counts.owned());
            }
            unplaced
        };
        let whole = count(&[0, 900]);
        assert_eq!((whole.fields.len(), whole.other, whole.total()), (250, 300, 1800));
        let cut = count(&[0, 251, 290, 600, 900]);
        assert_eq!((cut.fields, cut.other), (whole.fields, whole.other));
    }
}
