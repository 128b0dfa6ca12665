//! A definition with `[state]`, run night after night, and what all of its runs have published.

use std::{
    collections::BTreeMap,
    fmt::Write,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

use crate::support::program::{segprep, toml_text};
use crate::support::s3::run::point_at;
use crate::support::s3::server::Server;

/// Where inputs, results and list are.
pub(crate) struct Nights {
    pub(crate) folder: tempfile::TempDir,
    /// `None`: on disk.
    pub(crate) server: Option<Server>,
}

impl Nights {
    pub(crate) fn on_disk() -> Nights {
        Nights::new(None)
    }

    pub(crate) fn in_a_bucket() -> Nights {
        Nights::new(Some(Server::start()))
    }

    fn new(server: Option<Server>) -> Nights {
        let nights = Nights { folder: tempfile::tempdir().expect("a temporary folder"), server };
        fs::create_dir(nights.path("in")).expect("a folder");
        let at = |place: &str| toml_text(&nights.place(place));
        let (from, account, to) = (at("in/"), at("out/{run}/account/"), at("out/{run}/import/"));
        let state = at("state/");
        let definition = format!(
            "segprep = 1\nname = \"list\"\npurpose = \"messaging\"\n[input]\nfrom = [{from}]\n\
             [fields]\n\"*\" = \"keep\"\n[account]\nto = {account}\nmax_reject_ratio = 1.0\n\
             [[output]]\nto = {to}\nformat = \"pinpoint-json\"\n[state]\nto = {state}\n\
             [aws]\nregion = \"us-east-1\"\npatience = 3\n"
        );
        fs::write(nights.path("list.toml"), definition).expect("a definition");
        nights
    }

    /// A path in the folder of the definition.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The same where inputs and results are, as a definition names it.
    pub(crate) fn place(&self, name: &str) -> String {
        match &self.server {
            None => self.path(name).to_string_lossy().into_owned(),
            Some(_) => format!("s3://bucket/{name}"),
        }
    }

    /// A run of the definition.
    pub(crate) fn run(&self) -> Command {
        self.command("run")
    }

    pub(crate) fn command(&self, name: &str) -> Command {
        let mut command = segprep();
        command.arg(name).arg(self.path("list.toml"));
        if let Some(server) = &self.server {
            point_at(server, &mut command);
        }
        command
    }

    /// Adds an input, or replaces it.
    pub(crate) fn put(&self, name: &str, text: &str) {
        match &self.server {
            None => fs::write(self.path(name), text).expect("an input"),
            Some(server) => server.put(name, text),
        }
    }

    /// All files or objects with their contents, without the inputs.
    pub(crate) fn files(&self) -> BTreeMap<String, Vec<u8>> {
        let is_result = |name: &str| name.starts_with("out/") || name.starts_with("state/");
        if let Some(server) = &self.server {
            let keys = server.keys().into_iter().filter(|key| is_result(key));
            return keys.map(|key| (key.clone(), server.get(&key).unwrap_or_default())).collect();
        }
        let below = |path: &Path| {
            let name = path.strip_prefix(self.folder.path()).expect("below it");
            name.to_string_lossy().into_owned()
        };
        let files = walkdir::WalkDir::new(self.folder.path()).into_iter().filter_map(Result::ok);
        files
            .filter(|entry| entry.file_type().is_file())
            .map(|entry| (below(entry.path()), fs::read(entry.path()).unwrap_or_default()))
            .filter(|(name, _)| is_result(name))
            .collect()
    }

    /// How often each record is in a published result, by its id.
    pub(crate) fn published(&self) -> BTreeMap<String, usize> {
        let files = self.files();
        let mut ids = BTreeMap::new();
        for (name, text) in &files {
            let Some(account) = name.strip_suffix("account/manifest.json") else { continue };
            let manifest: Value = serde_json::from_slice(text).expect("a manifest is JSON");
            if manifest["status"] != "published" {
                continue;
            }
            for part in manifest["outputs"][0]["files"].as_array().expect("parts") {
                let part = part["path"].as_str().expect("a path");
                let part = files.get(&format!("{account}import/{part}")).expect("a part");
                for line in String::from_utf8_lossy(part).lines() {
                    let record: Value = serde_json::from_str(line).expect("a record");
                    *ids.entry(record["Id"].as_str().expect("an id").to_owned()).or_default() += 1;
                }
            }
        }
        ids
    }

    /// Checks that each of these records is in one published result, and no other record is in any.
    #[track_caller]
    pub(crate) fn check_once(&self, expected: &BTreeMap<String, usize>) {
        let found = self.published();
        let differs = |id: &&String| found.get(*id) != expected.get(*id);
        let wrong: Vec<_> = found.keys().chain(expected.keys()).filter(differs).collect();
        assert!(wrong.is_empty(), "not as often as expected: {wrong:?}");
    }

    /// Checks that nothing is left that only a run that works needs.
    #[track_caller]
    pub(crate) fn check_tidy(&self) {
        let files = self.files();
        let is_left = |name: &&String| {
            name.contains(".segprep") || name.contains("intent") || name.contains("begun")
        };
        let left: Vec<_> = files.keys().filter(is_left).collect();
        assert!(left.is_empty(), "left: {left:?}");
        let folders = walkdir::WalkDir::new(self.path("out")).into_iter().filter_map(Result::ok);
        let folders = folders.filter(|entry| entry.file_type().is_dir());
        let is_empty = |path: &Path| fs::read_dir(path).is_ok_and(|all| all.count() == 0);
        let empty: Vec<_> = folders.filter(|entry| is_empty(entry.path())).collect();
        assert!(empty.is_empty(), "empty: {empty:?}");
        if let Some(server) = &self.server {
            assert_eq!(server.objects.uploads(), Vec::<String>::new());
        }
    }

    /// The lines of the list about inputs, in short: `in/a.ndjson night-1`, with `!` if it was broken.
    pub(crate) fn list(&self) -> Vec<String> {
        let files = self.files();
        let text = files.get("state/taken.ndjson").map(Vec::as_slice).unwrap_or_default();
        let lines = text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        let lines = lines.map(|line| serde_json::from_slice::<Value>(line).expect("JSON"));
        let inputs = lines.filter(|line| line["input"].is_string());
        let start = self.place("");
        inputs
            .map(|line| {
                let name = line["input"].as_str().expect("a name").replace(&start, "");
                let broken = if line["broken"] == true { "!" } else { "" };
                format!("{name} {}{broken}", line["run"].as_str().expect("a run"))
            })
            .collect()
    }
}

/// Records with the ids `NAME-0`, `NAME-1`, ….
pub(crate) fn records(name: &str, count: usize) -> String {
    let mut text = String::new();
    for number in 0..count {
        writeln!(
            text,
            r#"{{"ChannelType":"EMAIL","Address":"r{number}@example.com","Id":"{name}-{number}"}}"#
        )
        .expect("a string has room");
    }
    text
}

/// The ids of [`records`], each expected once.
pub(crate) fn expect_once(expected: &mut BTreeMap<String, usize>, name: &str, count: usize) {
    expected.extend((0..count).map(|number| (format!("{name}-{number}"), 1)));
}
