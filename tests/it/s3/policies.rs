//! The policies of docs/iam.md, as they are printed there: they suffice for a run, a kill and the run
//! after it, and each of their actions is needed.

use std::{
    fs,
    process::{Command, Stdio},
    sync::Mutex,
    thread,
};

use serde_json::Value;

use crate::support::program::{code, stderr};
use crate::support::s3::account::{Account, Owner, ROLE};
use crate::support::s3::iam::{Asked, ENCRYPTION_KEY, Statement};
use crate::support::s3::run::{records, run_over, set_places};
use crate::support::s3::server::{Fault, FaultRule, Server};

const INPUT: &str = "imports/a.ndjson";
const KEY: &str = "arn:aws:kms:eu-central-1:111122223333:key/";

type Policies = Vec<(Owner, Statement)>;

/// Whose the policies under a heading are, in their order.
const SECTIONS: [(&str, &[Owner]); 5] = [
    ("A role that reads", &[Owner::Role]),
    ("A role that writes", &[Owner::Role]),
    ("A role to assume", &[Owner::Caller, Owner::Trust]),
    ("Keys at AWS", &[Owner::Role, Owner::Key, Owner::Role]),
    ("A bucket that refuses unencrypted data", &[Owner::Bucket]),
];

/// All policies of the page.
fn printed() -> Policies {
    let page = fs::read_to_string("docs/iam.md").expect("the page");
    let mut policies = Policies::new();
    let mut count = 0;
    for section in page.split("\n## ").skip(1) {
        let (heading, text) = section.split_once('\n').expect("a heading");
        let blocks = text.split("```json\n").skip(1);
        let blocks: Vec<&str> = blocks.filter_map(|block| block.split("```").next()).collect();
        let owners = SECTIONS.iter().find(|(name, _)| *name == heading);
        let owners = owners.map_or(&[][..], |(_, owners)| owners);
        assert_eq!(blocks.len(), owners.len(), "`{heading}` has as many policies as it had");
        count += usize::from(!owners.is_empty());
        for (owner, block) in owners.iter().zip(blocks) {
            let policy: Value = serde_json::from_str(block).expect("a policy is JSON");
            policies.extend(Statement::all(&policy).into_iter().map(|one| (*owner, one)));
        }
    }
    assert_eq!(count, SECTIONS.len(), "each heading is there");
    policies
}

/// A server with an encrypted input, and these policies.
fn server(policies: &Policies) -> Server {
    let server = Server::start();
    // An output of over 1 MiB is sent as an upload.
    server.put_into_new("exports", INPUT, records(0, 13_000));
    server.put_into_new("segments", "unrelated/object", "something");
    let encrypted = (format!("exports/{INPUT}"), format!("{KEY}INPUT-KEY"));
    let (policies, objects) = (policies.clone(), server.objects.clone());
    server.judge(Account { policies, objects, encrypted: [encrypted].into() });
    server
}

/// The run that the policies are for.
fn run(server: &Server) -> Command {
    let mut command = run_over(server, &["s3://exports/imports/"]);
    set_places(&mut command, "s3://segments/clean/", "s3://segments/account/");
    command.args(["--set", &format!("aws.role=\"{ROLE}\"")]);
    for place in ["output.0", "account"] {
        command.args(["--set", &format!("{place}.sse=\"kms\"")]);
        command.args(["--set", &format!("{place}.kms_key_id=\"{KEY}OUTPUT-KEY\"")]);
    }
    command.args(["--set", "fields.\"User.UserId\"={ op = \"hmac\", join = \"user\" }"]);
    let keys = "current = \"k1\", k1 = \"kms:alias/segprep\", k2 = \"secretsmanager:segprep/k1\"";
    command.args(["--set", &format!("keys={{ {keys} }}")]);
    command
}

/// Kills a run while it sends a part. Fails if it ends before.
fn kill_while_sending(server: &Server) -> Result<(), String> {
    let fault = Fault::Hung;
    server.inject(&[FaultRule { operation: "part", skip: 0, times: 1000, fault }]);
    let mut victim = run(server).stderr(Stdio::null()).spawn().expect("it runs");
    while !server.take_requests().iter().any(|seen| seen.operation == "part") {
        if let Some(status) = victim.try_wait().expect("a child") {
            return Err(format!("the first run: {status}"));
        }
        thread::sleep(std::time::Duration::from_millis(2));
    }
    victim.kill().expect("a child");
    victim.wait().expect("it ends");
    assert!(!server.objects.uploads().is_empty(), "the killed run left an upload");
    server.inject(&[]);
    Ok(())
}

