//! What is documented of buckets, shown with the server in this process.

use std::{io::Write, path::Path};

use serde_json::Value;

use crate::support::program::{Place, code, set, stderr};
use crate::support::s3::run::{records, run, run_over, set_places};
use crate::support::s3::server::{Fault, FaultRule, Server};

#[track_caller]
fn assert_exit(command: &mut std::process::Command, expected: i32) -> String {
    let output = command.output().expect("it runs");
    assert_eq!(code(&output), expected, "{}", stderr(&output));
    stderr(&output)
}

#[test]
fn a_run_reads_a_bucket_and_writes_to_it() {
    let server = Server::start();
    server.put("in/a.ndjson", records(0, 3));
    server.put("in/b.ndjson", records(3, 2));
    assert_exit(&mut run(&server), 0);
    server.check_published(&records(0, 5));
    assert!(server.manifest().expect("a manifest")["run"].is_string());
    let before = server.keys();
    let messages = assert_exit(&mut run(&server), 0);
    assert_eq!(server.keys(), before, "{messages}");
}

/// The requests of a small run. Each waits for the one before, except the listings before publishing,
/// and the uploads of the part and of the account's files.
#[test]
fn a_small_run_makes_few_round_trips() {
    let server = Server::start();
    server.put("in/a.ndjson", records(0, 3));
    server.take_requests();
    assert_exit(&mut run(&server), 0);
    let asked = |seen: &crate::support::s3::server::SeenRequest| {
        let path = seen.path.replace("%2F", "/");
        let prefix = path.split(['?', '&']).find_map(|part| part.strip_prefix("prefix="));
        let place = prefix.or(path.split('?').next()).unwrap_or_default();
        format!("{} {}", seen.operation, place.trim_start_matches("/bucket/"))
    };
    let mut seen: Vec<String> = server.take_requests().iter().map(asked).collect();
    seen[8..10].sort_unstable(); // concurrent
    seen[11..15].sort_unstable(); // concurrent
    let expected = [
        "list in/",
        "get account/manifest.json",
        "put account/.segprep/lock-1",
        "list account/",
        "put account/.segprep/journal.json",
        "put out/.segprep/lock-1",
        "list out/",
        "get in/a.ndjson",
        "list account/",
        "list out/",
        "put account/.segprep/journal.json",
        "put account/inputs.ndjson",
        "put account/rejects.ndjson",
        "put account/report.html",
        "put out/job-000/part-00000.json",
        "list account/.segprep/",
        "put account/manifest.json",
        "delete out/.segprep/lock-1",
        "delete account/.segprep/journal.json",
        "delete account/.segprep/lock-1",
    ];
    assert_eq!(seen, expected);
    assert_exit(&mut run(&server), 0);
    let seen: Vec<String> = server.take_requests().iter().map(asked).collect();
    assert_eq!(
        seen,
        ["list in/", "get account/manifest.json", "list account/.segprep/", "list out/"],
        "the same run again"
    );
}

#[test]
fn another_run_is_replaced_only_with_overwrite() {
    let server = Server::start();
    server.put("in/a.ndjson", records(0, 3));
    assert_exit(&mut run(&server), 0);
    server.put("in/a.ndjson", records(0, 4));
    let messages = assert_exit(&mut run(&server), 73);
    assert!(messages.contains("--overwrite"), "{messages}");
    server.check_published(&records(0, 3));
    assert_exit(run(&server).arg("--overwrite"), 0);
    server.check_published(&records(0, 4));
}

#[test]
fn lost_parts_are_named_and_made_again_only_with_overwrite() {
    for (replacement, what) in [(None, "is gone"), (Some("shorter"), "has 7 bytes instead of")] {
        let server = Server::start();
        server.put("in/a.ndjson", records(0, 3));
        assert_exit(&mut run(&server), 0);
        match replacement {
            Some(text) => server.put("out/job-000/part-00000.json", text),
            None => server.remove("out/job-000/part-00000.json"),
        }
        let before = server.keys();
        let messages = assert_exit(&mut run(&server), 73);
        let named = format!("out/job-000/part-00000.json` {what}");
        assert!(messages.contains(&named) && messages.contains("--overwrite"), "{messages}");
        assert_eq!(server.keys(), before);
        assert_exit(run(&server).arg("--overwrite"), 0);
        server.check_published(&records(0, 3));
        assert_exit(&mut run(&server), 0);
    }
}

