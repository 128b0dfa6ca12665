//! Each shipped pipeline passes its tests, and its tests cover every rule.

use std::fs;

use crate::support::program::{code, segprep, stderr, toml_text};

/// The names of the pipelines.
fn pipelines() -> Vec<String> {
    let entries = fs::read_dir("pipelines").expect("the pipelines");
    let names = entries.filter_map(|entry| entry.expect("an entry").file_name().into_string().ok());
    let names = names.filter_map(|name| name.strip_suffix(".toml").map(str::to_owned));
    names.filter(|name| !name.contains('.')).collect()
}

#[test]
fn every_pipeline_has_tests_and_passes_them() {
    for name in pipelines() {
        assert!(fs::exists(format!("pipelines/{name}.test.toml")).is_ok_and(|is| is), "{name}");
    }
    let output = segprep().arg("test").output().expect("the program runs");
    let messages = String::from_utf8_lossy(&output.stdout);
    assert_eq!(code(&output), 0, "{messages}{}", stderr(&output));
    assert_eq!(messages.lines().count(), pipelines().len(), "{messages}");
}

/// If a rule is changed, a test of its pipeline fails.
#[test]
fn the_tests_cover_every_rule() {
    for name in pipelines() {
        let text = fs::read_to_string(format!("pipelines/{name}.toml")).expect("a pipeline");
        let definition: toml::Table = toml::from_str(&text).expect("TOML");
        let rules = definition["fields"].as_table().expect("rules");
        assert!(3 < rules.len());
        for (path, rule) in rules {
            let op = rule.as_str().or_else(|| rule.get("op")?.as_str()).expect("an operation");
            let broken = broken(path, op);
            let mut command = segprep();
            command.args(["test", &format!("pipelines/{name}.test.toml"), "--set"]);
            command.arg(format!("fields.\"{path}\"={broken}"));
            if path == "Address" {
                let purpose = if op == "keep" { "analytics" } else { "messaging" };
                command.args(["--set", &format!("purpose={purpose}")]);
                if definition["output"][0]["format"].as_str() == Some("profiles-csv") {
                    // Profiles are for messages alone.
                    let output = "output=[{ to = \"out/test/\", format = \"pinpoint-json\" }]";
                    command.args(["--set", output]);
                }
            }
            let output = command.output().expect("the program runs");
            let messages = String::from_utf8_lossy(&output.stdout);
            assert_eq!(
                code(&output),
                4,
                "{name}: `{path}` = {broken}\n{messages}{}",
                stderr(&output)
            );
        }
        for list in
            0..definition.get("suppress").and_then(toml::Value::as_array).map_or(0, Vec::len)
        {
            let mut command = segprep();
            command.args(["test", &format!("pipelines/{name}.test.toml"), "--set"]);
            command.arg(format!("suppress.{list}.field=RequestId"));
            assert_eq!(
                code(&command.output().expect("the program runs")),
                4,
                "{name}: list {list}"
            );
        }
    }
}

/// Another operation that fits the same fields.
fn broken(path: &str, op: &str) -> &'static str {
    match op {
        "drop" => "keep",
        "keep" if path == "Address" => "drop",
        _ if path == "Address" => "keep",
        _ => "drop",
    }
}

#[test]
fn differences_are_shown_field_by_field() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let definition = fs::canonicalize("pipelines/newsletter.toml").expect("a pipeline");
    let test = format!(
        "definition = {:?}\n[[case]]\nname = \"a name\"\ninput = '{{\"Id\":\"a\",\"Attributes\":{{\"Plan\":[\"x\"]}}}}'\n\
         output = '{{\"Id\":\"b\",\"Attributes\":{{\"Plan\":[\"x\"]}}}}'\nrejects = [{{ record = 2, code = \"email\" }}]\n",
        definition.display().to_string()
    );
    let file = folder.path().join("a.test.toml");
    fs::write(&file, test).expect("a test");
    let output = segprep().arg("test").arg(&file).output().expect("the program runs");
    assert_eq!(code(&output), 4, "{}", stderr(&output));
    let messages = String::from_utf8_lossy(&output.stdout);
    for words in [
        "output line 1, `Id`",
        "expected \"b\"",
        "actual   \"a\"",
        "record 2: email",
        "actual   nothing",
    ] {
        assert!(messages.contains(words), "{words} in {messages}");
    }
    assert!(!messages.contains("Plan"), "{messages}");
    for (text, expected) in [("[[case]]\nnme = 1\n", 78), ("case = []\n", 78), ("", 78)] {
        fs::write(&file, text).expect("a test");
        let output = segprep().arg("test").arg(&file).output().expect("the program runs");
        assert_eq!(code(&output), expected, "{}", stderr(&output));
    }
    let output = segprep().args(["test", "no-such.test.toml"]).output().expect("the program runs");
    assert_eq!(code(&output), 66);
}

/// Lines before the header count in a test as in a run.
#[test]
fn lines_before_the_header_are_read_as_in_a_run() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("a.test.toml");
    let definition = fs::canonicalize("tests/hostile/definition.toml").expect("a definition");
    for (set, input, expected) in [
        (None, "sep=;\nId;Attributes.Plan\n1;x,y\n", 0),
        (None, "sep=,\nId,Attributes.Plan\n1,\"x,y\"\n", 0),
        (Some("input.skip_lines=2"), "sep=;\nan export\nId;Attributes.Plan\n1;x,y\n", 0),
        (Some("input.skip_lines=1"), "an export; of today\r\nId;Attributes.Plan\r\n1;x,y", 0),
        (Some("input.skip_lines=9"), "Id;Attributes.Plan\n1;x,y\n", 4),
        (None, "an export\nId;Attributes.Plan\n1;x,y\n", 4),
    ] {
        let test = format!(
            "definition = {:?}\n[[case]]\nname = \"a name\"\ninput = {}\n\
             output = '{{\"Id\":\"1\",\"Attributes\":{{\"Plan\":[\"x,y\"]}}}}'\n",
            definition.display().to_string(),
            toml_text(input)
        );
        fs::write(&file, test).expect("a test");
        let mut command = segprep();
        command.arg("test").arg(&file);
        if let Some(set) = set {
            command.args(["--set", set]);
        }
        let output = command.output().expect("the program runs");
        let messages = String::from_utf8_lossy(&output.stdout);
        assert_eq!(code(&output), expected, "{input:?} {messages}{}", stderr(&output));
    }
}
