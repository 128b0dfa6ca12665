//! What a user is told: `segprep status`, and what another published run differs in.

use std::fs;
use std::process::Command;

use serde_json::{Value, json};

use super::{night, two_nights};
use crate::support::nights::{Nights, records};
use crate::support::program::code;
use crate::support::running::{Site, assert_exit, assert_exit_saying, endpoints};

/// What `status --json` prints, and its exit code with `--check`. Nothing is written.
fn status(nights: &Nights) -> (Value, i32) {
    let before = nights.files();
    let mut command = nights.command("status");
    let output = command.args(["--json", "--check"]).output().expect("it runs");
    assert!(nights.files() == before, "something was written");
    let schema = fs::read_to_string("schemas/status.schema.json").expect("a schema");
    let schema = serde_json::from_str(&schema).expect("JSON");
    let found = serde_json::from_slice(&output.stdout).expect("JSON");
    jsonschema::options().build(&schema).expect("a schema").validate(&found).expect("it fits");
    (found, code(&output))
}

#[track_caller]
fn check(nights: &Nights, run: &Value, inputs: [u64; 4], next: &str, expected: i32) {
    let (found, code) = status(nights);
    let [taken, new, changed, gone] = inputs;
    let (last, word) = (run.as_str(), run.as_str().map(|_| "published"));
    assert_eq!((found["run"].as_str(), found["status"].as_str()), (last, word), "{found}");
    let expected_inputs = json!({"taken": taken, "new": new, "changed": changed, "gone": gone});
    assert_eq!(found["inputs"], expected_inputs, "{found}");
    let said = found["next"].as_str().expect("a text");
    assert!(said.starts_with(next), "{said}");
    assert_eq!(code, expected, "{found}");
}

#[test]
fn the_status_says_what_is_new_and_what_comes_next() {
    for nights in [Nights::on_disk(), Nights::in_a_bucket()] {
        nights.put("in/a.ndjson", &records("a", 3));
        check(&nights, &Value::Null, [0, 1, 0, 0], "take 1 input", 4);
        assert_exit(&mut night(&nights, "1"), 0);
        check(&nights, &json!("1"), [1, 0, 0, 0], "nothing", 0);
        nights.put("in/b.ndjson", &records("b", 2));
        nights.put("in/c.ndjson", &records("c", 2));
        check(&nights, &json!("1"), [1, 2, 0, 0], "take 2 inputs", 4);
        assert_exit(&mut night(&nights, "2"), 0);
        let (found, _) = status(&nights);
        let counts = json!({"read": 4, "written": 4, "rejected": 0, "dropped": {"inactive": 0}});
        assert_eq!(found["records"], counts);
        nights.put("in/b.ndjson", &records("b", 7));
        check(&nights, &json!("2"), [2, 0, 1, 0], "fail", 4);
    }
}

#[test]
fn the_status_shows_broken_inputs_and_runs_that_did_not_end() {
    let nights = two_nights();
    nights.put("in/c.csv", "no,header,at,all\n1,2,3,4\n");
    nights.put("in/d.ndjson", &records("d", 1));
    assert_exit(night(&nights, "3").args(["--set", "input.on_bad_file=skip"]), 0);
    fs::remove_file(nights.path("in/a.ndjson")).expect("an input");
    let (found, code) = status(&nights);
    let inputs = json!({"taken": 3, "new": 0, "changed": 0, "gone": 1, "broken": 1});
    assert_eq!((&found["inputs"], code), (&inputs, 0));
    let page = assert_exit(&mut nights.command("status"), 0);
    let page = String::from_utf8(page.stdout).expect("text");
    assert!(page.contains("broken") && page.contains("in/c.csv"), "{page}");
    // A note of a run that is working, or was killed.
    let list = fs::read_to_string(nights.path("state/taken.ndjson")).expect("a list");
    let run = list.lines().find(|line| line.contains("\"run\":\"3\"")).expect("a run");
    let run: Value = serde_json::from_str(run).expect("JSON");
    let begun =
        json!({"segprep_state": 1, "run": "3", "date": run["date"], "account": run["account"]});
    fs::write(nights.path("state/begun.json"), begun.to_string()).expect("a note");
    let page = assert_exit(nights.command("status").arg("--check"), 4);
    let page = String::from_utf8(page.stdout).expect("text");
    assert!(page.contains("run 3 has begun and not ended"), "{page}");
}

