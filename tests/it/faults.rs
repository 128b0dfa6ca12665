//! A fault at every call that a run makes to the file system where it publishes: reading, writing,
//! syncing, creating, renaming, removing and closing; once, and from then on.
//!
//! `tests/faults/faults.c` injects them. After each, the place holds the whole new result or exactly
//! what it held before. Where the file system takes nothing any more, the message says what is gone
//! and where it is, and the next run puts it back. A run without faults succeeds afterwards.
//!
//! `SEGPREP_FAULTS=all` tries every call; without it, a sample of them.

use std::{collections::BTreeMap, env, fs, process::Command};

use rustix::io::Errno;

use crate::support::faults::library;
use crate::support::mount::{Tmpfs, with_mounts};
use crate::support::program::{code, files_below, stderr};
use crate::support::running::{Site, assert_exit, endpoints, rejected};

/// The calls that fail, each tried separately, and at the end those that fail together on a full
/// disk, and on one that has become read-only.
const CALLS: [&str; 10] = [
    "open",
    "write",
    "fsync",
    "rename",
    "unlink",
    "rmdir",
    "mkdir",
    "close",
    "create,write,mkdir",
    "create,write,mkdir,rename,unlink,rmdir,chmod",
];

/// One of this many cases is tried, unless all are.
const SAMPLE: usize = 29;

/// What was there before the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Before {
    Nothing,
    /// An earlier result, whose folder is replaced by one rename.
    Result,
    /// An earlier result in a mount point, whose parts are moved one by one.
    Mounted,
}

#[derive(Clone, Copy, Debug)]
struct Case {
    calls: &'static str,
    skip: usize,
    errno: Errno,
    forever: bool,
}

/// How many cases ended in each way.
type Ends = BTreeMap<&'static str, usize>;

/// A place with a certain state, to which each case returns.
struct World {
    site: Site,
    before: Before,
    /// What was there before.
    files: Files,
    _mount: Option<Tmpfs>,
}

/// All files where the run writes, by their paths, and the folders, whose paths end in `/`.
type Files = BTreeMap<String, Vec<u8>>;

impl World {
    fn new(before: Before) -> World {
        let site = Site::with(&(endpoints(16) + &rejected(2)));
        let is_mounted = before == Before::Mounted;
        if is_mounted {
            fs::create_dir(site.place.to()).expect("a folder");
        }
        let mount = is_mounted.then(|| Tmpfs::mount(&site.place.to(), "4m"));
        let mut world = World { site, before, files: Files::new(), _mount: mount };
        if before != Before::Nothing {
            // Other cuts: some names are in both results, some only in one of them.
            let mut earlier = world.run("1200 B");
            earlier.args(["--set", "account.keep_rejected=true"]);
            assert_exit(&mut earlier, 0);
            assert!(2 < files_below(&world.site.place.to()).len());
        }
        world.files = world.found();
        world
    }

    fn run(&self, max_bytes: &str) -> Command {
        let mut command = self.site.run();
        command.args(["--threads", "1", "--set", &format!("output.0.max_bytes={max_bytes:?}")]);
        command
    }

    /// The run that replaces what is there.
    fn replacing(&self) -> Command {
        let max_bytes = if self.before == Before::Nothing { "1200 B" } else { "1900 B" };
        self.run(max_bytes)
    }

    fn faulty(&self, calls: &str) -> Command {
        let mut command = self.replacing();
        if self.before != Before::Nothing {
            command.arg("--overwrite");
        }
        command.env("LD_PRELOAD", library());
        command.env("FAULTS_BELOW", self.site.folder());
        command.env("FAULTS_EXCEPT", "input:definition.toml").env("FAULTS_CALLS", calls);
        command
    }

    /// How many of these calls an undisturbed run makes.
    fn count(&self, calls: &str) -> usize {
        let log = tempfile::NamedTempFile::new().expect("a temporary file");
        assert_exit(self.faulty(calls).env("FAULTS_LOG", log.path()), 0);
        self.reset();
        fs::read_to_string(log.path()).expect("a log").lines().count()
    }

    fn found(&self) -> Files {
        let folder = self.site.folder();
        let walk = walkdir::WalkDir::new(folder).min_depth(1).into_iter();
        walk.filter_entry(|entry| {
            entry.file_name() != "input" && entry.file_name() != "definition.toml"
        })
        .map(|entry| {
            let entry = entry.expect("no other process changes this folder");
            let name = entry.path().strip_prefix(folder).expect("below it").display().to_string();
            if entry.file_type().is_dir() {
                (name + "/", Vec::new())
            } else {
                (name, fs::read(entry.path()).expect("a file"))
            }
        })
        .collect()
    }

    /// Removes everything that was written, and puts back what was there before.
    fn reset(&self) {
        for path in self.found().keys().rev() {
            let full = self.site.folder().join(path);
            if !path.ends_with('/') {
                fs::remove_file(full).expect("a file");
            } else if path != "import/" || self.before != Before::Mounted {
                fs::remove_dir(full).expect("an empty folder");
            }
        }
        for (path, bytes) in &self.files {
            let full = self.site.folder().join(path);
            if path.ends_with('/') {
                fs::create_dir_all(full).expect("a folder");
            } else {
                fs::write(full, bytes).expect("a file");
            }
        }
    }

