//! Reads the parameters of each operation.

use super::document::{Diagnostics, Item, Origin, Section, Spanned, Value, choose, escape, text};
use super::operation::{HmacSpec, MapSpec, OpKind, OpSpec, ShiftSpec};
use crate::transform::{
    Already, Bucket, Decimal, Encoding, Normalize, Other, RoundingStep, SHIFT_DAYS_MAX, Scope,
    TokenShape, Unit,
};

const REDACTED: &str = "[redacted]";
const MASK_CHAR: char = '*';
/// More characters than this are in no value.
const MASK_KEEP_MAX: u64 = 1_000_000;
const BITS: u32 = 256;
/// The most decimals that a number is rounded to.
const DECIMALS_MAX: u64 = 15;

/// Reads the parameters of an operation; `None` where they are faulty.
pub(super) fn read(
    kind: OpKind,
    section: &mut Section<'_>,
    faults: &mut Diagnostics<'_>,
) -> Option<OpSpec> {
    match kind {
        OpKind::Keep => Some(OpSpec::Keep),
        OpKind::Drop => Some(OpSpec::Drop),
        OpKind::Redact => Some(read_redact(section, faults)),
        OpKind::Mask => Some(read_mask(section, faults)),
        OpKind::Hmac => read_hmac(section, faults),
        OpKind::DateTrunc => read_date_trunc(section, faults),
        OpKind::DateShift => read_date_shift(section, faults),
        OpKind::Round => read_round(section, faults),
        OpKind::Bucket => read_bucket(section, faults),
        OpKind::Geo => read_geo(section, faults),
        OpKind::Map => read_map(section, faults),
    }
}

fn read_redact(section: &mut Section<'_>, faults: &mut Diagnostics<'_>) -> OpSpec {
    let text = section.text("text", faults).map_or(REDACTED, |text| text.value);
    OpSpec::Redact { text: text.to_owned() }
}

fn read_mask(section: &mut Section<'_>, faults: &mut Diagnostics<'_>) -> OpSpec {
    let mut kept = |key| {
        let kept = section.whole(key, 0..=MASK_KEEP_MAX, faults).unwrap_or(0);
        usize::try_from(kept).expect("the range above fits in 32 bits")
    };
    let (keep_first, keep_last) = (kept("keep_first"), kept("keep_last"));
    let hidden = section.text("char", faults).and_then(|text| {
        let mut chars = text.value.chars();
        let only = chars.next().filter(|_| chars.next().is_none());
        if only.is_none() {
            faults.push(text.at, "`char` is not one character", "", "write one, such as `*`");
        }
        only
    });
    let skip = section.text("skip", faults).map_or("", |skip| skip.value).to_owned();
    OpSpec::Mask { keep_first, keep_last, hidden: hidden.unwrap_or(MASK_CHAR), skip }
}

fn read_hmac(section: &mut Section<'_>, faults: &mut Diagnostics<'_>) -> Option<OpSpec> {
    let join = section.text("join", faults).map(|join| join.value.to_owned());
    let scope = match section.text("scope", faults) {
        Some(scope) => read_scope(scope, faults),
        None => Some(Scope::Person),
    };
    let bits = read_bits(section, faults);
    let encodings = [("hex", Encoding::Hex), ("base64url", Encoding::Base64Url)];
    let encoding = section.choice("encoding", &encodings, &[], faults).unwrap_or(Encoding::Hex);
    let normalize = read_normalize(section, faults).unwrap_or(Normalize::None);
    let already = [("reject", Already::Reject), ("keep", Already::Keep), ("hash", Already::Hash)];
    let already = section.choice("already", &already, &[], faults).unwrap_or(Already::Reject);
    let shape = TokenShape::new(bits?, encoding).expect("the bits were checked");
    Some(OpSpec::Hmac(HmacSpec { join, scope: scope?, shape, normalize, already }))
}

