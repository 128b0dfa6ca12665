//! Temporary files: of records that are compared (`[unique]`, `[users]`), and of profiles. Whatever call to the file
//! system kills the run or fails, they say nothing while they are there, nothing is left of them, and the same run
//! then writes the same bytes.
//!
//! `SEGPREP_FAULTS=all` tries every call; without it, a sample of them.

use std::{collections::BTreeMap, env, fs, path::Path, process::Command};

use rustix::io::Errno;
use serde_json::json;

use crate::support::faults::library;
use crate::support::mount::{Tmpfs, with_mounts};
use crate::support::plain::unnamed_files;
use crate::support::program::{code, files_below, stderr, toml_text};
use crate::support::running::{Running, Site, assert_exit, assert_exit_saying, rejected};

/// What keeps temporary files.
const KINDS: [&[&str]; 3] = [
    &["unique={ by = [\"ChannelType\", \"Address\"], keep = \"newest\" }"],
    &["users={ max_endpoints = 2, over = \"newest\" }"],
    &[
        "unique={ by = [\"ChannelType\", \"Address\"] }",
        "users={ max_endpoints = 9 }",
        "output.0.format=\"profiles-csv\"",
        "output.0.max_bytes=\"4 kB\"",
    ],
];

/// The calls to the file system at which a run is killed, and which fail.
const CALLS: &str = "open,write,fsync,rename,unlink,rmdir,mkdir,chmod";

/// How many of them are tried, unless all are.
const SAMPLE: usize = 3;

/// What the records have, and no temporary file.
const CANARIES: [&str; 5] = ["canary", "example.com", "EMAIL", "reader", "2026-01"];

#[derive(Clone, Copy, Debug)]
enum Fault {
    /// The run is stopped before the call, looked at, and killed.
    Kill,
    /// The call fails once.
    Fails,
    /// The call fails, and so do all later ones.
    Full,
}

struct World {
    site: Site,
    sets: &'static [&'static str],
    /// What an undisturbed run writes.
    files: BTreeMap<String, Vec<u8>>,
}

impl World {
    fn new(sets: &'static [&'static str]) -> World {
        let site = Site::new();
        let record = |number: usize| {
            let record = json!({
                "ChannelType": "EMAIL", "Address": format!("reader{}@example.com", number % 500),
                "OptOut": if number.is_multiple_of(3) { "ALL" } else { "NONE" },
                "EffectiveDate": format!("2026-01-{:02}T00:00:00Z", number % 28 + 1),
                "Attributes": { "Plan": ["canary-plan"] },
                "User": { "UserId": format!("canary-{}", number % 90) },
            });
            format!("{record}\n")
        };
        for (name, records) in [("a", 0..400), ("b", 400..800)] {
            let text: String = records.map(record).collect();
            site.input(&format!("{name}.ndjson"), &(text + &rejected(3)));
        }
        let mut world = World { site, sets, files: BTreeMap::new() };
        assert_exit(&mut world.run(), 0);
        world.files = world.written();
        assert!(1 < world.files.len(), "{:?}", world.files.keys());
        world.clear();
        world
    }

    fn run(&self) -> Command {
        let mut command = self.site.run();
        command.args(["--threads", "1", "--chunk-bytes", "1000"]);
        for set in self.sets {
            command.args(["--set", set]);
        }
        command
    }

    fn faulty(&self) -> Command {
        let mut command = self.run();
        command.env("LD_PRELOAD", library()).env("FAULTS_BELOW", self.site.folder());
        command.env("FAULTS_EXCEPT", "input:definition.toml").env("FAULTS_CALLS", CALLS);
        command
    }

    /// How many of the calls an undisturbed run makes.
    fn count(&self) -> usize {
        let log = tempfile::NamedTempFile::new().expect("a temporary file");
        assert_exit(self.faulty().env("FAULTS_LOG", log.path()), 0);
        self.clear();
        fs::read_to_string(log.path()).expect("a log").lines().count()
    }

    /// The parts and the rejects.
    fn written(&self) -> BTreeMap<String, Vec<u8>> {
        let folder = self.site.folder();
        let parts = files_below(&self.site.place.to()).into_iter();
        let files = parts.chain([self.site.place.account().join("rejects.ndjson")]);
        files
            .map(|file| {
                let path = file.strip_prefix(folder).expect("below it").display().to_string();
                (path, fs::read(&file).unwrap_or_default())
            })
            .collect()
    }

    fn clear(&self) {
        for folder in [self.site.place.account(), self.site.place.to()] {
            fs::remove_dir_all(folder).expect("it was published");
        }
    }

    /// Stops a run before a call, looks at its temporary files, and kills it. Returns how many bytes they had.
    fn kill(&self, skip: usize) -> usize {
        let mut command = self.faulty();
        let mut running =
            Running::start(command.env("FAULTS_STOP", "1").env("FAULTS_SKIP", skip.to_string()));
        let pid = running.pid().as_raw_nonzero().get();
        let stopped = running.until(|| is_stopped(pid));
        let files = unnamed_files(pid).into_iter();
        let bytes: Vec<u8> = files.flat_map(|file| fs::read(file).expect("it is there")).collect();
        for canary in CANARIES {
            let is_there = bytes.windows(canary.len()).any(|part| part == canary.as_bytes());
            assert!(!is_there, "`{canary}` is in a temporary file");
        }
        assert!(stopped == running.kill(), "call {skip}");
        bytes.len()
    }

    fn fail(&self, skip: usize, errno: Errno, is_full: bool) {
        let mut command = self.faulty();
        command.env("FAULTS_SKIP", skip.to_string());
        command.env("FAULTS_ERRNO", errno.raw_os_error().to_string());
        if is_full {
            command.env("FAULTS_FOREVER", "1");
        }
        let output = command.output().expect("the program runs");
        let (code, messages) = (code(&output), stderr(&output));
        assert!([0, 73, 74, 77].contains(&code), "call {skip}: exit {code}: {messages}");
        assert!(!messages.contains("canary"), "{messages}");
        let is_published = self.site.place.account().join("manifest.json").exists();
        assert_eq!(is_published, code == 0, "call {skip}: exit {code}: {messages}");
    }

    /// Checks that what is there is whole, and that the same run succeeds.
    #[track_caller]
    fn check_again(&self, what: &str) {
        if self.site.place.account().join("manifest.json").exists() {
            assert!(self.written() == self.files, "{what}: there is a manifest without its parts");
        }
        assert!(!self.site.left().iter().any(|name| name.ends_with("spill")), "{what}");
        assert_exit(&mut self.run(), 0);
        let left = self.site.left();
        assert!(!left.iter().any(|name| name.contains(".segprep")), "{what}: {left:?}");
        assert!(self.written() == self.files, "{what}: the parts differ");
        self.clear();
    }
}

