//! The tables of `schemas/tables/`: codes and names that are too many for a schema file.
//!
//! Each is read once, when it is first asked, into a hash table over the program's own text.
//! `schemas/tables/generate.py` makes the files and names their sources.

use std::{collections::HashMap, sync::LazyLock};

use foldhash::fast::FixedState;

/// What a table says of a code or a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known {
    /// It is in use, and the canonical one.
    Canonical,
    /// It is in use, and another one means the same.
    Alias(&'static str),
    /// It is not in use, and this one means what it meant.
    Former(&'static str),
}

// The tables are ours, so nobody chooses keys that collide.
type Table = HashMap<&'static [u8], Known, FixedState>;

const COUNTRIES_TEXT: &str = include_str!("../../schemas/tables/countries.txt");
const LANGUAGES_TEXT: &str = include_str!("../../schemas/tables/languages.txt");
const TIMEZONES_TEXT: &str = include_str!("../../schemas/tables/timezones.txt");

static COUNTRIES: LazyLock<Table> = LazyLock::new(|| table(COUNTRIES_TEXT));
static LANGUAGES: LazyLock<Table> = LazyLock::new(|| table(LANGUAGES_TEXT));
static TIMEZONES: LazyLock<Table> = LazyLock::new(|| table(TIMEZONES_TEXT));
/// Names of places in small letters, with the name as it is written.
static PLACES: LazyLock<HashMap<String, &'static str, FixedState>> = LazyLock::new(|| {
    let names = rows(TIMEZONES_TEXT).map(|(name, _)| name).filter(|name| name.contains('/'));
    names.map(|name| (name.to_ascii_lowercase(), name)).collect()
});

/// The assigned alpha-2 code that a name or another code of a country means. `key` is in small
/// ASCII letters without accents, digits and single spaces: `bosnia and herzegovina`, `usa`, `zr`.
pub fn country_of(key: &str) -> Option<&'static str> {
    match COUNTRIES.get(key.as_bytes())? {
        Known::Canonical => None,
        Known::Alias(code) | Known::Former(code) => Some(code),
    }
}

/// What is known of a code of ISO 639 in small letters (`en`, `fil`).
pub fn language(code: &[u8]) -> Option<Known> {
    LANGUAGES.get(code).copied()
}

/// What is known of a name of a time zone, or of one that the tz database once had.
pub fn timezone(name: &[u8]) -> Option<Known> {
    TIMEZONES.get(name).copied()
}

/// The time zone of a place (`europe/paris`) however its letters are written.
pub fn timezone_of_any_case(name: &str) -> Option<&'static str> {
    PLACES.get(&name.to_ascii_lowercase()).copied()
}

/// All codes of languages in use, in order.
pub(super) fn languages() -> impl Iterator<Item = &'static str> {
    in_use(LANGUAGES_TEXT)
}

/// All names of time zones in use, in order.
pub(super) fn timezones() -> impl Iterator<Item = &'static str> {
    in_use(TIMEZONES_TEXT)
}

fn in_use(text: &'static str) -> impl Iterator<Item = &'static str> {
    let is_in_use = |(_, known): &(&str, Known)| !matches!(known, Known::Former(_));
    rows(text).filter(is_in_use).map(|(key, _)| key)
}

fn table(text: &'static str) -> Table {
    rows(text).map(|(key, known)| (key.as_bytes(), known)).collect()
}

/// The lines of a table: a key, then what it means if that is another, then a mark on those
/// that are no longer in use.
fn rows(text: &'static str) -> impl Iterator<Item = (&'static str, Known)> {
    text.lines().filter(|line| !line.starts_with('#')).map(|line| {
        let mut cells = line.split('\t');
        let key = cells.next().unwrap_or("");
        let known = match (cells.next(), cells.next()) {
            (None, _) => Known::Canonical,
            (Some(meant), None) => Known::Alias(meant),
            (Some(meant), Some(_)) => Known::Former(meant),
        };
        (key, known)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::{country, is_assigned_country};

    /// Keys in order, each once, and what they mean is in the table and means nothing else.
    #[track_caller]
    fn check(text: &'static str, keys: usize, is_canonical: impl Fn(&str) -> bool) {
        let all: Vec<(&str, Known)> = rows(text).collect();
        assert!(all.is_sorted_by(|a, b| a.0 < b.0));
        assert!(keys <= all.len(), "only {} keys", all.len());
        for (key, known) in &all {
            match known {
                Known::Canonical => assert!(is_canonical(key), "{key}"),
                Known::Alias(meant) | Known::Former(meant) => {
                    assert!(is_canonical(meant), "{key}");
                }
            }
        }
    }

    #[test]
    fn the_tables_are_well_formed() {
        check(COUNTRIES_TEXT, 600, |code| is_assigned_country(code.as_bytes()));
        check(LANGUAGES_TEXT, 600, |code| language(code.as_bytes()) == Some(Known::Canonical));
        check(TIMEZONES_TEXT, 590, |name| timezone(name.as_bytes()) == Some(Known::Canonical));
    }

    #[test]
    fn every_country_has_an_alpha_3_code_and_a_name() {
        for code in country::codes() {
            let of_code = |key: &&str| country_of(key) == Some(code.as_str());
            let keys: Vec<&str> =
                rows(COUNTRIES_TEXT).map(|(key, _)| key).filter(of_code).collect();
            assert!(keys.iter().any(|key| key.len() == 3), "{code}: {keys:?}");
            assert!(keys.iter().any(|key| 3 < key.len()), "{code}: {keys:?}");
        }
    }

    #[test]
    fn what_is_in_use_is_told_from_what_was() {
        assert_eq!(country_of("zr"), Some("CD"));
        assert_eq!(country_of("us"), Some("US"));
        assert_eq!(country_of("congo"), None);
        assert_eq!(language(b"en"), Some(Known::Canonical));
        assert_eq!(language(b"iw"), Some(Known::Former("he")));
        assert_eq!(language(b"EN"), None);
        assert_eq!(timezone(b"Europe/Oslo"), Some(Known::Canonical));
        assert_eq!(timezone(b"US/Pacific"), Some(Known::Alias("America/Los_Angeles")));
        assert_eq!(timezone(b"US/Pacific-New"), Some(Known::Former("America/Los_Angeles")));
        assert_eq!(timezone(b"CST"), None);
        assert_eq!(timezone_of_any_case("america/NEW_york"), Some("America/New_York"));
        assert_eq!(timezone_of_any_case("gb"), None);
    }
}