/// The normal form that `normalize` names.
pub(super) fn read_normalize(
    section: &mut Section<'_>,
    faults: &mut Diagnostics<'_>,
) -> Option<Normalize> {
    let choices = Normalize::ALL.map(|form| (form.name(), form));
    section.choice("normalize", &choices, &[], faults)
}

fn read_scope(text: Spanned<&str>, faults: &mut Diagnostics<'_>) -> Option<Scope> {
    let scope = Scope::parse(text.value);
    if scope.is_none() {
        let help = "write `person`, or `relationship:` and a label";
        let what = match text.value {
            "run" => "the scope `run` is not in this version".to_owned(),
            other => format!("`scope` can't be `{}`", escape(other)),
        };
        faults.push(text.at, what, "", help);
    }
    scope
}

fn read_bits(section: &mut Section<'_>, faults: &mut Diagnostics<'_>) -> Option<u32> {
    let Some(item) = section.take("bits") else { return Some(BITS) };
    let bits = item.value.as_integer().and_then(|bits| u32::try_from(bits).ok());
    let bits = bits.filter(|bits| TokenShape::new(*bits, Encoding::Hex).is_ok());
    if bits.is_none() {
        let help =
            "it is a multiple of 8 from 64 to 256; under 96, tokens of two people may be the same";
        faults.push(item.at, "`bits` is out of its range", "", help);
    }
    bits
}

fn read_date_trunc(section: &mut Section<'_>, faults: &mut Diagnostics<'_>) -> Option<OpSpec> {
    let help = "write `{ op = \"date_trunc\", unit = \"year\" }`, or quarter, month or day";
    let word = section.required_text("unit", help, faults)?;
    let units = [
        ("year", Unit::Year),
        ("quarter", Unit::Quarter),
        ("month", Unit::Month),
        ("day", Unit::Day),
    ];
    choose("unit", word, &units, &[], faults).map(OpSpec::DateTrunc)
}

fn read_date_shift(section: &mut Section<'_>, faults: &mut Diagnostics<'_>) -> Option<OpSpec> {
    let help = "write `{ op = \"date_shift\", days = 30 }`: the most days that a date moves";
    section.require("days", "days", help, faults);
    let days = section.whole("days", 1..=SHIFT_DAYS_MAX.into(), faults);
    let by = section.text("by", faults).map(Spanned::into_owned);
    let join = section.text("join", faults).map(|join| join.value.to_owned());
    let days = u32::try_from(days?).expect("the range above fits in 32 bits");
    Some(OpSpec::DateShift(ShiftSpec { days, by, join }))
}

fn read_round(section: &mut Section<'_>, faults: &mut Diagnostics<'_>) -> Option<OpSpec> {
    let (step, decimals) = (section.entry("step"), section.entry("decimals"));
    match (step, decimals) {
        (Some(step), None) => read_step(&step.item, faults).map(OpSpec::Round),
        (None, Some(_)) => read_decimals(section, faults)
            .map(|decimals| OpSpec::Round(RoundingStep::of_decimals(decimals))),
        (Some(_), Some(decimals)) => {
            let help = "leave one out: `decimals = 2` is `step = 0.01`";
            faults.push(decimals.key_at, "`round` has both `step` and `decimals`", "", help);
            None
        }
        (None, None) => {
            let help = "write `{ op = \"round\", step = 5 }`, or `decimals = 1`";
            section.require("step", "step", help, faults);
            None
        }
    }
}

fn read_step(item: &Item, faults: &mut Diagnostics<'_>) -> Option<RoundingStep> {
    let step = decimal("step", item, faults)?;
    let found = RoundingStep::new(&step);
    if found.is_none() {
        let help = "it is above 0 and has up to 15 digits, up to 15 of them behind the point";
        faults.push(item.at, "`step` is out of its range", "", help);
    }
    found
}

fn read_decimals(section: &mut Section<'_>, faults: &mut Diagnostics<'_>) -> Option<u32> {
    let decimals = section.whole("decimals", 0..=DECIMALS_MAX, faults)?;
    Some(u32::try_from(decimals).expect("the range above fits in 32 bits"))
}

