//! No text causes a panic, and every diagnostic is complete.

use proptest::prelude::*;

use super::{BASE, checked, environment, rejected, schema};
use crate::definition::OpSpec;
use crate::plan::check;

#[test]
fn deep_nesting_does_not_overflow_the_stack() {
    for text in [
        vec!["a"; 200_000].join(".") + " = 1",
        format!("a = {}", "[".repeat(200_000)),
        format!("a = {}", "{a=".repeat(200_000)),
        "[a]\n".repeat(20_000),
        vec!["a"; 900].join(".") + " = 1",
    ] {
        assert!(!rejected(&text, &[]).is_empty());
    }
    let deep = vec!["a"; 200_000].join(".") + "=1";
    assert!(!rejected(BASE, &[&deep]).is_empty());
}

/// The base with some characters replaced by snippets with a meaning in TOML.
fn edited() -> impl Strategy<Value = String> {
    let pieces = prop::sample::select(vec![
        "",
        "\"",
        "'",
        "=",
        "[",
        "]",
        "[[",
        "{",
        "}",
        ".",
        "\n",
        "#",
        "\"\"\"",
        "\\",
        "*",
        "op",
        "9e9",
        "true",
        "1979-05-27",
        "${",
        "}",
        "é",
        "\u{feff}",
        "\r",
        "\0",
        "hmac",
        "keys",
        "[fields]",
        "-1",
    ]);
    let edits = prop::collection::vec((any::<prop::sample::Index>(), 0..4_usize, pieces), 1..6);
    edits.prop_map(|edits| {
        let mut text: Vec<char> = BASE.chars().collect();
        for (place, len, piece) in edits {
            let start = place.index(text.len());
            let end = (start + len).min(text.len());
            text.splice(start..end, piece.chars());
        }
        text.into_iter().collect()
    })
}

fn check_diagnostics(text: &str, sets: &[String]) {
    let Err(diagnostics) = check("list.toml", text, sets, &environment(), &schema()) else {
        return;
    };
    assert!(!diagnostics.is_empty());
    for diagnostic in &diagnostics {
        let chars = diagnostic.excerpt.chars().count();
        assert!(
            diagnostic.caret.start <= diagnostic.caret.end && diagnostic.caret.end <= chars,
            "{diagnostic:?}"
        );
        assert!(
            diagnostic.line >= 1
                && diagnostic.column >= 1
                && !diagnostic.message.is_empty()
                && !diagnostic.help.is_empty(),
            "{diagnostic:?}"
        );
        assert!(!diagnostic.render(true).is_empty());
    }
}

proptest! {
    #[test]
    fn no_text_causes_a_panic(text in "\\PC{0,200}", set in "\\PC{0,60}") {
        check_diagnostics(&text, &[set]);
    }

    #[test]
    fn no_edit_causes_a_panic(text in edited(), set in "[a-z\"'.=\\[\\]{}0-9*\\\\ é]{0,40}") {
        check_diagnostics(&text, &[set]);
    }

    /// A `--set` can contain any name and any text.
    #[test]
    fn a_set_can_contain_any_text(name in "[^*\u{7f}]{1,20}", text in "[^\u{7f}]{0,40}") {
        // A JSON string is a basic string of TOML, except for DEL.
        let quoted = |text: &str| serde_json::to_string(text).expect("a text");
        let rule = format!("Attributes.{name}");
        let set = format!("fields.{}={{ op = \"redact\", text = {} }}", quoted(&rule), quoted(&text));
        let (definition, _) = checked(BASE, &[&set]).expect("a valid definition");
        let found = definition.rules.iter().find(|found| found.path.value == rule).expect("the rule");
        prop_assert_eq!(found.op.as_ref(), Some(&OpSpec::Redact { text }));
    }
}
