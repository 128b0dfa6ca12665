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

/// The same, in a text that belongs to somebody else.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum SourceRef<'a> {
    Phone,
    Email,
    Field(u8),
    Name(u8, &'a str),
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
    pub(super) fn borrowed(&self) -> SourceRef<'_> {
        match self {
            Source::Phone => SourceRef::Phone,
            Source::Email => SourceRef::Email,
            Source::Field(node) => SourceRef::Field(*node),
            Source::Name(map, name) => SourceRef::Name(*map, name),
        }
    }
}

impl<'a> SourceRef<'a> {
    fn owned(self) -> Source {
        match self {
            SourceRef::Phone => Source::Phone,
            SourceRef::Email => Source::Email,
            SourceRef::Field(node) => Source::Field(node),
            SourceRef::Name(map, name) => Source::Name(map, name.into()),
        }
    }

    fn is_address(self) -> bool {
        matches!(self, SourceRef::Phone | SourceRef::Email)
    }

    /// About how many bytes values of this source add to a profile.
    fn room<'v>(self, values: impl Iterator<Item = &'v str>) -> usize {
        let name = match self {
            SourceRef::Name(_, name) => name.len(),
            SourceRef::Phone | SourceRef::Email | SourceRef::Field(_) => 0,
        };
        values.map(|text| FRAME + name + text.len()).sum()
    }

    /// As what its values are counted.
    fn counted(self, bounds: &Bounds) -> SourceRef<'a> {
        match self {
            SourceRef::Phone | SourceRef::Email => SourceRef::Field(bounds.address),
            SourceRef::Field(_) | SourceRef::Name(..) => self,
        }
    }

    fn write(self, out: &mut Vec<u8>) {
        match self {
            SourceRef::Phone => out.push(PHONE),
            SourceRef::Email => out.push(EMAIL),
            SourceRef::Field(node) => out.extend_from_slice(&[FIELD, node]),
            SourceRef::Name(map, name) => {
                out.extend_from_slice(&[NAME, map]);
                put_text(name, out);
            }
        }
    }
}

impl LostField {
    fn borrowed(&self) -> SourceRef<'_> {
        match self {
            LostField::Field(node) => SourceRef::Field(*node),
            LostField::Name(map, name) => SourceRef::Name(*map, name),
        }
    }
}

impl Lost {
    /// Counts values of a field or a name.
    pub(super) fn add(&mut self, field: SourceRef<'_>, times: u64) {
        let known = self.fields.iter_mut().find(|(known, _)| known.borrowed() == field);
        if let Some((_, known)) = known {
            *known += times;
            return;
        }
        let field = match field {
            SourceRef::Field(node) => LostField::Field(node),
            SourceRef::Name(map, name) => LostField::Name(map, name.into()),
            // They are counted as the field of addresses.
            SourceRef::Phone | SourceRef::Email => return self.other += times,
        };
        if self.fields.len() < LOST_MAX {
            self.fields.push((field, times));
        } else {
            self.other += times;
        }
    }

    pub(super) fn clear(&mut self) {
        self.fields.clear();
        self.other = 0;
    }

    fn write(&self, out: &mut Vec<u8>) {
        put_number(self.other, out);
        put_number(count(self.fields.len()), out);
        for (field, times) in &self.fields {
            field.borrowed().write(out);
            put_number(*times, out);
        }
    }

    /// Adds what [`Lost::write`] has written.
    fn add_all(&mut self, bytes: &mut Bytes<'_>) -> Option<()> {
        self.other += bytes.number()?;
        for _ in 0..bytes.number()? {
            let field = bytes.source()?;
            self.add(field, bytes.number()?);
        }
        Some(())
    }
}

/// A profile as bytes; `items` yields those of it.
pub(super) struct Parts<'a> {
    pub(super) place: u64,
    pub(super) key: &'a str,
    pub(super) consent: Consent,
    pub(super) emptied: u64,
    pub(super) lost: &'a Lost,
}

impl Parts<'_> {
    /// Appends all but the items, of which there are so many.
    pub(super) fn write(&self, items: usize, out: &mut Vec<u8>) {
        put_number(self.place, out);
        put_text(self.key, out);
        let Consent { is_known, is_opted_out, channels } = self.consent;
        out.push(u8::from(is_known) | u8::from(is_opted_out) << 1);
        put_number(u64::from(channels), out);
        put_number(self.emptied, out);
        self.lost.write(out);
        put_number(count(items), out);
    }
}

