//! The repairs of single fields, compiled from the schema: the format of a field, or its role,
//! decides which repair it gets.

use super::{ChunkText, PhoneRegionFrom, RepairKind, Settings};
use super::{country, dates, email, locale, phone, timezone, words};
use crate::record::{Batch, Text};
use crate::schema::{
    Check, DateZone, Format, FormatLimits, NodeIx, PhoneRegion, Role, Schema, Test,
};

/// One repair of one field.
#[derive(Debug)]
pub(super) struct FieldRepair {
    pub(super) kind: RepairKind,
    pub(super) node: NodeIx,
    /// Whether the rules write the field.
    pub(super) is_written: bool,
    /// Repair only if this field has one of these values. `None`: always.
    when: Option<(NodeIx, Vec<Box<[u8]>>)>,
    method: Method,
}

/// The repair, with what it needs.
#[derive(Debug)]
enum Method {
    Channel(Vec<String>),
    OptOut(Vec<String>),
    Country,
    Locale,
    Timezone,
    Dates(Option<DateZone>),
    Email(FormatLimits),
    Phone { region: PhoneRegionFrom, country: NodeIx, must_be_in_plan: bool, limits: FormatLimits },
}

/// Compiles the repairs of all fields, in the order of [`RepairKind::ALL`].
pub(super) fn steps(schema: &Schema, settings: &Settings, written: &[bool]) -> Vec<FieldRepair> {
    let mut steps = Vec::new();
    let mut add = |node: NodeIx, check: &Check, when| {
        if let Some((kind, method)) = method(node, &check.test, schema, settings) {
            let is_written = written.get(node).copied().unwrap_or(false);
            steps.push(FieldRepair { kind, node, is_written, when, method });
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

/// The repair of a field that has this check.
fn method(
    node: NodeIx,
    test: &Test,
    schema: &Schema,
    settings: &Settings,
) -> Option<(RepairKind, Method)> {
    let limits = schema.target.formats;
    let has = |role| schema.role(role) == node;
    Some(match test {
        Test::Enum(words) if has(Role::Channel) => {
            (RepairKind::Channel, Method::Channel(words.clone()))
        }
        Test::Enum(words) if has(Role::OptOut) => {
            (RepairKind::OptOut, Method::OptOut(words.clone()))
        }
        Test::Format(Format::Country) => (RepairKind::Country, Method::Country),
        Test::Format(Format::Locale) => (RepairKind::Locale, Method::Locale),
        Test::Format(Format::Timezone) => (RepairKind::Timezone, Method::Timezone),
        Test::Format(Format::Date) => {
            (RepairKind::Dates, Method::Dates(settings.date_zone.clone()))
        }
        Test::Format(Format::Email) => (RepairKind::Email, Method::Email(limits)),
        Test::Format(Format::Phone) => {
            let region = phone_region(schema, settings);
            let (country, must_be_in_plan) = (schema.role(Role::Country), settings.phone_plan);
            (RepairKind::Phone, Method::Phone { region, country, must_be_in_plan, limits })
        }
        Test::Enum(_) | Test::Pattern(_) | Test::Range { .. } | Test::NotEmpty => return None,
    })
}

/// The region for `phone`. If the repair is off, it is tried on rejects with the record's country.
fn phone_region(schema: &Schema, settings: &Settings) -> PhoneRegionFrom {
    if settings.on.has(RepairKind::Phone) {
        return settings.phone_region;
    }
    PhoneRegionFrom::Field(schema.role(Role::Country))
}

impl FieldRepair {
    /// Returns the new value of the row, or `None` if it stays as it is.
    pub(super) fn repair(
        &self,
        row: usize,
        source: ChunkText<'_>,
        batch: &Batch,
    ) -> Option<String> {
        let text = Text { chunk: source.chunk, arena: &batch.arena };
        let slot = batch.slot(row, self.node);
        if !slot.is_text() || slot.is_empty() {
            return None;
        }
        let holds = self.when.as_ref().is_none_or(|(on, values)| {
            let on = text.of(batch.slot(row, *on));
            values.iter().any(|value| **value == *on)
        });
        // White space around a value never prevents another repair; removing it is up to `trim`.
        let value = str::from_utf8(text.of(slot)).ok().filter(|_| holds)?.trim();
        match &self.method {
            Method::Channel(known) => words::repair_channel(value, known),
            Method::OptOut(known) => words::repair_opt_out(value, known),
            Method::Country => country::repair(value),
            Method::Locale => locale::repair(value),
            Method::Timezone => timezone::repair(value),
            Method::Dates(zone) => dates::repair(value, zone.as_ref()),
            Method::Email(limits) => email::repair(value, limits),
            Method::Phone { region, country, must_be_in_plan, limits } => {
                let region = || region.of(*country, row, text, batch);
                phone::repair(value, region, *must_be_in_plan, limits)
            }
        }
    }
}

impl PhoneRegionFrom {
    /// The region for one row. `None` if the definition sets a region and the record is from
    /// another country: its number is certainly not a national number of that region.
    fn of(self, country: NodeIx, row: usize, text: Text<'_>, batch: &Batch) -> Option<PhoneRegion> {
        let region_in =
            |node| str::from_utf8(text.of(batch.slot(row, node))).ok().and_then(PhoneRegion::new);
        match self {
            PhoneRegionFrom::Nowhere => None,
            PhoneRegionFrom::Region(region) => {
                let has_country = !batch.slot(row, country).is_empty();
                (!has_country || region_in(country) == Some(region)).then_some(region)
            }
            PhoneRegionFrom::Field(node) => region_in(node),
        }
    }
}
