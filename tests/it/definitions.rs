//! What the program says of a definition: each diagnostic, in order, and no other.
//!
//! A case is a definition `tests/definitions/SECTION/NAME.toml` and, beside it, `NAME.expected`, which
//! lists the diagnostics. A case without diagnostics is a valid definition, whose run fails because its
//! inputs do not exist.

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
    /// The arguments of `--set`.
    #[serde(default)]
    set: Vec<String>,
    /// Texts that no message contains.
    #[serde(default)]
    hides: Vec<String>,
    #[serde(default)]
    diagnostic: Vec<Diagnostic>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Diagnostic {
    /// Whether it is about an argument of `--set` and not about the file.
    #[serde(default)]
    in_set: bool,
    line: u64,
    column: u64,
    /// The first words of the message.
    message: String,
    /// A part of the hint.
    #[serde(default)]
    hint: String,
}

#[test]
fn every_definition_has_the_diagnostics_that_its_case_lists() {
    let cases: Vec<_> = files_below(Path::new("tests/definitions"))
        .into_iter()
        .filter(|path| path.extension().is_some_and(|end| end == "expected"))
        .collect();
    assert!(370 <= cases.len(), "only {} cases were found", cases.len());
    let failures: Vec<String> = cases.iter().flat_map(|case| failures_of(case)).collect();
    assert!(failures.is_empty(), "{} failures:\n{}", failures.len(), failures.join("\n"));
}

/// Each definition has a file that says what is expected of it.
#[test]
fn every_definition_is_a_case() {
    let files = files_below(Path::new("tests/definitions"));
    let alone: Vec<_> = files
        .iter()
        .filter(|path| {
            let other = match path.extension().and_then(|end| end.to_str()) {
                Some("toml") => path.with_extension("expected"),
                Some("expected") => path.with_extension("toml"),
                _ => return false,
            };
            !other.exists()
        })
        .collect();
    assert!(alone.is_empty(), "without the other file of their case: {alone:?}");
}

fn failures_of(path: &Path) -> Vec<String> {
    let text = fs::read_to_string(path).expect("a case");
    let expected: Expected =
        toml::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let definition = path.with_extension("toml");
    let run = |json: bool| {
        let mut command = segprep();
        command.arg("run").arg(&definition).args(json.then_some("--json"));
        command.args(expected.set.iter().flat_map(|set| ["--set", set]));
        command.output().expect("the program runs")
    };
    let (plain, json) = (run(false), run(true));
    let (shown, lines) = (stderr(&plain), stderr(&json));
    let found = diagnostics(&lines);
    let mut failures = Vec::new();
    let mut check = |holds: bool, what: String| {
        if !holds {
            failures.push(format!("{}: {what}\n{shown}", path.display()));
        }
    };
    check(code(&plain) == expected.exit, format!("the exit code is {}", code(&plain)));
    check(code(&json) == expected.exit, format!("the exit code is {}", code(&json)));
    for text in &expected.hides {
        check(!shown.contains(text) && !lines.contains(text), format!("shows {text:?}"));
    }
    let (count, wanted) = (found.len(), expected.diagnostic.len());
    check(count == wanted, format!("has {count} diagnostics, not {wanted}"));
    for (expected, found) in expected.diagnostic.iter().zip(&found) {
        check(expected.is(found, &definition), format!("expected {}", expected.describe()));
        let place = format!(
            "{}:{}:{}",
            found["file"].as_str().unwrap_or_default(),
            found["line"],
            found["column"]
        );
        check(shown.contains(&place), format!("does not show {place}"));
    }
    failures
}

/// The errors with a place in the definition or an argument, in order. The last message of a run has them.
fn diagnostics(lines: &str) -> Vec<Value> {
    lines
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|message| message["event"] == "end")
        .flat_map(|message| message["errors"].as_array().cloned().unwrap_or_default())
        .filter(|error| !error["line"].is_null())
        .collect()
}

impl Diagnostic {
    /// Whether an error of the program has all that is expected of it.
    fn is(&self, found: &Value, definition: &Path) -> bool {
        let text = |key: &str| found[key].as_str().unwrap_or_default();
        let file = definition.to_string_lossy();
        found["line"] == self.line
            && found["column"] == self.column
            && text("message").starts_with(&self.message)
            && text("hint").contains(&self.hint)
            && text("file") == if self.in_set { "--set" } else { &file }
    }

    fn describe(&self) -> String {
        let Diagnostic { in_set, line, column, message, hint } = self;
        let file = if *in_set { "--set" } else { "the file" };
        format!("{message:?} with the hint {hint:?} at {line}:{column} of {file}")
    }
}
