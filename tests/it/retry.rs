//! `segprep retry`: the fixed rejects of a run go out once, beside its result, and go away with it.

use std::fs;
use std::process::Command;

use segprep::store::Lock;
use serde_json::{Value, json};

use crate::support::nights::{Nights, records};
use crate::support::program::{Place, code, segprep, stderr};
use crate::support::running::{Site, assert_exit, assert_exit_saying};

/// A record whose address is none.
const BAD: &str = r#"{"ChannelType":"EMAIL","Address":"nobody","Id":"bad-0"}"#;
const ACCOUNT: &str = "out/1/account";
const REJECTED: &str = "out/1/account/rejected-records/00000-a.ndjson";
const RETRIED: &str = "out/1/import/retry-001/job-000/part-00000.json";

/// A run of three good records and two rejects, which are kept.
fn ran(nights: Nights) -> Nights {
    nights.put("in/a.ndjson", &format!("{}{BAD}\n{BAD}\n", records("a", 3)));
    assert_exit(keeping(nights.run().args(["--quiet", "--run", "1"]), &nights), 0);
    nights
}

/// With the settings that keep the rejects.
fn keeping<'a>(command: &'a mut Command, nights: &Nights) -> &'a mut Command {
    if nights.server.is_some() {
        command.args(["--set", "account.sse=kms"]);
    }
    command.args(["--set", "account.keep_rejected=true"])
}

fn retry(nights: &Nights) -> Command {
    let mut command = nights.command("retry");
    keeping(&mut command, nights);
    command
}

fn file(nights: &Nights, name: &str) -> Option<String> {
    let text = nights.files().remove(name)?;
    Some(String::from_utf8(text).expect("text"))
}

fn manifest(nights: &Nights, account: &str) -> Value {
    let text = file(nights, &format!("{account}/manifest.json")).expect("a manifest");
    serde_json::from_str(&text).expect("JSON")
}

fn status(nights: &Nights) -> Value {
    let output = assert_exit(nights.command("status").arg("--json"), 0);
    serde_json::from_slice(&output.stdout).expect("JSON")
}

#[test]
fn fixed_rejects_go_out_once_and_go_away_with_their_run() {
    for nights in [Nights::on_disk(), Nights::in_a_bucket()] {
        let nights = ran(nights);
        assert_eq!(file(&nights, REJECTED), Some(format!("{BAD}\n{BAD}\n")));
        let first = manifest(&nights, ACCOUNT);
        nights.put(REJECTED, &format!("{}{BAD}\n", records("f", 1)));
        assert_exit(&mut retry(&nights), 0);
        assert_eq!(file(&nights, RETRIED).map(|text| text.lines().count()), Some(1));
        assert!(file(&nights, RETRIED).expect("a part").contains("f-0"));
        let of = manifest(&nights, "out/1/account/retry-001");
        let expected = json!({
            "of": first["fingerprint"], "run": "1", "number": 1, "read": 5, "still_rejected": 1
        });
        assert_eq!((&of["retry"], &of["status"]), (&expected, &json!("published")));
        assert_eq!(manifest(&nights, ACCOUNT), first, "the run stays as it is");
        let sum = json!({"read": 5, "written": 4, "rejected": 1, "dropped": {"inactive": 0}});
        let found = status(&nights);
        assert_eq!((&found["records"], &found["retried"]), (&sum, &json!(1)));
        let verified = assert_exit(nights.command("verify").arg("--json"), 0);
        let verified: Value = serde_json::from_slice(&verified.stdout).expect("JSON");
        assert_eq!((&verified["parts"], &verified["records"]), (&json!(2), &json!(4)));

        // The same files again do nothing, whatever the definition says by then.
        let before = nights.files();
        for set in ["input.inactive=keep", "account.max_rejects=9"] {
            let again = assert_exit(retry(&nights).args(["--set", set]), 0);
            assert!(again.stdout.starts_with(b"already published"), "{again:?}");
            assert!(nights.files() == before, "something was written");
        }
        // What is left comes in a file of its own.
        nights.put("in/fixed.ndjson", &records("g", 1));
        let from = nights.place("in/fixed.ndjson");
        assert_exit(retry(&nights).args(["--run", "1", "--from", &from]), 0);
        let of = manifest(&nights, "out/1/account/retry-002");
        assert_eq!(
            (&of["retry"]["number"], &of["retry"]["still_rejected"]),
            (&json!(2), &json!(0))
        );
        assert_eq!(status(&nights)["records"]["written"], 5);
        nights.check_tidy();
        // Under another name, the same records are not the run's any more.
        nights.put("in/copy.ndjson", &records("g", 1));
        let from = nights.place("in/copy.ndjson");
        assert_exit_saying(retry(&nights).args(["--from", &from]), 66, &["still rejected"]);

        assert_exit(keeping(nights.run().args(["--run", "1", "--overwrite"]), &nights), 0);
        let left: Vec<String> =
            nights.files().into_keys().filter(|name| name.contains("retry-")).collect();
        assert_eq!(left, Vec::<String>::new());
        assert_eq!(status(&nights)["retried"], 0);
        nights.check_tidy();
    }
}

