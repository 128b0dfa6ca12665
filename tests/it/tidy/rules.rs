//! What every file has, and what none may have.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use super::source::{LIBRARY, assert_none, is_word, sources};
use crate::support::program::files_below;

/// The folders of all Rust source.
const EVERYWHERE: [&str; 5] = ["core", "src", "tests/it", "benches", "python/src"];

/// Marks of unfinished work. They are split here so that this file does not contain them.
const UNFINISHED: &[&str] = &[
    concat!("to", "do!"),
    concat!("unimpl", "emented!"),
    concat!("FIX", "ME"),
    concat!("TO", "DO"),
    concat!("XX", "X"),
];

#[test]
fn every_file_has_a_header() {
    let sources = sources(&EVERYWHERE);
    let without = sources.iter().filter(|source| !source.text.starts_with("//! "));
    assert_none(without.map(|source| source.finding(1, "begins with `//!` and its purpose")));
}

#[test]
fn nothing_is_unfinished() {
    assert_none(sources(&EVERYWHERE).iter().flat_map(|source| {
        let lines = source.text.lines().enumerate();
        lines
            .filter(|(_, line)| UNFINISHED.iter().any(|mark| line.contains(mark)))
            .map(|(at, _)| source.finding(at + 1, "has no marks of unfinished work"))
            .collect::<Vec<String>>()
    }));
}

/// `simd` has the vector kernels, each with its proof and a safe twin. All else is safe code.
#[test]
fn only_kernels_are_unsafe() {
    const KEYWORD: &str = concat!("un", "safe");
    assert_none(sources(&EVERYWHERE).iter().flat_map(|source| {
        let is_kernel = source.path.starts_with("core/src/simd");
        let code = source.code().into_iter().enumerate().filter(|_| !is_kernel);
        code.filter(|(_, line)| line.split(|c| !is_word(c)).any(|word| word == KEYWORD))
            .map(|(at, _)| source.finding(at + 1, "has only safe code"))
            .collect::<Vec<String>>()
    }));
}

/// A build with `fips` can't use another implementation by oversight.
#[test]
fn only_crypto_imports_cryptography() {
    const CRATES: [&str; 4] = ["aws_lc_rs::", "hkdf::", "rustls::", "sha2::"];
    let sources = sources(&LIBRARY);
    let elsewhere = sources.iter().filter(|source| !source.is_test && source.module != "crypto");
    assert_none(elsewhere.flat_map(|source| {
        let code = source.code().into_iter().enumerate().take(source.tests_from() - 1);
        let uses = code.filter(|(_, line)| CRATES.iter().any(|name| line.contains(name)));
        uses.map(|(at, _)| source.finding(at + 1, "uses hashes and keys of `crate::crypto` only"))
    }));
}

/// Each file of these tests is declared by the module above it; a file that is not never runs.
#[test]
fn every_test_file_is_compiled() {
    let root = Path::new("tests/it");
    let files = files_below(root);
    let undeclared = files.iter().filter(|file| **file != root.join("main.rs")).filter(|file| {
        let is_head = file.file_name().is_some_and(|name| name == "mod.rs");
        let module: &Path = if is_head { file.parent().expect("a folder") } else { file };
        let folder = module.parent().expect("a folder");
        let parent = if folder == root { root.join("main.rs") } else { folder.join("mod.rs") };
        let parent = fs::read_to_string(&parent).unwrap_or_default();
        let name = module.file_stem().expect("a name").to_string_lossy();
        let declarations = [format!("mod {name};"), format!("pub(crate) mod {name};")];
        !parent.lines().any(|line| declarations.iter().any(|declared| declared == line))
    });
    assert_eq!(undeclared.collect::<Vec<_>>(), Vec::<&PathBuf>::new());
}

/// Code without tests of its own belongs to `support`.
#[test]
fn what_is_no_test_is_in_support() {
    let sources = sources(&["tests/it"]);
    let has_tests = |text: &str| text.contains("#[test]") || text.contains("mod ");
    let misplaced = sources.iter().filter(|source| {
        !source.path.starts_with("tests/it/support")
            && !source.path.starts_with("tests/it/tidy")
            && !has_tests(&source.text)
    });
    assert_none(misplaced.map(|source| source.finding(1, "is not a test: move it to `support`")));
}

#[test]
fn the_pages_that_readers_look_for_exist() {
    let pages: BTreeSet<&str> = ["README.md", "ARCHITECTURE.md", "CHANGELOG.md"].into();
    assert_none(pages.iter().filter_map(|page| {
        let is_there = fs::metadata(page).is_ok_and(|metadata| 0 < metadata.len());
        (!is_there).then(|| format!("there is no {page}"))
    }));
}
