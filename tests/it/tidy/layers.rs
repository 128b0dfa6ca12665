//! Imports point down: each module of the library imports only the modules that the table allows.

use std::{collections::BTreeSet, fs};

use super::source::{LIBRARY, assert_none, is_word, module_of, sources};

/// Each top-level module, lowest first, and the modules that it may import.
const LAYERS: &[(&str, &str)] = &[
    ("simd", ""),
    ("engine", ""),
    ("glob", ""),
    ("crypto", "simd"),
    ("record", "simd"),
    ("store", "glob crypto"),
    ("schema", "crypto record"),
    ("detect", "simd record schema"),
    ("decode", "simd record schema"),
    ("repair", "simd record schema"),
    ("encode", "simd record schema"),
    ("validate", "simd record schema detect"),
    ("transform", "simd crypto record schema detect"),
    ("definition", "glob crypto record schema detect decode repair validate encode transform"),
    ("plan", "simd crypto record schema detect decode repair validate encode transform definition"),
    (
        "pipeline",
        "simd crypto record schema detect decode repair validate encode transform definition plan",
    ),
    (
        "discover",
        "simd record schema detect decode repair validate encode transform definition plan pipeline",
    ),
    ("preview", "record schema decode definition plan pipeline discover"),
    ("columnar", "encode schema"),
    ("report", "record schema definition plan"),
    ("input", "engine crypto record store schema decode definition"),
    ("publish", "store"),
    ("ledger", "store publish"),
    ("shards", "crypto store"),
    ("group", "engine crypto store transform definition plan pipeline"),
    (
        "profiles",
        "engine crypto record store schema encode transform definition plan pipeline group",
    ),
    (
        "output",
        "simd engine crypto record store schema decode repair validate encode transform definition \
         plan pipeline columnar report publish group profiles",
    ),
    ("generate", ""),
    (
        "run",
        "simd engine generate glob crypto record store schema detect decode repair validate encode \
         transform definition plan pipeline discover preview columnar report input publish ledger shards group profiles \
         output",
    ),
    // The program's own module, which uses the library from outside, as `segprep::…`.
    ("cli", ""),
];

#[test]
fn imports_point_down() {
    let sources = sources(&LIBRARY);
    assert_none(sources.iter().flat_map(|source| {
        let allowed = LAYERS.iter().find(|(module, _)| *module == source.module);
        let allowed = allowed.map_or("", |(_, allowed)| allowed);
        source.imports().into_iter().filter_map(move |(line, target)| {
            let is_allowed = target == source.module
                || allowed.split_whitespace().any(|module| module == target);
            (!is_allowed).then(|| source.finding(line, &format!("may not import `{target}`")))
        })
    }));
}

/// What the core knows of the world comes in as arguments: it imports neither files nor the clock.
#[test]
fn the_core_only_computes() {
    assert_none(sources(&["core/src"]).iter().filter(|source| !source.is_test).flat_map(
        |source| {
            let (code, lines) = source.squeezed();
            let outside =
                code.match_indices("std::").filter(|(at, _)| reaches_outside(&code[*at..]));
            let outside =
                outside.map(|(at, _)| lines[at]).filter(|line| *line < source.tests_from());
            let findings = outside
                .map(|line| source.finding(line, "uses no files, no clock and no environment"));
            findings.collect::<Vec<String>>()
        },
    ));
}

/// Whether a path of `std` that code begins with, or one of its braces, leads to what is not computed.
fn reaches_outside(code: &str) -> bool {
    const OUTSIDE: [&str; 4] = ["env", "fs", "process", "SystemTime"];
    let tree = code.find(|c: char| !is_word(c) && !matches!(c, ':' | '{' | ',' | '}'));
    let mut words = code[..tree.unwrap_or(code.len())].split(|c| !is_word(c));
    words.any(|word| OUTSIDE.contains(&word))
}