/// Whether a process is stopped by a signal.
fn is_stopped(pid: i32) -> bool {
    let stat = fs::read_to_string(Path::new("/proc").join(pid.to_string()).join("stat"));
    let stat = stat.unwrap_or_default();
    stat.rsplit_once(')').is_some_and(|(_, rest)| rest.trim_start().starts_with('T'))
}

#[test]
fn a_kill_or_a_fault_at_any_call_leaves_nothing_of_temporary_files() {
    let all = env::var_os("SEGPREP_FAULTS").is_some();
    for sets in KINDS {
        let world = World::new(sets);
        let count = world.count();
        let step = if all { 1 } else { count.div_ceil(SAMPLE) };
        let mut seen = 0;
        for (number, skip) in (step / 2..count).step_by(step).enumerate() {
            let faults = [Fault::Kill, Fault::Fails, Fault::Full];
            let faults = if all { &faults[..] } else { &[Fault::Kill, faults[1 + number % 2]] };
            for fault in faults {
                match fault {
                    Fault::Kill => seen = seen.max(world.kill(skip)),
                    Fault::Fails => world.fail(skip, Errno::IO, false),
                    Fault::Full => world.fail(skip, Errno::NOSPC, true),
                }
                world.check_again(&format!("{sets:?}, {fault:?} at call {skip} of {count}"));
            }
        }
        assert!(4_000 < seen, "{sets:?}: temporary files had at most {seen} bytes");
    }
}

#[test]
fn a_full_disk_is_a_clear_error() {
    with_mounts("spill::a_full_disk_is_a_clear_error", || {
        for sets in KINDS {
            let (world, spill) = (World::new(sets), tempfile::tempdir().expect("a folder"));
            let mount = Tmpfs::mount(spill.path(), "12k");
            let spill = toml_text(&spill.path().to_string_lossy());
            let run = || {
                let mut command = world.run();
                command.arg("--set").arg(format!("run.spill={spill}"));
                command
            };
            let words = ["a temporary file in", "space", "`spill` under `[run]`"];
            assert_exit_saying(&mut run(), 74, &words);
            let left: Vec<String> = world.site.left();
            let is_output = |name: &String| name.contains("part-") || name.contains("manifest");
            assert!(!left.iter().any(is_output), "{left:?}");
            drop(mount);
            assert_exit(&mut run(), 0);
            assert!(world.written() == world.files);
        }
    });
}
