//! `segprep test`: tests definitions on records that are given as text, with the expected result.
//!
//! A test is a TOML file beside its definition: `NAME.test.toml` for `NAME.toml`. It contains the
//! records and the entries of the lists, and every key is the published demo key. So no
//! input, list or key is read, and nothing is written.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    path::{Path, PathBuf},
};

use serde::Deserialize;

use super::error::{ErrorKind, Failure, RunError};
use super::lists::entries_of_text;
use super::options::RunOptions;
use super::prepare::{self, ReadDefinition};
use super::text::escape_path;
use crate::definition::begins_like_data;
use crate::engine::Cancel;
use crate::group::decide_about;
use crate::pipeline::{Trial, try_out};
use crate::plan::{Entries, ListSpec, Plan};
use crate::record::DescribedProblem;
use crate::store::disk::whole;
use crate::transform::MasterKey;

/// How the name of a test ends.
const ENDING: &str = ".test.toml";
/// The folder of the tests that run by default.
const FOLDER: &str = "pipelines";
/// The maximum size of a test file.
const TEST_BYTES_MAX: u64 = 4 << 20;

/// A test file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TestFile {
    /// The definition, relative to the test. `None`: the file with the name of the test.
    definition: Option<PathBuf>,
    /// The content of the lists that the definition names, by path.
    #[serde(default)]
    lists: BTreeMap<String, String>,
    case: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    /// What the case shows.
    name: String,
    /// The records: newline-delimited JSON, or CSV with a header.
    input: String,
    /// The lines that should be written.
    #[serde(default)]
    output: String,
    #[serde(default)]
    rejects: Vec<ExpectedReject>,
    #[serde(default)]
    dropped: Dropped,
}

/// A problem of a record.
#[derive(Deserialize, Clone, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
struct ExpectedReject {
    /// The number of the record, 1-based.
    record: u64,
    #[serde(default)]
    field: String,
    code: String,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct Dropped {
    #[serde(default)]
    header: u64,
    #[serde(default)]
    inactive: u64,
    #[serde(default)]
    suppressed: u64,
    #[serde(default)]
    duplicate: u64,
    #[serde(default)]
    user_limit: u64,
}

/// The result of a test file.
#[derive(Clone, Debug)]
pub struct Tested {
    pub file: PathBuf,
    pub definition: PathBuf,
    pub cases: Vec<TestedCase>,
}

/// The result of a case. It passes if there are no differences.
#[derive(Clone, Debug)]
pub struct TestedCase {
    pub name: String,
    pub differences: Vec<Difference>,
}

/// A difference between the expected and the actual result. The texts come from the records of the
/// test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Such as `output line 2`, `rejects` or `dropped as inactive`.
    pub place: String,
    /// Empty if nothing was expected.
    pub expected: String,
    /// Empty if there was nothing.
    pub actual: String,
}

impl Tested {
    /// Whether all cases pass.
    pub fn holds(&self) -> bool {
        self.cases.iter().all(|case| case.differences.is_empty())
    }
}

/// Runs test files, or if `files` is empty, those in `pipelines/`.
///
/// # Errors
///
/// If there is no test, or if a test or its definition is not valid. A test that fails is not an
/// error.
pub fn test_definitions(files: &[PathBuf], sets: &[String]) -> Result<Vec<Tested>, Failure> {
    let files = if files.is_empty() { all_tests()? } else { files.to_vec() };
    files.iter().map(|file| test(file, sets)).collect()
}

fn all_tests() -> Result<Vec<PathBuf>, RunError> {
    let entries = fs::read_dir(FOLDER).map(|entries| {
        let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
        paths.filter(|path| path.to_string_lossy().ends_with(ENDING)).collect::<Vec<_>>()
    });
    let mut files = entries.unwrap_or_default();
    files.sort();
    if files.is_empty() {
        let message = format!("there are no tests in `{FOLDER}/`");
        return Err(RunError::new(ErrorKind::NoInput, message)
            .hint(format!("name a test file, or write `{FOLDER}/NAME{ENDING}`")));
    }
    Ok(files)
}

fn test(file: &Path, sets: &[String]) -> Result<Tested, Failure> {
    let test = read_test(file)?;
    let definition = definition_of(file, &test)?;
    let options = RunOptions {
        definition: definition.clone(),
        sets: sets.to_vec(),
        date: Some("2026-01-01".to_owned()),
        ..RunOptions::default()
    };
    let plan = plan(&options, &test, file)?;
    let cases = test
        .case
        .iter()
        .map(|case| TestedCase { name: case.name.clone(), differences: differences(case, &plan) });
    Ok(Tested { file: file.to_owned(), definition, cases: cases.collect() })
}

