//! `country`: replaces alpha-3 codes, English names and former codes by the alpha-2 code.

use crate::schema::{country_of, is_assigned_country};

/// Codes that, written in lower case, may as well be an answer: "no", "not available".
const ANSWERS: [&str; 2] = ["NA", "NO"];

/// Returns the code, or `None` if the value already is one, or could mean several countries.
pub(super) fn repair(value: &str) -> Option<String> {
    if is_assigned_country(value.as_bytes()) {
        return None;
    }
    let upper = value.to_ascii_uppercase();
    if is_assigned_country(upper.as_bytes()) {
        return (!ANSWERS.contains(&upper.as_str())).then_some(upper);
    }
    country_of(&fold(value)?).map(str::to_owned)
}

/// Brings a name to the form of the table: lower case letters without accents, digits, single
/// spaces, no article at either end.
///
/// Returns `None` if it has a letter that is in no English name of a country.
fn fold(name: &str) -> Option<String> {
    let mut folded = String::with_capacity(name.len());
    for char in name.chars().flat_map(char::to_lowercase) {
        match char {
            'a'..='z' | '0'..='9' => folded.push(char),
            // Full stops, apostrophes, and combining accents.
            '.' | '\'' | '’' | '\u{300}'..='\u{36f}' => {}
            '&' => folded.push_str(" and "),
            'à'..='å' => folded.push('a'),
            'ç' => folded.push('c'),
            'è'..='ë' => folded.push('e'),
            'ì'..='ï' => folded.push('i'),
            'ñ' => folded.push('n'),
            'ò'..='ö' => folded.push('o'),
            'ù'..='ü' => folded.push('u'),
            _ if char.is_alphanumeric() => return None,
            _ => folded.push(' '),
        }
    }
    let mut words: Vec<&str> = folded.split_ascii_whitespace().collect();
    if words.first() == Some(&"the") {
        words.remove(0);
    }
    if words.last() == Some(&"the") {
        words.pop();
    }
    Some(words.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `generate.py` folds the names of the table on its own; both foldings agree.
    #[test]
    fn every_name_of_the_sources_is_found() {
        let source = include_str!("../../schemas/tables/sources/iso3166.json");
        let source: serde_json::Value = serde_json::from_str(source).expect("JSON");
        let countries = source["names"].as_object().expect("an object");
        assert_eq!(countries.len(), 249);
        for (code, names) in countries {
            let names = names.as_array().expect("a list");
            for name in names.iter().filter_map(serde_json::Value::as_str) {
                let found = repair(name);
                let is_right = found.as_ref() == Some(code) || name == "Congo" && found.is_none();
                assert!(is_right, "{name}: {found:?}");
            }
        }
    }
}
