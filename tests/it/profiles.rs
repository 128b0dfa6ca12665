//! Profiles: rows, lists of opt-outs, and what is counted are those of a plain program that looks at all records of a
//! user again (`tests/profiles/plain.py`), for any number of threads and any size of chunks. No opt-out gets lost, and
//! no file exceeds a limit of `customer-profiles.toml`.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use segprep::engine::Cancel;
use segprep::run::{Progress, Stage, run};
use serde_json::{Map, Value, json};

use crate::support::plain::{Cases, inputs};
use crate::support::program::{Place, segprep, toml_text};
use crate::support::property::times;
use crate::support::random::Random;
use crate::support::running::{assert_exit, assert_exit_saying};
use crate::support::s3::run::run as run_in_buckets;
use crate::support::s3::server::Server;
use crate::support::whole_runs::Resources;

const DEFINITION: &str = "tests/profiles/definition.toml";

/// How many kinds of settings are tried in turn.
const KINDS: usize = 12;

/// A record of one of few users.
fn record(random: &mut Random) -> Value {
    let mut record = Map::new();
    let mut put = |name: &str, value: Value| drop(record.insert(name.to_owned(), value));
    let kind = random.below(8);
    if kind == 0 || random.one_in(2) {
        put("Id", json!(format!("id-{}", random.below(5))));
    }
    if 1 < kind {
        let (channel, address) = match random.below(5) {
            0 => ("GCM", format!("token-{}", random.below(3))),
            1 => ("VOICE", format!("+1206555010{}", random.below(7))),
            2 => ("SMS", format!("+1206555010{}", random.below(7))),
            _ => ("EMAIL", format!("ada{}@example.com", random.below(6))),
        };
        put("ChannelType", json!(channel));
        put("Address", json!(address));
    }
    match random.below(16) {
        0..=3 => put("OptOut", json!("ALL")),
        4..=7 => put("OptOut", json!("NONE")),
        8 => put("OptOut", json!("MAYBE")),
        _ => {}
    }
    match random.below(10) {
        0 => put("EndpointStatus", json!("INACTIVE")),
        1 => put("EndpointStatus", json!("ACTIVE")),
        2..=4 => {
            put("EffectiveDate", json!(format!("2026-01-0{}T00:00:00.00Z", random.below(3) + 1)));
        }
        5 => put("RequestId", json!(format!("request-{}", random.below(3)))),
        _ => {}
    }
    let names = ["Plan", "plan.name", "plan_name", "Größe", "k", "k_0", "OptOut_SMS", "___", "a,b"];
    let values = ["pro", "free, or not", "", "\"x\"", "y\nz", "ß", " "];
    for map in ["Attributes", "UserAttributes"] {
        let mut lists = Map::new();
        for _ in 0..random.below(4) {
            let items: Vec<&str> = (0..random.below(4)).map(|_| *random.of(&values)).collect();
            lists.insert((*random.of(&names)).to_owned(), json!(items));
        }
        if map == "Attributes" {
            put(map, Value::Object(lists));
        } else if kind == 1 || random.one_in(2) {
            let user = format!("user-{}", random.below(4));
            put("User", json!({ "UserId": user, map: lists }));
        }
    }
    if random.one_in(4) {
        put("Metrics", json!({ "Visits": random.below(3), "Plan": 7 }));
    }
    if random.one_in(4) {
        put("Demographic", json!({ "Make": random.of(&["A", "B"]), "Model": "M" }));
    }
    if random.one_in(3) {
        let long = "x".repeat(254 + random.below(4));
        let city = random.of(&["Bern", "Basel", &long]).to_string();
        put("Location", json!({ "City": city, "Region": "BE", "Latitude": random.below(3) }));
    }
    if kind == 0 {
        // An update.
        drop(record.shift_remove("User"));
    }
    Value::Object(record)
}

