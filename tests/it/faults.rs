//! What fails around a run: disks, permissions, inputs, keys, signals, pipes. Each has its exit
//! code, leaves nothing behind, and does not stand in the way of the next run.

use std::{
    fs::{self, File, OpenOptions, Permissions},
    io::{self, Write},
    os::unix::{fs::PermissionsExt, process::CommandExt},
    path::Path,
    process::{Command, Stdio},
};

use rustix::process::{Signal, geteuid};

use crate::support::program::{segprep, set};
use crate::support::running::{Mounted, Site, endpoints, ends, ends_saying, faulty};

const NOTHING: [&str; 0] = [];

/// The next run is not disturbed by what happened before.
#[track_caller]
fn recovers(site: &Site) {
    ends(&mut site.run(), 0);
    site.check_published();
}

#[test]
fn a_full_disk_ends_the_run() {
    for full in ["output", "account"] {
        // Twenty times what there is room for, as parts or as rejects.
        let site = Site::with(&(endpoints(5_000) + &faulty(10_000)));
        let disk = site.folder().join("disk");
        fs::create_dir(&disk).expect("a folder");
        let Some(mounted) = Mounted::tmpfs(&disk, "64k") else { return };
        let run = || {
            let mut command = site.run();
            match full {
                "output" => set(&mut command, "output.0.to", &disk.join("import")),
                _ => set(&mut command, "account.to", &disk.join("account")),
            }
            command
        };
        ends_saying(&mut run(), 74, &["no space left", "disk/", "make room"]);
        assert_eq!(site.left(), ["disk/"], "{full}");
        mounted.grow("64m");
        ends(&mut run(), 0);
    }
}

/// A quota, told by a limit on the length of files.
#[test]
fn a_limit_on_files_ends_the_run() {
    let site = Site::with(&endpoints(5_000));
    // In blocks of 512 or 1,024 bytes. The first limits hit the lock and the journal.
    for blocks in [0, 1, 2, 100] {
        let mut shell = Command::new("sh");
        shell.args(["-c", &format!("ulimit -f {blocks}; exec \"$0\" \"$@\"")]);
        shell.arg(env!("CARGO_BIN_EXE_segprep"));
        ends_saying(&mut site.run_by(shell), 74, &["too large", &site.folder().to_string_lossy()]);
        assert_eq!(site.left(), NOTHING, "after a limit of {blocks}");
    }
    recovers(&site);
}

/// A command that permissions bind: another user's where the tests are run by the one that none do.
fn bound(site: &Site) -> Command {
    const NOBODY: u32 = 65_534;
    let program = site.folder().join("input/.segprep");
    if !program.exists() {
        // Not by this process: a program that another test starts meanwhile would hold the copy
        // open for writing, and what is written to can't be run.
        let copied = Command::new("cp").arg(env!("CARGO_BIN_EXE_segprep")).arg(&program).status();
        assert!(copied.is_ok_and(|status| status.success()), "others can run a copy");
        allow(site.folder(), 0o777);
    }
    let mut command = Command::new(program);
    command.current_dir(site.folder());
    if geteuid().is_root() {
        command.uid(NOBODY).gid(NOBODY);
    }
    command
}

fn allow(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).expect("it is ours");
}

#[test]
fn what_may_not_be_written_is_told() {
    let site = Site::with(&endpoints(10));
    for (setting, place) in [("output.0.to", "closed/import"), ("account.to", "closed/account")] {
        let closed = site.folder().join("closed");
        fs::create_dir_all(&closed).expect("a folder");
        let mut command = site.run_by(bound(&site));
        set(&mut command, setting, &site.folder().join(place));
        allow(&closed, 0o555);
        ends_saying(&mut command, 77, &["closed", "denied", "permissions"]);
        assert_eq!(site.left(), ["closed/"], "{setting}");
    }
    fs::remove_dir(site.folder().join("closed")).expect("it is empty");

    fs::create_dir(site.place.to()).expect("a folder");
    allow(&site.place.to(), 0o555);
    ends_saying(&mut site.run_by(bound(&site)), 77, &["import", "denied"]);
    assert_eq!(site.left(), ["import/"]);
    allow(&site.place.to(), 0o777);
    ends(&mut site.run_by(bound(&site)), 0);
    site.check_published();
}

#[test]
fn what_may_not_be_read_is_told() {
    let site = Site::with(&endpoints(10));
    let other = site.input("b.ndjson", &endpoints(1));
    allow(&other, 0o000);
    ends_saying(&mut site.run_by(bound(&site)), 77, &["input/b.ndjson", "is not readable"]);
    assert_eq!(site.left(), NOTHING);
    allow(&other, 0o644);

    let folder = site.inputs().join("folder");
    fs::create_dir(&folder).expect("a folder");
    allow(&folder, 0o000);
    ends_saying(&mut site.run_by(bound(&site)), 77, &["input/folder", "is not readable"]);
    assert_eq!(site.left(), NOTHING);
    allow(&folder, 0o755);
    ends(&mut site.run_by(bound(&site)), 0);
    site.check_published();
}

