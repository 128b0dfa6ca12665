//! A record as a profile of its own, and the address that goes to a list of opt-outs.

use super::line::Reader;
use super::profile::{Bounds, Item, LostField, Profile, Source, Value};
use crate::plan::{FieldUse, ProfilePlan};
use crate::schema::{NodeIx, OPTED_OUT, Role};

/// The lists of opt-outs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ListKind {
    Phones,
    Emails,
}

/// What a record is, as far as profiles are concerned.
pub(super) struct Contribution {
    pub(super) profile: Profile,
    /// An address whose person has opted out.
    pub(super) listed: Option<(ListKind, Box<str>)>,
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

/// Reads a line that the encoder of JSON has written. `None`: it is no such line.
pub(super) fn contribution(
    plan: &ProfilePlan,
    bounds: &Bounds,
    line: &str,
    place: u64,
) -> Option<Contribution> {
    let mut fields = Fields::default();
    fields.object(plan, None, &mut Reader::new(line))?;
    let key = plan.keys.iter().find_map(|key| fields.keys.iter().find(|(node, _)| node == key))?;
    let mut profile = Profile::new(place, &key.1);
    profile.emptied = fields.emptied;
    let listed = fields.address(plan, bounds, &mut profile);
    for (node, text) in &fields.keys {
        let is_kept = plan.uses.get(*node) == Some(&FieldUse::Key { is_kept: true });
        if is_kept && *node != key.0 {
            let value = Value { text: text.as_str().into(), times: 1 };
            let source = Source::Field(narrow(*node));
            profile.take(Item { source, values: vec![value] }, bounds);
        }
    }
    fields.lost.into_iter().for_each(|field| profile.lost.add(field, 1));
    fields.items.into_iter().for_each(|item| profile.take(item, bounds));
    Some(Contribution { profile, listed })
}

/// What a record has.
#[derive(Default)]
struct Fields {
    keys: Vec<(NodeIx, String)>,
    channel: Option<String>,
    address: Option<String>,
    opt_out: Option<String>,
    items: Vec<Item>,
    /// Values that no profile can hold.
    lost: Vec<LostField>,
    emptied: u64,
}

impl Fields {
    /// Reads the members of an object, which is the record without `parent`.
    fn object(
        &mut self,
        plan: &ProfilePlan,
        parent: Option<NodeIx>,
        reader: &mut Reader<'_>,
    ) -> Option<()> {
        reader.members(|reader, name| {
            let nodes = plan.schema.nodes.iter();
            let is_it = |node: &crate::schema::Node| node.parent == parent && node.name == name;
            let node = nodes.map(is_it).position(|is_it| is_it)?;
            match plan.uses.get(node)? {
                FieldUse::None if reader.peek() == Some(b'{') => {
                    self.object(plan, Some(node), reader)
                }
                FieldUse::None => reader.value().map(drop),
                FieldUse::Map => self.map(plan, node, reader),
                FieldUse::Key { .. } => {
                    let text = reader.value()?.into_owned();
                    self.keys.push((node, text));
                    Some(())
                }
                FieldUse::Address => {
                    self.address = Some(reader.value()?.into_owned());
                    Some(())
                }
                FieldUse::Channel => {
                    self.channel = Some(reader.value()?.into_owned());
                    Some(())
                }
                FieldUse::OptOut => {
                    self.opt_out = Some(reader.value()?.into_owned());
                    Some(())
                }
                FieldUse::Once => {
                    let text = reader.value()?;
                    let lost = || LostField::Field(narrow(node));
                    let value = self.value(plan, &text, lost);
                    self.item(Source::Field(narrow(node)), value.into_iter().collect());
                    Some(())
                }
            }
        })
    }

    /// Reads a map of names to lists or numbers.
    fn map(&mut self, plan: &ProfilePlan, node: NodeIx, reader: &mut Reader<'_>) -> Option<()> {
        let map = narrow(node);
        reader.members(|reader, name| {
            let has_it = plan.has_name(node, name);
            let lost = || LostField::Name(map, name.into());
            let mut values = Vec::new();
            let mut add = |fields: &mut Fields, reader: &mut Reader<'_>| {
                let text = reader.value()?;
                let value = if has_it { fields.value(plan, &text, lost) } else { None };
                if let Some(value) = value {
                    add_value(value, &mut values);
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
            self.item(Source::Name(map, name.into()), values);
            Some(())
        })
    }

    fn item(&mut self, source: Source, values: Vec<Value>) {
        if !values.is_empty() {
            self.items.push(Item { source, values });
        }
    }

    /// A value of a profile; `None` if a profile cannot hold it.
    fn value(
        &mut self,
        plan: &ProfilePlan,
        text: &str,
        lost: impl Fn() -> LostField,
    ) -> Option<Value> {
        if text.is_empty() {
            self.emptied += 1;
        } else if plan.target.limits.value_length < text.chars().count() {
            self.lost.push(lost());
        } else {
            return Some(Value { text: text.into(), times: 1 });
        }
        None
    }

    /// Adds the address and the opt-out of the record. Returns the address if it goes to a list.
    fn address(
        &self,
        plan: &ProfilePlan,
        bounds: &Bounds,
        profile: &mut Profile,
    ) -> Option<(ListKind, Box<str>)> {
        let channel = self.channel.as_deref();
        let is_of = |channels: &[String]| channels.iter().any(|word| Some(&**word) == channel);
        let kind = if is_of(&plan.phone_channels) {
            Some(ListKind::Phones)
        } else if is_of(&plan.email_channels) {
            Some(ListKind::Emails)
        } else {
            None
        };
        if let Some(address) = self.address.as_deref().filter(|_| plan.has_addresses) {
            let source = match kind {
                Some(ListKind::Phones) => Some(Source::Phone),
                Some(ListKind::Emails) => Some(Source::Email),
                None => None,
            };
            let is_short = address.chars().count() <= plan.target.limits.value_length;
            if let Some(source) = source.filter(|_| is_short) {
                let value = Value { text: address.into(), times: 1 };
                profile.take(Item { source, values: vec![value] }, bounds);
            } else {
                profile.lost.add(LostField::Field(bounds.address), 1);
            }
        }
        self.consent(plan, bounds, kind, profile)
    }

    /// The same for the opt-out. One that neither a list nor an attribute of its channel has is counted as lost.
    fn consent(
        &self,
        plan: &ProfilePlan,
        bounds: &Bounds,
        kind: Option<ListKind>,
        profile: &mut Profile,
    ) -> Option<(ListKind, Box<str>)> {
        let opt_out = self.opt_out.as_deref()?;
        let is_opted_out = opt_out == OPTED_OUT;
        let channel = self.channel.as_deref();
        let channel = channel.and_then(|word| plan.channels.iter().position(|known| known == word));
        if plan.has_opt_outs {
            profile.consent.is_known = true;
            profile.consent.is_opted_out = is_opted_out;
            if let (true, Some(channel)) = (is_opted_out, channel) {
                profile.consent.channels |= 1 << channel;
            }
        }
        if !is_opted_out {
            return None;
        }
        let listed = kind.and_then(|kind| Some((kind, self.address.as_deref()?.into())));
        if listed.is_none() && (channel.is_none() || !plan.has_opt_outs) {
            profile.lost.add(LostField::Field(bounds.opt_out), 1);
        }
        listed
    }
}

/// Adds a value of a list, which has each value once.
fn add_value(value: Value, values: &mut Vec<Value>) {
    match values.iter_mut().find(|known| known.text == value.text) {
        Some(known) => known.times += 1,
        None => values.push(value),
    }
}
