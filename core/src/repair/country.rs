//! `country`: replaces alpha-3 codes, names and former codes by the alpha-2 code. Names are those in
//! English, those in the languages of the country itself, and those of the parts of the United Kingdom.

use icu_normalizer::ComposingNormalizerBorrowed;

use crate::schema::{country_of, is_assigned_country};

/// Codes that, written in lower case, may as well be an answer: "no", "not available".
const ANSWERS: [&str; 2] = ["NA", "NO"];

/// Longer texts are no names of countries, in bytes.
const LONGEST_NAME: usize = 200;

/// Returns the code, or `None` if the value already is one, or could mean several countries.
pub(super) fn repair(value: &str) -> Option<String> {
    if is_assigned_country(value.as_bytes()) {
        return None;
    }
    let upper = value.to_ascii_uppercase();
    if is_assigned_country(upper.as_bytes()) {
        return (!ANSWERS.contains(&upper.as_str())).then_some(upper);
    }
    let code = fold(value).and_then(|key| country_of(&key));
    code.or_else(|| country_of(&wide_fold(value))).map(str::to_owned)
}

/// Brings a name to the form of the table: lower case letters without accents, digits, single
/// spaces, no article: `Korea (the Republic of)`, as ISO writes it, has one in the middle.
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
    let words = folded.split_ascii_whitespace().filter(|word| *word != "the");
    Some(words.collect::<Vec<&str>>().join(" "))
}

/// Brings a name in any script to the form of the table: lower case, composed, single spaces.
fn wide_fold(name: &str) -> String {
    if LONGEST_NAME < name.len() {
        return String::new();
    }
    let lower = ComposingNormalizerBorrowed::new_nfc().normalize(name).to_lowercase();
    let mut folded = String::with_capacity(lower.len());
    for char in lower.chars() {
        match char {
            '.' | '\'' | '’' => {}
            _ if char.is_whitespace() => folded.push(' '),
            _ if char.is_alphanumeric() || !char.is_ascii() => folded.push(char),
            _ => folded.push(' '),
        }
    }
    folded.split(' ').filter(|word| !word.is_empty()).collect::<Vec<&str>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_in_the_languages_of_a_country_are_found() {
        let source = include_str!("../../schemas/tables/sources/cldr.json");
        let source: serde_json::Value = serde_json::from_str(source).expect("JSON");
        let countries = source["native_names"].as_object().expect("an object");
        let (mut found, mut others) = (0, Vec::new());
        for (code, names) in countries {
            let names = names.as_array().expect("a list");
            for name in names.iter().filter_map(serde_json::Value::as_str) {
                match repair(name) {
                    Some(repaired) if repaired == *code => found += 1,
                    Some(repaired) => others.push(format!("{name}: {repaired}, {code}")),
                    // Two countries have the name, or it is a code.
                    None => {}
                }
            }
        }
        assert!(300 < found, "only {found}");
        assert!(others.is_empty(), "{others:?}");
        assert_eq!(repair("ESPAÑA").as_deref(), Some("ES"));
        assert_eq!(repair("Espan\u{303}a").as_deref(), Some("ES"));
        assert_eq!(repair("Éire").as_deref(), Some("IE"));
        assert_eq!(repair("日本").as_deref(), Some("JP"));
        assert_eq!(repair("中国").as_deref(), Some("CN"));
        assert_eq!(repair("Ελλάδα").as_deref(), Some("GR"));
        assert_eq!(repair("Wales").as_deref(), Some("GB"));
        assert_eq!(repair("Frankreich"), None);
        for (name, code) in [
            ("Korea (the Republic of)", "KR"),
            ("Congo (the Democratic Republic of the)", "CD"),
            ("Moldova (the Republic of)", "MD"),
            ("Tanzania, the United Republic of", "TZ"),
            ("Falkland Islands (the) [Malvinas]", "FK"),
            ("Netherlands (the)", "NL"),
        ] {
            assert_eq!(repair(name).as_deref(), Some(code), "{name}");
        }
        assert_eq!(repair("the"), None);
    }

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