fn read_test(file: &Path) -> Result<TestFile, RunError> {
    let bytes = whole::read_file(file, TEST_BYTES_MAX).map_err(|error: io::Error| {
        let is_missing = error.kind() == io::ErrorKind::NotFound;
        let kind = if is_missing { ErrorKind::NoInput } else { ErrorKind::Io };
        RunError::new(kind, format!("the test `{}` could not be read: {error}", escape_path(file)))
            .hint("name a test file, such as `pipelines/newsletter.test.toml`")
    })?;
    if begins_like_data(&bytes) {
        return Err(invalid(file, "is a data file, not a definition or a test of one"));
    }
    let written =
        String::from_utf8(bytes).map_err(|_text_of_records| invalid(file, "is not UTF-8"))?;
    let test: TestFile = toml::from_str(&written).map_err(|error| {
        if is_definition(&written) {
            return invalid(file, "is a definition").hint(format!("name its test, NAME{ENDING}"));
        }
        invalid(file, &format!("is not valid{}", describe(&written, &error)))
    })?;
    if test.case.is_empty() {
        return Err(invalid(file, "has no `[[case]]`"));
    }
    Ok(test)
}

fn is_definition(text: &str) -> bool {
    toml::from_str::<toml::Table>(text).is_ok_and(|table| table.contains_key("segprep"))
}

/// Where and why a file is not a test: ` in line 3: …`
fn describe(text: &str, error: &toml::de::Error) -> String {
    let before = error.span().and_then(|span| text.get(..span.start));
    let line = before.map(|before| format!(" in line {}", before.matches('\n').count() + 1));
    format!("{}: {}", line.unwrap_or_default(), without_values(error.message()))
}

/// A message without what it quotes of the file, which may be a value of a record: `unknown field
/// `…`, expected …` becomes `unknown field, expected …`.
fn without_values(message: &str) -> String {
    const QUOTING: [&str; 4] = ["unknown field", "invalid type", "invalid value", "invalid length"];
    let Some(start) = QUOTING.iter().find(|start| message.starts_with(**start)) else {
        return message.to_owned();
    };
    let expected = message.rsplit_once(", expected ").map(|(_, expected)| expected);
    expected.map_or((*start).to_owned(), |expected| format!("{start}, expected {expected}"))
}

fn invalid(file: &Path, what: &str) -> RunError {
    RunError::new(ErrorKind::Definition, format!("the test `{}` {what}", escape_path(file)))
        .hint("a case has `name` and `input`, and `output`, `rejects` or `dropped`")
}

/// The path of the definition that a test is for.
fn definition_of(file: &Path, test: &TestFile) -> Result<PathBuf, RunError> {
    let folder = file.parent().unwrap_or(Path::new(""));
    if let Some(definition) = &test.definition {
        return Ok(folder.join(definition));
    }
    let name = file.file_name().map(|name| name.to_string_lossy().into_owned());
    if let Some(name) = name.as_deref().and_then(|name| name.strip_suffix(ENDING)) {
        return Ok(folder.join(format!("{name}.toml")));
    }
    let what = format!("has no `definition`, and its name does not end in `{ENDING}`");
    Err(invalid(file, &what))
}

/// Compiles the definition's plan, with the published key and the lists of the test.
fn plan(options: &RunOptions, test: &TestFile, file: &Path) -> Result<Plan, Failure> {
    let ReadDefinition { definition, rules, schema } = prepare::read(options, &Cancel::new())?;
    let sources = definition.keys.sources.iter();
    let keys = sources.map(|source| (source.id.clone(), MasterKey::demo())).collect();
    let specs = ListSpec::all(&definition, &rules, &schema, &keys)
        .map_err(|error| prepare::no_plan(&error))?;
    let mut lists = Vec::new();
    for (spec, written) in specs.into_iter().zip(&definition.suppress) {
        let mut digests = Vec::new();
        for place in &written.from {
            let entries = test.lists.get(&place.written).map_or("", String::as_str);
            let found = entries_of_text(&spec, entries);
            let found = found.map_err(|error| {
                invalid(file, &format!("has a list that cannot be used: {error}"))
            });
            digests.extend(found?);
        }
        lists.push(spec.with_entries(Entries::new(digests)));
    }
    Ok(Plan::new(&definition, rules, schema, keys, lists)
        .map_err(|error| prepare::no_plan(&error))?)
}

