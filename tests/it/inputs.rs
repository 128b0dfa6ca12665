//! Several inputs: standard input, patterns, archives in parallel, and skipped files. Cases of single
//! inputs are in `tests/hostile`.

use std::{fs, path::Path, process::Command};

use serde_json::{Value, json};

use crate::support::program::{Place, code, gzip, run_with_stdin, segprep, set, stderr, toml_text};
use crate::support::running::Site;

const DEFINITION: &str = "tests/hostile/definition.toml";

fn run_in(place: &Place, settings: &[&str]) -> Command {
    let mut command = segprep();
    command.args(["run", DEFINITION, "--quiet"]);
    for setting in settings {
        command.arg("--set").arg(setting);
    }
    set(&mut command, "output.0.to", &place.to());
    set(&mut command, "account.to", &place.account());
    command
}

fn from(paths: &[&Path]) -> String {
    let paths: Vec<String> = paths.iter().map(|path| toml_text(&path.to_string_lossy())).collect();
    format!("input.from=[{}]", paths.join(","))
}

fn records(file: usize, count: usize) -> Vec<String> {
    (0..count).map(|n| format!("{{\"Id\":\"{file}-{n}\"}}")).collect()
}

/// The lines of `inputs.ndjson`.
fn inputs(place: &Place) -> Vec<Value> {
    let text = fs::read_to_string(place.account().join("inputs.ndjson")).expect("inputs");
    text.lines().map(|line| serde_json::from_str(line).expect("a line is JSON")).collect()
}

#[test]
fn standard_input_is_read_and_always_a_new_run() {
    let place = Place::new();
    let settings = ["input.from=[\"-\"]"];
    let text = "[{\"Id\":\"a\"},\n{\"Id\":1}]\n";
    for bytes in [text.as_bytes().to_vec(), gzip(text.as_bytes())] {
        let place = Place::new();
        let output = run_with_stdin(run_in(&place, &settings), &bytes);
        assert_eq!(code(&output), 0, "{}", stderr(&output));
        assert_eq!(place.parts(), b"{\"Id\":\"a\"}\n");
        let [input] = inputs(&place).try_into().expect("one input");
        assert_eq!((&input["name"], &input["bytes"]), (&json!("-"), &json!(bytes.len())));
    }
    assert_eq!(code(&run_with_stdin(run_in(&place, &settings), text.as_bytes())), 0);
    let again = run_with_stdin(run_in(&place, &settings), text.as_bytes());
    assert_eq!(code(&again), 73, "the input may differ: {}", stderr(&again));
    let mut over = run_in(&place, &settings);
    over.arg("--overwrite");
    assert_eq!(code(&run_with_stdin(over, b"{\"Id\":\"b\"}\n")), 0);
    assert_eq!(place.parts(), b"{\"Id\":\"b\"}\n");
}

/// If a command before the pipe fails, the empty input must not replace an earlier output.
#[test]
fn empty_standard_input_is_no_input() {
    let place = Place::new();
    let empty = |more: &[&str]| {
        let mut command = run_in(&place, &["input.from=[\"-\"]"]);
        command.args(more);
        run_with_stdin(command, b"")
    };
    assert_eq!(code(&empty(&[])), 66);
    assert_eq!(
        code(&run_with_stdin(run_in(&place, &["input.from=[\"-\"]"]), b"{\"Id\":\"a\"}")),
        0
    );
    assert_eq!(code(&empty(&["--overwrite"])), 66);
    assert_eq!(place.parts(), b"{\"Id\":\"a\"}\n");
    assert_eq!(place.manifest()["status"], json!("published"));
}

#[test]
fn patterns_are_expanded_and_unmatched_ones_are_warned_of() {
    let place = Place::new();
    let folder = place.folder.path().join("in");
    for (name, id) in
        [("b.json", "b"), ("a.json", "a"), ("deep/er/c.json", "c"), ("old/d.json", "d")]
    {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, format!("{{\"Id\":\"{id}\"}}\n")).expect("a file");
    }
    let wanted = [folder.join("**/?.json"), folder.join("*.csv")];
    let from = from(&[&wanted[0], &wanted[1]]);
    let output = run_in(&place, &[&from, "input.exclude=[\"old\", \"*.tmp\"]"]).output();
    let output = output.expect("the program runs");
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    assert_eq!(place.parts(), b"{\"Id\":\"a\"}\n{\"Id\":\"b\"}\n{\"Id\":\"c\"}\n");
    let ignored = inputs(&place).pop().expect("ignored files are listed last");
    assert_eq!(ignored["ignored"], json!("excluded"));
    let warnings = place.manifest()["warnings"].to_string();
    assert!(warnings.contains("*.csv` matches no file"), "{warnings}");
    assert!(warnings.contains("`*.tmp` matches no file"), "{warnings}");

    let place = Place::new();
    let output = run_in(&place, &[&from, "input.exclude=[\"?.json\"]"]).output().expect("it runs");
    assert_eq!(code(&output), 66, "{}", stderr(&output));
    let nothing = format!("input.from=[{}]", toml_text(&folder.join("*.csv").to_string_lossy()));
    let output = run_in(&place, &[&nothing]).output().expect("it runs");
    assert_eq!(code(&output), 66, "{}", stderr(&output));
}

