//! A run that was suspended until its lock expired: it must not change what another run has written in
//! the meantime. (The lock itself has tests beside its code.)

use std::{process::Stdio, thread, time::Duration};

use crate::support::program::{code, stderr};
use crate::support::s3::run::{records, run};
use crate::support::s3::server::{Fault, FaultRule, Server};

/// Runs until the last listing before the manifest, during which `another` takes over.
#[track_caller]
fn ends_after(server: &Server, rules: &[FaultRule], another: impl Fn(&Server)) -> (i32, String) {
    const BEFORE_THE_MANIFEST: &str = "prefix=account%2F.segprep%2F";
    // Of the input, of both places when they are locked, and of both before they are replaced.
    const EARLIER_LISTS: usize = 5;
    let late = Fault::Late(Duration::from_millis(500));
    let late = FaultRule { operation: "list", skip: EARLIER_LISTS, times: 1, fault: late };
    server.inject(&[&[late], rules].concat());
    server.take_requests();
    let run = run(server).stderr(Stdio::piped()).spawn().expect("it runs");
    while !server.take_requests().iter().any(|seen| seen.path.contains(BEFORE_THE_MANIFEST)) {
        thread::sleep(Duration::from_millis(2));
    }
    another(server);
    let output = run.wait_with_output().expect("it ends");
    server.inject(&[]);
    (code(&output), stderr(&output))
}

/// Checks that the objects and the upload of the other run exist unchanged.
#[track_caller]
fn check_unchanged(server: &Server, objects: &[&str]) {
    for key in objects {
        assert_eq!(server.get(key).as_deref(), Some(&b"another's"[..]), "{key}");
    }
    let uploads = server.objects.uploads();
    assert_eq!(uploads, ["out/job-000/part-00001.json"], "and no upload of the run itself");
}

fn take_over(server: &Server, objects: &[&str]) {
    for key in objects {
        server.put(key, "another's");
    }
    server.begin_upload("out/job-000/part-00001.json");
}

/// About 9 MB, enough for an upload in parts.
fn server() -> Server {
    let server = Server::start();
    server.put("in/a.ndjson", records(0, 100_000));
    server
}

#[test]
fn a_run_that_lost_its_account_changes_nothing() {
    const OF_ANOTHER: [&str; 5] = [
        "account/.segprep/lock-2",
        "account/.segprep/journal.json",
        "account/inputs.ndjson",
        "out/.segprep/lock-2",
        "out/job-000/part-00000.json",
    ];
    let server = server();
    let (code, messages) = ends_after(&server, &[], |server| take_over(server, &OF_ANOTHER));
    assert_eq!(code, 74, "{messages}");
    assert!(messages.contains("the lock on `s3://bucket/account/` was lost"), "{messages}");
    check_unchanged(&server, &OF_ANOTHER);
    assert!(server.manifest().is_none());
}

#[test]
fn a_run_that_lost_an_output_does_not_change_it() {
    const OF_ANOTHER: [&str; 2] = ["out/.segprep/lock-2", "out/job-000/part-00000.json"];
    // Locks, journals and files of the account
    const EARLIER_PUTS: usize = 7;
    let fault = Fault::Refused(403, "AccessDenied");
    let skip = EARLIER_PUTS + OF_ANOTHER.len();
    let no_manifest = FaultRule { operation: "put", skip, times: 1, fault };
    let server = server();
    let (code, messages) =
        ends_after(&server, &[no_manifest], |server| take_over(server, &OF_ANOTHER));
    assert_eq!(code, 77, "{messages}");
    check_unchanged(&server, &OF_ANOTHER);
    assert!(server.manifest().is_none());
}
