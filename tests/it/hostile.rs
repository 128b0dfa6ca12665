//! Hostile and odd inputs, each with the outcome that it must have.
//!
//! A case is an input under `tests/hostile/RULE/` and a TOML file of the same name beside it.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use serde::Deserialize;
use serde_json::{Value, json};

use crate::support::program::{Place, code, files_below, segprep, set, stderr};

/// What a case wants. What is not named is not looked at.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    #[expect(dead_code, reason = "for the reader of the case")]
    about: String,
    #[serde(default)]
    set: Vec<String>,
    exit: i32,
    read: Option<u64>,
    written: Option<u64>,
    dropped: Option<BTreeMap<String, u64>>,
    blank: Option<u64>,
    /// Inputs that were passed over as broken.
    skipped: Option<u64>,
    output: Option<Vec<String>>,
    rejects: Option<Vec<Reject>>,
    unknown_fields: Option<BTreeMap<String, u64>>,
    repairs: Option<BTreeMap<String, BTreeMap<String, u64>>>,
    /// Rejects that repairs would mend, by their settings.
    by_repair: Option<BTreeMap<String, u64>>,
    /// The warnings, each by a part of it.
    warns: Option<Vec<String>>,
    /// Texts that the messages must hold.
    #[serde(default)]
    says: Vec<String>,
    /// Texts that neither messages nor account may hold.
    #[serde(default)]
    hides: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Reject {
    record: u64,
    line: u64,
    offset: u64,
    bytes: u64,
    problems: Vec<Problem>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Problem {
    field: String,
    code: String,
}

#[test]
fn every_case_ends_as_it_says() {
    let cases: Vec<PathBuf> = files_below(Path::new("tests/hostile"))
        .into_iter()
        .filter(|path| path.extension().is_some_and(|end| end == "toml"))
        .filter(|path| path.file_name().is_some_and(|name| name != "definition.toml"))
        .collect();
    assert!(600 <= cases.len(), "only {} cases were found", cases.len());
    let faults: Vec<String> = cases.iter().flat_map(|case| faults_of(case)).collect();
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
}

/// What is wrong with the outcome of a case, each with the case's path.
fn faults_of(path: &Path) -> Vec<String> {
    let text = fs::read_to_string(path).expect("a case");
    let case: Case = toml::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let input = ["ndjson", "json", "csv", "gz", "zst"]
        .map(|end| path.with_extension(end))
        .into_iter()
        .find(|input| input.exists())
        .unwrap_or_else(|| panic!("{}: has no input", path.display()));
    let place = Place::new();
    let mut command = segprep();
    command.args(["run", "tests/hostile/definition.toml", "--quiet"]);
    for setting in &case.set {
        command.arg("--set").arg(setting);
    }
    let from = serde_json::to_string(&[&input]).expect("a path");
    command.arg("--set").arg(format!("input.from={from}"));
    set(&mut command, "output.0.to", &place.to());
    set(&mut command, "account.to", &place.account());
    let output = command.output().expect("the program runs");

    let mut faults = Vec::new();
    let mut check = |what: &str, found: Value, wanted: Value| {
        if found != wanted {
            faults.push(format!("{}: {what} is {found}, wanted {wanted}", path.display()));
        }
    };
    let messages = stderr(&output);
    check("exit", json!(code(&output)), json!(case.exit));
    for text in &case.says {
        check(&format!("`{text}` in {messages:?}"), json!(messages.contains(text)), json!(true));
    }
    let account = files_below(&place.account());
    for text in &case.hides {
        let in_account = account.iter().any(|file| {
            String::from_utf8_lossy(&fs::read(file).expect("a file of the account")).contains(text)
        });
        check(
            &format!("hidden {text:?}"),
            json!(in_account || messages.contains(text)),
            json!(false),
        );
    }
    if matches!(code(&output), 0 | 3) {
        check_account(&case, &place, &mut check);
    }
    faults
}

fn check_account(case: &Case, place: &Place, check: &mut impl FnMut(&str, Value, Value)) {
    let manifest = place.manifest();
    let mut check_count = |what: &str, wanted: Option<u64>| {
        if let Some(wanted) = wanted {
            check(what, manifest["records"][what].clone(), json!(wanted));
        }
    };
    check_count("read", case.read);
    check_count("written", case.written);
    if let Some(dropped) = &case.dropped {
        check("dropped", manifest["records"]["dropped"].clone(), json!(dropped));
    }
    if let Some(skipped) = case.skipped {
        check("skipped", manifest["inputs"]["skipped"].clone(), json!(skipped));
    }
    if let Some(blank) = case.blank {
        let inputs = fs::read_to_string(place.account().join("inputs.ndjson")).expect("inputs");
        let found: u64 = inputs
            .lines()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok())
            .filter_map(|line| line["blank_lines"].as_u64())
            .sum();
        check("blank", json!(found), json!(blank));
    }
    if let Some(output) = &case.output {
        let found = String::from_utf8(place.parts()).expect("parts are UTF-8");
        check("output", json!(found.lines().collect::<Vec<_>>()), json!(output));
    }
    if let Some(unknown) = &case.unknown_fields {
        check("unknown_fields", manifest["unknown_fields"].clone(), json!(unknown));
    }
    if let Some(repairs) = &case.repairs {
        check("repairs", manifest["repairs"].clone(), json!(repairs));
    }
    if let Some(by_repair) = &case.by_repair {
        check("by_repair", manifest["rejects"]["by_repair"].clone(), json!(by_repair));
    }
    if let Some(parts) = &case.warns {
        let found = manifest["warnings"].as_array().expect("a list");
        check(&format!("{parts:?} of {found:?}"), json!(are_of(parts, found)), json!(true));
    }
    if let Some(wanted) = &case.rejects {
        let found: Vec<Value> = place.rejects().lines().map(place_and_problems).collect();
        let wanted: Vec<Value> = wanted.iter().map(Reject::as_value).collect();
        check("rejects", json!(found), json!(wanted));
    }
}

/// Whether each text is a part of one warning, in their order.
fn are_of(parts: &[String], warnings: &[Value]) -> bool {
    let is_of = |(part, warning): (&String, &Value)| {
        warning.as_str().is_some_and(|warning| warning.contains(part))
    };
    parts.len() == warnings.len() && parts.iter().zip(warnings).all(is_of)
}

/// A line of rejects with only what cases speak of.
fn place_and_problems(line: &str) -> Value {
    let reject: Value = serde_json::from_str(line).expect("a reject is JSON");
    let problems: Vec<Value> = reject["problems"]
        .as_array()
        .expect("problems are a list")
        .iter()
        .map(|problem| json!([problem["field"], problem["code"]]))
        .collect();
    json!([reject["record"], reject["line"], reject["offset"], reject["bytes"], problems])
}

impl Reject {
    fn as_value(&self) -> Value {
        let problems: Vec<Value> =
            self.problems.iter().map(|problem| json!([problem.field, problem.code])).collect();
        json!([self.record, self.line, self.offset, self.bytes, problems])
    }
}
