//! Names of fields as evidence: `customerEmail`, `E-Mail-Adresse` and `MAIL_ADDRESS` say what they hold.
//!
//! A name is cut into words at separators, at digits and where capital letters begin a word; case and
//! accents do not count. A keyword is in a name if its words are, in this order and beside each other. A
//! keyword of more than [`WORD_MAX`] letters may also be part of a compound, as in
//! `Kundentelefonnummer`, and so may any keyword in a script without blanks between words.

use icu_normalizer::DecomposingNormalizerBorrowed;

use super::plain::{FIRST_WITHOUT_BLANKS, plain};

/// The most letters of a keyword that must be a whole word.
const WORD_MAX: usize = 5;

/// A name as it is compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Name {
    words: Vec<String>,
    /// The words without anything between them.
    squashed: String,
}

impl Name {
    pub(super) fn new(name: &str) -> Name {
        let words = words(name);
        let squashed = words.concat();
        Name { words, squashed }
    }

    /// Whether a keyword is in this name.
    pub(super) fn has(&self, keyword: &Name) -> bool {
        let count = keyword.words.len();
        if count == 0 {
            return false;
        }
        self.words.windows(count).any(|words| words == keyword.words)
            || self.squashed == keyword.squashed
            || keyword.may_be_inside() && self.squashed.contains(&keyword.squashed)
    }

    fn may_be_inside(&self) -> bool {
        WORD_MAX < self.squashed.chars().count()
            || self.squashed.chars().all(|c| FIRST_WITHOUT_BLANKS <= c)
    }
}

fn words(name: &str) -> Vec<String> {
    let name = plain(name);
    let folded = DecomposingNormalizerBorrowed::new_nfd().normalize(&name);
    let (mut words, mut word) = (Vec::new(), String::new());
    let mut chars = folded.chars().filter(|c| !is_accent(*c)).peekable();
    let mut previous: Option<char> = None;
    while let Some(c) = chars.next() {
        let is_start = previous.is_some_and(|before| begins_word(before, c, chars.peek().copied()));
        if is_start || !is_in_word(c) {
            words.push(std::mem::take(&mut word));
        }
        previous = Some(c);
        if is_in_word(c) {
            push_folded(c, &mut word);
        }
    }
    words.push(word);
    words.retain(|word| !word.is_empty());
    words
}

fn is_in_word(c: char) -> bool {
    c.is_alphanumeric() || is_kana_mark(c)
}

/// Whether a word begins with `c`: `mailAddress`, `IPAddress`, `address1`.
fn begins_word(before: char, c: char, next: Option<char>) -> bool {
    let ends_capitals = before.is_uppercase() && next.is_some_and(char::is_lowercase);
    c.is_uppercase() && (before.is_lowercase() || ends_capitals)
        || c.is_ascii_digit() != before.is_ascii_digit()
}

/// Combining accents of Latin, Greek and Cyrillic letters. Those of kana make other letters.
fn is_accent(c: char) -> bool {
    ('\u{300}'..='\u{36f}').contains(&c)
}

fn is_kana_mark(c: char) -> bool {
    matches!(c, '\u{3099}' | '\u{309a}' | 'ー')
}

fn push_folded(c: char, word: &mut String) {
    match c {
        'ß' | 'ẞ' => word.push_str("ss"),
        'æ' | 'Æ' => word.push_str("ae"),
        'ø' | 'Ø' => word.push('o'),
        _ => word.extend(c.to_lowercase()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keywords_are_found_in_names() {
        for (name, keyword) in [
            ("email", "email"),
            ("customerEmail", "email"),
            ("CUSTOMER_EMAIL", "email"),
            ("E-Mail", "email"),
            ("userIPAddress", "ip"),
            ("address1", "address 1"),
            ("Kundentelefonnummer", "telefon"),
            ("TÉLÉPHONE fixe", "téléphone"),
            ("telephone", "téléphone"),
            ("Straße", "strasse"),
            ("ご自宅の電話番号", "電話"),
            ("お名前（フリガナ）", "フリガナ"),
            ("ｅｍａｉｌ", "email"),
        ] {
            assert!(Name::new(name).has(&Name::new(keyword)), "{keyword} in {name}");
        }
    }

    #[test]
    fn short_keywords_are_whole_words() {
        for (name, keyword) in [
            ("hotel", "tel"),
            ("filename", "name"),
            ("description", "ip"),
            ("platform", "lat"),
            ("email", ""),
            ("", "email"),
        ] {
            assert!(!Name::new(name).has(&Name::new(keyword)), "{keyword} in {name}");
        }
    }
}