#[test]
fn what_reaches_outside_is_found() {
    for code in ["std::fs::read(x)", "std::{fmt,time::SystemTime};", "std::env;"] {
        assert!(reaches_outside(code), "{code}");
    }
    for code in ["std::mem::take(&mut env)", "std::{fmt,iter};use fs::x", "std::net::Ipv4Addr;"] {
        assert!(!reaches_outside(code), "{code}");
    }
}

/// Imports have a form that these tests can read.
#[test]
fn imports_are_written_one_path_to_a_line() {
    // The patterns are split so that this file does not contain them.
    const FORBIDDEN: &[(&str, &str)] = &[
        (concat!("crate::", "{"), "gives each path of `crate::` a line of its own"),
        (concat!("use{", "crate::"), "gives each path of `crate::` a line of its own"),
        (concat!("super::", "super"), "names what is two levels up from `crate::`"),
        (concat!("super::", "{super"), "names what is two levels up from `crate::`"),
    ];
    assert_none(sources(&["core/src", "src", "tests/it", "benches"]).iter().flat_map(|source| {
        let (squeezed, lines) = source.squeezed();
        let mut findings = Vec::new();
        for (pattern, rule) in FORBIDDEN {
            for (at, _) in squeezed.match_indices(pattern) {
                findings.push(source.finding(lines[at], rule));
            }
        }
        // In the file at the head of a top-level module, `super` is the whole library.
        if source.path.ends_with(format!("src/{}/mod.rs", source.module)) {
            let tests_from = source.tests_from();
            for (at, _) in squeezed.match_indices("super::") {
                if lines[at] < tests_from && !squeezed[..at].ends_with("pub(in ") {
                    findings.push(source.finding(lines[at], "names the path from `crate::`"));
                }
            }
        }
        findings
    }));
}

#[test]
fn every_module_is_in_the_table() {
    let found: BTreeSet<String> = LIBRARY
        .into_iter()
        .flat_map(|root| fs::read_dir(root).expect("a source folder"))
        .map(|entry| module_of(&entry.expect("an entry").path()))
        .filter(|module| !matches!(module.as_str(), "lib" | "main"))
        .collect();
    let known = LAYERS.iter().map(|(module, _)| (*module).to_owned()).collect();
    assert_eq!(found, known);
    for (at, (module, imported)) in LAYERS.iter().enumerate() {
        let is_below = |name: &&str| LAYERS[..at].iter().any(|(below, _)| below == name);
        assert!(
            imported.split_whitespace().all(|name| is_below(&name)),
            "`{module}` imports upwards"
        );
    }
}

/// ARCHITECTURE.md has the same table. A row names modules, and the modules that they may import.
#[test]
fn the_page_has_the_same_table() {
    const STAGES: [&str; 5] = ["decode", "repair", "validate", "encode", "transform"];
    let page = fs::read_to_string("ARCHITECTURE.md").expect("ARCHITECTURE.md");
    let names = |cell: &str| -> Vec<String> {
        cell.split('`').skip(1).step_by(2).map(str::to_owned).collect()
    };
    let mut rows: Vec<(String, BTreeSet<String>)> = Vec::new();
    for row in page.lines().skip_while(|line| !line.starts_with("| module ")).skip(2) {
        let mut cells = row.split('|').skip(1);
        let (Some(modules), Some(imported)) = (cells.next(), cells.next()) else { break };
        let mut imported_names: BTreeSet<String> = names(imported).into_iter().collect();
        if imported.contains("the stages") {
            imported_names.extend(STAGES.map(str::to_owned));
        }
        if imported.contains("all above") {
            // `all above but `x` and `y``: the names that follow are exceptions.
            let exceptions = std::mem::take(&mut imported_names);
            let above = rows.iter().map(|(module, _)| module.clone());
            imported_names.extend(above.filter(|module| !exceptions.contains(module)));
        }
        rows.extend(names(modules).into_iter().map(|module| (module, imported_names.clone())));
    }
    let table = LAYERS.iter().map(|(module, imported)| {
        ((*module).to_owned(), imported.split_whitespace().map(str::to_owned).collect())
    });
    assert_eq!(rows, table.collect::<Vec<_>>());
}
