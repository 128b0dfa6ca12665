//! `[input]`: what is read, and how. `columns.rs` has its settings for CSV, `endpoints.rs` those for
//! rows with several addresses, and `shaping.rs` those about values.

use super::columns::{self, ColumnsSpec};
use super::document::location::{self, Use};
use super::document::{Diagnostics, Location, Section, Spanned};
use super::endpoints::{self, EndpointSpec};
use super::environment::Environment;
use super::shaping::{self, ShapingSpec};
use super::vocabulary::{InputFormat, TextEncoding, Unknown};

/// The default of `max_record`, in bytes.
const MAX_RECORD: u64 = 1 << 20;
/// The largest `max_record`, in bytes: every worker holds a record in memory.
const MAX_RECORD_MAX: u64 = 64 << 20;
/// The default of `max_expansion`.
const MAX_EXPANSION: u64 = 200;

/// `[input]`.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a setting of the definition")]
pub struct Input {
    /// Files, folders, patterns and `-`.
    pub from: Vec<Location>,
    /// Patterns of names that are not read.
    pub exclude: Vec<String>,
    /// `None`: detect it by content.
    pub format: Option<InputFormat>,
    /// `None`: UTF-8.
    pub encoding: Option<TextEncoding>,
    /// Whether inputs are text in UTF-8 whatever they begin with. No setting: it is so for what a run kept.
    pub is_text: bool,
    /// The maximum ratio of the size of a text to that of its archive.
    pub max_expansion: u64,
    /// Whether a run without records ends as one that is done, instead of failing.
    pub may_be_empty: bool,
    /// Whether the run skips a file that can't be read as a segment file, instead of ending.
    pub skips_bad_files: bool,
    /// The settings for CSV files.
    pub columns: ColumnsSpec,
    /// The endpoints of a CSV row. Empty: a row is one record.
    pub endpoints: Vec<EndpointSpec>,
    /// What values of other programs mean.
    pub shaping: ShapingSpec,
    /// Names that are dropped on purpose.
    pub ignore: Vec<Spanned<String>>,
    /// `None`: not set.
    pub unknown: Option<Unknown>,
    /// Whether records with `EndpointStatus: INACTIVE` are written.
    pub keep_inactive: bool,
    /// The kinds of record to read, by name. `None`: those that the schema reads by default.
    pub kinds: Option<Vec<Spanned<String>>>,
    /// The largest record, in bytes.
    pub max_record: u64,
    /// Whether the account lists a SHA-256 digest for each input.
    pub digest: bool,
}

impl Input {
    /// Whether a column belongs to an `[[input.endpoint]]`.
    pub fn is_of_endpoint(&self, column: &str) -> bool {
        self.endpoints.iter().flat_map(EndpointSpec::columns).any(|own| own.value == column)
    }
}

impl Default for Input {
    fn default() -> Self {
        Input {
            from: Vec::new(),
            exclude: Vec::new(),
            format: None,
            encoding: None,
            is_text: false,
            max_expansion: MAX_EXPANSION,
            may_be_empty: false,
            skips_bad_files: false,
            columns: ColumnsSpec::default(),
            endpoints: Vec::new(),
            shaping: ShapingSpec::default(),
            ignore: Vec::new(),
            unknown: None,
            keep_inactive: false,
            kinds: None,
            max_record: MAX_RECORD,
            digest: false,
        }
    }
}

pub(super) fn read(
    root: &mut Section<'_>,
    environment: &Environment<'_>,
    diagnostics: &mut Diagnostics<'_>,
) -> Input {
    let help = "write `[input]`, and below it `from = [\"…\"]`";
    let Some(mut section) = root.required_section("input", help, diagnostics) else {
        return Input::default();
    };
    let formats = [("json", InputFormat::Json), ("csv", InputFormat::Csv)];
    let encodings = [
        ("windows-1252", TextEncoding::Windows1252),
        ("latin1", TextEncoding::Latin1),
        ("utf-16", TextEncoding::Utf16),
    ];
    let empty = [("fail", false), ("ok", true)];
    let bad_files = [("fail", false), ("skip", true)];
    let unknown = [("drop", Unknown::Drop), ("reject", Unknown::Reject)];
    let inactive = [("drop", false), ("keep", true)];
    let format = section.choice("format", &formats, &[], diagnostics);
    let input = Input {
        from: read_from(&mut section, environment, diagnostics),
        exclude: read_exclude(&mut section, environment, diagnostics),
        format,
        encoding: section.choice("encoding", &encodings, &[], diagnostics),
        is_text: false,
        max_expansion: section
            .whole("max_expansion", 1..=u64::MAX, diagnostics)
            .unwrap_or(MAX_EXPANSION),
        may_be_empty: section.choice("on_empty", &empty, &[], diagnostics).unwrap_or(false),
        skips_bad_files: section
            .choice("on_bad_file", &bad_files, &[], diagnostics)
            .unwrap_or(false),
        columns: columns::read(&mut section, format, diagnostics),
        endpoints: endpoints::read(&mut section, format, diagnostics),
        shaping: shaping::read(&mut section, format, diagnostics),
        ignore: section.owned_texts("ignore", diagnostics).unwrap_or_default(),
        unknown: section.choice("unknown", &unknown, &[], diagnostics),
        keep_inactive: section.choice("inactive", &inactive, &[], diagnostics).unwrap_or(false),
        kinds: section.owned_texts("kinds", diagnostics),
        max_record: section
            .size("max_record", 1..=MAX_RECORD_MAX, diagnostics)
            .map_or(MAX_RECORD, |size| size.value),
        digest: section.boolean("digest", diagnostics).unwrap_or(false),
    };
    section.finish(diagnostics);
    input
}

fn read_from(
    section: &mut Section<'_>,
    environment: &Environment<'_>,
    diagnostics: &mut Diagnostics<'_>,
) -> Vec<Location> {
    let help = "name files, folders or patterns, such as `from = [\"exports/\"]`";
    let Some(texts) = section.required_texts("from", help, diagnostics) else {
        return Vec::new();
    };
    let read = |text| location::read("from", text, Use::Input, environment, diagnostics);
    texts.into_iter().filter_map(read).collect()
}

fn read_exclude(
    section: &mut Section<'_>,
    environment: &Environment<'_>,
    diagnostics: &mut Diagnostics<'_>,
) -> Vec<String> {
    let Some(texts) = section.texts("exclude", diagnostics) else { return Vec::new() };
    let read = |text| location::read_pattern(text, environment, diagnostics);
    texts.into_iter().filter_map(read).collect()
}
