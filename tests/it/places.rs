//! Where a run may write: what blocks it, what it replaces, and what it never touches.

use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::Path,
    process::Command,
};

use serde_json::json;
use walkdir::WalkDir;

use crate::support::mount::{Tmpfs, with_mounts};
use crate::support::program::{files_below, set, toml_text};
use crate::support::running::{Site, assert_exit, assert_exit_saying, endpoints, rejected};

/// A published run with at least two parts of about a thousand records.
fn published_in_parts() -> Site {
    let site = Site::with(&endpoints(2_000));
    let mut command = site.run();
    assert_exit(command.args(["--set", "output.0.max_bytes=200 kB"]), 0);
    site.check_published();
    assert!(2 <= files_below(&site.place.to()).len());
    site
}

/// Inputs without a record, however they came to be, never replace an earlier result.
#[test]
fn inputs_without_a_record_replace_nothing() {
    let site = published_in_parts();
    let before = state(site.folder());
    for (name, text) in [
        ("a.ndjson", "[]\n"),
        ("a.ndjson", "\n  \n"),
        ("a.csv", "ChannelType,Address\n"),
        ("a.csv", "ChannelType,Address\n,\n\n"),
    ] {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let input = folder.path().join(name);
        fs::write(&input, text).expect("an input");
        for arguments in [&["--overwrite"][..], &["--overwrite", "--dry-run"]] {
            let mut command = site.run();
            set(&mut command, "input.from.0", &input);
            assert_exit_saying(command.args(arguments), 66, &["no record", "an earlier result"]);
            assert_eq!(state(site.folder()), before, "{text:?}");
        }
    }
    let mut again = site.run();
    assert_exit(again.args(["--set", "output.0.max_bytes=200 kB"]), 0);
    assert_eq!(state(site.folder()), before, "the earlier run is still the published one");
}

/// All files with their contents and modification times.
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
fn another_published_run_blocks() {
    let site = published_in_parts();
    let before = state(site.folder());
    assert_exit_saying(&mut site.run(), 73, &["another published run", "--overwrite"]);
    assert_eq!(state(site.folder()), before);
}

#[test]
fn the_output_of_another_account_blocks() {
    let site = published_in_parts();
    let before = state(site.folder());
    for arguments in [&[][..], &["--overwrite"]] {
        let mut command = site.run();
        set(&mut command, "account.to", &site.folder().join("other"));
        assert_exit_saying(command.args(arguments), 73, &["import", "no manifest of this account"]);
        assert_eq!(state(site.folder()), before);
    }
}

#[test]
fn foreign_files_block_and_are_never_touched() {
    let places = ["import/notes.txt", "import/job-000/part-00000.json", "account/notes.txt"];
    let more = ["account/manifest.json", "account/rejected-records/a", "import", "account"];
    for name in places.iter().chain(&more) {
        let site = Site::with(&endpoints(10));
        let path = site.folder().join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(&path, "of another").expect("a file");
        for arguments in [&[][..], &["--overwrite"]] {
            assert_exit(site.run().args(arguments), 73);
            assert_eq!(fs::read_to_string(&path).expect("it stays"), "of another");
            assert_eq!(site.left(), [*name]);
        }
        fs::remove_file(&path).expect("it stays");
        assert_exit(&mut site.run(), 0);
        site.check_published();
    }
}

#[test]
fn overwriting_replaces_only_files_of_segprep() {
    let site = published_in_parts();
    for name in ["import/notes.txt", "import/job-000/notes.txt", "account/notes.txt"] {
        let path = site.folder().join(name);
        fs::write(&path, "of another").expect("a file");
        let before = state(site.folder());
        assert_exit_saying(
            site.run().arg("--overwrite"),
            73,
            &["notes.txt", "no manifest of this account"],
        );
        assert_eq!(state(site.folder()), before);
        fs::remove_file(path).expect("it stays");
    }
    assert_exit(site.run().arg("--overwrite"), 0);
    site.check_published();
    assert_eq!(files_below(&site.place.to()).len(), 1);
}

