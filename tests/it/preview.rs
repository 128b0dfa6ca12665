//! `segprep preview`: it shows what a run does, record by record, and no value.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use segprep::preview::outline;
use serde_json::Value;

use crate::support::program::{Place, code, gzip, run_with_stdin, segprep, stderr, toml_text};

/// The fields of which the schema lists the values.
const WORDS: [&str; 6] = [
    "ChannelType",
    "OptOut",
    "EndpointStatus",
    "Location.Country",
    "Demographic.Locale",
    "Demographic.Timezone",
];

/// The records of a preview.
pub(crate) fn previewed(mut command: Command) -> Vec<Value> {
    let output = command.arg("--json").output().expect("the program runs");
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    records(&output.stdout)
}

pub(crate) fn records(stdout: &[u8]) -> Vec<Value> {
    let text = str::from_utf8(stdout).expect("UTF-8");
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

/// A preview of all records of a definition.
pub(crate) fn preview(definition: &str, sets: &[String]) -> Command {
    let mut command = segprep();
    command.args(["preview", definition, "-n", "1000000"]);
    for set in sets {
        command.args(["--set", set]);
    }
    command
}

/// A run of the same definition, with one output of JSON lines.
pub(crate) struct Ran {
    lines: Vec<Value>,
    rejects: Vec<Value>,
}

pub(crate) fn json_output(place: &Place) -> Vec<String> {
    let to = toml_text(&place.to().to_string_lossy());
    let account = toml_text(&place.account().to_string_lossy());
    vec![
        format!("output=[{{ to = {to}, format = \"pinpoint-json\" }}]"),
        format!("account.to={account}"),
        "account.max_reject_ratio=1.0".to_owned(),
        "account.max_op_failed_ratio=1.0".to_owned(),
    ]
}

pub(crate) fn ran(definition: &str, place: &Place, sets: &[String]) -> Ran {
    let mut command = segprep();
    command.args(["run", definition, "--quiet"]);
    for set in sets {
        command.args(["--set", set]);
    }
    let output = command.output().expect("the program runs");
    assert_eq!(code(&output), 0, "{definition}: {}", stderr(&output));
    Ran { lines: records(&place.parts()), rejects: records(place.rejects().as_bytes()) }
}

/// The values of a written record, by path.
fn leaves(value: &Value, path: &str, all: &mut Vec<(String, Vec<Value>)>) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                leaves(value, &path, all);
            }
        }
        Value::Array(items) => all.push((path.to_owned(), items.clone())),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            all.push((path.to_owned(), vec![value.clone()]));
        }
    }
}

/// The texts of `before` or `after`.
fn texts(shown: &Value) -> Vec<&str> {
    if let Value::Array(items) = shown {
        items.iter().filter_map(Value::as_str).collect()
    } else {
        shown.as_str().into_iter().collect()
    }
}

/// Whether a path of a preview, in which the name may be described, can be this one.
fn is_path(shown: &str, path: &str) -> bool {
    let Some((within, rest)) = shown.split_once("(name of ") else { return shown == path };
    let length: usize = rest.split(' ').next().and_then(|n| n.parse().ok()).expect("a number");
    path.strip_prefix(within).is_some_and(|name| name.chars().count() == length)
}

/// Checks that a record of a preview shows what was written.
pub(crate) fn check_written(record: &Value, line: &Value) {
    let mut expected = Vec::new();
    leaves(line, "", &mut expected);
    for field in record["fields"].as_array().expect("fields") {
        let shown = texts(&field["after"]);
        if field["after"].is_null() {
            continue;
        }
        let path = field["path"].as_str().expect("a path");
        let is_made = field["by"].as_array().expect("a list").iter().any(|by| {
            let by = by.as_str().expect("text");
            by != "keep" && by != "drop" && !by.contains('.')
        });
        let fits = |shown: &str, value: &Value| match value {
            Value::String(text) => {
                let is_whole = shown == text && (is_made || WORDS.contains(&path));
                shown == outline(text) || is_whole
            }
            // At most the first digits of its parts.
            Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::Array(_)
            | Value::Object(_) => {
                is_made || shown.chars().filter(char::is_ascii_digit).count() <= 2
            }
        };
        let found = expected.iter().position(|(own, values)| {
            let same = values.len() == shown.len()
                || 8 < values.len() && shown.last().is_some_and(|last| last.starts_with("and "));
            is_path(path, own) && same && shown.iter().zip(values).all(|(s, v)| fits(s, v))
        });
        let found = found.unwrap_or_else(|| panic!("{path} {shown:?} is not in {expected:?}"));
        expected.remove(found);
    }
    assert!(expected.is_empty(), "{record:#} lacks {expected:?}");
}

