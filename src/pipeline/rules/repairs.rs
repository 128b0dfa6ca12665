//! The repairs of a definition against the schema, and what they are in words.

use crate::pipeline::definition::{Definition, PhoneRegionSetting};
use crate::pipeline::nearest::advice;
use crate::pipeline::section::quoted;
use crate::pipeline::source::{Faults, Spanned};
use crate::repair::{Kind, PhoneRegionFrom, Settings};
use crate::schema::{Format, Node, NodeIx, Schema, Test};

pub(super) fn settings(
    definition: &Definition,
    schema: &Schema,
    faults: &mut Faults<'_>,
) -> Settings {
    let repair = &definition.repair;
    let phone_region = match &repair.phone_region {
        PhoneRegionSetting::Nowhere => PhoneRegionFrom::Nowhere,
        PhoneRegionSetting::Region(region) => PhoneRegionFrom::Region(*region),
        PhoneRegionSetting::From(path) => country_field(path, schema, faults)
            .map_or(PhoneRegionFrom::Nowhere, PhoneRegionFrom::Field),
    };
    Settings { on: repair.on, phone_region, phone_plan: repair.phone_plan }
}

fn country_field(
    path: &Spanned<String>,
    schema: &Schema,
    faults: &mut Faults<'_>,
) -> Option<NodeIx> {
    let node = schema
        .node(&path.value)
        .filter(|node| schema.nodes.get(*node).is_some_and(holds_a_country));
    if node.is_none() {
        let fields = schema.nodes.iter().filter(|node| holds_a_country(node));
        let known: Vec<&str> = fields.map(|node| node.path.as_str()).collect();
        let what = format!("no field with a country is {}", quoted(&path.value));
        faults.push(path.at, what, "", advice(&path.value, &known));
    }
    node
}

fn holds_a_country(node: &Node) -> bool {
    node.checks.iter().any(|check| matches!(check.test, Test::Format(Format::Country)))
}

/// Checks that are stricter than the schema.
pub(super) fn stricter(settings: &Settings) -> Vec<String> {
    settings.phone_plan.then(|| "phone (in its numbering plan)".to_owned()).into_iter().collect()
}

/// Each repair that is on: `country`, `phone (region US)`.
pub(super) fn in_words(settings: &Settings, schema: &Schema) -> Vec<String> {
    let word = |kind: Kind| match (kind, settings.phone_region) {
        (Kind::Phone, PhoneRegionFrom::Nowhere) => "phone (numbers with `+`)".to_owned(),
        (Kind::Phone, PhoneRegionFrom::Region(region)) => format!("phone (region {region:?})"),
        (Kind::Phone, PhoneRegionFrom::Field(node)) => {
            let path = schema.nodes.get(node).map_or("", |node| node.path.as_str());
            format!("phone (region from `{path}`)")
        }
        (kind, _) => kind.name().to_owned(),
    };
    settings.on.iter().map(word).collect()
}