#[test]
fn an_input_that_changes_while_it_is_read_ends_the_run() {
    type Change = fn(&Path);
    let append: Change = |path| {
        let mut file = OpenOptions::new().append(true).open(path).expect("an input");
        file.write_all(b"{}\n").expect("room for it");
    };
    let cut: Change = |path| {
        OpenOptions::new().write(true).open(path).expect("an input").set_len(100_000).expect("it");
    };
    let remove: Change = |path| fs::remove_file(path).expect("an input");
    let replace: Change = |path| {
        fs::remove_file(path).expect("an input");
        fs::create_dir(path).expect("a folder");
    };
    let cases: [(&str, Change, &str, i32, &str); 7] = [
        ("grows", append, "a", 74, "changed"),
        ("shrinks", cut, "a", 74, "changed"),
        ("grows before it is opened", append, "b", 74, "changed"),
        ("shrinks before it is opened", cut, "b", 74, "changed"),
        ("is no file any more", replace, "b", 74, "changed"),
        ("is gone", remove, "b", 66, "does not exist"),
        (
            "is a link to nothing",
            |path| {
                fs::remove_file(path).expect("an input");
                std::os::unix::fs::symlink("nowhere", path).expect("a link");
            },
            "b",
            66,
            "does not exist",
        ),
    ];
    for (what, change, input, code, words) in cases {
        let site = Site::new();
        for name in ["a", "b"] {
            site.input(&format!("{name}.ndjson"), &endpoints(20_000));
        }
        let path = site.inputs().join(format!("{input}.ndjson"));
        let running = site.slow_run();
        running.meanwhile(|| change(&path));
        let output = running.ends(code);
        let messages = crate::support::program::stderr(&output);
        assert!(messages.contains(words) && messages.contains(input), "{what}: {messages}");
        assert_eq!(site.left(), NOTHING, "{what}");
    }
}

/// What is taken away behind an open file is still read whole.
#[test]
fn an_input_that_is_removed_while_it_is_read_is_read_whole() {
    let site = Site::with(&endpoints(20_000));
    let running = site.slow_run();
    running.meanwhile(|| fs::remove_file(site.inputs().join("a.ndjson")).expect("an input"));
    running.ends(0);
    assert_eq!(site.place.manifest()["records"]["written"], 20_000);
}

#[test]
fn no_input_is_told() {
    let site = Site::new();
    ends_saying(&mut site.run(), 66, &["nothing to read"]);
    site.input("empty.csv", "");
    site.input("_SUCCESS", "x");
    site.input(".hidden", "x");
    ends_saying(&mut site.run(), 66, &["nothing to read", "3 files are ignored"]);
    fs::remove_dir_all(site.inputs()).expect("it was made");
    ends_saying(&mut site.run(), 66, &["input", "does not exist"]);
    assert_eq!(site.left(), NOTHING);
}

#[test]
fn a_key_that_is_missing_or_wrong_is_told() {
    const KEY: &str = "hex:000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
    const SHORT: &str = "hex:000102030405060708090a0b0c0d0e0f";
    let site = Site::with(&endpoints(10));
    let file = site.inputs().join(".key");
    let named = format!("{{ from = {:?} }}", format!("file:{}", file.display()));
    let env = "\"env:SEGPREP_KEY_K1\"";
    let checked = "{ from = \"env:SEGPREP_KEY_K1\", check = \"0123456789abcdef\" }";
    let run = |key: &str, variable: Option<&str>| {
        let mut command = site.run();
        command.args(["--set", "keys.current=k1", "--set", &format!("keys.k1={key}")]);
        command.args(["--set", "fields.\"User.UserId\"={ op = \"hmac\", join = \"user\" }"]);
        if let Some(text) = variable {
            command.env("SEGPREP_KEY_K1", text);
        }
        command
    };
    let refused = |key: &str, variable: Option<&str>, words: &str| {
        let output = ends(&mut run(key, variable), 77);
        let messages = crate::support::program::stderr(&output);
        assert!(messages.contains("`k1`") && messages.contains(words), "{words}: {messages}");
        assert!(!messages.contains("0c0d0e0f") && !messages.contains("secret"), "{messages}");
        assert_eq!(site.left(), NOTHING);
    };
    refused(env, None, "SEGPREP_KEY_K1");
    refused(env, Some(""), "`segprep key new`");
    refused(env, Some(SHORT), "32");
    refused(env, Some("a secret"), "`segprep key new`");
    refused(env, Some(&format!("hex:{}", "ab".repeat(32))), "equal");
    refused(checked, Some(KEY), "check value");
    refused(&named, None, ".key");
    fs::write(&file, SHORT).expect("a file");
    refused(&named, None, "32");
    fs::write(&file, [0xff, 0xfe]).expect("a file");
    refused(&named, None, "UTF-8");

    fs::write(&file, format!("{KEY}\n")).expect("a file");
    for (mode, is_told) in [(0o644, true), (0o600, false)] {
        allow(&file, mode);
        ends(run(&named, None).arg("--overwrite"), 0);
        let warnings = site.place.manifest()["warnings"].to_string();
        assert_eq!(warnings.contains("can read"), is_told, "{mode:o}: {warnings}");
        fs::remove_dir_all(site.place.account()).expect("it was made");
        fs::remove_dir_all(site.place.to()).expect("it was made");
    }
}

