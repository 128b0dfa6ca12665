//! `segprep scan`: what it reports of files, compared with an independent count; and that it shows no value.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::support::program::{code, gzip, run_with_stdin, segprep, stderr};

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

/// Writes a file into a folder.
fn file(folder: &Path, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
    let path = folder.join(name);
    fs::write(&path, text).expect("a file");
    path
}

/// The report of a scan.
fn scanned(from: &[&Path], arguments: &[&str]) -> Value {
    let output =
        segprep().arg("scan").args(from).args(arguments).args(["--json", "--quiet"]).output();
    let output = output.expect("the program runs");
    assert_eq!((code(&output), stderr(&output)), (0, String::new()));
    serde_json::from_slice(&output.stdout).expect("a report is JSON")
}

/// A field of a report, by name.
fn field<'a>(report: &'a Value, name: &str) -> &'a Value {
    let fields = report["fields"].as_array().expect("fields");
    let found = fields.iter().find(|field| field["name"] == name);
    found.unwrap_or_else(|| panic!("no field {name} in {report:#}"))
}

fn generated(format: &str, shape: &str, records: &str) -> Vec<u8> {
    let mut command = segprep();
    command.args(["generate", "--seed", "3", "--bad", "0.1", "--quiet"]);
    command.args(["--records", records, "--format", format, "--shape", shape]);
    command.output().expect("the program runs").stdout
}

#[test]
fn a_report_has_the_form_of_its_schema() {
    let schema = fs::read_to_string("schemas/scan.schema.json").expect("the schema");
    let schema: Value = serde_json::from_str(&schema).expect("it is JSON");
    let validator = jsonschema::validator_for(&schema).expect("it is a schema");
    let folder = folder();
    for format in ["ndjson", "csv"] {
        for shape in ["plain", "export", "crm"] {
            let path = file(folder.path(), "in", generated(format, shape, "300"));
            let report = scanned(&[&path], &[]);
            let faults: Vec<String> =
                validator.iter_errors(&report).map(|fault| fault.to_string()).collect();
            assert_eq!(faults, Vec::<String>::new(), "{format} {shape}");
        }
    }
}

/// Records that have a field, and its different values.
type Counted = BTreeMap<String, (u64, BTreeSet<String>)>;

/// Counts the values of a record as a plain program does.
fn count(path: &str, value: &Value, seen: &mut BTreeSet<String>, fields: &mut Counted) {
    let text = match value {
        Value::Object(members) => {
            for (name, value) in members {
                let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                count(&path, value, seen, fields);
            }
            return;
        }
        Value::Array(items) => {
            return items.iter().for_each(|item| count(path, item, seen, fields));
        }
        Value::Null => {
            fields.entry(path.to_owned()).or_default();
            return;
        }
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        Value::Bool(word) => word.to_string(),
    };
    let field = fields.entry(path.to_owned()).or_default();
    field.0 += u64::from(seen.insert(path.to_owned()));
    field.1.insert(text);
}

#[test]
fn a_scan_counts_as_a_plain_program_does() {
    let folder = folder();
    let mut command = segprep();
    command.args("generate --seed 5 --bad 0 --quiet --records 4000 --shape export".split(' '));
    let text = String::from_utf8(command.output().expect("it runs").stdout).expect("UTF-8");
    // The plain program knows numbers only as they are, not as they are written.
    let text = text.replace(":1.0", ":10").replace(":2.50", ":25").replace(":1e3", ":1000");
    let mut fields = Counted::new();
    for line in text.lines() {
        let record = serde_json::from_str(line).expect("JSON");
        count("", &record, &mut BTreeSet::new(), &mut fields);
    }
    let report = scanned(&[&file(folder.path(), "in.json", &text)], &[]);
    assert_eq!(report["records"], 4_000);
    assert_eq!(report["fields"].as_array().map(Vec::len), Some(fields.len()));
    // Names that fewer than ten records have are not shown.
    for (path, (present, values)) in fields.into_iter().filter(|(_, (present, _))| 10 <= *present) {
        let found = field(&report, &path);
        assert_eq!(found["present"], present, "{path}");
        let exact = u64::try_from(values.len()).expect("a count");
        let distinct = found["distinct"].as_u64().expect("a count");
        let is_close =
            if exact <= 256 { distinct == exact } else { distinct.abs_diff(exact) * 50 <= exact };
        assert!(is_close, "{path}: {distinct} of {exact}");
    }
}

