//! A repair of one field, told from the schema: the field's format or enum says which.

use super::{ChunkText, PhoneRegionFrom, RepairKind, Settings};
use super::{country, dates, email, locale, phone, timezone, words};
use crate::record::{Batch, Text};
use crate::schema::{Check, Format, FormatLimits, NodeIx, PhoneRegion, Role, Schema, Test};

/// One repair of one field.
#[derive(Debug)]
pub(super) struct FieldRepair {
    pub(super) kind: RepairKind,
    pub(super) node: NodeIx,
    /// Whether the policy writes the field.
    pub(super) is_written: bool,
    /// Only where another field has one of these values.
    when: Option<(NodeIx, Vec<Box<[u8]>>)>,
    how: How,
}

/// What a value is held to.
#[derive(Debug)]
enum How {
    Channel(Vec<String>),
    OptOut(Vec<String>),
    Country,
    Locale,
    Timezone,
    Dates,
    Email(FormatLimits),
    Phone { region: PhoneRegionFrom, plan: bool, limits: FormatLimits },
}

/// All repairs of fields, in the order in which they are made.
pub(super) fn steps(schema: &Schema, settings: &Settings, written: &[bool]) -> Vec<FieldRepair> {
    let mut steps = Vec::new();
    let mut add = |node: NodeIx, check: &Check, when| {
        if let Some((kind, how)) = how(node, &check.test, schema, settings) {
            let is_written = written.get(node).copied().unwrap_or(false);
            steps.push(FieldRepair { kind, node, is_written, when, how });
        }
    };
    for (node, description) in schema.nodes.iter().enumerate() {
        description.checks.iter().for_each(|check| add(node, check, None));
    }
    for condition in &schema.conditions {
        let values = condition.values.iter().map(|value| value.as_bytes().into()).collect();
        add(condition.node, &condition.check, Some((condition.on, values)));
    }
    steps.sort_by_key(|step| step.kind);
    steps
}

fn how(
    node: NodeIx,
    test: &Test,
    schema: &Schema,
    settings: &Settings,
) -> Option<(RepairKind, How)> {
    let limits = schema.target.formats;
    let has = |role| schema.role(role) == node;
    Some(match test {
        Test::Enum(words) if has(Role::Channel) => {
            (RepairKind::Channel, How::Channel(words.clone()))
        }
        Test::Enum(words) if has(Role::OptOut) => (RepairKind::OptOut, How::OptOut(words.clone())),
        Test::Format(Format::Country) => (RepairKind::Country, How::Country),
        Test::Format(Format::Locale) => (RepairKind::Locale, How::Locale),
        Test::Format(Format::Timezone) => (RepairKind::Timezone, How::Timezone),
        Test::Format(Format::Date) => (RepairKind::Dates, How::Dates),
        Test::Format(Format::Email) => (RepairKind::Email, How::Email(limits)),
        Test::Format(Format::Phone) => {
            let region = phone_region(schema, settings);
            (RepairKind::Phone, How::Phone { region, plan: settings.phone_plan, limits })
        }
        Test::Enum(_) | Test::Pattern(_) | Test::Range { .. } | Test::NotEmpty => return None,
    })
}

/// Where the repair is off, it is tried with the record's own country.
fn phone_region(schema: &Schema, settings: &Settings) -> PhoneRegionFrom {
    if settings.on.has(RepairKind::Phone) {
        return settings.phone_region;
    }
    PhoneRegionFrom::Field(schema.role(Role::Country))
}

impl FieldRepair {
    /// What the row's value becomes, if the repair changes it.
    pub(super) fn mend(&self, row: usize, source: ChunkText<'_>, batch: &Batch) -> Option<String> {
        let text = Text { chunk: source.chunk, arena: &batch.arena };
        let slot = batch.slot(row, self.node);
        if !slot.is_text() || slot.is_empty() {
            return None;
        }
        let holds = self.when.as_ref().is_none_or(|(on, values)| {
            let on = text.of(batch.slot(row, *on));
            values.iter().any(|value| **value == *on)
        });
        // White space around a value is for `trim` to take, and never in the way of another repair.
        let value = str::from_utf8(text.of(slot)).ok().filter(|_| holds)?.trim();
        match &self.how {
            How::Channel(known) => words::mend_channel(value, known),
            How::OptOut(known) => words::mend_opt_out(value, known),
            How::Country => country::mend(value),
            How::Locale => locale::mend(value),
            How::Timezone => timezone::mend(value),
            How::Dates => dates::mend(value),
            How::Email(limits) => email::mend(value, limits),
            How::Phone { region, plan, limits } => {
                phone::mend(value, region.of(row, text, batch), *plan, limits)
            }
        }
    }
}

impl PhoneRegionFrom {
    fn of(self, row: usize, text: Text<'_>, batch: &Batch) -> Option<PhoneRegion> {
        match self {
            PhoneRegionFrom::Nowhere => None,
            PhoneRegionFrom::Region(region) => Some(region),
            PhoneRegionFrom::Field(node) => {
                str::from_utf8(text.of(batch.slot(row, node))).ok().and_then(PhoneRegion::new)
            }
        }
    }
}
