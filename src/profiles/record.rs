//! A record as a profile of its own, and the address that goes to a list of opt-outs.

use std::borrow::Cow;
use std::iter;
use std::ops::Range;

use super::bytes::{Head, put_item};
use super::line::Reader;
use super::parts::{Bounds, Consent, Lost, Source, Value};
use super::profile::{Profile, takes_all};
use crate::plan::{FieldUse, ProfilePlan};
use crate::schema::{Node, NodeIx, OPTED_OUT, Role};

/// The lists of opt-outs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ListKind {
    Phones,
    Emails,
}

/// What profiles may hold, by a plan.
pub(super) fn bounds(plan: &ProfilePlan) -> Bounds {
    let standard = &plan.target.standard;
    Bounds {
        address: narrow(plan.schema.role(Role::Address)),
        opt_out: narrow(plan.schema.role(Role::OptOut)),
        addresses: plan.max_columns + standard.phones.len().max(standard.emails.len()),
        size: plan.target.limits.profile_size,
    }
}

pub(super) fn narrow(node: NodeIx) -> u8 {
    u8::try_from(node).expect("a schema has at most 128 nodes")
}

/// Where values of a record go, unless they are its address.
#[derive(Clone)]
enum Field<'a> {
    Once(u8),
    Name(u8, Cow<'a, str>),
}

impl Field<'_> {
    fn source(&self) -> Source<'_> {
        match self {
            Field::Once(node) => Source::Field(*node),
            Field::Name(map, name) => Source::Name(*map, name.as_bytes()),
        }
    }
}