fn differences(case: &Case, plan: &Plan) -> Vec<Difference> {
    let trial = match try_out(plan, &case.input, &decide_about) {
        Ok(trial) => trial,
        Err(what) => {
            return vec![difference("input", "a header that can be used", &what)];
        }
    };
    let mut differences = line_differences(&case.output, &trial.lines);
    let expected = describe_rejects(&case.rejects);
    let actual = describe_rejects(&actual_rejects(&trial, &case.rejects));
    if expected != actual {
        differences.push(difference("rejects", &expected, &actual));
    }
    for (name, expected, actual) in [
        ("header", case.dropped.header, trial.headers),
        ("inactive", case.dropped.inactive, trial.inactive),
        ("suppressed", case.dropped.suppressed, trial.suppressed),
        ("duplicate", case.dropped.duplicate, trial.duplicates),
        ("user_limit", case.dropped.user_limit, trial.over_user_limit),
    ] {
        if expected != actual {
            let place = format!("dropped as {name}");
            differences.push(difference(&place, &expected.to_string(), &actual.to_string()));
        }
    }
    differences
}

fn difference(place: &str, expected: &str, actual: &str) -> Difference {
    Difference { place: place.to_owned(), expected: expected.to_owned(), actual: actual.to_owned() }
}

fn line_differences(expected: &str, actual: &[String]) -> Vec<Difference> {
    let expected: Vec<&str> = expected.lines().filter(|line| !line.trim().is_empty()).collect();
    let mut differences = Vec::new();
    for number in 0..expected.len().max(actual.len()) {
        let expected = expected.get(number).copied().unwrap_or_default();
        let actual = actual.get(number).map_or("", String::as_str);
        if expected != actual {
            differences.extend(field_differences(number + 1, expected, actual));
        }
    }
    differences
}

/// Compares two records field by field. If their fields are equal, the lines are compared.
fn field_differences(number: usize, expected: &str, actual: &str) -> Vec<Difference> {
    let line = format!("output line {number}");
    let parsed = |text: &str| serde_json::from_str(text).ok().map(|value| fields_of(&value));
    let (Some(expected_fields), Some(actual_fields)) = (parsed(expected), parsed(actual)) else {
        return vec![difference(&line, expected, actual)];
    };
    let paths: BTreeSet<&String> = expected_fields.keys().chain(actual_fields.keys()).collect();
    let of = |fields: &BTreeMap<String, String>, path: &String| {
        fields.get(path).cloned().unwrap_or_default()
    };
    let differing =
        paths.into_iter().filter(|path| expected_fields.get(*path) != actual_fields.get(*path));
    let found: Vec<Difference> = differing
        .map(|path| Difference {
            place: format!("{line}, `{path}`"),
            expected: of(&expected_fields, path),
            actual: of(&actual_fields, path),
        })
        .collect();
    if found.is_empty() { vec![difference(&line, expected, actual)] } else { found }
}

/// The fields of a record by path. Objects are replaced with their members.
fn fields_of(value: &serde_json::Value) -> BTreeMap<String, String> {
    let mut fields = BTreeMap::new();
    let mut open = vec![(String::new(), value)];
    while let Some((path, value)) = open.pop() {
        match value.as_object() {
            Some(members) => open.extend(members.iter().map(|(name, member)| {
                let dot = if path.is_empty() { "" } else { "." };
                (format!("{path}{dot}{name}"), member)
            })),
            None => {
                fields.insert(path, value.to_string());
            }
        }
    }
    fields
}

/// The rejects of a trial. A name that the test expects is shown whole.
fn actual_rejects(trial: &Trial, expected: &[ExpectedReject]) -> Vec<ExpectedReject> {
    let field_of = |problem: &DescribedProblem| {
        let whole = problem.whole.as_ref().map(|(path, _)| path);
        let is_expected = |path: &&String| expected.iter().any(|reject| reject.field == **path);
        whole.filter(is_expected).unwrap_or(&problem.field).clone()
    };
    let rejects = trial.rejects.iter();
    rejects
        .flat_map(|(record, problems)| {
            problems.iter().map(|problem| ExpectedReject {
                record: *record,
                field: field_of(problem),
                code: problem.code.to_owned(),
            })
        })
        .collect()
}

fn describe_rejects(rejects: &[ExpectedReject]) -> String {
    let words = rejects.iter().map(|reject| match reject.field.as_str() {
        "" => format!("record {}: {}", reject.record, reject.code),
        field => format!("record {}: {} in `{field}`", reject.record, reject.code),
    });
    words.collect::<Vec<_>>().join(", ")
}