/// A run that is killed while it sends a part, and the run after it. Returns what is wrong.
fn killed_and_run_again(policies: &Policies) -> Result<(), String> {
    let server = server(policies);
    kill_while_sending(&server)?;
    let output = run(&server).output().expect("it runs");
    let left = server.objects.all().into_keys().filter(|name| name.contains(".segprep/"));
    let left: Vec<String> = left.chain(server.objects.uploads()).collect();
    match code(&output) {
        0 if left.is_empty() => Ok(()),
        0 => Err(format!("{left:?} is left")),
        code => Err(format!("exit {code}: {}", stderr(&output))),
    }
}

#[test]
fn the_printed_policies_suffice_for_a_run_a_kill_and_the_next_run() {
    assert_eq!(killed_and_run_again(&printed()), Ok(()));
}

/// Runs that may not clean up after a killed one fail, and leave nothing more than it did.
#[test]
fn runs_that_may_not_clean_up_leave_no_further_locks() {
    let mut policies = printed();
    policies.retain(|(_, statement)| statement.sid != "FindAbandonedUploads");
    let server = server(&policies);
    kill_while_sending(&server).expect("it sends");
    let left = || server.objects.all().into_keys().collect::<Vec<String>>();
    let of_killed = left();
    for _ in 0..2 {
        let output = run(&server).output().expect("it runs");
        let messages = stderr(&output);
        assert_eq!(code(&output), 77, "{messages}");
        assert!(messages.contains("`s3:ListBucketMultipartUploads`"), "{messages}");
        let more: Vec<String> = left().into_iter().filter(|key| !of_killed.contains(key)).collect();
        assert_eq!(more, Vec::<String>::new());
    }
}

/// The policies without one action, each of them once.
fn with_one_action_less() -> Vec<(String, Policies)> {
    let all = printed();
    let mut fewer = Vec::new();
    for (at, (_, statement)) in all.iter().enumerate().filter(|(_, (_, one))| one.is_allow) {
        for action in &statement.actions {
            let mut policies = all.clone();
            policies[at].1.actions.retain(|other| other != action);
            fewer.push((format!("{} without {action}", statement.sid), policies));
        }
        for resource in statement.resources.iter().filter(|_| 1 < statement.resources.len()) {
            let mut policies = all.clone();
            policies[at].1.resources.retain(|other| other != resource);
            fewer.push((format!("{} without {resource}", statement.sid), policies));
        }
    }
    fewer
}

#[test]
fn each_printed_action_is_needed() {
    const CONCURRENT: usize = 4;
    let fewer = Mutex::new(with_one_action_less());
    thread::scope(|scope| {
        for _ in 0..CONCURRENT {
            scope.spawn(|| {
                while let Some((what, policies)) = { fewer.lock().expect("no panic").pop() } {
                    let outcome = killed_and_run_again(&policies);
                    assert!(outcome.is_err(), "{what}: nothing fails");
                }
            });
        }
    });
}

/// Requests that only the printed denials refuse.
#[test]
fn each_printed_denial_is_needed() {
    let put = || Asked::new("s3:PutObject", "arn:aws:s3:::segments/clean/a");
    let with_key = |key: &str| put().with(ENCRYPTION_KEY, format!("{KEY}{key}"));
    let mac = Asked::new("kms:GenerateMac", format!("{KEY}TOKEN-KEY"));
    let mac = mac.with("kms:MacAlgorithm", "HMAC_SHA_256");
    let another = "arn:aws:iam::111122223333:role/another";
    let cases = [
        ("OnlyTls12OrLater", with_key("OUTPUT-KEY").with("s3:TlsVersion", "1.1")),
        ("OnlyTls", with_key("OUTPUT-KEY").with("aws:SecureTransport", "false")),
        ("OnlyWithOurKey", with_key("ANOTHER-KEY")),
        ("OnlyWithOurKey", put()),
        ("OnlyTheJobMakesTokens", mac.with("aws:PrincipalArn", another)),
    ];
    let account = |policies| {
        let objects = Server::start().objects.clone();
        Account { policies, objects, encrypted: [].into() }
    };
    let mut unused: Vec<String> = printed()
        .into_iter()
        .filter(|(_, statement)| !statement.is_allow)
        .map(|(_, statement)| statement.sid)
        .collect();
    for (sid, asked) in cases {
        assert!(!account(printed()).allows(true, &asked), "{sid} denies {asked:?}");
        let fewer = printed().into_iter().filter(|(_, statement)| statement.sid != sid).collect();
        assert!(account(fewer).allows(true, &asked), "nothing but {sid} denies {asked:?}");
        unused.retain(|other| other != sid);
    }
    assert_eq!(unused, Vec::<String>::new(), "each denial has a case");
}
