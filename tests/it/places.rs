//! Where a run may write: what is in its way, what it replaces and what it never touches.

use std::{fs, os::unix::fs::symlink, path::Path};

use crate::support::program::{files_below, set, toml_text};
use crate::support::running::{Mounted, Site, endpoints, ends, ends_saying, faulty};

/// Two parts of a thousand records or so.
fn published_in_parts() -> Site {
    let site = Site::with(&endpoints(2_000));
    let mut command = site.run();
    ends(command.args(["--set", "output.0.max_bytes=200 kB"]), 0);
    site.check_published();
    assert!(2 <= files_below(&site.place.to()).len());
    site
}

/// All files with what they hold and when they were written.
fn state(folder: &Path) -> Vec<(std::path::PathBuf, Vec<u8>, std::time::SystemTime)> {
    let files = files_below(folder).into_iter();
    files
        .map(|path| {
            let bytes = fs::read(&path).expect("a file");
            let time = fs::metadata(&path).and_then(|metadata| metadata.modified());
            (path, bytes, time.expect("a time"))
        })
        .collect()
}

#[test]
fn another_published_run_is_in_the_way() {
    let site = published_in_parts();
    let before = state(site.folder());
    ends_saying(&mut site.run(), 73, &["another published run", "--overwrite"]);
    assert_eq!(state(site.folder()), before);
}

#[test]
fn another_account_does_not_get_the_output() {
    let site = published_in_parts();
    let before = state(site.folder());
    for arguments in [&[][..], &["--overwrite"]] {
        let mut command = site.run();
        set(&mut command, "account.to", &site.folder().join("other"));
        ends_saying(command.args(arguments), 73, &["import", "no manifest of this account"]);
        assert_eq!(state(site.folder()), before);
    }
}

#[test]
fn files_of_others_are_never_touched() {
    let places = ["import/notes.txt", "import/job-000/part-00000.json", "account/notes.txt"];
    let more = ["account/manifest.json", "account/rejected-records/a", "import", "account"];
    for name in places.iter().chain(&more) {
        let site = Site::with(&endpoints(10));
        let path = site.folder().join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(&path, "of another").expect("a file");
        for arguments in [&[][..], &["--overwrite"]] {
            ends(site.run().args(arguments), 73);
            assert_eq!(fs::read_to_string(&path).expect("it stays"), "of another");
            assert_eq!(site.left(), [*name]);
        }
        fs::remove_file(&path).expect("it stays");
        ends(&mut site.run(), 0);
        site.check_published();
    }
}

#[test]
fn overwriting_replaces_all_that_is_ours_and_nothing_else() {
    let site = published_in_parts();
    for name in ["import/notes.txt", "import/job-000/notes.txt", "account/notes.txt"] {
        let path = site.folder().join(name);
        fs::write(&path, "of another").expect("a file");
        let before = state(site.folder());
        ends_saying(
            site.run().arg("--overwrite"),
            73,
            &["notes.txt", "no manifest of this account"],
        );
        assert_eq!(state(site.folder()), before);
        fs::remove_file(path).expect("it stays");
    }
    ends(site.run().arg("--overwrite"), 0);
    site.check_published();
    assert_eq!(files_below(&site.place.to()).len(), 1);
}

/// What is overwritten goes whole, also where the new run writes nothing.
#[test]
fn overwriting_from_elsewhere_takes_the_earlier_parts_away() {
    let site = published_in_parts();
    let elsewhere = site.folder().join("elsewhere");
    let to = format!("output.0.to={}", toml_text(&elsewhere.to_string_lossy()));
    ends(site.run().args(["--overwrite", "--set", &to]), 0);
    assert!(files_below(&site.place.to()).is_empty());
    assert_eq!(files_below(&elsewhere).len(), 1);
    ends(site.run().arg("--overwrite"), 0);
    assert!(files_below(&elsewhere).is_empty());
    fs::remove_dir(&elsewhere).expect("it is empty");
    site.check_published();
}

#[test]
fn an_output_that_a_link_makes_an_input_is_refused() {
    let site = Site::with(&endpoints(10));
    let link = site.inputs().join("link");
    fs::create_dir_all(site.place.to()).expect("a folder");
    symlink(site.place.to(), &link).expect("a link");
    ends(&mut site.run(), 0);
    let before = state(site.folder());
    ends_saying(site.run().arg("--overwrite"), 78, &["where the run writes", "`exclude`"]);
    assert_eq!(state(site.folder()), before);
}

