//! Runs over inputs in a temporary folder, which can be watched, paused and killed, and checks of the
//! files that they leave.

use std::{
    collections::BTreeSet,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Output, Stdio},
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};
use sha2::{Digest, Sha256};

use crate::support::program::{Place, code, files_below, segprep, stderr, toml_text};

/// Far longer than any run here takes.
const TIMEOUT: Duration = Duration::from_mins(1);

/// A place with an input folder, and a definition that keeps every field.
pub(crate) struct Site {
    pub(crate) place: Place,
}

impl Site {
    pub(crate) fn new() -> Site {
        let site = Site { place: Place::new() };
        fs::create_dir(site.inputs()).expect("a folder");
        let definition =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/hostile/definition.toml");
        fs::copy(definition, site.definition()).expect("a definition");
        site
    }

    /// A site with one input, `a.ndjson`.
    pub(crate) fn with(text: &str) -> Site {
        let site = Site::new();
        site.input("a.ndjson", text);
        site
    }

    pub(crate) fn folder(&self) -> &Path {
        self.place.folder.path()
    }

    pub(crate) fn inputs(&self) -> PathBuf {
        self.folder().join("input")
    }

    fn definition(&self) -> PathBuf {
        self.folder().join("definition.toml")
    }

    pub(crate) fn input(&self, name: &str, text: &str) -> PathBuf {
        let path = self.inputs().join(name);
        fs::write(&path, text).expect("an input");
        path
    }

    /// A run over all inputs.
    pub(crate) fn run(&self) -> Command {
        self.run_by(segprep())
    }

    /// Like [`Site::run`]; `program` is a command without arguments.
    pub(crate) fn run_by(&self, program: Command) -> Command {
        self.with_places(program, "run")
    }

    /// Another command with the settings of [`Site::run`].
    pub(crate) fn run_as(&self, name: &str) -> Command {
        self.with_places(segprep(), name)
    }

    fn with_places(&self, mut program: Command, name: &str) -> Command {
        program.arg(name).arg(self.definition());
        let from = toml_text(&self.inputs().to_string_lossy());
        program.arg("--set").arg(format!("input.from=[{from}]"));
        self.place.set_paths(&mut program);
        program
    }

    /// Starts a long run, and returns once it has begun to write.
    pub(crate) fn slow_run(&self) -> Running {
        let mut command = self.run();
        command.args(["--chunk-bytes", "4096"]);
        let mut running = Running::start(&mut command);
        assert!(running.until(|| self.staged_part().exists()), "the run ended too early");
        running
    }

    /// The path of the first part until it is published.
    pub(crate) fn staged_part(&self) -> PathBuf {
        self.folder().join(".import.segprep/new/job-000/part-00000.json")
    }

    /// All files and empty folders except the inputs and the definition, sorted by name. The names of
    /// folders end in `/`.
    pub(crate) fn left(&self) -> Vec<String> {
        let walk = walkdir::WalkDir::new(self.folder()).min_depth(1).sort_by_file_name();
        let is_given = |path: &Path| path == self.inputs() || path == self.definition();
        walk.into_iter()
            .filter_entry(|entry| !is_given(entry.path()))
            .map(|entry| entry.expect("no other process changes this folder"))
            .filter(|entry| !entry.file_type().is_dir() || is_empty(entry.path()))
            .map(|entry| {
                let name = entry.path().strip_prefix(self.folder()).expect("below it");
                let end = if entry.file_type().is_dir() { "/" } else { "" };
                format!("{}{end}", name.display())
            })
            .collect()
    }

    /// Checks that the files here are exactly those of the manifest, byte for byte.
    #[track_caller]
    pub(crate) fn check_published(&self) {
        let account = ["inputs.ndjson", "manifest.json", "rejects.ndjson", "report.html"];
        let account = account.map(|name| format!("account/{name}"));
        let expected: Vec<String> = account.into_iter().chain(self.check_parts()).collect();
        assert_eq!(self.left(), expected);
    }

    /// Checks that the manifest is `published` and that the parts match it. Returns the paths of the parts.
    #[track_caller]
    pub(crate) fn check_parts(&self) -> BTreeSet<String> {
        let listed = self.check_manifest();
        let found: BTreeSet<String> = files_below(&self.place.to())
            .iter()
            .map(|path| path.strip_prefix(self.folder()).expect("below it").display().to_string())
            .collect();
        assert_eq!(found, listed);
        listed
    }

