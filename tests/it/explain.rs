//! `segprep explain`: it says of a record what a preview says, and where the run wrote it.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::preview::{check_written, definition, json_output, preview, previewed, ran, records};
use crate::support::nights::{Nights, records as records_of};
use crate::support::program::{Place, code, run_with_stdin, segprep, stderr, toml_text};
use crate::support::running::assert_exit;

/// An explanation; `place` is one argument or several.
fn explain(definition: &str, place: &[&str], sets: &[String]) -> Command {
    let mut command = segprep();
    command.args(["explain", definition]).args(place);
    for set in sets {
        command.args(["--set", set]);
    }
    command
}

/// The records of an explanation.
fn explained(mut command: Command) -> Vec<Value> {
    explained_by(&mut command)
}

fn explained_by(command: &mut Command) -> Vec<Value> {
    let output = command.arg("--json").output().expect("the program runs");
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    records(&output.stdout)
}

/// The line of a part that a record names.
fn written_line(record: &Value) -> String {
    let part = record["part"].as_str().expect("a part");
    let line = record["part_line"].as_u64().and_then(|line| usize::try_from(line).ok());
    let text = fs::read_to_string(part).expect("the part");
    let line = text.lines().nth(line.expect("a line") - 1);
    line.unwrap_or_else(|| panic!("{part} has no line {record:#}")).to_owned()
}

/// Explains every record of a definition after its run, by line and by number.
fn check_all(name: &str, more: &[&str], settings: &[&str]) {
    let place = Place::new();
    let mut sets = json_output(&place);
    sets.extend(settings.iter().map(|set| (*set).to_owned()));
    ran(name, &place, &sets);
    for (number, expected) in previewed(preview(name, &sets)).iter().enumerate() {
        let source = expected["source"].as_str().expect("a name");
        let (line, record) =
            (format!("{source}:{}", expected["line"]), expected["record"].to_string());
        // Each record is explained one way or the other.
        let by_number = [source, "--record", &record];
        let at: &[&str] = if number % 2 == 0 { &by_number } else { &[&line] };
        let mut command = explain(name, at, &sets);
        command.args(more);
        let found = explained(command);
        let found = found.iter().find(|one| one["record"] == expected["record"]);
        let found = found.unwrap_or_else(|| panic!("{at:?} has no {expected:#}"));
        let written = found["outcome"] == "written";
        assert_eq!((found["part"].is_string(), found["part_line"].is_u64()), (written, written));
        if written {
            let line = serde_json::from_str(&written_line(found)).expect("JSON");
            check_written(found, &line);
        }
        for name in ["outcome", "reason", "line", "source"] {
            assert_eq!(found[name], expected[name], "{at:?}");
        }
        let came_in = |record: &Value| -> Vec<Value> {
            let fields = record["fields"].as_array().expect("fields").iter();
            fields.map(|field| field["before"].clone()).collect()
        };
        assert_eq!(came_in(found), came_in(expected), "{at:?}");
    }
}

#[test]
fn every_record_is_explained_and_is_where_it_says() {
    check_all("pipelines/newsletter.toml", &["--threads", "2", "--chunk-bytes", "900"], &[]);
    check_all("pipelines/contacts.toml", &[], &[]);
    check_all("pipelines/suppressed.toml", &["--chunk-bytes", "1"], &[]);
}

