//! Every kind of file in every place where it does not belong, for every command: nothing of it is shown or
//! written, and no control character reaches the terminal.

use std::{collections::BTreeMap, fs, path::Path, process::Command};

use crate::support::canary::Canaries;
use crate::support::canary::site::{CanarySite, DEFINITION};
use crate::support::program::{gzip, segprep, toml_text};

/// The files, each full of canaries.
fn files(c: &mut Canaries) -> Vec<(&'static str, Vec<u8>)> {
    let mut t = || c.text();
    let records = format!(
        "{{\"Id\":\"{}\",\"Address\":\"{}@example.com\",\"{}\":1}}\n{{\"{}\":{{\"{}\":\"{}\"}}}}\n",
        t(),
        t(),
        t(),
        t(),
        t(),
        t()
    );
    let key = format!("hex:{}", data_encoding::HEXLOWER.encode((t() + &t()).as_bytes()));
    let files: Vec<(&str, String)> = vec![
        ("records.json", records.clone()),
        ("array.json", format!("[{}]", records.replace('\n', ",").trim_end_matches(','))),
        ("with-header.csv", format!("Address,{}\n{}@example.com,{}\n", t(), t(), t())),
        ("without-header.csv", format!("{}@example.com,{},{}\n", t(), t(), t())),
        ("list.txt", format!("{}@example.com\n{}@\n{}\n", t(), t(), t())),
        ("key", format!("{key}\n")),
        ("bare-key", format!("{}\n", t() + &t())),
        (
            "definition.toml",
            format!("segprep = 1\nname = \"{}\"\n[keys]\nk1 = \"{key}\"\n# {}\n", t(), t()),
        ),
        ("pairs.toml", format!("{} = \"{}\"\n[[{}]]\n", t(), t(), t())),
        (
            "case.test.toml",
            format!("definition = \"x.toml\"\n[[case]]\nname = \"{}\"\ninput = '{}'\n", t(), t()),
        ),
        (
            "escapes.json",
            format!("{{\"\\u001b[31m{}\":\"\\u001b]0;{}\\u0007\"}}\n\x1b[2J{}\n", t(), t(), t()),
        ),
        ("escapes.csv", format!("\x1b[31m{},\x1b]0;{}\x07\n\x1b[2J{},x\n", t(), t(), t())),
    ];
    let mut files: Vec<(&str, Vec<u8>)> =
        files.into_iter().map(|(name, text)| (name, text.into_bytes())).collect();
    files.push(("records.json.gz", gzip(records.as_bytes())));
    files.push((
        "binary",
        [b"\0\x01\xff\xfe\x80", t().as_bytes(), b"\0\n\x1b", t().as_bytes()].concat(),
    ));
    files.push(("utf16.csv", t().encode_utf16().flat_map(u16::to_le_bytes).collect()));
    files
}

/// Files of accounts and states.
const FILES_OF_A_RESULT: [&str; 7] = [
    "manifest.json",
    "inputs.ndjson",
    "rejects.ndjson",
    "lineage.ndjson",
    "taken.ndjson",
    "intent.ndjson",
    "begun.json",
];

/// A command with a key.
fn command(site: &CanarySite, arguments: &[&str]) -> Command {
    let mut command = segprep();
    command.args(arguments).env("SEGPREP_KEY_K1", format!("hex:{}", "5f6a".repeat(16)));
    command.env("TMPDIR", site.place.folder.path());
    command
}

/// A command for the definition, with a file of one record and with these settings.
fn with(site: &CanarySite, arguments: &[&str], sets: &[String]) -> Command {
    let mut command = command(site, arguments);
    let records = site.place.folder.path().join("input/plain.ndjson");
    command.arg("--set").arg(format!("input.from=[{}]", toml_text(&records.to_string_lossy())));
    site.place.set_paths(&mut command);
    for set in sets {
        command.arg("--set").arg(set);
    }
    command
}

/// The commands that a file is given to, in each of its places.
fn commands(site: &CanarySite, file: &Path) -> Vec<Command> {
    let path = file.to_string_lossy();
    let text = toml_text(&path);
    let command = |arguments: &[&str]| command(site, arguments);
    let with = |arguments: &[&str], sets: &[String]| with(site, arguments, sets);
    let list = |settings: &str| {
        format!("suppress=[{{ from = [{text}], field = \"Address\", {settings} }}]")
    };
    let key = format!("keys={{ current = \"k1\", k1 = {} }}", toml_text(&format!("file:{path}")));
    vec![
        command(&["check", &path]),
        command(&["run", &path]),
        command(&["key", "check", &path]),
        command(&["preview", &path]),
        command(&["explain", &path, &format!("{path}:1")]),
        with(
            &["explain", DEFINITION, &format!("{path}:2")],
            &[format!("input.from=[{text}]"), "fields={ \"*\" = \"keep\" }".to_owned()],
        ),
        with(&["preview", DEFINITION], &[format!("input.from=[{text}]")]),
        with(
            &["preview", DEFINITION, "--sample"],
            &[format!("input.from=[{text}]"), "fields={ \"*\" = \"keep\" }".to_owned()],
        ),
        command(&["key", "check", "--from", &format!("file:{path}")]),
        command(&["test", &path]),
        with(&["run", DEFINITION, "--overwrite"], &[format!("input.from=[{text}]")]),
        with(
            &["run", DEFINITION, "--dry-run"],
            &[format!("input.from=[{text}]"), "input.unknown=\"reject\"".to_owned()],
        ),
        with(&["run", DEFINITION, "--overwrite"], &[list("action = \"drop\"")]),
        with(&["run", DEFINITION, "--overwrite"], &[list("form = \"token\", max_unusable = 9")]),
        with(&["run", DEFINITION, "--overwrite"], &[list("column = \"mail\", form = \"sha256\"")]),
        with(&["run", DEFINITION, "--overwrite"], std::slice::from_ref(&key)),
        with(&["check", DEFINITION], std::slice::from_ref(&key)),
    ]
}