#[test]
fn a_signal_takes_everything_away() {
    for (signal, code, word) in
        [(Signal::INT, 130, "interrupted"), (Signal::TERM, 143, "terminated")]
    {
        let site = Site::with(&endpoints(40_000));
        let running = site.slow_run();
        running.signal(signal);
        let output = running.ends(code);
        assert!(crate::support::program::stderr(&output).contains(word));
        assert_eq!(site.left(), NOTHING);
        recovers(&site);
    }
}

/// Who closes standard output has read enough.
#[test]
fn a_closed_pipe_is_no_failure() {
    let site = Site::with(&endpoints(10));
    for arguments in [&["--help"][..], &["schema", "endpoint"], &["man"], &["completions", "bash"]]
    {
        let mut command = segprep();
        ends(closed(command.args(arguments)), 0);
    }
    ends(closed(&mut site.run()), 0);
    site.check_published();
}

fn closed(command: &mut Command) -> &mut Command {
    let (reader, writer) = io::pipe().expect("a pipe");
    drop(reader);
    command.stdout(writer)
}

#[test]
fn results_that_cannot_be_printed_are_a_failure() {
    let full = || Stdio::from(File::create("/dev/full").expect("a device"));
    for arguments in [&["--version"][..], &["schema", "endpoint"], &["key", "new"]] {
        let mut command = segprep();
        ends_saying(command.args(arguments).stdout(full()), 74, &["standard output"]);
    }
    // The run itself is done by then.
    let site = Site::with(&endpoints(10));
    ends_saying(site.run().stdout(full()), 74, &["standard output"]);
    site.check_published();
}

/// What can't be said on standard error is not said.
#[test]
fn messages_that_cannot_be_printed_change_nothing() {
    let site = Site::with(&endpoints(10));
    let full = || Stdio::from(File::create("/dev/full").expect("a device"));
    let status = |command: &mut Command| command.stderr(full()).status().expect("it runs").code();
    assert_eq!(status(segprep().args(["run", "nowhere.toml"])), Some(78));
    assert_eq!(status(site.run().stdout(Stdio::null())), Some(0));
    site.check_published();
}

#[test]
fn wrong_command_lines_are_refused() {
    let lines: &[&[&str]] = &[
        &[],
        &["frobnicate"],
        &["run"],
        &["run", "a.toml", "b.toml"],
        &["run", "a.toml", "--threads", "0"],
        &["run", "a.toml", "--threads", "many"],
        &["run", "a.toml", "--chunk-bytes", "-1"],
        &["run", "a.toml", "--date", "today"],
        &["run", "a.toml", "--set", "novalue"],
        &["run", "a.toml", "--no-such-option"],
        &["check"],
        &["key"],
        &["key", "check"],
        &["schema", "nothing"],
        &["completions", "tcl"],
    ];
    for line in lines {
        ends(segprep().args(*line), 64);
    }
}

#[test]
fn a_definition_that_is_none_is_told() {
    let site = Site::new();
    let binary = site.input("binary", "\0\u{1}");
    let folder = site.inputs();
    for path in [Path::new("nowhere.toml"), &folder, &binary, Path::new("/dev/null")] {
        for command in ["run", "check"] {
            ends(segprep().arg(command).arg(path), 78);
        }
    }
    let latin = site.inputs().join("latin");
    fs::write(&latin, b"name = \"caf\xe9\"").expect("a file");
    ends_saying(segprep().arg("check").arg(latin), 78, &["UTF-8", "byte 11"]);
}

/// `timeout` signals its command and then the group: the run cleans up as after one signal.
#[test]
fn a_signal_told_twice_is_one() {
    let site = Site::with(&endpoints(40_000));
    let running = site.slow_run();
    running.meanwhile(|| {
        running.signal(Signal::INT);
        running.signal(Signal::TERM);
    });
    let status = running.status();
    assert!(matches!(status.code(), Some(130 | 143)), "{status}");
    assert_eq!(site.left(), NOTHING);
    recovers(&site);
}
