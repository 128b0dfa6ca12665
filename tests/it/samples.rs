//! Each pipeline in `pipelines/` writes exactly the expected files of its sample.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::support::program::{Place, code, files_below, segprep, stderr};

/// More threads than cores and than inputs.
const THREADS: [&str; 3] = ["1", "2", "7"];
/// A level that the processor lacks selects the highest one that it has.
const VECTOR_LEVELS: [&str; 3] = ["baseline", "avx2", "avx512"];

/// The folders with an input; the others have examples that run by other means.
fn samples() -> BTreeSet<String> {
    fs::read_dir("samples")
        .expect("the samples")
        .map(|entry| entry.expect("an entry"))
        .filter(|entry| entry.path().join("input").is_dir())
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect()
}

#[test]
fn every_pipeline_has_a_sample_and_every_sample_a_pipeline() {
    let pipelines: BTreeSet<String> = fs::read_dir("pipelines")
        .expect("the pipelines")
        .filter_map(|entry| entry.expect("an entry").file_name().into_string().ok())
        .filter_map(|name| name.strip_suffix(".toml").map(str::to_owned))
        .filter(|name| !name.contains('.')) // NAME.test.toml has the tests of NAME
        .collect();
    let samples = samples();
    assert!(!samples.is_empty());
    assert_eq!(pipelines, samples);
    for sample in &samples {
        let expected = Path::new("samples").join(sample).join("expected");
        assert!(expected.join("account/rejects.ndjson").is_file(), "{}", expected.display());
        assert!(!files_below(&expected.join("import")).is_empty(), "{}", expected.display());
    }
}

#[test]
fn every_sample_has_its_expected_output() {
    for sample in &samples() {
        for threads in THREADS {
            check(sample, segprep().arg("--set").arg(format!("run.threads={threads}")));
        }
    }
}

#[test]
fn vector_instructions_do_not_change_the_output() {
    for sample in &samples() {
        for level in VECTOR_LEVELS {
            check(sample, segprep().env("SEGPREP_CPU", level));
        }
    }
}

#[test]
fn unknown_vector_levels_are_rejected() {
    for level in ["", "avx", "AVX2", "avx512,avx2"] {
        let output = segprep().arg("schema").env("SEGPREP_CPU", level).output();
        let output = output.expect("the program runs");
        assert_eq!(code(&output), 64, "{level}");
        let message = stderr(&output);
        assert!(VECTOR_LEVELS.iter().all(|known| message.contains(known)), "{message}");
    }
}

/// Runs a sample and compares the output with its files. `command` has no subcommand yet.
fn check(name: &str, command: &mut Command) {
    let place = Place::new();
    command.args(["run", &format!("pipelines/{name}.toml"), "--quiet"]);
    place.set_paths(command);
    for setting in place.further_outputs(&format!("pipelines/{name}.toml")) {
        command.args(["--set", &setting]);
    }
    let output = command.output().expect("the program runs");
    assert_eq!(code(&output), 0, "{name}: {}", stderr(&output));

    let expected = Path::new("samples").join(name).join("expected");
    let same = "the files differ; if they should, run the pipeline and copy them here";
    assert!(texts(&place.to()) == texts(&expected.join("import")), "{name}: import: {same}");
    let rejects = fs::read_to_string(expected.join("account/rejects.ndjson")).expect("rejects");
    assert!(place.rejects() == rejects, "{name}: account/rejects.ndjson: {same}");
    check_counts(name, &place);
}

/// The last line of a sample's notes has its counts.
fn check_counts(name: &str, place: &Place) {
    let records = &place.manifest()["records"];
    let dropped = records["dropped"].as_object().expect("counts by reason");
    let dropped: u64 = dropped.values().filter_map(serde_json::Value::as_u64).sum();
    let counts = format!(
        "In all: {} read = {} written + {} rejected + {dropped} dropped.",
        records["read"], records["written"], records["rejected"]
    );
    let notes = fs::read_to_string(format!("samples/{name}/input/_notes.txt")).expect("notes");
    assert_eq!(notes.lines().last(), Some(counts.as_str()), "{name}");
}

/// The files below a folder by relative path.
fn texts(folder: &Path) -> BTreeMap<PathBuf, String> {
    let text = |file: PathBuf| {
        let text = fs::read_to_string(&file).expect("a file of text");
        (file.strip_prefix(folder).expect("a path below it").to_owned(), text)
    };
    files_below(folder).into_iter().map(text).collect()
}