/// With parts of a few records, and other orders of outputs.
#[test]
fn a_record_is_found_in_any_part_of_any_format() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path();
    let mut command = segprep();
    command.args("generate --records 60 --seed 9 --bad 0.2 --quiet".split(' '));
    let text = command.output().expect("it runs").stdout;
    fs::create_dir(path.join("in")).expect("a folder");
    for name in ["1.ndjson", "2.ndjson", "3.ndjson"] {
        fs::write(path.join("in").join(name), &text).expect("an input");
    }
    let toml = |below: &str| toml_text(&path.join(below).to_string_lossy());
    let columns = "columns = [\"ChannelType\", \"Address\", \"OptOut\"]";
    let sets = vec![
        format!("input.from=[{}]", toml("in")),
        format!("account.to={}", toml("account")),
        "account.max_reject_ratio=1.0".to_owned(),
        "fields={ \"Address\" = \"keep\", \"*\" = \"drop\", \"ChannelType\" = \"keep\", \"OptOut\" = \"keep\" }".to_owned(),
        format!(
            "output=[{{ to = {}, format = \"pinpoint-csv\", {columns}, max_bytes = \"700 B\" }}, \
             {{ to = {}, format = \"pinpoint-json\", max_bytes = \"900 B\" }}, \
             {{ to = {}, format = \"parquet\" }}]",
            toml("csv"), toml("json"), toml("parquet")
        ),
    ];
    let mut command = segprep();
    command.args(["run", "pipelines/newsletter.toml", "--quiet"]);
    for set in &sets {
        command.args(["--set", set]);
    }
    let output = command.output().expect("it runs");
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    let source = path.join("in/2.ndjson").to_string_lossy().into_owned();
    let mut parts = std::collections::BTreeSet::new();
    for line in [1, 17, 33, 50, 60] {
        let at = format!("{source}:{line}");
        let found = explained(explain("pipelines/newsletter.toml", &[&at], &sets));
        let [record] = found.as_slice() else { panic!("{found:#?}") };
        if record["outcome"] != "written" {
            continue;
        }
        let original = String::from_utf8_lossy(&text).into_owned();
        let original: Value =
            serde_json::from_str(original.lines().nth(line - 1).expect("a line")).expect("JSON");
        let address = original["Address"].as_str().expect("an address");
        let row = written_line(record);
        assert!(row.contains(address), "{row} is not of {address}");
        parts.insert(record["part"].as_str().expect("a part").to_owned());
        // The page names the place in each output.
        let output = explain("pipelines/newsletter.toml", &[&at], &sets).output().expect("it runs");
        let page = String::from_utf8_lossy(&output.stdout).into_owned();
        let page = page.replace("\n             ", " ");
        assert!(
            page.contains("/csv/") && page.contains("/json/") && page.contains(".parquet"),
            "{page}"
        );
        assert!(!page.contains(address), "{page}");
    }
    assert!(2 < parts.len(), "{parts:?}");
}

#[test]
fn the_page_says_what_the_account_knows() {
    let folder = tempfile::tempdir().expect("a folder");
    let input = "{\"Id\":\"one\"}\n{\"Id\":\"two\",\"OptOut\":\"MAYBE\"}\n{\"Id\":\"three\",\"EndpointStatus\":\"INACTIVE\"}\n";
    let file = definition(folder.path(), input, "in.ndjson", "");
    let source = folder.path().join("in.ndjson").to_string_lossy().into_owned();
    let page = |line: u64, sets: &[String]| {
        let at = format!("{source}:{line}");
        let output = explain(&file, &[&at], sets).output().expect("it runs");
        assert_eq!(code(&output), 0, "{}", stderr(&output));
        String::from_utf8_lossy(&output.stdout).replace("\n             ", " ")
    };
    let run = |sets: &[&str], expected| {
        let mut command = segprep();
        command.args(["run", &file, "--overwrite", "--quiet"]);
        for set in sets {
            command.args(["--set", set]);
        }
        assert_eq!(code(&command.output().expect("it runs")), expected);
    };
    let loose = ["account.max_reject_ratio=1.0".to_owned()];
    assert!(page(1, &loose).contains("there is no run yet"));
    run(&["account.max_reject_ratio=1.0"], 0);
    assert!(page(1, &loose).contains("job-000/part-00000.json, line 1"));
    assert!(page(1, &[]).contains("the account has another run"));
    let rejected = page(2, &loose);
    assert!(
        rejected.contains("`OptOut`: enum") && rejected.contains("rejects.ndjson"),
        "{rejected}"
    );
    assert!(page(3, &loose).contains("EndpointStatus is INACTIVE"));
    run(&[], 3);
    assert!(page(1, &[]).contains("over a budget"));
}

