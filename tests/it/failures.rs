//! What can fail around a run: disks, permissions, inputs, keys, signals, pipes. Each failure has its
//! exit code, leaves no files, and does not block the next run.

use std::{
    fs::{self, OpenOptions, Permissions},
    io::{self, Write},
    os::unix::{
        fs::{FileTypeExt, PermissionsExt},
        process::CommandExt,
    },
    path::Path,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, geteuid, kill_process};

use crate::support::mount::{Tmpfs, with_mounts};
use crate::support::program::{segprep, set, stderr};
use crate::support::running::{Site, assert_exit, assert_exit_saying, endpoints, rejected};

const NOTHING: [&str; 0] = [];

/// Checks that the next run succeeds.
#[track_caller]
fn recovers(site: &Site) {
    assert_exit(&mut site.run(), 0);
    site.check_published();
}

#[test]
fn a_full_disk_ends_the_run() {
    with_mounts("failures::a_full_disk_ends_the_run", || {
        run_on_full_disk("output");
        run_on_full_disk("account");
    });
}

/// Runs with the output or the account on a disk that is too small.
fn run_on_full_disk(full: &str) {
    // Twenty times the size of the disk, both as parts and as rejects.
    let site = Site::with(&(endpoints(5_000) + &rejected(10_000)));
    let disk = site.folder().join("disk");
    fs::create_dir(&disk).expect("a folder");
    let small = Tmpfs::mount(&disk, "64k");
    let run = || {
        let mut command = site.run();
        match full {
            "output" => set(&mut command, "output.0.to", &disk.join("import")),
            _ => set(&mut command, "account.to", &disk.join("account")),
        }
        command
    };
    assert_exit_saying(&mut run(), 74, &["no space left", "disk/", "free some space"]);
    assert_eq!(site.left(), ["disk/"], "{full}");
    drop(small);
    let _large = Tmpfs::mount(&disk, "64m");
    assert_exit(&mut run(), 0);
}

/// A limit on the length of files fails like a quota.
#[test]
fn a_limit_on_file_length_ends_the_run() {
    let site = Site::with(&endpoints(5_000));
    // In blocks of 512 or 1,024 bytes. The smallest limits affect the lock and the journal.
    for blocks in [0, 1, 2, 100] {
        let mut shell = Command::new("sh");
        shell.args(["-c", &format!("ulimit -f {blocks}; exec \"$0\" \"$@\"")]);
        shell.arg(env!("CARGO_BIN_EXE_segprep"));
        assert_exit_saying(
            &mut site.run_by(shell),
            74,
            &["too large", &site.folder().to_string_lossy()],
        );
        assert_eq!(site.left(), NOTHING, "after a limit of {blocks}");
    }
    recovers(&site);
}

/// A block may have thousands of small parts: they are not all open at once.
#[test]
fn small_parts_need_few_descriptors() {
    for digest in ["sha256", "crc64nvme"] {
        let site = Site::with(&endpoints(3_000));
        let mut shell = Command::new("sh");
        shell.args(["-c", "ulimit -n 256; exec \"$0\" \"$@\""]);
        shell.arg(env!("CARGO_BIN_EXE_segprep"));
        let mut run = site.run_by(shell);
        run.args(["--set", "output.0.max_bytes=400", "--threads", "5"]);
        run.args(["--set", &format!("output.0.digest=\"{digest}\"")]);
        assert_exit(&mut run, 0);
        let parts = fs::read_dir(site.folder().join("import/job-000")).expect("a folder").count();
        assert!(500 < parts, "{parts}");
    }
}

