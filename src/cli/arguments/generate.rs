//! The options of `generate`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use segprep::generate::Share;

#[derive(Args, Debug)]
pub(crate) struct GenerateArguments {
    /// Number of records.
    #[arg(long, value_name = "N")]
    pub(crate) records: u64,
    /// The same seed gives the same bytes on every machine.
    #[arg(long, value_name = "N")]
    pub(crate) seed: u64,
    /// Share of records with one fault each, from 0 to 1.
    #[arg(long, value_name = "RATIO", default_value = "0.02", value_parser = crate::cli::generate::share)]
    pub(crate) bad: Share,
    /// Format of the file.
    #[arg(long, value_name = "FORMAT", default_value = "ndjson")]
    pub(crate) format: GeneratedFormat,
    /// What the records are like: all alike, as in exports, or contacts of a CRM.
    #[arg(long, value_name = "SHAPE", default_value = "plain")]
    pub(crate) shape: GeneratedShape,
    /// Write line, field and code of each fault to this file, which is replaced if it exists.
    #[arg(long, value_name = "FILE")]
    pub(crate) truth: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum GeneratedFormat {
    Ndjson,
    Csv,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum GeneratedShape {
    Plain,
    Export,
    Crm,
}
