//! Names that are in use: time zones and languages, each in a set.

use std::{collections::HashSet, sync::LazyLock};

use super::country;

static TIMEZONES: LazyLock<HashSet<&str>> =
    LazyLock::new(|| in_use(include_str!("../../schemas/tables/timezones.txt")));
static LANGUAGES: LazyLock<HashSet<&str>> =
    LazyLock::new(|| in_use(include_str!("../../schemas/tables/languages.txt")));

/// A row is the name, for an alias what it means, and then for a former one a word.
fn in_use(table: &'static str) -> HashSet<&'static str> {
    let rows = table.lines().filter(|line| !line.starts_with('#'));
    let rows = rows.filter(|row| row.split('\t').count() < 3);
    rows.filter_map(|row| row.split('\t').next()).collect()
}

pub(super) fn is_timezone(name: &str) -> bool {
    TIMEZONES.contains(name)
}

/// `en`, or `en_US`.
pub(super) fn is_locale(name: &str) -> bool {
    let (language, country) = name.split_once('_').unwrap_or((name, ""));
    LANGUAGES.contains(language) && (name == language || country::is_assigned(country))
}
