//! What becomes of an earlier result in a bucket when the run that replaces it fails: it is as it was,
//! or the message says that it is gone and where its remains are. The next run succeeds.
//! `SEGPREP_S3_SEEDS` tries every request; without it, a third of them.

use std::collections::BTreeMap;

use crate::support::program::{code, stderr};
use crate::support::running::assert_exit;
use crate::support::s3::run::{records, run};
use crate::support::s3::server::{Fault, FaultRule, Server};

/// All objects but the inputs and the working files.
fn result(server: &Server) -> BTreeMap<String, Vec<u8>> {
    let keys = server.keys().into_iter();
    keys.filter(|key| !key.starts_with("in/") && !key.contains(".segprep"))
        .map(|key| (key.clone(), server.get(&key).expect("it is listed")))
        .collect()
}

/// A run over 300 records, whose parts have at most so many bytes.
fn run_in_parts(server: &Server, max_bytes: &str) -> std::process::Command {
    let mut command = run(server);
    command.args(["--set", &format!("output.0.max_bytes={max_bytes:?}")]);
    command
}

/// The earlier result has parts with the names of the new ones, and others: with more parts than the
/// new result, or with fewer.
#[test]
fn an_earlier_result_is_put_back_or_said_to_be_gone() {
    let mut ends: BTreeMap<&str, usize> = BTreeMap::new();
    for (earlier, new) in [("4 kB", "9 kB"), ("9 kB", "4 kB")] {
        for operation in ["put", "delete", "list", "get"] {
            let server = Server::start();
            let (old, text) = (records(1_000, 300), records(0, 300));
            let step = if std::env::var_os("SEGPREP_S3_SEEDS").is_some() { 1 } else { 3 };
            for skip in (0..16).step_by(step) {
                for times in if step == 1 { &[1, 1000][..] } else { &[1] } {
                    for key in server.keys() {
                        server.remove(&key);
                    }
                    server.put("in/a.ndjson", old.clone());
                    assert_exit(&mut run_in_parts(&server, earlier), 0);
                    let before = result(&server);
                    server.put("in/a.ndjson", text.clone());
                    let fault = Fault::Refused(403, "AccessDenied");
                    server.inject(&[FaultRule { operation, skip, times: *times, fault }]);
                    let output =
                        run_in_parts(&server, new).arg("--overwrite").output().expect("it runs");
                    server.inject(&[]);
                    let messages = stderr(&output);
                    let what = format!("{operation} {skip} {times}: {messages}");
                    let mut again = run_in_parts(&server, new);
                    let end = match code(&output) {
                        0 if server.left_over().is_empty() => "published",
                        0 if messages.contains("working files are left in") => "with leftovers",
                        73 | 77 if result(&server) == before => {
                            again.arg("--overwrite");
                            "as before"
                        }
                        77 if messages.contains("the earlier result is gone") => {
                            assert!(messages.contains("s3://"), "{what}");
                            "gone, and said so"
                        }
                        other => panic!("exit {other}: {what}: {:?}", server.keys()),
                    };
                    *ends.entry(end).or_default() += 1;
                    let output = again.output().expect("it runs");
                    assert_eq!(code(&output), 0, "{what}; and then: {}", stderr(&output));
                    server.check_published(&text);
                }
            }
        }
    }
    assert_eq!(ends.len(), 4, "{ends:?}");
}

#[test]
fn the_manifest_of_a_result_stays_until_another_is_published() {
    let server = Server::start();
    let text = records(0, 10);
    server.put("in/a.ndjson", text.clone());
    assert_exit(&mut run(&server), 0);
    let before = result(&server);
    let rejected = text.clone() + "{\"ChannelType\":\"FAX\"}\n";
    server.put("in/a.ndjson", rejected);
    assert_exit(run(&server).args(["--overwrite", "--set", "account.max_rejects=0"]), 3);
    assert_eq!(server.manifest().expect("a manifest")["status"], "over_budget");
    assert_eq!(
        server.get("account/manifest.earlier.json").as_ref(),
        before.get("account/manifest.json")
    );
    for (key, bytes) in before.iter().filter(|(key, _)| key.starts_with("out/")) {
        assert_eq!(server.get(key).as_ref(), Some(bytes), "{key}");
    }
    server.put("in/a.ndjson", text.clone());
    assert_exit(&mut run(&server), 0);
    assert_eq!(server.get("account/manifest.earlier.json"), None);
    server.check_published(&text);
}
