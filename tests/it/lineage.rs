//! `lineage.ndjson`: events that the published schemas of OpenLineage accept, which say what became of each field,
//! and no value of a record.

use std::fs;
use std::path::Path;
use std::process::Command;

use jsonschema::{Registry, Validator};
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::support::canary::records::lines;
use crate::support::canary::site::CanarySite;
use crate::support::program::{Place, code, segprep, stderr};
use crate::support::running::{Running, Site, assert_exit, assert_exit_saying, endpoints};

fn schema(name: &str) -> Value {
    let text = fs::read(Path::new("tests/openlineage").join(format!("{name}.json")));
    serde_json::from_slice(&text.expect("a schema of OpenLineage")).expect("JSON")
}

/// A validator for what a URL of a schema names.
fn validator(registry: &Registry<'_>, url: &str) -> Validator {
    let options = jsonschema::options().with_registry(registry).should_validate_formats(true);
    options.build(&json!({ "$ref": url })).unwrap_or_else(|error| panic!("{url}: {error}"))
}

/// Checks an event, and each of its facets by the schema that it names.
fn check_event(event: &Value) {
    let files: Vec<Value> = fs::read_dir("tests/openlineage")
        .expect("a folder")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .map(|path| schema(&path.file_stem().expect("a name").to_string_lossy()))
        .collect();
    let mut registry = Registry::new();
    for file in &files {
        let id = file["$id"].as_str().expect("an id").to_owned();
        registry = registry.add(id, file.clone()).expect("a schema");
    }
    let registry = registry.prepare().expect("schemas");
    let whole = validator(&registry, event["schemaURL"].as_str().expect("a URL"));
    if let Err(error) = whole.validate(event) {
        panic!("{error} at {} in {event}", error.instance_path());
    }
    let datasets =
        ["inputs", "outputs"].iter().flat_map(|kind| event[*kind].as_array().expect("a list"));
    let holders = datasets
        .flat_map(|dataset| ["facets", "inputFacets", "outputFacets"].map(|kind| &dataset[kind]));
    let holders = holders.chain([&event["run"]["facets"], &event["job"]["facets"]]);
    let mut checked = 0;
    for (name, facet) in holders.filter_map(Value::as_object).flatten() {
        let url = facet["_schemaURL"].as_str().expect("a URL");
        if let Err(error) = validator(&registry, url).validate(facet) {
            panic!("{name}: {error} at {}", error.instance_path());
        }
        checked += 1;
    }
    assert!(3 <= checked, "{checked} facets");
}

/// Runs a definition, and returns its two events.
fn events(definition: &str, sets: &[&str], exit: i32) -> [Value; 2] {
    let place = Place::new();
    let mut command = segprep();
    command.args(["run", definition, "--quiet", "--set", "account.lineage=true"]);
    place.set_paths(&mut command);
    for setting in place.further_outputs(definition) {
        command.args(["--set", &setting]);
    }
    events_of(&place, command.args(sets.iter().flat_map(|set| ["--set", *set])), exit)
}

fn events_of(place: &Place, command: &mut Command, exit: i32) -> [Value; 2] {
    let output = command.output().expect("it runs");
    assert_eq!(code(&output), exit, "{}", stderr(&output));
    let text = fs::read_to_string(place.account().join("lineage.ndjson")).expect("events");
    let events: Vec<Value> =
        text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    events.iter().for_each(check_event);
    let [start, end] = <[Value; 2]>::try_from(events).expect("two events");
    assert_eq!(start["eventType"], "START");
    assert_eq!(start["run"]["runId"], end["run"]["runId"]);
    assert_eq!(start["job"], end["job"]);
    let manifest = place.manifest();
    assert_eq!(start["eventTime"], manifest["started"]);
    assert_eq!(end["eventTime"], manifest["finished"]);
    [start, end]
}

/// The names of the input that an output's field comes from, with what is made of them.
fn made_of(event: &Value, field: &str) -> Value {
    let fields = &event["outputs"][0]["facets"]["columnLineage"]["fields"][field]["inputFields"];
    let made = |input: &Value| {
        let made = &input["transformations"][0];
        json!([input["field"], made["type"], made["subtype"], made["description"], made["masking"]])
    };
    fields.as_array().map_or(Value::Null, |fields| fields.iter().map(made).collect())
}

