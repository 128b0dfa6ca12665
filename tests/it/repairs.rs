//! Repairs: cases of single values under `tests/repairs/`, and properties of all repairs.

use std::fs;

use proptest::{collection::vec, prelude::*, sample::select};
use segprep::decode::Format;
use segprep::decode::frame::LineEnd;
use segprep::record::{DescribedProblem, setting};
use segprep::schema::Schema;
use serde_json::{Value, json};

use crate::support::in_process::InProcess;
use crate::support::property::{check_property, check_property_times, times};
use crate::support::records::records;

fn pinpoint() -> Schema {
    Schema::shipped("pinpoint").expect("it is shipped")
}

fn with(sets: &[&str]) -> InProcess {
    InProcess::keeping_everything(pinpoint(), sets)
}

/// The written form of a record, or its problems.
fn outcome(program: &InProcess, record: &Value) -> Result<Value, Vec<DescribedProblem>> {
    let block =
        program.block(format!("{record}\n").as_bytes(), 0, &Format::JsonLines(LineEnd::Newline));
    match block.rejects.into_iter().next() {
        Some(reject) => Err(reject.problems),
        None => Ok(serde_json::from_slice(&block.json.bytes).expect("a record is JSON")),
    }
}

/// A file of cases: the repair, the field and its code, and the rest of the record.
struct Cases {
    name: &'static str,
    set: &'static str,
    field: &'static str,
    code: &'static str,
    record: fn(&str, &str) -> Value,
}

const CASES: [Cases; 8] = [
    Cases {
        name: "phone",
        set: r#"repair.phone={ region_from = "Location.Country" }"#,
        field: "/Address",
        code: "phone",
        record: |value, country| match country {
            "" => json!({"ChannelType": "SMS", "Address": value}),
            _ => json!({"ChannelType": "SMS", "Address": value, "Location": {"Country": country}}),
        },
    },
    Cases {
        name: "country",
        set: "repair.country=true",
        field: "/Location/Country",
        code: "country",
        record: |value, _| json!({"Id": "1", "Location": {"Country": value}}),
    },
    Cases {
        name: "locale",
        set: "repair.locale={}",
        field: "/Demographic/Locale",
        code: "locale",
        record: |value, _| json!({"Id": "1", "Demographic": {"Locale": value}}),
    },
    Cases {
        name: "timezone",
        set: "repair.timezone=true",
        field: "/Demographic/Timezone",
        code: "timezone",
        record: |value, _| json!({"Id": "1", "Demographic": {"Timezone": value}}),
    },
    Cases {
        name: "email",
        set: "repair.email=true",
        field: "/Address",
        code: "email",
        record: |value, _| json!({"ChannelType": "EMAIL", "Address": value}),
    },
    Cases {
        name: "dates",
        set: "repair.dates=true",
        field: "/EffectiveDate",
        code: "date",
        record: |value, _| json!({"Id": "1", "EffectiveDate": value}),
    },
    Cases {
        name: "channel",
        set: "repair.channel=true",
        field: "/ChannelType",
        code: "enum",
        record: |value, _| json!({"ChannelType": value, "Address": address_for(value)}),
    },
    Cases {
        name: "optout",
        set: "repair.optout=true",
        field: "/OptOut",
        code: "enum",
        record: |value, _| json!({"Id": "1", "OptOut": value}),
    },
];

/// A valid address for a channel, if the channel is valid.
fn address_for(channel: &str) -> &'static str {
    match channel.chars().next() {
        Some('S' | 's' | 'V' | 'v') => "+12025550191",
        _ => "ana@example.com",
    }
}

