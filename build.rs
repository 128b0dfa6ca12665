//! Fails the build where a shipped schema file holds a keyword that segprep would not read.
//!
//! A keyword that is read by nobody is a rule that holds for nobody, so it must not go unseen.

use std::{fs, path::Path};

use serde_json::Value;

#[path = "src/schema/keywords.rs"]
mod keywords;

const FILES: &[&str] = &["schemas/endpoint.schema.json", "schemas/user.schema.json"];

fn main() {
    println!("cargo::rerun-if-changed=src/schema/keywords.rs");
    for file in FILES {
        println!("cargo::rerun-if-changed={file}");
        if let Err(fault) = check(Path::new(file)) {
            println!("cargo::error={file}{fault}");
        }
    }
}

fn check(file: &Path) -> Result<(), String> {
    let text = fs::read_to_string(file).map_err(|error| format!(": {error}"))?;
    let schema: Value = serde_json::from_str(&text).map_err(|error| format!(": {error}"))?;
    match keywords::first_unknown(&schema) {
        Some(pointer) => Err(format!("#{pointer}: no keyword that is read here")),
        None => Ok(()),
    }
}
