//! The schemas are accurate: accounts match them, and a change of a record schema or of a target changes
//! which records are valid, without a change of the program.

use std::{fs, path::Path};

use jsonschema::Validator;
use segprep::schema::{Files, Schema, merged};
use serde_json::{Value, json};

use crate::support::in_process::InProcess;
use crate::support::program::{Place, code, files_below, segprep, stderr};

fn read(path: impl AsRef<Path>) -> Value {
    let text = fs::read(path.as_ref()).expect("a file");
    serde_json::from_slice(&text).expect("a schema is JSON")
}

/// Checks formats only by the keywords that the merged schema has for them, as other programs do.
fn validator(schema: &Value) -> Validator {
    jsonschema::options().should_validate_formats(false).build(schema).expect("a schema")
}

#[test]
fn the_shipped_schemas_are_valid() {
    let schemas: Vec<_> = files_below(Path::new("schemas"))
        .into_iter()
        .filter(|path| path.to_string_lossy().ends_with(".schema.json"))
        .collect();
    assert_eq!(schemas.len(), 10);
    for path in schemas {
        let schema = read(&path);
        // Editors for TOML support the older draft.
        let draft = if path.ends_with("pipeline.schema.json") {
            "http://json-schema.org/draft-07/schema#"
        } else {
            "https://json-schema.org/draft/2020-12/schema"
        };
        assert_eq!(schema["$schema"], draft, "{}", path.display());
        if let Err(error) = jsonschema::meta::validate(&schema) {
            panic!("{}: {error}", path.display());
        }
    }
}

#[test]
fn accounts_match_their_schemas() {
    check_account("newsletter", &[], 0);
    check_account("sms", &["account.keep_rejected=true", "output.0.digest=crc64nvme"], 0);
    check_account("analytics", &["input.digest=true", "output.0.max_bytes=2kB"], 0);
    check_account("newsletter", &["account.max_reject_ratio=0.1", "account.lineage=true"], 3);
    check_account("sms", &["fields.\"Attributes.Nothing\"=\"drop\"", "input.inactive=keep"], 0);
}

/// Runs a pipeline on its sample, and checks the account against the schemas.
fn check_account(pipeline: &str, sets: &[&str], exit: i32) {
    let place = Place::new();
    let mut command = segprep();
    command.args(["run", &format!("pipelines/{pipeline}.toml"), "--quiet"]);
    for set in sets {
        command.args(["--set", set]);
    }
    place.set_paths(&mut command);
    for setting in place.further_outputs(&format!("pipelines/{pipeline}.toml")) {
        command.args(["--set", &setting]);
    }
    let output = command.output().expect("the program runs");
    assert_eq!(code(&output), exit, "{pipeline} {sets:?}: {}", stderr(&output));

    let manifest = place.manifest();
    check_fits("schemas/manifest.schema.json", &manifest);
    assert_eq!(manifest.get("fips").is_some(), cfg!(feature = "fips"));
    let rejects: Vec<Value> = lines(&place.rejects());
    assert_eq!(json!(rejects.len()), manifest["records"]["rejected"], "{pipeline} {sets:?}");
    for reject in &rejects {
        check_fits("schemas/rejects.schema.json", reject);
    }
    check_inputs(&place, &manifest);
}

/// Members that only the manifests of some builds, or of some definitions, have.
const OF_SOME: [&str; 3] = ["fips", "lineage", "retry"];

/// Checks that the instance is valid, and invalid with an unknown member or without a required one.
#[track_caller]
fn check_fits(schema: &str, instance: &Value) {
    let validator = validator(&read(schema));
    if let Err(error) = validator.validate(instance) {
        panic!("{schema}: {error} at {}", error.instance_path());
    }
    let mut more = instance.clone();
    more["nobody_knows"] = json!(1);
    assert!(!validator.is_valid(&more), "{schema} allows unknown members");
    let members = instance.as_object().expect("an object").keys();
    for name in members.filter(|name| !OF_SOME.contains(&name.as_str())) {
        let mut fewer = instance.clone();
        fewer.as_object_mut().expect("an object").shift_remove(name);
        assert!(!validator.is_valid(&fewer), "{schema} does not require `{name}`");
    }
}

