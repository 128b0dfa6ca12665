//! `segprep check` of a definition with `[state]`: the list, and what a run would take now.

use serde_json::{Value, json};

use super::two_nights;
use crate::support::nights::{Nights, records};
use crate::support::running::assert_exit;

/// What `check` says about the state, as JSON.
fn state(nights: &Nights, sets: &[&str]) -> Value {
    let mut command = nights.command("check");
    command.arg("--json").args(sets.iter().flat_map(|set| ["--set", *set]));
    let output = assert_exit(&mut command, 0);
    let checked: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    checked["state"].clone()
}

/// The words of a page in one line: where its lines break depends on how long paths are.
fn words_of(page: &[u8]) -> String {
    String::from_utf8_lossy(page).split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn a_check_says_what_is_on_the_list_and_what_is_next() {
    let nights = Nights::on_disk();
    nights.put("in/a.ndjson", &records("a", 3));
    let first = state(&nights, &["account.max_shrink=0.5", "input.on_empty=ok"]);
    let counts = |state: &Value| {
        ["inputs", "runs", "last_run", "found", "take", "found_changed"]
            .map(|name| state[name].clone())
    };
    assert_eq!(counts(&first), [json!(0), json!(0), json!(null), json!(1), json!(1), json!(0)]);
    assert_eq!((&first["max_shrink"], &first["on_empty"]), (&json!(0.5), &json!("ok")));

    let nights = two_nights();
    nights.put("in/c.ndjson", &records("c", 1));
    nights.put("in/a.ndjson", &records("changed", 1));
    let before = nights.files();
    let next = state(&nights, &[]);
    assert_eq!(counts(&next), [json!(2), json!(2), json!("2"), json!(3), json!(1), json!(1)]);
    assert_eq!((&next["changed"], &next["on_empty"]), (&json!("fail"), &json!("fail")));
    assert_eq!(state(&nights, &["state.changed=take"])["take"], 2);
    let page = words_of(&assert_exit(&mut nights.command("check"), 0).stdout);
    for words in ["2 inputs taken in 2 runs", "would take 1 of 3 inputs; changed: 1", "`--run`"] {
        assert!(page.contains(words), "no `{words}` in {page}");
    }
    // What is wrong with the list is no fault of the definition.
    let mut other = nights.command("check");
    let output = assert_exit(other.args(["--set", "name=other"]), 0);
    assert!(words_of(&output.stdout).contains("belongs to"));
    assert!(nights.files() == before, "something was written");
}

/// Nothing is asked of a bucket.
#[test]
fn a_list_in_a_bucket_is_not_looked_at() {
    let nights = Nights::in_a_bucket();
    let found = state(&nights, &[]);
    assert_eq!((&found["inputs"], &found["take"]), (&json!(null), &json!(null)));
    let page = assert_exit(&mut nights.command("check"), 0).stdout;
    assert!(words_of(&page).contains("not looked at"));
}