#[test]
fn a_result_with_retries_is_put_back_with_them() {
    let nights = ran(Nights::on_disk());
    nights.put(REJECTED, &records("f", 2));
    assert_exit(&mut retry(&nights), 0);
    let before = nights.files();
    // The run reads its inputs again, and they are no segment files any more.
    nights.put("in/a.ndjson", "no,header,at,all\n1,2,3,4\n");
    let mut run = nights.run();
    run.args(["--quiet", "--run", "1", "--overwrite", "--set", "state.changed=take"]);
    assert_exit(keeping(&mut run, &nights), 65);
    assert!(nights.files() == before, "something has changed");
    // Over budget, the parts stay, and the next run replaces all of it.
    nights.put("in/a.ndjson", &format!("{BAD}\n"));
    assert_exit(&mut run, 3);
    assert!(file(&nights, RETRIED).is_some());
    nights.put("in/a.ndjson", &records("a", 3));
    assert_exit(&mut run, 0);
    assert_eq!(file(&nights, RETRIED), None);
    nights.check_tidy();
}

/// A file that was taken is edited: with records in it that went out already, some would go out twice.
#[test]
fn no_record_of_an_edited_file_goes_out_twice() {
    let nights = ran(Nights::on_disk());
    nights.put(REJECTED, &format!("{}{BAD}\n", records("f", 1)));
    assert_exit(&mut retry(&nights), 0);
    let before = nights.files();
    nights.put(REJECTED, &records("f", 2));
    let words = ["have 2 records", "only 1 of the run `1` are still rejected", "--from"];
    assert_exit_saying(&mut retry(&nights), 65, &words);
    let mut after = nights.files();
    after.insert(REJECTED.to_owned(), before[REJECTED].clone());
    assert!(after == before, "something was written");
    nights.put(REJECTED, &records("only-one", 1));
    assert_exit(&mut retry(&nights), 0);
    assert_eq!(status(&nights)["records"]["rejected"], 0);
}

/// A partner sends the whole file again, corrected: most of it went out already.
#[test]
fn a_file_with_more_than_the_rejects_is_refused() {
    let nights = ran(Nights::on_disk());
    let before = nights.files();
    nights.put("in/whole.ndjson", &records("f", 5));
    let from = nights.place("in/whole.ndjson");
    let words = ["have 5 records", "only 2 of the run `1` are still rejected", "--from"];
    assert_exit_saying(retry(&nights).args(["--from", &from]), 65, &words);
    let mut after = nights.files();
    after.remove("in/whole.ndjson");
    assert!(after == before, "something was written");
}

#[test]
fn budgets_compare_what_is_still_rejected() {
    let nights = ran(Nights::on_disk());
    nights.put(REJECTED, &format!("{}{BAD}\n", records("f", 1)));
    let over = |set: &str, exit: i32| {
        assert_exit(retry(&nights).args(["--quiet", "--set", set]), exit);
    };
    // One of five is still rejected.
    over("account.max_rejects=0", 3);
    over("account.max_reject_ratio=0.19", 3);
    assert_eq!(manifest(&nights, "out/1/account/retry-001")["status"], "over_budget");
    assert_eq!(file(&nights, RETRIED), None);
    assert_eq!(status(&nights)["retried"], 0);
    over("account.max_reject_ratio=0.2", 0);
    assert!(file(&nights, RETRIED).is_some());
    // None is written: that is not worth a retry.
    nights.put("in/still.ndjson", &format!("{BAD}\n"));
    let from = nights.place("in/still.ndjson");
    assert_exit_saying(retry(&nights).args(["--from", &from]), 3, &["no record"]);
}