/// Checks that the counts of the inputs add up to those of the manifest.
fn check_inputs(place: &Place, manifest: &Value) {
    let text = fs::read_to_string(place.account().join("inputs.ndjson")).expect("inputs");
    let (read, ignored): (Vec<Value>, Vec<Value>) =
        lines(&text).into_iter().partition(|input| input["records"].is_u64());
    let sum = |name: &str| read.iter().filter_map(|input| input[name].as_u64()).sum::<u64>();
    let records = &manifest["records"];
    assert_eq!(json!(sum("records")), records["read"]);
    assert_eq!(json!(sum("written")), records["written"]);
    assert_eq!(json!(sum("rejected")), records["rejected"]);
    assert_eq!(json!(sum("bytes")), manifest["inputs"]["bytes"]);
    assert_eq!(json!(read.len()), manifest["inputs"]["files"]);
    assert_eq!(json!(ignored.len()), manifest["inputs"]["ignored"]);
    assert!(ignored.iter().all(|input| input["ignored"].is_string()), "{ignored:?}");
}

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect()
}

/// The file of a schema that a change is made to.
#[derive(Clone, Copy, Debug)]
enum File {
    Endpoint,
    User,
    Target,
}
use File::{Endpoint, Target, User};

/// The written form of a record, or the code of its reject.
type Outcome<'a> = Result<&'a str, &'a str>;

