//! `[unique]` and `[users]`: what is written, rejected and dropped is what a plain program says that
//! compares every record with every other (`tests/together/plain.py`), for any number of threads and any
//! size of chunks.

use std::fs;
use std::process::Command;

use serde_json::{Map, Value, json};

use crate::support::plain::{Cases, inputs};
use crate::support::program::{Place, segprep, toml_text};
use crate::support::property::times;
use crate::support::random::Random;
use crate::support::running::{Site, assert_exit, endpoints};
use crate::support::s3::run::{records, run};
use crate::support::s3::server::Server;
use crate::support::whole_runs::{Inputs, Resources, json_lines};

const DEFINITION: &str = "tests/together/definition.toml";

/// How many kinds of settings are tried in turn.
const KINDS: usize = 12;

/// A record of one of few people, devices and days.
fn record(random: &mut Random, kind: usize) -> Value {
    let mut record = Map::new();
    let mut put = |name: &str, value: Value| drop(record.insert(name.to_owned(), value));
    if random.one_in(2) {
        put("Id", json!(format!("id-{}", random.below(6))));
    }
    let mails = ["ada@example.com", "Ada@Example.com", "bo@example.org", "BO@example.org"];
    let phones = ["+12065550100", "+12065550101"];
    // Other channels take any text.
    let other = ["+1 206 555 0100", "0012065550101", "(206) 555-0100", "token"];
    let (channel, address) = match random.below(if kind == 7 { 9 } else { 12 }) {
        0..=2 => (*random.of(&["SMS", "VOICE"]), *random.of(&phones)),
        3..=5 if kind == 7 => ("CUSTOM", *random.of(&other)),
        _ => ("EMAIL", *random.of(&mails)),
    };
    put("ChannelType", json!(channel));
    put("Address", json!(address));
    match random.below(20) {
        0..=3 => put("OptOut", json!("ALL")),
        4..=8 => put("OptOut", json!("NONE")),
        9 => put("OptOut", json!("MAYBE")),
        10 => put("EndpointStatus", json!("INACTIVE")),
        _ => {}
    }
    if random.one_in(2) {
        put("Location", json!({ "City": *random.of(&["Bern", "Basel", "Genf", "B"]) }));
    }
    if random.one_in(2) {
        put("EffectiveDate", json!(format!("2026-01-0{}T00:00:00.00Z", random.below(4) + 1)));
    }
    put("Attributes", json!({ "Number": [random.below(1000).to_string()] }));
    // More than the target's 15 of one user, where that is the limit.
    let users = if kind == 10 { 1 } else { 4 };
    if kind == 10 || random.one_in(2) {
        put("User", json!({ "UserId": format!("user-{}", random.below(users)) }));
    }
    Value::Object(record)
}

fn unique(random: &mut Random, keep: &str, on: &str) -> Value {
    let by: [&[&str]; 5] = [
        &["ChannelType", "Address"],
        &["Address"],
        &["Id"],
        &["Location.City"],
        &["User.UserId", "ChannelType"],
    ];
    json!({ "by": random.of(&by), "keep": keep, "on": on })
}

/// The settings of a kind; whatever a kind does not say is random.
fn settings(random: &mut Random, kind: usize) -> Value {
    let keep = *random.of(&["first", "last", "newest"]);
    let (on, over) = (*random.of(&["input", "output"]), *random.of(&["reject", "newest"]));
    let normal =
        |form: &str| json!({ "by": ["Address"], "keep": keep, "on": on, "normalize": form });
    let most = random.below(4) + 1;
    match kind {
        0 => json!({ "unique": unique(random, "first", "input") }),
        1 => json!({ "unique": unique(random, "last", "input") }),
        2 => json!({ "unique": unique(random, "newest", "input") }),
        3 => json!({ "unique": unique(random, "first", "output") }),
        4 => json!({ "unique": unique(random, "last", "output") }),
        5 => json!({ "unique": unique(random, "newest", "output") }),
        6 => json!({ "unique": normal("email.v1") }),
        7 => json!({ "unique": normal("phone.v1") }),
        8 => json!({ "users": { "max_endpoints": most, "over": "reject" } }),
        9 => json!({ "users": { "max_endpoints": most, "over": "newest" } }),
        10 => json!({ "users": { "max_endpoints": "target", "over": over } }),
        _ => json!({
            "unique": unique(random, keep, on),
            "users": { "max_endpoints": most, "over": over },
        }),
    }
}