#[test]
fn every_value_is_repaired_as_its_case_says() {
    let (mut failures, mut all) = (Vec::new(), 0);
    for cases in &CASES {
        let program = with(&[cases.set]);
        let text = fs::read_to_string(format!("tests/repairs/{}.tsv", cases.name));
        let text = text.expect("a file of cases");
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            all += 1;
            let mut cells = line.split('\t');
            let mut cell = || cells.next().unwrap_or_default();
            let (given, wanted, beside) = (cell(), cell(), cell());
            let found = match outcome(&program, &(cases.record)(given, beside)) {
                Ok(record) if record.pointer(cases.field) == Some(&json!(given)) => "=".to_owned(),
                Ok(record) => record.pointer(cases.field).map_or_else(String::new, |value| {
                    value.as_str().unwrap_or_default().to_owned()
                }),
                Err(problems) if problems.iter().all(|p| p.code == cases.code) => "-".to_owned(),
                Err(problems) => format!("{problems:?}"),
            };
            if found != wanted {
                failures.push(format!("{} {line:?} gives {found:?}", cases.name));
            }
        }
    }
    assert!(failures.is_empty(), "{} failures:\n{}", failures.len(), failures.join("\n"));
    assert!(600 <= all, "only {all} cases were read");
}

/// The repairs that never change a valid value.
const STRICT: [&str; 6] = [
    "repair.phone={ region = \"US\" }",
    "repair.country=true",
    "repair.channel=true",
    "repair.optout=true",
    "repair.locale=true",
    "repair.lists=true",
];

/// The repairs that change the spelling of valid values.
const SPELLING: [&str; 4] =
    ["repair.trim=true", "repair.timezone=true", "repair.email=true", "repair.dates=true"];

fn all_repairs() -> Vec<&'static str> {
    STRICT.into_iter().chain(SPELLING).collect()
}

#[test]
fn a_valid_value_is_never_changed() {
    let (plain, repairing) = (with(&[]), with(&STRICT));
    check_property(&records(&pinpoint()), |record| {
        let before = outcome(&plain, &record);
        prop_assert!(before.is_ok());
        prop_assert_eq!(before, outcome(&repairing, &record));
        Ok(())
    });
}

/// A repair that changes the spelling of a valid value keeps it valid, and keeps its meaning.
#[test]
fn another_spelling_has_the_same_meaning() {
    let repairing = with(&all_repairs());
    check_property(&records(&pinpoint()), |record| {
        let after = outcome(&repairing, &record);
        prop_assert!(after.is_ok(), "{}: {:?}", record, after);
        let after = after.unwrap_or_default();
        prop_assert_eq!(&outcome(&repairing, &after), &Ok(after.clone()), "repaired again");
        let date = |record: &Value| {
            let text = record["EffectiveDate"].as_str()?.to_owned();
            text.parse::<jiff::Timestamp>().ok()
        };
        prop_assert_eq!(date(&record), date(&after));
        let address =
            |record: &Value| record["Address"].as_str().map(|text| text.trim().to_lowercase());
        prop_assert_eq!(address(&record), address(&after));
        Ok(())
    });
}

/// Records with values that need repairs, and with others.
fn dirty() -> impl Strategy<Value = Value> {
    let channel = select(vec!["Email", "sms", "FCM", "EMAIL", "SMS", "fax", " SMS", "voice "]);
    let address = select(vec![
        "(202) 555-0191",
        "+1 202 555 0191",
        "202",
        "ana@BÜCHER.example",
        "ana@x.example ",
        "0151 23456789",
        "+4915123456789",
        " +12025550191",
        "ana@",
        "x",
        " ",
    ]);
    let country = select(vec!["USA", "Germany", "DE", " US", "xx", "Congo", "", "  "]);
    let locale = select(vec!["en-US", "DE", "de_DE", "iw", " en", "xx"]);
    let timezone = select(vec!["US/Pacific", "CST", "europe/paris", "Europe/Paris ", "UTC"]);
    let date = select(vec!["2019-08-23", "2019-08-23T10:54+02:00", "2019-08-23T10:54Z", "today"]);
    let opt_out = select(vec!["all", "NONE", "yes", " None "]);
    let attribute = select(vec![
        json!("bare"),
        json!(5),
        json!(["x ", " y"]),
        json!(true),
        json!([1]),
        json!(" z "),
        json!({"a": 1}),
        json!([]),
        json!(""),
    ]);
    let metric = select(vec![json!(" 5 "), json!(5), json!("x")]);
    let maybe = proptest::option::of::<BoxedStrategy<Value>>;
    let text =
        |words: proptest::sample::Select<&'static str>| maybe(words.prop_map(Value::from).boxed());
    (
        text(channel), text(address), text(country), text(locale), text(timezone), text(date),
        text(opt_out), maybe(attribute.boxed()), maybe(metric.boxed()),
    )
        .prop_map(|(channel, address, country, locale, timezone, date, opt_out, attribute, metric)| {
            json!({
                "Id": if channel.is_none() && address.is_none() { json!("i1") } else { Value::Null },
                "ChannelType": channel, "Address": address, "OptOut": opt_out, "EffectiveDate": date,
                "Location": {"Country": country},
                "Demographic": {"Locale": locale, "Timezone": timezone},
                "Attributes": {"A": attribute}, "Metrics": {"M": metric},
            })
        })
}

