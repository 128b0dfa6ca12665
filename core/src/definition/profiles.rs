//! The settings of an `[[output]]` with `format = "profiles-csv"`: which fields profiles are made of, how many
//! columns they have, and what becomes of values without a place.

use super::document::{Diagnostics, Section, Spanned};
use super::vocabulary::{OutputFormat, PartLayout, Unplaced};

/// The largest `max_columns`.
const COLUMNS_MAX: u64 = 1_000;

/// What an output of profiles has besides other outputs.
#[derive(Clone, Debug)]
pub struct ProfileSettings {
    /// Paths as in rules: `User.UserId`, `Attributes.*`. `None`: everything that the rules leave.
    pub fields: Option<Vec<Spanned<String>>>,
    /// The most columns. `None`: as many as the target maps.
    pub max_columns: Option<usize>,
    pub unplaced: Unplaced,
}

/// Reads the settings, or reports them if the format has none of them.
pub(super) fn read(
    section: &mut Section<'_>,
    format: OutputFormat,
    diagnostics: &mut Diagnostics<'_>,
) -> Option<ProfileSettings> {
    if format.layout() != PartLayout::Profiles {
        refuse(section, diagnostics);
        return None;
    }
    let choices = [("warn", Unplaced::Warn), ("fail", Unplaced::Fail)];
    let max_columns = section.whole("max_columns", 1..=COLUMNS_MAX, diagnostics);
    Some(ProfileSettings {
        fields: section.owned_texts("fields", diagnostics),
        max_columns: max_columns.and_then(|most| usize::try_from(most).ok()),
        unplaced: section.choice("unplaced", &choices, &[], diagnostics).unwrap_or(Unplaced::Warn),
    })
}

/// Reports the settings that only an output of profiles has.
fn refuse(section: &mut Section<'_>, diagnostics: &mut Diagnostics<'_>) {
    for key in ["fields", "max_columns", "unplaced"] {
        if let Some(entry) = section.entry(key) {
            let message = format!("`{key}` needs `format = \"profiles-csv\"`");
            diagnostics.push(entry.key_at, message, "", "remove it, or change the format");
        }
    }
}