/// Settings, and the records of two inputs.
fn case(random: &mut Random, kind: usize) -> Value {
    let sets = settings(random, kind);
    let lines: Vec<String> =
        (0..random.below(50)).map(|_| record(random, kind).to_string()).chain([valid()]).collect();
    json!({ "sets": sets, "lines": lines })
}

fn valid() -> String {
    json!({ "Id": "last", "ChannelType": "EMAIL", "Address": "last@example.com" }).to_string()
}

/// What a run has made of a case, in the form of the plain program.
fn found(place: &Place, first_lines: u64) -> Value {
    let manifest = place.manifest();
    let rejects = json_lines(place.rejects().as_bytes());
    let rejects: Vec<Value> = rejects
        .iter()
        .map(|reject| {
            let record = reject["record"].as_u64().expect("a number");
            let is_second = reject["source"].as_str().expect("a name").ends_with("b.json");
            let before = if is_second { first_lines } else { 0 };
            json!([record + before, reject["problems"][0]["code"]])
        })
        .collect();
    let dropped = |reason: &str| manifest["records"]["dropped"][reason].as_u64().unwrap_or(0);
    json!({
        "part": String::from_utf8(place.parts()).expect("UTF-8"),
        "rejects": rejects,
        "dropped": {
            "inactive": dropped("inactive"),
            "duplicate": dropped("duplicate"),
            "user_limit": dropped("user_limit"),
        },
        "optout_merged": manifest["optout_merged"].as_u64().unwrap_or(0),
    })
}

/// `SEGPREP_CASES_FACTOR=100` tries 200 inputs with each kind of settings.
#[test]
fn the_result_is_that_of_a_plain_program() {
    let mut random = Random(0x0007_09e7_4e12);
    let count = usize::try_from(times(24)).expect("few cases");
    let cases: Vec<Value> = (0..count).map(|number| case(&mut random, number % KINDS)).collect();
    let cases = Cases {
        definition: DEFINITION,
        program: "tests/together/plain.py",
        all: cases,
        kinds: KINDS,
    };
    let done = cases.check(|case, expected, place, result| {
        result.unwrap_or_else(|error| panic!("{case}: {error}"));
        let lines = case["lines"].as_array().map_or(0, |lines| lines.len() / 2);
        let first_lines = u64::try_from(lines).expect("few lines");
        assert_eq!(found(place, first_lines), *expected, "{case}");
    });
    // Whatever the settings can do happens.
    let happens =
        |what: &str| done.iter().filter(|expected| expected["dropped"][what] != 0).count();
    for (kinds, what) in [(8, "duplicate"), (2, "user_limit"), (KINDS, "inactive")] {
        let rounds = count / KINDS;
        assert!(kinds * rounds / 4 <= happens(what), "{what} in {} of {count}", happens(what));
    }
}

/// The example of the page.
#[test]
fn the_page_shows_what_is_written() {
    let page = fs::read_to_string("docs/together.md").expect("the page");
    let (_, example) = page.split_once("## An example").expect("an example");
    let blocks: Vec<&str> = example.split("```").skip(1).step_by(2).take(3).collect();
    let text = |number: usize, kind: &str| blocks[number].strip_prefix(kind).expect("its kind");
    let settings: Value = toml::from_str(text(0, "toml\n")).expect("TOML");
    let lines: Vec<&str> = text(1, "json\n").lines().collect();
    let sets = json!({ "unique": settings["unique"], "users": settings["users"] });
    let inputs = inputs(DEFINITION, &json!({ "sets": sets, "lines": lines }));
    let (place, result) = inputs.run(Resources { threads: 1, chunk_bytes: None });
    result.expect("a result");
    assert_eq!(String::from_utf8_lossy(&place.parts()), text(2, "json\n"));
    let codes: Vec<Value> = json_lines(place.rejects().as_bytes())
        .iter()
        .map(|reject| reject["problems"][0]["code"].clone())
        .collect();
    assert_eq!(codes, ["enum", "user_endpoint_limit"]);
    assert_eq!(place.manifest()["optout_merged"], json!(1));
}

