//! `locale`: `en-US`, `EN_us` and `en_US.UTF-8` become `en_US`; former and three-letter codes those
//! that are in use.

use crate::schema::{Known, country_of, is_assigned_country, language};

/// Encodings that POSIX systems write after a locale.
const ENCODINGS: [&str; 2] = ["utf-8", "utf8"];

/// The locale that the value means for certain.
pub(super) fn mend(value: &str) -> Option<String> {
    let (locale, encoding) = value.split_once('.').unwrap_or((value, "utf8"));
    if !ENCODINGS.contains(&encoding.to_ascii_lowercase().as_str()) {
        return None;
    }
    let mended = match locale.split_once(['_', '-']) {
        Some((of_language, country)) => {
            format!("{}_{}", current_language(of_language)?, current_country(country)?)
        }
        None if may_be_a_country(locale) => return None,
        None => current_language(locale)?,
    };
    (mended != value).then_some(mended)
}

/// A lone `DE` or `in` is a country's code as well as a language's. (A language in use, in small
/// letters, needs no repair.)
fn may_be_a_country(code: &str) -> bool {
    let small = code.to_ascii_lowercase();
    let is_language = small == code && language(code.as_bytes()) == Some(Known::Canonical);
    let is_alpha_2 = is_assigned_country(code.to_ascii_uppercase().as_bytes());
    let is_alpha_3 = small != code && country_of(&small).is_some();
    !is_language && (is_alpha_2 || is_alpha_3)
}

fn current_language(code: &str) -> Option<String> {
    let small = code.to_ascii_lowercase();
    match language(small.as_bytes())? {
        Known::Canonical => Some(small),
        Known::Alias(meant) | Known::Former(meant) => Some(meant.to_owned()),
    }
}

fn current_country(code: &str) -> Option<String> {
    let capitals = code.to_ascii_uppercase();
    if is_assigned_country(capitals.as_bytes()) {
        return Some(capitals);
    }
    let is_code = matches!(code.len(), 2 | 3) && code.bytes().all(|b| b.is_ascii_alphabetic());
    country_of(&code.to_ascii_lowercase()).filter(|_| is_code).map(str::to_owned)
}
