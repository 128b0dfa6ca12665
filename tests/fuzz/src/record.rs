//! Nearly valid records through all stages: fields of the schema in any order, with any values. Most of
//! them are JSON, so they reach the stages after the decoder.

use std::sync::LazyLock;

use libfuzzer_sys::arbitrary::{Arbitrary, Unstructured};
use segprep::decode::Format;
use segprep::decode::frame::LineEnd;
use segprep::schema::Schema;
use serde_json::{Map, Value, json};

use crate::all_stages;

/// The paths of fields, and of names in maps that the plan has rules for.
static PATHS: LazyLock<Vec<String>> = LazyLock::new(|| {
    let schema = Schema::shipped("pinpoint").expect("it is shipped");
    let plan: toml::Table = toml::from_str(include_str!("../record.toml")).expect("TOML");
    let ruled = plan["fields"].as_table().expect("a table").keys().cloned();
    let nodes = schema.nodes.iter().map(|node| node.path.clone());
    nodes.chain(ruled).collect()
});

/// Values that are valid for some field.
const WORDS: [&str; 31] = [
    "EMAIL",
    "SMS",
    "APNS",
    "ALL",
    "NONE",
    "ACTIVE",
    "INACTIVE",
    "US",
    "Germany",
    "en_US",
    "en-us",
    "US/Pacific",
    "a@b.cc",
    "ada@example.com",
    "+12025550123",
    "(202) 555-0191",
    "1988-02-09",
    "2026-10-31T23:59:59.999+01:00",
    "17",
    "-2.5e3",
    "pro",
    "=1+1",
    "hmac:demo:00",
    "1",
    "NULL",
    "=\"02134\"",
    "'02134",
    "2025-03-30 02:30:00",
    "a, \"b, c\",,",
    "\u{feff}a@b.cc\u{200b}",
    "",
];

/// A limit, since a few choices can produce many records, each longer than the one before.
const BYTES_MAX: usize = 16 << 10;

/// A list of choices: a field and its value, or the end of a record.
pub fn check(data: &[u8]) {
    let Ok((block_bytes, choices)) =
        <(u8, Vec<(u8, Option<String>)>)>::arbitrary_take_rest(Unstructured::new(data))
    else {
        return;
    };
    let mut lines = Vec::new();
    let mut record = Map::new();
    for (choice, value) in choices {
        if BYTES_MAX < lines.len() {
            break;
        }
        match value {
            Some(text) => put(&mut record, choice, text),
            None => end(&mut record, choice, &mut lines),
        }
    }
    end(&mut record, 0, &mut lines);
    all_stages::check(
        &lines,
        &Format::JsonLines(LineEnd::Newline),
        0,
        1 + usize::from(block_bytes) * 64,
    );
}

/// Ends a record. Depending on the choice, the next one starts with its fields.
fn end(record: &mut Map<String, Value>, choice: u8, lines: &mut Vec<u8>) {
    lines.extend(serde_json::to_vec(record).expect("a map"));
    lines.push(b'\n');
    if choice % 2 == 0 {
        record.clear();
    }
}

fn put(record: &mut Map<String, Value>, choice: u8, mut text: String) {
    let path = &PATHS[usize::from(choice) % PATHS.len()];
    let mut bytes = text.bytes();
    let (kind, word) = (bytes.next().unwrap_or(0), bytes.next().unwrap_or(0));
    if kind % 2 == 0 {
        text = WORDS[usize::from(word) % WORDS.len()].to_owned();
    }
    let is_map =
        ["Attributes.", "Metrics.", "UserAttributes."].iter().any(|map| path.contains(map));
    let value = match (kind / 2) % 4 {
        0 if is_map && !path.starts_with("Metrics") => json!([text]),
        0 => text.into(),
        1 => serde_json::from_str(&text).unwrap_or_else(|_| text.into()),
        2 => json!([text, WORDS[usize::from(word / 2) % WORDS.len()]]),
        _ => json!({ "Plan": [text] }),
    };
    let mut object = record;
    let mut names: Vec<&str> = path.split('.').collect();
    let last = names.pop().unwrap_or_default();
    for name in names {
        let member = object.entry(name).or_insert_with(|| json!({}));
        if !member.is_object() {
            *member = json!({});
        }
        object = member.as_object_mut().expect("an object");
    }
    object.insert(last.to_owned(), value);
}