    /// Checks that the manifest is `published` and that the parts that it lists are there, byte for
    /// byte. Returns their paths.
    #[track_caller]
    pub(crate) fn check_manifest(&self) -> BTreeSet<String> {
        let manifest = self.place.manifest();
        assert_eq!(manifest["status"], "published");
        let files = manifest["outputs"][0]["files"].as_array().expect("parts");
        let mut records = 0;
        for file in files {
            let path = file["path"].as_str().expect("a path");
            let bytes =
                fs::read(self.place.to().join(path)).expect("a part that the manifest names");
            assert_eq!(file["bytes"], bytes.len(), "{path}");
            let digest = data_encoding::HEXLOWER.encode(&Sha256::digest(&bytes));
            assert_eq!(file["sha256"], digest, "{path}");
            let lines = bytes.split_inclusive(|byte| *byte == b'\n').count();
            assert_eq!(file["records"], lines, "{path}");
            records += lines;
        }
        assert_eq!(manifest["records"]["written"], records);
        let listed = files.iter().filter_map(|file| file["path"].as_str());
        listed.map(|path| format!("import/{path}")).collect()
    }
}

fn is_empty(folder: &Path) -> bool {
    fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_none())
}

/// Runs a command, and checks its exit code and that its messages contain no value of a record.
#[track_caller]
pub(crate) fn assert_exit(command: &mut Command, expected: i32) -> Output {
    checked(command.output().expect("the program runs"), expected)
}

#[track_caller]
fn checked(output: Output, expected: i32) -> Output {
    let messages = stderr(&output);
    assert_eq!(code(&output), expected, "{}\n{messages}", output.status);
    assert!(!messages.contains("example.com"), "a value is in {messages}");
    output
}

/// Like [`assert_exit`], and checks that the messages contain these words.
#[track_caller]
pub(crate) fn assert_exit_saying(command: &mut Command, expected: i32, words: &[&str]) {
    let messages = stderr(&assert_exit(command, expected)).to_lowercase();
    for word in words {
        assert!(messages.contains(&word.to_lowercase()), "no {word:?} in {messages}");
    }
}

/// A running program, which is killed when this is dropped.
pub(crate) struct Running {
    child: Option<Child>,
}

impl Running {
    pub(crate) fn start(command: &mut Command) -> Running {
        let command = command.stdout(Stdio::piped()).stderr(Stdio::piped());
        Running { child: Some(command.spawn().expect("the program runs")) }
    }

    pub(crate) fn pid(&self) -> Pid {
        Pid::from_child(self.child.as_ref().expect("the program has not ended"))
    }

    /// Waits until a condition holds. Returns false if the program ended before that.
    #[track_caller]
    pub(crate) fn until(&mut self, holds: impl Fn() -> bool) -> bool {
        let begun = Instant::now();
        while !holds() {
            if self.has_ended() {
                return holds();
            }
            assert!(begun.elapsed() < TIMEOUT, "the condition does not become true");
            thread::sleep(Duration::from_micros(100));
        }
        true
    }

    fn has_ended(&mut self) -> bool {
        let child = self.child.as_mut().expect("the program has not ended");
        child.try_wait().expect("a child of this process").is_some()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        // It may have ended already.
        kill_process(self.pid(), signal).ok();
    }

    /// Does something while the program is paused.
    pub(crate) fn while_paused(&self, act: impl FnOnce()) {
        self.signal(Signal::STOP);
        act();
        self.signal(Signal::CONT);
    }

    /// Waits for the program to end, and checks it like [`assert_exit`].
    #[track_caller]
    pub(crate) fn assert_exit(mut self, expected: i32) -> Output {
        let child = self.child.take().expect("the program has not ended");
        checked(child.wait_with_output().expect("it ends"), expected)
    }

    /// Waits for the program to end.
    pub(crate) fn status(mut self) -> ExitStatus {
        let child = self.child.take().expect("the program has not ended");
        child.wait_with_output().expect("it ends").status
    }

    /// Kills the program. Returns whether it was still running.
    pub(crate) fn kill(mut self) -> bool {
        let mut child = self.child.take().expect("the program has not ended");
        child.kill().expect("a child of this process");
        child.wait().expect("it has ended").code().is_none()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().ok(); // it may have ended
            child.wait().ok();
        }
    }
}

/// `count` valid endpoints, one per line, all different, of about 200 bytes each.
pub(crate) fn endpoints(count: usize) -> String {
    let mut text = String::with_capacity(count * 210);
    for number in 0..count {
        writeln!(
            text,
            r#"{{"ChannelType":"EMAIL","Address":"reader{number:08}@example.com","Id":"endpoint-{number:08}","OptOut":"NONE","Attributes":{{"Plan":["pro","annual"]}},"User":{{"UserId":"user-{number:08}","UserAttributes":{{"FirstName":["Zoë"]}}}}}}"#
        )
        .expect("a string has room");
    }
    text
}

/// `count` records that are rejected.
pub(crate) fn rejected(count: usize) -> String {
    concat!(r#"{"ChannelType":"FAX","Address":"reader@example.com"}"#, "\n").repeat(count)
}
