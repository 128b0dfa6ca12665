//! The words with which other programs say who has opted out.

use crate::decode::Sense;

/// Answers to the question that the name of a column asks.
const YES: [&str; 17] = [
    "yes",
    "y",
    "true",
    "1",
    "ja",
    "j",
    "oui",
    "si",
    "sí",
    "sim",
    "on",
    "x",
    "wahr",
    "vrai",
    "verdadero",
    "vero",
    "はい",
];
const NO: [&str; 17] = [
    "no",
    "n",
    "false",
    "0",
    "nein",
    "non",
    "não",
    "nao",
    "nee",
    "off",
    "-",
    "falsch",
    "faux",
    "falso",
    "keine",
    "nej",
    "いいえ",
];
/// Words that say it whatever the column is called.
const OUT: [&str; 18] = [
    "all",
    "unsubscribed",
    "opted out",
    "opted_out",
    "opt-out",
    "opt out",
    "optout",
    "not subscribed",
    "not_subscribed",
    "never subscribed",
    "never_subscribed",
    "abgemeldet",
    "désabonné",
    "désinscrit",
    "disiscritto",
    "descadastrado",
    "uitgeschreven",
    "alle",
];
const IN: [&str; 12] = [
    "none",
    "subscribed",
    "opted in",
    "opted_in",
    "opt-in",
    "opt in",
    "optin",
    "angemeldet",
    "abonné",
    "inscrit",
    "iscritto",
    "ingeschreven",
];

/// What a word says in a column whose name has this sense: whether somebody has opted out. `None`: that is
/// open.
pub(super) fn means_out(word: &str, sense: Sense) -> Option<bool> {
    let word = word.trim().to_lowercase();
    let is_in = |words: &[&str]| words.contains(&word.as_str());
    match sense {
        _ if is_in(&OUT) => Some(true),
        _ if is_in(&IN) => Some(false),
        Sense::Same if is_in(&YES) => Some(true),
        Sense::Same if is_in(&NO) => Some(false),
        Sense::Opposite if is_in(&YES) => Some(false),
        Sense::Opposite if is_in(&NO) => Some(true),
        Sense::Same | Sense::Opposite | Sense::Words | Sense::Details => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_mean_what_their_column_asks() {
        for (word, same, opposite, words) in [
            ("Yes", Some(true), Some(false), None),
            ("nein", Some(false), Some(true), None),
            ("0", Some(false), Some(true), None),
            ("Unsubscribed", Some(true), Some(true), Some(true)),
            ("subscribed", Some(false), Some(false), Some(false)),
            ("2024-05-06", None, None, None),
            ("bounced", None, None, None),
            ("", None, None, None),
        ] {
            let found = [Sense::Same, Sense::Opposite, Sense::Words];
            let found = found.map(|sense| means_out(word, sense));
            assert_eq!(found, [same, opposite, words], "{word}");
        }
    }
}