#[test]
fn lines_inside_a_record_belong_to_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let input = "{\n  \"Id\": \"one\"\n}\n\n{\"Id\":\n\"two\"} {\"Id\":\"three\"}\n";
    let file = definition(folder.path(), input, "a:b.json", "");
    let source = folder.path().join("a:b.json").to_string_lossy().into_owned();
    let found = |at: &[&str]| -> Vec<u64> {
        let found = explained(explain(&file, at, &[]));
        found.iter().filter_map(|record| record["record"].as_u64()).collect()
    };
    for (line, expected) in
        [(1, vec![1]), (2, vec![1]), (3, vec![1]), (5, vec![2]), (6, vec![2, 3])]
    {
        assert_eq!(found(&[&format!("{source}:{line}")]), expected, "line {line}");
    }
    assert_eq!(found(&[&source, "--record", "3"]), [3]);
    // Another spelling of the same path names it too.
    let dotted = folder.path().join("./a:b.json").to_string_lossy().into_owned();
    assert_eq!(found(&[&format!("{}:1", dotted.replace("/a:b", "/./a:b"))]), [1]);
}

#[test]
fn what_is_not_there_is_exit_66_and_says_what_is() {
    let folder = tempfile::tempdir().expect("a folder");
    let input = "Address,ChannelType\r\n\r\na@example.com,EMAIL\r\n";
    let file = definition(folder.path(), input, "in.csv", "");
    let source = folder.path().join("in.csv").to_string_lossy().into_owned();
    let (line, nowhere) = (|line: u64| format!("{source}:{line}"), "nowhere.csv:1".to_owned());
    let beyond = [source.clone(), "--record".to_owned(), "9".to_owned()];
    for (at, expected, says) in [
        (vec![nowhere], 66, source.as_str()),
        (vec![line(1)], 66, "before the first record"),
        (vec![line(2)], 66, "line 2"),
        (vec![line(4)], 66, "1 record"),
        (vec![line(99)], 66, "1 record"),
        (beyond.to_vec(), 66, "it has 1"),
        (vec![line(3)], 0, ""),
        (vec![source.clone()], 64, "SOURCE:LINE"),
        (vec![line(0)], 64, "SOURCE:LINE"),
        (vec![format!("{source}:x")], 64, "SOURCE:LINE"),
        (vec![":1".to_owned()], 64, "SOURCE:LINE"),
    ] {
        let at: Vec<&str> = at.iter().map(String::as_str).collect();
        let output = explain(&file, &at, &[]).output().expect("it runs");
        let shown = stderr(&output);
        assert_eq!(code(&output), expected, "{at:?}: {shown}");
        assert!(shown.contains(says), "{at:?}: {shown}");
    }
    let stdin = "input.from=[\"-\"]".to_owned();
    let output = run_with_stdin(explain(&file, &["-:1"], &[stdin]), b"{\"Id\":\"one\"}");
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    assert!(!Path::new("account").exists());
}

/// What a definition of its own account for each run says about a record. `expected`: the words of its result.
#[track_caller]
fn check_result(command: &mut Command, at: &str, more: &[&str], expected: &str) {
    let output = command.arg(at).args(more).output().expect("it runs");
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    let page = String::from_utf8_lossy(&output.stdout).replace("\n             ", " ");
    assert!(page.contains(expected), "{at} {more:?}: {page}");
}