#[test]
fn foreign_objects_block_and_stay() {
    for key in ["out/notes.txt", "account/notes.txt", "out/job-000/part-00009.json"] {
        let server = Server::start();
        server.put("in/a.ndjson", records(0, 3));
        server.put(key, "foreign");
        let before = server.keys();
        let messages = assert_exit(run(&server).arg("--overwrite"), 73);
        assert!(messages.contains("no manifest of this account"), "{messages}");
        assert_eq!(server.keys(), before);
    }
}

#[test]
fn a_run_over_its_budget_publishes_nothing_and_blocks_no_later_run() {
    let server = Server::start();
    server.put("in/a.ndjson", records(0, 3) + "{}\n");
    assert_exit(&mut run(&server), 3);
    assert_eq!(server.manifest().expect("a manifest")["status"], "over_budget");
    assert_eq!(server.parts(), b"");
    assert_eq!(server.left_over(), Vec::<String>::new());
    server.put("in/a.ndjson", records(0, 3));
    assert_exit(&mut run(&server), 0);
    server.check_published(&records(0, 3));
}

#[test]
fn buckets_and_folders_can_be_mixed() {
    let server = Server::start();
    server.put("in/a.ndjson", records(0, 3));
    let place = Place::new();
    let mut command = run(&server);
    set_places(&mut command, &place.to().to_string_lossy(), &place.account().to_string_lossy());
    assert_exit(&mut command, 0);
    assert_eq!(place.parts(), records(0, 3).as_bytes());
    let mut command = run(&server);
    set(&mut command, "account.to", &place.folder.path().join("second"));
    assert_exit(&mut command, 0);
    assert_eq!(server.parts(), records(0, 3).as_bytes());
    assert_eq!(server.left_over(), Vec::<String>::new());
    let mut command = run(&server);
    let folder = place.folder.path().join("third");
    set(&mut command, "output.0.to", &folder);
    set(&mut command, "account.to", Path::new("s3://bucket/other/"));
    assert_exit(&mut command, 0);
    assert!(folder.join("job-000/part-00000.json").exists());
}

/// The names of the inputs, each with the reason if it was ignored.
fn inputs(server: &Server) -> Vec<(String, String)> {
    let text = server.get("account/inputs.ndjson").expect("an account");
    let text = String::from_utf8(text).expect("text");
    let line = |line: &str| -> (String, String) {
        let input: Value = serde_json::from_str(line).expect("JSON");
        let name = input["name"].as_str().expect("a name").replace("s3://bucket/", "");
        (name, input["ignored"].as_str().unwrap_or("read").to_owned())
    };
    text.lines().map(line).collect()
}

#[test]
fn keys_of_all_kinds_are_read_in_byte_order() {
    let server = Server::with_pages_of(3);
    let keys = [
        "in/a b+c%20&<>.ndjson",
        "in/a//b.ndjson",
        "in/deep/er/ünï.ndjson",
        "in/z'\"\u{1}.ndjson",
        "in/sub/1.ndjson",
        "in/sub/2.ndjson",
        "in/sub/3.ndjson",
        "in/sub/4.ndjson",
    ];
    let mut sorted = keys.to_vec();
    sorted.sort_unstable();
    for (number, key) in sorted.iter().enumerate() {
        server.put(key, records(number, 1));
    }
    for key in ["in/_SUCCESS", "in/.x/y", "in/empty.json"] {
        server.put(key, if key == "in/empty.json" { "" } else { "x" });
    }
    server.put("in/folder/", "");
    assert_exit(&mut run(&server), 0);
    server.check_published(&records(0, keys.len()));
    let found = inputs(&server);
    let why = |name: &str| found.iter().find(|(of, _)| of == name).map(|(_, why)| why.as_str());
    assert_eq!(why("in/_SUCCESS"), Some("name"));
    assert_eq!(why("in/.x"), Some("name"));
    assert_eq!(why("in/empty.json"), Some("empty"));
    assert_eq!(why("in/folder/"), Some("folder_marker"));
}

