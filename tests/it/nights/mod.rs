//! Runs with `[state]`: what they take, night after night, and what they refuse.

mod checked;
mod kills;
mod told;

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    process::Command,
};

use segprep::store::Lock;

use crate::support::nights::{Nights, expect_once, records};
use crate::support::running::{Running, assert_exit, assert_exit_saying};
use crate::support::s3::server::Fault;

/// A run under this id.
fn night(nights: &Nights, id: &str) -> Command {
    let mut run = nights.run();
    run.args(["--quiet", "--run", id]);
    run
}

/// A list that has taken two inputs, `a` and `b`, in two nights.
fn two_nights() -> Nights {
    let nights = Nights::on_disk();
    nights.put("in/a.ndjson", &records("a", 3));
    assert_exit(&mut night(&nights, "1"), 0);
    nights.put("in/b.ndjson", &records("b", 2));
    assert_exit(&mut night(&nights, "2"), 0);
    nights
}

fn once(names: &[(&str, usize)]) -> BTreeMap<String, usize> {
    let mut expected = BTreeMap::new();
    for (name, count) in names {
        expect_once(&mut expected, name, *count);
    }
    expected
}

#[test]
fn each_night_takes_what_is_new() {
    for nights in [Nights::on_disk(), Nights::in_a_bucket()] {
        nights.put("in/a.ndjson", &records("a", 3));
        assert_exit(&mut night(&nights, "1"), 0);
        nights.put("in/0.ndjson", &records("0", 1));
        nights.put("in/b.ndjson", &records("b", 2));
        assert_exit(&mut night(&nights, "2"), 0);
        nights.check_once(&once(&[("0", 1), ("a", 3), ("b", 2)]));
        nights.check_tidy();
        assert_eq!(nights.list(), ["in/0.ndjson 2", "in/a.ndjson 1", "in/b.ndjson 2"]);
        // Nothing is new, and nothing is written.
        let before = nights.files();
        assert_exit_saying(&mut night(&nights, "3"), 66, &["nothing is new"]);
        // Except that whoever runs the same run again is told that it is done.
        let again = assert_exit(nights.run().args(["--run", "2"]), 0);
        assert!(again.stdout.starts_with(b"already published"));
        let mut run = nights.run();
        let output = assert_exit(run.args(["--set", "input.on_empty=ok", "--run", "3"]), 0);
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(said.starts_with("done: nothing is new in "), "{said}");
        assert!(nights.files() == before, "something was written");
        // A dry run reads what is new, and takes nothing.
        nights.put("in/c.ndjson", &records("c", 4));
        let dry = assert_exit(night(&nights, "3").args(["--dry-run", "--json"]), 0);
        assert!(dry.stdout.is_empty(), "it is quiet");
        assert!(nights.files() == before, "a dry run wrote something");
        assert_exit(&mut night(&nights, "3"), 0);
        nights.check_once(&once(&[("0", 1), ("a", 3), ("b", 2), ("c", 4)]));
    }
}

#[test]
fn the_state_is_for_its_owner_alone() {
    let nights = two_nights();
    let mode = |name: &str| {
        let metadata = fs::metadata(nights.path(name)).expect("it is there");
        metadata.permissions().mode() & 0o777
    };
    assert_eq!((mode("state"), mode("state/taken.ndjson")), (0o700, 0o600));
    assert_ne!(mode("out"), 0o700, "what is around it is not");
}

