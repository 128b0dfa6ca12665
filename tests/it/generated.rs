//! `segprep generate`: what a run rejects of a generated file is exactly what the truth file lists.

use std::{fs, path::Path};

use serde_json::Value;

use crate::support::program::{Place, code, segprep, stderr, toml_text};

/// A planted fault, or a problem of a reject: line, field and code.
type Fault = (u64, String, String);

const RECORDS: u64 = 3_000;

/// Writes a file into a folder. Returns its text and the faults of its truth file.
fn generated(folder: &Path, format: &str, shape: &str, records: u64) -> (String, Vec<Fault>) {
    let truth = folder.join("truth.ndjson");
    let output = segprep()
        .args(["generate", "--seed", "20260301", "--bad", "0.2", "--quiet"])
        .args(["--records", &records.to_string(), "--format", format, "--shape", shape])
        .arg("--truth")
        .arg(&truth)
        .output()
        .expect("the program runs");
    assert_eq!((code(&output), stderr(&output)), (0, String::new()), "{format} {shape}");
    let text = String::from_utf8(output.stdout).expect("generated files are UTF-8");
    let truth = fs::read_to_string(truth).expect("a truth file");
    (text, truth.lines().map(|line| fault(&serde_json::from_str(line).expect("JSON"))).collect())
}

fn fault(planted: &Value) -> Fault {
    let text = |name: &str| planted[name].as_str().expect("a text").to_owned();
    (planted["line"].as_u64().expect("a line"), text("field"), text("code"))
}

/// The problems of all rejects of a run over a file.
fn rejected(text: &str, definition: &str, sets: &[&str]) -> Vec<Fault> {
    let place = Place::new();
    let file = place.folder.path().join("generated");
    fs::write(&file, text).expect("an input");
    let mut command = segprep();
    command.args(["run", definition, "--quiet"]);
    command.arg(format!("--set=input.from=[{}]", toml_text(&file.to_string_lossy())));
    place.set_paths(&mut command);
    for setting in sets {
        command.args(["--set", setting]);
    }
    let output = command.output().expect("the program runs");
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    let rejects = place.rejects();
    let rejects = rejects.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    rejects
        .flat_map(|reject| {
            let problems = reject["problems"].as_array().expect("problems").clone();
            problems.into_iter().map(move |mut problem| {
                problem["line"] = reject["line"].clone();
                fault(&problem)
            })
        })
        .collect()
}

/// Every repair that a definition can name.
const REPAIRS: &str = "repair={ trim=true, lists=true, channel=true, optout=true, country=true, \
                       locale=true, timezone=true, dates=true, email=true, phone={ region=\"US\" } }";

#[test]
fn a_run_rejects_what_was_planted_and_nothing_else() {
    let place = Place::new();
    for format in ["ndjson", "csv"] {
        for shape in ["plain", "export"] {
            let (text, planted) = generated(place.folder.path(), format, shape, RECORDS);
            for sets in [&[][..], &[REPAIRS, "validate.phone=\"valid\""]] {
                let found = rejected(&text, "tests/generated/own.toml", sets);
                assert_eq!(found, planted, "{format} {shape} {sets:?}");
            }
        }
    }
}

#[test]
fn a_run_rejects_what_was_planted_in_contacts() {
    let place = Place::new();
    let (csv, planted) = generated(place.folder.path(), "csv", "crm", RECORDS);
    for sets in [&[][..], &[REPAIRS]] {
        let found = rejected(&csv, "tests/generated/crm.toml", sets);
        assert_eq!(found, planted, "csv {sets:?}");
    }
    let (json, planted) = generated(place.folder.path(), "ndjson", "crm", RECORDS);
    // The names that a definition cannot rename yet in JSON.
    let renamed = json
        .replace("{\"Contact ID\":", "{\"ChannelType\":\"EMAIL\",\"Id\":")
        .replace("\"Email\":", "\"Address\":");
    let sets = ["input.rename={}", "input.constants={}"];
    let found = rejected(&renamed, "tests/generated/crm.toml", &sets);
    assert_eq!(found, planted, "ndjson");
}

/// Each kind of fault is among the planted ones, so the comparison covers all of them.
#[test]
fn every_kind_of_fault_is_planted() {
    let place = Place::new();
    let codes = |format: &str, shape: &str| {
        let (_, planted) = generated(place.folder.path(), format, shape, RECORDS);
        let mut kinds: Vec<String> =
            planted.into_iter().map(|(_, field, code)| format!("{field} {code}")).collect();
        kinds.sort_unstable();
        kinds.dedup();
        kinds.len()
    };
    assert_eq!(codes("ndjson", "plain"), 15);
    assert_eq!(codes("csv", "export"), 10);
    assert_eq!((codes("ndjson", "crm"), codes("csv", "crm")), (5, 3));
}

#[test]
fn about_the_given_share_of_records_is_bad() {
    let place = Place::new();
    let (text, planted) = generated(place.folder.path(), "ndjson", "plain", RECORDS);
    assert_eq!(text.lines().count(), 3_000);
    assert!((540..660).contains(&planted.len()), "{} of 3,000", planted.len());
}

fn digest(text: &str) -> String {
    data_encoding::HEXLOWER.encode(&segprep::crypto::sha256(text))
}

/// Pinned: the same arguments give the same bytes on every machine and in every version.
#[test]
fn the_bytes_are_always_the_same() {
    let place = Place::new();
    for (format, shape, expected) in [
        ("ndjson", "plain", "23316648de416b51c5d093a726ad80ddf72c7a2b343ce78bbc91e67cdd8c4197"),
        ("ndjson", "export", "3aa8464fc72f4ebf62e8ad9f073a7aaabf51e7d740a440c19a2e1624041186d7"),
        ("ndjson", "crm", "e3cc1913ea75f7ba446816d289e6eddd620d3ec9bd4baa700dd095678afd2f0c"),
        ("csv", "plain", "c163510ebd5c9f098101f18ee8131b935a3cc9a385e21ba5b7996f9d3565f99a"),
        ("csv", "export", "b46be5e7966ff1e2f83eabd77f928a4df8e131e9dfd881d5093549abf27966a4"),
        ("csv", "crm", "c8ed927b32e8199d1458f54bb33b302619fbad7f675a2c2ec64ab14108efd3aa"),
    ] {
        let (text, planted) = generated(place.folder.path(), format, shape, 500);
        let all = format!("{text}{planted:?}");
        assert_eq!(digest(&all), expected, "{format} {shape}");
    }
}

#[test]
fn a_truth_file_that_cannot_be_written_is_an_error() {
    let place = Place::new();
    let mut command = segprep();
    command.args(["generate", "--records", "1", "--seed", "1", "--truth"]);
    let output = command.arg(place.folder.path().join("none/truth")).output().expect("it runs");
    assert_eq!((code(&output), output.stdout.len()), (74, 0), "{}", stderr(&output));
    assert!(stderr(&output).contains("hint: "), "{}", stderr(&output));
}