#[test]
fn archives_and_plain_files_give_the_same_output() {
    let source = tempfile::tempdir().expect("a temporary folder");
    let (packed, plain) = (source.path().join("packed"), source.path().join("plain"));
    for folder in [&packed, &plain] {
        fs::create_dir(folder).expect("a folder");
    }
    for file in 0..12 {
        let records = records(file, 1 + file * 2_500);
        let text = match file % 3 {
            0 => records.join("\n") + "\n",
            1 => format!("[{}]", records.join(" ,\n")),
            _ => records.join("\n\n").replace(':', " :\n") + "\n",
        };
        let name = format!("{file:02}.json");
        fs::write(packed.join(&name), gzip(text.as_bytes())).expect("a file");
        fs::write(plain.join(&name), text).expect("a file");
    }
    let mut wanted = None;
    for (folder, threads, chunk) in
        [(&plain, 1, 1 << 20), (&packed, 1, 1 << 20), (&packed, 2, 5_000), (&packed, 3, 300_000)]
    {
        let place = Place::new();
        let mut command = run_in(&place, &[&from(&[folder])]);
        command.args(["--threads", &threads.to_string(), "--chunk-bytes", &chunk.to_string()]);
        let output = command.output().expect("the program runs");
        assert_eq!(code(&output), 0, "{}", stderr(&output));
        let parts = place.parts();
        assert_eq!(&parts, wanted.get_or_insert(parts.clone()), "{threads} threads");
        let compression = if folder == &packed { "gzip" } else { "none" };
        assert!(inputs(&place).iter().all(|input| input["compression"] == json!(compression)));
    }
}

#[test]
fn bad_files_are_skipped_if_the_definition_says_so() {
    let source = tempfile::tempdir().expect("a temporary folder");
    let good = records(0, 30).join("\n") + "\n";
    let archive = gzip((records(1, 20_000).join("\n") + "\n").as_bytes());
    let torn = &archive[..archive.len() * 2 / 3];
    for (name, bytes) in [
        ("1.json", good.as_bytes()),
        ("2.gz", torn),
        ("3.csv", b"E-mail,shoe size\nx,1\n"),
        ("4.json", b"{\"Id\":\"last\"}\n"),
    ] {
        fs::write(source.path().join(name), bytes).expect("a file");
    }
    let from = from(&[source.path()]);
    let place = Place::new();
    let output = run_in(&place, &[&from]).output().expect("the program runs");
    assert_eq!(code(&output), 65);
    assert!(stderr(&output).contains("2.gz"), "the first bad file is named: {}", stderr(&output));

    let mut wanted = None;
    for (threads, chunk) in [(1, 1 << 20), (2, 100), (3, 70_000)] {
        let place = Place::new();
        let mut command = run_in(&place, &[&from, "input.on_bad_file=\"skip\""]);
        command.args(["--threads", &threads.to_string(), "--chunk-bytes", &chunk.to_string()]);
        let output = command.output().expect("the program runs");
        assert_eq!(code(&output), 0, "{}", stderr(&output));
        let manifest = place.manifest();
        assert_eq!(manifest["inputs"]["skipped"], json!(2));
        assert_eq!(manifest["warnings"].as_array().map(Vec::len), Some(2), "{manifest}");
        let mut lines = inputs(&place);
        let parts = place.parts();
        let text = String::from_utf8_lossy(&parts);
        assert!(text.starts_with(&good) && text.ends_with("{\"Id\":\"last\"}\n"));
        let (read, offset) = (&lines[1]["records"], lines[1]["offset_reached"].as_u64());
        assert!(*read != json!(0) && lines[1]["broken"].is_string(), "{}", lines[1]);
        let until = text.len() - good.len() - "{\"Id\":\"last\"}\n".len();
        assert_eq!(offset.and_then(|offset| usize::try_from(offset).ok()), Some(until));
        assert_eq!((&lines[2]["offset_reached"], &lines[2]["records"]), (&json!(0), &json!(0)));
        lines.retain_mut(|line| line.as_object_mut().is_some());
        let outcome = (parts, lines);
        assert_eq!(&outcome, wanted.get_or_insert(outcome.clone()));
    }
}

