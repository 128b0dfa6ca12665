//! `schemas/pipeline.schema.json`, with which editors complete and check definitions, agrees with the
//! program on valid definitions and on the names of settings.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::support::program::{files_below, segprep, stderr};

fn schema() -> Value {
    let text = fs::read_to_string("schemas/pipeline.schema.json").expect("it is there");
    serde_json::from_str(&text).expect("it is JSON")
}

fn definition(path: &Path) -> Option<Value> {
    toml::from_str(&fs::read_to_string(path).ok()?).ok()
}

#[test]
fn shipped_pipelines_are_valid() {
    let validator = jsonschema::draft7::new(&schema()).expect("it is a schema");
    let pipelines = files_below(Path::new("pipelines"));
    let pipelines: Vec<_> =
        pipelines.iter().filter(|path| !path.to_string_lossy().ends_with(".test.toml")).collect();
    assert!(6 <= pipelines.len(), "only {} pipelines", pipelines.len());
    for path in pipelines {
        let definition = definition(path).expect("a definition");
        let error = validator.validate(&definition).err();
        assert!(error.is_none(), "{}: {}", path.display(), error.expect("an error"));
    }
}

/// Definitions that the program rejects for an unknown setting or operation.
#[test]
fn unknown_settings_and_operations_are_invalid() {
    let validator = jsonschema::draft7::new(&schema()).expect("it is a schema");
    let expected = files_below(Path::new("tests/definitions"));
    let is_of_words = |path: &Path| {
        let text = fs::read_to_string(path).unwrap_or_default();
        let is_in_file = !text.contains("in_set");
        is_in_file && (text.contains("unknown setting") || text.contains("unknown operation"))
    };
    let ends = |path: &Path| path.extension().is_some_and(|end| end == "expected");
    let cases: Vec<_> = expected.iter().filter(|path| ends(path) && is_of_words(path)).collect();
    assert!(8 <= cases.len(), "only {} cases", cases.len());
    for path in cases {
        let definition = definition(&path.with_extension("toml"));
        let holds = definition.is_some_and(|definition| validator.is_valid(&definition));
        assert!(!holds, "{}", path.display());
    }
}

const NO_KEY: &str = "qqqqqqqqqqqqqqqq";

/// Where an unknown setting is added, and where the schema has the settings of that table.
const TABLES: [(&str, &str); 28] = [
    ("{}=1", ""),
    ("input.{}=1", "/properties/input"),
    ("input.endpoint=[{address='Mail',{}=1}]", "/properties/input/properties/endpoint/items"),
    ("repair.{}=true", "/properties/repair"),
    ("repair.phone={{}=1}", "/properties/repair/properties/phone/oneOf/1"),
    ("validate.{}=1", "/properties/validate"),
    ("suppress=[{from=['a'],field='Address',{}=1}]", "/properties/suppress/items"),
    (
        "keys.k1={from='demo:',{}=1}",
        "/properties/keys/patternProperties/^(?!current$)[a-z0-9-]{1,16}$/oneOf/1",
    ),
    ("account.{}=1", "/properties/account"),
    ("state={to='s/',{}=1}", "/properties/state"),
    ("output.0.{}=1", "/properties/output/items"),
    (
        "output.0.columns=[{name='Id',{}=1}]",
        "/properties/output/items/properties/columns/items/oneOf/1",
    ),
    ("unique={by=['Id'],{}=1}", "/properties/unique"),
    ("users.{}=1", "/properties/users"),
    ("run.{}=1", "/properties/run"),
    ("aws.{}=1", "/properties/aws"),
    ("fields.Id={op='keep',{}=1}", "op/keep"),
    ("fields.Id={op='drop',{}=1}", "op/drop"),
    ("fields.Id={op='redact',{}=1}", "op/redact"),
    ("fields.Id={op='mask',{}=1}", "op/mask"),
    ("fields.Id={op='hmac',{}=1}", "op/hmac"),
    ("fields.Id={op='date_trunc',unit='year',{}=1}", "op/date_trunc"),
    ("fields.Id={op='date_shift',days=1,{}=1}", "op/date_shift"),
    ("fields.Id={op='round',step=1,{}=1}", "op/round"),
    ("fields.Id={op='round',decimals=1,{}=1}", "op/round"),
    ("fields.Id={op='bucket',edges=[1],{}=1}", "op/bucket"),
    ("fields.Id={op='geo',decimals=1,{}=1}", "op/geo"),
    ("fields.Id={op='map',table={a='b'},{}=1}", "op/map"),
];

#[test]
fn the_schema_has_the_settings_of_the_program() {
    let schema = schema();
    for (set, place) in TABLES {
        let set = set.replace("{}", NO_KEY);
        let known = known_to_the_program(&set);
        let listed = match place.strip_prefix("op/") {
            Some(op) => keys_of_operation(&schema, op),
            None => keys(schema.pointer(place).unwrap_or_else(|| panic!("no {place}"))),
        };
        assert_eq!(listed, known, "{set}");
    }
}

/// The settings that the hint about an unknown setting lists.
fn known_to_the_program(set: &str) -> BTreeSet<String> {
    let mut command = segprep();
    let output =
        command.args(["check", "pipelines/newsletter.toml", "--json", "--set", set]).output();
    let shown = stderr(&output.expect("the program runs"));
    let help = shown
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|event| event["message"].as_str().is_some_and(|text| text.contains(NO_KEY)))
        .find_map(|event| event["hint"].as_str().map(str::to_owned));
    let help = help.unwrap_or_else(|| panic!("{set} is taken:\n{shown}"));
    let listed = help
        .strip_prefix("expected one of ")
        .or_else(|| help.strip_prefix("expected "))
        .unwrap_or_else(|| panic!("{set}: {help}"));
    listed.split(", ").map(|name| name.trim_matches('`').to_owned()).collect()
}

/// The settings of all forms of an operation.
fn keys_of_operation(schema: &Value, op: &str) -> BTreeSet<String> {
    let forms = schema.pointer("/properties/fields/additionalProperties/oneOf");
    let forms = forms.and_then(Value::as_array).expect("a list of forms");
    let forms = forms
        .iter()
        .flat_map(|form| form["oneOf"].as_array().cloned().unwrap_or(vec![form.clone()]));
    let of_op = forms.filter(|form| form["properties"]["op"]["const"] == op);
    of_op.flat_map(|form| keys(&form)).collect()
}

fn keys(table: &Value) -> BTreeSet<String> {
    let properties = table["properties"].as_object().expect("a table");
    properties.keys().cloned().collect()
}
