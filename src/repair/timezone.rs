//! `timezone`: links of the tz database, and names it had, become the canonical name.
//!
//! An abbreviation such as `CST` is none of them: it means one thing in Chicago, another in
//! Havana and a third in Shanghai.

use crate::schema::{Known, timezone, timezone_of_any_case};

/// The canonical name of the zone that the value names in some case, with `_` or spaces.
pub(super) fn mend(value: &str) -> Option<String> {
    let name = match timezone(value.as_bytes()) {
        Some(_) => value,
        None => timezone_of_any_case(&value.replace(' ', "_"))?,
    };
    let canonical = match timezone(name.as_bytes())? {
        Known::Canonical => name,
        Known::Alias(canonical) | Known::Former(canonical) => canonical,
    };
    (canonical != value).then(|| canonical.to_owned())
}
