//! A definition and its inputs, on disk or in a bucket, and what its runs leave.

use std::{collections::BTreeMap, fmt::Write as _, fs, path::PathBuf, process::Command};

use serde_json::Value;

use crate::support::program::{code, files_below, segprep, stderr, toml_text};
use crate::support::s3::run::point_at;
use crate::support::s3::server::Server;

pub(crate) struct World {
    pub(crate) folder: tempfile::TempDir,
    /// `None`: on disk.
    pub(crate) server: Option<Server>,
}

impl World {
    pub(crate) fn on_disk() -> World {
        World::new(None, "")
    }

    pub(crate) fn in_a_bucket() -> World {
        World::new(Some(Server::start()), "")
    }

    /// `place`: what comes between `out/` and the folders, such as `{run}/`.
    pub(crate) fn new(server: Option<Server>, place: &str) -> World {
        let world = World { folder: tempfile::tempdir().expect("a temporary folder"), server };
        fs::create_dir(world.path("in")).expect("a folder");
        let from = toml_text(&world.place("in/"));
        let account = toml_text(&world.place(&format!("out/{place}account/")));
        let to = toml_text(&world.place(&format!("out/{place}import/")));
        world.define(&format!(
            "segprep = 1\nname = \"shards\"\npurpose = \"messaging\"\n[input]\nfrom = [{from}]\n\
             [fields]\n\"*\" = \"keep\"\n[account]\nto = {account}\nmax_reject_ratio = 0.5\n\
             [[output]]\nto = {to}\nformat = \"pinpoint-json\"\nmax_bytes = \"16 kB\"\n\
             [aws]\nregion = \"us-east-1\"\npatience = 3\n"
        ));
        world
    }

    pub(crate) fn define(&self, definition: &str) {
        fs::write(self.path("shards.toml"), definition).expect("a definition");
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The same where inputs and results are, as a definition names it.
    fn place(&self, name: &str) -> String {
        match &self.server {
            None => self.path(name).to_string_lossy().into_owned(),
            Some(_) => format!("s3://bucket/{name}"),
        }
    }

    pub(crate) fn command(&self, name: &str) -> Command {
        let mut command = segprep();
        command.arg(name).arg(self.path("shards.toml"));
        if let Some(server) = &self.server {
            point_at(server, &mut command);
        }
        command
    }

    pub(crate) fn shard(&self, number: u32, count: u32) -> Command {
        let mut command = self.command("run");
        command.args(["--shard", &format!("{number}/{count}")]);
        command
    }

    pub(crate) fn gather(&self, count: u32) -> Command {
        let mut command = self.command("gather");
        command.args(["--count", &count.to_string()]);
        command
    }

    pub(crate) fn put(&self, name: &str, text: &[u8]) {
        match &self.server {
            None => fs::write(self.path(name), text).expect("an input"),
            Some(server) => server.put(name, text.to_vec()),
        }
    }

    /// What is below a place, by names relative to it.
    pub(crate) fn files(&self, place: &str) -> BTreeMap<String, Vec<u8>> {
        if let Some(server) = &self.server {
            let keys = server.keys().into_iter();
            let named = |key: String| {
                let name = key.strip_prefix(place)?.to_owned();
                Some((name, server.get(&key).unwrap_or_default()))
            };
            return keys.filter_map(named).collect();
        }
        let root = self.path(place);
        let named = |path: PathBuf| {
            let name = path.strip_prefix(&root).expect("below it").to_string_lossy().into_owned();
            (name, fs::read(path).unwrap_or_default())
        };
        files_below(&root).into_iter().map(named).collect()
    }

    /// Removes every result.
    pub(crate) fn clear(&self) {
        match &self.server {
            None => fs::remove_dir_all(self.path("out")).expect("it is there"),
            Some(server) => {
                let keys = server.keys().into_iter().filter(|key| key.starts_with("out/"));
                keys.for_each(|key| server.remove(&key));
            }
        }
    }

    /// The manifest of the whole. `None`: there is none.
    pub(crate) fn manifest(&self) -> Option<Value> {
        let text = self.files("out/account/").remove("manifest.json")?;
        Some(serde_json::from_slice(&text).expect("a manifest is JSON"))
    }

    /// The records that are published, in the order of the parts in the manifest; none without a manifest. A lock may be
    /// beside the parts if whoever held it was killed.
    pub(crate) fn published(&self) -> Vec<u8> {
        let Some(manifest) = self.manifest().filter(|it| it["status"] == "published") else {
            return Vec::new();
        };
        let mut files = self.files("out/import/");
        files.retain(|name, _| !name.starts_with(".segprep/lock-"));
        let parts = manifest["outputs"][0]["files"].as_array().expect("a list");
        let listed: Vec<&str> = parts.iter().filter_map(|part| part["path"].as_str()).collect();
        assert_eq!(
            listed,
            files.keys().map(String::as_str).collect::<Vec<_>>(),
            "parts, and no more"
        );
        let parts = parts.iter().zip(files.values());
        parts
            .flat_map(|(part, text)| {
                assert_eq!(part["bytes"].as_u64(), u64::try_from(text.len()).ok());
                text.clone()
            })
            .collect()
    }
}

/// Runs a command, which must end with this code.
#[track_caller]
pub(crate) fn ends(command: &mut Command, expected: i32) -> String {
    let output = command.output().expect("it runs");
    assert_eq!(code(&output), expected, "{}", stderr(&output));
    format!("{}{}", String::from_utf8_lossy(&output.stdout), stderr(&output))
}

/// Lines of JSON, of which every seventh is rejected, and some are blank.
pub(crate) fn lines(name: &str, count: usize) -> String {
    let mut text = String::new();
    for number in 0..count {
        let address = format!("{name}{number}@example.com");
        let channel = if number % 7 == 3 { "PIGEON" } else { "EMAIL" };
        let filler = "x".repeat(number * 31 % 90);
        let record = format!(
            "{{\"Address\":\"{address}\",\"ChannelType\":\"{channel}\",\"Attributes\":{{\"Plan\":[\"{filler}\"]}}}}"
        );
        let end = ["\n", "\r\n", "\n\n"][number % 3];
        write!(text, "{record}{end}").expect("a string takes all");
    }
    text
}