/// The commands that read what others have made: definitions, plans, accounts and states.
fn commands_of_results(site: &CanarySite, file: &Path) -> Vec<Command> {
    let path = file.to_string_lossy();
    let text = toml_text(&path);
    let command = |arguments: &[&str]| command(site, arguments);
    let with = |arguments: &[&str], sets: &[String]| with(site, arguments, sets);
    // An account whose files are this one.
    let forged = file.with_file_name("account");
    let account = forged.to_string_lossy().into_owned();
    let of_run = |setting: &str, name: &str| {
        let path = site.place.folder.path().join(name).join("{run}");
        format!("{setting}.to={}", toml_text(&path.to_string_lossy()))
    };
    let state = [
        format!("state.to={}", toml_text(&account)),
        of_run("account", "accounts"),
        of_run("output.0", "imports"),
    ];
    let to = [format!("account.to={}", toml_text(&account))];
    let from = format!("input.from=[{text}]");
    vec![
        command(&["scan", &path]),
        command(&["scan", &path, "--html"]),
        command(&["init", &path]),
        command(&["init", &path, "--purpose", "analytics"]),
        command(&["status", &path]),
        command(&["retry", &path]),
        command(&["shards", &path, "--count", "2"]),
        with(&["shards", DEFINITION, "--count", "2"], std::slice::from_ref(&from)),
        command(&["gather", &path, "--count", "2"]),
        with(&["gather", DEFINITION, "--plan", &path], &[]),
        with(&["run", DEFINITION, "--shard", "0/2", "--plan", &path], &[]),
        with(&["retry", DEFINITION, "--from", &path], &[]),
        command(&["verify", &path]),
        command(&["report", &path]),
        command(&["verify", &account]),
        command(&["report", &account]),
        command(&["report", &account, "--format", "md"]),
        with(&["status", DEFINITION], &to),
        with(&["verify", DEFINITION], &to),
        with(&["retry", DEFINITION], &to),
        with(&["run", DEFINITION], &to),
        with(&["status", DEFINITION], &state),
        with(&["run", DEFINITION, "--run", "1"], &state),
        command(&["schema", &path]),
        command(&["generate", "--records", &path]),
        command(&["completions", &path]),
        with(&["check", DEFINITION], &[format!("input.encoding={text}")]),
        with(&["run", DEFINITION, "--date", &path, "--run", &path], &[]),
    ]
}

#[test]
fn no_file_in_a_wrong_place_is_quoted() {
    let mut site = CanarySite::new(50);
    let given = files(&mut site.canaries);
    site.input("plain.ndjson", "{\"Id\":\"one\"}\n");
    let mut runs = BTreeMap::new();
    for (number, (name, content)) in given.iter().enumerate() {
        site.input(name, content);
        let input = site.place.folder.path().join("input");
        let file = input.join(name);
        fs::create_dir_all(input.join("account")).expect("a folder");
        for part in FILES_OF_A_RESULT {
            fs::write(input.join("account").join(part), content).expect("a file");
        }
        let all = commands(&site, &file).into_iter().chain(commands_of_results(&site, &file));
        for (at, mut command) in all.enumerate() {
            // Each place sees JSON lines for half of the files.
            if (number + at) % 2 == 0 {
                command.arg("--json");
            }
            let output = command.output().expect("the program runs");
            for stream in [&output.stdout, &output.stderr] {
                let shown = String::from_utf8_lossy(stream);
                assert_eq!(site.canaries.find(stream), None, "{name} {command:?}: {shown}");
                let is_control = |char: char| char.is_control() && char != '\n';
                assert!(!shown.contains(is_control), "{name} {command:?}: {shown:?}");
            }
            let code = output.status.code().expect("an exit code");
            assert!(
                [0, 3, 4, 64, 65, 66, 73, 74, 77, 78].contains(&code),
                "{name} {command:?}: {code}"
            );
            *runs.entry(code).or_insert(0) += 1;
        }
        site.check_files();
        fs::remove_file(&file).expect("it is there");
    }
    assert_eq!(runs.values().sum::<usize>(), 15 * 45);
    // Files are refused in each way, and some pass.
    assert!([0, 3, 65, 77, 78].iter().all(|code| 5 < runs[code]), "{runs:?}");
}
