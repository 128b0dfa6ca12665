//! `timezone`: replaces links and former names of the tz database by the canonical name.
//!
//! Abbreviations such as `CST` are not repaired: it means one zone in Chicago, another in Havana
//! and a third in Shanghai.

use crate::schema::{Known, timezone, timezone_ignoring_case};

/// Returns the canonical name, ignoring case and taking spaces for `_`; `None` if the value is
/// canonical or unknown.
pub(super) fn repair(value: &str) -> Option<String> {
    let name = match timezone(value.as_bytes()) {
        Some(_) => value,
        None => timezone_ignoring_case(&value.replace(' ', "_"))?,
    };
    let canonical = match timezone(name.as_bytes())? {
        Known::Canonical => name,
        Known::Alias(canonical) | Known::Former(canonical) => canonical,
    };
    (canonical != value).then(|| canonical.to_owned())
}
