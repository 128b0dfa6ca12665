//! Runs the program as users do, and reads what it writes.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use flate2::write::GzEncoder;
use serde_json::Value;

/// A command that runs the program in the repository's root, without a key in its environment.
pub(crate) fn segprep() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_segprep"));
    command.current_dir(env!("CARGO_MANIFEST_DIR")).env_remove("SEGPREP_KEY_K1");
    command
}

/// The exit code; -1 after a signal.
pub(crate) fn code(output: &Output) -> i32 {
    output.status.code().unwrap_or(-1)
}

pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Adds `--set PATH="TEXT"`, quoted so that it works with any file path.
pub(crate) fn set(command: &mut Command, path: &str, value: &Path) {
    command.arg("--set").arg(format!("{path}={}", toml_text(&value.to_string_lossy())));
}

pub(crate) fn toml_text(text: &str) -> String {
    serde_json::to_string(text).expect("text is JSON")
}

/// A temporary folder for the output and the account of a run.
pub(crate) struct Place {
    pub(crate) folder: tempfile::TempDir,
}

impl Place {
    pub(crate) fn new() -> Place {
        Place { folder: tempfile::tempdir().expect("a temporary folder") }
    }

    pub(crate) fn to(&self) -> PathBuf {
        self.folder.path().join("import")
    }

    pub(crate) fn account(&self) -> PathBuf {
        self.folder.path().join("account")
    }

    /// Sets the paths of the only output and of the account to this place.
    pub(crate) fn set_paths(&self, command: &mut Command) {
        set(command, "output.0.to", &self.to());
        set(command, "account.to", &self.account());
    }

    /// Settings that put all outputs after the first into this place.
    pub(crate) fn further_outputs(&self, definition: &str) -> Vec<String> {
        let text = fs::read_to_string(definition).expect("a definition");
        let outputs = text.lines().filter(|line| line.starts_with("[[output]]")).count();
        let to = |number: usize| {
            let to = self.folder.path().join(format!("output-{number}"));
            format!("output.{number}.to={}", toml_text(&to.to_string_lossy()))
        };
        (1..outputs).map(to).collect()
    }

    pub(crate) fn manifest(&self) -> Value {
        let text = fs::read(self.account().join("manifest.json")).expect("a manifest");
        serde_json::from_slice(&text).expect("a manifest is JSON")
    }

    /// The contents of all parts, in order.
    pub(crate) fn parts(&self) -> Vec<u8> {
        files_below(&self.to()).iter().flat_map(|file| fs::read(file).expect("a part")).collect()
    }

    pub(crate) fn rejects(&self) -> String {
        fs::read_to_string(self.account().join("rejects.ndjson")).expect("rejects")
    }
}

/// All files below a folder, sorted by name.
pub(crate) fn files_below(folder: &Path) -> Vec<PathBuf> {
    let walk = walkdir::WalkDir::new(folder).sort_by_file_name().into_iter();
    walk.filter_map(Result::ok)
        .filter(|entry| entry.file_type().is_file())
        .map(walkdir::DirEntry::into_path)
        .collect()
}

/// Runs a command with this text as its standard input.
pub(crate) fn run_with_stdin(mut command: Command, text: &[u8]) -> Output {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the program runs");
    child.stdin.take().expect("stdin is piped").write_all(text).expect("the program reads it");
    child.wait_with_output().expect("it ends")
}

/// Compresses a text with gzip.
pub(crate) fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(text).expect("memory");
    encoder.finish().expect("memory")
}
