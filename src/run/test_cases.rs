//! Tests of definitions: records as text, and what a definition has to make of them.
//!
//! A test is a TOML file beside its definition, `NAME.test.toml` for `NAME.toml`. Nothing that the
//! definition names is read or written but the definition itself: records and lists stand in the
//! test, and every key is the published one.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use serde::Deserialize;

use super::error::{ErrorKind, RunError};
use super::prepare::{self, Read};
use super::{Failure, RunOptions};
use crate::pipeline::{Trial, try_out};
use crate::plan::{Entries, ListSpec, Plan};
use crate::transform::MasterKey;

/// The ending of a test's name.
const ENDING: &str = ".test.toml";
/// Where tests are looked for.
const FOLDER: &str = "pipelines";

/// A test file as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TestFile {
    /// The definition, beside the test; by its name where it is not said.
    definition: Option<PathBuf>,
    /// What stands in the lists that the definition names, by their paths.
    #[serde(default)]
    lists: BTreeMap<String, String>,
    case: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    /// What the case is to show.
    name: String,
    /// Records: JSON, one a line, or CSV with its header.
    input: String,
    /// The lines to be written.
    #[serde(default)]
    output: String,
    #[serde(default)]
    rejects: Vec<WantedReject>,
    #[serde(default)]
    dropped: Dropped,
}

/// One problem of one record.
#[derive(Deserialize, Clone, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
struct WantedReject {
    /// From 1.
    record: u64,
    #[serde(default)]
    field: String,
    code: String,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct Dropped {
    #[serde(default)]
    inactive: u64,
    #[serde(default)]
    suppressed: u64,
}

/// What came of one test file.
#[derive(Clone, Debug)]
pub struct Tested {
    pub file: PathBuf,
    pub definition: PathBuf,
    pub cases: Vec<TestedCase>,
}

/// What came of one case: it holds where nothing differs.
#[derive(Clone, Debug)]
pub struct TestedCase {
    pub name: String,
    pub differences: Vec<Difference>,
}

/// One way in which what was made is not what was wanted. The texts are those of the test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// `output line 2`, `rejects`, `dropped`.
    pub place: String,
    /// Empty where nothing was wanted.
    pub wanted: String,
    /// Empty where nothing was made.
    pub made: String,
}

impl Tested {
    pub fn holds(&self) -> bool {
        self.cases.iter().all(|case| case.differences.is_empty())
    }
}

/// Runs test files; those under `pipelines/` where none is named.
///
/// # Errors
///
/// Where there is no test, or a test or its definition is wrong. A test that does not hold is no error.
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
        let message = format!("there is no test in `{FOLDER}/`");
        return Err(RunError::new(ErrorKind::NoInput, message)
            .hint(format!("name test files, or write one: `{FOLDER}/NAME{ENDING}`")));
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
    let written = fs::read_to_string(file).map_err(|error| {
        let is_missing = error.kind() == std::io::ErrorKind::NotFound;
        let kind = if is_missing { ErrorKind::NoInput } else { ErrorKind::Io };
        RunError::new(kind, format!("the test `{}` can't be read: {error}", shown(file)))
            .hint("name a test of a definition, such as `pipelines/newsletter.test.toml`")
    })?;
    let test: TestFile = toml::from_str(&written).map_err(|error| {
        if is_definition(&written) {
            return wrong(file, "is a definition").hint(format!("its test is called NAME{ENDING}"));
        }
        wrong(file, &format!("is wrong{}", fault_of(&written, &error)))
    })?;
    if test.case.is_empty() {
        return Err(wrong(file, "has no `[[case]]`"));
    }
    Ok(test)
}

fn is_definition(text: &str) -> bool {
    toml::from_str::<toml::Table>(text).is_ok_and(|table| table.contains_key("segprep"))
}

/// ` in line 3: …`
fn fault_of(text: &str, error: &toml::de::Error) -> String {
    let before = error.span().and_then(|span| text.get(..span.start));
    let line = before.map(|before| format!(" in line {}", before.matches('\n').count() + 1));
    format!("{}: {}", line.unwrap_or_default(), error.message())
}

fn wrong(file: &Path, what: &str) -> RunError {
    RunError::new(ErrorKind::Definition, format!("the test `{}` {what}", shown(file)))
        .hint("a case has `name` and `input`, and `output`, `rejects` or `dropped`")
}

fn shown(path: &Path) -> String {
    super::escape_path(&path.to_string_lossy())
}

fn definition_of(file: &Path, test: &TestFile) -> Result<PathBuf, RunError> {
    let folder = file.parent().unwrap_or(Path::new(""));
    if let Some(definition) = &test.definition {
        return Ok(folder.join(definition));
    }
    let name = file.file_name().map(|name| name.to_string_lossy().into_owned());
    match name.as_deref().and_then(|name| name.strip_suffix(ENDING)) {
        Some(name) => Ok(folder.join(format!("{name}.toml"))),
        None => Err(wrong(file, &format!("is not called NAME{ENDING}, and names no `definition`"))),
    }
}

