//! `locale`: rewrites `en-US`, `EN_us` and `en_US.UTF-8` to `en_US`, and replaces former and
//! three-letter codes by the current ones.

use crate::schema::{Known, country_of, is_assigned_country, language};

/// Encodings that POSIX systems append to a locale.
const ENCODINGS: [&str; 2] = ["utf-8", "utf8"];

/// Returns the locale, or `None` if the value is valid, unknown or ambiguous.
pub(super) fn repair(value: &str) -> Option<String> {
    let (locale, encoding) = value.split_once('.').unwrap_or((value, "utf8"));
    if !ENCODINGS.contains(&encoding.to_ascii_lowercase().as_str()) {
        return None;
    }
    let repaired = match locale.split_once(['_', '-']) {
        Some((language, country)) => {
            format!("{}_{}", current_language(language)?, current_country(country)?)
        }
        None if may_be_a_country(locale) => return None,
        None => current_language(locale)?,
    };
    (repaired != value).then_some(repaired)
}

/// Whether a code without a country could itself be a country, as `DE` or `in`. (A current language
/// in lower case is valid.)
fn may_be_a_country(code: &str) -> bool {
    let lower = code.to_ascii_lowercase();
    let is_language = lower == code && language(code.as_bytes()) == Some(Known::Canonical);
    let is_alpha_2 = is_assigned_country(code.to_ascii_uppercase().as_bytes());
    let is_alpha_3 = lower != code && country_of(&lower).is_some();
    !is_language && (is_alpha_2 || is_alpha_3)
}

fn current_language(code: &str) -> Option<String> {
    let lower = code.to_ascii_lowercase();
    match language(lower.as_bytes())? {
        Known::Canonical => Some(lower),
        Known::Alias(current) | Known::Former(current) => Some(current.to_owned()),
    }
}

fn current_country(code: &str) -> Option<String> {
    let upper = code.to_ascii_uppercase();
    if is_assigned_country(upper.as_bytes()) {
        return Some(upper);
    }
    let is_code = matches!(code.len(), 2 | 3) && code.bytes().all(|b| b.is_ascii_alphabetic());
    country_of(&code.to_ascii_lowercase()).filter(|_| is_code).map(str::to_owned)
}