/// A long listing is split into ranges at guessed keys. No guess loses a key.
#[test]
fn folders_of_many_pages_are_listed_completely() {
    let shapes: [fn(usize) -> String; 6] = [
        |number| format!("in/{:05}.ndjson", number * 37),
        |number| format!("in/{:03x}-part.ndjson", number * 57),
        |number| format!("in/2026-11-{:02}T{:02}.ndjson", number / 6 + 1, number % 6),
        |number| format!("in/{number}.ndjson"),
        |number| format!("in/day={:02}/{number}.ndjson", number / 2),
        |number| format!("in/{}{number}", ["é", "Z", "a/b", "z9", "0", "~"][number % 6]),
    ];
    for (shape, page) in shapes.iter().zip([5, 2, 7, 4, 3, 3]) {
        let server = Server::with_pages_of(page);
        let mut keys: Vec<String> = (0..70).map(shape).collect();
        server.put_all(keys.iter().map(|key| (key.clone(), records(0, 1).into_bytes())).collect());
        assert_exit(&mut run(&server), 0);
        keys.sort_unstable();
        let found = inputs(&server);
        assert_eq!(
            found.iter().map(|(name, _)| name).collect::<Vec<_>>(),
            keys.iter().collect::<Vec<_>>()
        );
    }
}

#[test]
fn objects_prefixes_and_patterns_work_as_for_files() {
    let server = Server::start();
    for (number, key) in ["x/1.json", "x/2.csv.json", "x/y/3.json", "x-2/4.json"].iter().enumerate()
    {
        server.put(key, records(number, 1));
    }
    for (from, expected) in [
        (&["s3://bucket/x/1.json"][..], &[0][..]),
        (&["s3://bucket/x"], &[0, 1, 2]),
        (&["s3://bucket/x/", "s3://bucket/x/1.json"], &[0, 1, 2]),
        (&["s3://bucket/x/*.json"], &[0, 1]),
        (&["s3://bucket/**/*.json"], &[3, 0, 1, 2]),
        (&["s3://bucket/x*/[34].json"], &[3]),
        (&["s3://bucket/x/y/../1.json", "s3://bucket/x/1.json"], &[]),
    ] {
        let place = Place::new();
        let mut command = run_over(&server, from);
        set_places(&mut command, &place.to().to_string_lossy(), &place.account().to_string_lossy());
        if expected.is_empty() {
            assert_exit(&mut command, 66);
            continue;
        }
        assert_exit(&mut command, 0);
        let all: String = expected.iter().map(|number| records(*number, 1)).collect();
        assert_eq!(String::from_utf8_lossy(&place.parts()), all, "{from:?}");
    }
}

/// Archives larger than one ranged read are inflated while they arrive.
#[test]
fn archives_and_several_buckets_are_read_as_one_input() {
    let server = Server::start();
    let level = flate2::Compression::none();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), level);
    gzip.write_all(records(0, 60_000).as_bytes()).expect("memory");
    let gzip = gzip.finish().expect("memory");
    assert!(4 << 20 < gzip.len());
    server.put("in/a.ndjson.gz", gzip);
    let zstd = zstd::bulk::compress(records(60_000, 1000).as_bytes(), 1).expect("memory");
    server.put("in/b.ndjson.zst", zstd);
    server.put_into_new("other", "in/c.ndjson", records(61_000, 10));
    assert_exit(&mut run_over(&server, &["s3://bucket/in/", "s3://other/in/c.ndjson"]), 0);
    server.check_published(&records(0, 61_010));
}

#[test]
fn a_bucket_in_another_region_is_read_there() {
    let server = Server::start();
    server.put("in/a.ndjson", records(0, 3));
    let fault = Fault::Refused(301, "PermanentRedirect"); // it names eu-west-1
    server.inject(&[FaultRule { operation: "list", skip: 0, times: 1, fault }]);
    server.take_requests();
    assert_exit(&mut run(&server), 0);
    let seen = server.take_requests();
    server.check_published(&records(0, 3));
    let is_there = |seen: &crate::support::s3::server::SeenRequest| {
        seen.headers["authorization"].to_str().expect("text").contains("/eu-west-1/s3/")
    };
    assert!(!is_there(&seen[0]) && seen[1..].iter().all(is_there));
}

