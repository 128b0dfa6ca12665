//! Whatever is in an input, a run uses no more memory than `segprep check` says, and its time is linear
//! in the length of the input.
//!
//! Each case is an input that makes one thing as large as possible. Runs are dry, since writing uses
//! no memory of its own.

mod grid;

use std::{
    fmt::Write as _,
    fs::{self, File},
    io::Write as _,
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use serde_json::Value;

use crate::support::program::{gzip, segprep, toml_text};
use crate::support::running::Site;

/// Each case takes about a second of a processor. One that takes this long is not linear.
const CPU_MAX: Duration = Duration::from_secs(30);

struct Case {
    about: &'static str,
    /// Writes the inputs.
    write: fn(&Path),
    settings: &'static [&'static str],
    exit: i32,
}

const fn case(
    about: &'static str,
    write: fn(&Path),
    settings: &'static [&'static str],
    exit: i32,
) -> Case {
    Case { about, write, settings, exit }
}

const HMAC: &[&str] = &[
    "keys.current=demo",
    "keys.demo=demo:",
    "fields.\"Attributes.*\"={ op = \"hmac\" }",
    "fields.\"User.UserAttributes.*\"={ op = \"hmac\" }",
];

/// Sixteen endpoints of a row.
const ENDPOINTS: &[&str] = &[
    "keys.current=demo",
    "keys.demo=demo:",
    "fields.\"User.UserAttributes.*\"={ op = \"hmac\" }",
    concat!(
        "input.endpoint=[",
        "{address='m0',constants={ChannelType='EMAIL'}},",
        "{address='m1',constants={ChannelType='EMAIL'}},",
        "{address='m2',constants={ChannelType='EMAIL'}},",
        "{address='m3',constants={ChannelType='EMAIL'}},",
        "{address='m4',constants={ChannelType='EMAIL'}},",
        "{address='m5',constants={ChannelType='EMAIL'}},",
        "{address='m6',constants={ChannelType='EMAIL'}},",
        "{address='m7',constants={ChannelType='EMAIL'}},",
        "{address='m8',constants={ChannelType='EMAIL'}},",
        "{address='m9',constants={ChannelType='EMAIL'}},",
        "{address='ma',constants={ChannelType='EMAIL'}},",
        "{address='mb',constants={ChannelType='EMAIL'}},",
        "{address='mc',constants={ChannelType='EMAIL'}},",
        "{address='md',constants={ChannelType='EMAIL'}},",
        "{address='me',constants={ChannelType='EMAIL'}},",
        "{address='mf',constants={ChannelType='EMAIL'}},",
        "]"
    ),
];

const PARQUET: &[&str] = &["output.0.format=parquet"];

