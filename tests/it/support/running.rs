//! Runs in a place with inputs of its own: watched, stopped and killed while they work, and what
//! they leave.

use std::{
    collections::BTreeSet,
    fmt::Write as _,
    fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Output, Stdio},
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};
use sha2::{Digest, Sha256};

use crate::support::program::{Place, code, files_below, segprep, stderr, toml_text};

/// No run here takes longer, by far.
const PATIENCE: Duration = Duration::from_mins(1);

/// A place with an input folder and a definition that keeps every field.
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

    /// With one input, `a.ndjson`.
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

    /// A run of all inputs into the place.
    pub(crate) fn run(&self) -> Command {
        self.run_by(segprep())
    }

    /// See [`Site::run`]; `program` is a command without arguments.
    pub(crate) fn run_by(&self, mut program: Command) -> Command {
        program.arg("run").arg(self.definition());
        let from = toml_text(&self.inputs().to_string_lossy());
        program.arg("--set").arg(format!("input.from=[{from}]"));
        self.place.take(&mut program);
        program
    }

    /// A run that takes long, and is at work when this returns.
    pub(crate) fn slow_run(&self) -> Running {
        let mut command = self.run();
        command.args(["--chunk-bytes", "4096"]);
        let mut running = Running::start(&mut command);
        assert!(running.until(|| self.staged_part().exists()), "it is too short");
        running
    }

    /// Where the first part waits until it is published.
    pub(crate) fn staged_part(&self) -> PathBuf {
        self.folder().join(".import.segprep/new/job-000/part-00000.json")
    }

    /// All files and empty folders but what was there before the first run, in the order of their
    /// names. Folders end in `/`.
    pub(crate) fn left(&self) -> Vec<String> {
        let walk = walkdir::WalkDir::new(self.folder()).min_depth(1).sort_by_file_name();
        let is_given = |path: &Path| path == self.inputs() || path == self.definition();
        walk.into_iter()
            .filter_entry(|entry| !is_given(entry.path()))
            .map(|entry| entry.expect("nothing else is at work here"))
            .filter(|entry| !entry.file_type().is_dir() || is_empty(entry.path()))
            .map(|entry| {
                let name = entry.path().strip_prefix(self.folder()).expect("below it");
                let end = if entry.file_type().is_dir() { "/" } else { "" };
                format!("{}{end}", name.display())
            })
            .collect()
    }

    /// Holds what lies here to the manifest: all that it tells of and nothing else, byte for byte.
    #[track_caller]
    pub(crate) fn check_published(&self) {
        let account = ["inputs.ndjson", "manifest.json", "rejects.ndjson"];
        let account = account.map(|name| format!("account/{name}"));
        let expected: Vec<String> = account.into_iter().chain(self.check_parts()).collect();
        assert_eq!(self.left(), expected);
    }

    /// Holds the parts to a manifest that is `published`; gives their paths in the place.
    #[track_caller]
    pub(crate) fn check_parts(&self) -> BTreeSet<String> {
        let manifest = self.place.manifest();
        assert_eq!(manifest["status"], "published");
        let files = manifest["outputs"][0]["files"].as_array().expect("parts");
        let mut records = 0;
        for file in files {
            let path = file["path"].as_str().expect("a path");
            let bytes = fs::read(self.place.to().join(path)).expect("a part that is told of");
            assert_eq!(file["bytes"], bytes.len(), "{path}");
            let digest = data_encoding::HEXLOWER.encode(&Sha256::digest(&bytes));
            assert_eq!(file["sha256"], digest, "{path}");
            let lines = bytes.split_inclusive(|byte| *byte == b'\n').count();
            assert_eq!(file["records"], lines, "{path}");
            records += lines;
        }
        assert_eq!(manifest["records"]["written"], records);
        let told = files.iter().filter_map(|file| file["path"].as_str());
        let told: BTreeSet<String> = told.map(|path| format!("import/{path}")).collect();
        let found: BTreeSet<String> = files_below(&self.place.to())
            .iter()
            .map(|path| path.strip_prefix(self.folder()).expect("below it").display().to_string())
            .collect();
        assert_eq!(found, told);
        told
    }
}

fn is_empty(folder: &Path) -> bool {
    fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_none())
}

/// The command's outcome, which has this exit code, and whose messages hold no value of a record.
#[track_caller]
pub(crate) fn ends(command: &mut Command, expected: i32) -> Output {
    checked(command.output().expect("the program runs"), expected)
}

