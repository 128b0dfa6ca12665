//! A profile while it is folded: the values of the records of one user, as far as they have a place.
//!
//! A record becomes a profile of its own (`record.rs`), and [`Profile::fold`] adds a later one to an earlier
//! one. What a profile has only once is that of the first record that has it; each value that differs is
//! counted as lost, by field. Values that may still be without a column carry how many records have them, so
//! that they can be counted, too. A profile has a bound in bytes and items, however many records it has.
//!
//! Its texts are those of the bytes that it was read from (`bytes.rs`), and one profile after the other takes its
//! place, so hardly anything is allocated for a record.

use super::bytes::{self, Head, put_item};
use super::parts::{Bounds, Consent, Item, Lost, Source};
use crate::encode::Bytes;

/// The most names of a profile. An output has no more columns.
const NAMES_MAX: usize = 1_000;

/// The records of one user.
#[derive(Default)]
pub(super) struct Profile<'b> {
    /// The number of the first record among those that are written.
    pub(super) place: u64,
    /// What tells it apart from others.
    pub(super) key: &'b [u8],
    pub(super) consent: Consent,
    /// In the order in which the records have them.
    pub(super) items: Vec<Item<'b>>,
    pub(super) lost: Lost<'b>,
    /// Empty texts and lists, which a profile cannot have.
    pub(super) emptied: u64,
    size: usize,
    /// How many items are names of maps.
    names: usize,
}

/// Whether a profile takes so many names, and these values, as they are.
pub(super) fn takes_all<'v>(
    values: impl Iterator<Item = (Source<'v>, &'v [u8])>,
    names: usize,
    key: &[u8],
    bounds: &Bounds,
) -> bool {
    let size: usize = values.map(|(source, text)| source.room(text)).sum();
    names <= NAMES_MAX && key.len() + size <= bounds.size
}

impl<'b> Profile<'b> {
    /// A profile that has only a key, in place of the one before.
    fn begin(&mut self, place: u64, key: &'b [u8]) {
        self.items.clear();
        self.lost.clear();
        (self.place, self.key, self.size, self.names) = (place, key, key.len(), 0);
        (self.consent, self.emptied) = (Consent::default(), 0);
    }

    /// Folds records of one user in their order, as bytes, in place of the profile before. `None`: they are something
    /// else.
    pub(super) fn fold_all(
        &mut self,
        mut records: impl Iterator<Item = &'b [u8]>,
        bounds: &Bounds,
    ) -> Option<()> {
        self.read(records.next()?)?;
        records.try_for_each(|later| self.fold(later, bounds))
    }

    /// Reads what [`Profile::write`] has written, in place of the profile before.
    pub(super) fn read(&mut self, bytes: &'b [u8]) -> Option<()> {
        let (mut bytes, items) = self.begin_with(bytes)?;
        for _ in 0..items {
            let source = bytes::source(&mut bytes)?;
            self.push(source, &mut bytes)?;
        }
        bytes.0.is_empty().then_some(())
    }

    /// Takes what a record has, in place of the profile before. The record may have a name several times, and more
    /// than a profile may have.
    pub(super) fn read_record(&mut self, bytes: &'b [u8], bounds: &Bounds) -> Option<()> {
        let (mut bytes, items) = self.begin_with(bytes)?;
        self.take_items(items, &mut bytes, bounds)
    }

    /// Reads all but the items, and returns their number and the rest of the bytes.
    fn begin_with(&mut self, bytes: &'b [u8]) -> Option<(Bytes<'b>, u64)> {
        let mut bytes = Bytes(bytes);
        let place = bytes.number()?;
        self.begin(place, bytes.text()?);
        let items = self.head(&mut bytes)?;
        Some((bytes, items))
    }

    /// Adds a later record of the same user.
    fn fold(&mut self, later: &'b [u8], bounds: &Bounds) -> Option<()> {
        let mut bytes = Bytes(later);
        bytes.number()?;
        bytes.text()?;
        let items = self.head(&mut bytes)?;
        self.take_items(items, &mut bytes, bounds)
    }

