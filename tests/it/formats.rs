//! The same records in every input and output format: any pair of formats has equal records.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
};

use proptest::{collection::vec, prelude::*};
use segprep::decode::Format;
use segprep::decode::frame::LineEnd;
use segprep::encode::CsvColumn;
use segprep::schema::Schema;
use serde_json::{Value, json};

use crate::support::in_memory::InMemory;
use crate::support::in_process::{InProcess, KEEPS_EVERYTHING};
use crate::support::program::{code, files_below, segprep, stderr, toml_text};
use crate::support::property::{check_property_times, times};
use crate::support::python::python;
use crate::support::records;

/// A run over one input into one output of each format.
struct Everything {
    folder: tempfile::TempDir,
}

/// The outputs, to be appended to [`KEEPS_EVERYTHING`].
const OUTPUTS: &str = r#"max_reject_ratio = 0.9

[[output]]
to = "json"
format = "pinpoint-json"

[[output]]
to = "parquet"
format = "parquet"
PARQUET

[[output]]
to = "csv"
format = "pinpoint-csv"
CSV
"#;

impl Everything {
    /// `parquet` and `csv` are further settings of these outputs.
    fn new(name: &str, input: &str, [parquet, csv]: [&str; 2]) -> Everything {
        let outputs = OUTPUTS.replace("PARQUET", parquet).replace("CSV", csv);
        let definition = format!("{KEEPS_EVERYTHING}{outputs}");
        Everything::of(name, input, &definition, &[])
    }

    /// The paths are relative, so that the definition is the same in every folder.
    fn of(name: &str, input: &str, definition: &str, arguments: &[&str]) -> Everything {
        let folder = tempfile::tempdir().expect("a temporary folder");
        fs::create_dir(folder.path().join("input")).expect("a folder");
        fs::write(folder.path().join("input").join(name), input).expect("an input");
        fs::write(folder.path().join("definition.toml"), definition).expect("a definition");
        run_in(folder.path(), "definition.toml", arguments);
        Everything { folder }
    }

    fn to(&self, output: &str) -> PathBuf {
        self.folder.path().join(output)
    }

    /// The parts of an output by path.
    fn parts(&self, output: &str) -> BTreeMap<PathBuf, Vec<u8>> {
        let to = self.to(output);
        let part = |file: PathBuf| {
            let path = file.strip_prefix(&to).expect("a path below it").to_owned();
            (path, fs::read(&file).expect("a part"))
        };
        files_below(&to).into_iter().map(part).collect()
    }

    fn json(&self) -> Vec<Value> {
        let parts = self.parts("json");
        let lines = parts.values().flat_map(|part| part.split_inclusive(|byte| *byte == b'\n'));
        lines.map(|line| serde_json::from_slice(line).expect("a record")).collect()
    }

    fn manifest(&self) -> Value {
        let text = fs::read(self.to("account/manifest.json")).expect("a manifest");
        serde_json::from_slice(&text).expect("JSON")
    }

    fn compare(&self) {
        compare(&self.to("json"), &self.to("parquet"), &self.to("account"));
    }
}

fn run_in(folder: &Path, definition: &str, arguments: &[&str]) {
    let mut command = segprep();
    let run = command.current_dir(folder).args(["run", definition]).args(arguments).output();
    let run = run.expect("the program runs");
    assert_eq!(code(&run), 0, "{}", stderr(&run));
}

/// Reads Parquet with `DuckDB`, Polars and pyarrow, and compares it with the JSON of the same run.
fn compare(json: &Path, parquet: &Path, account: &Path) {
    let rejects = ["rejects.ndjson", "rejects.parquet"].map(|file| account.join(file));
    let mut command = python();
    command.arg("tests/parquet/compare.py").args([json, parquet]).args(rejects);
    let compared = command.output().expect("Python runs");
    assert!(compared.status.success(), "{}", stderr(&compared));
}

