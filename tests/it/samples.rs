//! Each pipeline that people start from gives, byte for byte, what its sample says it gives.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use crate::program::{Place, code, files_below, segprep, stderr};

/// More than there are cores, and more than there are inputs.
const THREADS: [&str; 3] = ["1", "2", "7"];

#[test]
fn every_pipeline_has_a_sample_and_every_sample_a_pipeline() {
    let pipelines: BTreeSet<String> = fs::read_dir("pipelines")
        .expect("the pipelines")
        .filter_map(|entry| entry.expect("an entry").file_name().into_string().ok())
        .filter_map(|name| name.strip_suffix(".toml").map(str::to_owned))
        .filter(|name| !name.contains('.')) // NAME.test.toml says what NAME is held to
        .collect();
    let samples: BTreeSet<String> = fs::read_dir("samples")
        .expect("the samples")
        .map(|entry| entry.expect("an entry"))
        .filter(|entry| entry.path().is_dir())
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect();
    assert!(!samples.is_empty());
    assert_eq!(pipelines, samples);
    for sample in &samples {
        let expected = Path::new("samples").join(sample).join("expected");
        assert!(expected.join("account/rejects.ndjson").is_file(), "{}", expected.display());
        assert!(!files_below(&expected.join("import")).is_empty(), "{}", expected.display());
    }
}

#[test]
fn every_sample_gives_what_it_says() {
    for sample in fs::read_dir("samples").expect("the samples") {
        let sample = sample.expect("an entry");
        if !sample.path().is_dir() {
            continue;
        }
        for threads in THREADS {
            check(&sample.file_name().into_string().expect("a name"), threads);
        }
    }
}

fn check(name: &str, threads: &str) {
    let place = Place::new();
    let mut command = segprep();
    command.args(["run", &format!("pipelines/{name}.toml"), "--quiet", "--threads", threads]);
    place.take(&mut command);
    let output = command.output().expect("the program runs");
    assert_eq!(code(&output), 0, "{name}: {}", stderr(&output));

    let expected = Path::new("samples").join(name).join("expected");
    let same = "the files differ; if they should, run the pipeline and copy them here";
    assert!(texts(&place.to()) == texts(&expected.join("import")), "{name}: import: {same}");
    let rejects = fs::read_to_string(expected.join("account/rejects.ndjson")).expect("rejects");
    assert!(place.rejects() == rejects, "{name}: account/rejects.ndjson: {same}");
    check_counts(name, &place);
}

/// The last line of a sample's notes tells its counts.
fn check_counts(name: &str, place: &Place) {
    let records = &place.manifest()["records"];
    let dropped = records["dropped"].as_object().expect("counts by reason");
    let dropped: u64 = dropped.values().filter_map(serde_json::Value::as_u64).sum();
    let told = format!(
        "In all: {} read = {} written + {} rejected + {dropped} dropped.",
        records["read"], records["written"], records["rejected"]
    );
    let notes = fs::read_to_string(format!("samples/{name}/input/_notes.txt")).expect("notes");
    assert_eq!(notes.lines().last(), Some(told.as_str()), "{name}");
}

/// The files below a folder, by their paths in it.
fn texts(folder: &Path) -> BTreeMap<PathBuf, String> {
    let text = |file: PathBuf| {
        let text = fs::read_to_string(&file).expect("a file of text");
        (file.strip_prefix(folder).expect("it lies in the folder").to_owned(), text)
    };
    files_below(folder).into_iter().map(text).collect()
}
