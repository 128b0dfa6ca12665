//! `[input]`: what is read, and how.

use super::columns::{self, ColumnsSpec};
use super::document::location::{self, Use};
use super::document::{Diagnostics, Location, Section, Spanned};
use super::environment::Environment;
use super::vocabulary::{InputFormat, TextEncoding, Unknown};

/// The longest record where the definition says nothing.
const MAX_RECORD: u64 = 1 << 20;
/// The longest record there can be: it is held in memory by every worker.
const MAX_RECORD_MAX: u64 = 64 << 20;
/// How many times its size an archive may expand to where the definition says nothing.
const MAX_EXPANSION: u64 = 200;

/// `[input]`, read and typed.
#[derive(Clone, Debug)]
pub struct Input {
    /// Files, folders, patterns and `-`.
    pub from: Vec<Location>,
    /// Patterns of what is left out.
    pub exclude: Vec<String>,
    /// Set where the definition does; else told by content.
    pub format: Option<InputFormat>,
    /// Set where the text is not UTF-8.
    pub encoding: Option<TextEncoding>,
    /// How many times its size an archive may expand to.
    pub max_expansion: u64,
    /// Whether a run goes on after a file that can't be read as a segment file.
    pub skips_bad_files: bool,
    /// What the definition says of CSV files.
    pub columns: ColumnsSpec,
    /// Set where the definition does.
    pub unknown: Option<Unknown>,
    pub keep_inactive: bool,
    /// Names of kinds of record; None for those that the schema takes by default.
    pub kinds: Option<Vec<Spanned<String>>>,
    /// Bytes of the longest record.
    pub max_record: u64,
    /// Whether inputs get a SHA-256 in the account.
    pub digest: bool,
}

const LATER: [&str; 1] = ["endpoint"];

pub(crate) fn read(
    root: &mut Section<'_>,
    around: &Environment<'_>,
    faults: &mut Diagnostics<'_>,
) -> Input {
    let Some(mut section) =
        root.required_section("input", "write `[input]`, and below it `from = [\"…\"]`", faults)
    else {
        return nothing();
    };
    section.refuse_later(&LATER, faults);
    let format = section.choice(
        "format",
        &[("json", InputFormat::Json), ("csv", InputFormat::Csv)],
        &[],
        faults,
    );
    let input = Input {
        from: read_from(&mut section, around, faults),
        exclude: read_exclude(&mut section, around, faults),
        format,
        encoding: section.choice(
            "encoding",
            &[
                ("windows-1252", TextEncoding::Windows1252),
                ("latin1", TextEncoding::Latin1),
                ("utf-16", TextEncoding::Utf16),
            ],
            &[],
            faults,
        ),
        max_expansion: section
            .whole("max_expansion", 1..=u64::MAX, faults)
            .unwrap_or(MAX_EXPANSION),
        skips_bad_files: section
            .choice("on_bad_file", &[("fail", false), ("skip", true)], &[], faults)
            .unwrap_or(false),
        columns: columns::read(&mut section, format, faults),
        unknown: section.choice(
            "unknown",
            &[("drop", Unknown::Drop), ("reject", Unknown::Reject)],
            &[],
            faults,
        ),
        keep_inactive: section
            .choice("inactive", &[("drop", false), ("keep", true)], &[], faults)
            .unwrap_or(false),
        kinds: section.owned_texts("kinds", faults),
        max_record: section
            .size("max_record", 1..=MAX_RECORD_MAX, faults)
            .map_or(MAX_RECORD, |size| size.value),
        digest: section.boolean("digest", faults).unwrap_or(false),
    };
    section.finish(faults);
    input
}

fn nothing() -> Input {
    Input {
        from: Vec::new(),
        exclude: Vec::new(),
        format: None,
        encoding: None,
        max_expansion: MAX_EXPANSION,
        skips_bad_files: false,
        columns: ColumnsSpec::default(),
        unknown: None,
        keep_inactive: false,
        kinds: None,
        max_record: MAX_RECORD,
        digest: false,
    }
}

fn read_from(
    section: &mut Section<'_>,
    around: &Environment<'_>,
    faults: &mut Diagnostics<'_>,
) -> Vec<Location> {
    let help = "name files, folders or patterns, such as `from = [\"exports/\"]`";
    let Some(texts) = section.required_texts("from", help, faults) else { return Vec::new() };
    let place = |text| location::read("from", text, Use::Input, around, faults);
    texts.into_iter().filter_map(place).collect()
}

fn read_exclude(
    section: &mut Section<'_>,
    around: &Environment<'_>,
    faults: &mut Diagnostics<'_>,
) -> Vec<String> {
    let Some(texts) = section.texts("exclude", faults) else { return Vec::new() };
    texts.into_iter().filter_map(|text| location::read_pattern(text, around, faults)).collect()
}
