//! A run that slept past its hold, and was taken for dead: what another has since made in its place
//! stays as it is. (What a hold does by itself is tested beside it.)

use std::{process::Stdio, thread, time::Duration};

use crate::support::program::{code, stderr};
use crate::support::s3::run::{records, run};
use crate::support::s3::server::{Fault, Rule, Server};

/// Runs until the last look before the manifest; then `another` comes in between.
#[track_caller]
fn ends_after(server: &Server, rules: &[Rule], another: impl Fn(&Server)) -> (i32, String) {
    const BEFORE_THE_MANIFEST: &str = "prefix=account%2F.segprep%2F";
    // Of the input, of both places as they are taken, and of both before they are replaced.
    const EARLIER_LISTS: usize = 5;
    let late = Fault::Late(Duration::from_millis(500));
    let late = Rule { operation: "list", skip: EARLIER_LISTS, times: 1, fault: late };
    server.rules(&[&[late], rules].concat());
    server.seen();
    let run = run(server).stderr(Stdio::piped()).spawn().expect("it runs");
    while !server.seen().iter().any(|seen| seen.path.contains(BEFORE_THE_MANIFEST)) {
        thread::sleep(Duration::from_millis(2));
    }
    another(server);
    let output = run.wait_with_output().expect("it ends");
    server.rules(&[]);
    (code(&output), stderr(&output))
}

/// What another has put, and its uploads.
#[track_caller]
fn check_stands(server: &Server, objects: &[&str]) {
    for key in objects {
        assert_eq!(server.get(key).as_deref(), Some(&b"another's"[..]), "{key}");
    }
    let uploads = server.objects.uploads();
    assert_eq!(uploads, ["out/job-000/part-00001.json"], "and no upload of the run itself");
}

fn take(server: &Server, objects: &[&str]) {
    for key in objects {
        server.put(key, "another's");
    }
    server.begin("out/job-000/part-00001.json");
}

/// Some 9 MB, so that there is an upload in parts.
fn server() -> Server {
    let server = Server::start();
    server.put("in/a.ndjson", records(0, 100_000));
    server
}

#[test]
fn who_lost_the_account_leaves_all_to_another() {
    const OF_ANOTHER: [&str; 5] = [
        "account/.segprep/lock-2",
        "account/.segprep/journal.json",
        "account/inputs.ndjson",
        "out/.segprep/lock-2",
        "out/job-000/part-00000.json",
    ];
    let server = server();
    let (code, said) = ends_after(&server, &[], |server| take(server, &OF_ANOTHER));
    assert_eq!(code, 74, "{said}");
    assert!(said.contains("the hold on `s3://bucket/account/` was lost"), "{said}");
    check_stands(&server, &OF_ANOTHER);
    assert!(server.manifest().is_none());
}

#[test]
fn who_lost_an_output_leaves_it_to_another() {
    const OF_ANOTHER: [&str; 2] = ["out/.segprep/lock-2", "out/job-000/part-00000.json"];
    // Locks, journals and files of the account.
    const EARLIER_PUTS: usize = 6;
    let fault = Fault::Refused(403, "AccessDenied");
    let skip = EARLIER_PUTS + OF_ANOTHER.len();
    let no_manifest = Rule { operation: "put", skip, times: 1, fault };
    let server = server();
    let (code, said) = ends_after(&server, &[no_manifest], |server| take(server, &OF_ANOTHER));
    assert_eq!(code, 77, "{said}");
    check_stands(&server, &OF_ANOTHER);
    assert!(server.manifest().is_none());
}
