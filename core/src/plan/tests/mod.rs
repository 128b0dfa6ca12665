//! The plan of a definition: settings, rules and keys, and diagnostics as far as data can't test them.
//!
//! What is wrong with a definition is data: `tests/definitions` has a case for each diagnostic.

mod explanation;
mod properties;
mod rules;
mod secrets;
mod sets;
mod settings;
mod tokens;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use super::{Entries, ListSpec, Plan, Rules, check};
use crate::definition::{Definition, Diagnostic, Environment};
use crate::schema::Schema;
use crate::transform::MasterKey;

pub(crate) const BASE: &str = r#"segprep = 1
name = "list"
purpose = "messaging"

[input]
from = ["in/"]

[fields]
"Id" = "keep"
"Address" = "keep"
"User.*" = "drop"
"Attributes.*" = "keep"
"Metrics.*" = "keep"
"Location.*" = "drop"

[keys]
current = "k1"
k1 = "env:KEY"

[account]
to = "out/account/"

[[output]]
to = "out/import/"
format = "pinpoint-json"
"#;

fn schema() -> Schema {
    Schema::shipped("pinpoint").expect("a shipped target")
}

fn environment<'a>() -> Environment<'a> {
    Environment {
        env: &|name| match name {
            "HOME_DIR" => Some("/home/somebody".to_owned()),
            "EMPTY" => Some(String::new()),
            "OTHER_KEY" => Some(format!("hex:{}", "0aF".repeat(22))),
            _ => None,
        },
        date: "2026-11-23",
        run: "20261123T020000Z",
        real_path: &Path::to_path_buf,
    }
}

fn checked(text: &str, sets: &[&str]) -> Result<(Definition, Rules), Vec<Diagnostic>> {
    let sets: Vec<String> = sets.iter().map(|set| (*set).to_owned()).collect();
    check("list.toml", text, &sets, &environment(), &schema())
}

/// The base definition with one line replaced.
#[track_caller]
pub(crate) fn with(from: &str, to: &str) -> String {
    assert_eq!(BASE.matches(from).count(), 1, "{from} occurs once in the base");
    BASE.replacen(from, to, 1)
}

#[track_caller]
fn accepted(text: &str) -> (Definition, Rules) {
    checked(text, &[]).unwrap_or_else(|diagnostics| panic!("{}", shown(&diagnostics)))
}

fn shown(diagnostics: &[Diagnostic]) -> String {
    diagnostics.iter().map(Diagnostic::to_string).collect::<Vec<_>>().join("\n\n")
}

#[track_caller]
fn rejected(text: &str, sets: &[&str]) -> Vec<Diagnostic> {
    checked(text, sets).map(|_| ()).expect_err("the definition is invalid")
}

#[track_caller]
pub(crate) fn plan(text: &str) -> Plan {
    plan_with_lists(text, &[])
}

/// A plan in which every list has these entries.
#[track_caller]
pub(crate) fn plan_with_lists(text: &str, entries: &[&str]) -> Plan {
    let (definition, rules) = accepted(text);
    let keys = BTreeMap::from([("k1".to_owned(), MasterKey::demo())]);
    let schema = Arc::new(schema());
    let specs = ListSpec::all(&definition, &rules, &schema, &keys).expect("the keys");
    let read = |spec: ListSpec| {
        let digest = |entry: &&str| spec.digest_of_entry(entry.as_bytes(), &mut Vec::new());
        let digests = entries.iter().filter_map(digest).collect();
        spec.with_entries(Entries::new(digests))
    };
    let lists = specs.into_iter().map(read).collect();
    Plan::new(&definition, rules, schema, keys, lists).expect("the keys")
}

#[test]
fn the_base_is_valid() {
    let (definition, rules) = accepted(BASE);
    assert_eq!(definition.name, "list");
    assert_eq!(rules.warnings, Vec::<String>::new());
    assert_eq!(definition.canonical(), BASE.as_bytes());
}

#[test]
fn a_diagnostic_reads_like_this() {
    let diagnostics = rejected(&with("from = ", "form = "), &[]);
    let expected = r#"error: unknown setting `form` in `[input]`
 --> list.toml:6:1
  |
6 | form = ["in/"]
  | ^^^^
  |
  = help: did you mean `from`?"#;
    assert_eq!(shown(&diagnostics), expected);

    let diagnostics =
        rejected(&with("\"Location.*\" = \"drop\"", "\"Location.*\" = \"mask\""), &[]);
    let expected = r#"error: `mask` does not fit `Location.Country`, `Location.Latitude`, `Location.Longitude`
  --> list.toml:14:16
   |
14 | "Location.*" = "mask"
   |                ^^^^^^
   |
   = help: `Location.Country` takes `keep`, `drop` and `map`: write a separate rule for each field"#;
    assert_eq!(shown(&diagnostics), expected);
}

#[test]
fn places_are_compared_after_links_are_followed() {
    let linked = Environment {
        real_path: &|path| match path.strip_prefix("link") {
            Ok(rest) => Path::new("/data/in").join(rest),
            Err(_) => Path::new("/data").join(path),
        },
        ..environment()
    };
    let text = with("to = \"out/import/\"", "to = \"link/import/\"");
    let diagnostics = check("list.toml", &text, &[], &linked, &schema())
        .map(|_| ())
        .expect_err("the output is in the input");
    assert!(
        shown(&diagnostics).contains("the output is inside the input `in/` (line 6)"),
        "{}",
        shown(&diagnostics)
    );
    accepted(&text);
}
