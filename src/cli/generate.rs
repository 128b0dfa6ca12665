//! `segprep generate`: synthetic files on standard output.

use std::io;

use segprep::generate::{Format, Recipe, Shape, Share};
use segprep::report::quantities::{bytes, counted};
use segprep::run::{self, Failure};

use super::arguments::{GenerateArguments, GeneratedFormat, GeneratedShape};
use super::events::Event;
use super::render::Screen;

/// Writes a synthetic file, and what was written to standard error.
pub(crate) fn generate(screen: Screen, arguments: &GenerateArguments) -> Result<(), Failure> {
    let recipe = Recipe {
        records: arguments.records,
        seed: arguments.seed,
        bad: arguments.bad,
        format: match arguments.format {
            GeneratedFormat::Ndjson => Format::Ndjson,
            GeneratedFormat::Csv => Format::Csv,
        },
        shape: match arguments.shape {
            GeneratedShape::Plain => Shape::Plain,
            GeneratedShape::Export => Shape::Export,
            GeneratedShape::Crm => Shape::Crm,
        },
    };
    let mut out = io::stdout().lock();
    let generated = run::generate(recipe, &mut out, arguments.truth.as_deref())?;
    let run::Generated { records, bytes: size, faults } = generated;
    screen.note(&Event::Generated { records, bytes: size, faults }, || {
        let (records, faults) = (counted(records, "record"), counted(faults, "planted fault"));
        format!("{records}, {}, {faults}", bytes(size))
    });
    Ok(())
}

/// Reads a share: a number from 0 to 1.
pub(crate) fn share(text: &str) -> Result<Share, String> {
    let ratio = text.parse().ok().and_then(Share::new);
    ratio.ok_or_else(|| "it must be a number from 0 to 1".to_owned())
}
