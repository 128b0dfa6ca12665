//! JSON of accounts and messages.
//!
//! Names of files come from anybody. A character that turns the direction of text (U+202E) makes
//! `exe.txt` of `txt.exe` for whoever reads an account or a terminal, so all such characters are
//! written as `\u202e`. A program that parses the JSON has the true name.

use std::fmt::Write;

use serde::Serialize;

use crate::record::is_hidden;

/// A value in one line of JSON, without its line end.
///
/// # Panics
///
/// If the value is not plain data.
pub fn json_line(value: &impl Serialize) -> String {
    visible(serde_json::to_string(value).expect("accounts and messages are plain data"))
}

/// A value as JSON with indented lines.
///
/// # Panics
///
/// If the value is not plain data.
pub fn json_lines(value: &impl Serialize) -> String {
    visible(serde_json::to_string_pretty(value).expect("accounts are plain data"))
}

/// JSON without hidden characters. Outside strings it has none but line ends, so replacing them keeps
/// its meaning.
fn visible(json: String) -> String {
    if json.bytes().all(|byte| byte < 0x7f) {
        return json; // below it, only line ends are written as they are
    }
    let is_raw = |char: char| char != '\n' && is_hidden(char);
    let mut text = String::with_capacity(json.len());
    for char in json.chars() {
        if is_raw(char) {
            let mut units = [0; 2];
            for unit in char.encode_utf16(&mut units) {
                write!(text, "\\u{unit:04x}").expect("writing to a string does not fail");
            }
        } else {
            text.push(char);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hidden_characters_are_escaped_and_parse_back() {
        let cases = [
            ("plain, Größe, 名前", "plain, Größe, 名前"),
            ("in/\u{202e}txt.exe", "in/\\u202etxt.exe"),
            ("a\u{7f}b\u{9b}c\u{200b}", "a\\u007fb\\u009bc\\u200b"),
            ("a\u{2028}b\u{feff}", "a\\u2028b\\ufeff"),
            ("tag\u{e0041}", "tag\\udb40\\udc41"),
            ("\"\\\n", "\\\"\\\\\\n"),
        ];
        for (name, expected) in cases {
            let line = json_line(&[name]);
            assert_eq!(line, format!("[\"{expected}\"]"));
            assert_eq!(json_lines(&[name]), format!("[\n  \"{expected}\"\n]"));
            assert_eq!(serde_json::from_str::<Vec<String>>(&line).expect("JSON"), [name]);
        }
    }
}