#[test]
fn repairs_are_idempotent() {
    let repairing = with(&all_repairs());
    check_property(&dirty(), |record| {
        if let Ok(once) = outcome(&repairing, &record) {
            prop_assert_eq!(&outcome(&repairing, &once), &Ok(once.clone()));
            let line = format!("{once}\n");
            let block = repairing.block(line.as_bytes(), 0, &Format::JsonLines(LineEnd::Newline));
            prop_assert!(block.repairs.is_empty(), "{:?}", block.repairs);
        }
        Ok(())
    });
}

/// A record that is written without a repair is also written with it.
#[test]
fn no_repair_causes_a_reject() {
    let (plain, repairing) = (with(&[]), with(&all_repairs()));
    check_property(&dirty(), |record| {
        if outcome(&plain, &record).is_ok() {
            prop_assert!(outcome(&repairing, &record).is_ok());
        }
        Ok(())
    });
}

/// The repairs that a reject names fix it, and others do not.
#[test]
fn the_repairs_that_a_reject_names_fix_it() {
    const REGION: &str = "repair.phone={ region_from = \"Location.Country\" }";
    let set = |setting: &str| match setting {
        "repair.phone" => REGION.to_owned(),
        "repair.dates.zone" => "repair.dates={ zone = \"Europe/Berlin\" }".to_owned(),
        _ => format!("{setting}=true"),
    };
    let on =
        vec(select(vec!["repair.trim", "repair.channel", "repair.country", "repair.phone"]), 0..3);
    // Each case compiles several definitions.
    check_property_times(times(800), &(dirty(), on), |(record, on)| {
        let on: Vec<String> = on.into_iter().map(set).collect();
        let sets: Vec<&str> = on.iter().map(String::as_str).collect();
        let line = format!("{record}\n");
        let block = with(&sets).block(line.as_bytes(), 0, &Format::JsonLines(LineEnd::Newline));
        let Some(reject) = block.rejects.first() else { return Ok(()) };
        // Which region would be right is not known here.
        let is_named = |repair: &str| !repair.is_empty() && repair != setting::PHONE_REGION;
        for problem in reject.problems.iter().filter(|problem| is_named(&problem.repair)) {
            let more: Vec<String> = problem.repair.split(", ").map(set).collect();
            let more: Vec<&str> = more.iter().map(String::as_str).collect();
            let sets = [sets.as_slice(), &more].concat();
            let left = outcome(&with(&sets), &record).err().unwrap_or_default();
            let is_left = |left: &DescribedProblem| {
                (&left.field, left.code, left.detail)
                    == (&problem.field, problem.code, problem.detail)
            };
            prop_assert!(!left.iter().any(is_left), "{}: {:?}", record, problem);
        }
        if let Some((kinds, 1)) = block.repairable.first_key_value() {
            let more: Vec<String> = kinds.iter().map(|kind| set(kind.setting())).collect();
            let sets: Vec<&str> = sets.into_iter().chain(more.iter().map(String::as_str)).collect();
            prop_assert!(outcome(&with(&sets), &record).is_ok(), "{}: {:?}", record, kinds);
        }
        Ok(())
    });
}
