//! A profile while it is folded: the values of the records of one user, as far as they have a place.
//!
//! A record becomes a profile of its own (`record.rs`), and [`Profile::fold`] adds a later one to an earlier
//! one. What a profile has only once is that of the first record that has it; each value that differs is
//! counted as lost, by field. Values that may still be without a column carry how many records have them, so
//! that they can be counted, too. A profile has a bound in bytes and items, however many records it has.

/// Where a value comes from.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Source {
    Phone,
    Email,
    /// A field that a profile has once, by its node.
    Field(u8),
    /// A name of a map, which is a node.
    Name(u8, Box<str>),
}

/// The values of one field or name.
pub(super) struct Item {
    pub(super) source: Source,
    pub(super) values: Vec<Value>,
}

/// A value, and how many values of records it stands for.
pub(super) struct Value {
    pub(super) text: Box<str>,
    pub(super) times: u64,
}

/// A field or a name of a map, as values are counted.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum LostField {
    Field(u8),
    Name(u8, Box<str>),
}

/// Values that have no place, by field.
#[derive(Clone, Default)]
pub(super) struct Lost {
    pub(super) fields: Vec<(LostField, u64)>,
    /// Those of more fields than are told apart.
    pub(super) other: u64,
}

/// The most fields of a profile that are counted by name; the account has no more.
const LOST_MAX: usize = 250;
/// The most fields and names of a profile. An output has no more columns.
const ITEMS_MAX: usize = 1_000;
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
    /// The channels for which one is, as bits.
    pub(super) channels: u32,
}

/// The records of one user.
pub(super) struct Profile {
    /// The number of the first record among those that are written.
    pub(super) place: u64,
    /// What tells it apart from others.
    pub(super) key: Box<str>,
    pub(super) consent: Consent,
    /// In the order in which the records have them.
    pub(super) items: Vec<Item>,
    pub(super) lost: Lost,
    /// Empty texts and lists, which a profile cannot have.
    pub(super) emptied: u64,
    size: usize,
}

impl Source {
    fn is_address(&self) -> bool {
        matches!(self, Source::Phone | Source::Email)
    }

    fn name_bytes(&self) -> usize {
        match self {
            Source::Name(_, name) => name.len(),
            Source::Phone | Source::Email | Source::Field(_) => 0,
        }
    }

    /// As what its values are counted.
    pub(super) fn lost_field(&self, bounds: &Bounds) -> LostField {
        match self {
            Source::Phone | Source::Email => LostField::Field(bounds.address),
            Source::Field(node) => LostField::Field(*node),
            Source::Name(map, name) => LostField::Name(*map, name.clone()),
        }
    }
}

impl Lost {
    pub(super) fn add(&mut self, field: LostField, times: u64) {
        if let Some((_, known)) = self.fields.iter_mut().find(|(known, _)| *known == field) {
            *known += times;
        } else if self.fields.len() < LOST_MAX {
            self.fields.push((field, times));
        } else {
            self.other += times;
        }
    }

    fn add_all(&mut self, other: Lost) {
        other.fields.into_iter().for_each(|(field, times)| self.add(field, times));
        self.other += other.other;
    }
}

impl Profile {
    pub(super) fn new(place: u64, key: &str) -> Profile {
        Profile {
            place,
            key: key.into(),
            consent: Consent::default(),
            items: Vec::new(),
            lost: Lost::default(),
            emptied: 0,
            size: key.len(),
        }
    }

    /// About how much memory it takes, in bytes.
    pub(super) fn memory(&self) -> usize {
        let lost = self.lost.fields.len() * size_of::<(LostField, u64)>();
        let values: usize = self.items.iter().map(|item| item.values.capacity()).sum();
        let items = self.items.capacity() * size_of::<Item>();
        size_of::<Profile>() + items + values * size_of::<Value>() + 2 * self.size + lost
    }

    /// Adds a later record of the same user.
    pub(super) fn fold(&mut self, later: Profile, bounds: &Bounds) {
        let Consent { is_known, is_opted_out, channels } = later.consent;
        self.consent.is_known |= is_known;
        self.consent.is_opted_out |= is_opted_out;
        self.consent.channels |= channels;
        self.emptied += later.emptied;
        self.lost.add_all(later.lost);
        later.items.into_iter().for_each(|item| self.take(item, bounds));
    }

