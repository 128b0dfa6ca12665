//! Whatever an input holds, a run takes no more memory than `segprep check` says, and no more time
//! than the input's length asks for.
//!
//! A case is an input that makes one thing as large as it can be. Runs are dry: what they would
//! write has nothing to do with it.

use std::{
    fmt::Write as _,
    fs::{self, File},
    io::Write as _,
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use flate2::write::GzEncoder;
use serde_json::Value;

use crate::program::{segprep, toml_text};
use crate::running::Site;

/// Each case takes about a second; one that takes this long has work that grows by its square.
const PATIENCE: Duration = Duration::from_secs(30);

struct Case {
    about: &'static str,
    /// Writes the inputs.
    write: fn(&Path),
    settings: &'static [&'static str],
    exit: i32,
}

const HMAC: &[&str] = &[
    "keys.current=demo",
    "keys.demo=demo:",
    "fields.\"Attributes.*\"={ op = \"hmac\" }",
    "fields.\"User.UserAttributes.*\"={ op = \"hmac\" }",
];

const PARQUET: &[&str] = &["output.0.format=parquet"];

const CASES: &[Case] = &[
    Case {
        about: "nothing special",
        write: |to| put(to, &crate::running::endpoints(20_000)),
        settings: &[],
        exit: 0,
    },
    Case {
        about: "one line of JSON that does not end",
        write: |to| endless(to, "{\"Address\":\""),
        settings: &[],
        exit: 3,
    },
    Case {
        about: "one line of CSV that does not end",
        write: |to| endless(to, "Address,ChannelType\n"),
        settings: &[],
        exit: 3,
    },
    Case {
        about: "a quote that does not end",
        write: |to| endless(to, "Address,ChannelType\n\""),
        settings: &[],
        exit: 3,
    },
    Case {
        about: "a header that does not end",
        write: |to| endless(to, "Address,ChannelType"),
        settings: &["input.format=csv"],
        exit: 65,
    },
    Case {
        about: "records of two bytes",
        write: |to| put(to, &"{}\n".repeat(1_000_000)),
        settings: &[],
        exit: 3,
    },
    Case {
        about: "lines of nothing before a header",
        write: |to| put(to, &("\n".repeat(1_000_000) + "Address,ChannelType\na@b.cc,EMAIL\n")),
        settings: &["input.format=csv"],
        exit: 0,
    },
    Case {
        about: "arrays in arrays",
        write: |to| put(to, &nested("[", "", "]").repeat(10)),
        settings: &[],
        exit: 3,
    },
    Case {
        about: "objects in objects",
        write: |to| put(to, &nested("{\"a\":", "1", "}").repeat(5)),
        settings: &[],
        exit: 3,
    },
    Case {
        about: "a list of short values that become tokens",
        write: |to| records(to, "\"Attributes\":{\"a\":[", |_, _| "\"x\"".to_owned(), "]}"),
        settings: HMAC,
        exit: 3,
    },
    Case {
        about: "a list of short values that become a long text",
        write: |to| records(to, "\"Attributes\":{\"a\":[", |_, _| "\"x\"".to_owned(), "]}"),
        settings: &[concat!(
            "fields.\"Attributes.*\"={ op = \"redact\", text = \"",
            "a text that is longer than what it stands for, and that is written again and again\" }"
        )],
        exit: 3,
    },
    Case {
        about: "a list of short values that become long texts by turns",
        write: |to| {
            let value = |_, number| format!("\"{}\"", number % 2);
            records(to, "\"Attributes\":{\"a\":[", value, "]}");
        },
        settings: &[concat!(
            "fields.\"Attributes.*\"={ op = \"map\", other = \"",
            "a text that is longer than what it stands for, and that is written again and again",
            "\", table = { 0 = \"",
            "another text that is longer than what it stands for, and that is written by turns",
            "\" } }"
        )],
        exit: 3,
    },
    Case {
        about: "a list of numbers, each of the wrong type",
        write: |to| records(to, "\"Attributes\":{\"a\":[", |_, _| "1".to_owned(), "]}"),
        settings: &[],
        exit: 3,
    },
    Case {
        about: "names that no other record has, of values that become tokens",
        write: |to| {
            let entry = |record, number| format!("\"{record}{number:x}\":[\"x\"]");
            records(to, "\"Attributes\":{", entry, "}");
        },
        settings: HMAC,
        exit: 3,
    },
    Case {
        about: "names of numbers",
        write: |to| records(to, "\"Metrics\":{", |_, number| format!("\"{number:x}\":1"), "}"),
        settings: &[],
        exit: 3,
    },
    Case {
        about: "unknown names that are left out",
        write: |to| records(to, "", |record, number| format!("\"n{record}{number:x}\":1"), ""),
        settings: &[],
        exit: 0,
    },
    Case {
        about: "unknown names that are rejected",
        write: |to| records(to, "", |_, number| format!("\"n{number:x}\":1"), ""),
        settings: &["input.unknown=reject"],
        exit: 3,
    },
    Case {
        about: "one name again and again",
        write: |to| records(to, "\"Attributes\":{", |_, _| "\"a\":[]".to_owned(), "}"),
        settings: &[],
        exit: 3,
    },
    Case {
        about: "many names, each twice",
        write: |to| {
            records(to, "\"Attributes\":{", |_, number| format!("\"{:x}\":[]", number / 2), "}");
        },
        settings: &[],
        exit: 3,
    },
    Case {
        about: "control characters, which JSON writes six times as long",
        write: |to| {
            let row = format!("\"{}\",EMAIL\n", "\u{1}".repeat(1_000_000));
            put(to, &("Address,ChannelType\n".to_owned() + &row.repeat(4)));
        },
        settings: &[],
        exit: 3,
    },
    Case {
        about: "cells of one character that become tokens",
        write: |to| put(to, &wide("Attributes.a", 250, 4_000)),
        settings: HMAC,
        exit: 3,
    },
    Case {
        about: "as many columns as may be",
        write: |to| put(to, &wide("User.UserAttributes.", 16_382, 30)),
        settings: HMAC,
        exit: 3,
    },
    Case {
        about: "more columns than may be",
        write: |to| put(to, &wide("Attributes.a", 20_000, 10)),
        settings: &[],
        exit: 65,
    },
    Case {
        about: "a header of delimiters",
        write: |to| put(to, &("Address".to_owned() + &",".repeat(1_000_000) + "\n")),
        settings: &[],
        exit: 65,
    },
    Case {
        about: "many files with many columns each",
        write: |to| {
            for number in 0..20 {
                put(&to.with_extension(number.to_string()), &wide("zz", 16_382, 1));
            }
        },
        settings: &["input.unknown=drop"],
        exit: 0,
    },
    Case {
        about: "by columns: as many short numbers as a record may have",
        write: |to| put(to, &many("\"Metrics\":{", |number| format!("\"{number:x}\":1"))),
        settings: PARQUET,
        exit: 0,
    },
    Case {
        about: "by columns: as many empty texts as a record may have",
        write: |to| put(to, &many("\"Attributes\":{", |number| format!("\"{number:x}\":[\"\"]"))),
        settings: PARQUET,
        exit: 0,
    },
    Case {
        about: "by columns: as many empty lists as a record may have,",
        write: |to| put(to, &many("\"Attributes\":{", |number| format!("\"{number:x}\":[]"))),
        settings: PARQUET,
        exit: 0,
    },
    Case {
        about: "by columns: records of few bytes",
        write: |to| put(to, &"{\"Id\":\"a\"}\n".repeat(1_000_000)),
        settings: PARQUET,
        exit: 0,
    },
    Case {
        about: "by columns: rejects",
        write: |to| put(to, &"{\"Id\":7}\n".repeat(500_000)),
        settings: PARQUET,
        exit: 3,
    },
    Case {
        about: "an item of an array that does not end",
        write: |to| endless(to, "[{\"Id\":\""),
        settings: &[],
        exit: 3,
    },
    Case {
        about: "an object over lines that does not end",
        write: |to| endless(to, "{\n\"Id\":"),
        settings: &[],
        exit: 3,
    },
    Case {
        about: "text after an array that does not end",
        write: |to| endless(to, "[]"),
        settings: &[],
        exit: 3,
    },
    Case {
        about: "white space in an array",
        write: |to| put(to, &("[".to_owned() + &" ".repeat(50_000_000) + "{\"Id\":\"a\"}]")),
        settings: &[],
        exit: 0,
    },
    Case {
        about: "many archives side by side, each of a line that does not end",
        write: |to| {
            let archive = gzip(&vec![b'x'; 60_000_000]);
            for number in 0..4 {
                fs::write(to.with_extension(number.to_string()), &archive).expect("an input");
            }
        },
        settings: &["input.format=json"],
        exit: 3,
    },
];

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(text).expect("memory");
    encoder.finish().expect("memory")
}

