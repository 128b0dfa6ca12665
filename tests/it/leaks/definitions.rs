//! A file of records that is given in place of a definition or a test: it is exit 78, and no message
//! quotes any of it.

use std::fs;

use crate::support::program::{Place, code, gzip, segprep};

/// Words of the files below that no message may show.
const PERSONAL: [&str; 6] = ["ann@", "ann doe", "doe@", "example.com", "0191", "berlin"];

/// Files that begin like data.
fn data_files() -> Vec<(&'static str, Vec<u8>)> {
    let csv = "Id,Address,City\n1,ann@example.com,Berlin\n2,doe@example.com,Berlin\n";
    let json = "{\"Address\":\"ann@example.com\",\"Name\":\"Ann Doe\"}\n";
    vec![
        ("customers.csv", csv.into()),
        ("semicolons.csv", csv.replace(',', ";").into()),
        ("tabs.tsv", csv.replace(',', "\t").into()),
        ("bom.csv", format!("\u{feff}{csv}").into()),
        ("cr.csv", csv.replace('\n', "\r").into()),
        ("without-header.csv", "ann@example.com,Ann Doe,Berlin\n".into()),
        ("quoted.csv", "\"ann = doe\",\"ann@example.com\"\n".into()),
        ("sep.csv", "sep=;\nann@example.com;Berlin\n".into()),
        ("latin1.csv", b"ann@example.com,M\xfcnchen\n".to_vec()),
        ("one.json", json.into()),
        ("array.json", format!("[{json}]").into()),
        ("spaced.json", format!("\n [\n  {json}]").into()),
        ("texts.json", "[\"ann@example.com\"]\n".into()),
        ("lists.json", "[[\"ann@example.com\"]]\n".into()),
        ("numbers.json", "[12025550191]\n".into()),
        ("records.json.gz", gzip(json.as_bytes())),
        ("records.zst", b"\x28\xb5\x2f\xfdann@example.com".to_vec()),
        ("records.parquet", b"PAR1ann@example.com".to_vec()),
        ("utf16.csv", "ann@example.com,Berlin\n".bytes().flat_map(|byte| [byte, 0]).collect()),
    ]
}

/// Files that may have been meant as definitions, but are not TOML.
fn other_files() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("addresses.txt", "ann@example.com\ndoe@example.com\n".into()),
        ("card.vcf", "BEGIN:VCARD\nFN:Ann Doe\nTEL:+12025550191\n".into()),
        ("pairs.yaml", "name: Ann Doe\nmail: ann@example.com\n".into()),
        ("word.json", "\"ann@example.com\"\n".into()),
        ("latin1.txt", b"ann@example.com M\xfcnchen\n".to_vec()),
        ("late.toml", "segprep = 1\nann@example.com\nann@example.com, Berlin\n".into()),
    ]
}

fn check(name: &str, content: &[u8], is_data: bool) {
    let place = Place::new();
    let file = place.folder.path().join("given");
    fs::write(&file, content).expect("a file");
    for command in [&["check"][..], &["run"], &["key", "check"], &["test"]] {
        for json in [false, true] {
            let mut program = segprep();
            program.args(command).arg("given").args(json.then_some("--json"));
            let output = program.current_dir(place.folder.path()).output().expect("it runs");
            let mut shown = String::from_utf8_lossy(&output.stdout).into_owned();
            shown.push_str(&String::from_utf8_lossy(&output.stderr));
            assert_eq!(code(&output), 78, "{command:?} {name}: {shown}");
            let says_data = shown.contains("is a data file, not a");
            assert_eq!(says_data, is_data, "{command:?} {name}: {shown}");
            let lower = shown.to_lowercase();
            for word in PERSONAL {
                assert!(!lower.contains(word), "{command:?} {name} shows {word:?}: {shown}");
            }
            let errors = shown.matches(if json { "\"level\":\"error\"" } else { "error:" }).count();
            assert_eq!(errors, 1, "{command:?} {name}: {shown}");
        }
    }
}

#[test]
fn data_given_as_a_definition_is_named_and_not_quoted() {
    for (name, content) in data_files() {
        check(name, &content, true);
    }
}

#[test]
fn what_is_not_toml_is_one_error_that_quotes_no_line_of_data() {
    for (name, content) in other_files() {
        check(name, &content, false);
    }
}

/// A presigned URL in place of a definition is not shown.
#[test]
fn a_signed_url_given_as_a_definition_is_not_shown() {
    let url =
        "https://bucket.s3.amazonaws.com/a.toml?X-Amz-Credential=AKIAOPEN&X-Amz-Signature=0123";
    for command in [&["check"][..], &["run"], &["key", "check"]] {
        let output = segprep().args(command).arg(url).output().expect("it runs");
        let shown = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(code(&output), 78, "{command:?}: {shown}");
        assert!(!shown.contains("AKIAOPEN") && !shown.contains("0123"), "{command:?}: {shown}");
    }
}

/// A test file with a value in the wrong place.
#[test]
fn a_test_that_is_not_valid_is_not_quoted() {
    let place = Place::new();
    for content in ["case = \"ann@example.com\"\n", "\"ann@example.com\" = 1\n"] {
        fs::write(place.folder.path().join("a.test.toml"), content).expect("a file");
        let output = segprep()
            .args(["test", "a.test.toml"])
            .current_dir(place.folder.path())
            .output()
            .expect("it runs");
        let shown = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(code(&output), 78, "{shown}");
        assert!(shown.contains("line 1") && !shown.contains("ann@"), "{shown}");
    }
}