/// Checks that the reject of a preview is the one in the account.
fn check_rejected(record: &Value, reject: &Value) {
    for name in ["source", "record", "line"] {
        assert_eq!(record[name], reject[name], "{record:#}");
    }
    let without_names = |problems: &Value| {
        let mut problems = problems.clone();
        for problem in problems.as_array_mut().expect("problems") {
            let field = problem["field"].as_str().expect("a path").to_owned();
            let is_of_schema = !field.contains("Attributes.") && !field.contains("(name of");
            problem["field"] = if is_of_schema { field.into() } else { "".into() };
        }
        problems
    };
    assert_eq!(without_names(&record["problems"]), without_names(&reject["problems"]));
    assert_eq!(record["reason"], reject["problems"][0]["code"]);
    let fields = record["fields"].as_array().expect("fields");
    assert!(fields.iter().all(|field| field["after"].is_null()), "{record:#}");
}

/// Checks a preview of everything against a run.
fn check_all(definition: &str, more: &[String]) -> usize {
    let place = Place::new();
    let sets = [json_output(&place), more.to_vec()].concat();
    let records = previewed(preview(definition, &sets));
    let Ran { lines, rejects } = ran(definition, &place, &sets);
    let manifest = place.manifest();
    assert_eq!(manifest["records"]["read"], records.len(), "{definition}");
    let of = |outcome: &'static str| records.iter().filter(move |one| one["outcome"] == outcome);
    assert_eq!((of("written").count(), of("rejected").count()), (lines.len(), rejects.len()));
    of("written").zip(&lines).for_each(|(record, line)| check_written(record, line));
    of("rejected").zip(&rejects).for_each(|(record, reject)| check_rejected(record, reject));
    for record in of("dropped") {
        let reason = record["reason"].as_str().expect("a reason");
        assert!(["inactive", "suppressed", "header"].contains(&reason), "{reason}");
    }
    records.len()
}

#[test]
fn a_preview_of_each_sample_shows_what_its_run_does() {
    let mut shown = 0;
    for entry in fs::read_dir("samples").expect("the samples") {
        let entry = entry.expect("an entry");
        if !entry.path().join("input").is_dir() {
            continue;
        }
        let name = entry.file_name().into_string().expect("UTF-8");
        if name == "profiles" {
            continue; // its records are compared and folded, which a preview does not do
        }
        shown += check_all(&format!("pipelines/{name}.toml"), &[]);
    }
    assert!(100 < shown, "{shown}");
}

const REPAIRS: &str = "repair={ phone = { region = \"US\" }, country = true, channel = true, \
    locale = true, timezone = true, email = true, trim = true, dates = true, optout = true, \
    lists = true, names = true, scalars = true, spreadsheet = true }";

#[test]
fn a_preview_of_faulty_files_shows_what_their_run_does() {
    let folder = tempfile::tempdir().expect("a folder");
    for (format, shape, repairs) in
        [("ndjson", "export", false), ("ndjson", "plain", true), ("csv", "plain", true)]
    {
        let path = folder.path().join(format!("in.{format}"));
        let mut command = segprep();
        command.args("generate --records 400 --seed 3 --bad 0.3 --quiet".split(' '));
        command.args(["--shape", shape, "--format", format]);
        fs::write(&path, command.output().expect("it runs").stdout).expect("a file");
        let from = format!("input.from=[{}]", toml_text(&path.to_string_lossy()));
        let sets = [Some(from), repairs.then(|| REPAIRS.to_owned())];
        let sets: Vec<String> = sets.into_iter().flatten().collect();
        assert_eq!(check_all("pipelines/newsletter.toml", &sets), 400);
    }
}

