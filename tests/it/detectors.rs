//! The detectors, on labelled values: `tests/detectors/` has the name of a field, a value, and what should be
//! found in it. `docs/detectors.md` shows how often each is right; the numbers there are checked here.
//!
//! `TRYCMD=overwrite cargo test --test it -- detectors` writes the current numbers into the page. A value that is
//! labelled has no other effect than on these numbers, so what a detector gets wrong can be added as it is.

use std::{collections::BTreeMap, fmt::Write, fs, process::Command};

use segprep::detect::{Detectors, Findings, Likelihood};

use crate::support::program::{code, segprep};

const PAGE: &str = "docs/detectors.md";
const FILES: [&str; 2] = ["tests/detectors/made.tsv", "tests/detectors/written.tsv"];

/// What a detector is held to, in percent; it does better today.
const RECALL_MIN: usize = 95;
const PRECISION_MIN: usize = 95;

/// A value, and the detectors that should hit it.
struct Labelled {
    name: String,
    value: String,
    expected: Vec<String>,
}

fn labelled() -> Vec<Labelled> {
    let texts = FILES.map(|file| fs::read_to_string(file).expect("labelled values"));
    let lines = texts.iter().flat_map(|text| text.lines());
    let lines = lines.filter(|line| !line.is_empty() && !line.starts_with("# "));
    lines
        .map(|line| {
            let mut cells = line.split('\t').map(str::to_owned);
            let mut next = || cells.next().unwrap_or_else(|| panic!("three cells in {line:?}"));
            let (name, value, expected) = (next(), next(), next());
            let expected = expected.split(',').filter(|name| *name != "-").map(str::to_owned);
            Labelled { name, value, expected: expected.collect() }
        })
        .collect()
}

/// How often a detector was right.
#[derive(Default)]
struct Score {
    /// Values that it should hit, and those of them that it hit, and that it took for likely.
    labelled: usize,
    found: usize,
    likely: usize,
    /// Values that it hit and should not.
    wrong: usize,
}

fn percent(part: usize, whole: usize) -> String {
    let tenths = (part * 1000).checked_div(whole).unwrap_or(0);
    format!("{}.{} %", tenths / 10, tenths % 10)
}

fn shipped() -> Detectors {
    Detectors::shipped().expect("the shipped file compiles")
}

fn found(detectors: &Detectors, findings: Findings) -> BTreeMap<&str, Likelihood> {
    let named = findings.iter().map(|(index, found)| (detectors.all()[index].name.as_str(), found));
    named.collect()
}

fn scores(detectors: &Detectors) -> BTreeMap<String, Score> {
    let mut scores: BTreeMap<String, Score> = BTreeMap::new();
    for Labelled { name, value, expected } in labelled() {
        let found = found(detectors, detectors.judge(&value, detectors.evidence([name.as_str()])));
        for detector in &expected {
            let score = scores.entry(detector.clone()).or_default();
            let likelihood = found.get(detector.as_str());
            score.labelled += 1;
            score.found += usize::from(likelihood.is_some());
            score.likely += usize::from(likelihood == Some(&Likelihood::Likely));
        }
        for detector in found.keys().filter(|name| !expected.iter().any(|known| known == *name)) {
            scores.entry((*detector).to_owned()).or_default().wrong += 1;
        }
    }
    scores
}

fn table(detectors: &Detectors, scores: &BTreeMap<String, Score>) -> String {
    let mut table =
        "| detector | finds | labelled | found | of these likely | recall | wrong | precision |\n\
                     |---|---|---:|---:|---:|---:|---:|---:|\n"
            .to_owned();
    for detector in detectors.all() {
        let score = &scores[&detector.name];
        let Score { labelled, found, likely, wrong } = score;
        let (recall, precision) = (percent(*found, *labelled), percent(*found, found + wrong));
        let (name, about) = (&detector.name, detector.about.replace('|', "\\|"));
        writeln!(
            table,
            "| `{name}` | {about} | {labelled} | {found} | {likely} | {recall} | {wrong} | {precision} |"
        )
        .expect("a string");
    }
    table
}

#[test]
fn the_page_has_the_current_numbers() {
    let detectors = shipped();
    let table = table(&detectors, &scores(&detectors));
    let page = fs::read_to_string(PAGE).expect("the page");
    let start = page.find("| detector | finds |").expect("the page has the table");
    let (before, rest) = page.split_at(start);
    let end = rest.find("\n\n").map_or(rest.len(), |length| length + 1);
    let (current, after) = rest.split_at(end);
    if std::env::var_os("TRYCMD").is_some_and(|mode| mode == "overwrite") {
        fs::write(PAGE, format!("{before}{table}{after}")).expect("the page");
    } else {
        assert_eq!(current, table, "TRYCMD=overwrite writes the page");
    }
}

#[test]
fn every_detector_is_good_enough() {
    let detectors = shipped();
    let scores = scores(&detectors);
    for detector in detectors.all() {
        let Score { labelled, found, wrong, .. } = scores[&detector.name];
        assert!(60 <= labelled, "{}: only {labelled} labelled values", detector.name);
        let is_good =
            labelled * RECALL_MIN <= found * 100 && (found + wrong) * PRECISION_MIN <= found * 100;
        assert!(is_good, "{}: {found} of {labelled}, {wrong} wrong", detector.name);
    }
    assert_eq!(scores.len(), detectors.all().len(), "every label is a detector's name");
    assert!(4_000 <= labelled().len(), "{} labelled values", labelled().len());
}

/// What a run writes of personal fields is not taken for personal data.
#[test]
fn what_a_run_has_cleaned_is_clean() {
    let detectors = shipped();
    let place = crate::support::program::Place::new();
    let mut command = segprep();
    command.args(["run", "pipelines/newsletter.toml", "--quiet"]);
    place.set_paths(&mut command);
    assert_eq!(code(&command.output().expect("the program runs")), 0);
    let parts = String::from_utf8(place.parts()).expect("UTF-8");
    let records = parts.lines().map(|line| serde_json::from_str(line).expect("JSON"));
    let records: Vec<serde_json::Value> = records.collect();
    let mut judged = 0;
    for record in &records {
        let user = record["User"].as_object().into_iter().flatten();
        for (name, value) in user {
            let attributes = value.as_object().into_iter().flatten();
            let lists = attributes.map(|(name, values)| (name, values[0].as_str()));
            for (name, value) in lists.chain([(name, value.as_str())]) {
                let Some(value) = value else { continue };
                let findings = detectors.judge(value, detectors.evidence([name.as_str()]));
                let found = found(&detectors, findings);
                judged += 1;
                let is_clean = found.keys().all(|name| name.starts_with("own_"));
                assert!(is_clean, "{name}: {found:?}");
            }
        }
    }
    assert!(40 < judged, "only {judged} values were judged");
}

#[test]
fn the_labelled_values_are_those_that_the_script_makes() {
    let made = fs::read(FILES[0]).expect("labelled values");
    let folder = tempfile::tempdir().expect("a temporary folder");
    fs::copy("tests/detectors/make.py", folder.path().join("make.py")).expect("the script");
    let status = Command::new("python3").arg(folder.path().join("make.py")).output();
    assert!(status.expect("Python is there").status.success());
    assert!(fs::read(folder.path().join("made.tsv")).expect("values") == made, "run make.py");
}
