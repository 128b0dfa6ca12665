//! The examples in `docs/shaping.md`: settings, an input, and what becomes of it.

use std::fs;

use segprep::pipeline::{Marks, try_out};
use segprep::schema::Schema;

use crate::support::in_process::InProcess;
use crate::support::program::toml_text;

/// An example: settings, an input, and lines that are written or describe a reject.
struct Example {
    settings: String,
    input: String,
    outcome: String,
}

#[test]
fn every_example_has_its_outcome() {
    let examples = examples();
    assert!(15 <= examples.len(), "only {} examples", examples.len());
    let mut failures = Vec::new();
    for Example { settings, input, outcome } in &examples {
        let found = found(settings, input);
        if found != *outcome {
            failures.push(format!("{settings}\nfound:\n{found}\nand not:\n{outcome}"));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// The blocks of the page, three to an example.
fn examples() -> Vec<Example> {
    let page = fs::read_to_string("docs/shaping.md").expect("the page");
    let mut blocks = Vec::new();
    let mut open: Option<(String, String)> = None;
    for line in page.lines() {
        match (&mut open, line.strip_prefix("```")) {
            (None, Some(kind)) => open = Some((kind.to_owned(), String::new())),
            (Some((_, text)), None) => {
                text.push_str(line);
                text.push('\n');
            }
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (None, None) => {}
        }
    }
    let is_example = |three: &[(String, String)]| {
        let kinds: Vec<&str> = three.iter().map(|(kind, _)| kind.as_str()).collect();
        matches!(kinds.as_slice(), ["toml", "csv" | "json", "text"])
    };
    let three = blocks.windows(3).filter(|three| is_example(three));
    three
        .map(|three| Example {
            settings: three[0].1.clone(),
            input: three[1].1.clone(),
            outcome: three[2].1.clone(),
        })
        .collect()
}

fn found(settings: &str, input: &str) -> String {
    let table: toml::Table = toml::from_str(settings).expect("the settings are TOML");
    let mut sets = Vec::new();
    for (section, settings) in &table {
        let settings = settings.as_table().expect("a section");
        let set =
            |(key, value): (&String, &toml::Value)| format!("{section}.{key}={}", inline(value));
        sets.extend(settings.iter().map(set));
    }
    let sets: Vec<&str> = sets.iter().map(String::as_str).collect();
    let schema = Schema::shipped("pinpoint").expect("it is shipped");
    let program = InProcess::keeping_everything(schema, &sets);
    let trial =
        try_out(&program.plan, input, &|_, _| Ok(Marks::default())).expect("it can be read");
    let mut lines = trial.lines;
    for (record, problems) in trial.rejects {
        let words = |problem: &segprep::record::DescribedProblem| {
            let words = [problem.field.as_str(), problem.code, problem.detail];
            words.into_iter().filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
        };
        let problems: Vec<String> = problems.iter().map(words).collect();
        lines.push(format!("reject {record}: {}", problems.join("; ")));
    }
    lines.into_iter().map(|line| line + "\n").collect()
}

/// A value on one line.
fn inline(value: &toml::Value) -> String {
    match value {
        toml::Value::String(text) => toml_text(text),
        toml::Value::Array(items) => {
            format!("[{}]", items.iter().map(inline).collect::<Vec<_>>().join(", "))
        }
        toml::Value::Table(table) => {
            let pair = |(key, value): (&String, &toml::Value)| {
                format!("{} = {}", toml_text(key), inline(value))
            };
            format!("{{ {} }}", table.iter().map(pair).collect::<Vec<_>>().join(", "))
        }
        toml::Value::Boolean(is_on) => is_on.to_string(),
        toml::Value::Integer(number) => number.to_string(),
        toml::Value::Float(number) => number.to_string(),
        toml::Value::Datetime(date) => date.to_string(),
    }
}
