//! Files and functions are short.

use super::source::{assert_none, sources};

const FUNCTION_LINES_MAX: usize = 70;
const FILE_LINES_MAX: usize = 500;

#[test]
fn files_are_short() {
    let sources = sources(&["core/src", "src", "python/src"]);
    assert_none(sources.iter().filter(|source| !source.is_test).filter_map(|source| {
        let lines = source.tests_from() - 1;
        let finding = || source.finding(lines, &format!("has at most {FILE_LINES_MAX} lines"));
        (FILE_LINES_MAX < lines).then(finding)
    }));
}

#[test]
fn functions_are_short() {
    let sources = sources(&["core/src", "src", "tests/it", "benches", "python/src"]);
    assert_none(sources.iter().filter(|source| !source.is_test).flat_map(|source| {
        let tests_from = source.tests_from();
        let functions = source.functions().into_iter();
        let long =
            functions.filter(move |(at, lines)| *at < tests_from && FUNCTION_LINES_MAX < *lines);
        long.map(|(at, lines)| {
            let rule = format!("has functions of at most {FUNCTION_LINES_MAX} lines, not {lines}");
            source.finding(at, &rule)
        })
    }));
}
