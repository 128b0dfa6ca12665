//! `segprep verify`: every sample's result is sound, and whatever is changed in a result is found and named by
//! its place.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use data_encoding::{BASE64, HEXLOWER};
use segprep::engine::Cancel;
use segprep::run::{
    ErrorKind, Failure, Outcome, Progress, RunOptions, Verified, VerifyOptions, run, verify,
};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::support::program::{Place, code, files_below, segprep, stderr, toml_text};
use crate::support::s3::run::{point_at, records, run as run_in_bucket};
use crate::support::s3::server::Server;

/// A published result, to be changed.
struct Published {
    place: Place,
    definition: PathBuf,
    sets: Vec<String>,
}

const INPUT: &str = r#"{"ChannelType":"EMAIL","Address":"ann@example.com","Attributes":{"Note":["a secret"],"Plan":["pro"]},"User":{"UserId":"ann-1"}}
{"ChannelType":"SMS","Address":"+12025550191","Attributes":{"Plan":["free"]},"User":{"UserId":"bob-2","UserAttributes":{"City":["Springfield"]}}}
{"ChannelType":"EMAIL","Address":"cy@example.com","OptOut":"ALL","User":{"UserId":"cy-3"}}
{"ChannelType":"EMAIL","Address":"no address"}
"#;

const DEFINITION: &str = r#"
segprep = 1
name = "verified"
purpose = "messaging"
[input]
from = []
[fields]
"Address" = "keep"
"User.UserId" = { op = "hmac", join = "user" }
"User.UserAttributes.*" = { op = "hmac", join = "more", bits = 128, encoding = "base64url" }
"Attributes.Plan" = "keep"
"Attributes.*" = "drop"
"*" = "drop"
[keys]
current = "demo"
demo = "demo:"
[account]
to = "account/"
max_reject_ratio = 1.0
[[output]]
to = "import/"
format = "pinpoint-json"
"#;

impl Published {
    /// Runs the definition with these settings beside those of the places.
    fn new(more: &[&str]) -> Published {
        let place = Place::new();
        let at = |name: &str| place.folder.path().join(name);
        fs::write(at("in.ndjson"), INPUT).expect("an input");
        fs::write(at("definition.toml"), DEFINITION).expect("a definition");
        let text = |name: &str| toml_text(&at(name).to_string_lossy());
        let mut sets = vec![
            format!("input.from=[{}]", text("in.ndjson")),
            format!("account.to={}", text("account")),
            format!("output.0.to={}", text("import")),
        ];
        sets.extend(more.iter().map(|set| (*set).to_owned()));
        let published = Published { definition: at("definition.toml"), sets, place };
        ran(&published.options());
        published
    }

    fn options(&self) -> RunOptions {
        let (definition, sets) = (self.definition.clone(), self.sets.clone());
        RunOptions { definition, sets, threads: Some(2), ..RunOptions::default() }
    }

    fn by_definition(&self) -> Verified {
        let options = VerifyOptions {
            place: self.definition.clone(),
            sets: self.sets.clone(),
            threads: Some(2),
            ..VerifyOptions::default()
        };
        verified(&options)
    }

    fn by_account(&self) -> Verified {
        verified(&VerifyOptions { place: self.place.account(), ..VerifyOptions::default() })
    }

    fn part(&self) -> PathBuf {
        files_below(&self.place.to()).into_iter().next().expect("a part")
    }

    fn edit_manifest(&self, edit: impl FnOnce(&mut Value)) {
        let mut manifest = self.place.manifest();
        edit(&mut manifest);
        fs::write(self.place.account().join("manifest.json"), manifest.to_string())
            .expect("a manifest");
    }

    /// Changes the first part. `is_right`: the manifest is made to match its bytes.
    fn edit_part(&self, is_right: bool, edit: impl FnOnce(Vec<u8>) -> Vec<u8>) {
        let part = self.part();
        let bytes = edit(fs::read(&part).expect("a part"));
        fs::write(&part, &bytes).expect("a part");
        if is_right {
            self.edit_manifest(|manifest| {
                let note = &mut manifest["outputs"][0]["files"][0];
                note["bytes"] = json!(bytes.len());
                note["sha256"] = json!(HEXLOWER.encode(&Sha256::digest(&bytes)));
            });
        }
    }

