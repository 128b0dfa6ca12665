//! Keys in KMS and in Secrets Manager, with a server that responds as they do.

use std::process::Command;

use data_encoding::{BASE64, HEXLOWER};

use crate::support::program::{code, segprep, stderr};
use crate::support::s3::run::{point_at, run};
use crate::support::s3::server::{Fault, FaultRule, SECRET_KEY, Server};
use crate::support::s3::services::{SECRET, mac};

const RECORD: &str =
    "{\"ChannelType\":\"EMAIL\",\"Address\":\"a@example.com\",\"User\":{\"UserId\":\"u1\"}}\n";

fn with_key(command: &mut Command, from: &str) {
    command.args(["--set", "fields.\"User.UserId\"={ op = \"hmac\", join = \"user\" }"]);
    command.arg("--set").arg(format!("keys={{ current = \"k1\", k1 = \"{from}\" }}"));
}

/// The check value of a key; fails unless the program exits with 0.
fn check_of(server: &Server, from: &str) -> String {
    let mut command = segprep();
    command.args(["key", "check", "tests/s3/definition.toml"]);
    point_at(server, &mut command);
    with_key(&mut command, from);
    let output = command.output().expect("it runs");
    assert_eq!(code(&output), 0, "{from}: {}", stderr(&output));
    let messages = String::from_utf8(output.stdout).expect("text");
    messages.trim().strip_prefix("k1  ").expect("the id").to_owned()
}

/// The parts, and what the manifest says of the key.
fn run_with(key: &str, secret: &str) -> (Vec<u8>, String) {
    let server = Server::start();
    server.put("in/a.ndjson", RECORD);
    let mut command = run(&server);
    with_key(&mut command, key);
    command.env("SEGPREP_KEY_K1", secret);
    let output = command.output().expect("it runs");
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    for secret in [HEXLOWER.encode(&master()), BASE64.encode(&master()), SECRET.to_owned()] {
        assert!(!stderr(&output).contains(&secret));
        let manifest = server.get("account/manifest.json").expect("a manifest");
        assert!(!String::from_utf8_lossy(&manifest).contains(&secret));
    }
    let note = server.manifest().expect("a manifest")["keys"].to_string();
    (server.parts(), note)
}

fn master() -> Vec<u8> {
    mac(b"segprep/v1/master")
}

#[test]
fn the_mac_of_kms_is_the_master_key() {
    let by_kms = run_with("kms:alias/tokens", "");
    let by_hand = run_with("env:SEGPREP_KEY_K1", &format!("hex:{}", HEXLOWER.encode(&master())));
    assert_eq!(by_kms, by_hand);
    assert!(String::from_utf8_lossy(&by_kms.0).contains("hmac:k1:"));
}

#[test]
fn a_secret_is_the_text_of_a_key() {
    let by_secret = run_with("secretsmanager:segprep/k1", "");
    assert_eq!(by_secret, run_with("env:SEGPREP_KEY_K1", SECRET));
    let server = Server::start();
    let check = check_of(&server, "secretsmanager:segprep/k1");
    assert_eq!(check, check_of(&server, "secretsmanager:segprep/line"));
    assert_ne!(check, check_of(&server, "kms:alias/tokens"));
}

#[test]
fn requests_for_keys_are_signed_for_their_region_and_name_the_application() {
    let server = Server::start();
    check_of(&server, "kms:alias/tokens");
    check_of(&server, "kms:arn:aws:kms:eu-west-1:111122223333:alias/tokens");
    check_of(&server, "secretsmanager:segprep/k1");
    let seen = server.take_requests();
    let header =
        |number: usize, name: &str| seen[number].headers[name].to_str().expect("text").to_owned();
    assert_eq!(seen.len(), 3);
    assert!(header(0, "authorization").contains("/us-east-1/kms/aws4_request"));
    assert!(header(1, "authorization").contains("/eu-west-1/kms/aws4_request"));
    assert!(header(2, "authorization").contains("/us-east-1/secretsmanager/aws4_request"));
    assert!((0..3).all(|number| header(number, "x-amz-user-agent").contains("app/segprep-")));
}

#[test]
fn a_request_that_fails_once_is_retried() {
    let server = Server::start();
    for fault in [Fault::Refused(500, "InternalError"), Fault::Reset] {
        server.inject(&[FaultRule { operation: "service", skip: 0, times: 2, fault }]);
        check_of(&server, "kms:alias/tokens");
    }
}

#[test]
fn errors_of_keys_at_aws_have_a_hint() {
    let server = Server::start();
    server.put("in/a.ndjson", RECORD);
    for (from, expected, words) in [
        ("kms:alias/other", 77, ["`k1`: KMS has no key `alias/other`", "the Region"]),
        ("kms:alias/denied", 77, ["`kms:GenerateMac` on `alias/denied` was denied", "docs/iam.md"]),
        ("kms:alias/off", 77, ["cannot be used", "enable it"]),
        ("kms:alias/data", 77, ["cannot generate", "GENERATE_VERIFY_MAC"]),
        ("kms:alias/short", 77, ["at least 32 bytes", "k1"]),
        ("kms:alias/late", 77, ["session of these credentials has expired", "aws sso login"]),
        ("secretsmanager:other", 77, ["no secret `other`", "the Region"]),
        ("secretsmanager:segprep/denied", 77, ["`secretsmanager:GetSecretValue`", "docs/iam.md"]),
        ("secretsmanager:segprep/gone", 77, ["cannot be read", "restore-secret"]),
        ("secretsmanager:segprep/bytes", 77, ["binary, not text", "--secret-string"]),
        ("secretsmanager:segprep/json", 77, ["must begin with `hex:`", "segprep key new"]),
        ("secretsmanager:segprep/short", 77, ["at least 32 bytes", "segprep key new"]),
        ("kms:tokens", 78, ["does not name a key in KMS", "alias/NAME"]),
    ] {
        let mut command = run(&server);
        with_key(&mut command, from);
        let output = command.output().expect("it runs");
        let messages = stderr(&output);
        assert_eq!(code(&output), expected, "{from}: {messages}");
        for word in words {
            assert!(messages.contains(word), "{from}: no `{word}` in: {messages}");
        }
        let secrets =
            [SECRET_KEY, SECRET, SECRET.trim_start_matches("hex:"), "0011", "AAECAw", "said so"];
        assert!(secrets.iter().all(|secret| !messages.contains(secret)), "{from}: {messages}");
        server.check_unpublished();
    }
}
