//! No key and no value of a variable is shown, wherever in a definition it is.

use std::path::PathBuf;

use super::{BASE, accepted, rejected, shown, with};
use crate::definition::document::hide_keys;

const HEX: &str = "3b1f00aa55cc77ee3b1f00aa55cc77ee3b1f00aa55cc77ee3b1f00aa55cc77ee";

const BASE64: &str = "Zm9vYmFyYmF6cXV4Zm9vYmFyYmF6cXV4Zm9vYmFyYmE=";

/// Whether the text contains eight consecutive characters of the secret.
fn leaks(text: &str, secret: &str) -> bool {
    let chars: Vec<char> = secret.chars().collect();
    chars.windows(8).any(|part| text.contains(&part.iter().collect::<String>()))
}

#[test]
fn a_key_in_the_definition_is_rejected_and_not_shown() {
    for (kind, secret) in
        [("hex:", HEX), ("base64:", BASE64), ("", HEX), ("", BASE64), ("", "correct horse battery")]
    {
        let key = format!("{kind}{secret}");
        let texts = [
            with("k1 = \"env:KEY\"", &format!("k1 = \"{key}\"")),
            with("k1 = \"env:KEY\"", &format!("k1 = '''{key}'''")),
            with("k1 = \"env:KEY\"", &format!("k1 = \"\"\"\n{key}\"\"\"")),
            with("k1 = \"env:KEY\"", &format!("k1 = {{ from = \"{key}\", check = 3 }}")),
            with("k1 = \"env:KEY\"", &format!("k1 = {{ form = \"{key}\" }}")),
            with("k1 = \"env:KEY\"", &format!("k1 = \"env:KEY\"\n\"K 2\" = \"{key}\"")),
            with("k1 = \"env:KEY\"", &format!("k1 = [\"{key}\"]")),
            with("k1 = \"env:KEY\"", &format!("k1 = {{ from = \"env:KEY\", check = \"{key}\" }}")),
            with("current = \"k1\"", &format!("current = \"{key}\"")),
            with("[keys]", &format!("[keys]\nk1 = \"{key}\" \"")),
            with("[keys]", &format!("[keys]\nk1 = {key}")),
            with("[keys]", &format!("keys = {{ k1 = \"{key}\"")),
            with(
                "[keys]\ncurrent = \"k1\"\nk1 = \"env:KEY\"",
                &format!("[keys.k1]\nform = \"{key}\""),
            ),
        ];
        for text in &texts {
            let diagnostics = rejected(text, &[]);
            assert!(!leaks(&shown(&diagnostics), secret), "{}", shown(&diagnostics));
            let json = serde_json::to_string(&diagnostics).expect("strings and numbers");
            assert!(!leaks(&json, secret), "{json}");
        }
        for set in [format!("keys.k1={key}"), format!("keys.k1.from={key}"), format!("keys={key}")]
        {
            let diagnostics = rejected(BASE, &[&set]);
            assert!(!leaks(&shown(&diagnostics), secret), "{}", shown(&diagnostics));
        }
    }
}

#[test]
fn a_path_with_a_key_is_rejected_and_not_shown() {
    for (variable, expected) in
        [("KEY", "holds a key"), ("OTHER_KEY", "contains a key"), ("EMPTY", "`EMPTY` is empty")]
    {
        for (from, to) in [
            ("to = \"out/import/\"", format!("to = \"out-${{{variable}}}/\"")),
            ("to = \"out/account/\"", format!("to = \"${{{variable}}}/account/\"")),
            ("[keys]", format!("[run]\nspill = \"s-${{{variable}}}\"\n[keys]")),
        ] {
            let diagnostics = rejected(&with(from, &to), &[]);
            let text = shown(&diagnostics);
            assert!(text.contains(expected) && !leaks(&text, &"0aF".repeat(22)), "{text}");
        }
    }
    let exclude = rejected(BASE, &["input.exclude=[\"${OTHER_KEY}*\"]"]);
    assert!(shown(&exclude).contains("contains a key"), "{}", shown(&exclude));
}

#[test]
fn a_text_like_a_key_is_hidden_anywhere() {
    for (kind, secret) in [("hex:", HEX), ("base64:", BASE64), ("", HEX), ("", BASE64)] {
        let key = format!("{kind}{secret}");
        for text in [
            with("name = \"list\"", &format!("name = \"{key}\"")),
            with("[keys]", &format!("[kyes]\nk9 = \"{key}\"\n[keys]")),
            with("\"Id\" = \"keep\"", &format!("\"Id\" = \"{key}\"")),
            with("\"Id\" = \"keep\"", &format!("\"Id\" = \"keep\"\n\"{key}\" = \"keep\"")),
            with("from = [\"in/\"]", &format!("from = [\"in/\"]\nformat = \"{key}\"")),
        ] {
            let diagnostics = rejected(&text, &[]);
            assert!(!leaks(&shown(&diagnostics), secret), "{}", shown(&diagnostics));
        }
    }
    let path = "exports/NewsletterCampaign2026/2026-11-23/part-00000-of-00012";
    assert_eq!(hide_keys(path), path);
}

#[test]
fn no_value_of_a_variable_is_shown() {
    let text = with("to = \"out/import/\"", "to = \"${HOME_DIR}/x\"")
        .replace("to = \"out/account/\"", "to = \"${HOME_DIR}/x/y\"");
    let diagnostics = rejected(&text, &[]);
    assert!(shown(&diagnostics).contains("${HOME_DIR}/x/y"), "{}", shown(&diagnostics));
    assert!(!shown(&diagnostics).contains("somebody"), "{}", shown(&diagnostics));
    let (definition, _) = accepted(&with("to = \"out/import/\"", "to = \"${HOME_DIR}/{date}/\""));
    assert!(!format!("{definition:?} {:?}", definition.outputs).contains("somebody"));
    let [output] = definition.outputs.as_slice() else { panic!("one output") };
    assert_eq!(output.to.path, PathBuf::from("/home/somebody/2026-11-23/"));
}
