//! Error messages: each says what failed, where, and what to do next, and comes soon.

use std::io::{self, Read, Write};
use std::time::{Duration, Instant};

use crate::support::program::{code, stderr};
use crate::support::s3::run::{records, run, run_over, set_places};
use crate::support::s3::server::{ACCESS_KEY, Fault, FaultRule, SECRET_KEY, Server};

/// The time limit for errors that are not retried.
const AT_ONCE: Duration = Duration::from_secs(10);

#[track_caller]
fn says(command: &mut std::process::Command, expected: i32, words: &[&str]) {
    let begun = Instant::now();
    let output = command.output().expect("it runs");
    let messages = stderr(&output);
    assert_eq!(code(&output), expected, "{messages}");
    for word in words {
        assert!(messages.contains(word), "no `{word}` in: {messages}");
    }
    for secret in [SECRET_KEY, ACCESS_KEY, "StringToSign", "X-Amz", "said so"] {
        assert!(!messages.contains(secret), "{messages}");
    }
    assert!(begun.elapsed() < AT_ONCE, "{:?}: {messages}", begun.elapsed());
}

fn with_input() -> Server {
    let server = Server::start();
    server.put("in/a.ndjson", records(0, 3));
    server
}

#[test]
fn a_refused_request_has_a_hint() {
    let server = with_input();
    let cases = [
        ("list", 403, "AccessDenied", 77, ["`s3:ListBucket` on `s3://bucket/`", "docs/iam.md"]),
        ("get", 403, "AccessDenied", 77, ["`s3:GetObject` on `s3://bucket/", "docs/iam.md"]),
        (
            "put",
            403,
            "AccessDenied",
            77,
            ["`s3:PutObject` on `s3://bucket/", "arn:aws:s3:::bucket/"],
        ),
        ("put", 400, "KMS.DisabledException", 77, ["could not be used", "kms_key_id"]),
        (
            "list",
            400,
            "ExpiredToken",
            77,
            ["session of these credentials has expired", "aws sso login"],
        ),
        ("list", 403, "RequestTimeTooSkewed", 77, ["clock of this machine", "NTP"]),
        (
            "list",
            301,
            "PermanentRedirect",
            78,
            ["another Region: `eu-west-1`", "`region = \"eu-west-1\"` under `[aws]`"],
        ),
        ("list", 503, "SlowDown", 74, ["slow down", "run again later"]),
    ];
    for (operation, status, error, expected, words) in cases {
        let fault = Fault::Refused(status, error);
        server.inject(&[FaultRule { operation, skip: 0, times: 1000, fault }]);
        says(&mut run(&server), expected, &words);
        server.inject(&[]);
        server.check_unpublished();
    }
}

#[test]
fn a_missing_bucket_is_named() {
    let server = with_input();
    says(&mut run_over(&server, &["s3://no-such-bucket/in/"]), 66, &["no bucket `no-such-bucket`"]);
    let mut command = run(&server);
    set_places(&mut command, "s3://no-such-bucket/out/", "s3://no-such-bucket/account/");
    says(&mut command, 74, &["no bucket `no-such-bucket`", "[aws]"]);
    says(&mut run_over(&server, &["s3://bucket/nothing/"]), 66, &["s3://bucket/nothing/"]);
}

#[test]
fn missing_and_wrong_credentials_have_a_hint() {
    let server = with_input();
    says(run(&server).env("AWS_SECRET_ACCESS_KEY", "wrong"), 77, &["secret key"]);
    says(run(&server).env("AWS_ACCESS_KEY_ID", "AKIAOTHER"), 77, &["access key"]);
    let mut nobody = run(&server);
    nobody.env_remove("AWS_ACCESS_KEY_ID").env_remove("AWS_SECRET_ACCESS_KEY");
    says(&mut nobody, 77, &["no credentials for AWS were found", "aws sso login"]);
    let mut nowhere = run(&server);
    nowhere.args(["--set", "aws={}"]).env("AWS_REGION", "").env_remove("AWS_DEFAULT_REGION");
    says(&mut nowhere, 78, &["no AWS Region"]);
}

