//! The valid names of time zones and languages.

use std::{collections::HashSet, sync::LazyLock};

use super::country;

static TIMEZONES: LazyLock<HashSet<&str>> =
    LazyLock::new(|| in_use(include_str!("../../schemas/tables/timezones.txt")));
static LANGUAGES: LazyLock<HashSet<&str>> =
    LazyLock::new(|| in_use(include_str!("../../schemas/tables/languages.txt")));

/// A row has the name, for an alias its meaning, and for a former name a mark.
fn in_use(table: &'static str) -> HashSet<&'static str> {
    let rows = table.lines().filter(|line| !line.starts_with('#'));
    let rows = rows.filter(|row| row.split('\t').count() < 3);
    rows.filter_map(|row| row.split('\t').next()).collect()
}

pub(super) fn is_timezone(name: &str) -> bool {
    TIMEZONES.contains(name)
}

/// Whether a locale is valid: `en` or `en_US`.
pub(super) fn is_locale(name: &str) -> bool {
    let (language, country) = name.split_once('_').unwrap_or((name, ""));
    LANGUAGES.contains(language) && (name == language || country::is_assigned(country))
}
