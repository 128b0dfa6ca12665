//! A record as a profile of its own, and the address that goes to a list of opt-outs.

use std::iter;
use std::ops::Range;

use super::bytes::{Head, put_item};
use super::parts::{Bounds, Consent, Lost, Source, Value};
use super::profile::{Profile, takes_all};
use crate::encode::{Bytes, Member, Members};
use crate::plan::{FieldUse, ProfilePlan};
use crate::schema::{NodeIx, OPTED_OUT, Role};

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

/// What a record has. Used again for the next one.
#[derive(Default)]
pub(super) struct Fields<'a> {
    keys: Vec<(NodeIx, &'a [u8])>,
    channel: Option<&'a [u8]>,
    address: Option<&'a [u8]>,
    opt_out: Option<&'a [u8]>,
    /// In the order of the record, each with its range of `values`. No source is there twice, but names of maps.
    items: Vec<(Source<'a>, Range<usize>)>,
    values: Vec<Value<'a>>,
    consent: Consent,
    /// Values that no profile can hold.
    lost: Lost<'a>,
    emptied: u64,
}

/// What matters of a record besides its profile.
pub(super) struct Written<'a> {
    /// What tells the profile apart that it belongs to.
    pub(super) key: &'a [u8],
    /// The address that goes to a list.
    pub(super) listed: Option<(ListKind, &'a [u8])>,
}

impl<'a> Fields<'a> {
    /// Reads a record, in place of the one before. `None`: it is none.
    pub(super) fn read(&mut self, plan: &ProfilePlan, record: &'a [u8]) -> Option<()> {
        self.keys.clear();
        (self.channel, self.address, self.opt_out) = (None, None, None);
        self.items.clear();
        self.values.clear();
        self.consent = Consent::default();
        self.lost.clear();
        self.emptied = 0;
        let mut members = Members(Bytes(record));
        while !members.is_empty() {
            match members.member()? {
                Member::Field(node, text) => self.field(plan, node, text)?,
                Member::Entry(map, name, values) => {
                    let (source, from) = (Source::Name(narrow(map), name), self.values.len());
                    self.emptied += u64::from(values == 0);
                    for _ in 0..values {
                        self.value(plan, members.0.text()?, source, from);
                    }
                    self.item(source, from);
                }
            }
        }
        Some(())
    }

    /// Opts the record out, as one that stays for a duplicate that is.
    pub(super) fn opt_out(&mut self) {
        self.opt_out = Some(OPTED_OUT.as_bytes());
    }

    pub(super) fn is_opted_out(&self) -> bool {
        self.opt_out == Some(OPTED_OUT.as_bytes())
    }

    fn field(&mut self, plan: &ProfilePlan, node: NodeIx, text: &'a [u8]) -> Option<()> {
        match plan.uses.get(node)? {
            FieldUse::Key { .. } => self.keys.push((node, text)),
            FieldUse::Address => self.address = Some(text),
            FieldUse::Channel => self.channel = Some(text),
            FieldUse::OptOut => self.opt_out = Some(text),
            FieldUse::Once => {
                let (source, from) = (Source::Field(narrow(node)), self.values.len());
                self.value(plan, text, source, from);
                self.item(source, from);
            }
            FieldUse::None | FieldUse::Map => return None,
        }
        Some(())
    }

    /// What tells the profile apart that the record belongs to, with its node.
    fn key(&self, plan: &ProfilePlan) -> Option<(NodeIx, &'a [u8])> {
        let found = |key: &NodeIx| self.keys.iter().find(|(node, _)| node == key);
        plan.keys.iter().find_map(found).copied()
    }

    /// Appends the record as a profile of its own. `None`: nothing says whose it is.
    pub(super) fn write(
        &mut self,
        plan: &ProfilePlan,
        bounds: &Bounds,
        place: u64,
        out: &mut Vec<u8>,
    ) -> Option<Written<'a>> {
        let kind = self.kind(plan);
        let is_listed = self.consent(plan, bounds, kind);
        let address = self.take_address(plan, bounds, kind);
        let (node, key) = self.key(plan)?;
        let is_kept =
            |node: &NodeIx| plan.uses.get(*node) == Some(&FieldUse::Key { is_kept: true });
        let kept = self.keys.iter().find(|(other, _)| *other != node && is_kept(other));
        let kept = kept.map(|(node, text)| (Source::Field(narrow(*node)), *text));
        let first = || address.into_iter().chain(kept);
        let start = out.len();
        let (consent, emptied) = (self.consent, self.emptied);
        let number = first().count() + self.items.len();
        Head { place, key, consent, emptied, lost: &self.lost }.write(number, out);
        for (source, text) in first() {
            put_item(source, 1, iter::once(Value { text, times: 1 }), 0, out);
        }
        for (source, range) in &self.items {
            put_item(*source, range.len(), self.texts(range).iter().copied(), 0, out);
        }
        let values = self.items.iter().flat_map(|(source, range)| {
            self.texts(range).iter().map(|value| (*source, value.text))
        });
        let names = self.items.iter().filter(|(source, _)| source.is_name()).count();
        if self.repeats_names() || !takes_all(first().chain(values), names, key, bounds) {
            let record = out.split_off(start);
            let mut profile = Profile::default();
            profile.read_record(&record, bounds)?;
            profile.write(out);
        }
        Some(Written { key, listed: kind.filter(|_| is_listed).zip(self.address) })
    }

    fn texts(&self, range: &Range<usize>) -> &[Value<'a>] {
        self.values.get(range.clone()).unwrap_or(&[])
    }

    fn repeats_names(&self) -> bool {
        self.items.iter().enumerate().any(|(number, (source, _))| {
            let is_same = |(other, _): &(Source<'_>, Range<usize>)| other == source;
            source.is_name() && self.items.iter().take(number).any(is_same)
        })
    }

    /// Adds an item of the values from number `from` on, if there are any.
    fn item(&mut self, source: Source<'a>, from: usize) {
        if from < self.values.len() {
            self.items.push((source, from..self.values.len()));
        }
    }

    /// Adds a value of an item whose values begin at number `from`, unless a profile cannot hold it. A list has each
    /// value once.
    fn value(&mut self, plan: &ProfilePlan, text: &'a [u8], source: Source<'a>, from: usize) {
        if text.is_empty() {
            self.emptied += 1;
        } else if is_too_long(text, plan) {
            self.lost.add(source, 1);
        } else {
            let mut own = self.values.iter_mut().skip(from);
            match own.find(|known| known.text == text) {
                Some(known) => known.times += 1,
                None => self.values.push(Value { text, times: 1 }),
            }
        }
    }

    /// The list that the address of the record may go to.
    fn kind(&self, plan: &ProfilePlan) -> Option<ListKind> {
        let is_of =
            |channels: &[String]| channels.iter().any(|word| Some(word.as_bytes()) == self.channel);
        if is_of(&plan.phone_channels) {
            Some(ListKind::Phones)
        } else if is_of(&plan.email_channels) {
            Some(ListKind::Emails)
        } else {
            None
        }
    }

    /// The address, and where it goes; one that has no place is counted.
    fn take_address(
        &mut self,
        plan: &ProfilePlan,
        bounds: &Bounds,
        kind: Option<ListKind>,
    ) -> Option<(Source<'a>, &'a [u8])> {
        let address = self.address.filter(|_| plan.has_addresses)?;
        let source = kind.map(|kind| match kind {
            ListKind::Phones => Source::Phone,
            ListKind::Emails => Source::Email,
        });
        let placed = source.filter(|_| !is_too_long(address, plan));
        if placed.is_none() {
            self.lost.add(Source::Field(bounds.address), 1);
        }
        Some((placed?, address))
    }

    /// Notes the opt-out. Returns whether the address goes to a list. An opt-out that neither a list nor an
    /// attribute of its channel has is counted as lost.
    fn consent(&mut self, plan: &ProfilePlan, bounds: &Bounds, kind: Option<ListKind>) -> bool {
        if self.opt_out.is_none() {
            return false;
        }
        let is_opted_out = self.is_opted_out();
        let is_it = |word: &String| Some(word.as_bytes()) == self.channel;
        let channel = plan.channels.iter().position(is_it);
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
        match channel.filter(|_| plan.has_opt_outs) {
            _ if is_listed => {}
            // Lost, too, if the channel gets no column.
            Some(channel) => self.consent.unlisted |= 1 << channel,
            None => self.lost.add(Source::Field(bounds.opt_out), 1),
        }
        is_listed
    }
}

/// Whether a text of UTF-8 has more characters than a value may have.
fn is_too_long(text: &[u8], plan: &ProfilePlan) -> bool {
    let most = plan.target.limits.value_length;
    let is_start = |byte: &&u8| **byte & 0b1100_0000 != 0b1000_0000;
    most < text.len() && most < text.iter().filter(is_start).count()
}
