//! The columns of profiles: which there are, in which order, and what they are called.
//!
//! They are known once all records were folded. A column is ranked by what it is for, and then by the first profile
//! that has it and its place there, which is the order of the input. The first `max_columns` are written. Of
//! two columns that would have one name, the first has it. Only the ranks of those that may still be among the
//! first are held, so memory has a bound whatever the records have.

use std::collections::{HashMap, HashSet};

use foldhash::fast::RandomState;

use super::parts::{Bounds, Source};
use super::profile::Profile;
use crate::encode::{Bytes, put_number, put_text};
use crate::plan::ProfilePlan;
use crate::schema::{NOT_OPTED_OUT, OPTED_OUT, Role, Shape};

/// A column, by what is in it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum ColumnId<'a> {
    /// What tells profiles apart.
    Key,
    /// Whether somebody has opted out, and for which channel.
    OptOut,
    OptOutOf(u8),
    /// The first phone number is number 0.
    Phone(u16),
    Email(u16),
    Field(u8),
    /// A name of a map; of several values, the one with this number.
    Name(u8, &'a [u8], Option<u16>),
}

const KEY: u8 = 0;
const OPT_OUT: u8 = 1;
const OPT_OUT_OF: u8 = 2;
const PHONE: u8 = 3;
const EMAIL: u8 = 4;
const FIELD: u8 = 5;
const NAME: u8 = 6;

impl<'a> ColumnId<'a> {
    /// Replaces what is in `out` by bytes that no other column has.
    pub(super) fn write(self, out: &mut Vec<u8>) {
        out.clear();
        match self {
            ColumnId::Key => out.push(KEY),
            ColumnId::OptOut => out.push(OPT_OUT),
            ColumnId::OptOutOf(channel) => out.extend_from_slice(&[OPT_OUT_OF, channel]),
            ColumnId::Phone(number) => {
                out.push(PHONE);
                put_number(u64::from(number), out);
            }
            ColumnId::Email(number) => {
                out.push(EMAIL);
                put_number(u64::from(number), out);
            }
            ColumnId::Field(node) => out.extend_from_slice(&[FIELD, node]),
            ColumnId::Name(map, name, number) => {
                out.extend_from_slice(&[NAME, map]);
                put_text(name, out);
                put_number(number.map_or(0, |number| u64::from(number) + 1), out);
            }
        }
    }

    /// As what its values are counted if it is not written.
    pub(super) fn counted(self, bounds: &Bounds) -> Source<'a> {
        match self {
            ColumnId::Phone(_) | ColumnId::Email(_) => Source::Field(bounds.address),
            ColumnId::Field(node) => Source::Field(node),
            ColumnId::Name(map, name, _) => Source::Name(map, name),
            ColumnId::Key | ColumnId::OptOut | ColumnId::OptOutOf(_) => {
                Source::Field(bounds.opt_out)
            }
        }
    }

    fn read(bytes: &'a [u8]) -> Option<ColumnId<'a>> {
        let mut bytes = Bytes(bytes);
        let short = |number: Option<u64>| u16::try_from(number?).ok();
        Some(match bytes.byte()? {
            KEY => ColumnId::Key,
            OPT_OUT => ColumnId::OptOut,
            OPT_OUT_OF => ColumnId::OptOutOf(bytes.byte()?),
            PHONE => ColumnId::Phone(short(bytes.number())?),
            EMAIL => ColumnId::Email(short(bytes.number())?),
            FIELD => ColumnId::Field(bytes.byte()?),
            NAME => {
                let (map, name) = (bytes.byte()?, bytes.text()?);
                let number = bytes.number()?.checked_sub(1);
                ColumnId::Name(map, name, number.and_then(|number| short(Some(number))))
            }
            _ => return None,
        })
    }
}