    /// Adds what is before the items, and returns their number.
    fn head(&mut self, bytes: &mut Bytes<'b>) -> Option<u64> {
        self.consent.add(bytes::consent(bytes)?);
        self.emptied += bytes.number()?;
        bytes::add_lost(bytes, &mut self.lost)?;
        bytes.number()
    }

    /// Adds items, up to the end of the bytes.
    fn take_items(&mut self, items: u64, bytes: &mut Bytes<'b>, bounds: &Bounds) -> Option<()> {
        let mut next = 0;
        for _ in 0..items {
            let source = bytes::source(bytes)?;
            let (before, after) = self.items.split_at(next.min(self.items.len()));
            let is_it = |item: &Item<'_>| item.source == source;
            let place = after.iter().position(is_it).map(|place| place + before.len());
            match place.or_else(|| before.iter().position(is_it)) {
                Some(place) => {
                    self.merge(place, bytes, bounds)?;
                    next = place + 1;
                }
                None => self.add(source, bytes, bounds)?,
            }
        }
        bytes.0.is_empty().then_some(())
    }

    /// Adds the first values of a field or a name, if there is room.
    fn add(&mut self, source: Source<'b>, bytes: &mut Bytes<'b>, bounds: &Bounds) -> Option<()> {
        let (size, names) = (self.size, self.names);
        self.push(source, bytes)?;
        if NAMES_MAX < self.names && source.is_name() || bounds.size < self.size {
            (self.size, self.names) = (size, names);
            let without = self.items.pop()?;
            let values: u64 = without.values().map(|value| value.times).sum();
            self.lost.add(source.counted(bounds), values + without.lost);
        }
        Some(())
    }

    /// Adds an item as it is.
    #[inline]
    fn push(&mut self, source: Source<'b>, bytes: &mut Bytes<'b>) -> Option<()> {
        let more = bytes.number()?.checked_sub(1)?;
        let first = bytes::value(bytes)?;
        let mut item = Item { source, first, more: Vec::new(), lost: 0 };
        for _ in 0..more {
            item.more.push(bytes::value(bytes)?);
        }
        item.lost = bytes.number()?;
        self.size += item.values().map(|value| source.room(value.text)).sum::<usize>();
        self.names += usize::from(source.is_name());
        self.items.push(item);
        Some(())
    }

    /// Adds values to an item. A field or a name keeps those that it has.
    #[inline]
    fn merge(&mut self, place: usize, bytes: &mut Bytes<'b>, bounds: &Bounds) -> Option<()> {
        let own = self.items.get_mut(place)?;
        for _ in 0..bytes.number()? {
            let value = bytes::value(bytes)?;
            let room = own.source.room(value.text);
            if let Some(same) = own.find(value.text) {
                same.times += value.times;
            } else if own.source.is_address()
                && own.len() < bounds.addresses
                && self.size + room <= bounds.size
            {
                self.size += room;
                own.more.push(value);
            } else {
                own.lost += value.times;
            }
        }
        own.lost += bytes.number()?;
        Some(())
    }

