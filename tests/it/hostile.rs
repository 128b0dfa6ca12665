//! Hostile and unusual inputs, each with its outcome.
//!
//! A case is an input under `tests/hostile/RULE/` and, beside it, a TOML file of the same name, which says
//! which records are written and which are rejected, where and why.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use serde::Deserialize;
use serde_json::{Value, json};

use crate::support::program::{Place, code, files_below, segprep, set, stderr};

/// What a case expects. A run with an account (exit code 0 or 3) must have all [`Records`]; any other
/// leaves nothing. Everything else is optional, and not checked if absent.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    #[expect(dead_code, reason = "for the reader of the case")]
    about: String,
    /// The arguments of `--set`.
    #[serde(default)]
    set: Vec<String>,
    exit: i32,
    read: Option<u64>,
    written: Option<u64>,
    /// The lines of all parts.
    output: Option<Vec<String>>,
    /// In place of `output`, the lengths in bytes of its lines, for cases about sizes.
    output_lengths: Option<Vec<usize>>,
    rejects: Option<Vec<Reject>>,
    /// The records dropped, by reason. Absent: none.
    #[serde(default)]
    dropped: BTreeMap<String, u64>,
    /// The number of blank lines.
    blank: Option<u64>,
    /// The rows of the input; absent: the account does not say.
    rows: Option<u64>,
    /// The lines of the rejected records that are kept, after the header.
    kept: Option<Vec<String>>,
    /// The number of inputs that were skipped as bad.
    skipped: Option<u64>,
    unknown_fields: Option<BTreeMap<String, u64>>,
    repairs: Option<BTreeMap<String, BTreeMap<String, u64>>>,
    /// The invalid values that were removed, by field.
    removed_invalid: Option<BTreeMap<String, u64>>,
    /// Personal data that is kept, by field and detector.
    pii: Option<Vec<Value>>,
    /// What the rules with `scrub` did: path, values, changed, detectors.
    scrubbed: Option<Vec<Value>>,
    /// The values that rules met, by path; of those that are named here.
    values: Option<BTreeMap<String, u64>>,
    /// The rejects that repairs would fix, by the settings of these.
    by_repair: Option<BTreeMap<String, u64>>,
    /// A part of each warning.
    warns: Option<Vec<String>>,
    /// Texts that the messages contain.
    #[serde(default)]
    says: Vec<String>,
    /// Texts that neither messages nor account contain.
    #[serde(default)]
    hides: Vec<String>,
}

/// What becomes of the records of a case.
struct Records<'c> {
    read: u64,
    written: u64,
    output: Output<'c>,
    rejects: &'c [Reject],
}

