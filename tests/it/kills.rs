//! A run that is killed at any moment leaves nothing that looks whole and is not, and nothing that
//! stands in the way of the same run, which then writes the same bytes.
//!
//! Moments are spread over a whole run; others are when a certain file appears. `SEGPREP_KILLS`
//! sets how many of the first there are.

use std::{
    env, fs,
    process::Command,
    thread,
    time::{Duration, Instant},
};

use crate::support::program::files_below;
use crate::support::running::{Running, Site, endpoints, ends, faulty};

const KILLS: u32 = 20;

fn kills() -> u32 {
    env::var("SEGPREP_KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(KILLS)
}

/// Files and folders in the order in which they appear in a run.
const STEPS: &[&str] = &[
    "account/.segprep",
    "account/.segprep/lock",
    "account/.segprep/journal.json",
    ".import.segprep",
    ".import.segprep/lock",
    ".import.segprep/new",
    "account/.segprep/new",
    "account/.segprep/new/rejects.ndjson",
    ".import.segprep/new/job-000/part-00000.json",
    ".import.segprep/new/job-000/part-00002.json",
    "account/.segprep/manifest.json",
    "import",
    "import/job-000/part-00000.json",
    "account/rejects.ndjson",
    "account/inputs.ndjson",
    "account/manifest.json",
];

/// Some 17 MB in several parts, with rejects: a debug build takes about half a second.
struct Work {
    site: Site,
    /// What an undisturbed run writes, which no other run may differ from.
    parts: Vec<u8>,
    rejects: String,
    took: Duration,
}

impl Work {
    fn new() -> Work {
        let site = Site::new();
        for name in ["a", "b"] {
            site.input(&format!("{name}.ndjson"), &(endpoints(40_000) + &faulty(1_000)));
        }
        let begun = Instant::now();
        ends(&mut run_of(&site), 0);
        let took = begun.elapsed();
        site.check_published();
        let (parts, rejects) = (site.place.parts(), site.place.rejects());
        assert!(3 <= files_below(&site.place.to()).len());
        let work = Work { site, parts, rejects, took };
        work.clear();
        work
    }

    fn clear(&self) {
        fs::remove_dir_all(self.site.place.account()).expect("it was published");
        fs::remove_dir_all(self.site.place.to()).expect("it was published");
    }

    /// The moments of kills: evenly spread, and a little beyond the end.
    fn moments(&self) -> impl Iterator<Item = Duration> {
        let took = self.took;
        let kills = kills();
        (0..kills).map(move |number| took * (10 * number + number % 7) / (9 * kills))
    }

    /// What a kill may leave: a manifest stands over whole parts or not at all.
    #[track_caller]
    fn check_killed(&self) {
        if self.site.place.account().join("manifest.json").exists() {
            self.site.check_parts();
        }
    }

    /// The same run again succeeds, writes the same and leaves nothing behind.
    #[track_caller]
    fn check_again(&self, command: &mut Command) {
        ends(command, 0);
        self.site.check_published();
        assert!(self.site.place.parts() == self.parts, "the parts differ");
        assert!(self.site.place.rejects() == self.rejects, "the rejects differ");
    }
}

fn run_of(site: &Site) -> Command {
    let mut command = site.run();
    command.args(["--set", "output.0.max_bytes=4 MB"]);
    command
}

/// True if the run was still at work.
fn kill_after(command: &mut Command, moment: Duration) -> bool {
    let running = Running::start(command);
    thread::sleep(moment);
    running.kill()
}

/// Kills the run when a file of the site comes or goes. What is there for a moment only may be
/// missed; the run has ended by itself then.
fn kill_at(work: &Work, command: &mut Command, step: &str, comes: bool) {
    let mut running = Running::start(command);
    let path = work.site.folder().join(step);
    running.until(|| path.exists() == comes);
    running.kill();
}

#[test]
fn a_kill_at_any_moment_is_recovered_from() {
    let work = Work::new();
    let mut hits = 0;
    for moment in work.moments() {
        hits += u32::from(kill_after(&mut run_of(&work.site), moment));
        work.check_killed();
        work.check_again(&mut run_of(&work.site));
        work.clear();
    }
    assert!(kills() / 4 <= hits, "only {hits} runs were still at work");
}

#[test]
fn a_kill_at_each_step_is_recovered_from() {
    let work = Work::new();
    for step in STEPS {
        kill_at(&work, &mut run_of(&work.site), step, true);
        work.check_killed();
        work.check_again(&mut run_of(&work.site));
        work.clear();
    }
}

/// Whoever waits for the manifest never sees old and new together.
#[test]
fn a_kill_while_replacing_leaves_the_old_the_new_or_nothing() {
    let work = Work::new();
    let publish_old = || {
        let mut command = work.site.run();
        ends(command.args(["--overwrite", "--set", "output.0.max_bytes=1 MB"]), 0);
    };
    let replace = || {
        let mut command = run_of(&work.site);
        command.arg("--overwrite");
        command
    };
    for moment in work.moments() {
        publish_old();
        kill_after(&mut replace(), moment);
        work.check_killed();
        work.check_again(&mut replace());
    }
    for (step, comes) in [
        ("account/.segprep/manifest.json", true),
        ("account/manifest.json", false),
        ("account/rejects.ndjson", false),
        (".import.segprep/old", true),
        ("import", false),
    ] {
        publish_old();
        kill_at(&work, &mut replace(), step, comes);
        work.check_killed();
        // It had leave to replace, so the same run without it has it too.
        work.check_again(&mut run_of(&work.site));
    }
}