/// A manifest in the account may name any folder, so a run leaves those that its definition does
/// not name.
#[test]
fn overwriting_with_another_output_leaves_the_earlier_parts_and_says_so() {
    let site = published_in_parts();
    let parts = state(&site.place.to());
    let elsewhere = site.folder().join("elsewhere");
    let to = format!("output.0.to={}", toml_text(&elsewhere.to_string_lossy()));
    assert_exit(site.run().args(["--overwrite", "--set", &to]), 0);
    let warnings = site.place.manifest()["warnings"].to_string();
    assert!(
        warnings.contains("import` may hold parts of an earlier run, which stay"),
        "{warnings}"
    );
    assert_eq!(state(&site.place.to()), parts);
    assert_eq!(files_below(&elsewhere).len(), 1);

    // No manifest lists the parts that stayed.
    assert_exit_saying(site.run().arg("--overwrite"), 73, &["no manifest of this account"]);
    assert_eq!(state(&site.place.to()), parts);
    fs::remove_dir_all(site.place.to()).expect("it is there");
    assert_exit(site.run().arg("--overwrite"), 0);
    fs::remove_dir_all(&elsewhere).expect("it is there");
    site.check_published();
}

/// The machine's folders that a forged account names are not touched, with or without parts.
#[test]
fn a_forged_manifest_or_journal_removes_nothing_elsewhere() {
    let forgeries: [(&str, &[&str]); 3] = [
        ("account/manifest.json", &["--overwrite"]),
        ("account/manifest.earlier.json", &[]),
        ("account/.segprep/journal.json", &["--overwrite"]),
    ];
    for (forged, arguments) in forgeries {
        let site = published_in_parts();
        let victim = site.folder().join("victim");
        for name in ["diary.txt", "job-000/part-00000.json", ".segprep/lock"] {
            let path = victim.join(name);
            fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
            fs::write(path, site.folder().join("account").to_string_lossy().as_bytes())
                .expect("a file");
        }
        let empty = site.folder().join("empty");
        fs::create_dir(&empty).expect("a folder");
        let before = state(&victim);

        let mut manifest = site.place.manifest();
        let files = serde_json::json!([
            { "path": "diary.txt", "bytes": 1 }, { "path": "job-000/part-00000.json", "bytes": 1 },
        ]);
        let output = serde_json::json!({ "to": victim, "files": files });
        manifest["outputs"].as_array_mut().expect("a list").push(output);
        let journal = serde_json::json!({
            "segprep_journal": 1, "fingerprint": "f", "overwrite": true, "phase": "publishing",
            "outputs": [{ "to": victim, "work": victim.join(".segprep") }], "made": [empty],
        });
        let text = if forged.ends_with("journal.json") { &journal } else { &manifest };
        let path = site.folder().join(forged);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, text.to_string()).expect("a file");
        if forged.ends_with("earlier.json") {
            manifest["status"] = "over_budget".into();
            fs::write(site.folder().join("account/manifest.json"), manifest.to_string())
                .expect("a file");
        }
        assert_exit(site.run().args(arguments), 0);
        assert_eq!(state(&victim), before, "{forged}");
        assert!(empty.exists(), "{forged}");
    }
}

#[test]
fn an_output_that_is_an_input_through_a_link_is_rejected() {
    let site = Site::with(&endpoints(10));
    let link = site.inputs().join("link");
    fs::create_dir_all(site.place.to()).expect("a folder");
    symlink(site.place.to(), &link).expect("a link");
    assert_exit(&mut site.run(), 0);
    let before = state(site.folder());
    assert_exit_saying(site.run().arg("--overwrite"), 78, &["where the run writes", "`exclude`"]);
    assert_eq!(state(site.folder()), before);
}

#[test]
fn the_same_run_again_changes_nothing() {
    let site = published_in_parts();
    let before = state(site.folder());
    for arguments in [&["--threads", "1"][..], &["--overwrite", "--chunk-bytes", "100"]] {
        let mut command = site.run();
        let output =
            assert_exit(command.args(["--set", "output.0.max_bytes=200 kB"]).args(arguments), 0);
        assert!(String::from_utf8_lossy(&output.stdout).contains("already published"));
        assert_eq!(state(site.folder()), before);
    }
}

#[test]
fn a_published_run_whose_parts_are_lost_is_not_done() {
    for (lose, what) in [(true, "is gone"), (false, "bytes instead of")] {
        let site = published_in_parts();
        let part = site.place.to().join("job-000/part-00001.json");
        let whole = fs::read(&part).expect("a part");
        if lose {
            fs::remove_file(&part).expect("a part");
        } else {
            fs::write(&part, &whole[1..]).expect("a part");
        }
        let before = state(site.folder());
        let again = || {
            let mut command = site.run();
            command.args(["--set", "output.0.max_bytes=200 kB"]);
            command
        };
        let said = ["job-000/part-00001.json` ", what, "manifest.json", "--overwrite"];
        assert_exit_saying(&mut again(), 73, &said);
        assert_eq!(state(site.folder()), before);
        assert_exit(again().arg("--overwrite"), 0);
        assert_eq!(fs::read(&part).expect("a part"), whole);
        site.check_published();
        assert_exit(&mut again(), 0);
    }
}