/// The SDK would assume the role without the second factor.
#[test]
fn a_profile_with_a_second_factor_is_refused() {
    const PROFILES: &str = "
[profile job]
role_arn = arn:aws:iam::111122223333:role/segprep
source_profile = with-code
[profile with-code]
role_arn = arn:aws:iam::111122223333:role/other
mfa_serial = arn:aws:iam::111122223333:mfa/somebody
source_profile = job
[profile plain]
aws_access_key_id = AKIASEGPREPTESTONLY0
aws_secret_access_key = wrong
mfa_serial = arn:aws:iam::111122223333:mfa/somebody
";
    let server = with_input();
    let folder = tempfile::tempdir().expect("a folder");
    let config = folder.path().join("config");
    std::fs::write(&config, PROFILES).expect("a file");
    let run_as = |profile: &str| {
        let mut command = run(&server);
        command.env("AWS_CONFIG_FILE", &config).env("AWS_PROFILE", profile);
        command
    };
    for profile in ["job", "with-code"] {
        let mut command = run_as(profile);
        command.env_remove("AWS_ACCESS_KEY_ID").env_remove("AWS_SECRET_ACCESS_KEY");
        says(&mut command, 77, &["second factor (`mfa_serial`)", "docs/iam.md"]);
        // These come first.
        says(&mut run_as(profile), 0, &[]);
    }
    let mut plain = run_as("plain");
    plain.env_remove("AWS_ACCESS_KEY_ID").env_remove("AWS_SECRET_ACCESS_KEY");
    says(&mut plain, 77, &["secret key"]);
}

#[test]
fn an_unreachable_server_has_a_hint() {
    let server = with_input();
    let mut command = run(&server);
    command.args(["--set", r#"aws.endpoint_url="http://127.0.0.1:9""#]);
    says(&mut command, 74, &["could not be reached", "the endpoint under `[aws]`"]);
}

/// Starts a server that answers the first bytes of each client with this response.
fn server_with_response(response: &'static [u8]) -> std::net::SocketAddr {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    std::thread::spawn(move || {
        for socket in listener.incoming() {
            let Ok(mut socket) = socket else { return };
            socket.set_read_timeout(Some(Duration::from_secs(1))).expect("a time");
            let mut hello = [0; 4096];
            if socket.read(&mut hello).is_ok() {
                socket.write_all(response).ok();
                io::copy(&mut socket, &mut io::sink()).ok(); // until the client closes
            }
        }
    });
    address
}

/// A server that supports TLS 1.1 at most sends a `ServerHello` of that version (RFC 4346, 7.4.1.3) or
/// the alert `protocol_version`.
#[test]
fn tls_before_1_2_is_rejected() {
    const HELLO: &[u8] = b"\x16\x03\x02\x00\x2a\x02\x00\x00\x26\x03\x02\
        0123456789abcdef0123456789abcdef\x00\xc0\x13\x00";
    const ALERT: &[u8] = b"\x15\x03\x02\x00\x02\x02\x46";
    let server = with_input();
    for response in [HELLO, ALERT] {
        let mut command = run(&server);
        let url = format!("aws.endpoint_url=\"https://{}\"", server_with_response(response));
        command.args(["--set", &url]);
        says(&mut command, 74, &["could not be reached", "TLS 1.2 or 1.3"]);
    }
}

#[test]
fn plain_http_is_rejected_wherever_it_is_set() {
    let server = with_input();
    let mut command = run(&server);
    command.args(["--set", r#"aws={region="us-east-1"}"#]);
    command.env("AWS_ENDPOINT_URL", "http://192.0.2.1");
    says(&mut command, 78, &["plain HTTP", "allow_http"]);
}
