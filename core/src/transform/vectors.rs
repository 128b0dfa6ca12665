//! Tests an operation against its vectors, which `schemas/vectors/make.py` makes independently.

use serde_json::Value;

use super::Outcome;

/// Runs every case of a file `[{params, input, output | failed | …}]` and reports all that
/// differ.
#[track_caller]
pub(super) fn check(file: &str, apply: impl Fn(&Value, &[u8], &mut Vec<u8>) -> Outcome) {
    let cases: Vec<Value> = serde_json::from_str(file).unwrap();
    assert!(cases.len() >= 36, "the file has {} cases", cases.len());
    let faults: Vec<String> = cases
        .iter()
        .filter_map(|case| {
            let expected = expected(case);
            let made = made(case, &apply);
            (made != expected).then(|| format!("{case}\n  made {made:?}, not {expected:?}"))
        })
        .collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// Returns a text parameter.
pub(super) fn text<'a>(params: &'a Value, name: &str) -> Option<&'a str> {
    params.get(name).map(|value| value.as_str().unwrap())
}

/// Returns a parameter that is a count.
pub(super) fn count(params: &Value, name: &str) -> Option<usize> {
    params.get(name).map(|value| value.as_u64().unwrap().try_into().unwrap())
}

fn expected(case: &Value) -> Result<String, Outcome> {
    match case.get("output") {
        Some(output) => Ok(output.as_str().unwrap().to_owned()),
        None => Err([
            ("failed", Outcome::Failed),
            ("unknown_key", Outcome::AlreadyToken { has_known_key: false }),
            ("already_token", Outcome::AlreadyToken { has_known_key: true }),
            ("kept", Outcome::Kept),
            ("dropped", Outcome::Dropped),
        ]
        .into_iter()
        .find_map(|(name, outcome)| case.get(name).map(|_| outcome))
        .unwrap()),
    }
}

fn made(
    case: &Value,
    apply: impl Fn(&Value, &[u8], &mut Vec<u8>) -> Outcome,
) -> Result<String, Outcome> {
    let before = b"what was there";
    let mut out = before.to_vec();
    let input = text(case, "input").unwrap();
    let outcome = apply(&case["params"], input.as_bytes(), &mut out);
    let output = String::from_utf8(out.strip_prefix(before).unwrap().to_vec()).unwrap();
    let Outcome::Made { plain } = outcome else {
        assert_eq!(output, "", "{outcome:?} appends nothing");
        return Err(outcome);
    };
    let is_plain = serde_json::to_string(&output).unwrap() == format!("\"{output}\"");
    assert_eq!(plain, is_plain, "the outcome of {case}");
    Ok(output)
}