/// An export that broke off does not replace a whole one, however often it is tried.
#[test]
fn a_run_that_shrinks_too_far_replaces_nothing() {
    let site = Site::with(&endpoints(10));
    let shrink = ["--set", "account.max_shrink=0.5"];
    assert_exit(site.run().args(shrink), 0);
    let part = site.place.to().join("job-000/part-00000.json");
    let whole = fs::read(&part).expect("a part");
    site.input("a.ndjson", &endpoints(4));
    let said = ["4 records would be written, 40.0% of those", "`max_shrink = 0.5`"];
    assert_exit_saying(site.run().args(shrink).arg("--overwrite"), 3, &said);
    let exceeded = json!([{ "budget": "max_shrink", "allowed": 0.5, "found": 0.4 }]);
    for _ in 0..2 {
        assert_eq!(site.place.manifest()["exceeded"], exceeded);
        assert_eq!(fs::read(&part).expect("the earlier part"), whole);
        assert_exit_saying(site.run().args(shrink), 3, &said);
    }
    site.input("a.ndjson", &endpoints(5));
    assert_exit(site.run().args(shrink), 0);
    site.check_published();
    assert_eq!(site.place.manifest()["exceeded"], json!([]));
}

/// Whatever the umask allows, others read nothing, and the group reads only what is published.
#[test]
fn a_generous_umask_opens_nothing_to_others() {
    let site = Site::with(&(endpoints(2) + &rejected(1)));
    let mut shell = Command::new("sh");
    shell.current_dir(env!("CARGO_MANIFEST_DIR"));
    shell.args(["-c", "umask 000; exec \"$@\"", "sh", env!("CARGO_BIN_EXE_segprep")]);
    let mut command = site.run_by(shell);
    command.args(["--set", "account.keep_rejected=true"]);
    assert_exit(&mut command, 0);
    let expected = [
        "0750 import",
        "0750 import/job-000",
        "0640 import/job-000/part-00000.json",
        "0750 account",
        "0640 account/inputs.ndjson",
        "0640 account/manifest.json",
        "0700 account/rejected-records",
        "0600 account/rejected-records/00000-a.ndjson",
        "0640 account/rejects.ndjson",
        "0640 account/report.html",
    ];
    assert_eq!(modes_below(&site, &["import", "account"]), expected);
}

/// The permissions of everything in these folders, as `0640 PATH`, in the order of the paths.
fn modes_below(site: &Site, folders: &[&str]) -> Vec<String> {
    let entries = folders
        .iter()
        .flat_map(|folder| WalkDir::new(site.folder().join(folder)).sort_by_file_name());
    let describe = |entry: walkdir::Result<walkdir::DirEntry>| {
        let entry = entry.expect("no other process changes this folder");
        let name = entry.path().strip_prefix(site.folder()).expect("below it");
        let mode = entry.metadata().expect("it exists").permissions().mode() & 0o7777;
        format!("{mode:04o} {}", name.display())
    };
    entries.map(describe).collect()
}

/// The mode of an output holds whatever the umask, and replaces that of an earlier result.
#[test]
fn parts_have_the_mode_of_their_output() {
    let site = Site::with(&endpoints(2));
    assert_exit(&mut site.run(), 0);
    for (mode, folder, part) in [("0604", "0705", "0604"), ("660", "0770", "0660")] {
        let mut command = site.run();
        command.args(["--overwrite", "--set", &format!("output.0.mode={mode:?}")]);
        assert_exit(&mut command, 0);
        let expected = [
            format!("{folder} import"),
            format!("{folder} import/job-000"),
            format!("{part} import/job-000/part-00000.json"),
        ];
        assert_eq!(modes_below(&site, &["import"]), expected);
        site.check_published();
    }
}

/// In a mount point, whose own permissions stay as they are.
#[test]
fn parts_in_a_mount_point_have_the_mode_of_their_output() {
    with_mounts("places::parts_in_a_mount_point_have_the_mode_of_their_output", || {
        let site = Site::with(&endpoints(2));
        fs::create_dir(site.place.to()).expect("a folder");
        let _mount = Tmpfs::mount(&site.place.to(), "4m");
        let before = modes_below(&site, &["import"]);
        assert_exit(site.run().args(["--set", "output.0.mode=\"0604\""]), 0);
        let parts = ["0705 import/job-000", "0604 import/job-000/part-00000.json"];
        assert_eq!(
            modes_below(&site, &["import"]),
            [&before[..], &parts.map(str::to_owned)].concat()
        );
    });
}