#[test]
fn the_run_that_took_the_input_says_where_a_record_is() {
    let nights = Nights::on_disk();
    let at = |name: &str| format!("{}:2", nights.place(name));
    let check = |name: &str, more: &[&str], expected: &str| {
        check_result(&mut nights.command("explain"), &at(name), more, expected);
    };
    let night = |id: &str| assert_exit(nights.run().args(["--quiet", "--run", id]), 0);
    nights.put("in/a.ndjson", &records_of("a", 3));
    nights.put("in/b.ndjson", &records_of("b", 2));
    check("in/b.ndjson", &[], "no run has taken this input yet");
    night("1");
    nights.put("in/c.ndjson", &records_of("c", 4));
    night("2");
    nights.put("in/d.ndjson", &records_of("d", 2));
    let found = explained_by(nights.command("explain").arg(at("in/b.ndjson")));
    assert_eq!(found[0]["part"], json!(nights.place("out/1/import/job-000/part-00000.json")));
    assert_eq!(found[0]["part_line"], 5);
    check("in/c.ndjson", &[], "out/2/import/job-000/part-00000.json, line 2");
    check("in/d.ndjson", &[], "no run has taken this input yet");
    check("in/c.ndjson", &["--run", "2"], "part-00000.json, line 2");
    check("in/c.ndjson", &["--run", "1"], "the run `1` has not taken this input");
    check("in/c.ndjson", &["--date", "2020-01-01"], "no run has taken this input yet");
    // Another definition has not written these bytes.
    let other = ["--set", "fields.\"Attributes.*\"=drop"];
    check("in/c.ndjson", &other, "the run `2` has taken this input, but");
    let nowhere = nights.command("explain").arg(at("in/c.ndjson")).args(["--run", "9"]).output();
    let nowhere = nowhere.expect("it runs");
    assert_eq!(code(&nowhere), 66);
    assert!(stderr(&nowhere).contains("no run `9` is on the list"), "{}", stderr(&nowhere));
    // What else the run took may be gone by now.
    fs::remove_file(nights.path("in/a.ndjson")).expect("an input");
    check("in/b.ndjson", &[], "out/1/import/job-000/part-00000.json, line 5");
    nights.put("in/b.ndjson", &records_of("changed", 2));
    check("in/b.ndjson", &[], "this input has changed since the run `1` took it");
    assert_exit(nights.run().args("--quiet --run 3 --set state.changed=take".split(' ')), 0);
    let take = ["--set", "state.changed=take"];
    check("in/b.ndjson", &take, "out/3/import/job-000/part-00000.json, line 2");
    check("in/b.ndjson", &[], "the run `3` has taken this input, but");
    fs::remove_dir_all(nights.path("out/3")).expect("a result");
    check("in/b.ndjson", &take, "its account is gone");
}

/// Without a list, nothing says which run it is.
#[test]
fn a_run_or_a_day_may_be_named_without_a_list() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = definition(folder.path(), "{\"Id\":\"one\"}\n{\"Id\":\"two\"}\n", "in.ndjson", "");
    let at = format!("{}:2", folder.path().join("in.ndjson").display());
    let to = |name: &str, place: &str| {
        let path = folder.path().join(place).to_string_lossy().into_owned();
        format!("{name}={}", toml_text(&path))
    };
    let with = |verb: &str, place: &str| {
        let mut command = segprep();
        command.args([verb, &file, "--quiet"]);
        for (name, below) in [("account.to", "account/"), ("output.0.to", "import/")] {
            command.args(["--set", &to(name, &format!("{place}/{below}"))]);
        }
        command
    };
    assert_exit(with("run", "{run}").args(["--run", "first"]), 0);
    assert_exit(with("run", "{date}").args(["--date", "2020-01-02"]), 0);
    let check = |place: &str, more: &[&str], expected: &str| {
        check_result(&mut with("explain", place), &at, more, expected);
    };
    check("{run}", &[], "name one with `--run`");
    check("{run}", &["--run", "second"], "there is no run yet");
    check("{run}", &["--run", "first"], "/first/import/job-000/part-00000.json, line 2");
    check("{date}", &["--date", "2020-01-01"], "there is no run of 2020-01-01 yet");
    check(
        "{date}",
        &["--date", "2020-01-02"],
        "/2020-01-02/import/job-000/part-00000.json, line 2",
    );
}

/// Every record of a file with one line is on it; only the first ones are shown.
#[test]
fn a_line_of_many_records_shows_the_first_ones() {
    let folder = tempfile::tempdir().expect("a folder");
    let items = vec!["{\"Id\":\"one\"}"; 3_000].join(",");
    let file = definition(folder.path(), &format!("[{items}]"), "in.json", "");
    let source = folder.path().join("in.json").to_string_lossy().into_owned();
    let found = explained(explain(&file, &[&format!("{source}:1")], &[]));
    assert_eq!(found.len(), 100);
    let found = explained(explain(&file, &[&source, "--record", "2999"], &[]));
    assert_eq!((found.len(), &found[0]["record"]), (1, &2999.into()));
}