const CASES: &[Case] = &[
    case("ordinary records", |to| put(to, &crate::support::running::endpoints(20_000)), &[], 0),
    case("one line of JSON that does not end", |to| endless(to, "{\"Address\":\""), &[], 3),
    case("one line of CSV that does not end", |to| endless(to, "Address,ChannelType\n"), &[], 3),
    case("a quote that does not end", |to| endless(to, "Address,ChannelType\n\""), &[], 3),
    case(
        "a header that does not end",
        |to| endless(to, "Address,ChannelType"),
        &["input.format=csv"],
        65,
    ),
    case("records of two bytes", |to| put(to, &"{}\n".repeat(1_000_000)), &[], 3),
    case(
        "empty lines before a header",
        |to| put(to, &("\n".repeat(1_000_000) + "Address,ChannelType\na@b.cc,EMAIL\n")),
        &["input.format=csv"],
        0,
    ),
    case("arrays in arrays", |to| put(to, &nested("[", "", "]").repeat(10)), &[], 3),
    case("objects in objects", |to| put(to, &nested("{\"a\":", "1", "}").repeat(5)), &[], 3),
    case("a list of short values that become tokens", short_values, HMAC, 3),
    case(
        "a list of short values that become a long text",
        short_values,
        &[concat!(
            "fields.\"Attributes.*\"={ op = \"redact\", text = \"",
            "a text that is longer than what it stands for, and that is written again and again\" }"
        )],
        3,
    ),
    case(
        "a list of short values that become long texts in turn",
        |to| {
            let value = |_, number| format!("\"{}\"", number % 2);
            records(to, "\"Attributes\":{\"a\":[", value, "]}");
        },
        &[concat!(
            "fields.\"Attributes.*\"={ op = \"map\", other = \"",
            "a text that is longer than what it stands for, and that is written again and again",
            "\", table = { 0 = \"",
            "another text that is longer than what it stands for, and that is written in turn",
            "\" } }"
        )],
        3,
    ),
    case(
        "a list of numbers, each of the wrong type",
        |to| records(to, "\"Attributes\":{\"a\":[", |_, _| "1".to_owned(), "]}"),
        &[],
        3,
    ),
    case(
        "names that no other record has, with values that become tokens",
        |to| {
            let entry = |record, number| format!("\"{record}{number:x}\":[\"x\"]");
            records(to, "\"Attributes\":{", entry, "}");
        },
        HMAC,
        3,
    ),
    case(
        "names of numbers",
        |to| records(to, "\"Metrics\":{", |_, number| format!("\"{number:x}\":1"), "}"),
        &[],
        3,
    ),
    case(
        "unknown names that are dropped",
        |to| records(to, "", |record, number| format!("\"n{record}{number:x}\":1"), ""),
        &[],
        0,
    ),
    case(
        "unknown names that are rejected",
        |to| records(to, "", |_, number| format!("\"n{number:x}\":1"), ""),
        &["input.unknown=reject"],
        3,
    ),
    case(
        "one name repeated",
        |to| records(to, "\"Attributes\":{", |_, _| "\"a\":[]".to_owned(), "}"),
        &[],
        3,
    ),
    case(
        "many names, each twice",
        |to| {
            records(to, "\"Attributes\":{", |_, number| format!("\"{:x}\":[]", number / 2), "}");
        },
        &[],
        3,
    ),
    case(
        "control characters, which are six times as long in JSON",
        |to| {
            let row = format!("\"{}\",EMAIL\n", "\u{1}".repeat(1_000_000));
            put(to, &("Address,ChannelType\n".to_owned() + &row.repeat(4)));
        },
        &[],
        3,
    ),
    case(
        "cells of one character that become tokens",
        |to| put(to, &wide("Attributes.a", 250, 4_000)),
        HMAC,
        3,
    ),
    case(
        "the maximum number of columns",
        |to| put(to, &wide("User.UserAttributes.", 16_382, 30)),
        HMAC,
        3,
    ),
    case(
        "rows with sixteen endpoints and the maximum number of columns, in many files",
        |to| {
            let row = "a@b.cc,".repeat(16) + &"x,".repeat(16_366) + "x\n";
            let addresses = (0..16).map(|number| format!("m{number:x}"));
            let others = (0..16_367).map(|number| format!("User.UserAttributes.{number:x}"));
            let header: Vec<String> = addresses.chain(others).collect();
            let text = header.join(",") + "\n" + &row;
            for number in 0..4 {
                put(&to.with_extension(number.to_string()), &text);
            }
        },
        ENDPOINTS,
        3,
    ),
    case("too many columns", |to| put(to, &wide("Attributes.a", 20_000, 10)), &[], 65),
    case(
        "a header of delimiters",
        |to| put(to, &("Address".to_owned() + &",".repeat(1_000_000) + "\n")),
        &[],
        65,
    ),
    case(
        "many files with many columns each",
        |to| {
            for number in 0..20 {
                put(&to.with_extension(number.to_string()), &wide("zz", 16_382, 1));
            }
        },
        &["input.unknown=drop"],
        0,
    ),
    case(
        "Parquet: the maximum number of short numbers per record",
        |to| put(to, &many("\"Metrics\":{", |number| format!("\"{number:x}\":1"))),
        PARQUET,
        0,
    ),
    case(
        "Parquet: the maximum number of empty texts per record",
        |to| put(to, &many("\"Attributes\":{", |number| format!("\"{number:x}\":[\"\"]"))),
        PARQUET,
        0,
    ),
    case(
        "Parquet: the maximum number of empty lists per record",
        |to| put(to, &many("\"Attributes\":{", |number| format!("\"{number:x}\":[]"))),
        PARQUET,
        0,
    ),
    case(
        "Parquet: records of few bytes",
        |to| put(to, &"{\"Id\":\"a\"}\n".repeat(1_000_000)),
        PARQUET,
        0,
    ),
    case("Parquet: rejects", |to| put(to, &"{\"Id\":7}\n".repeat(500_000)), PARQUET, 3),
    case("an item of an array that does not end", |to| endless(to, "[{\"Id\":\""), &[], 3),
    case("an object over lines that does not end", |to| endless(to, "{\n\"Id\":"), &[], 3),
    case("text after an array that does not end", |to| endless(to, "[]"), &[], 3),
    case(
        "white space in an array",
        |to| put(to, &("[".to_owned() + &" ".repeat(50_000_000) + "{\"Id\":\"a\"}]")),
        &[],
        0,
    ),
    case(
        "an archive of a quarter of a billion empty lines",
        |to| {
            let records = gzip(b"{\"Id\":\"a\"}\n");
            let lines = gzip(&vec![b'\n'; 8 << 20]);
            let archive = [records.clone(), lines.repeat(32), records].concat();
            fs::write(to, archive).expect("an input");
        },
        &["input.max_expansion=100000"],
        0,
    ),
    case(
        "several archives in parallel, each with one line that does not end",
        |to| {
            let archive = gzip(&vec![b'x'; 60_000_000]);
            for number in 0..4 {
                fs::write(to.with_extension(number.to_string()), &archive).expect("an input");
            }
        },
        &["input.format=json"],
        3,
    ),
];