#[test]
fn events_say_what_became_of_each_field() {
    let [start, end] = events("pipelines/newsletter.toml", &[], 0);
    let input = std::env::current_dir().expect("a folder").join("samples/newsletter/input");
    assert_eq!(start["inputs"][0]["name"], json!(input));
    assert_eq!(end["eventType"], "COMPLETE");
    assert_eq!(end["job"]["name"], "newsletter");
    let statistics = &end["outputs"][0]["outputFacets"]["outputStatistics"];
    assert_eq!((&statistics["rowCount"], &statistics["fileCount"]), (&json!(26), &json!(1)));
    assert_eq!(end["inputs"][0]["inputFacets"]["inputStatistics"]["rowCount"], 33);
    let made = |kind, op, masks| json!(["DIRECT", kind, op, masks]);
    for (field, expected) in [
        ("Address", made("IDENTITY", "keep", false)),
        ("User.UserId", made("TRANSFORMATION", "hmac", true)),
        ("User.UserAttributes.FirstName", made("TRANSFORMATION", "mask", true)),
        ("User.UserAttributes.Birthday", made("TRANSFORMATION", "date_trunc", true)),
        ("Attributes.Note", made("TRANSFORMATION", "redact", true)),
        ("Attributes.Genres", made("IDENTITY", "keep", false)),
        ("Attributes.*", made("IDENTITY", "keep", false)),
    ] {
        let mut expected = expected;
        expected.as_array_mut().expect("a list").insert(0, json!(field));
        assert_eq!(made_of(&end, field), json!([expected]), "{field}");
    }
    // What is dropped was in the input, and is not in the output.
    assert_eq!(made_of(&end, "User.UserAttributes.LastName"), Value::Null);
    let schema = end["inputs"][0]["facets"]["schema"]["fields"].as_array().expect("fields");
    assert!(schema.contains(&json!({ "name": "User.UserAttributes.LastName" })), "{schema:?}");
    let filters = &end["outputs"][0]["facets"]["columnLineage"]["dataset"];
    assert_eq!(filters[0]["field"], "EndpointStatus");
}

#[test]
fn a_renamed_column_is_named_as_in_the_input() {
    let [_, end] = events("pipelines/crm.toml", &[], 0);
    let made = made_of(&end, "Address").to_string();
    let definition = fs::read_to_string("pipelines/crm.toml").expect("a definition");
    assert!(!made.contains("[\"Address\""), "{made}");
    let names = made_of(&end, "Address");
    for name in names.as_array().expect("fields") {
        assert!(definition.contains(name[0].as_str().expect("a name")), "{name}");
    }
}

#[test]
fn a_run_over_its_budget_fails() {
    let [_, end] = events("pipelines/newsletter.toml", &["account.max_rejects=1"], 3);
    assert_eq!(end["eventType"], "FAIL");
    let message = end["run"]["facets"]["errorMessage"]["message"].as_str().expect("a message");
    assert!(message.contains("`max_rejects`"), "{message}");
    assert_eq!(end["outputs"][0]["facets"], json!({}));
    assert!(end["outputs"][0]["outputFacets"].is_null());
}

#[test]
fn every_pipeline_has_events_that_fit() {
    for name in ["analytics", "suppressed", "sms"] {
        let [_, end] = events(&format!("pipelines/{name}.toml"), &[], 0);
        assert_eq!(end["eventType"], "COMPLETE", "{name}");
    }
}

#[test]
fn no_event_has_a_value_of_a_record() {
    let mut site = CanarySite::new(78);
    let text = lines(&mut site.canaries, 60);
    site.input("a.ndjson", text);
    let mut command = site.run();
    command.args(["--set", "account.max_reject_ratio=1.0", "--set", "account.lineage=true"]);
    events_of(&site.place, &mut command, 0);
    let text = fs::read(site.place.account().join("lineage.ndjson")).expect("events");
    assert_eq!(site.canaries.find(&text), None);
}

/// The two events in the account of a site, of which nothing but these is there.
fn events_alone(site: &Site) -> [Value; 2] {
    assert_eq!(site.left(), ["account/lineage.ndjson"]);
    let text = fs::read_to_string(site.place.account().join("lineage.ndjson")).expect("events");
    let events: Vec<Value> =
        text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    events.iter().for_each(check_event);
    <[Value; 2]>::try_from(events).expect("two events")
}

#[test]
fn a_run_that_fails_or_is_interrupted_leaves_events_and_no_more() {
    let with_lineage = |mut command: Command| {
        command.args(["--set", "account.lineage=true", "--chunk-bytes", "4096"]);
        command
    };
    let site = Site::with("no,header,at,all\n1,2,3,4\n");
    for _ in 0..2 {
        assert_exit(&mut with_lineage(site.run()), 65);
        let [start, end] = events_alone(&site);
        assert_eq!((&start["eventType"], &end["eventType"]), (&json!("START"), &json!("FAIL")));
    }
    site.input("a.ndjson", &endpoints(20_000));
    let mut command = with_lineage(site.run());
    let mut running = Running::start(&mut command);
    assert!(running.until(|| site.staged_part().exists()), "the run ended too early");
    running.signal(Signal::INT);
    running.assert_exit(130);
    let [start, end] = events_alone(&site);
    assert_eq!(end["eventType"], "ABORT");
    assert_eq!(start["run"]["runId"], end["run"]["runId"]);
    // The next run needs no permission, and a result stays when a run fails that would replace it.
    site.input("a.ndjson", &endpoints(3));
    let [_, end] = events_of(&site.place, &mut with_lineage(site.run()), 0);
    assert_eq!(end["eventType"], "COMPLETE");
    let before = fs::read(site.place.account().join("lineage.ndjson")).expect("events");
    site.input("a.ndjson", "no,header,at,all\n1,2,3,4\n");
    let mut command = with_lineage(site.run());
    assert_exit(command.arg("--overwrite"), 65);
    assert_eq!(fs::read(site.place.account().join("lineage.ndjson")).expect("events"), before);
}