#[test]
fn what_a_retry_needs_is_there_or_it_is_said() {
    let nights = Nights::on_disk();
    assert_exit_saying(&mut retry(&nights), 66, &["no published run"]);
    assert_eq!(nights.files().len(), 0);
    let nights = ran(nights);
    let before = nights.files();
    let refused = |arguments: &[&str], exit: i32, words: &[&str]| {
        assert_exit_saying(retry(&nights).args(arguments), exit, words);
        assert!(nights.files() == before, "something was written: {words:?}");
    };
    refused(&["--run", "2"], 66, &["no published run"]);
    refused(&["--from", "/nowhere"], 66, &["`/nowhere` does not exist", "`--from` names"]);
    refused(&["--from", "-"], 64, &["`--from`", "standard input"]);
    for set in ["fields.\"Attributes.*\"=\"drop\"", "output.0.max_bytes=1000"] {
        let name = set.split(['.', '=']).next().expect("a section");
        refused(&["--set", set], 78, &["have changed", name]);
    }
    let import = nights.place("out/1/import/");
    refused(&["--from", &import], 78, &["inside", "copy the fixed records elsewhere"]);
    // Rules for the input may change: here, they fix the rejects.
    nights.put(REJECTED, &records("f", 2).replace("\"r0", "\" r0"));
    assert_exit(retry(&nights).args(["--set", "repair.trim=true"]), 0);
    // Without kept rejects there is nothing to take.
    fs::remove_dir_all(nights.path("out/1/account/rejected-records")).expect("a folder");
    assert_exit_saying(&mut retry(&nights), 66, &["rejected-records", "keep_rejected"]);
}

#[test]
fn some_definitions_cannot_be_retried() {
    let cases: [(&str, &[&str], &str); 4] = [
        ("pipelines/newsletter.toml", &["output.0.to=\"-\""], "standard output"),
        (
            "pipelines/newsletter.toml",
            &["input.endpoint=[{address=\"E-mail\"}]"],
            "[[input.endpoint]]",
        ),
        ("pipelines/newsletter.toml", &["unique={ by=[\"Id\"], keep=\"first\" }"], "`[unique]`"),
        ("pipelines/newsletter.toml", &["users={ max_endpoints=5, over=\"reject\" }"], "`[users]`"),
    ];
    for (definition, sets, words) in cases {
        let place = Place::new();
        let run = |name: &str, more: &[&str]| {
            let mut command = segprep();
            command.args([name, definition]);
            place.set_paths(&mut command);
            let sets = sets.iter().chain(more);
            command.args(sets.flat_map(|set| ["--set", *set])).output().expect("it runs")
        };
        let output = run("retry", &[]);
        assert_eq!(code(&output), 78, "{}", stderr(&output));
        assert!(stderr(&output).contains(words), "{}", stderr(&output));
        // Whoever keeps rejected records for that is told before.
        let told = |more: &[&str]| {
            let printed = run("check", more).stdout;
            String::from_utf8_lossy(&printed).contains("`retry` cannot take them")
        };
        assert!(told(&["account.keep_rejected=true"]) && !told(&[]), "{words}");
    }
}

/// Without a list of runs, there is one in its place.
#[test]
fn the_run_that_is_there_is_named() {
    let place = Place::new();
    for (command, id, exit) in [("run", "one", 0), ("retry", "two", 66)] {
        let mut command_line = segprep();
        command_line.args([command, "pipelines/newsletter.toml", "--quiet", "--run", id]);
        place.set_paths(&mut command_line);
        let output = command_line.output().expect("it runs");
        assert_eq!(code(&output), exit, "{}", stderr(&output));
        let is_told =
            stderr(&output).contains("is `one`") && stderr(&output).contains("leave `--run` out");
        assert_eq!(is_told, exit == 66, "{}", stderr(&output));
    }
}

