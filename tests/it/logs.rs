//! `--log-format json`: each message of a run is a line of JSON on standard error, from `start` to `end`.

use std::process::Output;

use serde_json::{Value, json};

use crate::support::program::{Place, code, segprep, stderr, toml_text};

const EVENTS: [&str; 7] =
    ["start", "input", "progress", "warning", "reject_budget", "publish", "end"];

/// A run of the newsletter's sample with these arguments.
fn run(place: &Place, more: &[&str]) -> Output {
    let mut command = segprep();
    command.args(["run", "pipelines/newsletter.toml"]);
    place.set_paths(&mut command);
    command.args(more).output().expect("it runs")
}

/// The messages of a run, each of which has the form of one.
#[track_caller]
fn messages(output: &Output) -> Vec<Value> {
    let text = stderr(output);
    let lines: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("no JSON: {line}")))
        .collect();
    let first = lines.first().expect("a message");
    for line in &lines {
        let of = |name: &str| line[name].as_str().unwrap_or_else(|| panic!("no {name} in {line}"));
        let time: jiff::Timestamp = of("ts").parse().expect("a time");
        assert!(of("ts").ends_with('Z') && time <= jiff::Timestamp::now(), "{line}");
        assert!(["info", "warning", "error"].contains(&of("level")), "{line}");
        assert!(EVENTS.contains(&of("event")), "{line}");
        assert_eq!(line["run"], first["run"], "{line}");
        assert_eq!(of("event") == "start", line == first, "{text}");
    }
    let last = lines.last().expect("a message");
    assert_eq!((&last["event"], &last["code"]), (&json!("end"), &json!(code(output))), "{text}");
    assert_eq!(last["level"] == "error", code(output) != 0, "{text}");
    lines
}

fn of<'a>(messages: &'a [Value], event: &str) -> Vec<&'a Value> {
    messages.iter().filter(|line| line["event"] == event).collect()
}

#[test]
fn a_run_is_logged_from_start_to_end() {
    let place = Place::new();
    let output = run(&place, &["--log-format", "json"]);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    let lines = messages(&output);
    let start = of(&lines, "start");
    assert_eq!(start[0]["definition"], "pipelines/newsletter.toml");
    let inputs = of(&lines, "input");
    assert_eq!(inputs.len(), 3);
    let records: u64 = inputs.iter().filter_map(|line| line["records"].as_u64()).sum();
    assert_eq!(records, 33);
    let warning = of(&lines, "warning");
    assert!(warning[0]["message"].as_str().expect("a text").contains("published demo key"));
    let publish = of(&lines, "publish");
    assert_eq!((&publish[0]["parts"], &publish[0]["records"]), (&json!(1), &json!(26)));
    let end = of(&lines, "end");
    assert_eq!((&end[0]["status"], &end[0]["records"]["read"]), (&json!("published"), &json!(33)));
    // Standard output has the result alone, as text.
    let result = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(result.starts_with("published `newsletter` for messaging\n"), "{result}");
    // `--json` implies it. The result is one object.
    let output = run(&place, &["--json"]);
    let lines = messages(&output);
    assert_eq!(of(&lines, "end")[0]["status"], "already_published");
    let result: Value = serde_json::from_slice(&output.stdout).expect("one object");
    assert_eq!(result["event"], "summary");
    // The id that the user chose is that of the log; only what went wrong is left with `--quiet`.
    let quiet = ["--log-format=json", "--quiet", "--overwrite", "--run", "night-1"];
    let output = run(&place, &[&quiet[..], &["--set", "input.exclude=[\"*.csv\"]"]].concat());
    assert_eq!(code(&output), 0);
    for line in stderr(&output).lines() {
        let line: Value = serde_json::from_str(line).expect("JSON");
        assert_eq!((&line["event"], &line["run"]), (&json!("warning"), &json!("night-1")));
    }
}

/// Places of runs that began in the same second: this run takes the next id, and its log has that too.
#[test]
fn a_log_has_the_id_of_the_manifest() {
    let folder = tempfile::tempdir().expect("a folder");
    let now = jiff::Timestamp::now();
    for second in 0..120 {
        let time = now + jiff::SignedDuration::from_secs(second);
        let taken = folder.path().join(time.strftime("%Y%m%dT%H%M%SZ").to_string());
        std::fs::create_dir_all(taken.join("account")).expect("a folder");
    }
    let mut command = segprep();
    command.args(["run", "pipelines/newsletter.toml", "--log-format=json"]);
    command.args(["--set", "account.lineage=true"]);
    let to = |name: &str| {
        let path = folder.path().join("{run}").join(name).to_string_lossy().into_owned();
        toml_text(&path)
    };
    command.arg("--set").arg(format!("account.to={}", to("account")));
    command.arg("--set").arg(format!("output.0.to={}", to("import")));
    let output = command.output().expect("it runs");
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    let lines = messages(&output);
    let id = lines[0]["run"].as_str().expect("an id");
    assert!(id.ends_with("Z-2"), "{id}");
    let account = folder.path().join(id).join("account");
    let text = |name: &str| std::fs::read_to_string(account.join(name)).expect("a file");
    let manifest: Value = serde_json::from_str(&text("manifest.json")).expect("JSON");
    assert_eq!(manifest["run"], id);
    assert!(text("lineage.ndjson").contains(&format!("\"value\":\"{id}\"")), "{id}");
}

#[test]
fn what_went_wrong_is_logged_too() {
    let cases: [(&[&str], i32, &str, &str); 4] = [
        (&["--set", "account.max_rejects=1"], 3, "over_budget", ""),
        (&["--set", "input.from=[\"nowhere/\"]"], 66, "failed", "does not exist"),
        (&["--set", "keys.demo=\"env:SEGPREP_NOT_SET\""], 77, "failed", "is not set"),
        (&["--set", "purpose=1", "--set", "title=1"], 78, "failed", "purpose"),
    ];
    for (more, exit, status, words) in cases {
        let place = Place::new();
        let output = run(&place, &[more, &["--json"]].concat());
        assert_eq!(code(&output), exit, "{}", stderr(&output));
        let lines = messages(&output);
        let end = of(&lines, "end")[0];
        assert_eq!(end["status"], status, "{end}");
        assert!(end.to_string().contains(words), "{end}");
        let budget = of(&lines, "reject_budget");
        assert_eq!(budget.len(), usize::from(exit == 3));
        assert!(budget.iter().all(|line| {
            line["message"].as_str().is_some_and(|text| text.contains("max_rejects = 1"))
        }));
        if exit == 78 {
            assert_eq!(end["errors"].as_array().map(Vec::len), Some(2), "{end}");
        }
    }
}
