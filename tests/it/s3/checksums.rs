//! Objects that are read in ranges are checked as a whole: a changed bit ends the run, and an object
//! without a checksum is listed as unchecked.

use std::{process::Command, thread};

use crc_fast::{CrcAlgorithm, checksum};
use data_encoding::BASE64;
use s3s::dto::Checksum;

use crate::support::program::{code, stderr};
use crate::support::s3::run::{records, run};
use crate::support::s3::server::{Fault, FaultRule, Server};

const KEY: &str = "in/a.ndjson";
/// What `ETag`s of uploads in parts look like.
const NO_MD5: &str = "0123456789abcdef0123456789abcdef-2";

/// The checksum that the server has of an object besides an MD5.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Crc64Nvme,
    Crc32C,
    Crc32,
    /// Of its parts.
    Composite,
    Md5,
    None,
}

const KINDS: [Kind; 6] =
    [Kind::Crc64Nvme, Kind::Crc32C, Kind::Crc32, Kind::Composite, Kind::Md5, Kind::None];

impl Kind {
    fn is_of_the_whole(self) -> bool {
        !matches!(self, Kind::Composite | Kind::None)
    }

    fn of(self, text: &[u8]) -> Checksum {
        let crc32 = |algorithm| {
            let sum = u32::try_from(checksum(algorithm, text)).expect("32 bits");
            Some(BASE64.encode(&sum.to_be_bytes()))
        };
        let mut sums = Checksum::default();
        match self {
            Kind::Crc64Nvme => {
                let sum = checksum(CrcAlgorithm::Crc64Nvme, text).to_be_bytes();
                sums.checksum_crc64nvme = Some(BASE64.encode(&sum));
            }
            Kind::Crc32C => sums.checksum_crc32c = crc32(CrcAlgorithm::Crc32Iscsi),
            Kind::Crc32 => sums.checksum_crc32 = crc32(CrcAlgorithm::Crc32IsoHdlc),
            Kind::Composite => sums.checksum_crc32 = Some("AAAAAA==-2".to_owned()),
            Kind::Md5 | Kind::None => {}
        }
        sums
    }
}

/// A server with one object, which is read in three ranges.
fn server(kind: Kind, text: &str) -> Server {
    let server = Server::start();
    server.put(KEY, text);
    let etag = (kind != Kind::Md5).then_some(NO_MD5);
    server.objects.set_checksum("bucket", KEY, kind.of(text.as_bytes()), etag);
    server
}

/// Runs while a bit of one range is wrong.
fn run_damaged(server: &Server, range: usize, change: impl FnOnce(&mut Command)) -> (i32, String) {
    // The first read is of the earlier manifest.
    let fault = Fault::Altered;
    server.inject(&[FaultRule { operation: "get", skip: 1 + range, times: 1, fault }]);
    let mut command = run(server);
    change(&mut command);
    let output = command.output().expect("it runs");
    server.inject(&[]);
    (code(&output), stderr(&output))
}

#[test]
fn a_changed_bit_in_a_range_ends_the_run() {
    let text = &records(0, 100_000);
    thread::scope(|scope| {
        for (number, kind) in KINDS.into_iter().filter(|kind| kind.is_of_the_whole()).enumerate() {
            scope.spawn(move || {
                let server = server(kind, text);
                let skip = |command: &mut Command| {
                    command.args(["--set", "input.on_bad_file=\"skip\""]);
                };
                let (code, messages) = run_damaged(&server, number % 3, skip);
                assert_eq!(code, 74, "{kind:?}: {messages}");
                assert!(messages.contains("do not have the checksum"), "{kind:?}: {messages}");
                server.check_unpublished();
            });
        }
    });
}

/// A damaged list misses people who opted out.
#[test]
fn lists_are_checked_too() {
    const LIST: &str = "lists/out.csv";
    let address = |number: u32| format!("u{number}@example.com\n");
    let addresses = (0..250_000).map(address).collect::<String>();
    let server = Server::start();
    server.put("in/a.ndjson", records(250_000, 3));
    server.put(LIST, addresses.clone());
    let run_with_list = |kind: Kind| {
        let sums = kind.of(addresses.as_bytes());
        server.objects.set_checksum("bucket", LIST, sums, Some(NO_MD5));
        let mut command = run(&server);
        let list = "suppress=[{ from = [\"s3://bucket/lists/out.csv\"], field = \"Address\" }]";
        command.args(["--set", list]);
        let output = command.output().expect("it runs");
        (code(&output), stderr(&output))
    };
    server.inject(&[FaultRule { operation: "get", skip: 1, times: 1, fault: Fault::Altered }]);
    let (code, messages) = run_with_list(Kind::Crc64Nvme);
    assert_eq!(code, 74, "{messages}");
    assert!(messages.contains("do not have the checksum"), "{messages}");
    for kind in [Kind::Crc64Nvme, Kind::None] {
        let (code, messages) = run_with_list(kind);
        assert_eq!(code, 0, "{messages}");
        let warnings = server.manifest().expect("a manifest")["warnings"].to_string();
        for key in server.keys().iter().filter(|key| key.starts_with(['a', 'o'])) {
            server.remove(key); // the account and the output
        }
        let warns = warnings.contains("was read without a check for damage");
        assert_eq!(warns, kind == Kind::None, "{warnings}");
    }
}

/// The rest of a body that stalled is a range too.
#[test]
fn a_changed_bit_in_the_rest_of_a_body_ends_the_run() {
    let text = records(0, 100);
    let server = server(Kind::Crc32, &text);
    let stalled = FaultRule { operation: "get", skip: 1, times: 1, fault: Fault::Stalled };
    let impatient = || {
        let mut command = run(&server);
        command.args(["--set", "aws.patience=1"]);
        command.output().expect("it runs")
    };
    server.inject(&[stalled, FaultRule { skip: 1, fault: Fault::Altered, ..stalled }]);
    let output = impatient();
    let messages = stderr(&output);
    assert_eq!(code(&output), 74, "{messages}");
    assert!(messages.contains("do not have the checksum"), "{messages}");
    server.inject(&[stalled]);
    let output = impatient();
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    server.check_published(&text);
}

#[test]
fn an_object_without_a_checksum_is_unchecked() {
    let text = &records(0, 100_000);
    thread::scope(|scope| {
        for kind in KINDS {
            scope.spawn(move || {
                let server = server(kind, text);
                server.put("in/small.ndjson", records(100_000, 1));
                let output = run(&server).output().expect("it runs");
                assert_eq!(code(&output), 0, "{kind:?}: {}", stderr(&output));
                let inputs = server.get("account/inputs.ndjson").expect("the inputs");
                let inputs = String::from_utf8(inputs).expect("UTF-8");
                let of_input = |name: &str| {
                    let line = inputs.lines().find(|line| line.contains(name)).expect("its line");
                    line.contains(r#""unchecked":true"#)
                };
                assert_eq!(of_input("a.ndjson"), !kind.is_of_the_whole(), "{kind:?}: {inputs}");
                assert!(!of_input("small.ndjson"), "it is not read in ranges: {inputs}");
                let warnings = server.manifest().expect("a manifest")["warnings"].to_string();
                let warns = warnings.contains("1 large object was read without a check");
                assert_eq!(warns, !kind.is_of_the_whole(), "{kind:?}: {warnings}");
            });
        }
    });
}
