//! Many small objects, and one large object, within the documented memory.

use std::{fs, process::Command};

use crate::support::program::{Place, code, stderr};
use crate::support::s3::run::{records, run, set_places};
use crate::support::s3::server::Server;

const MEMORY_MAX: u64 = 256 << 20;

/// Runs the program. Returns its peak memory in bytes.
fn memory_of(command: &mut Command) -> u64 {
    let place = tempfile::tempdir().expect("a temporary folder");
    let messages = place.path().join("messages");
    command.stderr(fs::File::create(&messages).expect("a file"));
    let mut child = command.spawn().expect("it runs");
    let status = format!("/proc/{}/status", child.id());
    let mut most = 0;
    loop {
        let peak = fs::read_to_string(&status).ok().and_then(|text| {
            let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"))?.to_owned();
            line.trim().trim_end_matches(" kB").parse::<u64>().ok()
        });
        most = most.max(peak.unwrap_or(0) * 1024);
        if let Some(status) = child.try_wait().expect("a process") {
            let messages = fs::read_to_string(messages).expect("words");
            assert_eq!(status.code(), Some(0), "{messages}");
            return most;
        }
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
}

/// `SEGPREP_S3_SEEDS` makes them ten thousand.
#[test]
fn many_small_objects() {
    let objects = if std::env::var_os("SEGPREP_S3_SEEDS").is_some() { 10_000 } else { 2_500 };
    let server = Server::start();
    let object =
        |number: usize| (format!("in/{number:05}.ndjson"), records(number, 1).into_bytes());
    server.put_all((0..objects).map(object).collect());
    server.take_requests();
    let memory = memory_of(&mut run(&server));
    assert!(memory < MEMORY_MAX, "{} MiB", memory >> 20);
    server.check_published(&records(0, objects));
    let gets = server
        .take_requests()
        .iter()
        .filter(|s| s.operation == "get" && s.path.contains("/in/"))
        .count();
    assert_eq!(gets, objects, "each object is read once");
}

#[test]
fn one_large_object() {
    let server = Server::start();
    let text = records(0, 1_000_000);
    let pieces = text.as_bytes().chunks(16 << 20).map(<[u8]>::to_vec);
    server.put_in_parts("in/a.ndjson", pieces);
    let memory = memory_of(&mut run(&server));
    assert!(memory < MEMORY_MAX, "{} MiB", memory >> 20);
    let place = Place::new();
    let mut local = run(&server);
    set_places(&mut local, &place.to().to_string_lossy(), &place.account().to_string_lossy());
    let output = local.output().expect("it runs");
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    assert!(place.parts() == text.as_bytes());
    assert!(server.parts() == text.as_bytes());
}