#[track_caller]
fn checked(output: Output, expected: i32) -> Output {
    let messages = stderr(&output);
    assert_eq!(code(&output), expected, "{}\n{messages}", output.status);
    assert!(!messages.contains("example.com"), "a value is in {messages}");
    output
}

/// The same, whose messages hold these words.
#[track_caller]
pub(crate) fn ends_saying(command: &mut Command, expected: i32, words: &[&str]) {
    let messages = stderr(&ends(command, expected)).to_lowercase();
    for word in words {
        assert!(messages.contains(&word.to_lowercase()), "no {word:?} in {messages}");
    }
}

/// A program at work. Dropped, it is killed.
pub(crate) struct Running {
    child: Option<Child>,
}

impl Running {
    pub(crate) fn start(command: &mut Command) -> Running {
        let command = command.stdout(Stdio::piped()).stderr(Stdio::piped());
        Running { child: Some(command.spawn().expect("the program runs")) }
    }

    pub(crate) fn pid(&self) -> Pid {
        Pid::from_child(self.child.as_ref().expect("it has not ended"))
    }

    /// Waits until something holds; false if the program ended before that.
    #[track_caller]
    pub(crate) fn until(&mut self, holds: impl Fn() -> bool) -> bool {
        let begun = Instant::now();
        while !holds() {
            if self.has_ended() {
                return holds();
            }
            assert!(begun.elapsed() < PATIENCE, "it does not come");
            thread::sleep(Duration::from_micros(100));
        }
        true
    }

    fn has_ended(&mut self) -> bool {
        let child = self.child.as_mut().expect("it has not been waited for");
        child.try_wait().expect("it is ours").is_some()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        // One that has ended already is as good as one that was hit.
        kill_process(self.pid(), signal).ok();
    }

    /// Does something while the program stands still.
    pub(crate) fn meanwhile(&self, act: impl FnOnce()) {
        self.signal(Signal::STOP);
        act();
        self.signal(Signal::CONT);
    }

    /// Waits for its end; see [`ends`].
    #[track_caller]
    pub(crate) fn ends(mut self, expected: i32) -> Output {
        let child = self.child.take().expect("it has not ended");
        checked(child.wait_with_output().expect("it ends"), expected)
    }

    /// Waits for its end, whatever that is.
    pub(crate) fn status(mut self) -> ExitStatus {
        let child = self.child.take().expect("it has not ended");
        child.wait_with_output().expect("it ends").status
    }

    /// Ends it at once. True if it was still at work.
    pub(crate) fn kill(mut self) -> bool {
        let mut child = self.child.take().expect("it has not ended");
        child.kill().expect("it is ours");
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

/// A file system of its own on a folder.
pub(crate) struct Mounted(PathBuf);

impl Mounted {
    /// None where this may not be done, which is said.
    pub(crate) fn tmpfs(at: &Path, size: &str) -> Option<Mounted> {
        let options = format!("size={size}");
        let mount =
            Command::new("mount").args(["-t", "tmpfs", "-o", &options, "tmpfs"]).arg(at).output();
        if mount.is_ok_and(|output| output.status.success()) {
            return Some(Mounted(at.to_owned()));
        }
        // Past the test's captured output: somebody should know.
        writeln!(io::stderr(), "not tried: no file system may be mounted here").ok();
        None
    }

    pub(crate) fn grow(&self, size: &str) {
        let options = format!("remount,size={size}");
        let mount = Command::new("mount").args(["-o", &options]).arg(&self.0).status();
        assert!(mount.expect("it was mounted").success());
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        Command::new("umount").arg(&self.0).status().ok();
    }
}

/// So many valid endpoints, one a line, of about 200 bytes each; no two are the same.
pub(crate) fn endpoints(count: usize) -> String {
    let mut text = String::with_capacity(count * 210);
    for number in 0..count {
        writeln!(
            text,
            r#"{{"ChannelType":"EMAIL","Address":"reader{number:08}@example.com","Id":"endpoint-{number:08}","OptOut":"NONE","Attributes":{{"Plan":["pro","annual"]}},"User":{{"UserId":"user-{number:08}","UserAttributes":{{"FirstName":["Zoë"]}}}}}}"#
        )
        .expect("a string takes all");
    }
    text
}

/// So many records that are rejected.
pub(crate) fn faulty(count: usize) -> String {
    concat!(r#"{"ChannelType":"FAX","Address":"reader@example.com"}"#, "\n").repeat(count)
}
