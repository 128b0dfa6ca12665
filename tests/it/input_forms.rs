//! The examples in `docs/input.md`: each file, read with its settings, gives what the page shows.

use std::{fs, path::Path};

use serde_json::Value;

use crate::support::program::{Place, code, segprep, set, stderr};

/// An example: fenced blocks up to the next heading.
#[derive(Debug, Default)]
struct Example {
    heading: String,
    /// Lines for `[input]`, and tables below it.
    settings: String,
    file: String,
    written: Vec<String>,
    /// `line 3: json_syntax`
    rejected: Vec<String>,
}

#[test]
fn examples_of_input_forms_give_what_they_show() {
    let page = fs::read_to_string("docs/input.md").expect("the page");
    let examples = examples(&page);
    assert!(5 <= examples.len(), "{} examples", examples.len());
    for example in examples {
        let (written, rejected) = run(&example);
        assert_eq!(written, example.written, "{}", example.heading);
        assert_eq!(rejected, example.rejected, "{}", example.heading);
    }
}

/// The examples of a page: those parts between two headings that have a file.
fn examples(page: &str) -> Vec<Example> {
    let mut examples = vec![Example::default()];
    let mut fence: Option<&str> = None;
    for line in page.lines() {
        let last = examples.last_mut().expect("at least one");
        match (fence, line) {
            (Some(_), "```") => fence = None,
            (Some("toml"), line) => last.settings.extend([line, "\n"]),
            (Some(info), line) if info.ends_with(" file") => last.file.extend([line, "\n"]),
            (Some(info), line) if info.ends_with(" written") => last.written.push(line.to_owned()),
            (Some(info), line) if info.ends_with(" rejected") => {
                last.rejected.push(line.to_owned());
            }
            (Some(_), _) => {}
            (None, line) if line.starts_with('#') => {
                examples.push(Example { heading: line.to_owned(), ..Example::default() });
            }
            (None, line) => fence = line.strip_prefix("```"),
        }
    }
    examples.retain(|example| !example.file.is_empty());
    examples
}

/// Reads the file of an example with its settings. Returns what is written and rejected.
fn run(example: &Example) -> (Vec<String>, Vec<String>) {
    let place = Place::new();
    let (file, path) =
        (place.folder.path().join("file"), place.folder.path().join("definition.toml"));
    fs::write(&file, &example.file).expect("a file");
    let definition = fs::read_to_string("tests/hostile/definition.toml").expect("a definition");
    let inserted = format!("from = [\"input\"]\n{}", example.settings);
    let definition = definition.replacen("from = [\"input\"]", &inserted, 1);
    fs::write(&path, definition).expect("a definition");
    let mut command = segprep();
    command.arg("run").arg(&path).args(["--quiet", "--set"]).arg(input_of(&file));
    set(&mut command, "output.0.to", &place.to());
    set(&mut command, "account.to", &place.account());
    let output = command.output().expect("the program runs");
    assert_eq!(code(&output), 0, "{}: {}", example.heading, stderr(&output));
    let parts = String::from_utf8(place.parts()).expect("parts are UTF-8");
    let rejects = place.rejects();
    let rejects = rejects.lines().map(|line| {
        let reject: Value = serde_json::from_str(line).expect("a reject is JSON");
        let problems = reject["problems"].as_array().expect("a list").iter();
        let codes: Vec<&str> = problems.filter_map(|problem| problem["code"].as_str()).collect();
        format!("line {}: {}", reject["line"], codes.join(", "))
    });
    (parts.lines().map(str::to_owned).collect(), rejects.collect())
}

fn input_of(file: &Path) -> String {
    format!("input.from={}", serde_json::to_string(&[file]).expect("a path"))
}