#[test]
fn large_objects_are_read_in_ranges_and_written_in_parts() {
    let server = Server::start();
    let text = records(0, 200_000);
    assert!(3 * (4 << 20) < text.len());
    server.put("in/a.ndjson", text.clone());
    assert_exit(&mut run(&server), 0);
    server.check_published(&text);
    let seen = server.take_requests();
    let ranges = seen.iter().filter(|seen| seen.headers.contains_key("range")).count();
    assert!(3 <= ranges, "{ranges}");
    let parts: Vec<_> = seen.iter().filter(|seen| seen.operation == "part").collect();
    assert!(2 <= parts.len());
    assert!(parts.iter().all(|seen| seen.headers.contains_key("x-amz-checksum-crc64nvme")));
    let complete = seen.iter().find(|seen| seen.operation == "complete").expect("an upload");
    assert_eq!(complete.headers["if-none-match"], "*");
    assert!(complete.headers.contains_key("x-amz-checksum-crc64nvme"));
}

#[test]
fn settings_of_objects_are_sent() {
    let server = Server::start();
    server.put("in/a.ndjson", records(0, 3));
    server.take_requests();
    let sets = [
        r#"output.0.sse="kms""#,
        r#"output.0.kms_key_id="alias/segments""#,
        "output.0.bucket_key=true",
        r#"output.0.encryption_context={team="crm"}"#,
        r#"output.0.storage_class="STANDARD_IA""#,
        r#"output.0.tags={team="crm", stage="clean"}"#,
        r#"aws.expected_bucket_owner="111122223333""#,
        r#"aws.checksum="sha256""#,
    ];
    let mut command = run(&server);
    for set in sets {
        command.args(["--set", set]);
    }
    assert_exit(&mut command, 0);
    let seen = server.take_requests();
    let put = |key: &str| seen.iter().find(|s| s.operation == "put" && s.path.contains(key));
    let part = &put("out/job-000/part-00000.json").expect("a part").headers;
    assert_eq!(part["x-amz-server-side-encryption"], "aws:kms");
    assert_eq!(part["x-amz-server-side-encryption-aws-kms-key-id"], "alias/segments");
    assert_eq!(part["x-amz-server-side-encryption-bucket-key-enabled"], "true");
    assert_eq!(part["x-amz-server-side-encryption-context"], "eyJ0ZWFtIjoiY3JtIn0=");
    assert_eq!(part["x-amz-storage-class"], "STANDARD_IA");
    assert_eq!(part["x-amz-tagging"], "team=crm&stage=clean");
    assert_eq!(part["x-amz-expected-bucket-owner"], "111122223333");
    assert_eq!(part["if-none-match"], "*");
    assert!(part.contains_key("x-amz-checksum-sha256"));
    let manifest = server.manifest().expect("a manifest");
    let agent = format!("app/segprep-{}", manifest["requests"].as_str().expect("an id"));
    let says = |headers: &http::HeaderMap| {
        headers["x-amz-user-agent"].to_str().is_ok_and(|a| a.contains(&agent))
    };
    assert!(seen.iter().all(|seen| says(&seen.headers)), "every request names the application");
}

#[test]
fn an_archived_object_ends_the_run_before_anything_is_read() {
    let server = Server::start();
    server.put("in/a.ndjson", records(0, 3));
    server.objects.set_class("bucket", "in/a.ndjson", "GLACIER");
    let messages = assert_exit(&mut run(&server), 74);
    assert!(messages.contains("restore") && messages.contains("in/a.ndjson"), "{messages}");
    server.check_unpublished();
}

#[test]
fn the_second_of_two_concurrent_runs_fails() {
    let server = Server::start();
    server.put("in/a.ndjson", records(0, 3));
    server.set_delay(std::time::Duration::from_millis(150));
    let first = run(&server).stderr(std::process::Stdio::piped()).spawn().expect("it runs");
    while !server.keys().iter().any(|key| key.contains("lock-")) {
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    let messages = assert_exit(&mut run(&server), 73);
    assert!(messages.contains("another run"), "{messages}");
    let first = first.wait_with_output().expect("it ends");
    assert_eq!(code(&first), 0, "{}", stderr(&first));
    server.check_published(&records(0, 3));
}