#[test]
fn changed_enums_and_fields_change_what_is_valid() {
    check_change(
        "a word more in an enum",
        (Endpoint, r#"["ALL", "NONE"]"#, r#"["ALL", "NONE", "SOME"]"#),
        r#"{"Id":"i","OptOut":"SOME"}"#,
        Err("enum"),
        Ok(r#"{"Id":"i","OptOut":"SOME"}"#),
    );
    check_change(
        "a word less in an enum",
        (Endpoint, r#"["ALL", "NONE"]"#, r#"["ALL"]"#),
        r#"{"Id":"i","OptOut":"NONE"}"#,
        Ok(r#"{"Id":"i","OptOut":"NONE"}"#),
        Err("enum"),
    );
    check_change(
        "a new field, which is written where the schema has it",
        (
            Endpoint,
            r#""RequestId": {"#,
            r#""Nickname": {"type": "string", "x-segprep-class": "personal"}, "RequestId": {"#,
        ),
        r#"{"RequestId":"r","Nickname":"n","Id":"i"}"#,
        Err("unknown_field"),
        Ok(r#"{"Id":"i","Nickname":"n","RequestId":"r"}"#),
    );
    check_change(
        "a new field of the user",
        (
            User,
            r#""UserStatus": {"#,
            r#""Tier": {"type": "string", "x-segprep-class": "technical"}, "UserStatus": {"#,
        ),
        r#"{"Id":"i","User":{"UserId":"u","Tier":"gold"}}"#,
        Err("unknown_field"),
        Ok(r#"{"Id":"i","User":{"UserId":"u","Tier":"gold"}}"#),
    );
    check_change(
        "a field less",
        (
            Endpoint,
            r#""RequestId": {"$comment": "IMP", "type": "string", "x-segprep-class": "technical"},"#,
            "",
        ),
        r#"{"Id":"i","RequestId":"r"}"#,
        Ok(r#"{"Id":"i","RequestId":"r"}"#),
        Err("unknown_field"),
    );
}

#[test]
fn changed_formats_and_kinds_change_what_is_valid() {
    check_change(
        "a pattern",
        (Endpoint, r#""RequestId": {"#, r#""RequestId": {"pattern": "^r-[0-9]+$", "#),
        r#"{"Id":"i","RequestId":"r-x"}"#,
        Ok(r#"{"Id":"i","RequestId":"r-x"}"#),
        Err("pattern"),
    );
    check_change(
        "no format",
        (Endpoint, r#""format": "country","#, ""),
        r#"{"Id":"i","Location":{"Country":"USA"}}"#,
        Err("country"),
        Ok(r#"{"Id":"i","Location":{"Country":"USA"}}"#),
    );
    check_change(
        "a format for fewer channels",
        (Endpoint, r#"["SMS", "VOICE"]"#, r#"["SMS"]"#),
        r#"{"ChannelType":"VOICE","Address":"12"}"#,
        Err("phone"),
        Ok(r#"{"ChannelType":"VOICE","Address":"12"}"#),
    );
    check_change(
        "a narrower range",
        (Endpoint, r#""maximum": 90"#, r#""maximum": 45"#),
        r#"{"Id":"i","Location":{"Latitude":45.5}}"#,
        Ok(r#"{"Id":"i","Location":{"Latitude":45.5}}"#),
        Err("range"),
    );
    check_change(
        "a kind that needs more",
        (Endpoint, r#""required": ["Id"]"#, r#""required": ["Id", "RequestId"]"#),
        r#"{"Id":"i"}"#,
        Ok(r#"{"Id":"i"}"#),
        Err("missing"),
    );
}

#[test]
fn a_changed_target_changes_what_is_valid() {
    let record = r#"{"Id":"i","Attributes":{"Plan":["four","five"]}}"#;
    for (from, to, code) in [
        ("value_length = 100", "value_length = 3", "value_length"),
        ("value_count = 50", "value_count = 1", "value_count"),
        ("name_length = 50", "name_length = 3", "name_length"),
        (r"name_chars = '#:?\/'", "name_chars = 'P'", "name_chars"),
        ("attribute_count = 250", "attribute_count = 0", "attribute_count"),
        ("endpoint_size = 15_000", "endpoint_size = 40", "endpoint_size"),
    ] {
        check_change(code, (Target, from, to), record, Ok(record), Err(code));
    }
    let record = r#"{"ChannelType":"EMAIL","Address":"ana@example.com"}"#;
    for (from, to) in
        [("email_local = 64", "email_local = 2"), ("email_total = 254", "email_total = 14")]
    {
        check_change(to, (Target, from, to), record, Ok(record), Err("email"));
    }
    let token = "t".repeat(4097);
    let record = format!(r#"{{"ChannelType":"CUSTOM","Address":"{token}"}}"#);
    let change = (Target, r#"["PUSH", "GCM","#, r#"["CUSTOM", "PUSH", "GCM","#);
    check_change("one channel more", change, &record, Ok(&record), Err("value_length"));
}

/// Checks that a record has one outcome before a change of a file's text, and another one after it.
#[track_caller]
fn check_change(
    what: &str,
    (file, from, to): (File, &str, &str),
    record: &str,
    before: Outcome<'_>,
    after: Outcome<'_>,
) {
    let shipped = || Files::shipped("pinpoint").expect("it is shipped");
    check_outcome(what, &shipped(), record, before);
    let mut files = shipped();
    let text = match file {
        Endpoint => &mut files.endpoint,
        User => &mut files.user,
        Target => &mut files.target,
    };
    assert_eq!(text.matches(from).count(), 1, "{what}: {from} occurs once");
    let changed = text.replace(from, to);
    *text = &changed;
    check_outcome(what, &files, record, after);
}

#[track_caller]
fn check_outcome(what: &str, files: &Files<'_>, record: &str, expected: Outcome<'_>) {
    let schema = Schema::compile(files).unwrap_or_else(|error| panic!("{what}: {error}"));
    let program = InProcess::keeping_everything(schema, &["input.unknown=reject"]);
    let block = program.block(
        record.as_bytes(),
        0,
        &segprep::decode::Format::JsonLines(segprep::decode::frame::LineEnd::Newline),
    );
    let codes =
        block.rejects.iter().flat_map(|reject| &reject.problems).map(|problem| problem.code);
    let codes: Vec<&str> = codes.collect();
    match expected {
        Ok(written) => {
            assert_eq!(codes, [""; 0], "{what}");
            let found = str::from_utf8(&block.json.bytes).expect("output is UTF-8").trim_end();
            assert_eq!(found, written, "{what}");
        }
        Err(code) => assert_eq!(codes, [code], "{what}"),
    }
    // JSON Schema can't express the size of a record.
    if !matches!(expected, Err("endpoint_size")) {
        let printed = validator(&merged(files).expect("the files compile"));
        let record = serde_json::from_str(record).expect("a record is JSON");
        assert_eq!(printed.is_valid(&record), expected.is_ok(), "{what}: the printed schema");
    }
}
