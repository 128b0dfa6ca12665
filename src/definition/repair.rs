//! `[repair]` and `[validate]`: what is mended before it is judged, and what is judged more strictly.

use super::document::{
    Diagnostics, Entry, Section, Spanned, Value, choose, listed, push_wrong_type, quoted, text,
};
use crate::repair::{RepairKind, RepairSet};
use crate::schema::PhoneRegion;

/// `[repair]` and `[validate]`, read and typed.
#[derive(Clone, Debug, Default)]
pub struct Repair {
    pub on: RepairSet,
    pub phone_region: PhoneRegionSetting,
    /// Whether telephone numbers have to be in their numbering plan.
    pub phone_plan: bool,
}

/// Where the region of numbers without `+` is known from.
#[derive(Clone, Debug, Default)]
pub enum PhoneRegionSetting {
    /// The definition does not say.
    #[default]
    Nowhere,
    Region(PhoneRegion),
    /// The path of a field with a country's code.
    From(Spanned<String>),
}

/// The forms of a repair without parameters.
const SWITCH: &str = "`true`, `false` or `{}`";

pub(crate) fn read(root: &mut Section<'_>, faults: &mut Diagnostics<'_>) -> Repair {
    let mut repair = Repair::default();
    if let Some(mut section) = root.section("repair", faults) {
        for kind in RepairKind::ALL {
            let Some(entry) = section.entry(kind.name()) else { continue };
            let is_on = match kind {
                RepairKind::Phone => read_phone(entry, &mut repair.phone_region, faults),
                RepairKind::Trim
                | RepairKind::Lists
                | RepairKind::Channel
                | RepairKind::OptOut
                | RepairKind::Country
                | RepairKind::Locale
                | RepairKind::Timezone
                | RepairKind::Dates
                | RepairKind::Email => read_switch(entry, faults),
            };
            if is_on {
                repair.on = repair.on.with(kind);
            }
        }
        section.finish(faults);
    }
    if let Some(mut section) = root.section("validate", faults) {
        repair.phone_plan = section.text("phone", faults).is_some_and(|word| {
            choose("phone", word, &[("valid", true)], &[], faults).unwrap_or(false)
        });
        section.finish(faults);
    }
    repair
}

/// A repair that is on or off.
fn read_switch(entry: &Entry, faults: &mut Diagnostics<'_>) -> bool {
    match &entry.item.value {
        Value::Boolean(is_on) => *is_on,
        Value::Table(table) if table.entries.is_empty() => true,
        Value::Table(table) => {
            for parameter in &table.entries {
                let what = format!("`{}` takes no parameters", entry.key);
                faults.push(parameter.key_at, what, "", format!("it takes {SWITCH}"));
            }
            false
        }
        Value::Text(_) | Value::Integer(_) | Value::Float(_) | Value::Date | Value::List(_) => {
            push_wrong_type(&entry.key, &entry.item, SWITCH, faults);
            false
        }
    }
}

fn read_phone(
    entry: &Entry,
    region: &mut PhoneRegionSetting,
    faults: &mut Diagnostics<'_>,
) -> bool {
    match &entry.item.value {
        Value::Boolean(is_on) => return *is_on,
        Value::Table(table) => {
            let mut section = Section::new("`phone` in `[repair]`", table, entry.item.at);
            let (of, from) = (section.take("region"), section.take("region_from"));
            let of = of.and_then(|item| text("region", item, faults));
            let from = from.and_then(|item| text("region_from", item, faults));
            section.finish(faults);
            *region = match (of, from) {
                (Some(_), Some(from)) => {
                    let what = "`region` and `region_from` stand both in `phone`";
                    faults.push(from.at, what, "", "keep the one that is meant");
                    PhoneRegionSetting::Nowhere
                }
                (Some(code), None) => read_region(code, faults),
                (None, Some(from)) => PhoneRegionSetting::From(from.into_owned()),
                (None, None) => PhoneRegionSetting::Nowhere,
            };
        }
        Value::Text(_) | Value::Integer(_) | Value::Float(_) | Value::Date | Value::List(_) => {
            let wanted =
                "`{ region = \"US\" }`, `{ region_from = \"Location.Country\" }` or `true`";
            push_wrong_type(&entry.key, &entry.item, wanted, faults);
            return false;
        }
    }
    true
}

fn read_region(code: Spanned<&str>, faults: &mut Diagnostics<'_>) -> PhoneRegionSetting {
    if let Some(region) = PhoneRegion::new(code.value) {
        return PhoneRegionSetting::Region(region);
    }
    let capitals = code.value.to_ascii_uppercase();
    let help = if PhoneRegion::new(&capitals).is_some() {
        format!("did you mean `{capitals}`?")
    } else {
        let examples = listed(["US", "GB", "DE"]);
        format!("it takes a country of ISO 3166-1 with a numbering plan, such as {examples}")
    };
    faults.push(code.at, format!("`region` can't be {}", quoted(code.value)), "", help);
    PhoneRegionSetting::Nowhere
}