/// Records with all fields, with values that CSV can represent.
fn samples(count: usize) -> Vec<Value> {
    let record = |number: usize| {
        let plan = ["pro", "free"][number % 2];
        // Text that does not compress well.
        let random = (u128::try_from(number).expect("small") + 1)
            .wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
        let random = random ^ (random >> 61);
        let mut record = json!({
            "Id": format!("id-{:032x}", random.wrapping_mul(random)),
            "ChannelType": "EMAIL",
            "Address": format!("a{random:032x}@example.com"),
            "Attributes": {"Plan": [plan]},
            "Metrics": {"Visits": number, "Rate": f64::from(u32::try_from(number).expect("small")) / 7.0},
            "User": {"UserId": format!("user-{}", number / 3)},
        });
        if number.is_multiple_of(2) {
            record["OptOut"] = json!("NONE");
            record["EffectiveDate"] = json!("2019-08-23T10:54:35.2209+02:00");
            record["Location"] =
                json!({"Country": "DE", "City": "Köln, \"Süd\"", "Latitude": -50.5});
        }
        if number.is_multiple_of(5) {
            record["Attributes"]["Interests"] = json!(["a,b", "=1+1", "\"", " ", "ü"]);
            record["User"]["UserAttributes"] = json!({"First, Name": ["Zoë"], "x.y": ["'"]});
            record["Demographic"] = json!({"Make": "Apple", "AppVersion": "1.0"});
            record["EffectiveDate"] = json!("0001-01-01T00:00:00Z");
        }
        record
    };
    let mut records: Vec<Value> = (0..count).map(record).collect();
    records.push(json!({"User": {"UserId": "alone"}}));
    records.push(json!({"Id": "update", "Attributes": {"Plan": ["x"]}}));
    records
}

fn ndjson(records: &[Value]) -> String {
    records.iter().fold(String::new(), |mut text, record| {
        writeln!(text, "{record}").expect("memory");
        text
    })
}

/// The columns of some records, and how often each repeats.
fn columns(records: &[Value]) -> Vec<(String, usize)> {
    let mut columns: Vec<(String, usize)> = Vec::new();
    for (path, values) in records.iter().flat_map(|record| flat("", record)) {
        match columns.iter_mut().find(|(known, _)| *known == path) {
            Some((_, repeat)) => *repeat = (*repeat).max(values.len()),
            None => columns.push((path, values.len().max(1))),
        }
    }
    columns
}

/// The fields of a record: their paths and the texts of their values.
fn flat(path: &str, value: &Value) -> Vec<(String, Vec<String>)> {
    match value {
        Value::Object(members) => {
            let below = |name: &str| {
                if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
            };
            members.iter().flat_map(|(name, member)| flat(&below(name), member)).collect()
        }
        Value::Array(items) => vec![(path.to_owned(), items.iter().map(text).collect())],
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            vec![(path.to_owned(), vec![text(value)])]
        }
    }
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// The records as the `csv` crate writes them.
fn csv_text(records: &[Value]) -> String {
    let columns = columns(records);
    let mut writer = csv::Writer::from_writer(Vec::new());
    let header = columns.iter().flat_map(|(name, repeat)| vec![name.clone(); *repeat]);
    writer.write_record(header).expect("memory");
    for record in records {
        let fields: BTreeMap<String, Vec<String>> = flat("", record).into_iter().collect();
        let cells = columns.iter().flat_map(|(name, repeat)| {
            let mut values = fields.get(name).cloned().unwrap_or_default();
            values.resize(*repeat, String::new());
            values
        });
        writer.write_record(cells).expect("memory");
    }
    String::from_utf8(writer.into_inner().expect("memory")).expect("UTF-8")
}

/// The setting that names these columns.
fn columns_setting(records: &[Value]) -> String {
    let column = |(name, repeat): (String, usize)| match repeat {
        1 => toml_text(&name),
        _ => format!("{{ name = {}, repeat = {repeat} }}", toml_text(&name)),
    };
    let columns: Vec<String> = columns(records).into_iter().map(column).collect();
    format!("columns = [{}]", columns.join(", "))
}