#[test]
fn the_same_run_again_changes_nothing() {
    let site = published_in_parts();
    let before = state(site.folder());
    for arguments in [&["--threads", "1"][..], &["--overwrite", "--chunk-bytes", "100"]] {
        let mut command = site.run();
        let output = ends(command.args(["--set", "output.0.max_bytes=200 kB"]).args(arguments), 0);
        assert!(String::from_utf8_lossy(&output.stdout).contains("already published"));
        assert_eq!(state(site.folder()), before);
    }
}

#[test]
fn over_budget_is_told_and_blocks_nobody() {
    let site = Site::with(&(endpoints(10) + &faulty(10)));
    let account = ["inputs.ndjson", "manifest.json", "rejects.ndjson"];
    let account = account.map(|name| format!("account/{name}"));
    let ratio = ["--set", "account.max_reject_ratio=0.4"];
    for _ in 0..2 {
        ends_saying(site.run().args(ratio), 3, &["10 of 20 records were rejected"]);
        assert_eq!(site.left(), account);
        assert_eq!(site.place.manifest()["status"], "over_budget");
        assert_eq!(site.place.rejects().lines().count(), 10);
    }
    ends(&mut site.run(), 0);
    site.check_published();

    // What was published stays with its parts, but is not what a reader waits for.
    let parts = state(&site.place.to());
    ends(site.run().args(ratio).arg("--overwrite"), 3);
    assert_eq!(site.place.manifest()["status"], "over_budget");
    assert_eq!(state(&site.place.to()), parts);
    ends(&mut site.run(), 0);
    site.check_published();
}

#[test]
fn one_run_at_a_time() {
    let site = Site::with(&endpoints(40_000));
    let first = site.slow_run();
    first.meanwhile(|| {
        for (setting, place) in [("name", "n"), ("account.to", "other"), ("output.0.to", "other")] {
            let mut second = site.run();
            let place = if setting == "name" { "n".into() } else { site.folder().join(place) };
            set(&mut second, setting, &place);
            ends_saying(second.arg("--overwrite"), 73, &["another run is at work"]);
        }
        assert!(!site.folder().join("other").exists());
    });
    first.ends(0);
    site.check_published();
}

#[test]
fn a_link_to_a_folder_is_followed() {
    let site = Site::with(&endpoints(10));
    let real = site.folder().join("real");
    fs::create_dir(&real).expect("a folder");
    symlink("real", site.place.to()).expect("a link");
    ends(&mut site.run(), 0);
    assert!(fs::read_link(site.place.to()).is_ok(), "the link stays");
    assert!(real.join("job-000/part-00000.json").is_file());
    ends(site.run().args(["--overwrite", "--set", "output.0.max_bytes=1 kB"]), 0);
    assert!(fs::read_link(site.place.to()).is_ok(), "the link stays");
    let part = fs::read(real.join("job-000/part-00000.json")).expect("the new part");
    assert!(part.len() <= 1_000, "it is the new one");
    site.check_parts();
    let hidden = site.left().into_iter().filter(|name| name.contains("segprep")).count();
    assert_eq!(hidden, 0);
}

#[test]
fn a_mount_point_is_filled_part_by_part() {
    let site = Site::with(&(endpoints(2_000) + &faulty(1)));
    fs::create_dir(site.place.to()).expect("a folder");
    let Some(_mounted) = Mounted::tmpfs(&site.place.to(), "16m") else { return };
    let many = ["--set", "output.0.max_bytes=100 kB"];
    ends(site.run().args(many), 0);
    site.check_published();
    ends_saying(&mut site.run(), 73, &["another published run"]);
    ends(site.run().arg("--overwrite"), 0);
    site.check_published();
    // Over the budget, it is left as it was.
    fs::remove_dir_all(site.place.account()).expect("it was made");
    fs::remove_dir_all(site.place.to().join("job-000")).expect("it was made");
    ends(site.run().args(["--set", "account.max_rejects=0"]), 3);
    assert_eq!(files_below(&site.place.to()), [""; 0].map(std::path::PathBuf::from));
}
