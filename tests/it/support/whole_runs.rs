//! Runs of the library in this process, over temporary files, and everything that they write.

use std::{collections::BTreeMap, fs, path::Path};

use segprep::engine::Cancel;
use segprep::run::{Failure, Outcome, Progress, RunOptions, run};
use serde_json::Value;

use crate::support::program::{Place, files_below, toml_text};

/// Inputs in a temporary folder, and a definition to run over them.
pub(crate) struct Inputs {
    folder: tempfile::TempDir,
    pub(crate) definition: &'static str,
    pub(crate) sets: Vec<String>,
}

/// The settings of a run that must not change its output.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Resources {
    pub(crate) threads: usize,
    pub(crate) chunk_bytes: Option<usize>,
}

/// What a run wrote: its files by path, with the manifest stripped of everything that depends on time
/// and place; or the error that it ended with.
pub(crate) type RunResult = Result<BTreeMap<String, Vec<u8>>, String>;

impl Inputs {
    pub(crate) fn new(definition: &'static str, sets: &[&str]) -> Inputs {
        let folder = tempfile::tempdir().expect("a temporary folder");
        fs::create_dir(folder.path().join("input")).expect("a folder");
        let sets = sets.iter().map(|set| (*set).to_owned()).collect();
        Inputs { folder, definition, sets }
    }

    pub(crate) fn write(&self, name: &str, text: &[u8]) {
        fs::write(self.folder.path().join("input").join(name), text).expect("an input");
    }

    /// Runs the definition over the inputs into a new place.
    pub(crate) fn run(&self, resources: Resources) -> (Place, RunResult) {
        let place = Place::new();
        let outcome = self.outcome(resources, &place, false);
        let left = match outcome {
            Ok(_) => Ok(all_files(&place)),
            Err(Failure::Run(error)) => Err(format!("{:?}: {error} {:?}", error.kind, error.hint)),
            Err(Failure::Diagnostics(diagnostics)) => {
                panic!("the definition is wrong: {diagnostics:?}")
            }
        };
        (place, left)
    }

    pub(crate) fn outcome(
        &self,
        resources: Resources,
        place: &Place,
        dry_run: bool,
    ) -> Result<Outcome, Failure> {
        let options = RunOptions { dry_run, ..self.options(resources, place) };
        run(&options, &Progress::default(), &Cancel::new())
    }

    /// How to run the definition over the inputs into a place.
    pub(crate) fn options(&self, resources: Resources, place: &Place) -> RunOptions {
        let mut sets = self.sets.clone();
        let mut set = |path: &str, at: &Path| {
            sets.push(format!("{path}={}", toml_text(&at.to_string_lossy())));
        };
        set("output.0.to", &place.to());
        set("account.to", &place.account());
        let input = self.folder.path().join("input");
        sets.push(format!("input.from=[{}]", toml_text(&input.to_string_lossy())));
        for (number, to) in (1..).zip(place.further_outputs(self.definition)) {
            // The footer of Parquet has the digest of the definition, which depends on the place.
            sets.extend([to, format!("output.{number}.format=\"pinpoint-json\"")]);
        }
        RunOptions {
            definition: self.definition.into(),
            sets,
            threads: Some(resources.threads),
            chunk_bytes: resources.chunk_bytes,
            ..RunOptions::default()
        }
    }
}

fn all_files(place: &Place) -> BTreeMap<String, Vec<u8>> {
    let root = place.folder.path();
    let text = |file: std::path::PathBuf| {
        let text = fs::read(&file).expect("a file");
        let path = file.strip_prefix(root).expect("a path below it").to_string_lossy().into_owned();
        let text = if path == "account/manifest.json" { without_time(&text) } else { text };
        (path, text)
    };
    // The report has the times of the manifest.
    let files = files_below(root).into_iter();
    files.filter(|file| !file.ends_with("report.html")).map(text).collect()
}

/// A manifest without what depends on the time and place of the run.
fn without_time(manifest: &[u8]) -> Vec<u8> {
    let mut manifest: Value = serde_json::from_slice(manifest).expect("a manifest is JSON");
    let fields = manifest.as_object_mut().expect("an object");
    for field in ["run", "timing", "fingerprint", "started", "finished", "definition"] {
        fields.shift_remove(field).expect("every manifest has it");
    }
    for output in fields["outputs"].as_array_mut().expect("a list") {
        output.as_object_mut().expect("an object").shift_remove("to");
    }
    serde_json::to_vec_pretty(&manifest).expect("a value is JSON")
}

/// The lines of an NDJSON file.
pub(crate) fn json_lines(text: &[u8]) -> Vec<Value> {
    let lines = text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    lines.map(|line| serde_json::from_slice(line).expect("a line is JSON")).collect()
}
