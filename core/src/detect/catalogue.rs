//! Reads `schemas/detectors.toml` and compiles what it says.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::Likelihood;
use super::checks::Check;
use super::names::Name;
use super::needs::Needs;
use super::shape::{Gate, Pattern, Shape};
use super::usual::Usual;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    detector: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: String,
    about: String,
    #[serde(default)]
    is_clean: bool,
    #[serde(default)]
    gate: Gate,
    shapes: Vec<ShapeEntry>,
    #[serde(default)]
    ignore: Vec<String>,
    #[serde(default)]
    keywords: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    not: Vec<String>,
    #[serde(default)]
    never: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ShapeEntry {
    pattern: String,
    check: Option<Check>,
    usual: Option<Usual>,
    #[serde(default)]
    digits: usize,
    #[serde(default)]
    whole: bool,
    not_after: Option<String>,
    not_before: Option<String>,
    alone: Option<Likelihood>,
}

/// A detector: what it is called, and what it finds.
#[derive(Debug)]
pub struct Detector {
    /// Such as `email`.
    pub name: String,
    /// What it finds, in words.
    pub about: String,
    /// Whether what it finds was made by segprep, and is clean.
    pub is_clean: bool,
    /// Whether it needs a field's name as evidence.
    pub needs_name: bool,
    pub(super) gate: Gate,
    pub(super) shapes: Vec<Shape>,
    pub(super) ignore: Vec<String>,
    keywords: Vec<Name>,
    not: Vec<Name>,
    never: Vec<Name>,
}

/// Why the file of detectors is invalid.
#[derive(Debug, thiserror::Error)]
pub enum DetectError {
    #[error("the file of detectors is invalid: {0}")]
    File(#[from] toml::de::Error),
    #[error("a pattern of the detector `{detector}` is invalid: {source}")]
    Pattern { detector: String, source: regex::Error },
}

/// All detectors of a file.
pub(super) fn compile(text: &str) -> Result<Vec<Detector>, DetectError> {
    let File { detector } = toml::from_str(text)?;
    detector.into_iter().map(detector_of).collect()
}

fn detector_of(entry: Entry) -> Result<Detector, DetectError> {
    let shapes = entry.shapes.into_iter().map(shape_of).collect::<Result<Vec<_>, _>>();
    let shapes =
        shapes.map_err(|source| DetectError::Pattern { detector: entry.name.clone(), source })?;
    let names = |words: &[String]| words.iter().map(|word| Name::new(word)).collect::<Vec<_>>();
    Ok(Detector {
        needs_name: shapes.iter().all(|shape| shape.alone.is_none()),
        keywords: entry.keywords.values().flat_map(|words| names(words)).collect(),
        not: names(&entry.not),
        never: names(&entry.never),
        name: entry.name,
        about: entry.about,
        is_clean: entry.is_clean,
        gate: entry.gate,
        shapes,
        ignore: entry.ignore,
    })
}

fn shape_of(entry: ShapeEntry) -> Result<Shape, regex::Error> {
    let anchored = |pattern: Option<String>, before: &str, after: &str| {
        pattern.map(|pattern| Pattern::new(format!("{before}(?:{pattern}){after}"))).transpose()
    };
    let pattern = entry.pattern;
    let pattern = if entry.whole { format!("^(?:{pattern})$") } else { pattern };
    let pattern = Pattern::new(pattern)?;
    Ok(Shape {
        needs: Needs::of_pattern(pattern.source(), entry.whole).with_digits(entry.digits),
        pattern,
        check: entry.check,
        usual: entry.usual,
        not_after: anchored(entry.not_after, "", "$")?,
        not_before: anchored(entry.not_before, "^", "")?,
        alone: entry.alone,
    })
}

impl Detector {
    /// Whether a name says that its field holds what this detector finds.
    pub(super) fn is_named_by(&self, name: &Name) -> bool {
        has_any(name, &self.keywords) && !has_any(name, &self.not)
    }

    /// Whether a name says that its field holds nothing of the kind.
    pub(super) fn is_ruled_out_by(&self, name: &Name) -> bool {
        has_any(name, &self.never)
    }
}

fn has_any(name: &Name, keywords: &[Name]) -> bool {
    keywords.iter().any(|keyword| name.has(keyword))
}