/// The variable of the key has another value than it had.
#[test]
fn another_key_under_the_same_id_is_refused() {
    let place = Place::new();
    let command = |name: &str, digit: &str| {
        let mut command = segprep();
        command.args([name, "pipelines/newsletter.toml", "--quiet"]);
        place.set_paths(&mut command);
        for set in ["keys.current=k1", "keys.k1=env:SEGPREP_KEY_K1", "account.keep_rejected=true"] {
            command.args(["--set", set]);
        }
        let key = format!("hex:00{}", digit.repeat(62));
        command.env("SEGPREP_KEY_K1", key).output().expect("it runs")
    };
    assert_eq!(code(&command("run", "1")), 0);
    let output = command("retry", "2");
    assert_eq!(code(&output), 78, "{}", stderr(&output));
    assert!(stderr(&output).contains("the key `k1` has the check value"), "{}", stderr(&output));
    assert_eq!(code(&command("retry", "1")), 3, "nothing was fixed");
}

/// The kept rejects are UTF-8 and uncompressed, whatever the inputs were and however they begin; items are kept
/// without what was around them.
#[test]
fn kept_rejects_are_read_as_they_were_kept() {
    let cases: [(&[u8], &[&str], &str); 3] = [
        (
            b"{\"ChannelType\":\"EMAIL\",\"Address\":\"nobody\",\"Attributes\":{\"N\":[\"Zo\xeb\"]}}\n",
            &["input.encoding=windows-1252"],
            "Zoë",
        ),
        (
            b"{\"Items\":[{\"ChannelType\":\"EMAIL\",\"Address\":\"nobody\",\"Attributes\":{\"N\":[\"item\"]}}]}",
            &["input.records=Items"],
            "item",
        ),
        (
            b"\x1f\x8b\x08 is no record\n{\"ChannelType\":\"EMAIL\",\"Address\":\"nobody\",\"Attributes\":{\"N\":[\"x\"]}}\n",
            &["input.format=json", "input.max_record=1000"],
            "x",
        ),
    ];
    for (number, (text, sets, words)) in cases.into_iter().enumerate() {
        let site = Site::new();
        let good = records("a", 3);
        let good = if number == 1 {
            format!("{{\"Items\":[{}]}}", good.trim().replace('\n', ","))
        } else {
            good
        };
        site.input("b.ndjson", &good);
        if number == 2 {
            // No input begins like this and is read, so it is put where rejects are kept.
            site.input("a.ndjson", &format!("{BAD}\n{BAD}\n"));
        } else {
            fs::write(site.inputs().join("a.ndjson"), text).expect("an input");
        }
        let with = |mut command: Command| {
            command.args(["--quiet", "--set", "account.keep_rejected=true"]);
            command.args(["--set", "account.max_reject_ratio=1.0"]);
            command.args(sets.iter().flat_map(|set| ["--set", *set]));
            command
        };
        assert_exit(&mut with(site.run()), 0);
        let kept = site.place.account().join("rejected-records/00000-a.ndjson");
        let text = if number == 2 { text.to_vec() } else { fs::read(&kept).expect("a reject") };
        let fixed = text.windows(6).position(|bytes| bytes == b"nobody").expect("an address");
        let fixed = [&text[..fixed], b"z@example.com", &text[fixed + 6..]].concat();
        fs::write(&kept, fixed).expect("a file");
        assert_exit(&mut with(site.run_as("retry")), 0);
        let part = site.place.to().join("retry-001/job-000/part-00000.json");
        let part = fs::read_to_string(part).expect("a part");
        assert!(part.contains(words) && part.lines().count() == 1, "{part}");
    }
}

#[test]
fn one_works_at_a_time() {
    let nights = ran(Nights::on_disk());
    nights.put(REJECTED, &records("f", 2));
    let work = nights.path("out/1/account/.segprep");
    let lock = Lock::take(&work).expect("a lock").expect("nobody has it");
    assert_exit_saying(&mut retry(&nights), 73, &["another run"]);
    lock.remove().expect("it is removed");
    let retry_work = nights.path("out/1/account/retry-001/.segprep");
    fs::create_dir_all(retry_work.parent().expect("a folder")).expect("a folder");
    let lock = Lock::take(&retry_work).expect("a lock").expect("nobody has it");
    assert_exit(&mut retry(&nights), 73);
    assert_exit(nights.run().args(["--run", "1", "--overwrite"]), 73);
    lock.remove().expect("it is removed");
    assert_exit(&mut retry(&nights), 0);
    nights.check_tidy();
}