#[test]
fn lines_have_the_form_of_their_schema() {
    let schema = fs::read_to_string("schemas/preview.schema.json").expect("the schema");
    let schema: Value = serde_json::from_str(&schema).expect("it is JSON");
    let validator = jsonschema::validator_for(&schema).expect("it is a schema");
    for definition in ["newsletter", "sms", "crm", "analytics"] {
        let records = previewed(preview(&format!("pipelines/{definition}.toml"), &[]));
        for record in records {
            let faults: Vec<String> =
                validator.iter_errors(&record).map(|fault| fault.to_string()).collect();
            assert_eq!(faults, Vec::<String>::new(), "{record:#}");
        }
    }
}

/// A definition that keeps everything but what the rules say, over one file.
pub(crate) fn definition(folder: &Path, input: &str, name: &str, rules: &str) -> String {
    fs::write(folder.join(name), input).expect("an input");
    let text = format!(
        "segprep = 1\nname = \"try\"\npurpose = \"messaging\"\n[input]\nfrom = [{}]\n\
         [fields]\n{rules}\n\"*\" = \"keep\"\n[account]\nto = {}\n[[output]]\nto = {}\n\
         format = \"pinpoint-json\"\n[keys]\ncurrent = \"k1\"\nk1 = \"demo:\"\n",
        toml_text(&folder.join(name).to_string_lossy()),
        toml_text(&folder.join("account").to_string_lossy()),
        toml_text(&folder.join("import").to_string_lossy()),
    );
    let path = folder.join("definition.toml");
    fs::write(&path, text).expect("a definition");
    path.to_string_lossy().into_owned()
}

/// The field of a record with a path.
fn field<'a>(record: &'a Value, path: &str) -> &'a Value {
    let fields = record["fields"].as_array().expect("fields");
    let found = fields.iter().find(|field| field["path"] == path);
    found.unwrap_or_else(|| panic!("no {path} in {record:#}"))
}

#[test]
fn what_an_operation_writes_through_is_in_outline() {
    let folder = tempfile::tempdir().expect("a folder");
    let token = format!("hmac:k1:{}", "5f6a".repeat(16));
    let record = format!(
        "{{\"Id\":\"{token}\",\"Location\":{{\"Latitude\":52.520008,\"City\":\"Marzahn\"}},\
         \"Attributes\":{{\"Plan\":[\"Secretword\",\"pro\"],\"Since\":[\"1988-02-09\"],\
         \"Code\":[\"--\"]}},\"Metrics\":{{\"Visits\":12.50}}}}\n"
    );
    let rules = "\"Id\" = { op = \"hmac\", already = \"keep\" }\n\
         \"Location.Latitude\" = { op = \"geo\", decimals = 6 }\n\
         \"Location.City\" = { op = \"mask\", skip = \"Mazrhn\" }\n\
         \"Attributes.Plan\" = { op = \"map\", table = { pro = \"paid\" }, other = \"keep\" }\n\
         \"Attributes.Since\" = { op = \"date_trunc\", unit = \"day\" }\n\
         \"Attributes.Code\" = { op = \"mask\", skip = \"-\" }\n\
         \"Metrics.Visits\" = { op = \"round\", decimals = 2 }";
    let file = definition(folder.path(), &record, "in.ndjson", rules);
    let records = previewed(preview(&file, &[]));
    let [record] = records.as_slice() else { panic!("one record: {records:#?}") };
    assert_eq!(record["outcome"], "written", "{record:#}");
    for (path, expected) in [
        ("Id", serde_json::json!(outline(&token))),
        ("Location.Latitude", serde_json::json!("••.5•••••")),
        ("Location.City", serde_json::json!("M••••••")),
        ("Attributes.Plan", serde_json::json!(["S•••••••••", "paid"])),
        ("Attributes.Since", serde_json::json!(["1•••-••-••"])),
        ("Attributes.Code", serde_json::json!(["--"])),
        ("Metrics.Visits", serde_json::json!("••.•")),
    ] {
        assert_eq!(field(record, path)["after"], expected, "{path}");
    }
    let shown = serde_json::to_string(record).expect("JSON");
    assert!(!shown.contains("5f6a5f6a") && !shown.contains("Secret"), "{shown}");
}

