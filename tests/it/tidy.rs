//! The source is as ARCHITECTURE.md says: who imports whom, how long things are, what stands at
//! the head of a file.
//!
//! It reads text, not syntax, and relies on rustfmt for its form. All faults are shown together.

#![expect(clippy::string_slice, reason = "cuts are made at places that were found by search")]

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use crate::program::files_below;

/// Each module of the library and those of ours that it may import, lowest first.
const LAYERS: &[(&str, &str)] = &[
    ("simd", ""),
    ("engine", ""),
    ("crypto", "simd"),
    ("record", "simd"),
    ("store", "crypto"),
    ("schema", "crypto record"),
    ("decode", "simd record schema"),
    ("repair", "simd record schema"),
    ("validate", "simd record schema"),
    ("encode", "simd record schema"),
    ("transform", "simd crypto record schema"),
    ("definition", "crypto record schema decode repair validate encode transform"),
    ("plan", "simd crypto record schema decode repair validate encode transform definition"),
    (
        "pipeline",
        "simd crypto record schema decode repair validate encode transform definition plan",
    ),
    ("report", "record schema definition plan"),
    ("input", "engine crypto record store decode definition"),
    ("publish", "store"),
    (
        "output",
        "simd engine crypto record store schema decode repair validate encode transform definition \
         plan pipeline report publish",
    ),
    (
        "run",
        "simd engine crypto record store schema decode repair validate encode transform definition \
         plan pipeline report input publish output",
    ),
    // The program's own module: it sees the library from outside, as `segprep::…`.
    ("cli", ""),
];

const FUNCTION_LINES_MAX: usize = 70;
const FILE_LINES_MAX: usize = 500;

/// In pieces, so that this file does not hold them. Nothing is left for later.
const UNDONE: &[&str] = &[
    concat!("to", "do!"),
    concat!("unimpl", "emented!"),
    concat!("FIX", "ME"),
    concat!("TO", "DO"),
    concat!("XX", "X"),
];

#[test]
fn imports_point_down() {
    let sources = sources(&["src"]);
    none(sources.iter().flat_map(|source| {
        let allowed = LAYERS.iter().find(|(module, _)| *module == source.module);
        let allowed = allowed.map_or("", |(_, allowed)| allowed);
        source.imports().into_iter().filter_map(move |(line, target)| {
            let is_fine = target == source.module
                || allowed.split_whitespace().any(|module| module == target);
            (!is_fine).then(|| source.fault(line, &format!("may not import `{target}`")))
        })
    }));
}

#[test]
fn import_lines_can_be_read_by_this_test() {
    // In pieces, so that this file does not hold them.
    const FORBIDDEN: &[(&str, &str)] = &[
        (concat!("crate::", "{"), "gives each path of `crate::` a line of its own"),
        (concat!("use{", "crate::"), "gives each path of `crate::` a line of its own"),
        (concat!("super::", "super"), "names the path from `crate::` where it is two levels up"),
        (concat!("super::", "{super"), "names the path from `crate::` where it is two levels up"),
    ];
    none(sources(&["src", "tests/it", "benches"]).iter().flat_map(|source| {
        let (squeezed, lines) = source.squeezed();
        let mut faults = Vec::new();
        for (pattern, rule) in FORBIDDEN {
            // Words are parted by one space, and nothing else is.
            for (at, _) in squeezed.match_indices(pattern) {
                faults.push(source.fault(lines[at], rule));
            }
        }
        // In the file at a module's head, `super` is the whole library.
        if source.path.ends_with(format!("src/{}/mod.rs", source.module)) {
            let tests_from = source.tests_from();
            for (at, _) in squeezed.match_indices("super::") {
                if lines[at] < tests_from && !squeezed[..at].ends_with("pub(in ") {
                    faults.push(source.fault(lines[at], "names the path from `crate::`"));
                }
            }
        }
        faults
    }));
}

