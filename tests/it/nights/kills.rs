//! Many nights, in which runs are killed at any call to the file system, or at any request: at the end,
//! each record has gone out exactly once.
//!
//! `SEGPREP_CASES_FACTOR` gives so many times more nights.

use std::{
    collections::BTreeMap,
    fs,
    sync::Arc,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
};

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

use crate::support::faults::library;
use crate::support::nights::{Nights, expect_once, records};
use crate::support::property::times;
use crate::support::running::{Running, assert_exit};
use crate::support::s3::server::Fault;

const CALLS: &str = "open,write,fsync,rename,unlink,rmdir,mkdir,close";
const RECORDS: usize = 3;

/// What is new in a night.
fn deliver(nights: &Nights, night: usize, expected: &mut BTreeMap<String, usize>) {
    let new = format!("new-{night}");
    nights.put(&format!("in/{new}.ndjson"), &records(&new, RECORDS));
    expect_once(expected, &new, RECORDS);
    // The partner replaces this file every night.
    let daily = format!("daily-{night}");
    nights.put("in/daily.ndjson", &records(&daily, RECORDS + night));
    expect_once(expected, &daily, RECORDS + night);
}

/// Runs nights, each of which is killed once or twice and then runs to its end. `kill` kills a run of this
/// id in a place that differs from night to night.
fn live_through(nights: &Nights, count: usize, kill: impl Fn(usize, &str)) {
    let mut expected = BTreeMap::new();
    for night in 0..count {
        deliver(nights, night, &mut expected);
        let id = format!("night-{night:02}");
        // A scheduler may run it again under the same id, or under another one.
        kill(2 * night, &id);
        let again = if night % 3 == 0 { id } else { format!("{id}-again") };
        if night % 4 == 1 {
            kill(2 * night + 1, &again);
        }
        let mut run = nights.run();
        run.args(["--quiet", "--set", "state.changed=take", "--set", "input.on_empty=ok"]);
        assert_exit(run.args(["--run", &again]), 0);
        nights.check_once(&expected);
        nights.check_tidy();
        if night % 5 == 2
            && nights.files().contains_key(&format!("out/{again}/account/manifest.json"))
        {
            redo(nights, &again);
            nights.check_once(&expected);
        }
    }
}

/// Replaces the result of the last night.
fn redo(nights: &Nights, id: &str) {
    let mut run = nights.run();
    run.args(["--quiet", "--set", "state.changed=take", "--set", "input.on_empty=ok"]);
    assert_exit(run.args(["--overwrite", "--run", id]), 0);
}

/// It may have been killed before it could note which folders it had made.
#[test]
fn a_killed_run_leaves_no_folder() {
    let nights = Nights::on_disk();
    nights.put("in/a.ndjson", &records("a", 1));
    let account = nights.path("out/1/account");
    let digest = HEXLOWER.encode(&Sha256::digest(account.to_string_lossy().as_bytes()));
    let note = format!(
        r#"{{"segprep_state":1,"run":"1","date":"2026-11-28","account":"{}"}}"#,
        digest.get(..32).expect("64 digits")
    );
    for work in ["", ".segprep"] {
        fs::create_dir_all(account.join(work)).expect("a folder");
        fs::create_dir_all(nights.path("state")).expect("a folder");
        fs::write(nights.path("state/begun.json"), &note).expect("a note");
        let mut run = nights.run();
        assert_exit(run.args(["--quiet", "--set", "input.on_empty=ok"]), 0);
        nights.check_tidy();
        assert!(!nights.path("out/1").exists());
    }
}

#[test]
fn each_record_goes_out_once_whenever_runs_are_killed() {
    let nights = Nights::on_disk();
    let killed = |skip: Option<usize>, id: &str| {
        let mut run = nights.run();
        run.args(["--quiet", "--threads", "1", "--set", "state.changed=take", "--run", id]);
        run.args(["--set", "input.on_empty=ok"]);
        run.env("LD_PRELOAD", library()).env("FAULTS_BELOW", nights.folder.path());
        run.env("FAULTS_EXCEPT", "in:list.toml").env("FAULTS_CALLS", CALLS);
        match skip {
            Some(skip) => run.env("FAULTS_KILL", "1").env("FAULTS_SKIP", skip.to_string()),
            None => run.env("FAULTS_LOG", nights.path("log")),
        };
        run
    };
    // A night without a kill says how many calls there are.
    nights.put("in/first.ndjson", &records("first", RECORDS));
    assert_exit(&mut killed(None, "first"), 0);
    let log = fs::read_to_string(nights.path("log")).expect("a log");
    let calls = log.lines().count();
    let half_a_journal = |line: &str| {
        line.starts_with("rename") && line.ends_with("account/.segprep/journal.json.next")
    };
    let half_a_journal = log.lines().position(half_a_journal).expect("a journal");
    assert!(100 < calls, "only {calls} calls");
    fs::remove_dir_all(nights.path("out")).expect("a result");
    fs::remove_dir_all(nights.path("state")).expect("a list");
    fs::remove_file(nights.path("in/first.ndjson")).expect("an input");
    let count = usize::try_from(times(12)).expect("a small number");
    let hits = AtomicUsize::new(0);
    live_through(&nights, count, |kill, id| {
        // Spread over a run, and not in step with what else changes from night to night.
        let skip = if kill == 0 { half_a_journal } else { (kill * 7_919 + 17) % calls };
        let status = killed(Some(skip), id).status().expect("it runs");
        hits.fetch_add(usize::from(status.code().is_none()), Ordering::Relaxed);
    });
    assert!(count / 2 < hits.into_inner(), "too few runs were killed");
}

#[test]
fn in_a_bucket_too() {
    const REQUESTS: usize = 40;
    let nights = Nights::in_a_bucket();
    let server = nights.server.as_ref().expect("a server");
    let count = usize::try_from(times(5)).expect("a small number");
    let hits = AtomicUsize::new(0);
    live_through(&nights, count, |kill, id| {
        let doomed = (kill * 17 + 5) % REQUESTS;
        let (seen, is_there) = (AtomicUsize::new(0), Arc::new(AtomicBool::new(false)));
        let there = Arc::clone(&is_there);
        server.inject_with(Some(Box::new(move |_operation| {
            if seen.fetch_add(1, Ordering::Relaxed) < doomed {
                return None;
            }
            // Half of the requests are carried out before the process is killed.
            there.store(true, Ordering::Relaxed);
            Some(if doomed.is_multiple_of(2) { Fault::Silent } else { Fault::Hung })
        })));
        let mut run = nights.run();
        run.args(["--quiet", "--threads", "1", "--set", "state.changed=take", "--run", id]);
        let mut running = Running::start(run.args(["--set", "input.on_empty=ok"]));
        running.until(|| is_there.load(Ordering::Relaxed));
        hits.fetch_add(usize::from(running.kill()), Ordering::Relaxed);
        server.inject_with(None);
    });
    assert!(count / 2 < hits.into_inner(), "too few runs were killed");
}