/// The settings of a kind.
fn settings(random: &mut Random, kind: usize) -> Value {
    let by: [&[&str]; 4] =
        [&["ChannelType", "Address"], &["Address"], &["Id"], &["User.UserId", "ChannelType"]];
    let by = *random.of(&by);
    let most = random.below(3) + 1;
    match kind {
        0 => json!({}),
        1 => json!({ "output.0.max_columns": *random.of(&[1, 2, 4, 9]) }),
        2 => json!({ "output.0.max_columns": 200 }),
        3 => json!({ "output.0.fields": fields(random) }),
        4 => json!({ "unique": { "by": by, "keep": "first" } }),
        5 => json!({ "unique": { "by": by, "keep": "last" } }),
        6 => json!({ "unique": { "by": by, "keep": "newest" } }),
        7 => json!({ "users": { "max_endpoints": most, "over": "reject" } }),
        8 => json!({ "users": { "max_endpoints": most, "over": "newest" } }),
        9 => json!({ "input.inactive": "keep", "output.0.fields": fields(random) }),
        10 => json!({ "input.inactive": "keep", "output.0.max_columns": 200 }),
        _ => json!({ "output.0.unplaced": "fail", "output.0.max_columns": 200 }),
    }
}

fn fields(random: &mut Random) -> Vec<&'static str> {
    let keys: [&[&str]; 4] = [&["User.UserId"], &["Id"], &["Id", "User.UserId"], &["User.*"]];
    let others = [
        "Address",
        "OptOut",
        "Attributes.*",
        "Attributes.Plan",
        "Metrics.*",
        "Location.City",
        "Demographic.*",
        "User.UserAttributes.*",
        "EffectiveDate",
        "RequestId",
    ];
    let mut fields = random.of(&keys).to_vec();
    fields.extend(others.into_iter().filter(|_| random.one_in(2)));
    fields
}

/// Settings, and the records of two inputs.
fn case(random: &mut Random, kind: usize) -> Value {
    let sets = settings(random, kind);
    // Fewer where nothing may be without a place.
    let most = if kind == KINDS - 1 { random.below(3) } else { random.below(40) };
    let valid = json!({ "Id": "last", "User": { "UserId": "last" } }).to_string();
    let lines = (0..most).map(|_| record(random).to_string()).chain([valid]);
    json!({ "sets": sets, "lines": lines.collect::<Vec<String>>() })
}

