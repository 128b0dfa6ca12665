//! Reads the parameters that a rule gives its operation. `operation.rs` has the table of operations
//! and of their parameters.

use super::document::{Diagnostics, Item, Origin, Section, Spanned, Value, choose, text};
use super::operation::{MapSpec, OpKind, OpSpec, ShiftSpec, unit_name};
use super::replacing::{read_hmac, read_mask, read_redact};
use super::scrub;
use crate::transform::{Bucket, Decimal, Other, RoundingStep, SHIFT_DAYS_MAX, Unit};

/// The largest `decimals`.
const DECIMALS_MAX: u64 = 15;

/// Reads the parameters of an operation. `None`: they are wrong, which is reported.
pub(super) fn read(
    kind: OpKind,
    section: &mut Section<'_>,
    diagnostics: &mut Diagnostics<'_>,
) -> Option<OpSpec> {
    match kind {
        OpKind::Keep => Some(OpSpec::Keep),
        OpKind::Drop => Some(OpSpec::Drop),
        OpKind::Redact => Some(read_redact(section, diagnostics)),
        OpKind::Mask => Some(read_mask(section, diagnostics)),
        OpKind::Hmac => read_hmac(section, diagnostics),
        OpKind::DateTrunc => read_date_trunc(section, diagnostics),
        OpKind::DateShift => read_date_shift(section, diagnostics),
        OpKind::Round => read_round(section, diagnostics),
        OpKind::Bucket => read_bucket(section, diagnostics),
        OpKind::Geo => read_geo(section, diagnostics),
        OpKind::Map => read_map(section, diagnostics),
        OpKind::Scrub => scrub::read(section, diagnostics),
    }
}

fn read_date_trunc(section: &mut Section<'_>, diagnostics: &mut Diagnostics<'_>) -> Option<OpSpec> {
    let help = "write `{ op = \"date_trunc\", unit = \"year\" }`; `quarter`, `month` and `day` are units, too";
    let word = section.required_text("unit", help, diagnostics)?;
    let units = [Unit::Year, Unit::Quarter, Unit::Month, Unit::Day];
    let units = units.map(|unit| (unit_name(unit), unit));
    choose("unit", word, &units, &[], diagnostics).map(OpSpec::DateTrunc)
}

fn read_date_shift(section: &mut Section<'_>, diagnostics: &mut Diagnostics<'_>) -> Option<OpSpec> {
    let help =
        "write `{ op = \"date_shift\", days = 30 }`, with the most days by which a date may move";
    section.require("days", "days", help, diagnostics);
    let days = section.whole("days", 1..=SHIFT_DAYS_MAX.into(), diagnostics);
    let by = section.text("by", diagnostics).map(Spanned::into_owned);
    let join = section.text("join", diagnostics).map(|join| join.value.to_owned());
    let days = u32::try_from(days?).expect("the range above fits in 32 bits");
    Some(OpSpec::DateShift(ShiftSpec { days, by, join }))
}

fn read_round(section: &mut Section<'_>, diagnostics: &mut Diagnostics<'_>) -> Option<OpSpec> {
    let (step, decimals) = (section.entry("step"), section.entry("decimals"));
    match (step, decimals) {
        (Some(step), None) => read_step(&step.item, diagnostics).map(OpSpec::Round),
        (None, Some(_)) => read_decimals(section, diagnostics)
            .map(|decimals| OpSpec::Round(RoundingStep::of_decimals(decimals))),
        (Some(_), Some(decimals)) => {
            let help = "remove one: `decimals = 2` is the same as `step = 0.01`";
            diagnostics.push(decimals.key_at, "`round` has both `step` and `decimals`", "", help);
            None
        }
        (None, None) => {
            let help = "write `{ op = \"round\", step = 5 }`, or `decimals = 1`";
            section.require("step", "step", help, diagnostics);
            None
        }
    }
}

fn read_step(item: &Item, diagnostics: &mut Diagnostics<'_>) -> Option<RoundingStep> {
    let step = decimal("step", item, diagnostics)?;
    let found = RoundingStep::new(&step);
    if found.is_none() {
        let help =
            "it must be above 0 and have at most 15 digits, at most 15 of them after the point";
        diagnostics.push(item.at, "`step` is out of range", "", help);
    }
    found
}

fn read_decimals(section: &mut Section<'_>, diagnostics: &mut Diagnostics<'_>) -> Option<u32> {
    let decimals = section.whole("decimals", 0..=DECIMALS_MAX, diagnostics)?;
    Some(u32::try_from(decimals).expect("the range above fits in 32 bits"))
}

