//! What arguments of `--set` change.

use std::path::PathBuf;

use super::{BASE, checked, rejected, schema, shown};

#[test]
fn a_set_overrides_the_file() {
    let sets = [
        "output.0.to=out/elsewhere/",
        "input.from.0=other/",
        "input.from.1=more/",
        "run.threads=2",
        "fields.\"Attributes.*\"={op = \"mask\", keep_first = 2}",
        "fields.\"Attributes.*\".keep_first=1",
        "name=2026",
        "name='other'",
    ];
    let (definition, rules) = checked(BASE, &sets).expect("a valid definition");
    assert_eq!(definition.name, "other");
    assert_eq!(definition.run.threads, Some(2));
    let from: Vec<&str> =
        definition.input.from.iter().map(|place| place.written.as_str()).collect();
    assert_eq!(from, ["other/", "more/"]);
    let [output] = definition.outputs.as_slice() else { panic!("one output") };
    assert_eq!(output.to.path, PathBuf::from("out/elsewhere/"));
    let fields = rules.explain(&schema()).fields;
    assert!(
        fields
            .iter()
            .any(|field| field.path == "Attributes.*" && field.op.contains("keeps first 1"))
    );
}

#[test]
fn the_digest_covers_the_file_and_the_sets_that_change_the_output() {
    let canonical = |sets: &[&str]| checked(BASE, sets).expect("a valid definition").0.canonical();
    assert_eq!(
        canonical(&["run.threads=3", "run = {threads = 4}", "\"run\".threads=5"]),
        BASE.as_bytes()
    );
    let one = canonical(&["name=a"]);
    assert_ne!(one, BASE.as_bytes());
    assert_ne!(one, canonical(&["name=b"]));
    assert_ne!(canonical(&["name=a", "name=b"]), canonical(&["name=b", "name=a"]));
}

/// The command line rejects it before, and says how arguments are written.
#[test]
fn a_set_without_an_equals_sign_is_rejected() {
    let diagnostics = rejected(BASE, &["name"]);
    let [diagnostic] = diagnostics.as_slice() else { panic!("{}", shown(&diagnostics)) };
    assert_eq!((diagnostic.file.as_str(), diagnostic.column), ("--set", 1));
    assert!(diagnostic.message.contains("without `=`"), "{diagnostic}");
}
