//! The words with which other programs say who has opted out (`schemas/opt_out_words.toml`).

use std::collections::{HashMap, HashSet};

use foldhash::fast::RandomState;
use serde::Deserialize;

use crate::decode::{Sense, folded};

const FILE: &str = include_str!("../../schemas/opt_out_words.toml");

/// What words mean.
pub(super) struct OptOutWords {
    words: HashMap<String, Word, RandomState>,
    /// Folded names of columns whose words of a status may say who has opted out.
    statuses: HashSet<String, RandomState>,
    /// Folded parts of such names.
    status_parts: Vec<String>,
}

/// The most bytes of a word, in whatever case.
const WORD_MAX: usize = 32;

/// What a word says.
#[derive(Clone, Copy)]
enum Word {
    /// Whether somebody has opted out, whatever the column is called.
    Anywhere(bool),
    /// The same, in a column that is called like the opt-out.
    OptOut(bool),
    /// Yes or no to what the column's name asks.
    Answer(bool),
    /// A status that may say so: only whoever knows the program can tell.
    Status(bool),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WordFile {
    anywhere: Consent,
    opt_out: Consent,
    answers: Answers,
    status: Statuses,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Consent {
    out: Vec<String>,
    r#in: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Answers {
    yes: Vec<String>,
    no: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Statuses {
    columns: Vec<String>,
    parts: Vec<String>,
    out: Vec<String>,
    r#in: Vec<String>,
}

impl OptOutWords {
    pub(super) fn shipped() -> OptOutWords {
        let file: WordFile = toml::from_str(FILE).expect("a test reads the shipped file");
        let lists = [
            (file.anywhere.out, Word::Anywhere(true)),
            (file.anywhere.r#in, Word::Anywhere(false)),
            (file.opt_out.out, Word::OptOut(true)),
            (file.opt_out.r#in, Word::OptOut(false)),
            (file.answers.yes, Word::Answer(true)),
            (file.answers.no, Word::Answer(false)),
            (file.status.out, Word::Status(true)),
            (file.status.r#in, Word::Status(false)),
        ];
        let words = lists
            .into_iter()
            .flat_map(|(words, meaning)| words.into_iter().map(move |word| (word, meaning)));
        let statuses = file.status.columns.iter().map(|name| folded(name));
        let parts = file.status.parts.iter().map(|part| folded(part));
        OptOutWords {
            words: words.collect(),
            statuses: statuses.collect(),
            status_parts: parts.collect(),
        }
    }

    /// Whether a column is called like a status or a consent, so that its words may say who has opted out.
    pub(super) fn is_status(&self, name: &str) -> bool {
        let name = folded(name);
        self.statuses.contains(&name) || self.status_parts.iter().any(|part| name.contains(part))
    }

    /// Whether this is one of the names of a status that are listed whole.
    pub(super) fn has_status(&self, name: &str) -> bool {
        self.statuses.contains(&folded(name))
    }

    /// Whether a word of a status may say that somebody has opted out. `None`: it is no such word.
    pub(super) fn status(&self, word: &str) -> Option<bool> {
        match self.of(word)? {
            Word::Status(is_out) => Some(is_out),
            Word::Answer(_) => Some(true),
            Word::Anywhere(_) | Word::OptOut(_) => None,
        }
    }

    /// Whether somebody has opted out, by a word in a column of this sense. `None`: that is open.
    pub(super) fn means_out(&self, word: &str, sense: Sense) -> Option<bool> {
        match (self.of(word)?, sense) {
            (Word::Anywhere(is_out) | Word::OptOut(is_out), _) => Some(is_out),
            (Word::Answer(is_yes), Sense::Same) => Some(is_yes),
            (Word::Answer(is_yes), Sense::Opposite) => Some(!is_yes),
            (Word::Answer(_), Sense::Words | Sense::Details) | (Word::Status(_), _) => None,
        }
    }

    /// The same, of a column whose name says nothing.
    pub(super) fn means_out_anywhere(&self, word: &str) -> Option<bool> {
        match self.of(word)? {
            Word::Anywhere(is_out) => Some(is_out),
            Word::OptOut(_) | Word::Answer(_) | Word::Status(_) => None,
        }
    }

    fn of(&self, word: &str) -> Option<Word> {
        let word = word.trim();
        if word.is_empty() || WORD_MAX < word.len() {
            return None;
        }
        let mut ascii = [0; WORD_MAX];
        if let Some(room) = ascii.get_mut(..word.len()).filter(|_| word.is_ascii()) {
            room.copy_from_slice(word.as_bytes());
            room.make_ascii_lowercase();
            return self.words.get(str::from_utf8(room).ok()?).copied();
        }
        self.words.get(word.to_lowercase().as_str()).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_mean_what_their_column_asks() {
        let words = OptOutWords::shipped();
        for (word, same, opposite, by_words, anywhere) in [
            ("Yes", Some(true), Some(false), None, None),
            ("nein", Some(false), Some(true), None, None),
            ("0", Some(false), Some(true), None, None),
            (" Unsubscribed", Some(true), Some(true), Some(true), Some(true)),
            ("subscribed", Some(false), Some(false), Some(false), Some(false)),
            ("DÉSABONNÉ", Some(true), Some(true), Some(true), Some(true)),
            ("ALL", Some(true), Some(true), Some(true), None),
            ("NONE", Some(false), Some(false), Some(false), None),
            ("2024-05-06", None, None, None, None),
            ("bounced", None, None, None, None),
            ("", None, None, None, None),
        ] {
            let senses = [Sense::Same, Sense::Opposite, Sense::Words];
            let found = senses.map(|sense| words.means_out(word, sense));
            assert_eq!(found, [same, opposite, by_words], "{word}");
            assert_eq!(words.means_out_anywhere(word), anywhere, "{word}");
        }
    }

    #[test]
    fn a_status_may_say_it() {
        let words = OptOutWords::shipped();
        for (word, expected) in [
            ("Inactive", Some(true)),
            ("ACTIVE", Some(false)),
            ("gelöscht", Some(true)),
            ("no", Some(true)),
            ("unsubscribed", None),
            ("Portland", None),
        ] {
            assert_eq!(words.status(word), expected, "{word}");
            let is_told = words.means_out(word, Sense::Words).is_some();
            assert_eq!(is_told, word == "unsubscribed", "{word}");
        }
        for (name, expected) in [
            ("Status", true),
            ("subscriber_status", true),
            ("Werbung erlaubt", true),
            ("Order Status", false),
            ("", false),
        ] {
            assert_eq!(words.is_status(name), expected, "{name}");
        }
    }

    #[test]
    fn a_word_is_in_one_list() {
        let file: WordFile = toml::from_str(FILE).unwrap();
        let lists = [
            file.anywhere.out,
            file.anywhere.r#in,
            file.opt_out.out,
            file.opt_out.r#in,
            file.answers.yes,
            file.answers.no,
            file.status.out,
            file.status.r#in,
        ];
        let words: Vec<String> = lists.into_iter().flatten().collect();
        assert_eq!(OptOutWords::shipped().words.len(), words.len());
        assert!(words.iter().all(|word| *word == word.trim().to_lowercase()));
        assert!(words.iter().all(|word| word.to_uppercase().len() <= WORD_MAX));
    }
}