/// The definition's plan with the published key and the lists of the test.
fn plan(options: &RunOptions, test: &TestFile, file: &Path) -> Result<Plan, Failure> {
    let Read { definition, rules, schema } = prepare::read(options)?;
    let sources = definition.keys.sources.iter();
    let keys = sources.map(|source| (source.id.clone(), MasterKey::demo())).collect();
    let specs = ListSpec::all(&definition, &rules, &schema, &keys).map_err(prepare::no_plan)?;
    let mut lists = Vec::new();
    for (spec, written) in specs.into_iter().zip(&definition.suppress) {
        let mut digests = Vec::new();
        for place in &written.from {
            let entries = test.lists.get(&place.written).map_or("", String::as_str);
            let found = super::lists::entries_of_text(&spec, entries);
            digests.extend(found.map_err(|what| wrong(file, &format!("has a list that {what}")))?);
        }
        lists.push(spec.with_entries(Entries::new(digests)));
    }
    Ok(Plan::new(&definition, rules, schema, keys, lists).map_err(prepare::no_plan)?)
}

fn differences(case: &Case, plan: &Plan) -> Vec<Difference> {
    let trial = match try_out(plan, &case.input) {
        Ok(trial) => trial,
        Err(what) => {
            return vec![difference("input", "a header that can be used", &what)];
        }
    };
    let mut differences = line_differences(&case.output, &trial.lines);
    let (wanted, made) = (rejects_in_words(&case.rejects), rejects_in_words(&made_rejects(&trial)));
    if wanted != made {
        differences.push(difference("rejects", &wanted, &made));
    }
    for (name, wanted, made) in [
        ("inactive", case.dropped.inactive, trial.inactive),
        ("suppressed", case.dropped.suppressed, trial.suppressed),
    ] {
        if wanted != made {
            let place = format!("dropped as {name}");
            differences.push(difference(&place, &wanted.to_string(), &made.to_string()));
        }
    }
    differences
}

fn difference(place: &str, wanted: &str, made: &str) -> Difference {
    Difference { place: place.to_owned(), wanted: wanted.to_owned(), made: made.to_owned() }
}

fn line_differences(wanted: &str, made: &[String]) -> Vec<Difference> {
    let wanted: Vec<&str> = wanted.lines().filter(|line| !line.trim().is_empty()).collect();
    let mut differences = Vec::new();
    for number in 0..wanted.len().max(made.len()) {
        let wanted = wanted.get(number).copied().unwrap_or_default();
        let made = made.get(number).map_or("", String::as_str);
        if wanted != made {
            differences.extend(field_differences(number + 1, wanted, made));
        }
    }
    differences
}

/// Two records by their fields; as whole lines where that does not tell them apart.
fn field_differences(number: usize, wanted: &str, made: &str) -> Vec<Difference> {
    let line = format!("output line {number}");
    let parsed = |text: &str| serde_json::from_str(text).ok().map(|value| fields_of(&value));
    let (Some(of_wanted), Some(of_made)) = (parsed(wanted), parsed(made)) else {
        return vec![difference(&line, wanted, made)];
    };
    let paths: std::collections::BTreeSet<&String> =
        of_wanted.keys().chain(of_made.keys()).collect();
    let of = |fields: &BTreeMap<String, String>, path: &String| {
        fields.get(path).cloned().unwrap_or_default()
    };
    let differing = paths.into_iter().filter(|path| of_wanted.get(*path) != of_made.get(*path));
    let found: Vec<Difference> = differing
        .map(|path| Difference {
            place: format!("{line}, `{path}`"),
            wanted: of(&of_wanted, path),
            made: of(&of_made, path),
        })
        .collect();
    if found.is_empty() { vec![difference(&line, wanted, made)] } else { found }
}

/// The fields of a record, by their paths; objects are taken apart.
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

fn made_rejects(trial: &Trial) -> Vec<WantedReject> {
    let rejects = trial.rejects.iter();
    rejects
        .flat_map(|(record, problems)| {
            problems.iter().map(|problem| WantedReject {
                record: *record,
                field: problem.field.clone(),
                code: problem.code.to_owned(),
            })
        })
        .collect()
}

fn rejects_in_words(rejects: &[WantedReject]) -> String {
    let words = rejects.iter().map(|reject| match reject.field.as_str() {
        "" => format!("record {}: {}", reject.record, reject.code),
        field => format!("record {}: {} in `{field}`", reject.record, reject.code),
    });
    words.collect::<Vec<_>>().join(", ")
}
