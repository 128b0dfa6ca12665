//! Network and server faults at every step of a run: they leave the complete output or none, and the
//! next run succeeds.

use std::collections::HashMap;
use std::time::Duration;

use crate::support::program::{code, stderr};
use crate::support::s3::proxy::{Direction, Proxy};
use crate::support::s3::run::{records, run};
use crate::support::s3::server::{Fault, FaultRule, Server};

const OPERATIONS: [&str; 9] =
    ["list", "get", "put", "begin", "part", "complete", "head", "delete", "uploads"];

/// Faults that are retried successfully.
const TRANSIENT: [Fault; 10] = [
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

/// About 9 MB: several ranged reads, and an upload in two parts.
fn text() -> String {
    records(0, 100_000)
}

fn server(text: &str) -> Server {
    let server = Server::start();
    server.put("in/a.ndjson", text);
    server
}

/// A run with short timeouts.
fn impatient(server: &Server) -> std::process::Command {
    let mut command = run(server);
    command.args(["--set", "aws.patience=1"]);
    command
}

#[track_caller]
fn after(server: &Server, text: &str, what: &str) {
    let output = run(server).output().expect("it runs");
    let messages = stderr(&output);
    assert!(!messages.contains("panicked") && !messages.contains("AKIA"), "{what}: {messages}");
    server.inject(&[]);
    match code(&output) {
        0 if server.left_over().is_empty() => server.check_published(text),
        // A published output stays even if the clean-up failed; the next run repeats that.
        0 | 73 | 74 | 77 => {
            let output = run(server).output().expect("it runs");
            assert_eq!(code(&output), 0, "{what}: the next run: {}", stderr(&output));
            server.check_published(text);
        }
        other => panic!("{what}: exit {other}: {messages}"),
    }
    clear(server);
}

/// The numbers of requests of a kind before the fault; `SEGPREP_S3_SEEDS` extends the range.
fn skips() -> std::ops::Range<usize> {
    if std::env::var_os("SEGPREP_S3_SEEDS").is_some() { 0..4 } else { 0..1 }
}

/// Most of these runs wait for a silent server or for a retry. So each operation has its own server, and
/// several are tested concurrently.
#[test]
fn one_fault_of_each_kind_at_each_step_is_recovered_from() {
    const CONCURRENT: usize = 3;
    for operations in OPERATIONS.chunks(CONCURRENT) {
        std::thread::scope(|scope| {
            for operation in operations {
                scope.spawn(|| one_fault_of_each_kind_at(operation));
            }
        });
    }
}

fn one_fault_of_each_kind_at(operation: &'static str) {
    // Operations without ranged reads and uploads in parts need only a small input.
    let is_of_large = ["get", "begin", "part", "complete"].contains(&operation);
    let text = if is_of_large { text() } else { records(0, 1000) };
    let server = server(&text);
    for fault in TRANSIENT {
        for skip in skips() {
            server.inject(&[FaultRule { operation, skip, times: 1, fault }]);
            let what = format!("{operation} {fault:?} after {skip}");
            let output = impatient(&server).output().expect("it runs");
            assert_eq!(code(&output), 0, "{what}: {}", stderr(&output));
            server.inject(&[]);
            server.check_published(&text);
            clear(&server);
        }
    }
}

/// Removes everything that a run wrote.
fn clear(server: &Server) {
    for key in server.keys().into_iter().filter(|key| !key.starts_with("in/")) {
        server.remove(&key);
    }
}

/// The connection is closed at offsets spread over a whole run: before, within the head of, and within
/// the body of a request or a response.
#[test]
fn half_closed_connections_are_recovered_from() {
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
                let (code, messages) = run();
                assert!(proxy.has_ended(), "{direction:?} {end} of {all}");
                assert_eq!(code, 0, "{direction:?} ended at {end} of {all}: {messages}");
                server.check_published(&text);
            }
        }
    }
}

#[test]
fn permanent_faults_leave_nothing_or_everything() {
    let text = records(0, 100);
    let server = server(&text);
    for operation in ["list", "get", "put", "delete"] {
        for fault in [Fault::Refused(403, "AccessDenied"), Fault::Refused(501, "NotImplemented")] {
            for skip in 0..6 {
                server.inject(&[FaultRule { operation, skip, times: 1000, fault }]);
                after(&server, &text, &format!("{operation} {fault:?} from {skip} on"));
            }
        }
    }
}

/// One layer retries, so a request is sent as often as that layer sends it. Requests that run side by side
/// may be cut short by the first that gives up, so the most frequent one counts.
#[test]
fn a_throttled_request_is_sent_a_fixed_number_of_times() {
    std::thread::scope(|scope| {
        // The object is read in three ranges, which have one path.
        for (operation, skip, times, most) in
            [("list", 0, 6, 6), ("get", 1, 10, 30), ("part", 0, 10, 10)]
        {
            scope.spawn(move || {
                let server = server(&text());
                let fault = Fault::Refused(503, "SlowDown");
                server.inject(&[FaultRule { operation, skip, times: 1000, fault }]);
                let output = run(&server).output().expect("it runs");
                assert_eq!(code(&output), 74, "{operation}: {}", stderr(&output));
                let mut sent: HashMap<String, usize> = HashMap::new();
                for request in server.take_requests() {
                    if request.operation == operation {
                        *sent.entry(request.path).or_default() += 1;
                    }
                }
                let count = sent.values().copied().max().unwrap_or_default();
                assert!(times <= count && count <= most, "{operation}: {sent:?}");
            });
        }
    });
}

/// Not errors of the caller, although their status is 4xx.
#[test]
fn damaged_parts_and_status_429_are_retried() {
    let text = text();
    for fault in [Fault::Refused(400, "BadDigest"), Fault::Refused(429, "TooManyRequests")] {
        let server = server(&text);
        server.inject(&[FaultRule { operation: "part", skip: 0, times: 3, fault }]);
        let output = run(&server).output().expect("it runs");
        assert_eq!(code(&output), 0, "{fault:?}: {}", stderr(&output));
        server.check_published(&text);
    }
}

#[test]
fn a_wrong_checksum_is_detected_and_read_again() {
    let text = records(0, 100);
    let server = server(&text);
    server.inject(&[FaultRule { operation: "get", skip: 0, times: 2, fault: Fault::Altered }]);
    let output = run(&server).output().expect("it runs");
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    server.check_published(&text);
}

#[test]
fn an_object_that_changes_or_disappears_ends_the_run() {
    for goes in [false, true] {
        let (text, changed) = (text(), records(7, 100_000));
        let server = server(&text);
        server.take_requests();
        // The first read is of the earlier manifest, the second of the object, which is then changed.
        let fault = Fault::Late(Duration::from_secs(1));
        server.inject(&[FaultRule { operation: "get", skip: 1, times: 1000, fault }]);
        let run = run(&server).stderr(std::process::Stdio::piped()).spawn().expect("it runs");
        while !server.take_requests().iter().any(|seen| seen.path.contains("/in/a.ndjson")) {
            std::thread::sleep(Duration::from_millis(2));
        }
        if goes {
            server.remove("in/a.ndjson");
        } else {
            server.put("in/a.ndjson", changed);
        }
        let output = run.wait_with_output().expect("it ends");
        let messages = stderr(&output);
        assert_eq!(code(&output), 74, "{messages}");
        assert!(messages.contains("changed or removed"), "{messages}");
        server.check_unpublished();
    }
}
