//! Faulty definitions, each with the place and the words that its message must have.
//!
//! A case is a definition under `tests/definitions/` and what is expected of it beside it.

use std::{fs, path::Path};

use serde::Deserialize;
use serde_json::Value;

use crate::support::program::{code, files_below, segprep, stderr};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Expected {
    #[expect(dead_code, reason = "for the reader of the case")]
    about: String,
    exit: i32,
    line: Option<u64>,
    column: Option<u64>,
    /// Words of the message or its help.
    #[serde(default)]
    contains: Vec<String>,
    /// Texts that must not be shown.
    #[serde(default)]
    hides: Vec<String>,
}

#[test]
fn every_fault_is_shown_at_its_place() {
    let cases: Vec<_> = files_below(Path::new("tests/definitions"))
        .into_iter()
        .filter(|path| path.extension().is_some_and(|end| end == "expected"))
        .collect();
    assert!(200 <= cases.len(), "only {} cases were found", cases.len());
    let faults: Vec<String> = cases.iter().flat_map(|case| faults_of(case)).collect();
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
}

fn faults_of(path: &Path) -> Vec<String> {
    let text = fs::read_to_string(path).expect("a case");
    let expected: Expected =
        toml::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let definition = path.with_extension("toml");
    let run = |json: bool| {
        let mut command = segprep();
        command.arg("run").arg(&definition).args(json.then_some("--json"));
        command.output().expect("the program runs")
    };
    let (plain, machine) = (run(false), run(true));
    let (shown, lines) = (stderr(&plain), stderr(&machine));
    let mut faults = Vec::new();
    let mut check = |holds: bool, what: String| {
        if !holds {
            faults.push(format!("{}: {what}\n{shown}", path.display()));
        }
    };
    check(code(&plain) == expected.exit, format!("exit is {}", code(&plain)));
    for word in &expected.contains {
        let is_there = shown.to_lowercase().contains(&word.to_lowercase());
        check(is_there, format!("does not say {word:?}"));
    }
    for text in &expected.hides {
        let is_there = shown.contains(text) || lines.contains(text);
        check(!is_there, format!("shows {text:?}"));
    }
    let errors: Vec<Value> = lines
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|event| event["event"] == "error")
        .collect();
    let is_at = |key: &str, wanted: Option<u64>| {
        wanted.is_none_or(|wanted| errors.iter().any(|error| error[key] == wanted))
    };
    let place = (is_at("line", expected.line), is_at("column", expected.column));
    check(place == (true, true), format!("is not at {:?}:{:?}", expected.line, expected.column));
    faults
}