fn read_geo(section: &mut Section<'_>, faults: &mut Diagnostics<'_>) -> Option<OpSpec> {
    let help = "write `{ op = \"geo\", decimals = 1 }`: one decimal is about 11 km";
    section.require("decimals", "decimals", help, faults);
    read_decimals(section, faults).map(|decimals| OpSpec::Geo { decimals })
}

fn read_bucket(section: &mut Section<'_>, faults: &mut Diagnostics<'_>) -> Option<OpSpec> {
    let help = "write `{ op = \"bucket\", edges = [18, 30, 65] }`";
    section.require("edges", "edges", help, faults);
    let item = section.take("edges")?;
    let Some(items) = item.value.as_list() else {
        let what = format!("`edges` is {}", item.value.kind());
        faults.push(item.at, what, "", "it takes a list of numbers, such as `[18, 30, 65]`");
        return None;
    };
    let edges: Vec<Decimal> = items
        .iter()
        .map(|item| decimal("edges", item, faults))
        .collect::<Vec<_>>()
        .into_iter()
        .collect::<Option<_>>()?;
    if Bucket::new(edges.clone()).is_none() {
        let what = if edges.is_empty() { "`edges` is empty" } else { "`edges` do not ascend" };
        faults.push(item.at, what, "", "write numbers from low to high, each once");
        return None;
    }
    Some(OpSpec::Bucket { edges })
}

/// A number of the definition, exactly as it stands there.
fn decimal(key: &str, item: &Item, faults: &mut Diagnostics<'_>) -> Option<Decimal> {
    let text = match &item.value {
        Value::Integer(number) => number.to_string(),
        // The shortest text of a double is what was written, up to 15 digits.
        Value::Float(number) => number.to_string(),
        Value::Text(_) | Value::Boolean(_) | Value::Date | Value::List(_) | Value::Table(_) => {
            let what = format!("`{key}` is {}", item.value.kind());
            faults.push(item.at, what, "", "it takes a number, without quotes");
            return None;
        }
    };
    let number = Decimal::parse(text.as_bytes());
    if number.is_none() {
        faults.push(item.at, format!("`{key}` is out of its range"), "", "write a finite number");
    }
    number
}

fn read_map(section: &mut Section<'_>, faults: &mut Diagnostics<'_>) -> Option<OpSpec> {
    let help = "write `{ op = \"map\", table = { pro = \"paid\" } }`";
    section.require("table", "table", help, faults);
    let (other, other_at) = read_other(section, faults);
    let item = section.take("table")?;
    let Some(table) = item.value.as_table() else {
        let what = format!("`table` is {}", item.value.kind());
        faults.push(item.at, what, "", "it takes a table, such as `{ pro = \"paid\" }`");
        return None;
    };
    if table.entries.is_empty() {
        faults.push(item.at, "`table` is empty", "", "name at least one value");
        return None;
    }
    let mut entries = Vec::new();
    for entry in &table.entries {
        if entry.key.is_empty() {
            let help = "leave it out: empty values are left alone";
            faults.push(entry.key_at, "`table` has an empty value", "", help);
        }
        let to = text(&entry.key, &entry.item, faults)?;
        entries.push((entry.key.clone(), to.into_owned()));
    }
    Some(OpSpec::Map(MapSpec { table: entries, other, other_at }))
}

fn read_other(section: &mut Section<'_>, faults: &mut Diagnostics<'_>) -> (Other, Origin) {
    let Some(text) = section.text("other", faults) else { return (Other::Drop, section.at()) };
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
            let mut faults = Diagnostics::new(&text);
            let table = Table::default();
            let mut section = Section::new(kind.name(), &table, Origin::default());
            read(kind, &mut section, &mut faults);
            let known: BTreeSet<_> = section.known().iter().collect();
            assert_eq!(known, kind.parameters().iter().collect(), "{}", kind.name());
        }
    }
}