/// Hands over each value of a profile with its column, in the order in which columns are looked for, and with
/// how many values of records it stands for; none, if nothing is lost without its column.
pub(super) fn each_cell<'b>(
    profile: &Profile<'b>,
    mut each: impl FnMut(ColumnId<'b>, &'b [u8], u64),
) {
    each(ColumnId::Key, profile.key, 0);
    let consent = profile.consent;
    if consent.is_known {
        let word = if consent.is_opted_out { OPTED_OUT } else { NOT_OPTED_OUT };
        each(ColumnId::OptOut, word.as_bytes(), 1);
    }
    for channel in (0..32_u8).filter(|channel| consent.channels & 1 << channel != 0) {
        let times = u64::from(consent.unlisted >> channel & 1);
        each(ColumnId::OptOutOf(channel), OPTED_OUT.as_bytes(), times);
    }
    for item in &profile.items {
        let single = item.len() == 1;
        for (value, number) in item.values().zip(0_u16..) {
            let column = match item.source {
                Source::Phone => ColumnId::Phone(number),
                Source::Email => ColumnId::Email(number),
                Source::Field(node) => ColumnId::Field(node),
                Source::Name(map, name) => ColumnId::Name(map, name, (!single).then_some(number)),
            };
            each(column, value.text, value.times);
        }
    }
}

/// How early a column comes: what it is for, the first profile that has it, and where.
pub(super) type Rank = (Class, u64, u32);

/// What a column is for. The first ones get places first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Class {
    Key,
    /// An opt-out must not get lost.
    Consent,
    Standard,
    Named,
    /// Fields that say something about a record rather than about a person.
    Technical,
}

impl Class {
    /// Its place among the classes.
    pub(super) fn number(self) -> i32 {
        match self {
            Class::Key => 0,
            Class::Consent => 1,
            Class::Standard => 2,
            Class::Named => 3,
            Class::Technical => 4,
        }
    }

    /// Whether its columns are ranked by the first profile that has them.
    pub(super) fn is_placed(self) -> bool {
        matches!(self, Class::Named | Class::Technical)
    }
}

/// The columns that profiles have, as far as they may be written.
#[derive(Default)]
pub(super) struct Ranks {
    ranks: HashMap<Vec<u8>, Rank, RandomState>,
    /// Scratch memory.
    id: Vec<u8>,
}

impl Ranks {
    /// Those of no profile: what tells profiles apart.
    pub(super) fn new(plan: &ProfilePlan) -> Ranks {
        let mut ranks = Ranks::default();
        ColumnId::Key.write(&mut ranks.id);
        ranks.ranks.insert(ranks.id.clone(), rank(ColumnId::Key, (0, 0), plan));
        ranks
    }

    /// Notes a column, given bytes of [`ColumnId::write`] and the place of the first profile that has it. Other bytes
    /// are no column.
    pub(super) fn found(&mut self, id: Vec<u8>, place: u64, plan: &ProfilePlan) {
        let rank = ColumnId::read(&id).map(|column| rank(column, (place, 0), plan));
        if let Some(rank) = rank {
            self.ranks.entry(id).or_insert(rank);
        }
    }

    /// Notes the columns of a profile.
    pub(super) fn note(&mut self, profile: &Profile<'_>, plan: &ProfilePlan) {
        let mut number = 0;
        each_cell(profile, |column, _, _| {
            number += 1;
            column.write(&mut self.id);
            let rank = || rank(column, (profile.place, number), plan);
            if let Some(known) = self.ranks.get_mut(self.id.as_slice()) {
                if profile.place < known.1 {
                    *known = (*known).min(rank());
                }
            } else {
                self.ranks.insert(self.id.clone(), rank());
            }
        });
        if 4 * plan.max_columns + RANKS_MAX < self.ranks.len() {
            self.prune(plan);
        }
    }

    /// Adds the columns of other profiles.
    pub(super) fn add(&mut self, other: Ranks, plan: &ProfilePlan) {
        for (id, rank) in other.ranks {
            let known = self.ranks.entry(id).or_insert(rank);
            *known = (*known).min(rank);
        }
        self.prune(plan);
    }

    /// Keeps those that would be written if there were no others. A column that comes earlier in a profile that is
    /// noted later has that rank then.
    fn prune(&mut self, plan: &ProfilePlan) {
        let first = self.first(plan);
        self.ranks = first.into_iter().map(|(id, rank, _)| (id, rank)).collect();
    }

    /// The columns that are written, with their names.
    fn first(&self, plan: &ProfilePlan) -> Vec<(Vec<u8>, Rank, String)> {
        let mut sorted: Vec<(&Vec<u8>, &Rank)> = self.ranks.iter().collect();
        sorted.sort_unstable_by_key(|(id, rank)| (**rank, *id));
        let mut names = HashSet::new();
        let mut first = Vec::new();
        for (id, rank) in sorted {
            if first.len() == plan.max_columns {
                break;
            }
            let name = ColumnId::read(id).and_then(|column| name_of(column, plan));
            if let Some(name) = name.filter(|name| names.insert(name.clone())) {
                first.push((id.clone(), *rank, name));
            }
        }
        first
    }

