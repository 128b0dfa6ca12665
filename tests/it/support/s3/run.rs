//! Runs of the program against the in-process server, and checks of what they leave in its bucket.

use std::{fmt::Write, path::Path, process::Command};

use serde_json::Value;

use super::server::{ACCESS_KEY, SECRET_KEY, Server};
use crate::support::program::{segprep, set, toml_text};

/// A run of a definition that keeps everything, over the bucket of this server.
pub(crate) fn run(server: &Server) -> Command {
    let mut command = segprep();
    command.args(["run", "tests/s3/definition.toml", "--quiet", "--threads", "2"]);
    point_at(server, &mut command);
    command
}

/// Directs a command to this server, with credentials for it.
pub(crate) fn point_at(server: &Server, command: &mut Command) {
    command
        .arg("--set")
        .arg(format!("aws.endpoint_url={}", toml_text(&server.endpoint())))
        .env("AWS_ACCESS_KEY_ID", ACCESS_KEY)
        .env("AWS_SECRET_ACCESS_KEY", SECRET_KEY)
        .env("AWS_CONFIG_FILE", "/nonexistent")
        .env("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
        .env("AWS_EC2_METADATA_DISABLED", "true");
}

/// Like [`run`], with other inputs.
pub(crate) fn run_over(server: &Server, from: &[&str]) -> Command {
    let mut command = run(server);
    let from: Vec<String> = from.iter().map(|from| toml_text(from)).collect();
    command.arg("--set").arg(format!("input.from=[{}]", from.join(",")));
    command
}

pub(crate) fn set_places(command: &mut Command, output: &str, account: &str) {
    set(command, "output.0.to", Path::new(output));
    set(command, "account.to", Path::new(account));
}

/// `count` valid records, numbered from `from` on.
pub(crate) fn records(from: usize, count: usize) -> String {
    let mut records = String::new();
    for number in from..from + count {
        writeln!(
            records,
            r#"{{"ChannelType":"EMAIL","Address":"u{number}@example.com","Attributes":{{"Plan":["p{number}"]}}}}"#
        )
        .expect("there is room");
    }
    records
}

impl Server {
    pub(crate) fn manifest(&self) -> Option<Value> {
        let text = self.get("account/manifest.json")?;
        Some(serde_json::from_slice(&text).expect("a manifest is JSON"))
    }

    /// The contents of all parts, in order.
    pub(crate) fn parts(&self) -> Vec<u8> {
        let is_part = |key: &String| key.starts_with("out/job-");
        let keys = self.keys().into_iter().filter(is_part);
        keys.flat_map(|key| self.get(&key).expect("it is listed")).collect()
    }

    /// Temporary objects and unfinished uploads.
    pub(crate) fn left_over(&self) -> Vec<String> {
        let mut left: Vec<String> =
            self.keys().into_iter().filter(|key| key.contains(".segprep")).collect();
        left.extend(self.objects.uploads().into_iter().map(|key| format!("(upload) {key}")));
        left
    }

    /// Checks that the bucket has exactly what a published run leaves: the objects of its manifest.
    #[track_caller]
    pub(crate) fn check_published(&self, expected: &str) {
        let manifest = self.manifest().expect("a manifest");
        assert_eq!(manifest["status"], "published");
        assert!(self.parts() == expected.as_bytes(), "the parts have the records of the input");
        let listed: Vec<String> = manifest["outputs"][0]["files"]
            .as_array()
            .expect("files")
            .iter()
            .map(|file| format!("out/{}", file["path"].as_str().expect("a path")))
            .collect();
        let there: Vec<String> =
            self.keys().into_iter().filter(|key| key.starts_with("out/")).collect();
        assert_eq!(listed, there);
        assert_eq!(self.left_over(), Vec::<String>::new());
        let records = &manifest["records"];
        let dropped: u64 = records["dropped"]
            .as_object()
            .expect("counts")
            .values()
            .filter_map(Value::as_u64)
            .sum();
        let count = |name: &str| records[name].as_u64().expect("a count");
        assert_eq!(count("read"), count("written") + count("rejected") + dropped);
    }

    /// Checks that the bucket has nothing but inputs.
    #[track_caller]
    pub(crate) fn check_unpublished(&self) {
        assert!(self.manifest().is_none(), "no manifest");
        let there: Vec<String> =
            self.keys().into_iter().filter(|key| !key.starts_with("in/")).collect();
        assert_eq!(there, Vec::<String>::new());
        assert_eq!(self.left_over(), Vec::<String>::new());
    }
}