#[test]
fn all_pairs_of_formats_have_the_same_records() {
    let records = samples(300);
    let (from_json, from_csv) = (ndjson(&records), csv_text(&records));
    let named = columns_setting(&records);
    let runs = [
        Everything::new("a.json", &from_json, ["", &named]),
        Everything::new("a.csv", &from_csv, ["", &named]),
        // The columns are those of the header.
        Everything::new("a.csv", &from_csv, ["", ""]),
    ];
    for run in &runs {
        assert_eq!(run.json(), records);
        run.compare();
        assert_eq!(run.parts("csv"), runs[0].parts("csv"));
        let csv = run.parts("csv").into_values().next().expect("a part");
        let again = String::from_utf8(csv).expect("UTF-8");
        assert_eq!(Everything::new("again.csv", &again, ["", ""]).json(), records);
        let outputs = &run.manifest()["outputs"];
        assert_eq!((&outputs[2]["emptied"], &outputs[2]["formula"]), (&json!(0), &json!(60)));
        let ready = [0, 1, 2].map(|output| outputs[output]["import_ready"] == json!(true));
        assert_eq!(ready, [true, false, true]);
    }
}

/// Settings of a run that must not change its output.
const MEANS: [[&str; 4]; 4] = [
    ["--threads", "1", "--chunk-bytes", "1000000"],
    ["--threads", "2", "--chunk-bytes", "1000000"],
    ["--threads", "7", "--chunk-bytes", "1000000"],
    ["--threads", "2", "--chunk-bytes", "10000"],
];

#[test]
fn parts_of_parquet_depend_on_records_alone_and_respect_max_bytes() {
    let input = ndjson(&samples(20_000));
    let (others, _csv) = OUTPUTS.rsplit_once("[[output]]").expect("the output of CSV");
    let outputs = others.replace("PARQUET", "max_bytes = \"1 MB\"");
    let definition = format!("{KEEPS_EVERYTHING}{outputs}");
    let mut first: Option<BTreeMap<PathBuf, Vec<u8>>> = None;
    for means in MEANS {
        let run = Everything::of("a.json", &input, &definition, &means);
        let parts = run.parts("parquet");
        let sizes: Vec<usize> = parts.values().map(Vec::len).collect();
        assert!(1 < parts.len() && sizes.iter().all(|size| *size <= 1_000_000), "{sizes:?}");
        match &first {
            None => {
                run.compare();
                first = Some(parts);
            }
            Some(first) => assert!(*first == parts, "the parts differ with {means:?}"),
        }
    }
}

#[test]
fn the_pipeline_for_analysts_writes_the_same_parquet_with_any_settings() {
    let mut first: Option<Vec<u8>> = None;
    for means in MEANS {
        let folder = tempfile::tempdir().expect("a temporary folder");
        for found in ["samples", "pipelines"] {
            let to = Path::new(env!("CARGO_MANIFEST_DIR")).join(found);
            symlink(to, folder.path().join(found)).expect("a link");
        }
        run_in(folder.path(), "pipelines/analytics.toml", &means);
        let out = folder.path().join("out/analytics");
        let parts = files_below(&out.join("parquet"));
        let [part] = parts.as_slice() else { panic!("one part, and not {}", parts.len()) };
        let part = fs::read(part).expect("a part");
        match &first {
            None => {
                compare(&out.join("import"), &out.join("parquet"), &out.join("account"));
                first = Some(part);
            }
            Some(first) => assert!(*first == part, "the part differs with {means:?}"),
        }
    }
}

/// One JSON output and one CSV output; the columns of the latter are set later.
const JSON_AND_CSV: &str = r#"output=[{ to = "json/", format = "pinpoint-json" }, { to = "csv/", format = "pinpoint-csv" }]"#;

