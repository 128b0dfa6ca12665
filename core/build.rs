//! Fails the build if a shipped schema file has a keyword that segprep does not support: a rule that
//! is never checked must not go unnoticed.

use std::{fs, path::Path};

use serde_json::Value;

#[path = "src/schema/keywords.rs"]
mod keywords;

const FILES: &[&str] = &["schemas/endpoint.schema.json", "schemas/user.schema.json"];

fn main() {
    println!("cargo::rerun-if-changed=src/schema/keywords.rs");
    for file in FILES {
        println!("cargo::rerun-if-changed={file}");
        if let Err(error) = check(Path::new(file)) {
            println!("cargo::error={file}{error}");
        }
    }
}

fn check(file: &Path) -> Result<(), String> {
    let text = fs::read_to_string(file).map_err(|error| format!(": {error}"))?;
    let schema: Value = serde_json::from_str(&text).map_err(|error| format!(": {error}"))?;
    match keywords::first_unknown(&schema) {
        Some(pointer) => Err(format!("#{pointer}: unknown keyword")),
        None => Ok(()),
    }
}
