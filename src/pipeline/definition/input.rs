//! `[input]`: what is read, and how.

use super::Surroundings;
use crate::pipeline::places::{self, Place};
use crate::pipeline::plan::{InputFormat, Unknown};
use crate::pipeline::section::Section;
use crate::pipeline::source::{Faults, Spanned};

/// The longest record where the definition says nothing.
const MAX_RECORD: u64 = 1 << 20;
/// The longest record there can be: it is held in memory by every worker.
const MAX_RECORD_MAX: u64 = 64 << 20;

/// `[input]`, read and typed.
#[derive(Clone, Debug)]
pub struct Input {
    /// Files and folders.
    pub from: Vec<Place>,
    /// Set where the definition does; else told by content.
    pub format: Option<InputFormat>,
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

const LATER: [&str; 9] = [
    "exclude",
    "encoding",
    "delimiter",
    "columns",
    "rename",
    "constants",
    "max_expansion",
    "on_bad_file",
    "endpoint",
];

pub(super) fn read(
    root: &mut Section<'_>,
    around: &Surroundings<'_>,
    faults: &mut Faults<'_>,
) -> Input {
    let Some(mut section) =
        root.required_section("input", "write `[input]`, and below it `from = [\"…\"]`", faults)
    else {
        return nothing();
    };
    section.refuse_later(&LATER, faults);
    refuse_no_header(&mut section, faults);
    let input = Input {
        from: read_from(&mut section, around, faults),
        format: section.choice(
            "format",
            &[("json", InputFormat::Json), ("csv", InputFormat::Csv)],
            &[],
            faults,
        ),
        unknown: section.choice(
            "unknown",
            &[("drop", Unknown::Drop), ("reject", Unknown::Reject)],
            &[],
            faults,
        ),
        keep_inactive: section
            .choice("inactive", &[("drop", false), ("keep", true)], &[], faults)
            .unwrap_or(false),
        kinds: section.texts("kinds", faults).map(owned),
        max_record: section
            .size("max_record", 1..=MAX_RECORD_MAX, faults)
            .map_or(MAX_RECORD, |size| size.value),
        digest: section.boolean("digest", faults).unwrap_or(false),
    };
    section.finish(faults);
    input
}

/// A file without a header needs `columns`, which comes with it.
fn refuse_no_header(section: &mut Section<'_>, faults: &mut Faults<'_>) {
    let Some(at) = section.entry("header").map(|entry| entry.key_at) else { return };
    if section.boolean("header", faults) == Some(false) {
        let what = "`header = false` in `[input]` is not in this version";
        faults.push(at, what, "", "begin the file with a header line");
    }
}

fn nothing() -> Input {
    Input {
        from: Vec::new(),
        format: None,
        unknown: None,
        keep_inactive: false,
        kinds: None,
        max_record: MAX_RECORD,
        digest: false,
    }
}

fn owned(words: Vec<Spanned<&str>>) -> Vec<Spanned<String>> {
    words.into_iter().map(|word| Spanned { value: word.value.to_owned(), at: word.at }).collect()
}

fn read_from(
    section: &mut Section<'_>,
    around: &Surroundings<'_>,
    faults: &mut Faults<'_>,
) -> Vec<Place> {
    let help = "name files and folders, such as `from = [\"exports/\"]`";
    let Some(texts) = section.required_texts("from", help, faults) else { return Vec::new() };
    let place = |text| places::read("from", text, places::Use::Input, around, faults);
    texts.into_iter().filter_map(place).collect()
}