/// Appends an item.
pub(super) fn write_item<'v>(
    source: SourceRef<'_>,
    values: impl ExactSizeIterator<Item = (&'v str, u64)>,
    out: &mut Vec<u8>,
) {
    source.write(out);
    put_number(count(values.len()), out);
    for (text, times) in values {
        put_text(text, out);
        put_number(times, out);
    }
}

/// Whether a profile takes items of this number and these values as they are.
pub(super) fn takes_all<'v>(
    items: impl Iterator<Item = (SourceRef<'v>, &'v str)>,
    number: usize,
    key: &str,
    bounds: &Bounds,
) -> bool {
    let size: usize = items.map(|(source, text)| source.room([text].into_iter())).sum();
    number <= ITEMS_MAX && key.len() + size <= bounds.size
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

    /// Adds a later record of the same user, as bytes. `None`: they are something else.
    pub(super) fn fold(&mut self, later: &[u8], bounds: &Bounds) -> Option<()> {
        let mut bytes = Bytes(later);
        bytes.number()?;
        bytes.text()?;
        let Consent { is_known, is_opted_out, channels } = bytes.consent()?;
        self.consent.is_known |= is_known;
        self.consent.is_opted_out |= is_opted_out;
        self.consent.channels |= channels;
        self.emptied += bytes.number()?;
        self.lost.add_all(&mut bytes)?;
        let (mut values, mut next) = (Vec::new(), 0);
        for _ in 0..bytes.number()? {
            let source = bytes.item(&mut values)?;
            next = self.take(source, &values, next, bounds);
        }
        bytes.0.is_empty().then_some(())
    }

    /// Adds the values of a field or name of the next record, whose place among the items may be `at`. Returns
    /// where the next one may be.
    pub(super) fn take(
        &mut self,
        source: SourceRef<'_>,
        values: &[(&str, u64)],
        at: usize,
        bounds: &Bounds,
    ) -> usize {
        let Profile { items, lost, size, .. } = self;
        let is_it = |item: &Item| item.source.borrowed() == source;
        let is_there = items.get(at).is_some_and(is_it);
        let place = if is_there { Some(at) } else { items.iter().position(is_it) };
        let Some((place, own)) = place.and_then(|place| Some((place, items.get_mut(place)?)))
        else {
            let added = source.room(values.iter().map(|(text, _)| *text));
            if items.len() < ITEMS_MAX && *size + added <= bounds.size {
                *size += added;
                let value =
                    |(text, times): &(&str, u64)| Value { text: (*text).into(), times: *times };
                let values = values.iter().map(value).collect();
                items.push(Item { source: source.owned(), values });
            } else {
                lost.add(source.counted(bounds), values.iter().map(|(_, times)| times).sum());
            }
            return at;
        };
        let mut without = 0;
        for (text, times) in values {
            let room = source.room([*text].into_iter());
            if let Some(same) = own.values.iter_mut().find(|own| *own.text == **text) {
                same.times += times;
            } else if source.is_address()
                && own.values.len() < bounds.addresses
                && *size + room <= bounds.size
            {
                *size += room;
                own.values.push(Value { text: (*text).into(), times: *times });
            } else {
                without += times;
            }
        }
        if 0 < without {
            lost.add(source.counted(bounds), without);
        }
        place + 1
    }

    /// Appends the profile as bytes.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        let Profile { place, key, consent, items, lost, emptied, .. } = self;
        let parts = Parts { place: *place, key, consent: *consent, emptied: *emptied, lost };
        parts.write(items.len(), out);
        for Item { source, values } in items {
            let values = values.iter().map(|value| (&*value.text, value.times));
            write_item(source.borrowed(), values, out);
        }
    }

    /// Reads what [`Profile::write`] has written; `None` if the bytes are something else.
    pub(super) fn read(bytes: &[u8]) -> Option<Profile> {
        let mut bytes = Bytes(bytes);
        let place = bytes.number()?;
        let mut profile = Profile::new(place, bytes.text()?);
        profile.consent = bytes.consent()?;
        profile.emptied = bytes.number()?;
        profile.lost.add_all(&mut bytes)?;
        let mut values = Vec::new();
        for _ in 0..bytes.number()? {
            let source = bytes.item(&mut values)?;
            profile.size += source.room(values.iter().map(|(text, _)| *text));
            let values =
                values.iter().map(|(text, times)| Value { text: (*text).into(), times: *times });
            profile.items.push(Item { source: source.owned(), values: values.collect() });
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

    fn consent(&mut self) -> Option<Consent> {
        let known = self.byte()?;
        Some(Consent {
            is_known: known & 1 != 0,
            is_opted_out: known & 2 != 0,
            channels: u32::try_from(self.number()?).ok()?,
        })
    }

    fn source(&mut self) -> Option<SourceRef<'b>> {
        Some(match self.byte()? {
            PHONE => SourceRef::Phone,
            EMAIL => SourceRef::Email,
            FIELD => SourceRef::Field(self.byte()?),
            NAME => SourceRef::Name(self.byte()?, self.text()?),
            _ => return None,
        })
    }

    /// Reads an item: its source, and its values in place of what is in `values`.
    fn item(&mut self, values: &mut Vec<(&'b str, u64)>) -> Option<SourceRef<'b>> {
        let source = self.source()?;
        values.clear();
        for _ in 0..self.number()? {
            values.push((self.text()?, self.number()?));
        }
        Some(source)
    }
}

pub(super) fn count(number: usize) -> u64 {
    u64::try_from(number).expect("fewer than 2^64")
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: Bounds = Bounds { address: 2, opt_out: 3, addresses: 2, size: 200 };

    type OneItem<'a> = (SourceRef<'a>, &'a [&'a str]);

    fn profile(place: u64, items: &[OneItem<'_>]) -> Profile {
        let mut profile = Profile::new(place, "ada");
        for (at, (source, texts)) in items.iter().enumerate() {
            let values: Vec<(&str, u64)> = texts.iter().map(|text| (*text, 1)).collect();
            profile.take(*source, &values, at, &BOUNDS);
        }
        profile
    }

    fn fold(profile: &mut Profile, place: u64, items: &[OneItem<'_>]) {
        let mut bytes = Vec::new();
        self::profile(place, items).write(&mut bytes);
        profile.fold(&bytes, &BOUNDS).unwrap();
        for end in 0..bytes.len() {
            let mut other = Profile::new(0, "");
            assert!(other.fold(&bytes[..end], &BOUNDS).is_none(), "{end}");
        }
    }

    const fn name(name: &str) -> SourceRef<'_> {
        SourceRef::Name(7, name)
    }

    /// Its values as text, and what it has lost.
    fn shown(profile: &Profile) -> (Vec<String>, Vec<(LostField, u64)>) {
        let values = profile.items.iter().flat_map(|item| &item.values);
        let values = values.map(|value| format!("{}*{}", value.text, value.times)).collect();
        (values, profile.lost.fields.clone())
    }

    #[test]
    fn the_first_value_stays_and_others_are_counted() {
        let mut first = profile(3, &[(name("Plan"), &["pro", "x"])]);
        fold(&mut first, 4, &[(name("Plan"), &["pro", "free"]), (name("Plan"), &["free"])]);
        fold(&mut first, 5, &[(SourceRef::Field(9), &["Bern"]), (name("Plan"), &["pro"])]);
        let lost = vec![(LostField::Name(7, "Plan".into()), 2)];
        let values = ["pro*3", "x*1", "Bern*1"].map(str::to_owned).to_vec();
        assert_eq!(shown(&first), (values, lost));
        assert_eq!(first.place, 3);
    }

    #[test]
    fn different_addresses_are_added_up_to_the_bound() {
        let mut first = profile(0, &[(SourceRef::Email, &["a@b.example"])]);
        for address in ["b@b.example", "a@b.example", "c@b.example"] {
            fold(&mut first, 1, &[(SourceRef::Email, &[address])]);
        }
        let values = ["a@b.example*2", "b@b.example*1"].map(str::to_owned).to_vec();
        assert_eq!(shown(&first), (values, vec![(LostField::Field(2), 1)]));
    }

    #[test]
    fn a_profile_has_a_bound_in_bytes() {
        let long = "x".repeat(100);
        let first = profile(0, &[(name("a"), &[&long]), (name("b"), &[&long])]);
        assert_eq!(shown(&first).1, vec![(LostField::Name(7, "b".into()), 1)]);
    }

    #[test]
    fn a_profile_is_read_as_it_was_written() {
        let items: [OneItem<'_>; 2] =
            [(SourceRef::Phone, &["+12065550100"]), (name("n"), &["1", "2"])];
        let mut profile = profile(1 << 40, &items);
        profile.consent = Consent { is_known: true, is_opted_out: true, channels: 1 << 12 };
        profile.emptied = 300;
        profile.lost.add(SourceRef::Field(3), 5);
        profile.lost.add(SourceRef::Name(7, "m"), 1 << 33);
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