#[test]
fn no_input_takes_more_than_check_says() {
    let faults: Vec<String> = CASES.iter().filter_map(fault_of).collect();
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
}

#[expect(clippy::print_stdout, reason = "the figures are what a reader of the test wants")]
fn fault_of(case: &Case) -> Option<String> {
    let site = Site::new();
    (case.write)(&site.inputs().join("a"));
    let bound = bound(&site, case);
    let mut command = segprep();
    command.args(["run", "--dry-run", "--quiet"]);
    let command = command.stdout(Stdio::null()).stderr(Stdio::null());
    let begun = Instant::now();
    let (peak, exit) = peak(set(command, &site, case).spawn().expect("the program runs"));
    let took = begun.elapsed();
    let about = case.about;
    println!("{about}: {} of {} KiB in {took:.1?}", peak >> 10, bound >> 10);
    if exit != Some(case.exit) {
        return Some(format!("{about}: ends with {exit:?}"));
    }
    if PATIENCE < took {
        return Some(format!("{about}: takes {took:.1?}"));
    }
    // The program alone takes more than a MiB: less means that nothing was measured.
    let is_fine = (1 << 20..=bound).contains(&peak);
    (!is_fine).then(|| format!("{about}: takes {peak} bytes, and should take {bound} at most"))
}

