//! `[repair]` and `[validate]`: the repairs made before values are checked, and stricter checks.

use super::document::{
    Diagnostics, Entry, Section, Spanned, Value, choose, listed, push_wrong_type, quoted, text,
};
use crate::repair::{RepairKind, RepairSet};
use crate::schema::PhoneRegion;

/// `[repair]` and `[validate]`.
#[derive(Clone, Debug, Default)]
pub struct Repair {
    /// The repairs that are on.
    pub on: RepairSet,
    pub phone_region: PhoneRegionSetting,
    /// Whether telephone numbers must be valid in their numbering plan.
    pub phone_plan: bool,
}

/// Where the region of telephone numbers without `+` comes from.
#[derive(Clone, Debug, Default)]
pub enum PhoneRegionSetting {
    /// Not set.
    #[default]
    Nowhere,
    Region(PhoneRegion),
    /// The path of a field that has a country code.
    From(Spanned<String>),
}

/// The values of a repair without parameters.
const SWITCH: &str = "`true`, `false` or `{}`";

pub(super) fn read(root: &mut Section<'_>, diagnostics: &mut Diagnostics<'_>) -> Repair {
    let mut repair = Repair::default();
    if let Some(mut section) = root.section("repair", diagnostics) {
        for kind in RepairKind::ALL {
            let Some(entry) = section.entry(kind.name()) else { continue };
            let is_on = match kind {
                RepairKind::Phone => read_phone(entry, &mut repair.phone_region, diagnostics),
                RepairKind::Trim
                | RepairKind::Lists
                | RepairKind::Channel
                | RepairKind::OptOut
                | RepairKind::Country
                | RepairKind::Locale
                | RepairKind::Timezone
                | RepairKind::Dates
                | RepairKind::Email => read_switch(entry, diagnostics),
            };
            if is_on {
                repair.on = repair.on.with(kind);
            }
        }
        section.finish(diagnostics);
    }
    if let Some(mut section) = root.section("validate", diagnostics) {
        repair.phone_plan = section.text("phone", diagnostics).is_some_and(|word| {
            choose("phone", word, &[("valid", true)], &[], diagnostics).unwrap_or(false)
        });
        section.finish(diagnostics);
    }
    repair
}

/// Reads a repair without parameters. Returns whether it is on.
fn read_switch(entry: &Entry, diagnostics: &mut Diagnostics<'_>) -> bool {
    match &entry.item.value {
        Value::Boolean(is_on) => *is_on,
        Value::Table(table) if table.entries.is_empty() => true,
        Value::Table(table) => {
            for parameter in &table.entries {
                let message = format!("`{}` takes no parameters", entry.key);
                diagnostics.push(parameter.key_at, message, "", format!("write {SWITCH}"));
            }
            false
        }
        Value::Text(_) | Value::Integer(_) | Value::Float(_) | Value::Date | Value::List(_) => {
            push_wrong_type(&entry.key, &entry.item, SWITCH, diagnostics);
            false
        }
    }
}

/// Reads `phone` and its region. Returns whether it is on.
fn read_phone(
    entry: &Entry,
    region: &mut PhoneRegionSetting,
    diagnostics: &mut Diagnostics<'_>,
) -> bool {
    match &entry.item.value {
        Value::Boolean(is_on) => return *is_on,
        Value::Table(table) => {
            let mut section = Section::new("`phone` in `[repair]`", table, entry.item.at);
            let (code, from) = (section.item("region"), section.item("region_from"));
            let code = code.and_then(|item| text("region", item, diagnostics));
            let from = from.and_then(|item| text("region_from", item, diagnostics));
            section.finish(diagnostics);
            *region = match (code, from) {
                (Some(_), Some(from)) => {
                    let message = "`phone` has both `region` and `region_from`";
                    diagnostics.push(from.at, message, "", "remove one of them");
                    PhoneRegionSetting::Nowhere
                }
                (Some(code), None) => read_region(code, diagnostics),
                (None, Some(from)) => PhoneRegionSetting::From(from.into_owned()),
                (None, None) => PhoneRegionSetting::Nowhere,
            };
        }
        Value::Text(_) | Value::Integer(_) | Value::Float(_) | Value::Date | Value::List(_) => {
            let expected =
                "`{ region = \"US\" }`, `{ region_from = \"Location.Country\" }` or `true`";
            push_wrong_type(&entry.key, &entry.item, expected, diagnostics);
            return false;
        }
    }
    true
}

fn read_region(code: Spanned<&str>, diagnostics: &mut Diagnostics<'_>) -> PhoneRegionSetting {
    if let Some(region) = PhoneRegion::new(code.value) {
        return PhoneRegionSetting::Region(region);
    }
    let capitals = code.value.to_ascii_uppercase();
    let help = if PhoneRegion::new(&capitals).is_some() {
        format!("did you mean `{capitals}`?")
    } else {
        let examples = listed(["US", "GB", "DE"]);
        format!("write the ISO 3166-1 code of a country with a numbering plan, such as {examples}")
    };
    diagnostics.push(code.at, format!("`region` can't be {}", quoted(code.value)), "", help);
    PhoneRegionSetting::Nowhere
}