#[test]
fn of_a_scrubbed_text_what_was_put_there_is_shown() {
    let folder = tempfile::tempdir().expect("a folder");
    let record = "{\"Id\":\"a\",\"Location\":{\"City\":\"c/o marzahner@example.com\"},\
         \"Attributes\":{\"Note\":[\"Secretword to ada@example.com!\",\"Secretword\"]}}\n";
    let rules = "\"Attributes.Note\" = { op = \"scrub\" }\n\
         \"Location.City\" = { op = \"scrub\", with = \"mask\", keep_first = 9 }";
    let file = definition(folder.path(), record, "in.ndjson", rules);
    let records = previewed(preview(&file, &[]));
    let [record] = records.as_slice() else { panic!("one record: {records:#?}") };
    let note = field(record, "Attributes.Note");
    assert_eq!(note["after"], serde_json::json!(["S••••••••• •• [redacted]!", "S•••••••••"]));
    assert_eq!(note["by"], serde_json::json!(["scrub"]));
    // A mask that shows too much is in outline, too.
    assert_eq!(field(record, "Location.City")["after"], "•/• m••••••••************");
    let shown = serde_json::to_string(record).expect("JSON");
    assert!(!shown.contains("Secret") && !shown.contains("marzahner"), "{shown}");
}

#[test]
fn what_the_definition_did_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let input = "E-mail,Kanal,Opt,Plan,Extra,Junk,NULLs\n\
                 Ana@Example.COM ,mail,1,a|b,x,y,NULL\n\
                 bob@example.com,mail,0,c,,,\n";
    let file = definition(folder.path(), input, "in.csv", "\"Attributes.Plan\" = \"drop\"");
    let sets = [
        "input.rename={ \"E-mail\" = \"Address\", \"Kanal\" = \"ChannelType\", \"Opt\" = \"OptOut\", \
         \"Plan\" = \"Attributes.Plan\", \"NULLs\" = \"Location.City\" }",
        "input.values={ OptOut = { \"1\" = \"ALL\", \"0\" = \"NONE\" }, ChannelType = { mail = \"EMAIL\" } }",
        "input.split={ \"Attributes.Plan\" = \"|\" }",
        "input.constants={ \"Attributes.From\" = \"import\" }",
        "input.ignore=[\"Junk\"]",
        "input.unknown=\"drop\"",
        "input.null=[\"NULL\"]",
        "repair={ trim = true, email = true }",
    ]
    .map(str::to_owned);
    let records = previewed(preview(&file, &sets));
    let by = |record: usize, path: &str| field(&records[record], path)["by"].clone();
    for (path, expected) in [
        ("Address", &["input.rename", "repair.trim", "repair.email", "keep"][..]),
        ("ChannelType", &["input.rename", "input.values", "keep"]),
        ("OptOut", &["input.rename", "input.values", "keep"]),
        ("Attributes.Plan", &["input.rename", "input.split", "drop"]),
        ("Attributes.From", &["input.constants", "keep"]),
        ("Location.City", &["input.rename", "input.null", "keep"]),
        ("Junk", &["input.ignore"]),
        ("Extra", &["input.unknown"]),
    ] {
        assert_eq!(by(0, path), serde_json::json!(expected), "{path}: {:#}", records[0]);
    }
    let opt_out = field(&records[0], "OptOut");
    assert_eq!((&opt_out["before"], &opt_out["after"]), (&"•".into(), &"ALL".into()));
    let address = field(&records[0], "Address");
    assert_eq!(
        (&address["before"], &address["after"]),
        (&"•••@E••••••.COM ".into(), &"•••@e••••••.com".into())
    );
    assert_eq!(field(&records[0], "Attributes.Plan")["after"], Value::Null);
    assert_eq!(field(&records[0], "Extra")["before"], "•");
}

#[test]
fn records_are_the_same_whatever_threads_and_chunks() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut command = segprep();
    command.args("generate --records 3000 --seed 5 --bad 0.1 --quiet --shape crm".split(' '));
    let text = command.output().expect("it runs").stdout;
    for number in 0..4 {
        fs::write(folder.path().join(format!("{number}.ndjson")), &text).expect("an input");
    }
    fs::write(folder.path().join("9.ndjson.gz"), gzip(&text)).expect("an input");
    let from = format!("input.from=[{}]", toml_text(&folder.path().to_string_lossy()));
    for arguments in [&["-n", "40"][..], &["-n", "40", "--sample"], &["-n", "1500"]] {
        let all: BTreeSet<String> = [("1", "1000000"), ("3", "700"), ("2", "20000")]
            .into_iter()
            .map(|(threads, chunk)| {
                let mut command = segprep();
                command.args(["preview", "pipelines/newsletter.toml", "--set", &from]);
                command.args(arguments).args(["--threads", threads, "--chunk-bytes", chunk]);
                let records = previewed(command);
                assert_eq!(records.len().to_string(), arguments[1]);
                let sources: BTreeSet<&str> =
                    records.iter().filter_map(|record| record["source"].as_str()).collect();
                assert_eq!(sources.len(), if arguments.contains(&"--sample") { 5 } else { 1 });
                serde_json::to_string(&records).expect("JSON")
            })
            .collect();
        assert_eq!(all.len(), 1, "{arguments:?}");
    }
}