#[test]
fn a_test_of_a_definition_compares_its_records() {
    let mut command = segprep();
    command.args(["test", "tests/together/definition.test.toml"]);
    command.args(["--set", "unique={ by = [\"Address\"], keep = \"last\" }"]);
    command.args(["--set", "users={ max_endpoints = 1, over = \"newest\" }"]);
    assert_exit(&mut command, 0);
    let mut without = segprep();
    without.args(["test", "tests/together/definition.test.toml"]);
    assert_exit(&mut without, 4);
}

/// `preview` and `explain` name what they do not compute.
#[test]
fn a_look_at_single_records_says_what_it_leaves_out() {
    let site = Site::new();
    assert_exit(&mut twice(&site, 2, "4000"), 0);
    let mut explain = site.run_as("explain");
    let source = site.inputs().join("a.ndjson");
    explain.arg(source).args(["--record", "1"]);
    explain.args(["--set", "unique={ by = [\"ChannelType\", \"Address\"] }"]);
    let mut preview = site.run_as("preview");
    preview.args(["--set", "unique={ by = [\"ChannelType\", \"Address\"] }"]);
    for (mut command, words) in [
        (explain, ["`[unique]` is not applied here", "unless another record stays in its place"]),
        (preview, ["`[unique]` is not applied here", ""]),
    ] {
        let output = assert_exit(&mut command, 0);
        let shown = [output.stdout, output.stderr].concat();
        let shown = String::from_utf8_lossy(&shown).into_owned();
        let shown = shown.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(words.iter().all(|word| shown.contains(word)), "{shown}");
    }
}

#[test]
fn users_with_too_many_names_are_counted() {
    let mut text = String::new();
    for (user, records, names) in [("a", 3, 100), ("b", 3, 84), ("c", 3, 83), ("d", 9, 100)] {
        for record in 0..records {
            // Those of `d` are always the same.
            let name = |number: usize| if user == "d" { number } else { record * names + number };
            let names: Map<String, Value> =
                (0..names).map(|number| (format!("N{}", name(number)), json!(["x"]))).collect();
            let id = format!("{user}{record}");
            let record = json!({ "Id": id, "Attributes": names, "User": { "UserId": user } });
            text.extend([&*record.to_string(), "\n"]);
        }
    }
    let mut inputs = Inputs::new(DEFINITION, &["users={ max_endpoints = 9 }"]);
    inputs.sets.push("unique={ by = [\"Id\"] }".to_owned());
    inputs.write("a.json", text.as_bytes());
    for chunk_bytes in [None, Some(100)] {
        let (place, result) = inputs.run(Resources { threads: 2, chunk_bytes });
        result.expect("a result");
        let warnings = place.manifest()["warnings"].to_string();
        assert!(warnings.contains("2 users have more than 250 names"), "{warnings}");
    }
}

/// A definition whose records are compared; `site` has the same records twice.
fn twice(site: &Site, count: usize, chunk_bytes: &str) -> Command {
    site.input("a.ndjson", &endpoints(count));
    site.input("b.ndjson", &endpoints(count));
    let mut command = site.run();
    command.args(["--threads", "1", "--chunk-bytes", chunk_bytes]);
    command.args(["--set", "unique={ by = [\"ChannelType\", \"Address\"] }"]);
    command
}

#[test]
fn buckets_are_compared_too() {
    let server = Server::start();
    server.put("in/a.ndjson", records(0, 30));
    server.put("in/b.ndjson", records(20, 20));
    let spill = tempfile::tempdir().expect("a folder");
    let mut command = run(&server);
    command.args(["--chunk-bytes", "100", "--set", "unique={ by = [\"Address\"] }", "--set"]);
    command.arg(format!("run.spill={}", toml_text(&spill.path().to_string_lossy())));
    assert_exit(&mut command, 0);
    server.check_published(&records(0, 40));
    assert_eq!(fs::read_dir(spill.path()).expect("the folder").count(), 0);
}