/// Warnings are part of the manifest, which is held in memory.
#[test]
fn only_the_first_skipped_inputs_have_a_warning_each() {
    let site = Site::with("{\"Id\":\"a\"}\n");
    for number in 0..103 {
        fs::write(site.inputs().join(format!("broken-{number:03}.json")), b"\x1f\x8b").expect("it");
    }
    let output =
        site.run().args(["--set", "input.on_bad_file=\"skip\""]).output().expect("it runs");
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    let manifest = site.place.manifest();
    assert_eq!(manifest["inputs"]["skipped"], json!(103));
    let warnings = manifest["warnings"].as_array().expect("a list");
    let last = json!("3 more inputs were skipped, which `inputs.ndjson` lists");
    assert_eq!((warnings.len(), &warnings[100]), (101, &last), "{manifest}");
}

/// A name that turns the direction of text, or hides in it, reads in accounts and messages as it is;
/// whoever parses the JSON has the true one.
#[test]
fn hidden_characters_of_names_are_shown() {
    let names = ["a\u{202e}nosjdn.txt", "b\u{200b}\u{7f}\u{9b}.json", "c\u{1b}[2J.json"];
    for arguments in [&["--json"][..], &[]] {
        let site = Site::new();
        for name in names {
            site.input(name, "{\"Id\":\"a\"}\n{\"Id\":7}\n");
        }
        site.input(".d\u{202e}", "ignored");
        let output = site.run().args(arguments).output().expect("it runs");
        assert_eq!(code(&output), 0, "{}", stderr(&output));
        let account = ["manifest.json", "rejects.ndjson", "inputs.ndjson", "report.html"];
        let files = account.map(|name| fs::read(site.place.account().join(name)).expect("a file"));
        for text in files.iter().chain([&output.stdout, &output.stderr]) {
            let text = str::from_utf8(text).expect("UTF-8");
            let hidden = |c: char| "\u{202e}\u{200b}\u{7f}\u{9b}\u{1b}".contains(c);
            assert!(!text.contains(hidden), "{text:?}");
        }
        let sources: Vec<String> = site
            .place
            .rejects()
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).expect("a line is JSON"))
            .map(|line| line["source"].as_str().expect("a name").to_owned())
            .collect();
        let expected = names.map(|name| site.inputs().join(name).to_string_lossy().into_owned());
        assert_eq!(sources, expected);
        let listed: Vec<Value> = inputs(&site.place);
        let listed: Vec<_> = listed.iter().filter_map(|line| line["name"].as_str()).collect();
        assert_eq!(listed[..3], expected);
        assert!(listed[3].ends_with(".d\u{202e}"));
    }
}

#[test]
fn kept_records_of_an_array_have_one_line_each() {
    let source = tempfile::tempdir().expect("a temporary folder");
    let path = source.path().join("a.json");
    fs::write(&path, "[{\"Id\":1},\n{\"Id\":\n2},{\"Id\":\"a\"},]").expect("a file");
    let place = Place::new();
    let settings = [&*from(&[&path]), "account.keep_rejected=true"];
    let output = run_in(&place, &settings).output().expect("the program runs");
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    let kept = fs::read(place.account().join("rejected-records/00000-a.json")).expect("kept");
    assert_eq!(kept, b"{\"Id\":1}\n{\"Id\":\n2}\n");
}

#[test]
fn a_field_near_a_known_one_is_warned_of() {
    let source = tempfile::tempdir().expect("a temporary folder");
    let path = source.path().join("a.json");
    // A name that fewer than ten records have may be somebody's data, and is not shown.
    for (records, name) in [(9, "(name of 6 characters)"), (10, "Adress")] {
        let record = "{\"Id\":\"a\",\"Adress\":\"x\",\"shoe\":1}\n";
        fs::write(&path, record.repeat(records)).expect("a file");
        let place = Place::new();
        let output = run_in(&place, &[&from(&[&path])]).output().expect("the program runs");
        assert_eq!(code(&output), 0, "{}", stderr(&output));
        let warnings = place.manifest()["warnings"].to_string();
        assert!(warnings.contains(&format!("`{name}` is similar to `Address`")), "{warnings}");
        assert!(!warnings.contains("shoe"), "{warnings}");
    }
}