enum Output<'c> {
    Lines(&'c [String]),
    Lengths(&'c [usize]),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Reject {
    record: u64,
    line: u64,
    offset: u64,
    bytes: u64,
    endpoint: Option<u64>,
    problems: Vec<Problem>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Problem {
    field: String,
    code: String,
    /// Absent: not checked.
    detail: Option<String>,
    /// Absent: not checked.
    repair: Option<String>,
}

#[test]
fn every_case_has_its_outcome() {
    let cases: Vec<PathBuf> = files_below(Path::new("tests/hostile"))
        .into_iter()
        .filter(|path| path.extension().is_some_and(|end| end == "toml"))
        .filter(|path| path.file_name().is_some_and(|name| name != "definition.toml"))
        .collect();
    assert!(600 <= cases.len(), "only {} cases were found", cases.len());
    let failures: Vec<String> = cases.iter().flat_map(|case| failures_of(case)).collect();
    assert!(failures.is_empty(), "{} failures:\n{}", failures.len(), failures.join("\n"));
}

/// The differences between what a case expects and its run, each with the path of the case.
fn failures_of(path: &Path) -> Vec<String> {
    let text = fs::read_to_string(path).expect("a case");
    let case: Case = toml::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let place = Place::new();
    let output = run(path, &case, &place);

    let mut failures = Vec::new();
    let mut check = |what: &str, found: Value, wanted: Value| {
        if found != wanted {
            failures.push(format!("{}: {what}: {found} and not {wanted}", path.display()));
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
        let is_shown = in_account || messages.contains(text);
        check(&format!("shows {text:?}"), json!(is_shown), json!(false));
    }
    match (code(&output), case.records()) {
        (0 | 3, Ok(records)) => {
            check_records(&records, &case, &place, &mut check);
            check_account(&case, &place, &mut check);
        }
        (0 | 3, Err(missing)) => failures.push(format!("{}: {missing}", path.display())),
        (_, Ok(_)) => failures.push(format!("{}: has records and no account", path.display())),
        (_, Err(_)) => {
            let left = files_below(place.folder.path());
            check("files left", json!(left), json!([]));
        }
    }
    failures
}

/// Runs the input of a case.
fn run(path: &Path, case: &Case, place: &Place) -> std::process::Output {
    let input = ["ndjson", "json", "csv", "gz", "zst"]
        .map(|end| path.with_extension(end))
        .into_iter()
        .find(|input| input.exists())
        .unwrap_or_else(|| panic!("{}: has no input", path.display()));
    let mut command = segprep();
    command.args(["run", "tests/hostile/definition.toml", "--quiet"]);
    for setting in &case.set {
        command.arg("--set").arg(setting);
    }
    let from = serde_json::to_string(&[&input]).expect("a path");
    command.arg("--set").arg(format!("input.from={from}"));
    set(&mut command, "output.0.to", &place.to());
    set(&mut command, "account.to", &place.account());
    command.output().expect("the program runs")
}

impl Case {
    /// What the case says of records, or what it lacks.
    fn records(&self) -> Result<Records<'_>, &'static str> {
        let output = match (&self.output, &self.output_lengths) {
            (Some(lines), None) => Output::Lines(lines),
            (None, Some(lengths)) => Output::Lengths(lengths),
            _ => return Err("needs either `output` or `output_lengths`: what is written"),
        };
        Ok(Records {
            read: self.read.ok_or("needs `read`: the number of records")?,
            written: self.written.ok_or("needs `written`: the number of records written")?,
            output,
            rejects: self.rejects.as_deref().ok_or("needs `rejects`: what is rejected")?,
        })
    }
}

/// Checks what was written, rejected and dropped, and that this is all that was read.
fn check_records(
    records: &Records<'_>,
    case: &Case,
    place: &Place,
    check: &mut impl FnMut(&str, Value, Value),
) {
    let counts = &place.manifest()["records"];
    check("read", counts["read"].clone(), json!(records.read));
    check("written", counts["written"].clone(), json!(records.written));
    let rejected = u64::try_from(records.rejects.len()).expect("a few");
    check("rejected", counts["rejected"].clone(), json!(rejected));
    let dropped: BTreeMap<String, u64> =
        serde_json::from_value(counts["dropped"].clone()).expect("counts by reason");
    let is_any = |(_, count): &(&String, &u64)| **count != 0;
    let reasons =
        |all: &BTreeMap<String, u64>| json!(all.iter().filter(is_any).collect::<BTreeMap<_, _>>());
    check("dropped", reasons(&dropped), reasons(&case.dropped));
    let sum = records.written + rejected + case.dropped.values().sum::<u64>();
    check("written + rejected + dropped", json!(sum), json!(records.read));

    let parts = String::from_utf8(place.parts()).expect("parts are UTF-8");
    match records.output {
        Output::Lines(lines) => {
            check("output", json!(parts.lines().collect::<Vec<_>>()), json!(lines));
        }
        Output::Lengths(lengths) => {
            check("output", json!(parts.lines().map(str::len).collect::<Vec<_>>()), json!(lengths));
        }
    }
    let rejects = place.rejects();
    let lines = rejects.lines().enumerate();
    let found = lines.map(|(at, line)| place_and_problems(line, records.rejects.get(at)));
    let found: Vec<Value> = found.collect();
    let wanted: Vec<Value> = records.rejects.iter().map(Reject::as_value).collect();
    check("rejects", json!(found), json!(wanted));
}

/// Checks what else a case says of the account.
fn check_account(case: &Case, place: &Place, check: &mut impl FnMut(&str, Value, Value)) {
    let manifest = place.manifest();
    if let Some(skipped) = case.skipped {
        check("skipped", manifest["inputs"]["skipped"].clone(), json!(skipped));
    }
    let inputs = fs::read_to_string(place.account().join("inputs.ndjson")).expect("inputs");
    let inputs = inputs.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let counts = |name: &'static str| inputs.clone().filter_map(move |line| line[name].as_u64());
    check("rows", json!(counts("rows").next()), json!(case.rows));
    check("rows of all", manifest["inputs"]["rows"].clone(), json!(case.rows));
    if let Some(blank) = case.blank {
        check("blank", json!(counts("blank_lines").sum::<u64>()), json!(blank));
    }
    if let Some(kept) = &case.kept {
        let files = files_below(&place.account().join("rejected-records"));
        let text =
            files.iter().map(|file| fs::read_to_string(file).expect("a file")).collect::<String>();
        check("kept", json!(text.lines().skip(1).collect::<Vec<_>>()), json!(kept));
    }
    if let Some(unknown) = &case.unknown_fields {
        check("unknown_fields", manifest["unknown_fields"].clone(), json!(unknown));
    }
    if let Some(repairs) = &case.repairs {
        check("repairs", manifest["repairs"].clone(), json!(repairs));
    }
    if let Some(pii) = &case.pii {
        let found = manifest.get("pii").cloned().unwrap_or(json!([]));
        check("pii", found, json!(pii));
    }
    if let Some(scrubbed) = &case.scrubbed {
        let mut found = manifest["fields"].clone();
        let rules = found.as_array_mut().expect("a list");
        rules.retain(|rule| rule["op"] == "scrub");
        for rule in rules.iter_mut().filter_map(Value::as_object_mut) {
            rule.retain(|key, _| !matches!(key.as_str(), "op" | "op_failed" | "names"));
        }
        check("scrubbed", found, json!(scrubbed));
    }
    if let Some(values) = &case.values {
        let rules = manifest["fields"].as_array().expect("a list");
        let counts =
            rules.iter().filter_map(|rule| Some((rule["path"].as_str()?, &rule["values"])));
        let found: BTreeMap<&str, &Value> =
            counts.filter(|(path, _)| values.contains_key(*path)).collect();
        check("values", json!(found), json!(values));
    }
    if let Some(removed) = &case.removed_invalid {
        check("removed_invalid", manifest["removed_invalid"].clone(), json!(removed));
    }
    if let Some(by_repair) = &case.by_repair {
        check("by_repair", manifest["rejects"]["by_repair"].clone(), json!(by_repair));
    }
    if let Some(parts) = &case.warns {
        let found = manifest["warnings"].as_array().expect("a list");
        check(&format!("{parts:?} in {found:?}"), json!(are_in(parts, found)), json!(true));
    }
}

/// Whether each text is a part of the warning at the same index.
fn are_in(parts: &[String], warnings: &[Value]) -> bool {
    let is_in = |(part, warning): (&String, &Value)| {
        warning.as_str().is_some_and(|warning| warning.contains(part))
    };
    parts.len() == warnings.len() && parts.iter().zip(warnings).all(is_in)
}

/// The place of a reject, and the field and code of each problem, with the detail and the repair where
/// `wanted` has them.
fn place_and_problems(line: &str, wanted: Option<&Reject>) -> Value {
    let reject: Value = serde_json::from_str(line).expect("a reject is JSON");
    let problems = reject["problems"].as_array().expect("problems are a list").iter().enumerate();
    let describe = |(at, problem): (usize, &Value)| {
        let wanted = wanted.and_then(|wanted| wanted.problems.get(at));
        let text = |key: &str| problem[key].as_str().unwrap_or_default();
        let detail = wanted.and_then(|problem| problem.detail.as_ref()).map(|_| text("detail"));
        let repair = wanted.and_then(|problem| problem.repair.as_ref()).map(|_| text("repair"));
        json!([problem["field"], problem["code"], detail, repair])
    };
    let problems: Vec<Value> = problems.map(describe).collect();
    let place = ["record", "line", "offset", "bytes", "endpoint"].map(|name| &reject[name]);
    json!([place, problems])
}

impl Reject {
    /// The form of [`place_and_problems`].
    fn as_value(&self) -> Value {
        let describe = |problem: &Problem| {
            json!([problem.field, problem.code, problem.detail, problem.repair])
        };
        let problems: Vec<Value> = self.problems.iter().map(describe).collect();
        let place = [self.record, self.line, self.offset, self.bytes].map(Value::from);
        let place = [place.as_slice(), &[json!(self.endpoint)]].concat();
        json!([place, problems])
    }
}
