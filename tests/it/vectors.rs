//! The vectors in `schemas/vectors` are those that an independent script computes.

use std::{collections::BTreeMap, fs, path::Path, process::Command};

const SCRIPT: &str = "schemas/vectors/make.py";

/// The vectors in a folder by name.
fn vectors(folder: &Path) -> BTreeMap<String, String> {
    let entries =
        fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    let files = entries.filter(|path| path.extension().is_some_and(|end| end == "json"));
    let text = |path: std::path::PathBuf| {
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        (name, fs::read_to_string(&path).expect("a file of text"))
    };
    files.map(text).collect()
}

/// Needs Python 3.11 or later, and fails without it.
#[test]
fn the_script_makes_the_vectors() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let made = Command::new("python3").arg(SCRIPT).arg(folder.path()).output();
    let made = made.expect("`python3` starts: the vectors are made by a script for Python 3.11");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let (made, kept) = (vectors(folder.path()), vectors(Path::new("schemas/vectors")));
    let differ: Vec<&String> =
        made.keys().filter(|name| made.get(*name) != kept.get(*name)).collect();
    assert!(differ.is_empty(), "run `python3 {SCRIPT}`: {differ:?} differ");
    assert_eq!(made.len(), kept.len(), "each file in schemas/vectors is made by the script");
    assert!(10 < made.len());
}