/// What a record has. Used again for the next one.
#[derive(Default)]
pub(super) struct Fields<'a> {
    keys: Vec<(NodeIx, Cow<'a, str>)>,
    channel: Option<Cow<'a, str>>,
    address: Option<Cow<'a, str>>,
    opt_out: Option<Cow<'a, str>>,
    /// In the order of the record, each with its range of `values`. No source is there twice, but names of maps.
    items: Vec<(Field<'a>, Range<usize>)>,
    values: Vec<(Cow<'a, str>, u64)>,
    consent: Consent,
    /// Values that no profile can hold.
    lost: Vec<Field<'a>>,
    emptied: u64,
}

impl<'a> Fields<'a> {
    /// Reads a line that the encoder of JSON has written, in place of the one before. `None`: it is no such line.
    pub(super) fn read(&mut self, plan: &ProfilePlan, line: &'a str) -> Option<()> {
        self.keys.clear();
        (self.channel, self.address, self.opt_out) = (None, None, None);
        self.items.clear();
        self.values.clear();
        self.consent = Consent::default();
        self.lost.clear();
        self.emptied = 0;
        self.object(plan, None, &mut Reader::new(line))
    }

    /// What tells the profile apart that the record belongs to, with its node.
    fn key(&self, plan: &ProfilePlan) -> Option<(NodeIx, &str)> {
        let found = |key: &NodeIx| self.keys.iter().find(|(node, _)| node == key);
        plan.keys.iter().find_map(found).map(|(node, key)| (*node, &**key))
    }

    /// Appends the record as a profile of its own, and returns its key and the address that goes to a list.
    /// `None`: nothing says whose it is.
    pub(super) fn write(
        &mut self,
        plan: &ProfilePlan,
        bounds: &Bounds,
        place: u64,
        out: &mut Vec<u8>,
    ) -> Option<(&str, Option<(ListKind, &str)>)> {
        let kind = self.kind(plan);
        let is_listed = self.consent(plan, bounds, kind);
        let address = self.take_address(plan, bounds, kind);
        let (node, key) = self.key(plan)?;
        let is_kept =
            |node: &NodeIx| plan.uses.get(*node) == Some(&FieldUse::Key { is_kept: true });
        let kept = self.keys.iter().find(|(other, _)| *other != node && is_kept(other));
        let kept = kept.map(|(node, text)| (Source::Field(narrow(*node)), text.as_bytes()));
        let single = address.and_then(|source| Some((source, self.address.as_deref()?.as_bytes())));
        let first = || single.into_iter().chain(kept);
        let mut lost = Lost::default();
        self.lost.iter().for_each(|field| lost.add(field.source(), 1));
        let (consent, emptied) = (self.consent, self.emptied);
        let key_bytes = key.as_bytes();
        let head = Head { place, key: key_bytes, consent, emptied, lost: &lost };
        let number = first().count() + self.items.len();
        let all = self.items.iter().flat_map(|(field, range)| {
            self.texts(range).iter().map(|(text, _)| (field.source(), text.as_bytes()))
        });
        let is_whole =
            !self.repeats_names() && takes_all(first().chain(all), number, key_bytes, bounds);
        let start = out.len();
        head.write(number, out);
        for (source, text) in first() {
            put_item(source, 1, iter::once(Value { text, times: 1 }), 0, out);
        }
        for (field, range) in &self.items {
            let values = self.texts(range).iter();
            let values = values.map(|(text, times)| Value { text: text.as_bytes(), times: *times });
            put_item(field.source(), range.len(), values, 0, out);
        }
        if !is_whole {
            let record = out.split_off(start);
            let mut profile = Profile::default();
            profile.read_record(&record, bounds)?;
            profile.write(out);
        }
        let listed = kind.filter(|_| is_listed).zip(self.address.as_deref());
        Some((key, listed))
    }

    fn texts(&self, range: &Range<usize>) -> &[(Cow<'a, str>, u64)] {
        self.values.get(range.clone()).unwrap_or(&[])
    }

    fn repeats_names(&self) -> bool {
        self.items.iter().enumerate().any(|(number, (field, _))| {
            let is_same = |(other, _): &(Field<'_>, Range<usize>)| other.source() == field.source();
            matches!(field, Field::Name(..)) && self.items.iter().take(number).any(is_same)
        })
    }

    /// Reads the members of an object, which is the record without `parent`.
    fn object(
        &mut self,
        plan: &ProfilePlan,
        parent: Option<NodeIx>,
        reader: &mut Reader<'a>,
    ) -> Option<()> {
        // Members are in the order of the schema.
        let mut from = 0;
        reader.members(|reader, name| {
            let (before, after) = plan.schema.nodes.split_at(from);
            let is_it = |node: &Node| node.parent == parent && node.name == name;
            let node = after.iter().position(is_it).map(|node| node + from);
            let node = node.or_else(|| before.iter().position(is_it))?;
            from = node + 1;
            match plan.uses.get(node)? {
                FieldUse::None if reader.peek() == Some(b'{') => {
                    self.object(plan, Some(node), reader)
                }
                FieldUse::None => reader.value().map(drop),
                FieldUse::Map => self.map(plan, node, reader),
                FieldUse::Key { .. } => {
                    self.keys.push((node, reader.value()?));
                    Some(())
                }
                FieldUse::Address => {
                    self.address = Some(reader.value()?);
                    Some(())
                }
                FieldUse::Channel => {
                    self.channel = Some(reader.value()?);
                    Some(())
                }
                FieldUse::OptOut => {
                    self.opt_out = Some(reader.value()?);
                    Some(())
                }
                FieldUse::Once => {
                    let (text, from) = (reader.value()?, self.values.len());
                    let field = Field::Once(narrow(node));
                    self.value(plan, text, &field, from);
                    self.item(field, from);
                    Some(())
                }
            }
        })
    }

    /// Reads a map of names to lists or numbers.
    fn map(&mut self, plan: &ProfilePlan, node: NodeIx, reader: &mut Reader<'a>) -> Option<()> {
        reader.members(|reader, name| {
            let has_it = plan.has_name(node, &name);
            let (field, from) = (Field::Name(narrow(node), name), self.values.len());
            let add = |fields: &mut Fields<'a>, reader: &mut Reader<'a>| {
                let text = reader.value()?;
                if has_it {
                    fields.value(plan, text, &field, from);
                }
                Some(())
            };
            if reader.peek() == Some(b'[') {
                let mut is_empty = true;
                reader.items(|reader| {
                    is_empty = false;
                    add(self, reader)
                })?;
                self.emptied += u64::from(is_empty && has_it);
            } else {
                add(self, reader)?;
            }
            self.item(field, from);
            Some(())
        })
    }

    /// Adds an item of the values from number `from` on, if there are any.
    fn item(&mut self, field: Field<'a>, from: usize) {
        if from < self.values.len() {
            self.items.push((field, from..self.values.len()));
        }
    }

    /// Adds a value of an item whose values begin at number `from`, unless a profile cannot hold it. A list has each
    /// value once.
    fn value(&mut self, plan: &ProfilePlan, text: Cow<'a, str>, field: &Field<'a>, from: usize) {
        let most = plan.target.limits.value_length;
        if text.is_empty() {
            self.emptied += 1;
        } else if most < text.len() && most < text.chars().count() {
            self.lost.push(field.clone());
        } else {
            let mut own = self.values.iter_mut().skip(from);
            match own.find(|(known, _)| *known == text) {
                Some((_, times)) => *times += 1,
                None => self.values.push((text, 1)),
            }
        }
    }

    /// The list that the address of the record may go to.
    fn kind(&self, plan: &ProfilePlan) -> Option<ListKind> {
        let channel = self.channel.as_deref();
        let is_of = |channels: &[String]| channels.iter().any(|word| Some(&**word) == channel);
        if is_of(&plan.phone_channels) {
            Some(ListKind::Phones)
        } else if is_of(&plan.email_channels) {
            Some(ListKind::Emails)
        } else {
            None
        }
    }

    /// Where the address goes; one that has no place is counted.
    fn take_address(
        &mut self,
        plan: &ProfilePlan,
        bounds: &Bounds,
        kind: Option<ListKind>,
    ) -> Option<Source<'static>> {
        let address = self.address.as_deref().filter(|_| plan.has_addresses)?;
        let is_short = address.chars().count() <= plan.target.limits.value_length;
        let source = kind.map(|kind| match kind {
            ListKind::Phones => Source::Phone,
            ListKind::Emails => Source::Email,
        });
        if source.is_none() || !is_short {
            self.lost.push(Field::Once(bounds.address));
        }
        source.filter(|_| is_short)
    }

    /// Notes the opt-out. Returns whether the address goes to a list. An opt-out that neither a list nor an
    /// attribute of its channel has is counted as lost.
    fn consent(&mut self, plan: &ProfilePlan, bounds: &Bounds, kind: Option<ListKind>) -> bool {
        let Some(opt_out) = self.opt_out.as_deref() else { return false };
        let is_opted_out = opt_out == OPTED_OUT;
        let channel = self.channel.as_deref();
        let channel = channel.and_then(|word| plan.channels.iter().position(|known| known == word));
        if plan.has_opt_outs {
            self.consent.is_known = true;
            self.consent.is_opted_out = is_opted_out;
            if let (true, Some(channel)) = (is_opted_out, channel) {
                self.consent.channels |= 1 << channel;
            }
        }
        if !is_opted_out {
            return false;
        }
        let is_listed = kind.is_some() && self.address.is_some();
        if !is_listed && (channel.is_none() || !plan.has_opt_outs) {
            self.lost.push(Field::Once(bounds.opt_out));
        }
        is_listed
    }
}