/// What the program says that a run of the case may take, in bytes.
fn bound(site: &Site, case: &Case) -> u64 {
    let mut command = segprep();
    let output = set(command.args(["check", "--json"]), site, case).output();
    let text = output.expect("the program runs").stdout;
    let check: Value = serde_json::from_slice(&text).expect("one event");
    check["memory_bytes"].as_u64().expect("the bound")
}

fn set<'c>(command: &'c mut Command, site: &Site, case: &Case) -> &'c mut Command {
    let from = toml_text(&site.inputs().to_string_lossy());
    command.arg("tests/hostile/definition.toml");
    command.arg("--set").arg(format!("input.from=[{from}]")).args(["--set", "run.threads=2"]);
    command.args(case.settings.iter().flat_map(|setting| ["--set", setting]))
}

/// The most memory that a process has had in bytes, and how it ended. What it takes in its last
/// millisecond may be missed.
fn peak(mut child: Child) -> (u64, Option<i32>) {
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    loop {
        let text = fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
        peak = peak.max(kib.unwrap_or(0) * 1024);
        if let Some(status) = child.try_wait().expect("it is ours") {
            return (peak, status.code());
        }
        thread::sleep(Duration::from_millis(1));
    }
}

fn put(to: &Path, text: &str) {
    fs::write(to, text).expect("an input");
}

/// A beginning, and 300 MB of zeros that take no room on disk.
fn endless(to: &Path, beginning: &str) {
    let mut file = File::create(to).expect("an input");
    file.write_all(beginning.as_bytes()).expect("room for it");
    file.set_len(300_000_000).expect("a file with a hole");
}

/// A record with values of that form in one another.
fn nested(open: &str, inside: &str, close: &str) -> String {
    const DEPTH: usize = 100_000;
    let (open, close) = (open.repeat(DEPTH), close.repeat(DEPTH));
    format!("{{\"Attributes\":{open}{inside}{close}}}\n")
}

/// Six endpoints of almost the most that a record may have: as many items as there is room for.
fn records(to: &Path, before: &str, item: fn(usize, usize) -> String, after: &str) {
    const RECORD_BYTES: usize = (1 << 20) - 100;
    let mut text = String::new();
    for record in 0..6 {
        let start = text.len();
        write!(text, "{{\"ChannelType\":\"EMAIL\",\"Address\":\"a@b.cc\",{before}").expect("room");
        for number in 0.. {
            let item = item(record, number);
            if RECORD_BYTES < text.len() - start + item.len() {
                break;
            }
            write!(text, "{}{item}", if number == 0 { "" } else { "," }).expect("room");
        }
        writeln!(text, "{after}}}").expect("room");
    }
    put(to, &text);
}

/// Some ten thousand endpoints, each with as many names of a map as there may be.
fn many(before: &str, item: fn(usize) -> String) -> String {
    let items: Vec<String> = (0..250).map(item).collect();
    let record = format!(
        "{{\"ChannelType\":\"EMAIL\",\"Address\":\"a@b.cc\",{before}{}}}}}\n",
        items.join(",")
    );
    record.repeat(40_000_000 * 2 / record.len())
}

/// CSV with so many columns of a map, each of its own name, and so many rows.
fn wide(name: &str, columns: usize, rows: usize) -> String {
    let mut text = "Address,ChannelType".to_owned();
    for column in 0..columns {
        write!(text, ",{name}{column:x}").expect("room");
    }
    let row = format!("\na@b.cc,EMAIL{}", ",x".repeat(columns));
    text + &row.repeat(rows) + "\n"
}
