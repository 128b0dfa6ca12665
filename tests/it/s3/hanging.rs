//! Servers that stop answering: a signal ends a run within ten seconds, and without one it ends by
//! itself. What such a run leaves, the next one cleans up.

use std::{
    net::{SocketAddr, TcpListener, TcpStream},
    process::Command,
    thread,
    time::{Duration, Instant},
};

use rustix::process::Signal;

use crate::support::program::{code, stderr};
use crate::support::running::Running;
use crate::support::s3::run::{records, run};
use crate::support::s3::server::{Fault, FaultRule, SeenRequest, Server};

/// The time between a signal and the end.
const AFTER_SIGNAL: Duration = Duration::from_secs(10);

/// An operation that hangs, and the number of those before it that do not.
type Hang = (&'static str, usize);

/// A server with an input, which needs an upload in parts if that is what hangs.
fn server(operation: &str) -> (Server, String) {
    let is_of_large = ["begin", "part", "complete"].contains(&operation);
    let text = records(0, if is_of_large { 100_000 } else { 100 });
    let server = Server::start();
    server.put("in/a.ndjson", text.clone());
    server.take_requests();
    (server, text)
}

/// Waits until a request hangs.
fn wait_until_it_hangs(server: &Server, running: &mut Running, (operation, skip): Hang) {
    let seen = std::cell::Cell::new(0);
    let hangs = running.until(|| {
        let requests = server.take_requests();
        let of_kind =
            |request: &&SeenRequest| operation.is_empty() || request.operation == operation;
        seen.set(seen.get() + requests.iter().filter(of_kind).count());
        skip < seen.get()
    });
    assert!(hangs, "{operation} {skip}: the run ended too early");
    thread::sleep(Duration::from_millis(200));
}

/// Lets a run use the service that hangs: KMS, or STS for a `role`. Returns the operation of the server.
fn prepare(command: &mut Command, (operation, skip): Hang) -> Hang {
    match operation {
        "service" => with_key_in_kms(command),
        "role" => {
            let role = "aws.role=\"arn:aws:iam::111122223333:role/segprep\"";
            command.args(["--set", role]);
            return ("service", skip);
        }
        _ => {}
    }
    (operation, skip)
}

fn with_key_in_kms(command: &mut Command) {
    command.args(["--set", "fields.\"User.UserId\"={ op = \"hmac\", join = \"user\" }"]);
    command.args(["--set", "keys={ current = \"k1\", k1 = \"kms:alias/tokens\" }"]);
}

/// The next run, with a server that answers again.
#[track_caller]
fn check_recovery(server: &Server, text: &str, what: &str) {
    server.inject(&[]);
    let output = run(server).output().expect("it runs");
    assert_eq!(code(&output), 0, "{what}: the next run: {}", stderr(&output));
    server.check_published(text);
}

#[test]
fn a_signal_ends_a_run_in_time_while_a_server_hangs() {
    let hangs: [Hang; 16] = [
        ("list", 0),
        ("list", 2),
        ("get", 0),
        ("get", 1),
        ("put", 0),
        ("put", 1),
        ("put", 3),
        ("begin", 0),
        ("part", 0),
        ("complete", 0),
        ("service", 0),
        ("role", 0),
        // From here on, nothing answers.
        ("", 1),
        ("", 5),
        ("", 8),
        ("", 12),
    ];
    thread::scope(|scope| {
        for hang in hangs {
            scope.spawn(move || check_signal(hang));
        }
    });
}

fn check_signal(hang: Hang) {
    let (server, text) = server(hang.0);
    let mut command = run(&server);
    let (operation, skip) = prepare(&mut command, hang);
    server.inject(&[FaultRule { operation, skip, times: 100_000, fault: Fault::Hung }]);
    let mut running = Running::start(&mut command);
    wait_until_it_hangs(&server, &mut running, (operation, skip));
    let begun = Instant::now();
    running.signal(Signal::TERM);
    let output = running.assert_exit(143);
    let (took, messages) = (begun.elapsed(), stderr(&output));
    assert!(took < AFTER_SIGNAL, "{hang:?}: {took:?}: {messages}");
    assert!(messages.contains("terminated"), "{hang:?}: {messages}");
    check_recovery(&server, &text, &format!("{hang:?}"));
}

/// With `patience = 1`, a request is given up after ten seconds instead of 200, and there are two
/// seconds to clean up instead of 40.
#[test]
fn a_run_ends_by_itself_after_the_last_answer_of_a_server() {
    let silent = [
        ("list", 0),
        ("get", 1),
        ("part", 0),
        ("complete", 0),
        ("service", 0),
        ("role", 0),
        ("", 8),
    ];
    let trickled = [("list", 0), ("get", 0), ("get", 1), ("service", 0)];
    let silent = silent.map(|hang| (hang, Fault::Hung));
    let trickled = trickled.map(|hang| (hang, Fault::Trickled));
    thread::scope(|scope| {
        // A request that was executed, but whose answer is lost.
        scope.spawn(|| check_end(("delete", 0), Fault::Silent));
        for (hang, fault) in silent.into_iter().chain(trickled) {
            scope.spawn(move || check_end(hang, fault));
        }
    });
}

fn check_end(hang: Hang, fault: Fault) {
    const LIMIT: Duration = Duration::from_secs(10 + 2);
    const BUSY: Duration = Duration::from_secs(6);
    let (server, text) = server(hang.0);
    let mut command = run(&server);
    command.args(["--set", "aws.patience=1"]);
    let (operation, skip) = prepare(&mut command, hang);
    if (operation, fault) == ("get", Fault::Trickled) && skip == 0 {
        // The first thing that is read is the account's manifest.
        let output = run(&server).output().expect("it runs");
        assert_eq!(code(&output), 0, "{}", stderr(&output));
        server.put("in/a.ndjson", text.clone() + &text);
    }
    server.inject(&[FaultRule { operation, skip, times: 100_000, fault }]);
    let mut running = Running::start(&mut command);
    wait_until_it_hangs(&server, &mut running, (operation, skip));
    let begun = Instant::now();
    // Nothing is half done if the result is published and only the lock is left.
    let output = running.assert_exit(if operation == "delete" { 0 } else { 74 });
    let (took, messages) = (begun.elapsed(), stderr(&output));
    assert!(took < LIMIT + BUSY, "{hang:?} {fault:?}: {took:?}: {messages}");
    if (operation, skip) != ("get", 0) && operation != "delete" {
        check_recovery(&server, &text, &format!("{hang:?} {fault:?}"));
    }
}

/// A port whose queue of connections is full: a further connection is neither accepted nor refused.
fn black_hole() -> (TcpListener, Vec<TcpStream>, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let connect = || TcpStream::connect_timeout(&address, Duration::from_millis(300)).ok();
    let waiting: Vec<TcpStream> = std::iter::from_fn(connect).take(10_000).collect();
    (listener, waiting, address)
}

#[test]
fn a_signal_ends_a_run_that_cannot_connect() {
    let (_listener, waiting, address) = black_hole();
    assert!(waiting.len() < 10_000, "the queue is full");
    let server = Server::start();
    let mut command = run(&server);
    command.arg("--set").arg(format!("aws.endpoint_url=\"http://{address}\""));
    let running = Running::start(&mut command);
    thread::sleep(Duration::from_secs(1));
    let begun = Instant::now();
    running.signal(Signal::TERM);
    running.assert_exit(143);
    assert!(begun.elapsed() < AFTER_SIGNAL, "{:?}", begun.elapsed());
}