#[test]
fn no_input_uses_more_memory_than_check_says() {
    let failures: Vec<String> = CASES.iter().filter_map(failure_of).collect();
    assert!(failures.is_empty(), "{} failures:\n{}", failures.len(), failures.join("\n"));
}

#[expect(clippy::print_stdout, reason = "the figures are what a reader of the test wants")]
fn failure_of(case: &Case) -> Option<String> {
    let site = Site::new();
    (case.write)(&site.inputs().join("a"));
    let bound = bound(&site, case);
    let mut command = segprep();
    command.args(["run", "--dry-run", "--quiet"]);
    let command = command.stdout(Stdio::null()).stderr(Stdio::null());
    let (Used { peak, cpu }, exit) =
        used(set(command, &site, case).spawn().expect("the program runs"));
    let about = case.about;
    println!("{about}: {} of {} KiB in {cpu:.1?}", peak >> 10, bound >> 10);
    if exit != Some(case.exit) {
        return Some(format!("{about}: ends with {exit:?}"));
    }
    if CPU_MAX < cpu {
        return Some(format!("{about}: takes {cpu:.1?}"));
    }
    // The program itself uses more than 1 MiB: less means that nothing was measured.
    let is_fine = (1 << 20..=bound).contains(&peak);
    (!is_fine).then(|| format!("{about}: takes {peak} bytes, and should take {bound} at most"))
}

/// The memory in bytes that the program says a run may use.
fn bound(site: &Site, case: &Case) -> u64 {
    let mut command = segprep();
    memory_bytes(set(command.args(["check", "--json"]), site, case))
}

