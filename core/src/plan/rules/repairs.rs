//! Checks `[repair]` against the schema, and describes repairs.

use crate::definition::document::{Diagnostics, Spanned, advice, quoted};
use crate::definition::{Definition, PhoneRegionSetting};
use crate::repair::{PhoneRegionFrom, RepairKind, Settings};
use crate::schema::{Format, Node, NodeIx, Schema, Test};
use crate::validate::Pii;

/// Compiles `[repair]`.
pub(super) fn settings(
    definition: &Definition,
    schema: &Schema,
    diagnostics: &mut Diagnostics<'_>,
) -> Settings {
    let repair = &definition.repair;
    let phone_region = match &repair.phone_region {
        PhoneRegionSetting::Nowhere => PhoneRegionFrom::Nowhere,
        PhoneRegionSetting::Region(region) => PhoneRegionFrom::Region(*region),
        PhoneRegionSetting::From(path) => country_field(path, schema, diagnostics)
            .map_or(PhoneRegionFrom::Nowhere, PhoneRegionFrom::Field),
    };
    let date_zone = repair.date_zone.clone();
    Settings { on: repair.on, phone_region, date_zone, phone_plan: repair.phone_plan }
}

/// The field from which telephone numbers take their region.
fn country_field(
    path: &Spanned<String>,
    schema: &Schema,
    diagnostics: &mut Diagnostics<'_>,
) -> Option<NodeIx> {
    let node =
        schema.node(&path.value).filter(|node| schema.nodes.get(*node).is_some_and(has_country));
    if node.is_none() {
        let fields = schema.nodes.iter().filter(|node| has_country(node));
        let known: Vec<&str> = fields.map(|node| node.path.as_str()).collect();
        let what = format!("{} is not a field with a country", quoted(&path.value));
        diagnostics.push(path.at, what, "", advice(&path.value, &known));
    }
    node
}

fn has_country(node: &Node) -> bool {
    node.checks.iter().any(|check| matches!(check.test, Test::Format(Format::Country)))
}

/// Names the checks that are stricter than the schema.
pub(super) fn stricter(settings: &Settings, pii: Pii) -> Vec<String> {
    let phone = settings.phone_plan.then(|| "phone (in its numbering plan)".to_owned());
    let pii = (pii == Pii::Reject).then(|| "pii (none in attributes that are kept)".to_owned());
    phone.into_iter().chain(pii).collect()
}

/// Describes each repair that is on: `country`, `phone (region US)`.
pub(super) fn describe(settings: &Settings, schema: &Schema) -> Vec<String> {
    let word = |kind: RepairKind| match (kind, settings.phone_region) {
        (RepairKind::Phone, PhoneRegionFrom::Nowhere) => "phone (numbers with `+`)".to_owned(),
        (RepairKind::Phone, PhoneRegionFrom::Region(region)) => {
            format!("phone (region {region:?})")
        }
        (RepairKind::Phone, PhoneRegionFrom::Field(node)) => {
            let path = schema.nodes.get(node).map_or("", |node| node.path.as_str());
            format!("phone (region from `{path}`)")
        }
        (RepairKind::Dates, _) => match &settings.date_zone {
            Some(zone) => format!("dates (local times of {zone:?})"),
            None => kind.name().to_owned(),
        },
        (kind, _) => kind.name().to_owned(),
    };
    settings.on.iter().map(word).collect()
}
