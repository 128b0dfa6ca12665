//! The tables in `schemas/tables/`: codes and names of countries, languages and time zones.
//!
//! Each table is parsed at its first use into a hash table that borrows from the program's text.
//! `schemas/tables/generate.py` makes the files, and names their sources.

use std::{collections::HashMap, sync::LazyLock};

use foldhash::fast::FixedState;

/// The status of a code or name in a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known {
    /// Current and canonical.
    Canonical,
    /// Current, with the canonical code or name that means the same.
    Alias(&'static str),
    /// No longer in use, with the current code or name that means the same.
    Former(&'static str),
}

// A fast hash is enough: the keys are not chosen by anyone hostile.
type Table = HashMap<&'static [u8], Known, FixedState>;

const COUNTRIES_TEXT: &str = include_str!("../../schemas/tables/countries.txt");
const LANGUAGES_TEXT: &str = include_str!("../../schemas/tables/languages.txt");
const TIMEZONES_TEXT: &str = include_str!("../../schemas/tables/timezones.txt");

static COUNTRIES: LazyLock<Table> = LazyLock::new(|| table(COUNTRIES_TEXT));
static LANGUAGES: LazyLock<Table> = LazyLock::new(|| table(LANGUAGES_TEXT));
static TIMEZONES: LazyLock<Table> = LazyLock::new(|| table(TIMEZONES_TEXT));
/// Names of zones that are places, by their lower-case form.
static PLACES: LazyLock<HashMap<String, &'static str, FixedState>> = LazyLock::new(|| {
    let names = rows(TIMEZONES_TEXT).map(|(name, _)| name).filter(|name| name.contains('/'));
    names.map(|name| (name.to_ascii_lowercase(), name)).collect()
});

/// Returns the alpha-2 code for a name, or for another code, of a country.
///
/// `key` has lower-case ASCII letters, digits and single spaces only: `bosnia and herzegovina`,
/// `usa`, `zr`.
pub fn country_of(key: &str) -> Option<&'static str> {
    match COUNTRIES.get(key.as_bytes())? {
        Known::Canonical => None,
        Known::Alias(code) | Known::Former(code) => Some(code),
    }
}

/// Looks up a lower-case code of ISO 639: `en`, `fil`.
pub fn language(code: &[u8]) -> Option<Known> {
    LANGUAGES.get(code).copied()
}

/// Looks up a current or former name of a time zone in the tz database.
pub fn timezone(name: &[u8]) -> Option<Known> {
    TIMEZONES.get(name).copied()
}

/// Returns the name of a time zone (`europe/paris`), ignoring case.
pub fn timezone_ignoring_case(name: &str) -> Option<&'static str> {
    PLACES.get(&name.to_ascii_lowercase()).copied()
}

/// All current language codes, sorted.
pub(super) fn languages() -> impl Iterator<Item = &'static str> {
    in_use(LANGUAGES_TEXT)
}

/// All current names of time zones, sorted.
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

/// Parses the lines of a table: a key, the canonical form if that is another, and a mark if the key
/// is no longer in use.
fn rows(text: &'static str) -> impl Iterator<Item = (&'static str, Known)> {
    text.lines().filter(|line| !line.starts_with('#')).map(|line| {
        let mut cells = line.split('\t');
        let key = cells.next().unwrap_or("");
        let known = match (cells.next(), cells.next()) {
            (None, _) => Known::Canonical,
            (Some(canonical), None) => Known::Alias(canonical),
            (Some(canonical), Some(_)) => Known::Former(canonical),
        };
        (key, known)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::{country, is_assigned_country};

    /// Keys are sorted and unique, and each canonical form is in the table and canonical there.
    #[track_caller]
    fn check(text: &'static str, keys: usize, is_canonical: impl Fn(&str) -> bool) {
        let all: Vec<(&str, Known)> = rows(text).collect();
        assert!(all.is_sorted_by(|a, b| a.0 < b.0));
        assert!(keys <= all.len(), "only {} keys", all.len());
        for (key, known) in &all {
            match known {
                Known::Canonical => assert!(is_canonical(key), "{key}"),
                Known::Alias(canonical) | Known::Former(canonical) => {
                    assert!(is_canonical(canonical), "{key}");
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
    fn current_and_former_names_are_told_apart() {
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
        assert_eq!(timezone(b"PRC"), Some(Known::Alias("Asia/Shanghai")));
        assert_eq!(timezone(b"ROK"), Some(Known::Alias("Asia/Seoul")));
        assert_eq!(timezone_ignoring_case("america/NEW_york"), Some("America/New_York"));
        assert_eq!(timezone_ignoring_case("gb"), None);
    }
}