#[test]
fn a_run_over_budget_is_the_last_one_and_took_nothing() {
    let nights = two_nights();
    nights.put("in/c.ndjson", &"{}\n".repeat(9));
    assert_exit(night(&nights, "3").args(["--set", "account.max_reject_ratio=0.1"]), 3);
    let (found, code) = status(&nights);
    assert_eq!((found["run"].as_str(), found["status"].as_str()), (Some("3"), Some("over_budget")));
    assert_eq!((found["inputs"]["new"].as_u64(), code), (Some(1), 4));
}

#[test]
fn without_a_list_the_account_says_what_was_taken() {
    let site = Site::with(&endpoints(2));
    assert_exit(&mut site.run(), 0);
    let status = || {
        let mut command = site.run_as("status");
        let output = command.args(["--json", "--check"]).output().expect("it runs");
        let found: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        (found["inputs"].clone(), found["next"].as_str().expect("a text").to_owned(), code(&output))
    };
    let inputs = |counts: [u64; 4]| {
        let [taken, new, changed, gone] = counts;
        json!({"taken": taken, "new": new, "changed": changed, "gone": gone})
    };
    assert_eq!(status(), (inputs([1, 0, 0, 0]), "nothing".to_owned(), 0));
    site.input("b.ndjson", &endpoints(1));
    let (found, next, code) = status();
    assert_eq!((found, code), (inputs([1, 1, 0, 0]), 4));
    assert!(next.contains("--overwrite"), "{next}");
}

/// What the next run would do with these settings, as `status` says it, and the exit code of that run.
#[track_caller]
fn check_next(site: &Site, settings: &[&str], next: &str, run: i32) {
    let with_settings = |mut command: Command| {
        command.args(settings.iter().flat_map(|set| ["--set", *set]));
        command
    };
    let left = site.left();
    let output = assert_exit(with_settings(site.run_as("status")).arg("--json"), 0);
    assert_eq!(site.left(), left, "something was written");
    let found: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let said = found["next"].as_str().expect("a text");
    assert!(said.starts_with(next), "{said}");
    assert_exit(&mut with_settings(site.run()), run);
}

#[test]
fn the_status_says_what_would_block_the_next_run() {
    let site = Site::with(&endpoints(2));
    let key = site.folder().join("key");
    fs::write(&key, format!("hex:{}", "0a1b".repeat(16))).expect("a key");
    let keyed = ["keys.current=\"k1\"", &format!("keys.k1=\"file:{}\"", key.display())];
    check_next(&site, &keyed, "take 1 input", 0);
    check_next(&site, &keyed, "nothing", 0);
    let another = "fail: another result is published";
    let other = [keyed[0], keyed[1], "fields.\"Attributes.Plan\"=drop"];
    check_next(&site, &other, another, 73);
    fs::write(&key, format!("hex:{}", "2c3d".repeat(16))).expect("a key");
    check_next(&site, &keyed, another, 73);
    // A key that this machine does not have is taken for the one that the result has.
    fs::remove_file(&key).expect("a key");
    check_next(&site, &keyed, "nothing", 77);
    fs::write(&key, format!("hex:{}", "0a1b".repeat(16))).expect("a key");

    let part = site.place.to().join("job-000/part-00000.json");
    let text = fs::read(&part).expect("a part");
    fs::remove_file(&part).expect("a part");
    check_next(&site, &keyed, "fail: this run is published already, but its result is not", 73);
    fs::write(&part, text).expect("a part");
    let manifest = site.place.account().join("manifest.json");
    fs::write(&manifest, "no JSON").expect("a manifest");
    check_next(&site, &keyed, "fail: `", 73);
    fs::remove_file(site.inputs().join("a.ndjson")).expect("an input");
    fs::remove_file(&manifest).expect("a manifest");
    check_next(&site, &keyed, "fail: there is nothing to read", 66);
}