fn read_geo(section: &mut Section<'_>, diagnostics: &mut Diagnostics<'_>) -> Option<OpSpec> {
    let help = "write `{ op = \"geo\", decimals = 1 }`: one decimal is about 11 km";
    section.require("decimals", "decimals", help, diagnostics);
    read_decimals(section, diagnostics).map(|decimals| OpSpec::Geo { decimals })
}

fn read_bucket(section: &mut Section<'_>, diagnostics: &mut Diagnostics<'_>) -> Option<OpSpec> {
    let help = "write `{ op = \"bucket\", edges = [18, 30, 65] }`";
    section.require("edges", "edges", help, diagnostics);
    let item = section.item("edges")?;
    let Some(items) = item.value.as_list() else {
        let message = format!("`edges` is {}", item.value.kind());
        diagnostics.push(item.at, message, "", "write a list of numbers, such as `[18, 30, 65]`");
        return None;
    };
    // All items are read before any is given up, so that all wrong ones are reported.
    let edges: Vec<Option<Decimal>> =
        items.iter().map(|item| decimal("edges", item, diagnostics)).collect();
    let edges = edges.into_iter().collect::<Option<Vec<Decimal>>>()?;
    if Bucket::new(edges.clone()).is_none() {
        let message = if edges.is_empty() {
            "`edges` is empty"
        } else {
            "`edges` are not in ascending order"
        };
        diagnostics.push(item.at, message, "", "write each number once, from low to high");
        return None;
    }
    Some(OpSpec::Bucket { edges })
}

/// Returns a number exactly as the definition has it.
fn decimal(key: &str, item: &Item, diagnostics: &mut Diagnostics<'_>) -> Option<Decimal> {
    let text = match &item.value {
        Value::Integer(number) => number.to_string(),
        // Up to 15 digits, the shortest text of a double is the one that was parsed.
        Value::Float(number) => number.to_string(),
        Value::Text(_) | Value::Boolean(_) | Value::Date | Value::List(_) | Value::Table(_) => {
            let message = format!("`{key}` is {}", item.value.kind());
            diagnostics.push(item.at, message, "", "write a number, without quotes");
            return None;
        }
    };
    let number = Decimal::parse(text.as_bytes());
    if number.is_none() {
        diagnostics.push(item.at, format!("`{key}` is out of range"), "", "write a finite number");
    }
    number
}

fn read_map(section: &mut Section<'_>, diagnostics: &mut Diagnostics<'_>) -> Option<OpSpec> {
    let help = "write `{ op = \"map\", table = { pro = \"paid\" } }`";
    section.require("table", "table", help, diagnostics);
    let (other, other_at) = read_other(section, diagnostics);
    let item = section.item("table")?;
    let Some(table) = item.value.as_table() else {
        let message = format!("`table` is {}", item.value.kind());
        diagnostics.push(item.at, message, "", "write a table, such as `{ pro = \"paid\" }`");
        return None;
    };
    if table.entries.is_empty() {
        diagnostics.push(item.at, "`table` is empty", "", "list at least one value");
        return None;
    }
    let mut entries = Vec::new();
    for entry in &table.entries {
        if entry.key.is_empty() {
            let help = "remove it: empty values are never changed";
            diagnostics.push(entry.key_at, "`table` has an empty value", "", help);
        }
        let to = text(&entry.key, &entry.item, diagnostics)?;
        entries.push((entry.key.clone(), to.into_owned()));
    }
    Some(OpSpec::Map(MapSpec { table: entries, other, other_at }))
}

fn read_other(section: &mut Section<'_>, diagnostics: &mut Diagnostics<'_>) -> (Other, Origin) {
    let Some(text) = section.text("other", diagnostics) else { return (Other::Drop, section.at()) };
    let other = match text.value {
        "drop" => Other::Drop,
        "keep" => Other::Keep,
        text => Other::Text(text.to_owned()),
    };
    (other, text.at)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::definition::document::{DefinitionText, Table};

    #[test]
    fn each_operation_reads_the_parameters_of_the_table() {
        for kind in OpKind::ALL {
            let text = DefinitionText::new("a.toml", "", &[]);
            let mut diagnostics = Diagnostics::new(&text);
            let table = Table::default();
            let mut section = Section::new(kind.name(), &table, Origin::default());
            read(kind, &mut section, &mut diagnostics);
            let known: BTreeSet<_> = section.known().iter().collect();
            assert_eq!(known, kind.parameters().iter().collect(), "{}", kind.name());
        }
    }
}
