//! `[unique]` and `[users]`: what is written, rejected and dropped is what a plain program says that
//! compares every record with every other (`tests/together/plain.py`), for any number of threads and any
//! size of chunks; and what a run leaves behind of its temporary file, which is nothing.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use serde_json::{Map, Value, json};

use crate::support::mount::{Tmpfs, with_mounts};
use crate::support::program::{Place, run_with_stdin, segprep, stderr, toml_text};
use crate::support::property::times;
use crate::support::random::Random;
use crate::support::running::{Running, Site, assert_exit, assert_exit_saying, endpoints};
use crate::support::s3::run::{records, run};
use crate::support::s3::server::Server;
use crate::support::whole_runs::{Inputs, Resources, json_lines};

const DEFINITION: &str = "tests/together/definition.toml";

/// A record of one of few people, devices and days.
fn record(random: &mut Random) -> Value {
    let mut record = Map::new();
    let mut put = |name: &str, value: Value| drop(record.insert(name.to_owned(), value));
    if random.one_in(2) {
        put("Id", json!(format!("id-{}", random.below(6))));
    }
    let mails = ["ada@example.com", "Ada@Example.com", "bo@example.org", "BO@example.org"];
    let phones = ["+12065550100", "+12065550101"];
    if random.one_in(4) {
        put("ChannelType", json!(*random.of(&["SMS", "VOICE"])));
        put("Address", json!(*random.of(&phones)));
    } else {
        put("ChannelType", json!("EMAIL"));
        put("Address", json!(*random.of(&mails)));
    }
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
    if random.one_in(2) {
        put("User", json!({ "UserId": format!("user-{}", random.below(4)) }));
    }
    Value::Object(record)
}

fn settings(random: &mut Random) -> (Option<Value>, Option<Value>) {
    let by: [&[&str]; 5] = [
        &["ChannelType", "Address"],
        &["Address"],
        &["Id"],
        &["Location.City"],
        &["User.UserId", "ChannelType"],
    ];
    let by = *random.of(&by);
    let keep = *random.of(&["first", "last", "newest"]);
    let on = *random.of(&["input", "output"]);
    let mut unique = json!({ "by": by, "keep": keep, "on": on });
    if by.contains(&"Address") && random.one_in(2) {
        unique["normalize"] = json!("email.v1");
    }
    let over = *random.of(&["reject", "newest"]);
    let users = json!({ "max_endpoints": random.below(4) + 1, "over": over });
    match random.below(4) {
        0 => (None, Some(users)),
        1 => (Some(unique), Some(users)),
        _ => (Some(unique), None),
    }
}

/// Settings, and the records of two inputs.
fn case(random: &mut Random) -> Value {
    let (unique, users) = settings(random);
    let lines: Vec<String> =
        (0..random.below(50)).map(|_| record(random).to_string()).chain([valid()]).collect();
    json!({ "unique": unique, "users": users, "lines": lines })
}

fn valid() -> String {
    json!({ "Id": "last", "ChannelType": "EMAIL", "Address": "last@example.com" }).to_string()
}

/// What the plain program says of each case.
fn plain(cases: &[Value]) -> Vec<Value> {
    let mut command = Command::new("python3");
    command.arg("tests/together/plain.py");
    let output = run_with_stdin(command, &serde_json::to_vec(cases).expect("JSON"));
    assert!(output.status.success(), "{}", stderr(&output));
    serde_json::from_slice(&output.stdout).expect("a list")
}

fn toml(value: &Value) -> String {
    let members = value.as_object().expect("an object").iter();
    let members: Vec<String> = members.map(|(name, value)| format!("{name} = {value}")).collect();
    format!("{{ {} }}", members.join(", "))
}