/// A command that is subject to permissions: if the tests run as root, it runs as another user.
fn unprivileged(site: &Site) -> Command {
    const NOBODY: u32 = 65_534;
    let program = site.folder().join("input/.segprep");
    if !program.exists() {
        // `cp` and not this process makes the copy. A process that another test starts at the same
        // time would inherit the open file, and a file open for writing can't be executed.
        let copied = Command::new("cp").arg(env!("CARGO_BIN_EXE_segprep")).arg(&program).status();
        assert!(copied.is_ok_and(|status| status.success()), "the program can be copied");
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
    fs::set_permissions(path, Permissions::from_mode(mode)).expect("a file of this user");
}

#[test]
fn a_place_without_write_permission_ends_the_run() {
    let site = Site::with(&endpoints(10));
    for (setting, place) in [("output.0.to", "closed/import"), ("account.to", "closed/account")] {
        let closed = site.folder().join("closed");
        fs::create_dir_all(&closed).expect("a folder");
        let mut command = site.run_by(unprivileged(&site));
        set(&mut command, setting, &site.folder().join(place));
        allow(&closed, 0o555);
        assert_exit_saying(&mut command, 77, &["closed", "denied", "permissions"]);
        assert_eq!(site.left(), ["closed/"], "{setting}");
    }
    fs::remove_dir(site.folder().join("closed")).expect("it is empty");

    fs::create_dir(site.place.to()).expect("a folder");
    allow(&site.place.to(), 0o555);
    assert_exit_saying(&mut site.run_by(unprivileged(&site)), 77, &["import", "denied"]);
    assert_eq!(site.left(), ["import/"]);
    allow(&site.place.to(), 0o777);
    assert_exit(&mut site.run_by(unprivileged(&site)), 0);
    site.check_published();
}

#[test]
fn an_input_without_read_permission_ends_the_run() {
    let site = Site::with(&endpoints(10));
    let other = site.input("b.ndjson", &endpoints(1));
    allow(&other, 0o000);
    assert_exit_saying(
        &mut site.run_by(unprivileged(&site)),
        77,
        &["input/b.ndjson", "is not readable"],
    );
    assert_eq!(site.left(), NOTHING);
    allow(&other, 0o644);

    let folder = site.inputs().join("folder");
    fs::create_dir(&folder).expect("a folder");
    allow(&folder, 0o000);
    assert_exit_saying(
        &mut site.run_by(unprivileged(&site)),
        77,
        &["input/folder", "is not readable"],
    );
    assert_eq!(site.left(), NOTHING);
    allow(&folder, 0o755);
    assert_exit(&mut site.run_by(unprivileged(&site)), 0);
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
        let file = OpenOptions::new().write(true).open(path).expect("an input");
        file.set_len(100_000).expect("it can be shortened");
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
        ("becomes a folder", replace, "b", 74, "changed"),
        ("is removed", remove, "b", 66, "does not exist"),
        (
            "becomes a broken link",
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
        running.while_paused(|| change(&path));
        let output = running.assert_exit(code);
        let messages = stderr(&output);
        assert!(messages.contains(words) && messages.contains(input), "{what}: {messages}");
        assert_eq!(site.left(), NOTHING, "{what}");
    }
}

/// An open file can be read to its end after it was removed.
#[test]
fn an_input_removed_while_it_is_read_is_read_to_the_end() {
    let site = Site::with(&endpoints(20_000));
    let running = site.slow_run();
    running.while_paused(|| fs::remove_file(site.inputs().join("a.ndjson")).expect("an input"));
    running.assert_exit(0);
    assert_eq!(site.place.manifest()["records"]["written"], 20_000);
}

#[test]
fn a_run_without_inputs_fails() {
    let site = Site::new();
    assert_exit_saying(&mut site.run(), 66, &["nothing to read"]);
    site.input("empty.csv", "");
    site.input("_SUCCESS", "x");
    site.input(".hidden", "x");
    assert_exit_saying(&mut site.run(), 66, &["nothing to read", "3 files are ignored"]);
    fs::remove_dir_all(site.inputs()).expect("it was made");
    assert_exit_saying(&mut site.run(), 66, &["input", "does not exist"]);
    assert_eq!(site.left(), NOTHING);
}

#[test]
fn a_missing_or_invalid_key_ends_the_run() {
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
    let fails = |key: &str, variable: Option<&str>, words: &str| {
        let output = assert_exit(&mut run(key, variable), 77);
        let messages = stderr(&output);
        assert!(messages.contains("`k1`") && messages.contains(words), "{words}: {messages}");
        assert!(!messages.contains("0c0d0e0f") && !messages.contains("secret"), "{messages}");
        assert_eq!(site.left(), NOTHING);
    };
    fails(env, None, "SEGPREP_KEY_K1");
    fails(env, Some(""), "`segprep key new`");
    fails(env, Some(SHORT), "32");
    fails(env, Some("a secret"), "`segprep key new`");
    fails(env, Some(&format!("hex:{}", "ab".repeat(32))), "equal");
    fails(checked, Some(KEY), "check value");
    fails(&named, None, ".key");
    fs::write(&file, SHORT).expect("a file");
    fails(&named, None, "32");
    fs::write(&file, [0xff, 0xfe]).expect("a file");
    fails(&named, None, "UTF-8");

    fs::write(&file, format!("{KEY}\n")).expect("a file");
    for (mode, is_warned) in [(0o644, true), (0o600, false)] {
        allow(&file, mode);
        assert_exit(run(&named, None).arg("--overwrite"), 0);
        let warnings = site.place.manifest()["warnings"].to_string();
        assert_eq!(warnings.contains("can read"), is_warned, "{mode:o}: {warnings}");
        fs::remove_dir_all(site.place.account()).expect("it was made");
        fs::remove_dir_all(site.place.to()).expect("it was made");
    }
}

#[test]
fn a_signal_leaves_nothing() {
    for (signal, code, word) in
        [(Signal::INT, 130, "interrupted"), (Signal::TERM, 143, "terminated")]
    {
        let site = Site::with(&endpoints(40_000));
        let running = site.slow_run();
        running.signal(signal);
        let output = running.assert_exit(code);
        assert!(stderr(&output).contains(word));
        assert_eq!(site.left(), NOTHING);
        recovers(&site);
    }
}

/// Nothing can interrupt a write to a pipe that is full. The process ends nevertheless.
#[test]
fn a_signal_ends_a_run_whose_messages_nobody_reads() {
    const PIPE: usize = 64 << 10;
    let (_reader, mut writer) = io::pipe().expect("a pipe");
    writer.write_all(&vec![b'\n'; PIPE]).expect("it is as large as that");
    let site = Site::with(&endpoints(40_000));
    let mut child = site.run().args(["--quiet", "--chunk-bytes", "4096"]).stderr(writer).spawn();
    let child = child.as_mut().expect("it runs");
    while !site.staged_part().exists() {
        assert_eq!(child.try_wait().expect("a child"), None, "the run ended too early");
        thread::sleep(Duration::from_millis(1));
    }
    let begun = Instant::now();
    kill_process(Pid::from_child(child), Signal::TERM).expect("it runs");
    assert_eq!(child.wait().expect("it ends").code(), Some(143));
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    assert_eq!(site.left(), NOTHING);
}

/// A reader that closes the pipe, such as `head`, has read enough.
#[test]
fn a_closed_pipe_is_not_an_error() {
    let site = Site::with(&endpoints(10));
    for arguments in [&["--help"][..], &["schema", "endpoint"], &["man"], &["completions", "bash"]]
    {
        let mut command = segprep();
        assert_exit(closed(command.args(arguments)), 0);
    }
    assert_exit(closed(&mut site.run()), 0);
    site.check_published();
}

fn closed(command: &mut Command) -> &mut Command {
    let (reader, writer) = io::pipe().expect("a pipe");
    drop(reader);
    command.stdout(writer)
}

fn full_device() -> Stdio {
    let device = OpenOptions::new().write(true).open("/dev/full").expect("a device");
    let kind = device.metadata().expect("it is open").file_type();
    assert!(kind.is_char_device(), "/dev/full was replaced by a file");
    Stdio::from(device)
}

#[test]
fn results_that_cannot_be_printed_are_an_error() {
    for arguments in [&["--version"][..], &["schema", "endpoint"], &["key", "new"]] {
        let mut command = segprep();
        assert_exit_saying(command.args(arguments).stdout(full_device()), 74, &["standard output"]);
    }
    // What a run has published stands, so this is a warning.
    let site = Site::with(&endpoints(10));
    let words = ["warning", "standard output", "the result stands"];
    assert_exit_saying(site.run().stdout(full_device()), 0, &words);
    site.check_published();
    assert_exit_saying(site.run().stdout(full_device()), 0, &words);
    let refused = Site::with(&(endpoints(10) + &rejected(10)));
    let mut refused = refused.run();
    refused.args(["--set", "account.max_rejects=0"]).stdout(full_device());
    assert_exit_saying(&mut refused, 3, &words);
    assert_exit_saying(site.run().arg("--dry-run").stdout(full_device()), 74, &["standard output"]);
}

/// Messages that can't be written to standard error are lost.
#[test]
fn messages_that_cannot_be_printed_are_ignored() {
    let site = Site::with(&endpoints(10));
    let status =
        |command: &mut Command| command.stderr(full_device()).status().expect("it runs").code();
    assert_eq!(status(segprep().args(["run", "nowhere.toml"])), Some(78));
    assert_eq!(status(site.run().stdout(Stdio::null())), Some(0));
    site.check_published();
}

#[test]
fn invalid_command_lines_are_rejected() {
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
        assert_exit(segprep().args(*line), 64);
    }
}

#[test]
fn a_file_that_is_not_a_definition_is_rejected() {
    let site = Site::new();
    let binary = site.input("binary", "\0\u{1}");
    let folder = site.inputs();
    for path in [Path::new("nowhere.toml"), &folder, &binary, Path::new("/dev/null")] {
        for command in ["run", "check"] {
            assert_exit(segprep().arg(command).arg(path), 78);
        }
    }
    let latin = site.inputs().join("latin");
    fs::write(&latin, b"name = \"caf\xe9\"").expect("a file");
    assert_exit_saying(segprep().arg("check").arg(latin), 78, &["UTF-8", "byte 11"]);
}

/// `timeout` signals its command and then the process group. The run cleans up as after one signal.
#[test]
fn a_second_signal_changes_nothing() {
    let site = Site::with(&endpoints(40_000));
    let running = site.slow_run();
    running.while_paused(|| {
        running.signal(Signal::INT);
        running.signal(Signal::TERM);
    });
    let status = running.status();
    assert!(matches!(status.code(), Some(130 | 143)), "{status}");
    assert_eq!(site.left(), NOTHING);
    recovers(&site);
}