#[test]
fn every_module_is_in_the_table() {
    let found: BTreeSet<String> = fs::read_dir("src")
        .expect("the source")
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

/// The table for readers is the table of this test. A row: modules, and those they may import.
#[test]
fn the_page_has_the_same_table() {
    const STAGES: [&str; 5] = ["decode", "repair", "validate", "transform", "encode"];
    let page = fs::read_to_string("ARCHITECTURE.md").expect("ARCHITECTURE.md");
    let names = |cell: &str| -> Vec<String> {
        cell.split('`').skip(1).step_by(2).map(str::to_owned).collect()
    };
    let mut told: Vec<(String, BTreeSet<String>)> = Vec::new();
    for row in page.lines().skip_while(|line| !line.starts_with("| module ")).skip(2) {
        let mut cells = row.split('|').skip(1);
        let (Some(modules), Some(imported)) = (cells.next(), cells.next()) else { break };
        let mut imported_names: BTreeSet<String> = names(imported).into_iter().collect();
        if imported.contains("the stages") {
            imported_names.extend(STAGES.map(str::to_owned));
        }
        if imported.contains("all of the above") {
            imported_names.extend(told.iter().map(|(module, _)| module.clone()));
        }
        told.extend(names(modules).into_iter().map(|module| (module, imported_names.clone())));
    }
    let table = LAYERS.iter().map(|(module, imported)| {
        ((*module).to_owned(), imported.split_whitespace().map(str::to_owned).collect())
    });
    assert_eq!(told, table.collect::<Vec<_>>());
}

#[test]
fn every_file_says_what_it_is_for() {
    let headless = sources(&["src", "tests/it", "benches"]);
    let headless = headless.iter().filter(|source| !source.text.starts_with("//! "));
    none(headless.map(|source| source.fault(1, "begins with `//!` and what it is for")));
}

#[test]
fn files_are_short() {
    let sources = sources(&["src"]);
    none(sources.iter().filter(|source| !source.is_test).filter_map(|source| {
        let lines = source.tests_from() - 1;
        let fault = || source.fault(lines, &format!("has at most {FILE_LINES_MAX} lines"));
        (FILE_LINES_MAX < lines).then(fault)
    }));
}

#[test]
fn functions_are_short() {
    let sources = sources(&["src", "tests/it", "benches"]);
    none(sources.iter().filter(|source| !source.is_test).flat_map(|source| {
        let tests_from = source.tests_from();
        let functions = source.functions().into_iter();
        let long =
            functions.filter(move |(at, lines)| *at < tests_from && FUNCTION_LINES_MAX < *lines);
        long.map(|(at, lines)| {
            let rule = format!("has functions of at most {FUNCTION_LINES_MAX} lines, not {lines}");
            source.fault(at, &rule)
        })
    }));
}

#[test]
fn nothing_is_left_for_later_and_nothing_is_unsafe() {
    none(sources(&["src", "tests/it", "benches", "build.rs"]).iter().flat_map(|source| {
        let lines = source.text.lines().enumerate();
        let mut faults: Vec<String> = lines
            .filter(|(_, line)| UNDONE.iter().any(|word| line.contains(word)))
            .map(|(at, _)| source.fault(at + 1, "leaves nothing for later"))
            .collect();
        // Vector kernels, each with its reason why it is sound and a plain twin.
        let is_kernel = source.path.starts_with("src/simd");
        for (at, line) in source.code().iter().enumerate().filter(|_| !is_kernel) {
            let mut words = line.split(|c: char| !c.is_alphanumeric() && c != '_');
            if words.any(|word| word == concat!("un", "safe")) {
                faults.push(source.fault(at + 1, "needs no code that the compiler can't check"));
            }
        }
        faults
    }));
}

/// So a FIPS build has no hash from elsewhere by oversight.
#[test]
fn cryptography_comes_from_one_place() {
    const CRATES: [&str; 4] = ["aws_lc_rs::", "hkdf::", "rustls::", "sha2::"];
    let elsewhere = sources(&["src"]);
    let elsewhere = elsewhere.iter().filter(|s| !s.is_test && s.module != "crypto");
    none(elsewhere.flat_map(|source| {
        let code = source.code().into_iter().enumerate().take(source.tests_from() - 1);
        let faults = code.filter(|(_, line)| CRATES.iter().any(|name| line.contains(name)));
        faults.map(|(at, _)| source.fault(at + 1, "has its hashes and keys from `crate::crypto`"))
    }));
}

#[test]
fn every_test_file_is_run() {
    let main = fs::read_to_string("tests/it/main.rs").expect("the head of this binary");
    let named: BTreeSet<&str> = main
        .lines()
        .filter_map(|line| line.strip_prefix("mod ")?.strip_suffix(';'))
        .chain(["main"])
        .collect();
    let found = files_below(Path::new("tests/it"));
    let found: BTreeSet<&str> = found
        .iter()
        .map(|path| path.strip_prefix("tests/it").expect("below it"))
        .filter_map(|path| path.iter().next()?.to_str())
        .map(|name| name.trim_end_matches(".rs"))
        .collect();
    assert_eq!(found, named);
}

#[test]
fn the_pages_that_people_look_for_are_there() {
    none(["README.md", "ARCHITECTURE.md", "CHANGELOG.md"].iter().filter_map(|page| {
        let is_there = fs::metadata(page).is_ok_and(|metadata| 0 < metadata.len());
        (!is_there).then(|| format!("there is no {page}"))
    }));
}

#[track_caller]
fn none(faults: impl Iterator<Item = String>) {
    let faults: Vec<String> = faults.collect();
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
}

/// One file of source.
struct Source {
    path: PathBuf,
    text: String,
    /// The name of the top module that it belongs to.
    module: String,
    /// Compiled for tests alone.
    is_test: bool,
}

fn sources(places: &[&str]) -> Vec<Source> {
    let files = places.iter().flat_map(|place| files_below(Path::new(place)));
    let files = files.filter(|path| path.extension().is_some_and(|end| end == "rs"));
    let sources: Vec<Source> = files
        .map(|path| {
            let text = fs::read_to_string(&path).expect("a file of source");
            Source { module: module_of(&path), is_test: is_for_tests(&path), path, text }
        })
        .collect();
    assert!(!sources.is_empty(), "the tests run in the repository's root");
    sources
}

/// `src/run/keys.rs` and `src/run/mod.rs` belong to `run`.
fn module_of(path: &Path) -> String {
    let below = path.strip_prefix("src").unwrap_or(path);
    let first = below.iter().next().unwrap_or_default();
    first.to_string_lossy().trim_end_matches(".rs").to_owned()
}

/// Whether the module above declares this file for tests.
fn is_for_tests(path: &Path) -> bool {
    let (Some(folder), Some(name)) = (path.parent(), path.file_stem()) else { return false };
    let above = fs::read_to_string(folder.join("mod.rs")).unwrap_or_default();
    let declared = format!("mod {};", name.to_string_lossy());
    let mut lines = above.lines().zip(above.lines().skip(1));
    lines.any(|(first, second)| first == "#[cfg(test)]" && second.ends_with(&declared))
}

impl Source {
    fn fault(&self, line: usize, rule: &str) -> String {
        format!("{}:{line}: {} {rule}", self.path.display(), self.module)
    }

    /// The lines without their comments. (`//` inside a text cuts a line short, which harms none
    /// of what is looked for.)
    fn code(&self) -> Vec<&str> {
        self.text.lines().map(|line| line.split("//").next().unwrap_or_default()).collect()
    }

    /// The first line of the tests at the file's end, from 1; one past the end where it has none.
    fn tests_from(&self) -> usize {
        let lines: Vec<&str> = self.text.lines().collect();
        let begins = |pair: &[&str]| {
            pair[0] == "#[cfg(test)]" && pair[1].starts_with("mod ") && pair[1].ends_with('{')
        };
        lines.windows(2).position(begins).unwrap_or(lines.len()) + 1
    }

    /// The code with all white space taken out but between words, and the line of each byte.
    fn squeezed(&self) -> (String, Vec<usize>) {
        let (mut text, mut lines) = (String::new(), Vec::new());
        for (at, line) in self.code().iter().enumerate() {
            for word in line.split_inclusive(|c: char| !c.is_alphanumeric() && c != '_') {
                let word = word.trim();
                let is_word = |c: char| c.is_alphanumeric() || c == '_';
                if text.ends_with(is_word) && word.starts_with(is_word) {
                    text.push(' ');
                }
                text.push_str(word);
                lines.resize(text.len(), at + 1);
            }
        }
        (text, lines)
    }

    /// The modules that `crate::` paths lead to, with their lines.
    fn imports(&self) -> Vec<(usize, String)> {
        let (text, lines) = self.squeezed();
        let paths = text.match_indices("crate::").map(|(at, path)| {
            let rest = &text[at + path.len()..];
            let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_');
            (lines[at], rest[..end.unwrap_or(rest.len())].to_owned())
        });
        // Before a brace or a star: forbidden by another test, or not a module.
        paths.filter(|(_, target)| !target.is_empty()).collect()
    }

    /// The functions: first line, and how many lines they have.
    fn functions(&self) -> Vec<(usize, usize)> {
        let lines: Vec<&str> = self.text.lines().collect();
        let heads =
            lines.iter().enumerate().filter(|(_, line)| is_function_head(line.trim_start()));
        heads
            .filter_map(|(at, head)| {
                let rest = lines.get(at..)?;
                let signature = rest.iter().find(|line| line.ends_with(['{', '}', ';']))?;
                let indent = &head[..head.len() - head.trim_start().len()];
                let length = rest.iter().position(|line| *line == format!("{indent}}}"))? + 1;
                signature.ends_with('{').then_some((at + 1, length))
            })
            .collect()
    }
}

fn is_function_head(code: &str) -> bool {
    let before = code.split("fn ").next().unwrap_or_default();
    code.contains("fn ") && before.split_whitespace().all(is_before_fn)
}

fn is_before_fn(word: &str) -> bool {
    word.starts_with("pub") || matches!(word, "const" | "async" | "in")
}

/// What the tests above look with can see.
#[test]
fn a_planted_fault_is_seen() {
    let body = "    x();\n".repeat(FUNCTION_LINES_MAX);
    let open = concat!("crate\n    ::", "{");
    let source = Source {
        path: "src/record/mod.rs".into(),
        module: "record".to_owned(),
        is_test: false,
        text: format!(
            "//! Text.\nuse {open}\n  run, store}};\nuse crate::engine; // crate::no\n\
             pub(super) fn long() {{\n{body}}}\n#[cfg(test)]\nmod tests {{\n}}\n"
        ),
    };
    let (squeezed, _) = source.squeezed();
    let expected = "run,store};use crate::engine;pub(super)fn long(){";
    assert!(squeezed.starts_with(&format!("use {}{expected}", concat!("crate::", "{"))));
    assert_eq!(source.imports(), [(5, "engine".to_owned())]);
    assert_eq!(source.functions(), [(6, FUNCTION_LINES_MAX + 2)]);
    assert_eq!(source.tests_from(), 6 + FUNCTION_LINES_MAX + 2);
}