/// The inputs of a case: its lines in two files.
fn inputs(case: &Value) -> Inputs {
    let mut inputs = Inputs::new(DEFINITION, &[]);
    for section in ["unique", "users"] {
        let settings = case.get(section).filter(|settings| !settings.is_null());
        inputs.sets.extend(settings.map(|settings| format!("{section}={}", toml(settings))));
    }
    let lines: Vec<&str> =
        case["lines"].as_array().expect("a list").iter().filter_map(Value::as_str).collect();
    let (first, second) = lines.split_at(lines.len() / 2);
    for (name, lines) in [("a.json", first), ("b.json", second)] {
        inputs.write(name, (lines.join("\n") + "\n").as_bytes());
    }
    inputs
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

#[test]
fn the_result_is_that_of_a_plain_program() {
    let mut random = Random(0x0007_09e7_4e12);
    let cases: Vec<Value> = (0..times(24)).map(|_| case(&mut random)).collect();
    for (number, (case, expected)) in cases.iter().zip(plain(&cases)).enumerate() {
        let inputs = inputs(case);
        let lines = case["lines"].as_array().map_or(0, |lines| lines.len() / 2);
        let first_lines = u64::try_from(lines).expect("few lines");
        for (threads, chunk_bytes) in [(1, None), (2, Some(1 + number * 7))] {
            let (place, result) = inputs.run(Resources { threads, chunk_bytes });
            result.unwrap_or_else(|error| panic!("case {number}: {error}"));
            let found = found(&place, first_lines);
            assert_eq!(found, expected, "case {number}, {threads} threads: {case}");
        }
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
    let inputs = inputs(&json!({
        "unique": settings["unique"], "users": settings["users"], "lines": lines,
    }));
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

/// The temporary file of a process, which has no name.
fn unnamed_file(pid: i32) -> Option<PathBuf> {
    let files = fs::read_dir(format!("/proc/{pid}/fd")).ok()?;
    let is_unnamed = |path: &PathBuf| {
        let target = fs::read_link(path).unwrap_or_default();
        target.to_string_lossy().ends_with("(deleted)")
    };
    files.filter_map(Result::ok).map(|file| file.path()).find(is_unnamed)
}

/// The file is read while the run is paused. Then the run is killed, and the next one succeeds.
#[test]
fn a_temporary_file_says_nothing_and_dies_with_the_run() {
    let site = Site::new();
    let mut command = twice(&site, 2_000, "40");
    let mut running = Running::start(&mut command);
    let pid = running.pid().as_raw_nonzero().get();
    let has_bytes = || {
        let file = unnamed_file(pid).and_then(|path| fs::metadata(path).ok());
        file.is_some_and(|file| 20_000 < file.len())
    };
    assert!(running.until(has_bytes), "there is no such file");
    running.while_paused(|| {
        let bytes = fs::read(unnamed_file(pid).expect("it is there")).expect("it can be read");
        for canary in ["example.com", "reader0000", "EMAIL", "endpoint-", "user-"] {
            let is_there = bytes.windows(canary.len()).any(|part| part == canary.as_bytes());
            assert!(!is_there, "`{canary}` is in the file");
        }
    });
    assert!(running.kill(), "the run had ended");
    let left: Vec<String> =
        site.left().into_iter().filter(|name| !name.contains(".segprep")).collect();
    assert!(left.is_empty(), "{left:?}");
    assert!(!site.left().iter().any(|name| name.ends_with("spill")), "{:?}", site.left());
    assert_exit(&mut twice(&site, 2_000, "4000"), 0);
    site.check_published();
    let records = &site.place.manifest()["records"];
    assert_eq!(
        (&records["written"], &records["dropped"]["duplicate"]),
        (&json!(2000), &json!(2000))
    );
}

#[test]
fn a_full_disk_is_a_clear_error() {
    with_mounts("together::a_full_disk_is_a_clear_error", || {
        let (site, spill) = (Site::new(), tempfile::tempdir().expect("a folder"));
        let mount = Tmpfs::mount(spill.path(), "32k");
        let spill = toml_text(&spill.path().to_string_lossy());
        let run = || {
            let mut command = twice(&site, 1_000, "40");
            command.arg("--set").arg(format!("run.spill={spill}"));
            command
        };
        let words = ["a temporary file in", "space", "`spill` under `[run]`"];
        assert_exit_saying(&mut run(), 74, &words);
        let left: Vec<String> = site.left();
        assert!(
            !left.iter().any(|name| name.contains("part-") || name.contains("manifest")),
            "{left:?}"
        );
        drop(mount);
        assert_exit(&mut run(), 0);
        site.check_published();
    });
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