#[test]
fn the_report_is_the_same_for_any_threads_and_chunks() {
    let folder = folder();
    let json = file(folder.path(), "a.json", generated("ndjson", "export", "1000"));
    let csv = file(folder.path(), "b.csv", generated("csv", "crm", "1000"));
    let from = [json.as_path(), csv.as_path()];
    let expected = scanned(&from, &["--threads", "1"]);
    for arguments in [&["--threads", "4"][..], &["--threads", "3", "--chunk-bytes", "5000"]] {
        assert!(scanned(&from, arguments) == expected, "{arguments:?}");
    }
}

#[test]
fn values_under_long_names_are_counted_and_not_listed() {
    let folder = folder();
    let (long, half) = ("x".repeat(1_000), "y".repeat(600));
    let texts = format!(r#""{long}":"a","{long}z":{{"b":1}}"#);
    let lists = format!(r#""{half}":{{"{half}":[2,"c",null],"d":true}}"#);
    let record = format!(r#"{{"Id":"1",{texts},{lists}}}"#);
    let path = file(folder.path(), "in.json", format!("{record}\n").repeat(20));
    for arguments in [&[][..], &["--threads", "2", "--chunk-bytes", "5000"]] {
        let report = scanned(&[&path], arguments);
        // The text, the number in the object, and two items of the list.
        assert_eq!(report["left_out"], 4 * 20);
        let fields = report["fields"].as_array().expect("fields");
        assert_eq!(fields.len(), 2);
        assert_eq!(field(&report, "Id")["present"], 20);
    }
}

/// The planted faults by field and code.
fn planted(truth: &Path) -> BTreeMap<(String, String), u64> {
    let mut planted = BTreeMap::new();
    for line in fs::read_to_string(truth).expect("the truth").lines() {
        let fault: Value = serde_json::from_str(line).expect("JSON");
        let text = |name: &str| fault[name].as_str().expect("a text").to_owned();
        *planted.entry((text("field"), text("code"))).or_default() += 1;
    }
    planted
}

#[test]
fn faults_are_counted_by_field_and_code() {
    const UNREADABLE: [&str; 5] =
        ["json_syntax", "csv_syntax", "utf8", "too_deep", "duplicate_key"];
    let folder = folder();
    let truth = folder.path().join("truth");
    for (format, shape) in [("ndjson", "plain"), ("csv", "plain"), ("csv", "crm")] {
        let mut command = segprep();
        command.args("generate --seed 3 --bad 0.2 --quiet --records 2000".split(' '));
        command.args(["--format", format, "--shape", shape, "--truth"]).arg(&truth);
        let text = command.output().expect("it runs").stdout;
        let report = scanned(&[&file(folder.path(), "in", text)], &[]);
        let fields = report["fields"].as_array().expect("fields");
        for ((path, code), count) in planted(&truth) {
            let fails = |field: &&Value| field["field"] == path && !field["fails"][&code].is_null();
            let found = if UNREADABLE.contains(&code.as_str()) {
                &report["files"][0]["bad"][&code]
            } else if code == "missing" || code == "empty" {
                continue;
            } else {
                &fields.iter().find(fails).unwrap_or(&Value::Null)["fails"][&code]
            };
            assert_eq!(found, count, "{format} {shape} {path} {code}");
        }
    }
}

#[test]
fn columns_of_other_programs_are_recognised() {
    let folder = folder();
    let rows = "Kunden-Nr;E-Mail;Handy;Vorname;Land;Bemerkung;Wohin;Default Address City\n".to_owned()
        + &"K-1;Ada@example.com;(202) 555-0142;Ada;Germany;call ada@example.org;ada@example.net;Bonn\n"
            .repeat(20);
    let report = scanned(&[&file(folder.path(), "in.csv", rows)], &[]);
    for (name, own, op) in [
        ("E-Mail", "Address", "keep"),
        ("Handy", "Address", "keep"),
        ("Kunden-Nr", "User.UserId", "hmac"),
        ("Vorname", "User.UserAttributes.FirstName", "mask"),
        ("Default Address City", "Location.City", "keep"),
    ] {
        let field = field(&report, name);
        let found = (&field["field"], &field["by"], &field["op"]);
        assert_eq!(found, (&json!(own), &json!("alias"), &json!(op)), "{name}");
    }
    assert_eq!(field(&report, "Handy")["fails"], json!({"phone": 20}));
    assert_eq!(field(&report, "Land")["fails"], json!({"country": 20}));
    assert_eq!(field(&report, "Land")["repairs"], json!({"repair.country": 20}));
    let remark = field(&report, "Bemerkung");
    let email = json!([{"name": "email", "hits": 20, "likelihood": "likely"}]);
    assert_eq!(remark["detectors"], email);
    // A text with an address in it is none; a column of addresses may be the address whatever it is called.
    assert_eq!((&remark["field"], &remark["op"]), (&Value::Null, &json!("hmac")));
    let other = field(&report, "Wohin");
    let found = (&other["field"], &other["by"], &other["op"]);
    assert_eq!(found, (&json!("Address"), &json!("values"), &json!("keep")));
    let file = &report["files"][0];
    assert_eq!((&file["delimiter"], &file["header"]), (&json!(";"), &json!(true)));
}

#[test]
fn records_without_an_address_are_counted_however_the_text_is_cut() {
    let folder = folder();
    let mut text = String::new();
    for number in 0..40 {
        let address = if number < 3 { "\"Address\":\"ada@example.com\"," } else { "" };
        writeln!(
            text,
            "{{{address}\"ChannelType\":\"EMAIL\",\"Location\":{{\"City\":\"X{number}\"}}}}"
        )
        .expect("text");
    }
    let path = file(folder.path(), "in.ndjson", text);
    for chunk in ["1", "100", "1000000"] {
        let report = scanned(&[&path], &["--chunk-bytes", chunk]);
        assert_eq!(field(&report, "Address")["fails"], json!({"missing": 37}), "{chunk}");
    }
}

#[test]
fn the_records_of_replies_are_found() {
    let folder = folder();
    let reply = r#"{"EndpointsResponse":{"Item":[{"Address":"ada@example.com","ChannelType":"EMAIL"},{"Address":"bob@example.com","ChannelType":"EMAIL"}]}}"#;
    for text in [reply.to_owned(), format!("{reply}\n{reply}\n"), format!("[{reply},{reply}]")] {
        let report = scanned(&[&file(folder.path(), "in.json", &text)], &[]);
        assert_eq!(report["files"][0]["records_in"], json!("EndpointsResponse.Item"));
        let replies = text.matches("EndpointsResponse").count();
        assert_eq!(report["records"], json!(2 * replies), "{text}");
        assert_eq!(field(&report, "Address")["field"], json!("Address"));
    }
    // Not if another input has records at once: one definition reads them in one way.
    let replies = file(folder.path(), "in.json", reply);
    let lines = file(folder.path(), "lines.json", r#"{"Address":"ada@example.com"}"#);
    let report = scanned(&[&replies, &lines], &[]);
    assert_eq!(report["files"][0].get("records_in"), None);
}

#[test]
fn files_without_a_header_and_of_other_forms_are_findings() {
    let folder = folder();
    let path = folder.path();
    file(path, "a.csv", "ada@example.com,Ada,12\nzoe@example.com,Zoe,13\n");
    file(path, "b.json.gz", gzip(b"{\"Id\":\"1\",\"shoe size\":42}\r\n{\"Id\":\"2\"}\r\n"));
    file(path, "c.json", "[{\"Id\":\"3\"},5]");
    let report = scanned(&[path], &[]);
    assert_eq!(report["records"], 6);
    let of = |at: usize, name: &str| report["files"][at][name].clone();
    assert_eq!((of(0, "header"), of(0, "records")), (json!(false), json!(2)));
    assert_eq!((of(1, "compression"), of(1, "line_ends")), (json!("gzip"), json!("crlf")));
    assert_eq!((of(2, "format"), of(2, "bad")), (json!("json"), json!({"type": 1})));
    let fields = report["fields"].as_array().expect("fields").iter();
    let columns: Vec<&Value> = fields.filter(|field| !field["column"].is_null()).collect();
    let shown: Vec<_> = columns.iter().map(|field| (&field["name"], &field["column"])).collect();
    assert_eq!(json!(shown), json!([[null, 1], [null, 2], [null, 3]]));
    assert_eq!(columns[0]["by"], "values");
}

#[test]
fn only_the_first_records_are_read_if_so_many_are_wanted() {
    let folder = folder();
    let json = file(folder.path(), "a.json", generated("ndjson", "plain", "500"));
    let csv = file(folder.path(), "b.csv", generated("csv", "plain", "500"));
    for chunk in ["700", "1000000"] {
        let arguments = ["--records", "7", "--chunk-bytes", chunk];
        let report = scanned(&[&json, &csv], &arguments);
        let files = report["files"].as_array().expect("files").iter();
        let records: Vec<&Value> = files.map(|file| &file["records"]).collect();
        assert_eq!(records, [7, 7], "{chunk}");
    }
}

#[test]
fn a_definition_says_what_to_read_and_how() {
    let report = scanned(&[Path::new("pipelines/crm.toml")], &[]);
    assert_eq!(report["files"][0]["encoding"], "windows-1252");
    assert_eq!(report["records"], 18);
}

#[test]
fn encodings_are_found_out() {
    let folder = folder();
    let utf16: Vec<u8> = "Id\nZoë\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    for (name, bytes, expected) in [
        ("a.csv", b"Vorname;Id\nZo\xeb;1\n".to_vec(), "windows-1252"),
        ("b.csv", "Vorname;Id\nZoë;1\n".into(), "utf-8"),
        ("c.csv", utf16, "utf-16"),
        ("d.csv.gz", gzip(b"Vorname;Id\nZo\xeb;1\n"), "windows-1252"),
        ("e.json", b"{\"Id\":\"Zo\xeb\"}\n".to_vec(), "utf-8"),
    ] {
        let report = scanned(&[&file(folder.path(), name, bytes)], &[]);
        let of = &report["files"][0];
        let bad = if name == "e.json" { json!({"utf8": 1}) } else { json!({}) };
        assert_eq!((&of["encoding"], &of["bad"]), (&json!(expected), &bad), "{name}");
        assert_eq!(of["records"], 1, "{name}");
    }
}

#[test]
fn standard_input_is_scanned() {
    let mut command = segprep();
    command.args(["scan", "-", "--json"]);
    let output = run_with_stdin(command, b"{\"Id\":\"1\"}\n");
    let report: Value = serde_json::from_slice(&output.stdout).expect("a report");
    assert_eq!((code(&output), &report["records"]), (0, &json!(1)));
}

#[test]
fn what_cannot_be_scanned_has_the_exit_code_of_a_run() {
    let folder = folder();
    let empty = file(folder.path(), "empty.csv", "");
    let zip = file(folder.path(), "a.zip", "PK\u{3}\u{4}");
    let archive = gzip(&generated("ndjson", "plain", "500"));
    let broken = file(folder.path(), "b.gz", archive.get(..900).expect("a long archive"));
    let blank = file(folder.path(), "blank.json", "\n\n");
    let none = folder.path().join("none");
    for (path, expected) in [(&empty, 66), (&none, 66), (&blank, 66), (&zip, 65), (&broken, 65)] {
        let output = segprep().arg("scan").arg(path).output().expect("it runs");
        assert_eq!(code(&output), expected, "{}: {}", path.display(), stderr(&output));
        assert!(output.stdout.is_empty() && stderr(&output).contains("hint: "), "{path:?}");
    }
}

/// No part of a value, nor of a name that is one, is anywhere in the output.
#[test]
fn no_value_is_shown() {
    let folder = folder();
    let secret = "Xq7canary";
    let mail = format!("{secret}@example.com");
    let mut rows = format!("E-Mail,Vorname,{secret} 1234567,Land,Opt Out\n");
    let mut lines = String::new();
    for number in 0..20 {
        writeln!(rows, "{mail},{secret},{secret},{secret},{secret}").expect("memory");
        let record = json!({
            "ChannelType": secret, "Address": mail, "OptOut": secret,
            "Location": {"Country": secret}, "Demographic": {"Locale": secret, "Timezone": secret},
            "Attributes": {"Plan": [secret], mail.clone(): [secret]},
            "nested": {mail.clone(): {"x": secret}}, format!("{secret}{number}"): secret,
        });
        writeln!(lines, "{record}").expect("memory");
    }
    writeln!(lines, "{{\"{secret}\":\n{secret}").expect("memory");
    let csv = file(folder.path(), "a.csv", &rows);
    let bare = file(folder.path(), "b.csv", rows.split_once('\n').expect("a header").1);
    let json = file(folder.path(), "c.json", lines);
    for form in [&[][..], &["--json"], &["--records", "3"]] {
        let output = segprep().arg("scan").args([&csv, &bare, &json]).args(form).output();
        let output = output.expect("it runs");
        assert_eq!(code(&output), 0, "{}", stderr(&output));
        let shown = String::from_utf8_lossy(&output.stdout).into_owned() + &stderr(&output);
        assert!(shown.contains("Address"), "{shown}");
        assert!(!shown.to_lowercase().contains("canary"), "{shown}");
    }
}

#[test]
fn tables_fit_into_the_width() {
    let folder = folder();
    let path = file(folder.path(), "in.json", generated("ndjson", "export", "200"));
    let output = segprep().arg("scan").arg(&path).output().expect("it runs");
    let shown = String::from_utf8(output.stdout).expect("UTF-8");
    let longest = shown.lines().map(|line| line.chars().count()).max();
    assert!(longest.is_some_and(|longest| longest <= 80), "{shown}");
}

#[test]
fn a_sample_reads_a_share_in_blocks_and_in_whole_files() {
    let folder = folder();
    let mut lines = String::new();
    for number in 0..3000 {
        let note = "x".repeat(300 + number % 200);
        writeln!(lines, r#"{{"Id":"{number}","Attributes":{{"Note":["{note}"]}}}}"#)
            .expect("memory");
    }
    let all = lines.len();
    file(folder.path(), "a.json", &lines);
    for number in 0..8 {
        file(
            folder.path(),
            &format!("b{number}.json.gz"),
            gzip(&generated("ndjson", "plain", "40")),
        );
    }
    let of_text = scanned(&[&folder.path().join("a.json")], &["--sample", "0.25"]);
    let sample = &of_text["sample"];
    let bytes = sample["bytes"].as_u64().expect("a number");
    assert_eq!(sample["of_bytes"], all);
    assert!(bytes.abs_diff(u64::try_from(all / 4).expect("small")) <= 64 << 10, "{sample}");
    let records = of_text["records"].as_u64().expect("a number");
    assert!((600..900).contains(&records), "{records}");
    assert_eq!(of_text["files"].as_array().expect("files").len(), 1);
    assert_eq!(of_text["files"][0]["bad"], json!({}), "a line was cut");
    let report = scanned(&[folder.path()], &["--sample", "0.25"]);
    let (files, of_files) = (&report["sample"]["files"], &report["sample"]["of_files"]);
    assert_eq!(of_files, 9);
    assert!((2..6).contains(&files.as_u64().expect("a number")), "{files}");
    for more in [["--threads", "1"], ["--threads", "3"], ["--chunk-bytes", "77"]] {
        let again = [&["--sample", "0.25"][..], &more].concat();
        assert_eq!(scanned(&[folder.path()], &again), report, "{more:?}");
    }
    // All of it is no sample.
    assert_eq!(scanned(&[folder.path()], &["--sample", "1"]), scanned(&[folder.path()], &[]));
}

#[test]
fn the_working_directory_can_be_scanned() {
    let folder = folder();
    file(folder.path(), "a.csv", "Address,ChannelType\na@example.com,EMAIL\n");
    let within = folder.path().join("below");
    fs::create_dir(&within).expect("a folder");
    for (at, from) in [
        (folder.path(), "."),
        (folder.path(), "./"),
        (within.as_path(), ".."),
        (folder.path(), "*.csv"),
        (folder.path(), "**/*.csv"),
    ] {
        for verb in ["scan", "init"] {
            let mut command = segprep();
            let output = command.current_dir(at).args([verb, from]).output().expect("it runs");
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            assert_eq!(output.status.code(), Some(0), "{verb} {from}: {said}");
        }
    }
    let output = segprep().args(["scan", "nowhere.csv"]).output().expect("it runs");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(66), "{said}");
    assert!(said.contains("`nowhere.csv`") && said.contains("check the path"), "{said}");
}

/// The first file is always read, and may have nothing but a header.
#[test]
fn a_sample_without_a_record_is_told_from_inputs_without_one() {
    let folder = folder();
    file(folder.path(), "a.csv", "Address,ChannelType\n");
    let scan = |more: &[&str]| {
        let output = segprep().arg("scan").arg(folder.path()).args(more).output();
        let output = output.expect("it runs");
        assert_eq!(output.status.code(), Some(66));
        String::from_utf8(output.stderr).expect("UTF-8")
    };
    let nothing = scan(&[]);
    assert!(nothing.contains("there is no record in `"), "{nothing}");
    file(folder.path(), "b.csv", "Address,ChannelType\na@example.com,EMAIL\n");
    let sample = scan(&["--sample", "0.01"]);
    for words in ["no record in the sample (20 bytes of 60 bytes, from 1 of 2 files)", "`--all`"] {
        assert!(sample.contains(words), "{sample}");
    }
}

/// What values in maps would fail is counted whatever their names, and so are rows without an address.
#[test]
fn failures_of_names_from_the_data_are_counted() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let json = r#"{"Id":"1","Attributes":{"Plan":"pro","Größe":"xl"},"Metrics":{"m":"3"}}"#;
    let csv =
        "Address,ChannelType,Metrics.Visits,Attributes.Plan\n,EMAIL,007,x\na@x.example,EMAIL,7,x\n";
    let fails = |name: &str, text: &str| -> Vec<String> {
        let path = folder.path().join(name);
        std::fs::write(&path, text).expect("a file");
        let output = segprep().args(["scan", "--json"]).arg(&path).output().expect("it runs");
        let report: serde_json::Value =
            serde_json::from_slice(&output.stdout).expect("a report in JSON");
        let fields = report["fields"].as_array().expect("fields").iter();
        let told = fields.map(|field| format!("{} {}", field["fails"], field["repairs"]));
        told.filter(|told| told != "{} {}").collect()
    };
    let list = r#"{"type":1} {"repair.lists":1}"#;
    assert_eq!(fails("a.json", json), [list, list, r#"{"type":1} {}"#]);
    assert_eq!(fails("b.csv", csv), [r#"{"missing":1} {}"#, r#"{"type":1} {}"#]);
}