    /// Replaces a text in the first part, and makes the manifest match its bytes.
    fn replace(&self, old: &str, new: &str) {
        self.edit_part(true, |bytes| {
            let text = String::from_utf8(bytes).expect("UTF-8");
            assert!(text.contains(old), "{text} has no {old}");
            text.replacen(old, new, 1).into_bytes()
        });
    }
}

#[track_caller]
fn ran(options: &RunOptions) {
    match run(options, &Progress::default(), &Cancel::new()) {
        Ok(Outcome::Finished { manifest, .. }) => assert!(!manifest.is_over_budget()),
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn verified(options: &VerifyOptions) -> Verified {
    let verified = verify(options, &Progress::default(), &Cancel::new());
    let verified = verified.unwrap_or_else(|failure| panic!("{failure:?}"));
    assert_eq!(verified.report.sound, verified.faults == 0);
    assert!(verified.report.faults.len() <= 10);
    let text = format!("{verified:?} {}", json!(verified.report));
    for value in ["ann@", "+1202", "secret", "ann-1", "Springfield", "no address"] {
        assert!(!text.contains(value), "{value} in {text}");
    }
    verified
}

#[track_caller]
fn is_sound(verified: &Verified) {
    assert!(verified.report.sound, "{:#?}", verified.report);
    assert_eq!(verified.notes, Vec::<String>::new());
}

/// Checks that a result has exactly these faults: the last name of the part, line, field, and words.
#[track_caller]
fn has(verified: &Verified, expected: &[(&str, Option<u64>, Option<&str>, &str)]) {
    let found = &verified.report.faults;
    let matches = found.len() == expected.len()
        && found.iter().zip(expected).all(|(fault, (part, line, field, words))| {
            fault.part.ends_with(part)
                && fault.line == *line
                && fault.field.as_deref() == *field
                && fault.what.contains(words)
        });
    assert!(matches, "expected {expected:#?}, found {found:#?}");
}

#[test]
fn the_results_of_all_samples_are_sound() {
    let samples: BTreeSet<String> = fs::read_dir("samples")
        .expect("the samples")
        .map(|entry| entry.expect("an entry"))
        .filter(|entry| entry.path().is_dir())
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|sample| Path::new("pipelines").join(sample).with_extension("toml").exists())
        .collect();
    assert!(5 < samples.len());
    for sample in &samples {
        let place = Place::new();
        let definition = format!("pipelines/{sample}.toml");
        let mut sets = place.further_outputs(&definition);
        sets.push(format!("output.0.to={}", toml_text(&place.to().to_string_lossy())));
        sets.push(format!("account.to={}", toml_text(&place.account().to_string_lossy())));
        let definition = PathBuf::from(definition);
        let options = RunOptions {
            definition: definition.clone(),
            sets: sets.clone(),
            ..RunOptions::default()
        };
        ran(&options);
        let chunk_bytes = Some(500);
        let by_definition =
            VerifyOptions { place: definition, sets, chunk_bytes, ..VerifyOptions::default() };
        let by_account = VerifyOptions { place: place.account(), ..VerifyOptions::default() };
        let manifest = place.manifest();
        for options in [&by_definition, &by_account] {
            let verified = verified(options);
            is_sound(&verified);
            let outputs = manifest["outputs"].as_array().expect("outputs").iter();
            let written = manifest["records"]["written"].as_u64().expect("a count");
            // Of profiles, the rows are read.
            let read = |output: &Value| output["profiles"]["rows"].as_u64().unwrap_or(written);
            assert_eq!(verified.report.records, outputs.map(read).sum::<u64>(), "{sample}");
        }
    }
}

const COLUMNS: &str = r#"output.0.columns=["ChannelType", "Address", "OptOut", "Attributes.Plan", "User.UserId", "User.UserAttributes.City"]"#;
const CSV: [&str; 2] = ["output.0.format=\"pinpoint-csv\"", COLUMNS];
const PARQUET: [&str; 1] = ["output.0.format=\"parquet\""];
const CRC: [&str; 1] = ["output.0.digest=\"crc64nvme\""];

#[test]
fn results_of_every_form_are_sound_until_a_byte_is_flipped() {
    for more in [&[][..], &CRC, &CSV, &PARQUET, &["output.0.max_bytes=\"300 B\""]] {
        let result = Published::new(more);
        is_sound(&result.by_definition());
        is_sound(&result.by_account());
        let part = result.part();
        let name = part.file_name().expect("a name").to_string_lossy().into_owned();
        let whole = fs::read(&part).expect("a part");
        let flip = |at: usize| {
            let mut bytes = whole.clone();
            bytes[at] ^= 1;
            fs::write(&part, bytes).expect("a part");
        };
        flip(whole.len() / 2);
        let found = result.by_definition();
        assert!(!found.report.sound);
        let last = found.report.faults.last().expect("a fault");
        assert!(last.what.contains("its digest is not that"), "{:#?}", found.report);
        // Half of it, nothing of it, and no file at all.
        fs::write(&part, &whole[..whole.len() / 2]).expect("a part");
        let found = result.by_definition();
        let expected = format!("has {} bytes instead of {}", whole.len() / 2, whole.len());
        assert_eq!(found.report.faults[0].what, expected);
        fs::write(&part, "").expect("a part");
        assert!(!result.by_definition().report.sound);
        fs::remove_file(&part).expect("a part");
        has(&result.by_definition(), &[(&name, None, None, "is gone")]);
        // A link to the right bytes is not the part that was written.
        fs::write(result.place.folder.path().join("elsewhere"), &whole).expect("a file");
        symlink(result.place.folder.path().join("elsewhere"), &part).expect("a link");
        let found = result.by_definition();
        has(&found, &[(&name, None, None, "not a regular file")]);
    }
}

/// The line, the field and words of a fault.
type Expected<'a> = (u64, Option<&'a str>, &'a str);

/// The digest is made right, so only the records tell.
#[test]
fn what_is_wrong_with_a_record_is_named() {
    let plan = "\"Attributes\":{\"Plan\":[\"pro\"]}";
    let many: Vec<String> = (0..51).map(|number| format!("\"v{number}\"")).collect();
    let many = format!("\"Attributes\":{{\"Plan\":[{}]}}", many.join(","));
    let long = format!("\"Attributes\":{{\"Plan\":[\"{}\"]}}", "é".repeat(101));
    let foreign = format!("hmac:k9:{}", "0".repeat(64));
    let short = format!("hmac:demo:{}", "0".repeat(32));
    let token = |result: &Published| {
        let text = fs::read_to_string(result.part()).expect("a part");
        let at = text.find("hmac:demo:").expect("a token");
        text.get(at..at + "hmac:demo:".len() + 64).expect("a token").to_owned()
    };
    let cases: [(&str, &str, Expected<'_>); 9] = [
        // A dropped field, and one that the manifest does not know the name of.
        (
            plan,
            "\"Attributes\":{\"Plan\":[\"pro\"],\"Note\":[\"a secret\"]}",
            (1, Some("Attributes.(name of 4 characters)"), "the rules drop"),
        ),
        (
            "\"ChannelType\":\"SMS\"",
            "\"ChannelType\":\"SMS\",\"EffectiveDate\":\"2026-01-01T00:00:00Z\"",
            (2, Some("EffectiveDate"), "the rules drop"),
        ),
        ("\"OptOut\":\"ALL\"", "\"OptOut\":\"ALL\",\"CohortId\":\"1\"", (3, None, "only exports")),
        ("\"OptOut\":\"ALL\"", "\"OptOut\":\"SOME\"", (3, Some("OptOut"), "`enum`")),
        ("ann@example.com", "ann@example", (1, Some("Address"), "`email`")),
        ("+12025550191", "+1 202 secret", (2, Some("Address"), "`phone`")),
        (plan, &many, (1, Some("Attributes.Plan"), "`value_count`")),
        (plan, &long, (1, Some("Attributes.Plan"), "`value_length` (`too_long`)")),
        (
            "\"ChannelType\":\"SMS\"",
            "\"ChannelType\":\"SMS\",\"ChannelType\":\"SMS\"",
            (2, Some("ChannelType"), "`duplicate_key`"),
        ),
    ];
    for (old, new, (line, field, words)) in cases {
        let result = Published::new(&[]);
        result.replace(old, new);
        let expected = [("job-000/part-00000.json", Some(line), field, words)];
        has(&result.by_definition(), &expected);
        has(&result.by_account(), &expected);
    }
    for new in ["ann-1", &foreign, &short, "hmac:demo:ann-1"] {
        let result = Published::new(&[]);
        result.replace(&token(&result), new);
        let expected =
            [("job-000/part-00000.json", Some(1), Some("User.UserId"), "no token of a key")];
        has(&result.by_definition(), &expected);
    }
    // A field with a name that nobody knows, and a line that is no record.
    let result = Published::new(&[]);
    result.replace("\"OptOut\":\"ALL\"", "\"OptOut\":\"ALL\",\"Springfield 12\":1");
    result.replace("{\"ChannelType\":\"SMS\"", "{secret\"ChannelType\":\"SMS\"");
    let name = "part-00000.json";
    has(
        &result.by_definition(),
        &[
            (name, Some(2), None, "`json_syntax`"),
            (name, Some(3), Some("(name of 14 characters)"), "`unknown_field`"),
        ],
    );
}

#[test]
fn what_is_wrong_with_a_row_is_named() {
    let cases = [
        ("ann@example.com", "ann@@example.com", (2, Some("Address"), "`email`")),
        ("pro", "\"p\tro\"", (2, Some("Attributes.Plan"), "a tab or a line break")),
        (",free,", ",\"free\nfree\",", (3, Some("Attributes.Plan"), "a tab or a line break")),
        ("cy@example.com,ALL", "cy@example.com,ALL,1", (4, None, "`csv_syntax`")),
        ("Attributes.Plan", "Attributes.Note", (2, Some("Attributes.Note"), "the rules drop")),
    ];
    for (old, new, (line, field, words)) in cases {
        let result = Published::new(&CSV);
        result.replace(old, new);
        let found = result.by_definition();
        let first = found.report.faults.first().expect("a fault");
        assert_eq!((first.line, first.field.as_deref()), (Some(line), field), "{first:?}");
        assert!(first.what.contains(words), "{first:?}");
    }
    let result = Published::new(&CSV);
    result.replace("ChannelType,", "Channel Type,");
    let found = result.by_definition();
    assert!(!found.report.sound && found.report.records == 0, "{:?}", found.report);
}

/// Each rule is broken by the parts of another definition, in each format.
#[test]
fn parts_that_other_rules_made_are_found_out() {
    for format in [&["output.0.format=\"pinpoint-json\""][..], &PARQUET] {
        let strict = Published::new(format);
        let keep = "fields={\"*\"=\"keep\"}";
        let lax = Published::new(&[format[0], keep]);
        lax.edit_manifest(|manifest| {
            manifest["fields"] = strict.place.manifest()["fields"].clone();
        });
        let found = lax.by_account();
        let of = |line: u64, field: &str| {
            let faults = found.report.faults.iter();
            let mut own = faults.filter(|fault| fault.line == Some(line));
            own.find(|fault| fault.field.as_deref() == Some(field)).map(|fault| fault.what.clone())
        };
        assert!(of(1, "User.UserId").is_some_and(|what| what.contains("no token")), "{found:#?}");
        let name = "Attributes.(name of 4 characters)";
        assert!(of(1, name).is_some_and(|what| what.contains("the rules drop")), "{found:#?}");
        let name = "User.UserAttributes.City";
        assert!(of(2, name).is_some_and(|what| what.contains("no token")), "{found:#?}");
        assert_eq!((found.faults, found.report.records), (5, 3), "{found:#?}");
    }
}

#[test]
fn records_too_many_and_too_few_are_counted() {
    let name = "part-00000.json";
    let result = Published::new(&[]);
    result.edit_part(true, |mut bytes| {
        let first = bytes.iter().position(|byte| *byte == b'\n').expect("a line");
        bytes.extend_from_within(..=first);
        bytes
    });
    has(&result.by_definition(), &[(name, None, None, "has 4 records instead of 3")]);
    let result = Published::new(&[]);
    result.edit_part(true, |bytes| {
        let first = bytes.iter().position(|byte| *byte == b'\n').expect("a line");
        bytes[first + 1..].to_vec()
    });
    has(&result.by_definition(), &[(name, None, None, "has 2 records instead of 3")]);
    // With its number made right as well, the balance does not hold.
    result.edit_manifest(|manifest| manifest["outputs"][0]["files"][0]["records"] = json!(2));
    let expected = [("manifest.json", None, Some("outputs"), "2 records instead of 3")];
    has(&result.by_definition(), &expected);
    // Pretty-printed, the records are the same, but not a line each.
    let result = Published::new(&[]);
    result.edit_part(true, |bytes| {
        String::from_utf8(bytes).expect("text").replace(",\"", ",\n\"").into_bytes()
    });
    assert!(!result.by_definition().report.sound);
}

/// An edit of a manifest, and the field and words of the fault.
type ManifestCase<'a> = (&'a dyn Fn(&mut Value), &'a str, Option<&'a str>, &'a str);

#[test]
fn what_is_wrong_with_the_account_is_named() {
    let manifest = "manifest.json";
    let cases: [ManifestCase<'_>; 9] = [
        (&|m| m["records"]["read"] = json!(9), manifest, Some("records"), "do not balance"),
        (
            &|m| m["keys"][0]["check"] = json!("0123456789abcdef"),
            manifest,
            Some("keys.demo"),
            "check value",
        ),
        (
            &|m| m["outputs"][0]["max_bytes"] = json!(10),
            "part-00000.json",
            None,
            "larger than a part may be",
        ),
        (
            &|m| m["outputs"][0]["files"][0]["path"] = json!("../account/inputs.ndjson"),
            "inputs.ndjson",
            None,
            "not the name of a part",
        ),
        (&|m| m["outputs"][0]["to"] = json!("/etc"), manifest, None, "`/etc` was not read"),
        (&|m| m["outputs"][0]["format"] = json!("xml"), "import", None, "format"),
        (&|m| m["fields"][0]["path"] = json!("Adress"), manifest, None, "rules"),
        (&|m| m["fields"][1]["token"]["bits"] = json!(7), manifest, None, "rules"),
        (&|m| m["segprep_manifest"] = json!(2), manifest, None, "not a manifest"),
    ];
    for (edit, part, field, words) in cases {
        let result = Published::new(&[]);
        result.edit_manifest(edit);
        let found = result.by_definition();
        let first = found.report.faults.first().unwrap_or_else(|| panic!("{words}: no fault"));
        assert!(first.part.ends_with(part) && first.what.contains(words), "{first:?}");
        assert_eq!(first.field.as_deref(), field, "{first:?}");
    }
    let account = |name: &str, text: Option<&str>| {
        let result = Published::new(&[]);
        let path = result.place.account().join(name);
        match text {
            Some(text) => fs::write(&path, text).expect("a file"),
            None => fs::remove_file(&path).expect("a file"),
        }
        result.by_definition()
    };
    let line = "{\"name\":\"a\",\"records\":5,\"written\":3,\"rejected\":1,\"dropped\":0}\n";
    let fits = "{\"name\":\"a\",\"records\":3,\"written\":3,\"rejected\":0,\"dropped\":0}\n";
    has(
        &account("rejects.ndjson", Some("")),
        &[("rejects.ndjson", None, None, "0 lines instead of 1")],
    );
    has(&account("rejects.ndjson", None), &[("rejects.ndjson", None, None, "is gone")]);
    has(&account("inputs.ndjson", None), &[("inputs.ndjson", None, None, "is gone")]);
    has(
        &account("inputs.ndjson", Some(line)),
        &[("inputs.ndjson", Some(1), None, "do not balance")],
    );
    has(
        &account("inputs.ndjson", Some(fits)),
        &[("inputs.ndjson", None, None, "not those of the manifest")],
    );
    has(
        &account("inputs.ndjson", Some("secret\n")),
        &[("inputs.ndjson", Some(1), None, "not a line")],
    );
}

#[test]
fn events_of_another_run_are_named() {
    let cases = [
        ("", None, "its events are not START and COMPLETE"),
        ("{}\n", Some(1), "not a line"),
        (
            "{\"eventType\":\"START\",\"run\":{\"runId\":\"00000000-0000-8000-8000-000000000000\"}}\n",
            Some(1),
            "another run",
        ),
    ];
    for (text, line, words) in cases {
        let result = Published::new(&["account.lineage=true"]);
        assert!(result.by_definition().report.sound, "{words}");
        fs::write(result.place.account().join("lineage.ndjson"), text).expect("a file");
        has(&result.by_definition(), &[("lineage.ndjson", line, None, words)]);
    }
    let result = Published::new(&["account.lineage=true"]);
    fs::remove_file(result.place.account().join("lineage.ndjson")).expect("a file");
    has(&result.by_definition(), &[("lineage.ndjson", None, None, "is gone")]);
}

#[test]
fn other_files_among_the_parts_are_named() {
    let result = Published::new(&[]);
    for name in ["job-000/part-00001.json", "job-001/part-00000.json", "notes.txt"] {
        let path = result.place.to().join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, "{}\n").expect("a file");
    }
    has(
        &result.by_account(),
        &[
            ("import/job-000/part-00001.json", None, None, "not in the manifest"),
            ("import/job-001/part-00000.json", None, None, "not in the manifest"),
            ("import/notes.txt", None, None, "not in the manifest"),
        ],
    );
}

/// With an account alone, only what is beside it is read.
#[test]
fn a_forged_manifest_does_not_decide_what_is_read() {
    let result = Published::new(&[]);
    let elsewhere = Published::new(&[]);
    let to = elsewhere.place.to().to_string_lossy().into_owned();
    result
        .edit_manifest(|manifest| manifest["outputs"][0]["to"] = json!(format!("{to}/../import")));
    // The name is that of a folder beside the account, which is the one that is read.
    is_sound(&result.by_account());
    result.edit_manifest(|manifest| manifest["outputs"][0]["to"] = json!("../nowhere"));
    has(&result.by_account(), &[("manifest.json", None, None, "`../nowhere` was not read")]);
    // Nor does a link beside the account lead elsewhere.
    let away = result.place.folder.path().join("away");
    symlink(elsewhere.place.to(), &away).expect("a link");
    result.edit_manifest(|manifest| manifest["outputs"][0]["to"] = json!(away.to_string_lossy()));
    has(&result.by_account(), &[("manifest.json", None, None, "was not read")]);
}

/// A result that was moved as a whole is found by its account.
#[test]
fn a_moved_result_is_found_by_its_account() {
    let result = Published::new(&[]);
    let moved = Place::new();
    for (from, to) in [(result.place.to(), moved.to()), (result.place.account(), moved.account())] {
        fs::rename(from, to).expect("it moves");
    }
    let options = VerifyOptions { place: moved.account(), ..VerifyOptions::default() };
    is_sound(&verified(&options));
}

#[test]
fn keys_of_the_definition_are_compared_with_those_of_the_run() {
    let result = Published::new(&[]);
    let with = |sets: &[&str]| {
        let mut all = result.sets.clone();
        all.extend(sets.iter().map(|set| (*set).to_owned()));
        verified(&VerifyOptions {
            place: result.definition.clone(),
            sets: all,
            ..VerifyOptions::default()
        })
    };
    let key = result.place.folder.path().join("key");
    fs::write(&key, format!("hex:{}", "0123456789abcdef".repeat(4))).expect("a key");
    let from = format!("keys.demo={}", toml_text(&format!("file:{}", key.display())));
    has(&with(&[&from]), &[("manifest.json", None, Some("keys.demo"), "leads to")]);
    let declared = "keys.demo={from=\"demo:\",check=\"0123456789abcdef\"}";
    has(&with(&[declared]), &[("manifest.json", None, Some("keys.demo"), "of the definition")]);
    // One that is gone since, and one that can't be obtained, are told.
    let gone = with(&["keys={current=\"k2\",k2=\"demo:\"}"]);
    assert!(gone.report.sound && gone.notes[0].contains("`demo` of the run is not in"), "{gone:?}");
    let unset = with(&["keys.demo=\"env:SEGPREP_NOT_SET\""]);
    assert!(unset.report.sound && unset.notes[0].contains("was not compared"), "{unset:?}");
}

#[test]
fn without_a_manifest_there_is_nothing_to_verify() {
    let place = Place::new();
    let options = VerifyOptions { place: place.account(), ..VerifyOptions::default() };
    match verify(&options, &Progress::default(), &Cancel::new()) {
        Err(Failure::Run(error)) => assert_eq!(error.kind, ErrorKind::NoInput),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_run_over_its_budget_has_no_parts_to_read() {
    let place = Place::new();
    let mut command = segprep();
    command.args(["run", "pipelines/newsletter.toml", "--quiet", "--set", "account.max_rejects=0"]);
    place.set_paths(&mut command);
    assert_eq!(code(&command.output().expect("it runs")), 3);
    let options = VerifyOptions { place: place.account(), ..VerifyOptions::default() };
    let verified = verified(&options);
    assert!(verified.report.sound && verified.notes[0].contains("over its budget"), "{verified:?}");
    assert_eq!((verified.report.parts, verified.report.records), (0, 0));
}

/// In folders of their own, as `retry` writes them.
#[test]
fn results_of_retries_are_included() {
    let result = Published::new(&[]);
    let fixed = Published::new(&[]);
    for (from, to) in
        [(fixed.place.to(), result.place.to()), (fixed.place.account(), result.place.account())]
    {
        fs::rename(from, to.join("retry-001")).expect("it moves");
    }
    let retry = result.place.account().join("retry-001/manifest.json");
    let text = fs::read_to_string(&retry).expect("a manifest");
    let old = toml_text(&fixed.place.to().to_string_lossy());
    let new = toml_text(&result.place.to().join("retry-001/").to_string_lossy());
    assert!(text.contains(&old), "{text}");
    fs::write(&retry, text.replace(&old, &new)).expect("a manifest");
    let found = result.by_definition();
    is_sound(&found);
    is_sound(&result.by_account());
    assert_eq!((found.report.parts, found.report.records), (2, 6));
    fs::remove_file(result.place.to().join("retry-001/job-000/part-00000.json")).expect("a part");
    has(&result.by_account(), &[("retry-001/job-000/part-00000.json", None, None, "is gone")]);
}

/// Also one whose parts are Parquet, which is read in ranges.
#[test]
fn results_in_buckets_are_verified() {
    for format in ["pinpoint-json", "parquet"] {
        let server = Server::start();
        server.put("in/a.ndjson", records(0, 50));
        let mut command = run_in_bucket(&server);
        command.args(["--set", &format!("output.0.format={format:?}")]);
        let output = command.output().expect("it runs");
        assert_eq!(code(&output), 0, "{}", stderr(&output));
        let verify = |place: &str| {
            let mut command = segprep();
            command.args(["verify", place, "--json"]);
            if Path::new(place).is_file() {
                command.args(["--set", &format!("output.0.format={format:?}")]);
            } else {
                command.args(["--set", "aws.region=\"us-east-1\""]);
            }
            point_at(&server, &mut command);
            let output = command.output().expect("it runs");
            let report: Value = serde_json::from_slice(&output.stdout)
                .unwrap_or_else(|_| panic!("no JSON: {}", stderr(&output)));
            (code(&output), report)
        };
        let account = "s3://bucket/account/";
        for place in ["tests/s3/definition.toml", account] {
            let (exit, report) = verify(place);
            assert_eq!((exit, &report["records"]), (0, &json!(50)), "{place}: {report}");
        }
        let part = server.keys().into_iter().find(|key| key.contains("part-")).expect("a part");
        let mut bytes = server.get(&part).expect("a part");
        let at = bytes.len() / 2;
        bytes[at] ^= 1;
        server.put(&part, bytes);
        let (exit, report) = verify(account);
        assert_eq!(exit, 4, "{report}");
        let faults = report["faults"].as_array().expect("faults");
        let last = faults.last().expect("a fault");
        assert!(last["part"].as_str().expect("a path").ends_with(&part), "{report}");
        assert_eq!(last["what"], "its digest is not that of the manifest");
    }
}

/// The form of the report is that of its schema, and the exit code says whether it is sound.
#[test]
fn the_report_has_the_form_of_its_schema() {
    let schema: Value =
        serde_json::from_slice(&fs::read("schemas/verify.schema.json").expect("a schema"))
            .expect("JSON");
    let validator = jsonschema::validator_for(&schema).expect("a schema");
    let result = Published::new(&[]);
    let report = |path: &Path| {
        let output = segprep().arg("verify").arg(path).arg("--json").output().expect("it runs");
        let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        assert!(validator.is_valid(&report), "{report}");
        (code(&output), report["sound"].clone())
    };
    assert_eq!(report(&result.place.account()), (0, json!(true)));
    result.replace("ann@example.com", "secret");
    result.edit_manifest(|manifest| {
        manifest["outputs"][0]["files"][0]["crc64nvme"] = json!(BASE64.encode(b"12345678"));
    });
    assert_eq!(report(&result.place.account()), (4, json!(false)));
}