    /// Adds the values of a field or name of the next record.
    pub(super) fn take(&mut self, item: Item, bounds: &Bounds) {
        let Profile { items, lost, size, .. } = self;
        let field = || item.source.lost_field(bounds);
        let frame = FRAME + item.source.name_bytes();
        let Some(own) = items.iter_mut().find(|own| own.source == item.source) else {
            let added: usize = item.values.iter().map(|value| frame + value.text.len()).sum();
            if items.len() < ITEMS_MAX && *size + added <= bounds.size {
                *size += added;
                items.push(item);
            } else {
                lost.add(field(), item.values.iter().map(|value| value.times).sum());
            }
            return;
        };
        let mut without = 0;
        for value in item.values {
            let room = frame + value.text.len();
            if let Some(same) = own.values.iter_mut().find(|own| own.text == value.text) {
                same.times += value.times;
            } else if own.source.is_address()
                && own.values.len() < bounds.addresses
                && *size + room <= bounds.size
            {
                *size += room;
                own.values.push(value);
            } else {
                without += value.times;
            }
        }
        if 0 < without {
            lost.add(own.source.lost_field(bounds), without);
        }
    }

    /// Appends the profile as bytes.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        put_number(self.place, out);
        put_text(&self.key, out);
        let Consent { is_known, is_opted_out, channels } = self.consent;
        out.push(u8::from(is_known) | u8::from(is_opted_out) << 1);
        put_number(u64::from(channels), out);
        put_number(self.emptied, out);
        put_number(count(self.items.len()), out);
        for Item { source, values } in &self.items {
            match source {
                Source::Phone => out.push(PHONE),
                Source::Email => out.push(EMAIL),
                Source::Field(node) => out.extend_from_slice(&[FIELD, *node]),
                Source::Name(map, name) => {
                    out.extend_from_slice(&[NAME, *map]);
                    put_text(name, out);
                }
            }
            put_number(count(values.len()), out);
            for value in values {
                put_text(&value.text, out);
                put_number(value.times, out);
            }
        }
        put_number(self.lost.other, out);
        put_number(count(self.lost.fields.len()), out);
        for (field, times) in &self.lost.fields {
            match field {
                LostField::Field(node) => out.extend_from_slice(&[FIELD, *node]),
                LostField::Name(map, name) => {
                    out.extend_from_slice(&[NAME, *map]);
                    put_text(name, out);
                }
            }
            put_number(*times, out);
        }
    }

    /// Reads what [`Profile::write`] has written; `None` if the bytes are something else.
    pub(super) fn read(bytes: &[u8]) -> Option<Profile> {
        let mut bytes = Bytes(bytes);
        let place = bytes.number()?;
        let mut profile = Profile::new(place, bytes.text()?);
        let known = bytes.byte()?;
        profile.consent = Consent {
            is_known: known & 1 != 0,
            is_opted_out: known & 2 != 0,
            channels: u32::try_from(bytes.number()?).ok()?,
        };
        profile.emptied = bytes.number()?;
        for _ in 0..bytes.number()? {
            let item = bytes.item()?;
            let frame = FRAME + item.source.name_bytes();
            profile.size += item.values.iter().map(|value| frame + value.text.len()).sum::<usize>();
            profile.items.push(item);
        }
        profile.lost.other = bytes.number()?;
        for _ in 0..bytes.number()? {
            let field = match bytes.byte()? {
                FIELD => LostField::Field(bytes.byte()?),
                NAME => LostField::Name(bytes.byte()?, bytes.text()?.into()),
                _ => return None,
            };
            profile.lost.fields.push((field, bytes.number()?));
        }
        bytes.0.is_empty().then_some(profile)
    }
}

const PHONE: u8 = 0;
const EMAIL: u8 = 1;
const FIELD: u8 = 2;
const NAME: u8 = 3;

/// Appends a number, seven bits a byte, the lowest first.
pub(super) fn put_number(mut number: u64, out: &mut Vec<u8>) {
    loop {
        let low = u8::try_from(number & 0x7f).expect("seven bits");
        number >>= 7;
        if number == 0 {
            return out.push(low);
        }
        out.push(low | 0x80);
    }
}

/// Appends a text and, before it, its length.
pub(super) fn put_text(text: &str, out: &mut Vec<u8>) {
    put_number(count(text.len()), out);
    out.extend_from_slice(text.as_bytes());
}

/// Bytes that are read from their start.
pub(super) struct Bytes<'b>(pub(super) &'b [u8]);