    /// The columns of the parts.
    pub(super) fn layout(&self, plan: &ProfilePlan) -> Layout {
        let mut first = self.first(plan);
        let place = |class: Class| match class {
            Class::Consent => (Class::Standard, 1),
            Class::Key | Class::Standard | Class::Named | Class::Technical => (class, 0),
        };
        first.sort_by_key(|(_, (class, at, number), _)| (place(*class), *at, *number));
        let mut layout = Layout::default();
        for (place, (id, _, name)) in first.into_iter().enumerate() {
            if let Some(column) = ColumnId::read(&id) {
                layout.fields.push(field_of(column, &name, plan));
            }
            layout.places.insert(id, place);
            layout.names.push(name);
        }
        layout
    }
}

/// How many ranks are held besides those that are needed.
const RANKS_MAX: usize = 1_000;

pub(super) fn rank(column: ColumnId<'_>, (place, number): (u64, u32), plan: &ProfilePlan) -> Rank {
    let standard = &plan.target.standard;
    let phones = u64::try_from(standard.phones.len()).unwrap_or(u64::MAX);
    let emails = u64::try_from(standard.emails.len()).unwrap_or(u64::MAX);
    let path = |node: u8| plan.schema.nodes.get(usize::from(node)).map_or("", |node| &node.path);
    match column {
        ColumnId::Key => (Class::Key, 0, 0),
        ColumnId::OptOut => (Class::Consent, 0, 0),
        ColumnId::OptOutOf(channel) => (Class::Consent, 1, u32::from(channel)),
        ColumnId::Phone(number) if u64::from(number) < phones => {
            (Class::Standard, 0, u32::from(number))
        }
        ColumnId::Email(number) if u64::from(number) < emails => {
            (Class::Standard, 1, u32::from(number))
        }
        ColumnId::Field(node) => match plan.target.address_member(path(node)) {
            Some(member) => {
                (Class::Standard, 2, u32::try_from(member).expect("an address has few members"))
            }
            None if is_technical(node, plan) => (Class::Technical, place, number),
            None => (Class::Named, place, number),
        },
        ColumnId::Phone(_) | ColumnId::Email(_) | ColumnId::Name(..) => {
            (Class::Named, place, number)
        }
    }
}

/// Whether a field is about the record alone, as its id and its status are.
fn is_technical(node: u8, plan: &ProfilePlan) -> bool {
    let node = usize::from(node);
    let is_top = plan.schema.nodes.get(node).is_some_and(|node| node.parent.is_none());
    is_top && node != plan.schema.role(Role::EffectiveDate)
}

/// The name of a column; `None` if it can have none.
pub(super) fn name_of(column: ColumnId<'_>, plan: &ProfilePlan) -> Option<String> {
    let (standard, prefix) = (&plan.target.standard, |path: &str| plan.target.prefix(path));
    let opt_out = plan.schema.role_path(Role::OptOut);
    let numbered = |names: &[String], number: u16| {
        let further = || Some(format!("{}{}_{}", prefix(""), names.first()?, number + 1));
        names.get(usize::from(number)).cloned().or_else(further)
    };
    let name = match column {
        ColumnId::Key => standard.key.clone(),
        ColumnId::OptOut => format!("{}{opt_out}", prefix("")),
        ColumnId::OptOutOf(channel) => {
            let channel = plan.channels.get(usize::from(channel))?;
            format!("{}{opt_out}_{channel}", prefix(""))
        }
        ColumnId::Phone(number) => numbered(&standard.phones, number)?,
        ColumnId::Email(number) => numbered(&standard.emails, number)?,
        ColumnId::Field(node) => {
            let node = plan.schema.nodes.get(usize::from(node))?;
            let member = plan.target.address_member(&node.path);
            let member = member.and_then(|member| standard.address.get(member));
            let parent = node.parent.and_then(|parent| plan.schema.nodes.get(parent));
            let parent = parent.map_or("", |parent| parent.path.as_str());
            let further = || format!("{}{}", prefix(parent), node.name);
            member.map_or_else(further, |(_, name)| name.clone())
        }
        ColumnId::Name(map, name, number) => {
            let map = plan.schema.nodes.get(usize::from(map))?;
            let number = number.map(|number| format!("_{number}")).unwrap_or_default();
            format!("{}{}{number}", prefix(&map.path), plain(std::str::from_utf8(name).ok()?)?)
        }
    };
    (name.len() <= plan.target.limits.field_length).then_some(name)
}

