//! A run that is killed at any moment leaves nothing that looks complete but is not, and nothing that
//! blocks the same run, which then writes the same bytes.
//!
//! Some kills are spread evenly over a run, `SEGPREP_KILLS` of them; others happen when a certain file
//! appears.

use std::{
    env, fs,
    process::Command,
    thread,
    time::{Duration, Instant},
};

use crate::support::program::files_below;
use crate::support::running::{Running, Site, assert_exit, endpoints, rejected};

const KILLS: u32 = 12;

fn kills() -> u32 {
    env::var("SEGPREP_KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(KILLS)
}

/// Files and folders in the order in which they appear during a run.
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
    "account/report.html",
    "account/manifest.json",
];

/// Inputs of about 17 MB, which become several parts and some rejects. A debug build takes about half
/// a second.
struct Work {
    site: Site,
    /// The parts of an undisturbed run, which any other run must write too.
    parts: Vec<u8>,
    rejects: String,
    took: Duration,
}

impl Work {
    fn new() -> Work {
        let site = Site::new();
        for name in ["a", "b"] {
            site.input(&format!("{name}.ndjson"), &(endpoints(40_000) + &rejected(1_000)));
        }
        let begun = Instant::now();
        assert_exit(&mut run_of(&site), 0);
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

    /// The times to kill at: spread evenly over a run, and slightly beyond its end.
    fn moments(&self) -> impl Iterator<Item = Duration> {
        let took = self.took;
        let kills = kills();
        (0..kills).map(move |number| took * (10 * number + number % 7) / (9 * kills))
    }

    /// Checks that after a kill, a manifest exists only if its parts are complete.
    #[track_caller]
    fn check_killed(&self) {
        if self.site.place.account().join("manifest.json").exists() {
            self.site.check_parts();
        }
    }

    /// Checks that the same run succeeds, writes the same bytes and leaves no temporary files.
    #[track_caller]
    fn check_again(&self, command: &mut Command) {
        assert_exit(command, 0);
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

/// Returns whether the run was still active.
fn kill_after(command: &mut Command, moment: Duration) -> bool {
    let running = Running::start(command);
    thread::sleep(moment);
    running.kill()
}

/// Kills the run when a file appears or disappears. If the file exists for too short a time to be
/// noticed, the run ends by itself.
fn kill_at(work: &Work, command: &mut Command, step: &str, appears: bool) {
    let mut running = Running::start(command);
    let path = work.site.folder().join(step);
    running.until(|| path.exists() == appears);
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
    assert!(kills() / 4 <= hits, "only {hits} runs were still active");
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

/// A reader that waits for the manifest never sees old and new parts together.
#[test]
fn a_kill_while_replacing_leaves_the_old_the_new_or_nothing() {
    let work = Work::new();
    let publish_old = || {
        let mut command = work.site.run();
        assert_exit(command.args(["--overwrite", "--set", "output.0.max_bytes=1 MB"]), 0);
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
    for (step, appears) in [
        ("account/.segprep/manifest.json", true),
        ("account/.segprep/old", true),
        ("account/manifest.json", false),
        ("account/rejects.ndjson", false),
        (".import.segprep/old", true),
        ("import", false),
    ] {
        publish_old();
        kill_at(&work, &mut replace(), step, appears);
        work.check_killed();
        // The killed run was allowed to overwrite, so the same run needs no `--overwrite`.
        work.check_again(&mut run_of(&work.site));
    }
}