impl<'b> Bytes<'b> {
    pub(super) fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    pub(super) fn number(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(number);
            }
        }
        None
    }

    pub(super) fn text(&mut self) -> Option<&'b str> {
        let length = usize::try_from(self.number()?).ok()?;
        let (text, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        std::str::from_utf8(text).ok()
    }

    fn item(&mut self) -> Option<Item> {
        let source = match self.byte()? {
            PHONE => Source::Phone,
            EMAIL => Source::Email,
            FIELD => Source::Field(self.byte()?),
            NAME => Source::Name(self.byte()?, self.text()?.into()),
            _ => return None,
        };
        let mut values = Vec::new();
        for _ in 0..self.number()? {
            values.push(Value { text: self.text()?.into(), times: self.number()? });
        }
        Some(Item { source, values })
    }
}

pub(super) fn count(number: usize) -> u64 {
    u64::try_from(number).expect("fewer than 2^64")
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: Bounds = Bounds { address: 2, opt_out: 3, addresses: 2, size: 200 };

    fn item(source: Source, texts: &[&str]) -> Item {
        let values = texts.iter().map(|text| Value { text: (*text).into(), times: 1 });
        Item { source, values: values.collect() }
    }

    fn profile(place: u64, items: Vec<Item>) -> Profile {
        let mut profile = Profile::new(place, "ada");
        for item in items {
            profile.take(item, &BOUNDS);
        }
        profile
    }

    fn name(name: &str) -> Source {
        Source::Name(7, name.into())
    }

    /// Its values as text, and what it has lost.
    fn shown(profile: &Profile) -> (Vec<String>, Vec<(LostField, u64)>) {
        let values = profile.items.iter().flat_map(|item| &item.values);
        let values = values.map(|value| format!("{}*{}", value.text, value.times)).collect();
        (values, profile.lost.fields.clone())
    }

    #[test]
    fn the_first_value_stays_and_others_are_counted() {
        let mut first = profile(3, vec![item(name("Plan"), &["pro", "x"])]);
        first.fold(profile(4, vec![item(name("Plan"), &["pro", "free", "free"])]), &BOUNDS);
        first.fold(profile(5, vec![item(Source::Field(9), &["Bern"])]), &BOUNDS);
        let lost = vec![(LostField::Name(7, "Plan".into()), 2)];
        let values = ["pro*2", "x*1", "Bern*1"].map(str::to_owned).to_vec();
        assert_eq!(shown(&first), (values, lost));
        assert_eq!(first.place, 3);
    }

    #[test]
    fn different_addresses_are_added_up_to_the_bound() {
        let mut first = profile(0, vec![item(Source::Email, &["a@b.example"])]);
        for address in ["b@b.example", "a@b.example", "c@b.example"] {
            first.fold(profile(1, vec![item(Source::Email, &[address])]), &BOUNDS);
        }
        let values = ["a@b.example*2", "b@b.example*1"].map(str::to_owned).to_vec();
        assert_eq!(shown(&first), (values, vec![(LostField::Field(2), 1)]));
    }

    #[test]
    fn a_profile_has_a_bound_in_bytes() {
        let long = "x".repeat(100);
        let first = profile(0, vec![item(name("a"), &[&long]), item(name("b"), &[&long])]);
        assert_eq!(shown(&first).1, vec![(LostField::Name(7, "b".into()), 1)]);
    }

    #[test]
    fn a_profile_is_read_as_it_was_written() {
        let mut profile = profile(
            1 << 40,
            vec![item(Source::Phone, &["+12065550100"]), item(name("n"), &["1", "2"])],
        );
        profile.consent = Consent { is_known: true, is_opted_out: true, channels: 1 << 12 };
        profile.emptied = 300;
        profile.lost.add(LostField::Field(3), 5);
        profile.lost.add(LostField::Name(7, "m".into()), 1 << 33);
        profile.lost.other = 4;
        let (mut bytes, mut again) = (Vec::new(), Vec::new());
        profile.write(&mut bytes);
        let read = Profile::read(&bytes).unwrap();
        read.write(&mut again);
        assert_eq!(bytes, again);
        assert!(read.consent == profile.consent && shown(&read) == shown(&profile));
        assert_eq!((read.place, read.size), (1 << 40, profile.size));
        for end in 0..bytes.len() {
            assert!(Profile::read(&bytes[..end]).is_none(), "{end}");
        }
    }
}