#[test]
fn long_records_and_records_of_several_lines_have_their_places() {
    let folder = tempfile::tempdir().expect("a folder");
    let long = format!("{{\"Id\":\"{}\"}}", "x".repeat(3_000_000));
    let input = format!("{{\"Id\":\"one\"}}\n{long}\n\n{{\"Id\":\"two\"}}{{\"Id\":\"three\"}}\n");
    let file = definition(folder.path(), &input, "in.ndjson", "");
    for sample in [false, true] {
        let mut command = preview(&file, &["input.max_record=\"64 kB\"".to_owned()]);
        if sample {
            command = segprep();
            command.args(["preview", &file, "--sample", "--set", "input.max_record=\"64 kB\""]);
        }
        let records = previewed(command);
        let places: Vec<_> = records
            .iter()
            .map(|one| (one["record"].as_u64(), one["line"].as_u64(), one["outcome"].as_str()))
            .collect();
        let place = |record, line, outcome| (Some(record), Some(line), Some(outcome));
        assert_eq!(
            places,
            [
                place(1, 1, "written"),
                place(2, 2, "rejected"),
                place(3, 4, "written"),
                place(4, 4, "written")
            ]
        );
        assert_eq!(records[1]["reason"], "too_long_record");
    }
}

#[test]
fn a_missing_key_is_replaced_and_the_output_says_so() {
    let key = ["--set", "keys={ current = \"k9\", k9 = \"env:SEGPREP_NO_SUCH\" }"];
    let mut command = segprep();
    let output = command.args(["preview", "pipelines/newsletter.toml"]).args(key).output();
    let output = output.expect("the program runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let text = text.replace("\n  ", " ");
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    assert!(text.contains("`k9` could not be obtained") && text.contains("demo key"), "{text}");
    assert!(text.contains("hmac:k9:"), "{text}");
    let mut command = segprep();
    let output =
        command.args(["preview", "pipelines/newsletter.toml", "--json"]).args(key).output();
    let output = output.expect("the program runs");
    assert!(stderr(&output).contains("could not be obtained"), "{}", stderr(&output));
    // A key that is there, but is none, is an error as in a run.
    let mut command = segprep();
    command
        .args(["preview", "pipelines/newsletter.toml"])
        .args(key)
        .env("SEGPREP_NO_SUCH", "short");
    assert_eq!(code(&command.output().expect("it runs")), 77);
}

#[test]
fn values_are_shown_on_a_terminal_only() {
    for arguments in
        [&["--reveal"][..], &["--reveal", "--json"], &["--reveal", "--color", "always"]]
    {
        let mut command = segprep();
        command.args(["preview", "pipelines/newsletter.toml"]).args(arguments);
        let output = command.output().expect("the program runs");
        assert_eq!((code(&output), output.stdout.len()), (64, 0), "{}", stderr(&output));
    }
}

#[test]
fn what_a_run_cannot_read_a_preview_cannot_either() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = definition(folder.path(), "Address,Nonsense\n", "in.csv", "");
    let status = |sets: &[&str], stdin: &str| {
        let mut command = segprep();
        command.args(["preview", &file]);
        for set in sets {
            command.args(["--set", set]);
        }
        code(&run_with_stdin(command, stdin.as_bytes()))
    };
    assert_eq!(status(&[], ""), 65);
    assert_eq!(status(&["input.unknown=\"drop\""], ""), 66);
    assert_eq!(status(&["input.from=[\"-\"]"], ""), 66);
    assert_eq!(status(&["input.from=[\"-\"]"], "{\"Id\":\"one\"}"), 0);
    assert_eq!(status(&["input.from=[\"no-such-file\"]"], ""), 66);
    assert_eq!(status(&["purpose=\"none\""], ""), 78);
}
