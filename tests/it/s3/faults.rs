//! What goes wrong on the way, at every step of a run: after it there is the whole right output, or
//! none, and a run after it succeeds.

use std::time::Duration;

use crate::support::program::{code, stderr};
use crate::support::s3::proxy::{Direction, Proxy};
use crate::support::s3::run::{records, run};
use crate::support::s3::server::{Fault, Rule, Server};

const OPERATIONS: [&str; 9] =
    ["list", "get", "put", "begin", "part", "complete", "head", "delete", "uploads"];

/// A few requests that go wrong are made good.
const PASSING: [Fault; 10] = [
    Fault::Refused(500, "InternalError"),
    Fault::Refused(503, "SlowDown"),
    Fault::DoneAndRefused(500, "InternalError"),
    Fault::DoneAndReset,
    Fault::Reset,
    Fault::Cut,
    Fault::Stalled,
    Fault::Silent,
    Fault::Late(Duration::from_millis(300)),
    Fault::Twice,
];

/// Some 9 MB: several ranges to read, and an upload in two parts.
fn text() -> String {
    records(0, 100_000)
}

fn server(text: &str) -> Server {
    let server = Server::start();
    server.put("in/a.ndjson", text);
    server
}

/// A run that does not wait long for a server that is silent.
fn hasty(server: &Server) -> std::process::Command {
    let mut command = run(server);
    command.args(["--set", "aws.patience=1"]);
    command
}

#[track_caller]
fn after(server: &Server, text: &str, what: &str) {
    let output = run(server).output().expect("it runs");
    let said = stderr(&output);
    assert!(!said.contains("panicked") && !said.contains("AKIA"), "{what}: {said}");
    server.rules(&[]);
    match code(&output) {
        0 if server.left_over().is_empty() => server.check_published(text),
        // What is published stands also where nothing could be taken away; the next run does it.
        0 | 73 | 74 | 77 => {
            let output = run(server).output().expect("it runs");
            assert_eq!(code(&output), 0, "{what}: the next run: {}", stderr(&output));
            server.check_published(text);
        }
        other => panic!("{what}: exit {other}: {said}"),
    }
    clear(server);
}

/// How many requests of a kind pass before the fault; `SEGPREP_S3_SEEDS` asks for more of them.
fn skips() -> std::ops::Range<usize> {
    if std::env::var_os("SEGPREP_S3_SEEDS").is_some() { 0..4 } else { 0..1 }
}

/// Most of these runs wait: for a server that is silent, and between tries. So each operation has a
/// server of its own, and some are tried side by side.
#[test]
fn one_fault_of_each_kind_at_each_step_is_made_good() {
    const SIDE_BY_SIDE: usize = 3;
    for operations in OPERATIONS.chunks(SIDE_BY_SIDE) {
        std::thread::scope(|scope| {
            for operation in operations {
                scope.spawn(|| one_fault_of_each_kind_at(operation));
            }
        });
    }
}

fn one_fault_of_each_kind_at(operation: &'static str) {
    // What is not read in ranges and written in parts is over sooner.
    let is_of_large = ["get", "begin", "part", "complete"].contains(&operation);
    let text = if is_of_large { text() } else { records(0, 1000) };
    let server = server(&text);
    for fault in PASSING {
        for skip in skips() {
            server.rules(&[Rule { operation, skip, times: 1, fault }]);
            let what = format!("{operation} {fault:?} after {skip}");
            let output = hasty(&server).output().expect("it runs");
            assert_eq!(code(&output), 0, "{what}: {}", stderr(&output));
            server.rules(&[]);
            server.check_published(&text);
            clear(&server);
        }
    }
}

/// Removes all that a run wrote.
fn clear(server: &Server) {
    for key in server.keys().into_iter().filter(|key| !key.starts_with("in/")) {
        server.remove(&key);
    }
}

/// The ends come at bytes spread over a whole run: before an answer, in its head and in its body,
/// and so for what is asked.
#[test]
fn connections_that_are_half_closed_are_made_good() {
    let more = if skips().len() == 1 { 1 } else { 10 };
    for (text, ends) in [(records(0, 1000), 12 * more), (text(), 4 * more)] {
        let server = server(&text);
        let proxy = Proxy::before(server.address());
        let run = || {
            let mut command = run(&server);
            command.arg("--set").arg(format!("aws.endpoint_url=\"{}\"", proxy.endpoint()));
            let output = command.output().expect("it runs");
            (code(&output), stderr(&output))
        };
        assert_eq!(run().0, 0);
        for direction in [Direction::ToServer, Direction::ToClient] {
            proxy.end(None);
            clear(&server);
            assert_eq!(run().0, 0);
            let all = proxy.passed(direction);
            for number in 0..ends {
                clear(&server);
                let end = all * number / ends;
                proxy.end(Some((direction, end)));
                let (code, said) = run();
                assert!(proxy.has_ended(), "{direction:?} {end} of {all}");
                assert_eq!(code, 0, "{direction:?} ended at {end} of {all}: {said}");
                server.check_published(&text);
            }
        }
    }
}

#[test]
fn faults_that_stay_leave_nothing_or_everything() {
    let text = records(0, 100);
    let server = server(&text);
    for operation in ["list", "get", "put", "delete"] {
        for fault in [Fault::Refused(403, "AccessDenied"), Fault::Refused(501, "NotImplemented")] {
            for skip in 0..6 {
                server.rules(&[Rule { operation, skip, times: 1000, fault }]);
                after(&server, &text, &format!("{operation} {fault:?} from {skip} on"));
            }
        }
    }
}

#[test]
fn a_wrong_checksum_is_seen_and_read_again() {
    let text = records(0, 100);
    let server = server(&text);
    server.rules(&[Rule { operation: "get", skip: 0, times: 2, fault: Fault::Altered }]);
    let output = run(&server).output().expect("it runs");
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    server.check_published(&text);
}

#[test]
fn an_object_that_changes_or_goes_ends_the_run() {
    for goes in [false, true] {
        let text = text();
        let server = server(&text);
        server.seen();
        // The earlier manifest is asked for first; then the object, which has time to change.
        let fault = Fault::Late(Duration::from_secs(1));
        server.rules(&[Rule { operation: "get", skip: 1, times: 1000, fault }]);
        let run = run(&server).stderr(std::process::Stdio::piped()).spawn().expect("it runs");
        while !server.seen().iter().any(|seen| seen.path.contains("/in/a.ndjson")) {
            std::thread::sleep(Duration::from_millis(2));
        }
        if goes {
            server.remove("in/a.ndjson");
        } else {
            server.put("in/a.ndjson", records(7, 100_000));
        }
        let output = run.wait_with_output().expect("it ends");
        let said = stderr(&output);
        assert_eq!(code(&output), 74, "{said}");
        assert!(said.contains("changed or went away"), "{said}");
        server.check_unpublished();
    }
}