/// The same while it runs and after a kill: staging, lock and journal.
#[test]
fn working_folders_are_for_the_owner_alone() {
    let site = Site::with(&endpoints(20_000));
    let running = site.slow_run();
    for work in [".import.segprep", "account/.segprep"] {
        let mode = fs::metadata(site.folder().join(work)).expect("it exists").permissions().mode();
        assert_eq!(mode & 0o777, 0o700, "{work}");
    }
    let journal = fs::metadata(site.folder().join("account/.segprep/journal.json"));
    assert_eq!(journal.expect("a journal").permissions().mode() & 0o777, 0o600);
    drop(running);
}

#[test]
fn a_run_over_its_budget_blocks_no_later_run() {
    let site = Site::with(&(endpoints(10) + &rejected(10)));
    let account = ["inputs.ndjson", "manifest.json", "rejects.ndjson", "report.html"];
    let account = account.map(|name| format!("account/{name}"));
    let ratio = ["--set", "account.max_reject_ratio=0.4"];
    for _ in 0..2 {
        assert_exit_saying(site.run().args(ratio), 3, &["10 of 20 records were rejected"]);
        assert_eq!(site.left(), account);
        assert_eq!(site.place.manifest()["status"], "over_budget");
        assert_eq!(site.place.rejects().lines().count(), 10);
    }
    assert_exit(&mut site.run(), 0);
    site.check_published();

    // The earlier parts stay, but without a published manifest.
    let parts = state(&site.place.to());
    assert_exit(site.run().args(ratio).arg("--overwrite"), 3);
    assert_eq!(site.place.manifest()["status"], "over_budget");
    assert_eq!(state(&site.place.to()), parts);
    assert_exit(&mut site.run(), 0);
    site.check_published();
}

#[test]
fn a_second_run_at_the_same_time_fails() {
    let site = Site::with(&endpoints(40_000));
    let first = site.slow_run();
    first.while_paused(|| {
        for (setting, place) in [("name", "n"), ("account.to", "other"), ("output.0.to", "other")] {
            let mut second = site.run();
            let place = if setting == "name" { "n".into() } else { site.folder().join(place) };
            set(&mut second, setting, &place);
            assert_exit_saying(second.arg("--overwrite"), 73, &["another run is using"]);
        }
        assert!(!site.folder().join("other").exists());
    });
    first.assert_exit(0);
    site.check_published();
}

#[test]
fn a_link_to_a_folder_is_followed() {
    let site = Site::with(&endpoints(10));
    let real = site.folder().join("real");
    fs::create_dir(&real).expect("a folder");
    symlink("real", site.place.to()).expect("a link");
    assert_exit(&mut site.run(), 0);
    assert!(fs::read_link(site.place.to()).is_ok(), "the link stays");
    assert!(real.join("job-000/part-00000.json").is_file());
    assert_exit(site.run().args(["--overwrite", "--set", "output.0.max_bytes=1 kB"]), 0);
    assert!(fs::read_link(site.place.to()).is_ok(), "the link stays");
    let part = fs::read(real.join("job-000/part-00000.json")).expect("the new part");
    assert!(part.len() <= 1_000, "the part was replaced");
    site.check_parts();
    let hidden = site.left().into_iter().filter(|name| name.contains("segprep")).count();
    assert_eq!(hidden, 0);
}

#[test]
fn a_mount_point_is_filled_part_by_part() {
    with_mounts("places::a_mount_point_is_filled_part_by_part", || {
        let site = Site::with(&(endpoints(2_000) + &rejected(1)));
        fs::create_dir(site.place.to()).expect("a folder");
        let _mounted = Tmpfs::mount(&site.place.to(), "16m");
        let many = ["--set", "output.0.max_bytes=100 kB"];
        assert_exit(site.run().args(many), 0);
        site.check_published();
        assert_exit_saying(&mut site.run(), 73, &["another published run"]);
        assert_exit(site.run().arg("--overwrite"), 0);
        site.check_published();
        // A run over its budget leaves the folder unchanged.
        fs::remove_dir_all(site.place.account()).expect("it was made");
        fs::remove_dir_all(site.place.to().join("job-000")).expect("it was made");
        assert_exit(site.run().args(["--set", "account.max_rejects=0"]), 3);
        assert_eq!(files_below(&site.place.to()), [""; 0].map(std::path::PathBuf::from));
    });
}