/// The event that ends a run in an account below the one of the place.
fn end_below(place: &Place, below: &str) -> Value {
    let path = place.account().join(below).join("lineage.ndjson");
    let text = fs::read_to_string(path).expect("events");
    let events: Vec<Value> =
        text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    events.iter().for_each(check_event);
    let [start, end] = <[Value; 2]>::try_from(events).expect("two events");
    assert_eq!(start["run"]["runId"], end["run"]["runId"]);
    end
}

/// A command of the newsletter's definition with events, into the places.
fn newsletter(place: &Place, arguments: &str) -> Command {
    let mut words = arguments.split(' ');
    let mut command = segprep();
    command.args([words.next().expect("a command"), "pipelines/newsletter.toml", "--quiet"]);
    place.set_paths(&mut command);
    command.args(["--set", "account.lineage=true"]).args(words);
    command
}

#[test]
fn what_shards_have_written_has_events_of_the_whole() {
    let place = Place::new();
    for shard in ["0/2", "1/2"] {
        assert_exit(&mut newsletter(&place, &format!("run --shard {shard}")), 0);
    }
    let [start, end] = events_of(&place, &mut newsletter(&place, "gather --count 2"), 0);
    assert_eq!((&start["eventType"], &end["eventType"]), (&json!("START"), &json!("COMPLETE")));
    let statistics = &end["outputs"][0]["outputFacets"]["outputStatistics"];
    assert_eq!(statistics["rowCount"], 26);
    assert_eq!(
        made_of(&end, "User.UserId")[0],
        json!(["User.UserId", "DIRECT", "TRANSFORMATION", "hmac", true])
    );
    let shards = ["shards/000", "shards/001"].map(|shard| end_below(&place, shard));
    let ids = shards.iter().chain([&end]).map(|end| end["run"]["runId"].to_string());
    let ids: std::collections::BTreeSet<String> = ids.collect();
    assert_eq!(ids.len(), 3, "each shard is a run of its own");
    assert_exit(&mut newsletter(&place, "verify"), 0);

    let place = Place::new();
    for shard in ["0/2", "1/2"] {
        let mut command = newsletter(&place, &format!("run --shard {shard}"));
        assert_exit(command.args(["--set", "account.max_rejects=1"]), 0);
    }
    let mut command = newsletter(&place, "gather --count 2");
    let [_, end] = events_of(&place, command.args(["--set", "account.max_rejects=1"]), 3);
    assert_eq!(end["eventType"], "FAIL");
}

#[test]
fn a_retry_has_events_of_its_own() {
    let place = Place::new();
    let keep = ["--set", "account.keep_rejected=true"];
    assert_exit(newsletter(&place, "run").args(keep), 0);
    let before = fs::read(place.account().join("lineage.ndjson")).expect("events");
    let fix = ["--set", "repair.country=true", "--set", "repair.names=true"];
    assert_exit(newsletter(&place, "retry").args(keep).args(fix), 0);
    let end = end_below(&place, "retry-001");
    assert_eq!(end["eventType"], "COMPLETE");
    let input = place.account().join("rejected-records");
    assert_eq!(end["inputs"][0]["name"], json!(input));
    let output = &end["outputs"][0];
    assert!(output["name"].as_str().is_some_and(|name| name.ends_with("/retry-001")), "{output}");
    assert_eq!(output["outputFacets"]["outputStatistics"]["rowCount"], 2);
    assert_eq!(fs::read(place.account().join("lineage.ndjson")).expect("events"), before);
    assert_exit(newsletter(&place, "verify").args(keep), 0);
}

#[test]
fn a_file_of_that_name_that_somebody_else_wrote_blocks() {
    let site = Site::with(&endpoints(3));
    fs::create_dir(site.place.account()).expect("a folder");
    fs::write(site.place.account().join("lineage.ndjson"), "{}\n").expect("a file");
    assert_exit_saying(&mut site.run(), 73, &["lineage.ndjson"]);
}

/// Without the setting, there is none; and a run that replaces one removes the earlier file.
#[test]
fn the_setting_alone_decides() {
    let place = Place::new();
    let run = |setting: &str| {
        let mut command = segprep();
        command.args(["run", "pipelines/newsletter.toml", "--quiet", "--overwrite"]);
        command.args(["--set", setting]);
        place.set_paths(&mut command);
        assert_eq!(code(&command.output().expect("it runs")), 0);
        place.account().join("lineage.ndjson").exists()
    };
    assert!(run("account.lineage=true"));
    assert!(!run("account.lineage=false"));
}
