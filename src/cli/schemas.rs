//! `segprep schema`: the schemas of records, targets, accounts and definitions.

use segprep::run::{ErrorKind, Failure, RunError};
use segprep::schema::{Files, merged};

use super::events::Event;
use super::render::Screen;

/// Name and purpose of each schema.
const ALL: [(&str, &str); 12] = [
    ("endpoint", "a record: an endpoint, an update or a user (JSON Schema)"),
    ("user", "the user inside a record (JSON Schema)"),
    ("pinpoint", "the limits of the target `pinpoint` (TOML)"),
    ("manifest", "manifest.json in the account of a run (JSON Schema)"),
    ("rejects", "a line of rejects.ndjson in the account of a run (JSON Schema)"),
    ("pipeline", "a definition, for editors (JSON Schema)"),
    ("scan", "what `segprep scan --json` prints (JSON Schema)"),
    ("preview", "a line of `segprep preview --json` and `explain --json` (JSON Schema)"),
    ("verify", "what `segprep verify --json` prints (JSON Schema)"),
    ("status", "what `segprep status --json` prints (JSON Schema)"),
    ("shards", "a line of what `segprep shards` prints (JSON Schema)"),
    ("detectors", "what tells personal data and secrets by value and name (TOML)"),
];

/// The names that `segprep schema` accepts.
pub(crate) const NAMES: [&str; 12] = [
    ALL[0].0, ALL[1].0, ALL[2].0, ALL[3].0, ALL[4].0, ALL[5].0, ALL[6].0, ALL[7].0, ALL[8].0,
    ALL[9].0, ALL[10].0, ALL[11].0,
];
pub(crate) const TARGETS: [&str; 1] = ["pinpoint"];
/// The schema into which the limits of a target can be merged.
pub(crate) const MERGEABLE: &str = "endpoint";

const PIPELINE: &str = include_str!("../../schemas/pipeline.schema.json");
const MANIFEST: &str = include_str!("../../schemas/manifest.schema.json");
const REJECTS: &str = include_str!("../../schemas/rejects.schema.json");
const PREVIEW: &str = include_str!("../../schemas/preview.schema.json");
const VERIFY: &str = include_str!("../../schemas/verify.schema.json");
const SCAN: &str = include_str!("../../schemas/scan.schema.json");
const SHARDS: &str = include_str!("../../schemas/shards.schema.json");
const STATUS: &str = include_str!("../../schemas/status.schema.json");

/// Prints the name and purpose of each schema.
pub(crate) fn list(screen: Screen) -> Result<(), Failure> {
    ALL.iter().try_for_each(|(name, about)| {
        screen.result(&Event::Schema { name, about }, || format!("{name:10} {about}\n"))
    })
}

/// The text of the schema with this name, or an empty text.
pub(crate) fn text(name: &str) -> &'static str {
    match name {
        "pipeline" => PIPELINE,
        "manifest" => MANIFEST,
        "rejects" => REJECTS,
        "scan" => SCAN,
        "shards" => SHARDS,
        "status" => STATUS,
        "preview" => PREVIEW,
        "verify" => VERIFY,
        "detectors" => segprep::detect::FILE,
        other => Files::shipped_text(other).unwrap_or_default(),
    }
}

/// The endpoint schema with the limits of a target merged in.
pub(crate) fn for_target(target: &str) -> Result<String, Failure> {
    let failure = |what: String| Failure::Run(RunError::new(ErrorKind::Internal, what));
    let files = Files::shipped(target)
        .ok_or_else(|| failure(format!("the target `{target}` does not exist")))?;
    let schema = merged(&files).map_err(|error| failure(error.to_string()))?;
    Ok(format!("{schema:#}\n"))
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::cli::sample;

    #[test]
    fn every_schema_is_there() {
        for (name, what) in ALL {
            let text = text(name);
            let is_json = serde_json::from_str::<Value>(text).is_ok();
            assert_eq!(is_json, what.contains("JSON Schema"), "{name}");
            assert!(!text.is_empty() && text.ends_with('\n'), "{name}");
        }
    }

    #[test]
    fn the_merge_is_a_schema() {
        for target in TARGETS {
            let merged: Value = serde_json::from_str(&for_target(target).expect("it compiles"))
                .expect("it is JSON");
            assert!(merged.get("$schema").is_some());
        }
        assert!(for_target("nowhere").is_err());
    }

    #[test]
    fn a_manifest_has_what_its_schema_requires() {
        let schema: Value = serde_json::from_str(MANIFEST).expect("it is JSON");
        let manifest = serde_json::to_value(sample::manifest()).expect("it is data");
        let names: Vec<&str> =
            manifest.as_object().into_iter().flatten().map(|(name, _)| name.as_str()).collect();
        assert_eq!(schema.get("required"), Some(&names.into()));
    }

    #[test]
    fn the_codes_of_rejects_are_those_of_the_program() {
        let known: Vec<&str> =
            segprep::record::Code::ALL.iter().map(|code| code.as_str()).collect();
        for schema in [REJECTS, PREVIEW] {
            let schema: Value = serde_json::from_str(schema).expect("it is JSON");
            let codes = schema.pointer("/properties/problems/items/properties/code/enum").cloned();
            assert_eq!(codes, Some(known.clone().into()));
        }
    }
}
