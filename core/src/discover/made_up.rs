//! Made-up records of the shape of those that were scanned, for the test of a definition. No value is from a
//! record, except words that the schema lists.

use serde_json::{Map, Value, json};

use super::choose::{Chosen, Found};
use super::meaning::Knowledge;
use super::report::ScanReport;
use crate::schema::Role;

/// Two records: one as they should be, and one whose address is not valid, if there are addresses. CSV if an input is CSV.
/// `is_open`: nobody knows what the words of the opt-out mean, so it has none.
pub(super) fn records(
    report: &ScanReport,
    chosen: &Chosen<'_>,
    is_open: bool,
    knowledge: &Knowledge,
) -> String {
    let is_silent = |found: &Found<'_>| is_open && found.path == knowledge.role_path(Role::OptOut);
    let is_address = |found: &Found<'_>| found.path == knowledge.role_path(Role::Address);
    let channel = channel(chosen, knowledge);
    let value = |found: &Found<'_>, is_valid: bool| {
        if is_silent(found) {
            Value::Null
        } else if is_address(found) && !is_valid {
            json!("no address")
        } else {
            let own = found.endpoint.and_then(|number| chosen.endpoints.get(number));
            value(found, own.map_or(&channel, |endpoint| &endpoint.channel), knowledge)
        }
    };
    let kinds: &[bool] =
        if chosen.fields.iter().any(is_address) { &[true, false] } else { &[true] };
    let csv = report.files.iter().find(|file| file.format == Some("csv"));
    let Some(csv) = csv else {
        let records = kinds.iter().map(|is_valid| {
            let mut record = Map::new();
            for found in chosen.fields.iter().filter(|f| !f.is_other && !is_silent(f)) {
                insert(&mut record, &found.name, value(found, *is_valid));
            }
            wrapped(record, report).to_string() + "\n"
        });
        return records.collect();
    };
    let delimiter = csv.delimiter.as_deref().unwrap_or(",");
    let row = |cells: Vec<String>| cells.join(delimiter) + "\n";
    let cell = |text: &str| cell(text, delimiter);
    let text_of = |value: Value| match value {
        Value::Null => String::new(),
        Value::String(text) => text,
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => value.to_string(),
    };
    if let Some(columns) = &chosen.columns {
        let rows = kinds.iter().map(|is_valid| {
            row(columns
                .iter()
                .map(|path| {
                    let found = chosen.fields.iter().find(|found| found.path == *path);
                    cell(&found.map_or_else(String::new, |found| text_of(value(found, *is_valid))))
                })
                .collect())
        });
        return rows.collect();
    }
    let of_csv = || {
        let own = chosen.fields.iter().filter(|found| !found.is_other);
        own.filter(|found| found.field.column.is_some())
    };
    let header = row(of_csv().map(|found| cell(&found.name)).collect());
    let rows = kinds.iter().map(|is_valid| {
        row(of_csv().map(|found| cell(&text_of(value(found, *is_valid)))).collect())
    });
    header + &rows.collect::<String>()
}

/// A record where the values of the inputs have theirs.
fn wrapped(record: Map<String, Value>, report: &ScanReport) -> Value {
    let path = report.files.iter().find_map(|file| file.records_in.as_deref());
    let names = path.into_iter().flat_map(|path| path.rsplit('.'));
    names.fold(Value::Object(record), |inner, name| json!({ name: inner }))
}

/// The channel that the records have.
fn channel(chosen: &Chosen<'_>, knowledge: &Knowledge) -> String {
    let path = knowledge.role_path(Role::Channel);
    let found = chosen.fields.iter().find(|found| found.path == path);
    let words = found.and_then(|found| found.field.values.first());
    let constant = chosen.constant.as_ref().map(|(_, word, _)| word.clone());
    words.map(|(word, _)| word.clone()).or(constant).unwrap_or_else(|| "EMAIL".to_owned())
}

/// A value for a field.
fn value(found: &Found<'_>, channel: &str, knowledge: &Knowledge) -> Value {
    let is = |role| found.path == knowledge.role_path(role);
    let text = if is(Role::Address) {
        match channel {
            "EMAIL" => "ada@example.com",
            "SMS" | "VOICE" => "+12025550142",
            _ => "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff",
        }
    } else if is(Role::Channel) {
        channel
    } else if is(Role::OptOut) {
        found.field.origin.opt_out_words.first().map_or("ALL", String::as_str)
    } else if let Some((word, _)) = found.field.values.first() {
        word
    } else {
        match found.path.as_str() {
            "Location.Country" => "DE",
            "Demographic.Locale" => "de_DE",
            "Demographic.Timezone" => "Europe/Berlin",
            "EffectiveDate" => "2026-03-01T10:00:00Z",
            "User.UserAttributes.Birthday" => "1988-02-09",
            "Location.PostalCode" => "10115",
            "Location.City" => "Berlin",
            "User.UserAttributes.FirstName" => "Ada",
            "User.UserAttributes.LastName" => "Example",
            "Location.Latitude" => return json!(52.52),
            "Location.Longitude" => return json!(13.41),
            path if path.starts_with("Metrics.") => return json!(42),
            path if path == knowledge.role_path(Role::Id) || path == "User.UserId" => "made-up-1",
            _ => "made up",
        }
    };
    if found.field.types.contains_key("array") { json!([text]) } else { json!(text) }
}

/// Puts a value at a dotted path; the names below a map are one name.
fn insert(record: &mut Map<String, Value>, path: &str, value: Value) {
    let maps = ["Attributes.", "Metrics.", "User.UserAttributes."];
    let map = maps.iter().find(|map| path.starts_with(**map)).map_or(0, |map| map.len());
    let (before, name) = path.split_at(map);
    let mut names: Vec<&str> = before.split('.').filter(|name| !name.is_empty()).collect();
    if map == 0 {
        names.extend(name.split('.'));
    } else {
        names.push(name);
    }
    let mut object = record;
    let Some((last, objects)) = names.split_last() else { return };
    for name in objects {
        let member = object.entry(*name).or_insert_with(|| Value::Object(Map::new()));
        let Value::Object(member) = member else { return };
        object = member;
    }
    object.insert((*last).to_owned(), value);
}

/// A cell, quoted if it has to be.
fn cell(text: &str, delimiter: &str) -> String {
    let needs_quotes = text.contains(delimiter) || text.contains(['"', '\n', '\r']);
    if needs_quotes { format!("\"{}\"", text.replace('"', "\"\"")) } else { text.to_owned() }
}