    /// Runs with a fault, and returns how that ended, or what was wrong about it.
    fn try_case(&self, case: Case) -> Result<&'static str, String> {
        let mut command = self.faulty(case.calls);
        command.env("FAULTS_SKIP", case.skip.to_string());
        command.env("FAULTS_ERRNO", case.errno.raw_os_error().to_string());
        if case.forever {
            command.env("FAULTS_FOREVER", "1");
        }
        let output = command.output().expect("the program runs");
        let messages = stderr(&output);
        let found = self.found();
        let end = match code(&output) {
            0 => self.published(&found, &messages),
            73 | 74 | 77 => self.failed(&found, &messages),
            _ => Err("another exit code"),
        };
        let end = end.map_err(|why| {
            format!("{case:?}: {why}: exit {}: {messages}{:?}", code(&output), found.keys())
        });
        // Whoever finds the earlier result aside may replace it.
        let mut again = self.replacing();
        if self.before != Before::Nothing && without_working_files(&found) == self.files {
            again.arg("--overwrite");
        }
        let output = again.output().expect("the program runs");
        if code(&output) != 0 {
            self.reset();
            let end = end.map_or_else(|why| why, str::to_owned);
            return Err(format!("{case:?}: {end}, and the next run failed: {}", stderr(&output)));
        }
        self.site.check_published();
        self.reset();
        end
    }

    fn published(&self, found: &Files, messages: &str) -> Result<&'static str, &'static str> {
        if found.get("account/manifest.json") == self.files.get("account/manifest.json") {
            return Err("there is no new manifest");
        }
        let left = found.keys().any(|name| name.contains(".segprep"));
        if left {
            self.site.check_manifest();
            let is_said = messages.contains("working files are left in");
            let said = is_said.then_some("published, with a warning about leftovers");
            return said.ok_or("leftovers, and not a word about them");
        }
        self.site.check_published();
        Ok("published")
    }

    fn failed(&self, found: &Files, messages: &str) -> Result<&'static str, &'static str> {
        let rest = without_working_files(found);
        let is_as_before = rest == self.files;
        if is_as_before && rest == *found {
            return Ok("as before");
        }
        if is_as_before {
            return Ok("as before, with leftovers for the next run");
        }
        let is_said =
            messages.contains("the earlier result is gone") && messages.contains("segprep");
        if self.before != Before::Nothing && is_said {
            self.remains(found);
            return Ok("aside, and the message says where");
        }
        if self.before == Before::Nothing && !rest.contains_key("account/manifest.json") {
            return Ok("nothing published, with leftovers for the next run");
        }
        Err("neither the new result nor the earlier one, nor a word about it")
    }

    /// Checks that every earlier file is in place or aside.
    fn remains(&self, found: &Files) {
        for (path, bytes) in self.files.iter().filter(|(path, _)| !path.ends_with('/')) {
            let name = path.split_once('/').expect("in a folder").1;
            let is_there = |(other, text): (&String, &Vec<u8>)| {
                (other == path || other.ends_with(&format!("/old/{name}"))) && text == bytes
            };
            assert!(found.iter().any(is_there), "{path} is lost");
        }
    }
}

fn without_working_files(found: &Files) -> Files {
    let mut files = found.clone();
    files.retain(|name, _| !name.contains(".segprep"));
    files
}

fn cases(world: &World) -> Vec<Case> {
    let mut cases = Vec::new();
    for calls in CALLS {
        let count = world.count(calls);
        assert!(0 < count || calls == "mkdir" || calls == "rmdir", "no {calls}");
        let errors: &[Errno] = match calls {
            "create,write,mkdir" => &[Errno::NOSPC],
            "create,write,mkdir,rename,unlink,rmdir,chmod" => &[Errno::ROFS],
            "write" | "mkdir" => &[Errno::IO, Errno::NOSPC],
            "rename" | "unlink" | "rmdir" => &[Errno::IO, Errno::ROFS],
            _ => &[Errno::IO],
        };
        for (skip, errno) in
            (0..count).flat_map(|skip| errors.iter().map(move |errno| (skip, errno)))
        {
            for forever in [false, true] {
                // A disk does not stay full, or read-only, for a single call.
                if forever || !calls.contains(',') {
                    cases.push(Case { calls, skip, errno: *errno, forever });
                }
            }
        }
    }
    cases
}

#[expect(clippy::print_stdout, reason = "the figures are what a reader of the test wants")]
fn try_all(before: Before) {
    let world = World::new(before);
    let cases = cases(&world);
    let all = env::var_os("SEGPREP_FAULTS").is_some();
    let step = if all { 1 } else { SAMPLE };
    let (mut ends, mut wrong) = (Ends::new(), Vec::new());
    for case in cases.iter().step_by(step) {
        match world.try_case(*case) {
            Ok(end) => *ends.entry(end).or_default() += 1,
            Err(why) => wrong.push(why),
        }
    }
    let count = cases.iter().step_by(step).count();
    println!("{before:?}: {count} cases, {} wrong, and these right: {ends:?}", wrong.len());
    assert!(wrong.is_empty(), "{before:?}:\n{}", wrong.join("\n"));
}

#[test]
fn a_fault_where_nothing_was_leaves_the_whole_result_or_nothing() {
    try_all(Before::Nothing);
}

#[test]
fn a_fault_while_replacing_a_folder_leaves_the_new_result_or_the_earlier_one() {
    try_all(Before::Result);
}

#[test]
fn a_fault_while_replacing_parts_leaves_the_new_result_or_the_earlier_one() {
    let name = "faults::a_fault_while_replacing_parts_leaves_the_new_result_or_the_earlier_one";
    with_mounts(name, || try_all(Before::Mounted));
}