#[test]
fn the_status_finds_files_and_shards_in_the_way() {
    let site = Site::with(&endpoints(2));
    fs::create_dir(site.place.to()).expect("a folder");
    fs::write(site.place.to().join("diary.txt"), "x").expect("a file");
    check_next(&site, &[], "fail: `", 73);
    let site = Site::with(&endpoints(2));
    assert_exit(site.run().args(["--shard", "0/2"]), 0);
    check_next(&site, &[], "fail: `", 73);
}

/// What is there of another day counts for nothing, as of that run.
#[test]
fn a_day_that_has_its_result_is_told() {
    let nights = Nights::on_disk();
    let by_date = |name: &str| {
        let mut command = nights.command(name);
        let at = |name: &str| nights.place(&format!("out/{{date}}/{name}/"));
        command.arg("--set").arg(format!("output.0.to={:?}", at("import")));
        command.arg("--set").arg(format!("account.to={:?}", at("account")));
        command
    };
    nights.put("in/0.ndjson", &records("0", 1));
    assert_exit(by_date("run").args(["--quiet", "--date", "-1d"]), 0);
    nights.put("in/a.ndjson", &records("a", 3));
    assert_exit(by_date("run").arg("--quiet"), 0);
    nights.put("in/b.ndjson", &records("b", 2));
    let output = assert_exit(by_date("status").arg("--json"), 0);
    let found: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let next = found["next"].as_str().expect("a text");
    assert!(next.starts_with("fail: another result is published"), "{next}");
    let words = ["inputs: 1 new, 0 changed, 0 gone"];
    assert_exit_saying(&mut by_date("run"), 73, &words);
}

/// Of a definition whose runs have places of their own, the last result is verified.
#[test]
fn the_last_result_on_the_list_is_verified() {
    let nights = two_nights();
    assert_exit(nights.command("verify").arg("--quiet"), 0);
    let part = nights.path("out/2/import/job-000/part-00000.json");
    fs::write(part, records("other", 2)).expect("a part");
    assert_exit(nights.command("verify").arg("--quiet"), 4);
}

/// The lines of a message below its first.
fn differences(site: &Site, settings: &[&str]) -> Vec<String> {
    let mut run = site.run();
    for set in settings {
        run.args(["--set", set]);
    }
    let output = assert_exit(&mut run, 73);
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    let lines = message.lines().filter(|line| line.starts_with("  "));
    lines.map(|line| line.trim().to_owned()).collect()
}

#[test]
fn another_published_run_is_told_apart() {
    let site = Site::with(&endpoints(2));
    site.input("b.ndjson", &endpoints(1));
    let keyed = ["keys.current=demo", "keys.demo=\"demo:\""];
    let mut first = site.run();
    for set in keyed {
        first.args(["--set", set]);
    }
    assert_exit(&mut first, 0);
    let same = differences(&site, &[keyed[0], keyed[1], "output.0.max_bytes=1 MB"]);
    assert_eq!(same, ["definition: `output.0.max_bytes`"]);

    site.input("a.ndjson", &endpoints(3));
    site.input("c.ndjson", &endpoints(1));
    site.input("d.ndjson", &endpoints(1));
    fs::remove_file(site.inputs().join("b.ndjson")).expect("an input");
    assert_eq!(differences(&site, &keyed), ["inputs: 2 new, 1 changed, 1 gone"]);

    let manifest = site.place.account().join("manifest.json");
    let text = fs::read_to_string(&manifest).expect("a manifest");
    let text = text.replace("\"version\": \"0.2.0\"", "\"version\": \"0.0.9\\u001b[2J\"");
    fs::write(&manifest, text).expect("a manifest");
    let other = ["keys.current=demo", "keys.demo=\"demo:\"", "keys.k2=\"demo:\""];
    let found = differences(&site, &[&other[..], &["fields.\"Attributes.Plan\"=drop"]].concat());
    let expected = [
        "inputs: 2 new, 1 changed, 1 gone",
        "definition: `fields.\"Attributes.Plan\"`, `keys.k2`",
        "key: `k2`",
        "version: 0.0.9\\u{1b}[2J then, 0.2.0 now",
    ];
    assert_eq!(found, expected);
}