/// A name in the letters that names of fields may have: others become `_`. `None` if nothing is left.
fn plain(name: &str) -> Option<String> {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-');
    let plain: String =
        name.chars().map(|letter| if is_plain(letter) { letter } else { '_' }).collect();
    let plain = plain.trim_end_matches(['_', '-']);
    (!plain.trim_start_matches(['_', '-']).is_empty()).then(|| plain.to_owned())
}

/// A column as the field map describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColumnField {
    pub name: String,
    /// The place in a profile: `_profile.Address.City`.
    pub target: String,
    /// `STRING`, or what the target calls another kind of text.
    pub content: &'static str,
}

fn field_of(column: ColumnId<'_>, name: &str, plan: &ProfilePlan) -> ColumnField {
    let standard = &plan.target.standard;
    let is_standard = *name == standard.key
        || standard.phones.iter().chain(&standard.emails).any(|known| known == name);
    let is_of_address = matches!(column, ColumnId::Field(_))
        && standard.address.iter().any(|(_, member)| member == name);
    let target = if is_standard {
        format!("_profile.{name}")
    } else if is_of_address {
        format!("_profile.Address.{name}")
    } else {
        format!("_profile.Attributes.{name}")
    };
    let is_number = |node: u8| {
        let node = plan.schema.nodes.get(usize::from(node));
        node.is_some_and(|node| matches!(node.shape, Shape::Number | Shape::Numbers))
    };
    let content = match column {
        ColumnId::Phone(_) => "PHONE_NUMBER",
        ColumnId::Email(_) => "EMAIL_ADDRESS",
        ColumnId::Field(node) | ColumnId::Name(node, ..) if is_number(node) => "NUMBER",
        ColumnId::Key
        | ColumnId::OptOut
        | ColumnId::OptOutOf(_)
        | ColumnId::Field(_)
        | ColumnId::Name(..) => "STRING",
    };
    ColumnField { name: name.to_owned(), target, content }
}

/// The columns of the parts of an output, in their order.
#[derive(Default)]
pub(super) struct Layout {
    pub(super) names: Vec<String>,
    places: HashMap<Vec<u8>, usize, RandomState>,
    pub(super) fields: Vec<ColumnField>,
}

impl Layout {
    /// The bytes of each column, in order.
    pub(super) fn ids(&self) -> Vec<Vec<u8>> {
        let mut ids: Vec<(usize, &Vec<u8>)> =
            self.places.iter().map(|(id, place)| (*place, id)).collect();
        ids.sort_unstable();
        ids.into_iter().map(|(_, id)| id.clone()).collect()
    }

    /// The place of a column; `None`: it is not written. `id` is scratch memory.
    pub(super) fn place(&self, column: ColumnId<'_>, id: &mut Vec<u8>) -> Option<usize> {
        column.write(id);
        self.places.get(id.as_slice()).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_the_letters_that_fields_may_have() {
        for (name, expected) in [
            ("Plan", Some("Plan")),
            ("crm.plan name", Some("crm_plan_name")),
            ("é#:?", None),
            ("Größe", Some("Gr__e")),
            ("x_-", Some("x")),
            ("_x", Some("_x")),
            ("__", None),
        ] {
            assert_eq!(plain(name).as_deref(), expected, "{name}");
        }
    }

    #[test]
    fn a_column_is_read_as_it_was_written() {
        let mut bytes = Vec::new();
        for column in [
            ColumnId::Key,
            ColumnId::OptOut,
            ColumnId::OptOutOf(12),
            ColumnId::Phone(300),
            ColumnId::Email(0),
            ColumnId::Field(20),
            ColumnId::Name(7, b"Plan", None),
            ColumnId::Name(7, b"Plan", Some(0)),
            ColumnId::Name(7, b"", Some(49)),
        ] {
            column.write(&mut bytes);
            assert!(ColumnId::read(&bytes) == Some(column), "{bytes:?}");
        }
    }
}