#[test]
fn a_changed_input_is_refused_taken_or_skipped() {
    let nights = two_nights();
    nights.put("in/a.ndjson", &records("changed", 5));
    nights.put("in/c.ndjson", &records("c", 1));
    let before = nights.files();
    assert_exit_saying(&mut night(&nights, "3"), 65, &["in/a.ndjson", "changed", "--again"]);
    assert!(nights.files() == before, "something was written");

    assert_exit(night(&nights, "3").args(["--set", "state.changed=skip"]), 0);
    nights.check_once(&once(&[("a", 3), ("b", 2), ("c", 1)]));
    let inputs = String::from_utf8(nights.files()["out/3/account/inputs.ndjson"].clone());
    let inputs = inputs.expect("text");
    assert!(inputs.contains(r#"a.ndjson","ignored":"changed"}"#), "{inputs}");

    nights.put("in/d.ndjson", &records("d", 1));
    let taken = assert_exit(night(&nights, "4").args(["--set", "state.changed=take"]), 0);
    assert!(taken.stderr.is_empty(), "it is quiet");
    nights.check_once(&once(&[("a", 3), ("b", 2), ("c", 1), ("changed", 5), ("d", 1)]));
    let a = nights.list().into_iter().filter(|line| line.starts_with("in/a"));
    assert_eq!(a.collect::<Vec<_>>(), ["in/a.ndjson 1", "in/a.ndjson 4"]);
    assert_exit(&mut night(&nights, "5"), 66);
}

#[test]
fn an_input_is_taken_once_more_if_the_command_line_says_so() {
    let nights = two_nights();
    let messages = assert_exit(night(&nights, "3").args(["--again", "a.*", "--again", "x"]), 0);
    assert!(messages.stderr.is_empty(), "it is quiet");
    let mut expected = once(&[("b", 2)]);
    expected.extend((0..3).map(|number| (format!("a-{number}"), 2)));
    nights.check_once(&expected);
    let manifest = String::from_utf8(nights.files()["out/3/account/manifest.json"].clone());
    assert!(manifest.expect("text").contains("the pattern `x` matches no file"));
    // Without a list, there is nothing that could be taken again.
    let mut run = crate::support::program::segprep();
    run.args(["run", "pipelines/newsletter.toml", "--again", "*"]);
    assert_exit_saying(&mut run, 78, &["[state]"]);
}

#[test]
fn another_spelling_of_a_path_is_no_new_input() {
    let nights = two_nights();
    let folder = nights.folder.path().to_owned();
    for from in ["in/", "./in/", "in//", &format!("{}/./in/", folder.display())] {
        let mut run = night(&nights, "3");
        run.current_dir(&folder).args(["--set", &format!("input.from=[\"{from}\"]")]);
        assert_exit_saying(&mut run, 66, &["nothing is new"]);
    }
    nights.put("in/c.ndjson", &records("c", 1));
    let mut run = night(&nights, "3");
    assert_exit(run.current_dir(&folder).args(["--set", "input.from=[\"./in/\"]"]), 0);
    nights.check_once(&once(&[("a", 3), ("b", 2), ("c", 1)]));
}

#[test]
fn a_result_that_is_replaced_has_its_inputs_again() {
    let nights = two_nights();
    nights.put("in/c.ndjson", &records("c", 1));
    // Another run of that id is refused, whatever it would take.
    assert_exit_saying(&mut night(&nights, "1"), 73, &["`1`"]);
    assert_exit(night(&nights, "1").arg("--overwrite"), 0);
    nights.check_once(&once(&[("a", 3), ("b", 2), ("c", 1)]));
    assert_eq!(nights.list(), ["in/a.ndjson 1", "in/b.ndjson 2", "in/c.ndjson 1"]);
    // What is gone is gone from the result, and the account says so.
    fs::remove_file(nights.path("in/c.ndjson")).expect("an input");
    assert_exit(night(&nights, "1").arg("--overwrite"), 0);
    nights.check_once(&once(&[("a", 3), ("b", 2)]));
    let manifest = String::from_utf8(nights.files()["out/1/account/manifest.json"].clone());
    assert!(manifest.expect("text").contains("no longer there"));
    assert_eq!(nights.list(), ["in/a.ndjson 1", "in/b.ndjson 2"]);
}

/// The earlier result is no longer published then, and the next run in that place replaces it.
#[test]
fn a_replacement_that_is_over_budget_loses_no_input() {
    let nights = two_nights();
    nights.put("in/bad.ndjson", &"{}\n".repeat(9));
    let strict = ["--overwrite", "--set", "account.max_reject_ratio=0.1"];
    assert_exit(night(&nights, "1").args(strict), 3);
    assert_eq!(nights.list(), ["in/a.ndjson 1", "in/b.ndjson 2"]);
    assert_exit(&mut night(&nights, "1"), 0);
    nights.check_once(&once(&[("a", 3), ("b", 2)]));
    assert_eq!(
        nights.list(),
        ["in/a.ndjson 1", "in/b.ndjson 2", "in/bad.ndjson 1"].map(str::to_owned)
    );
}

/// It has taken nothing, so another run may have its id, and its places.
#[test]
fn a_run_over_budget_blocks_none_of_its_id() {
    let nights = Nights::on_disk();
    nights.put("in/a.ndjson", &(records("a", 3) + "{}\n"));
    let strict = ["--set", "account.max_reject_ratio=0.1"];
    assert_exit(night(&nights, "1").args(strict), 3);
    assert_exit(night(&nights, "1").args(strict), 3);
    assert_exit(&mut night(&nights, "1"), 0);
    nights.check_once(&once(&[("a", 3)]));
    assert_eq!(nights.list(), ["in/a.ndjson 1"]);
}

#[test]
fn a_broken_input_is_on_the_list_and_read_again_if_it_changes() {
    let nights = two_nights();
    let skip = ["--set", "input.on_bad_file=skip"];
    nights.put("in/c.ndjson", &records("c", 1));
    nights.put("in/d.csv", "Address,ChannelType,Id\nr@example.com,EMAIL,d-0\n");
    nights.put("in/e.csv", "no,header,at,all\n1,2,3,4\n");
    assert_exit(night(&nights, "3").args(skip), 0);
    let broken = nights.list().into_iter().filter(|line| line.ends_with('!'));
    assert_eq!(broken.collect::<Vec<_>>(), ["in/e.csv 3!"]);
    assert_exit(night(&nights, "4").args(skip), 66);
    nights.put("in/e.csv", "Address,ChannelType,Id\nr@example.com,EMAIL,e-0\n");
    assert_exit(night(&nights, "4").args(skip), 0);
    nights.check_once(&once(&[("a", 3), ("b", 2), ("c", 1), ("d", 1), ("e", 1)]));
    assert_eq!(nights.list().pop().as_deref(), Some("in/e.csv 4"));
}

#[test]
fn a_run_with_far_fewer_records_than_the_last_is_over_budget() {
    let nights = Nights::on_disk();
    nights.put("in/a.ndjson", &records("a", 10));
    assert_exit(&mut night(&nights, "1"), 0);
    nights.put("in/b.ndjson", &records("b", 4));
    let shrink = ["--set", "account.max_shrink=0.5"];
    assert_exit_saying(night(&nights, "2").args(shrink), 3, &["max_shrink"]);
    assert_exit_saying(night(&nights, "3").args(shrink), 3, &["max_shrink"]);
    nights.put("in/c.ndjson", &records("c", 1));
    assert_exit(night(&nights, "4").args(shrink), 0);
    nights.check_once(&once(&[("a", 10), ("b", 4), ("c", 1)]));
}

#[test]
fn one_result_a_day_if_places_have_only_the_date() {
    let nights = Nights::on_disk();
    let by_date = |date: &str| {
        let mut run = nights.run();
        let at = |name: &str| nights.place(&format!("out/{{date}}/{name}/"));
        run.arg("--set").arg(format!("output.0.to={:?}", at("import")));
        run.arg("--set").arg(format!("account.to={:?}", at("account")));
        run.args(["--quiet", "--date", date]);
        run
    };
    nights.put("in/a.ndjson", &records("a", 3));
    assert_exit(&mut by_date("2020-11-28"), 0);
    nights.put("in/b.ndjson", &records("b", 2));
    assert_exit(&mut by_date("2020-11-28"), 73);
    assert_exit(by_date("2020-11-28").arg("--overwrite"), 0);
    nights.put("in/c.ndjson", &records("c", 2));
    assert_exit(&mut by_date("2020-11-29"), 0);
    nights.check_once(&once(&[("a", 3), ("b", 2), ("c", 2)]));
    nights.check_tidy();
    // Both are the day before.
    nights.put("in/d.ndjson", &records("d", 1));
    assert_exit(&mut by_date("yesterday"), 0);
    nights.put("in/e.ndjson", &records("e", 1));
    assert_exit(&mut by_date("-1d"), 73);
}

#[test]
fn a_list_belongs_to_one_definition() {
    let nights = two_nights();
    nights.put("in/c.ndjson", &records("c", 1));
    let mut run = night(&nights, "3");
    assert_exit_saying(run.args(["--set", "name=other"]), 73, &["`list`", "state"]);
    // A changed definition of the same name takes what is new.
    assert_exit(night(&nights, "3").args(["--set", "fields.\"Attributes.*\"=drop"]), 0);
    nights.check_once(&once(&[("a", 3), ("b", 2), ("c", 1)]));
}

#[test]
fn one_run_at_a_time() {
    let nights = two_nights();
    nights.put("in/c.ndjson", &records("c", 1));
    let lock = Lock::take(&nights.path("state/.segprep")).expect("a lock").expect("it is free");
    assert_exit_saying(&mut night(&nights, "3"), 73, &["another run", "state"]);
    lock.remove().expect("it is empty");
    assert_exit(&mut night(&nights, "3"), 0);
}

#[test]
fn one_run_at_a_time_in_a_bucket() {
    let nights = Nights::in_a_bucket();
    let server = nights.server.as_ref().expect("a server");
    nights.put("in/a.ndjson", &records("a", 1));
    let mut gets = 0;
    server.inject_with(Some(Box::new(move |operation| {
        gets += usize::from(operation == "get");
        (operation == "get" && gets == 1).then_some(Fault::Hung)
    })));
    let mut first = Running::start(&mut night(&nights, "1"));
    let holds = || server.keys().iter().any(|key| key == "state/begun.json");
    first.until(|| holds() || server.keys().iter().any(|key| key == "state/.segprep/lock-1"));
    assert_exit_saying(&mut night(&nights, "2"), 73, &["another run", "state"]);
    first.kill();
    server.inject_with(None);
    assert_exit(&mut night(&nights, "3"), 0);
    nights.check_once(&once(&[("a", 1)]));
    nights.check_tidy();
}

/// Whoever can write to the state can write anything: nothing else is touched or shown.
#[test]
fn a_forged_state_is_refused() {
    let nights = two_nights();
    nights.put("in/c.ndjson", &records("c", 1));
    fs::create_dir(nights.path("out/3")).expect("a folder");
    fs::write(nights.path("out/secret"), "r@example.com").expect("a file");
    let list = fs::read_to_string(nights.path("state/taken.ndjson")).expect("a list");
    let run = list.lines().nth(2).expect("a run").to_owned();
    let begun = |run: &str, date: &str| {
        format!(r#"{{"segprep_state":1,"run":{run:?},"date":{date:?},"account":"0"}}"#)
    };
    let header = r#"{"segprep_state":1,"name":"list"}"#;
    let cases = [
        ("taken.ndjson", "r@example.com\n".to_owned()),
        ("taken.ndjson", format!("{list}r@example.com\n")),
        ("taken.ndjson", list.replace("\"list\"", "\"r@example.com\"")),
        ("taken.ndjson", format!("{header}\n{run}\n{run}\n")),
        ("begun.json", "r@example.com".to_owned()),
        ("begun.json", begun("../../etc", "2026-11-28")),
        ("begun.json", begun("1", "/etc")),
        ("begun.json", " ".repeat(70_000)),
        ("intent.ndjson", "r@example.com".to_owned()),
        ("intent.ndjson", format!("{header}\n{}\n", run.replace("\"2\"", "\"../x\""))),
        // It names a run in another place than the definition.
        (
            "intent.ndjson",
            format!("{header}\n{}\n", run.replace("\"account\":\"", "\"account\":\"0")),
        ),
    ];
    for (file, text) in cases {
        fs::write(nights.path("state").join(file), &text).expect("a file");
        let before = nights.files();
        let messages =
            assert_exit(&mut night(&nights, "4"), if text.len() > 60_000 { 74 } else { 73 });
        let messages = String::from_utf8_lossy(&messages.stderr).into_owned();
        assert!(messages.contains("state"), "{messages}");
        assert!(nights.files() == before, "{file}: {text}");
        fs::remove_file(nights.path("state").join(file)).expect("a file");
        fs::write(nights.path("state/taken.ndjson"), &list).expect("a list");
    }
    // An intent without its manifest adds nothing, and a note that fits no place removes nothing.
    let forged = run.replace("\"fingerprint\":\"", "\"fingerprint\":\"0");
    fs::write(nights.path("state/intent.ndjson"), format!("{header}\n{forged}\n")).expect("a file");
    assert_exit(&mut night(&nights, "4"), 0);
    nights.check_once(&once(&[("a", 3), ("b", 2), ("c", 1)]));
    assert!(nights.path("out/secret").exists() && nights.path("out/3").exists());
}

#[test]
fn a_file_in_the_place_of_a_folder_is_named() {
    let nights = Nights::on_disk();
    nights.put("in/a.ndjson", &records("a", 1));
    fs::write(nights.path("file"), "x").expect("a file");
    for place in ["file", "file/below"] {
        let set = format!("state.to={:?}", nights.place(place));
        let words = ["file", "a file is where a folder must be"];
        assert_exit_saying(night(&nights, "1").args(["--set", &set]), 74, &words);
    }
}

#[test]
fn a_list_is_a_file() {
    let nights = two_nights();
    nights.put("in/c.ndjson", &records("c", 1));
    let list = nights.path("state/taken.ndjson");
    fs::remove_file(&list).expect("a list");
    symlink("/dev/zero", &list).expect("a link");
    assert_exit_saying(&mut night(&nights, "3"), 74, &["taken.ndjson", "device"]);
    fs::remove_file(&list).expect("a link");
    fs::create_dir(&list).expect("a folder");
    assert_exit_saying(&mut night(&nights, "3"), 74, &["taken.ndjson", "folder"]);
}