fn text(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

/// What a run has made of a case, in the form of the plain program.
fn found(place: &Place) -> Value {
    let manifest = place.manifest();
    let output = &manifest["outputs"][0];
    let mut unplaced: BTreeMap<String, u64> = BTreeMap::new();
    for (field, values) in output["profiles"]["unplaced"].as_object().expect("an object") {
        unplaced.insert(field.clone(), values.as_u64().expect("a number"));
    }
    json!({
        "profiles": text(&place.to().join("profiles/part-00000.csv")),
        "optout-sms": text(&place.to().join("lists/optout-sms.csv")),
        "suppress-email": text(&place.to().join("lists/suppress-email.csv")),
        "unplaced": unplaced,
        "emptied": output["emptied"],
        "rejected": manifest["records"]["rejected"],
        "unlisted": output["profiles"]["unlisted"].as_object().cloned().unwrap_or_default(),
    })
}

/// Names that an account does not show are counted by their lengths: here all are, so that both can be compared.
fn hidden(mut expected: Value) -> Value {
    let unplaced = expected["unplaced"].as_object().expect("an object").clone();
    let mut sums: BTreeMap<String, u64> = BTreeMap::new();
    for (field, values) in unplaced {
        *sums.entry(hidden_name(&field)).or_default() += values.as_u64().expect("a number");
    }
    expected["unplaced"] = json!(sums);
    expected
}

fn hidden_name(field: &str) -> String {
    for map in ["Attributes.", "Metrics.", "User.UserAttributes."] {
        if let Some(name) = field.strip_prefix(map)
            && !name.starts_with("(name of ")
        {
            return format!("{map}(name of {} characters)", name.chars().count());
        }
    }
    field.to_owned()
}

/// `SEGPREP_CASES_FACTOR=100` tries 200 inputs with each kind of settings.
#[test]
fn profiles_are_those_of_a_plain_program() {
    let mut random = Random(0x0009_70f1_1e5d);
    let count = usize::try_from(times(24)).expect("few cases");
    let cases: Vec<Value> = (0..count).map(|number| case(&mut random, number % KINDS)).collect();
    let cases = Cases {
        definition: DEFINITION,
        program: "tests/profiles/plain.py",
        all: cases,
        kinds: KINDS,
    };
    let done = cases.check(|case, expected, place, result| {
        result.unwrap_or_else(|error| panic!("{case}: {error}"));
        assert_eq!(hidden(found(place)), hidden(expected.clone()), "{case}");
    });
    // Whatever the settings can do happens.
    let happens = |name: &str| {
        done.iter().filter(|expected| expected["unlisted"].get(name).is_some()).count()
    };
    for name in ["inactive", "rejected", "duplicate", "user_limit"] {
        assert!(count / 100 <= happens(name), "{name} in {} of {count}", happens(name));
    }
}

fn lines_of(records: &[Value]) -> String {
    records.iter().flat_map(|record| [record.to_string(), "\n".to_owned()]).collect()
}

/// Runs the definition over these records. Returns the place, and the exit code.
fn run_over(records: &[Value], sets: &[&str]) -> (Place, i32, String) {
    run_over_text(&lines_of(records), sets)
}

fn run_over_text(lines: &str, sets: &[&str]) -> (Place, i32, String) {
    let (place, folder) = (Place::new(), tempfile::tempdir().expect("a folder"));
    fs::write(folder.path().join("input"), lines).expect("an input");
    let mut command = segprep();
    command.args(["run", DEFINITION]);
    place.set_paths(&mut command);
    let from = toml_text(&folder.path().to_string_lossy());
    command.arg("--set").arg(format!("input.from=[{from}]"));
    for set in sets {
        command.args(["--set", set]);
    }
    let output = command.output().expect("it runs");
    let messages = [output.stdout.clone(), output.stderr.clone()].concat();
    let messages =
        String::from_utf8_lossy(&messages).split_whitespace().collect::<Vec<_>>().join(" ");
    (place, output.status.code().expect("an exit code"), messages)
}

/// The rows of a file, the header among them.
fn csv_rows(text: &[u8]) -> Vec<Vec<String>> {
    let rows = csv::ReaderBuilder::new().has_headers(false).from_reader(text);
    let rows = rows.into_records().map(|row| row.expect("CSV"));
    rows.map(|row| row.iter().map(str::to_owned).collect()).collect()
}

/// The rows by column.
fn rows(place: &Place) -> Vec<BTreeMap<String, String>> {
    let text = fs::read(place.to().join("profiles/part-00000.csv")).expect("a part");
    let mut rows = csv_rows(&text).into_iter();
    let header = rows.next().expect("a header");
    rows.map(|row| header.iter().cloned().zip(row).collect()).collect()
}

const CHANNELS: [(&str, &str); 13] = [
    ("PUSH", ""),
    ("GCM", ""),
    ("APNS", ""),
    ("APNS_SANDBOX", ""),
    ("APNS_VOIP", ""),
    ("APNS_VOIP_SANDBOX", ""),
    ("ADM", ""),
    ("SMS", "optout-sms"),
    ("VOICE", "optout-sms"),
    ("EMAIL", "suppress-email"),
    ("BAIDU", ""),
    ("CUSTOM", ""),
    ("IN_APP", ""),
];

/// Whatever the channel, the opt-out is an attribute, and the address is on the list of its channel if there is one.
#[test]
fn no_opt_out_is_lost() {
    for (number, (channel, list)) in CHANNELS.into_iter().enumerate() {
        let address = match list {
            "optout-sms" => "+12065550100",
            "suppress-email" => "ada@example.com",
            _ => "token",
        };
        let one = |opt_out: &str| {
            json!({ "ChannelType": channel, "Address": address, "OptOut": opt_out,
                    "User": { "UserId": "ada" } })
        };
        // The first is opted out, or a later one, or a duplicate of the one that stays; or only a list of people.
        let records = match number % 3 {
            0 => vec![one("ALL"), one("NONE")],
            1 => vec![one("NONE"), one("ALL")],
            _ => vec![one("ALL")],
        };
        for sets in [&[][..], &["unique={ by = [\"ChannelType\", \"Address\"] }"]] {
            let (place, code, messages) = run_over(&records, sets);
            assert_eq!(code, 0, "{channel}: {messages}");
            let row = rows(&place).remove(0);
            assert_eq!(row["Attributes_OptOut"], "ALL", "{channel}");
            assert_eq!(row[&format!("Attributes_OptOut_{channel}")], "ALL", "{channel}");
            for name in ["optout-sms", "suppress-email"] {
                let listed = text(&place.to().join(format!("lists/{name}.csv")));
                assert_eq!(listed.contains(address), name == list, "{channel} in {name}: {listed}");
            }
        }
    }
}

/// Nor without a word where its record is not written.
#[test]
fn opt_outs_of_records_that_are_left_out_are_counted() {
    let one = |address: &str, status: &str, opt_out: &str| {
        json!({ "ChannelType": "EMAIL", "Address": address, "OptOut": opt_out, "EndpointStatus": status,
                "EffectiveDate": "2026-01-01T00:00:00Z", "User": { "UserId": "ada" } })
    };
    let records = [
        one("ada@example.com", "INACTIVE", "ALL"),
        one("ada@example.com", "INACTIVE", "NONE"),
        one("@", "ACTIVE", "ALL"),
        one("ada@example.org", "ACTIVE", "all"),
        one("ada@example.org", "ACTIVE", "NONE"),
        one("ada@example.net", "ACTIVE", "NONE"),
    ];
    let sets = [
        "repair.optout=true",
        "unique={ by = [\"Address\"], keep = \"newest\" }",
        "users={ max_endpoints = 1 }",
    ];
    let (place, code, messages) = run_over(&records, &sets);
    assert_eq!(code, 0, "{messages}");
    let unlisted = &place.manifest()["outputs"][0]["profiles"]["unlisted"];
    assert_eq!(*unlisted, json!({ "duplicate": 1, "inactive": 1, "rejected": 1 }));
    let words = "3 records that are opted out were left out (duplicate 1, inactive 1, rejected 1), and their \
                 addresses are on a list of opt-outs only if another record has that: `inactive = \"keep\"`";
    assert!(messages.contains(words), "{messages}");
    let (place, _, messages) = run_over(&records[4..], &sets);
    assert!(place.manifest()["outputs"][0]["profiles"]["unlisted"].is_null());
    assert!(!messages.contains("left out"), "{messages}");
}

/// An address stays on its list where `fields` leaves the opt-out out, and an opt-out without a list is counted then.
#[test]
fn fields_limit_rows_and_not_lists() {
    let records = [
        json!({ "ChannelType": "EMAIL", "Address": "ada@example.com", "OptOut": "ALL",
                "Attributes": { "Plan": ["pro"], "Mood": ["calm"] }, "User": { "UserId": "ada" } }),
        json!({ "ChannelType": "GCM", "Address": "token", "OptOut": "ALL", "User": { "UserId": "ada" } }),
        json!({ "Id": "device", "OptOut": "ALL", "User": { "UserId": "bo" } }),
    ];
    let fields = "output.0.fields=[\"User.UserId\", \"Attributes.Plan\"]";
    let (place, code, messages) = run_over(&records, &[fields]);
    assert_eq!(code, 0, "{messages}");
    let part = text(&place.to().join("profiles/part-00000.csv"));
    assert_eq!(part, "AccountNumber,Attributes_Plan\nada,pro\nbo,\n");
    let list = text(&place.to().join("lists/suppress-email.csv"));
    assert_eq!(list, "ada@example.com,COMPLAINT\n");
    let unplaced = &place.manifest()["outputs"][0]["profiles"]["unplaced"];
    assert_eq!(*unplaced, json!({ "OptOut": 2 }));
}

/// A value without a place is a warning, or ends the run; and so does a record that says not whose it is.
#[test]
fn values_without_a_place_are_counted() {
    let one = |city: &str| {
        json!({ "Id": "same", "ChannelType": "EMAIL", "Address": "ada@example.com",
                "Location": { "City": city }, "User": { "UserId": "ada" } })
    };
    let records = [one("Bern"), one("Basel"), one("Bern")];
    let (place, code, messages) = run_over(&records, &[]);
    assert_eq!(code, 0, "{messages}");
    assert!(
        messages.contains("1 value has no place in a profile, in `Location.City`"),
        "{messages}"
    );
    assert_eq!(rows(&place).remove(0)["City"], "Bern");
    let (place, code, messages) = run_over(&records, &["output.0.unplaced=\"fail\""]);
    assert_eq!(code, 3, "{messages}");
    assert!(messages.contains("`unplaced = \"fail\"` allows none"), "{messages}");
    let manifest = place.manifest();
    let unplaced = &manifest["outputs"][0]["profiles"]["unplaced"];
    assert_eq!(
        (&manifest["status"], unplaced),
        (&json!("over_budget"), &json!({ "Location.City": 1 }))
    );
    assert!(!place.to().join("profiles").exists());
    let (_, code, messages) = run_over(&records[..1], &["output.0.unplaced=\"fail\""]);
    assert_eq!(code, 0, "{messages}");

    let nobody = json!({ "ChannelType": "EMAIL", "Address": "ada@example.com" });
    let long = json!({ "Id": "x".repeat(256), "OptOut": "NONE" });
    let (place, code, messages) = run_over(&[one("Bern"), nobody, long], &[]);
    assert_eq!(code, 0, "{messages}");
    let rejects = place.rejects();
    for words in
        ["\"missing\"", "customer-profiles.toml#key", "customer-profiles.toml#value_length"]
    {
        assert!(rejects.contains(words), "{rejects}");
    }
}

/// An opt-out is counted if its channel has neither a list nor a column.
#[test]
fn an_opt_out_without_a_column_is_counted() {
    let push = json!({ "Id": "k", "ChannelType": "GCM", "Address": "token", "OptOut": "ALL" });
    let fields = "output.0.fields=[\"Id\", \"OptOut\"]";
    let narrow = [fields, "output.0.max_columns=2", "output.0.unplaced=\"fail\""];
    let (place, code, messages) = run_over(std::slice::from_ref(&push), &narrow);
    assert_eq!(code, 3, "{messages}");
    assert_eq!(place.manifest()["outputs"][0]["profiles"]["unplaced"], json!({ "OptOut": 1 }));
    let wide = [fields, "output.0.max_columns=3", "output.0.unplaced=\"fail\""];
    let (_, code, messages) = run_over(&[push], &wide);
    assert_eq!(code, 0, "{messages}");
}

/// However many names a user has, there is a place for the address and for fields of the schema.
#[test]
fn names_take_no_place_of_addresses() {
    let names = |from: usize| -> Value {
        let names = (from..from + 200).map(|name| (format!("w{name}"), json!(["p"])));
        json!({ "Id": "a", "Attributes": names.collect::<Map<String, Value>>() })
    };
    let mut records: Vec<Value> = (0..6).map(|part| names(200 * part)).collect();
    records.push(json!({ "Id": "a", "ChannelType": "EMAIL", "Address": "a@example.com",
                         "Location": { "City": "Bern" } }));
    let (place, code, messages) = run_over(&records, &["output.0.max_columns=8"]);
    assert_eq!(code, 0, "{messages}");
    let row = rows(&place).remove(0);
    assert_eq!((&*row["EmailAddress"], &*row["City"]), ("a@example.com", "Bern"));
    let attributes = row.keys().filter(|name| name.starts_with("Attributes_w")).count();
    let unplaced = &place.manifest()["outputs"][0]["profiles"]["unplaced"];
    let lost: u64 = unplaced.as_object().expect("a map").values().filter_map(Value::as_u64).sum();
    assert_eq!(attributes + usize::try_from(lost).unwrap(), 1_200);
}

/// Everything that is written is within the limits of the target's file.
#[test]
fn no_file_exceeds_a_limit_of_the_target() {
    let limits = fs::read_to_string("schemas/targets/customer-profiles.toml").expect("the target");
    let limits: Value = toml::from_str(&limits).expect("TOML");
    let number = |section: &str, name: &str| limits[section][name].as_u64().expect("a number");
    let mut records = Vec::new();
    for user in 0..600 {
        let names: Map<String, Value> = (0..40)
            .map(|name| (format!("Name.{}", name + user % 3), json!(["x".repeat(user % 100 + 1)])))
            .collect();
        let city = "ü".repeat(user % 300);
        records.push(json!({
            "ChannelType": "EMAIL", "Address": format!("reader{user}@example.com"), "OptOut": "ALL",
            "Attributes": names, "Location": { "City": city }, "User": { "UserId": format!("u{user}") },
        }));
    }
    let (place, code, messages) = run_over(&records, &["output.0.max_bytes=\"30 kB\""]);
    assert_eq!(code, 0, "{messages}");
    let (mut rows_found, mut parts) = (0, 0);
    for part in fs::read_dir(place.to().join("profiles")).expect("the parts") {
        let text = fs::read(part.expect("a part").path()).expect("a part");
        assert!(text.len() <= 30_000, "{} bytes", text.len());
        let rows = csv_rows(&text);
        assert!(u64::try_from(rows[0].len()).expect("few") <= number("limits", "columns"));
        for name in &rows[0] {
            let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "_-".contains(letter);
            assert!(name.chars().all(is_plain), "{name}");
            assert!(u64::try_from(name.len()).expect("short") <= number("limits", "field_length"));
        }
        for row in &rows[1..] {
            let longest = row.iter().map(|cell| cell.chars().count()).max().unwrap_or(0);
            let size: usize = row.iter().map(String::len).sum();
            assert!(u64::try_from(longest).expect("short") <= number("limits", "value_length"));
            assert!(u64::try_from(size).expect("short") <= number("limits", "profile_size"));
        }
        (rows_found, parts) = (rows_found + rows.len() - 1, parts + 1);
    }
    assert_eq!(rows_found, 600);
    assert!(1 < parts, "{parts} parts");
    check_field_map(&place, number("limits", "field_length"));
    let mut verify = segprep();
    verify.arg("verify").arg(place.account());
    assert_exit(&mut verify, 0);
}

/// Each column is in the field map, whose names and targets have the forms of the API.
fn check_field_map(place: &Place, name_max: u64) {
    let map: Value =
        serde_json::from_str(&text(&place.to().join("object-type.json"))).expect("JSON");
    let header = rows(place).remove(0);
    let fields = map["Fields"].as_object().expect("an object");
    assert_eq!(fields.len(), header.len());
    for (name, field) in fields {
        assert!(header.contains_key(name), "{name}");
        assert!(u64::try_from(name.len()).expect("short") <= name_max);
        assert_eq!(field["Source"], json!(format!("_source.{name}")));
        let target = field["Target"].as_str().expect("text");
        assert!(target.starts_with("_profile.") && target.ends_with(name.as_str()), "{target}");
    }
    assert_eq!(map["Keys"]["_account"][0]["FieldNames"], json!(["AccountNumber"]));
}

/// A list for SES has at most 100,000 lines a file.
#[test]
fn a_long_list_is_divided() {
    let record = |number: usize| {
        format!(
            "{{\"ChannelType\":\"EMAIL\",\"Address\":\"r{number}@example.com\",\"OptOut\":\"ALL\",\
             \"User\":{{\"UserId\":\"one\"}}}}\n"
        )
    };
    let text_of_all: String = (0..100_001).map(record).collect();
    let fields = "output.0.fields=[\"User.UserId\"]";
    let (place, code, messages) = run_over_text(&text_of_all, &[fields]);
    assert_eq!(code, 0, "{messages}");
    let lines = |name: &str| text(&place.to().join("lists").join(name)).lines().count();
    assert_eq!(
        (lines("suppress-email.csv"), lines("suppress-email-001.csv"), rows(&place).len()),
        (100_000, 1, 1)
    );
    assert_eq!(
        text(&place.to().join("lists/suppress-email-001.csv")),
        "r100000@example.com,COMPLAINT\n"
    );
}

#[test]
fn profiles_go_to_buckets_too() {
    let server = Server::start();
    let records = [
        json!({ "ChannelType": "SMS", "Address": "+12065550100", "OptOut": "ALL", "User": { "UserId": "ada" } }),
        json!({ "ChannelType": "EMAIL", "Address": "ada@example.com", "User": { "UserId": "ada" } }),
    ];
    server.put("in/a.ndjson", lines_of(&records));
    let spill = tempfile::tempdir().expect("a folder");
    let mut command = run_in_buckets(&server);
    command.args([
        "--set",
        "output.0.format=\"profiles-csv\"",
        "--set",
        "fields={ \"*\" = \"keep\" }",
    ]);
    command.args(["--chunk-bytes", "100", "--set"]);
    command.arg(format!("run.spill={}", toml_text(&spill.path().to_string_lossy())));
    assert_exit(&mut command, 0);
    let keys = server.keys();
    let of = |end: &str| {
        let key = keys.iter().find(|key| key.ends_with(end));
        let key = key.unwrap_or_else(|| panic!("no {end} in {keys:?}"));
        String::from_utf8(server.get(key).expect("an object")).expect("UTF-8")
    };
    assert_eq!(
        of("profiles/part-00000.csv"),
        "AccountNumber,PhoneNumber,EmailAddress,Attributes_OptOut,Attributes_OptOut_SMS\n\
         ada,+12065550100,ada@example.com,ALL,ALL\n"
    );
    assert_eq!(of("lists/optout-sms.csv"), "PhoneNumber\n+12065550100\n");
    assert_eq!(of("lists/suppress-email.csv"), "");
    assert!(of("object-type.json").contains("_profile.EmailAddress"));
    assert_eq!(fs::read_dir(spill.path()).expect("the folder").count(), 0);
}

/// Each phase has a name, and folding says how far it is.
#[test]
fn a_run_says_how_far_its_profiles_are() {
    let line = |number: usize| {
        let user = format!("user-{}", number % 700);
        json!({ "Id": number.to_string(), "User": { "UserId": user } }).to_string()
    };
    let lines: Vec<String> = (0..2_000).map(line).collect();
    let sets = json!({ "unique": { "by": ["Id"] } });
    let inputs = inputs(DEFINITION, &json!({ "sets": sets, "lines": lines }));
    // Partitions are divided, so folding reads some of them again.
    for chunk_bytes in [None, Some(1)] {
        let (place, progress) = (Place::new(), Progress::default());
        let options = inputs.options(Resources { threads: 2, chunk_bytes }, &place);
        run(&options, &progress, &Cancel::new()).expect("a result");
        assert_eq!(progress.view().folded, Some(100));
        let stages: Vec<Stage> = progress.stages().into_iter().map(|(stage, _)| stage).collect();
        assert_eq!(stages, Stage::ALL);
    }
}

/// Shards and retries are refused with words that say what does it instead.
#[test]
fn one_machine_makes_profiles() {
    for (command, words) in [
        (&["shards", DEFINITION, "--count", "2"][..], "one machine does that"),
        (&["run", DEFINITION, "--shard", "0/2"], "Spark"),
        (&["retry", DEFINITION], "a profile is made of all records of its user"),
    ] {
        let mut run = segprep();
        run.args(command);
        assert_exit_saying(&mut run, 78, &[words]);
    }
}

/// The page shows the first row of the sample.
#[test]
fn the_page_shows_a_row_of_the_sample() {
    let page = fs::read_to_string("docs/migrate.md").expect("the page");
    let part = "samples/profiles/expected/import/profiles/part-00000.csv";
    let part = fs::read_to_string(part).expect("the part");
    let rows: Vec<&str> = part.lines().take(2).collect();
    assert!(page.contains(&rows.join("\n")), "{rows:?}");
}

/// `verify` reads rows and lists.
#[test]
fn verify_finds_what_has_changed() {
    let records = [
        json!({ "ChannelType": "EMAIL", "Address": "ada@example.com", "OptOut": "ALL",
                "Attributes": { "Plan": ["pro"] }, "User": { "UserId": "ada" } }),
        json!({ "ChannelType": "SMS", "Address": "+12065550100", "OptOut": "ALL",
                "User": { "UserId": "bo" } }),
    ];
    let (place, code, messages) = run_over(&records, &[]);
    assert_eq!(code, 0, "{messages}");
    let verify = |words: &[&str], expected: i32| {
        let mut command = segprep();
        command.arg("verify").arg(place.account());
        let output = assert_exit(&mut command, expected);
        let shown = [output.stdout, output.stderr].concat();
        let shown =
            String::from_utf8_lossy(&shown).split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(words.iter().all(|word| shown.contains(word)), "{shown}");
        assert!(!shown.contains("ada@") && !shown.contains("ada#"), "{shown}");
    };
    verify(&[], 0);
    let changes = [
        (
            "profiles/part-00000.csv",
            "ada@",
            "ada#",
            "does not have the format of its field in column 3",
        ),
        ("profiles/part-00000.csv", "\nbo,", "\n,b,", "more or fewer cells"),
        ("lists/suppress-email.csv", "COMPLAINT", "COMPLAIN_", "is not an entry of this list"),
        ("lists/optout-sms.csv", "+1206", "01206", "is not an entry of this list"),
        ("lists/optout-sms.csv", "\n+12065550100", "\"+12065550100", "is not a list"),
        ("object-type.json", "_profile.EmailAddress", "_profileXEmailAddress", "a field of a form"),
        ("object-type.json", "\"Fields\"", "\"Felder\"", "is not a field map"),
    ];
    for (path, from, to, words) in changes {
        let file = place.to().join(path);
        let before = text(&file);
        assert!(before.contains(from), "{before}");
        fs::write(&file, before.replacen(from, to, 1)).expect("a file");
        verify(&[words], 4);
        fs::write(&file, before).expect("a file");
    }
    verify(&[], 0);
    // The field map is no part that is cut.
    let (place, code, messages) = run_over(&[json!({ "Id": "k" })], &["output.0.max_bytes=100"]);
    assert_eq!(code, 0, "{messages}");
    assert_exit(segprep().arg("verify").arg(place.account()), 0);
}

/// What the rules drop is in no file, and what they replace is replaced: also what tells profiles apart.
#[test]
fn rules_come_first() {
    let one = |address: &str, city: &str| {
        json!({ "Id": "device-canary", "ChannelType": "EMAIL", "Address": address,
                "Attributes": { "Plan": ["pro"], "Secret": ["secret-canary"] },
                "Location": { "City": city }, "User": { "UserId": "ada-canary" } })
    };
    let records = [one("ada@example.com", "Bern-canary"), one("ada@example.org", "Basel-canary")];
    let sets = [
        "keys={ current = \"demo\", demo = \"demo:\" }",
        "fields.\"User.UserId\"={ op = \"hmac\" }",
        "fields.\"Id\"=\"drop\"",
        "fields.\"Attributes.Secret\"=\"drop\"",
        "fields.\"Location.City\"={ op = \"mask\", keep_first = 1 }",
    ];
    let (place, code, messages) = run_over(&records, &sets);
    assert_eq!(code, 0, "{messages}");
    let rows = rows(&place);
    assert_eq!(rows.len(), 1, "{rows:?}");
    assert!(rows[0]["AccountNumber"].starts_with("hmac:demo:"), "{rows:?}");
    assert_eq!((&*rows[0]["City"], &*rows[0]["Attributes_Plan"]), ("B**********", "pro"));
    let files = [place.parts(), fs::read(place.account().join("manifest.json")).expect("it")];
    let all = String::from_utf8_lossy(&files.concat()).into_owned();
    assert!(!all.contains("canary") && !all.contains("Attributes_Secret"), "{all}");
    let mut verify = segprep();
    verify.arg("verify").arg(place.account());
    assert_exit(&mut verify, 0);
}

/// Inputs of the shapes that AWS documents: files for import as CSV and JSON, user IDs alone, and API bodies. Each is a
/// file in `tests/profiles/shapes` with what comes of it.
#[test]
fn documented_shapes_become_profiles() {
    let mut shapes = 0;
    for file in fs::read_dir("tests/profiles/shapes").expect("shapes") {
        let file = file.expect("a file").path();
        let shape: Value = toml::from_str(&text(&file)).expect("TOML");
        let of = |name: &str| shape[name].as_str().unwrap_or_default();
        let sets = shape["sets"].as_array().into_iter().flatten();
        let sets: Vec<&str> = sets.filter_map(Value::as_str).collect();
        let (place, code, messages) = run_over_text(of("input"), &sets);
        assert_eq!(code, 0, "{}: {messages}", file.display());
        let read = |path: &str| text(&place.to().join(path));
        assert_eq!(read("profiles/part-00000.csv"), of("profiles"), "{}", file.display());
        let phones = format!("PhoneNumber\n{}", of("phones"));
        assert_eq!(read("lists/optout-sms.csv"), phones, "{}", file.display());
        assert_eq!(read("lists/suppress-email.csv"), of("emails"), "{}", file.display());
        let manifest = place.manifest();
        let profiles = &manifest["outputs"][0]["profiles"];
        let counts = |value: &Value| value.as_object().cloned().unwrap_or_default();
        for name in ["unplaced", "unlisted"] {
            assert_eq!(counts(&profiles[name]), counts(&shape[name]), "{}", file.display());
        }
        let rejected = shape["rejected"].as_u64().unwrap_or(0);
        assert_eq!(manifest["records"]["rejected"], json!(rejected), "{}", file.display());
        shapes += 1;
    }
    assert_eq!(shapes, 13);
}
