//! `[repair]` and `[validate]`: the repairs made before values are checked (the module `repair`),
//! and stricter checks.

use super::document::{
    Diagnostics, Entry, Section, Spanned, Value, choose, listed, push_wrong_type, quoted, text,
};
use crate::repair::{RepairKind, RepairSet};
use crate::schema::{DateZone, PhoneRegion, timezone, timezone_ignoring_case};
use crate::validate::Pii;

/// `[repair]` and `[validate]`.
#[derive(Clone, Debug, Default)]
pub struct Repair {
    /// The repairs that are on.
    pub on: RepairSet,
    pub phone_region: PhoneRegionSetting,
    /// The zone of dates with a time and without an offset.
    pub date_zone: Option<DateZone>,
    /// Whether telephone numbers must be valid in their numbering plan.
    pub phone_plan: bool,
    /// The paths of fields whose invalid values are removed.
    pub remove_invalid: Vec<Spanned<String>>,
    /// What becomes of personal data that is kept.
    pub pii: Pii,
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
                RepairKind::Dates => read_dates(entry, &mut repair.date_zone, diagnostics),
                RepairKind::Names
                | RepairKind::Scalars
                | RepairKind::Trim
                | RepairKind::Spreadsheet
                | RepairKind::Lists
                | RepairKind::Channel
                | RepairKind::OptOut
                | RepairKind::Country
                | RepairKind::Locale
                | RepairKind::Timezone
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
        repair.remove_invalid = read_on_invalid(&mut section, diagnostics);
        let choices = [("reject", Pii::Reject), ("warn", Pii::Warn), ("off", Pii::Off)];
        repair.pii = section.choice("pii", &choices, &[], diagnostics).unwrap_or_default();
        section.finish(diagnostics);
    }
    repair
}

/// Reads `[validate.on_invalid]`: the paths whose invalid values are removed.
fn read_on_invalid(
    section: &mut Section<'_>,
    diagnostics: &mut Diagnostics<'_>,
) -> Vec<Spanned<String>> {
    const HELP: &str = "write `[validate.on_invalid]` on a line, and below it lines such as \
                        `\"Location.*\" = \"remove\"`";
    let Some(entry) = section.entry("on_invalid") else { return Vec::new() };
    let Value::Table(table) = &entry.item.value else {
        diagnostics.push(entry.key_at, "`on_invalid` is not a table", "", HELP);
        return Vec::new();
    };
    let mut paths = Vec::new();
    for entry in &table.entries {
        if let Value::Table(_) = entry.item.value {
            let help = "put names that contain dots in quotes, such as `\"Location.*\"`";
            diagnostics.push(entry.key_at, format!("`{}` is a table", entry.key), "", help);
        } else if let Some(word) = text(&entry.key, &entry.item, diagnostics)
            && choose(&entry.key, word, &[("remove", ())], &[], diagnostics).is_some()
        {
            paths.push(Spanned { value: entry.key.clone(), at: entry.key_at });
        }
    }
    paths
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

/// Reads `dates` and its zone. Returns whether it is on.
fn read_dates(
    entry: &Entry,
    zone: &mut Option<DateZone>,
    diagnostics: &mut Diagnostics<'_>,
) -> bool {
    let Value::Table(table) = &entry.item.value else { return read_switch(entry, diagnostics) };
    let mut section = Section::new("`dates` in `[repair]`", table, entry.item.at);
    let name = section.item("zone").and_then(|item| text("zone", item, diagnostics));
    section.finish(diagnostics);
    let Some(name) = name else { return true };
    // Abbreviations are several zones, and are refused like a value of a time zone.
    *zone = timezone(name.value.as_bytes()).and_then(|_known| DateZone::new(name.value));
    if zone.is_none() {
        let help = match timezone_ignoring_case(&name.value.replace(' ', "_")) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "use a name of the tz database, such as `Europe/Berlin`".to_owned(),
        };
        diagnostics.push(name.at, format!("`zone` can't be {}", quoted(name.value)), "", help);
    }
    true
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