/// The memory in bytes that this check says a run may use.
fn memory_bytes(check: &mut Command) -> u64 {
    let text = check.output().expect("the program runs").stdout;
    let check: Value = serde_json::from_slice(&text).expect("one event");
    check["memory_bytes"].as_u64().expect("the bound")
}

fn set<'c>(command: &'c mut Command, site: &Site, case: &Case) -> &'c mut Command {
    let from = toml_text(&site.inputs().to_string_lossy());
    command.arg("tests/hostile/definition.toml");
    command.arg("--set").arg(format!("input.from=[{from}]")).args(["--set", "run.threads=2"]);
    command.args(case.settings.iter().flat_map(|setting| ["--set", setting]))
}

/// What a process used: peak memory in bytes, and processor time, which other processes of the
/// machine do not change.
struct Used {
    peak: u64,
    cpu: Duration,
}

/// What a process uses until its end, and its exit code. Growth in its last millisecond may be missed.
fn used(mut child: Child) -> (Used, Option<i32>) {
    let folder = format!("/proc/{}", child.id());
    let read = |name: &str| fs::read_to_string(format!("{folder}/{name}")).unwrap_or_default();
    let (mut peak, mut cpu) = (0, Duration::ZERO);
    loop {
        peak = peak.max(peak_of(&read("status")));
        cpu = cpu.max(cpu_of(&read("stat")));
        if let Some(status) = child.try_wait().expect("it is ours") {
            return (Used { peak, cpu }, status.code());
        }
        thread::sleep(Duration::from_millis(1));
    }
}

/// The peak memory in bytes, from `/proc/PID/status`.
fn peak_of(status: &str) -> u64 {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kib.unwrap_or(0) * 1024
}

/// The processor time, from `/proc/PID/stat`: the 14th and 15th fields, in hundredths of a second. The
/// second field is the name in parentheses.
fn cpu_of(stat: &str) -> Duration {
    let after_name = stat.rsplit_once(") ").map_or("", |(_, rest)| rest);
    let fields = after_name.split(' ').skip(11).take(2);
    let ticks: u64 = fields.filter_map(|field| field.parse::<u64>().ok()).sum();
    Duration::from_millis(ticks * 10)
}

fn put(to: &Path, text: &str) {
    fs::write(to, text).expect("an input");
}

/// Writes a beginning, followed by 300 MB of zeros that use no disk space.
fn endless(to: &Path, beginning: &str) {
    let mut file = File::create(to).expect("an input");
    file.write_all(beginning.as_bytes()).expect("room for it");
    file.set_len(300_000_000).expect("a file with a hole");
}

/// A record with deeply nested values of this form.
fn nested(open: &str, inside: &str, close: &str) -> String {
    const DEPTH: usize = 100_000;
    let (open, close) = (open.repeat(DEPTH), close.repeat(DEPTH));
    format!("{{\"Attributes\":{open}{inside}{close}}}\n")
}

/// Writes six endpoints of almost the maximum size, filled with items.
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

fn short_values(to: &Path) {
    records(to, "\"Attributes\":{\"a\":[", |_, _| "\"x\"".to_owned(), "]}");
}

/// About ten thousand endpoints, each with the maximum number of names in a map.
fn many(before: &str, item: fn(usize) -> String) -> String {
    let items: Vec<String> = (0..250).map(item).collect();
    let record = format!(
        "{{\"ChannelType\":\"EMAIL\",\"Address\":\"a@b.cc\",{before}{}}}}}\n",
        items.join(",")
    );
    record.repeat(40_000_000 * 2 / record.len())
}

/// CSV with `columns` columns of a map, each with its own name, and `rows` rows.
fn wide(name: &str, columns: usize, rows: usize) -> String {
    let mut text = "Address,ChannelType".to_owned();
    for column in 0..columns {
        write!(text, ",{name}{column:x}").expect("room");
    }
    let row = format!("\na@b.cc,EMAIL{}", ",x".repeat(columns));
    text + &row.repeat(rows) + "\n"
}