/// Removes what CSV can't represent. Returns how many values that were.
fn without_empty(record: &mut Value) -> u64 {
    let mut emptied = 0;
    let Some(members) = record.as_object_mut() else { return 0 };
    members.retain(|_, member| {
        match member {
            Value::Object(_) => emptied += without_empty(member),
            Value::Array(items) if items.is_empty() => emptied += 1,
            Value::Array(items) => {
                let before = items.len();
                items.retain(|item| item != "");
                emptied += u64::try_from(before - items.len()).expect("few");
            }
            Value::String(text) => emptied += u64::from(text.is_empty()),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
        let is_empty = |member: &Value| match member {
            Value::Object(members) => members.is_empty(),
            Value::Array(items) => items.is_empty(),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => member == "",
        };
        !is_empty(member)
    });
    emptied
}

#[test]
fn output_read_as_input_gives_the_same_records() {
    let schema = || Schema::shipped("pinpoint").expect("it is shipped");
    let keeps = ["input.inactive=\"keep\"", "input.kinds=[\"endpoint\",\"update\",\"user\"]"];
    let reader = InMemory::new("tests/hostile/definition.toml", &keeps);
    check_property_times(times(100), &vec(records::records(&schema()), 1..30), |records| {
        let can_be_named = |name: &str| name.trim() == name;
        let column = |(name, repeat): (String, usize)| CsvColumn { name, repeat };
        let columns: Vec<CsvColumn> = columns(&records)
            .into_iter()
            .filter(|(name, _)| can_be_named(name))
            .map(column)
            .collect();
        let stages = InProcess::keeping_everything(schema(), &[JSON_AND_CSV]);
        let stages = stages.with_columns(&columns);
        let block =
            stages.block(ndjson(&records).as_bytes(), 0, &Format::JsonLines(LineEnd::Newline));
        for reject in &block.rejects {
            let codes: Vec<&str> = reject.problems.iter().map(|problem| problem.code).collect();
            prop_assert!(
                codes.iter().all(|code| ["line_break", "column"].contains(code)),
                "{codes:?}"
            );
        }
        let again = reader.process(&block.json.bytes, false, usize::MAX).expect("records");
        prop_assert!(again.written == block.json.bytes, "JSON differs");

        let mut csv = stages.stages.header(1).to_vec();
        csv.extend(block.line_outputs.iter().flat_map(|lines| &lines.bytes));
        let again = reader.process(&csv, true, usize::MAX).expect("a header");
        let mut wanted = values(&block.json.bytes);
        let emptied: u64 = wanted.iter_mut().map(without_empty).sum();
        prop_assert_eq!(again.rejects, Vec::<String>::new());
        prop_assert_eq!(values(&again.written), wanted);
        prop_assert_eq!(
            block.line_outputs.first().map_or(0, |lines| lines.counts.emptied),
            emptied
        );
        Ok(())
    });
}

fn values(lines: &[u8]) -> Vec<Value> {
    let lines = lines.split_inclusive(|byte| *byte == b'\n');
    lines.map(|line| serde_json::from_slice(line).expect("a record")).collect()
}

#[test]
fn every_part_of_csv_begins_with_the_header() {
    let records = samples(200);
    let setting = columns_setting(&records) + "\nmax_bytes = 2000";
    let run = Everything::new("a.json", &ndjson(&records), ["", &setting]);
    let parts = run.parts("csv");
    assert!(5 < parts.len());
    let header = |part: &[u8]| part.split(|byte| *byte == b'\n').next().map(<[u8]>::to_vec);
    let first = parts.values().next().and_then(|part| header(part));
    for (path, part) in &parts {
        assert!(part.len() <= 2000, "{}", path.display());
        assert_eq!(header(part), first, "{}", path.display());
        assert_eq!(path.extension().and_then(|end| end.to_str()), Some("csv"));
    }
}

#[test]
fn an_output_has_a_limited_number_of_parts() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let record = "{\"ChannelType\":\"EMAIL\",\"Address\":\"ada@example.com\"}\n";
    let definition =
        format!("{KEEPS_EVERYTHING}\n[[output]]\nto = \"out\"\nformat = \"pinpoint-json\"\n");
    fs::create_dir(folder.path().join("input")).expect("a folder");
    fs::write(folder.path().join("a.toml"), definition).expect("a definition");
    let run = |records: usize| {
        fs::write(folder.path().join("input/a.json"), record.repeat(records)).expect("an input");
        let mut command = segprep();
        command.current_dir(folder.path()).args(["run", "a.toml", "--dry-run", "--quiet"]);
        command.args(["--set", "output.0.max_bytes=60"]).output().expect("it runs")
    };
    assert_eq!(code(&run(100_000)), 0);
    let over = run(100_001);
    assert_eq!(code(&over), 78);
    let message = stderr(&over);
    for part in ["would have more than 100000 parts", "set a larger `max_bytes`"] {
        assert!(message.contains(part), "{message}");
    }
}
