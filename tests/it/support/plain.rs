//! Random cases, each with settings and records as lines, whose result a plain program in Python says. A run has the
//! same result for any number of threads and any size of chunks, on disk and in a bucket.

use std::{collections::BTreeMap, fs, path::Path, process::Command};

use serde_json::Value;

use super::program::{Place, code, files_below, run_with_stdin, segprep, stderr, toml_text};
use super::s3::run::{point_at, set_places};
use super::s3::server::Server;
use super::whole_runs::{Inputs, Resources, RunResult};

/// Cases of one definition.
pub(crate) struct Cases {
    pub(crate) definition: &'static str,
    /// What says what is right.
    pub(crate) program: &'static str,
    /// Each case has `sets`, a setting by its path, and `lines`.
    pub(crate) all: Vec<Value>,
    /// How many kinds of settings the cases have in turn.
    pub(crate) kinds: usize,
}

impl Cases {
    /// What the plain program says of each case.
    pub(crate) fn expected(&self) -> Vec<Value> {
        let mut command = Command::new("python3");
        command.arg(self.program);
        let output = run_with_stdin(command, &serde_json::to_vec(&self.all).expect("JSON"));
        assert!(output.status.success(), "{}", stderr(&output));
        serde_json::from_slice(&output.stdout).expect("a list")
    }

    /// Checks each case on disk twice, and in a bucket: of two rounds of kinds, only two cases, since that takes long.
    /// Returns what the plain program says.
    pub(crate) fn check(&self, check: impl Fn(&Value, &Value, &Place, RunResult)) -> Vec<Value> {
        let server = Server::start();
        let is_long = 2 * self.kinds < self.all.len();
        let all = self.expected();
        for (number, (case, expected)) in self.all.iter().zip(&all).enumerate() {
            let inputs = inputs(self.definition, case);
            let mut left = None;
            for (threads, chunk_bytes) in [(1, None), (2 + number % 3, Some(1 + number * 7 % 997))]
            {
                let (place, result) = inputs.run(Resources { threads, chunk_bytes });
                check(case, expected, &place, result);
                left = Some(parts(&place));
            }
            if is_long || number.is_multiple_of(self.kinds + 1) {
                let found = run_in_bucket(&server, self.definition, case, 1 + number * 11 % 997);
                assert!(Some(found) == left, "case {number} in a bucket: {case}");
            }
        }
        all
    }
}

/// The inputs of a case: its lines in two files.
pub(crate) fn inputs(definition: &'static str, case: &Value) -> Inputs {
    let mut inputs = Inputs::new(definition, &[]);
    inputs.sets.extend(sets(case));
    for (name, text) in files(case) {
        inputs.write(name, text.as_bytes());
    }
    inputs
}

fn sets(case: &Value) -> impl Iterator<Item = String> {
    let sets = case["sets"].as_object().expect("an object").iter();
    sets.map(|(path, value)| format!("{path}={}", toml(value)))
}

fn files(case: &Value) -> [(&'static str, String); 2] {
    let lines: Vec<&str> =
        case["lines"].as_array().expect("a list").iter().filter_map(Value::as_str).collect();
    let (first, second) = lines.split_at(lines.len() / 2);
    [("a.json", first.join("\n") + "\n"), ("b.json", second.join("\n") + "\n")]
}

/// A value of JSON in TOML.
fn toml(value: &Value) -> String {
    let Some(members) = value.as_object() else { return value.to_string() };
    let members: Vec<String> =
        members.iter().map(|(name, value)| format!("{name} = {value}")).collect();
    format!("{{ {} }}", members.join(", "))
}

/// The parts of a run by their paths.
fn parts(place: &Place) -> BTreeMap<String, Vec<u8>> {
    let to = place.to();
    let path = |file: &Path| file.strip_prefix(&to).expect("below it").display().to_string();
    let files = files_below(&to).into_iter();
    files.map(|file| (path(&file), fs::read(&file).expect("a part"))).collect()
}

/// The parts of a run of the program from and to a bucket, which is empty before.
fn run_in_bucket(
    server: &Server,
    definition: &str,
    case: &Value,
    chunk_bytes: usize,
) -> BTreeMap<String, Vec<u8>> {
    server.keys().iter().for_each(|key| server.remove(key));
    for (name, text) in files(case) {
        server.put(&format!("in/{name}"), text);
    }
    let spill = tempfile::tempdir().expect("a folder");
    let mut command = segprep();
    command.args(["run", definition, "--quiet", "--threads", "2", "--chunk-bytes"]);
    command.arg(chunk_bytes.to_string());
    point_at(server, &mut command);
    set_places(&mut command, "s3://bucket/out/", "s3://bucket/account/");
    command.args(["--set", "input.from=[\"s3://bucket/in/\"]", "--set"]);
    command.arg(format!("run.spill={}", toml_text(&spill.path().to_string_lossy())));
    for set in sets(case) {
        command.args(["--set", &set]);
    }
    command.args(["--set", "aws.region=\"us-east-1\""]);
    let output = command.output().expect("the program runs");
    let is_strict = case["sets"]["output.0.unplaced"] == "fail";
    assert!(code(&output) == 0 || is_strict && code(&output) == 3, "{}", stderr(&output));
    assert_eq!(fs::read_dir(spill.path()).expect("the folder").count(), 0);
    let keys = server.keys().into_iter();
    keys.filter_map(|key| {
        let path = key.strip_prefix("out/")?.to_owned();
        Some((path, server.get(&key).expect("an object")))
    })
    .collect()
}

/// The files without names that a process has open.
pub(crate) fn unnamed_files(pid: i32) -> Vec<std::path::PathBuf> {
    let files = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten();
    let is_unnamed = |path: &std::path::PathBuf| {
        let target = fs::read_link(path).unwrap_or_default();
        target.to_string_lossy().ends_with("(deleted)")
    };
    files.filter_map(Result::ok).map(|file| file.path()).filter(is_unnamed).collect()
}