    /// Appends the profile as bytes.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        let Profile { place, key, consent, items, lost, emptied, .. } = self;
        let head = Head { place: *place, key, consent: *consent, emptied: *emptied, lost };
        head.write(items.len(), out);
        for item in items {
            put_item(item.source, item.len(), item.values(), item.lost, out);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profiles::parts::Value;

    const BOUNDS: Bounds = Bounds { address: 2, opt_out: 3, addresses: 2, size: 200 };

    type OneItem<'a> = (Source<'a>, &'a [&'a str]);

    /// A record as bytes.
    fn record(place: u64, items: &[OneItem<'_>]) -> Vec<u8> {
        let (mut bytes, lost) = (Vec::new(), Lost::default());
        let head =
            Head { place, key: b"ada", consent: Consent::default(), emptied: 0, lost: &lost };
        head.write(items.len(), &mut bytes);
        for (source, texts) in items {
            let values = texts.iter().map(|text| Value { text: text.as_bytes(), times: 1 });
            put_item(*source, texts.len(), values, 0, &mut bytes);
        }
        bytes
    }

    fn folded(records: &[Vec<u8>]) -> Profile<'_> {
        let mut profile = Profile::default();
        profile.fold_all(records.iter().map(Vec::as_slice), &BOUNDS).unwrap();
        for record in records {
            for end in 0..record.len() {
                let cut = [record.as_slice(), &record[..end]];
                assert!(Profile::default().fold_all(cut.into_iter(), &BOUNDS).is_none(), "{end}");
            }
        }
        profile
    }

    const fn name(name: &str) -> Source<'_> {
        Source::Name(7, name.as_bytes())
    }

    /// Its values as text, and what it has lost of items that it has and of others.
    fn shown<'b>(profile: &Profile<'b>) -> (Vec<String>, Vec<(Source<'b>, u64)>) {
        let values = profile.items.iter().flat_map(Item::values);
        let values = values
            .map(|value| format!("{}*{}", String::from_utf8_lossy(value.text), value.times))
            .collect();
        let items = profile.items.iter().map(|item| (item.source, item.lost));
        let lost = items.filter(|(_, lost)| 0 < *lost).chain(profile.lost.fields.clone());
        (values, lost.collect())
    }

    #[test]
    fn the_first_value_stays_and_others_are_counted() {
        let records = [
            record(3, &[(name("Plan"), &["pro", "x"])]),
            record(4, &[(name("Plan"), &["pro", "free"]), (name("Plan"), &["free"])]),
            record(5, &[(Source::Field(9), &["Bern"]), (name("Plan"), &["pro"])]),
        ];
        let profile = folded(&records);
        let values = ["pro*3", "x*1", "Bern*1"].map(str::to_owned).to_vec();
        assert_eq!(shown(&profile), (values, vec![(name("Plan"), 2)]));
        assert_eq!(profile.place, 3);
    }

    #[test]
    fn a_name_that_a_record_has_twice_is_one_item() {
        let record = record(0, &[(name("a"), &["1"]), (name("b"), &["2"]), (name("a"), &["3"])]);
        let mut profile = Profile::default();
        profile.read_record(&record, &BOUNDS).unwrap();
        let values = ["1*1", "2*1"].map(str::to_owned).to_vec();
        assert_eq!(shown(&profile), (values, vec![(name("a"), 1)]));
    }

    #[test]
    fn different_addresses_are_added_up_to_the_bound() {
        let addresses = ["a@b.example", "b@b.example", "a@b.example", "c@b.example"];
        let records = addresses.map(|address| record(0, &[(Source::Email, &[address])]));
        let values = ["a@b.example*2", "b@b.example*1"].map(str::to_owned).to_vec();
        assert_eq!(shown(&folded(&records)), (values, vec![(Source::Email, 1)]));
    }

    #[test]
    fn a_profile_has_a_bound_in_bytes() {
        let long = "x".repeat(100);
        let record = record(0, &[(name("a"), &[&long]), (name("b"), &[&long])]);
        let mut profile = Profile::default();
        profile.read_record(&record, &BOUNDS).unwrap();
        assert_eq!(shown(&profile).1, vec![(name("b"), 1)]);
    }

    #[test]
    fn a_profile_is_read_as_it_was_written() {
        let items: [OneItem<'_>; 2] =
            [(Source::Phone, &["+12065550100"]), (name("n"), &["1", "2"])];
        let record = record(1 << 40, &items);
        let mut profile = Profile::default();
        profile.read(&record).unwrap();
        profile.consent =
            Consent { is_known: true, is_opted_out: true, channels: 5 << 12, unlisted: 1 << 12 };
        profile.emptied = 300;
        profile.items[1].lost = 1 << 20;
        profile.lost.add(Source::Field(3), 5);
        profile.lost.add(name("m"), 1 << 33);
        profile.lost.other = 4;
        let (mut bytes, mut again) = (Vec::new(), Vec::new());
        profile.write(&mut bytes);
        let mut read = Profile::default();
        read.read(&bytes).unwrap();
        read.write(&mut again);
        assert_eq!(bytes, again);
        assert!(read.consent == profile.consent && shown(&read) == shown(&profile));
        assert_eq!((read.place, read.size), (1 << 40, profile.size));
        for end in 0..bytes.len() {
            assert!(Profile::default().read(&bytes[..end]).is_none(), "{end}");
        }
    }
}
