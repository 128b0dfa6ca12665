//! Runs over canaries: parts, accounts, messages and staging folders.

use std::fs;

use serde_json::Value;

use crate::support::canary::Canaries;
use crate::support::canary::records::{csv, lines};
use crate::support::canary::site::CanarySite;
use crate::support::program::{Place, code, files_below};
use crate::support::running::Running;

const REPAIRS: &str = "repair={ phone = { region = \"US\" }, country = true, channel = true, \
    locale = true, timezone = true, email = true, trim = true, dates = true, optout = true }";

#[test]
fn no_removed_value_appears() {
    for seed in 0..3 {
        let mut site = CanarySite::new(seed);
        let text = lines(&mut site.canaries, 400);
        site.input("a.json", text);
        let text = csv(&mut site.canaries, 200);
        site.input("b.csv", text);
        let mut command = site.run();
        if seed % 2 == 1 {
            command.arg("--json");
        }
        if seed == 2 {
            // All repairs except `lists`, which would keep bare values that are rejected otherwise.
            command.args(["--set", REPAIRS]);
        }
        site.check(command, 0);
        check_is_not_vacuous(&site.place);
    }
}

/// Checks that records were written and that many kinds of problems occurred, so that the search for
/// canaries means something.
fn check_is_not_vacuous(place: &Place) {
    let manifest = place.manifest();
    let [written, rejected] =
        ["written", "rejected"].map(|name| manifest["records"][name].as_u64().expect("a count"));
    assert!(200 <= written && 50 <= rejected, "{written} written, {rejected} rejected");
    for code in ["json_syntax", "csv_syntax", "duplicate_key", "type", "enum", "too_long_record"] {
        assert!(manifest["rejects"]["by_code"][code].is_u64(), "no {code}");
    }
    let part = String::from_utf8(place.parts()).expect("parts are UTF-8");
    let first = part.lines().find(|line| line.contains("Birthday")).expect("a birthday");
    let record: Value = serde_json::from_str(first).expect("JSON");
    assert_eq!(record["User"]["UserAttributes"]["Birthday"], serde_json::json!(["1988-02-09"]));
}

/// With `keep_rejected`, the originals are in one folder and nowhere else.
#[test]
fn kept_rejects_are_in_one_folder() {
    let mut site = CanarySite::new(9);
    let text = lines(&mut site.canaries, 100);
    site.input("a.json", text);
    let mut command = site.run();
    command.args(["--set", "account.keep_rejected=true"]);
    assert_eq!(code(&command.output().expect("the program runs")), 0);
    let kept = site.place.account().join("rejected-records");
    let text = fs::read(kept.join("00000-a.json")).expect("the originals");
    assert!(site.canaries.find(&text).is_some());
    fs::remove_dir_all(kept).expect("it is there");
    site.check_files();
}

#[test]
fn staging_has_no_more_than_the_output() {
    let mut site = CanarySite::new(20);
    let text = lines(&mut site.canaries, 300).repeat(60);
    site.input("a.json", text);
    let mut command = site.run();
    command.args(["--chunk-bytes", "20000", "--threads", "2"]);
    let staged = site.place.folder.path().join(".import.segprep/new");
    let mut running = Running::start(&mut command);
    let mut looks = 0;
    while running.until(|| !files_below(&staged).is_empty()) {
        running.while_paused(|| {
            looks += usize::from(0 < site.check_files());
        });
        if 5 < looks {
            break;
        }
    }
    assert!(0 < looks, "the run ended before its files were searched");
    let output = running.assert_exit(0);
    assert_eq!(site.canaries.find(&output.stderr), None);
    site.check_files();
}

/// Every error that an input causes, as text and as JSON.
#[test]
fn no_input_is_quoted_in_an_error() {
    let mut c = Canaries::new(30);
    let (text, other) = (c.text(), c.text());
    let utf16 = format!("Address\n{text}").encode_utf16().flat_map(u16::to_le_bytes).collect();
    let cases: Vec<(i32, Vec<u8>)> = vec![
        (3, format!("{{\"OptOut\":\"{text}\"}}\n").into_bytes()),
        (3, format!("{{\"Id\":\"{text}\n").into_bytes()),
        (3, format!("[{{\"OptOut\":\"{text}\"}}] {other}").into_bytes()),
        (3, format!("{{\n\"Id\":\"{text}\"\n").into_bytes()),
        (3, format!("{{\"Id\":1}}{text}{{\"OptOut\":\"{other}\"}}").into_bytes()),
        (65, format!("{text}@example.com,EMAIL\n{other}@example.com,EMAIL\n").into_bytes()),
        (65, format!("Address,{text},{text}\n").into_bytes()),
        (65, format!("Address,\"{text}\n{other}").into_bytes()),
        (65, format!("Address,\"{text}\"{other}\n").into_bytes()),
        (65, [b"Address,\xff", text.as_bytes(), b"\n"].concat()),
        (65, format!("Address,{}\n", text.repeat(150)).into_bytes()),
        (65, format!("Attributes,{text}.Plan\n").into_bytes()),
        (65, [b"\x1f\x8b\x08", text.as_bytes()].concat()),
        (65, utf16),
        (66, Vec::new()),
    ];
    for (expected, input) in cases {
        for format in [None, Some("--json")] {
            let mut site = CanarySite::new(31);
            site.canaries.watch(text.clone());
            site.canaries.watch(other.clone());
            site.input("input", &input);
            let mut command = site.run();
            command.args(["--set", "account.max_reject_ratio=0.0"]).args(format);
            if expected == 65 {
                // As in a definition that does not set `unknown`.
                command.args(["--set", "input.unknown=\"reject\""]);
            }
            site.check(command, expected);
        }
    }
}
